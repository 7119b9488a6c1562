//! Hears what the servers of the deployment, and its command line, tell one another, and acts on it: ends sockets and
//! channels, and takes over what was changed about tenants.
//!
//! Invariants:
//! * Each event is acted on once, and none waits for another one that cannot be acted on yet.
//! * Polls take turns; whoever asks to catch up knows everything that was committed before asking.

use std::{
    collections::HashSet,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use sea_orm::DbErr;
use tokio::sync::Mutex;
use tracing::{error, info, warn};
use uuid::Uuid;

use super::{
    Inner, Realtime,
    messages::{EndChannels, Revoke, TenantChanged},
    revocations::Revocation,
    topic::TopicKey,
};
use crate::{
    control::{self, ControlEvent},
    ids::TenantId,
    store::{Store, is_unreachable},
    tenants,
    timestamp::Timestamp,
};

/// How far this process has read.
pub struct ControlWatch {
    position: Mutex<Position>,
}

struct Position {
    /// When the database was last read, by its own clock.
    read_at: Timestamp,
    /// When that reading began.
    began: Instant,
    /// The events that were found then and may be found again.
    seen: HashSet<Uuid>,
}

impl ControlWatch {
    /// Begins now: what was told before concerns sockets that this process never had.
    pub async fn begin(store: &Store) -> Result<Self, DbErr> {
        let began = Instant::now();
        let read_at = control::present(store).await?;
        let told = control::events_since(store, read_at.before(control::OVERLAP)).await?;
        Ok(Self {
            position: Mutex::new(Position {
                read_at,
                began,
                seen: told.into_iter().map(|recorded| recorded.id).collect(),
            }),
        })
    }
}

/// Looks for events every `interval`, for as long as the server lives.
pub(super) async fn run(realtime: Weak<Inner>, interval: Duration) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut deaf = false;
    loop {
        ticks.tick().await;
        let Some(inner) = realtime.upgrade() else { break };
        let realtime = Realtime(inner);
        match realtime.hear(Instant::now()).await {
            Ok(()) if deaf => {
                info!("control events are read again");
                deaf = false;
            }
            Ok(()) => {}
            // Once, not at every try; and not when the server has closed the database itself.
            Err(_) if deaf || realtime.is_draining() => {}
            Err(error) => {
                error!(%error, "control events not read: revocations by other servers wait until they are");
                deaf = true;
            }
        }
    }
}

impl Realtime {
    /// Acts on everything that was committed until now, before it returns: whoever revokes or changes something calls
    /// this before it answers. When the database cannot be read it is done as soon as it can.
    pub async fn catch_up(&self) {
        let (realtime, asked) = (self.clone(), Instant::now());
        // In a task of its own: a caller that goes away must not leave an event half acted on.
        match tokio::spawn(async move { realtime.hear(asked).await }).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "control events not read at once"),
            Err(error) => error!(%error, "control events not acted on at once"),
        }
    }

    /// Reads and acts, unless somebody else has begun to since `asked`.
    async fn hear(&self, asked: Instant) -> Result<(), DbErr> {
        let mut position = self.control.position.lock().await;
        if position.began > asked {
            return Ok(());
        }
        let began = Instant::now();
        let read_at = control::present(&self.store).await?;
        let since = position.read_at.before(control::OVERLAP);
        let told = control::events_since(&self.store, since).await?;
        let known: HashSet<Uuid> = told.iter().map(|recorded| recorded.id).collect();
        let mut postponed = None;
        for recorded in told {
            if position.seen.contains(&recorded.id) {
                continue;
            }
            match recorded.event {
                Some(event) => match self.act(recorded.tenant_id, event).await {
                    Err(error) if is_unreachable(&error) => {
                        postponed = Some(error);
                        continue;
                    }
                    Err(error) => error!(%error, id = %recorded.id, "a control event could not be acted on"),
                    Ok(()) => {}
                },
                None => warn!(id = %recorded.id, "a control event of another version is skipped"),
            }
            position.seen.insert(recorded.id);
        }
        if let Some(error) = postponed {
            return Err(error);
        }
        *position = Position {
            read_at,
            began,
            seen: known,
        };
        Ok(())
    }

    async fn act(&self, tenant_id: TenantId, event: ControlEvent) -> Result<(), DbErr> {
        match event {
            ControlEvent::TokenRevoked { user_id, token_id } => {
                self.revoke(tenant_id, Revocation::Token { user_id, token_id }).await;
            }
            ControlEvent::UserRevoked { user_id, before } => {
                self.revoke(tenant_id, Revocation::UserBefore { user_id, before }).await;
            }
            ControlEvent::KeyRevoked { key_id } => self.revoke(tenant_id, Revocation::Key(key_id)).await,
            ControlEvent::TenantRevoked => self.revoke(tenant_id, Revocation::Everything).await,
            ControlEvent::TenantChanged => self.take_over(tenant_id).await?,
            ControlEvent::ChannelsEnded { room_id, user_id } => {
                let key = TopicKey::Room(room_id);
                self.end_channels(tenant_id, EndChannels { key, user_id }).await;
            }
        }
        Ok(())
    }

    async fn revoke(&self, tenant_id: TenantId, revocation: Revocation) {
        self.revocations.note(tenant_id, revocation);
        // A registry that dies now takes its sockets to the next one, which looks at what was noted.
        if self.directory.running(tenant_id).is_some()
            && let Err(error) = self.directory.ask(tenant_id, Revoke(revocation)).await
        {
            warn!(%error, %tenant_id, "sockets of what was revoked not ended");
        }
    }

    /// Reads a tenant anew, for its open sockets.
    async fn take_over(&self, tenant_id: TenantId) -> Result<(), DbErr> {
        let read_at = Instant::now();
        match tenants::get_tenant(&self.store, tenant_id).await {
            Ok(tenant) => {
                self.tenants.put(Arc::new(tenant), read_at);
            }
            Err(tenants::Error::Db(error)) => return Err(error),
            // Deleted meanwhile, which is told as well.
            Err(_) => return Ok(()),
        }
        if self.directory.running(tenant_id).is_some()
            && let Err(error) = self.directory.ask(tenant_id, TenantChanged).await
        {
            warn!(%error, %tenant_id, "the registry does not know of the tenant's new settings");
        }
        Ok(())
    }
}
