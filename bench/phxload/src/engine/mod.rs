//! The event loop: many WebSocket connections on one thread, edge-triggered epoll, one read per wake, no allocation and
//! no JSON for a delivery.

mod connection;
mod reading;

use std::{collections::BTreeMap, net::SocketAddrV4};

use rustix::io::Errno;

pub use self::connection::{Connection, State};
use crate::{
    identities::Identities,
    mark::{Mark, Marks},
    phoenix,
    random::Random,
    system::{self, Poller, SECOND},
};

/// Bytes of one read.
const CHUNK: usize = 64 * 1024;

/// Frames above this are not kept as a whole, only their ends.
const LARGE: usize = 128 * 1024;

/// Events taken from the kernel at once.
const EVENTS: usize = 256;

/// References of messages begin here; below are join, leave and heartbeats, which are known by their topic.
const FIRST_MESSAGE: u64 = 16;
const JOIN: u64 = 1;
const LEAVE: u64 = 2;

/// Where to connect, and as whom.
#[derive(Clone, Debug)]
pub struct Target {
    /// The server.
    pub address: SocketAddrV4,
    /// What the `Host` header says.
    pub host: String,
    /// Path of the WebSocket endpoint, perhaps with a query.
    pub path: String,
    /// More request headers, `Name: value`.
    pub headers: Vec<String>,
    /// Connections come from this many addresses, from 127.0.0.1 on; 0 leaves it to the kernel.
    pub sources: u32,
    /// Nanoseconds between the heartbeats of a connection; 0 for none.
    pub heartbeat: u64,
    /// Who they are.
    pub identities: Identities,
}

/// A room, with what is sent to it and what comes from it as bytes.
#[derive(Debug)]
pub struct Room {
    /// The topic as JSON text.
    topic: String,
    /// The middle of a message: `,"<topic>","new_message",{"content":"`.
    before_content: Vec<u8>,
    /// The beginning of a broadcast: `[null,null,"<topic>","new_message",`.
    before_payload: Vec<u8>,
    /// Where the mark stood in the last broadcast.
    mark_at: usize,
}

impl Room {
    /// The room of an id, by a template of topics with `{room}`.
    pub fn new(id: &str, topic_template: &str) -> Self {
        let topic = phoenix::json_text(&topic_template.replace("{room}", id));
        Self {
            before_content: format!(",{topic},\"new_message\",{{\"content\":\"").into_bytes(),
            before_payload: format!("[null,null,{topic},\"new_message\",").into_bytes(),
            topic,
            mark_at: 0,
        }
    }
}

/// What came and went, since the beginning.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Bytes read.
    pub bytes_in: u64,
    /// Reads that gave something.
    pub reads: u64,
    /// Events of the kernel.
    pub wakes: u64,
    /// Frames of any kind but pings and closes.
    pub frames: u64,
    /// Messages without a mark of this run.
    pub foreign: u64,
    /// `presence_diff`.
    pub diffs: Noise,
    /// `presence_state`.
    pub states: Noise,
    /// `message_history`.
    pub histories: Noise,
    /// What the generator takes no interest in.
    pub others: Noise,
    /// Heartbeats sent.
    pub heartbeats: u64,
    /// Heartbeats answered.
    pub heartbeats_answered: u64,
    /// Pings answered.
    pub pings: u64,
    /// Connections that ended without having been asked to.
    pub closed_by_server: u64,
}

/// Frames that are not measured, only counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Noise {
    /// How many.
    pub frames: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

impl Noise {
    fn add(&mut self, bytes: u64) {
        self.frames += 1;
        self.bytes += bytes;
    }

    /// What was added since an earlier moment.
    pub fn since(self, before: Self) -> Self {
        Self {
            frames: self.frames - before.frames,
            bytes: self.bytes - before.bytes,
        }
    }
}

/// What a reply answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// A join.
    Join,
    /// A leave.
    Leave,
    /// The message with this number.
    Message(u32),
}

