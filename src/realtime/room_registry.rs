//! Fan-out and presence for one tenant. All live sockets of a tenant meet here.
//!
//! Invariants:
//! * Holds no database handle: whatever reaches it was authorised and stored by the caller.
//! * Never awaits a socket. Delivery is `try_send`; a socket that cannot take a frame ends, not the room.
//! * `Unsubscribe` and `Gone` are idempotent: they may come from the client, from the end of the
//!   transport, or from a failed delivery.
//! * A joining channel gets `presence_state` before any later diff.
//! * Changes of a room reach its sockets in the order of the room's log, without a hole: what comes too early
//!   waits, and what does not come is read from the database by the [`super::repair`] actor.
//! * When it dies, every socket hears of it, and its clients rejoin through a new registry.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, MessageResult, Recipient};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tracing::{debug, error, warn};

use super::{
    live_tenants::LiveTenants,
    messages::{
        Baseline, Count, EndChannels, Gone, ListSockets, Listening, Publish, ReadMark, Register, RegistryCounts, Renew,
        Repair, Repaired, Revoke, SocketEnded, Subscribe, TenantChanged, Unsubscribe,
    },
    presence_levels::{LeveledPresence, PresenceLevel, PresenceLimits, PresenceNews, PresenceSummary},
    revocations::{Credential, Revocations},
    room_order::{Arrival, RoomOrder},
    socket_handle::{Disconnect, Outbound, SocketHandle, SocketId},
    topic::TopicKey,
};
use crate::{
    chat::UserRef,
    ids::{TenantId, UserId},
    phoenix::{Broadcast, ChannelId, Payload, PresenceRef},
    tenants::TenantSettings,
    timestamp::Timestamp,
    wire::ParticipantOut,
};

/// A channel, named across the sockets of a tenant.
type ChannelKey = (SocketId, ChannelId);

/// One actor per tenant: who is on which topic, who is present, and in which order things are said.
pub struct RoomRegistry {
    tenant_id: TenantId,
    options: RegistryOptions,
    surroundings: Surroundings,
    /// Whether the tenant has it shown who is present.
    shows_presence: bool,
    topics: HashMap<TopicKey, TopicState>,
    sockets: HashMap<SocketId, SocketState>,
    by_user: HashMap<UserId, HashSet<SocketId>>,
    /// Topics with something that is told a little later.
    dirty: HashSet<TopicKey>,
    /// Set when the last socket has gone; a registry nobody needs stops.
    idle_ticks: u32,
}

/// How registries are made.
#[derive(Clone, Copy, Debug)]
pub struct RegistryOptions {
    /// Messages that may wait for one registry; senders wait beyond.
    pub mailbox_capacity: usize,
    /// A registry without sockets stops after this long.
    pub idle_timeout: Duration,
    /// From which sizes on presence is told in less detail.
    pub presence: PresenceLimits,
    /// How often what is told together is told.
    pub batch_interval: Duration,
    /// How long a change may come late before the database is asked for it.
    pub hole_patience: Duration,
    /// Read marks are told in rooms with at most this many users present.
    pub read_marks_max: usize,
}

/// What the registries of a server have in common.
#[derive(Clone)]
pub struct Surroundings {
    /// Reads the changes that are missing.
    pub repairs: Recipient<Repair>,
    /// What was revoked a moment ago.
    pub revocations: Arc<Revocations>,
    /// The tenants' settings.
    pub tenants: Arc<LiveTenants>,
}

struct SocketState {
    handle: Arc<SocketHandle>,
    credential: Credential,
    channels: HashMap<ChannelId, TopicKey>,
}

struct TopicState {
    members: HashMap<ChannelKey, Member>,
    presence: LeveledPresence,
    order: RoomOrder<Publish>,
    /// A missing change is waited for, or read.
    repairing: bool,
    /// Read marks that nobody has been told yet.
    read_marks: HashMap<UserId, i64>,
}

