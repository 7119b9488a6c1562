//! Real time: the actors that know who listens, and the one function that messages go through.
//!
//! * [`room_registry`] — an actor per tenant: topics, fan-out, presence
//! * [`room_shard`] — an actor per thread: delivery to the sockets that live on it
//! * [`directory`] — finds a tenant's registry, and replaces dead ones
//! * [`socket_handle`] — the runtime's end of a socket, whatever transport carries it
//! * [`messages`], [`topic`] — what actors say to one another, and about what
//! * [`publish`], [`membership`], [`administration`], [`uploads`] — check, persist, count, broadcast
//! * `journal` — messages are stored many at once
//! * [`room_order`], [`repair`] — changes in the order of the log, and those that did not come
//! * [`presence_levels`] — how much is told about who is present
//! * [`control_watch`], [`revocations`], [`live_tenants`] — what changes for sockets that are open
//! * [`notifier`] — unread counts for those who listen
//! * [`rate_limiter`], [`stats_collector`] — tables read on the hot path, each swept by its actor
//! * [`refusals`] — what the limits refused, by tenant
//! * [`connections`], [`address`] — how many sockets are open, and how many may be, also of one address
//!
//! Everything here can be lost with the process: the database is the only truth.

pub mod address;
pub mod administration;
pub mod connections;
pub mod control_watch;
pub mod directory;
pub mod live_tenants;
pub mod membership;
pub mod messages;
pub mod notifier;
pub mod presence_levels;
pub mod publish;
pub mod rate_limiter;
pub mod refusals;
pub mod repair;
pub mod revocations;
pub mod room_order;
pub mod room_registry;
pub mod room_shard;
pub mod socket_handle;
pub mod stats_collector;
pub mod topic;
pub mod uploads;

mod journal;
mod room_locks;
#[cfg(test)]
mod tests;

