//! Sockets: Phoenix Channels over WebSocket and long poll, mounted at `/chat/socket`.
//!
//! * [`connect`] — who may open a socket
//! * [`raw`], [`websocket`], [`longpoll`] — the transports: actors that carry frames and nothing else
//! * [`upgrade`] — where a connection leaves HTTP
//! * [`session`] — what happens on a socket, whatever carries it; [`transport`] — what the two say to each other
//! * [`room_channel`], [`payloads`] — the chat channel
//! * `handshake` — how a WebSocket opens
//! * [`rfc6455`] — WebSocket framing, sans-IO

pub mod connect;
pub mod longpoll;
pub mod payloads;
pub mod raw;
pub mod rfc6455;
pub mod room_channel;
pub mod session;
pub mod transport;
pub mod upgrade;
pub mod websocket;

mod handshake;

use actix_web::web;

/// Mounts the socket's paths. Any other word under the mount is not found.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/chat/socket/websocket", web::route().to(connect::websocket))
        .route("/chat/socket/websocket/", web::route().to(connect::websocket))
        .route("/chat/socket/longpoll", web::route().to(longpoll::longpoll));
}
