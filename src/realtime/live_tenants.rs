//! Tenants as they are now, for sockets that stay open while their tenant's settings change.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dashmap::{DashMap, mapref::entry::Entry};

use crate::{ids::TenantId, tenants::Tenant};

/// How long a tenant without sockets is remembered: longer than it takes from reading it to registering a socket.
const REMEMBERED: Duration = Duration::from_secs(60);

/// What was last read of the tenants that have sockets here.
#[derive(Default)]
pub struct LiveTenants {
    tenants: DashMap<TenantId, Live>,
}

struct Live {
    tenant: Arc<Tenant>,
    read_at: Instant,
}

impl LiveTenants {
    /// The tenant as it is now, as far as it is known.
    pub fn get(&self, tenant_id: TenantId) -> Option<Arc<Tenant>> {
        self.tenants.get(&tenant_id).map(|live| Arc::clone(&live.tenant))
    }

    /// Takes in what was read of a tenant, and gives what holds: what was read last. `read_at` is a moment before the
    /// reading began, so what was changed before it is in there.
    pub fn put(&self, tenant: Arc<Tenant>, read_at: Instant) -> Arc<Tenant> {
        match self.tenants.entry(tenant.id) {
            Entry::Vacant(entry) => Arc::clone(&entry.insert(Live { tenant, read_at }).tenant),
            Entry::Occupied(mut entry) => {
                let live = entry.get_mut();
                if live.read_at < read_at {
                    live.read_at = read_at;
                    // Sockets share one tenant for as long as nothing changes.
                    if live.tenant != tenant {
                        live.tenant = tenant;
                    }
                }
                Arc::clone(&live.tenant)
            }
        }
    }

    /// Forgets tenants that have no sockets here.
    pub fn sweep(&self, has_sockets: impl Fn(TenantId) -> bool) {
        self.tenants
            .retain(|&tenant_id, live| live.read_at.elapsed() <= REMEMBERED || has_sockets(tenant_id));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{config::TenantLimits, tenants::TenantSettings, timestamp::Timestamp};

    /// A tenant that is in no database.
    pub(in crate::realtime) fn tenant(id: TenantId, settings: TenantSettings) -> Arc<Tenant> {
        Arc::new(Tenant {
            id,
            slug: "site".to_owned(),
            name: "Site".to_owned(),
            public_key: String::new(),
            settings,
            limits: TenantLimits::default(),
            suspended_at: None,
            inserted_at: Timestamp(0),
        })
    }

    #[test]
    fn what_was_read_last_holds_whatever_comes_last() {
        let tenants = LiveTenants::default();
        let id = TenantId::generate();
        let earlier = Instant::now();
        let later = earlier + Duration::from_millis(1);
        let old = tenant(id, TenantSettings::default());
        let settings = TenantSettings {
            announce_joins: true,
            ..TenantSettings::default()
        };
        let new = tenant(id, settings);
        assert!(tenants.put(Arc::clone(&new), later).settings.announce_joins);
        assert!(tenants.put(old, earlier).settings.announce_joins);
        assert_eq!(tenants.get(id), Some(new));
    }

    #[test]
    fn an_unchanged_tenant_stays_the_one_that_sockets_share() {
        let tenants = LiveTenants::default();
        let id = TenantId::generate();
        let earlier = Instant::now();
        let first = tenants.put(tenant(id, TenantSettings::default()), earlier);
        let again = tenants.put(
            tenant(id, TenantSettings::default()),
            earlier + Duration::from_millis(1),
        );
        assert!(Arc::ptr_eq(&first, &again));
    }

    #[test]
    fn tenants_without_sockets_are_forgotten_after_a_while() {
        let tenants = LiveTenants::default();
        let (fresh, used, unused) = (TenantId::generate(), TenantId::generate(), TenantId::generate());
        let now = Instant::now();
        let put = |id, read_at| tenants.put(tenant(id, TenantSettings::default()), read_at);
        put(fresh, now);
        let Some(long_ago) = now.checked_sub(2 * REMEMBERED) else {
            return;
        };
        put(used, long_ago);
        put(unused, long_ago);
        tenants.sweep(|tenant_id| tenant_id == used);
        assert!(tenants.get(fresh).is_some() && tenants.get(used).is_some());
        assert!(tenants.get(unused).is_none());
    }
}
