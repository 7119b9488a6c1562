//! Logs: the subscriber, the span around each request, and one access line for it.
//!
//! Invariant: no log line at any level holds a query string, a body, a header's value or a message's content.

use std::io::{self, IsTerminal};
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};
use tracing::{Level, Metadata, Span, Subscriber, field};
use tracing_actix_web::{RequestId, RootSpanBuilder};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{LogFormat, LogSettings};
use crate::metrics::Metrics;
use crate::web::client_address::client_address;

/// Header of every response: the id its log lines carry.
pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// What stands for the route of a request that matches none.
const UNMATCHED: &str = "unmatched";

/// Why there is no logging.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.filter` is no filter.
    #[error("log.filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The process logs already.
    #[error("logging cannot be set up: {0}")]
    Global(#[from] TryInitError),
}

/// Sends the process's logs to standard error. Once per process; `main` does it.
///
/// # Errors
///
/// When the filter is malformed, or logging is set up already.
pub fn init(settings: &LogSettings) -> Result<(), TelemetryError> {
    Ok(subscriber(settings, io::stderr().is_terminal(), io::stderr)?.try_init()?)
}

fn subscriber<W>(
    settings: &LogSettings,
    colours: bool,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + use<W>, tracing_subscriber::filter::ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&settings.filter)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours);
    let lines = match settings.format {
        LogFormat::Pretty => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    Ok(tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(tells_no_contents))
        .with(lines))
}

/// The database layer's own trace spans hold whole statements, message texts and all. No filter turns them on.
fn tells_no_contents(metadata: &Metadata<'_>) -> bool {
    let from_database = ["sea_orm", "sqlx"]
        .iter()
        .any(|crate_name| metadata.target().starts_with(crate_name));
    !(from_database && *metadata.level() == Level::TRACE)
}

/// Builds the span of a request, for `TracingLogger`: method, path without query, client's address, id; later route and
/// status, and tenant and user once they are known.
pub struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let request_id = request.extensions().get::<RequestId>().copied();
        tracing::info_span!(
            "request",
            method = %request.method(),
            // Known when the request has been routed: to ask before that is to route it once more.
            route = field::Empty,
            path = request.path(),
            client = %client_address(request.request()),
            request_id = request_id.map(field::display),
            status = field::Empty,
            tenant = field::Empty,
            user_id = field::Empty,
        )
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, actix_web::Error>) {
        span.record("status", status_of(outcome));
    }
}

fn status_of<B>(outcome: &Result<ServiceResponse<B>, actix_web::Error>) -> u16 {
    match outcome {
        Ok(response) => response.status().as_u16(),
        Err(error) => error.as_response_error().status_code().as_u16(),
    }
}

/// Middleware: the access line, the request's metrics and its id as a header. Wrap it first and
/// `TracingLogger::<RequestSpan>` after it, so that it runs inside of the span; [`Metrics`] is app data.
///
/// # Errors
///
/// Those of the handler.
pub async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let started = Instant::now();
    let metrics = request.app_data::<web::Data<Metrics>>().cloned();
    let method = request.method().clone();
    let request_id = request.extensions().get::<RequestId>().copied();
    let quiet = request.path().starts_with("/health/") || request.path() == "/metrics";

    let mut outcome = next.call(request).await;

    let latency = started.elapsed();
    let status = status_of(&outcome);
    let route = outcome
        .as_ref()
        .ok()
        .and_then(|response| response.request().match_pattern());
    let route = route.as_deref().unwrap_or(UNMATCHED);
    Span::current().record("route", route);
    if let Some(metrics) = metrics {
        metrics.http_stop(&method, route, status, latency);
    }
    let latency_ms = latency.as_secs_f64() * 1000.0;
    if quiet {
        tracing::debug!(status, latency_ms, "request done");
    } else {
        tracing::info!(status, latency_ms, "request done");
    }
    if let Some(request_id) = request_id {
        outcome = match outcome {
            Ok(mut response) => {
                set_request_id(response.headers_mut(), request_id);
                Ok(response)
            }
            Err(error) => {
                let mut response = error.error_response();
                set_request_id(response.headers_mut(), request_id);
                Err(InternalError::from_response(error, response).into())
            }
        };
    }
    outcome
}