use std::{
    ops::Deref,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use actix::{Actor, Addr, Arbiter};
use sea_orm::DbBackend;
use tracing::{info, warn};

use self::{
    connections::{ConnectionCaps, Connections},
    control_watch::ControlWatch,
    directory::TenantDirectory,
    journal::Journals,
    live_tenants::LiveTenants,
    messages::{Count, ListSockets, RegistryCounts},
    notifier::Notifier,
    presence_levels::PresenceLimits,
    rate_limiter::RateLimiter,
    repair::LogReader,
    revocations::Revocations,
    room_locks::RoomLocks,
    room_registry::{RegistryOptions, Surroundings},
    room_shard::{ShardHandle, ShardOptions},
    socket_handle::Disconnect,
    stats_collector::StatsCollector,
};
pub use self::{
    journal::QueuedMessage,
    publish::{SendError, Sender, raw_payload},
    rate_limiter::{Allowance, RateLimits, Refused, Subject},
    refusals::LimitUsage,
    stats_collector::{RoomStats, Stats, StatsSnapshot, TenantStats},
};
use crate::{
    config::{Cap, Settings},
    ids::TenantId,
    metrics::Metrics,
    phoenix::SocketLimits,
    store::{Store, StoreError},
};

/// How often tables that only grow by themselves are swept.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The running real-time side of a server; a handle that is cheap to clone.
#[derive(Clone)]
pub struct Realtime(Arc<Inner>);

/// What a [`Realtime`] handle shares.
pub struct Inner {
    store: Store,
    directory: TenantDirectory,
    control: ControlWatch,
    revocations: Arc<Revocations>,
    tenants: Arc<LiveTenants>,
    limits: Arc<RateLimits>,
    stats: Arc<Stats>,
    connections: Arc<Connections>,
    room_locks: RoomLocks,
    journals: Journals,
    journal_threads: OnceLock<Vec<Arbiter>>,
    notifier: Notifier,
    metrics: Metrics,
    draining: AtomicBool,
    rate_limiter: Addr<RateLimiter>,
    stats_collector: Addr<StatsCollector>,
    shards: ShardOptions,
}

impl Deref for Realtime {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Realtime {
    /// Starts the actors. Must be called inside an actix system.
    ///
    /// # Errors
    ///
    /// What the database says when it cannot be asked what has happened until now.
    pub async fn start(settings: &Settings, store: Store, metrics: Metrics) -> Result<Self, StoreError> {
        let control = ControlWatch::begin(&store).await?;
        let limits = Arc::new(RateLimits::new(&settings.limits, metrics.clone()));
        let stats = Arc::new(Stats::new(settings.realtime.stats_rooms_max.or_max()));
        let options = &settings.realtime;
        let revocations = Arc::new(Revocations::default());
        let tenants = Arc::new(LiveTenants::default());
        let surroundings = Surroundings {
            repairs: LogReader::new(store.clone()).start().recipient(),
            revocations: Arc::clone(&revocations),
            tenants: Arc::clone(&tenants),
        };
        let directory = TenantDirectory::new(
            options.registry_threads,
            RegistryOptions {
                mailbox_capacity: options.registry_mailbox,
                idle_timeout: options.registry_idle_timeout,
                presence: PresenceLimits {
                    exact_max: options.presence_exact_max.or_max(),
                    batched_max: options.presence_batched_max.or_max(),
                    sample_max: options.presence_sample_max.or_max(),
                },
                batch_interval: options.batch_interval,
                hole_patience: options.hole_patience,
                read_marks_max: options.read_marks_max.or_max(),
            },
            surroundings,
        );
        let caps = ConnectionCaps {
            total: settings.socket.connections_max,
            per_tenant: settings.socket.connections_per_tenant_max,
            per_address: settings.socket.connections_per_address_max,
            per_user: settings.socket.connections_per_user_max,
        };
        let connections = Connections::new(caps, Arc::clone(&limits));
        let (journal_count, beside) = match store.backend() {
            // It has one writer, so more of them, or of their batches, would only wait for one another.
            DbBackend::Sqlite => (1, Cap::Off),
            _ => (
                options.journals.unwrap_or_else(journals_by_cores),
                options.journal_beside,
            ),
        };
        let (journals, to_start) = Journals::new(journal_count, beside, options);
        let realtime = Self(Arc::new(Inner {
            rate_limiter: RateLimiter::new(Arc::clone(&limits), options.limits_sweep_interval).start(),
            stats_collector: StatsCollector::new(Arc::clone(&stats), SWEEP_INTERVAL).start(),
            store,
            directory,
            control,
            revocations,
            tenants,
            limits,
            stats,
            connections,
            room_locks: RoomLocks::default(),
            journals,
            journal_threads: OnceLock::new(),
            notifier: Notifier::default(),
            metrics,
            draining: AtomicBool::new(false),
            shards: ShardOptions {
                queued_bytes_max: options.shard_queued_bytes_max.or_max(),
                rest_max: options.shard_rest,
                held_max: SocketLimits::default().held_max,
                told_max: settings.socket.outbound_messages_max.or_max(),
            },
        }));
        let watched = Arc::downgrade(&realtime.0);
        realtime
            .metrics
            .watch_journals(move || watched.upgrade().map_or(0, |inner| inner.journals.queued()));
        let mut threads = Vec::new();
        for journal in to_start {
            let own = realtime.store.with_own_connections(journal::BATCHES_MAX).await?;
            threads.push(journal.start(own, Arc::downgrade(&realtime.0)));
        }
        let _ = realtime.journal_threads.set(threads);
        let unread = notifier::run(
            Arc::downgrade(&realtime.0),
            options.unread_interval,
            // A bound that databases can count to.
            options.unread_members_max.get().unwrap_or(i32::MAX as usize) as u64,
        );
        actix::spawn(unread);
        actix::spawn(control_watch::run(
            Arc::downgrade(&realtime.0),
            options.control_interval,
        ));
        let swept = Arc::downgrade(&realtime.0);
        actix::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP_INTERVAL).await;
                let Some(inner) = swept.upgrade() else { break };
                inner.room_locks.sweep();
                inner.directory.sweep();
                inner.revocations.sweep();
                inner
                    .tenants
                    .sweep(|tenant_id| inner.directory.running(tenant_id).is_some());
            }
        });
        Ok(realtime)
    }

    /// What each tenant's registry holds.
    pub async fn counts(&self) -> Vec<(TenantId, RegistryCounts)> {
        let mut counts = Vec::new();
        for (tenant_id, registry) in self.directory.all() {
            if let Ok(count) = registry.send(Count).await {
                counts.push((tenant_id, count));
            }
        }
        counts
    }

    /// Ends all sockets with "service restart", `batch` of them at a time with `pause` in between, so that
    /// not all clients come back in the same moment; returns when they have gone, or after `timeout`.
    /// From the first moment on new sockets are refused.
    pub async fn drain(&self, batch: usize, pause: Duration, timeout: Duration) {
        self.draining.store(true, Ordering::Release);
        let deadline = tokio::time::Instant::now() + timeout;
        let mut sockets = Vec::new();
        for (_, registry) in self.directory.all() {
            sockets.extend(registry.send(ListSockets).await.unwrap_or_default());
        }
        if !sockets.is_empty() {
            info!(sockets = sockets.len(), "sockets are told to reconnect elsewhere");
        }
        for batch in sockets.chunks(batch.max(1)) {
            for socket in batch {
                socket.end(Disconnect::Restart);
            }
            tokio::time::sleep_until((tokio::time::Instant::now() + pause).min(deadline)).await;
        }
        while self.connections.open() > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if self.connections.open() > 0 {
            warn!(
                sockets = self.connections.open(),
                "sockets still open at the end of the drain"
            );
        }
    }

    /// Waits until all messages that were accepted are stored and told, or for `timeout`. None is accepted from then
    /// on.
    pub async fn finish(&self, timeout: Duration) {
        self.journals.finish(timeout).await;
    }

    /// Ends the threads of the journals and registries; nothing works after that.
    pub fn stop(&self) {
        for thread in self.journal_threads.get().into_iter().flatten() {
            thread.stop();
        }
        self.directory.stop();
    }
}

impl Inner {
    /// The database behind the contexts.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Finds the tenants' registries.
    pub fn directory(&self) -> &TenantDirectory {
        &self.directory
    }

    /// The tenants that have sockets here, as they are now.
    pub fn tenants(&self) -> &LiveTenants {
        &self.tenants
    }

    /// The rate limits.
    pub fn limits(&self) -> &RateLimits {
        &self.limits
    }

    /// The message counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The open sockets.
    pub fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }

    /// The actor that owns the message counters.
    pub fn stats_collector(&self) -> &Addr<StatsCollector> {
        &self.stats_collector
    }

    /// The actor that owns the rate limits.
    pub fn rate_limiter(&self) -> &Addr<RateLimiter> {
        &self.rate_limiter
    }

    /// What delivers to the sockets of this thread that can be written to directly.
    pub fn shard(&self) -> ShardHandle {
        room_shard::of_this_thread(&self.shards, &self.metrics)
    }

    /// Whether the server is shutting down and takes no new sockets.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}

/// How many journals there are when nobody says: one for every two cores, at most 8. Sockets and the database want the
/// rest, and what a core is short of goes into larger batches.
fn journals_by_cores() -> usize {
    thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, 8))
}
