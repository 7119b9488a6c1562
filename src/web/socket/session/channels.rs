//! The channels on a socket: what is given to them, what is kept until their join is answered, and how they end.
//!
//! Invariants:
//! * Nothing is told on a channel before its join is answered, and nothing twice: what the join has told as history is
//!   left out.
//! * What is kept is bounded; a channel with more than that crashes, and its client rejoins.
//! * A channel that is forgotten is in neither registry nor shard any more, and nobody is typing there.

use serde_json::json;

use super::Session;
use crate::{
    moment::Moment,
    phoenix::{ChannelId, Payload, SocketLimits},
    realtime::{
        messages::{ChannelKey, Unsubscribe},
        room_shard,
        socket_handle::Outbound,
        topic::TopicKey,
    },
    web::socket::transport::{Action, raw},
};

/// Small, for there is one for each channel of each socket.
pub(super) struct Channel {
    pub state: ChannelState,
    /// Until when the typing notice stands that others have been given, if there is one.
    pub typing: Option<Moment>,
}

pub(super) enum ChannelState {
    /// What arrives before the join is answered waits here.
    Joining { held: Vec<Outbound> },
    /// Messages up to `head_seq` have been told as history.
    Joined { key: TopicKey, head_seq: i64 },
}

impl Channel {
    /// What was joined, once it is.
    pub fn key(&self) -> Option<TopicKey> {
        match self.state {
            ChannelState::Joining { .. } => None,
            ChannelState::Joined { key, .. } => Some(key),
        }
    }
}

impl Session {
    /// Gives a joined channel what is for it, or keeps it until the join is answered.
    pub(super) fn give(&mut self, id: ChannelId, outbound: Outbound) {
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
            (&mut ChannelState::Joined { key, .. }, Outbound::PresenceState { .. })
                if room_shard::has_lost(key, (self.handle.id(), id)) =>
            {
                self.crash_channel(id);
            }
            (&mut ChannelState::Joined { key, .. }, Outbound::PresenceState { state, .. }) => {
                self.socket.push(id, "presence_state", &Payload::Json(state));
                self.release(key, id, None);
            }
            (ChannelState::Joined { .. }, _) => {}
        }
    }

    /// The channel failed; its client rejoins.
    pub(super) fn crash_channel(&mut self, id: ChannelId) {
        self.forget(id, true);
        self.crash_on_wire(id);
    }

    /// The registry has ended the channel, and has it no longer.
    pub(super) fn channel_ended(&mut self, id: ChannelId) {
        self.at_shard(id, room_shard::leave);
        self.forget(id, false);
        if self.socket.is_joined(id) {
            self.socket.stop_channel(id);
        } else {
            self.socket.refuse_join(id, raw(&json!({ "reason": "room not found" })));
        }
    }

    /// The registry cannot go on with the channel, and has it no longer; its client rejoins.
    pub(super) fn channel_lost(&mut self, id: ChannelId) {
        self.at_shard(id, room_shard::leave);
        self.forget(id, false);
        self.crash_on_wire(id);
    }

    fn crash_on_wire(&mut self, id: ChannelId) {
        if self.socket.is_joined(id) {
            self.socket.crash_channel(id);
        } else {
            self.socket.crash_join(id);
        }
    }

    /// What a channel was held for is said: it is given what has come meanwhile, and what comes.
    pub(super) fn release(&mut self, key: TopicKey, id: ChannelId, head_seq: Option<i64>) {
        if self.handle.shard().is_some() {
            self.pump();
            self.actions.push_back(Action::Release {
                key,
                channel: (self.handle.id(), id),
                head_seq,
            });
        }
    }

    /// Has something done for a joined channel by what delivers to it, if that is not this session.
    pub(super) fn at_shard(&self, id: ChannelId, action: fn(TopicKey, ChannelKey)) {
        let key = self.channels.get(&id).and_then(Channel::key);
        if let (Some(_), Some(key)) = (self.handle.shard(), key) {
            action(key, (self.handle.id(), id));
        }
    }

    /// Drops what the session knows of a channel, and its subscription where the registry still has it.
    pub(super) fn forget(&mut self, id: ChannelId, subscribed: bool) {
        self.end_typing(id);
        self.at_shard(id, room_shard::remove);
        if self.channels.remove(&id).is_some() && subscribed {
            self.unsubscribe(id);
        }
    }

    pub(super) fn unsubscribe(&self, channel: ChannelId) {
        #[expect(clippy::disallowed_methods, reason = "once per channel, and must not be lost")]
        self.registry.do_send(Unsubscribe {
            socket_id: self.handle.id(),
            channel,
        });
    }
}
