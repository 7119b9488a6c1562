//! Bounds what a WebSocket client may make the server buffer.
//!
//! actix-http's frame parser looks at its size limit only when a whole frame has been buffered, so a client
//! that declares a huge frame and dribbles it fills memory. This stream reads the frame headers as the bytes
//! pass and ends the connection as soon as a *declared* frame or fragmented message is over the limit.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Instant,
};

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;

/// What the guard has seen, for the session's actor.
#[derive(Clone)]
pub struct Seen(Rc<SeenCells>);

struct SeenCells {
    last_bytes: Cell<Instant>,
    too_big: Cell<bool>,
}

impl Seen {
    /// Nothing but the handshake, just now.
    pub fn new() -> Self {
        Self(Rc::new(SeenCells {
            last_bytes: Cell::new(Instant::now()),
            too_big: Cell::new(false),
        }))
    }

    /// When bytes last came from the client, of whatever kind.
    pub fn last_bytes(&self) -> Instant {
        self.0.last_bytes.get()
    }

    /// Whether the stream was ended because something was over its limit.
    pub fn too_big(&self) -> bool {
        self.0.too_big.get()
    }
}

/// The largest frame and message a client may send, in bytes of payload.
#[derive(Clone, Copy, Debug)]
pub struct SizeLimits {
    /// One frame.
    pub frame_bytes_max: u64,
    /// All fragments of a message together.
    pub message_bytes_max: u64,
}

/// Wraps the request's payload stream.
pub struct PayloadGuard<S> {
    inner: S,
    limits: SizeLimits,
    scanner: HeaderScanner,
    seen: Seen,
}

impl<S> PayloadGuard<S> {
    /// Guards `inner`, reporting to `seen`.
    pub fn new(inner: S, limits: SizeLimits, seen: Seen) -> Self {
        Self {
            inner,
            limits,
            scanner: HeaderScanner::default(),
            seen,
        }
    }
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for PayloadGuard<S> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.seen.too_big() {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut self.inner).poll_next(cx);
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            self.seen.0.last_bytes.set(Instant::now());
            let limits = self.limits;
            if self.scanner.scan(bytes, limits).is_err() {
                self.seen.0.too_big.set(true);
                return Poll::Ready(Some(Err(PayloadError::Overflow)));
            }
        }
        polled
    }
}

/// Finds the frame headers (RFC 6455 §5.2) in a byte stream cut anywhere.
#[derive(Default)]
struct HeaderScanner {
    header: [u8; 14],
    header_len: usize,
    /// Payload bytes of the current frame still to come.
    payload_left: u64,
    /// Payload bytes of the current message's fragments so far.
    message_bytes: u64,
}

struct TooBig;

impl HeaderScanner {
    fn scan(&mut self, mut bytes: &[u8], limits: SizeLimits) -> Result<(), TooBig> {
        while !bytes.is_empty() {
            if self.payload_left > 0 {
                let skipped = bytes
                    .len()
                    .min(usize::try_from(self.payload_left).unwrap_or(usize::MAX));
                self.payload_left -= skipped as u64;
                bytes = &bytes[skipped..];
                continue;
            }
            self.header[self.header_len] = bytes[0];
            self.header_len += 1;
            bytes = &bytes[1..];
            self.header_byte_added(limits)?;
        }
        Ok(())
    }

    fn header_byte_added(&mut self, limits: SizeLimits) -> Result<(), TooBig> {
        if self.header_len < 2 {
            return Ok(());
        }
        let extended = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if self.header_len < 2 + extended {
            return Ok(());
        }
        let payload_len = match extended {
            0 => u64::from(self.header[1] & 0x7f),
            _ => self.header[2..2 + extended]
                .iter()
                .fold(0, |len, &byte| len << 8 | u64::from(byte)),
        };
        if payload_len > limits.frame_bytes_max {
            return Err(TooBig);
        }
        let mask = if self.header[1] & 0x80 == 0 { 0 } else { 4 };
        if self.header_len < 2 + extended + mask {
            return Ok(());
        }
        let opcode = self.header[0] & 0x0f;
        let is_control = opcode >= 8;
        if !is_control {
            let is_continuation = opcode == 0;
            self.message_bytes = if is_continuation {
                self.message_bytes.saturating_add(payload_len)
            } else {
                payload_len
            };
            if self.message_bytes > limits.message_bytes_max {
                return Err(TooBig);
            }
        }
        self.payload_left = payload_len;
        self.header_len = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: SizeLimits = SizeLimits {
        frame_bytes_max: 1000,
        message_bytes_max: 1500,
    };

    fn frame(first: u8, len: u64, sent: usize) -> Vec<u8> {
        let mut bytes = vec![first];
        match len {
            0..126 => bytes.push(0x80 | u8::try_from(len).unwrap_or_default()),
            126..65_536 => {
                bytes.push(0x80 | 126);
                bytes.extend(u16::try_from(len).unwrap_or_default().to_be_bytes());
            }
            _ => {
                bytes.push(0x80 | 127);
                bytes.extend(len.to_be_bytes());
            }
        }
        bytes.extend([1, 2, 3, 4]);
        bytes.extend(std::iter::repeat_n(0xff, sent));
        bytes
    }

    fn passes(bytes: &[u8]) -> bool {
        let whole = HeaderScanner::default().scan(bytes, LIMITS).is_ok();
        let mut scanner = HeaderScanner::default();
        let one_by_one = bytes.chunks(1).all(|byte| scanner.scan(byte, LIMITS).is_ok());
        assert_eq!(whole, one_by_one, "cuts must not matter");
        whole
    }

    #[test]
    fn frames_within_the_limit_pass() {
        let mut bytes = frame(0x81, 5, 5);
        bytes.extend(frame(0x82, 1000, 1000));
        bytes.extend(frame(0x81, 0, 0));
        assert!(passes(&bytes));
    }

    #[test]
    fn a_frame_over_the_limit_is_refused_by_its_header_alone() {
        assert!(!passes(&frame(0x81, 1001, 0)));
        assert!(!passes(&frame(0x81, 400 << 20, 0)));
        assert!(!passes(&frame(0x81, u64::MAX, 0)));
    }

    #[test]
    fn fragments_are_counted_together_and_control_frames_are_not() {
        let mut bytes = frame(0x01, 800, 800);
        bytes.extend(frame(0x89, 100, 100));
        bytes.extend(frame(0x00, 700, 700));
        assert!(passes(&bytes), "exactly at the limit");
        bytes.extend(frame(0x00, 1, 0));
        assert!(!passes(&bytes));
    }

    #[test]
    fn a_new_message_starts_from_nought() {
        let mut bytes = frame(0x01, 900, 900);
        bytes.extend(frame(0x80, 500, 500));
        bytes.extend(frame(0x81, 1000, 1000));
        assert!(passes(&bytes));
    }
}
