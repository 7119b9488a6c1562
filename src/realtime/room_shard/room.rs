//! One room as one thread has it: its members there, and what they have not been given yet.
//!
//! Broadcasts are numbered as they come. Each member knows the number up to which it was given them, so it does not
//! matter who is given them when: all at once by a flush, some of them in between, or one member alone because its
//! session is about to say something that has to come after.

use std::{
    collections::VecDeque,
    mem,
    ops::AddAssign,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use indexmap::IndexMap;

use super::{
    Fan, Outlet, Waiting,
    batch::{Batch, Spelling, concatenate},
};
use crate::realtime::messages::ChannelKey;

/// The members of a room on one thread.
#[derive(Default)]
pub(super) struct Room {
    members: IndexMap<ChannelKey, Member>,
    /// Broadcasts that not everybody has been given.
    pending: VecDeque<Waiting>,
    /// The number of the first of them.
    first_pending: u64,
    flush: Option<Flush>,
    /// No flush begins before that.
    rests_until: Option<Instant>,
    /// It waits in the shard's list of rooms to be flushed.
    pub is_listed: bool,
    /// What members were given since somebody asked.
    deliveries: Deliveries,
}

/// A channel of a socket. Small, for there is one of each.
struct Member {
    outlet: Rc<dyn Outlet>,
    /// The number of the first broadcast it was not given.
    next: u64,
    /// Changes up to here its client knows already.
    head_seq: i64,
    /// Why it is given nothing at the moment. Boxed, since hardly any is.
    hold: Option<Box<Hold>>,
    spelling: Spelling,
    /// Something was not kept for it that must not be lost.
    has_lost: bool,
}

/// A member's session has something to say before the member is given anything more.
#[derive(Default)]
struct Hold {
    /// How often it is to be released.
    times: u16,
    /// What it is given then.
    kept: Vec<Arc<Fan>>,
}

/// A flush that goes on.
struct Flush {
    batch: Batch,
    /// The number behind its last broadcast.
    end: u64,
    /// Members below have not had their turn. It goes down, so that a member who leaves, and the last one taking that
    /// place, cannot make it miss one.
    turns: usize,
    /// Time spent on it.
    took: Duration,
}

/// How far a flush has got.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    /// It is done, and there is nothing more.
    All,
    /// There is more to do now.
    More,
    /// There is more, to be done from that moment on.
    RestsUntil(Instant),
}

/// What members were given.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deliveries {
    /// Broadcasts, counted for each member.
    pub delivered: u64,
    /// The same of those that a member was not given since it lags.
    pub dropped: u64,
}

impl AddAssign for Deliveries {
    fn add_assign(&mut self, more: Self) {
        self.delivered += more.delivered;
        self.dropped += more.dropped;
    }
}