struct Member {
    handle: Arc<SocketHandle>,
    user_id: UserId,
    topic: Arc<str>,
    presentee: Option<UserRef>,
    /// The presentee's place among those who are shown, where that is done.
    presence: Option<PresenceRef>,
}

impl RoomRegistry {
    /// A registry without sockets.
    pub fn new(tenant_id: TenantId, options: RegistryOptions, surroundings: Surroundings) -> Self {
        Self {
            tenant_id,
            options,
            surroundings,
            shows_presence: true,
            topics: HashMap::new(),
            sockets: HashMap::new(),
            by_user: HashMap::new(),
            dirty: HashSet::new(),
            idle_ticks: 0,
        }
    }

    /// Tells a change when its turn has come, anything else at once.
    fn publish(&mut self, publish: Publish, ctx: &mut Context<Self>) {
        let (key, Some(seq)) = (publish.key, publish.seq) else {
            self.tell(&publish);
            return;
        };
        let Some(topic) = self.topics.get_mut(&key) else { return };
        match topic.order.arrive(seq, publish) {
            Arrival::Tell(changes) => self.tell_all(changes),
            Arrival::Known => {}
            Arrival::Early if topic.repairing => {}
            Arrival::Early => {
                topic.repairing = true;
                ctx.run_later(self.options.hole_patience, move |registry, ctx| {
                    registry.repair(key, ctx);
                });
            }
            Arrival::Lost => self.give_up(key),
        }
    }

    fn tell_all(&mut self, changes: Vec<Publish>) {
        for change in changes {
            self.tell(&change);
        }
    }

    fn tell(&mut self, publish: &Publish) {
        let Some(topic) = self.topics.get(&publish.key) else {
            return;
        };
        let payload = Payload::Json(publish.payload.as_ref().to_owned());
        let undeliverable = topic.broadcast(publish.event, &payload, publish.seq, publish.except, publish.ephemeral);
        self.drop_channels(undeliverable);
    }

    /// The missing change has had its time: asks the database, unless it has come.
    fn repair(&mut self, key: TopicKey, ctx: &Context<Self>) {
        let Some(topic) = self.topics.get_mut(&key) else { return };
        let TopicKey::Room(room_id) = key else { return };
        topic.repairing = topic.order.has_hole();
        if !topic.repairing {
            return;
        }
        let since = topic.order.last().unwrap_or_default();
        warn!(tenant_id = %self.tenant_id, %room_id, since, "a change of the room is missing and is read again");
        let repair = Repair {
            tenant_id: self.tenant_id,
            room_id,
            since,
            registry: ctx.address(),
        };
        if self.surroundings.repairs.try_send(repair).is_err() {
            self.give_up(key);
        }
    }

    /// The topic cannot be told completely any more: its clients join again and read what they miss.
    fn give_up(&mut self, key: TopicKey) {
        let Some(topic) = self.topics.remove(&key) else { return };
        warn!(tenant_id = %self.tenant_id, topic = %key, channels = topic.members.len(), "clients have to rejoin");
        for ((socket_id, channel), member) in topic.members {
            let _ = member.handle.tell(Outbound::CrashChannel(channel));
            if let Some(socket) = self.sockets.get_mut(&socket_id) {
                socket.channels.remove(&channel);
            }
        }
    }

    /// Tells what was kept for telling together.
    fn flush(&mut self) {
        for key in std::mem::take(&mut self.dirty) {
            let Some(topic) = self.topics.get_mut(&key) else {
                continue;
            };
            let mut undeliverable = Vec::new();
            if let Some(news) = topic.presence.news() {
                undeliverable.extend(topic.broadcast_news(&news));
            }
            for (user_id, seq) in std::mem::take(&mut topic.read_marks) {
                undeliverable.extend(topic.broadcast_json("read", &json!({ "user_id": user_id, "seq": seq }), true));
            }
            self.drop_channels(undeliverable);
        }
    }

