//! How many sockets are open, in all, per tenant, address and user, and how many may be.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use dashmap::DashMap;

use super::{address::network, rate_limiter::RateLimits};
use crate::{
    config::Cap,
    ids::{TenantId, UserId},
    tenants::Tenant,
};

/// The counters of open sockets. Shared as `Arc`; each socket holds a [`ConnectionPermit`].
pub struct Connections {
    total: AtomicUsize,
    /// By tenant: there are as many users as sockets, and each would pay for a larger key.
    users: DashMap<TenantId, HashMap<UserId, u32>>,
    /// Of all other places.
    others: DashMap<Place, u32>,
    caps: ConnectionCaps,
    limits: Arc<RateLimits>,
}

/// The most sockets that may be open at a time. All but the first can be a tenant's own.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionCaps {
    /// On this server.
    pub total: Cap<usize>,
    /// Of one tenant.
    pub per_tenant: Cap<usize>,
    /// From one address.
    pub per_address: Cap<usize>,
    /// Of one user.
    pub per_user: Cap<usize>,
}

/// A cap on open sockets was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooManyConnections {
    /// The server's.
    #[error("too many connections")]
    Server,
    /// The tenant's.
    #[error("too many connections of this tenant")]
    Tenant,
    /// The address's.
    #[error("too many connections from this address")]
    Address,
    /// The user's.
    #[error("too many connections of this user")]
    User,
}

/// What a socket takes a place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Tenant(TenantId),
    User(TenantId, UserId),
    /// Of all tenants together, or of one that has a cap of its own.
    Address(Option<TenantId>, IpAddr),
}

impl Place {
    /// The cap's name, and what reaching it is told as.
    fn cap(self) -> (&'static str, TooManyConnections) {
        match self {
            Self::Tenant(_) => ("connections_per_tenant_max", TooManyConnections::Tenant),
            Self::User(..) => ("connections_per_user_max", TooManyConnections::User),
            Self::Address(..) => ("connections_per_address_max", TooManyConnections::Address),
        }
    }
}

/// One open socket; gives its places back when dropped. As long as a socket is open it has one, so it is small.
pub struct ConnectionPermit {
    connections: Arc<Connections>,
    tenant_id: TenantId,
    user_id: UserId,
    /// As [`network`] counts it.
    address: IpAddr,
    /// Whether the tenant has a cap of its own on addresses.
    own_address: bool,
    /// How many of [`Self::places`] are taken.
    taken: u8,
}

impl ConnectionPermit {
    /// What is taken, in this order.
    fn places(&self) -> [Place; 3] {
        let of_tenant = self.own_address.then_some(self.tenant_id);
        [
            Place::User(self.tenant_id, self.user_id),
            Place::Address(of_tenant, self.address),
            Place::Tenant(self.tenant_id),
        ]
    }
}

impl Connections {
    /// Nothing open yet. Refusals are counted in `limits`.
    pub fn new(caps: ConnectionCaps, limits: Arc<RateLimits>) -> Arc<Self> {
        Arc::new(Self {
            total: AtomicUsize::new(0),
            users: DashMap::new(),
            others: DashMap::new(),
            caps,
            limits,
        })
    }

    /// Takes a place for one more socket.
    ///
    /// # Errors
    ///
    /// Says which cap is reached; nothing is taken then. Caps of a tenant whose limits are only tried refuse nobody;
    /// the server's does.
    pub fn admit(
        self: &Arc<Self>,
        tenant: &Tenant,
        user_id: UserId,
        address: IpAddr,
    ) -> Result<ConnectionPermit, TooManyConnections> {
        if !self.caps.total.allows(self.total.fetch_add(1, Ordering::AcqRel) + 1) {
            self.total.fetch_sub(1, Ordering::AcqRel);
            return Err(TooManyConnections::Server);
        }
        let own = &tenant.limits;
        // Gives back what was taken so far when the next place is not to be had.
        let mut permit = ConnectionPermit {
            connections: Arc::clone(self),
            tenant_id: tenant.id,
            user_id,
            address: network(address),
            own_address: own.connections_per_address_max.is_some(),
            taken: 0,
        };
        let caps = [
            own.connections_per_user_max.unwrap_or(self.caps.per_user),
            own.connections_per_address_max.unwrap_or(self.caps.per_address),
            own.connections_per_tenant_max.unwrap_or(self.caps.per_tenant),
        ];
        for (place, cap) in permit.places().into_iter().zip(caps) {
            if !self.take(place, cap) {
                let (name, too_many) = place.cap();
                if self.limits.cap_holds(tenant, name) {
                    return Err(too_many);
                }
                self.take(place, Cap::Off);
            }
            permit.taken += 1;
        }
        Ok(permit)
    }

    /// Open sockets.
    pub fn open(&self) -> usize {
        self.total.load(Ordering::Acquire)
    }

    /// Open sockets of a tenant.
    pub fn open_of(&self, tenant_id: TenantId) -> usize {
        let open = self.others.get(&Place::Tenant(tenant_id));
        open.map_or(0, |open| *open as usize)
    }

    fn take(&self, place: Place, cap: Cap<usize>) -> bool {
        let take = |count: &mut u32| {
            let free = cap.allows(*count as usize + 1);
            *count += u32::from(free);
            free
        };
        match place {
            Place::User(tenant_id, user_id) => {
                take(self.users.entry(tenant_id).or_default().entry(user_id).or_default())
            }
            Place::Tenant(_) | Place::Address(..) => take(&mut self.others.entry(place).or_default()),
        }
    }

