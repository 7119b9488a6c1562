//! The WebSocket transport on actix-web-actors: one actor per socket, whose connection stays with the HTTP server. For
//! connections that cannot [leave it](super::upgrade).
//!
//! All types of that crate stay in this file. Of it only this is used: an actor that is the body of an answer, and
//! writes it as it goes. The framing is our own ([`rfc6455`]). What it takes to use it safely:
//! * a client that does not read freezes its actor, timers included. Its mailbox is bounded, so the room
//!   ends it by its [`SocketHandle`](crate::realtime::socket_handle::SocketHandle), which the actor heeds
//!   before it writes anything more; one that never reads again is ended by the kernel
//!   (`TCP_USER_TIMEOUT`, set on accept);
//! * the server cannot end its side of a connection alone, and one that is dropped with input unread is reset, which
//!   may overtake the close frame. So the rest of the input is read and thrown away for a while.

use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, Addr, AsyncContext, Handler, Recipient, StreamHandler, dev::AsyncContextParts};
use actix_http::{body::BodyStream, ws::HandshakeError};
use actix_web::{HttpRequest, HttpResponse, error::PayloadError, web::Payload};
use actix_web_actors::HttpContext;
use bytes::{Bytes, BytesMut};

use super::{
    connect::Admitted,
    handshake,
    rfc6455::{self, Decoder, Event, Input},
    session::Session,
    transport::{Done, Transport},
};
use crate::{
    metrics::Transport as TransportKind,
    moment::Moment,
    phoenix::{Frame, close_code},
    realtime::socket_handle::Outbound,
};

/// What a WebSocket is called in metrics.
const TRANSPORT: TransportKind = TransportKind::WebSocket;

/// Input that has paused for so long is at its end, as far as one can tell who no longer understands it.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers the handshake of an admitted client and starts its actor. `select_subprotocol` tells the client
/// that `phoenix` was chosen.
///
/// # Errors
///
/// When the request is no WebSocket handshake.
pub fn start(
    admitted: Admitted,
    request: &HttpRequest,
    payload: Payload,
    select_subprotocol: bool,
) -> Result<HttpResponse, HandshakeError> {
    let mut response = handshake::accept(request, select_subprotocol)?;
    let settings = &admitted.app.settings.socket;
    let socket = WebSocket {
        idle_timeout: settings.idle_timeout,
        close_timeout: settings.close_timeout,
        mailbox_capacity: settings.outbound_messages_max.get().unwrap_or(usize::MAX / 2),
        admitted: Some(admitted),
        session: None,
        decoder: Decoder::new(),
        last_bytes: Instant::now(),
        is_closing: false,
    };
    let body = HttpContext::with_factory(|ctx| {
        ctx.add_stream(payload);
        socket
    });
    let response = response.message_body(BodyStream::new(body));
    Ok(response.map_or_else(
        |error| HttpResponse::from_error(actix_web::Error::from(error)),
        |response| response.map_into_boxed_body().into(),
    ))
}

/// The actor behind one WebSocket.
struct WebSocket {
    admitted: Option<Admitted>,
    session: Option<Session>,
    decoder: Decoder,
    /// When bytes last came, of whatever kind.
    last_bytes: Instant,
    mailbox_capacity: usize,
    idle_timeout: Duration,
    close_timeout: Duration,
    /// Our close frame is out: nothing is written after it.
    is_closing: bool,
}

/// What a connection that closes waits for.
#[derive(Clone, Copy, Debug)]
enum LastWord {
    /// The client's close frame.
    Close,
    /// The end of what the client sends, which cannot be understood any more.
    End,
    /// The client has said it.
    Nothing,
}

impl WebSocket {
    fn watch_idle(&self, ctx: &mut HttpContext<Self>) {
        let due = (self.last_bytes + self.idle_timeout).saturating_duration_since(Instant::now());
        ctx.run_later(due, |socket, ctx| {
            if socket.last_bytes.elapsed() >= socket.idle_timeout {
                socket.end(close_code::PROTOCOL_ERROR, LastWord::Close, ctx);
            } else {
                socket.watch_idle(ctx);
            }
        });
    }

    fn watch_pause(&self, ctx: &mut HttpContext<Self>) {
        let due = (self.last_bytes + PAUSE).saturating_duration_since(Instant::now());
        ctx.run_later(due, |socket, ctx| {
            if socket.last_bytes.elapsed() >= PAUSE {
                ctx.stop();
            } else {
                socket.watch_pause(ctx);
            }
        });
    }

