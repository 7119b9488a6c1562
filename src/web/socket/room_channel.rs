//! The chat channel: what a join, a message, a typing notice and a look back do.
//!
//! Runs as jobs beside the session: everything here owns what it needs and may wait.

use std::sync::Arc;

use actix::Addr;
use serde_json::value::RawValue;
use tracing::{error, warn};

use super::{
    payloads::{self, ChangeIn, ChangedMessage, JoinReply, MarkedRead, MessageHistory, MoreMessages, Since},
    session::Holder,
    transport::{Reply, raw},
};
use crate::{
    accounts,
    app::App,
    chat::{self, Message, MessageQuery, NewMessage, ReadMark, Recovery, RoomKind, RoomRef, UserRef},
    phoenix::{ChannelId, Payload},
    realtime::{
        QueuedMessage, SendError,
        messages::{Publish, Subscribe},
        presence_levels::PresenceSummary,
        room_registry::RoomRegistry,
        socket_handle::{SocketHandle, SocketId},
        topic::{Topic, TopicKey},
    },
    validation::Violations,
    web::error::channel_error,
    wire::{MessageOut, ParticipantOut, RoomOut, SentOut},
};

/// Somebody on a channel, as jobs need them.
#[derive(Clone)]
pub struct Member {
    pub(super) app: Arc<App>,
    pub(super) holder: Arc<Holder>,
    pub(super) socket: Arc<SocketHandle>,
    pub(super) registry: Arc<Addr<RoomRegistry>>,
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
            chat::Error::Banned => Self::Reason("banned"),
            error => {
                error!(error = &error as &dyn std::error::Error, "join failed");
                Self::Crashed
            }
        }
    }
}

