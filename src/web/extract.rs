//! What handlers take: a signed-in user, a JSON body, query parameters.
//!
//! Bodies and parameters are read by the handler, after the user is known: somebody who may not ask is
//! told so, whatever else is wrong with the request, and no byte of the body is read for them.

use std::sync::Arc;

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header,
    web::{Data, Path},
};
use futures_util::future::LocalBoxFuture;

use super::{
    error::ApiError,
    identity::{self, Identity},
    origin_policy::check_origin,
    rate_limit,
};
use crate::{
    app::App,
    chat::{self, RoomRef},
    realtime::Subject,
    standing::Sight,
    tenants::Tenant,
};

mod body;
mod query;

pub(super) use self::body::parse;
pub use self::{
    body::{Body, Json, RawBody},
    query::{PageParams, Pairs, Parameters, Query},
};

/// Longest name of an unknown field that is repeated in an answer, in characters.
const FIELD_CHARS_MAX: usize = 100;

/// The tenant a request turned out to be for. Kept with the request, for the CORS headers of its answer.
#[derive(Clone)]
pub struct RequestTenant(pub Arc<Tenant>);

impl RequestTenant {
    /// Notes the tenant, after checking that the page that asks is one of the tenant's.
    pub(super) fn settle(app: &App, request: &HttpRequest, tenant: &Arc<Tenant>) -> Result<(), ApiError> {
        request.extensions_mut().insert(Self(Arc::clone(tenant)));
        check_origin(app, request, tenant)
    }
}

/// The user of the request's bearer token. Without one the request is answered 401.
pub struct Authenticated(pub Identity);

impl FromRequest for Authenticated {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let (app, token, tenant) = shown(&request)?;
            let identity = identity::authenticate(&app, &request, token, tenant.as_deref()).await?;
            let user = Subject::User(identity.user.id);
            rate_limit::count_request(&app, &request, &identity.tenant, user)?;
            Ok(Self(identity))
        })
    }
}

/// The user of the request's bearer token, and whether they may read in the room that the path names as `{id}`: both
/// asked in one. Without a token the request is answered 401; what there is to say of the room is for the handler,
/// after it has looked at the rest of the request.
pub struct InRoom {
    /// The user.
    pub identity: Identity,
    /// What they see of the room.
    pub sight: Result<Sight, chat::Error>,
}

impl FromRequest for InRoom {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let (app, token, tenant) = shown(&request)?;
            let room = RoomRef::parse(&room_name(&request));
            let (identity, sight) =
                identity::authenticate_in_room(&app, &request, token, tenant.as_deref(), &room).await?;
            let user = Subject::User(identity.user.id);
            rate_limit::count_request(&app, &request, &identity.tenant, user)?;
            Ok(Self { identity, sight })
        })
    }
}

/// The token that a request shows, and the tenant it names.
fn shown(request: &HttpRequest) -> Result<(Data<App>, &str, Option<String>), ApiError> {
    let token = bearer(request).ok_or(ApiError::Unauthorized)?;
    Ok((app(request)?, token, identity::named_tenant(request)?))
}

/// The room that a path names; what cannot be read names none.
fn room_name(request: &HttpRequest) -> String {
    Path::<String>::extract(request)
        .into_inner()
        .map(Path::into_inner)
        .unwrap_or_default()
}

/// The token of `Authorization: Bearer …`.
pub fn bearer(request: &HttpRequest) -> Option<&str> {
    let (scheme, token) = request
        .headers()
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

pub(super) fn app(request: &HttpRequest) -> Result<Data<App>, ApiError> {
    request
        .app_data::<Data<App>>()
        .cloned()
        .ok_or_else(|| ApiError::Internal("no application state".into()))
}
