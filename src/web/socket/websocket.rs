//! The WebSocket transport on actix-web-actors: one actor per socket.
//!
//! All types of that crate stay in this file. What it takes to use it safely:
//! * sizes are bounded before anything is buffered (`payload_guard`);
//! * fragments are joined here, the crate hands them out one by one;
//! * a client that does not read freezes its actor, timers included. Its mailbox is bounded, so the room
//!   ends it by its [`SocketHandle`](crate::realtime::socket_handle::SocketHandle), which the actor heeds
//!   before it writes anything more; one that never reads again is ended by the kernel
//!   (`TCP_USER_TIMEOUT`, set on accept);
//! * an error repeats for ever unless the actor stops, so every error stops it.

use std::{
    io,
    time::{Duration, Instant},
};

use actix::{Actor, ActorContext, AsyncContext, Handler, StreamHandler};
use actix_http::ws::{Item, ProtocolError};
use actix_web::{HttpRequest, HttpResponse, web::Payload};
use actix_web_actors::ws::{CloseCode, CloseReason, Message, WebsocketContext, WsResponseBuilder};
use bytes::BytesMut;
use bytestring::ByteString;

use super::{
    connect::Admitted,
    payload_guard::{PayloadGuard, Seen, SizeLimits},
    session::Session,
    transport::{Done, Transport},
};
use crate::{
    metrics::Transport as TransportKind,
    phoenix::{Frame, close_code},
    realtime::socket_handle::Outbound,
};

/// What a WebSocket is called in metrics.
const TRANSPORT: TransportKind = TransportKind::WebSocket;

/// Answers the handshake of an admitted client and starts its actor. `select_subprotocol` tells the client
/// that `phoenix` was chosen.
pub fn start(
    admitted: Admitted,
    request: &HttpRequest,
    payload: Payload,
    select_subprotocol: bool,
) -> Result<HttpResponse, actix_web::Error> {
    let settings = &admitted.app.settings.socket;
    let own = &admitted.identity.tenant.limits;
    let bytes = |servers| own.frame_bytes(servers).get().map_or(u64::MAX, |max| max as u64);
    let limits = SizeLimits {
        frame_bytes_max: bytes(settings.frame_bytes_max),
        message_bytes_max: bytes(settings.message_bytes_max),
    };
    let seen = Seen::new();
    let socket = WebSocket {
        idle_timeout: settings.idle_timeout,
        mailbox_capacity: settings.outbound_messages_max.get().unwrap_or(usize::MAX / 2),
        admitted: Some(admitted),
        session: None,
        seen: seen.clone(),
        fragments: None,
        closing: false,
    };
    let frame_size = settings_frame_size(limits);
    let guarded = PayloadGuard::new(payload, limits, seen);
    let builder = WsResponseBuilder::new(socket, request, guarded).frame_size(frame_size);
    let builder = if select_subprotocol {
        builder.protocols(&["phoenix"])
    } else {
        builder
    };
    builder.start()
}

/// The crate reports text that is not UTF-8, reserved bits and lost connections all as I/O errors; the first are
/// of no particular kind. After a lost connection nobody reads the code.
fn is_bad_utf8(error: &ProtocolError) -> bool {
    matches!(error, ProtocolError::Io(error) if error.kind() == io::ErrorKind::Other)
}

/// The codec's own limit stands one above the guard's, which knows how to close properly.
fn settings_frame_size(limits: SizeLimits) -> usize {
    usize::try_from(limits.frame_bytes_max)
        .unwrap_or(usize::MAX)
        .saturating_add(1)
}

/// The actor behind one WebSocket.
struct WebSocket {
    admitted: Option<Admitted>,
    session: Option<Session>,
    mailbox_capacity: usize,
    idle_timeout: Duration,
    seen: Seen,
    fragments: Option<Fragments>,
    closing: bool,
}

/// A message whose last fragment has not come yet. Its size is bounded by the guard.
struct Fragments {
    is_text: bool,
    data: BytesMut,
}

impl WebSocket {
    fn watch_idle(&self, ctx: &mut WebsocketContext<Self>) {
        let due = (self.seen.last_bytes() + self.idle_timeout).saturating_duration_since(Instant::now());
        ctx.run_later(due, |socket, ctx| {
            if socket.seen.last_bytes().elapsed() >= socket.idle_timeout {
                socket.close(close_code::PROTOCOL_ERROR, ctx);
            } else {
                socket.watch_idle(ctx);
            }
        });
    }

