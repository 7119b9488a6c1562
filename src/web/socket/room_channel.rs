//! The chat channel: what a join, a message, a typing notice and a look back do.
//!
//! Runs as jobs beside the session: everything here owns what it needs and may wait.

use std::sync::Arc;

use actix::Addr;
use serde_json::value::RawValue;
use tracing::{error, warn};

use super::{
    payloads::{JoinReply, MessageHistory, MoreMessages, TypingNotice},
    session::{Reply, raw},
};
use crate::{
    app::App,
    chat::{self, Access, Grant, MessageQuery, NewMessage, RoomKind, RoomRef},
    phoenix::ChannelId,
    realtime::{
        messages::{Presentee, Publish, Subscribe},
        room_registry::RoomRegistry,
        socket_handle::{SocketHandle, SocketId},
        topic::{Topic, TopicKey},
    },
    validation::Violations,
    web::{
        error::{channel_error, channel_send_error},
        identity::Identity,
    },
    wire::{MessageOut, RoomOut, SentOut},
};

/// Somebody on a channel, as jobs need them.
#[derive(Clone)]
pub struct Member {
    pub(super) app: Arc<App>,
    pub(super) identity: Arc<Identity>,
    pub(super) socket: Arc<SocketHandle>,
    pub(super) registry: Addr<RoomRegistry>,
    pub(super) key: TopicKey,
}

/// What an accepted join leads to.
#[derive(Debug)]
pub struct JoinOutcome {
    /// What was joined.
    pub key: TopicKey,
    /// The join's reply.
    pub response: Box<RawValue>,
    /// Payload of `message_history`, for rooms.
    pub history: Option<Box<RawValue>>,
    /// Messages up to here are in the history.
    pub head_seq: i64,
}

/// Why a join is not accepted.
#[derive(Debug)]
pub enum JoinRefusal {
    /// The rules say no.
    Reason(&'static str),
    /// Something did not answer in time.
    Unavailable,
    /// The work failed or panicked.
    Crashed,
}

impl From<chat::Error> for JoinRefusal {
    fn from(error: chat::Error) -> Self {
        match error {
            chat::Error::RoomNotFound => Self::Reason("room not found"),
            chat::Error::NotMember => Self::Reason("unauthorized"),
            error => {
                error!(error = &error as &dyn std::error::Error, "join failed");
                Self::Crashed
            }
        }
    }
}

impl Member {
    /// Joins the user's own topic, where nothing but what concerns the user is told.
    pub(super) async fn join_own_topic(self, channel: ChannelId, topic: Arc<str>) -> Result<JoinOutcome, JoinRefusal> {
        self.subscribe(channel, self.key, topic, None).await?;
        Ok(JoinOutcome {
            key: self.key,
            response: raw(&serde_json::json!({})),
            history: None,
            head_seq: 0,
        })
    }

    /// Joins a room or a direct conversation: authorise, subscribe, then read, so that whatever happens from
    /// the subscription on is in the history, or follows it, or both.
    pub(super) async fn join_room(
        self,
        channel: ChannelId,
        topic: Arc<str>,
        meant: Topic,
    ) -> Result<JoinOutcome, JoinRefusal> {
        let (store, scope) = (&self.app.store, self.identity.scope());
        let (room_ref, direct) = match meant {
            Topic::Room(room_ref) => (room_ref, false),
            Topic::Dm(room_id) => (RoomRef::Id(room_id), true),
            Topic::User(_) => return Err(JoinRefusal::Reason("room not found")),
        };
        let room = chat::authorise(store, &scope, &room_ref, Access::Read).await?.room;
        if (room.kind == RoomKind::Dm) != direct || !is_name_of(&topic, &room) {
            return Err(JoinRefusal::Reason("room not found"));
        }
        let presentee = Presentee {
            user_id: scope.user_id,
            username: self.identity.user.username.clone(),
            announce: self.identity.tenant.settings.announce_joins,
        };
        let key = TopicKey::Room(room.id);
        self.subscribe(channel, key, topic, Some(presentee)).await?;

        // Read again now that the subscription stands: whoever was removed meanwhile must not get in.
        let room_ref = RoomRef::Id(room.id);
        let Grant { room, role } = chat::authorise(store, &scope, &room_ref, Access::Read).await?;
        let query = MessageQuery {
            limit: self.app.settings.socket.history_limit,
            ..MessageQuery::default()
        };
        let page = chat::list_messages(store, &scope, &room_ref, query).await?;
        let head_seq = page.head_seq;
        let reply = JoinReply {
            room: RoomOut::from(room),
            role,
            epoch: &self.app.epoch,
            head_seq,
        };
        let history = MessageHistory {
            messages: page.messages.into_iter().map(MessageOut::from).collect(),
        };
        Ok(JoinOutcome {
            key,
            response: raw(&reply),
            history: Some(raw(&history)),
            head_seq,
        })
    }

