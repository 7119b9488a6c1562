//! A website's backend, by a key of its tenant (`sk_…`). What a key may do is settled when it is made; what a route
//! takes is in its row of [`super::routes::ROUTES`].

use std::sync::Arc;

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures_util::future::LocalBoxFuture;
use serde_json::json;

use super::{
    administration::actor_of,
    error::ApiError,
    extract::{app, bearer},
    identity, rate_limit,
    routes::{Caller, Route},
};
use crate::{
    api_keys::{self, ApiKey, ApiKeyKind, Permission},
    app::App,
    audit::{self, Actor, ActorKind, Entry},
    realtime::{Sender, Subject},
    scope::Scope,
    tenants::{self, Tenant},
};

/// The backend of a tenant, with a key that is good for the route.
pub struct ServerKey {
    /// The key.
    pub key: ApiKey,
    /// Its tenant.
    pub tenant: Arc<Tenant>,
    /// How the audit log names it.
    pub actor: Actor,
}

impl FromRequest for ServerKey {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let app = app(&request)?;
            let caller = authenticate(&app, &request).await?;
            rate_limit::count_request(&app, &request, &caller.tenant, Subject::ApiKey(caller.key.id))?;
            let route = Route::of_request(&request).ok_or(ApiError::NotFound)?;
            if let Caller::ServerKey(needed) = route.caller
                && let Err(refused) = caller.key.require(needed)
            {
                caller.log_refusal(&app, &request, route.action, needed).await?;
                return Err(refused.into());
            }
            Ok(caller)
        })
    }
}

impl ServerKey {
    /// The user that the key writes as.
    ///
    /// # Errors
    /// As [`api_keys::bot_user`].
    pub async fn bot(&self, app: &App) -> Result<Sender, ApiError> {
        let bot = api_keys::bot_user(&app.store, &self.key).await?;
        Ok(Sender {
            scope: Scope {
                tenant_id: self.tenant.id,
                user_id: bot.id,
            },
            user: bot.into(),
            tenant: Arc::clone(&self.tenant),
        })
    }

    async fn log_refusal(
        &self,
        app: &App,
        request: &HttpRequest,
        action: &'static str,
        needed: Permission,
    ) -> Result<(), ApiError> {
        let entry = Entry {
            tenant: Some((self.tenant.id, &self.tenant.slug)),
            action,
            target: Some(request.path().to_owned()),
            detail: json!({ "needed": needed }),
        };
        let reason = api_keys::Error::NotPermitted { needed }.to_string();
        Ok(audit::record_refused(&app.store, &self.actor, entry, &reason)
            .await
            .map_err(audit::Error::from)?)
    }
}

async fn authenticate(app: &App, request: &HttpRequest) -> Result<ServerKey, ApiError> {
    let token = bearer(request).unwrap_or_default();
    let key = api_keys::authenticate(&app.store, ApiKeyKind::Server, token).await?;
    let tenant = match tenants::get_tenant(&app.store, key.tenant_id).await {
        Err(tenants::Error::NotFound) => return Err(ApiError::Unauthorized),
        found => found?,
    };
    let named = identity::named_tenant(request)?;
    if tenant.suspended_at.is_some() || named.is_some_and(|named| named != tenant.slug) {
        return Err(ApiError::Unauthorized);
    }
    tracing::Span::current().record("tenant", tenant.slug.as_str());
    let mut actor = actor_of(request, ActorKind::ApiKey);
    actor.id = key.id.to_string();
    Ok(ServerKey {
        key,
        tenant: Arc::new(tenant),
        actor,
    })
}
