//! Members come, go, read, and are shown the door: the contexts decide, and everybody concerned hears of it.

use std::sync::Arc;

use serde_json::json;

use super::{
    Realtime, SendError, Sender,
    messages::{Publish, ReadMark as ReadMarkMessage},
    rate_limiter::TenantCap,
    raw_payload,
    topic::TopicKey,
};
use crate::{
    accounts::{self, Claimed, UserKind},
    chat::{
        self, Invitation, Left, MemberChange, Moderation, NewRoom, PageUrl, ReadMark, Role, Room, RoomChange, RoomKind,
        RoomPatch, RoomRef, UserRef,
    },
    config::{Cap, Limit},
    ids::{TenantId, UserId},
    tenants::{RoomCreation, Tenant},
    timestamp::Timestamp,
    wire::{RoomOut, UserRefOut},
};

impl Realtime {
    /// Creates a room; the sender becomes its first member. A website's backend may always, at any rate; who else may,
    /// is a setting of the tenant.
    ///
    /// # Errors
    ///
    /// As [`chat::create_room`]; [`chat::Error::RoomCreationClosed`]; [`SendError::Limited`].
    pub async fn create_room(&self, sender: &Sender, new: NewRoom) -> Result<Room, SendError> {
        let kind = sender.user.kind;
        if kind != UserKind::Bot {
            let open = match sender.tenant.settings.room_creation {
                RoomCreation::Everyone => true,
                RoomCreation::Members => kind != UserKind::Guest,
                RoomCreation::Server => false,
            };
            if !open {
                return Err(chat::Error::RoomCreationClosed.into());
            }
            self.check(sender, Limit::RoomsCreatedPerUser)?;
        }
        let room = self
            .capped(&sender.tenant, TenantCap::Rooms, |rooms_max| {
                chat::create_room(&self.store, &sender.scope, new.clone(), rooms_max)
            })
            .await?;
        self.tell_joined(sender, &room, Role::Admin).await;
        Ok(room)
    }

    /// The room of a page, with the sender's role in it, and whether it is new. Where a tenant wants such rooms,
    /// everybody may open one, whoever else may create rooms.
    ///
    /// # Errors
    ///
    /// As [`chat::open_page_room`]; [`SendError::FeatureDisabled`]; [`SendError::Limited`] when there is none yet.
    pub async fn open_page_room(
        &self,
        sender: &Sender,
        page: &PageUrl,
        title: Option<&str>,
    ) -> Result<(Room, Option<Role>, bool), SendError> {
        if let Some((room, role)) = self.find_page_room(sender, page).await? {
            return Ok((room, role, false));
        }
        self.check(sender, Limit::RoomsCreatedPerUser)?;
        let opened = self
            .capped(&sender.tenant, TenantCap::Rooms, |rooms_max| {
                chat::open_page_room(&self.store, &sender.scope, page, title, rooms_max)
            })
            .await?;
        if let (room, Some(role), true) = &opened {
            self.tell_joined(sender, room, *role).await;
        }
        Ok(opened)
    }

    /// The room of a page, with the sender's role in it; `None` when nobody has opened it yet.
    ///
    /// # Errors
    ///
    /// As [`chat::find_page_room`]; [`SendError::FeatureDisabled`].
    pub async fn find_page_room(
        &self,
        sender: &Sender,
        page: &PageUrl,
    ) -> Result<Option<(Room, Option<Role>)>, SendError> {
        if !sender.tenant.settings.page_rooms {
            return Err(SendError::FeatureDisabled);
        }
        Ok(chat::find_page_room(&self.store, &sender.scope, page).await?)
    }

    /// Deletes a room: it is over on all devices when this returns.
    ///
    /// # Errors
    ///
    /// As [`chat::delete_room`].
    pub async fn delete_room(&self, sender: &Sender, room: &RoomRef) -> Result<Room, SendError> {
        let room = chat::delete_room(&self.store, &sender.scope, room).await?;
        self.catch_up().await;
        Ok(room)
    }

