//! Settings: one struct per area, read once at start and passed down as plain values.
//!
//! `defaults.toml` beside this file is the manual: every key with its meaning, unit, limits and default.
//! [`Settings::load`] puts the settings file, the environment and the command line on top of it.
//!
//! Invariants:
//! * Nothing here reads the process environment; `main` hands the variables in.
//! * No secret is printed: not by `Debug`, not by an error, not by `parlour config`.

mod cap;
mod limits;
mod load;
mod optional;
mod print;
mod proxies;
mod rate;
mod secret;
#[cfg(test)]
mod tests;
mod validate;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub use cap::{Cap, CapError};
pub use limits::{Limit, LimitSettings, TenantLimits};
pub use load::{Flag, KeepSecretError, Loaded, SettingsError, Sources, is_settings_variable};
pub use print::reference;
pub use proxies::{TrustedProxies, TrustedProxiesError};
pub use rate::{RateLimit, RateLimitError};

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `environment`: what may be lax.
    pub environment: Environment,
    /// `data_dir`: folder of the SQLite database and of generated secrets. A relative one is relative to the
    /// working directory.
    pub data_dir: PathBuf,
    /// `no_limits`: all rate limits are off; [`Settings::limits`] says so too.
    pub no_limits: bool,
    /// `server.*`: the HTTP server.
    pub server: ServerSettings,
    /// `database.*`: where data is kept.
    pub database: DatabaseSettings,
    /// `cache.*`: what is kept in memory of what the database holds.
    pub cache: CacheSettings,
    /// `auth.*`: passwords, tokens, keys.
    pub auth: AuthSettings,
    /// `tenants.*`: which websites there are.
    pub tenants: TenantsSettings,
    /// `cors.*`: which pages may call the REST interface.
    pub cors: CorsSettings,
    /// `socket.*`: sessions over WebSocket and long poll.
    pub socket: SocketSettings,
    /// `realtime.*`: the actors behind the sockets.
    pub realtime: RealtimeSettings,
    /// `limits.*`: how often, and how much.
    pub limits: LimitSettings,
    /// `uploads.*`: files that users send with messages.
    pub uploads: UploadSettings,
    /// `log.*`: what is logged, and how.
    pub log: LogSettings,
    /// `metrics.*`: what is measured.
    pub metrics: MetricsSettings,
}

/// What kind of deployment this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Secrets may be weak or generated, tenants may be created on first use.
    Development,
    /// Nothing is lax.
    Production,
}

impl Environment {
    /// Whether lax rules apply.
    pub fn is_development(self) -> bool {
        self == Self::Development
    }
}

/// `server.*`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// `server.host`: address to listen on.
    pub host: IpAddr,
    /// `server.port`: port to listen on; 0 takes any free one.
    pub port: u16,
    /// `server.admin_listen`: a second address, for whoever runs the server; `None` (written `""`) for none.
    #[serde(with = "optional::address")]
    pub admin_listen: Option<SocketAddr>,
    /// `server.tls_cert`: the certificate and those that vouch for it, in PEM; `None` (written `""`) for no TLS.
    #[serde(with = "optional::path")]
    pub tls_cert: Option<PathBuf>,
    /// `server.tls_key`: the certificate's private key, in PEM.
    #[serde(with = "optional::path")]
    pub tls_key: Option<PathBuf>,
    /// `server.tls_reload_interval`: how often the two are looked at for new ones.
    #[serde(with = "humantime_serde")]
    pub tls_reload_interval: Duration,
    /// `server.tls_handshake_timeout`: how long a TLS handshake may take.
    #[serde(with = "humantime_serde")]
    pub tls_handshake_timeout: Duration,
    /// `server.tls_handshakes_max`: TLS handshakes of one worker at the same time; other connections wait.
    pub tls_handshakes_max: Cap<usize>,
    /// `server.tls_only_for`: how long browsers shall insist on TLS; zero for not at all.
    #[serde(with = "humantime_serde")]
    pub tls_only_for: Duration,
    /// `server.backlog`: connections the kernel keeps until a worker takes them.
    pub backlog: u32,
    /// `server.reuse_port`: other processes may listen on the same address (`SO_REUSEPORT`).
    pub reuse_port: bool,
    /// `server.workers`: worker threads; `None` (written `"auto"`) is one per core.
    #[serde(with = "optional::auto")]
    pub workers: Option<usize>,
    /// `server.shutdown_timeout`: how long a graceful stop may take.
    #[serde(with = "humantime_serde")]
    pub shutdown_timeout: Duration,
    /// `server.header_timeout`: how long a client may take to send a request's head.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// `server.disconnect_timeout`: how long a closing connection may linger.
    #[serde(with = "humantime_serde")]
    pub disconnect_timeout: Duration,
    /// `server.body_timeout`: how long the body of a REST request may take.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// `server.trusted_proxies`: peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// `server.body_bytes_max`: largest body of a REST request.
    pub body_bytes_max: Cap<usize>,
    /// `server.ui_dir`: folder of the built pages and scripts; `None` (written `""`) for those of the binary.
    #[serde(with = "optional::path")]
    pub ui_dir: Option<PathBuf>,
}

