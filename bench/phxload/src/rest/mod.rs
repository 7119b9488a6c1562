//! Requests over HTTP/1.1 connections that are kept open, one at a time on each.

mod requests;
mod response;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
};

use rustix::{fd::OwnedFd, io::Errno};
use serde_json::{Map, Value, json};

use self::{requests::Requests, response::Response};
use crate::{
    identities::Identities,
    process_stats::Processes,
    report,
    statistics::{Latencies, rounded},
    system::{self, Poller, Readiness, SECOND, nanoseconds},
};

/// Bytes of one read.
const CHUNK: usize = 256 * 1024;

/// Events taken from the kernel at once.
const EVENTS: usize = 256;

/// Nanoseconds between two looks for what is late.
const TICK: u64 = SECOND / 100;

/// Most seconds to wait at the end for what is under way.
const END_TIMEOUT: f64 = 2.0;

/// What is asked, and how.
#[derive(Clone, Debug)]
pub struct RestOptions {
    /// The server.
    pub address: SocketAddrV4,
    /// What the `Host` header says.
    pub host: String,
    /// Path with `{room}` in it.
    pub path: String,
    /// The rooms; each connection walks over all of them.
    pub rooms: Vec<String>,
    /// Whose requests they are.
    pub identities: Identities,
    /// More request headers, `Name: value`.
    pub headers: Vec<String>,
    /// The content of messages to post; without it, GET.
    pub content: Option<String>,
    /// How many connections.
    pub connections: usize,
    /// They come from this many addresses, from 127.0.0.1 on; 0 leaves it to the kernel.
    pub sources: u32,
    /// Seconds until a request has failed.
    pub timeout: f64,
}

#[derive(Default)]
struct Connection {
    socket: Option<OwnedFd>,
    generation: u32,
    connected: bool,
    requests: usize,
    began: u64,
    waiting: bool,
    /// The beginning of an answer.
    partial: Vec<u8>,
    outgoing: Vec<u8>,
}

impl Connection {
    fn tag(&self, slot: usize) -> u64 {
        slot as u64 | (u64::from(self.generation) << 32)
    }
}

/// A run of requests.
pub struct Rest {
    options: RestOptions,
    poller: Poller,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
    requests: Requests,
    /// A request on its way out.
    request: Vec<u8>,
    retry: Vec<usize>,
    running: bool,
    measuring: bool,
    succeeded: u64,
    refused: u64,
    bytes_in: u64,
    reconnects: u64,
    errors: BTreeMap<String, u64>,
    statuses: BTreeMap<u16, u64>,
    sample_error: Option<String>,
    latencies: Latencies,
}

impl Rest {
    /// # Errors
    /// When there is no descriptor left.
    pub fn new(options: RestOptions) -> Result<Self, Errno> {
        Ok(Self {
            poller: Poller::new(EVENTS)?,
            connections: (0..options.connections).map(|_| Connection::default()).collect(),
            buffer: vec![0; CHUNK],
            requests: Requests::new(&options),
            request: vec![],
            retry: vec![],
            running: true,
            measuring: false,
            succeeded: 0,
            refused: 0,
            bytes_in: 0,
            reconnects: 0,
            errors: BTreeMap::new(),
            statuses: BTreeMap::new(),
            sample_error: None,
            latencies: Latencies::new(),
            options,
        })
    }