    /// Makes the sender a member.
    ///
    /// # Errors
    ///
    /// As [`chat::join_room`].
    pub async fn join_room(&self, sender: &Sender, room: &RoomRef) -> Result<MemberChange, SendError> {
        let change = self
            .capped(&sender.tenant, TenantCap::Members, |members_max| {
                chat::join_room(&self.store, &sender.scope, room, members_max)
            })
            .await?;
        self.tell_membership(sender.scope.tenant_id, &change).await;
        Ok(change)
    }

    /// Ends the sender's membership; where only members may listen, the channels on all devices too.
    ///
    /// # Errors
    ///
    /// As [`chat::leave_room`].
    pub async fn leave_room(&self, sender: &Sender, room: &RoomRef) -> Result<Left, SendError> {
        let left = chat::leave_room(&self.store, &sender.scope, room).await?;
        if left.change.room.kind != RoomKind::Public {
            self.catch_up().await;
        }
        self.tell_membership(sender.scope.tenant_id, &left.change).await;
        if let Some(promoted) = &left.promoted {
            self.tell_membership(sender.scope.tenant_id, promoted).await;
        }
        Ok(left)
    }

    /// Makes somebody else a member.
    ///
    /// # Errors
    ///
    /// As [`chat::add_member`].
    pub async fn add_member(
        &self,
        sender: &Sender,
        room: &RoomRef,
        user: UserId,
        role: Role,
    ) -> Result<MemberChange, SendError> {
        let change = self
            .capped(&sender.tenant, TenantCap::Members, |members_max| {
                chat::add_member(&self.store, &sender.scope, room, user, role, members_max)
            })
            .await?;
        self.tell_membership(sender.scope.tenant_id, &change).await;
        Ok(change)
    }

    /// Ends somebody else's membership, and that user's channels on the room on all devices. When this returns
    /// nothing of the room reaches them any more.
    ///
    /// # Errors
    ///
    /// As [`chat::remove_member`].
    pub async fn remove_member(
        &self,
        sender: &Sender,
        room: &RoomRef,
        user: UserId,
    ) -> Result<MemberChange, SendError> {
        let change = chat::remove_member(&self.store, &sender.scope, room, user).await?;
        self.catch_up().await;
        self.tell_membership(sender.scope.tenant_id, &change).await;
        Ok(change)
    }

    /// Gives a member another role.
    ///
    /// # Errors
    ///
    /// As [`chat::change_role`].
    pub async fn change_role(
        &self,
        sender: &Sender,
        room: &RoomRef,
        user: UserId,
        role: Role,
    ) -> Result<MemberChange, SendError> {
        let change = chat::change_role(&self.store, &sender.scope, room, user, role).await?;
        self.tell_membership(sender.scope.tenant_id, &change).await;
        Ok(change)
    }

    /// Bans a user: ends membership and channels, and keeps the user out.
    ///
    /// # Errors
    ///
    /// As [`chat::ban`].
    pub async fn ban(
        &self,
        sender: &Sender,
        room: &RoomRef,
        user: UserId,
        until: Option<Timestamp>,
        reason: Option<String>,
    ) -> Result<Moderation, SendError> {
        let banned = chat::ban(&self.store, &sender.scope, room, user, until, reason).await?;
        self.catch_up().await;
        self.tell_membership(sender.scope.tenant_id, &banned.change).await;
        Ok(banned)
    }

    /// Mutes a user, for good when `until` is `None`.
    ///
    /// # Errors
    ///
    /// As [`chat::mute`].
    pub async fn mute(
        &self,
        sender: &Sender,
        room: &RoomRef,
        user: UserId,
        until: Option<Timestamp>,
        reason: Option<String>,
    ) -> Result<Moderation, SendError> {
        let muted = chat::mute(&self.store, &sender.scope, room, user, until, reason).await?;
        let payload =
            json!({ "room_id": muted.change.room.id, "until": muted.sanction.as_ref().and_then(|s| s.until) });
        self.tell_user(sender.scope.tenant_id, user, "muted", &payload).await;
        Ok(muted)
    }

