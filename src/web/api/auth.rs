//! Accounts and their tokens.

use std::sync::Arc;

use actix_web::{HttpRequest, delete, get, post, put, web::Data};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::NoFieldsIn;
use crate::{
    accounts::{self, IssuedToken, NewUser, User},
    app::App,
    timestamp::Timestamp,
    validation::Violations,
    web::{
        client_address::client_address,
        error::ApiError,
        extract::{Authenticated, Body, Json},
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

impl SessionOut {
    /// An issued token, with whose it is.
    pub fn new(issued: &IssuedToken, user: User) -> Self {
        Self {
            token: issued.token.expose_secret().to_owned(),
            expires_at: Timestamp::from_seconds(issued.claims.expires_at),
            user: user.into(),
        }
    }
}

/// A password and the one to come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordIn {
    /// The password of now.
    #[schema(value_type = String, format = Password)]
    pub current_password: SecretString,
    /// 8 to 1024 bytes.
    #[schema(value_type = String, format = Password, example = "correct horse battery staple")]
    pub new_password: SecretString,
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}

impl Body for PasswordIn {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeOut {
    /// The user.
    #[serde(flatten)]
    pub user: UserOut,
    /// A hash of the user's e-mail address, as the website made it; nobody else is shown it.
    #[schema(required)]
    pub email_hash: Option<String>,
    /// What else the website says of the user; nobody else is shown it.
    #[schema(required, value_type = Option<Object>)]
    pub attrs: Option<serde_json::Value>,
    /// The tenant's slug.
    #[schema(example = "default")]
    pub tenant: String,
    /// When the token ends.
    pub expires_at: Timestamp,
}

pub(super) fn session(app: &App, user: User) -> SessionOut {
    let issued = app.tokens.issue(&user);
    SessionOut::new(&issued, user)
}

/// Makes an account and signs it in
///
/// Where the tenant's setting `registration` is off, nobody is registered.
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
    let (input, tenant) = body.read_with_tenant(&app).await?;
    if !tenant.settings.registration {
        return Err(accounts::Error::RegistrationClosed.into());
    }
    app.realtime
        .limits()
        .check_registration(&tenant, client_address(&request))?;
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
    let (input, tenant) = body.read_with_tenant(&app).await?;
    let CredentialsIn {
        username,
        password,
        tenant: _,
    } = input;
    app.realtime
        .limits()
        .check_login(&tenant, &username, client_address(&request))?;
    let user = accounts::authenticate(&app.store, &app.passwords, tenant.id, &username, &password).await?;
    Ok(Reply::ok(session(&app, user)))
}

/// Changes the password
///
/// All tokens of the user that were issued until now are revoked, and the sockets that connected with them are closed.
/// The answer has a new one.
#[utoipa::path(
    tag = "auth",
    request_body = PasswordIn,
    responses((status = 200, description = "A new session", body = Envelope<SessionOut>))
)]
#[put("/auth/password")]
pub async fn change_password(
    app: Data<App>,
    request: HttpRequest,
    Authenticated(identity): Authenticated,
    body: Json<PasswordIn>,
) -> Result<Reply<Envelope<SessionOut>>, ApiError> {
    let PasswordIn {
        current_password,
        new_password,
        tenant: _,
    } = body.read(&identity).await?;
    // Whoever has stolen a token is not to find out the password with it.
    app.realtime
        .limits()
        .check_login(&identity.tenant, &identity.user.username, client_address(&request))?;
    let scope = identity.scope();
    let changed = accounts::change_password(&app.store, &app.passwords, &scope, &current_password, &new_password).await;
    let user = match changed {
        // A 401 would say that the token is no longer good.
        Err(accounts::Error::InvalidCredentials) => {
            return Err(Violations::of("current_password", "is not your password").into());
        }
        changed => changed?,
    };
    app.realtime.catch_up().await;
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
    app.realtime.catch_up().await;
    Ok(Reply::done())
}

/// Who is signed in
#[utoipa::path(tag = "auth", responses((status = 200, description = "The token's user", body = Envelope<MeOut>)))]
#[get("/auth/me")]
pub async fn me(Authenticated(identity): Authenticated) -> Reply<Envelope<MeOut>> {
    Reply::ok(MeOut {
        expires_at: Timestamp::from_seconds(identity.claims.expires_at),
        tenant: identity.tenant.slug.clone(),
        email_hash: identity.user.email_hash.clone(),
        attrs: identity.user.attrs.clone(),
        user: Arc::unwrap_or_clone(identity.user).into(),
    })
}
