//! Message counters per room: atomics on the hot path, snapshots by message.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use actix::{Actor, AsyncContext, Context, Handler, Message, MessageResult};
use dashmap::DashMap;

use crate::{
    ids::{RoomId, TenantId},
    timestamp::Timestamp,
};

/// The shared counters. They start at nought with the server; the database has the history.
pub struct Stats {
    started: Instant,
    messages: AtomicU64,
    rooms: DashMap<(TenantId, RoomId), RoomCounter>,
    rooms_max: usize,
}

struct RoomCounter {
    messages: AtomicU64,
    last_message_at: AtomicI64,
}

/// What was counted for one room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomStats {
    /// Messages sent since the server started.
    pub messages: u64,
    /// When the last of them was sent.
    pub last_message_at: Timestamp,
}

/// What was counted for one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantStats {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Messages sent since the server started, in rooms that are still counted.
    pub messages: u64,
    /// Its rooms, busiest first.
    pub rooms: Vec<(RoomId, RoomStats)>,
}

/// All counters at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsSnapshot {
    /// How long the server has been up.
    pub uptime: Duration,
    /// Messages sent since the server started, by all tenants.
    pub messages: u64,
    /// By tenant.
    pub tenants: Vec<TenantStats>,
}

impl Stats {
    /// Counters at nought, for at most `rooms_max` rooms at a time.
    pub fn new(rooms_max: usize) -> Self {
        Self {
            started: Instant::now(),
            messages: AtomicU64::new(0),
            rooms: DashMap::new(),
            rooms_max,
        }
    }

    /// Counts one message.
    pub fn record_message(&self, tenant_id: TenantId, room_id: RoomId) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        let key = (tenant_id, room_id);
        let now = Timestamp::now().0;
        if let Some(counter) = self.rooms.get(&key) {
            counter.messages.fetch_add(1, Ordering::Relaxed);
            counter.last_message_at.store(now, Ordering::Relaxed);
            return;
        }
        let counter = self.rooms.entry(key).or_insert_with(|| RoomCounter {
            messages: AtomicU64::new(0),
            last_message_at: AtomicI64::new(now),
        });
        counter.messages.fetch_add(1, Ordering::Relaxed);
        counter.last_message_at.store(now, Ordering::Relaxed);
    }

    /// What was counted for one room; `None` when nothing was.
    pub fn get_room_stats(&self, tenant_id: TenantId, room_id: RoomId) -> Option<RoomStats> {
        self.rooms.get(&(tenant_id, room_id)).map(|counter| counter.read())
    }

    /// Everything that was counted.
    pub fn get_all_stats(&self) -> StatsSnapshot {
        let mut tenants: HashMap<TenantId, TenantStats> = HashMap::new();
        for entry in &self.rooms {
            let (tenant_id, room_id) = *entry.key();
            let room = entry.value().read();
            let tenant = tenants.entry(tenant_id).or_insert_with(|| TenantStats {
                tenant_id,
                messages: 0,
                rooms: Vec::new(),
            });
            tenant.messages += room.messages;
            tenant.rooms.push((room_id, room));
        }
        let mut tenants: Vec<_> = tenants.into_values().collect();
        tenants.sort_unstable_by_key(|tenant| tenant.tenant_id);
        for tenant in &mut tenants {
            tenant
                .rooms
                .sort_unstable_by_key(|(room_id, room)| (std::cmp::Reverse(room.messages), *room_id));
        }
        StatsSnapshot {
            uptime: self.started.elapsed(),
            messages: self.messages.load(Ordering::Relaxed),
            tenants,
        }
    }

    /// Forgets the rooms that have been quiet longest when there are more than the bound.
    fn sweep(&self) {
        let excess = self.rooms.len().saturating_sub(self.rooms_max);
        if excess == 0 {
            return;
        }
        let mut by_age: Vec<_> = self
            .rooms
            .iter()
            .map(|entry| (entry.value().last_message_at.load(Ordering::Relaxed), *entry.key()))
            .collect();
        by_age.sort_unstable_by_key(|(at, _)| *at);
        for (_, key) in by_age.into_iter().take(excess) {
            self.rooms.remove(&key);
        }
    }
}

impl RoomCounter {
    fn read(&self) -> RoomStats {
        RoomStats {
            messages: self.messages.load(Ordering::Relaxed),
            last_message_at: Timestamp(self.last_message_at.load(Ordering::Relaxed)),
        }
    }
}

/// Keeps the [`Stats`] within their bound and answers snapshots, away from the request path.
pub struct StatsCollector {
    stats: Arc<Stats>,
    sweep_interval: Duration,
}

impl StatsCollector {
    /// Keeps `stats`, sweeping every `sweep_interval`.
    pub fn new(stats: Arc<Stats>, sweep_interval: Duration) -> Self {
        Self { stats, sweep_interval }
    }
}

impl Actor for StatsCollector {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(self.sweep_interval, |collector, _| collector.stats.sweep());
    }
}

/// Asks for all counters at one moment.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "StatsSnapshot")]
pub struct Snapshot;

impl Handler<Snapshot> for StatsCollector {
    type Result = MessageResult<Snapshot>;

    fn handle(&mut self, _: Snapshot, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.stats.get_all_stats())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_per_room_and_in_total() {
        let stats = Stats::new(10);
        let (tenant, other) = (TenantId::generate(), TenantId::generate());
        let (lobby, attic) = (RoomId::generate(), RoomId::generate());
        stats.record_message(tenant, lobby);
        stats.record_message(tenant, lobby);
        stats.record_message(tenant, attic);
        stats.record_message(other, lobby);

        assert_eq!(stats.get_room_stats(tenant, lobby).map(|room| room.messages), Some(2));
        assert_eq!(stats.get_room_stats(other, attic), None);
        let all = stats.get_all_stats();
        assert_eq!(all.messages, 4);
        let of_tenant = all
            .tenants
            .iter()
            .find(|stats| stats.tenant_id == tenant)
            .map(|stats| stats.messages);
        assert_eq!(of_tenant, Some(3));
        assert_eq!(
            all.tenants
                .iter()
                .find(|stats| stats.tenant_id == tenant)
                .map(|s| s.rooms[0].0),
            Some(lobby)
        );
    }

    #[test]
    fn the_quietest_rooms_are_forgotten_beyond_the_bound() {
        let stats = Stats::new(1);
        let tenant = TenantId::generate();
        let (old, new) = (RoomId::generate(), RoomId::generate());
        stats.record_message(tenant, old);
        if let Some(counter) = stats.rooms.get(&(tenant, old)) {
            counter.last_message_at.store(0, Ordering::Relaxed);
        }
        stats.record_message(tenant, new);
        stats.sweep();
        assert_eq!(stats.get_room_stats(tenant, old), None);
        assert!(stats.get_room_stats(tenant, new).is_some());
        assert_eq!(
            stats.get_all_stats().messages,
            2,
            "the total keeps what is forgotten by room"
        );
    }
}
