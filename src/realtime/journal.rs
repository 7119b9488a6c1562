//! Group commit: journals store the messages of all transports, many in one transaction.
//!
//! A commit costs the same for one message as for hundreds: a write that has to reach the disk. So messages queue for a
//! journal, which stores whatever waits for it as soon as its last commit is done. Nothing waits for company: a message
//! that comes alone is committed alone. The next batch is stored while the rooms are told of the last one; none of these
//! rooms is in it. When so many come meanwhile that they make a batch worth a transaction, it is stored beside the one
//! that is being stored: while the database works for one of them, the server does for the other.
//!
//! Invariants:
//! * All messages of a room go through one journal, which is found by the room's id.
//! * A journal has the [`RoomLocks`](super::room_locks::RoomLocks) of a batch's rooms from before the commit until the
//!   registries have the broadcasts. A room that somebody else has is left out of the batch, so that a slow change of one
//!   room holds up no other.
//! * What follows a commit is done by the journal, not by who asked: callers may go away.
//! * A panic ends a batch, not its journal.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicIsize, Ordering},
    },
    time::Duration,
};

use actix::Arbiter;
use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time,
};
use tracing::{error, warn};

use self::agenda::Agenda;
use super::{Inner, Realtime, SendError, Sender};
use crate::{
    chat::{Appended, NewMessage},
    config::{Cap, RealtimeSettings},
    ids::{RoomId, TenantId},
    scope::Scope,
    store::Store,
    tenants::Tenant,
};

mod agenda;
mod commit;

/// Most batches of a journal that are being stored at the same time.
pub(super) const BATCHES_MAX: u32 = 2;

/// Which room, of which tenant.
type Place = (TenantId, RoomId);

/// What came of a message.
type Answer = Result<Appended, SendError>;

/// A message on its way into the log.
struct Entry {
    scope: Scope,
    tenant: Arc<Tenant>,
    room_id: RoomId,
    message: NewMessage,
    answer: oneshot::Sender<Answer>,
    /// Its place in the queue, which is free again with the answer.
    _space: OwnedSemaphorePermit,
}

impl Entry {
    fn place(&self) -> Place {
        (self.scope.tenant_id, self.room_id)
    }

    fn answer(self, answer: Answer) {
        // Who has gone away needs none.
        let _ = self.answer.send(answer);
    }
}

/// A message with its place in the queue. It is stored whether somebody waits for that or not.
#[must_use = "whoever sent it wants to know what came of it"]
pub struct QueuedMessage {
    answered: oneshot::Receiver<Answer>,
    patience: Duration,
}

impl QueuedMessage {
    /// Waits until the message is stored, and told to the room.
    ///
    /// # Errors
    ///
    /// As [`Realtime::send_message`]; [`SendError::Unavailable`] after `realtime.send_timeout`: whether it will be stored
    /// is open then.
    pub async fn stored(self) -> Result<Appended, SendError> {
        match time::timeout(self.patience, self.answered).await {
            Ok(Ok(answer)) => answer,
            _ => Err(SendError::Unavailable),
        }
    }
}

/// The journals of a server, as those who send see them.
pub(super) struct Journals {
    queues: Vec<Queue>,
    queue_max: usize,
    patience: Duration,
}

/// A journal's queue.
struct Queue {
    // Bounded by `space`, which counts what the journal works on, too.
    entries: mpsc::UnboundedSender<Entry>,
    space: Arc<Semaphore>,
    arrivals: Arc<Arrivals>,
}

/// What comes while a journal is storing something. It is woken when there is enough, and not for each message.
struct Arrivals {
    /// Messages that it has not taken up. One is counted when it is in the queue, so for a moment it may be taken up
    /// before: then there are fewer than none.
    count: AtomicIsize,
    /// So many are enough; `None` for a journal that stores one batch after the other.
    enough: Option<isize>,
    are_enough: Notify,
}

impl Arrivals {
    /// One more has come.
    fn add(&self) {
        if Some(self.count.fetch_add(1, Ordering::Relaxed) + 1) == self.enough {
            self.are_enough.notify_one();
        }
    }

