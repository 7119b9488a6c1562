//! What a person with a browser finds: the app, the page that examines an embedding, and the description of the API to
//! click through.

use std::sync::{Arc, LazyLock};

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header::{self, ContentEncoding, HeaderMap, HeaderValue},
    middleware::from_fn,
    web::{Data, Path},
};
use serde_json::json;
use utoipa_swagger_ui::Config;

use crate::{
    app::App,
    web::{assets, bundle::Bundle, error::ApiError, origin_policy::frame_ancestors, rate_limit::rate_limit},
};

/// The page may load its own scripts, styles and pictures, and ask this server: nothing of any other host.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// In place of pages that were not built.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><title>Parlour</title><h1>Parlour</h1>\
    <p>The server runs, and its API answers; the pages and the widget were not built. Run <code>make ui</code>, then \
    build the server again (a debug build finds them at once). The API is described at <code>/docs/</code>.";

static DOCS: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // The page would ask another host to check the description unless told not to.
    Arc::new(Config::from("/api/v1/openapi.json").validator_url("none"))
});

/// The app; for programs, a signpost. It may be framed by the pages of the tenant that it is asked for.
#[get("/", wrap = "from_fn(rate_limit)")]
pub async fn app_page(app: Data<App>, bundle: Data<Bundle>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let mut response = if wants_json(request.headers()) {
        let mut signpost = signpost();
        protect(
            &mut signpost,
            "default-src 'none'",
            &frame_ancestors(&app, &request).await?,
        );
        signpost
    } else {
        page(&app, &bundle, &request, "index.html").await?
    };
    // Scripts and people are answered differently under one address.
    response
        .headers_mut()
        .append(header::VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// The app with a room open. The address is relative: the server may be mounted below a path of its host.
#[get("/chat/{slug}")]
pub async fn room_page(slug: Path<String>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    // Where the sockets are mounted.
    if *slug == "socket" {
        return Err(ApiError::NotFound);
    }
    let start = "../?";
    let mut query = form_urlencoded::Serializer::for_suffix(start.to_owned(), start.len());
    query.append_pair("room", &slug);
    let others = form_urlencoded::parse(request.query_string().as_bytes()).filter(|(name, _)| name != "room");
    query.extend_pairs(others);
    let location = (header::LOCATION, query.finish());
    Ok(HttpResponse::Found().insert_header(location).finish())
}

/// The page that finds out why a website's chat does not work.
#[get("/embed/doctor", wrap = "from_fn(rate_limit)")]
pub async fn doctor_page(app: Data<App>, bundle: Data<Bundle>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    page(&app, &bundle, &request, "embed/doctor.html").await
}

/// A page of the bundle; one that says how to build it where that was not done.
async fn page(app: &App, bundle: &Bundle, request: &HttpRequest, name: &str) -> Result<HttpResponse, ApiError> {
    let ancestors = frame_ancestors(app, request).await?;
    Ok(match assets::answer(bundle, request, name).await? {
        Some(mut page) => {
            protect(&mut page, &page_policy(request), &ancestors);
            page
        }
        None => {
            let mut page = HttpResponse::Ok()
                .content_type("text/html; charset=utf-8")
                .body(NOT_BUILT);
            page.headers_mut()
                .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            protect(&mut page, "default-src 'none'", &ancestors);
            page
        }
    })
}

/// A page loads what this server has, and pictures of any site, which is where users of websites have theirs.
fn page_policy(request: &HttpRequest) -> String {
    // Older browsers take `'self'` for the scheme of the page only, not for that of its sockets.
    let sockets = own_host(request.headers())
        .map(|host| format!(" ws://{host} wss://{host}"))
        .unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'{sockets}; \
         img-src 'self' https: data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; \
         trusted-types 'none'"
    )
}

/// The host that was asked, where a policy can name it: nothing else gets into a header, and addresses of IPv6 have no
/// place in policies.
fn own_host(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
    (!host.is_empty() && host.bytes().all(plain)).then_some(host)
}

/// What every page has: its policy, nothing about it in the requests it makes, and windows of its own.
fn protect(response: &mut HttpResponse, policy: &str, ancestors: &str) {
    // All parts are checked text, so they are always a header's value.
    if let Ok(policy) = HeaderValue::from_str(&format!("{policy}; {ancestors}")) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}

/// Whether a client asks for JSON, and not for a page.
fn wants_json(headers: &HeaderMap) -> bool {
    let accepted: Vec<&str> = headers
        .get_all(header::ACCEPT)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|item| item.split(';').next())
        .map(str::trim)
        .collect();
    accepted.contains(&"application/json") && !accepted.contains(&"text/html")
}

/// Where to go from here.
fn signpost() -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "data": {
            "name": "Parlour",
            "version": env!("CARGO_PKG_VERSION"),
            "api": "/api/v1",
            "docs": "/docs/",
            "socket": "/chat/socket",
        }
    }))
}

/// The page's links are relative to its folder.
#[get("/docs")]
pub async fn docs_folder() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, "/docs/"))
        .finish()
}

/// The page and its files.
#[get("/docs/{file:.*}")]
pub async fn docs(file: Path<String>) -> Result<HttpResponse, ApiError> {
    let file = utoipa_swagger_ui::serve(&file, Arc::clone(&DOCS))
        .map_err(|error| ApiError::Internal(error.to_string().into()))?
        .ok_or(ApiError::NotFound)?;
    let mut response = HttpResponse::Ok();
    response
        .content_type(file.content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, DOCS_POLICY))
        .insert_header((header::REFERRER_POLICY, "no-referrer"));
    if file.gzpipped {
        response.insert_header(ContentEncoding::Gzip);
    }
    Ok(response.body(file.bytes.into_owned()))
}