/// `database.*`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// `database.url`: `sqlite://…` or `postgres://…`, `{data_dir}` already filled in.
    #[serde(serialize_with = "secret::serialize_url")]
    pub url: SecretString,
    /// `database.pool_size`: connections to the database; `None` (written `"auto"`) is as many as the engine can use.
    #[serde(with = "optional::auto")]
    pub pool_size: Option<usize>,
    /// `database.acquire_timeout`: how long a query waits for a connection.
    #[serde(with = "humantime_serde")]
    pub acquire_timeout: Duration,
    /// `database.shared_statements`: statements for many requests at once that may be on their way.
    pub shared_statements: usize,
    /// `database.allow_unsafe_durability`: start on a Postgres that may lose acknowledged messages.
    pub allow_unsafe_durability: bool,
}

/// `cache.*`: how much is kept, at most; 0 for nothing.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CacheSettings {
    /// `cache.tokens`: tokens whose signatures were found to be good.
    pub tokens: usize,
    /// `cache.users`: users.
    pub users: usize,
    /// `cache.tenants`: tenants.
    pub tenants: usize,
    /// `cache.page_bytes`: the newest messages of rooms, as they go out, in bytes.
    pub page_bytes: u64,
}

/// `auth.*`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AuthSettings {
    /// `auth.secret_key`: signs tokens. At least 32 bytes outside development.
    #[serde(with = "secret")]
    pub secret_key: Option<SecretString>,
    /// `auth.operator_token`: opens the operator's routes; without one they stay shut.
    #[serde(with = "secret")]
    pub operator_token: Option<SecretString>,
    /// `auth.master_key`: seals the secrets that are kept in the database. At least 32 bytes outside development.
    #[serde(with = "secret")]
    pub master_key: Option<SecretString>,
    /// `auth.retired_master_keys`: open what they sealed while they were `auth.master_key`.
    #[serde(with = "secret::list")]
    pub retired_master_keys: Vec<SecretString>,
    /// `auth.token_lifetime`: how long a token of register, login or a guest is good.
    #[serde(with = "humantime_serde")]
    pub token_lifetime: Duration,
    /// `auth.exchanged_lifetime`: how long a token is good that a website's token was exchanged for.
    #[serde(with = "humantime_serde")]
    pub exchanged_lifetime: Duration,
    /// `auth.password_rounds`: rounds of PBKDF2-HMAC-SHA256, at least 600,000.
    pub password_rounds: u32,
    /// `auth.hash_concurrency`: passwords hashed at the same time.
    pub hash_concurrency: usize,
    /// `auth.hash_queue_max`: passwords waiting to be hashed; one more is refused as busy.
    pub hash_queue_max: Cap<usize>,
}

/// `tenants.*`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TenantsSettings {
    /// `tenants.default`: slug of the tenant of requests that name none.
    pub default: String,
    /// `tenants.ensure`: slugs of tenants that exist after boot, each with the default rooms.
    pub ensure: Vec<String>,
    /// `tenants.retention_interval`: how often messages are deleted that their tenant wants to be kept no longer.
    #[serde(with = "humantime_serde")]
    pub retention_interval: Duration,
    /// `tenants.create_unknown`: an unknown tenant is created when it is first named. Development only.
    pub create_unknown: bool,
}

/// `cors.*`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CorsSettings {
    /// `cors.allowed_origins`: origins of pages that may call REST, or `*`; a tenant's own list comes first.
    pub allowed_origins: Vec<String>,
}

