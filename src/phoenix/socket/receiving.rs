//! What a client sends: judged at once, or in its turn.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::channels::{Joining, Message, Phase, Request};
use super::super::encode::Topic;
use super::super::frame::{DecodeError, Inbound, Name, Ref};
use super::{ChannelId, EMPTY, Effect, QUEUED_BYTES_MAX, Socket, pop_and_free};

const TOO_MANY_CHANNELS: &str = r#"{"reason":"too many channels joined"}"#;
const OVERLOADED: &str = r#"{"reason":"overloaded"}"#;

impl Socket {
    pub(super) fn receive(&mut self, inbound: Inbound, bytes: usize) -> Result<(), DecodeError> {
        let Inbound {
            join_ref,
            r#ref,
            topic,
            event,
            payload,
        } = inbound;
        topic.check_len(self.limits.topic_bytes_max)?;
        event.check_len(usize::from(self.limits.event_bytes_max))?;
        let (Name::Text(topic), Name::Text(event)) = (&topic, event) else {
            self.send_unmatched(&r#ref, Topic::from(&topic));
            return Ok(());
        };
        if topic == "phoenix" && event == "heartbeat" {
            self.send_reply(&Ref::NULL, &r#ref, topic, "ok", EMPTY);
            return Ok(());
        }
        let request = match event.as_str() {
            "phx_join" => Request::Join(payload),
            "phx_leave" => Request::Leave,
            _ => Request::Push { event, payload },
        };
        let message = Message {
            join_ref,
            r#ref,
            request,
            bytes,
        };
        let Some(id) = self.channel_of(topic) else {
            self.dispatch_unjoined(topic, message, VecDeque::new());
            return Ok(());
        };
        let Some(channel) = self.channels.get(id) else {
            return Ok(());
        };
        if channel.makes_wait(&message, self.limits.at_once) {
            return self.enqueue(id, message);
        }
        // Only a duplicate join overtakes: the pushes that still wait end with their channel.
        self.drop_waiting(id, usize::MAX);
        self.dispatch(id, message);
        Ok(())
    }

    fn enqueue(&mut self, id: ChannelId, message: Message) -> Result<(), DecodeError> {
        let Some(channel) = self.channels.get_mut(id) else {
            return Ok(());
        };
        let queued_bytes = self.queued_bytes.saturating_add(message.bytes);
        if self.queued < self.limits.queued_max && queued_bytes <= QUEUED_BYTES_MAX {
            self.queued += 1;
            self.queued_bytes = queued_bytes;
            channel.waiting.push_back(message);
            return Ok(());
        }
        // A push to a channel that is there for sure can be answered in its name; nothing else can be given up
        // without the client and the server disagreeing on what is joined.
        let settled = channel.is_joined() && !channel.waiting.iter().any(|earlier| channel.ends_by(earlier));
        match message.request {
            _ if settled && !channel.accepts(&message) => Ok(()),
            Request::Push { .. } if settled => {
                let (join_ref, topic) = (channel.join_ref.clone(), Arc::clone(&channel.topic));
                self.send_reply(&join_ref, &message.r#ref, &topic, "error", OVERLOADED);
                Ok(())
            }
            _ => Err(DecodeError::Overloaded),
        }
    }

    /// Takes up waiting messages until the channel is busy or gone.
    pub(super) fn pump(&mut self, id: ChannelId) {
        while let Some(channel) = self.channels.get_mut(id) {
            let Some(next) = channel.waiting.front() else { return };
            if !channel.is_joined() {
                return;
            }
            if !channel.has_turn_for(&next.request, self.limits.at_once) {
                // What ends the channel: a leave waits for the handler, a duplicate join does not.
                let end = channel.waiting.iter().position(|message| channel.ends_by(message));
                let Some(at) = end else { return };
                if !matches!(channel.waiting[at].request, Request::Join(_)) {
                    return;
                }
                self.drop_waiting(id, at);
            }
            let Some(message) = self.take_waiting(id) else { return };
            self.dispatch(id, message);
        }
    }

    fn take_waiting(&mut self, id: ChannelId) -> Option<Message> {
        let message = pop_and_free(&mut self.channels.get_mut(id)?.waiting)?;
        self.unqueue(&message);
        Some(message)
    }

    fn drop_waiting(&mut self, id: ChannelId, at_most: usize) {
        for _ in 0..at_most {
            if self.take_waiting(id).is_none() {
                return;
            }
        }
    }

    fn unqueue(&mut self, message: &Message) {
        self.queued -= 1;
        self.queued_bytes -= message.bytes;
    }

    /// Acts on a message whose turn it is, for a topic with a joined channel.
    fn dispatch(&mut self, id: ChannelId, message: Message) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if !channel.accepts(&message) && !matches!(message.request, Request::Join(_)) {
            return;
        }
        let topic = Arc::clone(&channel.topic);
        match message.request {
            Request::Push { event, payload } => {
                if let Phase::Joined { busy, .. } = &mut channel.phase {
                    *busy = true;
                }
                self.effects.push_back(Effect::Push {
                    channel: id,
                    topic,
                    event,
                    payload,
                    r#ref: message.r#ref,
                });
            }
            Request::Leave => {
                let Some(left) = self.channels.remove(id) else { return };
                self.send_reply(&left.join_ref, &message.r#ref, &topic, "ok", EMPTY);
                self.send_control(&left.join_ref, &topic, "phx_close", EMPTY);
                self.effects.push_back(Effect::End { channel: id, topic });
                self.take_up(&left.topic, left.waiting);
            }
            Request::Join(payload) => {
                let Some(replaced) = self.channels.remove(id) else {
                    return;
                };
                self.effects.push_back(Effect::End {
                    channel: id,
                    topic: Arc::clone(&topic),
                });
                let joining = Joining {
                    r#ref: message.r#ref,
                    replaced: Some(replaced.join_ref),
                    held: Vec::new(),
                };
                self.start_join(topic, message.join_ref, joining, payload, replaced.waiting);
            }
        }
    }

    /// Acts on what waited for a channel that has ended.
    pub(super) fn take_up(&mut self, topic: &str, mut waiting: VecDeque<Message>) {
        while let Some(message) = waiting.pop_front() {
            self.unqueue(&message);
            waiting = self.dispatch_unjoined(topic, message, waiting);
        }
    }

    /// Acts on a message for a topic without a channel. When it starts one, that takes over `waiting`, the
    /// messages behind this one; else they are given back.
    fn dispatch_unjoined(&mut self, topic: &str, message: Message, waiting: VecDeque<Message>) -> VecDeque<Message> {
        match message.request {
            Request::Push { .. } => self.send_unmatched(&message.r#ref, Topic::Text(topic)),
            Request::Leave => self.send_reply(&message.join_ref, &message.r#ref, topic, "ok", EMPTY),
            Request::Join(_) if !self.has_route(topic) => self.send_unmatched(&message.r#ref, Topic::Text(topic)),
            Request::Join(_) if self.channels.len() >= self.limits.channels_max => {
                self.send_reply(&message.join_ref, &message.r#ref, topic, "error", TOO_MANY_CHANNELS);
            }
            Request::Join(payload) => {
                let joining = Joining {
                    r#ref: message.r#ref,
                    replaced: None,
                    held: Vec::new(),
                };
                self.start_join(topic.into(), message.join_ref, joining, payload, waiting);
                return VecDeque::new();
            }
        }
        waiting
    }

    fn has_route(&self, topic: &str) -> bool {
        self.routes.iter().any(|route| match route.strip_suffix('*') {
            Some(prefix) => topic.starts_with(prefix),
            None => topic == *route,
        })
    }
}
