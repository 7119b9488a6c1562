//! Threads under messages.

use actix_web::{
    get,
    web::{Data, Path},
};

use super::messages::{self, MessageParams, MessagesOut};
use crate::{
    app::App,
    chat,
    web::{
        error::ApiError,
        extract::{Authenticated, Query},
        reply::Reply,
    },
};

/// Lists the replies in the thread that a message is in or the root of
#[utoipa::path(
    tag = "messages",
    params(MessageParams),
    responses((status = 200, description = "A page of replies", body = MessagesOut))
)]
#[get("/rooms/{id}/messages/{mid}/thread")]
pub async fn get_thread(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    path: Path<(String, String)>,
    query: Query<MessageParams>,
) -> Result<Reply<MessagesOut>, ApiError> {
    let query = query.read()?.into();
    let (room, id) = messages::place(&path)?;
    let page = chat::get_thread(&app.store, &identity.scope(), &room, id, query).await?;
    Ok(messages::page_reply(&app, page))
}