/// `socket.*`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SocketSettings {
    /// `socket.transport`: what carries WebSockets on plain TCP.
    pub transport: SocketTransport,
    /// `socket.idle_timeout`: a WebSocket that sends nothing for so long is closed.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// `socket.close_timeout`: how long a WebSocket that closes waits for the client to take leave.
    #[serde(with = "humantime_serde")]
    pub close_timeout: Duration,
    /// `socket.user_timeout`: how long sent data may stay unacknowledged by the peer (`TCP_USER_TIMEOUT`).
    #[serde(with = "humantime_serde")]
    pub user_timeout: Duration,
    /// `socket.token_notice`: how long before its token ends a client is told.
    #[serde(with = "humantime_serde")]
    pub token_notice: Duration,
    /// `socket.join_timeout`: how long a join may take before it is answered with an error.
    #[serde(with = "humantime_serde")]
    pub join_timeout: Duration,
    /// `socket.typing_timeout`: a typing notice ends by itself after so long.
    #[serde(with = "humantime_serde")]
    pub typing_timeout: Duration,
    /// `socket.channels_max`: topics one socket may be on.
    pub channels_max: Cap<usize>,
    /// `socket.frame_bytes_max`: largest frame from a client.
    pub frame_bytes_max: Cap<usize>,
    /// `socket.message_bytes_max`: largest message from a client, all its fragments together.
    pub message_bytes_max: Cap<usize>,
    /// `socket.queued_max`: frames of one socket that wait to be handled.
    pub queued_max: Cap<usize>,
    /// `socket.pushes_at_once`: messages of one channel that are stored and answered at the same time.
    pub pushes_at_once: u16,
    /// `socket.outbound_messages_max`: frames that wait to be written to one socket.
    pub outbound_messages_max: Cap<usize>,
    /// `socket.outbound_bytes_max`: bytes that wait to be written to one socket.
    pub outbound_bytes_max: Cap<usize>,
    /// `socket.put_off`: the longest that broadcasts wait for an answer to go out with; zero for not at all.
    #[serde(with = "humantime_serde")]
    pub put_off: Duration,
    /// `socket.put_off_bytes_max`: bytes that wait so.
    pub put_off_bytes_max: Cap<usize>,
    /// `socket.connections_max`: sockets of the whole server.
    pub connections_max: Cap<usize>,
    /// `socket.connections_per_address_max`: sockets of one client address.
    pub connections_per_address_max: Cap<usize>,
    /// `socket.connections_per_tenant_max`: sockets of one tenant.
    pub connections_per_tenant_max: Cap<usize>,
    /// `socket.connections_per_user_max`: sockets of one user.
    pub connections_per_user_max: Cap<usize>,
    /// `socket.check_origin`: which pages may open a socket.
    pub check_origin: OriginCheck,
    /// `socket.auth_subprotocol`: take the token from `Sec-WebSocket-Protocol` too.
    pub auth_subprotocol: bool,
    /// `socket.history_limit`: messages pushed after a join.
    pub history_limit: u64,
    /// `socket.recovery_limit`: most changes a client that comes back is told; with more it starts anew.
    pub recovery_limit: u64,
    /// `socket.longpoll_window`: how long a poll waits for something to deliver.
    #[serde(with = "humantime_serde")]
    pub longpoll_window: Duration,
    /// `socket.longpoll_lines_max`: frames in one long-poll request.
    pub longpoll_lines_max: Cap<usize>,
    /// `socket.longpoll_buffer_bytes_max`: bytes that wait for the next poll of a session.
    pub longpoll_buffer_bytes_max: Cap<usize>,
    /// `socket.longpoll_body_bytes_max`: largest body of a long-poll request.
    pub longpoll_body_bytes_max: Cap<usize>,
    /// `socket.drain_batch`: sockets closed at once when the server stops.
    pub drain_batch: usize,
    /// `socket.drain_interval`: pause between two such batches.
    #[serde(with = "humantime_serde")]
    pub drain_interval: Duration,
}

