//! The writing side of one raw connection: at once where the kernel takes it, else from a bounded queue.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io::{self, IoSlice},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use tokio::net::tcp::OwnedWriteHalf;

use crate::{
    metrics::Metrics,
    phoenix::Frame,
    realtime::{
        room_shard::Outlet,
        socket_handle::{Disconnect, SocketHandle},
    },
    web::socket::rfc6455,
};

/// Most buffers that are given to the kernel in one call.
const SLICES_MAX: usize = 32;

/// What writes to one client, for whoever is on its thread: its session, and what delivers broadcasts.
///
/// Invariants:
/// * Bytes go out in the order they were given, and a frame that was begun is finished or nothing follows it.
/// * After [`Conn::end`] nothing more is taken.
/// * Nothing that the client may not read any more is written: [`SocketHandle::disconnect`] is looked at first.
pub struct Conn {
    /// Gone once nothing more is written: dropping it tells the peer so.
    writer: RefCell<Option<OwnedWriteHalf>>,
    handle: Arc<SocketHandle>,
    queue: RefCell<Queue>,
    /// Of the session's actor, which writes what waits when the kernel takes more.
    waker: RefCell<Option<Waker>>,
    /// Most bytes of broadcasts that may wait.
    broadcasts_max: usize,
    state: Cell<State>,
    /// What the client may not have any more is gone from the queue.
    is_cleared: Cell<bool>,
    /// What is given is kept until [`Conn::uncork`], to go out in one call.
    is_corked: Cell<bool>,
    metrics: Metrics,
    /// What the metrics know to be waiting.
    reported: Cell<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The last frame has been given.
    Ended,
    /// The connection failed.
    Broken,
}

/// What waits to be written.
#[derive(Default)]
struct Queue {
    /// Each begins with the beginning of a frame.
    waiting: VecDeque<Waiting>,
    /// Bytes of the first that are written.
    written: usize,
    /// Bytes that wait, in all and of broadcasts.
    bytes: usize,
    broadcast_bytes: usize,
}

struct Waiting {
    bytes: Bytes,
    is_broadcast: bool,
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
    /// Writes for the socket behind `handle`; `broadcasts_max` bytes of broadcasts may wait.
    pub fn new(writer: OwnedWriteHalf, handle: Arc<SocketHandle>, broadcasts_max: usize, metrics: Metrics) -> Self {
        Self {
            writer: RefCell::new(Some(writer)),
            handle,
            queue: RefCell::default(),
            waker: RefCell::new(None),
            broadcasts_max,
            state: Cell::new(State::Open),
            is_cleared: Cell::new(false),
            is_corked: Cell::new(false),
            metrics,
            reported: Cell::new(0),
        }
    }

    /// The socket.
    pub fn handle(&self) -> &Arc<SocketHandle> {
        &self.handle
    }

    /// Has the session's actor woken when there is something to do for it.
    pub fn wake_here(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }

    /// Wakes the session's actor.
    pub fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
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

    /// Writes what was kept.
    pub fn uncork(&self) {
        self.is_corked.set(false);
        self.write_or_wake();
    }

    /// Whether more waits than the client should be answered on top of.
    pub fn is_behind(&self) -> bool {
        self.queue.borrow().bytes > self.broadcasts_max
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
        self.queue.borrow().waiting.is_empty()
    }

