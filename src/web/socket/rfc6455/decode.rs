//! What a client sends, as events.

use std::{ops::Range, str};

use super::{
    Opcode, SizeLimits, Violation,
    header::{CLIENT_HEADER_BYTES_MAX, Header},
    mask::Mask,
};

/// What a client said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'e> {
    /// A message of text, whole.
    Text(&'e str),
    /// A message of bytes, whole.
    Binary(&'e [u8]),
    /// To be answered with [`pong`](super::pong) (§5.5.2).
    Ping(&'e [u8]),
    /// A sign of life; asks for nothing (§5.5.3).
    Pong,
    /// The client's last frame, with its code if it gave one. To be answered with [`close`](super::close), unless that
    /// was sent already (§5.5.1).
    Close(Option<u16>),
}

/// Bytes as they were read. Payloads are unmasked where they lie.
#[derive(Debug)]
pub struct Input<'b> {
    bytes: &'b mut [u8],
    /// How far they are decoded.
    at: usize,
}

impl<'b> Input<'b> {
    /// Nothing of `bytes` is decoded yet.
    pub fn new(bytes: &'b mut [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// Takes at most `max` bytes off, and says where they are.
    fn take(&mut self, max: usize) -> Range<usize> {
        let start = self.at;
        self.at += max.min(self.bytes.len() - start);
        start..self.at
    }
}

/// Reads one client's frames.
#[derive(Debug, Default)]
pub struct Decoder {
    /// What has come and is not whole yet.
    partial: Option<Box<Partial>>,
    /// Nothing is read any more.
    is_over: bool,
}

impl Decoder {
    /// Before the first frame.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next event, or `None` when `input` is used up: what is left of it is remembered then, and the caller's
    /// buffer is free. To be called until then, for what was handed out is kept until the next call.
    ///
    /// `limits` hold for the frames that begin in this call. After an error or [`Event::Close`] whatever comes is
    /// swallowed.
    pub fn next<'e>(
        &'e mut self,
        input: &'e mut Input<'_>,
        limits: SizeLimits,
    ) -> Result<Option<Event<'e>>, Violation> {
        self.let_go();
        let ready = self.advance(input, limits).inspect_err(|_| self.is_over = true)?;
        let Some(Ready { kind, at }) = ready else {
            return Ok(None);
        };
        let payload = match at {
            Some(range) => &input.bytes[range],
            None => self.partial.as_deref().map_or(&[][..], |partial| partial.payload(kind)),
        };
        let event = match kind {
            Kind::Text => str::from_utf8(payload).map(Event::Text).map_err(|_| Violation::NotUtf8),
            Kind::Binary => Ok(Event::Binary(payload)),
            Kind::Ping => Ok(Event::Ping(payload)),
            Kind::Pong => Ok(Event::Pong),
            Kind::Close => close_code(payload).map(Event::Close),
        };
        self.is_over = matches!(event, Err(_) | Ok(Event::Close(_)));
        event.map(Some)
    }

    /// Whether nothing is kept.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.partial.is_none()
    }

    /// Room taken for payloads.
    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| {
            partial.control.capacity() + partial.message.as_ref().map_or(0, |message| message.payload.capacity())
        })
    }

    /// Frees what was handed out, and everything when nothing more is read.
    fn let_go(&mut self) {
        if let Some(partial) = &mut self.partial {
            partial.let_go();
            if self.is_over || partial.is_empty() {
                self.partial = None;
            }
        }
    }

    fn advance(&mut self, input: &mut Input<'_>, limits: SizeLimits) -> Result<Option<Ready>, Violation> {
        if self.is_over {
            input.take(usize::MAX);
            return Ok(None);
        }
        loop {
            if let Some(partial) = &mut self.partial
                && let Some(frame) = partial.frame.take()
            {
                let ready = partial.receive(frame, input)?;
                if ready.is_some() || partial.frame.is_some() {
                    return Ok(ready);
                }
            }
            let Some(mut header) = self.header(input)? else {
                return Ok(None);
            };
            let message = self.partial.as_ref().and_then(|partial| partial.message.as_ref());
            let length = admit(&header, message, limits)?;
            if let Some(kind) = Kind::of(header.opcode)
                && header.is_final
                && length <= input.rest().len()
            {
                let range = input.take(length);
                header.mask.apply(&mut input.bytes[range.clone()]);
                return Ok(Some(Ready { kind, at: Some(range) }));
            }
            self.partial.get_or_insert_default().begin(&header, length);
        }
    }

    /// The header that comes next; the beginning of one is kept.
    fn header(&mut self, input: &mut Input<'_>) -> Result<Option<Header>, Violation> {
        let kept = self.partial.as_ref().map_or(0, |partial| partial.header_bytes);
        if kept == 0
            && let Some(header) = Header::parse(input.rest())?
        {
            input.take(header.bytes);
            return Ok(Some(header));
        }
        if input.rest().is_empty() {
            return Ok(None);
        }
        let partial = self.partial.get_or_insert_default();
        let bytes = &mut partial.header[kept..];
        let more = bytes.len().min(input.rest().len());
        bytes[..more].copy_from_slice(&input.rest()[..more]);
        let header = Header::parse(&partial.header[..kept + more])?;
        match &header {
            Some(header) => {
                input.take(header.bytes - kept);
                partial.header_bytes = 0;
            }
            None => {
                input.take(more);
                partial.header_bytes = kept + more;
            }
        }
        Ok(header)
    }
}

