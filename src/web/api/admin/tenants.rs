//! Tenants: their record, settings and limits, and their end.

use actix_web::{
    delete, get, patch, post, put,
    web::{Data, Path},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::App,
    chat::seed,
    config::TenantLimits,
    ids::TenantId,
    tenants::{self, NewTenant, Tenant, TenantPatch, TenantSettings},
    timestamp::Timestamp,
    validation::Violations,
    web::{
        administration::{Administrator, Operator},
        error::ApiError,
        extract::{Body, Json, PageParams, Query},
        reply::{Envelope, Listed, Nothing, Reply},
    },
};

impl Body for NewTenant {}

impl Body for TenantPatch {}

impl Body for TenantLimits {}

/// A tenant as those who administer it see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct TenantOut {
    /// Its id.
    pub id: TenantId,
    /// Its name in URLs and headers.
    #[schema(example = "acme")]
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// The key that embedding pages name it by; no secret.
    #[schema(example = "pk_0123456789abcdef0123456789abcdef")]
    pub public_key: String,
    /// What its administrators chose.
    pub settings: TenantSettings,
    /// Where its limits are other than the deployment's.
    pub limits: TenantLimits,
    /// Since when nothing works in it.
    #[schema(required)]
    pub suspended_at: Option<Timestamp>,
    /// When it was created.
    pub inserted_at: Timestamp,
}

impl From<Tenant> for TenantOut {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id,
            slug: tenant.slug,
            name: tenant.name,
            public_key: tenant.public_key,
            settings: tenant.settings,
            limits: tenant.limits,
            suspended_at: tenant.suspended_at,
            inserted_at: tenant.inserted_at,
        }
    }
}

/// What makes sure that nobody deletes a tenant by mistake.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmIn {
    /// The slug once more.
    #[schema(example = "acme")]
    pub confirm: String,
}

impl Body for ConfirmIn {}

/// Lists all tenants, by slug
#[utoipa::path(
    tag = "administration",
    params(PageParams),
    responses((status = 200, description = "A page of tenants", body = Listed<TenantOut>))
)]
#[get("/tenants")]
pub async fn list_tenants(
    app: Data<App>,
    _operator: Operator,
    query: Query<PageParams>,
) -> Result<Reply<Listed<TenantOut>>, ApiError> {
    let page = query.read()?.into();
    Ok(Reply::page(tenants::page_of_tenants(&app.store, &page).await?))
}

/// Creates a tenant, with the rooms that every tenant begins with
#[utoipa::path(
    tag = "administration",
    request_body = NewTenant,
    responses((status = 201, description = "The tenant", body = Envelope<TenantOut>, headers(("Location" = String))))
)]
#[post("/tenants")]
pub async fn create_tenant(
    app: Data<App>,
    operator: Operator,
    body: Json<NewTenant>,
) -> Result<Reply<Envelope<TenantOut>>, ApiError> {
    let new = body.read_alone().await?;
    let tenant = tenants::create_tenant(&app.store, &operator.actor, new).await?;
    seed::ensure_default_rooms(&app.store, tenant.id).await?;
    Ok(Reply::created(
        format!("/api/v1/admin/tenants/{}", tenant.slug),
        tenant.into(),
    ))
}

/// Shows a tenant
#[utoipa::path(
    tag = "administration",
    responses((status = 200, description = "The tenant", body = Envelope<TenantOut>))
)]
#[get("/tenants/{slug}")]
pub async fn get_tenant(admin: Administrator) -> Reply<Envelope<TenantOut>> {
    Reply::ok(Tenant::clone(&admin.tenant).into())
}

/// Changes a tenant's name and settings; what is missing stays
///
/// Open sockets and pages work by the new settings at once.
#[utoipa::path(
    tag = "administration",
    request_body = TenantPatch,
    responses((status = 200, description = "The tenant as it is now", body = Envelope<TenantOut>))
)]
#[patch("/tenants/{slug}")]
pub async fn update_tenant(
    app: Data<App>,
    admin: Administrator,
    body: Json<TenantPatch>,
) -> Result<Reply<Envelope<TenantOut>>, ApiError> {
    let patch = body.read_alone().await?;
    let tenant = tenants::update_tenant(&app.store, &admin.actor, admin.tenant.id, patch).await?;
    app.realtime.catch_up().await;
    Ok(Reply::ok(tenant.into()))
}

/// Deletes a tenant with everything in it; there is no way back
///
/// Everybody is locked out first. Only the audit log goes on telling of it.
#[utoipa::path(
    tag = "administration",
    request_body = ConfirmIn,
    responses((status = 200, description = "It is deleted", body = Envelope<Nothing>))
)]
#[delete("/tenants/{slug}")]
pub async fn delete_tenant(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    body: Json<ConfirmIn>,
) -> Result<Reply<Envelope<Nothing>>, ApiError> {
    let ConfirmIn { confirm } = body.read_alone().await?;
    let tenant = tenants::get_tenant_by_slug(&app.store, &path).await?;
    if confirm != tenant.slug {
        return Err(Violations::of("confirm", "must be the tenant's slug").into());
    }
    tenants::delete_tenant(&app.store, &operator.actor, tenant.id).await?;
    app.realtime.catch_up().await;
    Ok(Reply::done())
}

/// Locks everybody out of a tenant, those who are connected too
#[utoipa::path(
    tag = "administration",
    responses((status = 200, description = "The tenant as it is now", body = Envelope<TenantOut>))
)]
#[put("/tenants/{slug}/suspension")]
pub async fn suspend_tenant(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
) -> Result<Reply<Envelope<TenantOut>>, ApiError> {
    let tenant = tenants::get_tenant_by_slug(&app.store, &path).await?;
    let tenant = tenants::suspend_tenant(&app.store, &operator.actor, tenant.id).await?;
    app.realtime.catch_up().await;
    Ok(Reply::ok(tenant.into()))
}

/// Ends a suspension
#[utoipa::path(
    tag = "administration",
    responses((status = 200, description = "The tenant as it is now", body = Envelope<TenantOut>))
)]
#[delete("/tenants/{slug}/suspension")]
pub async fn resume_tenant(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
) -> Result<Reply<Envelope<TenantOut>>, ApiError> {
    let tenant = tenants::get_tenant_by_slug(&app.store, &path).await?;
    let tenant = tenants::resume_tenant(&app.store, &operator.actor, tenant.id).await?;
    app.realtime.catch_up().await;
    Ok(Reply::ok(tenant.into()))
}

/// Shows the limits that a tenant has of its own; what is missing is as for all
#[utoipa::path(
    tag = "administration",
    responses((status = 200, description = "The limits", body = Envelope<TenantLimits>))
)]
#[get("/tenants/{slug}/limits")]
pub async fn get_limits(admin: Administrator) -> Reply<Envelope<TenantLimits>> {
    Reply::ok(admin.tenant.limits.clone())
}

/// Gives a tenant limits of its own, in place of those it had
#[utoipa::path(
    tag = "administration",
    request_body = TenantLimits,
    responses((status = 200, description = "The limits as they are now", body = Envelope<TenantLimits>))
)]
#[put("/tenants/{slug}/limits")]
pub async fn set_limits(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    body: Json<TenantLimits>,
) -> Result<Reply<Envelope<TenantLimits>>, ApiError> {
    let limits = body.read_alone().await?;
    let tenant = tenants::get_tenant_by_slug(&app.store, &path).await?;
    let tenant = tenants::set_limits(&app.store, &operator.actor, &app.settings, tenant.id, limits).await?;
    app.realtime.catch_up().await;
    Ok(Reply::ok(tenant.limits))
}
