//! How many REST requests there may be: by address before anything is read, by user and tenant once they are known.

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderName, HeaderValue},
    middleware::Next,
    web::Data,
};

use super::{
    client_address::client_address,
    error::{ApiError, whole_seconds},
};
use crate::{
    app::App,
    config::Limit,
    realtime::{Allowance, Subject},
    tenants::Tenant,
};

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Middleware: counts the request for its address, and tells in the answer what is left: of the limit that refused it,
/// else of the user's when there is a user, else of the address's.
///
/// # Errors
///
/// Those of the handler.
pub async fn rate_limit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(app) = request.app_data::<Data<App>>().cloned() else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let address = client_address(request.request());
    let left = match app.realtime.limits().check_address(Limit::RequestsPerAddress, address) {
        Ok(left) => left,
        Err(refused) => {
            let response = HttpResponse::from_error(ApiError::from(refused));
            return Ok(request.into_response(response));
        }
    };
    let mut response = next.call(request).await?.map_into_boxed_body();
    // A refusal has told already.
    if !response.headers().contains_key(LIMIT) {
        let of_user = response.request().extensions().get::<Allowance>().copied();
        for (name, value) in of_user.or(left).into_iter().flat_map(headers) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// Counts a request for the user or key it turned out to be from, and for the tenant.
///
/// # Errors
///
/// 429.
pub fn count_request(app: &App, request: &HttpRequest, tenant: &Tenant, subject: Subject) -> Result<(), ApiError> {
    if let Some(left) = app.realtime.limits().check_request(tenant, subject)? {
        request.extensions_mut().insert(left);
    }
    Ok(())
}

/// What tells a client how much is left of a limit.
pub fn headers(left: Allowance) -> [(HeaderName, HeaderValue); 3] {
    let Allowance {
        limit,
        remaining,
        reset,
    } = left;
    let reset = if remaining == limit { 0 } else { whole_seconds(reset) };
    [
        (LIMIT, HeaderValue::from(limit)),
        (REMAINING, HeaderValue::from(remaining)),
        (RESET, HeaderValue::from(reset)),
    ]
}
