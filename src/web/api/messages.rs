//! What is said in rooms.

use std::sync::Arc;

use actix_web::{
    delete, get, patch, post,
    web::{Data, Path},
};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};
use utoipa::ToSchema;

use super::{NoFieldsIn, message_id};
use crate::{
    app::App,
    chat::{self, MessageQuery, NewMessage, RoomRef},
    ids::MessageId,
    page::{Page, check_limit},
    standing::Sight,
    web::{
        error::ApiError,
        extract::{Authenticated, Body, InRoom, Json, Pairs, Parameters, Query},
        identity::Identity,
        newest_pages::NewestPage,
        reply::{Envelope, Listed, Reply},
    },
    wire::{MessageIn, MessageOut, RevisionOut},
};

impl Body for MessageIn {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// What a message is to say instead.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessagePatchIn {
    /// The text: 1 to 2000 characters, not only white space. It is stored as it is.
    #[schema(example = "Hello, everybody!")]
    pub content: String,
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}

impl Body for MessagePatchIn {
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

impl From<MessageParams> for MessageQuery {
    fn from(
        MessageParams {
            limit,
            before_id,
            after_id,
        }: MessageParams,
    ) -> Self {
        Self {
            limit,
            before_id,
            after_id,
            ..Self::default()
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
    InRoom { identity, sight }: InRoom,
    query: Query<MessageParams>,
) -> Result<Reply<MessagesPage>, ApiError> {
    page(&app, &identity, sight, &query).await
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

/// Shows a message, deleted or not
#[utoipa::path(tag = "messages", responses((status = 200, description = "The message", body = Envelope<MessageOut>)))]
#[get("/rooms/{id}/messages/{mid}")]
pub async fn get_message(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    path: Path<(String, String)>,
) -> Result<Reply<Envelope<MessageOut>>, ApiError> {
    let (room, id) = place(&path)?;
    let message = chat::get_message(&app.store, &identity.scope(), &room, id).await?;
    Ok(Reply::ok(message.into()))
}

/// Gives a message another text; only its author may, and not for ever
///
/// How long is up to the tenant. The text it had is kept for moderators. The same text again changes nothing.
#[utoipa::path(
    tag = "messages",
    request_body = MessagePatchIn,
    responses((status = 200, description = "The message as it is now", body = Envelope<MessageOut>))
)]
#[patch("/rooms/{id}/messages/{mid}")]
pub async fn edit_message(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    path: Path<(String, String)>,
    body: Json<MessagePatchIn>,
) -> Result<Reply<Envelope<MessageOut>>, ApiError> {
    let MessagePatchIn { content, tenant: _ } = body.read(&identity).await?;
    let (room, id) = place(&path)?;
    let changed = app
        .realtime
        .edit_message(&identity.sender(), &room, id, content)
        .await?;
    Ok(Reply::ok(changed.message.into()))
}

/// Deletes a message; its author may, as long as it can be edited, and moderators always
///
/// It keeps its place and loses its content. Deleting it again changes nothing.
#[utoipa::path(
    tag = "messages",
    request_body = NoFieldsIn,
    responses((status = 200, description = "What is left of the message", body = Envelope<MessageOut>))
)]
#[delete("/rooms/{id}/messages/{mid}")]
pub async fn delete_message(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    path: Path<(String, String)>,
    body: Json<NoFieldsIn>,
) -> Result<Reply<Envelope<MessageOut>>, ApiError> {
    let NoFieldsIn { tenant: _ } = body.read(&identity).await?;
    let (room, id) = place(&path)?;
    let changed = app.realtime.delete_message(&identity.sender(), &room, id).await?;
    Ok(Reply::ok(changed.message.into()))
}

/// Lists the texts a message had before, the oldest first, up to 100; for moderators and up
#[utoipa::path(
    tag = "messages",
    responses((status = 200, description = "The texts, all on one page", body = Listed<RevisionOut>))
)]
#[get("/rooms/{id}/messages/{mid}/revisions")]
pub async fn list_revisions(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    path: Path<(String, String)>,
) -> Result<Reply<Listed<RevisionOut>>, ApiError> {
    let (room, id) = place(&path)?;
    let revisions = chat::list_revisions(&app.store, &identity.scope(), &room, id).await?;
    Ok(Reply::page(Page {
        items: revisions,
        next_cursor: None,
    }))
}

/// The message that a path names, and its room.
pub(super) fn place(path: &(String, String)) -> Result<(RoomRef, MessageId), chat::Error> {
    Ok((RoomRef::parse(&path.0), message_id(&path.1)?))
}

/// A page of the messages of a room or conversation.
pub(super) async fn page(
    app: &App,
    identity: &Identity,
    sight: Result<Sight, chat::Error>,
    query: &Query<MessageParams>,
) -> Result<Reply<MessagesPage>, ApiError> {
    let query = MessageQuery::from(query.read()?);
    check_limit(query.limit).map_err(chat::Error::from)?;
    let (scope, sight) = (identity.scope(), sight?);
    let page = if query.is_newest() {
        let page = app.newest_pages.get(&app.store, &scope, &sight, query.limit).await?;
        MessagesPage::Kept {
            meta: MessagesMeta {
                has_more: page.has_more,
                head_seq: sight.head_seq,
                epoch: app.epoch.clone(),
            },
            page,
        }
    } else {
        let (room_id, head_seq) = (sight.room_id, sight.head_seq);
        MessagesPage::Read(messages_out(
            app,
            chat::list_messages_up_to(&app.store, &scope, room_id, head_seq, query).await?,
        ))
    };
    Ok(Reply::whole(page))
}

/// [`MessagesOut`], as it is sent.
#[derive(Debug)]
pub enum MessagesPage {
    /// Just read.
    Read(MessagesOut),
    /// Written out before.
    Kept {
        /// The messages.
        page: Arc<NewestPage>,
        /// What lies around them.
        meta: MessagesMeta,
    },
}

impl Serialize for MessagesPage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Read(messages) => messages.serialize(serializer),
            Self::Kept { page, meta } => {
                let mut fields = serializer.serialize_struct("MessagesOut", 2)?;
                fields.serialize_field("data", &page.messages)?;
                fields.serialize_field("meta", meta)?;
                fields.end()
            }
        }
    }
}

/// A page of messages with what lies around it.
pub(super) fn page_reply(app: &App, page: chat::MessagePage) -> Reply<MessagesOut> {
    Reply::whole(messages_out(app, page))
}

fn messages_out(app: &App, page: chat::MessagePage) -> MessagesOut {
    let chat::MessagePage {
        messages,
        has_more,
        head_seq,
    } = page;
    MessagesOut {
        data: messages.into_iter().map(Into::into).collect(),
        meta: MessagesMeta {
            has_more,
            head_seq,
            epoch: app.epoch.clone(),
        },
    }
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
        thread_root,
        also_in_room,
        attachments,
        tenant: _,
    } = message;
    let message = NewMessage {
        content,
        client_id,
        reply_to,
        thread_root,
        also_in_room: also_in_room.unwrap_or(false),
        attachments,
    };
    let sent = app.realtime.send_message(&identity.sender(), room, message).await?;
    let message = MessageOut::from(sent.message);
    Ok(if sent.repeated {
        Reply::ok(message)
    } else {
        Reply::created_here(message)
    })
}
