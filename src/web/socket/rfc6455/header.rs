//! The header of a client's frame (RFC 6455 §5.2), and what is wrong with it whatever came before.

use super::{Violation, mask::Mask};

/// Most bytes of a control frame's payload (§5.5).
pub const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;

/// Bytes of the longest header of a client: two, a length of 64 bits, and the mask.
pub(super) const CLIENT_HEADER_BYTES_MAX: usize = 14;

const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const SHORT_LENGTH: u8 = 0x7f;

/// What a frame is (§5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// The next fragment of a message.
    Continuation = 0x0,
    /// A message of text, or its first fragment.
    Text = 0x1,
    /// A message of bytes, or its first fragment.
    Binary = 0x2,
    /// The beginning of the end.
    Close = 0x8,
    /// To be answered.
    Ping = 0x9,
    /// The answer.
    Pong = 0xa,
}

impl Opcode {
    fn from_wire(opcode: u8) -> Result<Self, Violation> {
        Ok(match opcode {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return Err(Violation::ReservedOpcode(opcode)),
        })
    }

    /// Whether it may come between the fragments of a message (§5.5).
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    /// The first byte of a frame that is not fragmented.
    pub(super) fn only_frame(self) -> u8 {
        FINAL | self as u8
    }
}

/// A header that is whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub opcode: Opcode,
    pub is_final: bool,
    /// Bytes of payload, as declared.
    pub length: u64,
    pub mask: Mask,
    /// Bytes of the header itself.
    pub bytes: usize,
}

impl Header {
    /// The header that `bytes` begin with, or `None` when more of them are needed. What is wrong is told as soon as it
    /// can be seen.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, Violation> {
        let &[first, second, ref rest @ ..] = bytes else {
            return Ok(None);
        };
        if first & RESERVED != 0 {
            return Err(Violation::ReservedBit);
        }
        let opcode = Opcode::from_wire(first & OPCODE)?;
        let is_final = first & FINAL != 0;
        if second & MASKED == 0 {
            return Err(Violation::NotMasked);
        }
        let short = second & SHORT_LENGTH;
        if opcode.is_control() {
            if !is_final {
                return Err(Violation::FragmentedControl);
            }
            if usize::from(short) > CONTROL_PAYLOAD_BYTES_MAX {
                return Err(Violation::LongControl);
            }
        }
        let (length, rest) = match short {
            126 => {
                let Some((length, rest)) = rest.split_first_chunk() else {
                    return Ok(None);
                };
                let length = u16::from_be_bytes(*length);
                if length < 126 {
                    return Err(Violation::LengthNotMinimal);
                }
                (u64::from(length), rest)
            }
            127 => {
                let Some((length, rest)) = rest.split_first_chunk() else {
                    return Ok(None);
                };
                let length = u64::from_be_bytes(*length);
                if length > i64::MAX as u64 {
                    return Err(Violation::LengthOutOfRange);
                }
                if length <= u64::from(u16::MAX) {
                    return Err(Violation::LengthNotMinimal);
                }
                (length, rest)
            }
            short => (u64::from(short), rest),
        };
        let Some((key, rest)) = rest.split_first_chunk() else {
            return Ok(None);
        };
        Ok(Some(Self {
            opcode,
            is_final,
            length,
            mask: Mask::new(*key),
            bytes: bytes.len() - rest.len(),
        }))
    }
}
