//! Delivery to the sockets of one thread that can be written to directly ([`Outlet`]).
//!
//! A registry knows how many members of a topic each thread has, and sends one [`Fan`] to each thread with some. The
//! thread's `RoomShard` notes what has come for a room, and writes to each member once for all of it: a small write
//! costs more than everything else there is to a delivery, so what can go out together does. A room that is not busy is
//! flushed at once; one that is rests for as long as its last flush took.
//!
//! What a registry sends is handled in its order, and that makes the guarantees: a member gets what was sent after its
//! [`ShardMessage::Enter`] and before its [`ShardMessage::Leave`], and nothing else. A session, which is on the same
//! thread, does not wait for the shard's turn where order matters: it takes what has come out of the inbox by itself
//! ([`catch_up`], [`release`], [`leave`]). So a sender has its own message before its reply, since the registry has
//! sent the message before it answered.
//!
//! Invariants:
//! * Never awaits a socket, and no socket makes another wait.
//! * What waits on a thread is bounded, from the registry's sending until every member was given it: registries wait,
//!   and their mailboxes make publishers wait.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context as TaskContext, Poll, ready},
    time::Duration,
};

use actix::{Actor, AsyncContext, Context, fut::ActorFuture};
use bytes::Bytes;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Sleep, sleep_until},
};
use tracing::error;

use self::{
    batch::Spelling,
    room::{Deliveries, Flushed, Room},
};
use super::{messages::ChannelKey, socket_handle::SocketId, topic::TopicKey};
use crate::{
    metrics::Metrics,
    phoenix::{Broadcast, Frame, Version},
};

mod batch;
mod room;
#[cfg(test)]
mod tests;

/// What a broadcast costs of the bound besides its payload: what is kept of it, roughly.
const FAN_BYTES: usize = 256;

/// Members that are given something before the thread does something else.
const TURNS: usize = 256;

thread_local! {
    static SHARD: RefCell<Option<Rc<RefCell<Shard>>>> = const { RefCell::new(None) };
}

/// Where one socket is written to, on its thread.
pub trait Outlet {
    /// A frame as this kind of outlet writes it, header and all.
    fn frame(&self, frame: &Frame) -> Bytes;

    /// Whether so much waits that what may be lost is left out.
    fn is_congested(&self) -> bool;

    /// Writes frames of broadcasts, or has them wait. False when they are dropped, the socket being about to end.
    fn deliver(&self, frames: Bytes) -> bool;

    /// Whether the socket has ended.
    fn is_gone(&self) -> bool;

    /// Ends the socket so that its client comes back at once: nobody delivers to it any more.
    fn abandon(&self);
}

/// How a thread delivers.
#[derive(Clone, Debug)]
pub struct ShardOptions {
    /// Bytes of broadcasts that may wait on one thread.
    pub queued_bytes_max: usize,
    /// The longest a busy room rests between two flushes.
    pub rest_max: Duration,
    /// Broadcasts that are kept for a member whose join is undecided.
    pub held_max: usize,
    /// What else a socket may be told before it takes any of it.
    pub told_max: usize,
}

/// A broadcast for the members of a topic on one thread.
#[derive(Debug)]
pub struct Fan {
    /// The change's place in the room's log, for what is in the log.
    pub seq: Option<i64>,
    /// The channel that must not get it.
    pub except: Option<ChannelKey>,
    /// May be skipped for sockets that lag.
    pub is_ephemeral: bool,
    /// One for each spelling of the topic, where it has members.
    pub broadcasts: Box<[Option<Arc<Broadcast>>]>,
    /// Bytes of its payload.
    pub bytes: usize,
}

/// What a registry tells a thread.
#[derive(Debug)]
pub enum ShardMessage {
    /// A broadcast.
    Fan(Arc<Fan>),
    /// A channel has subscribed.
    Enter {
        /// The channel.
        channel: ChannelKey,
        /// Its version of the protocol.
        version: Version,
        /// Its place among the spellings of the topic.
        spelling: u8,
        /// How often it is to be [released](release) before it is given anything.
        holds: u16,
    },
    /// A member's session is told something that comes before what follows here; it [releases](release) the member
    /// then.
    Hold(ChannelKey),
    /// A channel is no member any more.
    Leave(ChannelKey),
}