    fn text(&mut self, text: &str, ctx: &mut WebsocketContext<Self>) {
        if let Some(session) = &mut self.session {
            session.receive_text(text);
            self.drive(ctx);
        }
    }

    fn binary(&mut self, data: &bytes::Bytes, ctx: &mut WebsocketContext<Self>) {
        if let Some(session) = &mut self.session {
            session.receive_binary(data);
            self.drive(ctx);
        }
    }

    fn fragment(&mut self, item: Item, ctx: &mut WebsocketContext<Self>) {
        // The codec has checked that fragments come in a legal order.
        match item {
            Item::FirstText(data) => {
                self.fragments = Some(Fragments {
                    is_text: true,
                    data: data.as_ref().into(),
                });
            }
            Item::FirstBinary(data) => {
                self.fragments = Some(Fragments {
                    is_text: false,
                    data: data.as_ref().into(),
                });
            }
            Item::Continue(data) => {
                if let Some(fragments) = &mut self.fragments {
                    fragments.data.extend_from_slice(&data);
                }
            }
            Item::Last(data) => {
                let Some(Fragments {
                    is_text,
                    data: mut message,
                }) = self.fragments.take()
                else {
                    return;
                };
                message.extend_from_slice(&data);
                let message = message.freeze();
                if !is_text {
                    self.binary(&message, ctx);
                } else if let Ok(text) = ByteString::try_from(message) {
                    self.text(&text, ctx);
                } else {
                    self.close(close_code::INVALID_UTF8, ctx);
                }
            }
        }
    }
}

impl Transport for WebSocket {
    fn session(&mut self) -> Option<&mut Session> {
        self.session.as_mut()
    }

    fn write(&mut self, frame: Frame, ctx: &mut Self::Context) {
        if self.closing {
            return;
        }
        match frame {
            Frame::Text(text) => ctx.text(text),
            Frame::Binary(data) => ctx.binary(data),
        }
    }

    fn close(&mut self, code: u16, ctx: &mut Self::Context) {
        if !self.closing {
            self.closing = true;
            ctx.close(Some(CloseReason {
                code: CloseCode::from(code),
                description: None,
            }));
        }
        ctx.stop();
    }
}

impl Actor for WebSocket {
    type Context = WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(self.mailbox_capacity);
        if let Some(admitted) = self.admitted.take() {
            self.session = Some(admitted.into_session(ctx.address().recipient(), TRANSPORT));
        }
        self.watch_idle(ctx);
        self.drive(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        if let Some(mut session) = self.session.take() {
            session.stopped();
        }
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for WebSocket {
    fn handle(&mut self, message: Result<Message, ProtocolError>, ctx: &mut Self::Context) {
        if self.closing {
            return;
        }
        match message {
            Ok(Message::Text(text)) => self.text(&text, ctx),
            Ok(Message::Binary(data)) => self.binary(&data, ctx),
            Ok(Message::Continuation(item)) => self.fragment(item, ctx),
            Ok(Message::Ping(data)) => ctx.pong(&data),
            Ok(Message::Pong(_) | Message::Nop) => {}
            Ok(Message::Close(_)) => self.close(close_code::NORMAL, ctx),
            Err(error) => {
                let code = if self.seen.too_big() {
                    close_code::TOO_BIG
                } else if is_bad_utf8(&error) {
                    close_code::INVALID_UTF8
                } else {
                    close_code::PROTOCOL_ERROR
                };
                self.close(code, ctx);
            }
        }
    }

    fn finished(&mut self, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Handler<Outbound> for WebSocket {
    type Result = ();

    fn handle(&mut self, outbound: Outbound, ctx: &mut Self::Context) {
        if let Some(session) = &mut self.session {
            session.outbound(outbound);
            self.drive(ctx);
        }
    }
}

impl Handler<Done> for WebSocket {
    type Result = ();

    fn handle(&mut self, done: Done, ctx: &mut Self::Context) {
        if let Some(session) = &mut self.session {
            session.done(done);
            self.drive(ctx);
        }
    }
}
