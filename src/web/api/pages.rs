//! What a person with a browser finds: a signpost, and the description of the API to click through.

use std::sync::{Arc, LazyLock};

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header::{self, ContentEncoding},
    web::{Data, Path},
};
use serde_json::json;
use utoipa_swagger_ui::Config;

use crate::{
    app::App,
    web::{error::ApiError, origin_policy::frame_ancestors},
};

/// The page may load its own scripts, styles and pictures, and ask this server: nothing of any other host.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

static DOCS: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // The page would ask another host to check the description unless told not to.
    Arc::new(Config::from("/api/v1/openapi.json").validator_url("none"))
});

/// Where to go from here. It may be framed by the pages of the tenant that it is asked for.
#[get("/")]
pub async fn root(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let policy = format!("default-src 'none'; {}", frame_ancestors(&app, &request).await?);
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_SECURITY_POLICY, policy));
    Ok(response.json(json!({
        "data": {
            "name": "Parlour",
            "version": env!("CARGO_PKG_VERSION"),
            "api": "/api/v1",
            "docs": "/docs/",
            "socket": "/chat/socket",
        }
    })))
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
