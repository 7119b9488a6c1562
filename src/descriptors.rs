//! How many files and sockets the process may have open: each connection is one of them.

use tracing::{info, warn};

use crate::{config::Settings, store::DatabaseOptions};

/// Open files besides connections of clients and of the database: standard streams, listeners, queues of the kernel,
/// uploads on their way.
const BESIDES: u64 = 128;

/// Raises the soft limit to the hard one, tells what that is, and warns when `socket.connections_max` does not fit in.
/// Shells and service managers start processes with a soft limit of 1,024, for programs that use `select`.
pub fn raise_limit(settings: &Settings) {
    let limit = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => limit,
        Err(error) => return warn!(%error, "the limit of open files is unknown"),
    };
    info!(limit, "open files and sockets");
    let needed = u64::from(DatabaseOptions::from(&settings.database).connections()) + BESIDES;
    let fit = limit.saturating_sub(needed);
    if let Some(connections_max) = settings.socket.connections_max.get()
        && connections_max as u64 > fit
    {
        warn!(
            limit,
            connections_max, "the limit of open files leaves room for {fit} sockets, fewer than socket.connections_max"
        );
    }
}
