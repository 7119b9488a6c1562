//! The other end, for tests: frames as clients write them, and a decoder that is fed in pieces.

use super::{Decoder, Event, Input, SizeLimits, Violation, mask::Mask};

/// Key of the RFC's own examples (§5.7).
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Small, so that tests need not be big.
pub const LIMITS: SizeLimits = SizeLimits {
    frame_bytes_max: 1000,
    message_bytes_max: 1500,
};

/// The header of a masked frame that declares `length` bytes; `first` is FIN, reserved bits and opcode.
pub fn header(first: u8, length: u64, key: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => bytes.push(0x80 | short),
        (_, Ok(length)) => {
            bytes.push(0x80 | 126);
            bytes.extend(length.to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(key);
    bytes
}

/// A masked frame.
pub fn frame_with(first: u8, payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let mut bytes = header(first, payload.len() as u64, key);
    let start = bytes.len();
    bytes.extend(payload);
    Mask::new(key).apply(&mut bytes[start..]);
    bytes
}

/// A masked frame.
pub fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame_with(first, payload.as_ref(), KEY)
}

/// An [`Event`] that can be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
    Refused(Violation),
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Text(text.to_owned()),
            Event::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong => Self::Pong,
            Event::Close(code) => Self::Close(code),
        }
    }
}

/// Feeds one piece to a decoder.
pub fn feed(decoder: &mut Decoder, piece: &[u8]) -> Vec<Seen> {
    let mut bytes = piece.to_vec();
    let mut input = Input::new(&mut bytes);
    let mut seen = Vec::new();
    loop {
        match decoder.next(&mut input, LIMITS) {
            Ok(Some(event)) => seen.push(event.into()),
            Ok(None) => return seen,
            Err(violation) => seen.push(Seen::Refused(violation)),
        }
    }
}

/// What a client that sends these bytes is understood to say, whether they come at once or one by one.
pub fn read(bytes: &[u8]) -> Vec<Seen> {
    let at_once = feed(&mut Decoder::new(), bytes);
    let mut decoder = Decoder::new();
    let one_by_one: Vec<_> = bytes.chunks(1).flat_map(|byte| feed(&mut decoder, byte)).collect();
    assert_eq!(at_once, one_by_one, "how bytes are cut must not matter");
    at_once
}