/// A scenario: told what happens, it decides what to do next.
pub trait Scenario {
    /// The handshake is done.
    fn opened(&mut self, _engine: &mut Engine, _slot: usize, _now: u64) {}
    /// A request was answered, with this frame (of very large ones, the beginning).
    fn answered(&mut self, engine: &mut Engine, slot: usize, request: Request, ok: bool, frame: &[u8], now: u64);
    /// A message of this run came.
    fn delivered(&mut self, _engine: &mut Engine, _slot: usize, _mark: Mark, _frame: &[u8], _now: u64) {}
    /// The server ended the channel; the socket is still open.
    fn thrown_out(&mut self, _engine: &mut Engine, _slot: usize, _now: u64) {}
    /// The connection is gone; `clean` when it was closed as asked.
    fn closed(&mut self, _engine: &mut Engine, _slot: usize, _clean: bool, _now: u64) {}
}

/// All connections and what is common to them.
pub struct Engine {
    poller: Poller,
    /// The connections by their slots.
    pub connections: Vec<Connection>,
    /// The rooms.
    pub rooms: Vec<Room>,
    target: Target,
    /// What came and went.
    pub counters: Counters,
    /// Failures by their causes.
    pub failures: BTreeMap<String, u64>,
    /// The first refusal, for people to read.
    pub sample_error: Option<String>,
    /// The marks of this run.
    pub marks: Marks,
    random: Random,
    /// Where is read to, one for all.
    buffer: Vec<u8>,
    payload: Vec<u8>,
    /// Frames of the connection that was sent to last, which go out together.
    unsent: Vec<u8>,
    unsent_slot: usize,
    heartbeat_slot: usize,
    heartbeats_due: f64,
    heartbeat_time: u64,
    next_source: u32,
}

impl Engine {
    /// As many slots, none of them connected.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub fn new(target: Target, connections: usize, rooms: Vec<Room>) -> Result<Self, Errno> {
        let now = system::now();
        let mut random = Random::new(now ^ (u64::from(std::process::id()) << 40));
        Ok(Self {
            poller: Poller::new(EVENTS)?,
            connections: (0..connections).map(|_| Connection::default()).collect(),
            rooms,
            target,
            counters: Counters::default(),
            failures: BTreeMap::new(),
            sample_error: None,
            marks: Marks::new(random.next_half()),
            random,
            buffer: vec![0; LARGE + 2 * CHUNK],
            payload: Vec::with_capacity(4096),
            unsent: Vec::with_capacity(CHUNK),
            unsent_slot: 0,
            heartbeat_slot: 0,
            heartbeats_due: 0.0,
            heartbeat_time: now,
            next_source: 0,
        })
    }

    fn count_failure(&mut self, cause: String) {
        *self.failures.entry(cause).or_insert(0) += 1;
    }

    fn keep_sample(&mut self, bytes: &[u8]) {
        const KEPT: usize = 300;
        self.sample_error
            .get_or_insert_with(|| String::from_utf8_lossy(&bytes[..bytes.len().min(KEPT)]).into_owned());
    }

    /// Sends the heartbeats that are due, spread evenly over their period. To be called every few milliseconds.
    pub fn send_heartbeats(&mut self, now: u64) {
        let passed = now.saturating_sub(self.heartbeat_time);
        self.heartbeat_time = now;
        if self.target.heartbeat == 0 || self.connections.is_empty() {
            return;
        }
        self.heartbeats_due += self.connections.len() as f64 * passed as f64 / self.target.heartbeat as f64;
        while self.heartbeats_due >= 1.0 {
            self.heartbeats_due -= 1.0;
            let slot = self.heartbeat_slot;
            self.heartbeat_slot = (slot + 1) % self.connections.len();
            if self.connections[slot].is_open() {
                self.counters.heartbeats += 1;
                let number = self.counters.heartbeats;
                self.send_text(slot, &format!("[null,\"{number}\",\"phoenix\",\"heartbeat\",{{}}]"));
            }
        }
    }

    /// Sends what is to be sent, waits for events, at most so many nanoseconds, and tells the scenario.
    pub fn poll(&mut self, scenario: &mut impl Scenario, timeout: u64) {
        self.flush();
        for index in 0..self.poller.wait(timeout) {
            let event = self.poller.event(index);
            let slot = (event.tag & u64::from(u32::MAX)) as usize;
            // Events of a connection that has ended meanwhile are nobody's.
            if self.connections[slot].tag(slot) == event.tag && self.connections[slot].state != State::Free {
                self.handle(scenario, slot, event);
            }
        }
    }
}

/// How often scenarios do what is due, in nanoseconds.
pub const TICK: u64 = SECOND / 200;
