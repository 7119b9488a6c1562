//! What the limits refused, and what those that are only tried would have: counted by tenant, logged now and then.

use std::time::{Duration, Instant};

use dashmap::DashMap;
use tracing::warn;

use crate::{ids::TenantId, tenants::Tenant};

/// The least time between two lines about the same limit of the same tenant.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// The counters since the start, by tenant and limit.
#[derive(Default)]
pub struct Refusals {
    counts: DashMap<(TenantId, &'static str), Counts>,
}

#[derive(Default)]
struct Counts {
    refused: u64,
    tried: u64,
    logged_at: Option<Instant>,
}

/// How often a limit of a tenant was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitUsage {
    /// The limit's name.
    pub limit: &'static str,
    /// Refusals.
    pub refused: u64,
    /// What passed only because the tenant's limits are tried (`dry_run`).
    pub would_refuse: u64,
}

impl Refusals {
    /// A limit of the tenant was reached. When its limits are only tried, what is asked for passes all the same.
    pub fn note(&self, tenant: &Tenant, limit: &'static str, tried: bool) {
        let mut counts = self.counts.entry((tenant.id, limit)).or_default();
        if !tried {
            counts.refused += 1;
            return;
        }
        counts.tried += 1;
        if counts.logged_at.is_none_or(|at| at.elapsed() >= LINE_INTERVAL) {
            counts.logged_at = Some(Instant::now());
            warn!(
                tenant = tenant.slug,
                limit,
                would_refuse = counts.tried,
                "a limit that is only tried was reached"
            );
        }
    }

    /// The limits that a tenant reached since the start, by name.
    pub fn of(&self, tenant_id: TenantId) -> Vec<LimitUsage> {
        let mut found: Vec<_> = self
            .counts
            .iter()
            .filter(|entry| entry.key().0 == tenant_id)
            .map(|entry| LimitUsage {
                limit: entry.key().1,
                refused: entry.refused,
                would_refuse: entry.tried,
            })
            .collect();
        found.sort_unstable_by_key(|usage| usage.limit);
        found
    }
}
