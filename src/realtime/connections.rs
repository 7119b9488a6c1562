//! How many sockets are open, in all, per tenant and per address, and how many may be.

use std::{
    hash::Hash,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use dashmap::DashMap;

use crate::{config::Cap, ids::TenantId};

/// The counters of open sockets. Shared as `Arc`; each socket holds a [`ConnectionPermit`].
pub struct Connections {
    total: AtomicUsize,
    by_tenant: DashMap<TenantId, usize>,
    by_address: DashMap<IpAddr, usize>,
    caps: ConnectionCaps,
}

/// The most sockets that may be open at a time.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionCaps {
    /// On this server.
    pub total: Cap<usize>,
    /// Of one tenant.
    pub per_tenant: Cap<usize>,
    /// From one address.
    pub per_address: Cap<usize>,
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
}

/// One open socket; gives its place back when dropped.
pub struct ConnectionPermit {
    connections: Arc<Connections>,
    tenant_id: TenantId,
    address: Option<IpAddr>,
}

impl Connections {
    /// Nothing open yet.
    pub fn new(caps: ConnectionCaps) -> Arc<Self> {
        Arc::new(Self {
            total: AtomicUsize::new(0),
            by_tenant: DashMap::new(),
            by_address: DashMap::new(),
            caps,
        })
    }

    /// Takes a place for one more socket. `address` is unknown only for transports without a peer.
    pub fn admit(
        self: &Arc<Self>,
        tenant_id: TenantId,
        address: Option<IpAddr>,
    ) -> Result<ConnectionPermit, TooManyConnections> {
        let open = self.total.fetch_add(1, Ordering::AcqRel);
        if !self.caps.total.allows(open + 1) {
            self.total.fetch_sub(1, Ordering::AcqRel);
            return Err(TooManyConnections::Server);
        }
        if !take(&self.by_tenant, tenant_id, self.caps.per_tenant) {
            self.total.fetch_sub(1, Ordering::AcqRel);
            return Err(TooManyConnections::Tenant);
        }
        if let Some(address) = address
            && !take(&self.by_address, address, self.caps.per_address)
        {
            self.total.fetch_sub(1, Ordering::AcqRel);
            give_back(&self.by_tenant, &tenant_id);
            return Err(TooManyConnections::Address);
        }
        Ok(ConnectionPermit {
            connections: Arc::clone(self),
            tenant_id,
            address,
        })
    }

    /// Open sockets.
    pub fn open(&self) -> usize {
        self.total.load(Ordering::Acquire)
    }

    /// Open sockets of a tenant.
    pub fn open_of(&self, tenant_id: TenantId) -> usize {
        self.by_tenant.get(&tenant_id).map_or(0, |count| *count)
    }
}

fn take<K: Hash + Eq>(counts: &DashMap<K, usize>, key: K, cap: Cap<usize>) -> bool {
    let mut count = counts.entry(key).or_insert(0);
    if cap.allows(*count + 1) {
        *count += 1;
        return true;
    }
    false
}

fn give_back<K: Hash + Eq>(counts: &DashMap<K, usize>, key: &K) {
    counts.remove_if_mut(key, |_, count| {
        *count = count.saturating_sub(1);
        *count == 0
    });
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.connections.total.fetch_sub(1, Ordering::AcqRel);
        give_back(&self.connections.by_tenant, &self.tenant_id);
        if let Some(address) = &self.address {
            give_back(&self.connections.by_address, address);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn caps(total: usize, per_tenant: usize, per_address: usize) -> ConnectionCaps {
        ConnectionCaps {
            total: Cap::Max(total),
            per_tenant: Cap::Max(per_tenant),
            per_address: Cap::Max(per_address),
        }
    }

    #[test]
    fn each_cap_refuses_exactly_the_socket_beyond_it() {
        let connections = Connections::new(caps(3, 2, 1));
        let (a, b) = (TenantId::generate(), TenantId::generate());
        let address = |last: u8| Some(IpAddr::from([127, 0, 0, last]));
        let first = connections.admit(a, address(1)).unwrap();
        assert_eq!(
            connections.admit(a, address(1)).err(),
            Some(TooManyConnections::Address)
        );
        let _second = connections.admit(a, address(2)).unwrap();
        assert_eq!(connections.admit(a, address(3)).err(), Some(TooManyConnections::Tenant));
        let _third = connections.admit(b, address(3)).unwrap();
        assert_eq!(connections.admit(b, address(4)).err(), Some(TooManyConnections::Server));
        drop(first);
        assert!(connections.admit(a, address(1)).is_ok());
    }

    #[test]
    fn refusals_and_closed_sockets_leave_nothing_behind() {
        let connections = Connections::new(caps(10, 10, 1));
        let tenant = TenantId::generate();
        let address = Some(IpAddr::from([127, 0, 0, 1]));
        let permit = connections.admit(tenant, address).unwrap();
        assert!(connections.admit(tenant, address).is_err());
        drop(permit);
        assert_eq!((connections.open(), connections.open_of(tenant)), (0, 0));
        assert!(connections.by_address.is_empty() && connections.by_tenant.is_empty());
    }
}
