//! How the runtime reaches one socket, whatever transport is behind it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use actix::{Message, Recipient, prelude::SendError};

use super::room_shard::ShardHandle;
use crate::phoenix::{Broadcast, ChannelId, Frame, Version, close_code};

/// One transport connection of this process; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(u64);

impl SocketId {
    /// Before all others.
    pub(super) const FIRST: Self = Self(0);
    /// After all others.
    pub(super) const LAST: Self = Self(u64::MAX);

    /// The next id.
    pub fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Why the server ends a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disconnect {
    /// Its user signed out: the client connects again and is judged anew.
    SignedOut,
    /// Its user, the key behind its token, or its tenant no longer may: a new token is needed, if there is one.
    Revoked,
    /// Its token ran out.
    Expired,
    /// It reads more slowly than its rooms talk.
    TooSlow,
    /// The server restarts or shuts down.
    Restart,
}

impl Disconnect {
    /// The WebSocket close code.
    pub fn close_code(self) -> u16 {
        match self {
            Self::SignedOut => close_code::GOING_AWAY,
            Self::Revoked | Self::Expired => close_code::TOKEN_EXPIRED,
            Self::TooSlow => close_code::SLOW_CONSUMER,
            Self::Restart => close_code::RESTART,
        }
    }
}

/// What a socket may be told.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum Outbound {
    /// A broadcast of a topic the socket has joined.
    Broadcast {
        /// The channel it is for; one that has ended meanwhile gets nothing.
        channel: ChannelId,
        /// Encoded once, shared by all sockets.
        broadcast: Arc<Broadcast>,
        /// The message's place in the room log, for messages.
        seq: Option<i64>,
        /// What was charged to the socket's queue.
        bytes: usize,
    },
    /// Who is present; comes once, before any diff that is not in it.
    PresenceState {
        /// The channel that has just subscribed.
        channel: ChannelId,
        /// Payload of `presence_state`.
        state: Box<serde_json::value::RawValue>,
    },
    /// The channel is over and the client should not come back (`phx_close`).
    EndChannel(ChannelId),
    /// The channel failed; its client joins again and catches up (`phx_error`).
    CrashChannel(ChannelId),
    /// The registry that served all the socket's channels is gone (`phx_error` on each; clients rejoin).
    RegistryLost,
    /// The socket is over; the reason stands in its [`SocketHandle`].
    Disconnected,
}

/// The runtime's end of a socket. Shared as `Arc`, never cloned: actix counts its mailbox bound per sender.
#[derive(Debug)]
pub struct SocketHandle {
    id: SocketId,
    version: Version,
    mailbox: Recipient<Outbound>,
    /// What delivers broadcasts to the socket; without one its mailbox takes them.
    shard: Option<ShardHandle>,
    queued_bytes: AtomicUsize,
    queued_bytes_max: usize,
    gone: AtomicBool,
    /// 0: none, else 1 + the index of the [`Disconnect`].
    disconnect: AtomicUsize,
}

/// The socket did not take a frame and has been told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undeliverable;

const DISCONNECTS: [Disconnect; 5] = [
    Disconnect::SignedOut,
    Disconnect::Revoked,
    Disconnect::Expired,
    Disconnect::TooSlow,
    Disconnect::Restart,
];

impl SocketHandle {
    /// A handle for the socket behind `mailbox`, which may have `queued_bytes_max` bytes of broadcasts
    /// waiting.
    pub fn new(version: Version, mailbox: Recipient<Outbound>, queued_bytes_max: usize) -> Self {
        Self {
            id: SocketId::next(),
            version,
            mailbox,
            shard: None,
            queued_bytes: AtomicUsize::new(0),
            queued_bytes_max,
            gone: AtomicBool::new(false),
            disconnect: AtomicUsize::new(0),
        }
    }

    /// Has broadcasts delivered by the shard of the socket's thread, not by its mailbox.
    #[must_use]
    pub fn delivered_by(mut self, shard: Option<ShardHandle>) -> Self {
        self.shard = shard;
        self
    }

    /// What delivers broadcasts to the socket, when its mailbox does not take them.
    pub fn shard(&self) -> Option<&ShardHandle> {
        self.shard.as_ref()
    }

    /// The version that the socket speaks.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The socket's id.
    pub fn id(&self) -> SocketId {
        self.id
    }

    /// Whether the socket can still be told anything.
    pub fn is_alive(&self) -> bool {
        !self.gone.load(Ordering::Acquire) && self.disconnect().is_none() && self.mailbox.connected()
    }

    /// The transport has ended: nothing may subscribe in its name any more.
    pub fn mark_gone(&self) {
        self.gone.store(true, Ordering::Release);
    }

    /// Why the socket must end, once it must. Looked at before anything is written to the client, so that
    /// nothing follows a revocation even when the mailbox still holds frames.
    pub fn disconnect(&self) -> Option<Disconnect> {
        self.disconnect
            .load(Ordering::Acquire)
            .checked_sub(1)
            .map(|index| DISCONNECTS[index])
    }

    /// Ends the socket; the first reason stays.
    pub fn end(&self, reason: Disconnect) {
        let index = DISCONNECTS
            .iter()
            .position(|&known| known == reason)
            .unwrap_or_default();
        let first = self
            .disconnect
            .compare_exchange(0, index + 1, Ordering::AcqRel, Ordering::Acquire);
        if first.is_ok() {
            // A full mailbox is no loss: the socket looks at its handle before it handles what is in there. Told once: a
            // socket that is told looks, and may find a reason of its own.
            let _ = self.mailbox.try_send(Outbound::Disconnected);
        }
    }

    /// Hands the socket a broadcast. Ephemeral ones are skipped from half of the queue's bound on; at the
    /// bound the socket is ended, and the room goes on without it.
    pub fn deliver(
        &self,
        channel: ChannelId,
        broadcast: &Arc<Broadcast>,
        seq: Option<i64>,
    ) -> Result<(), Undeliverable> {
        let Some(bytes) = broadcast.frame(self.version).as_ref().map(Frame::len) else {
            return Ok(());
        };
        let queued = self.queued_bytes.load(Ordering::Relaxed);
        if broadcast.is_ephemeral() && queued + bytes > self.queued_bytes_max / 2 {
            return Ok(());
        }
        if queued + bytes > self.queued_bytes_max && queued > 0 {
            self.end(Disconnect::TooSlow);
            return Err(Undeliverable);
        }
        self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        let outbound = Outbound::Broadcast {
            channel,
            broadcast: Arc::clone(broadcast),
            seq,
            bytes,
        };
        match self.mailbox.try_send(outbound) {
            Ok(()) => Ok(()),
            Err(SendError::Closed(_)) => Err(Undeliverable),
            Err(SendError::Full(_)) if broadcast.is_ephemeral() => {
                self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
                Ok(())
            }
            Err(SendError::Full(_)) => {
                self.end(Disconnect::TooSlow);
                Err(Undeliverable)
            }
        }
    }

    /// Tells the socket something that must not be lost; a socket that cannot take it is ended.
    pub fn tell(&self, outbound: Outbound) -> Result<(), Undeliverable> {
        self.mailbox.try_send(outbound).map_err(|error| {
            if matches!(error, SendError::Full(_)) {
                self.end(Disconnect::TooSlow);
            }
            Undeliverable
        })
    }

    /// The socket has taken `bytes` of broadcasts out of its mailbox.
    pub fn release(&self, bytes: usize) {
        self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
