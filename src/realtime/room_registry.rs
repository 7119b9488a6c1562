//! Fan-out and presence for one tenant. All live sockets of a tenant meet here.
//!
//! Invariants:
//! * Holds no database handle: whatever reaches it was authorised and stored by the caller.
//! * Never awaits a socket: one that cannot take a frame ends, not the room. It awaits the shards
//!   ([`super::room_shard`]), which await no socket either, so that publishers are not faster than threads deliver.
//! * A broadcast costs one message for each thread with members; members on a mailbox of their own (long poll, TLS) one
//!   each.
//! * `Unsubscribe` and `Gone` are idempotent: they may come from the client, from the end of the
//!   transport, or from a failed delivery.
//! * A joining channel gets `presence_state` before any later diff.
//! * Changes of a room reach its sockets in the order of the room's log, without a hole: what comes too early
//!   waits, and what does not come is read from the database by the [`super::repair`] actor.
//! * When it dies, every socket hears of it, and its clients rejoin through a new registry.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use actix::{Actor, ActorContext, ActorResponse, AsyncContext, Context, Handler, MessageResult, Recipient};
use serde_json::json;
use tracing::{debug, error};

use self::{
    outbox::Outbox,
    sockets::SocketState,
    topic::{Newcomer, TopicState},
};
use super::{
    live_tenants::LiveTenants,
    messages::{
        AnybodyListening, ChannelKey, Count, EndChannels, Listening, Publish, PublishAll, ReadMark, RegistryCounts,
        Repair, SocketEnded, Subscribe, TenantChanged, Unsubscribe,
    },
    presence_levels::{PresenceLimits, PresenceSummary, Presentee},
    revocations::Revocations,
    socket_handle::{Outbound, SocketId},
    topic::TopicKey,
};
use crate::{
    ids::{TenantId, UserId},
    tenants::TenantSettings,
};

mod order;
mod outbox;
mod presence;
mod sockets;
mod topic;

/// One actor per tenant: who is on which topic, who is present, and in which order things are said.
pub struct RoomRegistry {
    tenant_id: TenantId,
    options: RegistryOptions,
    surroundings: Surroundings,
    /// Whether the tenant has it shown who is present.
    shows_presence: bool,
    topics: HashMap<TopicKey, TopicState>,
    /// Boxed, since a table has up to twice as many places as entries.
    sockets: HashMap<SocketId, Box<SocketState>>,
    by_user: BTreeSet<(UserId, SocketId)>,
    /// Topics with something that is told a little later.
    dirty: HashSet<TopicKey>,
    outbox: Outbox,
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
            by_user: BTreeSet::new(),
            dirty: HashSet::new(),
            outbox: Outbox::default(),
            idle_ticks: 0,
        }
    }

    /// Tells what was kept for telling together.
    fn flush(&mut self) {
        for key in std::mem::take(&mut self.dirty) {
            let Some(topic) = self.topics.get_mut(&key) else {
                continue;
            };
            let (outbox, mut undeliverable) = (&mut self.outbox, Vec::new());
            if let Some(news) = topic.presence.news() {
                undeliverable.extend(topic.broadcast_news(&news, outbox));
            }
            for (user_id, seq) in std::mem::take(&mut topic.read_marks) {
                let mark = json!({ "user_id": user_id, "seq": seq });
                undeliverable.extend(topic.broadcast_json("read", &mark, true, outbox));
            }
            self.drop_channels(undeliverable);
        }
    }

    fn subscribe(&mut self, subscribe: Subscribe) -> Result<Option<PresenceSummary>, SocketEnded> {
        let Subscribe {
            socket,
            channel,
            key,
            topic: wire_topic,
            user,
            is_shown: is_presentee,
        } = subscribe;
        self.heed_presence_setting();
        let announces = self.announces();
        let socket_id = socket.id();
        let state = self
            .sockets
            .get_mut(&socket_id)
            .filter(|_| socket.is_alive())
            .ok_or(SocketEnded)?;
        let user_id = user.id;
        state.channels.insert(channel, key);

        let limits = self.options.presence;
        let topic = self.topics.entry(key).or_insert_with(|| TopicState::new(key, limits));
        let tracked = (is_presentee && self.shows_presence).then(|| {
            let reference = topic.presence.track(Presentee::now(Arc::clone(&user)));
            let is_new = announces && topic.is_exact() && topic.presence.metas_of(user_id) == 1;
            let state = topic.presence.state_for(user_id, reference);
            (reference, state, is_new.then(|| Arc::clone(&user)))
        });
        let (outbox, mut undeliverable) = (&mut self.outbox, Vec::new());
        let newcomer = Newcomer {
            channel: (socket_id, channel),
            handle: Arc::clone(&socket),
            user,
            topic: wire_topic,
            is_presentee,
            presence: tracked.as_ref().map(|(reference, ..)| *reference),
        };
        topic.enter(newcomer, outbox);
        let mut announced = None;
        if let Some((_, state, is_new)) = tracked {
            announced = is_new;
            if socket.tell(Outbound::PresenceState { channel, state }).is_err() {
                undeliverable.push((socket_id, channel));
            }
        }
        undeliverable.extend(topic.tell_presence(outbox));
        if let Some(presentee) = announced {
            undeliverable.extend(topic.announce("user_joined", &presentee, outbox));
        }
        let summary = self.shows_presence.then(|| topic.presence.summary());
        self.dirty.insert(key);
        self.drop_channels(undeliverable);
        Ok(summary)
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
        let outbox = &mut self.outbox;
        let Some(member) = topic.leave((socket_id, channel), outbox) else {
            return;
        };
        if topic.members().is_empty() {
            self.topics.remove(&key);
            return;
        }
        let mut undeliverable = Vec::new();
        let user_id = member.user.id;
        if let Some(reference) = member.presence {
            topic.presence.untrack(user_id, reference);
            undeliverable.extend(topic.tell_presence(outbox));
            self.dirty.insert(key);
            if announces && topic.is_exact() && topic.presence.metas_of(user_id) == 0 {
                undeliverable.extend(topic.announce("user_left", &member.user, outbox));
            }
        }
        self.drop_channels(undeliverable);
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
            let outbox = &mut self.outbox;
            undeliverable.extend(if shows {
                topic.show_all(outbox)
            } else {
                topic.hide_all(outbox)
            });
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
}

