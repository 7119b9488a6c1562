//! Who is asking: a tenant by name, a user by token. REST and the sockets' connect both come through here.

use std::sync::Arc;

use actix_web::HttpRequest;
use tracing::Span;

use super::error::ApiError;
use crate::{
    accounts::{self, Claims, User},
    app::App,
    chat,
    realtime::Sender,
    scope::Scope,
    tenants::{self, Tenant},
};

/// A signed-in user.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The user's tenant.
    pub tenant: Arc<Tenant>,
    /// The user.
    pub user: User,
    /// What the token says: its id and when it ends.
    pub claims: Claims,
}

impl Identity {
    /// The scope that context functions take.
    pub fn scope(&self) -> Scope {
        Scope {
            tenant_id: self.tenant.id,
            user_id: self.user.id,
        }
    }

    /// The author of messages.
    pub fn sender(&self) -> Sender {
        Sender {
            scope: self.scope(),
            username: self.user.username.clone(),
            tenant: Arc::clone(&self.tenant),
        }
    }
}

/// The tenant of a request without a token: the named one, else the default one. With the development
/// setting `tenants.create_unknown` a tenant is created when it is first named, with the default rooms.
///
/// # Errors
/// `tenant not found`, also for text that can be no tenant's name.
pub async fn resolve_tenant(app: &App, name: Option<&str>) -> Result<Arc<Tenant>, ApiError> {
    let slug = name.unwrap_or(&app.settings.tenants.default);
    let tenant = match tenants::get_tenant_by_slug(&app.store, slug).await {
        Err(tenants::Error::NotFound) if app.settings.tenants.create_unknown => {
            let tenant = match tenants::ensure_tenant(&app.store, slug).await {
                Err(tenants::Error::Invalid(_)) => return Err(tenants::Error::NotFound.into()),
                ensured => ensured?,
            };
            chat::seed::ensure_default_rooms(&app.store, tenant.id).await?;
            tenant
        }
        found => found?,
    };
    Ok(Arc::new(tenant))
}

/// The user behind a token. The token has to be genuine, unexpired and not revoked, and its user has to
/// exist; when the request names a tenant, it has to be the token's.
///
/// # Errors
/// [`ApiError::Unauthorized`] for all of these alike.
pub async fn authenticate(app: &App, token: &str, tenant: Option<&str>) -> Result<Identity, ApiError> {
    let claims = app.tokens.verify(token).map_err(|_| ApiError::Unauthorized)?;
    let user = match accounts::session_user(&app.store, &claims).await {
        Err(accounts::Error::SignedOut) => return Err(ApiError::Unauthorized),
        found => found?,
    };
    let of_token = match tenants::get_tenant(&app.store, claims.tenant_id).await {
        Err(tenants::Error::NotFound) => return Err(ApiError::Unauthorized),
        found => found?,
    };
    if tenant.is_some_and(|named| named != of_token.slug) {
        return Err(ApiError::Unauthorized);
    }
    let span = Span::current();
    span.record("tenant", of_token.slug.as_str());
    span.record("user_id", tracing::field::display(user.id));
    Ok(Identity {
        tenant: Arc::new(of_token),
        user,
        claims,
    })
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
