//! Fan-out and presence for one tenant. All live sockets of a tenant meet here.
//!
//! Invariants:
//! * Holds no database handle: whatever reaches it was authorised and stored by the caller.
//! * Never awaits a socket. Delivery is `try_send`; a socket that cannot take a frame ends, not the room.
//! * `Unsubscribe` and `Gone` are idempotent: they may come from the client, from the end of the
//!   transport, or from a failed delivery.
//! * A joining channel gets `presence_state` before any later diff.
//! * When it dies, every socket hears of it, and its clients rejoin through a new registry.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use actix::{Actor, AsyncContext, Context, Handler, MessageResult};
use serde_json::{Map, Value, json};
use tracing::{debug, error};
use uuid::Uuid;

use super::{
    messages::{
        Count, DisconnectToken, EndChannels, Gone, ListSockets, Presentee, Publish, Register, RegistryCounts,
        SocketEnded, Subscribe, Unsubscribe,
    },
    socket_handle::{Disconnect, Outbound, SocketHandle, SocketId},
    topic::TopicKey,
};
use crate::{
    ids::{TenantId, UserId},
    phoenix::{Broadcast, ChannelId, Payload, Presence, PresenceDiff, PresenceRef},
};

/// A channel, named across the sockets of a tenant.
type ChannelKey = (SocketId, ChannelId);

/// One actor per tenant: who is on which topic, who is present, and in which order things are said.
pub struct RoomRegistry {
    tenant_id: TenantId,
    mailbox_capacity: usize,
    idle_timeout: Duration,
    topics: HashMap<TopicKey, TopicState>,
    sockets: HashMap<SocketId, SocketState>,
    by_user: HashMap<UserId, HashSet<SocketId>>,
    /// Set when the last socket has gone; a registry nobody needs stops.
    idle_ticks: u32,
}

struct SocketState {
    handle: Arc<SocketHandle>,
    user_id: UserId,
    token_id: Uuid,
    channels: HashMap<ChannelId, TopicKey>,
}

#[derive(Default)]
struct TopicState {
    members: HashMap<ChannelKey, Member>,
    presence: Presence,
}

struct Member {
    handle: Arc<SocketHandle>,
    user_id: UserId,
    topic: Arc<str>,
    presence: Option<(Presentee, PresenceRef)>,
}

impl RoomRegistry {
    /// A registry without sockets. `mailbox_capacity` bounds what may wait for it; it stops after
    /// `idle_timeout` without a socket.
    pub fn new(tenant_id: TenantId, mailbox_capacity: usize, idle_timeout: Duration) -> Self {
        Self {
            tenant_id,
            mailbox_capacity,
            idle_timeout,
            topics: HashMap::new(),
            sockets: HashMap::new(),
            by_user: HashMap::new(),
            idle_ticks: 0,
        }
    }

    fn publish(&mut self, publish: &Publish) {
        let Some(topic) = self.topics.get_mut(&publish.key) else {
            return;
        };
        let payload = Payload::Json(publish.payload.as_ref().to_owned());
        let undeliverable = topic.broadcast(publish.event, &payload, publish.seq, publish.except, publish.ephemeral);
        self.drop_channels(undeliverable);
    }

    fn unsubscribe(&mut self, (socket_id, channel): ChannelKey) {
        let Some(key) = self
            .sockets
            .get_mut(&socket_id)
            .and_then(|socket| socket.channels.remove(&channel))
        else {
            return;
        };
        let Some(topic) = self.topics.get_mut(&key) else { return };
        let Some(member) = topic.members.remove(&(socket_id, channel)) else {
            return;
        };
        if topic.members.is_empty() {
            self.topics.remove(&key);
            return;
        }
        let mut undeliverable = Vec::new();
        if let Some((presentee, reference)) = member.presence {
            let user_key = presentee.user_id.to_string();
            if let Some(diff) = topic.presence.untrack(&user_key, &reference) {
                undeliverable.extend(topic.broadcast_diff(&diff));
            }
            if presentee.announce && topic.presence.metas_of(&user_key) == 0 {
                undeliverable.extend(topic.announce("user_left", &presentee));
            }
        }
        self.drop_channels(undeliverable);
    }

    /// Unsubscribes channels whose socket took nothing more. Each removal may meet further ones.
    fn drop_channels(&mut self, channels: Vec<ChannelKey>) {
        for channel in channels {
            self.unsubscribe(channel);
        }
    }