/// Where registries send what is for the members on one thread. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ShardHandle(Arc<Inbox>);

#[derive(Debug)]
struct Inbox {
    messages: mpsc::UnboundedSender<Mail>,
    /// Bytes of broadcasts that may still come.
    free: Arc<Semaphore>,
    queued_bytes_max: usize,
    told_max: usize,
}

/// A message in the inbox.
struct Mail {
    key: TopicKey,
    message: ShardMessage,
    /// What a broadcast takes of the bound.
    permit: Option<OwnedSemaphorePermit>,
}

/// A broadcast that not every member was given.
struct Waiting {
    fan: Arc<Fan>,
    /// Gives back what it takes of the bound.
    _permit: Option<OwnedSemaphorePermit>,
}

/// There is no place for a message now; it comes back.
#[derive(Debug)]
pub struct Full(pub ShardMessage);

impl ShardHandle {
    /// Whether both reach the same thread.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What a socket of the thread may be told, besides broadcasts, before it takes any of it.
    pub fn told_max(&self) -> usize {
        self.0.told_max
    }

    /// Sends to the members of a topic. A thread that is no more takes everything and does nothing.
    ///
    /// # Errors
    ///
    /// [`Full`] when too much waits there; [`ShardHandle::send`] waits then.
    pub fn try_send(&self, key: TopicKey, message: ShardMessage) -> Result<(), Full> {
        let permit = match self.cost(&message) {
            None => None,
            Some(cost) => match Arc::clone(&self.0.free).try_acquire_many_owned(cost) {
                Ok(permit) => Some(permit),
                Err(tokio::sync::TryAcquireError::NoPermits) => return Err(Full(message)),
                Err(tokio::sync::TryAcquireError::Closed) => return Ok(()),
            },
        };
        self.post(Mail { key, message, permit });
        Ok(())
    }

    /// The same, waiting for a place.
    pub async fn send(&self, key: TopicKey, message: ShardMessage) {
        let permit = match self.cost(&message) {
            None => None,
            Some(cost) => match Arc::clone(&self.0.free).acquire_many_owned(cost).await {
                Ok(permit) => Some(permit),
                Err(_) => return,
            },
        };
        self.post(Mail { key, message, permit });
    }

    fn post(&self, mail: Mail) {
        // The thread may be gone, and with it the sockets that it would be for.
        let _ = self.0.messages.send(mail);
    }

    /// What a message takes of the bound. Whoever enters or leaves takes nothing: their number is bounded as it is.
    fn cost(&self, message: &ShardMessage) -> Option<u32> {
        let ShardMessage::Fan(fan) = message else { return None };
        let bytes = (fan.bytes + FAN_BYTES).min(self.0.queued_bytes_max);
        Some(u32::try_from(bytes).unwrap_or(u32::MAX))
    }
}

/// The rooms of one thread.
struct Shard {
    handle: ShardHandle,
    options: ShardOptions,
    metrics: Metrics,
    inbox: mpsc::UnboundedReceiver<Mail>,
    outlets: HashMap<SocketId, Rc<dyn Outlet>>,
    rooms: HashMap<TopicKey, Room>,
    /// Rooms with something to give, in the order of their turns.
    listed: VecDeque<TopicKey>,
}

