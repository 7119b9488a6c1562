//! The Phoenix Channels protocol as a server speaks it, sans-IO.
//!
//! Frames go in, effects come out. There is no chat in here, no actor, no HTTP, no clock and no thread;
//! WebSocket, long poll and tests drive the same [`Socket`]. "protocol §n" in comments is the page that says
//! what has to happen on the wire.
//!
//! | module | subject |
//! |---|---|
//! | `version`, `params`, `subprotocol`, `origin` | connecting (protocol §1) |
//! | `frame`, `encode`, `binary`, `broadcast` | frames as values, and on the wire (protocol §2, §3) |
//! | `socket`, `channels`, `aside` | the state machine: joins, leaves, pushes, order (protocol §4, §5, §6.1, §7) |
//! | [`close_code`] | close codes (protocol §6.5) |
//! | `longpoll` | bodies and answers of long polling (protocol §8) |
//! | `presence` | who is on a topic, and the diffs (protocol §9) |
//!
//! Invariants:
//! * No input panics, and none is kept without a bound: names, refs, waiting messages and held frames have limits.
//! * A topic of a socket has at most one live channel; a [`ChannelId`] is never used twice.
//! * The join reply is the first frame of a channel; after its end comes nothing but its `phx_close` or `phx_error`.
//! * Each join that the application decides is answered exactly once; refs go back as they came.
//! * Pushes of a channel begin in their order, and are answered in it.
//! * A payload is never parsed here: it is scanned once on the way in, and copied on the way out.

mod aside;
mod binary;
mod broadcast;
mod channels;
pub mod close_code;
mod encode;
mod frame;
mod lenient_base64;
mod longpoll;
mod origin;
mod params;
mod presence;
mod socket;
mod subprotocol;
mod version;

#[cfg(test)]
mod aside_tests;
#[cfg(test)]
mod frame_tests;
#[cfg(test)]
mod presence_tests;
#[cfg(test)]
mod socket_proptests;
#[cfg(test)]
mod socket_tests;

pub use aside::Aside;
pub use broadcast::Broadcast;
pub use frame::{DecodeError, Frame, Inbound, Name, Payload, REF_BYTES_MAX, Ref, decode_binary, decode_text};
pub use longpoll::{NDJSON, PollBodyError, PollLine, parse_body, poll_response};
pub use origin::{Origin, OriginPattern, OriginPatternError, origin_allowed};
pub use params::Params;
pub use presence::{Presence, PresenceDiff, PresenceRef, PresenceState};
pub use socket::{ChannelId, Effect, QUEUED_BYTES_MAX, Socket, SocketLimits};
pub use subprotocol::{AUTH_TOKEN_BYTES_MAX, SUBPROTOCOL, SubprotocolError, Subprotocols, negotiate_subprotocols};
pub use version::{UnsupportedVersion, Version};
