//! What a server does by itself, again and again: forgetting what nobody needs any more.

use std::{
    error::Error,
    sync::{Arc, Weak},
    time::Duration,
};

use actix_web::web::Data;
use tokio::{
    task::AbortHandle,
    time::{self, MissedTickBehavior},
};
use tracing::{info, warn};

use crate::{
    accounts,
    app::App,
    chat::{self, UNSENT_LIFETIME},
    control,
    metrics::UPKEEP_INTERVAL,
    store::Store,
    tenants,
    timestamp::Timestamp,
};

/// How often rows that nobody needs any more are deleted: of tokens that have expired, of old control events,
/// uploads that were not sent.
const PURGE_INTERVAL: Duration = Duration::from_secs(3600);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The tasks that do it; clones are of the same tasks. They end with the server at the latest.
#[derive(Clone)]
pub struct Upkeep([AbortHandle; 2]);

impl Upkeep {
    /// Begins. Must be called inside an actix system.
    pub fn start(app: &Data<App>) -> Self {
        let weak = Arc::downgrade(&app.clone().into_inner());
        // Apart from each other: deleting messages may take its time.
        let tasks = [
            actix_web::rt::spawn(purge(weak.clone())),
            actix_web::rt::spawn(retain(weak, app.settings.tenants.retention_interval)),
        ];
        Self(tasks.map(|task| task.abort_handle()))
    }

    /// Ends the tasks where they stand: what they have not committed is done by the next server.
    pub fn stop(&self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

async fn purge(app: Weak<App>) {
    let mut metrics_due = time::interval(UPKEEP_INTERVAL);
    let mut purge_due = time::interval(PURGE_INTERVAL);
    loop {
        tokio::select! {
            _ = metrics_due.tick() => {
                let Some(app) = app.upgrade() else { break };
                app.metrics.upkeep();
            }
            _ = purge_due.tick() => {
                let Some(app) = app.upgrade() else { break };
                match accounts::purge_revoked_tokens(&app.store).await {
                    Ok(0) => {}
                    Ok(rows) => info!(rows, "expired revocations deleted"),
                    Err(error) => warn!(error = &error as &dyn Error, "revocations not purged"),
                }
                match chat::purge_unsent_uploads(&app.store, Timestamp::now().before(UNSENT_LIFETIME)).await {
                    Ok(0) => {}
                    Ok(uploads) => info!(uploads, "uploads deleted that no message has"),
                    Err(error) => warn!(error = &error as &dyn Error, "uploads not purged"),
                }
                if let Err(error) = control::purge(&app.store).await {
                    warn!(error = &error as &dyn Error, "control events not purged");
                }
            }
        }
    }
}

async fn retain(app: Weak<App>, interval: Duration) {
    let mut due = time::interval(interval);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        let Some(app) = app.upgrade() else { break };
        // Not the server: while this goes on, it may end.
        let store = app.store.clone();
        drop(app);
        match delete_old_messages(&store).await {
            Ok(0) => {}
            Ok(messages) => info!(
                messages,
                "messages deleted that were older than their tenant keeps them"
            ),
            Err(error) => warn!(error = &*error, "old messages not deleted"),
        }
    }
}

/// Deletes the messages that are older than their tenants want them to be kept, and says how many there were.
async fn delete_old_messages(store: &Store) -> Result<u64, Box<dyn Error>> {
    let mut deleted = 0;
    for tenant in tenants::list_tenants(store).await? {
        let Some(days) = tenant.settings.retention_days else {
            continue;
        };
        deleted += chat::prune_rooms(store, tenant.id, Timestamp::now().before(DAY * days)).await?;
    }
    Ok(deleted)
}
