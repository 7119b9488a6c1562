//! WebSocket framing (RFC 6455) as a server speaks it, sans-IO.
//!
//! [`Decoder`] turns what a client sends, cut anywhere, into [`Event`]s; [`encode`](text) and its like turn answers
//! into frames. There is no socket, no clock and no chat in here, and extensions are not spoken, so none is negotiated.
//!
//! A frame that is whole in the bytes at hand is unmasked where it lies and handed out borrowed. Only what is not
//! whole yet — part of a frame, a message whose last fragment is missing — is kept, so a transport may read all of its
//! sockets into one buffer, and a socket that is silent between two frames costs [`Decoder`]'s own 16 bytes.
//!
//! Invariants:
//! * No input panics; none is kept beyond [`SizeLimits`], which are held against headers, before any payload is kept.
//! * How the bytes are cut does not change the events.
//! * After a [`Violation`] or the client's close nothing more is decoded.

mod decode;
mod encode;
mod header;
mod mask;

#[cfg(test)]
mod client;
#[cfg(test)]
mod decode_tests;
#[cfg(test)]
mod proptests;

pub use decode::{Decoder, Event, Input};
pub use encode::{HEADER_BYTES_MAX, binary, close, pong, push_header, text};
pub use header::{CONTROL_PAYLOAD_BYTES_MAX, Opcode};

use crate::phoenix::close_code;

/// The largest frame and message a client may send, in bytes of payload.
#[derive(Clone, Copy, Debug)]
pub struct SizeLimits {
    /// One frame.
    pub frame_bytes_max: usize,
    /// All fragments of a message together.
    pub message_bytes_max: usize,
}

/// What a client did that RFC 6455 or a limit forbids. The connection has to be closed with [`Violation::close_code`]
/// (§7.1.7); nothing more is read from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A reserved bit is set, though no extension was negotiated (§5.2).
    #[error("a reserved bit is set")]
    ReservedBit,
    /// An opcode without a meaning (§5.2).
    #[error("opcode {0} is reserved")]
    ReservedOpcode(u8),
    /// A client has to mask every frame (§5.1).
    #[error("a frame is not masked")]
    NotMasked,
    /// Control frames are never fragmented (§5.5).
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// Control frames have at most 125 bytes (§5.5).
    #[error("a control frame is too long")]
    LongControl,
    /// A length is written in more bytes than it needs (§5.2).
    #[error("a length is not minimal")]
    LengthNotMinimal,
    /// The highest bit of a length of 64 bits is set (§5.2).
    #[error("a length has its highest bit set")]
    LengthOutOfRange,
    /// A continuation of nothing (§5.4).
    #[error("a continuation without a message")]
    NothingToContinue,
    /// A new message before the last one ended (§5.4).
    #[error("a new message inside a fragmented one")]
    InterleavedMessage,
    /// The body of a close frame is a single byte (§5.5.1).
    #[error("a close code is cut")]
    CutCloseCode,
    /// A close code that may not be on the wire (§7.4).
    #[error("close code {0} may not be sent")]
    BadCloseCode(u16),
    /// A text or a close reason is not UTF-8 (§8.1).
    #[error("text is not UTF-8")]
    NotUtf8,
    /// A frame is over its limit.
    #[error("a frame is too big")]
    FrameTooBig,
    /// The fragments of a message are over its limit.
    #[error("a message is too big")]
    MessageTooBig,
}

impl Violation {
    /// The code to close with (§7.4.1).
    pub fn close_code(self) -> u16 {
        match self {
            Self::NotUtf8 => close_code::INVALID_UTF8,
            Self::FrameTooBig | Self::MessageTooBig => close_code::TOO_BIG,
            Self::ReservedBit
            | Self::ReservedOpcode(_)
            | Self::NotMasked
            | Self::FragmentedControl
            | Self::LongControl
            | Self::LengthNotMinimal
            | Self::LengthOutOfRange
            | Self::NothingToContinue
            | Self::InterleavedMessage
            | Self::CutCloseCode
            | Self::BadCloseCode(_) => close_code::PROTOCOL_ERROR,
        }
    }
}
