//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{load::Complete, peer::Faults};

/// Load generator for chat servers that speak Phoenix Channels V2.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every scenario.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Base URL of the server, http://HOST:PORT
    #[arg(long, default_value = "http://127.0.0.1:4000")]
    pub url: String,
    /// Path of the WebSocket endpoint
    #[arg(long, default_value = "/chat/socket/websocket")]
    pub path: String,
    /// File with one token per line; connection i takes line i modulo their number
    #[arg(long)]
    pub tokens: Option<PathBuf>,
    /// Token made per connection from {uuid}, {name} and {n}; used without --tokens
    #[arg(long, default_value = "{uuid}:{name}")]
    pub token_template: String,
    /// Topic of a room, from {room}
    #[arg(long, default_value = "room:{room}")]
    pub topic_template: String,
    /// File with one room id per line
    #[arg(long)]
    pub rooms_file: Option<PathBuf>,
    /// Room ids made from {n} or {uuid}; used without --rooms-file
    #[arg(long, default_value = "bench-{n}")]
    pub room_template: String,
    /// The same seed makes the same users and rooms
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Spread the connections over this many addresses, from 127.0.0.1 on (0: let the kernel choose)
    #[arg(long, default_value_t = 0)]
    pub source_ips: u32,
    /// Process ids of the server, separated by commas; their descendants are counted too
    #[arg(long, value_delimiter = ',')]
    pub pid: Vec<u32>,
    /// The same of its database, where that is a program of its own
    #[arg(long, value_delimiter = ',')]
    pub database_pid: Vec<u32>,
    /// Seconds between heartbeats of a connection (0: none)
    #[arg(long, default_value_t = 30.0)]
    pub heartbeat: f64,
    /// Most connections being set up at once
    #[arg(long, default_value_t = 100)]
    pub concurrency: usize,
    /// Seconds until a connect, join or request that is not answered has failed
    #[arg(long, default_value_t = 30.0)]
    pub timeout: f64,
    /// Seconds without a frame after the joins that count as quiet
    #[arg(long, default_value_t = 2.0)]
    pub quiet: f64,
    /// Most seconds to wait after the joins for the server to go quiet
    #[arg(long, default_value_t = 60.0)]
    pub settle: f64,
    /// Extra request header, "Name: value" (repeatable)
    #[arg(long)]
    pub header: Vec<String>,
    /// Free text copied into the result
    #[arg(long, default_value = "")]
    pub label: String,
    /// Allow a server that is not on the loopback range
    #[arg(long)]
    pub any_address: bool,
}

/// Options of scenarios that send.
#[derive(Args, Clone, Debug)]
pub struct Sending {
    /// Open loop: messages per second in total
    #[arg(long, conflicts_with = "closed_loop")]
    pub rate: Option<f64>,
    /// Closed loop: outstanding messages per sender (fanout) or per room (rooms)
    #[arg(long, required_unless_present = "rate")]
    pub closed_loop: Option<u32>,
    /// Closed loop: when a message counts as done
    #[arg(long, value_enum, default_value_t = Complete::Ack)]
    pub complete: Complete,
    /// How long
    #[command(flatten)]
    pub span: Span,
    /// Length of each message's content in bytes (at least 35)
    #[arg(long, default_value_t = 100)]
    pub bytes: usize,
    /// Most seconds to wait for deliveries after the last message
    #[arg(long, default_value_t = 10.0)]
    pub drain: f64,
    /// Seconds after which an unanswered message no longer holds up its sender
    #[arg(long, default_value_t = 10.0)]
    pub ack_timeout: f64,
    /// Connections per second while joining (0: as fast as --concurrency allows)
    #[arg(long, default_value_t = 0.0)]
    pub conn_rate: f64,
    /// The first so many members of the first room read nothing after they have joined
    #[arg(long, default_value_t = 0)]
    pub stalled: usize,
}

/// How long to measure.
#[derive(Args, Clone, Copy, Debug)]
pub struct Span {
    /// Seconds measured
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// Seconds of the same load before measuring
    #[arg(long, default_value_t = 2.0)]
    pub warmup: f64,
}

