//! What happens on one socket, whatever carries its frames.
//!
//! A [`Session`] eats frames, finished jobs and what the runtime tells it, and yields [`Action`]s. The
//! transports ([`super::websocket`], [`super::longpoll`]) are actors that own a session and carry out its
//! actions; both drive the same protocol machine, and neither knows chat.
//!
//! Invariants:
//! * Work that waits (database, registry) runs as a job; its end comes back through the actor's mailbox,
//!   behind every broadcast the job caused, so a sender sees its own broadcast before its reply.
//! * Once the runtime has ended the socket, or its token has, nothing more is read from or written to it.
//! * A session that ends leaves no subscription, presence or typing notice behind.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use actix::{Addr, Recipient};
use futures_util::{FutureExt, future::LocalBoxFuture};
use serde_json::json;
use tracing::{debug, warn};

use self::token::TokenLife;
use super::{
    room_channel::{self, JoinOutcome, JoinRefusal, Member},
    transport::{Action, Done, Job, Reply, TypingNumber, raw},
};
use crate::{
    app::App,
    chat,
    config::Limit,
    metrics::Transport as TransportKind,
    phoenix::{self, ChannelId, Effect, Payload, Ref, SocketLimits, Version, close_code},
    realtime::{
        Refused, Subject,
        connections::ConnectionPermit,
        messages::{Baseline, Gone, Register, Unsubscribe},
        revocations::REGISTERED_WITHIN,
        room_registry::RoomRegistry,
        socket_handle::{Disconnect, Outbound, SocketHandle},
        topic::{ROUTES, Topic, TopicKey},
    },
    web::{
        error::{channel_error, channel_refusal},
        identity::Identity,
    },
};

mod token;

/// One socket: the protocol machine, the chat channels on it, and who is behind it.
pub struct Session {
    app: Arc<App>,
    identity: Arc<Identity>,
    socket: phoenix::Socket,
    handle: Arc<SocketHandle>,
    registry: Addr<RoomRegistry>,
    channels: HashMap<ChannelId, Channel>,
    actions: VecDeque<Action>,
    /// Jobs whose effects a graceful end waits for.
    in_flight: usize,
    phase: Phase,
    token: TokenLife,
    /// The moment that the session is to be woken next about its token.
    token_due: Instant,
    transport: TransportKind,
    _permit: ConnectionPermit,
}

enum Phase {
    Open,
    /// The server restarts: closes as soon as nothing is in flight.
    Draining,
    Closed,
}

struct Channel {
    topic: Arc<str>,
    state: ChannelState,
    typing: Option<TypingNumber>,
    typing_count: TypingNumber,
}

enum ChannelState {
    /// What arrives before the join is answered waits here.
    Joining { held: Vec<Outbound> },
    /// Messages up to `head_seq` have been told as history.
    Joined { key: TopicKey, head_seq: i64 },
}

impl Channel {
    /// What was joined, once it is.
    fn key(&self) -> Option<TopicKey> {
        match self.state {
            ChannelState::Joining { .. } => None,
            ChannelState::Joined { key, .. } => Some(key),
        }
    }
}

impl Session {
    /// A session for an authorised client whose transport listens at `mailbox`; `transport` is its name in
    /// metrics.
    pub fn new(
        app: Arc<App>,
        identity: Identity,
        version: Version,
        mailbox: Recipient<Outbound>,
        permit: ConnectionPermit,
        transport: TransportKind,
    ) -> Self {
        let settings = &app.settings.socket;
        let limits = SocketLimits {
            channels_max: settings.channels_max.get().unwrap_or(usize::MAX),
            queued_max: settings.queued_max.get().unwrap_or(usize::MAX),
            ..SocketLimits::default()
        };
        let bytes_max = settings.outbound_bytes_max.get().unwrap_or(usize::MAX / 2);
        let handle = Arc::new(SocketHandle::new(version, mailbox, bytes_max));
        // Before the registry starts, which asks for the tenant's settings.
        let tenant = app
            .realtime
            .tenants()
            .put(Arc::clone(&identity.tenant), identity.verified_at);
        let identity = Identity { tenant, ..identity };
        let registry = app.realtime.directory().registry(identity.tenant.id);
        let token = TokenLife::new(identity.claims.expires_at, settings.token_notice);
        app.metrics.connection_opened(transport);
        let mut session = Self {
            socket: phoenix::Socket::new(version, limits, ROUTES),
            identity: Arc::new(identity),
            handle,
            registry,
            channels: HashMap::new(),
            actions: VecDeque::new(),
            in_flight: 0,
            phase: Phase::Open,
            token,
            token_due: token.next(),
            transport,
            app,
            _permit: permit,
        };
        if session.identity.verified_at.elapsed() > REGISTERED_WITHIN {
            // Nobody knows any more whether the token was revoked in between.
            session.handle.end(Disconnect::SignedOut);
        }
        session.register();
        session.wake_for_token();
        if session.app.realtime.is_draining() {
            session.handle.end(Disconnect::Restart);
        }
        session
    }

