//! The socket on the wire: every row and vector of protocol §3, §4, §5, §6.1 and §11 that concerns the machine.

#![expect(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::*;

mod binary;
mod bounds;
mod frames;
mod joins;
mod leaves;
mod pushes;

const ROUTES: &[&str] = &["room:*", "lobby"];

/// A socket whose effects read as lines: text frames as they are, binary ones in hex, the rest as
/// `join 0 room:7 {}`, `push 0 typing {} "5"`, `end 0`. Channels are numbered as they come up.
pub(super) struct Client {
    pub(super) socket: Socket,
    pub(super) channels: Vec<ChannelId>,
}

impl Client {
    fn new(version: Version) -> Client {
        Client::with_limits(version, SocketLimits::default())
    }

    pub(super) fn with_limits(version: Version, limits: SocketLimits) -> Client {
        Client {
            socket: Socket::new(version, limits, ROUTES),
            channels: Vec::new(),
        }
    }

    /// A V2 client with `room:7` joined as channel 0 under this join_ref (JSON text).
    pub(super) fn joined(join_ref: &str) -> Client {
        let mut client = Client::new(Version::V2);
        client.send(&format!(r#"[{join_ref},"0","room:7","phx_join",{{}}]"#));
        client.accept(0, "{}");
        client
    }

    pub(super) fn send(&mut self, text: &str) -> Vec<String> {
        self.socket.receive_text(text).unwrap();
        self.effects()
    }

    fn send_binary(&mut self, data: &[u8]) -> Vec<String> {
        self.socket.receive_binary(&Bytes::copy_from_slice(data)).unwrap();
        self.effects()
    }

    pub(super) fn effects(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(effect) = self.socket.next_effect() {
            lines.push(self.line(effect));
        }
        lines
    }

    fn line(&mut self, effect: Effect) -> String {
        let payload_of = |payload: &Payload| match payload {
            Payload::Json(raw) => raw.get().to_owned(),
            Payload::Binary(data) => format!("{:02x?}", &data[..]),
        };
        match effect {
            Effect::Send(Frame::Text(text)) => text.to_string(),
            Effect::Send(Frame::Binary(data)) => format!("{:?}", String::from_utf8_lossy(&data)),
            Effect::Join {
                channel,
                topic,
                payload,
            } => {
                self.channels.push(channel);
                format!("join {} {topic} {}", self.channels.len() - 1, payload_of(&payload))
            }
            Effect::Push {
                channel,
                topic,
                event,
                payload,
                r#ref,
            } => {
                assert!(topic.starts_with("room:"));
                let r#ref = serde_json::to_string(&r#ref).unwrap();
                format!("push {} {event} {} {ref}", self.number(channel), payload_of(&payload))
            }
            Effect::End { channel, .. } => format!("end {}", self.number(channel)),
        }
    }

    fn number(&self, channel: ChannelId) -> usize {
        self.channels.iter().position(|known| *known == channel).unwrap()
    }

    pub(super) fn accept(&mut self, channel: usize, response: &str) -> Vec<String> {
        self.socket.accept_join(self.channels[channel], raw(response));
        self.effects()
    }

    fn refuse(&mut self, channel: usize, reason: &str) -> Vec<String> {
        let response = to_raw_value(&json!({ "reason": reason })).unwrap();
        self.socket.refuse_join(self.channels[channel], response);
        self.effects()
    }

    pub(super) fn reply(&mut self, channel: usize, to: &str, response: &str) -> Vec<String> {
        self.socket
            .reply(self.channels[channel], &Ref::text(to), "ok", &raw(response));
        self.effects()
    }

    fn push(&mut self, channel: usize, event: &str) -> Vec<String> {
        self.socket
            .push(self.channels[channel], event, &Payload::Json(raw("{}")));
        self.effects()
    }

    pub(super) fn deliver(&mut self, channel: usize, broadcast: &Broadcast) -> Vec<String> {
        self.socket.deliver(self.channels[channel], broadcast);
        self.effects()
    }

    pub(super) fn handled(&mut self, channel: usize) -> Vec<String> {
        self.socket.handled(self.channels[channel]);
        self.effects()
    }
}

pub(super) fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

pub(super) fn broadcast(event: &str) -> Broadcast {
    Broadcast::json("room:7", event, &json!({})).unwrap()
}

pub(super) const NOTHING: [&str; 0] = [];
