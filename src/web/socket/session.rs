//! What happens on one socket, whatever carries its frames.
//!
//! A [`Session`] eats frames, finished jobs and what the runtime tells it, and yields [`Action`]s. The transports
//! ([`super::raw`], [`super::websocket`], [`super::longpoll`]) are actors that own a session and carry out its actions;
//! all drive the same protocol machine, and none knows chat.
//!
//! Invariants:
//! * Work that waits (database, registry) runs as a job; its end comes back through the actor's mailbox,
//!   behind every broadcast the job caused, so a sender sees its own broadcast before its reply.
//! * Once the runtime has ended the socket, or its token has, nothing more is read from or written to it.
//! * A session that ends leaves no subscription, presence or typing notice behind.

use std::{collections::VecDeque, sync::Arc};

use actix::{Addr, Recipient, WeakRecipient};
use tracing::{debug, warn};

pub(super) use self::holder::Holder;
use self::{channels::Channel, token::TokenLife};
use super::{
    room_channel::{self, Member},
    transport::{Action, Done, Job},
};
use crate::{
    app::App,
    config::{Limit, SocketSettings},
    metrics::Transport as TransportKind,
    moment::Moment,
    phoenix::{self, ChannelId, Effect, Version, close_code},
    realtime::{
        Subject,
        connections::ConnectionPermit,
        messages::{Gone, Register},
        revocations::REGISTERED_WITHIN,
        room_registry::RoomRegistry,
        room_shard::{self, ShardHandle},
        socket_handle::{Disconnect, Outbound, SocketHandle},
        topic::{ROUTES, TopicKey},
    },
    small_map::SmallMap,
    web::identity::Identity,
};

pub mod bounds;
mod channels;
mod holder;
mod joining;
mod pushing;
mod sending;
mod token;

/// One socket: the protocol machine, the chat channels on it, and who is behind it.
pub struct Session {
    app: Arc<App>,
    holder: Arc<Holder>,
    socket: phoenix::Socket,
    handle: Arc<SocketHandle>,
    registry: Arc<Addr<RoomRegistry>>,
    channels: SmallMap<ChannelId, Channel>,
    actions: VecDeque<Action>,
    /// Jobs whose effects a graceful end waits for.
    in_flight: u32,
    phase: Phase,
    token: TokenLife,
    transport: TransportKind,
    _permit: ConnectionPermit,
}

enum Phase {
    Open,
    /// The server restarts: closes as soon as nothing is in flight.
    Draining,
    Closed,
}

/// How the runtime reaches a transport.
pub enum Reach {
    /// By a mailbox that takes all that is for its session.
    Mailbox(Recipient<Outbound>),
    /// Broadcasts are delivered by the shard of its thread, and the actor takes the rest.
    Shard(ShardHandle, WeakRecipient<Outbound>),
}

impl From<Recipient<Outbound>> for Reach {
    /// By its mailbox, and nothing else.
    fn from(mailbox: Recipient<Outbound>) -> Self {
        Self::Mailbox(mailbox)
    }
}

impl Session {
    /// A session for an authorised client whose transport is reached by `reach`; `transport` is its name in metrics.
    pub fn new(
        app: Arc<App>,
        identity: Identity,
        version: Version,
        reach: Reach,
        permit: ConnectionPermit,
        transport: TransportKind,
    ) -> Self {
        let settings = &app.settings.socket;
        let handle = Arc::new(match reach {
            Reach::Mailbox(mailbox) => {
                let bytes_max = settings.outbound_bytes_max.get().unwrap_or(usize::MAX / 2);
                SocketHandle::new(version, mailbox, bytes_max)
            }
            Reach::Shard(shard, actor) => SocketHandle::delivered_by(version, shard, actor),
        });
        // Before the registry starts, which asks for the tenant's settings.
        let tenant = app
            .realtime
            .tenants()
            .put(Arc::clone(&identity.tenant), identity.verified_at);
        let holder = Holder {
            tenant,
            ..identity.into()
        };
        let registry = app.realtime.directory().shared_registry(holder.tenant.id);
        let token = TokenLife::new(holder.expires_at, settings.token_notice);
        app.metrics.connection_opened(transport);
        let mut session = Self {
            socket: phoenix::Socket::new(version, Arc::clone(&app.socket_limits), ROUTES),
            holder: Arc::new(holder),
            handle,
            registry,
            channels: SmallMap::default(),
            actions: VecDeque::new(),
            in_flight: 0,
            phase: Phase::Open,
            token,
            transport,
            app,
            _permit: permit,
        };
        if session.holder.credential.verified_at.elapsed() > REGISTERED_WITHIN {
            // Nobody knows any more whether the token was revoked in between.
            session.handle.end(Disconnect::SignedOut);
        }
        session.register();
        session.wake_at(token.next());
        if session.app.realtime.is_draining() {
            session.handle.end(Disconnect::Restart);
        }
        session
    }

