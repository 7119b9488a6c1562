//! Members come, go, read, and are shown the door: the contexts decide, and everybody concerned hears of it.

use serde_json::json;

use super::{
    Realtime, SendError, Sender,
    messages::{EndChannels, Publish, ReadMark as ReadMarkMessage},
    raw_payload,
    topic::TopicKey,
};
use crate::{
    chat::{
        self, Invitation, Left, MemberChange, Moderation, ReadMark, Role, Room, RoomChange, RoomKind, RoomPatch,
        RoomRef, UserRef,
    },
    ids::UserId,
    timestamp::Timestamp,
    wire::RoomOut,
};

impl Realtime {
    /// Makes the sender a member.
    ///
    /// # Errors
    ///
    /// As [`chat::join_room`].
    pub async fn join_room(&self, sender: &Sender, room: &RoomRef) -> Result<MemberChange, SendError> {
        let change = chat::join_room(&self.store, &sender.scope, room).await?;
        self.tell_membership(sender, &change).await;
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
            self.end_channels_of(sender, &left.change.room, sender.scope.user_id)
                .await;
        }
        self.tell_membership(sender, &left.change).await;
        if let Some(promoted) = &left.promoted {
            self.tell_membership(sender, promoted).await;
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
        let change = chat::add_member(&self.store, &sender.scope, room, user, role).await?;
        self.tell_membership(sender, &change).await;
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
        self.end_channels_of(sender, &change.room, user).await;
        self.tell_membership(sender, &change).await;
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
        self.tell_membership(sender, &change).await;
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
        self.end_channels_of(sender, &banned.change.room, user).await;
        self.tell_membership(sender, &banned.change).await;
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
            "invited_by": user_json(&invitation.invited_by),
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
    /// As [`chat::start_dm`].
    pub async fn start_dm(&self, sender: &Sender, peer: UserId) -> Result<(Room, UserRef, bool), SendError> {
        let (room, peer, created) = chat::start_dm(&self.store, &sender.scope, peer).await?;
        if created {
            let own = UserRef {
                id: sender.scope.user_id,
                username: sender.username.clone(),
            };
            for (to, other) in [(&own, &peer), (&peer, &own)] {
                let payload = json!({ "room": RoomOut::from(room.clone()), "peer": user_json(other) });
                self.tell_user(sender.scope.tenant_id, to.id, "dm_created", &payload)
                    .await;
            }
        }
        Ok((room, peer, created))
    }

    /// Notes how far the sender has read. The room is told a little later, and the sender's other devices learn
    /// the new counts.
    ///
    /// # Errors
    ///
    /// As [`chat::mark_read`]; [`SendError::Limited`].
    pub async fn mark_read(&self, sender: &Sender, room: &RoomRef, seq: i64) -> Result<ReadMark, SendError> {
        self.limits.read(&sender.scope)?;
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
    /// As [`chat::mark_unread`]; [`SendError::Limited`].
    pub async fn mark_unread(&self, sender: &Sender, room: &RoomRef, seq: i64) -> Result<ReadMark, SendError> {
        self.limits.read(&sender.scope)?;
        let mark = chat::mark_unread(&self.store, &sender.scope, room, seq).await?;
        if mark.moved {
            self.notifier.user_read(&sender.scope, mark.room_id);
        }
        Ok(mark)
    }

    async fn end_channels_of(&self, sender: &Sender, room: &Room, user: UserId) {
        let end = EndChannels {
            key: TopicKey::Room(room.id),
            user_id: Some(user),
        };
        self.end_channels(sender.scope.tenant_id, end).await;
    }

    /// Tells the user whose membership changed.
    async fn tell_membership(&self, sender: &Sender, change: &MemberChange) {
        if !change.changed() {
            return;
        }
        let event = match (change.before, change.after) {
            (None, _) => "member_added",
            (_, None) => "member_removed",
            (Some(_), Some(_)) => "role_changed",
        };
        let payload = json!({ "room": RoomOut::from(change.room.clone()), "role": change.after });
        self.tell_user(sender.scope.tenant_id, change.user.id, event, &payload)
            .await;
    }
}

fn user_json(user: &UserRef) -> serde_json::Value {
    json!({ "id": user.id, "username": user.username })
}
