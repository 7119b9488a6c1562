//! Members of rooms and their roles.

use actix_web::{
    delete, get, patch, post,
    web::{Data, Path},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{NoFieldsIn, user_id};
use crate::{
    app::App,
    chat::{self, Role, RoomRef},
    ids::UserId,
    web::{
        error::ApiError,
        extract::{Authenticated, Body, Json, PageParams, Query},
        reply::{Envelope, Listed, Nothing, Reply},
    },
    wire::{MemberOut, MembershipOut},
};

/// Who is to become a member, and as what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberIn {
    /// The user.
    pub user_id: UserId,
    /// `member` when missing.
    pub role: Option<Role>,
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}

impl Body for MemberIn {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// What a member is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleIn {
    /// The role from now on.
    pub role: Role,
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}

impl Body for RoleIn {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// Lists the members of a room in the order in which they came
#[utoipa::path(
    tag = "members",
    params(PageParams),
    responses((status = 200, description = "A page of members", body = Listed<MemberOut>))
)]
#[get("/rooms/{id}/members")]
pub async fn list_members(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
    query: Query<PageParams>,
) -> Result<Reply<Listed<MemberOut>>, ApiError> {
    let page = query.read()?.into();
    let room = RoomRef::parse(&id);
    Ok(Reply::page(
        chat::list_members(&app.store, &identity.scope(), &room, &page).await?,
    ))
}

/// Makes a user a member, for admins and up; who is one already keeps their role
#[utoipa::path(
    tag = "members",
    request_body = MemberIn,
    responses(
        (status = 201, description = "The new member", body = Envelope<MembershipOut>),
        (status = 200, description = "The member there was", body = Envelope<MembershipOut>)
    )
)]
#[post("/rooms/{id}/members")]
pub async fn add_member(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
    body: Json<MemberIn>,
) -> Result<Reply<Envelope<MembershipOut>>, ApiError> {
    let MemberIn {
        user_id,
        role,
        tenant: _,
    } = body.read(&identity).await?;
    let (room, role) = (RoomRef::parse(&id), role.unwrap_or(Role::Member));
    let change = app
        .realtime
        .add_member(&identity.sender(), &room, user_id, role)
        .await?;
    Ok(if change.changed() {
        Reply::created_here(change.into())
    } else {
        Reply::ok(change.into())
    })
}

/// Gives a member another role, for admins and up, against lower roles
#[utoipa::path(
    tag = "members",
    request_body = RoleIn,
    responses((status = 200, description = "The member", body = Envelope<MembershipOut>))
)]
#[patch("/rooms/{id}/members/{uid}")]
pub async fn change_role(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    path: Path<(String, String)>,
    body: Json<RoleIn>,
) -> Result<Reply<Envelope<MembershipOut>>, ApiError> {
    let RoleIn { role, tenant: _ } = body.read(&identity).await?;
    let (room, user) = person(&path)?;
    let change = app.realtime.change_role(&identity.sender(), &room, user, role).await?;
    Ok(Reply::ok(change.into()))
}

/// Ends somebody's membership, for moderators and up, against lower roles
///
/// Their channels of the room end on all devices. To a public room they may come back; a ban prevents that.
#[utoipa::path(
    tag = "members",
    request_body = NoFieldsIn,
    responses((status = 200, description = "Removed", body = Envelope<Nothing>))
)]
#[delete("/rooms/{id}/members/{uid}")]
pub async fn remove_member(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    path: Path<(String, String)>,
    body: Json<NoFieldsIn>,
) -> Result<Reply<Envelope<Nothing>>, ApiError> {
    let NoFieldsIn { tenant: _ } = body.read(&identity).await?;
    let (room, user) = person(&path)?;
    app.realtime.remove_member(&identity.sender(), &room, user).await?;
    Ok(Reply::done())
}

/// The user that a path names, and the room.
pub(super) fn person(path: &(String, String)) -> Result<(RoomRef, UserId), chat::Error> {
    Ok((RoomRef::parse(&path.0), user_id(&path.1)?))
}
