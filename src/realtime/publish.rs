//! The one way in: check, persist, count, broadcast. REST, WebSocket and long poll all send through here.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::BoxFuture};
use serde::Serialize;
use serde_json::value::RawValue;
use tracing::error;

use super::{
    Realtime,
    journal::QueuedMessage,
    messages::{EndChannels, Publish, PublishAll},
    rate_limiter::{Refused, Subject},
    repair,
    topic::TopicKey,
};
use crate::{
    chat::{self, Appended, Changed, Message, NewMessage, RoomKind, RoomRef, UserRef},
    config::Limit,
    ids::{MessageId, RoomId, TenantId},
    scope::Scope,
    store::Store,
    tenants::{Features, Tenant, TenantSettings},
    wire::{MessageOut, UserRefOut},
};

/// Who acts: what the rules ask for, and what others are shown.
#[derive(Clone, Debug)]
pub struct Sender {
    /// Tenant and user.
    pub scope: Scope,
    /// What others see of the user.
    pub user: UserRef,
    /// The tenant, for its settings and its name in metrics.
    pub tenant: Arc<Tenant>,
}

/// Why a message was not sent. Nothing was stored then.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Too many in too short a time.
    #[error(transparent)]
    Limited(#[from] Refused),
    /// The rules of chat say no, or the database failed.
    #[error(transparent)]
    Chat(#[from] chat::Error),
    /// The tenant has left this part of the chat out.
    #[error("this feature is turned off")]
    FeatureDisabled,
    /// The server could not finish the work; trying again with the same `client_id` is safe.
    #[error("temporarily unavailable")]
    Unavailable,
}

impl Realtime {
    /// Sends a message to a room. When this returns the message is committed, and every socket of the room
    /// on this node has it in its queue, in the order of `seq`.
    ///
    /// A message whose `client_id` the author has used in this room before is answered as the first time
    /// and broadcast to nobody. A caller that goes away has it sent all the same.
    ///
    /// # Errors
    ///
    /// As [`chat::append_batch`]; [`SendError::FeatureDisabled`], [`SendError::Limited`]; [`SendError::Unavailable`]
    /// when too many messages wait to be stored, or this one has waited too long.
    pub async fn send_message(
        &self,
        sender: &Sender,
        room: &RoomRef,
        message: NewMessage,
    ) -> Result<Appended, SendError> {
        self.queue_message(sender, room, message).await?.stored().await
    }

    /// The first half of [`send_message`](Self::send_message): when this returns, the message has its place before all
    /// that are sent to the room after it.
    ///
    /// # Errors
    ///
    /// As [`send_message`](Self::send_message), for what is refused before the database is asked to store it.
    pub async fn queue_message(
        &self,
        sender: &Sender,
        room: &RoomRef,
        message: NewMessage,
    ) -> Result<QueuedMessage, SendError> {
        sender.check_length(&message.content)?;
        if message.thread_root.is_some() {
            sender.needs(|features| features.threads)?;
        }
        self.check(sender, Limit::MessagesPerUser)?;
        self.limits
            .check(&sender.tenant, Limit::MessagesPerTenant, Subject::Tenant)?;
        let room_id = self.open_room_id(sender, room).await?;
        chat::check_new(&message).map_err(chat::Error::from)?;
        self.journals.queue_message(sender, room_id, message)
    }

    /// Replaces a message's text.
    ///
    /// # Errors
    ///
    /// As [`chat::edit_message`]; [`SendError::FeatureDisabled`], [`SendError::Limited`].
    pub async fn edit_message(
        &self,
        sender: &Sender,
        room: &RoomRef,
        id: MessageId,
        content: String,
    ) -> Result<Changed, SendError> {
        sender.check_length(&content)?;
        self.check(sender, Limit::ChangesPerUser)?;
        let window = sender.edit_window();
        let work = move |store: Store, scope: Scope, room: RoomRef| {
            async move { chat::edit_message(&store, &scope, &room, id, content, window).await }.boxed()
        };
        self.change(sender, room, "message_edited", None, work).await
    }

    /// Deletes a message: its place stays, its content goes.
    ///
    /// # Errors
    ///
    /// As [`chat::delete_message`]; [`SendError::Limited`].
    pub async fn delete_message(&self, sender: &Sender, room: &RoomRef, id: MessageId) -> Result<Changed, SendError> {
        self.check(sender, Limit::ChangesPerUser)?;
        let window = sender.edit_window();
        let work = move |store: Store, scope: Scope, room: RoomRef| {
            async move { chat::delete_message(&store, &scope, &room, id, window).await }.boxed()
        };
        self.change(sender, room, "message_deleted", None, work).await
    }

    /// Reacts to a message.
    ///
    /// # Errors
    ///
    /// As [`chat::add_reaction`]; [`SendError::FeatureDisabled`], [`SendError::Limited`].
    pub async fn add_reaction(
        &self,
        sender: &Sender,
        room: &RoomRef,
        id: MessageId,
        emoji: &str,
    ) -> Result<Changed, SendError> {
        sender.needs(|features| features.reactions)?;
        self.check(sender, Limit::ReactionsPerUser)?;
        let chosen = emoji.to_owned();
        let work = move |store: Store, scope: Scope, room: RoomRef| {
            async move { chat::add_reaction(&store, &scope, &room, id, &chosen).await }.boxed()
        };
        self.change(sender, room, "reaction_added", Some(emoji), work).await
    }

    /// Takes a reaction back.
    ///
    /// # Errors
    ///
    /// As [`chat::remove_reaction`]; [`SendError::FeatureDisabled`], [`SendError::Limited`].
    pub async fn remove_reaction(
        &self,
        sender: &Sender,
        room: &RoomRef,
        id: MessageId,
        emoji: &str,
    ) -> Result<Changed, SendError> {
        sender.needs(|features| features.reactions)?;
        self.check(sender, Limit::ReactionsPerUser)?;
        let chosen = emoji.to_owned();
        let work = move |store: Store, scope: Scope, room: RoomRef| {
            async move { chat::remove_reaction(&store, &scope, &room, id, &chosen).await }.boxed()
        };
        self.change(sender, room, "reaction_removed", Some(emoji), work).await
    }

    /// Pins a message.
    ///
    /// # Errors
    ///
    /// As [`chat::pin_message`]; [`SendError::FeatureDisabled`], [`SendError::Limited`].
    pub async fn pin_message(&self, sender: &Sender, room: &RoomRef, id: MessageId) -> Result<Changed, SendError> {
        self.check(sender, Limit::ChangesPerUser)?;
        let work = move |store: Store, scope: Scope, room: RoomRef| {
            async move { chat::pin_message(&store, &scope, &room, id).await }.boxed()
        };
        self.change(sender, room, "message_pinned", None, work).await
    }

    /// Takes a message from the pinned ones.
    ///
    /// # Errors
    ///
    /// As [`chat::unpin_message`]; [`SendError::FeatureDisabled`], [`SendError::Limited`].
    pub async fn unpin_message(&self, sender: &Sender, room: &RoomRef, id: MessageId) -> Result<Changed, SendError> {
        self.check(sender, Limit::ChangesPerUser)?;
        let work = move |store: Store, scope: Scope, room: RoomRef| {
            async move { chat::unpin_message(&store, &scope, &room, id).await }.boxed()
        };
        self.change(sender, room, "message_unpinned", None, work).await
    }

    /// Changes a message in the room's turn and tells the room. `emoji` is the reaction it is about.
    async fn change(
        &self,
        sender: &Sender,
        room: &RoomRef,
        event: &'static str,
        emoji: Option<&str>,
        work: impl FnOnce(Store, Scope, RoomRef) -> BoxFuture<'static, Result<Changed, chat::Error>> + Send + 'static,
    ) -> Result<Changed, SendError> {
        // What was said may be taken back whatever is turned off.
        let room_id = match event {
            "message_deleted" => self.room_id(sender, room).await?,
            _ => self.open_room_id(sender, room).await?,
        };
        let (realtime, sender, emoji) = (self.clone(), sender.clone(), emoji.map(str::to_owned));
        tokio::spawn(async move {
            let Scope { tenant_id, .. } = sender.scope;
            let _turn = realtime.room_locks.lock(tenant_id, room_id).await;
            let changed = work(realtime.store.clone(), sender.scope, RoomRef::Id(room_id)).await?;
            if changed.changed {
                realtime
                    .tell_change(&sender, event, &changed.message, emoji.as_deref())
                    .await;
                // An edit may name people, or name them no more.
                if matches!(event, "message_deleted" | "message_edited") {
                    realtime.notifier.room_changed(tenant_id, room_id);
                }
            }
            Ok(changed)
        })
        .await
        .unwrap_or(Err(SendError::Unavailable))
    }

    /// Counts one of a limit for who acts.
    pub(super) fn check(&self, sender: &Sender, limit: Limit) -> Result<(), Refused> {
        let subject = Subject::User(sender.scope.user_id);
        self.limits.check(&sender.tenant, limit, subject).map(drop)
    }

    // The queries of these two are boxed: most who send need none, and would carry the room for one about.
    async fn room_id(&self, sender: &Sender, room: &RoomRef) -> Result<RoomId, SendError> {
        Ok(match room {
            RoomRef::Id(id) => *id,
            RoomRef::Slug(_) => Box::pin(chat::get_room(&self.store, &sender.scope, room)).await?.0.id,
        })
    }

    /// The room, unless it is a direct conversation, and the tenant has left those out: then nothing is said there any
    /// more, in whatever way.
    pub(super) async fn open_room_id(&self, sender: &Sender, room: &RoomRef) -> Result<RoomId, SendError> {
        if sender.needs(|features| features.direct_messages).is_ok() {
            return self.room_id(sender, room).await;
        }
        let (room, _) = Box::pin(chat::get_room(&self.store, &sender.scope, room)).await?;
        if room.kind == RoomKind::Dm {
            return Err(SendError::FeatureDisabled);
        }
        Ok(room.id)
    }

    /// Whether somebody may tell others that they type, which they are about to.
    ///
    /// # Errors
    ///
    /// [`SendError::FeatureDisabled`], [`SendError::Limited`].
    pub fn check_typing(&self, sender: &Sender) -> Result<(), SendError> {
        sender.needs(|features| features.typing)?;
        Ok(self.check(sender, Limit::TypingPerUser)?)
    }

    /// Tells a room about a change in its log.
    async fn tell_change(&self, sender: &Sender, event: &'static str, message: &Message, emoji: Option<&str>) {
        let reaction = emoji.map(|emoji| (emoji, sender.user.clone()));
        if let Some(publish) = Self::change_news(event, message, reaction) {
            self.publish(sender.scope.tenant_id, publish).await;
        }
    }

    /// What a room is told about a change in its log. `reaction` is what the change is about, and whose it is.
    pub(super) fn change_news(
        event: &'static str,
        message: &Message,
        reaction: Option<(&str, UserRef)>,
    ) -> Option<Publish> {
        let shown = MessageOut::from(message.clone().for_everybody());
        let payload = match reaction {
            None => raw_payload(&shown),
            Some((emoji, user)) => raw_payload(&ReactionNews {
                message: shown,
                emoji,
                user: user.into(),
            }),
        };
        let payload = payload
            .inspect_err(|error| error!(%error, event, "change not encoded"))
            .ok()?;
        Some(Publish {
            key: TopicKey::Room(message.room_id),
            event,
            payload,
            seq: Some(message.changed_seq),
            except: None,
            ephemeral: false,
        })
    }

    /// Tells a room about changes in its log that were not made one by one. Where there are too many, or they cannot be
    /// read, the next change or join shows that they are missing.
    pub(super) async fn tell_changes_since(&self, tenant_id: TenantId, room_id: RoomId, since: i64) {
        let changes = match chat::read_changes(&self.store, tenant_id, room_id, since, repair::CHANGES_MAX).await {
            Ok(changes) => changes.map(|(_, messages)| messages).unwrap_or_default(),
            Err(error) => {
                error!(error = &error as &dyn std::error::Error, %room_id, "changes not read");
                return;
            }
        };
        for message in changes {
            if let Some((_, publish)) = repair::tell(TopicKey::Room(room_id), since, message) {
                self.publish(tenant_id, publish).await;
            }
        }
    }

    /// Tells a topic. Without sockets there is nobody to tell, and no registry is started for it.
    pub async fn publish(&self, tenant_id: TenantId, publish: Publish) {
        if self.directory.running(tenant_id).is_none() {
            return;
        }
        let (event, started) = (publish.event, Instant::now());
        if let Err(error) = self.directory.ask(tenant_id, publish).await {
            error!(%error, event, %tenant_id, waited_ms = started.elapsed().as_millis(), "broadcast not delivered");
        }
    }

    /// Tells a tenant's topics several things, in their order.
    pub(super) async fn publish_all(&self, tenant_id: TenantId, news: Vec<Publish>) {
        if self.directory.running(tenant_id).is_none() {
            return;
        }
        let (count, started) = (news.len(), Instant::now());
        if let Err(error) = self.directory.ask(tenant_id, PublishAll(news.into())).await {
            error!(%error, count, %tenant_id, waited_ms = started.elapsed().as_millis(), "broadcasts not delivered");
        }
    }

    /// Ends channels on all sockets of this server.
    pub(super) async fn end_channels(&self, tenant_id: TenantId, end: EndChannels) {
        if self.directory.running(tenant_id).is_none() {
            return;
        }
        if let Err(error) = self.directory.ask(tenant_id, end).await {
            error!(%error, %tenant_id, "channels not ended");
        }
    }
}

/// Payload of `reaction_added` and `reaction_removed`.
#[derive(Serialize)]
struct ReactionNews<'a> {
    message: MessageOut,
    emoji: &'a str,
    user: UserRefOut,
}

impl Sender {
    /// Refuses what takes a part of the chat that the tenant has left out.
    pub(super) fn needs(&self, feature: impl Fn(&Features) -> bool) -> Result<(), SendError> {
        self.needs_setting(|settings| feature(&settings.features))
    }

    /// The same, where a setting says so.
    pub(super) fn needs_setting(&self, allowed: impl Fn(&TenantSettings) -> bool) -> Result<(), SendError> {
        if allowed(&self.tenant.settings) {
            Ok(())
        } else {
            Err(SendError::FeatureDisabled)
        }
    }

    /// Refuses a text that is longer than texts may be here.
    fn check_length(&self, content: &str) -> Result<(), chat::Error> {
        let max = usize::try_from(self.tenant.settings.message_chars_max).unwrap_or(usize::MAX);
        chat::check_length(content, max)
    }

    /// How long authors may change their messages here.
    fn edit_window(&self) -> Option<Duration> {
        self.tenant.settings.edit_window_s.map(Duration::from_secs)
    }
}

/// A payload for [`Publish`], encoded once.
pub fn raw_payload(payload: &impl Serialize) -> Result<Arc<RawValue>, serde_json::Error> {
    serde_json::value::to_raw_value(payload).map(Arc::from)
}
