//! One raw connection. Its writing side: at once where the kernel takes it, else from a bounded queue. Its reading side
//! is the actor's.

use std::{
    cell::{Cell, RefCell},
    io,
    net::Shutdown,
    pin::Pin,
    rc::{Rc, Weak},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, ReadBuf},
    net::TcpStream,
};

use super::{
    put_off,
    queue::{Queue, Waiting},
    writing::Writing,
};
use crate::{
    phoenix::Frame,
    realtime::{
        room_shard::Outlet,
        socket_handle::{Disconnect, SocketHandle},
    },
    web::socket::rfc6455,
};

/// What writes to one client, for whoever is on its thread: its session, and what delivers broadcasts.
///
/// Invariants:
/// * Bytes go out in the order they were given, and a frame that was begun is finished or nothing follows it.
/// * After [`Conn::end`] nothing more is taken.
/// * Nothing that the client may not read any more is written: [`SocketHandle::disconnect`] is looked at first.
pub struct Conn {
    /// Gone with the actor: somebody may still hold what is left of the connection.
    stream: RefCell<Option<TcpStream>>,
    handle: Arc<SocketHandle>,
    /// What waits, if anything does.
    queue: RefCell<Option<Box<Queue>>>,
    /// Of the session's actor, which writes what waits when the kernel takes more.
    waker: Cell<Option<Waker>>,
    state: Cell<State>,
    /// Nothing more is written, and the peer was told so.
    is_shut: Cell<bool>,
    /// What the client may not have any more is gone from the queue.
    is_cleared: Cell<bool>,
    /// What is given is kept until [`Conn::uncork`], to go out in one call.
    is_corked: Cell<bool>,
    /// What waits, waits for the kernel, and the actor sees to it.
    is_blocked: Cell<bool>,
    /// Broadcasts may wait a moment for it.
    expects_answer: Cell<bool>,
    /// It is among those that write before long what was put off.
    is_put_off: Cell<bool>,
    /// Its place among those that the clock wakes together.
    place: Cell<u32>,
    this: Weak<Self>,
    /// The bounds of what waits.
    writing: Arc<Writing>,
    /// What the metrics know to be waiting, up to 4 GiB.
    reported: Cell<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The last frame has been given.
    Ended,
    /// The connection failed.
    Broken,
}

/// What came of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    All,
    /// The kernel takes nothing more now.
    Some,
    Broken,
}

