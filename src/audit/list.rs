//! Reading the log.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use serde::Serialize;
use uuid::Uuid;

use super::Error;
use crate::{
    entity::audit_log,
    ids::TenantId,
    page::{List, Page, PageRequest},
    store::Store,
    timestamp::Timestamp,
};

/// A row of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditRow {
    /// The row's id.
    pub id: Uuid,
    /// Its place in the log of the deployment: 1 for the first row, without a gap.
    pub seq: i64,
    /// When it happened.
    pub at: Timestamp,
    /// The slug that the tenant it is about had then; none for what is about the deployment.
    pub tenant: Option<String>,
    /// What kind of actor; see [`super::ActorKind`].
    pub actor_kind: String,
    /// Which of them.
    pub actor_id: String,
    /// What was done, such as `tenant.create`.
    pub action: String,
    /// What it was done to.
    pub target: Option<String>,
    /// `ok` or `refused`.
    pub outcome: String,
    /// What else there is to say.
    pub detail: serde_json::Value,
    /// The address the request came from.
    pub address: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// The row's link in the chain. Who keeps it elsewhere can tell later whether the log up to here is still the same.
    pub hash: String,
}

impl From<audit_log::Model> for AuditRow {
    fn from(row: audit_log::Model) -> Self {
        Self {
            id: row.id,
            seq: row.seq,
            at: row.at,
            tenant: row.tenant,
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            action: row.action,
            target: row.target,
            outcome: row.outcome,
            detail: row.detail,
            address: row.address,
            request_id: row.request_id,
            hash: row.hash,
        }
    }
}

/// The log, newest first: of one tenant, or all of it.
///
/// # Errors
/// [`Error::Invalid`] for a limit or cursor that is none.
pub async fn list(store: &Store, tenant: Option<TenantId>, request: &PageRequest) -> Result<Page<AuditRow>, Error> {
    let before = List::Audit.start(request, |bytes| bytes.try_into().ok().map(i64::from_be_bytes))?;
    let mut query = audit_log::Entity::find();
    if let Some(tenant) = tenant {
        query = query.filter(audit_log::Column::TenantId.eq(tenant));
    }
    if let Some(before) = before {
        query = query.filter(audit_log::Column::Seq.lt(before));
    }
    let rows = query
        .order_by_desc(audit_log::Column::Seq)
        .limit(request.limit + 1)
        .all(store.reader())
        .await?;
    let page = List::Audit.page(rows, request.limit, |row| row.seq.to_be_bytes());
    Ok(Page {
        items: page.items.into_iter().map(AuditRow::from).collect(),
        next_cursor: page.next_cursor,
    })
}
