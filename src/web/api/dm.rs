//! Conversations of two.
//!
//! A conversation is a room as well: what can be done with its messages beyond sending and listing is under
//! `/rooms/{id}`, for its two members.

use actix_web::{
    get, post,
    web::{Data, Path},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::messages::{self, MessageParams, MessagesOut, MessagesPage};
use crate::{
    app::App,
    chat::{self, Access, RoomKind, RoomRef},
    ids::UserId,
    web::{
        error::ApiError,
        extract::{Authenticated, Body, InRoom, Json, PageParams, Query},
        identity::Identity,
        reply::{Envelope, Listed, Reply},
    },
    wire::{DmOut, MessageIn, MessageOut},
};

/// Whom to talk to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DmIn {
    /// The other one.
    pub user_id: UserId,
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}

impl Body for DmIn {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// Lists the user's conversations
#[utoipa::path(
    tag = "dm",
    params(PageParams),
    responses((status = 200, description = "A page of conversations", body = Listed<DmOut>))
)]
#[get("/dm")]
pub async fn list_dms(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    query: Query<PageParams>,
) -> Result<Reply<Listed<DmOut>>, ApiError> {
    let page = query.read()?.into();
    Ok(Reply::page(chat::list_dms(&app.store, &identity.scope(), &page).await?))
}

/// Starts a conversation, or finds the one there is
#[utoipa::path(
    tag = "dm",
    request_body = DmIn,
    responses(
        (status = 201, description = "A new conversation", body = Envelope<DmOut>),
        (status = 200, description = "The conversation there was", body = Envelope<DmOut>)
    )
)]
#[post("/dm")]
pub async fn start_dm(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    body: Json<DmIn>,
) -> Result<Reply<Envelope<DmOut>>, ApiError> {
    let DmIn { user_id, tenant: _ } = body.read(&identity).await?;
    let (room, peer, created) = app.realtime.start_dm(&identity.sender(), user_id).await?;
    let location = format!("/api/v1/dm/{}/messages", room.id);
    let dm = DmOut::new(&room, peer);
    Ok(if created {
        Reply::created(location, dm)
    } else {
        Reply::ok(dm)
    })
}

/// Lists the messages of a conversation, without bounds the newest
#[utoipa::path(
    tag = "dm",
    params(MessageParams),
    operation_id = "list_dm_messages",
    responses((status = 200, description = "A page of messages", body = MessagesOut))
)]
#[get("/dm/{id}/messages")]
pub async fn list_messages(
    app: Data<App>,
    InRoom { identity, sight }: InRoom,
    query: Query<MessageParams>,
) -> Result<Reply<MessagesPage>, ApiError> {
    let sight = sight.and_then(|sight| match sight.kind {
        RoomKind::Dm => Ok(sight),
        RoomKind::Public | RoomKind::Private => Err(chat::Error::RoomNotFound),
    });
    messages::page(&app, &identity, sight, &query).await
}

/// Sends a message to the other one
#[utoipa::path(
    tag = "dm",
    request_body = MessageIn,
    operation_id = "send_dm_message",
    responses(
        (status = 201, description = "The message as it was stored", body = Envelope<MessageOut>),
        (status = 200, description = "The message had been sent before", body = Envelope<MessageOut>)
    )
)]
#[post("/dm/{id}/messages")]
pub async fn send_message(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
    body: Json<MessageIn>,
) -> Result<Reply<Envelope<MessageOut>>, ApiError> {
    let message = body.read(&identity).await?;
    let dm = conversation(&app, &identity, &id, Access::Write).await?;
    messages::send(&app, &identity, &dm, message).await
}

/// The conversation with this id; a room that is none is not found here.
async fn conversation(app: &App, identity: &Identity, id: &str, access: Access) -> Result<RoomRef, ApiError> {
    let id = id.parse().map_err(|_| chat::Error::RoomNotFound)?;
    let grant = chat::authorise(&app.store, &identity.scope(), &RoomRef::Id(id), access).await?;
    if grant.room.kind == RoomKind::Dm {
        Ok(RoomRef::Id(id))
    } else {
        Err(chat::Error::RoomNotFound.into())
    }
}