impl Room {
    /// What members were given since the last call.
    pub fn take_deliveries(&mut self) -> Deliveries {
        mem::take(&mut self.deliveries)
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// A broadcast has come.
    pub fn append(&mut self, waiting: Waiting) {
        self.pending.push_back(waiting);
    }

    /// A channel has subscribed: it gets what comes from now on, once it is [released](Room::release) `holds` times.
    pub fn enter(&mut self, channel: ChannelKey, outlet: Rc<dyn Outlet>, spelling: Spelling, holds: u16) {
        let member = Member {
            outlet,
            spelling,
            next: self.end(),
            head_seq: i64::MIN,
            hold: (holds > 0).then(|| {
                Box::new(Hold {
                    times: holds,
                    kept: Vec::new(),
                })
            }),
            has_lost: false,
        };
        self.members.insert(channel, member);
    }

    /// A member's session has something to say before whatever comes from now on.
    pub fn hold(&mut self, channel: ChannelKey, held_max: usize) {
        self.catch_up(channel, held_max);
        if let Some(member) = self.members.get_mut(&channel) {
            member.hold.get_or_insert_default().times += 1;
        }
    }

    /// A member's session has said something that the member was held for; with `head_seq` when that told the room's
    /// log up to there.
    pub fn release(&mut self, channel: ChannelKey, head_seq: Option<i64>, held_max: usize) {
        self.catch_up(channel, held_max);
        let Some(member) = self.members.get_mut(&channel) else {
            return;
        };
        if let Some(head_seq) = head_seq {
            member.head_seq = head_seq;
        }
        let Some(hold) = &mut member.hold else { return };
        hold.times -= 1;
        if hold.times == 0 {
            let kept = mem::take(&mut hold.kept);
            member.hold = None;
            self.deliveries += member.give_each(channel, kept.iter());
        }
    }

    /// Gives a member what has come so far.
    pub fn catch_up(&mut self, channel: ChannelKey, held_max: usize) {
        let end = self.end();
        let Some(member) = self.members.get_mut(&channel) else {
            return;
        };
        let fans = self.pending.iter().map(|waiting| &waiting.fan);
        let fans = fans.skip(distance(self.first_pending, member.next));
        member.next = end;
        if member.hold.is_some() {
            fans.for_each(|fan| member.keep(channel, fan, held_max));
        } else {
            self.deliveries += member.give_each(channel, fans);
        }
    }

    /// Whether something was not kept for a member while it was held.
    pub fn has_lost(&self, channel: ChannelKey) -> bool {
        self.members.get(&channel).is_some_and(|member| member.has_lost)
    }

    /// A channel is no member any more. What it was not given is not for it.
    pub fn remove(&mut self, channel: ChannelKey) {
        self.members.swap_remove(&channel);
    }

    /// Gives up to `turns` members what they have not been given. A room that has just been flushed rests for as long
    /// as that took, up to `rest_max`, so that what comes meanwhile goes out together.
    pub fn flush(&mut self, turns: &mut usize, held_max: usize, rest_max: Duration) -> Flushed {
        let started = Instant::now();
        if self.flush.is_none() {
            if let Some(rests_until) = self.rests_until.filter(|&until| started < until) {
                return Flushed::RestsUntil(rests_until);
            }
            if self.pending.is_empty() {
                return Flushed::All;
            }
            let fans = self.pending.iter().map(|waiting| Arc::clone(&waiting.fan));
            self.flush = Some(Flush {
                batch: Batch::new(fans.collect()),
                end: self.end(),
                turns: self.members.len(),
                took: Duration::ZERO,
            });
        }
        let Some(flush) = &mut self.flush else {
            return Flushed::All;
        };
        // Members may have left since the last turn.
        flush.turns = flush.turns.min(self.members.len());
        while flush.turns > 0 && *turns > 0 {
            flush.turns -= 1;
            *turns -= 1;
            if let Some((&channel, member)) = self.members.get_index_mut(flush.turns) {
                self.deliveries += member.take_part(channel, flush, self.first_pending, held_max);
            }
        }
        let now = Instant::now();
        flush.took += now - started;
        if flush.turns > 0 {
            return Flushed::More;
        }
        let rests_until = now + flush.took.min(rest_max);
        let flushed = distance(self.first_pending, flush.end);
        self.first_pending = flush.end;
        self.pending.drain(..flushed);
        self.flush = None;
        self.rests_until = Some(rests_until);
        self.members.retain(|_, member| !member.outlet.is_gone());
        if self.pending.is_empty() {
            Flushed::All
        } else {
            Flushed::RestsUntil(rests_until)
        }
    }

    /// The number of the next broadcast.
    fn end(&self) -> u64 {
        self.first_pending + self.pending.len() as u64
    }
}

impl Member {
    /// Has its turn in a flush.
    fn take_part(&mut self, channel: ChannelKey, flush: &mut Flush, first: u64, held_max: usize) -> Deliveries {
        if self.next >= flush.end {
            return Deliveries::default();
        }
        let from = distance(first, self.next);
        self.next = flush.end;
        if self.hold.is_some() {
            for fan in flush.batch.from(from) {
                self.keep(channel, fan, held_max);
            }
            Deliveries::default()
        } else if flush.batch.is_for(channel, self.head_seq) {
            let bytes = flush.batch.bytes(from, self.spelling, &*self.outlet);
            self.give(bytes, flush.batch.len_from(from))
        } else {
            self.give_each(channel, flush.batch.from(from))
        }
    }

    /// Gives it those that are for it.
    fn give_each<'f>(&self, channel: ChannelKey, fans: impl Iterator<Item = &'f Arc<Fan>>) -> Deliveries {
        let is_congested = self.outlet.is_congested();
        let frames: Vec<Bytes> = fans
            .filter(|fan| self.is_for(channel, fan) && !(is_congested && fan.is_ephemeral))
            .filter_map(|fan| fan.frame(self.spelling, &*self.outlet))
            .collect();
        let broadcasts = frames.len();
        self.give(concatenate(frames), broadcasts)
    }

    /// Gives it so many broadcasts in one piece.
    fn give(&self, frames: Bytes, broadcasts: usize) -> Deliveries {
        let broadcasts = broadcasts as u64;
        if !frames.is_empty() && self.outlet.deliver(frames) {
            Deliveries {
                delivered: broadcasts,
                dropped: 0,
            }
        } else {
            Deliveries {
                delivered: 0,
                dropped: broadcasts,
            }
        }
    }

    /// Keeps one for later.
    fn keep(&mut self, channel: ChannelKey, fan: &Arc<Fan>, held_max: usize) {
        if self.has_lost || !self.is_for(channel, fan) {
            return;
        }
        let Some(hold) = &mut self.hold else { return };
        if hold.kept.len() < held_max {
            hold.kept.push(Arc::clone(fan));
        } else if !fan.is_ephemeral {
            self.has_lost = true;
            hold.kept = Vec::new();
        }
    }

    fn is_for(&self, channel: ChannelKey, fan: &Fan) -> bool {
        fan.except != Some(channel) && fan.seq.is_none_or(|seq| seq > self.head_seq)
    }
}

/// How far a number is behind an earlier one. Both are of broadcasts that wait, or of the next to come.
fn distance(earlier: u64, later: u64) -> usize {
    usize::try_from(later.saturating_sub(earlier)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There is one for each channel of each socket.
    #[test]
    fn a_member_is_small() {
        assert!(size_of::<Member>() <= 48, "{}", size_of::<Member>());
    }
}
