//! Whose pages are meant: the one judgement behind CORS, the sockets' handshakes and framing.
//!
//! The policy is the tenant's list of origins when it has one, else the deployment's (`cors.allowed_origins`, `*`
//! unless set). Origins are compared as what they are: scheme, host and port. `null`, which sandboxed pages and files
//! send, is nobody's origin, and allowed only by tenants that say so (`allow_null_origin`).

use std::time::{Duration, Instant};

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap},
    web::Data,
};
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::{edge::is_socket, error::ApiError};
use crate::{
    app::App,
    tenants::{self, AllowedOrigins, Tenant},
};

/// What pages without an origin of their own send.
const NULL: &str = "null";

/// How long the origins of all tenants are kept for those who name no tenant.
const TENANTS_KEPT: Duration = Duration::from_secs(5);

/// What a policy says about an origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grant {
    /// Every page may.
    Any,
    /// Pages of this origin may.
    This,
    /// They may not.
    No,
}

/// What decides about an origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// It is that of this server's own pages, which are never foreign.
    OwnHost,
    /// It is `null`: the tenant's setting `allow_null_origin`.
    AllowNullOrigin,
    /// The tenant's list, `allowed_origins`.
    AllowedOrigins,
    /// The deployment's list, `cors.allowed_origins`: the tenant has none.
    Deployment,
}

/// The `Origin` of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asker {
    /// Nobody who tells: no page of another host, or no browser.
    Unsaid,
    /// A page of this origin.
    Page(String),
    /// Somebody who tells more than one origin, which no browser does.
    Several,
}

impl Asker {
    /// Who asks.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut origins = headers.get_all(header::ORIGIN);
        match (origins.next(), origins.next()) {
            (None, _) => Self::Unsaid,
            (Some(origin), None) => Self::Page(String::from_utf8_lossy(origin.as_bytes()).into_owned()),
            (Some(_), Some(_)) => Self::Several,
        }
    }
}

/// The origins that tenants list, for requests that name no tenant. Each worker keeps its own.
#[derive(Default)]
pub struct TenantOrigins(Mutex<Option<Kept>>);

struct Kept {
    at: Instant,
    lists: Vec<AllowedOrigins>,
    null: bool,
}

impl TenantOrigins {
    /// Whether some tenant allows `origin`.
    async fn allow(&self, app: &App, origin: &str) -> Result<bool, tenants::Error> {
        let mut kept = self.0.lock().await;
        let known = match kept.take().filter(|kept| kept.at.elapsed() < TENANTS_KEPT) {
            Some(known) => known,
            None => Kept::read(app).await?,
        };
        let allowed = if origin == NULL {
            known.null
        } else {
            known.lists.iter().any(|list| list.allows(origin))
        };
        *kept = Some(known);
        Ok(allowed)
    }
}

impl Kept {
    async fn read(app: &App) -> Result<Self, tenants::Error> {
        let tenants = tenants::list_tenants(&app.store).await?;
        Ok(Self {
            at: Instant::now(),
            null: tenants.iter().any(|tenant| tenant.settings.allow_null_origin),
            lists: tenants
                .iter()
                .filter_map(|tenant| tenant.settings.allowed_origins.as_deref())
                .map(list)
                .collect(),
        })
    }
}

/// A list as it is compared. What the database and the settings hold was checked when it came there.
fn list(entries: &[String]) -> AllowedOrigins {
    AllowedOrigins::parse(entries).unwrap_or_default()
}

/// Judges an origin by the policy of a tenant; without one, by the deployment's.
pub fn judge(app: &App, tenant: Option<&Tenant>, origin: &str) -> Grant {
    let own = tenant.map(|tenant| &tenant.settings);
    let allowed = if origin == NULL {
        own.is_some_and(|settings| settings.allow_null_origin)
    } else if let Some(origins) = own.and_then(|settings| settings.allowed_origins.as_deref()) {
        list(origins).allows(origin)
    } else if allows_any(app) {
        return Grant::Any;
    } else {
        list(&app.settings.cors.allowed_origins).allows(origin)
    };
    if allowed { Grant::This } else { Grant::No }
}

fn allows_any(app: &App) -> bool {
    app.settings.cors.allowed_origins.iter().any(|entry| entry == "*")
}