    fn remove_socket(&mut self, socket_id: SocketId) {
        let Some(socket) = self.sockets.get(&socket_id) else {
            return;
        };
        let user_id = socket.user_id;
        let channels: Vec<_> = socket.channels.keys().map(|&channel| (socket_id, channel)).collect();
        self.drop_channels(channels);
        self.sockets.remove(&socket_id);
        if let Some(sockets) = self.by_user.get_mut(&user_id) {
            sockets.remove(&socket_id);
            if sockets.is_empty() {
                self.by_user.remove(&user_id);
            }
        }
    }
}

impl TopicState {
    /// Gives `event` to every member but `except`; returns the channels that could not take it.
    fn broadcast(
        &self,
        event: &str,
        payload: &Payload,
        seq: Option<i64>,
        except: Option<ChannelKey>,
        ephemeral: bool,
    ) -> Vec<ChannelKey> {
        // A room is joined by id or by slug, so there are at most two spellings of its topic.
        let mut encoded: Vec<(&Arc<str>, Arc<Broadcast>)> = Vec::with_capacity(1);
        let mut undeliverable = Vec::new();
        for (&key, member) in &self.members {
            if except == Some(key) {
                continue;
            }
            let broadcast = match encoded.iter().find(|(topic, _)| *topic == &member.topic) {
                Some((_, broadcast)) => broadcast,
                None => {
                    let broadcast = Broadcast::new(&member.topic, event, payload.clone());
                    let broadcast = if ephemeral { broadcast.ephemeral() } else { broadcast };
                    encoded.push((&member.topic, Arc::new(broadcast)));
                    &encoded[encoded.len() - 1].1
                }
            };
            if member.handle.deliver(key.1, broadcast, seq).is_err() {
                undeliverable.push(key);
            }
        }
        undeliverable
    }

    fn broadcast_diff(&self, diff: &PresenceDiff) -> Vec<ChannelKey> {
        match serde_json::value::to_raw_value(diff) {
            // Not ephemeral: a client that misses a leave shows a ghost until it rejoins.
            Ok(payload) => self.broadcast("presence_diff", &Payload::Json(payload), None, None, false),
            Err(error) => {
                error!(%error, "presence diff not encoded");
                Vec::new()
            }
        }
    }

    fn announce(&self, event: &str, presentee: &Presentee) -> Vec<ChannelKey> {
        let payload = json!({ "user_id": presentee.user_id, "username": presentee.username });
        match serde_json::value::to_raw_value(&payload) {
            Ok(payload) => self.broadcast(event, &Payload::Json(payload), None, None, true),
            Err(error) => {
                error!(%error, event, "announcement not encoded");
                Vec::new()
            }
        }
    }
}

fn presence_meta(presentee: &Presentee) -> Map<String, Value> {
    let online_at = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let mut meta = Map::new();
    meta.insert("online_at".to_owned(), online_at.into());
    meta.insert("user_id".to_owned(), presentee.user_id.to_string().into());
    meta.insert("username".to_owned(), presentee.username.clone().into());
    meta
}

impl Actor for RoomRegistry {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(self.mailbox_capacity);
        ctx.run_interval(self.idle_timeout / 2, |registry, ctx| {
            registry.idle_ticks = if registry.sockets.is_empty() {
                registry.idle_ticks + 1
            } else {
                0
            };
            if registry.idle_ticks > 2 {
                debug!(tenant_id = %registry.tenant_id, "idle room registry stops");
                actix::ActorContext::stop(ctx);
            }
        });
    }
}

impl Drop for RoomRegistry {
    fn drop(&mut self) {
        if !self.sockets.is_empty() {
            error!(tenant_id = %self.tenant_id, sockets = self.sockets.len(), "room registry lost");
        }
        for socket in self.sockets.values() {
            let _ = socket.handle.tell(Outbound::RegistryLost);
        }
    }
}

impl Handler<Register> for RoomRegistry {
    type Result = ();

    fn handle(
        &mut self,
        Register {
            socket,
            user_id,
            token_id,
        }: Register,
        _: &mut Self::Context,
    ) {
        if !socket.is_alive() {
            return;
        }
        let id = socket.id();
        self.idle_ticks = 0;
        self.by_user.entry(user_id).or_default().insert(id);
        self.sockets.insert(
            id,
            SocketState {
                handle: socket,
                user_id,
                token_id,
                channels: HashMap::new(),
            },
        );
    }
}

