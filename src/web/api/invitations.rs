//! Invitations to rooms. Joining the room takes one.

use actix_web::{
    delete, get, post,
    web::{Data, Path},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{NoFieldsIn, members::person};
use crate::{
    app::App,
    chat::{self, Role, RoomRef},
    ids::UserId,
    web::{
        error::ApiError,
        extract::{Authenticated, Body, Json, PageParams, Query},
        reply::{Envelope, Listed, Nothing, Reply},
    },
    wire::InvitationOut,
};

/// Who is invited, and as what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationIn {
    /// The user.
    pub user_id: UserId,
    /// What the user becomes by joining; `member` when missing.
    pub role: Option<Role>,
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}

impl Body for InvitationIn {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// Lists the invitations to a room, for moderators and up
#[utoipa::path(
    tag = "members",
    params(PageParams),
    responses((status = 200, description = "A page of invitations", body = Listed<InvitationOut>))
)]
#[get("/rooms/{id}/invitations")]
pub async fn list_room_invitations(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
    query: Query<PageParams>,
) -> Result<Reply<Listed<InvitationOut>>, ApiError> {
    let page = query.read()?.into();
    let room = RoomRef::parse(&id);
    Ok(Reply::page(
        chat::list_room_invitations(&app.store, &identity.scope(), &room, &page).await?,
    ))
}

/// Invites a user; takes the place of the invitation before
///
/// Moderators may invite members and readers; admins and up, for all roles up to their own.
#[utoipa::path(
    tag = "members",
    request_body = InvitationIn,
    responses((status = 201, description = "The invitation", body = Envelope<InvitationOut>))
)]
#[post("/rooms/{id}/invitations")]
pub async fn invite_user(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
    body: Json<InvitationIn>,
) -> Result<Reply<Envelope<InvitationOut>>, ApiError> {
    let InvitationIn {
        user_id,
        role,
        tenant: _,
    } = body.read(&identity).await?;
    let (room, role) = (RoomRef::parse(&id), role.unwrap_or(Role::Member));
    let invitation = app.realtime.invite(&identity.sender(), &room, user_id, role).await?;
    Ok(Reply::created_here(invitation.into()))
}

/// Takes an invitation back; whoever could have made it may
#[utoipa::path(
    tag = "members",
    request_body = NoFieldsIn,
    responses((status = 200, description = "Taken back", body = Envelope<Nothing>))
)]
#[delete("/rooms/{id}/invitations/{uid}")]
pub async fn withdraw_invitation(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    path: Path<(String, String)>,
    body: Json<NoFieldsIn>,
) -> Result<Reply<Envelope<Nothing>>, ApiError> {
    let NoFieldsIn { tenant: _ } = body.read(&identity).await?;
    let (room, user) = person(&path)?;
    chat::withdraw_invitation(&app.store, &identity.scope(), &room, user).await?;
    Ok(Reply::done())
}

/// Lists the invitations to the user
#[utoipa::path(
    tag = "members",
    params(PageParams),
    responses((status = 200, description = "A page of invitations", body = Listed<InvitationOut>))
)]
#[get("/invitations")]
pub async fn list_invitations(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    query: Query<PageParams>,
) -> Result<Reply<Listed<InvitationOut>>, ApiError> {
    let page = query.read()?.into();
    Ok(Reply::page(
        chat::list_invitations(&app.store, &identity.scope(), &page).await?,
    ))
}

/// Turns the invitation to a room down
#[utoipa::path(
    tag = "members",
    request_body = NoFieldsIn,
    responses((status = 200, description = "Turned down", body = Envelope<Nothing>))
)]
#[delete("/invitations/{id}")]
pub async fn decline_invitation(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
    body: Json<NoFieldsIn>,
) -> Result<Reply<Envelope<Nothing>>, ApiError> {
    let NoFieldsIn { tenant: _ } = body.read(&identity).await?;
    chat::decline_invitation(&app.store, &identity.scope(), &RoomRef::parse(&id)).await?;
    Ok(Reply::done())
}
