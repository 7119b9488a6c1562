//! The WebSocket transport on bare TCP: one actor per socket, which owns the connection that the HTTP server handed
//! over ([`super::upgrade`]).
//!
//! Reading is one future of the actor: into a buffer that all sockets of the thread share, so an idle socket keeps
//! none. Writing is `Conn`'s.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use actix::{Actor, Addr, Handler};
use actix_http::ws::HandshakeError;
use actix_web::{HttpRequest, HttpResponse, rt::net::TcpStream};
use bytes::{Bytes, BytesMut};
use tokio::io::ReadBuf;

use self::{
    clock::Alarm,
    conn::Conn,
    context::{Polled, PolledContext},
};
use super::{
    connect::Admitted,
    handshake,
    rfc6455::{self, Decoder, Event, Input},
    session::{Reach, Session},
    transport::{Done, Transport},
    upgrade::Handover,
};
use crate::{
    metrics::Transport as TransportKind,
    moment::Moment,
    phoenix::{Frame, close_code},
    realtime::{
        room_shard::{self, Outlet},
        socket_handle::Outbound,
    },
};

mod clock;
mod conn;
mod context;
mod put_off;
mod queue;
mod writing;

pub use self::writing::Writing;

/// What a WebSocket is called in metrics, whichever transport carries it.
const TRANSPORT: TransportKind = TransportKind::WebSocket;

/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// Reads of one socket before the others of its thread get a turn.
const READS_MAX: usize = 4;

thread_local! {
    /// Where the sockets of a thread read to, one at a time.
    static READ_BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Answers the handshake of an admitted client, whose connection [can be handed over](super::upgrade::CanHandOver), and
/// starts its session there. `select_subprotocol` tells the client that `phoenix` was chosen.
///
/// # Errors
///
/// When the request is no WebSocket handshake.
pub fn answer(
    admitted: Admitted,
    request: &HttpRequest,
    select_subprotocol: bool,
) -> Result<HttpResponse, HandshakeError> {
    let response = handshake::accept(request, select_subprotocol)?.finish();
    let mut response = HttpResponse::from(response.map_into_boxed_body());
    response.extensions_mut().insert(Handover::new(move |stream, leftover| {
        Ctx::start(|ctx| RawSocket::new(admitted, stream, leftover, ctx));
    }));
    Ok(response)
}

/// The actor behind one WebSocket.
struct RawSocket {
    session: Session,
    conn: Rc<Conn>,
    decoder: Decoder,
    /// Boxed, since hardly any client sends before it is answered.
    leftover: Option<Box<BytesMut>>,
    /// When bytes last came, of whatever kind.
    last_bytes: Moment,
    alarm: Option<Alarm>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Our close frame is on its way; the connection ends at the latest at that moment.
    Closing {
        waits_for: LastWord,
        until: Moment,
    },
}

/// What a connection that closes waits for, besides the end of its own writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastWord {
    /// The client's close frame.
    Close,
    /// The end of the stream: what the client sends cannot be understood any more. A connection that is dropped with
    /// input unread is reset, and a reset may overtake our close frame.
    End,
    /// The client has said it.
    Nothing,
}

/// The socket is over.
struct Over;

type Ctx = PolledContext<RawSocket>;

impl RawSocket {
    fn new(admitted: Admitted, stream: TcpStream, leftover: BytesMut, ctx: &Ctx) -> Self {
        let writing = Arc::clone(&admitted.app.writing);
        let shard = admitted.app.realtime.shard();
        let reach = Reach::Shard(shard, ctx.address().downgrade().recipient());
        let session = admitted.into_session(reach, TRANSPORT);
        let conn = Conn::new(stream, Arc::clone(session.handle()), writing);
        room_shard::attach(session.handle().id(), conn.clone());
        Self {
            session,
            conn,
            decoder: Decoder::new(),
            // An empty one still has the buffer that HTTP has read into.
            leftover: (!leftover.is_empty()).then(|| Box::new(leftover)),
            last_bytes: Moment::now(),
            alarm: None,
            phase: Phase::Open,
        }
    }

