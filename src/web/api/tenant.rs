//! What anybody may know of a tenant.

use actix_web::{HttpRequest, get, web::Data};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    tenants::{Features, Tenant},
    web::{
        error::ApiError,
        extract::RequestTenant,
        identity,
        reply::{Envelope, Reply},
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
    /// What there is to do.
    pub features: Features,
    /// Most characters of a message.
    pub message_chars_max: u32,
    /// Largest file in bytes; 0 where none can be sent.
    pub upload_bytes_max: u64,
    /// Whether it is told who is there.
    pub presence: bool,
}

impl From<&Tenant> for TenantOut {
    fn from(tenant: &Tenant) -> Self {
        let settings = &tenant.settings;
        Self {
            slug: tenant.slug.clone(),
            name: tenant.name.clone(),
            public_key: tenant.public_key.clone(),
            registration: settings.registration,
            guests: settings.guests,
            features: settings.features,
            message_chars_max: settings.message_chars_max,
            upload_bytes_max: settings.upload_bytes_max,
            presence: settings.presence,
        }
    }
}

/// Shows what pages have to know of a tenant
///
/// The tenant is named by slug or public key, in `X-Tenant` or `?tenant=`.
#[utoipa::path(tag = "tenant", responses((status = 200, description = "The tenant", body = Envelope<TenantOut>)))]
#[get("/tenant")]
pub async fn show(app: Data<App>, request: HttpRequest) -> Result<Reply<Envelope<TenantOut>>, ApiError> {
    let named = identity::named_tenant(&request)?;
    let tenant = identity::resolve_tenant(&app, named.as_deref()).await?;
    RequestTenant::settle(&app, &request, &tenant)?;
    Ok(Reply::ok(TenantOut::from(tenant.as_ref())))
}