    /// One is taken up.
    fn take(&self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether there are enough for a batch beside another one.
    fn suffice(&self) -> bool {
        self.enough
            .is_some_and(|enough| self.count.load(Ordering::Relaxed) >= enough)
    }
}

/// A journal that was not started yet.
pub(super) struct Journal {
    entries: mpsc::UnboundedReceiver<Entry>,
    arrivals: Arc<Arrivals>,
    agenda: Agenda,
    batch_max: usize,
    /// Batches that are being stored. Their journal hears when they are, or were cut short.
    storing: FuturesUnordered<oneshot::Receiver<()>>,
}

impl Journals {
    /// Queues for `count` journals, and the journals. `beside` is how many messages have to have come for a batch that is
    /// stored beside another one.
    pub fn new(count: usize, beside: Cap<usize>, settings: &RealtimeSettings) -> (Self, Vec<Journal>) {
        let (queues, journals) = (0..count.max(1))
            .map(|_| {
                let (sender, receiver) = mpsc::unbounded_channel();
                let arrivals = Arc::new(Arrivals {
                    count: AtomicIsize::new(0),
                    enough: beside.get().map(|enough| isize::try_from(enough).unwrap_or(isize::MAX)),
                    are_enough: Notify::new(),
                });
                let queue = Queue {
                    entries: sender,
                    space: Arc::new(Semaphore::new(settings.journal_queue)),
                    arrivals: Arc::clone(&arrivals),
                };
                let journal = Journal {
                    entries: receiver,
                    arrivals,
                    agenda: Agenda::default(),
                    batch_max: settings.journal_batch,
                    storing: FuturesUnordered::new(),
                };
                (queue, journal)
            })
            .unzip();
        let journals_handle = Self {
            queues,
            queue_max: settings.journal_queue,
            patience: settings.send_timeout,
        };
        (journals_handle, journals)
    }

    /// Has a message stored, and told to the room, after those that were queued before it.
    ///
    /// # Errors
    ///
    /// [`SendError::Unavailable`] when too many wait already.
    pub fn queue_message(
        &self,
        sender: &Sender,
        room_id: RoomId,
        message: NewMessage,
    ) -> Result<QueuedMessage, SendError> {
        let queue = self.queue(room_id);
        let space = Arc::clone(&queue.space);
        let space = space.try_acquire_owned().map_err(|_| SendError::Unavailable)?;
        let (answer, answered) = oneshot::channel();
        let entry = Entry {
            scope: sender.scope,
            tenant: Arc::clone(&sender.tenant),
            room_id,
            message,
            answer,
            _space: space,
        };
        queue.entries.send(entry).map_err(|_| SendError::Unavailable)?;
        // Now, so that those who are enough are there.
        queue.arrivals.add();
        Ok(QueuedMessage {
            answered,
            patience: self.patience,
        })
    }

    /// How many messages wait, or are being stored.
    pub fn queued(&self) -> usize {
        let free: usize = self.queues.iter().map(|queue| queue.space.available_permits()).sum();
        (self.queue_max * self.queues.len()).saturating_sub(free)
    }

    /// Waits until everything that was sent is stored, or for `timeout`. Nothing can be sent any more then.
    pub async fn finish(&self, timeout: Duration) {
        let all = u32::try_from(self.queue_max).unwrap_or(u32::MAX);
        let finished = join_all(self.queues.iter().map(|queue| async {
            // Who has all places is alone; closed, they are nobody's.
            if queue.space.acquire_many(all).await.is_ok() {
                queue.space.close();
            }
        }));
        if time::timeout(timeout, finished).await.is_err() {
            warn!(messages = self.queued(), "messages not stored at the end of the drain");
        }
    }

    fn queue(&self, room_id: RoomId) -> &Queue {
        // The last bits of a UUIDv7 are random.
        &self.queues[(room_id.0.as_u128() % self.queues.len() as u128) as usize]
    }
}

impl Journal {
    /// Starts it on a thread of its own, for as long as there is somebody to send. It writes to `store`.
    pub fn start(self, store: Store, realtime: Weak<Inner>) -> Arbiter {
        let arbiter = Arbiter::new();
        arbiter.spawn(self.run(store, realtime));
        arbiter
    }

    async fn run(mut self, store: Store, realtime: Weak<Inner>) {
        loop {
            if self.may_begin() {
                while let Ok(entry) = self.entries.try_recv() {
                    self.take_up(entry);
                }
                let Some(realtime) = realtime.upgrade().map(Realtime) else {
                    return;
                };
                let batch = self.agenda.next_batch(&realtime, self.batch_max);
                if !batch.is_empty() {
                    let store = store.clone();
                    let (stored, is_stored) = oneshot::channel();
                    self.storing.push(is_stored);
                    tokio::spawn(async move { realtime.commit(&store, batch, stored).await });
                    continue;
                }
            }
            if !self.wait().await {
                return;
            }
        }
    }

    /// Whether a batch may be stored now, if there is one.
    fn may_begin(&self) -> bool {
        self.storing.is_empty() || (self.storing.len() < BATCHES_MAX as usize && self.arrivals.suffice())
    }

    fn take_up(&mut self, entry: Entry) {
        self.arrivals.take();
        self.agenda.push(entry);
    }

    /// Waits for something to do; says whether there may be something ever again.
    async fn wait(&mut self) -> bool {
        if self.storing.is_empty() {
            return tokio::select! {
                entry = self.entries.recv() => match entry {
                    Some(entry) => {
                        self.take_up(entry);
                        true
                    }
                    None => false,
                },
                () = self.agenda.room_came_free() => true,
            };
        }
        tokio::select! {
            Some(stored) = self.storing.next() => {
                if stored.is_err() {
                    error!("a batch of messages was cut short");
                }
            }
            () = self.arrivals.are_enough.notified() => {}
        }
        true
    }
}