impl Handler<Gone> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, Gone(socket_id): Gone, _: &mut Self::Context) {
        self.remove_socket(socket_id);
    }
}

impl Handler<Subscribe> for RoomRegistry {
    type Result = Result<(), SocketEnded>;

    fn handle(&mut self, subscribe: Subscribe, _: &mut Self::Context) -> Self::Result {
        let Subscribe {
            socket,
            channel,
            key,
            topic: wire_topic,
            presence,
        } = subscribe;
        let socket_id = socket.id();
        let state = self
            .sockets
            .get_mut(&socket_id)
            .filter(|_| socket.is_alive())
            .ok_or(SocketEnded)?;
        let user_id = state.user_id;
        state.channels.insert(channel, key);

        let topic = self.topics.entry(key).or_default();
        let mut diff = None;
        let mut first_device = false;
        let member_presence = presence.map(|presentee| {
            let user_key = presentee.user_id.to_string();
            let (reference, joined) = topic.presence.track(&user_key, presence_meta(&presentee));
            first_device = topic.presence.metas_of(&user_key) == 1;
            diff = Some(joined);
            (presentee, reference)
        });
        let mut undeliverable = Vec::new();
        if member_presence.is_some() {
            let state = topic.presence.state();
            if socket.tell(Outbound::PresenceState { channel, state }).is_err() {
                undeliverable.push((socket_id, channel));
            }
        }
        let announcement = member_presence.as_ref().map(|(presentee, _)| presentee.clone());
        let member = Member {
            handle: socket,
            user_id,
            topic: wire_topic,
            presence: member_presence,
        };
        topic.members.insert((socket_id, channel), member);
        if let Some(diff) = diff {
            undeliverable.extend(topic.broadcast_diff(&diff));
        }
        if let Some(presentee) = announcement.filter(|presentee| presentee.announce && first_device) {
            undeliverable.extend(topic.announce("user_joined", &presentee));
        }
        self.drop_channels(undeliverable);
        Ok(())
    }
}

impl Handler<Unsubscribe> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, Unsubscribe { socket_id, channel }: Unsubscribe, _: &mut Self::Context) {
        self.unsubscribe((socket_id, channel));
    }
}

impl Handler<Publish> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, publish: Publish, _: &mut Self::Context) {
        self.publish(&publish);
    }
}

impl Handler<EndChannels> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, EndChannels { key, user_id }: EndChannels, _: &mut Self::Context) {
        let Some(topic) = self.topics.get(&key) else { return };
        let ended: Vec<_> = topic
            .members
            .iter()
            .filter(|(_, member)| user_id.is_none_or(|user_id| member.user_id == user_id))
            .map(|(&channel, member)| (channel, Arc::clone(&member.handle)))
            .collect();
        for (channel, handle) in ended {
            // Told before the presence diff of its own leaving, and nothing of the topic follows.
            let _ = handle.tell(Outbound::EndChannel(channel.1));
            self.unsubscribe(channel);
        }
    }
}

impl Handler<DisconnectToken> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, DisconnectToken { user_id, token_id }: DisconnectToken, _: &mut Self::Context) {
        let Some(sockets) = self.by_user.get(&user_id) else {
            return;
        };
        let ended: Vec<_> = sockets
            .iter()
            .filter(|id| self.sockets.get(id).is_some_and(|socket| socket.token_id == token_id))
            .copied()
            .collect();
        for id in ended {
            if let Some(socket) = self.sockets.get(&id) {
                socket.handle.end(Disconnect::Revoked);
            }
            self.remove_socket(id);
        }
    }
}

impl Handler<ListSockets> for RoomRegistry {
    type Result = MessageResult<ListSockets>;

    fn handle(&mut self, _: ListSockets, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.sockets.values().map(|socket| Arc::clone(&socket.handle)).collect())
    }
}

impl Handler<Count> for RoomRegistry {
    type Result = MessageResult<Count>;

    fn handle(&mut self, _: Count, _: &mut Self::Context) -> Self::Result {
        MessageResult(RegistryCounts {
            sockets: self.sockets.len(),
            channels: self.topics.values().map(|topic| topic.members.len()).sum(),
            topics: self.topics.len(),
            present: self.topics.values().map(|topic| topic.presence.len()).sum(),
        })
    }
}
