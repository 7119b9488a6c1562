//! Tells members of a room, on their own topics, how much they have not read.
//!
//! Counting is work for the database, so it is done a little later, once for all that happened meanwhile, and
//! only for members who listen on their own topic.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError, Weak},
    time::Duration,
};

use serde_json::json;
use tracing::{error, warn};

use super::{
    Inner, Realtime,
    messages::{AnybodyListening, Listening, Publish},
    raw_payload,
    topic::TopicKey,
};
use crate::{
    chat,
    ids::{RoomId, TenantId, UserId},
    scope::Scope,
};

/// Rooms and users whose counts have changed.
#[derive(Default)]
pub struct Notifier {
    dirty: Mutex<Dirty>,
}

#[derive(Default)]
struct Dirty {
    rooms: HashSet<(TenantId, RoomId)>,
    users: HashSet<(TenantId, RoomId, UserId)>,
}

impl Notifier {
    /// Something was written or deleted in a room: all its members' counts may have changed.
    pub fn room_changed(&self, tenant_id: TenantId, room_id: RoomId) {
        self.dirty
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .rooms
            .insert((tenant_id, room_id));
    }

    /// A user has read, or unread, in a room: only this user's counts have changed.
    pub fn user_read(&self, scope: &Scope, room_id: RoomId) {
        let user = (scope.tenant_id, room_id, scope.user_id);
        self.dirty
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .users
            .insert(user);
    }

    fn take(&self) -> Dirty {
        std::mem::take(&mut self.dirty.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Works off what the [`Notifier`] has collected, every `interval`, for as long as the server lives.
pub async fn run(realtime: Weak<Inner>, interval: Duration, members_max: u64) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(inner) = realtime.upgrade() else { break };
        let realtime = Realtime(inner);
        let Dirty { rooms, mut users } = realtime.notifier.take();
        let mut listening: HashMap<TenantId, bool> = HashMap::new();
        for (tenant_id, room_id) in rooms {
            let anybody = match listening.get(&tenant_id) {
                Some(anybody) => *anybody,
                None => {
                    let anybody = realtime.is_anybody_listening(tenant_id).await;
                    listening.insert(tenant_id, anybody);
                    anybody
                }
            };
            if !anybody {
                continue;
            }
            match chat::members_to_notify(&realtime.store, tenant_id, room_id, members_max).await {
                Ok(members) => users.extend(members.into_iter().map(|user_id| (tenant_id, room_id, user_id))),
                Err(error) => warn!(error = &error as &dyn std::error::Error, %room_id, "members not read"),
            }
        }
        for (tenant_id, room_id, user_id) in realtime.listening(users).await {
            realtime.push_unread(&Scope { tenant_id, user_id }, room_id).await;
        }
    }
}

impl Realtime {
    /// Whether any user of the tenant listens on their own topic here.
    async fn is_anybody_listening(&self, tenant_id: TenantId) -> bool {
        match self.directory.running(tenant_id) {
            Some(registry) => registry.send(AnybodyListening).await.unwrap_or(false),
            None => false,
        }
    }

    /// Those of `users` who listen on their own topic.
    async fn listening(&self, users: HashSet<(TenantId, RoomId, UserId)>) -> Vec<(TenantId, RoomId, UserId)> {
        let tenants: HashSet<TenantId> = users.iter().map(|(tenant_id, ..)| *tenant_id).collect();
        let mut listening = HashSet::new();
        for tenant_id in tenants {
            let of_tenant: HashSet<UserId> = users
                .iter()
                .filter(|(of, ..)| *of == tenant_id)
                .map(|(.., user_id)| *user_id)
                .collect();
            if let Some(registry) = self.directory.running(tenant_id)
                && let Ok(here) = registry.send(Listening(of_tenant.into_iter().collect())).await
            {
                listening.extend(here.into_iter().map(|user_id| (tenant_id, user_id)));
            }
        }
        users
            .into_iter()
            .filter(|(tenant_id, _, user_id)| listening.contains(&(*tenant_id, *user_id)))
            .collect()
    }

    /// Counts for one user, and tells all of the user's devices.
    async fn push_unread(&self, scope: &Scope, room_id: RoomId) {
        let (rooms, total) = match chat::list_unread(&self.store, scope).await {
            Ok(counted) => counted,
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "unread messages not counted");
                return;
            }
        };
        let room = rooms.iter().find(|room| room.room_id == room_id);
        let (unread, mentions) = room.map_or((0, 0), |room| (room.unread, room.mentions));
        let payload = json!({ "room_id": room_id, "unread": unread, "mentions": mentions, "total": total });
        self.tell_user(scope.tenant_id, scope.user_id, "unread", &payload).await;
    }

    /// Tells a user something on all devices that listen on the user's own topic.
    pub async fn tell_user(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        event: &'static str,
        payload: &impl serde::Serialize,
    ) {
        if let Some(news) = Self::user_news(user_id, event, payload) {
            self.publish(tenant_id, news).await;
        }
    }

    /// What a user is told on all devices that listen on the user's own topic.
    pub(super) fn user_news(user_id: UserId, event: &'static str, payload: &impl serde::Serialize) -> Option<Publish> {
        let payload = raw_payload(payload)
            .inspect_err(|error| error!(%error, event, "payload not encoded"))
            .ok()?;
        Some(Publish {
            key: TopicKey::User(user_id),
            event,
            payload,
            seq: None,
            except: None,
            ephemeral: false,
        })
    }
}
