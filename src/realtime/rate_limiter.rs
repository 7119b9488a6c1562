//! Rate limits: tables that callers check without a mailbox hop, and the actor that keeps them small.
//!
//! The limits are GCRA ("10/5s" is a burst of ten, then one every half second), counted over all
//! transports together because every transport asks the same tables.
//!
//! Invariants:
//! * What is counted for a tenant has the tenant in its key, so tenants do not use up one another's. Only addresses
//!   are counted over all tenants together, and for a tenant with a limit of its own apart from the others.
//! * The narrow limit is asked before the wide one, so who is refused by their own uses up nothing of everybody's.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use actix::{Actor, AsyncContext, Context};
use dashmap::DashMap;
use governor::{
    Quota, RateLimiter as Governor,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};
use tracing::trace;

use super::refusals::{LimitUsage, Refusals};
use crate::{
    config::{Cap, Limit, LimitSettings, RateLimit},
    ids::{RoomId, TenantId},
    metrics::Metrics,
    tenants::Tenant,
};

mod subject;
#[cfg(test)]
pub(super) mod tests;

pub use self::subject::Subject;

/// A limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rate limited by {limit}")]
pub struct Refused {
    /// The setting's name under `limits`.
    pub limit: &'static str,
    /// How many fit at once.
    pub burst: u32,
    /// How long until one more would pass.
    pub retry_after: Duration,
}

/// What is left of a limit after something passed, or did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// How many fit at once.
    pub limit: u32,
    /// How many still do.
    pub remaining: u32,
    /// How long until all of them do again; after a refusal, until one does.
    pub reset: Duration,
}

impl From<Refused> for Allowance {
    fn from(refused: Refused) -> Self {
        Self {
            limit: refused.burst,
            remaining: 0,
            reset: refused.retry_after,
        }
    }
}

/// How many messages a room took no longer ago than it can take all of them again.
struct RoomLevel {
    /// How many it still took then.
    left: u32,
    at: Instant,
    /// How long until it takes one more.
    interval: Duration,
    burst: u32,
}

impl RoomLevel {
    /// How many it takes now.
    fn left(&self) -> u32 {
        let more = self.at.elapsed().as_nanos() / self.interval.as_nanos().max(1);
        let left = self.left.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        left.min(self.burst)
    }
}

/// A cap on what a tenant may have in its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantCap {
    /// Rooms, direct conversations not counted.
    Rooms,
    /// Members of one room.
    Members,
    /// Bytes of all uploads.
    UploadBytes,
}

impl TenantCap {
    /// The setting's name under `limits`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rooms => "rooms_max",
            Self::Members => "members_per_room_max",
            Self::UploadBytes => "upload_bytes_per_tenant_max",
        }
    }
}

/// What is counted; the tenant is left out where all tenants count together.
type Key = (Option<TenantId>, Subject);

type Table = Governor<Key, DashMapStateStore<Key>, DefaultClock, StateInformationMiddleware>;

/// The limits of a server: the shared tables of all rates, and the caps on what is stored.
pub struct RateLimits {
    /// The deployment's, by [`Limit`].
    defaults: Vec<Option<Table>>,
    /// Those that tenants have of their own; tenants with the same limit share a table.
    own: DashMap<(Limit, RateLimit), Arc<Table>>,
    /// Rooms that took messages a moment ago, where that is limited.
    rooms: DashMap<(TenantId, RoomId), RoomLevel>,
    messages_per_room: RateLimit,
    rooms_max: Cap<u64>,
    members_per_room_max: Cap<u64>,
    upload_bytes_per_tenant_max: Cap<u64>,
    totals: Vec<AtomicU64>,
    refusals: Refusals,
    metrics: Metrics,
}

impl RateLimits {
    /// The limits of `settings`; refusals are counted in `metrics`.
    pub fn new(settings: &LimitSettings, metrics: Metrics) -> Self {
        Self {
            defaults: Limit::ALL.iter().map(|limit| table(settings.rate(*limit))).collect(),
            own: DashMap::new(),
            rooms: DashMap::new(),
            messages_per_room: settings.rate(Limit::MessagesPerRoom),
            rooms_max: settings.rooms_max,
            members_per_room_max: settings.members_per_room_max,
            upload_bytes_per_tenant_max: settings.upload_bytes_per_tenant_max,
            totals: Limit::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            refusals: Refusals::default(),
            metrics,
        }
    }

    /// Counts one of `limit` for a subject of a tenant; says what is left where there is a limit.
    ///
    /// # Errors
    ///
    /// [`Refused`], unless the tenant's limits are only tried.
    pub fn check(&self, tenant: &Tenant, limit: Limit, subject: Subject) -> Result<Option<Allowance>, Refused> {
        match self.count(tenant, limit, subject) {
            Err(refused) => self.refuse(tenant, limit, refused).map(|()| None),
            passed => passed,
        }
    }

