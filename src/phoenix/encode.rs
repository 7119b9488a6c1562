//! Writing the server's messages (protocol §2.3): each into one buffer of the right size.

use bytestring::ByteString;

use super::binary;
use super::frame::{Frame, Name, Payload, Ref};
use super::version::Version;

/// The topic of a message: our own, or an unusable one that is echoed (protocol §4.1).
#[derive(Clone, Copy)]
pub(super) enum Topic<'a> {
    Text(&'a str),
    /// JSON text.
    Raw(&'a str),
}

impl<'a> From<&'a Name> for Topic<'a> {
    fn from(name: &'a Name) -> Self {
        match name {
            Name::Text(text) => Topic::Text(text),
            Name::Other(raw) => Topic::Raw(raw.get()),
        }
    }
}

/// Everything of a text frame but its payload. The refs are JSON text.
struct Head<'a> {
    join_ref: &'a str,
    r#ref: &'a str,
    topic: Topic<'a>,
    event: &'a str,
}

/// `phx_reply` with JSON in it; V1 leaves the join_ref out.
pub(super) fn reply(
    version: Version,
    join_ref: &Ref,
    r#ref: &Ref,
    topic: Topic<'_>,
    status: &str,
    response: &str,
) -> Frame {
    let head = Head {
        join_ref: join_ref.as_json(),
        r#ref: r#ref.as_json(),
        topic,
        event: "phx_reply",
    };
    let payload_len = r#"{"status":"","response":}"#.len() + status.len() + response.len();
    text(version, &head, payload_len, |out| {
        out.push_str(r#"{"status":"#);
        push_json_str(out, status);
        out.push_str(r#","response":"#);
        out.push_str(response);
        out.push('}');
    })
}

/// A reply with bytes in it; V2 only. `None` when a field has more than 255 bytes.
pub(super) fn binary_reply(join_ref: &Ref, r#ref: &Ref, topic: &str, status: &str, data: &[u8]) -> Option<Frame> {
    let fields = [&join_ref.as_binary(), &r#ref.as_binary(), topic, status];
    binary::encode(binary::REPLY, &fields, data).map(Frame::Binary)
}

/// A push to one channel. `None` for binary on V1, or with a field of more than 255 bytes.
pub(super) fn push(version: Version, join_ref: &Ref, topic: &str, event: &str, payload: &Payload) -> Option<Frame> {
    match (payload, version) {
        (Payload::Json(raw), _) => {
            let head = Head {
                join_ref: join_ref.as_json(),
                r#ref: "null",
                topic: Topic::Text(topic),
                event,
            };
            Some(text(version, &head, raw.get().len(), |out| out.push_str(raw.get())))
        }
        (Payload::Binary(data), Version::V2) => {
            binary::encode(binary::PUSH, &[&join_ref.as_binary(), topic, event], data).map(Frame::Binary)
        }
        (Payload::Binary(_), Version::V1) => None,
    }
}

/// A broadcast to all channels of a topic. `None` as for [`push`].
pub(super) fn broadcast(version: Version, topic: &str, event: &str, payload: &Payload) -> Option<Frame> {
    match (payload, version) {
        (Payload::Json(_), _) => push(version, &Ref::NULL, topic, event, payload),
        (Payload::Binary(data), Version::V2) => {
            binary::encode(binary::BROADCAST, &[topic, event], data).map(Frame::Binary)
        }
        (Payload::Binary(_), Version::V1) => None,
    }
}

/// `phx_close` or `phx_error`: the join_ref twice (protocol §2.3).
pub(super) fn control(version: Version, join_ref: &Ref, topic: &str, event: &str, payload: &str) -> Frame {
    let head = Head {
        join_ref: join_ref.as_json(),
        r#ref: join_ref.as_json(),
        topic: Topic::Text(topic),
        event,
    };
    text(version, &head, payload.len(), |out| out.push_str(payload))
}

fn text(version: Version, head: &Head<'_>, payload_len: usize, write_payload: impl FnOnce(&mut String)) -> Frame {
    let topic_len = match head.topic {
        Topic::Text(text) | Topic::Raw(text) => text.len(),
    };
    // Exact unless something needs escaping.
    let len = head.r#ref.len() + topic_len + head.event.len() + payload_len;
    let mut out;
    match version {
        Version::V2 => {
            out = String::with_capacity(len + head.join_ref.len() + r#"[,,"","",]"#.len());
            out.push('[');
            out.push_str(head.join_ref);
            out.push(',');
            out.push_str(head.r#ref);
            out.push(',');
            push_topic(&mut out, head.topic);
            out.push(',');
            push_json_str(&mut out, head.event);
            out.push(',');
            write_payload(&mut out);
            out.push(']');
        }
        Version::V1 => {
            out = String::with_capacity(len + r#"{"topic":"","event":"","ref":,"payload":}"#.len());
            out.push_str(r#"{"topic":"#);
            push_topic(&mut out, head.topic);
            out.push_str(r#","event":"#);
            push_json_str(&mut out, head.event);
            out.push_str(r#","ref":"#);
            out.push_str(head.r#ref);
            out.push_str(r#","payload":"#);
            write_payload(&mut out);
            out.push('}');
        }
    }
    Frame::Text(ByteString::from(out))
}

fn push_topic(out: &mut String, topic: Topic<'_>) {
    match topic {
        Topic::Text(text) => push_json_str(out, text),
        Topic::Raw(json) => out.push_str(json),
    }
}

/// Appends `text` as a JSON string. By hand because serde_json writes bytes, and turning those into a `String`
/// costs a second look at each; a test holds the two together.
pub(super) fn push_json_str(out: &mut String, text: &str) {
    out.push('"');
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..=0x1f => "\\u00",
            _ => continue,
        };
        out.push_str(&text[plain_from..at]);
        out.push_str(escape);
        if escape.len() > 2 {
            for digit in [byte >> 4, byte & 0xf] {
                out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        plain_from = at + 1;
    }
    out.push_str(&text[plain_from..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn every_control_character_is_escaped_as_serde_json_does() {
        let all: String = (0..0x80u8).map(char::from).chain("ä€😀\u{2028}".chars()).collect();
        let mut out = String::new();
        push_json_str(&mut out, &all);
        assert_eq!(out, serde_json::to_string(&all).unwrap());
    }

    #[test]
    fn a_frame_without_escapes_fits_its_buffer_exactly() {
        for version in [Version::V1, Version::V2] {
            let join_ref = Ref::text("1");
            let frame = reply(version, &join_ref, &Ref::NULL, Topic::Text("room:7"), "ok", "{}");
            let Frame::Text(frame) = frame else {
                unreachable!("replies with JSON are text")
            };
            // A `Bytes` made of a full buffer gives it back whole.
            let vec = Vec::from(frame.into_bytes());
            assert_eq!(vec.len(), vec.capacity());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_string_is_escaped_as_serde_json_does(text in ".*") {
            let mut out = String::new();
            push_json_str(&mut out, &text);
            proptest::prop_assert_eq!(out, serde_json::to_string(&text).unwrap());
        }
    }
}