    /// Reads, answers, and writes what waits, until there is nothing more to do now.
    fn read_and_write(&mut self, ctx: &mut Ctx, cx: &mut TaskContext<'_>) -> Result<(), Over> {
        self.conn.wake_here(cx);
        self.heed_time(ctx)?;
        if let Some(mut leftover) = self.leftover.take() {
            self.receive(&mut leftover, ctx);
        }
        let mut buffer = READ_BUFFER.take();
        buffer.resize(READ_BYTES, 0);
        let read = self.read(&mut buffer, ctx, cx);
        READ_BUFFER.set(buffer);
        let is_paused = read?;
        self.conn.poll_flush(cx).map_err(|_| Over)?;
        if is_paused && !self.conn.is_behind() {
            cx.waker().wake_by_ref();
        }
        self.finish()
    }

    /// Reads what has come. True when it does not, because the client has not read what it was told.
    fn read(&mut self, buffer: &mut [u8], ctx: &mut Ctx, cx: &mut TaskContext<'_>) -> Result<bool, Over> {
        for _ in 0..READS_MAX {
            if self.conn.is_behind() {
                return Ok(true);
            }
            let mut read = ReadBuf::new(buffer);
            match self.conn.poll_read(cx, &mut read) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Err(_)) => return Err(Over),
                Poll::Ready(Ok(())) if read.filled().is_empty() => return Err(Over),
                Poll::Ready(Ok(())) => {
                    self.last_bytes = Moment::now();
                    self.receive(read.filled_mut(), ctx);
                }
            }
        }
        cx.waker().wake_by_ref();
        Ok(false)
    }

    /// The client has sent these bytes.
    fn receive(&mut self, bytes: &mut [u8], ctx: &mut Ctx) {
        let mut input = Input::new(bytes);
        let limits = self.session.size_limits();
        self.conn.cork();
        loop {
            match self.decoder.next(&mut input, limits) {
                Ok(None) => break,
                Ok(Some(Event::Close(_))) => match &mut self.phase {
                    Phase::Open => self.end(close_code::NORMAL, LastWord::Nothing),
                    Phase::Closing { waits_for, .. } => *waits_for = LastWord::Nothing,
                },
                Ok(Some(_)) if self.phase != Phase::Open => {}
                Ok(Some(Event::Text(text))) => {
                    self.session.receive_text(text);
                    self.drive(ctx);
                }
                Ok(Some(Event::Binary(data))) => {
                    self.session.receive_binary(&Bytes::copy_from_slice(data));
                    self.drive(ctx);
                }
                Ok(Some(Event::Ping(data))) => self.conn.send(rfc6455::pong(data)),
                Ok(Some(Event::Pong)) => {}
                Err(violation) => match &mut self.phase {
                    Phase::Open => self.end(violation.close_code(), LastWord::End),
                    Phase::Closing { waits_for, .. } => *waits_for = LastWord::End,
                },
            }
        }
        self.uncork();
    }

    /// The others hear that the socket is gone, and it nothing more of them.
    fn leave(&mut self) {
        self.session.stopped();
        room_shard::detach(self.session.handle().id());
    }

    /// Says the last word and lets the connection end.
    fn end(&mut self, code: u16, waits_for: LastWord) {
        if self.phase == Phase::Open {
            self.conn.end(code);
            self.leave();
            let until = Moment::now() + self.session.settings().close_timeout;
            self.phase = Phase::Closing { waits_for, until };
            self.set_alarm();
            // Looked at by the actor's future, which may be waiting for the client.
            self.conn.wake();
        }
    }

    /// Ends a connection that has nothing more to say and to wait for.
    fn finish(&self) -> Result<(), Over> {
        match self.phase {
            Phase::Closing {
                waits_for: LastWord::Nothing,
                ..
            } if self.conn.is_drained() => Err(Over),
            Phase::Closing {
                waits_for: LastWord::End,
                ..
            } if self.conn.is_drained() => {
                self.conn.shut();
                Ok(())
            }
            Phase::Open | Phase::Closing { .. } => Ok(()),
        }
    }

    /// When the client has been silent for too long, if nothing comes until then.
    fn idle_until(&self) -> Moment {
        self.last_bytes + self.session.settings().idle_timeout
    }

    /// Does what is due.
    fn heed_time(&mut self, ctx: &mut Ctx) -> Result<(), Over> {
        let now = Moment::now();
        if self.alarm.as_ref().is_some_and(|alarm| now < alarm.at()) {
            return Ok(());
        }
        match self.phase {
            Phase::Closing { until, .. } if until <= now => return Err(Over),
            Phase::Open if self.idle_until() <= now => {
                self.end(close_code::PROTOCOL_ERROR, LastWord::Close);
            }
            Phase::Open if self.session.due().is_some_and(|due| due <= now) => {
                self.conn.cork();
                self.session.done(Done::Due);
                self.drive_corked(ctx);
            }
            Phase::Open | Phase::Closing { .. } => {}
        }
        self.set_alarm();
        Ok(())
    }

    /// Sets the alarm to the next moment that something is due.
    fn set_alarm(&mut self) {
        let at = match self.phase {
            Phase::Open => {
                let idle_until = self.idle_until();
                self.session.due().map_or(idle_until, |due| due.min(idle_until))
            }
            Phase::Closing { until, .. } => until,
        };
        if self.alarm.as_ref().is_none_or(|alarm| alarm.at() != at) {
            // The old one goes first: there is one of each socket.
            self.alarm = None;
            self.alarm = Some(Alarm::set(at, &self.conn));
        }
    }

    /// Carries out what the session wants, and writes what comes of it in one go.
    fn drive_corked(&mut self, ctx: &mut Ctx) {
        self.conn.cork();
        self.drive(ctx);
        self.uncork();
    }

    fn uncork(&self) {
        self.conn.expect_answer(self.session.is_working());
        self.conn.uncork();
    }
}

