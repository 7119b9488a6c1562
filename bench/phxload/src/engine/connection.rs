//! The life of one connection, and what is sent on it.

use std::{io::Write as _, net::Ipv4Addr, thread, time::Duration};

use rustix::{fd::OwnedFd, io::Errno};

use super::{Engine, FIRST_MESSAGE, JOIN, LEAVE, Scenario, reading::Streamed};
use crate::{
    mark::Mark,
    system::{self, Readiness},
    websocket::{self, opcode},
};

/// The key of the handshake is always the sample of RFC 6455, section 1.3, so that the answer is known.
pub(super) const HANDSHAKE_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Bytes that may wait to be sent on one connection.
const QUEUED_MAX: usize = 4 << 20;

/// Bytes that the kernel takes for a connection that is read to its end.
const DRAIN_BUFFER: usize = 4 << 20;

/// How long to wait for more of a connection that is read to its end.
const DRAIN_PAUSE: Duration = Duration::from_millis(5);

/// Where a connection is.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum State {
    /// Not connected.
    #[default]
    Free,
    /// The TCP connection is being made.
    Connecting,
    /// The handshake is under way.
    Upgrading,
    /// Open, on no topic.
    Open,
    /// The join is not answered yet.
    Joining,
    /// On its topic.
    Joined,
    /// The leave is not answered yet.
    Leaving,
    /// The close is not answered yet.
    Closing,
    /// Nothing is read from it any more.
    Stalled,
}

/// A slot for a connection.
#[derive(Default)]
pub struct Connection {
    pub(super) socket: Option<OwnedFd>,
    /// How many connections the slot has had.
    pub generation: u32,
    /// Where it is.
    pub state: State,
    /// The number of its room.
    pub room: u32,
    /// Sum over what it has received, see [`crate::load::tally`].
    pub received: u64,
    /// When the connect began.
    pub began: u64,
    /// When the present step began: join, leave, close.
    pub step_began: u64,
    /// Not sent yet.
    pub(super) outgoing: Vec<u8>,
    /// The beginning of a frame.
    pub(super) partial: Vec<u8>,
    pub(super) streamed: Option<Box<Streamed>>,
    pub(super) fragments: Option<Vec<u8>>,
}

impl Connection {
    /// Whether frames go in both directions.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open | State::Joined)
    }

    pub(super) fn tag(&self, slot: usize) -> u64 {
        slot as u64 | (u64::from(self.generation) << 32)
    }
}

impl Engine {
    /// Begins to connect a free slot, for a room. False, and counted, when that failed at once.
    pub fn open(&mut self, slot: usize, room: usize, now: u64) -> bool {
        debug_assert!(self.connections[slot].state == State::Free, "the slot is taken");
        match self.connect(slot) {
            Ok(socket) => {
                let connection = &mut self.connections[slot];
                connection.socket = Some(socket);
                connection.state = State::Connecting;
                connection.room = room as u32;
                connection.began = now;
                connection.step_began = now;
                true
            }
            Err(error) => {
                self.count_failure(format!("connect: {error}"));
                false
            }
        }
    }

