//! A little chat server for the generator's own checks: it speaks the protocol, keeps nothing, and loses, doubles or
//! refuses what it is told to.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddrV4},
};

use rustix::{fd::OwnedFd, io::Errno};

use crate::{
    phoenix::Envelope,
    system::{self, Poller, Readiness, SECOND},
    websocket::{self, opcode},
};

/// Bytes of one read.
const CHUNK: usize = 256 * 1024;

/// Events taken from the kernel at once.
const EVENTS: usize = 512;

/// Most nanoseconds between two looks at the clock.
const TICK: u64 = SECOND / 20;

/// What the listening socket is known as; connections are known by their places.
const LISTENER: u64 = u64::MAX;

/// The answer to the key every generator sends.
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// What it does wrong; 0 is never.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Faults {
    /// Lose every n-th delivery
    #[arg(long, default_value_t = 0)]
    pub drop_every: u64,
    /// Double every n-th delivery
    #[arg(long, default_value_t = 0)]
    pub dup_every: u64,
    /// Refuse every n-th message
    #[arg(long, default_value_t = 0)]
    pub error_every: u64,
    /// Send a presence_diff to the room at every join
    #[arg(long)]
    pub presence: bool,
}

#[derive(Default)]
struct Client {
    socket: Option<OwnedFd>,
    upgraded: bool,
    received: Vec<u8>,
    outgoing: Vec<u8>,
    /// It is among those to be written to.
    dirty: bool,
    rooms: Vec<usize>,
    closing: bool,
}

/// What a room has said; who comes back is told.
#[derive(Default)]
struct Room {
    members: Vec<usize>,
    log: Vec<String>,
}

/// The server.
pub struct Peer {
    listener: OwnedFd,
    faults: Faults,
    poller: Poller,
    clients: Vec<Client>,
    free: Vec<usize>,
    names: HashMap<Vec<u8>, usize>,
    rooms: Vec<Room>,
    dirty: Vec<usize>,
    buffer: Vec<u8>,
    deliveries: u64,
    messages: u64,
}

