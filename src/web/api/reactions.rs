//! Reactions to messages.

use actix_web::{
    delete, put,
    web::{Data, Path},
};

use super::{NoFieldsIn, message_id};
use crate::{
    app::App,
    chat::RoomRef,
    web::{
        error::ApiError,
        extract::{Authenticated, Json},
        reply::{Envelope, Reply},
    },
    wire::MessageOut,
};

/// Reacts to a message with an emoji; again changes nothing
#[utoipa::path(
    tag = "messages",
    request_body = NoFieldsIn,
    responses((status = 200, description = "The message as it is now", body = Envelope<MessageOut>))
)]
#[put("/rooms/{id}/messages/{mid}/reactions/{emoji}")]
pub async fn add_reaction(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    path: Path<(String, String, String)>,
    body: Json<NoFieldsIn>,
) -> Result<Reply<Envelope<MessageOut>>, ApiError> {
    let NoFieldsIn { tenant: _ } = body.read(&identity).await?;
    let (room, message, emoji) = path.into_inner();
    let changed = app
        .realtime
        .add_reaction(
            &identity.sender(),
            &RoomRef::parse(&room),
            message_id(&message)?,
            &emoji,
        )
        .await?;
    Ok(Reply::ok(changed.message.into()))
}

/// Takes one's own reaction back; again changes nothing
#[utoipa::path(
    tag = "messages",
    request_body = NoFieldsIn,
    responses((status = 200, description = "The message as it is now", body = Envelope<MessageOut>))
)]
#[delete("/rooms/{id}/messages/{mid}/reactions/{emoji}")]
pub async fn remove_reaction(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    path: Path<(String, String, String)>,
    body: Json<NoFieldsIn>,
) -> Result<Reply<Envelope<MessageOut>>, ApiError> {
    let NoFieldsIn { tenant: _ } = body.read(&identity).await?;
    let (room, message, emoji) = path.into_inner();
    let changed = app
        .realtime
        .remove_reaction(
            &identity.sender(),
            &RoomRef::parse(&room),
            message_id(&message)?,
            &emoji,
        )
        .await?;
    Ok(Reply::ok(changed.message.into()))
}