/// Whether a frame may come now and is not too big: looked at before any of its payload is. Gives the payload's bytes.
fn admit(header: &Header, message: Option<&Message>, limits: SizeLimits) -> Result<usize, Violation> {
    let length = usize::try_from(header.length)
        .ok()
        .filter(|&length| length <= limits.frame_bytes_max || header.opcode.is_control())
        .ok_or(Violation::FrameTooBig);
    let before = match (header.opcode, message) {
        (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => return length,
        (Opcode::Continuation, None) => return Err(Violation::NothingToContinue),
        (Opcode::Text | Opcode::Binary, Some(_)) => return Err(Violation::InterleavedMessage),
        (Opcode::Text | Opcode::Binary, None) => 0,
        (Opcode::Continuation, Some(message)) => message.payload.len(),
    };
    let length = length?;
    match before.checked_add(length) {
        Some(bytes) if bytes <= limits.message_bytes_max => Ok(length),
        _ => Err(Violation::MessageTooBig),
    }
}

/// What an event is.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Kind {
    /// What begins with a frame of this opcode.
    fn of(opcode: Opcode) -> Option<Self> {
        match opcode {
            Opcode::Continuation => None,
            Opcode::Text => Some(Self::Text),
            Opcode::Binary => Some(Self::Binary),
            Opcode::Close => Some(Self::Close),
            Opcode::Ping => Some(Self::Ping),
            Opcode::Pong => Some(Self::Pong),
        }
    }
}

/// What an event is, and where its payload lies in the input; `None`: it was kept.
struct Ready {
    kind: Kind,
    at: Option<Range<usize>>,
}

/// What has come and is not whole yet.
#[derive(Debug, Default)]
struct Partial {
    /// The first bytes of a header.
    header: [u8; CLIENT_HEADER_BYTES_MAX],
    header_bytes: usize,
    /// A frame whose payload is still coming.
    frame: Option<Frame>,
    message: Option<Message>,
    /// The payload of a control frame.
    control: Vec<u8>,
}

/// A frame whose payload is still coming.
#[derive(Debug)]
struct Frame {
    opcode: Opcode,
    is_final: bool,
    /// Bytes that have not come.
    left: usize,
    mask: Mask,
}

/// A message of which something has come.
#[derive(Debug)]
struct Message {
    kind: Kind,
    payload: Vec<u8>,
    /// How many bytes of a text are known to be UTF-8.
    valid: usize,
    is_whole: bool,
}

impl Partial {
    fn is_empty(&self) -> bool {
        self.header_bytes == 0 && self.frame.is_none() && self.message.is_none()
    }

