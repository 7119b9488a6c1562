//! The users of a tenant.

use actix_web::{
    get,
    web::{Data, Path},
};

use crate::{
    accounts,
    app::App,
    tenants::UserDirectory,
    web::{
        error::ApiError,
        extract::{Authenticated, PageParams, Query},
        identity::Identity,
        reply::{Envelope, Listed, Reply},
    },
    wire::UserOut,
};

/// Lists the users whom the user finds, by name
///
/// Those are all of the tenant, or those in a room with the user, as the tenant has it; for guests the latter.
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
    let directory = directory(&identity);
    Ok(Reply::page(
        accounts::list_users(&app.store, &identity.scope(), &page, directory).await?,
    ))
}

/// Shows a user whom the user finds
#[utoipa::path(tag = "users", responses((status = 200, description = "The user", body = Envelope<UserOut>)))]
#[get("/users/{id}")]
pub async fn get_user(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
) -> Result<Reply<Envelope<UserOut>>, ApiError> {
    let id = id.parse().map_err(|_| accounts::Error::NotFound)?;
    let user = accounts::get_user(&app.store, &identity.scope(), id, directory(&identity)).await?;
    Ok(Reply::ok(user.into()))
}

fn directory(identity: &Identity) -> UserDirectory {
    accounts::directory_for(identity.user.kind, &identity.tenant.settings)
}