    /// What to do next; to be asked until there is nothing.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
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
                self.handled(channel, &r#ref, reply);
            }
            Done::Crashed(channel) => {
                self.in_flight -= 1;
                warn!("channel crashed");
                self.crash_channel(channel);
            }
            Done::TypingExpired(channel, number) => {
                if self
                    .channels
                    .get(&channel)
                    .is_some_and(|channel| channel.typing == Some(number))
                {
                    self.end_typing(channel);
                }
            }
            Done::Told => self.in_flight -= 1,
            Done::TokenDue(at) => self.token_due(at),
            Done::Refreshed { channel, r#ref, result } => {
                self.in_flight -= 1;
                self.token_refreshed(channel, &r#ref, result);
            }
        }
        self.heed_end();
        self.pump();
    }

    /// A push was handled, and may be answered.
    fn handled(&mut self, channel: ChannelId, r#ref: &Ref, reply: Option<Reply>) {
        let limited = reply.as_ref().is_some_and(|reply| reply.limited);
        if let Some(Reply { status, response, .. }) = reply {
            self.socket.reply(channel, r#ref, status, &response);
        }
        self.socket.handled(channel);
        if limited {
            self.count_refusal();
        }
    }

    /// The runtime has something for the socket.
    pub fn outbound(&mut self, outbound: Outbound) {
        if let Outbound::Broadcast { bytes, .. } = &outbound {
            self.handle.release(*bytes);
        }
        self.heed_end();
        if !self.is_open() {
            return;
        }
        match outbound {
            Outbound::Broadcast { channel, .. } | Outbound::PresenceState { channel, .. } => {
                self.give(channel, outbound);
            }
            Outbound::EndChannel(channel) => {
                self.forget(channel, false);
                if self.socket.is_joined(channel) {
                    self.socket.stop_channel(channel);
                } else {
                    self.socket
                        .refuse_join(channel, raw(&json!({ "reason": "room not found" })));
                }
            }
            Outbound::CrashChannel(channel) => {
                self.forget(channel, false);
                self.crash_on_wire(channel);
            }
            Outbound::RegistryLost => {
                let channels: Vec<_> = self.channels.keys().copied().collect();
                for channel in channels {
                    self.crash_channel(channel);
                }
                self.registry = self.app.realtime.directory().registry(self.identity.tenant.id);
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
        for channel in self.channels.values().filter(|channel| channel.typing.is_some()) {
            if let Some(key) = channel.key() {
                let member = self.member(key);
                actix::spawn(async move { room_channel::tell_typing(&member, "stop_typing", None).await });
            }
        }
        #[expect(clippy::disallowed_methods, reason = "once per socket, and must not be lost")]
        self.registry.do_send(Gone(self.handle.id()));
    }

    /// Whether frames are still read and written.
    pub fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Closed)
    }

    /// Registers with a living registry, when the one known has stopped.
    fn renew_registry(&mut self) {
        if !self.registry.connected() {
            self.registry = self.app.realtime.directory().registry(self.identity.tenant.id);
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
            credential: self.identity.credential(),
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
        if self.token.is_over() {
            self.handle.end(Disconnect::Expired);
        }
        let Some(reason) = self.handle.disconnect() else { return };
        match (reason, &self.phase) {
            (_, Phase::Closed) => {}
            (Disconnect::Restart, _) if self.in_flight > 0 => self.phase = Phase::Draining,
            (Disconnect::Restart, _) => {
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

    fn join(&mut self, channel: ChannelId, topic: Arc<str>, payload: &Payload) {
        self.renew_registry();
        self.take_over_tenant();
        if let Err(refused) = self.check_join_limits() {
            self.socket.refuse_join(channel, raw(&channel_refusal(&refused)));
            self.count_refusal();
            return;
        }
        let own_topic = TopicKey::User(self.identity.user.id);
        let visitor = self.member(own_topic);
        let joining = Arc::clone(&topic);
        let joined = match Topic::parse(&topic) {
            Some(Topic::User(user_id)) if TopicKey::User(user_id) == own_topic => {
                async move { visitor.join_own_topic(channel, joining).await }.boxed_local()
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
            Some(meant) => match super::payloads::join(payload) {
                Ok(since) => async move { visitor.join_room(channel, joining, meant, since).await }.boxed_local(),
                Err(violations) => {
                    let response = channel_error(&chat::Error::Invalid(violations));
                    self.socket.refuse_join(channel, raw(&response));
                    return;
                }
            },
        };
        let state = ChannelState::Joining { held: Vec::new() };
        self.channels.insert(
            channel,
            Channel {
                topic,
                state,
                typing: None,
                typing_count: 0,
            },
        );
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
        let (limits, Identity { tenant, user, .. }) = (self.app.realtime.limits(), &*self.identity);
        limits.check(tenant, Limit::JoinsPerSocket, Subject::Socket(self.handle.id()))?;
        limits.check(tenant, Limit::JoinsPerUser, Subject::User(user.id))?;
        Ok(())
    }

    /// A rate limit refused something on this socket. A client that goes on and on is not heard any longer.
    fn count_refusal(&mut self) {
        self.take_over_tenant();
        let socket = Subject::Socket(self.handle.id());
        let limits = self.app.realtime.limits();
        if limits
            .check(&self.identity.tenant, Limit::RefusalsPerSocket, socket)
            .is_err()
        {
            debug!("socket closed after too many refusals");
            self.close(close_code::TOO_MANY_REFUSALS);
        }
    }

    fn joined(&mut self, id: ChannelId, result: Result<Box<JoinOutcome>, JoinRefusal>, since: Instant) {
        let kind = self
            .channels
            .get(&id)
            .map_or("room", |channel| topic_kind(&channel.topic));
        self.app.metrics.channel_joined(kind, result.is_ok(), since.elapsed());
        match result {
            Ok(outcome) => {
                let JoinOutcome {
                    key,
                    response,
                    history,
                    head_seq,
                } = *outcome;
                let Some(channel) = self.channels.get_mut(&id) else {
                    // Over before it began, yet subscribed by now.
                    self.unsubscribe(id);
                    return;
                };
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

    fn push(&mut self, id: ChannelId, event: &str, payload: &Payload, r#ref: Ref) {
        self.take_over_tenant();
        let Some((key, was_typing)) = self
            .channels
            .get(&id)
            .and_then(|channel| Some((channel.key()?, channel.typing.is_some())))
        else {
            self.socket.handled(id);
            return;
        };
        if event == "token_refresh" && matches!(key, TopicKey::User(_)) {
            self.refresh_token(id, payload, r#ref);
            return;
        }
        let member = self.member(key);
        let except = Some((self.handle.id(), id));
        let in_room = matches!(key, TopicKey::Room(_));
        let job: LocalBoxFuture<'static, Option<Reply>> = match event {
            "new_message" | "message:new" if in_room => {
                if let Some(channel) = self.channels.get_mut(&id) {
                    channel.typing = None;
                }
                let message = match event {
                    "new_message" => super::payloads::new_message(payload),
                    _ => super::payloads::aliased_message(payload),
                };
                async move {
                    let reply = room_channel::send_message(&member, message).await;
                    if was_typing {
                        room_channel::tell_typing(&member, "stop_typing", except).await;
                    }
                    Some(reply)
                }
                .boxed_local()
            }
            "typing" if in_room => {
                if let Err(error) = self.app.realtime.check_typing(&member.identity.sender()) {
                    async move { Some(Reply::send_error(&error)) }.boxed_local()
                } else {
                    self.start_typing(id);
                    async move {
                        room_channel::tell_typing(&member, "typing", except).await;
                        None
                    }
                    .boxed_local()
                }
            }
            "stop_typing" if in_room => {
                if let Some(channel) = self.channels.get_mut(&id) {
                    channel.typing = None;
                }
                async move {
                    room_channel::tell_typing(&member, "stop_typing", except).await;
                    None
                }
                .boxed_local()
            }
            "load_more_messages" if in_room => {
                let query = super::payloads::load_more(payload, self.app.settings.socket.history_limit);
                async move { Some(room_channel::load_more(&member, query).await) }.boxed_local()
            }
            event if in_room => match room_channel::change(event, payload) {
                Some(change) => async move { Some(room_channel::make(&member, change).await) }.boxed_local(),
                None => unknown_event(),
            },
            _ => unknown_event(),
        };
        let job = job.map(move |reply| Done::Handled {
            channel: id,
            r#ref,
            reply,
        });
        self.run(job.boxed_local(), Done::Crashed(id));
    }

    fn start_typing(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(&id) else {
            return;
        };
        channel.typing_count += 1;
        channel.typing = Some(channel.typing_count);
        let expired = Done::TypingExpired(id, channel.typing_count);
        self.actions
            .push_back(Action::Later(self.app.settings.socket.typing_timeout, expired));
    }

    fn end_typing(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(&id) else {
            return;
        };
        let (Some(key), Some(_)) = (channel.key(), channel.typing.take()) else {
            return;
        };
        let member = self.member(key);
        let except = Some((self.handle.id(), id));
        let job = async move {
            room_channel::tell_typing(&member, "stop_typing", except).await;
            Done::Told
        };
        self.run(job.boxed_local(), Done::Told);
    }

    /// Gives a joined channel what is for it, or keeps it until the join is answered.
    fn give(&mut self, id: ChannelId, outbound: Outbound) {
        let held_max = SocketLimits::default().held_max;
        let Some(channel) = self.channels.get_mut(&id) else {
            return;
        };
        match (&mut channel.state, outbound) {
            (ChannelState::Joining { held }, outbound) if held.len() < held_max => held.push(outbound),
            (ChannelState::Joining { .. }, _) => self.crash_channel(id),
            (ChannelState::Joined { head_seq, .. }, Outbound::Broadcast { broadcast, seq, .. }) => {
                if seq.is_none_or(|seq| seq > *head_seq) {
                    self.socket.deliver(id, &broadcast);
                }
            }
            (ChannelState::Joined { .. }, Outbound::PresenceState { state, .. }) => {
                self.socket.push(id, "presence_state", &Payload::Json(state));
            }
            (ChannelState::Joined { .. }, _) => {}
        }
    }

    /// The channel failed; its client rejoins.
    fn crash_channel(&mut self, id: ChannelId) {
        self.forget(id, true);
        self.crash_on_wire(id);
    }

    fn crash_on_wire(&mut self, id: ChannelId) {
        if self.socket.is_joined(id) {
            self.socket.crash_channel(id);
        } else {
            self.socket.crash_join(id);
        }
    }

    /// Drops what the session knows of a channel, and its subscription where the registry still has it.
    fn forget(&mut self, id: ChannelId, subscribed: bool) {
        self.end_typing(id);
        if self.channels.remove(&id).is_some() && subscribed {
            self.unsubscribe(id);
        }
    }

    fn unsubscribe(&self, channel: ChannelId) {
        #[expect(clippy::disallowed_methods, reason = "once per channel, and must not be lost")]
        self.registry.do_send(Unsubscribe {
            socket_id: self.handle.id(),
            channel,
        });
    }

    fn run(&mut self, job: Job, on_panic: Done) {
        self.in_flight += 1;
        self.actions.push_back(Action::Run { job, on_panic });
    }

    /// Takes over what has been changed about the tenant.
    fn take_over_tenant(&mut self) {
        if let Some(tenant) = self.app.realtime.tenants().get(self.identity.tenant.id)
            && !Arc::ptr_eq(&tenant, &self.identity.tenant)
        {
            Arc::make_mut(&mut self.identity).tenant = tenant;
        }
    }

    /// The user as a participant of a topic.
    fn member(&self, key: TopicKey) -> Member {
        Member {
            app: Arc::clone(&self.app),
            identity: Arc::clone(&self.identity),
            socket: Arc::clone(&self.handle),
            registry: self.registry.clone(),
            key,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.app.metrics.connection_closed(self.transport);
    }
}

fn unknown_event() -> LocalBoxFuture<'static, Option<Reply>> {
    async { Some(Reply::error(&json!({ "reason": "unknown_event" }))) }.boxed_local()
}

fn topic_kind(topic: &str) -> &'static str {
    match topic.split_once(':') {
        Some(("dm", _)) => "dm",
        Some(("user", _)) => "user",
        _ => "room",
    }
}
