//! The socket on the wire: every row and vector of protocol §3, §4, §5, §6.1 and §11 that concerns the machine.

#![expect(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::*;

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

// Heartbeat, §6.1

#[test]
fn a_heartbeat_is_answered_with_a_null_join_ref() {
    let mut client = Client::new(Version::V2);
    let expected = [r#"[null,"1","phoenix","phx_reply",{"status":"ok","response":{}}]"#];
    assert_eq!(client.send(r#"[null,"1","phoenix","heartbeat",{}]"#), expected);
    assert_eq!(client.send(r#"["9","1","phoenix","heartbeat",7]"#), expected);
    assert_eq!(client.send_binary(b"\x00\x00\x01\x07\x091phoenixheartbeat"), expected);
    let mut client = Client::new(Version::V1);
    assert_eq!(
        client.send(r#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}"#),
        [r#"{"topic":"phoenix","event":"phx_reply","ref":"1","payload":{"status":"ok","response":{}}}"#]
    );
}

#[test]
fn a_heartbeat_is_answered_while_a_join_is_undecided_and_a_channel_is_busy() {
    let mut client = Client::joined("\"1\"");
    client.send(r#"["1","2","room:7","typing",{}]"#);
    client.send(r#"["3","3","lobby","phx_join",{}]"#);
    let heartbeat = r#"[null,4,"phoenix","heartbeat",{}]"#;
    assert_eq!(
        client.send(heartbeat),
        [r#"[null,4,"phoenix","phx_reply",{"status":"ok","response":{}}]"#]
    );
}

#[test]
fn another_event_on_the_phoenix_topic_is_unmatched() {
    let mut client = Client::new(Version::V2);
    assert_eq!(
        client.send(r#"["1","2","phoenix","other",{}]"#),
        [r#"[null,"2","phoenix","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#]
    );
}

// Join, §4.2

#[test]
fn a_join_is_answered_before_any_push_of_its_channel() {
    let mut client = Client::new(Version::V2);
    assert_eq!(
        client.send(r#"["11","12","room:7","phx_join",{"some":"params"}]"#),
        [r#"join 0 room:7 {"some":"params"}"#]
    );
    assert!(!client.socket.is_joined(client.channels[0]));
    assert_eq!(client.push(0, "message_history"), NOTHING);
    assert_eq!(client.deliver(0, &broadcast("new_message")), NOTHING);
    assert_eq!(
        client.accept(0, r#"{"room":1}"#),
        [
            r#"["11","12","room:7","phx_reply",{"status":"ok","response":{"room":1}}]"#,
            r#"["11",null,"room:7","message_history",{}]"#,
            r#"[null,null,"room:7","new_message",{}]"#,
        ]
    );
    assert!(client.socket.is_joined(client.channels[0]));
    assert_eq!(client.push(0, "later"), [r#"["11",null,"room:7","later",{}]"#]);
}

#[test]
fn a_join_payload_of_any_json_type_goes_to_the_application() {
    for (index, payload) in ["null", "7", "[1]", r#""x""#].into_iter().enumerate() {
        let mut client = Client::new(Version::V2);
        let sent = format!(r#"["1","{index}","room:7","phx_join",{payload}]"#);
        assert_eq!(client.send(&sent), [format!("join 0 room:7 {payload}")]);
    }
}

#[test]
fn a_topic_without_a_route_is_unmatched() {
    let mut client = Client::new(Version::V2);
    for topic in ["nope:1", "room", "lobby2", ""] {
        assert_eq!(
            client.send(&format!(r#"["1","2","{topic}","phx_join",{{}}]"#)),
            [format!(
                r#"[null,"2","{topic}","phx_reply",{{"status":"error","response":{{"reason":"unmatched topic"}}}}]"#
            )]
        );
    }
    assert_eq!(client.send(r#"["1","2","room:","phx_join",{}]"#), ["join 0 room: {}"]);
    assert_eq!(client.send(r#"["1","2","lobby","phx_join",{}]"#), ["join 1 lobby {}"]);
}

#[test]
fn a_refused_join_leaves_the_topic_unjoined() {
    let mut client = Client::new(Version::V2);
    client.send(r#"["1","2","room:8","phx_join",{}]"#);
    client.push(0, "never_seen");
    assert_eq!(
        client.refuse(0, "unauthorized"),
        [r#"["1","2","room:8","phx_reply",{"status":"error","response":{"reason":"unauthorized"}}]"#]
    );
    assert_eq!(
        client.send(r#"["1","3","room:8","typing",{}]"#),
        [r#"[null,"3","room:8","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#]
    );
    assert_eq!(client.send(r#"["4","4","room:8","phx_join",{}]"#), ["join 1 room:8 {}"]);
}

#[test]
fn a_crashed_join_says_so() {
    let mut client = Client::new(Version::V2);
    client.send(r#"["1","2","room:9","phx_join",{}]"#);
    client.socket.crash_join(client.channels[0]);
    assert_eq!(
        client.effects(),
        [r#"["1","2","room:9","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]"#]
    );
    assert_eq!(client.socket.channels().count(), 0);
}

#[test]
fn the_channel_beyond_the_limit_is_refused_until_another_leaves() {
    let mut client = Client::new(Version::V2);
    for index in 0..100 {
        client.send(&format!(r#"["1","2","room:{index}","phx_join",{{}}]"#));
        client.accept(index, "{}");
    }
    let join = r#"["1","2","room:x","phx_join",{}]"#;
    assert_eq!(
        client.send(join),
        [r#"["1","2","room:x","phx_reply",{"status":"error","response":{"reason":"too many channels joined"}}]"#]
    );
    // A topic that is joined may be joined again.
    assert_eq!(
        client.send(r#"["3","3","room:5","phx_join",{}]"#),
        ["end 5", "join 100 room:5 {}"]
    );
    client.send(r#"["1","4","room:6","phx_leave",{}]"#);
    assert_eq!(client.send(join), ["join 101 room:x {}"]);
}

#[test]
fn a_join_without_join_ref_has_null_refs_and_accepts_any_join_ref() {
    let mut client = Client::new(Version::V2);
    client.send(r#"[null,"1","room:7","phx_join",{}]"#);
    let accepted = [r#"[null,"1","room:7","phx_reply",{"status":"ok","response":{}}]"#];
    assert_eq!(client.accept(0, "{}"), accepted);
    assert_eq!(
        client.send(r#"["x","2","room:7","typing",{}]"#),
        [r#"push 0 typing {} "2""#]
    );
    client.socket.stop_channel(client.channels[0]);
    assert_eq!(client.effects(), [r#"[null,null,"room:7","phx_close",{}]"#]);
}

// Refs, §3

#[test]
fn the_refs_of_a_reply_have_the_type_they_came_with() {
    let mut client = Client::new(Version::V2);
    client.send(r#"[1,2,"room:7","phx_join",{}]"#);
    assert_eq!(
        client.accept(0, "{}"),
        [r#"[1,2,"room:7","phx_reply",{"status":"ok","response":{}}]"#]
    );
    assert_eq!(client.send(r#"["1",3,"room:7","stale",{}]"#), NOTHING);
    assert_eq!(client.send(r#"[1,3,"room:7","typing",{}]"#), ["push 0 typing {} 3"]);
    client.handled(0);
    assert_eq!(
        client.send(r#"[1,4,"room:7","phx_leave",{}]"#),
        [
            r#"[1,4,"room:7","phx_reply",{"status":"ok","response":{}}]"#,
            r#"[1,1,"room:7","phx_close",{}]"#,
            "end 0"
        ]
    );
}

#[test]
fn a_null_join_ref_is_accepted() {
    let mut client = Client::joined("\"1\"");
    assert_eq!(
        client.send(r#"[null,"5","room:7","typing",{}]"#),
        [r#"push 0 typing {} "5""#]
    );
    assert_eq!(
        client.reply(0, "5", "{}"),
        [r#"["1","5","room:7","phx_reply",{"status":"ok","response":{}}]"#]
    );
}

#[test]
fn a_stale_push_or_leave_is_dropped_without_a_reply() {
    let mut client = Client::joined("\"1\"");
    assert_eq!(client.send(r#"["0","7","room:7","typing",{}]"#), NOTHING);
    assert_eq!(client.send(r#"["0","8","room:7","phx_leave",{}]"#), NOTHING);
    assert!(client.socket.is_joined(client.channels[0]));
}

#[test]
fn a_message_with_ref_null_gets_a_reply_with_ref_null() {
    let mut client = Client::joined("\"1\"");
    assert_eq!(
        client.send(r#"["1",null,"room:7","typing",{}]"#),
        ["push 0 typing {} null"]
    );
    client
        .socket
        .reply(client.channels[0], &Ref::NULL, "error", &raw(r#"{"reason":"bad"}"#));
    assert_eq!(
        client.effects(),
        [r#"["1",null,"room:7","phx_reply",{"status":"error","response":{"reason":"bad"}}]"#]
    );
}

// While a join is being worked on, §4.3

#[test]
fn messages_wait_in_order_until_the_join_is_decided() {
    let mut client = Client::new(Version::V2);
    client.send(r#"["1","1","room:7","phx_join",{}]"#);
    assert_eq!(client.send(r#"["1","2","room:7","a",{}]"#), NOTHING);
    assert_eq!(client.send(r#"["1","3","room:7","b",{}]"#), NOTHING);
    assert_eq!(client.send(r#"["1","4","room:7","phx_leave",{}]"#), NOTHING);
    assert_eq!(client.send(r#"["1","5","room:7","c",{}]"#), NOTHING);
    assert_eq!(client.socket.queued(), 4);
    assert_eq!(
        client.accept(0, "{}"),
        [
            r#"["1","1","room:7","phx_reply",{"status":"ok","response":{}}]"#,
            r#"push 0 a {} "2""#
        ]
    );
    assert_eq!(client.handled(0), [r#"push 0 b {} "3""#]);
    assert_eq!(
        client.handled(0),
        [
            r#"["1","4","room:7","phx_reply",{"status":"ok","response":{}}]"#,
            r#"["1","1","room:7","phx_close",{}]"#,
            "end 0",
            r#"[null,"5","room:7","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#,
        ]
    );
    assert_eq!(client.socket.queued(), 0);
}

#[test]
fn messages_that_waited_for_a_refused_join_are_unmatched() {
    let mut client = Client::new(Version::V2);
    client.send(r#"["1","1","room:7","phx_join",{}]"#);
    client.send(r#"["1","2","room:7","a",{}]"#);
    client.send(r#"["1","3","room:7","phx_leave",{}]"#);
    assert_eq!(
        client.refuse(0, "no"),
        [
            r#"["1","1","room:7","phx_reply",{"status":"error","response":{"reason":"no"}}]"#,
            r#"[null,"2","room:7","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#,
            r#"["1","3","room:7","phx_reply",{"status":"ok","response":{}}]"#,
        ]
    );
}

#[test]
fn a_burst_of_joins_and_leaves_is_answered_in_order_and_the_last_join_stays() {
    let mut client = Client::new(Version::V2);
    assert_eq!(client.send(r#"["1","1","room:7","phx_join",{}]"#), ["join 0 room:7 {}"]);
    for text in [
        r#"["1","2","room:7","phx_leave",{}]"#,
        r#"["3","3","room:7","phx_join",{}]"#,
        r#"["3","4","room:7","phx_leave",{}]"#,
        r#"["5","5","room:7","phx_join",{}]"#,
    ] {
        assert_eq!(client.send(text), NOTHING);
    }
    for (channel, join_ref, leave_ref) in [(0, 1, 2), (1, 3, 4)] {
        assert_eq!(
            client.accept(channel, "{}"),
            [
                format!(r#"["{join_ref}","{join_ref}","room:7","phx_reply",{{"status":"ok","response":{{}}}}]"#),
                format!(r#"["{join_ref}","{leave_ref}","room:7","phx_reply",{{"status":"ok","response":{{}}}}]"#),
                format!(r#"["{join_ref}","{join_ref}","room:7","phx_close",{{}}]"#),
                format!("end {channel}"),
                format!("join {} room:7 {{}}", channel + 1),
            ]
        );
    }
    assert_eq!(
        client.accept(2, "{}"),
        [r#"["5","5","room:7","phx_reply",{"status":"ok","response":{}}]"#]
    );
    assert_eq!(client.socket.channel_of("room:7"), Some(client.channels[2]));
}

#[test]
fn a_second_join_waits_for_the_first_and_then_replaces_it() {
    let mut client = Client::new(Version::V2);
    client.send(r#"["1","1","room:7","phx_join",{}]"#);
    assert_eq!(client.send(r#"["2","2","room:7","phx_join",{"n":2}]"#), NOTHING);
    assert_eq!(
        client.accept(0, "{}"),
        [
            r#"["1","1","room:7","phx_reply",{"status":"ok","response":{}}]"#,
            "end 0",
            r#"join 1 room:7 {"n":2}"#
        ]
    );
    assert_eq!(
        client.accept(1, "{}"),
        [
            r#"["2","2","room:7","phx_reply",{"status":"ok","response":{}}]"#,
            r#"["1","1","room:7","phx_close",{}]"#
        ]
    );
}

#[test]
fn other_topics_do_not_wait_for_an_undecided_join() {
    let mut client = Client::joined("\"1\"");
    client.send(r#"["2","2","lobby","phx_join",{}]"#);
    assert_eq!(
        client.send(r#"["1","3","room:7","typing",{}]"#),
        [r#"push 0 typing {} "3""#]
    );
}

// Duplicate join, §4.4

#[test]
fn a_duplicate_join_closes_the_old_channel_after_its_reply() {
    let mut client = Client::joined("\"70\"");
    assert_eq!(
        client.send(r#"["71","72","room:7","phx_join",{}]"#),
        ["end 0", "join 1 room:7 {}"]
    );
    assert_eq!(client.push(1, "message_history"), NOTHING);
    assert_eq!(client.push(0, "from_the_old_one"), NOTHING);
    assert_eq!(
        client.accept(1, "{}"),
        [
            r#"["71","72","room:7","phx_reply",{"status":"ok","response":{}}]"#,
            r#"["70","70","room:7","phx_close",{}]"#,
            r#"["71",null,"room:7","message_history",{}]"#,
        ]
    );
    assert_eq!(client.send(r#"["70","73","room:7","typing",{}]"#), NOTHING);
    assert_eq!(
        client.socket.channels().collect::<Vec<_>>(),
        [(client.channels[1], "room:7")]
    );
}

#[test]
fn a_refused_duplicate_join_still_closes_the_old_channel() {
    let mut client = Client::joined("\"70\"");
    client.send(r#"["71","72","room:7","phx_join",{}]"#);
    assert_eq!(
        client.refuse(1, "no"),
        [
            r#"["71","72","room:7","phx_reply",{"status":"error","response":{"reason":"no"}}]"#,
            r#"["70","70","room:7","phx_close",{}]"#,
        ]
    );
    assert_eq!(client.socket.channel_of("room:7"), None);
}

#[test]
fn a_duplicate_join_ends_a_busy_channel_and_its_unfinished_pushes() {
    let mut client = Client::joined("\"70\"");
    assert_eq!(client.send(r#"["70","1","room:7","a",{}]"#), [r#"push 0 a {} "1""#]);
    client.send(r#"["70","2","room:7","b",{}]"#);
    client.send(r#"["69","3","room:7","phx_leave",{}]"#); // stale, so it does not count as a leave
    assert_eq!(
        client.send(r#"["71","72","room:7","phx_join",{}]"#),
        ["end 0", "join 1 room:7 {}"]
    );
    assert_eq!(client.socket.queued(), 0);
    assert_eq!(client.reply(0, "1", "{}"), NOTHING);
    assert_eq!(client.handled(0), NOTHING);
    assert_eq!(client.accept(1, "{}").len(), 2);
}

#[test]
fn a_join_behind_a_waiting_push_replaces_the_channel_as_soon_as_it_is_joined() {
    let mut client = Client::new(Version::V2);
    client.send(r#"["1","1","room:7","phx_join",{}]"#);
    client.send(r#"["1","2","room:7","a",{}]"#);
    client.send(r#"["1","3","room:7","b",{}]"#);
    client.send(r#"["4","4","room:7","phx_join",{}]"#);
    client.send(r#"["4","5","room:7","c",{}]"#);
    assert_eq!(
        client.accept(0, "{}"),
        [
            r#"["1","1","room:7","phx_reply",{"status":"ok","response":{}}]"#,
            r#"push 0 a {} "2""#,
            "end 0",
            "join 1 room:7 {}",
        ]
    );
    assert_eq!(client.accept(1, "{}").last().unwrap(), r#"push 1 c {} "5""#);
}

#[test]
fn a_version_one_duplicate_join_closes_with_the_old_join_ref() {
    let mut client = Client::new(Version::V1);
    client.send(r#"{"topic":"room:7","event":"phx_join","payload":{},"ref":"70","join_ref":"70"}"#);
    client.accept(0, "{}");
    client.send(r#"{"topic":"room:7","event":"phx_join","payload":{},"ref":"72","join_ref":"71"}"#);
    assert_eq!(
        client.accept(1, "{}"),
        [
            r#"{"topic":"room:7","event":"phx_reply","ref":"72","payload":{"status":"ok","response":{}}}"#,
            r#"{"topic":"room:7","event":"phx_close","ref":"70","payload":{}}"#,
        ]
    );
}

// Leave, §4.5

#[test]
fn a_leave_is_answered_and_then_closes() {
    let mut client = Client::joined("\"20\"");
    assert_eq!(
        client.send(r#"["20","21","room:7","phx_leave",{}]"#),
        [
            r#"["20","21","room:7","phx_reply",{"status":"ok","response":{}}]"#,
            r#"["20","20","room:7","phx_close",{}]"#,
            "end 0",
        ]
    );
    assert_eq!(client.push(0, "late"), NOTHING);
    assert_eq!(client.deliver(0, &broadcast("late")), NOTHING);
    assert_eq!(client.reply(0, "5", "{}"), NOTHING);
}

#[test]
fn a_leave_of_an_unjoined_topic_is_answered_without_a_close() {
    let mut client = Client::new(Version::V2);
    for topic in ["room:7", "nope:1"] {
        assert_eq!(
            client.send(&format!(r#"["8","9","{topic}","phx_leave",{{}}]"#)),
            [format!(
                r#"["8","9","{topic}","phx_reply",{{"status":"ok","response":{{}}}}]"#
            )]
        );
    }
}

#[test]
fn a_leave_waits_for_earlier_messages_and_a_join_behind_it_stays() {
    let mut client = Client::joined("\"20\"");
    client.send(r#"["20","21","room:7","a",{}]"#);
    assert_eq!(client.send(r#"["20","22","room:7","phx_leave",{}]"#), NOTHING);
    assert_eq!(client.send(r#"["23","23","room:7","phx_join",{}]"#), NOTHING);
    client.reply(0, "21", "{}");
    assert_eq!(
        client.handled(0),
        [
            r#"["20","22","room:7","phx_reply",{"status":"ok","response":{}}]"#,
            r#"["20","20","room:7","phx_close",{}]"#,
            "end 0",
            "join 1 room:7 {}",
        ]
    );
    assert_eq!(
        client.accept(1, "{}"),
        [r#"["23","23","room:7","phx_reply",{"status":"ok","response":{}}]"#]
    );
}

// Pushes and the end of a channel, §4.6 and §5

#[test]
fn one_message_of_a_channel_is_handled_at_a_time() {
    let mut client = Client::joined("\"1\"");
    assert_eq!(
        client
            .send(r#"["1","2","room:7","new_message",{"content":"hi"}]"#)
            .len(),
        1
    );
    assert_eq!(client.send(r#"["1","3","room:7","typing",{}]"#), NOTHING);
    let broadcast = Broadcast::json("room:7", "new_message", &json!({"id": "m1"})).unwrap();
    assert_eq!(
        client.deliver(0, &broadcast),
        [r#"[null,null,"room:7","new_message",{"id":"m1"}]"#]
    );
    assert_eq!(
        client.reply(0, "2", r#"{"id":"m1"}"#),
        [r#"["1","2","room:7","phx_reply",{"status":"ok","response":{"id":"m1"}}]"#]
    );
    assert_eq!(client.handled(0), [r#"push 0 typing {} "3""#]);
    // A reply may come later, too.
    assert_eq!(client.handled(0), NOTHING);
    assert_eq!(client.reply(0, "3", "{}").len(), 1);
}

#[test]
fn a_message_is_judged_stale_when_its_turn_comes() {
    let mut client = Client::joined("\"1\"");
    client.send(r#"["1","2","room:7","a",{}]"#);
    client.send(r#"["0","3","room:7","stale",{}]"#);
    client.send(r#"["1","4","room:7","b",{}]"#);
    assert_eq!(client.handled(0), [r#"push 0 b {} "4""#]);
}

#[test]
fn events_that_servers_send_are_ordinary_when_clients_send_them() {
    for event in ["phx_reply", "phx_close", "phx_error", "presence_diff"] {
        let mut client = Client::joined("\"1\"");
        let sent = format!(r#"["1","2","room:7","{event}",{{}}]"#);
        assert_eq!(client.send(&sent), [format!(r#"push 0 {event} {{}} "2""#)]);
    }
}

#[test]
fn a_stopped_channel_closes_and_its_topic_can_be_joined_again() {
    let mut client = Client::joined("\"1\"");
    client.send(r#"["1","2","room:7","a",{}]"#);
    client.send(r#"["1","3","room:7","b",{}]"#);
    client.socket.stop_channel(client.channels[0]);
    assert_eq!(
        client.effects(),
        [
            r#"["1","1","room:7","phx_close",{}]"#,
            r#"[null,"3","room:7","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#,
        ]
    );
    assert_eq!(client.socket.channel_topic(client.channels[0]), None);
    assert_eq!(client.send(r#"["4","4","room:7","phx_join",{}]"#), ["join 1 room:7 {}"]);
}

#[test]
fn a_crashed_channel_sends_phx_error_and_no_reply() {
    let mut client = Client::joined("\"1\"");
    client.send(r#"["1","2","room:7","a",{}]"#);
    client.socket.crash_channel(client.channels[0]);
    assert_eq!(
        client.effects(),
        [r#"["1","1","room:7","phx_error",{"reason":"channel_crash"}]"#]
    );
    client.socket.crash_channel(client.channels[0]);
    assert_eq!(client.effects(), NOTHING);
    assert_eq!(
        client.send(r#"["1","3","room:7","b",{}]"#),
        [r#"[null,"3","room:7","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#]
    );
}

#[test]
fn stopping_an_undecided_join_answers_it_as_crashed() {
    for stop in [Socket::stop_channel, Socket::crash_channel] {
        let mut client = Client::new(Version::V2);
        client.send(r#"["1","2","room:7","phx_join",{}]"#);
        stop(&mut client.socket, client.channels[0]);
        assert_eq!(
            client.effects(),
            [r#"["1","2","room:7","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]"#]
        );
        assert_eq!(client.accept(0, "{}"), NOTHING);
    }
}

#[test]
fn version_one_frames_never_have_a_join_ref() {
    let mut client = Client::new(Version::V1);
    client.send(r#"{"topic":"room:7","event":"phx_join","payload":{},"ref":"1"}"#);
    assert_eq!(
        client.accept(0, "{}"),
        [r#"{"topic":"room:7","event":"phx_reply","ref":"1","payload":{"status":"ok","response":{}}}"#]
    );
    assert_eq!(
        client.push(0, "message_history"),
        [r#"{"topic":"room:7","event":"message_history","ref":null,"payload":{}}"#]
    );
    assert_eq!(
        client.send(r#"{"topic":"room:7","event":"phx_leave","payload":{},"ref":"2"}"#),
        [
            r#"{"topic":"room:7","event":"phx_reply","ref":"2","payload":{"status":"ok","response":{}}}"#,
            r#"{"topic":"room:7","event":"phx_close","ref":null,"payload":{}}"#,
            "end 0",
        ]
    );
}

// Binary, §2.4

#[test]
fn a_binary_push_is_handled_and_answered_in_binary_or_text() {
    let mut client = Client::new(Version::V2);
    client.send(r#"["11","1","room:j","phx_join",{}]"#);
    client.accept(0, "{}");
    assert_eq!(
        client.send_binary(b"\x00\x02\x01\x06\x03112room:jbin\x01\x02"),
        [r#"push 0 bin [01, 02] "2""#]
    );
    assert_eq!(
        client.reply(0, "2", "{}"),
        [r#"["11","2","room:j","phx_reply",{"status":"ok","response":{}}]"#]
    );

    let channel = client.channels[0];
    assert!(
        client
            .socket
            .reply_binary(channel, &Ref::text("2"), "ok", &[1, 2, 3, 4])
    );
    client
        .socket
        .push(channel, "bin_push", &Payload::Binary(Bytes::from_static(&[0, 1])));
    let payload = Payload::Binary(Bytes::from_static(&[7, 8]));
    client
        .socket
        .deliver(channel, &Broadcast::new("room:j", "bin_bcast", payload));
    let sent: Vec<Frame> = std::iter::from_fn(|| client.socket.next_effect())
        .map(|effect| match effect {
            Effect::Send(frame) => frame,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        sent,
        [
            Frame::Binary(Bytes::from_static(b"\x01\x02\x01\x06\x02112room:jok\x01\x02\x03\x04")),
            Frame::Binary(Bytes::from_static(b"\x00\x02\x06\x0811room:jbin_push\x00\x01")),
            Frame::Binary(Bytes::from_static(b"\x02\x06\x09room:jbin_bcast\x07\x08")),
        ]
    );
    assert!(
        !client
            .socket
            .reply_binary(channel, &Ref::text("2"), &"s".repeat(256), &[])
    );
    assert_eq!(client.effects(), NOTHING);
}

#[test]
fn join_and_leave_may_come_as_binary_frames() {
    let mut client = Client::new(Version::V2);
    assert_eq!(
        client.send_binary(b"\x00\x01\x01\x05\x0812lobbyphx_join"),
        ["join 0 lobby []"]
    );
    client.accept(0, "{}");
    // An empty join_ref counts as null.
    assert_eq!(client.send_binary(b"\x00\x00\x01\x05\x093lobbyphx_leave").len(), 3);
}

#[test]
fn binary_is_skipped_on_a_version_one_socket() {
    let mut client = Client::new(Version::V1);
    client.send(r#"{"topic":"room:7","event":"phx_join","payload":{},"ref":"1"}"#);
    client.accept(0, "{}");
    let channel = client.channels[0];
    let payload = Payload::Binary(Bytes::from_static(&[1]));
    client.socket.push(channel, "bin", &payload);
    client
        .socket
        .deliver(channel, &Broadcast::new("room:7", "bin", payload));
    assert!(!client.socket.reply_binary(channel, &Ref::text("1"), "ok", &[1]));
    assert_eq!(client.effects(), NOTHING);
}

// Names, §4.1 and §7

#[test]
fn a_topic_or_event_of_a_wrong_type_is_unmatched_and_echoed() {
    let mut client = Client::joined("\"1\"");
    for (topic, event) in [
        ("7", r#""phx_join""#),
        (r#"{"a":[1]}"#, r#""phx_leave""#),
        (r#""room:7""#, "null"),
    ] {
        assert_eq!(
            client.send(&format!(r#"["1",["r"],{topic},{event},{{}}]"#)),
            [format!(
                r#"[null,["r"],{topic},"phx_reply",{{"status":"error","response":{{"reason":"unmatched topic"}}}}]"#
            )]
        );
    }
}

#[test]
fn a_nul_in_a_topic_is_a_character_like_any_other() {
    let mut client = Client::new(Version::V2);
    client.send(r#"["1","1","room:\u0000\"","phx_join",{}]"#);
    assert_eq!(client.channels.len(), 1);
    assert_eq!(
        client.accept(0, "{}"),
        [r#"["1","1","room:\u0000\"","phx_reply",{"status":"ok","response":{}}]"#]
    );
}

#[test]
fn names_over_their_limit_close_with_too_big() {
    let mut client = Client::new(Version::V2);
    let frame =
        |topic: usize, event: usize| format!(r#"[null,"1","{}","{}",{{}}]"#, "t".repeat(topic), "e".repeat(event));
    assert_eq!(client.send(&frame(1024, 255)).len(), 1);
    for (topic, event) in [(1025, 1), (1, 256)] {
        let error = client.socket.receive_text(&frame(topic, event)).unwrap_err();
        assert_eq!(error.close_code(), close_code::TOO_BIG);
    }
    assert_eq!(client.effects(), NOTHING);
}

// Limits

fn small() -> SocketLimits {
    SocketLimits {
        queued_max: 2,
        held_max: 2,
        ..SocketLimits::default()
    }
}

#[test]
fn a_push_beyond_the_queue_is_answered_as_overloaded() {
    let mut client = Client::with_limits(Version::V2, small());
    client.send(r#"["1","1","room:7","phx_join",{}]"#);
    client.accept(0, "{}");
    for r#ref in 2..5 {
        client.send(&format!(r#"["1",{ref},"room:7","a",{{}}]"#));
    }
    assert_eq!(
        client.send(r#"[null,5,"room:7","a",{}]"#),
        [r#"["1",5,"room:7","phx_reply",{"status":"error","response":{"reason":"overloaded"}}]"#]
    );
    assert_eq!(client.send(r#"["0",6,"room:7","stale",{}]"#), NOTHING);
    let leave = client.socket.receive_text(r#"["1",7,"room:7","phx_leave",{}]"#);
    assert!(matches!(leave, Err(DecodeError::Overloaded)));
    // A join that replaces the channel waits for nothing, so it may still come.
    assert_eq!(
        client.send(r#"["8",8,"room:7","phx_join",{}]"#),
        ["end 0", "join 1 room:7 {}"]
    );
    assert_eq!(client.socket.queued(), 0);
}

#[test]
fn messages_beyond_the_queue_of_an_undecided_join_overload_the_socket() {
    for event in ["a", "phx_leave", "phx_join"] {
        let mut client = Client::with_limits(Version::V2, small());
        for r#ref in 1..4 {
            client.send(&format!(r#"["1",{ref},"room:7","phx_join",{{}}]"#));
        }
        let received = client
            .socket
            .receive_text(&format!(r#"["1",9,"room:7","{event}",{{}}]"#));
        assert!(matches!(received, Err(DecodeError::Overloaded)), "{event}");
        assert_eq!(client.socket.queued(), 2);
    }
}

#[test]
fn the_queue_is_bounded_in_bytes_too() {
    let mut client = Client::joined("\"1\"");
    let large = format!(r#"["1",2,"room:7","a","{}"]"#, "x".repeat(QUEUED_BYTES_MAX / 2));
    assert_eq!(client.send(&large).len(), 1);
    assert_eq!(client.send(&large), NOTHING);
    assert_eq!(
        client.send(&large),
        [r#"["1",2,"room:7","phx_reply",{"status":"error","response":{"reason":"overloaded"}}]"#]
    );
    assert_eq!(client.handled(0).len(), 1);
    assert_eq!(client.send(&large), NOTHING);
}

#[test]
fn a_join_fails_when_too_much_is_held_for_it() {
    let mut client = Client::with_limits(Version::V2, small());
    client.send(r#"["1","1","room:7","phx_join",{}]"#);
    client.send(r#"["2","2","room:7","phx_join",{}]"#);
    client.push(0, "a");
    client.push(0, "b");
    assert_eq!(client.deliver(0, &broadcast("typing").ephemeral()), NOTHING);
    assert_eq!(
        client.deliver(0, &broadcast("new_message")),
        [
            r#"["1","1","room:7","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]"#,
            "end 0",
            "join 1 room:7 {}",
        ]
    );
    assert_eq!(client.accept(0, "{}"), NOTHING);
    assert_eq!(client.accept(1, "{}").len(), 1);
}

#[test]
fn answers_for_a_channel_that_has_ended_are_ignored() {
    let mut client = Client::joined("\"1\"");
    client.send(r#"["1","2","room:7","phx_leave",{}]"#);
    let ended = client.channels[0];
    client.send(r#"["3","3","room:7","phx_join",{}]"#);
    client.accept(0, "{}");
    client.refuse(0, "no");
    client.socket.crash_join(ended);
    client.socket.stop_channel(ended);
    client.socket.crash_channel(ended);
    client.handled(0);
    client.push(0, "late");
    assert!(client.socket.reply_binary(ended, &Ref::NULL, "ok", &[]));
    assert_eq!(client.effects(), NOTHING);
    assert_eq!(client.socket.channel_of("room:7"), Some(client.channels[1]));
    // A join is decided once.
    client.accept(1, "{}");
    assert_eq!(client.accept(1, "{}"), NOTHING);
    assert_eq!(client.refuse(1, "no"), NOTHING);
    assert!(client.socket.is_joined(client.channels[1]));
}
