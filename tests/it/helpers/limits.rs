//! Tenants with limits and settings of their own, on a running server.

use parlour::{
    audit::Actor,
    realtime::LimitUsage,
    tenants::{self, Tenant},
};
use reqwest::RequestBuilder;
use serde_json::Value;

use super::{app::TestApp, people};

async fn tenant(app: &TestApp, slug: &str) -> Tenant {
    tenants::ensure_tenant(&app.db.store, slug).await.unwrap()
}

/// Gives a tenant limits of its own in place of those it had, and has the server hear of it.
pub async fn set_limits(app: &TestApp, slug: &str, limits: Value) {
    let id = tenant(app, slug).await.id;
    let limits = serde_json::from_value(limits).unwrap();
    tenants::set_limits(&app.db.store, &Actor::system(), &app.app.settings, id, limits)
        .await
        .unwrap();
    app.app.realtime.catch_up().await;
}

/// Changes settings of a tenant, and has the server hear of it.
pub async fn set_settings(app: &TestApp, slug: &str, settings: Value) {
    let id = tenant(app, slug).await.id;
    people::set_settings(&app.db.store, id, settings).await;
    app.app.realtime.catch_up().await;
}

/// How often a limit of a tenant refused, and how often it would have.
pub async fn usage(app: &TestApp, slug: &str, limit: &str) -> (u64, u64) {
    let usage = app.app.realtime.limits().usage(tenant(app, slug).await.id);
    usage.into_iter().find(|usage| usage.limit == limit).map_or(
        (0, 0),
        |LimitUsage {
             refused, would_refuse, ..
         }| (refused, would_refuse),
    )
}

/// The request as the proxy on this machine passes it on, for servers that trust it.
pub fn from(request: RequestBuilder, address: &str) -> RequestBuilder {
    request.header("x-forwarded-for", address)
}
