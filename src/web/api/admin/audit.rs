//! The audit log.

use actix_web::{get, web::Data};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::App,
    audit::{self, AuditRow},
    timestamp::Timestamp,
    web::{
        administration::{Administrator, Operator},
        error::ApiError,
        extract::{PageParams, Query},
        reply::{Listed, Reply},
    },
};

/// One thing that was done, or refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditOut {
    /// The row's id.
    pub id: Uuid,
    /// Its place in the log of the deployment: 1 for the first row, without a gap.
    pub seq: i64,
    /// When it happened.
    pub at: Timestamp,
    /// The slug that the tenant it is about had then; `null` for what is about the deployment.
    #[schema(required)]
    pub tenant: Option<String>,
    /// `operator`, `tenant_admin`, `api_key`, `user`, `cli`, `system` or `nobody`.
    #[schema(example = "operator")]
    pub actor_kind: String,
    /// Who it was: the id of an API key or a user; for the others a word.
    pub actor_id: String,
    /// What was done.
    #[schema(example = "user.suspend")]
    pub action: String,
    /// What it was done to; for a refusal the path that was asked for.
    #[schema(required)]
    pub target: Option<String>,
    /// `ok` or `refused`.
    #[schema(example = "ok")]
    pub outcome: String,
    /// What else there is to say; for a refusal the `reason`.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
    /// The address the request came from.
    #[schema(required)]
    pub address: Option<String>,
    /// The request's id, as in the server's log.
    #[schema(required)]
    pub request_id: Option<String>,
    /// The row's link in the chain. Who keeps it elsewhere can tell later whether the log up to here is still the same.
    pub hash: String,
}

impl From<AuditRow> for AuditOut {
    fn from(row: AuditRow) -> Self {
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

/// Lists the audit log of the deployment, newest first
#[utoipa::path(
    tag = "administration",
    params(PageParams),
    responses((status = 200, description = "A page of the log", body = Listed<AuditOut>))
)]
#[get("/audit")]
pub async fn list_audit(
    app: Data<App>,
    _operator: Operator,
    query: Query<PageParams>,
) -> Result<Reply<Listed<AuditOut>>, ApiError> {
    let page = query.read()?.into();
    Ok(Reply::page(audit::list(&app.store, None, &page).await?))
}

/// Lists what the audit log has about a tenant, newest first
#[utoipa::path(
    tag = "administration",
    params(PageParams),
    responses((status = 200, description = "A page of the log", body = Listed<AuditOut>))
)]
#[get("/tenants/{slug}/audit")]
pub async fn list_tenant_audit(
    app: Data<App>,
    admin: Administrator,
    query: Query<PageParams>,
) -> Result<Reply<Listed<AuditOut>>, ApiError> {
    let page = query.read()?.into();
    Ok(Reply::page(
        audit::list(&app.store, Some(admin.tenant.id), &page).await?,
    ))
}
