//! What comes in on a connection.

use rustix::io::Errno;

use super::{CHUNK, Connection, Engine, FIRST_MESSAGE, JOIN, LARGE, LEAVE, Request, Scenario, State};
use crate::{
    phoenix::{self, Envelope},
    system,
    websocket::{self, Header, opcode},
};

/// The answer to [`HANDSHAKE_KEY`](super::connection::HANDSHAKE_KEY).
pub(super) const HANDSHAKE_ANSWER: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The longest head of an answer to the handshake.
const HEAD_MAX: usize = 16 * 1024;

/// What is kept of very large frames: their ends say what they are.
const BEGIN_KEPT: usize = 4096;
const END_KEPT: usize = 64;

/// The code of a close without one (RFC 6455, section 7.4.1).
const NO_STATUS: u16 = 1005;

/// A very large frame on its way.
pub(super) struct Streamed {
    header: Header,
    left: usize,
    begin: Vec<u8>,
    end: Vec<u8>,
}

impl Streamed {
    fn new(header: Header) -> Self {
        Self {
            header,
            left: header.payload as usize,
            begin: Vec::with_capacity(BEGIN_KEPT),
            end: Vec::with_capacity(2 * END_KEPT),
        }
    }

    /// Takes what belongs to the frame and tells how much that was.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let part = &bytes[..self.left.min(bytes.len())];
        let room = BEGIN_KEPT - self.begin.len();
        self.begin.extend_from_slice(&part[..room.min(part.len())]);
        self.end.extend_from_slice(&part[part.len().saturating_sub(END_KEPT)..]);
        self.end.drain(..self.end.len().saturating_sub(END_KEPT));
        self.left -= part.len();
        part.len()
    }
}

/// Whether there is still a connection to go on with.
enum Step {
    /// So many bytes were used; the rest is the beginning of what is to come.
    Used(usize),
    /// The connection is gone.
    Gone,
}

impl Engine {
    pub(super) fn read(&mut self, scenario: &mut impl Scenario, slot: usize, ended: bool) {
        let generation = self.connections[slot].generation;
        let mut buffer = std::mem::take(&mut self.buffer);
        while let Connection {
            socket: Some(socket),
            partial,
            ..
        } = &mut self.connections[slot]
        {
            let before = partial.len();
            match system::receive(socket, &mut buffer[before..before + CHUNK]) {
                Ok(0) => self.lost(scenario, slot, "closed", system::now()),
                Ok(count) => {
                    let now = system::now();
                    buffer[..before].copy_from_slice(partial);
                    // A large rest is rare, and not worth its memory on each of very many connections.
                    partial.clear();
                    partial.shrink_to(BEGIN_KEPT);
                    self.counters.bytes_in += count as u64;
                    self.counters.reads += 1;
                    let bytes = &buffer[..before + count];
                    match self.consume(scenario, slot, generation, bytes, now) {
                        Step::Gone => break,
                        Step::Used(used) => self.connections[slot].partial.extend_from_slice(&bytes[used..]),
                    }
                    // The socket is drained: the next byte raises the next event.
                    if count < CHUNK && !ended {
                        break;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) => self.lost(scenario, slot, &error.to_string(), system::now()),
            }
            if self.connections[slot].generation != generation {
                break;
            }
        }
        self.buffer = buffer;
    }

    fn consume(&mut self, scenario: &mut impl Scenario, slot: usize, generation: u32, bytes: &[u8], now: u64) -> Step {
        let mut at = 0;
        if self.connections[slot].state == State::Upgrading {
            match self.finish_handshake(scenario, slot, bytes, now) {
                Step::Used(used) => at = used,
                Step::Gone => return Step::Gone,
            }
        }
        while at < bytes.len() && self.connections[slot].state != State::Upgrading {
            let rest = &bytes[at..];
            if let Some(streamed) = &mut self.connections[slot].streamed {
                at += streamed.take(rest);
                if streamed.left == 0 {
                    self.finish_streamed(scenario, slot, now);
                }
            } else {
                let Some(header) = websocket::header(rest) else { break };
                let length = header.length as u64 + header.payload;
                if length > LARGE as u64 {
                    self.connections[slot].streamed = Some(Box::new(Streamed::new(header)));
                    at += header.length;
                    continue;
                }
                let Some(payload) = rest.get(header.length..length as usize) else {
                    break;
                };
                at += length as usize;
                self.frame(scenario, slot, header, payload, now);
            }
            if self.connections[slot].generation != generation {
                return Step::Gone;
            }
        }
        Step::Used(at)
    }

    fn finish_handshake(&mut self, scenario: &mut impl Scenario, slot: usize, bytes: &[u8], now: u64) -> Step {
        let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
            if bytes.len() > HEAD_MAX {
                self.lost(scenario, slot, "handshake: head too long", now);
                return Step::Gone;
            }
            return Step::Used(0);
        };
        let head = &bytes[..end];
        if !head.starts_with(b"HTTP/1.1 101") || memchr::memmem::find(head, HANDSHAKE_ANSWER).is_none() {
            self.keep_sample(bytes);
            let line = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
            let cause = format!("handshake: {}", String::from_utf8_lossy(line));
            self.lost(scenario, slot, &cause, now);
            return Step::Gone;
        }
        let generation = self.connections[slot].generation;
        self.connections[slot].state = State::Open;
        scenario.opened(self, slot, now);
        if self.connections[slot].generation == generation {
            Step::Used(end + 4)
        } else {
            Step::Gone
        }
    }

