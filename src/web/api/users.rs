//! The users of a tenant.

use actix_web::{
    get,
    web::{Data, Path},
};

use crate::{
    accounts,
    app::App,
    web::{
        error::ApiError,
        extract::{Authenticated, PageParams, Query},
        reply::{Envelope, Listed, Reply},
    },
    wire::UserOut,
};

/// Lists the tenant's users by name
#[utoipa::path(
    tag = "users",
    params(PageParams),
    responses((status = 200, description = "A page of users", body = Listed<UserOut>))
)]
#[get("/users")]
pub async fn list_users(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    query: Query<PageParams>,
) -> Result<Reply<Listed<UserOut>>, ApiError> {
    let page = query.read()?.into();
    Ok(Reply::page(
        accounts::list_users(&app.store, &identity.scope(), &page).await?,
    ))
}

/// Shows a user
#[utoipa::path(tag = "users", responses((status = 200, description = "The user", body = Envelope<UserOut>)))]
#[get("/users/{id}")]
pub async fn get_user(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
) -> Result<Reply<Envelope<UserOut>>, ApiError> {
    let id = id.parse().map_err(|_| accounts::Error::NotFound)?;
    Ok(Reply::ok(
        accounts::get_user(&app.store, &identity.scope(), id).await?.into(),
    ))
}
