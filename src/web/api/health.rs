//! For whoever runs the server: is it alive, is it ready, what does it count, what can it do.

use std::{sync::LazyLock, time::Duration};

use actix_web::{HttpRequest, HttpResponse, get, http::header::ContentType, web::Data};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    web::{
        administration::is_operators,
        error::ApiError,
        extract::bearer,
        listeners, openapi,
        reply::{Envelope, Reply},
    },
};

/// How long the database may take to answer before the server counts as not ready.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthOut {
    /// `live` or `ready`.
    #[schema(example = "ready")]
    pub status: &'static str,
}

/// Whether the process answers
#[utoipa::path(
    tag = "operations",
    responses((status = 200, description = "It does", body = Envelope<HealthOut>))
)]
#[get("/health/live")]
pub async fn live() -> Reply<Envelope<HealthOut>> {
    Reply::ok(HealthOut { status: "live" })
}

/// Whether the server can do its work: the database answers, and it is not shutting down
#[utoipa::path(
    tag = "operations",
    responses((status = 200, description = "It can", body = Envelope<HealthOut>))
)]
#[get("/health/ready")]
pub async fn ready(app: Data<App>) -> Result<Reply<Envelope<HealthOut>>, ApiError> {
    if app.realtime.is_draining() {
        return Err(ApiError::Unavailable("shutting down"));
    }
    match tokio::time::timeout(READY_TIMEOUT, app.store.ping()).await {
        Ok(Ok(())) => Ok(Reply::ok(HealthOut { status: "ready" })),
        Ok(Err(error)) => {
            tracing::warn!(%error, "database not ready");
            Err(ApiError::Unavailable("database unavailable"))
        }
        Err(_) => {
            tracing::warn!(waited_ms = READY_TIMEOUT.as_millis(), "database not ready");
            Err(ApiError::Unavailable("database unavailable"))
        }
    }
}

/// Counters and gauges in Prometheus text
///
/// For the operator only, unless the setting `metrics.public` is on or the server runs for development.
#[utoipa::path(
    tag = "operations",
    responses((status = 200, description = "The metrics", body = String, content_type = "text/plain"))
)]
#[get("/metrics")]
pub async fn metrics(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    listeners::require_operations(&request)?;
    let open = app.settings.metrics.public || app.settings.environment.is_development();
    if !open && !is_operators(&app, bearer(&request).unwrap_or_default()) {
        return Err(ApiError::Unauthorized);
    }
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(app.metrics.render()))
}

/// This description
#[utoipa::path(
    tag = "operations",
    responses((status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json"))
)]
#[get("/openapi.json")]
pub async fn openapi_json() -> Result<HttpResponse, ApiError> {
    static DESCRIPTION: LazyLock<Result<String, String>> =
        LazyLock::new(|| openapi::openapi_json().map_err(|error| error.to_string()));
    match &*DESCRIPTION {
        Ok(description) => Ok(HttpResponse::Ok()
            .content_type(ContentType::json())
            .body(description.as_str())),
        Err(error) => Err(ApiError::Internal(error.as_str().into())),
    }
}
