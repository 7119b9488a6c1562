//! Frames of a server: never masked (RFC 6455 §5.1), never fragmented.

use bytes::{BufMut, Bytes, BytesMut};

use super::{CONTROL_PAYLOAD_BYTES_MAX, Opcode};

/// Bytes of the longest header of a server's frame.
pub const HEADER_BYTES_MAX: usize = 10;

/// Appends the header of a whole frame with so many bytes of payload.
///
/// Control frames have at most [`CONTROL_PAYLOAD_BYTES_MAX`].
pub fn push_header(frame: &mut impl BufMut, opcode: Opcode, payload_bytes: usize) {
    debug_assert!(!opcode.is_control() || payload_bytes <= CONTROL_PAYLOAD_BYTES_MAX);
    frame.put_u8(opcode.only_frame());
    if let Ok(length @ ..126) = u8::try_from(payload_bytes) {
        frame.put_u8(length);
    } else if let Ok(length) = u16::try_from(payload_bytes) {
        frame.put_u8(126);
        frame.put_u16(length);
    } else {
        frame.put_u8(127);
        frame.put_u64(payload_bytes as u64);
    }
}

/// A text frame.
pub fn text(payload: &str) -> Bytes {
    frame(Opcode::Text, payload.as_bytes())
}

/// A binary frame.
pub fn binary(payload: &[u8]) -> Bytes {
    frame(Opcode::Binary, payload)
}

/// The answer to a ping: the ping's own payload (§5.5.3).
pub fn pong(payload: &[u8]) -> Bytes {
    frame(Opcode::Pong, payload)
}

/// A close frame without a reason.
pub fn close(code: u16) -> Bytes {
    frame(Opcode::Close, &code.to_be_bytes())
}

fn frame(opcode: Opcode, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEADER_BYTES_MAX + payload.len());
    push_header(&mut frame, opcode, payload.len());
    frame.extend_from_slice(payload);
    frame.freeze()
}