    fn connect(&mut self, slot: usize) -> Result<OwnedFd, Errno> {
        let source = (self.target.sources > 0).then(|| {
            let number = self.next_source % self.target.sources;
            self.next_source = self.next_source.wrapping_add(1);
            Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + number)
        });
        let socket = system::connect(self.target.address, source)?;
        self.poller.add(&socket, self.connections[slot].tag(slot))?;
        Ok(socket)
    }

    /// Cuts the connection and forgets it, without a word to the server or the scenario.
    pub fn cut(&mut self, slot: usize) {
        if self.unsent_slot == slot {
            self.flush();
        }
        let connection = &mut self.connections[slot];
        *connection = Connection {
            generation: connection.generation.wrapping_add(1),
            room: connection.room,
            received: connection.received,
            began: connection.began,
            step_began: connection.step_began,
            ..Connection::default()
        };
    }

    /// Counts a failure and cuts the connection.
    pub fn fail(&mut self, slot: usize, cause: &str) {
        self.count_failure(cause.to_owned());
        self.cut(slot);
    }

    pub(super) fn lost(&mut self, scenario: &mut impl Scenario, slot: usize, cause: &str, now: u64) {
        let state = self.connections[slot].state;
        let clean = state == State::Closing;
        if !clean {
            if state != State::Connecting {
                self.counters.closed_by_server += 1;
            }
            self.count_failure(format!("{cause} while {state:?}"));
        }
        self.cut(slot);
        scenario.closed(self, slot, clean, now);
    }

    pub(super) fn handle(&mut self, scenario: &mut impl Scenario, slot: usize, event: Readiness) {
        self.counters.wakes += 1;
        if self.connections[slot].state == State::Connecting {
            let connected = self.connections[slot].socket.as_ref().map(system::connect_result);
            if let Some(Err(error)) = connected {
                self.lost(scenario, slot, &format!("connect: {error}"), system::now());
            } else if event.writable() {
                self.send_handshake(slot);
            }
            return;
        }
        if event.writable() {
            self.send_queued(slot);
        }
        if event.readable() {
            self.read(scenario, slot, event.ended());
        }
    }

    fn send_handshake(&mut self, slot: usize) {
        let target = &self.target;
        let mut request = format!(
            "GET {path}{separator}token={token}&vsn=2.0.0 HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {HANDSHAKE_KEY}\r\n",
            path = target.path,
            separator = if target.path.contains('?') { '&' } else { '?' },
            token = target.identities.token_in_query(slot),
            host = target.host,
        );
        for header in &target.headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        self.connections[slot].state = State::Upgrading;
        self.outgoing(slot).extend_from_slice(request.as_bytes());
    }

    /// Where bytes for a connection are put. They go out with the next wait for events at the latest: one call for many
    /// frames, where a connection has many.
    fn outgoing(&mut self, slot: usize) -> &mut Vec<u8> {
        if self.unsent_slot != slot {
            self.flush();
            self.unsent_slot = slot;
        }
        &mut self.unsent
    }

    /// Sends what the kernel takes now, and keeps the rest until it takes more.
    pub(super) fn flush(&mut self) {
        if self.unsent.is_empty() {
            return;
        }
        let connection = &mut self.connections[self.unsent_slot];
        if let Some(socket) = &connection.socket {
            let sent = if connection.outgoing.is_empty() {
                // What is broken is noticed by reading.
                system::send(socket, &self.unsent).unwrap_or(0)
            } else {
                0
            };
            connection.outgoing.extend_from_slice(&self.unsent[sent..]);
        }
        self.unsent.clear();
    }

    fn send_queued(&mut self, slot: usize) {
        let connection = &mut self.connections[slot];
        let Some(socket) = &connection.socket else { return };
        while !connection.outgoing.is_empty() {
            match system::send(socket, &connection.outgoing) {
                Ok(sent) => drop(connection.outgoing.drain(..sent)),
                Err(_) => return,
            }
        }
        connection.outgoing = vec![];
    }

    pub(super) fn send_frame(&mut self, slot: usize, opcode: u8, payload: &[u8]) {
        let key = self.random.next_half();
        websocket::put_frame(self.outgoing(slot), opcode, payload, Some(key));
    }

    pub(super) fn send_text(&mut self, slot: usize, text: &str) {
        self.send_frame(slot, opcode::TEXT, text.as_bytes());
    }

    /// Joins the room of the slot with these params, a JSON object.
    pub fn join(&mut self, slot: usize, params: &str, now: u64) {
        let topic = &self.rooms[self.connections[slot].room as usize].topic;
        let frame = format!("[\"{JOIN}\",\"{JOIN}\",{topic},\"phx_join\",{params}]");
        self.begin(slot, State::Joining, now);
        self.send_text(slot, &frame);
    }

    /// Leaves the room.
    pub fn leave(&mut self, slot: usize, now: u64) {
        let topic = &self.rooms[self.connections[slot].room as usize].topic;
        let frame = format!("[\"{JOIN}\",\"{LEAVE}\",{topic},\"phx_leave\",{{}}]");
        self.begin(slot, State::Leaving, now);
        self.send_text(slot, &frame);
    }

    /// Begins the closing handshake.
    pub fn close(&mut self, slot: usize, now: u64) {
        const NORMAL: u16 = 1000;
        self.begin(slot, State::Closing, now);
        self.send_frame(slot, opcode::CLOSE, &NORMAL.to_be_bytes());
    }

    fn begin(&mut self, slot: usize, state: State, now: u64) {
        let connection = &mut self.connections[slot];
        connection.state = state;
        connection.step_began = now;
    }

    /// Reads nothing any more.
    pub fn stall(&mut self, slot: usize) {
        let connection = &mut self.connections[slot];
        connection.state = State::Stalled;
        if let Some(socket) = &connection.socket {
            self.poller.remove(socket);
        }
    }

    /// Reads a stalled connection to its end, without counting what comes, and tells whether that is reached within so
    /// many nanoseconds: whether the server has closed it.
    pub fn stalled_ends(&mut self, slot: usize, patience: u64) -> bool {
        let Some(socket) = &self.connections[slot].socket else {
            return true;
        };
        // The kernel may hold megabytes for it on the server's side.
        system::set_receive_buffer(socket, DRAIN_BUFFER);
        let end = system::now() + patience;
        while system::now() < end {
            match system::receive(socket, &mut self.buffer) {
                Ok(1..) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => thread::sleep(DRAIN_PAUSE),
                Ok(0) | Err(_) => return true,
            }
        }
        false
    }

    /// Sends a message to the room of the slot: its mark, then `filling`. False when too much waits to be sent.
    pub fn send_message(&mut self, slot: usize, mark: Mark, filling: &[u8]) -> bool {
        let connection = &self.connections[slot];
        if connection.outgoing.len() > QUEUED_MAX {
            return false;
        }
        let room = connection.room as usize;
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        let reference = u64::from(mark.number) + FIRST_MESSAGE;
        // A vector takes everything.
        let _ = write!(payload, "[\"{JOIN}\",\"{reference}\"");
        payload.extend_from_slice(&self.rooms[room].before_content);
        self.marks.write(&mut payload, mark);
        payload.extend_from_slice(filling);
        payload.extend_from_slice(b"\"}]");
        self.send_frame(slot, opcode::TEXT, &payload);
        self.payload = payload;
        true
    }
}