    /// Ends a mute.
    ///
    /// # Errors
    ///
    /// As [`chat::unmute`].
    pub async fn unmute(&self, sender: &Sender, room: &RoomRef, user: UserId) -> Result<Moderation, SendError> {
        let unmuted = chat::unmute(&self.store, &sender.scope, room, user).await?;
        if unmuted.changed {
            let payload = json!({ "room_id": unmuted.change.room.id });
            self.tell_user(sender.scope.tenant_id, user, "unmuted", &payload).await;
        }
        Ok(unmuted)
    }

    /// Invites a user.
    ///
    /// # Errors
    ///
    /// As [`chat::invite`].
    pub async fn invite(
        &self,
        sender: &Sender,
        room: &RoomRef,
        user: UserId,
        role: Role,
    ) -> Result<Invitation, SendError> {
        let invitation = chat::invite(&self.store, &sender.scope, room, user, role).await?;
        let payload = json!({
            "room": RoomOut::from(invitation.room.clone()),
            "role": invitation.role,
            "invited_by": UserRefOut::from(invitation.invited_by.clone()),
        });
        self.tell_user(sender.scope.tenant_id, user, "invited", &payload).await;
        Ok(invitation)
    }

    /// Changes a room's name, description or modes, and tells the room.
    ///
    /// # Errors
    ///
    /// As [`chat::update_room`].
    pub async fn update_room(
        &self,
        sender: &Sender,
        room: &RoomRef,
        patch: RoomPatch,
    ) -> Result<RoomChange, SendError> {
        let change = chat::update_room(&self.store, &sender.scope, room, patch).await?;
        if change.changed
            && let Ok(payload) = raw_payload(&json!({ "room": RoomOut::from(change.room.clone()) }))
        {
            let key = TopicKey::Room(change.room.id);
            let publish = Publish {
                key,
                event: "room_updated",
                payload,
                seq: None,
                except: None,
                ephemeral: false,
            };
            self.publish(sender.scope.tenant_id, publish).await;
        }
        Ok(change)
    }

    /// Starts a direct conversation, or finds the one there is; a new one is told to both.
    ///
    /// # Errors
    ///
    /// As [`chat::start_dm`]; [`SendError::Limited`] when there is none yet.
    pub async fn start_dm(&self, sender: &Sender, peer: UserId) -> Result<(Room, UserRef, bool), SendError> {
        sender.needs(|features| features.direct_messages)?;
        if let (peer, Some(room)) = chat::find_dm(&self.store, &sender.scope, peer).await? {
            return Ok((room, peer, false));
        }
        self.check_finds(sender, peer).await?;
        self.check(sender, Limit::RoomsCreatedPerUser)?;
        let (room, peer, created) = chat::start_dm(&self.store, &sender.scope, peer).await?;
        if created {
            let own = &sender.user;
            for (to, other) in [(own, &peer), (&peer, own)] {
                let peer = UserRefOut::from(other.clone());
                let payload = json!({ "room": RoomOut::from(room.clone()), "peer": peer });
                self.tell_user(sender.scope.tenant_id, to.id, "dm_created", &payload)
                    .await;
            }
        }
        Ok((room, peer, created))
    }

    /// Refuses a user whom the sender does not find like one who does not exist.
    async fn check_finds(&self, sender: &Sender, user: UserId) -> Result<(), chat::Error> {
        let directory = accounts::directory_for(sender.user.kind, &sender.tenant.settings);
        match accounts::get_user(&self.store, &sender.scope, user, directory).await {
            Ok(_) => Ok(()),
            Err(accounts::Error::Db(error)) => Err(error.into()),
            Err(_) => Err(chat::Error::UserNotFound),
        }
    }

    /// Notes how far the sender has read. The room is told a little later, and the sender's other devices learn
    /// the new counts.
    ///
    /// # Errors
    ///
    /// As [`chat::mark_read`]; [`SendError::FeatureDisabled`], [`SendError::Limited`].
    pub async fn mark_read(&self, sender: &Sender, room: &RoomRef, seq: i64) -> Result<ReadMark, SendError> {
        sender.needs(|features| features.read_marks)?;
        self.check(sender, Limit::ReadsPerUser)?;
        let mark = chat::mark_read(&self.store, &sender.scope, room, seq).await?;
        if mark.moved {
            let key = TopicKey::Room(mark.room_id);
            let message = ReadMarkMessage {
                key,
                user_id: mark.user_id,
                seq: mark.seq,
            };
            if self.directory.running(sender.scope.tenant_id).is_some() {
                // Read marks are told again with the next one; a lost one is no loss.
                let _ = self.directory.ask(sender.scope.tenant_id, message).await;
            }
            self.notifier.user_read(&sender.scope, mark.room_id);
        }
        Ok(mark)
    }

