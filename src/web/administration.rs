//! Who administers: the operator of the deployment, by the setting `auth.operator_token`, and administrators of one
//! tenant, by a key of theirs (`ta_…`). No user's token opens anything here, and none of these opens anything for
//! users.
//!
//! An administrator sees their own tenant. Whatever else there is, other tenants and what is the operator's alone, is
//! answered like a path that does not exist.

use std::sync::Arc;

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    middleware::Next,
};
use futures_util::future::LocalBoxFuture;
use secrecy::ExposeSecret;
use serde_json::json;
use subtle::ConstantTimeEq;
use tracing::error;
use tracing_actix_web::RequestId;

use super::{
    client_address::client_address,
    error::ApiError,
    extract::{app, bearer},
    listeners,
    routes::Route,
};
use crate::{
    api_keys::{self, ApiKeyKind},
    app::App,
    audit::{self, Actor, ActorKind, Entry},
    config::Limit,
    realtime::Refused,
    tenants::{self, Tenant},
};

/// The operator of the deployment.
pub struct Operator {
    /// How the audit log names them.
    pub actor: Actor,
}

/// Somebody who administers the tenant of the path: the operator, or an administrator of this tenant.
pub struct Administrator {
    /// How the audit log names them.
    pub actor: Actor,
    /// The tenant.
    pub tenant: Arc<Tenant>,
}

/// Whose token it is.
enum Caller {
    Operator,
    AdministratorOf(Arc<Tenant>),
}

/// Who asks, as far as it is known. Kept with the request, for the audit log's row of a refusal.
#[derive(Clone)]
struct Asker {
    actor: Actor,
    tenant: Option<Arc<Tenant>>,
}

impl FromRequest for Operator {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let app = app(&request)?;
            match caller(&app, &request).await? {
                (Caller::Operator, actor) => Ok(Self { actor }),
                (Caller::AdministratorOf(_), _) => Err(ApiError::NotFound),
            }
        })
    }
}

impl FromRequest for Administrator {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let app = app(&request)?;
            let (caller, actor) = caller(&app, &request).await?;
            let slug = request.match_info().get("slug").unwrap_or_default();
            let tenant = match caller {
                Caller::AdministratorOf(tenant) if tenant.slug == slug => tenant,
                Caller::AdministratorOf(_) => return Err(ApiError::NotFound),
                Caller::Operator => {
                    let tenant = Arc::new(tenants::get_tenant_by_slug(&app.store, slug).await?);
                    remember(&request, &actor, Some(&tenant));
                    tenant
                }
            };
            tracing::Span::current().record("tenant", tenant.slug.as_str());
            Ok(Self { actor, tenant })
        })
    }
}

/// Finds out whose token the request has.
async fn caller(app: &App, request: &HttpRequest) -> Result<(Caller, Actor), ApiError> {
    let token = bearer(request).unwrap_or_default();
    let (kind, id, tenant) = if is_operators(app, token) {
        (ActorKind::Operator, None, None)
    } else {
        let key = api_keys::authenticate(&app.store, ApiKeyKind::Admin, token).await?;
        let tenant = match tenants::get_tenant(&app.store, key.tenant_id).await {
            Err(tenants::Error::NotFound) => return Err(ApiError::Unauthorized),
            found => found?,
        };
        if tenant.suspended_at.is_some() {
            return Err(ApiError::Unauthorized);
        }
        (ActorKind::TenantAdmin, Some(key.id), Some(Arc::new(tenant)))
    };
    let mut actor = actor_of(request, kind);
    if let Some(id) = id {
        actor.id = id.to_string();
    }
    remember(request, &actor, tenant.as_ref());
    Ok((tenant.map_or(Caller::Operator, Caller::AdministratorOf), actor))
}

/// Whether a token is the operator's. How far a wrong one is right cannot be told from the time this takes. Without the
/// setting nobody is the operator.
pub fn is_operators(app: &App, token: &str) -> bool {
    let known = app
        .settings
        .auth
        .operator_token
        .as_ref()
        .map(ExposeSecret::expose_secret)
        .unwrap_or_default();
    let same: bool = token.as_bytes().ct_eq(known.as_bytes()).into();
    same && !known.is_empty()
}

/// Somebody of a kind, with the address and the id of this request.
pub(super) fn actor_of(request: &HttpRequest, kind: ActorKind) -> Actor {
    Actor {
        address: Some(client_address(request).to_string()),
        request_id: request.extensions().get::<RequestId>().map(ToString::to_string),
        ..Actor::of(kind)
    }
}

fn remember(request: &HttpRequest, actor: &Actor, tenant: Option<&Arc<Tenant>>) {
    request.extensions_mut().insert(Asker {
        actor: actor.clone(),
        tenant: tenant.cloned(),
    });
}

/// Middleware around the routes for administrators: they answer on their own listener when there is one, and each
/// refusal is a row of the audit log. (What is done is a row that the contexts write with the change.)
///
/// # Errors
///
/// `not found` on the public listener, when there is another one for administrators.
pub async fn administration<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    listeners::require_operations(request.request())?;
    let app = app(request.request())?;
    let response = next.call(request).await?.map_into_boxed_body();
    let refused = response
        .response()
        .error()
        .and_then(|error| error.as_error::<ApiError>())
        .filter(|error| error.status_code().is_client_error());
    let Some(refused) = refused else {
        return Ok(response);
    };
    match log_refusal(&app, response.request(), refused).await {
        Ok(()) => Ok(response),
        Err(limited) => Ok(response.into_response(ApiError::from(limited).error_response())),
    }
}

/// Writes the row of a refusal. Who has no good token is counted first: an address that goes on trying is answered 429,
/// and fills no log.
async fn log_refusal(app: &App, request: &HttpRequest, refused: &ApiError) -> Result<(), Refused> {
    let Some(route) = Route::of_request(request) else {
        return Ok(());
    };
    let asker = request.extensions().get::<Asker>().cloned();
    let Asker { actor, tenant } = match asker {
        Some(asker) => asker,
        None => {
            let limits = app.realtime.limits();
            limits.check_address(Limit::AdminFailuresPerAddress, client_address(request))?;
            let slug = request.match_info().get("slug").unwrap_or_default();
            Asker {
                actor: actor_of(request, ActorKind::Nobody),
                // For the administrators of the tenant that somebody tries to get at.
                tenant: tenants::get_tenant_by_slug(&app.store, slug).await.ok().map(Arc::new),
            }
        }
    };
    let entry = Entry {
        tenant: tenant.as_ref().map(|tenant| (tenant.id, tenant.slug.as_str())),
        action: route.action,
        target: Some(request.path().to_owned()),
        detail: json!({ "method": route.method, "status": refused.status_code().as_u16() }),
    };
    if let Err(error) = audit::record_refused(&app.store, &actor, entry, &refused.to_string()).await {
        error!(%error, action = route.action, "refusal not in the audit log");
    }
    Ok(())
}