    fn finish_streamed(&mut self, scenario: &mut impl Scenario, slot: usize, now: u64) {
        let Some(frame) = self.connections[slot].streamed.take() else {
            return;
        };
        if frame.header.opcode == opcode::TEXT && frame.header.last {
            self.text(scenario, slot, &frame.begin, &frame.end, frame.header.payload, now);
        } else {
            self.count_other(frame.header.payload);
        }
    }

    fn frame(&mut self, scenario: &mut impl Scenario, slot: usize, header: Header, payload: &[u8], now: u64) {
        if header.mask.is_some() {
            return self.lost(scenario, slot, "protocol: masked server frame", now);
        }
        match header.opcode {
            opcode::TEXT if header.last => self.text(scenario, slot, payload, payload, header.payload, now),
            opcode::TEXT | opcode::BINARY if !header.last => {
                self.connections[slot].fragments = Some(payload.to_vec());
            }
            opcode::CONTINUATION => {
                let Some(mut message) = self.connections[slot].fragments.take() else {
                    return;
                };
                message.extend_from_slice(payload);
                if header.last {
                    self.text(scenario, slot, &message, &message, message.len() as u64, now);
                } else {
                    self.connections[slot].fragments = Some(message);
                }
            }
            opcode::CLOSE if self.connections[slot].state == State::Closing => self.lost(scenario, slot, "", now),
            opcode::CLOSE => {
                let code = payload
                    .first_chunk()
                    .map_or(NO_STATUS, |code| u16::from_be_bytes(*code));
                self.send_frame(slot, opcode::CLOSE, payload);
                self.lost(scenario, slot, &format!("close frame {code}"), now);
            }
            opcode::PING => {
                self.counters.pings += 1;
                self.send_frame(slot, opcode::PONG, payload);
            }
            _ => self.count_other(header.payload),
        }
    }

    fn count_other(&mut self, bytes: u64) {
        self.counters.frames += 1;
        self.counters.others.add(bytes);
    }

    /// A message of text; `end` is its end, for one of which only the ends were kept.
    #[inline]
    fn text(&mut self, scenario: &mut impl Scenario, slot: usize, text: &[u8], end: &[u8], length: u64, now: u64) {
        let room = &self.rooms[self.connections[slot].room as usize];
        if text.starts_with(&room.before_payload) {
            return self.deliver(scenario, slot, text, now);
        }
        let Some(envelope) = Envelope::read(text) else {
            return self.count_other(length);
        };
        match envelope.event {
            b"new_message" => return self.deliver(scenario, slot, text, now),
            b"presence_diff" => self.counters.diffs.add(length),
            b"presence_state" => self.counters.states.add(length),
            b"message_history" => self.counters.histories.add(length),
            b"phx_reply" => self.reply(scenario, slot, &envelope, text, end, now),
            b"phx_error" | b"phx_close" => self.channel_ended(scenario, slot, text, now),
            _ => self.counters.others.add(length),
        }
        self.counters.frames += 1;
    }

    #[inline]
    fn deliver(&mut self, scenario: &mut impl Scenario, slot: usize, text: &[u8], now: u64) {
        self.counters.frames += 1;
        let room = &mut self.rooms[self.connections[slot].room as usize];
        if let Some((at, mark)) = self.marks.find(text, room.mark_at) {
            room.mark_at = at;
            scenario.delivered(self, slot, mark, text, now);
        } else {
            self.counters.foreign += 1;
        }
    }

    fn reply(
        &mut self,
        scenario: &mut impl Scenario,
        slot: usize,
        envelope: &Envelope<'_>,
        text: &[u8],
        end: &[u8],
        now: u64,
    ) {
        if envelope.topic == b"phoenix" {
            self.counters.heartbeats_answered += 1;
            return;
        }
        let ok = phoenix::reply_is_ok(envelope.payload, end);
        if !ok {
            self.keep_sample(text);
        }
        let request = match phoenix::number(envelope.reference) {
            Some(JOIN) => Request::Join,
            Some(LEAVE) => Request::Leave,
            Some(number) if number >= FIRST_MESSAGE => Request::Message((number - FIRST_MESSAGE) as u32),
            _ => return,
        };
        let state = &mut self.connections[slot].state;
        match request {
            Request::Join if *state != State::Joining => return,
            Request::Join => *state = if ok { State::Joined } else { State::Open },
            Request::Leave | Request::Message(_) => {}
        }
        scenario.answered(self, slot, request, ok, text, now);
    }

    fn channel_ended(&mut self, scenario: &mut impl Scenario, slot: usize, text: &[u8], now: u64) {
        // Of one that is being left, the end was asked for.
        if matches!(self.connections[slot].state, State::Leaving | State::Closing) {
            return;
        }
        self.keep_sample(text);
        self.connections[slot].state = State::Open;
        scenario.thrown_out(self, slot, now);
    }
}