impl Actor for RoomRegistry {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(self.options.mailbox_capacity);
        ctx.run_interval(self.options.batch_interval, |registry, ctx| {
            registry.flush();
            registry.wait_for_shards(ctx);
        });
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

impl Handler<Subscribe> for RoomRegistry {
    type Result = ActorResponse<Self, Result<Option<PresenceSummary>, SocketEnded>>;

    fn handle(&mut self, subscribe: Subscribe, ctx: &mut Self::Context) -> Self::Result {
        let subscribed = self.subscribe(subscribe);
        self.answer(subscribed, ctx)
    }
}

impl Handler<Unsubscribe> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, Unsubscribe { socket_id, channel }: Unsubscribe, ctx: &mut Self::Context) {
        self.unsubscribe((socket_id, channel));
        self.wait_for_shards(ctx);
    }
}

impl Handler<Publish> for RoomRegistry {
    type Result = ActorResponse<Self, ()>;

    fn handle(&mut self, publish: Publish, ctx: &mut Self::Context) -> Self::Result {
        self.publish(publish, ctx);
        self.answer((), ctx)
    }
}

impl Handler<PublishAll> for RoomRegistry {
    type Result = ActorResponse<Self, ()>;

    fn handle(&mut self, PublishAll(all): PublishAll, ctx: &mut Self::Context) -> Self::Result {
        for publish in all.iter() {
            self.publish(publish.clone(), ctx);
        }
        self.answer((), ctx)
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

impl Handler<AnybodyListening> for RoomRegistry {
    type Result = bool;

    fn handle(&mut self, _: AnybodyListening, _: &mut Self::Context) -> bool {
        self.topics.keys().any(|key| matches!(key, TopicKey::User(_)))
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

    fn handle(&mut self, EndChannels { key, user_id }: EndChannels, ctx: &mut Self::Context) {
        let Some(topic) = self.topics.get(&key) else { return };
        let ended: Vec<_> = topic
            .members()
            .iter()
            .filter(|(_, member)| user_id.is_none_or(|user_id| member.user.id == user_id))
            .map(|(&channel, member)| (channel, Arc::clone(&member.handle)))
            .collect();
        for (channel, handle) in ended {
            // Told before the presence diff of its own leaving, and nothing of the topic follows.
            let _ = handle.tell(Outbound::EndChannel(channel.1));
            self.unsubscribe(channel);
        }
        self.wait_for_shards(ctx);
    }
}

impl Handler<TenantChanged> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, _: TenantChanged, ctx: &mut Self::Context) {
        self.heed_presence_setting();
        self.wait_for_shards(ctx);
    }
}

impl Handler<Count> for RoomRegistry {
    type Result = MessageResult<Count>;

    fn handle(&mut self, _: Count, _: &mut Self::Context) -> Self::Result {
        MessageResult(RegistryCounts {
            sockets: self.sockets.len(),
            channels: self.topics.values().map(|topic| topic.members().len()).sum(),
            topics: self.topics.len(),
            present: self.topics.values().map(|topic| topic.presence.summary().count).sum(),
        })
    }
}
