//! Bans and mutes. All of it is for moderators and up, against lower roles.

use actix_web::{
    delete, get, put,
    web::{Data, Path},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{NoFieldsIn, members::person};
use crate::{
    app::App,
    chat::{self, Moderation, RoomRef},
    timestamp::Timestamp,
    web::{
        error::ApiError,
        extract::{Authenticated, Body, Json, PageParams, Query},
        reply::{Envelope, Listed, Nothing, Reply},
    },
    wire::SanctionOut,
};

/// For how long, and why. The body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SanctionIn {
    /// When it is to end, in the future; never, when missing.
    pub until: Option<Timestamp>,
    /// Up to 500 characters, for other moderators.
    pub reason: Option<String>,
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}

impl Body for SanctionIn {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

/// Lets a user, member or not, say nothing in a room; takes the place of the mute before
#[utoipa::path(
    tag = "moderation",
    request_body = SanctionIn,
    responses((status = 200, description = "The mute", body = Envelope<SanctionOut>))
)]
#[put("/rooms/{id}/members/{uid}/mute")]
pub async fn mute_user(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    path: Path<(String, String)>,
    body: Json<SanctionIn>,
) -> Result<Reply<Envelope<SanctionOut>>, ApiError> {
    let SanctionIn {
        until,
        reason,
        tenant: _,
    } = body.read(&identity).await?;
    let (room, user) = person(&path)?;
    let done = app
        .realtime
        .mute(&identity.sender(), &room, user, until, reason)
        .await?;
    imposed(done)
}

/// Ends a mute
#[utoipa::path(
    tag = "moderation",
    request_body = NoFieldsIn,
    responses((status = 200, description = "Not muted", body = Envelope<Nothing>))
)]
#[delete("/rooms/{id}/members/{uid}/mute")]
pub async fn unmute_user(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    path: Path<(String, String)>,
    body: Json<NoFieldsIn>,
) -> Result<Reply<Envelope<Nothing>>, ApiError> {
    let NoFieldsIn { tenant: _ } = body.read(&identity).await?;
    let (room, user) = person(&path)?;
    app.realtime.unmute(&identity.sender(), &room, user).await?;
    Ok(Reply::done())
}

/// Lists who is muted in a room
#[utoipa::path(
    tag = "moderation",
    params(PageParams),
    responses((status = 200, description = "A page of mutes", body = Listed<SanctionOut>))
)]
#[get("/rooms/{id}/mutes")]
pub async fn list_mutes(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
    query: Query<PageParams>,
) -> Result<Reply<Listed<SanctionOut>>, ApiError> {
    let page = query.read()?.into();
    let room = RoomRef::parse(&id);
    Ok(Reply::page(
        chat::list_mutes(&app.store, &identity.scope(), &room, &page).await?,
    ))
}

/// Lists who is banned from a room
#[utoipa::path(
    tag = "moderation",
    params(PageParams),
    responses((status = 200, description = "A page of bans", body = Listed<SanctionOut>))
)]
#[get("/rooms/{id}/bans")]
pub async fn list_bans(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
    query: Query<PageParams>,
) -> Result<Reply<Listed<SanctionOut>>, ApiError> {
    let page = query.read()?.into();
    let room = RoomRef::parse(&id);
    Ok(Reply::page(
        chat::list_bans(&app.store, &identity.scope(), &room, &page).await?,
    ))
}

/// Bans a user, member or not, from a room; takes the place of the ban before
///
/// The membership ends, and with it the channels of the room on all devices.
#[utoipa::path(
    tag = "moderation",
    request_body = SanctionIn,
    responses((status = 200, description = "The ban", body = Envelope<SanctionOut>))
)]
#[put("/rooms/{id}/bans/{uid}")]
pub async fn ban_user(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    path: Path<(String, String)>,
    body: Json<SanctionIn>,
) -> Result<Reply<Envelope<SanctionOut>>, ApiError> {
    let SanctionIn {
        until,
        reason,
        tenant: _,
    } = body.read(&identity).await?;
    let (room, user) = person(&path)?;
    let done = app.realtime.ban(&identity.sender(), &room, user, until, reason).await?;
    imposed(done)
}

/// Ends a ban
#[utoipa::path(
    tag = "moderation",
    request_body = NoFieldsIn,
    responses((status = 200, description = "Not banned", body = Envelope<Nothing>))
)]
#[delete("/rooms/{id}/bans/{uid}")]
pub async fn unban_user(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    path: Path<(String, String)>,
    body: Json<NoFieldsIn>,
) -> Result<Reply<Envelope<Nothing>>, ApiError> {
    let NoFieldsIn { tenant: _ } = body.read(&identity).await?;
    let (room, user) = person(&path)?;
    chat::unban(&app.store, &identity.scope(), &room, user).await?;
    Ok(Reply::done())
}

fn imposed(done: Moderation) -> Result<Reply<Envelope<SanctionOut>>, ApiError> {
    match done.sanction {
        Some(sanction) => Ok(Reply::ok(sanction.into())),
        None => Err(ApiError::Internal("nothing was imposed".into())),
    }
}