    /// Makes a message and those after it unread again, for the sender.
    ///
    /// # Errors
    ///
    /// As [`chat::mark_unread`]; [`SendError::FeatureDisabled`], [`SendError::Limited`].
    pub async fn mark_unread(&self, sender: &Sender, room: &RoomRef, seq: i64) -> Result<ReadMark, SendError> {
        sender.needs(|features| features.read_marks)?;
        self.check(sender, Limit::ReadsPerUser)?;
        let mark = chat::mark_unread(&self.store, &sender.scope, room, seq).await?;
        if mark.moved {
            self.notifier.user_read(&sender.scope, mark.room_id);
        }
        Ok(mark)
    }

    /// Does something that a cap of the tenant may refuse; once more and without it, where the tenant's limits are only
    /// tried.
    pub(super) async fn capped<T, W: Future<Output = Result<T, chat::Error>>>(
        &self,
        tenant: &Tenant,
        cap: TenantCap,
        work: impl Fn(Cap<u64>) -> W,
    ) -> Result<T, chat::Error> {
        match work(self.limits.cap(tenant, cap)).await {
            Err(chat::Error::RoomFull | chat::Error::TooManyRooms | chat::Error::UploadsFull)
                if !self.limits.cap_holds(tenant, cap.name()) =>
            {
                work(Cap::Off).await
            }
            done => done,
        }
    }

    /// A website changed memberships of a user of its own: tells that user.
    pub async fn memberships_changed(&self, tenant_id: TenantId, changes: &[MemberChange]) {
        for change in changes {
            self.tell_membership(tenant_id, change).await;
        }
    }

    /// A guest turned out to be the sender: tells the rooms who it was, with the messages that look otherwise by it,
    /// and the sender which rooms are theirs now.
    pub async fn guest_claimed(&self, sender: &Sender, claimed: &Claimed) {
        let tenant_id = sender.scope.tenant_id;
        let news = json!({ "guest_id": claimed.guest_id, "user": UserRefOut::from(sender.user.clone()) });
        let Ok(payload) = raw_payload(&news) else { return };
        for room in &claimed.transfer.rooms {
            let publish = Publish {
                key: TopicKey::Room(room.id),
                event: "user_claimed",
                payload: Arc::clone(&payload),
                seq: None,
                except: None,
                ephemeral: false,
            };
            self.publish(tenant_id, publish).await;
            self.tell_changes_since(tenant_id, room.id, room.since).await;
            self.notifier.user_read(&sender.scope, room.id);
        }
        self.memberships_changed(tenant_id, &claimed.transfer.memberships).await;
    }

    /// Tells the sender's devices of a room that they became the first member of.
    async fn tell_joined(&self, sender: &Sender, room: &Room, role: Role) {
        let joined = MemberChange {
            room: room.clone(),
            user: sender.user.clone(),
            before: None,
            after: Some(role),
        };
        self.tell_membership(sender.scope.tenant_id, &joined).await;
    }

    /// Tells the user whose membership changed.
    pub(super) async fn tell_membership(&self, tenant_id: TenantId, change: &MemberChange) {
        if let Some(news) = Self::membership_news(change) {
            self.publish(tenant_id, news).await;
        }
    }

    /// What the user whose membership changed is told.
    pub(super) fn membership_news(change: &MemberChange) -> Option<Publish> {
        if !change.changed() {
            return None;
        }
        let event = match (change.before, change.after) {
            (None, _) => "member_added",
            (_, None) => "member_removed",
            (Some(_), Some(_)) => "role_changed",
        };
        let payload = json!({ "room": RoomOut::from(change.room.clone()), "role": change.after });
        Self::user_news(change.user.id, event, &payload)
    }
}