impl Peer {
    /// Listens on a port of this machine; 0 for any free one.
    ///
    /// # Errors
    /// What the system says about it.
    pub fn listen(port: u16, faults: Faults) -> Result<Self, Errno> {
        let listener = system::listen(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
        let poller = Poller::new(EVENTS)?;
        poller.add(&listener, LISTENER)?;
        Ok(Self {
            listener,
            faults,
            poller,
            clients: vec![],
            free: vec![],
            names: HashMap::new(),
            rooms: vec![],
            dirty: vec![],
            buffer: vec![0; CHUNK],
            deliveries: 0,
            messages: 0,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says about it.
    pub fn port(&self) -> Result<u16, Errno> {
        system::local_port(&self.listener)
    }

    /// Serves until a time, in monotonic nanoseconds.
    pub fn serve(mut self, until: u64) {
        while system::now() < until {
            for index in 0..self.poller.wait(TICK) {
                let event = self.poller.event(index);
                if event.tag == LISTENER {
                    self.accept();
                } else {
                    self.handle(event.tag as usize, event);
                }
            }
            for id in std::mem::take(&mut self.dirty) {
                self.write(id);
            }
        }
    }

    fn accept(&mut self) {
        while let Ok(socket) = system::accept(&self.listener) {
            let id = self.free.pop().unwrap_or(self.clients.len());
            if self.poller.add(&socket, id as u64).is_err() {
                return;
            }
            let client = Client {
                socket: Some(socket),
                ..Client::default()
            };
            if id == self.clients.len() {
                self.clients.push(client);
            } else {
                self.clients[id] = client;
            }
        }
    }

    fn handle(&mut self, id: usize, event: Readiness) {
        if event.writable() && !self.clients[id].outgoing.is_empty() {
            self.touch(id);
        }
        let mut ended = false;
        while let Client {
            socket: Some(socket),
            received,
            ..
        } = &mut self.clients[id]
        {
            match system::receive(socket, &mut self.buffer) {
                Ok(count @ 1..) => received.extend_from_slice(&self.buffer[..count]),
                Err(Errno::AGAIN) => break,
                Ok(0) | Err(_) => {
                    ended = true;
                    break;
                }
            }
        }
        let mut bytes = std::mem::take(&mut self.clients[id].received);
        let used = self.consume(id, &bytes);
        bytes.drain(..used);
        self.clients[id].received = bytes;
        if ended {
            self.end(id);
        }
    }

    /// Reads what is complete and tells how much that was.
    fn consume(&mut self, id: usize, bytes: &[u8]) -> usize {
        let mut at = 0;
        if !self.clients[id].upgraded {
            let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
                return 0;
            };
            self.clients[id].upgraded = true;
            self.clients[id].outgoing.extend_from_slice(SWITCHING);
            self.touch(id);
            at = end + 4;
        }
        while let Some(header) = websocket::header(&bytes[at..]) {
            let start = at + header.length;
            let Some(payload) = bytes.get(start..start + header.payload as usize) else {
                break;
            };
            at = start + payload.len();
            let mut payload = payload.to_vec();
            websocket::mask(&mut payload, header.mask.unwrap_or_default());
            if header.opcode == opcode::CLOSE {
                self.send(id, opcode::CLOSE, &payload);
                self.clients[id].closing = true;
            } else if let Some(envelope) = Envelope::read(&payload) {
                self.handle_frame(id, &envelope);
            }
        }
        at
    }

    fn handle_frame(&mut self, id: usize, frame: &Envelope<'_>) {
        let new = self.rooms.len();
        let room = *self.names.entry(frame.topic.to_vec()).or_insert(new);
        if room == new {
            self.rooms.push(Room::default());
        }
        let topic = String::from_utf8_lossy(frame.topic);
        let (status, response) = match frame.event {
            b"phx_join" => ("ok", self.join(id, room, &topic, frame.payload)),
            b"phx_leave" => {
                self.leave(id, room);
                ("ok", "{}".to_owned())
            }
            b"new_message" => (self.message(room, &topic, frame.payload), "{}".to_owned()),
            _ => ("ok", "{}".to_owned()),
        };
        let quoted = |text: &[u8]| match text {
            b"" => "null".to_owned(),
            text => format!("\"{}\"", String::from_utf8_lossy(text)),
        };
        let (join_ref, reference) = (quoted(frame.join_ref), quoted(frame.reference));
        let reply = format!(
            "[{join_ref},{reference},\"{topic}\",\"phx_reply\",{{\"status\":\"{status}\",\"response\":{response}}}]"
        );
        self.send(id, opcode::TEXT, reply.as_bytes());
    }

    /// Lets somebody in, and tells what was said since they were there.
    fn join(&mut self, id: usize, room: usize, topic: &str, params: &[u8]) -> String {
        if self.faults.presence {
            let diff =
                format!("[null,null,\"{topic}\",\"presence_diff\",{{\"joins\":{{\"{id}\":{{}}}},\"leaves\":{{}}}}]");
            for member in self.rooms[room].members.clone() {
                self.send(member, opcode::TEXT, diff.as_bytes());
            }
        }
        self.clients[id].rooms.push(room);
        let Room { members, log } = &mut self.rooms[room];
        members.push(id);
        let since = crate::phoenix::number_of(params, b"\"seq\":");
        let missed = since.map(|seq| log.get(seq as usize..).unwrap_or_default().join(","));
        format!(
            "{{\"epoch\":\"here\",\"head_seq\":{},\"recovered\":{},\"messages\":[{}]}}",
            log.len(),
            missed.is_some(),
            missed.unwrap_or_default()
        )
    }

    fn leave(&mut self, id: usize, room: usize) {
        self.rooms[room].members.retain(|member| *member != id);
        self.clients[id].rooms.retain(|joined| *joined != room);
    }

    /// Tells the room, and gives the status of the reply.
    fn message(&mut self, room: usize, topic: &str, payload: &[u8]) -> &'static str {
        self.messages += 1;
        if is_nth(self.messages, self.faults.error_every) {
            return "error";
        }
        let payload = String::from_utf8_lossy(payload);
        let seq = self.rooms[room].log.len() + 1;
        let message = payload
            .trim_end_matches(']')
            .replacen('{', &format!("{{\"changed_seq\":{seq},"), 1);
        let frame = format!("[null,null,\"{topic}\",\"new_message\",{message}]");
        self.rooms[room].log.push(message);
        for member in self.rooms[room].members.clone() {
            self.deliveries += 1;
            if is_nth(self.deliveries, self.faults.drop_every) {
                continue;
            }
            self.send(member, opcode::TEXT, frame.as_bytes());
            if is_nth(self.deliveries, self.faults.dup_every) {
                self.send(member, opcode::TEXT, frame.as_bytes());
            }
        }
        "ok"
    }

    fn send(&mut self, id: usize, opcode: u8, payload: &[u8]) {
        websocket::put_frame(&mut self.clients[id].outgoing, opcode, payload, None);
        self.touch(id);
    }

    fn touch(&mut self, id: usize) {
        if !std::mem::replace(&mut self.clients[id].dirty, true) {
            self.dirty.push(id);
        }
    }

    /// One write per client and turn, however many frames it holds.
    fn write(&mut self, id: usize) {
        let client = &mut self.clients[id];
        client.dirty = false;
        let Some(socket) = &client.socket else { return };
        // What is broken is noticed by reading.
        let sent = system::send(socket, &client.outgoing).unwrap_or(0);
        client.outgoing.drain(..sent);
        if client.closing && client.outgoing.is_empty() {
            self.end(id);
        }
    }

    fn end(&mut self, id: usize) {
        let client = std::mem::take(&mut self.clients[id]);
        for room in client.rooms {
            self.rooms[room].members.retain(|member| *member != id);
        }
        // It may have been ended already, by the close that the end of the stream follows.
        if client.socket.is_some() {
            self.free.push(id);
        }
    }
}

fn is_nth(count: u64, every: u64) -> bool {
    every > 0 && count.is_multiple_of(every)
}
