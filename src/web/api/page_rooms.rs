//! The room of the page that somebody looks at.

use actix_web::{get, post, web::Data};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    chat::{PageUrl, Role, Room},
    tenants::Tenant,
    validation::Violations,
    web::{
        error::ApiError,
        extract::{Authenticated, Body, Json, Pairs, Parameters, Query},
        origin_policy::{Grant, judge},
        reply::{Envelope, Reply},
    },
    wire::RoomWithRoleOut,
};

/// Which page.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageRoomParams {
    /// The page's address: `http` or `https`, up to 2048 characters, of an origin of the tenant. Its fragment does not
    /// matter, nor do credentials, the case of the host and a default port.
    #[param(example = "https://blog.example/posts/night-train")]
    pub url: String,
}

impl Parameters for PageRoomParams {
    fn take(pairs: &mut Pairs) -> Self {
        Self {
            url: pairs.required_text("url"),
        }
    }
}

/// The page that somebody has something to say on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PageRoomIn {
    /// The page's address: `http` or `https`, up to 2048 characters, of an origin of the tenant.
    #[schema(example = "https://blog.example/posts/night-train")]
    pub url: String,
    /// The page's title, which a new room is called by; cut to what the name of a room can be.
    #[schema(example = "The night train to Porto")]
    pub title: Option<String>,
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}

impl Body for PageRoomIn {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// Finds the room of a page
///
/// It is `null` until somebody opens it: of most pages there is none, and that is no error. The tenant must have
/// `page_rooms` on.
#[utoipa::path(
    tag = "rooms",
    params(PageRoomParams),
    responses((status = 200, description = "The room", body = Envelope<Option<RoomWithRoleOut>>))
)]
#[get("/rooms/page")]
pub async fn find_page_room(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    query: Query<PageRoomParams>,
) -> Result<Reply<Envelope<Option<RoomWithRoleOut>>>, ApiError> {
    let page = page(&app, &identity.tenant, &query.read()?.url)?;
    let found = app.realtime.find_page_room(&identity.sender(), &page).await?;
    Ok(Reply::ok(found.map(|(room, role)| shown(room, role))))
}

/// Opens the room of a page: finds it, or creates it
///
/// Who creates it becomes a member, and nobody its admin. It is in the lists of its members only; whoever knows the
/// page can read and write in it. The tenant must have `page_rooms` on; its `room_creation` does not matter.
#[utoipa::path(
    tag = "rooms",
    request_body = PageRoomIn,
    responses(
        (status = 201, description = "A new room", body = Envelope<RoomWithRoleOut>, headers(("Location" = String))),
        (status = 200, description = "The room there was", body = Envelope<RoomWithRoleOut>)
    )
)]
#[post("/rooms/page")]
pub async fn open_page_room(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    body: Json<PageRoomIn>,
) -> Result<Reply<Envelope<RoomWithRoleOut>>, ApiError> {
    let PageRoomIn { url, title, tenant: _ } = body.read(&identity).await?;
    let page = page(&app, &identity.tenant, &url)?;
    let (room, role, created) = app
        .realtime
        .open_page_room(&identity.sender(), &page, title.as_deref())
        .await?;
    Ok(if created {
        let location = format!("/api/v1/rooms/{}", room.id);
        Reply::created(location, shown(room, role))
    } else {
        Reply::ok(shown(room, role))
    })
}

/// A page of the tenant.
fn page(app: &App, tenant: &Tenant, url: &str) -> Result<PageUrl, Violations> {
    let page = PageUrl::parse(url)?;
    match judge(app, Some(tenant), &page.origin()) {
        Grant::No => Err(Violations::of("url", "must be on an origin that the tenant allows")),
        Grant::Any | Grant::This => Ok(page),
    }
}

fn shown(room: Room, role: Option<Role>) -> RoomWithRoleOut {
    RoomWithRoleOut {
        room: room.into(),
        role,
    }
}
