//! Who administers one tenant, and the backend of one, get at nothing of another: every route of theirs, asked with ids
//! of their own, of another tenant, and of nothing.
//!
//! The cases are made from the route table. A route that has no row in [`answered`] fails.

use parlour::{
    api_keys::Permission,
    web::routes::{Caller, ROUTES, Route},
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{
    helpers::{
        app::{OPERATOR_TOKEN, TestApp, TestUser},
        rest::{Answer, answer, comparable, done, expect},
    },
    tenancy::OUTPUTS,
};

/// What a route answers to whom it is for, about things that are there.
fn answered(route: &Route) -> Option<u16> {
    let (_, rest) = route.path.split_once("/api/v1/")?;
    Some(match (route.method, rest) {
        (
            "GET",
            "admin/tenants/{slug}"
            | "admin/tenants/{slug}/limits"
            | "admin/tenants/{slug}/usage"
            | "admin/tenants/{slug}/audit"
            | "admin/tenants/{slug}/keys"
            | "admin/tenants/{slug}/api_keys"
            | "admin/tenants/{slug}/admins"
            | "admin/tenants/{slug}/users"
            | "admin/tenants/{slug}/users/{id}"
            | "admin/tenants/{slug}/rooms"
            | "admin/tenants/{slug}/rooms/{id}",
        )
        | ("PATCH", "admin/tenants/{slug}" | "admin/tenants/{slug}/users/{id}")
        | ("PUT", "admin/tenants/{slug}/users/{id}/suspension")
        | (
            "DELETE",
            "admin/tenants/{slug}/keys/{kid}"
            | "admin/tenants/{slug}/api_keys/{id}"
            | "admin/tenants/{slug}/users/{id}"
            | "admin/tenants/{slug}/users/{id}/suspension"
            | "admin/tenants/{slug}/users/{id}/tokens"
            | "admin/tenants/{slug}/rooms/{id}",
        )
        | ("GET", "server/users" | "server/users/{id}" | "server/rooms")
        | ("DELETE", "server/users/{id}/tokens" | "server/rooms/{id}/members/{uid}") => 200,
        (
            "POST",
            "admin/tenants/{slug}/keys"
            | "admin/tenants/{slug}/keys/{kid}/rotation"
            | "admin/tenants/{slug}/api_keys"
            | "server/users"
            | "server/users/{id}/tokens"
            | "server/rooms"
            | "server/rooms/{id}/members"
            | "server/rooms/{id}/messages",
        ) => 201,
        _ => return None,
    })
}

/// A body that the route takes.
fn body(route: &Route, things: &Things) -> Value {
    let last = route.path.rsplit('/').next().unwrap_or_default();
    match (route.method, last) {
        ("POST", "keys") => json!({ "algorithm": "HS256" }),
        ("POST", "api_keys") => json!({ "name": "new", "scopes": ["users:read"] }),
        ("POST", "users") => json!({ "external_id": "42", "name": "Ann" }),
        ("POST", "rooms") => json!({ "name": "New" }),
        ("POST", "members") => json!({ "user_id": things.peer }),
        ("POST", "messages") => json!({ "content": "hello" }),
        ("PATCH", _) => json!({ "name": "Renamed" }),
        _ => json!({}),
    }
}

/// Fields that a route takes beside those of [`body`], of those that answers have.
fn other_inputs(route: &Route) -> &'static [&'static str] {
    match (route.method, route.path) {
        ("POST", "/api/v1/admin/tenants") => &["name", "slug"],
        ("PATCH", "/api/v1/admin/tenants/{slug}") => &["settings"],
        ("PATCH", "/api/v1/admin/tenants/{slug}/users/{id}") => &["username"],
        ("POST", path) if path.ends_with("/keys") || path.ends_with("/rotation") => &["public_key"],
        ("POST", path) if path.ends_with("/api_keys") => &["expires_at"],
        ("POST", path) if path.ends_with("/admins") => &["name", "expires_at"],
        ("POST", "/api/v1/server/users") => &["username", "avatar_url", "email_hash", "attrs"],
        ("POST", "/api/v1/server/rooms") => &["slug", "kind"],
        ("POST", path) if path.ends_with("/members") => &["role"],
        _ => &[],
    }
}

