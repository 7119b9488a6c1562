//! Everything a running server shares.

use std::sync::Arc;

use crate::{
    accounts::{PasswordHasher, Tokens},
    config::Settings,
    media::Inspector,
    metrics::Metrics,
    phoenix::SocketLimits,
    realtime::Realtime,
    standing::Standings,
    store::Store,
    vault::Vault,
    web::{newest_pages::NewestPages, socket::raw::Writing},
};

/// What handlers and sockets work with; one per server, behind `web::Data`.
pub struct App {
    /// The settings the server was started with.
    pub settings: Settings,
    /// The database.
    pub store: Store,
    /// Tells whether tokens are still good, and what their users may read.
    pub standings: Standings,
    /// The newest messages of rooms, as they go out.
    pub newest_pages: NewestPages,
    /// Issues and checks tokens.
    pub tokens: Tokens,
    /// Seals and opens the secrets that the database keeps.
    pub vault: Vault,
    /// Hashes and checks passwords, a bounded number at a time.
    pub passwords: PasswordHasher,
    /// Looks uploads through, a bounded number at a time.
    pub media: Inspector,
    /// The actors, and the one way in for messages.
    pub realtime: Realtime,
    /// The bounds of each socket.
    pub socket_limits: Arc<SocketLimits>,
    /// How sockets that are on bare TCP are written to.
    pub writing: Arc<Writing>,
    /// What is measured.
    pub metrics: Metrics,
    /// The deployment's epoch: names the history that `seq` values belong to.
    pub epoch: String,
}
