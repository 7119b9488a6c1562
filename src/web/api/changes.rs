//! What a client missed while it was away.

use actix_web::{
    get,
    web::{Data, Path},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    chat::{self, CHANGES_LIMIT_DEFAULT, CHANGES_LIMIT_MAX, Recovery, RoomRef},
    web::{
        error::ApiError,
        extract::{Authenticated, Pairs, Parameters, Query},
        reply::Reply,
    },
    wire::MessageOut,
};

/// Since when.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChangesParams {
    /// `epoch` of the answer that `since` is from.
    pub epoch: String,
    /// The number of the last change that is known: `head_seq` of the answer before.
    #[param(minimum = 0)]
    pub since: i64,
    /// Most changes to return; when there are more, none is.
    #[param(minimum = 1, maximum = 1000, default = 300, required = false)]
    pub limit: u64,
}

impl Parameters for ChangesParams {
    fn take(pairs: &mut Pairs) -> Self {
        Self {
            epoch: pairs.required_text("epoch"),
            since: pairs.required_number("since"),
            limit: pairs.limit_within(CHANGES_LIMIT_DEFAULT, CHANGES_LIMIT_MAX),
        }
    }
}

/// What changed in a room.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangesOut {
    /// When recovered: each message that was touched since, in its present state, by `changed_seq`. When not: the
    /// newest messages of the room, oldest first.
    pub data: Vec<MessageOut>,
    /// What `data` is.
    pub meta: ChangesMeta,
}

/// What the messages of an answer are.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangesMeta {
    /// Whether `data` is all that changed. When not, it cannot be told what did: forget what is known of the
    /// room, and start from `data`.
    pub recovered: bool,
    /// The number to ask with next time.
    pub head_seq: i64,
    /// The epoch to ask with next time.
    pub epoch: String,
    /// Whether there are older messages; missing when recovered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_more: Option<bool>,
}

/// Lists what changed in a room since a number: new, edited, deleted messages, reactions, pins
#[utoipa::path(
    tag = "messages",
    params(ChangesParams),
    responses((status = 200, description = "All of it, or a new start", body = ChangesOut))
)]
#[get("/rooms/{id}/changes")]
pub async fn list_changes(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
    query: Query<ChangesParams>,
) -> Result<Reply<ChangesOut>, ApiError> {
    let ChangesParams { epoch, since, limit } = query.read()?;
    let (scope, room) = (identity.scope(), RoomRef::parse(&id));
    let recovery = chat::changes_since(&app.store, &scope, &room, &epoch, since, limit).await?;
    let (messages, recovered, head_seq, has_more) = match recovery {
        Recovery::Recovered { messages, head_seq } => (messages, true, head_seq, None),
        Recovery::Lost { page } => (page.messages, false, page.head_seq, Some(page.has_more)),
    };
    Ok(Reply::whole(ChangesOut {
        data: messages.into_iter().map(Into::into).collect(),
        meta: ChangesMeta {
            recovered,
            head_seq,
            epoch: app.epoch.clone(),
            has_more,
        },
    }))
}
