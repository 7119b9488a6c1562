//! What is said in rooms.

use actix_web::{
    get, post,
    web::{Data, Path},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    chat::{self, MessageQuery, NewMessage, RoomRef},
    ids::MessageId,
    web::{
        error::ApiError,
        extract::{Authenticated, Body, Json, Pairs, Parameters, Query},
        identity::Identity,
        reply::{Envelope, Reply},
    },
    wire::{MessageIn, MessageOut},
};

impl Body for MessageIn {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// Which messages.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MessageParams {
    /// Most messages to return.
    #[param(minimum = 1, maximum = 100, default = 50, required = false)]
    pub limit: u64,
    /// The newest messages before this one.
    #[param(value_type = Option<MessageId>)]
    pub before_id: Option<MessageId>,
    /// The oldest messages after this one. Not together with `before_id`.
    #[param(value_type = Option<MessageId>)]
    pub after_id: Option<MessageId>,
}

impl Parameters for MessageParams {
    fn take(pairs: &mut Pairs) -> Self {
        Self {
            limit: pairs.limit(),
            before_id: pairs.id("before_id"),
            after_id: pairs.id("after_id"),
        }
    }
}

/// One page of a room's messages.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessagesOut {
    /// The messages, oldest first.
    pub data: Vec<MessageOut>,
    /// What lies around them.
    pub meta: MessagesMeta,
}

/// What lies around a page of messages.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessagesMeta {
    /// Whether there are more in the direction that was asked for.
    pub has_more: bool,
    /// The number of the last change of the room's content.
    pub head_seq: i64,
    /// What `head_seq` counts from: another epoch means that numbers seen before mean nothing now.
    pub epoch: String,
}

/// Lists messages, without bounds the newest
#[utoipa::path(
    tag = "messages",
    params(MessageParams),
    responses((status = 200, description = "A page of messages", body = MessagesOut))
)]
#[get("/rooms/{id}/messages")]
pub async fn list_messages(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
    query: Query<MessageParams>,
) -> Result<Reply<MessagesOut>, ApiError> {
    page(&app, &identity, &RoomRef::parse(&id), &query).await
}

/// Sends a message to everybody in the room, whatever they are connected with
///
/// Sending makes the author a member of a public room. With a `client_id`, a repeat gets the first answer,
/// with status 200, and is not sent twice.
#[utoipa::path(
    tag = "messages",
    request_body = MessageIn,
    responses(
        (status = 201, description = "The message as it was stored", body = Envelope<MessageOut>),
        (status = 200, description = "The message had been sent before", body = Envelope<MessageOut>)
    )
)]
#[post("/rooms/{id}/messages")]
pub async fn send_message(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
    body: Json<MessageIn>,
) -> Result<Reply<Envelope<MessageOut>>, ApiError> {
    let message = body.read(&identity).await?;
    send(&app, &identity, &RoomRef::parse(&id), message).await
}

/// A page of the messages of a room or conversation.
pub(super) async fn page(
    app: &App,
    identity: &Identity,
    room: &RoomRef,
    query: &Query<MessageParams>,
) -> Result<Reply<MessagesOut>, ApiError> {
    let MessageParams {
        limit,
        before_id,
        after_id,
    } = query.read()?;
    let query = MessageQuery {
        limit,
        before_id,
        after_id,
        ..MessageQuery::default()
    };
    let page = chat::list_messages(&app.store, &identity.scope(), room, query).await?;
    let chat::MessagePage {
        messages,
        has_more,
        head_seq,
    } = page;
    Ok(Reply::whole(MessagesOut {
        data: messages.into_iter().map(Into::into).collect(),
        meta: MessagesMeta {
            has_more,
            head_seq,
            epoch: app.epoch.clone(),
        },
    }))
}

/// Sends to a room or conversation, the way every transport does.
pub(super) async fn send(
    app: &App,
    identity: &Identity,
    room: &RoomRef,
    message: MessageIn,
) -> Result<Reply<Envelope<MessageOut>>, ApiError> {
    let MessageIn {
        content,
        client_id,
        reply_to,
        tenant: _,
    } = message;
    let message = NewMessage {
        content,
        client_id,
        reply_to,
    };
    let sent = app.realtime.send_message(&identity.sender(), room, message).await?;
    let message = MessageOut::from(sent.message);
    Ok(if sent.repeated {
        Reply::ok(message)
    } else {
        Reply::created_here(message)
    })
}