fn set_request_id(headers: &mut HeaderMap, request_id: RequestId) {
    if let Ok(value) = HeaderValue::from_str(&request_id.to_string()) {
        headers.insert(REQUEST_ID_HEADER, value);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::{Arc, Mutex};

    use actix_web::http::StatusCode;
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service, try_call_service};
    use actix_web::{App, HttpResponse};
    use serde_json::Value;
    use tracing::subscriber::{DefaultGuard, set_default};
    use tracing_actix_web::TracingLogger;

    use super::*;
    use crate::config::{Settings, Sources};

    /// What was logged.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }

        fn objects(&self) -> Vec<Value> {
            self.text()
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        }
    }

    fn logging(format: LogFormat, filter: &str) -> (Lines, DefaultGuard) {
        let lines = Lines::default();
        let writer = lines.clone();
        let settings = LogSettings {
            format,
            filter: filter.to_owned(),
        };
        let subscriber = subscriber(&settings, false, move || writer.clone()).unwrap();
        (lines, set_default(subscriber))
    }

    fn metrics() -> Metrics {
        Metrics::new(&Settings::load(&Sources::default()).unwrap().settings)
    }

    async fn room() -> HttpResponse {
        Span::current().record("tenant", "mika-travel-blog");
        Span::current().record("user_id", field::display(uuid::Uuid::nil()));
        HttpResponse::Created().finish()
    }

    macro_rules! app {
        ($metrics:expr) => {
            init_service(
                App::new()
                    .app_data(web::Data::new($metrics.clone()))
                    .wrap(from_fn(observe))
                    .wrap(TracingLogger::<RequestSpan>::new())
                    .route("/rooms/{id}", web::post().to(room))
                    .route("/health/live", web::get().to(HttpResponse::Ok))
                    .route(
                        "/fails",
                        web::get()
                            .to(|| async { Err::<HttpResponse, _>(actix_web::error::ErrorBadRequest("the reason")) }),
                    ),
            )
            .await
        };
    }

    #[actix_web::test]
    async fn a_request_is_one_line_with_who_what_and_how_long_but_no_query() {
        let (lines, _guard) = logging(LogFormat::Json, "info");
        let metrics = metrics();
        let app = app!(metrics);
        let request = TestRequest::post()
            .uri("/rooms/lobby?token=canary-query")
            .insert_header(("authorization", "Bearer canary-header"))
            .insert_header(("x-forwarded-for", "203.0.113.9"))
            .peer_addr(([192, 0, 2, 7], 4711).into())
            .set_payload("canary-body");
        let response = call_service(&app, request.to_request()).await;
        let id = response
            .headers()
            .get(REQUEST_ID_HEADER)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();

        let objects = lines.objects();
        assert_eq!(objects.len(), 1, "{}", lines.text());
        let (line, span) = (&objects[0], &objects[0]["span"]);
        assert_eq!(line["message"], "request done");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["status"], 201);
        assert!(line["latency_ms"].as_f64().unwrap() >= 0.0);
        assert_eq!(span["method"], "POST");
        assert_eq!(span["route"], "/rooms/{id}");
        assert_eq!(span["path"], "/rooms/lobby");
        assert_eq!(span["client"], "192.0.2.7");
        assert_eq!(span["request_id"], id);
        assert_eq!(span["tenant"], "mika-travel-blog");
        assert_eq!(span["user_id"], uuid::Uuid::nil().to_string());
        assert!(
            metrics.render().contains(r#"method="POST",route="/rooms/{id}""#),
            "{}",
            metrics.render()
        );
    }

    #[actix_web::test]
    async fn no_level_tells_a_secret() {
        for format in [LogFormat::Json, LogFormat::Pretty] {
            let (lines, _guard) = logging(format, "trace");
            let app = app!(metrics());
            for uri in [
                "/rooms/lobby?token=canary-query",
                "/nowhere?token=canary-query",
                "/fails?token=canary-query",
            ] {
                let request = TestRequest::post()
                    .uri(uri)
                    .insert_header(("authorization", "Bearer canary-header"))
                    .insert_header(("sec-websocket-protocol", "phoenix, base64url.bearer.phx.canary-header"))
                    .set_payload("canary-body");
                let _ = try_call_service(&app, request.to_request()).await;
            }
            assert!(lines.text().contains("request done"));
            assert!(!lines.text().contains("canary"), "{}", lines.text());
        }
    }

    #[actix_web::test]
    async fn errors_and_unmatched_routes_are_lines_with_their_status_and_an_id() {
        let (lines, _guard) = logging(LogFormat::Json, "info");
        let app = app!(metrics());
        let failed = call_service(&app, TestRequest::get().uri("/fails").to_request()).await;
        assert_eq!(failed.status(), StatusCode::BAD_REQUEST);
        assert!(failed.headers().contains_key(REQUEST_ID_HEADER));
        let missing = call_service(&app, TestRequest::get().uri("/nowhere").to_request()).await;
        assert!(missing.headers().contains_key(REQUEST_ID_HEADER));
        let objects = lines.objects();
        assert_eq!(
            (&objects[0]["status"], &objects[1]["status"]),
            (&400.into(), &404.into())
        );
        assert_eq!(objects[1]["span"]["route"], "unmatched");
    }

    #[actix_web::test]
    async fn health_checks_are_lines_of_debug() {
        let (lines, _guard) = logging(LogFormat::Json, "info");
        let app = app!(metrics());
        call_service(&app, TestRequest::get().uri("/health/live").to_request()).await;
        assert_eq!(lines.text(), "");
    }

    #[test]
    fn the_trace_spans_of_the_database_layer_stay_off() {
        let (lines, _guard) = logging(LogFormat::Json, "trace,sea_orm=trace");
        tracing::trace_span!(target: "sea_orm::driver::sqlx_sqlite", "execute", stmt = "canary").in_scope(|| {
            tracing::info!("inside");
            tracing::trace!(target: "sqlx::query", text = "canary", "statement");
        });
        assert!(lines.text().contains("inside"));
        assert!(!lines.text().contains("canary"), "{}", lines.text());
    }
}