    /// The client has sent these bytes.
    fn receive(&mut self, bytes: &mut [u8], ctx: &mut HttpContext<Self>) {
        let Some(session) = &mut self.session else { return };
        let limits = session.size_limits();
        let mut input = Input::new(bytes);
        loop {
            match self.decoder.next(&mut input, limits) {
                Ok(None) => return,
                Ok(Some(Event::Close(_))) => {
                    self.end(close_code::NORMAL, LastWord::Nothing, ctx);
                    ctx.stop();
                }
                Ok(Some(_)) if self.is_closing => {}
                Ok(Some(Event::Text(text))) => {
                    if let Some(session) = &mut self.session {
                        session.receive_text(text);
                        self.drive(ctx);
                    }
                }
                Ok(Some(Event::Binary(data))) => {
                    if let Some(session) = &mut self.session {
                        session.receive_binary(&Bytes::copy_from_slice(data));
                        self.drive(ctx);
                    }
                }
                Ok(Some(Event::Ping(data))) => ctx.write(rfc6455::pong(data)),
                Ok(Some(Event::Pong)) => {}
                Err(violation) => self.end(violation.close_code(), LastWord::End, ctx),
            }
        }
    }

    /// Says the last word and lets the connection end.
    fn end(&mut self, code: u16, waits_for: LastWord, ctx: &mut HttpContext<Self>) {
        if self.is_closing {
            return;
        }
        self.is_closing = true;
        ctx.write(rfc6455::close(code));
        if let Some(session) = &mut self.session {
            session.stopped();
        }
        match waits_for {
            LastWord::Nothing => ctx.stop(),
            LastWord::Close => {}
            LastWord::End => self.watch_pause(ctx),
        }
        ctx.run_later(self.close_timeout, |_, ctx| ctx.stop());
    }
}

impl Transport for WebSocket {
    fn session(&mut self) -> Option<&mut Session> {
        self.session.as_mut()
    }

    fn write(&mut self, frame: Frame, ctx: &mut Self::Context) {
        if !self.is_closing {
            ctx.write(match &frame {
                Frame::Text(text) => rfc6455::text(text),
                Frame::Binary(data) => rfc6455::binary(data),
            });
        }
    }

    fn close(&mut self, code: u16, ctx: &mut Self::Context) {
        self.end(code, LastWord::Close, ctx);
    }

    fn wake_at(&mut self, moment: Moment, ctx: &mut Self::Context) {
        ctx.notify_later(Done::Due, moment.saturating_since(Moment::now()));
    }

    fn address(&self, ctx: &Self::Context) -> Addr<Self> {
        ctx.address()
    }
}

impl Actor for WebSocket {
    type Context = HttpContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.parts().set_mailbox_capacity(self.mailbox_capacity);
        if let Some(admitted) = self.admitted.take() {
            let mailbox: Recipient<Outbound> = ctx.address().recipient();
            self.session = Some(admitted.into_session(mailbox, TRANSPORT));
        }
        self.watch_idle(ctx);
        self.drive(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        if let Some(mut session) = self.session.take()
            && !self.is_closing
        {
            session.stopped();
        }
    }
}

impl StreamHandler<Result<Bytes, PayloadError>> for WebSocket {
    fn handle(&mut self, read: Result<Bytes, PayloadError>, ctx: &mut Self::Context) {
        match read {
            Ok(bytes) => {
                self.last_bytes = Instant::now();
                self.receive(&mut BytesMut::from(bytes), ctx);
            }
            Err(_) => ctx.stop(),
        }
    }

    fn finished(&mut self, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Handler<Outbound> for WebSocket {
    type Result = ();

    fn handle(&mut self, outbound: Outbound, ctx: &mut Self::Context) {
        if let Some(session) = &mut self.session
            && !self.is_closing
        {
            session.outbound(outbound);
            self.drive(ctx);
        }
    }
}

impl Handler<Done> for WebSocket {
    type Result = ();

    fn handle(&mut self, done: Done, ctx: &mut Self::Context) {
        if let Some(session) = &mut self.session
            && !self.is_closing
        {
            session.done(done);
            self.drive(ctx);
        }
    }
}
