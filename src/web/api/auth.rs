//! Accounts and tokens.

use actix_web::{HttpRequest, delete, get, post, web::Data};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::NoFieldsIn;
use crate::{
    accounts::{self, NewUser, User},
    app::App,
    timestamp::Timestamp,
    web::{
        error::ApiError,
        extract::{Authenticated, Body, Json, peer_address},
        reply::{Envelope, Nothing, Reply},
    },
    wire::UserOut,
};

/// A username and its password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialsIn {
    /// 3 to 32 letters, digits, `_`, `.` or `-`; unique in the tenant without regard to case.
    #[schema(example = "alice")]
    pub username: String,
    /// 8 to 1024 bytes.
    #[schema(value_type = String, format = Password, example = "correct horse battery staple")]
    pub password: SecretString,
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}

impl Body for CredentialsIn {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// A token and whose it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionOut {
    /// For `Authorization: Bearer …`, and for the socket.
    pub token: String,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// The user.
    pub user: UserOut,
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeOut {
    /// The user.
    #[serde(flatten)]
    pub user: UserOut,
    /// The tenant's slug.
    #[schema(example = "default")]
    pub tenant: String,
    /// When the token ends.
    pub expires_at: Timestamp,
}

fn session(app: &App, user: User) -> SessionOut {
    let issued = app.tokens.issue(&user);
    SessionOut {
        token: issued.token.expose_secret().to_owned(),
        expires_at: Timestamp::from_seconds(issued.claims.expires_at),
        user: user.into(),
    }
}

/// Makes an account and signs it in
#[utoipa::path(
    tag = "auth",
    request_body = CredentialsIn,
    responses((status = 201, description = "The account was made", body = Envelope<SessionOut>, headers(("Location" = String))))
)]
#[post("/auth/register")]
pub async fn register(
    app: Data<App>,
    request: HttpRequest,
    body: Json<CredentialsIn>,
) -> Result<Reply<Envelope<SessionOut>>, ApiError> {
    app.realtime.limits().registration_address(peer_address(&request))?;
    let (input, tenant) = body.read_with_tenant(&app).await?;
    let CredentialsIn {
        username,
        password,
        tenant: _,
    } = input;
    let user = accounts::register(&app.store, &app.passwords, tenant.id, NewUser { username, password }).await?;
    Ok(Reply::created(
        format!("/api/v1/users/{}", user.id),
        session(&app, user),
    ))
}

/// Signs a user in
///
/// An unknown username and a wrong password are answered alike, in words and in time.
#[utoipa::path(
    tag = "auth",
    request_body = CredentialsIn,
    responses((status = 200, description = "Signed in", body = Envelope<SessionOut>))
)]
#[post("/auth/login")]
pub async fn login(
    app: Data<App>,
    request: HttpRequest,
    body: Json<CredentialsIn>,
) -> Result<Reply<Envelope<SessionOut>>, ApiError> {
    app.realtime.limits().login_address(peer_address(&request))?;
    let (input, tenant) = body.read_with_tenant(&app).await?;
    let CredentialsIn {
        username,
        password,
        tenant: _,
    } = input;
    app.realtime.limits().login_account(tenant.id, &username)?;
    let user = accounts::authenticate(&app.store, &app.passwords, tenant.id, &username, &password).await?;
    Ok(Reply::ok(session(&app, user)))
}

/// Revokes the token and closes the sockets that connected with it
#[utoipa::path(
    tag = "auth",
    request_body = NoFieldsIn,
    responses((status = 200, description = "Signed out", body = Envelope<Nothing>))
)]
#[delete("/auth/logout")]
pub async fn logout(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    body: Json<NoFieldsIn>,
) -> Result<Reply<Envelope<Nothing>>, ApiError> {
    let NoFieldsIn { tenant: _ } = body.read(&identity).await?;
    accounts::revoke_token(&app.store, &identity.claims).await?;
    app.realtime
        .token_revoked(identity.tenant.id, identity.user.id, identity.claims.token_id)
        .await;
    Ok(Reply::done())
}

/// Who is signed in
#[utoipa::path(tag = "auth", responses((status = 200, description = "The token's user", body = Envelope<MeOut>)))]
#[get("/auth/me")]
pub async fn me(Authenticated(identity): Authenticated) -> Reply<Envelope<MeOut>> {
    Reply::ok(MeOut {
        expires_at: Timestamp::from_seconds(identity.claims.expires_at),
        tenant: identity.tenant.slug.clone(),
        user: identity.user.into(),
    })
}
