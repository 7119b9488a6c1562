//! Frames as values, and reading them off the wire (protocol §2, §3).

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use bytestring::ByteString;
use serde::de::{self, DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use smol_str::SmolStr;

use super::version::Version;
use super::{binary, close_code};

/// Most bytes of JSON a ref may have. The official client sends short decimals, others UUIDs; a longer one
/// would not fit into a binary frame either (protocol §2.4).
pub const REF_BYTES_MAX: usize = 255;

/// A ref or join_ref: opaque, echoed with the JSON type it came with (protocol §3.1).
///
/// Equal means same type and same value: `7` differs from `"7"`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Ref(
    /// JSON text, strings in canonical escaping; `None` for null. Short ones, as clients send them, are inside.
    Option<SmolStr>,
);

impl Ref {
    /// No ref: `null` in text frames, the empty string in binary ones (protocol §2.4).
    pub const NULL: Ref = Ref(None);

    /// The ref that is this string.
    pub fn text(text: &str) -> Ref {
        let mut json = String::with_capacity(text.len() + 2);
        super::encode::push_json_str(&mut json, text);
        Ref(Some(json.into()))
    }

    /// Whether there is none.
    pub fn is_null(&self) -> bool {
        self.0.is_none()
    }

    /// The JSON text that echoes this ref.
    pub(super) fn as_json(&self) -> &str {
        self.0.as_deref().unwrap_or("null")
    }

    /// What stands for this ref in a binary frame: a string's content, the JSON text of anything else.
    pub(super) fn as_binary(&self) -> Cow<'_, str> {
        let Some(json) = self.0.as_deref() else {
            return Cow::Borrowed("");
        };
        match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(inner) if !inner.contains('\\') => Cow::Borrowed(inner),
            Some(_) => serde_json::from_str(json).map_or(Cow::Borrowed(json), Cow::Owned),
            None => Cow::Borrowed(json),
        }
    }

    /// A ref of a binary frame; the empty string is none (protocol §2.4).
    pub(super) fn from_binary(text: &str) -> Ref {
        if text.is_empty() { Ref::NULL } else { Ref::text(text) }
    }

    fn from_raw(raw: &RawValue) -> Result<Ref, DecodeError> {
        let json = raw.get();
        if json == "null" {
            Ok(Ref::NULL)
        } else if json.len() > REF_BYTES_MAX {
            Err(DecodeError::RefTooLong)
        } else if json.starts_with('"') && json.contains('\\') {
            // The same string may be escaped in several ways.
            Ok(Ref::text(&serde_json::from_str::<String>(json)?))
        } else {
            Ok(Ref(Some(json.into())))
        }
    }
}

impl fmt::Debug for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ref({})", self.as_json())
    }
}

impl Serialize for Ref {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(self.as_json())
            .map_err(S::Error::custom)?
            .serialize(serializer)
    }
}

/// A topic or event as received. One of a wrong JSON type matches nothing and is echoed (protocol §4.1).
#[derive(Clone, Debug)]
pub enum Name {
    /// The usual case.
    Text(String),
    /// Anything but a string.
    Other(Box<RawValue>),
}

impl Name {
    /// The name, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Name::Text(text) => Some(text),
            Name::Other(_) => None,
        }
    }

    /// Fails when the name has more than `max` bytes.
    pub(super) fn check_len(&self, max: usize) -> Result<(), DecodeError> {
        let bytes = match self {
            Name::Text(text) => text.len(),
            Name::Other(raw) => raw.get().len(),
        };
        if bytes > max {
            Err(DecodeError::NameTooLong { bytes, max })
        } else {
            Ok(())
        }
    }

    fn from_raw(raw: &RawValue) -> Result<Name, DecodeError> {
        if raw.get().starts_with('"') {
            Ok(Name::Text(serde_json::from_str(raw.get())?))
        } else {
            Ok(Name::Other(raw.to_owned()))
        }
    }
}

/// What a message carries: any JSON value, or bytes (protocol §2.4).
///
/// JSON is kept as text. It is known to be well-formed, except that strings inside may hold lone surrogate
/// escapes and nesting may be deep: [`Payload::parse`] fails on both, without harm.
#[derive(Clone, Debug)]
pub enum Payload {
    /// Of a text frame. What the server sends has to be an object (protocol §2.1).
    Json(Box<RawValue>),
    /// Of a binary frame; V2 over WebSocket only.
    Binary(Bytes),
}

impl Payload {
    /// The payload that is this value.
    pub fn json(value: &impl Serialize) -> Result<Payload, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Payload::Json)
    }

    /// Reads the payload as `T`. Fails on binary, on another shape, beyond 128 levels of nesting, and on lone
    /// surrogates (protocol §7).
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        match self {
            Payload::Json(raw) => serde_json::from_str(raw.get()),
            Payload::Binary(_) => Err(de::Error::custom("a binary payload where JSON was expected")),
        }
    }
}

/// One message of a client (protocol §2).
#[derive(Clone, Debug)]
pub struct Inbound {
    /// Names the channel the client means (protocol §3).
    pub join_ref: Ref,
    /// What the reply echoes.
    pub r#ref: Ref,
    /// What the message is about.
    pub topic: Name,
    /// What it wants.
    pub event: Name,
    /// The rest.
    pub payload: Payload,
}

/// One encoded message for the client; cheap to clone, the bytes are shared.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// A WebSocket text message, or a string in a long-poll answer (protocol §8.1).
    Text(ByteString),
    /// A WebSocket binary message; long poll cannot carry it.
    Binary(Bytes),
}

