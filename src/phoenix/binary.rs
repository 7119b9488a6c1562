//! The layout of V2 binary frames (protocol §2.4). All sizes are one byte and count bytes of UTF-8.

use bytes::{BufMut, Bytes, BytesMut};

use super::frame::{DecodeError, Inbound, Name, Payload, Ref};

/// First byte of a push; the client's has a ref, the server's has none.
pub(super) const PUSH: u8 = 0;
/// First byte of a reply.
pub(super) const REPLY: u8 = 1;
/// First byte of a broadcast.
pub(super) const BROADCAST: u8 = 2;

/// Reads a client's push; the payload shares `data`.
pub(super) fn decode(data: &Bytes) -> Result<Inbound, DecodeError> {
    let [PUSH, join_ref_len, ref_len, topic_len, event_len, rest @ ..] = &data[..] else {
        return Err(DecodeError::Binary);
    };
    let mut rest = rest;
    let mut field = |len: &u8| -> Result<&str, DecodeError> {
        let (text, behind) = rest.split_at_checked(usize::from(*len)).ok_or(DecodeError::Binary)?;
        rest = behind;
        Ok(std::str::from_utf8(text)?)
    };
    let join_ref = Ref::from_binary(field(join_ref_len)?);
    let r#ref = Ref::from_binary(field(ref_len)?);
    let topic = Name::Text(field(topic_len)?.to_owned());
    let event = Name::Text(field(event_len)?.to_owned());
    let payload = Payload::Binary(data.slice(data.len() - rest.len()..));
    Ok(Inbound {
        join_ref,
        r#ref,
        topic,
        event,
        payload,
    })
}

/// Writes a frame of the server; `None` when a field has more than 255 bytes.
pub(super) fn encode(kind: u8, fields: &[&str], data: &[u8]) -> Option<Bytes> {
    let text_len: usize = fields.iter().map(|field| field.len()).sum();
    let mut frame = BytesMut::with_capacity(1 + fields.len() + text_len + data.len());
    frame.put_u8(kind);
    for field in fields {
        frame.put_u8(u8::try_from(field.len()).ok()?);
    }
    for field in fields {
        frame.put_slice(field.as_bytes());
    }
    frame.put_slice(data);
    Some(frame.freeze())
}
