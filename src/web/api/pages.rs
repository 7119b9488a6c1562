//! What a person with a browser finds: a signpost, and the description of the API to click through.

use std::sync::{Arc, LazyLock};

use actix_web::{
    HttpResponse, get,
    http::header::{self, ContentEncoding},
    web::Path,
};
use serde_json::json;
use utoipa_swagger_ui::Config;

use crate::web::error::ApiError;

/// The page may load its own scripts, styles and pictures, and ask this server: nothing of any other host.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

static DOCS: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // The page would ask another host to check the description unless told not to.
    Arc::new(Config::from("/api/v1/openapi.json").validator_url("none"))
});

/// Where to go from here.
#[get("/")]
pub async fn root() -> HttpResponse {
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
