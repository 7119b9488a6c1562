//! What browsers need to know before pages of other sites may use the API.
//!
//! Who the tenant is follows from the request's token or names, so it is the request itself that is judged
//! ([`origin_policy`](super::origin_policy)):
//!
//! * A page of a foreign origin gets 403 before anything is read or done, and no CORS headers, so its
//!   browser shows it nothing.
//! * A preflight carries neither token nor `X-Tenant`, so it is answered for the tenant in its query, else for any.
//!
//! Credentials are never allowed: there are no cookies here, and a token is put into a header by code that
//! knows it.

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{self, HeaderMap, HeaderValue},
    },
    middleware::Next,
    web::Data,
};

use super::{
    error::ApiError,
    extract::RequestTenant,
    origin_policy::{Asker, Grant, judge, judge_unknown},
};
use crate::app::App;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, x-tenant, x-request-id");
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-request-id, retry-after, location, ratelimit-limit, ratelimit-remaining, ratelimit-reset",
);

/// How long browsers may keep the answer to a preflight, in seconds.
pub(super) const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

impl Grant {
    /// Lets the page read the answer, if it may.
    pub(super) fn write(self, headers: &mut HeaderMap, origin: &str) {
        let allowed = match self {
            Self::Any => HeaderValue::from_static("*"),
            Self::This => match HeaderValue::from_str(origin) {
                Ok(origin) => origin,
                Err(_) => return,
            },
            Self::No => return,
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    }
}

/// Answers preflights, and puts the CORS headers on all other answers.
///
/// # Errors
/// Those of the handler.
pub async fn cors(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(app) = request.app_data::<Data<App>>().cloned() else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let origin = match Asker::of(request.headers()) {
        Asker::Page(origin) => Some(origin),
        Asker::Unsaid => None,
        Asker::Several => {
            let refused = HttpResponse::from_error(ApiError::OriginNotAllowed);
            return Ok(request.into_response(refused));
        }
    };
    if let Some(origin) = &origin
        && request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    {
        let response = match judge_unknown(&app, request.request(), origin).await {
            Ok(grant) => preflight_answer(grant, origin),
            Err(error) => HttpResponse::from_error(error),
        };
        return Ok(request.into_response(response));
    }
    let mut response = next.call(request).await?.map_into_boxed_body();
    let request = response.request().clone();
    let headers = response.headers_mut();
    tell_page(&app, &request, headers).await;
    if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    Ok(response)
}

/// Lets the page that asked read the answer if its origin is one of the tenant's, and says that the answer depends on
/// it.
pub(super) async fn tell_page(app: &App, request: &HttpRequest, headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Asker::Page(origin) = Asker::of(request.headers()) else {
        return;
    };
    let tenant = request
        .extensions()
        .get::<RequestTenant>()
        .map(|tenant| tenant.0.clone());
    let grant = match tenant {
        Some(tenant) => judge(app, Some(&tenant), &origin),
        // Nothing is known of it while the database is away, which is what the answer says.
        None => judge_unknown(app, request, &origin).await.unwrap_or(Grant::No),
    };
    grant.write(headers, &origin);
}

fn preflight_answer(grant: Grant, origin: &str) -> HttpResponse {
    let mut response = HttpResponse::NoContent().finish();
    let headers = response.headers_mut();
    headers.insert(
        header::VARY,
        HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
    );
    if grant != Grant::No {
        grant.write(headers, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    response
}
