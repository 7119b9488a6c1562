//! What was read, and how much was not.

use actix_web::{
    get, post,
    web::{Data, Path},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::App,
    chat::{self, ReadMark, RoomRef},
    web::{
        error::ApiError,
        extract::{Authenticated, Body, Json},
        reply::{Envelope, Reply},
    },
    wire::UnreadOut,
};

/// A place in a room's log.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeqIn {
    /// The number: `seq` or `changed_seq` of a message, or `head_seq`.
    pub seq: i64,
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}

impl Body for SeqIn {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// How far the user has read.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReadMarkOut {
    /// The number up to which everything is read.
    pub seq: i64,
}

impl From<ReadMark> for ReadMarkOut {
    fn from(
        ReadMark {
            room_id: _,
            user_id: _,
            seq,
            moved: _,
        }: ReadMark,
    ) -> Self {
        Self { seq }
    }
}

/// What the user has not read in any room.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnreadsOut {
    /// The user's rooms and conversations, up to 500 of them, those with the youngest messages first.
    pub data: Vec<UnreadOut>,
    /// The sum.
    pub meta: UnreadsMeta,
}

/// The sum of what was not read.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnreadsMeta {
    /// All `unread` together.
    pub total: u64,
}

/// Marks a room read up to a number; the mark never goes back by this
#[utoipa::path(
    tag = "read state",
    request_body = SeqIn,
    responses((status = 200, description = "Where the mark is now", body = Envelope<ReadMarkOut>))
)]
#[post("/rooms/{id}/read")]
pub async fn mark_read(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
    body: Json<SeqIn>,
) -> Result<Reply<Envelope<ReadMarkOut>>, ApiError> {
    let SeqIn { seq, tenant: _ } = body.read(&identity).await?;
    let mark = app
        .realtime
        .mark_read(&identity.sender(), &RoomRef::parse(&id), seq)
        .await?;
    Ok(Reply::ok(mark.into()))
}

/// Makes the message with a number, and those after it, unread again
#[utoipa::path(
    tag = "read state",
    request_body = SeqIn,
    responses((status = 200, description = "Where the mark is now", body = Envelope<ReadMarkOut>))
)]
#[post("/rooms/{id}/unread")]
pub async fn mark_unread(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
    body: Json<SeqIn>,
) -> Result<Reply<Envelope<ReadMarkOut>>, ApiError> {
    let SeqIn { seq, tenant: _ } = body.read(&identity).await?;
    let mark = app
        .realtime
        .mark_unread(&identity.sender(), &RoomRef::parse(&id), seq)
        .await?;
    Ok(Reply::ok(mark.into()))
}

/// Counts what the user has not read, room by room
#[utoipa::path(
    tag = "read state",
    responses((status = 200, description = "The user's rooms and conversations", body = UnreadsOut))
)]
#[get("/unread")]
pub async fn list_unread(
    app: Data<App>,
    Authenticated(identity): Authenticated,
) -> Result<Reply<UnreadsOut>, ApiError> {
    let (rooms, total) = chat::list_unread(&app.store, &identity.scope()).await?;
    Ok(Reply::whole(UnreadsOut {
        data: rooms.into_iter().map(Into::into).collect(),
        meta: UnreadsMeta { total },
    }))
}
