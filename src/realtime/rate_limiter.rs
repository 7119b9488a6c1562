//! Rate limits: a table that callers check without a mailbox hop, and the actor that keeps it small.
//!
//! The limits are GCRA ("10/5s" is a burst of ten, then one every half second), counted over all
//! transports together because every transport asks the same table.

use std::{
    hash::Hash,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actix::{Actor, AsyncContext, Context};
use governor::{Quota, RateLimiter as Governor, clock::Clock, clock::DefaultClock, state::keyed::DashMapStateStore};
use tracing::trace;

use super::socket_handle::SocketId;
use crate::{
    config::{LimitSettings, RateLimit},
    ids::{TenantId, UserId},
    metrics::Metrics,
    scope::Scope,
};

/// A limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rate limited by {limit}")]
pub struct Refused {
    /// The setting's name under `limits`.
    pub limit: &'static str,
    /// How long until one more would pass.
    pub retry_after: Duration,
}

impl Refused {
    /// Whole milliseconds until one more would pass; at least one.
    pub fn retry_after_ms(&self) -> u64 {
        u64::try_from(self.retry_after.as_micros().div_ceil(1000))
            .unwrap_or(u64::MAX)
            .max(1)
    }
}

/// The shared table of all rate limits of a server.
pub struct RateLimits {
    messages: Limit<(TenantId, UserId)>,
    typing: Limit<(TenantId, UserId)>,
    changes: Limit<(TenantId, UserId)>,
    reactions: Limit<(TenantId, UserId)>,
    reads: Limit<(TenantId, UserId)>,
    joins: Limit<SocketId>,
    logins_account: Limit<(TenantId, String)>,
    logins_address: Limit<IpAddr>,
    registrations_address: Limit<IpAddr>,
    metrics: Metrics,
}

struct Limit<K: Hash + Eq + Clone> {
    name: &'static str,
    governor: Option<Governor<K, DashMapStateStore<K>, DefaultClock>>,
    refusals: AtomicU64,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(name: &'static str, limit: RateLimit) -> Self {
        let governor = match limit {
            RateLimit::Off => None,
            RateLimit::Per { burst, period } => {
                Quota::with_period(period / burst.get()).map(|quota| Governor::keyed(quota.allow_burst(burst)))
            }
        };
        Self {
            name,
            governor,
            refusals: AtomicU64::new(0),
        }
    }

    fn check(&self, key: &K, metrics: &Metrics) -> Result<(), Refused> {
        let Some(governor) = &self.governor else { return Ok(()) };
        governor.check_key(key).map_err(|not_until| {
            self.refusals.fetch_add(1, Ordering::Relaxed);
            metrics.rate_limited(self.name);
            Refused {
                limit: self.name,
                retry_after: not_until.wait_time_from(governor.clock().now()),
            }
        })
    }

    fn sweep(&self) -> usize {
        self.governor.as_ref().map_or(0, |governor| {
            governor.retain_recent();
            governor.shrink_to_fit();
            governor.len()
        })
    }

    fn refusals(&self) -> (&'static str, u64) {
        (self.name, self.refusals.load(Ordering::Relaxed))
    }
}

impl RateLimits {
    /// The limits of `settings`; refusals are counted in `metrics`.
    pub fn new(settings: &LimitSettings, metrics: Metrics) -> Self {
        Self {
            messages: Limit::new("messages_per_user", settings.messages_per_user),
            typing: Limit::new("typing_per_user", settings.typing_per_user),
            changes: Limit::new("changes_per_user", settings.changes_per_user),
            reactions: Limit::new("reactions_per_user", settings.reactions_per_user),
            reads: Limit::new("reads_per_user", settings.reads_per_user),
            joins: Limit::new("joins_per_socket", settings.joins_per_socket),
            logins_account: Limit::new("logins_per_account", settings.logins_per_account),
            logins_address: Limit::new("logins_per_address", settings.logins_per_address),
            registrations_address: Limit::new("registrations_per_address", settings.registrations_per_address),
            metrics,
        }
    }

    /// One message sent by a user, over whatever transport.
    pub fn message(&self, scope: &Scope) -> Result<(), Refused> {
        self.messages.check(&(scope.tenant_id, scope.user_id), &self.metrics)
    }

    /// One typing notice of a user.
    pub fn typing(&self, scope: &Scope) -> Result<(), Refused> {
        self.typing.check(&(scope.tenant_id, scope.user_id), &self.metrics)
    }

    /// One edit, deletion or pin by a user.
    pub fn change(&self, scope: &Scope) -> Result<(), Refused> {
        self.changes.check(&(scope.tenant_id, scope.user_id), &self.metrics)
    }

    /// One reaction given or taken back by a user.
    pub fn reaction(&self, scope: &Scope) -> Result<(), Refused> {
        self.reactions.check(&(scope.tenant_id, scope.user_id), &self.metrics)
    }

    /// One read mark of a user.
    pub fn read(&self, scope: &Scope) -> Result<(), Refused> {
        self.reads.check(&(scope.tenant_id, scope.user_id), &self.metrics)
    }

    /// One join on a socket.
    pub fn join(&self, socket_id: SocketId) -> Result<(), Refused> {
        self.joins.check(&socket_id, &self.metrics)
    }

    /// One attempt to log in to an account, from anywhere. Names are compared without regard to case.
    pub fn login_account(&self, tenant_id: TenantId, username: &str) -> Result<(), Refused> {
        self.logins_account
            .check(&(tenant_id, username.to_lowercase()), &self.metrics)
    }

    /// One attempt to log in from an address, to any account.
    pub fn login_address(&self, address: IpAddr) -> Result<(), Refused> {
        self.logins_address.check(&address, &self.metrics)
    }

    /// One registration from an address.
    pub fn registration_address(&self, address: IpAddr) -> Result<(), Refused> {
        self.registrations_address.check(&address, &self.metrics)
    }

    /// How often each limit refused since the start, by its name under `limits`.
    pub fn refusals(&self) -> Vec<(&'static str, u64)> {
        vec![
            self.messages.refusals(),
            self.typing.refusals(),
            self.changes.refusals(),
            self.reactions.refusals(),
            self.reads.refusals(),
            self.joins.refusals(),
            self.logins_account.refusals(),
            self.logins_address.refusals(),
            self.registrations_address.refusals(),
        ]
    }

    /// Drops keys that are as good as new; returns how many stay.
    pub fn sweep(&self) -> usize {
        self.messages.sweep()
            + self.typing.sweep()
            + self.changes.sweep()
            + self.reactions.sweep()
            + self.reads.sweep()
            + self.joins.sweep()
            + self.logins_account.sweep()
            + self.logins_address.sweep()
            + self.registrations_address.sweep()
    }
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
