//! The rooms of a tenant.

use actix_web::{
    delete, get,
    web::{Data, Path},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    chat::{self, RoomOverview, RoomRef},
    web::{
        administration::Administrator,
        error::ApiError,
        extract::{PageParams, Query},
        reply::{Envelope, Listed, Nothing, Reply},
    },
    wire::RoomOut,
};

/// A room as administrators and the website's backend see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoomOverviewOut {
    /// The room.
    #[serde(flatten)]
    pub room: RoomOut,
    /// How many members it has.
    pub member_count: u64,
}

impl From<RoomOverview> for RoomOverviewOut {
    fn from(RoomOverview { room, member_count }: RoomOverview) -> Self {
        Self {
            room: room.into(),
            member_count,
        }
    }
}

/// Lists the public and private rooms of a tenant, oldest first
#[utoipa::path(
    tag = "administration",
    params(PageParams),
    responses((status = 200, description = "A page of rooms", body = Listed<RoomOverviewOut>))
)]
#[get("/tenants/{slug}/rooms")]
pub async fn list_tenant_rooms(
    app: Data<App>,
    admin: Administrator,
    query: Query<PageParams>,
) -> Result<Reply<Listed<RoomOverviewOut>>, ApiError> {
    let page = query.read()?.into();
    Ok(Reply::page(
        chat::list_all_rooms(&app.store, admin.tenant.id, &page).await?,
    ))
}

/// Shows a public or private room of a tenant
#[utoipa::path(
    tag = "administration",
    responses((status = 200, description = "The room", body = Envelope<RoomOverviewOut>))
)]
#[get("/tenants/{slug}/rooms/{id}")]
pub async fn get_tenant_room(
    app: Data<App>,
    admin: Administrator,
    path: Path<(String, String)>,
) -> Result<Reply<Envelope<RoomOverviewOut>>, ApiError> {
    let room = chat::get_any_room(&app.store, admin.tenant.id, &RoomRef::parse(&path.1)).await?;
    Ok(Reply::ok(room.into()))
}

/// Deletes a room of a tenant with everything in it
#[utoipa::path(
    tag = "administration",
    responses((status = 200, description = "It is deleted", body = Envelope<Nothing>))
)]
#[delete("/tenants/{slug}/rooms/{id}")]
pub async fn delete_tenant_room(
    app: Data<App>,
    admin: Administrator,
    path: Path<(String, String)>,
) -> Result<Reply<Envelope<Nothing>>, ApiError> {
    app.realtime
        .delete_any_room(&admin.actor, &admin.tenant, &RoomRef::parse(&path.1))
        .await?;
    Ok(Reply::done())
}
