//! Keys of a tenant's backend, and keys of its administrators.

use actix_web::{
    delete, get, post,
    web::{Data, Path},
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::expose;
use crate::{
    api_keys::{self, ApiKey, ApiKeyKind, NewApiKey, Permission},
    app::App,
    ids::{ApiKeyId, UserId},
    tenants,
    timestamp::Timestamp,
    web::{
        administration::{Administrator, Operator},
        error::ApiError,
        extract::{Body, Json, PageParams, Query},
        reply::{Envelope, Listed, Reply},
    },
};

/// A key for a website's backend.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyIn {
    /// 1 to 80 characters, to tell keys apart.
    #[schema(example = "shop backend")]
    pub name: String,
    /// What it may do; at least one.
    pub scopes: Vec<Permission>,
    /// From when on it is refused; never when missing.
    pub expires_at: Option<Timestamp>,
}

impl Body for ApiKeyIn {}

/// A key for an administrator of a tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminIn {
    /// 1 to 80 characters, to tell keys apart.
    #[schema(example = "Ann, support")]
    pub name: String,
    /// From when on it is refused: within 366 days, in 90 days when missing.
    pub expires_at: Option<Timestamp>,
}

impl Body for AdminIn {}

/// A key, without what opens doors.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKeyOut {
    /// The key's id.
    pub id: ApiKeyId,
    /// What it is called.
    pub name: String,
    /// Its last characters.
    #[schema(example = "x7Qa")]
    pub hint: String,
    /// What it may do; nothing here for an administrator's.
    pub scopes: Vec<Permission>,
    /// The user that it writes as, once it has.
    #[schema(required)]
    pub bot_user_id: Option<UserId>,
    /// When it was made.
    pub inserted_at: Timestamp,
    /// From when on it is refused.
    #[schema(required)]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    #[schema(required)]
    pub last_used_at: Option<Timestamp>,
    /// Since when it is refused.
    #[schema(required)]
    pub revoked_at: Option<Timestamp>,
}

impl From<ApiKey> for ApiKeyOut {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            hint: key.hint,
            scopes: key.permissions,
            bot_user_id: key.bot_user_id,
            inserted_at: key.inserted_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// A key that was just made, with what it is shown by.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewApiKeyOut {
    /// All else there is to know of it.
    #[serde(flatten)]
    pub key: ApiKeyOut,
    /// What callers show: `sk_…` or `ta_…`. It is in this answer and nowhere else.
    #[serde(serialize_with = "expose")]
    #[schema(value_type = String, example = "sk_1C0h0rT1sWr1tt3nH3r3Once1C0h0rT1sWr1tt3nH3")]
    pub secret: SecretString,
}

impl From<(ApiKey, SecretString)> for NewApiKeyOut {
    fn from((key, secret): (ApiKey, SecretString)) -> Self {
        Self {
            key: key.into(),
            secret,
        }
    }
}

/// Lists the keys of the website's backend, newest first, revoked ones included
#[utoipa::path(
    tag = "administration",
    params(PageParams),
    responses((status = 200, description = "A page of keys", body = Listed<ApiKeyOut>))
)]
#[get("/tenants/{slug}/api_keys")]
pub async fn list_api_keys(
    app: Data<App>,
    admin: Administrator,
    query: Query<PageParams>,
) -> Result<Reply<Listed<ApiKeyOut>>, ApiError> {
    let page = query.read()?.into();
    let keys = api_keys::list_keys(&app.store, admin.tenant.id, ApiKeyKind::Server, &page).await?;
    Ok(Reply::page(keys))
}

