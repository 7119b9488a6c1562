//! How the runtime reaches one socket, whatever transport is behind it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

use actix::{Message, Recipient, WeakRecipient, prelude::SendError};

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
    gone: AtomicBool,
    /// 0: none, else 1 + the index of the [`Disconnect`].
    disconnect: AtomicU8,
    way: Way,
}

/// How a socket is told something.
#[derive(Debug)]
enum Way {
    /// All of it by the mailbox of its actor. Boxed, since most sockets are of the other kind.
    Mailbox(Box<Mailbox>),
    /// Broadcasts by the shard of its thread. The rest is little, so the actor's address is made each time: one that is
    /// kept takes more than all else here.
    Shard {
        shard: ShardHandle,
        actor: WeakRecipient<Outbound>,
        /// How much the actor was told that it has not taken.
        waiting: AtomicU32,
    },
}

#[derive(Debug)]
struct Mailbox {
    recipient: Recipient<Outbound>,
    queued_bytes: AtomicUsize,
    queued_bytes_max: usize,
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
        let mailbox = Mailbox {
            recipient: mailbox,
            queued_bytes: AtomicUsize::new(0),
            queued_bytes_max,
        };
        Self::reached_by(version, Way::Mailbox(Box::new(mailbox)))
    }

    /// A handle for the socket behind `actor` whose broadcasts are delivered by the shard of its thread.
    pub fn delivered_by(version: Version, shard: ShardHandle, actor: WeakRecipient<Outbound>) -> Self {
        let waiting = AtomicU32::new(0);
        Self::reached_by(version, Way::Shard { shard, actor, waiting })
    }

    fn reached_by(version: Version, way: Way) -> Self {
        Self {
            id: SocketId::next(),
            version,
            gone: AtomicBool::new(false),
            disconnect: AtomicU8::new(0),
            way,
        }
    }

    /// What delivers broadcasts to the socket, when its mailbox does not take them.
    pub fn shard(&self) -> Option<&ShardHandle> {
        match &self.way {
            Way::Mailbox(_) => None,
            Way::Shard { shard, .. } => Some(shard),
        }
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
        let is_reached = match &self.way {
            Way::Mailbox(mailbox) => mailbox.recipient.connected(),
            // Marks itself gone, however it ends.
            Way::Shard { .. } => true,
        };
        !self.gone.load(Ordering::Acquire) && self.disconnect().is_none() && is_reached
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
            .map(|index| DISCONNECTS[usize::from(index)])
    }

    /// Ends the socket; the first reason stays.
    pub fn end(&self, reason: Disconnect) {
        let number = (1..)
            .zip(DISCONNECTS)
            .find(|&(_, known)| known == reason)
            .map_or(1, |(number, _)| number);
        let first = self
            .disconnect
            .compare_exchange(0, number, Ordering::AcqRel, Ordering::Acquire);
        if first.is_ok() {
            // A full mailbox is no loss: the socket looks at its handle before it handles what is in there. Told once:
            // a socket that is told looks, and may find a reason of its own.
            let _ = self.try_send(Outbound::Disconnected);
        }
    }

    fn try_send(&self, outbound: Outbound) -> Result<(), SendError<Outbound>> {
        let (shard, actor, waiting) = match &self.way {
            Way::Mailbox(mailbox) => return mailbox.recipient.try_send(outbound),
            Way::Shard { shard, actor, waiting } => (shard, actor, waiting),
        };
        let Some(actor) = actor.upgrade() else {
            return Err(SendError::Closed(outbound));
        };
        if waiting.fetch_add(1, Ordering::Relaxed) as usize >= shard.told_max() {
            waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(SendError::Full(outbound));
        }
        #[expect(clippy::disallowed_methods, reason = "counted here, since each sender is a new one")]
        actor.do_send(outbound);
        Ok(())
    }

    /// Hands a socket without a shard a broadcast. Ephemeral ones are skipped from half of the queue's bound on; at the
    /// bound the socket is ended, and the room goes on without it.
    ///
    /// # Errors
    ///
    /// [`Undeliverable`] when the socket has ended, now or before, or has a shard.
    pub fn deliver(
        &self,
        channel: ChannelId,
        broadcast: &Arc<Broadcast>,
        seq: Option<i64>,
    ) -> Result<(), Undeliverable> {
        let Some(bytes) = broadcast.frame(self.version).as_ref().map(Frame::len) else {
            return Ok(());
        };
        let Way::Mailbox(mailbox) = &self.way else {
            return Err(Undeliverable);
        };
        let queued = mailbox.queued_bytes.load(Ordering::Relaxed);
        if broadcast.is_ephemeral() && queued + bytes > mailbox.queued_bytes_max / 2 {
            return Ok(());
        }
        if queued + bytes > mailbox.queued_bytes_max && queued > 0 {
            self.end(Disconnect::TooSlow);
            return Err(Undeliverable);
        }
        mailbox.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        let outbound = Outbound::Broadcast {
            channel,
            broadcast: Arc::clone(broadcast),
            seq,
            bytes,
        };
        match mailbox.recipient.try_send(outbound) {
            Ok(()) => Ok(()),
            Err(SendError::Closed(_)) => Err(Undeliverable),
            Err(SendError::Full(_)) if broadcast.is_ephemeral() => {
                mailbox.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
                Ok(())
            }
            Err(SendError::Full(_)) => {
                self.end(Disconnect::TooSlow);
                Err(Undeliverable)
            }
        }
    }

    /// Tells the socket something that must not be lost; a socket that cannot take it is ended.
    ///
    /// # Errors
    ///
    /// [`Undeliverable`] when the socket has ended, now or before.
    pub fn tell(&self, outbound: Outbound) -> Result<(), Undeliverable> {
        self.try_send(outbound).map_err(|error| {
            if matches!(error, SendError::Full(_)) {
                self.end(Disconnect::TooSlow);
            }
            Undeliverable
        })
    }

    /// The socket has taken this out of its mailbox.
    pub fn release(&self, taken: &Outbound) {
        match (&self.way, taken) {
            (Way::Mailbox(mailbox), Outbound::Broadcast { bytes, .. }) => {
                mailbox.queued_bytes.fetch_sub(*bytes, Ordering::Relaxed);
            }
            (Way::Mailbox(_), _) => {}
            (Way::Shard { waiting, .. }, _) => {
                waiting.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There is one for each socket.
    #[test]
    fn a_handle_is_small() {
        assert!(size_of::<SocketHandle>() <= 48, "{}", size_of::<SocketHandle>());
    }
}
