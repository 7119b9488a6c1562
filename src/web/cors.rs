//! Which web pages may use the API from a browser.
//!
//! The policy is the tenant's list of origins when it has one, else the deployment's
//! (`cors.allowed_origins`, `*` unless set). Who the tenant is follows from the request's token or names,
//! so it is the request itself that is judged:
//!
//! * A page of a foreign origin gets 403 before anything is read or done, and no CORS headers, so its
//!   browser shows it nothing. Pages served by this host itself are never foreign.
//! * A preflight carries neither token nor `X-Tenant`. It is answered for the tenant in its query if that
//!   names one; else it is allowed when some policy would allow the origin. That gives nothing away: the
//!   request that follows is judged by its own tenant's policy.
//!
//! Credentials are never allowed: there are no cookies here, and a token is put into a header by code that
//! knows it.

use std::time::{Duration, Instant};

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
use tokio::sync::Mutex;

use super::{error::ApiError, extract::RequestTenant};
use crate::{
    app::App,
    phoenix::{OriginPattern, origin_allowed},
    tenants::{self, Tenant},
};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, x-tenant, x-request-id");
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, retry-after, location");

/// How long browsers may keep the answer to a preflight, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// How long the origins of all tenants are kept for preflights.
const TENANTS_KEPT: Duration = Duration::from_secs(5);

/// The origins that tenants list, for preflights that name no tenant. Each worker keeps its own.
#[derive(Default)]
pub struct TenantOrigins(Mutex<Option<(Instant, Vec<String>)>>);

impl TenantOrigins {
    /// Whether some tenant lists `origin`.
    async fn allow(&self, app: &App, origin: &str) -> Result<bool, tenants::Error> {
        let mut kept = self.0.lock().await;
        let fresh = kept.as_ref().is_some_and(|(at, _)| at.elapsed() < TENANTS_KEPT);
        if !fresh {
            let all = tenants::list_tenants(&app.store).await?;
            let origins = all
                .into_iter()
                .filter_map(|tenant| tenant.settings.allowed_origins)
                .flatten()
                .collect();
            *kept = Some((Instant::now(), origins));
        }
        Ok(kept
            .as_ref()
            .is_some_and(|(_, origins)| Grant::judge(origin, origins) != Grant::No))
    }
}

/// What a policy says about an origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Grant {
    /// Every page may.
    Any,
    /// Pages of this origin may.
    This,
    /// They may not.
    No,
}

impl Grant {
    fn judge(origin: &str, policy: &[String]) -> Self {
        if policy.iter().any(|entry| entry == "*") {
            return Self::Any;
        }
        let patterns: Vec<OriginPattern> = policy.iter().filter_map(|entry| entry.parse().ok()).collect();
        if origin_allowed(Some(origin), &patterns) {
            Self::This
        } else {
            Self::No
        }
    }

    fn write(self, headers: &mut HeaderMap, origin: &str) {
        let allowed = match self {
            Self::Any => HeaderValue::from_static("*"),
            Self::This => match HeaderValue::from_str(origin) {
                Ok(origin) => origin,
                Err(_) => return,
            },
            Self::No => return,
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

fn policy<'a>(app: &'a App, tenant: Option<&'a Tenant>) -> &'a [String] {
    tenant
        .and_then(|tenant| tenant.settings.allowed_origins.as_deref())
        .unwrap_or(&app.settings.cors.allowed_origins)
}

/// The `Origin` of a request; more than one give a text that no policy allows.
fn origin(headers: &HeaderMap) -> Option<String> {
    let origins: Vec<_> = headers
        .get_all(header::ORIGIN)
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    if origins.is_empty() {
        None
    } else {
        Some(origins.join(", "))
    }
}

/// Refuses a request that a page of a foreign origin made a browser send.
pub(super) fn check_origin(app: &App, request: &HttpRequest, tenant: &Tenant) -> Result<(), ApiError> {
    let Some(origin) = origin(request.headers()) else {
        return Ok(());
    };
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let own = origin
        .split_once("://")
        .is_some_and(|(_, of)| host.is_some_and(|host| host.eq_ignore_ascii_case(of)));
    if own || Grant::judge(&origin, policy(app, Some(tenant))) != Grant::No {
        Ok(())
    } else {
        Err(ApiError::OriginNotAllowed)
    }
}

/// Answers preflights, and puts the CORS headers on all other answers.
pub async fn cors(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let origin = origin(request.headers());
    let app = request.app_data::<Data<App>>().cloned();
    let (Some(origin), Some(app)) = (origin, app) else {
        let mut response = next.call(request).await?.map_into_boxed_body();
        response
            .headers_mut()
            .append(header::VARY, HeaderValue::from_static("Origin"));
        return Ok(response);
    };
    if request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        let response = match preflight(&app, &request, &origin).await {
            Ok(grant) => preflight_answer(grant, &origin),
            Err(error) => HttpResponse::from_error(error),
        };
        return Ok(request.into_response(response));
    }
    let mut response = next.call(request).await?.map_into_boxed_body();
    let tenant = response
        .request()
        .extensions()
        .get::<RequestTenant>()
        .map(|tenant| tenant.0.clone());
    let grant = Grant::judge(&origin, policy(&app, tenant.as_deref()));
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    grant.write(headers, &origin);
    Ok(response)
}

async fn preflight(app: &App, request: &ServiceRequest, origin: &str) -> Result<Grant, ApiError> {
    if let Some(named) = form_urlencoded::parse(request.query_string().as_bytes()).find(|(name, _)| name == "tenant") {
        return match tenants::get_tenant_by_slug(&app.store, &named.1).await {
            Ok(tenant) => Ok(Grant::judge(origin, policy(app, Some(&tenant)))),
            Err(tenants::Error::NotFound) => Ok(Grant::judge(origin, policy(app, None))),
            Err(error) => Err(error.into()),
        };
    }
    let grant = Grant::judge(origin, policy(app, None));
    if grant != Grant::No {
        return Ok(grant);
    }
    let Some(listed) = request.app_data::<Data<TenantOrigins>>() else {
        return Ok(Grant::No);
    };
    Ok(if listed.allow(app, origin).await? {
        Grant::This
    } else {
        Grant::No
    })
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
        headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_a_star_or_a_list_that_is_compared_as_origins() {
        let list = |entries: &[&str]| entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>();
        assert_eq!(Grant::judge("https://any.example", &list(&["*"])), Grant::Any);
        let policy = list(&["https://site.example", "not an origin"]);
        assert_eq!(Grant::judge("https://site.example", &policy), Grant::This);
        assert_eq!(Grant::judge("HTTPS://SITE.example:443", &policy), Grant::This);
        for origin in [
            "https://evil-site.example",
            "https://site.example.evil",
            "http://site.example",
            "https://site.example:8443",
            "https://site.example, https://site.example",
            "null",
            "",
        ] {
            assert_eq!(Grant::judge(origin, &policy), Grant::No, "{origin}");
        }
        assert_eq!(Grant::judge("https://site.example", &[]), Grant::No);
    }
}
