//! A message to all channels of a topic (protocol §2.3).

use std::sync::OnceLock;

use bytes::Bytes;
use serde::Serialize;

use super::encode;
use super::frame::{Frame, Payload};
use super::version::Version;

/// A message to all channels of a topic, encoded at most once per version.
///
/// Shared as `Arc<Broadcast>` by all sockets of the topic; the frames it hands out share their bytes.
#[derive(Debug)]
pub struct Broadcast {
    topic: Box<str>,
    event: Box<str>,
    payload: Payload,
    ephemeral: bool,
    v1: Encoded,
    v2: Encoded,
}

/// A broadcast in one version, as far as somebody has asked for it.
#[derive(Debug, Default)]
struct Encoded {
    frame: OnceLock<Option<Frame>>,
    framed: OnceLock<Option<Bytes>>,
}

impl Broadcast {
    /// A broadcast of this payload; JSON should be an object (protocol §2.1).
    pub fn new(topic: &str, event: &str, payload: Payload) -> Broadcast {
        Broadcast {
            topic: topic.into(),
            event: event.into(),
            payload,
            ephemeral: false,
            v1: Encoded::default(),
            v2: Encoded::default(),
        }
    }

    /// A broadcast of what `payload` serialises to.
    pub fn json(topic: &str, event: &str, payload: &impl Serialize) -> Result<Broadcast, serde_json::Error> {
        Ok(Broadcast::new(topic, event, Payload::json(payload)?))
    }

    /// Marks the broadcast as one that may be dropped first where a reader is slow (typing, presence).
    #[must_use]
    pub fn ephemeral(mut self) -> Self {
        self.ephemeral = true;
        self
    }

    /// Whether it may be dropped first where a reader is slow.
    pub fn is_ephemeral(&self) -> bool {
        self.ephemeral
    }

    /// The topic whose channels it is for.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The event clients see.
    pub fn event(&self) -> &str {
        &self.event
    }

    /// The frame for sockets of this version; encoded by whoever asks first.
    ///
    /// `None` for a binary payload on V1, or one whose topic or event has more than 255 bytes: it cannot be
    /// sent (protocol §2.4).
    pub fn frame(&self, version: Version) -> Option<Frame> {
        self.encoded(version)
            .frame
            .get_or_init(|| encode::broadcast(version, &self.topic, &self.event, &self.payload))
            .clone()
    }

    /// The same as it is on the wire, header and all. `frame` puts it so; the first caller's way is everybody's.
    pub fn framed(&self, version: Version, frame: impl FnOnce(&Frame) -> Bytes) -> Option<Bytes> {
        self.encoded(version)
            .framed
            .get_or_init(|| self.frame(version).as_ref().map(frame))
            .clone()
    }

    fn encoded(&self, version: Version) -> &Encoded {
        match version {
            Version::V1 => &self.v1,
            Version::V2 => &self.v2,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_broadcast_has_null_refs_in_both_versions() {
        let broadcast = Broadcast::json("room:7", "typing", &json!({"user_id": "u1"})).unwrap();
        let v2 = r#"[null,null,"room:7","typing",{"user_id":"u1"}]"#;
        let v1 = r#"{"topic":"room:7","event":"typing","ref":null,"payload":{"user_id":"u1"}}"#;
        assert_eq!(broadcast.frame(Version::V2), Some(Frame::Text(v2.into())));
        assert_eq!(broadcast.frame(Version::V1), Some(Frame::Text(v1.into())));
        assert_eq!((broadcast.topic(), broadcast.event()), ("room:7", "typing"));
    }

    #[test]
    fn the_encoding_is_shared_by_all_sockets() {
        let broadcast = Broadcast::json("room:7", "e", &json!({})).unwrap();
        let address = || match broadcast.frame(Version::V2) {
            Some(Frame::Text(text)) => text.as_ptr(),
            other => panic!("{other:?}"),
        };
        assert_eq!(address(), address());
    }

    #[test]
    fn a_binary_broadcast_leaves_version_one_out() {
        let broadcast = Broadcast::new("room:j", "bin_bcast", Payload::Binary(Bytes::from_static(&[7, 8])));
        let expected = [&[2, 6, 9], &b"room:jbin_bcast"[..], &[7, 8]].concat();
        assert_eq!(broadcast.frame(Version::V2), Some(Frame::Binary(expected.into())));
        assert_eq!(broadcast.frame(Version::V1), None);
    }

    #[test]
    fn a_binary_broadcast_with_an_event_over_255_bytes_cannot_be_sent() {
        let event = "e".repeat(256);
        let broadcast = Broadcast::new("room:j", &event, Payload::Binary(Bytes::new()));
        assert_eq!(broadcast.frame(Version::V2), None);
        let longest = Broadcast::new("room:j", &event[1..], Payload::Binary(Bytes::new()));
        assert!(longest.frame(Version::V2).is_some());
    }

    #[test]
    fn only_a_marked_broadcast_is_ephemeral() {
        let broadcast = Broadcast::json("room:7", "typing", &json!({})).unwrap();
        assert!(!broadcast.is_ephemeral());
        assert!(broadcast.ephemeral().is_ephemeral());
    }
}