/// What a tenant has.
#[derive(Clone)]
struct Things {
    tenant: String,
    key: String,
    api_key: String,
    user: String,
    peer: String,
    room: String,
}

impl Things {
    /// Names of nothing.
    fn unknown() -> Self {
        let id = || uuid::Uuid::now_v7().to_string();
        Self {
            tenant: "nowhere".to_owned(),
            key: id(),
            api_key: id(),
            user: id(),
            peer: id(),
            room: id(),
        }
    }

    /// What goes in the place of a name in braces that follows another name in the path.
    fn get(&self, before: &str) -> &str {
        match before {
            "tenants" => &self.tenant,
            "keys" => &self.key,
            "api_keys" | "admins" => &self.api_key,
            "users" => &self.user,
            "rooms" => &self.room,
            "members" => &self.peer,
            _ => panic!("ids of an unknown kind follow {before}"),
        }
    }

    /// The same, but for what follows this name.
    fn with(&self, before: &str, of: &Self) -> Self {
        let mut things = self.clone();
        let (place, value) = match before {
            "tenants" => (&mut things.tenant, &of.tenant),
            "keys" => (&mut things.key, &of.key),
            "api_keys" | "admins" => (&mut things.api_key, &of.api_key),
            "users" => (&mut things.user, &of.user),
            "rooms" => (&mut things.room, &of.room),
            "members" => (&mut things.peer, &of.peer),
            _ => panic!("ids of an unknown kind follow {before}"),
        };
        place.clone_from(value);
        things
    }
}

/// The names that are followed by something to fill in.
fn places(route: &Route) -> Vec<&'static str> {
    let segments: Vec<&'static str> = route.path.split('/').collect();
    segments
        .windows(2)
        .filter(|pair| pair[1].starts_with('{'))
        .map(|pair| pair[0])
        .collect()
}

fn fill(route: &Route, things: &Things) -> String {
    let mut path = Vec::new();
    for segment in route.path.split('/') {
        let before = path.last().copied().unwrap_or_default();
        path.push(if segment.starts_with('{') {
            things.get(before)
        } else {
            segment
        });
    }
    path.join("/")
}

fn request(app: &TestApp, token: &str, route: &Route, things: &Things) -> RequestBuilder {
    let method = Method::from_bytes(route.method.as_bytes()).unwrap();
    let request = app.request(method, &fill(route, things)).bearer_auth(token);
    if route.body {
        request.json(&body(route, things))
    } else {
        request
    }
}

async fn ask(app: &TestApp, token: &str, route: &Route, things: &Things) -> Answer {
    answer(request(app, token, route, things)).await
}

/// What the operator asks for, which has to succeed.
async fn operate(app: &TestApp, line: &str, body: Value) -> Answer {
    let (method, path) = line.split_once(' ').unwrap();
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = app.request(method, &format!("/api/v1/admin/tenants/{path}"));
    let answer = answer(request.bearer_auth(OPERATOR_TOKEN).json(&body)).await;
    assert!([200, 201].contains(&answer.status), "{line}: {}", answer.text);
    answer
}

/// New things of a tenant: two live keys are the most, so the first one is revoked when there are.
async fn things(app: &TestApp, owner: &TestUser, peer: &TestUser) -> Things {
    let tenant = &owner.tenant;
    let keys = expect(
        app.request(Method::GET, &format!("/api/v1/admin/tenants/{tenant}/keys"))
            .bearer_auth(OPERATOR_TOKEN),
        200,
    )
    .await;
    for key in keys.data().as_array().unwrap() {
        if key["revoked_at"].is_null() {
            let kid = key["kid"].as_str().unwrap();
            operate(app, &format!("DELETE {tenant}/keys/{kid}"), json!({})).await;
        }
    }
    let key = operate(app, &format!("POST {tenant}/keys"), json!({ "algorithm": "HS256" })).await;
    let room = done(app, owner, "POST /api/v1/rooms", json!({ "name": "Hideout" }))
        .await
        .text_of("id");
    let members = format!("POST /api/v1/rooms/{room}/members");
    done(app, owner, &members, json!({ "user_id": peer.id() })).await;
    Things {
        tenant: tenant.clone(),
        key: key.text_of("kid"),
        api_key: api_key(app, tenant, &[Permission::UsersRead]).await.0,
        user: owner.id(),
        peer: peer.id(),
        room,
    }
}