/// `realtime.*`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RealtimeSettings {
    /// `realtime.registry_threads`: threads that the tenants' room registries are spread over.
    pub registry_threads: usize,
    /// `realtime.registry_mailbox`: messages that may wait for one registry; senders wait beyond.
    pub registry_mailbox: usize,
    /// `realtime.journals`: journals that messages are stored by, each on a thread of its own; `None` (written
    /// `"auto"`) is one for every two cores, at most 8.
    #[serde(with = "optional::auto")]
    pub journals: Option<usize>,
    /// `realtime.journal_batch`: messages that are stored in one transaction.
    pub journal_batch: usize,
    /// `realtime.journal_beside`: messages that have to wait for a batch beside the one that is being stored.
    pub journal_beside: Cap<usize>,
    /// `realtime.journal_queue`: messages that may wait for one journal; one more is refused as unavailable.
    pub journal_queue: usize,
    /// `realtime.send_timeout`: how long a message may wait to be stored before its sender is told "unavailable".
    #[serde(with = "humantime_serde")]
    pub send_timeout: Duration,
    /// `realtime.registry_idle_timeout`: a registry without sockets stops after so long.
    #[serde(with = "humantime_serde")]
    pub registry_idle_timeout: Duration,
    /// `realtime.presence_exact_max`: present users up to whom every change is told at once.
    pub presence_exact_max: Cap<usize>,
    /// `realtime.presence_batched_max`: present users up to whom all are shown.
    pub presence_batched_max: Cap<usize>,
    /// `realtime.presence_sample_max`: users shown above that.
    pub presence_sample_max: Cap<usize>,
    /// `realtime.shard_queued_bytes_max`: bytes of broadcasts that may wait on one worker thread.
    pub shard_queued_bytes_max: Cap<usize>,
    /// `realtime.shard_rest`: the longest that a busy room collects broadcasts.
    #[serde(with = "humantime_serde")]
    pub shard_rest: Duration,
    /// `realtime.batch_interval`: how often presence of larger rooms and read marks are told.
    #[serde(with = "humantime_serde")]
    pub batch_interval: Duration,
    /// `realtime.hole_patience`: how long a change of a room may come late before it is read from the database.
    #[serde(with = "humantime_serde")]
    pub hole_patience: Duration,
    /// `realtime.read_marks_max`: read marks are told in rooms with at most this many users present.
    pub read_marks_max: Cap<usize>,
    /// `realtime.unread_interval`: how often unread counts are worked out and pushed.
    #[serde(with = "humantime_serde")]
    pub unread_interval: Duration,
    /// `realtime.unread_members_max`: members of a room who are told their unread counts after a message.
    pub unread_members_max: Cap<usize>,
    /// `realtime.control_interval`: how often servers look what others have changed.
    #[serde(with = "humantime_serde")]
    pub control_interval: Duration,
    /// `realtime.limits_sweep_interval`: how often those are forgotten who have used none of what their limits allow.
    #[serde(with = "humantime_serde")]
    pub limits_sweep_interval: Duration,
    /// `realtime.stats_rooms_max`: rooms with message counters of their own.
    pub stats_rooms_max: Cap<usize>,
}

/// `uploads.*`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UploadSettings {
    /// `uploads.bytes_max`: largest upload; a tenant's own setting is at most this.
    pub bytes_max: Cap<usize>,
    /// `uploads.timeout`: how long the body of an upload may take.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// `uploads.receiving_max`: uploads received at the same time; one more is refused as busy.
    pub receiving_max: Cap<usize>,
    /// `uploads.decode_concurrency`: uploads looked through at the same time.
    pub decode_concurrency: usize,
    /// `uploads.image_pixels_max`: pixels of a picture that is shown.
    pub image_pixels_max: Cap<u64>,
}

/// What carries WebSockets on plain TCP; on TLS it is always the actors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SocketTransport {
    /// Connections leave the HTTP server with the upgrade, and sessions own them.
    Raw,
    /// Connections stay with the HTTP server, and an actor reads and writes through it.
    Actors,
}

/// Which pages may open a socket: `"off"` for all, or a list of origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginCheck {
    /// Any page may.
    Off,
    /// Pages of these origins may, and clients that send no `Origin`.
    Only(Vec<String>),
}

/// `log.*`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// `log.format`: how a line looks.
    pub format: LogFormat,
    /// `log.filter`: which lines, in the directives of `tracing_subscriber::EnvFilter`.
    pub filter: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// `metrics.*`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsSettings {
    /// `metrics.public`: `/metrics` answers anybody, not only the operator.
    pub public: bool,
    /// `metrics.room_labels_max`: rooms with a line of their own in the metrics; the others are counted together.
    pub room_labels_max: Cap<usize>,
}

/// Comma-separated text as a list, empty parts left out.
fn split_list(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

impl Serialize for OriginCheck {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_str("off"),
            Self::Only(origins) => origins.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for OriginCheck {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected \"off\" or a list of origins")]
        enum Written {
            Text(String),
            List(Vec<String>),
        }

        Ok(match Written::deserialize(deserializer)? {
            Written::Text(text) if text.trim() == "off" => Self::Off,
            Written::Text(text) => Self::Only(split_list(&text)),
            Written::List(origins) => Self::Only(origins),
        })
    }
}
