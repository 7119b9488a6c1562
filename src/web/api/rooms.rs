//! Rooms, and coming and going.

use actix_web::{
    delete, get, patch, post,
    web::{Data, Path},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::NoFieldsIn;
use crate::{
    app::App,
    chat::{self, NewRoom, Role, RoomKind, RoomPatch, RoomRef, RoomWithMembers},
    validation::given,
    web::{
        error::ApiError,
        extract::{Authenticated, Body, Json, PageParams, Query},
        reply::{Envelope, Listed, Nothing, Reply},
    },
    wire::{RoomDetailOut, RoomOut, RoomWithRoleOut},
};

/// A room to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomIn {
    /// 1 to 80 characters.
    #[schema(example = "Book club")]
    pub name: String,
    /// Up to 500 characters.
    pub description: Option<String>,
    /// 1 to 80 of `a-z`, `0-9` and `-`; made from the name when missing.
    #[schema(example = "book-club")]
    pub slug: Option<String>,
    /// `public` when missing; `dm` is for `POST /dm` only.
    pub kind: Option<RoomKind>,
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}

impl Body for RoomIn {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// What is to change about a room; what is missing stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomPatchIn {
    /// 1 to 80 characters. For admins and up.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, example = "Book club")]
    pub name: Option<String>,
    /// Up to 500 characters; `null` or an empty text removes it. For admins and up.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub description: Option<Option<String>>,
    /// Seconds that everybody below moderator has to wait between two messages, up to 3600; 0 for none. For
    /// moderators and up.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = u32, required = false, maximum = 3600)]
    pub slow_mode_s: Option<u32>,
    /// Whether nobody below moderator may write. For moderators and up.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool, required = false)]
    pub frozen: Option<bool>,
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}

impl Body for RoomPatchIn {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// Lists the public rooms and the private ones the user is in
#[utoipa::path(
    tag = "rooms",
    params(PageParams),
    responses((status = 200, description = "A page of rooms", body = Listed<RoomWithRoleOut>))
)]
#[get("/rooms")]
pub async fn list_rooms(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    query: Query<PageParams>,
) -> Result<Reply<Listed<RoomWithRoleOut>>, ApiError> {
    let page = query.read()?.into();
    Ok(Reply::page(
        chat::list_rooms(&app.store, &identity.scope(), &page).await?,
    ))
}

/// Creates a room; its creator becomes its first member, as admin
#[utoipa::path(
    tag = "rooms",
    request_body = RoomIn,
    responses((status = 201, description = "The room", body = Envelope<RoomWithRoleOut>, headers(("Location" = String))))
)]
#[post("/rooms")]
pub async fn create_room(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    body: Json<RoomIn>,
) -> Result<Reply<Envelope<RoomWithRoleOut>>, ApiError> {
    let RoomIn {
        name,
        description,
        slug,
        kind,
        tenant: _,
    } = body.read(&identity).await?;
    let new = NewRoom {
        name,
        description,
        slug,
        kind,
    };
    let room: RoomOut = app.realtime.create_room(&identity.sender(), new).await?.into();
    let location = format!("/api/v1/rooms/{}", room.id);
    Ok(Reply::created(
        location,
        RoomWithRoleOut {
            room,
            role: Some(Role::Admin),
        },
    ))
}

/// Shows a room and its members
#[utoipa::path(tag = "rooms", responses((status = 200, description = "The room", body = Envelope<RoomDetailOut>)))]
#[get("/rooms/{id}")]
pub async fn get_room(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
) -> Result<Reply<Envelope<RoomDetailOut>>, ApiError> {
    let found = chat::get_room_with_members(&app.store, &identity.scope(), &RoomRef::parse(&id)).await?;
    let RoomWithMembers {
        room,
        role,
        members,
        member_count,
    } = found;
    Ok(Reply::ok(RoomDetailOut {
        room: RoomWithRoleOut {
            room: room.into(),
            role,
        },
        members: members.into_iter().map(Into::into).collect(),
        member_count,
    }))
}

/// Changes a room's name or description, or who may write how often
#[utoipa::path(
    tag = "rooms",
    request_body = RoomPatchIn,
    responses((status = 200, description = "The room as it is now", body = Envelope<RoomOut>))
)]
#[patch("/rooms/{id}")]
pub async fn update_room(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
    body: Json<RoomPatchIn>,
) -> Result<Reply<Envelope<RoomOut>>, ApiError> {
    let RoomPatchIn {
        name,
        description,
        slow_mode_s,
        frozen,
        tenant: _,
    } = body.read(&identity).await?;
    let patch = RoomPatch {
        name,
        description: description.map(Option::unwrap_or_default),
        slow_mode_s,
        frozen,
    };
    let change = app
        .realtime
        .update_room(&identity.sender(), &RoomRef::parse(&id), patch)
        .await?;
    Ok(Reply::ok(change.room.into()))
}

/// Deletes a room with all its messages; only its creator and its owners may
#[utoipa::path(
    tag = "rooms",
    request_body = NoFieldsIn,
    responses((status = 200, description = "Deleted", body = Envelope<Nothing>))
)]
#[delete("/rooms/{id}")]
pub async fn delete_room(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
    body: Json<NoFieldsIn>,
) -> Result<Reply<Envelope<Nothing>>, ApiError> {
    let NoFieldsIn { tenant: _ } = body.read(&identity).await?;
    app.realtime
        .delete_room(&identity.sender(), &RoomRef::parse(&id))
        .await?;
    Ok(Reply::done())
}

/// Makes the user a member of a public room, or of one the user is invited to
#[utoipa::path(
    tag = "rooms",
    request_body = NoFieldsIn,
    responses((status = 200, description = "The room", body = Envelope<RoomOut>))
)]
#[post("/rooms/{id}/join")]
pub async fn join_room(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
    body: Json<NoFieldsIn>,
) -> Result<Reply<Envelope<RoomOut>>, ApiError> {
    let NoFieldsIn { tenant: _ } = body.read(&identity).await?;
    let joined = app.realtime.join_room(&identity.sender(), &RoomRef::parse(&id)).await?;
    Ok(Reply::ok(joined.room.into()))
}

/// Ends the user's membership of a room
#[utoipa::path(
    tag = "rooms",
    request_body = NoFieldsIn,
    responses((status = 200, description = "Left", body = Envelope<Nothing>))
)]
#[delete("/rooms/{id}/leave")]
pub async fn leave_room(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
    body: Json<NoFieldsIn>,
) -> Result<Reply<Envelope<Nothing>>, ApiError> {
    let NoFieldsIn { tenant: _ } = body.read(&identity).await?;
    app.realtime
        .leave_room(&identity.sender(), &RoomRef::parse(&id))
        .await?;
    Ok(Reply::done())
}