    /// How the runtime reaches the socket.
    pub fn handle(&self) -> &Arc<SocketHandle> {
        &self.handle
    }

    /// The settings of sockets.
    pub(super) fn settings(&self) -> &SocketSettings {
        &self.app.settings.socket
    }

    /// What to do next; to be asked until there is nothing.
    pub fn next_action(&mut self) -> Option<Action> {
        let next = self.actions.pop_front();
        if self.actions.is_empty() {
            // Most sockets are idle most of the time, and need no memory for this then.
            self.actions = VecDeque::new();
        }
        next
    }

    /// A text message from the client.
    pub fn receive_text(&mut self, text: &str) {
        self.heed_end();
        if self.is_open() {
            let received = self.socket.receive_text(text);
            self.received(received);
        }
    }

    /// A binary message from the client.
    pub fn receive_binary(&mut self, data: &bytes::Bytes) {
        self.heed_end();
        if self.is_open() {
            let received = self.socket.receive_binary(data);
            self.received(received);
        }
    }

    fn received(&mut self, received: Result<(), phoenix::DecodeError>) {
        // What was decided before the bad frame is answered first.
        self.pump();
        if let Err(error) = received {
            debug!(%error, "socket closed for an undecodable message");
            self.close(error.close_code());
        }
    }

    /// A job ended, or a moment has come.
    pub fn done(&mut self, done: Done) {
        match done {
            Done::Joined { channel, result, since } => {
                self.in_flight -= 1;
                self.joined(channel, result, since);
            }
            Done::Handled { channel, r#ref, reply } => {
                self.in_flight -= 1;
                self.handled(channel, &r#ref, None, reply.as_ref());
            }
            Done::Stored {
                channel,
                r#ref,
                aside,
                reply,
            } => {
                self.in_flight -= 1;
                self.handled(channel, &r#ref, aside, Some(&reply));
            }
            Done::Crashed(channel) => {
                self.in_flight -= 1;
                warn!("channel crashed");
                self.crash_channel(channel);
            }
            Done::Told => self.in_flight -= 1,
            Done::Due => self.heed_time(),
            Done::Refreshed { channel, r#ref, result } => {
                self.in_flight -= 1;
                self.token_refreshed(channel, &r#ref, result);
            }
        }
        self.heed_end();
        self.pump();
    }

    /// The next moment that something is due by itself. Whoever is told of it ([`Done::Due`]) is not told too late, and
    /// may be told when there is nothing.
    pub fn due(&self) -> Option<Moment> {
        let typing = self.channels.values().filter_map(|channel| channel.typing);
        typing.chain(self.token.next()).min()
    }

    fn wake_at(&mut self, moment: Option<Moment>) {
        self.actions.extend(moment.map(Action::WakeAt));
    }

    fn heed_time(&mut self) {
        let now = Moment::now();
        let silent: Vec<ChannelId> = self
            .channels
            .iter()
            .filter(|(_, channel)| channel.typing.is_some_and(|until| until <= now))
            .map(|(&id, _)| id)
            .collect();
        for id in silent {
            self.end_typing(id);
        }
        self.heed_token(now);
    }

    /// The runtime has something for the socket.
    pub fn outbound(&mut self, outbound: Outbound) {
        self.handle.release(&outbound);
        self.heed_end();
        if !self.is_open() {
            return;
        }
        match outbound {
            Outbound::Broadcast { channel, .. } | Outbound::PresenceState { channel, .. } => {
                self.give(channel, outbound);
            }
            Outbound::EndChannel(channel) => self.channel_ended(channel),
            Outbound::CrashChannel(channel) => self.channel_lost(channel),
            Outbound::RegistryLost => {
                let channels: Vec<_> = self.channels.keys().copied().collect();
                for channel in channels {
                    self.crash_channel(channel);
                }
                self.registry = self.app.realtime.directory().shared_registry(self.holder.tenant.id);
                self.register();
            }
            Outbound::Disconnected => {}
        }
        self.pump();
    }

    /// The transport is gone.
    pub fn stopped(&mut self) {
        self.phase = Phase::Closed;
        self.handle.mark_gone();
        for &id in self.channels.keys() {
            self.at_shard(id, room_shard::remove);
        }
        for channel in self.channels.values().filter(|channel| channel.typing.is_some()) {
            if let Some(key) = channel.key() {
                let member = self.member(key);
                actix::spawn(async move { room_channel::tell_typing(&member, "stop_typing", None).await });
            }
        }
        #[expect(clippy::disallowed_methods, reason = "once per socket, and must not be lost")]
        self.registry.do_send(Gone(self.handle.id()));
    }

    /// Whether something that the client asked for is being done.
    pub fn is_working(&self) -> bool {
        self.in_flight > 0
    }

    /// Whether frames are still read and written.
    pub fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Closed)
    }

    /// Registers with a living registry, when the one known has stopped.
    fn renew_registry(&mut self) {
        if !self.registry.connected() {
            self.registry = self.app.realtime.directory().shared_registry(self.holder.tenant.id);
            self.register();
        }
    }

    fn register(&self) {
        #[expect(
            clippy::disallowed_methods,
            reason = "once per socket and registry, and must not be lost"
        )]
        self.registry.do_send(Register {
            socket: Arc::clone(&self.handle),
            credential: Arc::clone(&self.holder.credential),
        });
    }

    /// Whether what waits to be written may still be: not when the socket ended because it may read nothing more.
    pub fn may_write(&self) -> bool {
        match self.handle.disconnect() {
            None | Some(Disconnect::TooSlow | Disconnect::Restart) => true,
            Some(Disconnect::SignedOut | Disconnect::Revoked | Disconnect::Expired) => false,
        }
    }

    /// Ends the socket if the runtime has decided so, or its token is over.
    fn heed_end(&mut self) {
        if !self.is_open() {
            return;
        }
        if self.token.is_over() {
            self.handle.end(Disconnect::Expired);
        }
        let Some(reason) = self.handle.disconnect() else { return };
        match reason {
            Disconnect::Restart if self.in_flight > 0 => self.phase = Phase::Draining,
            Disconnect::Restart => {
                self.pump();
                self.close(reason.close_code());
            }
            _ => self.close(reason.close_code()),
        }
    }

    fn close(&mut self, code: u16) {
        if self.is_open() {
            self.phase = Phase::Closed;
            self.actions.push_back(Action::Close(code));
        }
    }

    /// Carries out what the protocol machine has decided.
    fn pump(&mut self) {
        while self.is_open() {
            let Some(effect) = self.socket.next_effect() else { break };
            match effect {
                Effect::Send(frame) => self.actions.push_back(Action::Write(frame)),
                Effect::Join {
                    channel,
                    topic,
                    payload,
                } => self.join(channel, topic, &payload),
                Effect::Push {
                    channel,
                    event,
                    payload,
                    r#ref,
                    ..
                } => self.push(channel, &event, &payload, r#ref),
                Effect::End { channel, .. } => self.forget(channel, true),
            }
        }
    }

    /// A rate limit refused something on this socket. A client that goes on and on is not heard any longer.
    fn count_refusal(&mut self) {
        self.take_over_tenant();
        let socket = Subject::Socket(self.handle.id());
        let limits = self.app.realtime.limits();
        if limits
            .check(&self.holder.tenant, Limit::RefusalsPerSocket, socket)
            .is_err()
        {
            debug!("socket closed after too many refusals");
            self.close(close_code::TOO_MANY_REFUSALS);
        }
    }

    fn run(&mut self, job: Job, on_panic: Done) {
        self.in_flight += 1;
        self.actions.push_back(Action::Run { job, on_panic });
    }

    /// Takes over what has been changed about the tenant.
    fn take_over_tenant(&mut self) {
        if let Some(tenant) = self.app.realtime.tenants().get(self.holder.tenant.id)
            && !Arc::ptr_eq(&tenant, &self.holder.tenant)
        {
            Arc::make_mut(&mut self.holder).tenant = tenant;
        }
    }

    /// The user as a participant of a topic.
    fn member(&self, key: TopicKey) -> Member {
        Member {
            app: Arc::clone(&self.app),
            holder: Arc::clone(&self.holder),
            socket: Arc::clone(&self.handle),
            registry: Arc::clone(&self.registry),
            key,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.handle.mark_gone();
        self.app.metrics.connection_closed(self.transport);
    }
}
