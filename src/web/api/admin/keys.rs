//! Keys that a website signs the tokens of its users with.

use actix_web::{
    delete, get, post,
    web::{Data, Path},
};
use secrecy::SecretString;
use serde::Serialize;
use utoipa::ToSchema;

use super::expose;
use crate::{
    app::App,
    tenants::{self, KeyAlgorithm, NewKey, SigningKey, Successor},
    timestamp::Timestamp,
    web::{
        administration::Administrator,
        error::ApiError,
        extract::{Body, Json},
        reply::{Envelope, Reply},
    },
};

impl Body for NewKey {}

impl Body for Successor {
    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

/// A signing key, without what signs.
#[derive(Debug, Serialize, ToSchema)]
pub struct SigningKeyOut {
    /// The name that headers of tokens have for it.
    #[schema(example = "key-1")]
    pub kid: String,
    /// How it signs.
    pub algorithm: KeyAlgorithm,
    /// Of a key pair: the public key, as PEM.
    #[schema(required)]
    pub public_key: Option<String>,
    /// When it was made.
    pub inserted_at: Timestamp,
    /// When a token of it was last accepted, to the minute.
    #[schema(required)]
    pub last_used_at: Option<Timestamp>,
    /// Since when its tokens are refused.
    #[schema(required)]
    pub revoked_at: Option<Timestamp>,
}

impl From<SigningKey> for SigningKeyOut {
    fn from(key: SigningKey) -> Self {
        Self {
            kid: key.kid,
            algorithm: key.algorithm,
            public_key: key.public_key,
            inserted_at: key.inserted_at,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// A signing key that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewSigningKeyOut {
    /// The key.
    #[serde(flatten)]
    pub key: SigningKeyOut,
    /// Of `HS256`: what the website signs with. It is in this answer and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "expose_some")]
    #[schema(value_type = Option<String>)]
    pub secret: Option<SecretString>,
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn expose_some<S: serde::Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => expose(secret, serializer),
        None => serializer.serialize_none(),
    }
}

impl From<(SigningKey, Option<SecretString>)> for NewSigningKeyOut {
    fn from((key, secret): (SigningKey, Option<SecretString>)) -> Self {
        Self {
            key: key.into(),
            secret,
        }
    }
}

/// Lists a tenant's signing keys, oldest first, revoked ones included
#[utoipa::path(
    tag = "administration",
    responses((status = 200, description = "The keys", body = Envelope<Vec<SigningKeyOut>>))
)]
#[get("/tenants/{slug}/keys")]
pub async fn list_signing_keys(
    app: Data<App>,
    admin: Administrator,
) -> Result<Reply<Envelope<Vec<SigningKeyOut>>>, ApiError> {
    let keys = tenants::list_keys(&app.store, admin.tenant.id).await?;
    Ok(Reply::ok(keys.into_iter().map(Into::into).collect()))
}

/// Makes a signing key
///
/// The answer for `HS256` has the secret, which is not shown again. Of `EdDSA` and `ES256` the website keeps the
/// private key, and sends the public one. At most two keys of a tenant are live.
#[utoipa::path(
    tag = "administration",
    request_body = NewKey,
    responses((status = 201, description = "The key", body = Envelope<NewSigningKeyOut>))
)]
#[post("/tenants/{slug}/keys")]
pub async fn create_signing_key(
    app: Data<App>,
    admin: Administrator,
    body: Json<NewKey>,
) -> Result<Reply<Envelope<NewSigningKeyOut>>, ApiError> {
    let new = body.read_alone().await?;
    let made = tenants::create_key(&app.store, &app.vault, &admin.actor, admin.tenant.id, new).await?;
    app.realtime.catch_up().await;
    Ok(Reply::created_here(made.into()))
}

/// Makes a signing key that takes another's place
///
/// Both are live then, so that the website can change over; when two were live already, the older one is revoked.
#[utoipa::path(
    tag = "administration",
    request_body = Successor,
    responses((status = 201, description = "The new key", body = Envelope<NewSigningKeyOut>))
)]
#[post("/tenants/{slug}/keys/{kid}/rotation")]
pub async fn rotate_signing_key(
    app: Data<App>,
    admin: Administrator,
    path: Path<(String, String)>,
    body: Json<Successor>,
) -> Result<Reply<Envelope<NewSigningKeyOut>>, ApiError> {
    let successor = body.read_alone().await?;
    let (tenant_id, kid) = (admin.tenant.id, &path.1);
    let made = tenants::rotate_key(&app.store, &app.vault, &admin.actor, tenant_id, kid, successor).await?;
    app.realtime.catch_up().await;
    Ok(Reply::created_here(made.into()))
}

/// Revokes a signing key, at once and for good: its tokens are refused, and whoever is connected by one is not any more
#[utoipa::path(
    tag = "administration",
    responses((status = 200, description = "The key as it is now", body = Envelope<SigningKeyOut>))
)]
#[delete("/tenants/{slug}/keys/{kid}")]
pub async fn revoke_signing_key(
    app: Data<App>,
    admin: Administrator,
    path: Path<(String, String)>,
) -> Result<Reply<Envelope<SigningKeyOut>>, ApiError> {
    let key = tenants::revoke_key(&app.store, &admin.actor, admin.tenant.id, &path.1).await?;
    app.realtime.catch_up().await;
    Ok(Reply::ok(key.into()))
}
