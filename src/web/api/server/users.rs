//! Users, as the website's backend makes them and signs them in.

use actix_web::{
    delete, get, post,
    web::{Data, Path},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    accounts::{self, HostUser, ProfilePatch},
    app::App,
    ids::UserId,
    validation::given,
    web::{
        api::{
            admin::users::{UserParams, UserRecordOut},
            auth::SessionOut,
        },
        error::ApiError,
        extract::{Body, Json, Query},
        reply::{Envelope, Listed, Nothing, Reply},
        server_key::ServerKey,
    },
};

/// A user as the website knows it. Of a user who is there already, what is missing stays as it is, and `null` removes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteUserIn {
    /// The website's own id of the user, 1 to 255 characters: what its tokens have as `sub`.
    #[schema(example = "42")]
    pub external_id: String,
    /// 3 to 32 letters, digits, underscores, dots or hyphens; made from the name when missing.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false)]
    pub username: Option<String>,
    /// The name to show, up to 80 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "Ann")]
    pub name: Option<Option<String>>,
    /// A picture: an `https` address of up to 2048 bytes.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub avatar_url: Option<Option<String>>,
    /// A hash of the e-mail address: up to 128 hexadecimal digits.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub email_hash: Option<Option<String>>,
    /// What else there is to say of the user: an object of up to 4096 bytes.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Object>)]
    pub attrs: Option<Option<Map<String, Value>>>,
}

impl Body for SiteUserIn {}

/// Lists the users of the tenant, by username
#[utoipa::path(
    tag = "backend",
    params(UserParams),
    responses((status = 200, description = "A page of users", body = Listed<UserRecordOut>))
)]
#[get("/users")]
pub async fn list_site_users(
    app: Data<App>,
    caller: ServerKey,
    query: Query<UserParams>,
) -> Result<Reply<Listed<UserRecordOut>>, ApiError> {
    let (filter, page) = query.read()?.into();
    let users = accounts::admin::list_users(&app.store, caller.tenant.id, &filter, &page).await?;
    Ok(Reply::page(users))
}

/// Makes a user of the website's, or changes what it says of the one there is
#[utoipa::path(
    tag = "backend",
    request_body = SiteUserIn,
    responses(
        (status = 201, description = "The user is new", body = Envelope<UserRecordOut>, headers(("Location" = String))),
        (status = 200, description = "The user as it is now", body = Envelope<UserRecordOut>)
    )
)]
#[post("/users")]
pub async fn put_site_user(
    app: Data<App>,
    caller: ServerKey,
    body: Json<SiteUserIn>,
) -> Result<Reply<Envelope<UserRecordOut>>, ApiError> {
    let SiteUserIn {
        external_id,
        username,
        name,
        avatar_url,
        email_hash,
        attrs,
    } = body.read_alone().await?;
    let new = HostUser {
        external_id,
        username,
        profile: ProfilePatch {
            name,
            avatar_url,
            email_hash,
            attrs,
        },
    };
    let (user, is_new) = accounts::site::put_user(&app.store, &caller.actor, &caller.tenant, new).await?;
    Ok(if is_new {
        Reply::created(format!("/api/v1/server/users/{}", user.id), user.into())
    } else {
        Reply::ok(user.into())
    })
}

/// Shows a user
#[utoipa::path(
    tag = "backend",
    responses((status = 200, description = "The user", body = Envelope<UserRecordOut>))
)]
#[get("/users/{id}")]
pub async fn get_site_user(
    app: Data<App>,
    caller: ServerKey,
    id: Path<String>,
) -> Result<Reply<Envelope<UserRecordOut>>, ApiError> {
    let user = accounts::admin::get_user(&app.store, caller.tenant.id, user_id(&id)?).await?;
    Ok(Reply::ok(user.into()))
}

/// Signs a user in, for the backend to hand the token to the user's browser
#[utoipa::path(
    tag = "backend",
    responses((status = 201, description = "A session", body = Envelope<SessionOut>))
)]
#[post("/users/{id}/tokens")]
pub async fn issue_token(
    app: Data<App>,
    caller: ServerKey,
    id: Path<String>,
) -> Result<Reply<Envelope<SessionOut>>, ApiError> {
    let user = accounts::site::sign_in(&app.store, &caller.actor, &caller.tenant, user_id(&id)?).await?;
    let issued = app.tokens.issue_for(&user, app.settings.auth.exchanged_lifetime, None);
    Ok(Reply::created_here(SessionOut::new(&issued, user)))
}

/// Revokes all tokens of a user that were issued until now, and ends the connections by them
#[utoipa::path(
    tag = "backend",
    responses((status = 200, description = "They are revoked", body = Envelope<Nothing>))
)]
#[delete("/users/{id}/tokens")]
pub async fn revoke_tokens(
    app: Data<App>,
    caller: ServerKey,
    id: Path<String>,
) -> Result<Reply<Envelope<Nothing>>, ApiError> {
    accounts::admin::revoke_tokens(&app.store, &caller.actor, &caller.tenant, user_id(&id)?).await?;
    app.realtime.catch_up().await;
    Ok(Reply::done())
}

/// The user that a path names. What is no id is the id of no user.
fn user_id(text: &str) -> Result<UserId, accounts::Error> {
    text.parse().map_err(|_| accounts::Error::NotFound)
}
