//! The live channels of one socket.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::aside::SetAside;
use super::frame::{Frame, Payload, Ref};
use super::socket::ChannelId;
use crate::small_map::SmallMap;

#[derive(Debug)]
pub(super) struct Channel {
    pub(super) topic: Arc<str>,
    /// Null when the join came without one; any join_ref is accepted then (protocol §3.4).
    pub(super) join_ref: Ref,
    pub(super) phase: Phase,
    /// Messages behind the join or the push that is being handled. Empty when the channel is idle.
    pub(super) waiting: VecDeque<Message>,
}

#[derive(Debug)]
pub(super) enum Phase {
    Joining(Box<Joining>),
    Joined {
        /// With a push that is not handled and not set aside.
        busy: bool,
        /// Pushes whose answers are still to come, if there are any, and the answers that come after theirs.
        aside: Option<Box<SetAside>>,
    },
}

impl Phase {
    /// Joined, with nothing in hand.
    pub(super) const IDLE: Phase = Phase::Joined {
        busy: false,
        aside: None,
    };
}

/// What has to be remembered until a join is decided.
#[derive(Debug)]
pub(super) struct Joining {
    pub(super) r#ref: Ref,
    /// join_ref of the channel this join replaced: its `phx_close` follows the join reply (protocol §4.4).
    pub(super) replaced: Option<Ref>,
    /// What the server wants to send on this channel, to go out after the join reply (protocol §5.4).
    pub(super) held: Vec<Frame>,
}

/// A message of the client for one topic.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) join_ref: Ref,
    pub(super) r#ref: Ref,
    pub(super) request: Request,
    /// Its size on the wire.
    pub(super) bytes: usize,
}

#[derive(Debug)]
pub(super) enum Request {
    Join(Payload),
    Leave,
    Push { event: String, payload: Payload },
}

impl Channel {
    /// Whether the message means this channel and no earlier one (protocol §3.3).
    pub(super) fn accepts(&self, message: &Message) -> bool {
        message.join_ref.is_null() || self.join_ref.is_null() || message.join_ref == self.join_ref
    }

    pub(super) fn is_joined(&self) -> bool {
        matches!(self.phase, Phase::Joined { .. })
    }

    /// Whether a new message has to wait for its turn. `at_once` pushes may be in hand.
    pub(super) fn makes_wait(&self, message: &Message, at_once: u16) -> bool {
        match message.request {
            Request::Join(_) => !self.is_joined() || self.waiting.iter().any(|earlier| self.ends_by(earlier)),
            Request::Leave | Request::Push { .. } => {
                !self.waiting.is_empty() || !self.has_turn_for(&message.request, at_once)
            }
        }
    }

    /// Whether a message may be taken up that all earlier ones were before.
    pub(super) fn has_turn_for(&self, request: &Request, at_once: u16) -> bool {
        match (&self.phase, request) {
            (
                Phase::Joined {
                    busy: false,
                    aside: None,
                },
                _,
            ) => true,
            (
                Phase::Joined {
                    busy: false,
                    aside: Some(aside),
                },
                Request::Push { event, .. },
            ) => aside.admits(event, at_once),
            _ => false,
        }
    }

    /// Whether this channel will be over when the waiting message is dispatched.
    pub(super) fn ends_by(&self, message: &Message) -> bool {
        match message.request {
            Request::Join(_) => true,
            Request::Leave => self.accepts(message),
            Request::Push { .. } => false,
        }
    }
}

/// Channels by id, and by topic: a topic has at most one.
#[derive(Debug, Default)]
pub(super) struct Channels {
    by_id: SmallMap<ChannelId, Channel>,
    /// Of all channels, as soon as they are too many to look through.
    #[expect(
        clippy::box_collection,
        reason = "most sockets have none, and each pays for its place"
    )]
    by_topic: Option<Box<HashMap<Arc<str>, ChannelId>>>,
}

impl Channels {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn id_of(&self, topic: &str) -> Option<ChannelId> {
        match &self.by_topic {
            Some(by_topic) => by_topic.get(topic).copied(),
            None => self.iter().find(|(_, known)| *known == topic).map(|(id, _)| id),
        }
    }

    pub(super) fn get(&self, id: ChannelId) -> Option<&Channel> {
        self.by_id.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: ChannelId) -> Option<&mut Channel> {
        self.by_id.get_mut(&id)
    }

    /// Adds a channel whose topic has none.
    pub(super) fn insert(&mut self, id: ChannelId, channel: Channel) {
        let topic = Arc::clone(&channel.topic);
        self.by_id.insert(id, channel);
        if let Some(by_topic) = &mut self.by_topic {
            by_topic.insert(topic, id);
        } else if self.by_id.is_large() {
            let topics = self.by_id.iter().map(|(&id, channel)| (Arc::clone(&channel.topic), id));
            self.by_topic = Some(Box::new(topics.collect()));
        }
    }

    pub(super) fn remove(&mut self, id: ChannelId) -> Option<Channel> {
        let removed = self.by_id.remove(&id)?;
        if !self.by_id.is_large() {
            self.by_topic = None;
        } else if let Some(by_topic) = &mut self.by_topic {
            by_topic.remove(&removed.topic);
        }
        Some(removed)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ChannelId, &str)> {
        self.by_id.iter().map(|(&id, channel)| (id, &*channel.topic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(topic: &str) -> Channel {
        Channel {
            topic: topic.into(),
            join_ref: Ref::NULL,
            phase: Phase::IDLE,
            waiting: VecDeque::new(),
        }
    }

    #[test]
    fn few_and_many_channels_are_found_alike() {
        let mut channels = Channels::default();
        let topics: Vec<String> = (0..50).map(|number| format!("room:{number}")).collect();
        let id = |number: usize| ChannelId::nth(number as u64);
        for (number, topic) in topics.iter().enumerate() {
            channels.insert(id(number), channel(topic));
            assert_eq!(channels.len(), number + 1);
            assert_eq!(channels.iter().count(), number + 1);
            for (earlier, topic) in topics[..=number].iter().enumerate() {
                assert_eq!(channels.id_of(topic), Some(id(earlier)));
                assert_eq!(
                    channels.get(id(earlier)).map(|channel| &*channel.topic),
                    Some(topic.as_str())
                );
                assert!(channels.get_mut(id(earlier)).is_some());
            }
        }
        for (number, topic) in topics.iter().enumerate() {
            assert_eq!(
                channels.remove(id(number)).map(|channel| channel.topic.to_string()),
                Some(topic.clone())
            );
            assert!(channels.remove(id(number)).is_none() && channels.id_of(topic).is_none());
            assert_eq!(channels.len(), topics.len() - number - 1);
        }
        assert!(channels.by_topic.is_none());
    }

    /// What a socket on one topic is made of; each byte of it is paid as often as there are sockets.
    #[test]
    fn a_channel_is_small() {
        assert!(
            size_of::<(ChannelId, Channel)>() <= 104,
            "{}",
            size_of::<(ChannelId, Channel)>()
        );
        assert!(
            size_of::<super::super::Socket>() <= 120,
            "{}",
            size_of::<super::super::Socket>()
        );
        assert_eq!(size_of::<Ref>(), 24);
    }
}
