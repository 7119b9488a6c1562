//! One writer per room at a time, so that broadcasts leave in the order of the log.

use std::sync::{Arc, Weak};

use dashmap::DashMap;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::ids::{RoomId, TenantId};

/// Locks held from before a change is committed until its broadcast is in the registry's hands. Without
/// them two changes could commit in one order and be told in the other.
#[derive(Default)]
pub struct RoomLocks {
    rooms: DashMap<(TenantId, RoomId), Weak<Mutex<()>>>,
}

impl RoomLocks {
    /// Waits for the room's turn; waiters are served in the order they came, which is when this was polled first.
    pub fn lock(&self, tenant_id: TenantId, room_id: RoomId) -> impl Future<Output = OwnedMutexGuard<()>> + use<> {
        self.mutex(tenant_id, room_id).lock_owned()
    }

    /// The room's turn, if nobody has it or waits for it.
    pub fn try_lock(&self, tenant_id: TenantId, room_id: RoomId) -> Option<OwnedMutexGuard<()>> {
        self.mutex(tenant_id, room_id).try_lock_owned().ok()
    }

    fn mutex(&self, tenant_id: TenantId, room_id: RoomId) -> Arc<Mutex<()>> {
        let mut entry = self.rooms.entry((tenant_id, room_id)).or_default();
        entry.upgrade().unwrap_or_else(|| {
            let mutex = Arc::new(Mutex::new(()));
            *entry = Arc::downgrade(&mutex);
            mutex
        })
    }

    /// Forgets rooms nobody is writing to.
    pub fn sweep(&self) {
        self.rooms.retain(|_, mutex| mutex.strong_count() > 0);
    }
}
