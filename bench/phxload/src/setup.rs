//! From options to what scenarios work with.

use std::{
    io,
    net::{SocketAddr, SocketAddrV4, ToSocketAddrs},
    path::PathBuf,
};

use rustix::io::Errno;
use serde_json::{Map, Value, json};

use crate::{
    cli::Common,
    engine::{Engine, Room, Target},
    identities::{Identities, read_lines, room_ids},
    process_stats::Processes,
    system::{self, nanoseconds},
};

/// Descriptors beside those of connections.
const OTHER_FILES: u64 = 64;

/// Connections one source address has ports for, as systems are usually set.
const PORTS: usize = 28_000;

/// Why a scenario cannot begin, or has not happened.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The URL is of another kind.
    #[error("--url must begin with http:// or ws://")]
    Url,
    /// The name of the server leads nowhere.
    #[error("{host}: no IPv4 address")]
    Address {
        /// The name.
        host: String,
        /// What the resolver says.
        source: Option<io::Error>,
    },
    /// The server is on another machine.
    #[error("{0} is not a loopback address (see --any-address)")]
    NotLoopback(std::net::Ipv4Addr),
    /// A file cannot be read.
    #[error("{path}", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file has fewer lines than are needed.
    #[error("{path} has {have} lines, {need} are needed", path = .path.display())]
    TooFewLines {
        /// Which.
        path: PathBuf,
        /// Lines it has.
        have: usize,
        /// Lines it should have.
        need: usize,
    },
    /// The process may not open enough files.
    #[error(
        "{need} descriptors are needed, this process may have {have}: raise the hard limit or split the run over several processes"
    )]
    OpenFiles {
        /// As many as are needed.
        need: u64,
        /// As many as there may be.
        have: u64,
    },
    /// There is no such process.
    #[error("--pid {0:?}: no such process")]
    NoProcess(Vec<u32>),
    /// A number that has to be at least one.
    #[error("rooms, members and connections have to be at least 1")]
    Nobody,
    /// All joins have failed.
    #[error("nobody joined: {0}")]
    NobodyJoined(String),
    /// The system refuses something.
    #[error("a system call failed")]
    System(#[from] Errno),
}

/// The address of the server and what the `Host` header says.
pub fn address(common: &Common) -> Result<(SocketAddrV4, String), SetupError> {
    let scheme = ["http://", "ws://"];
    let rest = scheme.iter().find_map(|scheme| common.url.strip_prefix(scheme));
    let host = rest
        .and_then(|rest| rest.split('/').next())
        .ok_or(SetupError::Url)?
        .to_owned();
    let unreachable = |source| SetupError::Address {
        host: host.clone(),
        source,
    };
    let full = if host.contains(':') {
        host.clone()
    } else {
        format!("{host}:80")
    };
    let mut addresses = full.to_socket_addrs().map_err(|error| unreachable(Some(error)))?;
    let address = addresses.find_map(|address| match address {
        SocketAddr::V4(address) => Some(address),
        SocketAddr::V6(_) => None,
    });
    let address = address.ok_or_else(|| unreachable(None))?;
    if !address.ip().is_loopback() && !common.any_address {
        return Err(SetupError::NotLoopback(*address.ip()));
    }
    Ok((address, host))
}

fn lines(path: Option<&PathBuf>, need: usize) -> Result<Option<Vec<String>>, SetupError> {
    let Some(path) = path else { return Ok(None) };
    let lines = read_lines(path).map_err(|source| SetupError::File {
        path: path.clone(),
        source,
    })?;
    if lines.len() < need {
        return Err(SetupError::TooFewLines {
            path: path.clone(),
            have: lines.len(),
            need,
        });
    }
    Ok(Some(lines))
}

/// Who the connections are.
pub fn identities(common: &Common) -> Result<Identities, SetupError> {
    Ok(Identities {
        tokens: lines(common.tokens.as_ref(), 1)?.unwrap_or_default(),
        template: common.token_template.clone(),
        seed: common.seed,
    })
}

/// The ids of the first so many rooms.
pub fn rooms(common: &Common, count: usize) -> Result<Vec<String>, SetupError> {
    let mut rooms = match lines(common.rooms_file.as_ref(), count)? {
        Some(lines) => lines,
        None => room_ids(&common.room_template, common.seed, count),
    };
    rooms.truncate(count);
    Ok(rooms)
}

/// Makes sure that so many connections can be open.
pub fn allow_connections(common: &Common, connections: usize) -> Result<(), SetupError> {
    if connections == 0 {
        return Err(SetupError::Nobody);
    }
    let need = connections as u64 + OTHER_FILES;
    let have = system::raise_open_files(need);
    if have < need {
        return Err(SetupError::OpenFiles { need, have });
    }
    let per_source = connections.div_ceil(common.source_ips.max(1) as usize);
    if per_source > PORTS {
        eprintln!("warning: {per_source} connections per address are more than usually have ports (--source-ips)");
    }
    Ok(())
}

/// An engine with so many slots and rooms.
pub fn engine(common: &Common, connections: usize, count: usize) -> Result<Engine, SetupError> {
    allow_connections(common, connections)?;
    let (address, host) = address(common)?;
    let rooms = rooms(common, count)?;
    if rooms.is_empty() {
        return Err(SetupError::Nobody);
    }
    let target = Target {
        address,
        host,
        path: common.path.clone(),
        headers: common.header.clone(),
        sources: common.source_ips,
        heartbeat: nanoseconds(common.heartbeat),
        identities: identities(common)?,
    };
    let rooms = rooms.iter().map(|id| Room::new(id, &common.topic_template)).collect();
    Ok(Engine::new(target, connections, rooms)?)
}

/// The server's processes.
pub fn processes(common: &Common, connections: usize) -> Result<Processes, SetupError> {
    let processes = Processes::new(&common.pid, &common.database_pid);
    if !processes.are_alive() {
        return Err(SetupError::NoProcess([&common.pid[..], &common.database_pid].concat()));
    }
    if let Some(files) = processes.open_files_max().filter(|files| *files < connections as u64) {
        eprintln!("warning: the server may open {files} files, fewer than the {connections} connections need");
    }
    Ok(processes)
}

/// The beginning of a result.
pub fn head(scenario: &str, common: &Common) -> Map<String, Value> {
    let mut result = Map::new();
    result.insert("scenario".into(), json!(scenario));
    if !common.label.is_empty() {
        result.insert("label".into(), json!(common.label));
    }
    result.insert("url".into(), json!(common.url));
    result
}

/// The end of a result: what went wrong.
pub fn tail(result: &mut Map<String, Value>, engine: &Engine) {
    result.insert("failures_by_cause".into(), json!(engine.failures));
    result.insert("closed_by_server".into(), json!(engine.counters.closed_by_server));
    if let Some(sample) = &engine.sample_error {
        result.insert("sample_error".into(), json!(sample));
    }
}