impl Frame {
    /// Bytes of the payload on the wire, without framing.
    pub fn len(&self) -> usize {
        match self {
            Frame::Text(text) => text.len(),
            Frame::Binary(data) => data.len(),
        }
    }

    /// Whether there is nothing in it; never so for frames made by this module.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Why what a client sent ends its socket (protocol §7). Nothing of the message took effect.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not JSON, or not the shape of a frame.
    #[error("not a frame")]
    Json(#[from] serde_json::Error),
    /// A binary frame with a field that is not UTF-8.
    #[error("a binary frame with text that is not UTF-8")]
    Utf8(#[from] std::str::Utf8Error),
    /// A binary frame that is empty, cut, or of a kind clients do not send.
    #[error("a malformed binary frame")]
    Binary,
    /// A ref of more than [`REF_BYTES_MAX`] bytes.
    #[error("a ref of more than {REF_BYTES_MAX} bytes")]
    RefTooLong,
    /// A topic or event over the socket's limit.
    #[error("a topic or event of {bytes} bytes, over the limit of {max}")]
    NameTooLong {
        /// Bytes it has.
        bytes: usize,
        /// Bytes it may have.
        max: usize,
    },
    /// Too many messages wait in this socket, and this one could not be answered with an error reply.
    #[error("too many messages are waiting in this socket")]
    Overloaded,
}

impl DecodeError {
    /// The code to close the socket with (protocol §6.5).
    pub fn close_code(&self) -> u16 {
        match self {
            DecodeError::RefTooLong | DecodeError::NameTooLong { .. } => close_code::TOO_BIG,
            DecodeError::Json(_) | DecodeError::Utf8(_) | DecodeError::Binary | DecodeError::Overloaded => {
                close_code::INTERNAL_ERROR
            }
        }
    }
}

/// Reads a text frame (protocol §2.1, §2.2). The payload is scanned and copied, not parsed.
pub fn decode_text(version: Version, text: &str) -> Result<Inbound, DecodeError> {
    let raw = match version {
        Version::V1 => serde_json::from_str::<ObjectFrame<'_>>(text)?.0,
        Version::V2 => serde_json::from_str::<ArrayFrame<'_>>(text)?.0,
    };
    Ok(Inbound {
        join_ref: raw.join_ref.map_or(Ok(Ref::NULL), Ref::from_raw)?,
        r#ref: Ref::from_raw(raw.r#ref)?,
        topic: Name::from_raw(raw.topic)?,
        event: Name::from_raw(raw.event)?,
        payload: Payload::Json(raw.payload.to_owned()),
    })
}

/// Reads a binary frame (protocol §2.4). V2 payloads share `data`. V1 does not care about the opcode: the
/// bytes are read as a text frame (protocol §2.2).
pub fn decode_binary(version: Version, data: &Bytes) -> Result<Inbound, DecodeError> {
    match version {
        Version::V1 => decode_text(Version::V1, std::str::from_utf8(data)?),
        Version::V2 => binary::decode(data),
    }
}

/// The five parts of a frame, still borrowed from its text.
struct RawFrame<'a> {
    join_ref: Option<&'a RawValue>,
    r#ref: &'a RawValue,
    topic: &'a RawValue,
    event: &'a RawValue,
    payload: &'a RawValue,
}

/// V2: `[join_ref, ref, topic, event, payload, …]`.
struct ArrayFrame<'a>(RawFrame<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for ArrayFrame<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ArrayVisitor).map(ArrayFrame)
    }
}

struct ArrayVisitor;

impl<'de> Visitor<'de> for ArrayVisitor {
    type Value = RawFrame<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of join_ref, ref, topic, event, payload")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut next = |index| {
            let element: Option<&'de RawValue> = seq.next_element()?;
            element.ok_or_else(|| de::Error::invalid_length(index, &ArrayVisitor))
        };
        let (join_ref, r#ref, topic, event, payload) = (Some(next(0)?), next(1)?, next(2)?, next(3)?, next(4)?);
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(RawFrame {
            join_ref,
            r#ref,
            topic,
            event,
            payload,
        })
    }
}

/// V1: an object; of a repeated key the last one counts.
struct ObjectFrame<'a>(RawFrame<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for ObjectFrame<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor).map(ObjectFrame)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum ObjectKey {
    JoinRef,
    Ref,
    Topic,
    Event,
    Payload,
    #[serde(other)]
    Unknown,
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = RawFrame<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with topic, event, payload, ref")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut join_ref, mut r#ref, mut topic, mut event, mut payload) = (None, None, None, None, None);
        while let Some(key) = map.next_key()? {
            let value: &'de RawValue = map.next_value()?;
            match key {
                ObjectKey::JoinRef => join_ref = Some(value),
                ObjectKey::Ref => r#ref = Some(value),
                ObjectKey::Topic => topic = Some(value),
                ObjectKey::Event => event = Some(value),
                ObjectKey::Payload => payload = Some(value),
                ObjectKey::Unknown => {}
            }
        }
        Ok(RawFrame {
            join_ref,
            r#ref: r#ref.ok_or_else(|| de::Error::missing_field("ref"))?,
            topic: topic.ok_or_else(|| de::Error::missing_field("topic"))?,
            event: event.ok_or_else(|| de::Error::missing_field("event"))?,
            payload: payload.ok_or_else(|| de::Error::missing_field("payload"))?,
        })
    }
}