    fn give_back(&self, place: &Place) {
        let is_last = |count: &mut u32| {
            *count = count.saturating_sub(1);
            *count == 0
        };
        match place {
            Place::User(tenant_id, user_id) => {
                self.users.remove_if_mut(tenant_id, |_, users| {
                    if users.get_mut(user_id).is_some_and(is_last) {
                        users.remove(user_id);
                    }
                    users.is_empty()
                });
            }
            Place::Tenant(_) | Place::Address(..) => {
                self.others.remove_if_mut(place, |_, count| is_last(count));
            }
        }
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.users.is_empty() && self.others.is_empty()
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.connections.total.fetch_sub(1, Ordering::AcqRel);
        for place in &self.places()[..usize::from(self.taken)] {
            self.connections.give_back(place);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::{
        config::{Settings, Sources, TenantLimits},
        metrics::Metrics,
        realtime::rate_limiter::tests::tenant,
    };

    fn connections(total: usize, per_tenant: usize, per_address: usize, per_user: usize) -> Arc<Connections> {
        let settings = Settings::load(&Sources::default()).unwrap().settings;
        let caps = ConnectionCaps {
            total: Cap::Max(total),
            per_tenant: Cap::Max(per_tenant),
            per_address: Cap::Max(per_address),
            per_user: Cap::Max(per_user),
        };
        let limits = RateLimits::new(&settings.limits, Metrics::new(&settings));
        Connections::new(caps, Arc::new(limits))
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    #[test]
    fn each_cap_refuses_exactly_the_socket_beyond_it() {
        let connections = connections(5, 4, 2, 3);
        let (a, b) = (tenant(TenantLimits::default()), tenant(TenantLimits::default()));
        let (ann, bob) = (UserId::generate(), UserId::generate());
        let admit = |tenant, user, last| connections.admit(tenant, user, address(last));
        let first = admit(&a, ann, 1).unwrap();
        let _second = admit(&a, ann, 1).unwrap();
        assert_eq!(admit(&a, ann, 1).err(), Some(TooManyConnections::Address));
        let _third = admit(&a, ann, 2).unwrap();
        assert_eq!(admit(&a, ann, 3).err(), Some(TooManyConnections::User));
        let _fourth = admit(&a, bob, 3).unwrap();
        assert_eq!(admit(&a, bob, 4).err(), Some(TooManyConnections::Tenant));
        assert_eq!(
            admit(&b, bob, 1).err(),
            Some(TooManyConnections::Address),
            "of all tenants"
        );
        let _fifth = admit(&b, bob, 4).unwrap();
        assert_eq!(admit(&b, bob, 5).err(), Some(TooManyConnections::Server));
        drop(first);
        assert!(admit(&a, ann, 1).is_ok());
    }

    #[test]
    fn refusals_and_closed_sockets_leave_nothing_behind() {
        let connections = connections(10, 10, 1, 10);
        let (tenant, user) = (tenant(TenantLimits::default()), UserId::generate());
        let permit = connections.admit(&tenant, user, address(1)).unwrap();
        assert!(connections.admit(&tenant, user, address(1)).is_err());
        drop(permit);
        assert_eq!((connections.open(), connections.open_of(tenant.id)), (0, 0));
        assert!(connections.is_empty());
    }

    #[test]
    fn a_tenants_own_caps_count_its_own_sockets() {
        let connections = connections(10, 1, 1, 1);
        let own = TenantLimits {
            connections_per_tenant_max: Some(Cap::Max(3)),
            connections_per_address_max: Some(Cap::Max(2)),
            connections_per_user_max: Some(Cap::Off),
            ..TenantLimits::default()
        };
        let (own, other, user) = (tenant(own), tenant(TenantLimits::default()), UserId::generate());
        let _other = connections.admit(&other, user, address(1)).unwrap();
        let _first = connections.admit(&own, user, address(1)).unwrap();
        let _second = connections.admit(&own, user, address(1)).unwrap();
        assert_eq!(
            connections.admit(&own, user, address(1)).err(),
            Some(TooManyConnections::Address)
        );
        let _third = connections.admit(&own, user, address(2)).unwrap();
        assert_eq!(
            connections.admit(&own, user, address(3)).err(),
            Some(TooManyConnections::Tenant)
        );
    }

    #[test]
    fn caps_that_are_only_tried_refuse_nobody_but_count() {
        let connections = connections(2, 1, 1, 1);
        let tried = tenant(TenantLimits {
            dry_run: true,
            ..TenantLimits::default()
        });
        let user = UserId::generate();
        let first = connections.admit(&tried, user, address(1)).unwrap();
        let second = connections.admit(&tried, user, address(1)).unwrap();
        assert_eq!(connections.open_of(tried.id), 2);
        assert_eq!(
            connections.admit(&tried, user, address(1)).err(),
            Some(TooManyConnections::Server)
        );
        let usage = connections.limits.usage(tried.id);
        assert!(usage.iter().all(|usage| (usage.refused, usage.would_refuse) == (0, 1)));
        assert_eq!(usage.len(), 3);
        drop((first, second));
        assert!(connections.is_empty());
    }
}