/// A key of a tenant's backend: its id and its secret.
async fn api_key(app: &TestApp, tenant: &str, scopes: &[Permission]) -> (String, String) {
    let body = json!({ "name": "backend", "scopes": scopes });
    let made = operate(app, &format!("POST {tenant}/api_keys"), body).await;
    (made.text_of("id"), made.text_of("secret"))
}

/// A key of a tenant's administrator.
async fn administrator(app: &TestApp, tenant: &str) -> String {
    operate(app, &format!("POST {tenant}/admins"), json!({ "name": "boss" }))
        .await
        .text_of("secret")
}

/// Asks with each thing of another tenant, and with things of nothing, in otherwise good requests.
async fn assert_apart(app: &TestApp, token: &str, route: &Route, own: &Things, foreign: &Things) {
    let nothing = Things::unknown();
    for before in places(route) {
        let random = ask(app, token, route, &own.with(before, &nothing)).await;
        assert_eq!(
            random.status, 404,
            "{} {} {before}: {}",
            route.method, route.path, random.text
        );
        let other = ask(app, token, route, &own.with(before, foreign)).await;
        assert_eq!(
            comparable(&other),
            comparable(&random),
            "{} {} {before}",
            route.method,
            route.path
        );
    }
    if body(route, own).get("user_id").is_some() {
        let random = ask(app, token, route, &own.with("members", &nothing)).await;
        assert_eq!(random.error(), "user not found", "{} {}", route.method, route.path);
        let other = ask(app, token, route, &own.with("members", foreign)).await;
        assert_eq!(
            comparable(&other),
            comparable(&random),
            "{} {}",
            route.method,
            route.path
        );
    }
}