    /// Tells the peer that nothing more comes.
    pub fn shut(&self) {
        if self.state.get() == State::Open {
            self.state.set(State::Ended);
        }
        *self.queue.borrow_mut() = Queue::default();
        self.writer.borrow_mut().take();
        self.report();
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
            let writer = self.writer.borrow();
            let Some(writer) = &*writer else { return Ok(()) };
            match writer.as_ref().poll_write_ready(cx) {
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

    /// Drops what waits once the client may not have it any more, or has let too much of it wait; but for the frame that
    /// was begun.
    fn heed_disconnect(&self, queue: &mut Queue) {
        let reason = self.handle.disconnect().filter(|&reason| reason != Disconnect::Restart);
        if let Some(reason) = reason
            && !self.is_cleared.replace(true)
        {
            queue.keep_begun_frame();
            if self.state.get() == State::Ended {
                // The last word was among what is gone.
                queue.push(Waiting {
                    bytes: rfc6455::close(reason.close_code()),
                    is_broadcast: false,
                });
            }
        }
    }

    fn push(&self, bytes: Bytes, is_broadcast: bool) {
        let was_empty = {
            let mut queue = self.queue.borrow_mut();
            let was_empty = queue.waiting.is_empty();
            queue.push(Waiting { bytes, is_broadcast });
            was_empty
        };
        // What waits already waits for the kernel, and the actor sees to it.
        if was_empty && !self.is_corked.get() {
            self.write_or_wake();
        }
    }

    fn write_or_wake(&self) {
        if self.write() != Written::All {
            self.wake();
        }
    }

    /// Tells the metrics what waits.
    fn report(&self) {
        let waits = self.queue.borrow().bytes;
        let reported = self.reported.replace(waits);
        if waits != reported {
            self.metrics.outbound_queued(reported, waits);
        }
    }

    /// Writes what the kernel takes now.
    fn write(&self) -> Written {
        let written = self.write_queue();
        self.report();
        written
    }

    fn write_queue(&self) -> Written {
        let writer = self.writer.borrow();
        let Some(writer) = &*writer else { return Written::All };
        let mut queue = self.queue.borrow_mut();
        self.heed_disconnect(&mut queue);
        while !queue.waiting.is_empty() {
            match queue.write(writer) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Written::Some,
                Err(_) => {
                    *queue = Queue::default();
                    self.state.set(State::Broken);
                    return Written::Broken;
                }
            }
        }
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
        self.queue.borrow().broadcast_bytes > self.broadcasts_max / 2
    }

    fn deliver(&self, frames: Bytes) -> bool {
        if !self.takes() {
            return false;
        }
        let waiting = self.queue.borrow().broadcast_bytes;
        // A single piece is taken whatever its size: it is what one message, or one busy moment, comes to.
        if waiting > 0 && waiting + frames.len() > self.broadcasts_max {
            self.handle.end(Disconnect::TooSlow);
            self.heed_disconnect(&mut self.queue.borrow_mut());
            self.report();
            return false;
        }
        self.push(frames, true);
        true
    }

    fn is_gone(&self) -> bool {
        self.writer.borrow().is_none()
    }

    fn abandon(&self) {
        self.handle.end(Disconnect::Restart);
    }
}

impl Queue {
    fn push(&mut self, waiting: Waiting) {
        self.bytes += waiting.bytes.len();
        if waiting.is_broadcast {
            self.broadcast_bytes += waiting.bytes.len();
        }
        self.waiting.push_back(waiting);
    }

    /// One call to the kernel.
    fn write(&mut self, writer: &OwnedWriteHalf) -> io::Result<()> {
        let written = if let [only] = self.waiting.as_slices().0
            && self.waiting.len() == 1
        {
            writer.try_write(&only.bytes[self.written..])?
        } else {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut used = 0;
            for (slice, waiting) in slices.iter_mut().zip(&self.waiting) {
                let skipped = if used == 0 { self.written } else { 0 };
                *slice = IoSlice::new(&waiting.bytes[skipped..]);
                used += 1;
            }
            writer.try_write_vectored(&slices[..used])?
        };
        self.forget(written);
        Ok(())
    }

    /// So many bytes more are written.
    fn forget(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.written += bytes;
        while let Some(first) = self.waiting.front()
            && self.written >= first.bytes.len()
        {
            let len = first.bytes.len();
            self.written -= len;
            if first.is_broadcast {
                self.broadcast_bytes -= len;
            }
            self.waiting.pop_front();
        }
        if self.waiting.is_empty() {
            // An idle connection keeps no buffer.
            self.waiting = VecDeque::new();
        }
    }

    /// Drops what waits, but for the rest of a frame that the client has the beginning of.
    fn keep_begun_frame(&mut self) {
        let begun = self.waiting.pop_front().filter(|_| self.written > 0);
        let written = self.written;
        *self = Self::default();
        if let Some(Waiting { bytes, is_broadcast }) = begun {
            let bytes = bytes.slice(..end_of_frame(&bytes, written));
            self.push(Waiting { bytes, is_broadcast });
            self.forget(written);
        }
    }
}

/// Where the frame ends that byte `at` belongs to, or follows. `frames` are a server's, so they are not masked.
fn end_of_frame(frames: &[u8], at: usize) -> usize {
    let mut end = 0;
    while end < at {
        let (header, payload) = match frames[end + 1] {
            126 => (4, &frames[end + 2..end + 4]),
            127 => (10, &frames[end + 2..end + 10]),
            _ => (2, &frames[end + 1..end + 2]),
        };
        let payload = payload.iter().fold(0, |len, &byte| len << 8 | usize::from(byte));
        end += header + payload;
    }
    end
}