    fn unsubscribe(&mut self, (socket_id, channel): ChannelKey) {
        let announces = self.announces();
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
        if let (Some(presentee), Some(reference)) = (member.presentee, member.presence) {
            let user_key = presentee.id.to_string();
            topic.presence.untrack(&user_key, &reference);
            undeliverable.extend(topic.tell_presence());
            self.dirty.insert(key);
            if announces && topic.is_exact() && topic.presence.metas_of(&user_key) == 0 {
                undeliverable.extend(topic.announce("user_left", &presentee));
            }
        }
        self.drop_channels(undeliverable);
    }

    /// Ends a socket that was verified before what it stands on was revoked, and came here after.
    fn heed_revocations(&mut self, socket_id: SocketId) {
        let Some(socket) = self.sockets.get(&socket_id) else {
            return;
        };
        if let Some(reason) = self.surroundings.revocations.ends(self.tenant_id, &socket.credential) {
            self.end_sockets(&[socket_id], reason);
        }
    }

    /// Ends sockets, all of them before the first one's leaving is told to the others.
    fn end_sockets(&mut self, ids: &[SocketId], reason: Disconnect) {
        for id in ids {
            if let Some(socket) = self.sockets.get(id) {
                socket.handle.end(reason);
            }
        }
        if ids.len() == self.sockets.len() {
            // Nobody is left who could be told.
            self.topics.clear();
            self.sockets.clear();
            self.by_user.clear();
            return;
        }
        for &id in ids {
            self.remove_socket(id);
        }
    }

    /// Has it shown who is present, or shown no longer, as the tenant's settings are now.
    fn heed_presence_setting(&mut self) {
        let shows = self.setting(|settings| settings.presence, true);
        if shows == self.shows_presence {
            return;
        }
        self.shows_presence = shows;
        let mut undeliverable = Vec::new();
        for (&key, topic) in &mut self.topics {
            undeliverable.extend(if shows { topic.show_all() } else { topic.hide_all() });
            self.dirty.insert(key);
        }
        self.drop_channels(undeliverable);
    }

    /// Whether rooms are told in words who comes and goes.
    fn announces(&self) -> bool {
        self.setting(|settings| settings.announce_joins, false)
    }

