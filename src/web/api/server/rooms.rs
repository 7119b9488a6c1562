//! Rooms, as the website's backend makes them, fills them, and speaks in them.

use actix_web::{
    delete, get, post,
    web::{Data, Path},
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    chat::{self, NewMessage, NewRoom, Role, RoomKind, RoomRef},
    ids::UserId,
    web::{
        api::{admin::rooms::RoomOverviewOut, user_id},
        error::ApiError,
        extract::{Body, Json, PageParams, Query},
        reply::{Envelope, Listed, Nothing, Reply},
        server_key::ServerKey,
    },
    wire::{MessageOut, RoomOut},
};

/// A room to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteRoomIn {
    /// 1 to 80 characters.
    #[schema(example = "Order 4711")]
    pub name: String,
    /// Up to 500 characters.
    pub description: Option<String>,
    /// 1 to 80 of `a-z`, `0-9` and `-`; made from the name when missing.
    #[schema(example = "order-4711")]
    pub slug: Option<String>,
    /// `public` when missing; not `dm`.
    pub kind: Option<RoomKind>,
}

impl Body for SiteRoomIn {}

/// A membership to be given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteMemberIn {
    /// Whose.
    pub user_id: UserId,
    /// What the member may do; `member` when missing.
    pub role: Option<Role>,
}

impl Body for SiteMemberIn {}

/// A message to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteMessageIn {
    /// The text: 1 to 2000 characters, not only white space.
    #[schema(example = "Your parcel is on its way.")]
    pub content: String,
    /// The backend's own id of the message, up to 64 characters. A repeat gets the first answer and is not sent twice.
    #[schema(example = "parcel-4711-shipped")]
    pub client_id: Option<String>,
}

impl Body for SiteMessageIn {}

/// Lists the public and private rooms of the tenant, oldest first
#[utoipa::path(
    tag = "backend",
    params(PageParams),
    responses((status = 200, description = "A page of rooms", body = Listed<RoomOverviewOut>))
)]
#[get("/rooms")]
pub async fn list_site_rooms(
    app: Data<App>,
    caller: ServerKey,
    query: Query<PageParams>,
) -> Result<Reply<Listed<RoomOverviewOut>>, ApiError> {
    let page = query.read()?.into();
    Ok(Reply::page(
        chat::list_all_rooms(&app.store, caller.tenant.id, &page).await?,
    ))
}

/// Creates a room, which nobody is a member of yet
#[utoipa::path(
    tag = "backend",
    request_body = SiteRoomIn,
    responses((status = 201, description = "The room", body = Envelope<RoomOut>))
)]
#[post("/rooms")]
pub async fn create_site_room(
    app: Data<App>,
    caller: ServerKey,
    body: Json<SiteRoomIn>,
) -> Result<Reply<Envelope<RoomOut>>, ApiError> {
    let SiteRoomIn {
        name,
        description,
        slug,
        kind,
    } = body.read_alone().await?;
    let new = NewRoom {
        name,
        description,
        slug,
        kind,
    };
    let room = app
        .realtime
        .create_site_room(&caller.actor, &caller.tenant, new)
        .await?;
    Ok(Reply::created_here(room.into()))
}

/// Makes a user a member of a room, or gives a member another role
#[utoipa::path(
    tag = "backend",
    request_body = SiteMemberIn,
    responses((status = 201, description = "The membership is there", body = Envelope<Nothing>))
)]
#[post("/rooms/{id}/members")]
pub async fn set_site_member(
    app: Data<App>,
    caller: ServerKey,
    id: Path<String>,
    body: Json<SiteMemberIn>,
) -> Result<Reply<Envelope<Nothing>>, ApiError> {
    let SiteMemberIn { user_id, role } = body.read_alone().await?;
    let (room, role) = (RoomRef::parse(&id), role.unwrap_or(Role::Member));
    app.realtime
        .set_site_member(&caller.actor, &caller.tenant, &room, user_id, role)
        .await?;
    Ok(Reply::created_here(Nothing {}))
}

/// Ends a membership, and the user's channels on the room
#[utoipa::path(
    tag = "backend",
    responses((status = 200, description = "The membership has ended", body = Envelope<Nothing>))
)]
#[delete("/rooms/{id}/members/{uid}")]
pub async fn remove_site_member(
    app: Data<App>,
    caller: ServerKey,
    path: Path<(String, String)>,
) -> Result<Reply<Envelope<Nothing>>, ApiError> {
    let (room, user) = path.into_inner();
    let user = user_id(&user).map_err(|_| chat::Error::MemberNotFound)?;
    app.realtime
        .remove_site_member(&caller.actor, &caller.tenant, &RoomRef::parse(&room), user)
        .await?;
    Ok(Reply::done())
}

/// Sends a message as the key's bot, which becomes a moderator of the room
#[utoipa::path(
    tag = "backend",
    request_body = SiteMessageIn,
    responses(
        (status = 201, description = "The message as it was stored", body = Envelope<MessageOut>),
        (status = 200, description = "The message had been sent before", body = Envelope<MessageOut>)
    )
)]
#[post("/rooms/{id}/messages")]
pub async fn send_bot_message(
    app: Data<App>,
    caller: ServerKey,
    id: Path<String>,
    body: Json<SiteMessageIn>,
) -> Result<Reply<Envelope<MessageOut>>, ApiError> {
    let SiteMessageIn { content, client_id } = body.read_alone().await?;
    let message = NewMessage {
        content,
        client_id,
        ..NewMessage::default()
    };
    let bot = caller.bot(&app).await?;
    let sent = app.realtime.send_as_bot(&bot, &RoomRef::parse(&id), message).await?;
    let (out, repeated) = (sent.message.into(), sent.repeated);
    Ok(if repeated {
        Reply::ok(out)
    } else {
        Reply::created_here(out)
    })
}