    async fn subscribe(
        &self,
        channel: ChannelId,
        key: TopicKey,
        topic: Arc<str>,
        presence: Option<Presentee>,
    ) -> Result<(), JoinRefusal> {
        let subscribe = Subscribe {
            socket: Arc::clone(&self.socket),
            channel,
            key,
            topic,
            presence,
        };
        match self.registry.send(subscribe).await {
            Ok(Ok(())) => Ok(()),
            // The socket is ending, or the registry is: either way its clients come again.
            Ok(Err(_)) | Err(_) => Err(JoinRefusal::Unavailable),
        }
    }
}

/// Whether `topic` is one of the two names a room has, so that there are never more than two spellings of
/// a broadcast.
fn is_name_of(topic: &str, room: &chat::Room) -> bool {
    topic
        .split_once(':')
        .is_some_and(|(_, name)| name == room.id.to_string() || room.slug.as_deref() == Some(name))
}

/// Sends a message and tells what to answer.
pub(super) async fn send_message(member: &Member, message: Result<NewMessage, Violations>) -> Reply {
    let TopicKey::Room(room_id) = member.key else {
        return Reply::error(&serde_json::json!({ "reason": "unknown_event" }));
    };
    let message = match message {
        Ok(message) => message,
        Err(violations) => return Reply::error(&channel_error(&chat::Error::Invalid(violations))),
    };
    let sender = member.identity.sender();
    match member
        .app
        .realtime
        .send_message(&sender, &RoomRef::Id(room_id), message)
        .await
    {
        Ok(appended) => Reply::ok(&SentOut::from(&appended.message)),
        Err(error) => Reply::error(&channel_send_error(&error)),
    }
}

/// Reads older messages.
pub(super) async fn load_more(member: &Member, query: Result<MessageQuery, Violations>) -> Reply {
    let TopicKey::Room(room_id) = member.key else {
        return Reply::error(&serde_json::json!({ "reason": "unknown_event" }));
    };
    let query = match query {
        Ok(query) => query,
        Err(violations) => return Reply::error(&channel_error(&chat::Error::Invalid(violations))),
    };
    let scope = member.identity.scope();
    match chat::list_messages(&member.app.store, &scope, &RoomRef::Id(room_id), query).await {
        Ok(page) => Reply::ok(&MoreMessages {
            messages: page.messages.into_iter().map(MessageOut::from).collect(),
            has_more: page.has_more,
        }),
        Err(error) => Reply::error(&channel_error(&error)),
    }
}

/// Tells the others of the room that somebody types, or does no longer.
pub(super) async fn tell_typing(member: &Member, event: &'static str, except: Option<(SocketId, ChannelId)>) {
    let notice = TypingNotice {
        user_id: member.identity.user.id,
        username: &member.identity.user.username,
    };
    match crate::realtime::raw_payload(&notice) {
        Ok(payload) => {
            let publish = Publish {
                key: member.key,
                event,
                payload,
                seq: None,
                except,
                ephemeral: true,
            };
            member.app.realtime.publish(member.identity.tenant.id, publish).await;
        }
        Err(error) => warn!(%error, "typing notice not encoded"),
    }
}