    fn setting<T>(&self, read: impl Fn(&TenantSettings) -> T, unknown: T) -> T {
        self.surroundings
            .tenants
            .get(self.tenant_id)
            .map_or(unknown, |tenant| read(&tenant.settings))
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
        let user_id = socket.credential.user_id;
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
    fn new(presence: PresenceLimits) -> Self {
        Self {
            members: HashMap::new(),
            presence: LeveledPresence::new(presence),
            order: RoomOrder::default(),
            repairing: false,
            read_marks: HashMap::new(),
        }
    }

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
            if except == Some(key) || member.handle.disconnect().is_some() {
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

    /// Tells what cannot wait about who is present.
    fn tell_presence(&mut self) -> Vec<ChannelKey> {
        self.presence
            .urgent_news()
            .map(|news| self.broadcast_news(&news))
            .unwrap_or_default()
    }

    fn broadcast_news(&self, news: &PresenceNews) -> Vec<ChannelKey> {
        // Not ephemeral: a client that misses a leave shows a ghost until it rejoins.
        self.broadcast_json("presence_diff", news, false)
    }

    fn announce(&self, event: &str, presentee: &UserRef) -> Vec<ChannelKey> {
        self.broadcast_json(event, &ParticipantOut::from(presentee.clone()), true)
    }

    fn broadcast_json(&self, event: &str, payload: &impl Serialize, ephemeral: bool) -> Vec<ChannelKey> {
        match serde_json::value::to_raw_value(payload) {
            Ok(payload) => self.broadcast(event, &Payload::Json(payload), None, None, ephemeral),
            Err(error) => {
                error!(%error, event, "payload not encoded");
                Vec::new()
            }
        }
    }

    /// Shows everybody who is here, to everybody.
    fn show_all(&mut self) -> Vec<ChannelKey> {
        for member in self.members.values_mut() {
            let presence = &mut self.presence;
            let track = |presentee: &UserRef| presence.track(&presentee.id.to_string(), presence_meta(presentee));
            member.presence = member.presentee.as_ref().map(track);
        }
        let mut undeliverable = Vec::new();
        for (&(socket_id, channel), member) in &self.members {
            let Some(presentee) = &member.presentee else { continue };
            let state = self.presence.state_for(&presentee.id.to_string());
            if member.handle.tell(Outbound::PresenceState { channel, state }).is_err() {
                undeliverable.push((socket_id, channel));
            }
        }
        undeliverable.extend(self.tell_presence());
        undeliverable
    }

    /// Shows nobody any more: to those who look, everybody leaves.
    fn hide_all(&mut self) -> Vec<ChannelKey> {
        for member in self.members.values_mut() {
            if let (Some(presentee), Some(reference)) = (&member.presentee, member.presence.take()) {
                self.presence.untrack(&presentee.id.to_string(), &reference);
            }
        }
        self.tell_presence()
    }

    /// How many users are here; their channels, where it is not shown who is present.
    fn users(&self) -> usize {
        match self.presence.summary().count {
            0 => self.members.len(),
            count => count,
        }
    }

    fn is_exact(&self) -> bool {
        self.presence.summary().level == PresenceLevel::Exact
    }
}

fn presence_meta(presentee: &UserRef) -> Map<String, Value> {
    let mut meta = match serde_json::to_value(ParticipantOut::from(presentee.clone())) {
        Ok(Value::Object(meta)) => meta,
        _ => Map::new(),
    };
    meta.insert("online_at".to_owned(), Timestamp::now().seconds().into());
    meta
}

impl Actor for RoomRegistry {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(self.options.mailbox_capacity);
        ctx.run_interval(self.options.batch_interval, |registry, _| registry.flush());
        ctx.run_interval(self.options.idle_timeout / 2, |registry, ctx| {
            registry.idle_ticks = if registry.sockets.is_empty() {
                registry.idle_ticks + 1
            } else {
                0
            };
            if registry.idle_ticks > 2 {
                debug!(tenant_id = %registry.tenant_id, "idle room registry stops");
                ctx.stop();
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

    fn handle(&mut self, Register { socket, credential }: Register, _: &mut Self::Context) {
        if !socket.is_alive() {
            return;
        }
        let id = socket.id();
        self.idle_ticks = 0;
        self.by_user.entry(credential.user_id).or_default().insert(id);
        self.sockets.insert(
            id,
            SocketState {
                handle: socket,
                credential,
                channels: HashMap::new(),
            },
        );
        self.heed_revocations(id);
    }
}

impl Handler<Renew> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, Renew { socket_id, credential }: Renew, _: &mut Self::Context) {
        if let Some(socket) = self.sockets.get_mut(&socket_id) {
            socket.credential = credential;
            self.heed_revocations(socket_id);
        }
    }
}

impl Handler<Gone> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, Gone(socket_id): Gone, _: &mut Self::Context) {
        self.remove_socket(socket_id);
    }
}

impl Handler<Subscribe> for RoomRegistry {
    type Result = Result<Option<PresenceSummary>, SocketEnded>;