both_engines! {
    async fn administrators_see_their_own_tenant(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (mallory, trudy) = (app.user("globex", "mallory").await, app.user("globex", "trudy").await);
        let foreign = things(&app, &mallory, &trudy).await;
        app.user("acme", "first").await;
        let boss = administrator(&app, "acme").await;
        let backend = api_key(&app, "acme", &Permission::ALL).await.1;
        let nowhere = expect(app.request(Method::GET, "/api/v1/admin/nowhere").bearer_auth(&boss), 404).await;
        let mut asked = 0;
        for (number, route) in ROUTES.iter().enumerate().filter(|(_, route)| route.caller.administers()) {
            let what = format!("{} {}", route.method, route.path);
            // Each route has users of its own, because some do not survive it.
            let alice = app.user("acme", &format!("alice-{number}")).await;
            let bob = app.user("acme", &format!("bob-{number}")).await;
            let own = things(&app, &alice, &bob).await;
            for token in ["", "nobody's", &alice.token, &backend] {
                let refused = expect(request(&app, token, route, &own), 401).await;
                assert_eq!(refused.text, r#"{"error":"unauthorized"}"#, "{what}");
            }
            if route.caller == Caller::Operator {
                let refused = ask(&app, &boss, route, &own).await;
                assert_eq!(comparable(&refused), comparable(&nowhere), "{what}");
            } else {
                let expected = answered(route).unwrap_or_else(|| panic!("no row for {what}"));
                assert_apart(&app, &boss, route, &own, &foreign).await;
                let elsewhere = ask(&app, &boss, route, &foreign).await;
                assert_eq!(comparable(&elsewhere), comparable(&nowhere), "{what}");
                let answer = ask(&app, &boss, route, &own).await;
                assert_eq!(answer.status, expected, "{what}: {}", answer.text);
            }
            asked += 1;
        }
        assert!(asked > 30, "{asked}");
        // Nothing of it reached the other side.
        let room = done(&app, &mallory, &format!("GET /api/v1/rooms/{}", foreign.room), Value::Null).await;
        assert_eq!(room.data()["member_count"], 2);
    }

    async fn a_backend_has_its_own_tenant_and_what_its_key_allows(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (mallory, trudy) = (app.user("globex", "mallory").await, app.user("globex", "trudy").await);
        let foreign = things(&app, &mallory, &trudy).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let (carol, boss) = (app.user("acme", "carol").await, administrator(&app, "acme").await);
        let backend = api_key(&app, "acme", &Permission::ALL).await.1;
        let mut asked = 0;
        for route in ROUTES {
            let Caller::ServerKey(needed) = route.caller else { continue };
            let what = format!("{} {}", route.method, route.path);
            let expected = answered(route).unwrap_or_else(|| panic!("no row for {what}"));
            let own = things(&app, &alice, &bob).await;
            for token in ["", "nobody's", &alice.token, &boss, OPERATOR_TOKEN] {
                let refused = expect(request(&app, token, route, &own), 401).await;
                assert_eq!(refused.text, r#"{"error":"unauthorized"}"#, "{what}");
            }
            let others: Vec<_> = Permission::ALL.into_iter().filter(|scope| *scope != needed).collect();
            let lesser = api_key(&app, "acme", &others).await.1;
            let refused = expect(request(&app, &lesser, route, &own), 403).await;
            assert_eq!(refused.error(), "this key may not do this", "{what}");
            let renamed = request(&app, &backend, route, &own).header("x-tenant", "globex");
            assert_eq!(expect(renamed, 401).await.error(), "unauthorized", "{what}");

            assert_apart(&app, &backend, route, &own, &foreign).await;
            // Somebody who may be signed out.
            let own = if route.path.ends_with("/tokens") { Things { user: carol.id(), ..own } } else { own };
            let own = if route.path.ends_with("/members") { Things { peer: carol.id(), ..own } } else { own };
            let answer = ask(&app, &backend, route, &own).await;
            assert_eq!(answer.status, expected, "{what}: {}", answer.text);
            asked += 1;
        }
        assert!(asked >= 10, "{asked}");
        let room = done(&app, &mallory, &format!("GET /api/v1/rooms/{}", foreign.room), Value::Null).await;
        assert_eq!((&room.data()["member_count"], &room.data()["head_seq"]), (&json!(2), &json!(0)));
    }

    async fn what_the_server_sets_cannot_be_sent_by_administrators_or_backends(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let own = things(&app, &alice, &bob).await;
        let backend = api_key(&app, "acme", &Permission::ALL).await.1;
        let before = operate(&app, "GET acme", json!({})).await.text;
        let mut asked = 0;
        for route in ROUTES.iter().filter(|route| route.body) {
            let token = match route.caller {
                Caller::Anybody | Caller::User => continue,
                Caller::Operator | Caller::Administrator => OPERATOR_TOKEN,
                Caller::ServerKey(_) => &backend,
            };
            let fine = body(route, &own);
            let known = |field: &str| fine.get(field).is_some() || other_inputs(route).contains(&field);
            for field in OUTPUTS.iter().filter(|field| !known(field)) {
                let mut body = fine.clone();
                body[*field] = json!(bob.id());
                let method = Method::from_bytes(route.method.as_bytes()).unwrap();
                let sent = app.request(method, &fill(route, &own)).bearer_auth(token).json(&body);
                let refused = expect(sent, 422).await;
                assert_eq!(refused.invalid_fields(), [*field], "{} {}", route.method, route.path);
                asked += 1;
            }
        }
        assert!(asked > 500, "{asked}");
        assert_eq!(operate(&app, "GET acme", json!({})).await.text, before, "nothing has changed");
    }
}