impl Shard {
    fn handle(&mut self, Mail { key, message, permit }: Mail) {
        let held_max = self.options.held_max;
        match message {
            ShardMessage::Fan(fan) => {
                let Some(room) = self.rooms.get_mut(&key) else { return };
                room.append(Waiting { fan, _permit: permit });
                if !room.is_listed {
                    room.is_listed = true;
                    self.listed.push_back(key);
                }
            }
            ShardMessage::Enter {
                channel,
                version,
                spelling,
                holds,
            } => {
                // One that has gone meanwhile has left everything.
                if let Some(outlet) = self.outlets.get(&channel.0) {
                    let spelling = Spelling {
                        topic: spelling,
                        version,
                    };
                    let room = self.rooms.entry(key).or_default();
                    room.enter(channel, Rc::clone(outlet), spelling, holds);
                }
            }
            ShardMessage::Hold(channel) => {
                if let Some(room) = self.rooms.get_mut(&key) {
                    room.hold(channel, held_max);
                }
            }
            ShardMessage::Leave(channel) => self.leave(key, channel),
        }
    }

    /// Takes everything out of the inbox.
    fn drain(&mut self) {
        while let Ok(mail) = self.inbox.try_recv() {
            self.handle(mail);
        }
    }

    /// Gives a member what came before it left.
    fn leave(&mut self, key: TopicKey, channel: ChannelKey) {
        let held_max = self.options.held_max;
        if let Some(room) = self.rooms.get_mut(&key) {
            room.catch_up(channel, held_max);
        }
        self.remove(key, channel);
    }

    fn remove(&mut self, key: TopicKey, channel: ChannelKey) {
        if let Some(room) = self.rooms.get_mut(&key) {
            room.remove(channel);
            if room.is_empty() {
                self.rooms.remove(&key);
            }
        }
    }

    /// Gives members of the rooms whose turn it is what has come; tells when to go on.
    fn flush(&mut self) -> Flushed {
        let (held_max, rest_max) = (self.options.held_max, self.options.rest_max);
        let mut turns = TURNS;
        let (mut next, mut given) = (Flushed::All, Deliveries::default());
        for _ in 0..self.listed.len() {
            let Some(key) = self.listed.pop_front() else { break };
            let Some(room) = self.rooms.get_mut(&key) else { continue };
            let flushed = room.flush(&mut turns, held_max, rest_max);
            given += room.take_deliveries();
            match flushed {
                Flushed::All => room.is_listed = false,
                Flushed::RestsUntil(_) | Flushed::More => self.listed.push_back(key),
            }
            if room.is_empty() {
                self.rooms.remove(&key);
            }
            next = next.sooner(flushed);
            if turns == 0 {
                next = Flushed::More;
                break;
            }
        }
        self.metrics.broadcasts(given.delivered, given.dropped);
        next
    }
}

impl Flushed {
    /// What comes first.
    fn sooner(self, other: Self) -> Self {
        match (self, other) {
            (Self::More, _) | (_, Self::More) => Self::More,
            (Self::RestsUntil(one), Self::RestsUntil(other)) => Self::RestsUntil(one.min(other)),
            (rests @ Self::RestsUntil(_), Self::All) | (Self::All, rests) => rests,
        }
    }
}

/// The actor that delivers on one thread. It ends with the thread.
struct RoomShard(Rc<RefCell<Shard>>);

/// Takes what comes, and gives it to the members, one flush after the other.
#[derive(Default)]
struct Delivering {
    rest: Option<Pin<Box<Sleep>>>,
}

impl ActorFuture<RoomShard> for Delivering {
    type Output = ();

    fn poll(
        mut self: Pin<&mut Self>,
        shard: &mut RoomShard,
        _: &mut Context<RoomShard>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<()> {
        let mut shard = shard.0.borrow_mut();
        loop {
            shard.drain();
            match shard.flush() {
                Flushed::All => {}
                Flushed::More => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Flushed::RestsUntil(moment) => {
                    let rest = self.rest.get_or_insert_with(|| Box::pin(sleep_until(moment.into())));
                    rest.as_mut().reset(moment.into());
                    if rest.as_mut().poll(cx).is_ready() {
                        continue;
                    }
                }
            }
            // Empty, or filled this very moment; it wakes us otherwise.
            match ready!(shard.inbox.poll_recv(cx)) {
                Some(mail) => shard.handle(mail),
                None => return Poll::Ready(()),
            }
        }
    }
}

impl Actor for RoomShard {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(Delivering::default());
    }
}

