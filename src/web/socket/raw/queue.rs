//! What waits to be written to one client, in its order.

use std::{
    cell::Cell,
    collections::VecDeque,
    io::{self, IoSlice},
};

use bytes::Bytes;
use tokio::net::TcpStream;

/// Most buffers that are given to the kernel in one call.
const SLICES_MAX: usize = 32;

thread_local! {
    /// One that is empty and keeps its place for a few buffers. Most of what waits waits for no longer than the thread
    /// takes to add something to it, so the connections of a thread hardly need two at a time.
    static SPARE: Cell<Option<Box<Queue>>> = const { Cell::new(None) };
}

/// What waits to be written.
#[derive(Default)]
pub struct Queue {
    /// Each begins with the beginning of a frame.
    waiting: VecDeque<Waiting>,
    /// Bytes of the first that are written.
    written: usize,
    /// Bytes that wait, in all and of broadcasts.
    bytes: usize,
    broadcast_bytes: usize,
}

/// Something that waits.
pub struct Waiting {
    /// Whole frames.
    pub bytes: Bytes,
    /// Whether they are of broadcasts, which are bounded.
    pub is_broadcast: bool,
}

impl Queue {
    /// An empty one.
    pub fn take() -> Box<Self> {
        SPARE.take().unwrap_or_default()
    }

    /// An empty one is not needed any more.
    pub fn give_back(self: Box<Self>) {
        if self.waiting.capacity() <= SLICES_MAX {
            SPARE.set(Some(self));
        }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The same of broadcasts.
    pub fn broadcast_bytes(&self) -> usize {
        self.broadcast_bytes
    }

    /// Something more waits.
    pub fn push(&mut self, waiting: Waiting) {
        self.bytes += waiting.bytes.len();
        if waiting.is_broadcast {
            self.broadcast_bytes += waiting.bytes.len();
        }
        self.waiting.push_back(waiting);
    }

    /// Writes some of it, in one call to the kernel.
    pub fn write(&mut self, stream: &TcpStream) -> io::Result<()> {
        let written = if let [only] = self.waiting.as_slices().0
            && self.waiting.len() == 1
        {
            stream.try_write(&only.bytes[self.written..])?
        } else {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut used = 0;
            for (slice, waiting) in slices.iter_mut().zip(&self.waiting) {
                let skipped = if used == 0 { self.written } else { 0 };
                *slice = IoSlice::new(&waiting.bytes[skipped..]);
                used += 1;
            }
            stream.try_write_vectored(&slices[..used])?
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
    }

    /// Drops what waits, but for the rest of a frame that the client has the beginning of.
    pub fn keep_begun_frame(&mut self) {
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
