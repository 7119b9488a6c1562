//! A batch: stored, counted, told, answered.

use std::collections::HashMap;

use futures_util::future::join_all;
use tokio::{sync::oneshot, time::Instant};

use super::{Entry, agenda::Batch};
use crate::{
    chat::{self, Append, Appended},
    config::Cap,
    ids::TenantId,
    realtime::{Realtime, messages::Publish, rate_limiter::TenantCap},
    store::Store,
};

impl Realtime {
    /// Stores the messages of a batch, says so to `stored`, tells the rooms, and answers. The rooms are free again before
    /// anybody is answered.
    pub(super) async fn commit(&self, store: &Store, batch: Batch, stored: oneshot::Sender<()>) {
        let Batch { mut entries, rooms } = batch;
        let appends: Vec<Append> = entries.iter_mut().map(|entry| self.append_of(entry)).collect();
        let started = Instant::now();
        let mut answers = chat::append_batch(store, &appends).await;
        self.metrics.journal_committed(appends.len(), started.elapsed());
        self.lift_caps_on_trial(store, &entries, appends, &mut answers).await;
        // The journal is gone when the server ends.
        let _ = stored.send(());

        let mut news: HashMap<TenantId, Vec<Publish>> = HashMap::new();
        for (entry, answer) in entries.iter().zip(&answers) {
            if let Ok(appended) = answer
                && !appended.repeated
            {
                self.note(entry, appended, &mut news);
            }
        }
        join_all(
            news.into_iter()
                .map(|(tenant_id, news)| self.publish_all(tenant_id, news)),
        )
        .await;
        drop(rooms);
        for (entry, answer) in entries.into_iter().zip(answers) {
            entry.answer(answer.map_err(Into::into));
        }
    }

    fn append_of(&self, entry: &mut Entry) -> Append {
        Append {
            scope: entry.scope,
            room_id: entry.room_id,
            new: std::mem::take(&mut entry.message),
            members_max: self.limits.cap(&entry.tenant, TenantCap::Members),
        }
    }

    /// Stores what was refused because its room has as many members as it may have, where the tenant's limits are only
    /// tried.
    async fn lift_caps_on_trial(
        &self,
        store: &Store,
        entries: &[Entry],
        appends: Vec<Append>,
        answers: &mut [Result<Appended, chat::Error>],
    ) {
        for ((entry, append), answer) in entries.iter().zip(appends).zip(answers) {
            if matches!(answer, Err(chat::Error::RoomFull))
                && !self.limits.cap_holds(&entry.tenant, TenantCap::Members.name())
            {
                let append = Append {
                    members_max: Cap::Off,
                    ..append
                };
                let again = chat::append_batch(store, &[append]).await;
                *answer = again.into_iter().next().unwrap_or(Err(chat::Error::RoomFull));
            }
        }
    }

    /// Counts a message that was stored, and notes whom to tell what.
    fn note(&self, entry: &Entry, appended: &Appended, news: &mut HashMap<TenantId, Vec<Publish>>) {
        let (tenant, tenant_id) = (&entry.tenant, entry.scope.tenant_id);
        self.limits.room_took(tenant, entry.room_id);
        self.stats.record_message(tenant_id, entry.room_id);
        self.metrics.message_sent(&tenant.slug, entry.room_id);
        self.notifier.room_changed(tenant_id, entry.room_id);
        // Without sockets there is nobody to tell.
        if self.directory.running(tenant_id).is_none() {
            return;
        }
        let of_tenant = news.entry(tenant_id).or_default();
        of_tenant.extend(appended.joined.as_ref().and_then(Self::membership_news));
        of_tenant.extend(Self::change_news("new_message", &appended.message, None));
    }
}