    /// Counts one of a limit that is the server's, for an address.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub fn check_address(&self, limit: Limit, address: IpAddr) -> Result<Option<Allowance>, Refused> {
        let key = (None, Subject::address(address));
        take(self.default_table(limit), &key, limit).inspect_err(|_| self.note_total(limit))
    }

    /// Asks how many more messages a room takes, at least one. It counts what is stored, by [`Self::room_took`]: else
    /// people who may not write in it could fill it. The caller holds the room's lock from here to there.
    ///
    /// # Errors
    ///
    /// As [`Self::check`].
    pub fn room_takes(&self, tenant: &Tenant, room_id: RoomId) -> Result<u32, Refused> {
        let limit = Limit::MessagesPerRoom;
        let RateLimit::Per { burst, .. } = tenant.limits.rate(limit).unwrap_or(self.messages_per_room) else {
            return Ok(u32::MAX);
        };
        let refused = match self.rooms.get(&(tenant.id, room_id)) {
            None => return Ok(burst.get()),
            Some(level) => match level.left() {
                0 => Refused {
                    limit: limit.name(),
                    burst: level.burst,
                    retry_after: level.interval.saturating_sub(level.at.elapsed()),
                },
                left => return Ok(left),
            },
        };
        self.refuse(tenant, limit, refused).map(|()| u32::MAX)
    }

    /// A message was stored in a room.
    pub fn room_took(&self, tenant: &Tenant, room_id: RoomId) {
        let (limit, subject) = (Limit::MessagesPerRoom, Subject::Room(room_id));
        let (left, burst, interval) = match self.count(tenant, limit, subject) {
            Ok(Some(Allowance {
                limit,
                remaining,
                reset,
            })) => (remaining, limit, reset / (limit - remaining).max(1)),
            Err(refused) => (0, refused.burst, refused.retry_after),
            Ok(None) => return,
        };
        let at = Instant::now();
        let level = RoomLevel {
            left,
            at,
            interval,
            burst,
        };
        self.rooms.insert((tenant.id, room_id), level);
    }

    /// One attempt to sign in to an account of a tenant. What comes from elsewhere is counted by itself, so who guesses
    /// does not lock the owner out.
    ///
    /// # Errors
    ///
    /// As [`Self::check`].
    pub fn check_login(&self, tenant: &Tenant, username: &str, address: IpAddr) -> Result<(), Refused> {
        // The address first: what it may ask for bounds how many names are kept.
        self.check(tenant, Limit::LoginsPerAddress, Subject::address(address))?;
        self.check(
            tenant,
            Limit::LoginsPerAccount,
            Subject::account_from(username, address),
        )?;
        self.check(tenant, Limit::LoginsPerAccountAnywhere, Subject::account(username))?;
        self.check(tenant, Limit::LoginsPerTenant, Subject::Tenant)?;
        Ok(())
    }

    /// One new account of a tenant.
    ///
    /// # Errors
    ///
    /// As [`Self::check`].
    pub fn check_registration(&self, tenant: &Tenant, address: IpAddr) -> Result<(), Refused> {
        self.check(tenant, Limit::RegistrationsPerAddress, Subject::address(address))?;
        self.check(tenant, Limit::RegistrationsPerTenant, Subject::Tenant)?;
        Ok(())
    }

    /// One REST request of a tenant's user or key; says what is left of that one's own limit.
    ///
    /// # Errors
    ///
    /// As [`Self::check`].
    pub fn check_request(&self, tenant: &Tenant, subject: Subject) -> Result<Option<Allowance>, Refused> {
        let left = self.check(tenant, Limit::RequestsPerUser, subject)?;
        self.check(tenant, Limit::RequestsPerTenant, Subject::Tenant)?;
        Ok(left)
    }

    /// How much of something a tenant may have.
    pub fn cap(&self, tenant: &Tenant, cap: TenantCap) -> Cap<u64> {
        match cap {
            TenantCap::Rooms => tenant.limits.rooms_max.unwrap_or(self.rooms_max),
            TenantCap::Members => tenant.limits.members_per_room_max.unwrap_or(self.members_per_room_max),
            TenantCap::UploadBytes => tenant
                .limits
                .upload_bytes_per_tenant_max
                .unwrap_or(self.upload_bytes_per_tenant_max),
        }
    }

    /// The same for what is left out above the cap, and not refused: nothing is, where the limits are only tried.
    pub fn cap_in_force(&self, tenant: &Tenant, cap: TenantCap) -> Cap<u64> {
        if tenant.limits.dry_run {
            Cap::Off
        } else {
            self.cap(tenant, cap)
        }
    }

    /// A cap of the tenant was reached, which is told like a rate limit in the usage. Says whether it holds: the
    /// tenant's limits may only be tried.
    pub fn cap_holds(&self, tenant: &Tenant, cap: &'static str) -> bool {
        let tried = tenant.limits.dry_run;
        self.refusals.note(tenant, cap, tried);
        if !tried {
            self.metrics.rate_limited(cap);
        }
        !tried
    }

    /// How often each limit refused since the start, by its name under `limits`.
    pub fn refusals(&self) -> Vec<(&'static str, u64)> {
        let counts = self.totals.iter().map(|total| total.load(Ordering::Relaxed));
        Limit::ALL.iter().map(|limit| limit.name()).zip(counts).collect()
    }

    /// Which limits a tenant reached since the start.
    pub fn usage(&self, tenant_id: TenantId) -> Vec<LimitUsage> {
        self.refusals.of(tenant_id)
    }

    /// Drops keys that are as good as new; returns how many stay.
    pub fn sweep(&self) -> usize {
        self.rooms.retain(|_, level| level.left() < level.burst);
        self.own.retain(|_, table| {
            sweep(table);
            !table.is_empty()
        });
        let defaults = self.defaults.iter().flatten().map(sweep).sum::<usize>();
        defaults + self.own.iter().map(|table| table.len()).sum::<usize>()
    }

    fn count(&self, tenant: &Tenant, limit: Limit, subject: Subject) -> Result<Option<Allowance>, Refused> {
        match tenant.limits.rate(limit) {
            Some(own) => {
                let Some(table) = self.own_table(limit, own) else {
                    return Ok(None);
                };
                take(Some(&table), &(Some(tenant.id), subject), limit)
            }
            None => {
                let shared = matches!(subject, Subject::Address(_));
                let key = ((!shared).then_some(tenant.id), subject);
                take(self.default_table(limit), &key, limit)
            }
        }
    }

    fn default_table(&self, limit: Limit) -> Option<&Table> {
        self.defaults.get(limit as usize)?.as_ref()
    }

    fn own_table(&self, limit: Limit, rate: RateLimit) -> Option<Arc<Table>> {
        if let Some(known) = self.own.get(&(limit, rate)) {
            return Some(Arc::clone(&known));
        }
        let new = Arc::new(table(rate)?);
        Some(Arc::clone(&self.own.entry((limit, rate)).or_insert(new)))
    }

    fn refuse(&self, tenant: &Tenant, limit: Limit, refused: Refused) -> Result<(), Refused> {
        let tried = tenant.limits.dry_run && !limit.guards_passwords();
        self.refusals.note(tenant, limit.name(), tried);
        if tried {
            return Ok(());
        }
        self.note_total(limit);
        Err(refused)
    }

    fn note_total(&self, limit: Limit) {
        if let Some(total) = self.totals.get(limit as usize) {
            total.fetch_add(1, Ordering::Relaxed);
        }
        self.metrics.rate_limited(limit.name());
    }
}