/// Judges an origin when nobody knows for which tenant: by the policy of the one that the query names, else by any that
/// would allow it. For preflights, and for answers to requests that did not get as far as their tenant; it gives
/// nothing away, as every request is judged by its own tenant's policy before it is answered.
///
/// # Errors
/// The database's.
pub async fn judge_unknown(app: &App, request: &HttpRequest, origin: &str) -> Result<Grant, ApiError> {
    if let Some(tenant) = tenant_of_query(app, request).await? {
        return Ok(judge(app, tenant.as_ref(), origin));
    }
    let grant = judge(app, None, origin);
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

/// The tenant that the query names, by slug or public key; inside, `None` for a name that is nobody's.
async fn tenant_of_query(app: &App, request: &HttpRequest) -> Result<Option<Option<Tenant>>, ApiError> {
    let query = request.query_string().as_bytes();
    let Some((_, name)) = form_urlencoded::parse(query).find(|(name, _)| name == "tenant") else {
        return Ok(None);
    };
    match tenants::get_tenant_by_name(&app.store, &name).await {
        Ok(tenant) => Ok(Some(Some(tenant))),
        Err(tenants::Error::NotFound) => Ok(Some(None)),
        Err(error) => Err(error.into()),
    }
}

/// Refuses a request that a page of a foreign origin made a browser send. Pages served by this host itself are never
/// foreign.
///
/// # Errors
/// [`ApiError::OriginNotAllowed`].
pub fn check_origin(app: &App, request: &HttpRequest, tenant: &Tenant) -> Result<(), ApiError> {
    let origin = match Asker::of(request.headers()) {
        Asker::Unsaid if lacks_origin(request, tenant) => return Err(ApiError::OriginNotAllowed),
        Asker::Unsaid => return Ok(()),
        Asker::Page(origin) => origin,
        Asker::Several => return Err(ApiError::OriginNotAllowed),
    };
    match examine(app, request, tenant, &origin) {
        (_, true) => Ok(()),
        (_, false) => Err(ApiError::OriginNotAllowed),
    }
}

/// Whether pages of an origin may use a tenant's chat on the host that the request is for, and what decides that.
pub fn examine(app: &App, request: &HttpRequest, tenant: &Tenant, origin: &str) -> (Rule, bool) {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let own = origin
        .split_once("://")
        .is_some_and(|(_, of)| host.is_some_and(|host| host.eq_ignore_ascii_case(of)));
    if own {
        return (Rule::OwnHost, true);
    }
    let rule = if origin == NULL {
        Rule::AllowNullOrigin
    } else if tenant.settings.allowed_origins.is_some() {
        Rule::AllowedOrigins
    } else {
        Rule::Deployment
    };
    (rule, judge(app, Some(tenant), origin) != Grant::No)
}

/// Whether a request that tells no origin is for a socket of a tenant that wants one. A page of this host itself need
/// not tell: browsers leave the header out of its polls, and say so.
fn lacks_origin(request: &HttpRequest, tenant: &Tenant) -> bool {
    let from_here = || {
        let site = request.headers().get("sec-fetch-site");
        site.is_some_and(|site| site == "same-origin")
    };
    tenant.settings.require_origin && is_socket(request.path()) && !from_here()
}

/// The directive of a Content-Security-Policy that says which pages may frame the one asked for: those of the tenant
/// that the page's query names, by slug or public key. Without a tenant, none but this host's own.
///
/// Browsers read `*.` in it as any number of labels; what a framed page may ask for is judged by its own origin.
///
/// # Errors
/// The database's.
pub async fn frame_ancestors(app: &App, request: &HttpRequest) -> Result<String, ApiError> {
    let tenant = tenant_of_query(app, request).await?.flatten();
    let entries = tenant.map(|tenant| match tenant.settings.allowed_origins {
        Some(own) => own,
        None => app.settings.cors.allowed_origins.clone(),
    });
    Ok(match entries {
        None => "frame-ancestors 'self'".to_owned(),
        Some(entries) if entries.iter().any(|entry| entry == "*") => "frame-ancestors *".to_owned(),
        Some(entries) => {
            // Only what is an origin: nothing else gets into a header.
            let sources = entries.iter().filter(|entry| is_entry(entry));
            sources.fold("frame-ancestors 'self'".to_owned(), |policy, source| {
                format!("{policy} {source}")
            })
        }
    })
}

fn is_entry(text: &str) -> bool {
    AllowedOrigins::parse(&[text.to_owned()]).is_ok()
}