/// Makes a key for the website's backend
///
/// The answer has the key itself, `secret`, which is not kept and not shown again.
#[utoipa::path(
    tag = "administration",
    request_body = ApiKeyIn,
    responses((status = 201, description = "The key", body = Envelope<NewApiKeyOut>))
)]
#[post("/tenants/{slug}/api_keys")]
pub async fn create_api_key(
    app: Data<App>,
    admin: Administrator,
    body: Json<ApiKeyIn>,
) -> Result<Reply<Envelope<NewApiKeyOut>>, ApiError> {
    let ApiKeyIn {
        name,
        scopes,
        expires_at,
    } = body.read_alone().await?;
    let new = NewApiKey {
        kind: ApiKeyKind::Server,
        name,
        permissions: scopes,
        expires_at,
    };
    let made = api_keys::create_key(&app.store, &admin.actor, &admin.tenant, new).await?;
    Ok(Reply::created_here(made.into()))
}

/// Revokes a key of the website's backend, at once and for good
#[utoipa::path(
    tag = "administration",
    responses((status = 200, description = "The key as it is now", body = Envelope<ApiKeyOut>))
)]
#[delete("/tenants/{slug}/api_keys/{id}")]
pub async fn revoke_api_key(
    app: Data<App>,
    admin: Administrator,
    path: Path<(String, String)>,
) -> Result<Reply<Envelope<ApiKeyOut>>, ApiError> {
    let id = key_id(&path.1)?;
    let key = api_keys::revoke_key(&app.store, &admin.actor, &admin.tenant, ApiKeyKind::Server, id).await?;
    Ok(Reply::ok(key.into()))
}

/// Lists the keys of a tenant's administrators, newest first, revoked ones included
#[utoipa::path(
    tag = "administration",
    params(PageParams),
    responses((status = 200, description = "A page of keys", body = Listed<ApiKeyOut>))
)]
#[get("/tenants/{slug}/admins")]
pub async fn list_admins(
    app: Data<App>,
    admin: Administrator,
    query: Query<PageParams>,
) -> Result<Reply<Listed<ApiKeyOut>>, ApiError> {
    let page = query.read()?.into();
    let keys = api_keys::list_keys(&app.store, admin.tenant.id, ApiKeyKind::Admin, &page).await?;
    Ok(Reply::page(keys))
}

/// Makes a key for an administrator of a tenant
///
/// The answer has the key itself, `secret`, which is not kept and not shown again. It ends by itself.
#[utoipa::path(
    tag = "administration",
    request_body = AdminIn,
    responses((status = 201, description = "The key", body = Envelope<NewApiKeyOut>))
)]
#[post("/tenants/{slug}/admins")]
pub async fn create_admin(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    body: Json<AdminIn>,
) -> Result<Reply<Envelope<NewApiKeyOut>>, ApiError> {
    let AdminIn { name, expires_at } = body.read_alone().await?;
    let tenant = tenants::get_tenant_by_slug(&app.store, &path).await?;
    let new = NewApiKey {
        kind: ApiKeyKind::Admin,
        name,
        permissions: Vec::new(),
        expires_at,
    };
    let made = api_keys::create_key(&app.store, &operator.actor, &tenant, new).await?;
    Ok(Reply::created_here(made.into()))
}

/// Revokes the key of an administrator, at once and for good
#[utoipa::path(
    tag = "administration",
    responses((status = 200, description = "The key as it is now", body = Envelope<ApiKeyOut>))
)]
#[delete("/tenants/{slug}/admins/{id}")]
pub async fn revoke_admin(
    app: Data<App>,
    operator: Operator,
    path: Path<(String, String)>,
) -> Result<Reply<Envelope<ApiKeyOut>>, ApiError> {
    let (slug, id) = path.into_inner();
    let tenant = tenants::get_tenant_by_slug(&app.store, &slug).await?;
    let key = api_keys::revoke_key(&app.store, &operator.actor, &tenant, ApiKeyKind::Admin, key_id(&id)?).await?;
    Ok(Reply::ok(key.into()))
}

/// The key that a path names. What is no id is the id of no key.
fn key_id(text: &str) -> Result<ApiKeyId, api_keys::Error> {
    text.parse().map_err(|_| api_keys::Error::NotFound)
}
