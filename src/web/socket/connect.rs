//! Who may open a socket: the checks of a connect, in the order clients rely on (protocol §1.3).

use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest, HttpResponse, http::header, web};
use tracing::debug;

use super::{
    handshake, raw,
    session::{Reach, Session},
    upgrade::CanHandOver,
    websocket,
};
use crate::{
    app::App,
    config::{Limit, OriginCheck},
    metrics::Transport as TransportKind,
    phoenix::{OriginPattern, Params, Subprotocols, Version, negotiate_subprotocols, origin_allowed},
    realtime::{
        Refused,
        connections::{ConnectionPermit, TooManyConnections},
    },
    web::{
        client_address::client_address,
        error::{ApiError, whole_seconds},
        identity::{self, Identity},
        origin_policy::Asker,
    },
};

/// A client that may have a socket, and holds a place for it.
pub struct Admitted {
    pub(super) app: Arc<App>,
    pub(super) identity: Identity,
    version: Version,
    permit: ConnectionPermit,
}

impl Admitted {
    /// The session of this client, whose transport is reached by `reach`.
    pub fn into_session(self, reach: impl Into<Reach>, transport: TransportKind) -> Session {
        let Self {
            app,
            identity,
            version,
            permit,
        } = self;
        Session::new(app, identity, version, reach.into(), permit, transport)
    }
}

/// Why a client gets no socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its page's origin is not allowed.
    #[error("origin not allowed")]
    Origin,
    /// The offered subprotocols cannot be read, or hold none we speak.
    #[error("no acceptable subprotocol")]
    Subprotocol,
    /// It speaks another version of the protocol.
    #[error("unsupported protocol version")]
    Version,
    /// No token, or one that is not good.
    #[error("unauthorized")]
    Unauthorized,
    /// A cap on open sockets was reached.
    #[error(transparent)]
    TooMany(#[from] TooManyConnections),
    /// There were too many attempts from its address.
    #[error(transparent)]
    Limited(#[from] Refused),
    /// The server cannot find out at present.
    #[error("the database is unavailable")]
    Unavailable,
    /// The server is going away.
    #[error("the server is shutting down")]
    Draining,
}

impl Refusal {
    fn response(self) -> HttpResponse {
        match self {
            Self::Origin | Self::Subprotocol | Self::Version | Self::Unauthorized => HttpResponse::Forbidden(),
            Self::Limited(refused) => {
                let mut response = HttpResponse::TooManyRequests();
                response.insert_header((header::RETRY_AFTER, whole_seconds(refused.retry_after)));
                response
            }
            Self::TooMany(TooManyConnections::Tenant | TooManyConnections::Address | TooManyConnections::User) => {
                HttpResponse::TooManyRequests()
            }
            Self::TooMany(TooManyConnections::Server) | Self::Unavailable | Self::Draining => {
                HttpResponse::ServiceUnavailable()
            }
        }
        .finish()
    }
}

/// `GET /chat/socket/websocket`
pub async fn websocket(app: web::Data<App>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    if request.method() != actix_web::http::Method::GET {
        return HttpResponse::BadRequest().finish();
    }
    let (admitted, select_subprotocol) = match admit_websocket(app.into_inner(), &request).await {
        Ok(admitted) => admitted,
        Err(refusal) => {
            debug!(reason = %refusal, "socket refused");
            return refusal.response();
        }
    };
    let can_hand_over = request.extensions().contains::<CanHandOver>();
    let answered = if can_hand_over {
        raw::answer(admitted, &request, select_subprotocol)
    } else {
        websocket::start(admitted, &request, payload, select_subprotocol)
    };
    answered.unwrap_or_else(|error| handshake::refuse(&error))
}

async fn admit_websocket(app: Arc<App>, request: &HttpRequest) -> Result<(Admitted, bool), Refusal> {
    check_page(&app, request)?;
    let subprotocols = if app.settings.socket.auth_subprotocol {
        let offered = joined_header(request, header::SEC_WEBSOCKET_PROTOCOL);
        negotiate_subprotocols(offered.as_deref()).map_err(|_| Refusal::Subprotocol)?
    } else {
        Subprotocols {
            auth_token: None,
            select: false,
        }
    };
    let params = Params::parse(request.query_string());
    let version = params.vsn().map_err(|_| Refusal::Version)?;
    let token = subprotocols
        .auth_token
        .as_deref()
        .or_else(|| params.get("token"))
        .or_else(|| bearer(request))
        .ok_or(Refusal::Unauthorized)?;
    let admitted = admit(app, request, &params, version, token).await?;
    Ok((admitted, subprotocols.select))
}

/// The application's own part of a connect: who is it, and is there room?
pub(super) async fn admit(
    app: Arc<App>,
    request: &HttpRequest,
    params: &Params,
    version: Version,
    token: &str,
) -> Result<Admitted, Refusal> {
    if app.realtime.is_draining() {
        return Err(Refusal::Draining);
    }
    let limits = app.realtime.limits();
    limits.check_address(Limit::ConnectsPerAddress, client_address(request))?;
    let tenant = params
        .get("tenant")
        .or_else(|| request.headers().get("x-tenant")?.to_str().ok())
        .filter(|name| !name.is_empty());
    let identity = match identity::authenticate(&app, request, token, tenant).await {
        Ok(identity) => identity,
        // The server's own trouble must not look like a bad token, which clients would throw away.
        Err(error) if error.is_own_fault() => return Err(Refusal::Unavailable),
        Err(ApiError::OriginNotAllowed) => return Err(Refusal::Origin),
        Err(_) => return Err(Refusal::Unauthorized),
    };
    // A request may come a little late. A socket that ends as soon as it opens helps nobody, and its client would try
    // again and again.
    if identity.is_over() {
        return Err(Refusal::Unauthorized);
    }
    let permit = app
        .realtime
        .connections()
        .admit(&identity.tenant, identity.user.id, client_address(request))?;
    Ok(Admitted {
        app,
        identity,
        version,
        permit,
    })
}

/// The server's own check, before anything else is looked at.
pub(super) fn check_page(app: &App, request: &HttpRequest) -> Result<(), Refusal> {
    let asker = Asker::of(request.headers());
    let origin = match &asker {
        Asker::Unsaid => None,
        Asker::Page(origin) => Some(origin.as_str()),
        Asker::Several => return Err(Refusal::Origin),
    };
    if server_allows(app, origin) {
        Ok(())
    } else {
        Err(Refusal::Origin)
    }
}

/// Whether the server's own check, `socket.check_origin`, lets pages of this origin open sockets, whatever their tenant
/// says.
pub fn server_allows(app: &App, origin: Option<&str>) -> bool {
    match &app.settings.socket.check_origin {
        OriginCheck::Off => true,
        OriginCheck::Only(patterns) => {
            let patterns: Vec<OriginPattern> = patterns.iter().filter_map(|pattern| pattern.parse().ok()).collect();
            origin_allowed(origin, &patterns)
        }
    }
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    request
        .headers()
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
        .map(str::trim)
}

/// A header that may come in several lines, as one.
fn joined_header(request: &HttpRequest, name: header::HeaderName) -> Option<String> {
    let lines: Vec<_> = request
        .headers()
        .get_all(name)
        .filter_map(|line| line.to_str().ok())
        .collect();
    if lines.is_empty() { None } else { Some(lines.join(",")) }
}