impl From<accounts::Error> for JoinRefusal {
    fn from(error: accounts::Error) -> Self {
        match error {
            // The socket is about to end.
            accounts::Error::SignedOut => Self::Reason("unauthorized"),
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
        self.subscribe(channel, self.key, topic, false).await?;
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
        since: Option<Since>,
    ) -> Result<JoinOutcome, JoinRefusal> {
        let (store, scope) = (&self.app.store, self.holder.scope());
        let (room_ref, direct) = match meant {
            Topic::Room(room_ref) => (room_ref, false),
            Topic::Dm(room_id) => (RoomRef::Id(room_id), true),
            Topic::User(_) => return Err(JoinRefusal::Reason("room not found")),
        };
        let (standings, claims) = (&self.app.standings, &self.holder.claims());
        let sight = standings.in_room(claims, &room_ref).await?.1?;
        if (sight.kind == RoomKind::Dm) != direct || !is_name_of(&topic, &room_ref) {
            return Err(JoinRefusal::Reason("room not found"));
        }
        let key = TopicKey::Room(sight.room_id);
        let presence = self.subscribe(channel, key, topic, true).await?;

        // Read again now that the subscription stands: whoever was removed meanwhile must not get in.
        let (sight, room) = standings.of_room(claims, sight.room_id).await??;
        let settings = &self.app.settings.socket;
        let mut reply = JoinReply {
            room: RoomOut::from(room),
            role: sight.role,
            epoch: &self.app.epoch,
            head_seq: 0,
            presence,
            recovered: None,
            messages: None,
            has_more: None,
        };
        let history = match since {
            None => {
                let limit = settings.history_limit;
                let page = self.app.newest_pages.get(store, &scope, &sight, limit).await?;
                reply.head_seq = sight.head_seq;
                Some(raw(&MessageHistory {
                    messages: &page.messages,
                }))
            }
            Some(Since { epoch, seq }) => {
                let limit = settings.recovery_limit;
                match chat::changes_since(store, &scope, &RoomRef::Id(sight.room_id), &epoch, seq, limit).await? {
                    Recovery::Recovered { messages, head_seq } => {
                        reply.head_seq = head_seq;
                        reply.recovered = Some(true);
                        reply.messages = Some(messages_out(messages));
                    }
                    Recovery::Lost { page } => {
                        reply.head_seq = page.head_seq;
                        reply.recovered = Some(false);
                        reply.has_more = Some(page.has_more);
                        reply.messages = Some(messages_out(page.messages));
                    }
                }
                None
            }
        };
        Ok(JoinOutcome {
            key,
            head_seq: reply.head_seq,
            response: raw(&reply),
            history,
        })
    }

    async fn subscribe(
        &self,
        channel: ChannelId,
        key: TopicKey,
        topic: Arc<str>,
        is_shown: bool,
    ) -> Result<Option<PresenceSummary>, JoinRefusal> {
        let subscribe = Subscribe {
            socket: Arc::clone(&self.socket),
            channel,
            key,
            topic,
            user: Arc::clone(&self.holder.user),
            is_shown,
        };
        // By an address of its own, which waits for no other one's place.
        match Addr::clone(&self.registry).send(subscribe).await {
            Ok(Ok(summary)) => Ok(summary),
            // The socket is ending, or the registry is: either way its clients come again.
            Ok(Err(_)) | Err(_) => Err(JoinRefusal::Unavailable),
        }
    }
}

/// Whether `topic` is one of the two names a room has, so that there are never more than two spellings of
/// a broadcast.
fn is_name_of(topic: &str, room: &RoomRef) -> bool {
    topic.split_once(':').is_some_and(|(_, name)| match room {
        RoomRef::Id(id) => name == id.to_string(),
        RoomRef::Slug(slug) => name == slug,
    })
}

/// Puts a message among those to be stored; or tells what to answer.
pub(super) async fn queue_message(
    member: Member,
    message: Result<NewMessage, Violations>,
) -> Result<QueuedMessage, Reply> {
    let TopicKey::Room(room_id) = member.key else {
        return Err(Reply::error(&serde_json::json!({ "reason": "unknown_event" })));
    };
    let message = message.map_err(|violations| Reply::error(&channel_error(&chat::Error::Invalid(violations))))?;
    let (realtime, sender) = (&member.app.realtime, member.holder.sender());
    realtime
        .queue_message(&sender, &RoomRef::Id(room_id), message)
        .await
        .map_err(|error| Reply::send_error(&error))
}

/// Waits until a message is stored and tells what to answer.
pub(super) async fn stored(queued: QueuedMessage) -> Reply {
    match queued.stored().await {
        Ok(appended) => Reply::ok(&SentOut::from(&appended.message)),
        Err(error) => Reply::send_error(&error),
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
    let scope = member.holder.scope();
    match chat::list_messages(&member.app.store, &scope, &RoomRef::Id(room_id), query).await {
        Ok(page) => Reply::ok(&MoreMessages {
            messages: page.messages.into_iter().map(MessageOut::from).collect(),
            has_more: page.has_more,
        }),
        Err(error) => Reply::error(&channel_error(&error)),
    }
}

/// Reads an event that changes something; `None` when it is no such event.
pub(super) fn change(event: &str, payload: &Payload) -> Option<Result<ChangeIn, Violations>> {
    payloads::change(event, payload)
}

/// Makes a change and tells what to answer.
pub(super) async fn make(member: &Member, change: Result<ChangeIn, Violations>) -> Reply {
    let TopicKey::Room(room_id) = member.key else {
        return Reply::error(&serde_json::json!({ "reason": "unknown_event" }));
    };
    let change = match change {
        Ok(change) => change,
        Err(violations) => return Reply::error(&channel_error(&chat::Error::Invalid(violations))),
    };
    let (realtime, sender, room) = (&member.app.realtime, member.holder.sender(), RoomRef::Id(room_id));
    let changed = match change {
        ChangeIn::Edit(id, content) => realtime.edit_message(&sender, &room, id, content).await,
        ChangeIn::Delete(id) => realtime.delete_message(&sender, &room, id).await,
        ChangeIn::AddReaction(id, emoji) => realtime.add_reaction(&sender, &room, id, &emoji).await,
        ChangeIn::RemoveReaction(id, emoji) => realtime.remove_reaction(&sender, &room, id, &emoji).await,
        ChangeIn::Pin(id) => realtime.pin_message(&sender, &room, id).await,
        ChangeIn::Unpin(id) => realtime.unpin_message(&sender, &room, id).await,
        ChangeIn::MarkRead(seq) => return marked(realtime.mark_read(&sender, &room, seq).await),
        ChangeIn::MarkUnread(seq) => return marked(realtime.mark_unread(&sender, &room, seq).await),
    };
    match changed {
        Ok(changed) => Reply::ok(&ChangedMessage {
            message: MessageOut::from(changed.message),
        }),
        Err(error) => Reply::send_error(&error),
    }
}

fn marked(marked: Result<ReadMark, SendError>) -> Reply {
    match marked {
        Ok(mark) => Reply::ok(&MarkedRead { seq: mark.seq }),
        Err(error) => Reply::send_error(&error),
    }
}

fn messages_out(messages: Vec<Message>) -> Vec<MessageOut> {
    messages.into_iter().map(MessageOut::from).collect()
}

/// Tells the others of the room that somebody types, or does no longer.
pub(super) async fn tell_typing(member: &Member, event: &'static str, except: Option<(SocketId, ChannelId)>) {
    let typist = ParticipantOut::from(UserRef::clone(&member.holder.user));
    match crate::realtime::raw_payload(&typist) {
        Ok(payload) => {
            let publish = Publish {
                key: member.key,
                event,
                payload,
                seq: None,
                except,
                ephemeral: true,
            };
            member.app.realtime.publish(member.holder.tenant.id, publish).await;
        }
        Err(error) => warn!(%error, "typing notice not encoded"),
    }
}
