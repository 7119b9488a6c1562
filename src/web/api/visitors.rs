//! People who come from a website: those whom it vouches for, and guests.

use std::sync::Arc;

use actix_web::{HttpRequest, post, web::Data};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::{SessionOut, session};
use crate::{
    accounts,
    app::App,
    audit::{Actor, ActorKind},
    config::Limit,
    ids::{RoomId, UserId},
    realtime::Subject,
    web::{
        administration::actor_of,
        client_address::client_address,
        error::ApiError,
        extract::{Authenticated, Body, Json},
        identity::{self, Identity},
        reply::{Envelope, Reply},
    },
};

/// A website's token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeIn {
    /// The JWT that the website has signed for its user.
    #[schema(value_type = String)]
    pub token: SecretString,
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}

impl Body for ExchangeIn {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// A visitor, new or known.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GuestIn {
    /// The key of a guest who comes back.
    #[schema(value_type = Option<String>, format = Password)]
    pub guest_key: Option<SecretString>,
    /// 1 to 80 characters.
    #[schema(example = "Zoë")]
    pub name: Option<String>,
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}

impl Body for GuestIn {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

/// A guest's token and key.
#[derive(Debug, Serialize, ToSchema)]
pub struct GuestOut {
    /// The token, and whose it is.
    #[serde(flatten)]
    pub session: SessionOut,
    /// What the guest comes back with. Whoever has it is the guest.
    #[schema(example = "gk_Zm9yIHRoZSBleGFtcGxlJ3Mgc2FrZSBvbmx5ISEhISE")]
    pub guest_key: String,
}

/// The guest that the user was.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimIn {
    /// The guest's key.
    #[schema(value_type = String, format = Password)]
    pub guest_key: SecretString,
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}

impl Body for ClaimIn {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// What is the user's now that was the guest's.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClaimedOut {
    /// The guest, who is nobody any more.
    pub guest_id: UserId,
    /// Rooms in which something has another owner now.
    pub rooms: Vec<RoomId>,
    /// How many messages have another author now.
    pub messages: u64,
}

/// Makes a session of a website's token
///
/// The website's token is a JWT that its backend has signed for its user. It is good wherever a token is; a session is
/// for clients that would rather have one of this server's. The first token of a user makes the user.
#[utoipa::path(
    tag = "auth",
    request_body = ExchangeIn,
    responses((status = 200, description = "Signed in", body = Envelope<SessionOut>))
)]
#[post("/auth/exchange")]
pub async fn exchange(
    app: Data<App>,
    request: HttpRequest,
    body: Json<ExchangeIn>,
) -> Result<Reply<Envelope<SessionOut>>, ApiError> {
    let (ExchangeIn { token, tenant: _ }, named) = body.read_with_name().await?;
    let Identity { user, claims, .. } =
        identity::authenticate_host(&app, &request, token.expose_secret(), named.as_deref()).await?;
    let lifetime = app.settings.auth.exchanged_lifetime;
    let issued = app.tokens.issue_for(&user, lifetime, claims.key_id);
    Ok(Reply::ok(SessionOut::new(&issued, Arc::unwrap_or_clone(user))))
}

/// Lets a visitor in, where the tenant has guests
///
/// A new guest gets a key, and comes back with it; the name may be another one then.
#[utoipa::path(
    tag = "auth",
    request_body = GuestIn,
    responses((status = 200, description = "A guest's session", body = Envelope<GuestOut>))
)]
#[post("/auth/guest")]
pub async fn guest(
    app: Data<App>,
    request: HttpRequest,
    body: Json<GuestIn>,
) -> Result<Reply<Envelope<GuestOut>>, ApiError> {
    let (input, tenant) = body.read_with_tenant(&app).await?;
    let GuestIn {
        guest_key,
        name,
        tenant: _,
    } = input;
    let (user, key) = match guest_key {
        Some(key) => (accounts::return_as_guest(&app.store, &tenant, &key, name).await?, key),
        None => {
            let from = Subject::address(client_address(&request));
            app.realtime.limits().check(&tenant, Limit::GuestsPerAddress, from)?;
            accounts::create_guest(&app.store, &tenant, name).await?
        }
    };
    Ok(Reply::ok(GuestOut {
        session: session(&app, user),
        guest_key: key.expose_secret().to_owned(),
    }))
}

/// Takes over what the user was as a guest
///
/// For users whom the website vouches for, where the tenant's setting `guest_claims` is on. Rooms, messages, reactions
/// and read marks of the guest are the user's from then on. Once: the guest's key and tokens are good for nothing after
/// that.
#[utoipa::path(
    tag = "auth",
    request_body = ClaimIn,
    responses((status = 200, description = "What is the user's now", body = Envelope<ClaimedOut>))
)]
#[post("/auth/claim")]
pub async fn claim(
    app: Data<App>,
    request: HttpRequest,
    Authenticated(identity): Authenticated,
    body: Json<ClaimIn>,
) -> Result<Reply<Envelope<ClaimedOut>>, ApiError> {
    let ClaimIn { guest_key, tenant: _ } = body.read(&identity).await?;
    let actor = Actor {
        id: identity.user.id.to_string(),
        ..actor_of(&request, ActorKind::User)
    };
    let claimed = accounts::claim_guest(&app.store, &actor, &identity.tenant, &identity.user, &guest_key).await?;
    app.realtime.catch_up().await;
    app.realtime.guest_claimed(&identity.sender(), &claimed).await;
    Ok(Reply::ok(ClaimedOut {
        guest_id: claimed.guest_id,
        rooms: claimed.transfer.rooms.iter().map(|room| room.id).collect(),
        messages: claimed.transfer.messages,
    }))
}
