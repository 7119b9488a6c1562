//! Joins: who asks is let in by a job, and told what belongs to the beginning of a channel before anything else.

use std::{sync::Arc, time::Instant};

use futures_util::FutureExt;
use serde_json::json;

use super::{
    Holder, Session,
    channels::{Channel, ChannelState},
};
use crate::{
    chat,
    config::Limit,
    phoenix::{ChannelId, Payload},
    realtime::{
        Refused, Subject,
        messages::Baseline,
        room_shard,
        topic::{Topic, TopicKey},
    },
    web::{
        error::{channel_error, channel_refusal},
        socket::{
            payloads,
            room_channel::{JoinOutcome, JoinRefusal},
            transport::{Done, raw},
        },
    },
};

impl Session {
    /// A client asks to join a topic.
    pub(super) fn join(&mut self, channel: ChannelId, topic: Arc<str>, payload: &Payload) {
        self.renew_registry();
        self.take_over_tenant();
        if let Err(refused) = self.check_join_limits() {
            self.socket.refuse_join(channel, raw(&channel_refusal(&refused)));
            self.count_refusal();
            return;
        }
        let own_topic = TopicKey::User(self.holder.user.id);
        let visitor = self.member(own_topic);
        let joined = match Topic::parse(&topic) {
            Some(Topic::User(user_id)) if TopicKey::User(user_id) == own_topic => {
                async move { visitor.join_own_topic(channel, topic).await }.boxed_local()
            }
            Some(Topic::User(_)) | None => {
                let reason = if topic.starts_with("user:") {
                    "unauthorized"
                } else {
                    "room not found"
                };
                self.socket.refuse_join(channel, raw(&json!({ "reason": reason })));
                return;
            }
            Some(meant) => match payloads::join(payload) {
                Ok(since) => async move { visitor.join_room(channel, topic, meant, since).await }.boxed_local(),
                Err(violations) => {
                    let response = channel_error(&chat::Error::Invalid(violations));
                    self.socket.refuse_join(channel, raw(&response));
                    return;
                }
            },
        };
        let state = ChannelState::Joining { held: Vec::new() };
        self.channels.insert(channel, Channel { state, typing: None });
        let since = Instant::now();
        let timeout = self.app.settings.socket.join_timeout;
        let job = async move {
            let result = tokio::time::timeout(timeout, joined)
                .await
                .unwrap_or(Err(JoinRefusal::Unavailable));
            Done::Joined {
                channel,
                result: result.map(Box::new),
                since,
            }
        };
        self.run(
            job.boxed_local(),
            Done::Joined {
                channel,
                result: Err(JoinRefusal::Crashed),
                since,
            },
        );
    }

    fn check_join_limits(&self) -> Result<(), Refused> {
        let (limits, Holder { tenant, user, .. }) = (self.app.realtime.limits(), &*self.holder);
        limits.check(tenant, Limit::JoinsPerSocket, Subject::Socket(self.handle.id()))?;
        limits.check(tenant, Limit::JoinsPerUser, Subject::User(user.id))?;
        Ok(())
    }

    /// A join was decided.
    pub(super) fn joined(&mut self, id: ChannelId, result: Result<Box<JoinOutcome>, JoinRefusal>, since: Instant) {
        let kind = self.socket.channel_topic(id).map_or("room", topic_kind);
        self.app.metrics.channel_joined(kind, result.is_ok(), since.elapsed());
        match result {
            Ok(outcome) => {
                let JoinOutcome {
                    key,
                    response,
                    history,
                    head_seq,
                } = *outcome;
                let member = (self.handle.id(), id);
                let Some(channel) = self.channels.get_mut(&id) else {
                    // Over before it began, yet subscribed by now.
                    room_shard::remove(key, member);
                    self.unsubscribe(id);
                    return;
                };
                if room_shard::has_lost(key, member) {
                    room_shard::remove(key, member);
                    self.crash_channel(id);
                    return;
                }
                let before = std::mem::replace(&mut channel.state, ChannelState::Joined { key, head_seq });
                let socket_id = self.handle.id();
                #[expect(clippy::disallowed_methods, reason = "once per join, and must not be lost")]
                self.registry.do_send(Baseline {
                    key,
                    seq: head_seq,
                    socket_id,
                    channel: id,
                });
                self.socket.accept_join(id, response);
                if matches!(key, TopicKey::User(_)) {
                    self.tell_token_if_ending(id);
                }
                if let Some(history) = history {
                    self.socket.push(id, "message_history", &Payload::Json(history));
                }
                if let ChannelState::Joining { held } = before {
                    for outbound in held {
                        self.give(id, outbound);
                    }
                }
                self.release(key, id, Some(head_seq));
            }
            Err(refusal) => {
                self.forget(id, true);
                match refusal {
                    JoinRefusal::Reason(reason) => self.socket.refuse_join(id, raw(&json!({ "reason": reason }))),
                    JoinRefusal::Unavailable => {
                        self.socket.refuse_join(id, raw(&json!({ "reason": "unavailable" })));
                    }
                    JoinRefusal::Crashed => self.socket.crash_join(id),
                }
            }
        }
    }
}

fn topic_kind(topic: &str) -> &'static str {
    match topic.split_once(':') {
        Some(("dm", _)) => "dm",
        Some(("user", _)) => "user",
        _ => "room",
    }
}
