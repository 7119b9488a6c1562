//! The users of a tenant.

use actix_web::{
    delete, get, patch, put,
    web::{Data, Path},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    accounts::{
        self, User, UserKind,
        admin::{UserFilter, UserPatch},
    },
    app::App,
    ids::UserId,
    page::PageRequest,
    timestamp::Timestamp,
    web::{
        administration::Administrator,
        error::ApiError,
        extract::{Body, Json, PageParams, Pairs, Parameters, Query},
        reply::{Envelope, Listed, Nothing, Reply},
    },
};

/// A user as administrators and the website's backend see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserRecordOut {
    /// The user's id.
    pub id: UserId,
    /// The name others see, unless there is a `name`.
    pub username: String,
    /// Where the user comes from.
    pub kind: UserKind,
    /// The website's own id of the user.
    #[schema(required)]
    pub external_id: Option<String>,
    /// The name to show.
    #[schema(required)]
    pub name: Option<String>,
    /// A picture.
    #[schema(required)]
    pub avatar_url: Option<String>,
    /// A hash of the e-mail address, as the website made it.
    #[schema(required)]
    pub email_hash: Option<String>,
    /// What else the website says of the user.
    #[schema(required, value_type = Option<Object>)]
    pub attrs: Option<Value>,
    /// Since when the user is locked out.
    #[schema(required)]
    pub suspended_at: Option<Timestamp>,
    /// When the user was created.
    pub inserted_at: Timestamp,
}

impl From<User> for UserRecordOut {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            kind: user.kind,
            external_id: user.external_id,
            name: user.name,
            avatar_url: user.avatar_url,
            email_hash: user.email_hash,
            attrs: user.attrs,
            suspended_at: user.suspended_at,
            inserted_at: user.inserted_at,
        }
    }
}

/// Which users.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UserParams {
    /// Only those of a kind.
    pub kind: Option<UserKind>,
    /// Only those whose username, or name to show, begins so.
    pub search: Option<String>,
    /// Most items to return.
    #[param(minimum = 1, maximum = 100, default = 50, required = false)]
    pub limit: u64,
    /// `meta.next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl Parameters for UserParams {
    fn take(pairs: &mut Pairs) -> Self {
        let PageParams { limit, cursor } = PageParams::take(pairs);
        Self {
            kind: pairs.word("kind"),
            search: pairs.text("search"),
            limit,
            cursor,
        }
    }
}

impl From<UserParams> for (UserFilter, PageRequest) {
    fn from(
        UserParams {
            kind,
            search,
            limit,
            cursor,
        }: UserParams,
    ) -> Self {
        (UserFilter { kind, search }, PageRequest { limit, cursor })
    }
}

impl Body for UserPatch {}

/// Lists the users of a tenant, by username
#[utoipa::path(
    tag = "administration",
    params(UserParams),
    responses((status = 200, description = "A page of users", body = Listed<UserRecordOut>))
)]
#[get("/tenants/{slug}/users")]
pub async fn list_tenant_users(
    app: Data<App>,
    admin: Administrator,
    query: Query<UserParams>,
) -> Result<Reply<Listed<UserRecordOut>>, ApiError> {
    let (filter, page) = query.read()?.into();
    let users = accounts::admin::list_users(&app.store, admin.tenant.id, &filter, &page).await?;
    Ok(Reply::page(users))
}

/// Shows a user of a tenant
#[utoipa::path(
    tag = "administration",
    responses((status = 200, description = "The user", body = Envelope<UserRecordOut>))
)]
#[get("/tenants/{slug}/users/{id}")]
pub async fn get_tenant_user(
    app: Data<App>,
    admin: Administrator,
    path: Path<(String, String)>,
) -> Result<Reply<Envelope<UserRecordOut>>, ApiError> {
    let user = accounts::admin::get_user(&app.store, admin.tenant.id, user_id(&path)?).await?;
    Ok(Reply::ok(user.into()))
}

/// Changes what a user is called
#[utoipa::path(
    tag = "administration",
    request_body = UserPatch,
    responses((status = 200, description = "The user as it is now", body = Envelope<UserRecordOut>))
)]
#[patch("/tenants/{slug}/users/{id}")]
pub async fn update_tenant_user(
    app: Data<App>,
    admin: Administrator,
    path: Path<(String, String)>,
    body: Json<UserPatch>,
) -> Result<Reply<Envelope<UserRecordOut>>, ApiError> {
    let patch = body.read_alone().await?;
    let id = user_id(&path)?;
    let user = accounts::admin::update_user(&app.store, &admin.actor, &admin.tenant, id, patch).await?;
    Ok(Reply::ok(user.into()))
}

/// Deletes a user: what they said stays, without a trace of who it was
#[utoipa::path(
    tag = "administration",
    responses((status = 200, description = "The user is deleted", body = Envelope<Nothing>))
)]
#[delete("/tenants/{slug}/users/{id}")]
pub async fn delete_tenant_user(
    app: Data<App>,
    admin: Administrator,
    path: Path<(String, String)>,
) -> Result<Reply<Envelope<Nothing>>, ApiError> {
    let id = user_id(&path)?;
    app.realtime.delete_user(&admin.actor, &admin.tenant, id).await?;
    Ok(Reply::done())
}

/// Locks a user out of the tenant: tokens are refused, and connections end
#[utoipa::path(
    tag = "administration",
    responses((status = 200, description = "The user as it is now", body = Envelope<UserRecordOut>))
)]
#[put("/tenants/{slug}/users/{id}/suspension")]
pub async fn suspend_tenant_user(
    app: Data<App>,
    admin: Administrator,
    path: Path<(String, String)>,
) -> Result<Reply<Envelope<UserRecordOut>>, ApiError> {
    let id = user_id(&path)?;
    let user = accounts::admin::suspend_user(&app.store, &admin.actor, &admin.tenant, id).await?;
    app.realtime.catch_up().await;
    Ok(Reply::ok(user.into()))
}

/// Ends a user's suspension
#[utoipa::path(
    tag = "administration",
    responses((status = 200, description = "The user as it is now", body = Envelope<UserRecordOut>))
)]
#[delete("/tenants/{slug}/users/{id}/suspension")]
pub async fn resume_tenant_user(
    app: Data<App>,
    admin: Administrator,
    path: Path<(String, String)>,
) -> Result<Reply<Envelope<UserRecordOut>>, ApiError> {
    let id = user_id(&path)?;
    let user = accounts::admin::unsuspend_user(&app.store, &admin.actor, &admin.tenant, id).await?;
    Ok(Reply::ok(user.into()))
}

/// Revokes all tokens of a user that were issued until now, and ends the connections by them
#[utoipa::path(
    tag = "administration",
    responses((status = 200, description = "They are revoked", body = Envelope<Nothing>))
)]
#[delete("/tenants/{slug}/users/{id}/tokens")]
pub async fn revoke_tenant_user_tokens(
    app: Data<App>,
    admin: Administrator,
    path: Path<(String, String)>,
) -> Result<Reply<Envelope<Nothing>>, ApiError> {
    let id = user_id(&path)?;
    accounts::admin::revoke_tokens(&app.store, &admin.actor, &admin.tenant, id).await?;
    app.realtime.catch_up().await;
    Ok(Reply::done())
}

/// The user that a path names. What is no id is the id of no user.
fn user_id(path: &Path<(String, String)>) -> Result<UserId, accounts::Error> {
    path.1.parse().map_err(|_| accounts::Error::NotFound)
}