/// The connection takes nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl Conn {
    /// Writes for the socket behind `handle`.
    pub fn new(stream: TcpStream, handle: Arc<SocketHandle>, writing: Arc<Writing>) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            stream: RefCell::new(Some(stream)),
            handle,
            queue: RefCell::new(None),
            waker: Cell::new(None),
            state: Cell::new(State::Open),
            is_shut: Cell::new(false),
            is_cleared: Cell::new(false),
            is_corked: Cell::new(false),
            is_blocked: Cell::new(false),
            expects_answer: Cell::new(false),
            is_put_off: Cell::new(false),
            place: Cell::new(0),
            this: Weak::clone(this),
            writing,
            reported: Cell::new(0),
        })
    }

    /// Its place among those that the clock wakes together.
    pub fn place(&self) -> usize {
        self.place.get() as usize
    }

    /// It has another place now.
    pub fn set_place(&self, place: usize) {
        // A thread has fewer sockets by far.
        self.place.set(u32::try_from(place).unwrap_or(u32::MAX));
    }

    /// Has the session's actor woken when there is something to do for it.
    pub fn wake_here(&self, cx: &Context<'_>) {
        let known = self.waker.take().filter(|known| known.will_wake(cx.waker()));
        self.waker.set(Some(known.unwrap_or_else(|| cx.waker().clone())));
    }

    /// Wakes the session's actor.
    pub fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake_by_ref();
            self.waker.set(Some(waker));
        }
    }

    /// Reads what has come, or has the task woken when something does.
    pub fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self.stream.borrow_mut() {
            Some(stream) => Pin::new(stream).poll_read(cx, buffer),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Gives the client frames of its own: answers, and what was pushed to it alone. They count against no bound; a
    /// client that does not read them is not read from either ([`Conn::is_behind`]).
    pub fn send(&self, frames: Bytes) {
        if self.takes() {
            self.push(frames, false);
        }
    }

    /// Keeps what is given from now on together.
    pub fn cork(&self) {
        self.is_corked.set(true);
    }

    /// Whether an answer to the client is being made. Most follow what the client did to its room at once, so
    /// broadcasts wait for it, though not for long (`put_off.rs`), and go out with it.
    pub fn expect_answer(&self, is_expected: bool) {
        self.expects_answer.set(is_expected);
    }

    /// Writes what was put off and still waits.
    pub fn write_put_off(&self) {
        self.is_put_off.set(false);
        if !self.is_drained() && !self.is_corked.get() && !self.is_blocked.get() {
            self.write_or_wake();
        }
    }

    /// Writes what was kept.
    pub fn uncork(&self) {
        self.is_corked.set(false);
        self.write_or_wake();
    }

    /// Whether more waits than the client should be answered on top of.
    pub fn is_behind(&self) -> bool {
        self.waits() > self.writing.broadcasts_max
    }

    /// Says the last word.
    pub fn end(&self, code: u16) {
        if self.state.get() == State::Open {
            self.heed_disconnect(&mut self.queue.borrow_mut());
            self.push(rfc6455::close(code), false);
            self.state.set(State::Ended);
        }
    }

    /// Whether everything that was given is written.
    pub fn is_drained(&self) -> bool {
        self.queue.borrow().as_ref().is_none_or(|queue| queue.is_empty())
    }

    /// Tells the peer that nothing more comes.
    pub fn shut(&self) {
        if self.state.get() == State::Open {
            self.state.set(State::Ended);
        }
        *self.queue.borrow_mut() = None;
        if !self.is_shut.replace(true)
            && let Some(stream) = &*self.stream.borrow()
        {
            // One that fails has ended already.
            let _ = SockRef::from(stream).shutdown(Shutdown::Write);
        }
        self.report();
    }

    /// Lets the connection go.
    pub fn close(&self) {
        self.shut();
        self.stream.take();
    }

    /// Writes what waits, and has the actor woken when more can be written.
    ///
    /// # Errors
    ///
    /// [`Broken`] when nothing will be written any more.
    pub fn poll_flush(&self, cx: &mut Context<'_>) -> Result<(), Broken> {
        loop {
            match self.write() {
                Written::All => return Ok(()),
                Written::Broken => return Err(Broken),
                Written::Some => {}
            }
            let stream = self.stream.borrow();
            let Some(stream) = &*stream else { return Ok(()) };
            match stream.poll_write_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => {
                    self.state.set(State::Broken);
                    return Err(Broken);
                }
                Poll::Pending => return Ok(()),
            }
        }
    }

    fn takes(&self) -> bool {
        self.state.get() == State::Open
            && self
                .handle
                .disconnect()
                .is_none_or(|reason| reason == Disconnect::Restart)
    }

    /// Drops what waits once the client may not have it any more, or has let too much of it wait; but for the frame
    /// that was begun.
    fn heed_disconnect(&self, queue: &mut Option<Box<Queue>>) {
        let reason = self.handle.disconnect().filter(|&reason| reason != Disconnect::Restart);
        if let Some(reason) = reason
            && !self.is_cleared.replace(true)
        {
            if let Some(queue) = queue {
                queue.keep_begun_frame();
            }
            if self.state.get() == State::Ended {
                // The last word was among what is gone.
                queue.get_or_insert_with(Queue::take).push(Waiting {
                    bytes: rfc6455::close(reason.close_code()),
                    is_broadcast: false,
                });
            }
        }
    }

    fn push(&self, bytes: Bytes, is_broadcast: bool) {
        let waits = {
            let mut queue = self.queue.borrow_mut();
            let queue = queue.get_or_insert_with(Queue::take);
            queue.push(Waiting { bytes, is_broadcast });
            queue.bytes()
        };
        if self.is_corked.get() || self.is_blocked.get() {
            return;
        }
        if is_broadcast && self.expects_answer.get() && self.writing.puts_off(waits) {
            self.put_off();
        } else {
            self.write_or_wake();
        }
    }

    fn put_off(&self) {
        if !self.is_put_off.replace(true)
            && let Some(this) = self.this.upgrade()
        {
            put_off::write_soon(this, self.writing.put_off);
        }
    }

    fn write_or_wake(&self) {
        if self.write() != Written::All {
            self.wake();
        }
    }

    /// Bytes that wait.
    fn waits(&self) -> usize {
        self.queue.borrow().as_ref().map_or(0, |queue| queue.bytes())
    }

    /// The same of broadcasts.
    fn broadcasts_wait(&self) -> usize {
        self.queue.borrow().as_ref().map_or(0, |queue| queue.broadcast_bytes())
    }

    /// Tells the metrics what waits.
    fn report(&self) {
        let waits = u32::try_from(self.waits()).unwrap_or(u32::MAX);
        let reported = self.reported.replace(waits);
        if waits != reported {
            self.writing.metrics.outbound_queued(reported as usize, waits as usize);
        }
    }

    /// Writes what the kernel takes now.
    fn write(&self) -> Written {
        let written = self.write_queue();
        self.report();
        written
    }

    fn write_queue(&self) -> Written {
        let stream = self.stream.borrow();
        let Some(stream) = stream.as_ref().filter(|_| !self.is_shut.get()) else {
            return Written::All;
        };
        let mut waiting = self.queue.borrow_mut();
        self.heed_disconnect(&mut waiting);
        self.is_blocked.set(false);
        let Some(mut queue) = waiting.take() else {
            return Written::All;
        };
        while !queue.is_empty() {
            match queue.write(stream) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    *waiting = Some(queue);
                    self.is_blocked.set(true);
                    return Written::Some;
                }
                Err(_) => {
                    self.state.set(State::Broken);
                    return Written::Broken;
                }
            }
        }
        queue.give_back();
        Written::All
    }
}

impl Outlet for Conn {
    fn frame(&self, frame: &Frame) -> Bytes {
        match frame {
            Frame::Text(text) => rfc6455::text(text),
            Frame::Binary(data) => rfc6455::binary(data),
        }
    }

    fn is_congested(&self) -> bool {
        self.broadcasts_wait() > self.writing.broadcasts_max / 2
    }

    fn deliver(&self, frames: Bytes) -> bool {
        if !self.takes() {
            return false;
        }
        let is_too_much = || {
            let waits = self.broadcasts_wait();
            // A single piece is taken whatever its size: it is what one message, or one busy moment, comes to.
            waits > 0 && waits + frames.len() > self.writing.broadcasts_max
        };
        if is_too_much() && !self.is_blocked.get() {
            // It waits here by our doing.
            self.write_or_wake();
        }
        if is_too_much() {
            self.handle.end(Disconnect::TooSlow);
            self.heed_disconnect(&mut self.queue.borrow_mut());
            self.report();
            return false;
        }
        self.push(frames, true);
        true
    }

    fn is_gone(&self) -> bool {
        self.is_shut.get()
    }

    fn abandon(&self) {
        self.handle.end(Disconnect::Restart);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There is one for each socket, beside the two counts of its `Rc`.
    #[test]
    fn a_connection_is_small() {
        assert!(size_of::<Conn>() <= 112, "{}", size_of::<Conn>());
    }
}
