//! What anybody may know of a tenant: what it offers, and which pages it is for.

use std::sync::Arc;

use actix_web::{HttpRequest, get, web::Data};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    config::UploadSettings,
    tenants::{Features, Tenant},
    web::{
        error::ApiError,
        extract::{Pairs, Parameters, Query, RequestTenant},
        identity,
        origin_policy::{self, Rule},
        reply::{Envelope, Reply},
        socket::connect,
    },
};

/// What a page has to know of its tenant before anybody is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub struct TenantOut {
    /// Its name in URLs and headers.
    #[schema(example = "default")]
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// The key that embedding pages name it by; no secret.
    #[schema(example = "pk_6f1d0c0de5a14b7c9b1f0a6f5b0c8e21")]
    pub public_key: String,
    /// Whether people can make accounts.
    pub registration: bool,
    /// Whether visitors can come as guests.
    pub guests: bool,
    /// Whether each page can have a room of its own.
    pub page_rooms: bool,
    /// What there is to do.
    pub features: Features,
    /// Most characters of a message.
    pub message_chars_max: u32,
    /// Largest file in bytes; 0 where none can be sent.
    pub upload_bytes_max: usize,
    /// Whether it is told who is there.
    pub presence: bool,
}

impl TenantOut {
    fn new(tenant: &Tenant, uploads: &UploadSettings) -> Self {
        let settings = &tenant.settings;
        Self {
            slug: tenant.slug.clone(),
            name: tenant.name.clone(),
            public_key: tenant.public_key.clone(),
            registration: settings.registration,
            guests: settings.guests,
            page_rooms: settings.page_rooms,
            features: settings.features,
            message_chars_max: settings.message_chars_max,
            upload_bytes_max: settings.upload_bytes(uploads.bytes_max),
            presence: settings.presence,
        }
    }
}

/// Which pages are asked about.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OriginParams {
    /// An origin as browsers send it in `Origin`: scheme, host and perhaps a port, or `null`.
    #[param(example = "https://blog.example")]
    pub origin: String,
}

impl Parameters for OriginParams {
    fn take(pairs: &mut Pairs) -> Self {
        Self {
            origin: pairs.required_text("origin"),
        }
    }
}

/// What pages of an origin are answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct OriginOut {
    /// Whether they may use the chat of the tenant.
    pub allowed: bool,
    /// Whether the server lets them open sockets: its own setting `socket.check_origin` comes before tenants.
    pub sockets: bool,
    /// What decides about `allowed`.
    pub rule: Rule,
}

/// Shows what pages have to know of a tenant
///
/// The tenant is named by slug or public key, in `X-Tenant` or `?tenant=`.
#[utoipa::path(tag = "tenant", responses((status = 200, description = "The tenant", body = Envelope<TenantOut>)))]
#[get("/tenant")]
pub async fn show(app: Data<App>, request: HttpRequest) -> Result<Reply<Envelope<TenantOut>>, ApiError> {
    let tenant = named_tenant(&app, &request).await?;
    Ok(Reply::ok(TenantOut::new(&tenant, &app.settings.uploads)))
}

/// Tells whether pages of an origin may use the chat of a tenant
///
/// For finding out why a page is refused; it says what a request with that `Origin` would meet, and no more.
#[utoipa::path(
    tag = "tenant",
    params(OriginParams),
    responses((status = 200, description = "What such pages are answered", body = Envelope<OriginOut>))
)]
#[get("/tenant/origin")]
pub async fn show_origin(
    app: Data<App>,
    request: HttpRequest,
    query: Query<OriginParams>,
) -> Result<Reply<Envelope<OriginOut>>, ApiError> {
    let tenant = named_tenant(&app, &request).await?;
    let OriginParams { origin } = query.read()?;
    let (rule, allowed) = origin_policy::examine(&app, &request, &tenant, &origin);
    Ok(Reply::ok(OriginOut {
        allowed,
        sockets: connect::server_allows(&app, Some(&origin)),
        rule,
    }))
}

/// The tenant that the request names, or the default one.
async fn named_tenant(app: &App, request: &HttpRequest) -> Result<Arc<Tenant>, ApiError> {
    let named = identity::named_tenant(request)?;
    let tenant = identity::resolve_tenant(app, named.as_deref()).await?;
    RequestTenant::settle(app, request, &tenant)?;
    Ok(tenant)
}
