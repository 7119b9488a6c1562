//! Requests of those who administer, and of websites' backends.

use parlour::{
    api_keys::Permission,
    audit::{self, AuditRow},
    page::PageRequest,
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{
    app::{OPERATOR_TOKEN, TestApp},
    rest::{Answer, answer},
};

/// A request below `/api/v1` with a token: `line` is `GET /admin/stats`. A body that is null is none.
pub fn request(app: &TestApp, token: &str, line: &str, body: &Value) -> RequestBuilder {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let request = app.request(method, &format!("/api/v1{path}")).bearer_auth(token);
    if body.is_null() { request } else { request.json(body) }
}

/// What such a request is answered, which has to be this status.
pub async fn call(app: &TestApp, token: &str, line: &str, body: Value, status: u16) -> Answer {
    let answer = answer(request(app, token, line, &body)).await;
    assert_eq!(answer.status, status, "{line}: {}", answer.text);
    answer
}

/// What the operator asks for, which has to succeed.
pub async fn operate(app: &TestApp, line: &str, body: Value) -> Answer {
    let answer = answer(request(app, OPERATOR_TOKEN, line, &body)).await;
    assert!([200, 201].contains(&answer.status), "{line}: {}", answer.text);
    answer
}

/// A token of a new administrator of a tenant, with its id.
pub async fn administrator(app: &TestApp, tenant: &str) -> (String, String) {
    let made = operate(
        app,
        &format!("POST /admin/tenants/{tenant}/admins"),
        json!({ "name": "boss" }),
    )
    .await;
    (made.text_of("secret"), made.text_of("id"))
}

/// A new key of a tenant's backend, with its id.
pub async fn server_key(app: &TestApp, tenant: &str, scopes: &[Permission]) -> (String, String) {
    let body = json!({ "name": "backend", "scopes": scopes });
    let made = operate(app, &format!("POST /admin/tenants/{tenant}/api_keys"), body).await;
    (made.text_of("secret"), made.text_of("id"))
}

/// The last rows of the audit log, the newest first.
pub async fn audit_log(app: &TestApp) -> Vec<AuditRow> {
    let request = PageRequest {
        limit: 100,
        cursor: None,
    };
    audit::list(&app.db.store, None, &request).await.unwrap().items
}
