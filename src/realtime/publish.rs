//! The one way in: check, persist, count, broadcast. REST, WebSocket and long poll all send through here.

use std::{sync::Arc, time::Instant};

use serde_json::value::RawValue;
use tracing::error;

use super::{
    Realtime,
    messages::{EndChannels, Publish},
    rate_limiter::Refused,
    topic::TopicKey,
};
use crate::{
    chat::{self, Appended, NewMessage, Room, RoomKind, RoomRef},
    ids::{RoomId, TenantId},
    scope::Scope,
    wire::MessageOut,
};

/// Who sends a message: what the rules ask for, and what others are shown.
#[derive(Clone, Debug)]
pub struct Sender {
    /// Tenant and user.
    pub scope: Scope,
    /// The user's name.
    pub username: String,
    /// The tenant's name in metrics.
    pub tenant_slug: Arc<str>,
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
    /// The server could not finish the work; trying again with the same `client_id` is safe.
    #[error("temporarily unavailable")]
    Unavailable,
}

impl Realtime {
    /// Sends a message to a room. When this returns the message is committed, and every socket of the room
    /// on this node has it in its queue, in the order of `seq`.
    ///
    /// A message whose `client_id` the author has used in this room before is answered as the first time
    /// and broadcast to nobody.
    pub async fn send_message(
        &self,
        sender: &Sender,
        room: &RoomRef,
        message: NewMessage,
    ) -> Result<Appended, SendError> {
        self.limits.message(&sender.scope)?;
        let room_id = match room {
            RoomRef::Id(id) => *id,
            RoomRef::Slug(_) => chat::get_room(&self.store, &sender.scope, room).await?.0.id,
        };
        // In a task of its own: a caller that goes away (a closed HTTP connection) must not leave a
        // committed message that nobody was told about.
        let (realtime, sender) = (self.clone(), sender.clone());
        tokio::spawn(async move { realtime.append_and_tell(&sender, room_id, message).await })
            .await
            .unwrap_or(Err(SendError::Unavailable))
    }

    async fn append_and_tell(
        &self,
        sender: &Sender,
        room_id: RoomId,
        message: NewMessage,
    ) -> Result<Appended, SendError> {
        let Scope { tenant_id, .. } = sender.scope;
        let _turn = self.room_locks.lock(tenant_id, room_id).await;
        let appended = chat::append_message(&self.store, &sender.scope, &RoomRef::Id(room_id), message).await?;
        if appended.repeated {
            return Ok(appended);
        }
        self.stats.record_message(tenant_id, room_id);
        self.metrics.message_sent(&sender.tenant_slug, room_id);
        let seq = appended.message.seq;
        match raw_payload(&MessageOut::from(appended.message.clone())) {
            Ok(payload) => {
                let publish = Publish {
                    key: TopicKey::Room(room_id),
                    event: "new_message",
                    payload,
                    seq: Some(seq),
                    except: None,
                    ephemeral: false,
                };
                self.publish(tenant_id, publish).await;
            }
            Err(error) => error!(%error, "message not encoded"),
        }
        Ok(appended)
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

    /// Broadcasts something that may be lost, such as typing.
    pub async fn publish_ephemeral(&self, tenant_id: TenantId, mut publish: Publish) {
        publish.ephemeral = true;
        self.publish(tenant_id, publish).await;
    }

    /// A room was deleted: its channels end on all sockets.
    pub async fn room_deleted(&self, scope: &Scope, room_id: RoomId) {
        self.end_channels(
            scope.tenant_id,
            EndChannels {
                key: TopicKey::Room(room_id),
                user_id: None,
            },
        )
        .await;
    }

    /// A user left a room: where only members may listen, the user's channels end on all devices.
    pub async fn member_left(&self, scope: &Scope, room: &Room) {
        if room.kind != RoomKind::Public {
            let ended = EndChannels {
                key: TopicKey::Room(room.id),
                user_id: Some(scope.user_id),
            };
            self.end_channels(scope.tenant_id, ended).await;
        }
    }

    async fn end_channels(&self, tenant_id: TenantId, end: EndChannels) {
        if self.directory.running(tenant_id).is_none() {
            return;
        }
        if let Err(error) = self.directory.ask(tenant_id, end).await {
            error!(%error, %tenant_id, "channels not ended");
        }
    }
}

/// A payload for [`Publish`], encoded once.
pub fn raw_payload(payload: &impl serde::Serialize) -> Result<Arc<RawValue>, serde_json::Error> {
    serde_json::value::to_raw_value(payload).map(Arc::from)
}