    /// Frees what is whole: it has been handed out.
    fn let_go(&mut self) {
        if self.message.as_ref().is_some_and(|message| message.is_whole) {
            self.message = None;
        }
        if self.frame.as_ref().is_none_or(|frame| !frame.opcode.is_control()) {
            self.control = Vec::new();
        }
    }

    fn payload(&self, kind: Kind) -> &[u8] {
        match (kind, &self.message) {
            (Kind::Text | Kind::Binary, Some(message)) => &message.payload,
            (Kind::Text | Kind::Binary, None) => &[],
            (Kind::Close | Kind::Ping | Kind::Pong, _) => &self.control,
        }
    }

    fn begin(&mut self, header: &Header, length: usize) {
        self.frame = Some(Frame {
            opcode: header.opcode,
            is_final: header.is_final,
            left: length,
            mask: header.mask,
        });
        if let Some(kind @ (Kind::Text | Kind::Binary)) = Kind::of(header.opcode) {
            self.message = Some(Message {
                kind,
                payload: Vec::new(),
                valid: 0,
                is_whole: false,
            });
        }
    }

    /// Takes what has come of a frame's payload.
    fn receive(&mut self, mut frame: Frame, input: &mut Input<'_>) -> Result<Option<Ready>, Violation> {
        let range = input.take(frame.left);
        let bytes = &mut input.bytes[range];
        frame.mask.apply(bytes);
        frame.left -= bytes.len();
        let is_whole = frame.left == 0;
        let kind = match (Kind::of(frame.opcode), &mut self.message) {
            (Some(kind @ (Kind::Close | Kind::Ping | Kind::Pong)), _) => {
                append(&mut self.control, bytes, frame.left);
                is_whole.then_some(kind)
            }
            (_, Some(message)) => {
                append(&mut message.payload, bytes, frame.left);
                message.is_whole = is_whole && frame.is_final;
                message.check_text()?;
                message.is_whole.then_some(message.kind)
            }
            (_, None) => None,
        };
        if !is_whole {
            self.frame = Some(frame);
        }
        Ok(kind.map(|kind| Ready { kind, at: None }))
    }
}

impl Message {
    /// Looks at what has come since the last time. A character may be cut by the end of what has come, unless that is
    /// the end of the message.
    fn check_text(&mut self) -> Result<(), Violation> {
        if !matches!(self.kind, Kind::Text) {
            return Ok(());
        }
        match str::from_utf8(&self.payload[self.valid..]) {
            Ok(text) => self.valid += text.len(),
            Err(error) if error.error_len().is_none() && !self.is_whole => self.valid += error.valid_up_to(),
            Err(_) => return Err(Violation::NotUtf8),
        }
        Ok(())
    }
}

/// Appends to what is kept. Room grows as bytes come, not as they are declared, and to no more than `left` further
/// bytes.
fn append(kept: &mut Vec<u8>, bytes: &[u8], left: usize) {
    let needed = kept.len() + bytes.len();
    if needed > kept.capacity() {
        let room = needed.saturating_mul(2).min(needed + left);
        kept.reserve_exact(room - kept.len());
    }
    kept.extend_from_slice(bytes);
}

/// Reads the body of a close frame (§5.5.1): nothing, or a code and a reason.
fn close_code(body: &[u8]) -> Result<Option<u16>, Violation> {
    let Some((code, reason)) = body.split_first_chunk() else {
        return if body.is_empty() {
            Ok(None)
        } else {
            Err(Violation::CutCloseCode)
        };
    };
    let code = u16::from_be_bytes(*code);
    // §7.4.1 and the registry of §11.7: 1004 has no meaning, 1005, 1006 and 1015 are never sent; §7.4.2: from 3000 on
    // codes are free for applications, up to 4999.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::BadCloseCode(code));
    }
    match str::from_utf8(reason) {
        Ok(_) => Ok(Some(code)),
        Err(_) => Err(Violation::NotUtf8),
    }
}
