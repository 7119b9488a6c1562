//! Which actor serves which tenant.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use actix::{Actor, Addr, Arbiter, ArbiterHandle, Handler, Message, dev::ToEnvelope};
use dashmap::{DashMap, mapref::entry::Entry};

use super::room_registry::{RegistryOptions, RoomRegistry, Surroundings};
use crate::ids::TenantId;

/// Finds the [`RoomRegistry`] of a tenant, and starts one where there is none or where the last one died.
/// That is the supervision of registries: sockets of a dead one tell their clients to rejoin, and the
/// first rejoin meets a fresh actor.
pub struct TenantDirectory {
    registries: DashMap<TenantId, Arc<Addr<RoomRegistry>>>,
    arbiters: Vec<ArbiterHandle>,
    next_arbiter: AtomicUsize,
    options: RegistryOptions,
    surroundings: Surroundings,
}

/// The registry could not be reached twice in a row; the caller answers "unavailable".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tenant's room registry is unavailable")]
pub struct RegistryUnavailable;

impl TenantDirectory {
    /// A directory whose registries run on threads of their own, `threads` of them.
    pub fn new(threads: usize, options: RegistryOptions, surroundings: Surroundings) -> Self {
        let arbiters = (0..threads.max(1)).map(|_| Arbiter::new().handle()).collect();
        Self {
            registries: DashMap::new(),
            arbiters,
            next_arbiter: AtomicUsize::new(0),
            options,
            surroundings,
        }
    }

    /// The tenant's living registry.
    pub fn registry(&self, tenant_id: TenantId) -> Addr<RoomRegistry> {
        Addr::clone(&self.shared_registry(tenant_id))
    }

    /// The same for who keeps it and does not wait for it: an address of one's own takes memory, and a place in the
    /// mailbox.
    pub fn shared_registry(&self, tenant_id: TenantId) -> Arc<Addr<RoomRegistry>> {
        if let Some(registry) = self.registries.get(&tenant_id).filter(|registry| registry.connected()) {
            return Arc::clone(&registry);
        }
        match self.registries.entry(tenant_id) {
            Entry::Occupied(mut entry) => {
                if !entry.get().connected() {
                    entry.insert(Arc::new(self.start(tenant_id)));
                }
                Arc::clone(entry.get())
            }
            Entry::Vacant(entry) => Arc::clone(&entry.insert(Arc::new(self.start(tenant_id)))),
        }
    }

    /// The tenant's registry if one is running; a tenant without sockets has none.
    pub fn running(&self, tenant_id: TenantId) -> Option<Addr<RoomRegistry>> {
        self.registries
            .get(&tenant_id)
            .filter(|registry| registry.connected())
            .map(|registry| Addr::clone(&registry))
    }

    /// All running registries.
    pub fn all(&self) -> Vec<(TenantId, Addr<RoomRegistry>)> {
        self.registries
            .iter()
            .filter(|entry| entry.value().connected())
            .map(|entry| (*entry.key(), Addr::clone(entry.value())))
            .collect()
    }

    /// Sends to the tenant's registry and waits for its answer; meets a registry that died in between once more.
    ///
    /// # Errors
    ///
    /// [`RegistryUnavailable`] when that one died as well.
    pub async fn ask<M>(&self, tenant_id: TenantId, message: M) -> Result<M::Result, RegistryUnavailable>
    where
        M: Message + Clone + Send + 'static,
        M::Result: Send,
        RoomRegistry: Handler<M>,
        <RoomRegistry as Actor>::Context: ToEnvelope<RoomRegistry, M>,
    {
        match self.registry(tenant_id).send(message.clone()).await {
            Ok(answer) => Ok(answer),
            Err(_) => self
                .registry(tenant_id)
                .send(message)
                .await
                .map_err(|_| RegistryUnavailable),
        }
    }

    /// Forgets registries that have stopped.
    pub fn sweep(&self) {
        self.registries.retain(|_, registry| registry.connected());
    }

    /// Ends the registries' threads; only after all sockets have gone.
    pub fn stop(&self) {
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
    }

    fn start(&self, tenant_id: TenantId) -> Addr<RoomRegistry> {
        let (options, surroundings) = (self.options, self.surroundings.clone());
        let index = self.next_arbiter.fetch_add(1, Ordering::Relaxed) % self.arbiters.len();
        RoomRegistry::start_in_arbiter(&self.arbiters[index], move |_| {
            RoomRegistry::new(tenant_id, options, surroundings)
        })
    }
}