fn table(rate: RateLimit) -> Option<Table> {
    match rate {
        RateLimit::Off => None,
        RateLimit::Per { burst, period } => {
            let quota = Quota::with_period(period / burst.get())?.allow_burst(burst);
            Some(Governor::keyed(quota).with_middleware())
        }
    }
}

fn take(table: Option<&Table>, key: &Key, limit: Limit) -> Result<Option<Allowance>, Refused> {
    let Some(table) = table else { return Ok(None) };
    match table.check_key(key) {
        Ok(state) => {
            let (quota, remaining) = (state.quota(), state.remaining_burst_capacity());
            let limit = quota.burst_size().get();
            Ok(Some(Allowance {
                limit,
                remaining,
                reset: quota.replenish_interval() * limit.saturating_sub(remaining),
            }))
        }
        Err(not_until) => Err(Refused {
            limit: limit.name(),
            burst: not_until.quota().burst_size().get(),
            retry_after: not_until.wait_time_from(table.clock().now()),
        }),
    }
}

fn sweep(table: &Table) -> usize {
    table.retain_recent();
    table.shrink_to_fit();
    table.len()
}

/// Owns the sweep of the [`RateLimits`]: governor's keyed state only grows by itself.
pub struct RateLimiter {
    limits: Arc<RateLimits>,
    sweep_interval: Duration,
}

impl RateLimiter {
    /// Sweeps `limits` every `sweep_interval`.
    pub fn new(limits: Arc<RateLimits>, sweep_interval: Duration) -> Self {
        Self { limits, sweep_interval }
    }
}

impl Actor for RateLimiter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(self.sweep_interval, |limiter, _| {
            let keys = limiter.limits.sweep();
            trace!(keys, "rate limits swept");
        });
    }
}
