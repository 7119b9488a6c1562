//! The WebSocket transport on bare TCP: one actor per socket, which owns the connection that the HTTP server handed over
//! ([`super::upgrade`]).
//!
//! Reading is one future of the actor: into a buffer that all sockets of the thread share, so an idle socket keeps none.
//! Writing is `Conn`'s.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::{Duration, Instant},
};

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, fut::ActorFuture};
use actix_http::ws::HandshakeError;
use actix_web::{HttpRequest, HttpResponse, rt::net::TcpStream};
use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, ReadBuf},
    net::tcp::OwnedReadHalf,
};

use self::{clock::Alarm, conn::Conn};
use super::{
    connect::Admitted,
    handshake,
    rfc6455::{self, Decoder, Event, Input},
    session::{Reach, Session},
    transport::{Done, Due, Transport},
    upgrade::Handover,
};
use crate::{
    metrics::Transport as TransportKind,
    phoenix::{Frame, close_code},
    realtime::{
        room_shard::{self, Outlet},
        socket_handle::Outbound,
    },
};

mod clock;
mod conn;
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
        RawSocket::create(|ctx| RawSocket::new(admitted, stream, leftover, ctx));
    }));
    Ok(response)
}

/// The actor behind one WebSocket.
struct RawSocket {
    session: Session,
    conn: Rc<Conn>,
    reader: OwnedReadHalf,
    decoder: Decoder,
    /// Boxed, since hardly any client sends before it is answered.
    leftover: Option<Box<BytesMut>>,
    /// When bytes last came, of whatever kind.
    last_bytes: Instant,
    /// What the session wants to hear of later.
    later: Vec<(Instant, Due)>,
    alarm: Option<Alarm>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Our close frame is on its way; the connection ends at the latest at that moment.
    Closing {
        waits_for: LastWord,
        until: Instant,
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

impl RawSocket {
    fn new(admitted: Admitted, stream: TcpStream, leftover: BytesMut, ctx: &mut Context<Self>) -> Self {
        let settings = &admitted.app.settings.socket;
        let mailbox_capacity = settings.outbound_messages_max.get().unwrap_or(usize::MAX / 2);
        ctx.set_mailbox_capacity(mailbox_capacity);
        let writing = Arc::clone(&admitted.app.writing);
        let reach = Reach {
            mailbox: ctx.address().recipient(),
            shard: Some(admitted.app.realtime.shard()),
        };
        let session = admitted.into_session(reach, TRANSPORT);
        let (reader, writer) = stream.into_split();
        let conn = Conn::new(writer, Arc::clone(session.handle()), writing);
        room_shard::attach(session.handle().id(), conn.clone());
        Self {
            session,
            conn,
            reader,
            decoder: Decoder::new(),
            // An empty one still has the buffer that HTTP has read into.
            leftover: (!leftover.is_empty()).then(|| Box::new(leftover)),
            last_bytes: Instant::now(),
            later: Vec::new(),
            alarm: None,
            phase: Phase::Open,
        }
    }

    /// Reads, answers, and writes what waits, until there is nothing more to do now.
    fn poll(&mut self, ctx: &mut Context<Self>, cx: &mut TaskContext<'_>) -> Result<(), Over> {
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
    fn read(&mut self, buffer: &mut [u8], ctx: &mut Context<Self>, cx: &mut TaskContext<'_>) -> Result<bool, Over> {
        for _ in 0..READS_MAX {
            if self.conn.is_behind() {
                return Ok(true);
            }
            let mut read = ReadBuf::new(buffer);
            match Pin::new(&mut self.reader).poll_read(cx, &mut read) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Err(_)) => return Err(Over),
                Poll::Ready(Ok(())) if read.filled().is_empty() => return Err(Over),
                Poll::Ready(Ok(())) => {
                    self.last_bytes = Instant::now();
                    self.receive(read.filled_mut(), ctx);
                }
            }
        }
        cx.waker().wake_by_ref();
        Ok(false)
    }

    /// The client has sent these bytes.
    fn receive(&mut self, bytes: &mut [u8], ctx: &mut Context<Self>) {
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
            let until = Instant::now() + self.session.settings().close_timeout;
            self.phase = Phase::Closing { waits_for, until };
            self.later.clear();
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
    fn idle_until(&self) -> Instant {
        self.last_bytes + self.session.settings().idle_timeout
    }

    /// Does what is due.
    fn heed_time(&mut self, ctx: &mut Context<Self>) -> Result<(), Over> {
        let now = Instant::now();
        if self.alarm.as_ref().is_some_and(|alarm| now < alarm.at()) {
            return Ok(());
        }
        match self.phase {
            Phase::Closing { until, .. } if until <= now => return Err(Over),
            Phase::Closing { .. } => {}
            Phase::Open if self.idle_until() <= now => {
                self.end(close_code::PROTOCOL_ERROR, LastWord::Close);
            }
            Phase::Open => {
                let due: Vec<Due> = self
                    .later
                    .extract_if(.., |(at, _)| *at <= now)
                    .map(|(_, due)| due)
                    .collect();
                for due in due {
                    self.conn.cork();
                    self.session.done(Done::Due(due));
                    self.drive_corked(ctx);
                }
            }
        }
        self.set_alarm();
        Ok(())
    }

    /// Sets the alarm to the next moment that something is due.
    fn set_alarm(&mut self) {
        let at = match self.phase {
            Phase::Open => self
                .later
                .iter()
                .map(|&(at, _)| at)
                .fold(self.idle_until(), Instant::min),
            Phase::Closing { until, .. } => until,
        };
        if self.alarm.as_ref().is_none_or(|alarm| alarm.at() != at) {
            // The old one goes first: there is one of each socket.
            self.alarm = None;
            self.alarm = Some(Alarm::set(at, &self.conn));
        }
    }

    /// Carries out what the session wants, and writes what comes of it in one go.
    fn drive_corked(&mut self, ctx: &mut Context<Self>) {
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

    fn write(&mut self, frame: Frame, _: &mut Self::Context) {
        self.conn.send(self.conn.frame(&frame));
    }

    fn close(&mut self, code: u16, _: &mut Self::Context) {
        self.end(code, LastWord::Close);
    }

    fn later(&mut self, delay: Duration, due: Due, _: &mut Self::Context) {
        if self.later.is_empty() {
            // Most sockets wait for nothing but the end of their token.
            self.later.reserve_exact(1);
        }
        self.later.push((Instant::now() + delay, due));
        self.set_alarm();
    }
}

/// The future of the actor that reads and writes.
struct Traffic;

impl ActorFuture<RawSocket> for Traffic {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        socket: &mut RawSocket,
        ctx: &mut Context<RawSocket>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<()> {
        match socket.poll(ctx, cx) {
            Ok(()) => Poll::Pending,
            Err(Over) => {
                ctx.stop();
                Poll::Ready(())
            }
        }
    }
}

impl Actor for RawSocket {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.drive_corked(ctx);
        ctx.spawn(Traffic);
    }
}

impl Drop for RawSocket {
    /// However it ends, be it by a panic: nobody writes to it any more, and the others hear that it is gone.
    fn drop(&mut self) {
        self.conn.shut();
        if self.phase == Phase::Open {
            self.leave();
        }
    }
}

impl Handler<Outbound> for RawSocket {
    type Result = ();

    fn handle(&mut self, outbound: Outbound, ctx: &mut Self::Context) {
        self.conn.cork();
        self.session.outbound(outbound);
        self.drive_corked(ctx);
    }
}

impl Handler<Done> for RawSocket {
    type Result = ();

    fn handle(&mut self, done: Done, ctx: &mut Self::Context) {
        self.conn.cork();
        self.session.done(done);
        self.drive_corked(ctx);
    }
}

#[cfg(test)]
mod tests {
    use actix::dev::ContextFut;

    use super::*;

    /// With the 104 bytes that the runtime keeps of a task it fits into 896; the allocator's next size is 1,024.
    #[test]
    fn the_task_of_a_socket_is_small() {
        let task = size_of::<ContextFut<RawSocket, Context<RawSocket>>>();
        assert!(task <= 792, "{task}, {} of them the socket", size_of::<RawSocket>());
    }
}