impl Drop for RoomShard {
    /// With the thread, or by a panic: then sockets would wait for ever for what nobody delivers.
    fn drop(&mut self) {
        // Dropped with the thread's other values when it ends; the sockets have ended before.
        let _ = SHARD.try_with(RefCell::take);
        let Ok(mut shard) = self.0.try_borrow_mut() else { return };
        shard.handle.0.free.close();
        if !shard.outlets.is_empty() {
            error!(sockets = shard.outlets.len(), "room shard lost");
        }
        for outlet in shard.outlets.drain().map(|(_, outlet)| outlet) {
            outlet.abandon();
        }
        shard.rooms.clear();
    }
}

/// What delivers to the sockets of this thread; started by the first of them.
pub fn of_this_thread(options: &ShardOptions, metrics: &Metrics) -> ShardHandle {
    SHARD.with_borrow_mut(|known| {
        let shard = known.get_or_insert_with(|| {
            let (messages, inbox) = mpsc::unbounded_channel();
            let queued_bytes_max = options.queued_bytes_max.min(Semaphore::MAX_PERMITS);
            let handle = ShardHandle(Arc::new(Inbox {
                messages,
                free: Arc::new(Semaphore::new(queued_bytes_max)),
                queued_bytes_max,
                told_max: options.told_max,
            }));
            let shard = Rc::new(RefCell::new(Shard {
                handle,
                options: options.clone(),
                metrics: metrics.clone(),
                inbox,
                outlets: HashMap::new(),
                rooms: HashMap::new(),
                listed: VecDeque::new(),
            }));
            RoomShard(Rc::clone(&shard)).start();
            shard
        });
        shard.borrow().handle.clone()
    })
}

/// Runs `action` on this thread's shard, if it has one.
fn with_shard<T>(action: impl FnOnce(&mut Shard) -> T) -> Option<T> {
    SHARD.with_borrow(|shard| shard.as_ref().map(|shard| action(&mut shard.borrow_mut())))
}

/// A socket of this thread can be written to from now on.
pub fn attach(socket_id: SocketId, outlet: Rc<dyn Outlet>) {
    with_shard(|shard| shard.outlets.insert(socket_id, outlet));
}

/// A socket of this thread has ended.
pub fn detach(socket_id: SocketId) {
    // Its channels leave by the registry; what was left behind by one that died goes with a later flush.
    with_shard(|shard| shard.outlets.remove(&socket_id));
}

/// Gives a channel of this thread what was sent to it until now.
pub fn catch_up(key: TopicKey, channel: ChannelKey) {
    with_shard(|shard| {
        shard.drain();
        let held_max = shard.options.held_max;
        if let Some(room) = shard.rooms.get_mut(&key) {
            room.catch_up(channel, held_max);
        }
    });
}

/// The session has said what its channel was held for; with `head_seq` when that told the room's log up to there.
pub fn release(key: TopicKey, channel: ChannelKey, head_seq: Option<i64>) {
    with_shard(|shard| {
        shard.drain();
        let held_max = shard.options.held_max;
        if let Some(room) = shard.rooms.get_mut(&key) {
            room.release(channel, head_seq, held_max);
        }
    });
}

/// Whether something for a channel was lost because too much came while it was held.
pub fn has_lost(key: TopicKey, channel: ChannelKey) -> bool {
    with_shard(|shard| {
        shard.drain();
        let held_max = shard.options.held_max;
        shard.rooms.get_mut(&key).is_some_and(|room| {
            room.catch_up(channel, held_max);
            room.has_lost(channel)
        })
    })
    .unwrap_or(false)
}

/// A channel of this thread gets what was sent to it until now, and nothing more.
pub fn leave(key: TopicKey, channel: ChannelKey) {
    with_shard(|shard| {
        shard.drain();
        shard.leave(key, channel);
    });
}

/// A channel of this thread gets nothing more.
pub fn remove(key: TopicKey, channel: ChannelKey) {
    with_shard(|shard| shard.remove(key, channel));
}
