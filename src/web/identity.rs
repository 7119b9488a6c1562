//! Who is asking: a tenant by name, a user by token. REST and the sockets' connect both come through here.

use std::{sync::Arc, time::Instant};

use actix_web::HttpRequest;
use tracing::Span;

use super::{error::ApiError, extract::RequestTenant};
use crate::{
    accounts::{self, Claims, Provisioned, User},
    app::App,
    chat::{self, RoomRef},
    realtime::{Sender, rate_limiter::TenantCap, revocations::Credential},
    scope::Scope,
    standing::{Sight, Standing},
    tenants::{self, Tenant},
    timestamp::Timestamp,
};

/// A signed-in user.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The user's tenant.
    pub tenant: Arc<Tenant>,
    /// The user.
    pub user: Arc<User>,
    /// What the token says: its id and when it ends.
    pub claims: Claims,
    /// When its verification began: what was revoked before that has been looked at.
    pub verified_at: Instant,
}

impl Identity {
    /// The scope that context functions take.
    pub fn scope(&self) -> Scope {
        Scope {
            tenant_id: self.tenant.id,
            user_id: self.user.id,
        }
    }

    /// Whether the token has expired by this server's clock; it is good for a little longer, as clocks differ.
    pub fn is_over(&self) -> bool {
        Timestamp::from_seconds(self.claims.expires_at) <= Timestamp::now()
    }

    /// What an open socket of this user stands on.
    pub fn credential(&self) -> Credential {
        Credential::new(&self.claims, self.verified_at)
    }

    /// Shows it in the request's log line.
    fn noted(self) -> Self {
        let span = Span::current();
        span.record("tenant", self.tenant.slug.as_str());
        span.record("user_id", tracing::field::display(self.user.id));
        self
    }

    /// The author of messages.
    pub fn sender(&self) -> Sender {
        Sender {
            scope: self.scope(),
            user: (&*self.user).into(),
            tenant: Arc::clone(&self.tenant),
        }
    }
}

/// The tenant of a request without a token: the one named by slug or public key, else the default one. With the
/// development setting `tenants.create_unknown` a tenant is created when its slug is first named, with the default
/// rooms.
///
/// # Errors
/// `tenant not found`, also for text that can be no tenant's name; [`ApiError::TenantSuspended`].
pub async fn resolve_tenant(app: &App, name: Option<&str>) -> Result<Arc<Tenant>, ApiError> {
    let name = name.unwrap_or(&app.settings.tenants.default);
    let tenant = match tenants::get_tenant_by_name(&app.store, name).await {
        Err(tenants::Error::NotFound) if app.settings.tenants.create_unknown => {
            let tenant = match tenants::ensure_tenant(&app.store, name).await {
                Err(tenants::Error::Invalid(_)) => return Err(tenants::Error::NotFound.into()),
                ensured => ensured?,
            };
            chat::seed::ensure_default_rooms(&app.store, tenant.id).await?;
            tenant
        }
        found => found?,
    };
    open_tenant(tenant)
}

/// A tenant that nobody has closed.
///
/// # Errors
/// [`ApiError::TenantSuspended`].
pub fn open_tenant(tenant: Tenant) -> Result<Arc<Tenant>, ApiError> {
    if tenant.suspended_at.is_some() {
        return Err(ApiError::TenantSuspended);
    }
    Ok(Arc::new(tenant))
}

/// The user behind a token that comes with a request, this server's own or one that the user's website has signed: the
/// one door of REST, WebSocket and long poll. The token has to be genuine, unexpired and not revoked, and its user
/// welcome; when the request names a tenant, it has to be the token's. Then the page that asks is looked at, and only
/// then is anything written: who is new, or has changed, by what the website says.
///
/// # Errors
/// [`ApiError::Unauthorized`] for whatever is wrong with the token, alike; [`ApiError::OriginNotAllowed`].
pub async fn authenticate(
    app: &App,
    request: &HttpRequest,
    token: &str,
    tenant: Option<&str>,
) -> Result<Identity, ApiError> {
    Ok(identify(app, token, &Place::Request(request, tenant), None).await?.0)
}

/// [`authenticate`], and whether the user may read in a room, asked in one.
///
/// # Errors
/// As [`authenticate`]; inside, as [`chat::get_room`].
pub async fn authenticate_in_room(
    app: &App,
    request: &HttpRequest,
    token: &str,
    tenant: Option<&str>,
    room: &RoomRef,
) -> Result<(Identity, Result<Sight, chat::Error>), ApiError> {
    let (identity, sight) = identify(app, token, &Place::Request(request, tenant), Some(room)).await?;
    Ok((identity, sight.unwrap_or(Err(chat::Error::RoomNotFound))))
}

/// [`authenticate`] for tokens that websites sign, and for no others.
///
/// # Errors
/// As [`authenticate`].
pub async fn authenticate_host(
    app: &App,
    request: &HttpRequest,
    token: &str,
    tenant: Option<&str>,
) -> Result<Identity, ApiError> {
    identify_host(app, token, &Place::Request(request, tenant)).await
}

