//! What every answer has, whoever wrote it: an envelope around errors, no sniffing, no caching of errors and of the
//! API, and for what is opened in a browser without being a page, a policy that lets it do nothing. (The request id
//! comes from [`crate::telemetry::observe`].)

use actix_web::{
    Error,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{self, HeaderValue},
    },
    middleware::Next,
};
use serde_json::json;

/// Whether a path is of the socket's transports, which answer in their own protocol.
pub(super) fn is_socket(path: &str) -> bool {
    path.starts_with("/chat/socket/")
}

/// The policy of what is no page.
const NO_PAGE: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Middleware that completes answers. Goes inside of what observes requests, around everything else.
pub async fn edge(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let socket = is_socket(request.path());
    let api = request.path().starts_with("/api/");
    // `HEAD` is answered like `GET`; the server leaves the body out by itself.
    if request.method() == Method::HEAD && !socket {
        request.head_mut().method = Method::GET;
    }
    let response = next.call(request).await?.map_into_boxed_body();
    let mut response = if socket { response } else { enveloped(response) };

    let failed = response.status().is_client_error() || response.status().is_server_error();
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if (api || failed) && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if !socket && !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, NO_PAGE);
    }
    Ok(response)
}

/// Errors that the framework answered by itself get the body that all others have.
fn enveloped(response: ServiceResponse) -> ServiceResponse {
    let status = response.status();
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let message = status.canonical_reason().unwrap_or("error").to_lowercase();
    let mut response = response.map_body(|_, _| BoxBody::new(json!({ "error": message }).to_string()));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
