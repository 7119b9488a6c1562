//! What waits for a journal, and what of it can be stored next.

use std::collections::{HashMap, HashSet, VecDeque};

use futures_util::{FutureExt, StreamExt, future, future::BoxFuture, stream::FuturesUnordered};
use tokio::sync::OwnedMutexGuard;

use super::{Entry, Place};
use crate::realtime::Realtime;

/// A room's turn; see [`RoomLocks`](crate::realtime::room_locks::RoomLocks).
type Guard = OwnedMutexGuard<()>;

/// Messages that wait, in the order they came, and rooms that are waited for.
#[derive(Default)]
pub(super) struct Agenda {
    waiting: VecDeque<Entry>,
    /// Rooms that somebody else had, and which are the journal's now.
    free: HashMap<Place, Guard>,
    /// Rooms that somebody else has.
    taken: HashSet<Place>,
    locks: FuturesUnordered<BoxFuture<'static, (Place, Guard)>>,
}

/// Messages that are stored together.
#[derive(Default)]
pub(super) struct Batch {
    pub entries: Vec<Entry>,
    /// Their rooms are the journal's until these are dropped.
    pub rooms: Vec<Guard>,
}

impl Batch {
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Agenda {
    /// A message has come.
    pub fn push(&mut self, entry: Entry) {
        self.waiting.push_back(entry);
    }

    /// What can be stored now, at most `max` messages. What is refused by the limit of its room is answered.
    pub fn next_batch(&mut self, realtime: &Realtime, max: usize) -> Batch {
        self.see_to_locks();
        let mut batch = Batch::default();
        // How many messages each room has in the batch; none for rooms that are not the journal's.
        let mut rooms: HashMap<Place, Option<u32>> = HashMap::new();
        let mut kept = Vec::new();
        while batch.entries.len() < max
            && let Some(entry) = self.waiting.pop_front()
        {
            let place = entry.place();
            let room = rooms.entry(place).or_insert_with(|| {
                let guard = self.take(realtime, place)?;
                batch.rooms.push(guard);
                Some(0)
            });
            let Some(count) = room else {
                kept.push(entry);
                continue;
            };
            match realtime.limits.room_takes(&entry.tenant, entry.room_id) {
                // What is more than the room takes is asked about again when these have been counted.
                Ok(most) if *count >= most => kept.push(entry),
                Ok(_) => {
                    *count += 1;
                    batch.entries.push(entry);
                }
                Err(refused) => entry.answer(Err(refused.into())),
            }
        }
        for entry in kept.into_iter().rev() {
            self.waiting.push_front(entry);
        }
        batch
    }

    /// Waits for a room that somebody else has; for ever, when there is none.
    pub async fn room_came_free(&mut self) {
        match self.locks.next().await {
            Some((place, guard)) => self.came_free(place, guard),
            None => future::pending().await,
        }
    }

    /// Takes a room, if nobody else has it; else waits for it.
    fn take(&mut self, realtime: &Realtime, place: Place) -> Option<Guard> {
        if let Some(guard) = self.free.remove(&place) {
            return Some(guard);
        }
        if self.taken.contains(&place) {
            return None;
        }
        let guard = realtime.room_locks.try_lock(place.0, place.1);
        if guard.is_none() {
            self.taken.insert(place);
            let lock = realtime.room_locks.lock(place.0, place.1);
            self.locks.push(lock.map(move |guard| (place, guard)).boxed());
            self.see_to_locks();
        }
        guard.or_else(|| self.free.remove(&place))
    }

    /// Has locks take their places among those who wait, and notes which have come free.
    fn see_to_locks(&mut self) {
        while let Some(Some((place, guard))) = self.locks.next().now_or_never() {
            self.came_free(place, guard);
        }
    }

    fn came_free(&mut self, place: Place, guard: Guard) {
        self.taken.remove(&place);
        self.free.insert(place, guard);
    }
}