/// [`authenticate`] for another token of somebody (`known`) whose socket is open. It has to be of the same user.
///
/// # Errors
/// [`ApiError::Unauthorized`] for whatever is wrong with the token, alike.
pub async fn reauthenticate(app: &App, known: Scope, token: &str) -> Result<Identity, ApiError> {
    let (identity, _) = identify(app, token, &Place::Socket(known), None).await?;
    if identity.scope() == known && !identity.is_over() {
        Ok(identity)
    } else {
        Err(ApiError::Unauthorized)
    }
}

/// Where a token is shown.
enum Place<'a> {
    /// In a request, which may name a tenant.
    Request(&'a HttpRequest, Option<&'a str>),
    /// On somebody's socket, whose page was looked at when it was opened.
    Socket(Scope),
}

impl Place<'_> {
    /// Whether a token of this tenant may be shown here.
    fn admit(&self, app: &App, tenant: &Arc<Tenant>) -> Result<(), ApiError> {
        match self {
            Self::Request(_, Some(named)) if !tenant.is_called(named) => Err(ApiError::Unauthorized),
            Self::Request(request, _) => RequestTenant::settle(app, request, tenant),
            Self::Socket(known) if known.tenant_id == tenant.id => Ok(()),
            Self::Socket(_) => Err(ApiError::Unauthorized),
        }
    }
}

/// Who it is, and what they see of a room if one is asked for.
async fn identify(
    app: &App,
    token: &str,
    place: &Place<'_>,
    room: Option<&RoomRef>,
) -> Result<(Identity, Option<Result<Sight, chat::Error>>), ApiError> {
    let verified_at = Instant::now();
    if let Some(claims) = app.tokens.recall(token) {
        return identify_known(app, claims, verified_at, place, room).await;
    }
    if accounts::claims_to_be_own(token) {
        let claims = app.tokens.verify(token).map_err(|_| ApiError::Unauthorized)?;
        return identify_known(app, claims, verified_at, place, room).await;
    }
    // Boxed: this is for the first time that a token is shown, and has room for many queries.
    let identity = Box::pin(identify_host(app, token, place)).await?;
    // It has said what it had to say: from now on it is like one of ours, for as long as it is good.
    app.tokens.remember(token, identity.claims);
    let sight = match room {
        Some(room) => Some(app.standings.in_room(&identity.claims, room).await?.1),
        None => None,
    };
    Ok((identity, sight))
}

async fn identify_known(
    app: &App,
    claims: Claims,
    verified_at: Instant,
    place: &Place<'_>,
    room: Option<&RoomRef>,
) -> Result<(Identity, Option<Result<Sight, chat::Error>>), ApiError> {
    let (Standing { tenant, user }, sight) = match room {
        Some(room) => {
            let (standing, sight) = app.standings.in_room(&claims, room).await?;
            (standing, Some(sight))
        }
        None => (app.standings.of_token(&claims).await?, None),
    };
    place.admit(app, &tenant)?;
    let identity = Identity {
        tenant,
        user,
        claims,
        verified_at,
    };
    Ok((identity.noted(), sight))
}

async fn identify_host(app: &App, token: &str, place: &Place<'_>) -> Result<Identity, ApiError> {
    let verified_at = Instant::now();
    let token = accounts::verify_host_token(&app.store, &app.vault, token).await?;
    let of_token = Arc::new(token.tenant.clone());
    let welcome = accounts::welcome(&app.store, token).await?;
    place.admit(app, &of_token)?;
    let members_max = app.realtime.limits().cap_in_force(&of_token, TenantCap::Members);
    let Provisioned { user, token, granted } = accounts::provision(&app.store, welcome, members_max).await?;
    app.realtime.memberships_changed(of_token.id, &granted).await;
    Ok(Identity {
        claims: token.claims(user.id),
        tenant: of_token,
        user: Arc::new(user),
        verified_at,
    }
    .noted())
}

/// The tenant that a request names in the header `X-Tenant` or the query parameter `tenant`. (A body may
/// name it as well; whoever reads the body compares.)
///
/// # Errors
/// A violation of `tenant` when header and query name different ones.
pub fn named_tenant(request: &HttpRequest) -> Result<Option<String>, ApiError> {
    let header = request
        .headers()
        .get("x-tenant")
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let query = form_urlencoded::parse(request.query_string().as_bytes())
        .find(|(name, _)| name == "tenant")
        .map(|(_, value)| value.into_owned());
    agree(header, query)
}

/// The one name given in two places; an empty name is none.
pub(super) fn agree(one: Option<String>, other: Option<String>) -> Result<Option<String>, ApiError> {
    let (one, other) = (
        one.filter(|name| !name.is_empty()),
        other.filter(|name| !name.is_empty()),
    );
    match (one, other) {
        (Some(one), Some(other)) if one != other => {
            Err(crate::validation::Violations::of("tenant", "is named twice, and differently").into())
        }
        (Some(name), _) | (None, Some(name)) => Ok(Some(name)),
        (None, None) => Ok(None),
    }
}
