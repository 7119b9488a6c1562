//! Close codes of the WebSocket (protocol §6.5).
//!
//! Reason texts stay empty: no client looks at them. Clients up to 1.8.12 reconnect after every code but 1000.

/// Only the answer to the client's own close, never the server's initiative.
pub const NORMAL: u16 = 1000;

/// Disconnect by socket id (log out everywhere); the client reconnects and is judged anew (protocol §6.4).
pub const GOING_AWAY: u16 = 1001;

/// Broken WebSocket framing, or no data from the client within the idle timeout (protocol §6.2).
pub const PROTOCOL_ERROR: u16 = 1002;

/// A text frame that is not UTF-8.
pub const INVALID_UTF8: u16 = 1007;

/// A frame, a message, or a name inside it is over its limit.
pub const TOO_BIG: u16 = 1009;

/// A message that cannot be decoded (protocol §7), more messages than may wait, or a bug.
pub const INTERNAL_ERROR: u16 = 1011;

/// The server shuts down or restarts.
pub const RESTART: u16 = 1012;

/// The token the socket was opened with has run out: fetch a new one before connecting again.
pub const TOKEN_EXPIRED: u16 = 4401;

/// The client was refused too often by rate limits: it is to slow down before it connects again.
pub const TOO_MANY_REFUSALS: u16 = 4429;

/// The client does not read as fast as its topics speak: the outbound queue is full. It reconnects and recovers.
pub const SLOW_CONSUMER: u16 = 4008;
