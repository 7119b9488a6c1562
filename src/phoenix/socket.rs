//! One socket and its channels, as a state machine (protocol §3, §4, §5, §6.1, §7).
//!
//! ```text
//!              phx_join                accept_join
//!   unjoined ───────────▶ joining ──────────────────▶ joined: idle ⇄ busy with one push
//!      ▲                     │ refuse_join, crash_join    │ phx_leave, stop, crash
//!      └─────────────────────┴────────────────────────────┘
//! ```
//!
//! What arrives for a topic that is joining or busy waits in its channel, in order, and is judged when its turn
//! comes. Two things do not wait: heartbeats, and a join of a topic whose joined channel is only busy with
//! pushes: that one replaces the channel at once (protocol §4.4).
//!
//! A push that takes long, and whose effects have their place in the order already, can be set aside
//! ([`Socket::set_aside`]): the next one of the same event begins, and the answers keep the order of the pushes. All
//! else waits until everything that was set aside is answered.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::aside::{Aside, SetAside};
use super::broadcast::Broadcast;
use super::channels::{Channel, Channels, Joining, Message, Phase};
use super::encode::{self, Topic};
use super::frame::{DecodeError, Frame, Payload, Ref, decode_binary, decode_text};
use super::version::Version;

mod receiving;

/// Most bytes of messages that wait in one socket; reaching it counts as reaching
/// [`SocketLimits::queued_max`]. Room for one message of the largest usual size (protocol §6.5, 1009).
pub const QUEUED_BYTES_MAX: usize = 8_000_000;

const UNMATCHED_TOPIC: &str = r#"{"reason":"unmatched topic"}"#;
const JOIN_CRASHED: &str = r#"{"reason":"join crashed"}"#;
const CHANNEL_CRASHED: &str = r#"{"reason":"channel_crash"}"#;
const EMPTY: &str = "{}";

/// Names a channel within its socket; never used twice, so a late answer cannot reach another channel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ChannelId(u64);

#[cfg(test)]
impl ChannelId {
    pub(super) fn nth(number: u64) -> ChannelId {
        ChannelId(number)
    }
}

/// Bounds of one socket.
#[derive(Clone, Copy, Debug)]
pub struct SocketLimits {
    /// Topics joined or being joined at once; further joins get an error reply (protocol §4.2).
    pub channels_max: usize,
    /// Messages of the client that wait behind joins and handlers, over all channels. At the bound a push gets
    /// the error reply `overloaded`, anything else is [`DecodeError::Overloaded`].
    pub queued_max: usize,
    /// Frames of the server held for one channel while its join is decided. At the bound ephemeral broadcasts
    /// are dropped; anything else fails the join, so that the client joins anew.
    pub held_max: usize,
    /// Pushes of one channel that may be in hand at once, where they are [set aside](Socket::set_aside).
    pub at_once: u16,
    /// Bytes of a topic.
    pub topic_bytes_max: usize,
    /// Bytes of an event.
    pub event_bytes_max: u16,
}

impl Default for SocketLimits {
    fn default() -> Self {
        SocketLimits {
            channels_max: 100,
            queued_max: 128,
            held_max: 256,
            at_once: 64,
            topic_bytes_max: 1024,
            event_bytes_max: 255,
        }
    }
}

/// What the socket wants done, in this order. Drained with [`Socket::next_effect`].
#[derive(Debug)]
pub enum Effect {
    /// Send this to the client.
    Send(Frame),
    /// Decide on this join: [`Socket::accept_join`], [`Socket::refuse_join`] or [`Socket::crash_join`].
    Join {
        /// The new channel.
        channel: ChannelId,
        /// The topic it asks for; it matches one of the routes.
        topic: Arc<str>,
        /// The client's join params, any JSON value.
        payload: Payload,
    },
    /// Handle this message, then call [`Socket::handled`], or [`Socket::set_aside`] and later [`Socket::answer`]; the
    /// channel's next one waits for that. An [`Effect::End`] of the channel may follow before it is handled: the answer
    /// is ignored then.
    Push {
        /// The joined channel it was sent to.
        channel: ChannelId,
        /// The channel's topic.
        topic: Arc<str>,
        /// Any event but `phx_join` and `phx_leave`.
        event: String,
        /// The client's payload, any JSON value or bytes.
        payload: Payload,
        /// Give this to [`Socket::reply`].
        r#ref: Ref,
    },
    /// The channel ended without the application's doing: left, replaced by another join of its topic, or failed
    /// because too many frames were held. Unsubscribe and untrack it, cancel its work.
    /// Not emitted after a refusal, a stop or a crash, which the application itself asked for.
    End {
        /// The channel that is no more.
        channel: ChannelId,
        /// Its topic; another channel of the socket may follow on it.
        topic: Arc<str>,
    },
}