impl Transport for RawSocket {
    fn session(&mut self) -> Option<&mut Session> {
        Some(&mut self.session)
    }

    fn write(&mut self, frame: Frame, _: &mut Ctx) {
        self.conn.send(self.conn.frame(&frame));
    }

    fn close(&mut self, code: u16, _: &mut Ctx) {
        self.end(code, LastWord::Close);
    }

    fn address(&self, ctx: &Ctx) -> Addr<Self> {
        ctx.address()
    }

    fn wake_at(&mut self, _: Moment, _: &mut Ctx) {
        self.set_alarm();
    }
}

impl Actor for RawSocket {
    type Context = Ctx;

    fn started(&mut self, ctx: &mut Ctx) {
        self.drive_corked(ctx);
    }
}

impl Polled for RawSocket {
    fn poll(&mut self, ctx: &mut Ctx, cx: &mut TaskContext<'_>) -> Poll<()> {
        match self.read_and_write(ctx, cx) {
            Ok(()) => Poll::Pending,
            Err(Over) => Poll::Ready(()),
        }
    }
}

impl Drop for RawSocket {
    /// However it ends, be it by a panic: nobody writes to it any more, and the others hear that it is gone.
    fn drop(&mut self) {
        self.conn.close();
        if self.phase == Phase::Open {
            self.leave();
        }
    }
}

impl Handler<Outbound> for RawSocket {
    type Result = ();

    fn handle(&mut self, outbound: Outbound, ctx: &mut Ctx) {
        self.conn.cork();
        self.session.outbound(outbound);
        self.drive_corked(ctx);
    }
}

impl Handler<Done> for RawSocket {
    type Result = ();

    fn handle(&mut self, done: Done, ctx: &mut Ctx) {
        self.conn.cork();
        self.session.done(done);
        self.drive_corked(ctx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the 104 bytes that the runtime keeps of a task it fits into 512; the allocator's next size is 640.
    #[test]
    fn the_task_of_a_socket_is_small() {
        let task = context::task_bytes::<RawSocket>();
        assert!(task <= 408, "{task}, {} of them the socket", size_of::<RawSocket>());
    }
}