    fn open(&mut self, slot: usize) {
        let source = (slot as u32)
            .checked_rem(self.options.sources)
            .map(|number| Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + number));
        let connection = &mut self.connections[slot];
        let opened = system::connect(self.options.address, source).and_then(|socket| {
            self.poller.add(&socket, connection.tag(slot))?;
            Ok(socket)
        });
        match opened {
            Ok(socket) => connection.socket = Some(socket),
            Err(error) => self.end(slot, Some(format!("connect: {error}"))),
        }
    }

    /// Forgets a connection, and counts why if that is a failure.
    fn end(&mut self, slot: usize, failure: Option<String>) {
        let connection = &mut self.connections[slot];
        *connection = Connection {
            generation: connection.generation.wrapping_add(1),
            requests: connection.requests,
            ..Connection::default()
        };
        if let Some(failure) = failure {
            *self.errors.entry(failure).or_insert(0) += 1;
        }
        self.retry.push(slot);
    }

    fn request(&mut self, slot: usize, now: u64) {
        let connection = &mut self.connections[slot];
        let Some(socket) = &connection.socket else { return };
        self.request.clear();
        let room = slot + connection.requests * self.options.connections;
        self.requests.write(&mut self.request, slot, room);
        connection.requests += 1;
        connection.began = now;
        connection.waiting = true;
        // What is broken is noticed by reading.
        let sent = system::send(socket, &self.request).unwrap_or(0);
        connection.outgoing.extend_from_slice(&self.request[sent..]);
    }

    fn handle(&mut self, slot: usize, event: Readiness) {
        let connection = &mut self.connections[slot];
        let Some(socket) = &connection.socket else { return };
        if !connection.connected {
            if let Err(error) = system::connect_result(socket) {
                self.end(slot, Some(format!("connect: {error}")));
            } else if event.writable() {
                connection.connected = true;
                if self.running {
                    self.request(slot, system::now());
                }
            }
            return;
        }
        if event.writable() && !connection.outgoing.is_empty() {
            let sent = system::send(socket, &connection.outgoing).unwrap_or(0);
            connection.outgoing.drain(..sent);
        }
        if event.readable() {
            self.read(slot, event.ended());
        }
    }

    fn read(&mut self, slot: usize, ended: bool) {
        let mut buffer = std::mem::take(&mut self.buffer);
        while let Connection {
            socket: Some(socket),
            partial,
            waiting,
            ..
        } = &mut self.connections[slot]
        {
            let count = match system::receive(socket, &mut buffer) {
                Ok(0) => {
                    let failure = waiting.then(|| "closed".to_owned());
                    self.reconnects += 1;
                    self.end(slot, failure);
                    break;
                }
                Ok(count) => count,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => break,
                Err(error) => {
                    self.reconnects += 1;
                    self.end(slot, Some(error.to_string()));
                    break;
                }
            };
            self.bytes_in += count as u64;
            if partial.is_empty() {
                self.received(slot, &buffer[..count]);
            } else {
                // An answer in pieces is put together.
                let mut whole = std::mem::take(partial);
                whole.extend_from_slice(&buffer[..count]);
                self.received(slot, &whole);
            }
            if count < CHUNK && !ended {
                break;
            }
        }
        self.buffer = buffer;
    }

    /// Takes what has come since the last answer: one answer, for there is one request at a time, or its beginning.
    fn received(&mut self, slot: usize, bytes: &[u8]) {
        match Response::read(bytes) {
            Ok(None) => self.connections[slot].partial = bytes.to_vec(),
            Ok(Some(response)) if response.length < bytes.len() => {
                self.end(slot, Some("more than one answer".to_owned()));
            }
            Ok(Some(response)) => self.answered(slot, response, bytes),
            Err(error) => self.end(slot, Some(error.to_string())),
        }
    }

    fn answered(&mut self, slot: usize, response: Response, bytes: &[u8]) {
        let now = system::now();
        let connection = &mut self.connections[slot];
        let ok = (200..300).contains(&response.status);
        if self.measuring {
            self.latencies.record(now.saturating_sub(connection.began));
            *self.statuses.entry(response.status).or_insert(0) += 1;
            self.succeeded += u64::from(ok);
            self.refused += u64::from(!ok);
        }
        if !ok {
            self.sample_error
                .get_or_insert_with(|| String::from_utf8_lossy(bytes).into_owned());
        }
        connection.waiting = false;
        if !response.keep_alive {
            self.reconnects += 1;
            self.end(slot, None);
        } else if self.running {
            self.request(slot, now);
        }
    }

    fn drive(&mut self, processes: &mut Processes, until: u64) {
        let mut next_tick = 0;
        loop {
            let now = system::now();
            if now >= until || (!self.running && self.connections.iter().all(|connection| !connection.waiting)) {
                return;
            }
            if now >= next_tick {
                next_tick = now + TICK;
                processes.sample(now);
                self.give_up_late(now);
                if self.running {
                    for slot in std::mem::take(&mut self.retry) {
                        self.open(slot);
                    }
                }
            }
            for index in 0..self.poller.wait((until - now).min(TICK)) {
                let event = self.poller.event(index);
                let slot = (event.tag & u64::from(u32::MAX)) as usize;
                if self.connections[slot].tag(slot) == event.tag {
                    self.handle(slot, event);
                }
            }
        }
    }

    fn give_up_late(&mut self, now: u64) {
        let timeout = nanoseconds(self.options.timeout);
        for slot in 0..self.connections.len() {
            let connection = &self.connections[slot];
            if connection.waiting && now.saturating_sub(connection.began) > timeout {
                self.end(slot, Some("timeout".to_owned()));
            }
        }
    }

    /// Asks for a while, then measures.
    pub fn run(mut self, processes: &mut Processes, warmup: f64, seconds: f64) -> Map<String, Value> {
        processes.refresh();
        processes.reset_peak();
        let memory = processes.memory();
        for slot in 0..self.connections.len() {
            self.open(slot);
        }
        self.drive(processes, system::now() + nanoseconds(warmup));
        let (begin, bytes) = (processes.moment(), self.bytes_in);
        self.measuring = true;
        self.drive(processes, system::now() + nanoseconds(seconds));
        self.measuring = false;
        self.running = false;
        processes.refresh();
        let usage = processes.since(&begin);
        let bytes = self.bytes_in - bytes;
        self.drive(processes, system::now() + nanoseconds(END_TIMEOUT));

        let total = self.succeeded + self.refused;
        let per_second = |count: u64| rounded(count as f64 / usage.seconds);
        let mut result = report::object(json!({
            "conns": self.options.connections,
            "rooms": self.options.rooms.len(),
            "content_bytes": self.options.content.as_ref().map_or(0, String::len),
            "seconds": rounded(usage.seconds),
            "requests_per_s": per_second(total),
            "ok_per_s": per_second(self.succeeded),
            "non_2xx": self.refused,
            "status": self.statuses.iter().map(|(status, count)| (status.to_string(), json!(count)))
                .collect::<Map<_, _>>(),
            "errors": self.errors,
            "reconnects": self.reconnects,
            "request_ms": self.latencies.report(),
            "bytes_in_per_s": per_second(bytes),
        }));
        result.extend(processes.report(memory, &usage, &[("request", total)]));
        if let Some(sample) = self.sample_error {
            result.insert("sample_error".into(), json!(sample));
        }
        result
    }
}