/// One connection of a client: eats frames and the application's answers, yields [`Effect`]s.
///
/// After each call, drain [`Socket::next_effect`]. Calls that name a [`ChannelId`] no longer alive do nothing.
/// When the connection is gone, end everything in [`Socket::channels`] and drop the socket: a closed socket
/// says nothing more (protocol §4.6).
#[derive(Debug)]
pub struct Socket {
    version: Version,
    /// Shared, for there are many sockets.
    limits: Arc<SocketLimits>,
    routes: &'static [&'static str],
    channels: Channels,
    next_id: u64,
    /// Messages, and their bytes, in all `Channel::waiting`.
    queued: usize,
    queued_bytes: usize,
    effects: VecDeque<Effect>,
}

impl Socket {
    /// A socket that just connected. `routes` are the topics that can be joined: exact ones, or prefixes that
    /// end in `*` (protocol §4.1).
    pub fn new(version: Version, limits: impl Into<Arc<SocketLimits>>, routes: &'static [&'static str]) -> Socket {
        Socket {
            version,
            limits: limits.into(),
            routes,
            channels: Channels::default(),
            next_id: 0,
            queued: 0,
            queued_bytes: 0,
            effects: VecDeque::new(),
        }
    }

    /// The version it speaks.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Takes a text frame. On an error the caller closes the socket with [`DecodeError::close_code`]; nothing of
    /// the frame took effect (protocol §7).
    pub fn receive_text(&mut self, text: &str) -> Result<(), DecodeError> {
        self.receive(decode_text(self.version, text)?, text.len())
    }

    /// Takes a binary frame; errors as for [`Socket::receive_text`].
    pub fn receive_binary(&mut self, data: &Bytes) -> Result<(), DecodeError> {
        self.receive(decode_binary(self.version, data)?, data.len())
    }

    /// What to do next. `None` until something else is received or answered.
    pub fn next_effect(&mut self) -> Option<Effect> {
        pop_and_free(&mut self.effects)
    }

    /// The join is granted: its reply goes out, then what was held and what waits (protocol §4.2, §4.4).
    /// `response` should be an object.
    #[expect(
        clippy::boxed_local,
        clippy::needless_pass_by_value,
        reason = "an answer is given away"
    )]
    pub fn accept_join(&mut self, channel: ChannelId, response: Box<RawValue>) {
        let Some(state) = self.channels.get_mut(channel) else {
            return;
        };
        let Phase::Joining(_) = state.phase else { return };
        let Phase::Joining(joining) = std::mem::replace(&mut state.phase, Phase::IDLE) else {
            return;
        };
        let (join_ref, topic) = (state.join_ref.clone(), Arc::clone(&state.topic));
        self.send_reply(&join_ref, &joining.r#ref, &topic, "ok", response.get());
        if let Some(replaced) = joining.replaced {
            self.send_control(&replaced, &topic, "phx_close", EMPTY);
        }
        self.effects.extend(joining.held.into_iter().map(Effect::Send));
        self.pump(channel);
    }

    /// The application says no, and why: `response` is an object like `{"reason":"unauthorized"}`. The topic is
    /// unjoined afterwards (protocol §4.2).
    #[expect(
        clippy::boxed_local,
        clippy::needless_pass_by_value,
        reason = "an answer is given away"
    )]
    pub fn refuse_join(&mut self, channel: ChannelId, response: Box<RawValue>) {
        self.fail_join(channel, response.get(), false);
    }

    /// The join could not be decided; the client will try again (protocol §4.2, "join crashed").
    pub fn crash_join(&mut self, channel: ChannelId) {
        self.fail_join(channel, JOIN_CRASHED, false);
    }

    /// Answers the push whose ref is `to`: `status` is `ok` or `error`, `response` an object. May come after
    /// [`Socket::handled`]; sent behind the answers of what is set aside, and never once the channel has ended
    /// (protocol §4.6).
    pub fn reply(&mut self, channel: ChannelId, to: &Ref, status: &str, response: &RawValue) {
        if let Some(frame) = self.encode_reply(channel, to, status, response) {
            self.send_in_order(channel, frame);
        }
    }

    /// Answers with bytes (protocol §2.4). False, and nothing is sent, when that cannot be: a V1 socket, or a
    /// topic, ref or status of more than 255 bytes. True for a channel that has ended.
    #[must_use]
    pub fn reply_binary(&mut self, channel: ChannelId, to: &Ref, status: &str, data: &[u8]) -> bool {
        let Some(state) = self.channels.get(channel) else {
            return true;
        };
        if self.version == Version::V1 {
            return false;
        }
        let Some(frame) = encode::binary_reply(&state.join_ref, to, &state.topic, status, data) else {
            return false;
        };
        self.send_in_order(channel, frame);
        true
    }

    /// Sends an event to this channel only; held while its join is undecided (protocol §2.3, §5.4). JSON should
    /// be an object. Binary is skipped where it cannot be sent: on V1, or with a topic or event over 255 bytes.
    pub fn push(&mut self, channel: ChannelId, event: &str, payload: &Payload) {
        let Some(state) = self.channels.get(channel) else {
            return;
        };
        if let Some(frame) = encode::push(self.version, &state.join_ref, &state.topic, event, payload) {
            self.send_or_hold(channel, frame, false);
        }
    }

    /// Sends a broadcast of the channel's topic; held and skipped like a push.
    pub fn deliver(&mut self, channel: ChannelId, broadcast: &Broadcast) {
        if self.channels.get(channel).is_some()
            && let Some(frame) = broadcast.frame(self.version)
        {
            self.send_or_hold(channel, frame, broadcast.is_ephemeral());
        }
    }

    /// The handler of the channel's last [`Effect::Push`] is done; its next message may go (protocol §5.1).
    pub fn handled(&mut self, channel: ChannelId) {
        if let Some(state) = self.channels.get_mut(channel)
            && let Phase::Joined { busy, .. } = &mut state.phase
        {
            *busy = false;
            self.pump(channel);
        }
    }

    /// The last [`Effect::Push`] of the channel will be answered later, by [`Socket::answer`]: what it does has its
    /// place among what the next ones do. The next one may go, if it is of the event `next` and not more than
    /// [`SocketLimits::at_once`] are in hand. `None` when no push of the channel is being handled.
    pub fn set_aside(&mut self, channel: ChannelId, next: &'static str) -> Option<Aside> {
        let id = Aside(self.next_id);
        match &mut self.channels.get_mut(channel)?.phase {
            Phase::Joined { busy, aside } if *busy => {
                *busy = false;
                aside.get_or_insert_with(|| Box::new(SetAside::new(next))).add(id, next);
            }
            Phase::Joining(_) | Phase::Joined { .. } => return None,
        }
        self.next_id += 1;
        self.pump(channel);
        Some(id)
    }

    /// Answers a push that was set aside, once, as soon as all before it are answered. `reply` is as for
    /// [`Socket::reply`]: the push's ref, a status and a response; without it nothing is said.
    pub fn answer(&mut self, channel: ChannelId, aside: Aside, reply: Option<(&Ref, &str, &RawValue)>) {
        let frame = reply.and_then(|(to, status, response)| self.encode_reply(channel, to, status, response));
        let Some(state) = self.channels.get_mut(channel) else {
            return;
        };
        let Phase::Joined { aside: waits, .. } = &mut state.phase else {
            return;
        };
        let Some(set_aside) = waits else { return };
        set_aside.answer(aside, frame);
        while let Some(frame) = set_aside.take_given() {
            self.effects.push_back(Effect::Send(frame));
        }
        if set_aside.is_empty() {
            *waits = None;
        }
        self.pump(channel);
    }

    /// Ends the channel normally: `phx_close`, and the client does not rejoin (protocol §4.6). An undecided join
    /// fails as crashed, since its client waits for an answer.
    pub fn stop_channel(&mut self, channel: ChannelId) {
        self.end_by_application(channel, "phx_close", EMPTY);
    }

    /// Ends the channel abnormally: `phx_error`, and the client rejoins (protocol §4.6). An undecided join fails
    /// as crashed.
    pub fn crash_channel(&mut self, channel: ChannelId) {
        self.end_by_application(channel, "phx_error", CHANNEL_CRASHED);
    }

    /// The topic of a live channel.
    pub fn channel_topic(&self, channel: ChannelId) -> Option<&str> {
        self.channels.get(channel).map(|state| &*state.topic)
    }

    /// The live channel of a topic, joined or being joined.
    pub fn channel_of(&self, topic: &str) -> Option<ChannelId> {
        self.channels.id_of(topic)
    }

    /// Whether the channel is alive and its join was accepted.
    pub fn is_joined(&self, channel: ChannelId) -> bool {
        self.channels.get(channel).is_some_and(Channel::is_joined)
    }

    /// All live channels with their topics, joined or being joined, in no order.
    pub fn channels(&self) -> impl Iterator<Item = (ChannelId, &str)> {
        self.channels.iter()
    }

    /// How many messages of the client wait behind joins and handlers.
    pub fn queued(&self) -> usize {
        self.queued
    }

    // Channels.

    fn start_join(
        &mut self,
        topic: Arc<str>,
        join_ref: Ref,
        joining: Joining,
        payload: Payload,
        waiting: VecDeque<Message>,
    ) {
        let id = ChannelId(self.next_id);
        self.next_id += 1;
        let phase = Phase::Joining(Box::new(joining));
        self.channels.insert(
            id,
            Channel {
                topic: Arc::clone(&topic),
                join_ref,
                phase,
                waiting,
            },
        );
        self.effects.push_back(Effect::Join {
            channel: id,
            topic,
            payload,
        });
    }

    /// Answers an undecided join with an error. `tell` the application when it was not its own decision.
    fn fail_join(&mut self, id: ChannelId, response: &str, tell: bool) {
        if self.channels.get(id).is_none_or(Channel::is_joined) {
            return;
        }
        let Some(failed) = self.channels.remove(id) else { return };
        let Phase::Joining(joining) = failed.phase else { return };
        self.send_reply(&failed.join_ref, &joining.r#ref, &failed.topic, "error", response);
        if let Some(replaced) = joining.replaced {
            self.send_control(&replaced, &failed.topic, "phx_close", EMPTY);
        }
        if tell {
            self.effects.push_back(Effect::End {
                channel: id,
                topic: Arc::clone(&failed.topic),
            });
        }
        self.take_up(&failed.topic, failed.waiting);
    }

    fn end_by_application(&mut self, id: ChannelId, event: &str, payload: &str) {
        if !self.is_joined(id) {
            return self.crash_join(id);
        }
        let Some(ended) = self.channels.remove(id) else { return };
        self.send_control(&ended.join_ref, &ended.topic, event, payload);
        self.take_up(&ended.topic, ended.waiting);
    }

    // Frames for the client.

    /// Sends a frame of a channel, or holds it back until the join reply is out.
    fn send_or_hold(&mut self, id: ChannelId, frame: Frame, ephemeral: bool) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        match &mut channel.phase {
            Phase::Joined { .. } => self.effects.push_back(Effect::Send(frame)),
            Phase::Joining(joining) if joining.held.len() < self.limits.held_max => joining.held.push(frame),
            Phase::Joining(_) if ephemeral => {}
            Phase::Joining(_) => self.fail_join(id, JOIN_CRASHED, true),
        }
    }

    /// Sends the answer of a push, or holds it back until those before it are out.
    fn send_in_order(&mut self, id: ChannelId, frame: Frame) {
        if let Some(state) = self.channels.get_mut(id)
            && let Phase::Joined {
                aside: Some(set_aside), ..
            } = &mut state.phase
        {
            set_aside.hold(Aside(self.next_id), frame);
            self.next_id += 1;
        } else {
            self.send_or_hold(id, frame, false);
        }
    }

    fn encode_reply(&self, id: ChannelId, to: &Ref, status: &str, response: &RawValue) -> Option<Frame> {
        let state = self.channels.get(id)?;
        let topic = Topic::Text(&state.topic);
        let frame = encode::reply(self.version, &state.join_ref, to, topic, status, response.get());
        Some(frame)
    }

    fn send_reply(&mut self, join_ref: &Ref, r#ref: &Ref, topic: &str, status: &str, response: &str) {
        let frame = encode::reply(self.version, join_ref, r#ref, Topic::Text(topic), status, response);
        self.effects.push_back(Effect::Send(frame));
    }

    fn send_unmatched(&mut self, r#ref: &Ref, topic: Topic<'_>) {
        let frame = encode::reply(self.version, &Ref::NULL, r#ref, topic, "error", UNMATCHED_TOPIC);
        self.effects.push_back(Effect::Send(frame));
    }

    fn send_control(&mut self, join_ref: &Ref, topic: &str, event: &str, payload: &str) {
        let frame = encode::control(self.version, join_ref, topic, event, payload);
        self.effects.push_back(Effect::Send(frame));
    }
}

/// Takes the first element; with the last one the queue's memory goes. Most queues of a socket are empty most of the
/// time, and there are many sockets.
fn pop_and_free<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let first = queue.pop_front();
    if queue.is_empty() {
        *queue = VecDeque::new();
    }
    first
}