    fn handle(&mut self, subscribe: Subscribe, _: &mut Self::Context) -> Self::Result {
        let Subscribe {
            socket,
            channel,
            key,
            topic: wire_topic,
            presentee,
        } = subscribe;
        self.heed_presence_setting();
        let announces = self.announces();
        let socket_id = socket.id();
        let state = self
            .sockets
            .get_mut(&socket_id)
            .filter(|_| socket.is_alive())
            .ok_or(SocketEnded)?;
        let user_id = state.credential.user_id;
        state.channels.insert(channel, key);

        let limits = self.options.presence;
        let topic = self.topics.entry(key).or_insert_with(|| TopicState::new(limits));
        let mut undeliverable = Vec::new();
        let mut newcomer = None;
        let shown = presentee.as_ref().filter(|_| self.shows_presence);
        let presence = shown.map(|presentee| {
            let user_key = presentee.id.to_string();
            let reference = topic.presence.track(&user_key, presence_meta(presentee));
            if announces && topic.is_exact() && topic.presence.metas_of(&user_key) == 1 {
                newcomer = Some(presentee.clone());
            }
            let state = topic.presence.state_for(&user_key);
            if socket.tell(Outbound::PresenceState { channel, state }).is_err() {
                undeliverable.push((socket_id, channel));
            }
            reference
        });
        topic.members.insert(
            (socket_id, channel),
            Member {
                handle: socket,
                user_id,
                topic: wire_topic,
                presentee,
                presence,
            },
        );
        undeliverable.extend(topic.tell_presence());
        if let Some(newcomer) = newcomer {
            undeliverable.extend(topic.announce("user_joined", &newcomer));
        }
        let summary = self.shows_presence.then(|| topic.presence.summary());
        self.dirty.insert(key);
        self.drop_channels(undeliverable);
        Ok(summary)
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

    fn handle(&mut self, publish: Publish, ctx: &mut Self::Context) {
        self.publish(publish, ctx);
    }
}

impl Handler<Baseline> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, baseline: Baseline, ctx: &mut Self::Context) {
        let Baseline {
            key,
            seq,
            socket_id,
            channel,
        } = baseline;
        let Some(topic) = self.topics.get_mut(&key) else { return };
        if topic.order.baseline(seq).is_err() {
            if let Some(member) = topic.members.get(&(socket_id, channel)) {
                let _ = member.handle.tell(Outbound::CrashChannel(channel));
            }
            self.unsubscribe((socket_id, channel));
        } else if topic.order.has_hole() && !topic.repairing {
            // The joiner has read a change that the others were not told; most likely it is on its way.
            topic.repairing = true;
            ctx.run_later(self.options.hole_patience, move |registry, ctx| {
                registry.repair(key, ctx);
            });
        }
    }
}

impl Handler<Repaired> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, Repaired { key, changes }: Repaired, ctx: &mut Self::Context) {
        let Some(topic) = self.topics.get_mut(&key) else { return };
        topic.repairing = false;
        let Some((head, changes)) = changes else {
            self.give_up(key);
            return;
        };
        let changes = topic.order.repair(head, changes);
        if topic.order.has_hole() {
            topic.repairing = true;
            ctx.run_later(self.options.hole_patience, move |registry, ctx| {
                registry.repair(key, ctx);
            });
        }
        self.tell_all(changes);
    }
}

impl Handler<ReadMark> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, ReadMark { key, user_id, seq }: ReadMark, _: &mut Self::Context) {
        let read_marks_max = self.options.read_marks_max;
        let Some(topic) = self.topics.get_mut(&key) else { return };
        if topic.users() <= read_marks_max {
            topic.read_marks.insert(user_id, seq);
            self.dirty.insert(key);
        }
    }
}

impl Handler<Listening> for RoomRegistry {
    type Result = MessageResult<Listening>;

    fn handle(&mut self, Listening(mut users): Listening, _: &mut Self::Context) -> Self::Result {
        users.retain(|&user_id| self.topics.contains_key(&TopicKey::User(user_id)));
        MessageResult(users)
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

impl Handler<Revoke> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, Revoke(revocation): Revoke, _: &mut Self::Context) {
        let covered = |(&id, socket): (&SocketId, &SocketState)| revocation.covers(&socket.credential).then_some(id);
        let ended: Vec<SocketId> = match revocation.user_id() {
            None => self.sockets.iter().filter_map(covered).collect(),
            Some(user_id) => self
                .by_user
                .get(&user_id)
                .into_iter()
                .flatten()
                .filter_map(|id| self.sockets.get_key_value(id))
                .filter_map(covered)
                .collect(),
        };
        self.end_sockets(&ended, revocation.reason());
    }
}

impl Handler<TenantChanged> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, _: TenantChanged, _: &mut Self::Context) {
        self.heed_presence_setting();
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
            present: self.topics.values().map(|topic| topic.presence.summary().count).sum(),
        })
    }
}