/// Options of scenarios that ask over REST.
#[derive(Args, Clone, Debug)]
pub struct Requests {
    /// Rooms that are asked about
    #[arg(long, default_value_t = 10)]
    pub rooms: usize,
    /// Connections, each with one request at a time
    #[arg(long, default_value_t = 16)]
    pub conns: usize,
    /// How long
    #[command(flatten)]
    pub span: Span,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Connect (and join) many sockets, hold them: rate, memory and CPU per connection
    Idle {
        #[command(flatten)]
        common: Common,
        /// How many
        #[arg(long, default_value_t = 1000)]
        conns: usize,
        /// Join a room on each connection
        #[arg(long)]
        join: bool,
        /// Members per room
        #[arg(long, default_value_t = 50)]
        per_room: usize,
        /// Look at the memory when so many have come, too: what each of the others adds is what one more connection
        /// costs, without what the server touches and fills once (0: do not)
        #[arg(long, default_value_t = 0)]
        first: usize,
        /// Connections per second (0: as fast as --concurrency allows)
        #[arg(long, default_value_t = 0.0)]
        rate: f64,
        /// Seconds to wait before any comes, for the memory that a server gives back once it has started
        #[arg(long, default_value_t = 0.0)]
        before: f64,
        /// Seconds to hold the connections
        #[arg(long, default_value_t = 10.0)]
        hold: f64,
        /// Seconds to wait after all have left, for the memory that is given back (0: they stay)
        #[arg(long, default_value_t = 0.0)]
        leave: f64,
    },
    /// One room, some senders, every member counts each delivery
    Fanout {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        sending: Sending,
        /// Members of the room
        #[arg(long, default_value_t = 1000)]
        members: usize,
        /// How many of them send
        #[arg(long, default_value_t = 1)]
        senders: usize,
    },
    /// Many rooms, all members send in turn
    Rooms {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        sending: Sending,
        /// How many
        #[arg(long, default_value_t = 100)]
        rooms: usize,
        /// Members of each
        #[arg(long, default_value_t = 10)]
        per_room: usize,
    },
    /// Connect, join, leave, disconnect in a loop
    Churn {
        #[command(flatten)]
        common: Common,
        /// Connections going through the loop side by side
        #[arg(long, default_value_t = 50)]
        conns: usize,
        /// Members per room
        #[arg(long, default_value_t = 10)]
        per_room: usize,
        #[command(flatten)]
        span: Span,
    },
    /// All but one member of each room are cut off at once and come back with `since`
    Storm {
        #[command(flatten)]
        common: Common,
        /// How many rooms
        #[arg(long, default_value_t = 200)]
        rooms: usize,
        /// Members of each, the one who stays included
        #[arg(long, default_value_t = 11)]
        per_room: usize,
        /// Messages per second, all rooms together
        #[arg(long, default_value_t = 1000.0)]
        rate: f64,
        /// Length of each message's content in bytes (at least 35)
        #[arg(long, default_value_t = 100)]
        bytes: usize,
        /// Seconds of talk before the cut, and after the return
        #[arg(long, default_value_t = 2.0)]
        calm: f64,
        /// Seconds between the cut and the return
        #[arg(long, default_value_t = 2.0)]
        away: f64,
        /// Most seconds to wait for deliveries at the end
        #[arg(long, default_value_t = 10.0)]
        drain: f64,
    },
    /// POST messages over keep-alive HTTP, closed loop
    RestPost {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        requests: Requests,
        /// Path, from {room}
        #[arg(long, default_value = "/api/v1/rooms/{room}/messages")]
        rest_path: String,
        /// Length of each message's content in bytes
        #[arg(long, default_value_t = 100)]
        bytes: usize,
    },
    /// GET message lists over keep-alive HTTP, closed loop
    RestGet {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        requests: Requests,
        /// Path, from {room}
        #[arg(long, default_value = "/api/v1/rooms/{room}/messages?limit=50")]
        rest_path: String,
    },
    /// A little in-memory chat server for checking the generator itself
    Peer {
        /// Where to listen
        #[arg(long, default_value_t = 4999)]
        port: u16,
        /// Stop after this many seconds
        #[arg(long, default_value_t = 600.0)]
        seconds: f64,
        #[command(flatten)]
        faults: Faults,
    },
}
