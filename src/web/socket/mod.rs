//! Sockets: Phoenix Channels over WebSocket and long poll, mounted at `/chat/socket`.
//!
//! * [`connect`] — who may open a socket
//! * [`websocket`], [`longpoll`] — the transports: actors that carry frames and nothing else
//! * [`session`] — what happens on a socket, whatever carries it; [`transport`] — what the two say to each other
//! * [`room_channel`], [`payloads`] — the chat channel
//! * `payload_guard` — bounds what a WebSocket client may make the server buffer

pub mod connect;
pub mod longpoll;
pub mod payloads;
pub mod room_channel;
pub mod session;
pub mod transport;
pub mod websocket;

mod payload_guard;

use actix_web::web;

/// Mounts the socket's paths. Any other word under the mount is not found.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/chat/socket/websocket", web::route().to(connect::websocket))
        .route("/chat/socket/websocket/", web::route().to(connect::websocket))
        .route("/chat/socket/longpoll", web::route().to(longpoll::longpoll));
}
