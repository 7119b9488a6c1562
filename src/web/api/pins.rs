//! Pinned messages.

use actix_web::{
    delete, get, put,
    web::{Data, Path},
};

use super::{NoFieldsIn, messages::place};
use crate::{
    app::App,
    chat::{self, RoomRef},
    page::Page,
    web::{
        error::ApiError,
        extract::{Authenticated, Json},
        reply::{Envelope, Listed, Reply},
    },
    wire::MessageOut,
};

/// Lists the pinned messages of a room, the last pinned first, up to 50
#[utoipa::path(
    tag = "messages",
    responses((status = 200, description = "The messages, all on one page", body = Listed<MessageOut>))
)]
#[get("/rooms/{id}/pins")]
pub async fn list_pins(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
) -> Result<Reply<Listed<MessageOut>>, ApiError> {
    let pins = chat::list_pins(&app.store, &identity.scope(), &RoomRef::parse(&id)).await?;
    Ok(Reply::page(Page {
        items: pins,
        next_cursor: None,
    }))
}

/// Pins a message, for moderators and up, and for both in a direct conversation
#[utoipa::path(
    tag = "messages",
    request_body = NoFieldsIn,
    responses((status = 200, description = "The message as it is now", body = Envelope<MessageOut>))
)]
#[put("/rooms/{id}/messages/{mid}/pin")]
pub async fn pin_message(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    path: Path<(String, String)>,
    body: Json<NoFieldsIn>,
) -> Result<Reply<Envelope<MessageOut>>, ApiError> {
    let NoFieldsIn { tenant: _ } = body.read(&identity).await?;
    let (room, id) = place(&path)?;
    let changed = app.realtime.pin_message(&identity.sender(), &room, id).await?;
    Ok(Reply::ok(changed.message.into()))
}

/// Takes a message from the pinned ones
#[utoipa::path(
    tag = "messages",
    request_body = NoFieldsIn,
    responses((status = 200, description = "The message as it is now", body = Envelope<MessageOut>))
)]
#[delete("/rooms/{id}/messages/{mid}/pin")]
pub async fn unpin_message(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    path: Path<(String, String)>,
    body: Json<NoFieldsIn>,
) -> Result<Reply<Envelope<MessageOut>>, ApiError> {
    let NoFieldsIn { tenant: _ } = body.read(&identity).await?;
    let (room, id) = place(&path)?;
    let changed = app.realtime.unpin_message(&identity.sender(), &room, id).await?;
    Ok(Reply::ok(changed.message.into()))
}
