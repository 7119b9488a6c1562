//! Tenants are apart: every route that takes an id, asked with everybody's ids.
//!
//! The cases are made from the route table. A route with an id that has no row in [`expectations`] fails.

use parlour::web::routes::{Caller, Id, ROUTES, Route};
use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    people::PASSWORD,
    rest::{Answer, answer, expect},
};

/// What a route answers to the owner of the thing and to a stranger of the same tenant.
struct Expectation {
    owner: u16,
    stranger: u16,
}

/// By route. Other tenants always get 404.
fn expectations(route: &Route) -> Option<Expectation> {
    let (owner, stranger) = match (route.method, route.path) {
        // Users of a tenant see each other.
        ("GET", "/api/v1/users/{id}") => (200, 200),
        ("POST", "/api/v1/rooms/{id}/messages" | "/api/v1/dm/{id}/messages") => (201, 403),
        // The rooms of this test are private.
        ("GET" | "DELETE", "/api/v1/rooms/{id}")
        | ("POST", "/api/v1/rooms/{id}/join")
        | ("DELETE", "/api/v1/rooms/{id}/leave")
        | ("GET", "/api/v1/rooms/{id}/messages" | "/api/v1/dm/{id}/messages") => (200, 403),
        _ => return None,
    };
    Some(Expectation { owner, stranger })
}

/// A body that the route takes.
fn body(route: &Route, peer: &str) -> Option<Value> {
    route.body.then(|| match route.path {
        "/api/v1/auth/register" => json!({ "username": "newcomer", "password": PASSWORD }),
        "/api/v1/auth/login" => json!({ "username": "alice", "password": PASSWORD }),
        "/api/v1/rooms" => json!({ "name": "New" }),
        "/api/v1/dm" => json!({ "user_id": peer }),
        path if path.ends_with("/messages") => json!({ "content": "hello" }),
        path if route.caller == Caller::User && (path.contains("{id}") || path.ends_with("/logout")) => json!({}),
        path => panic!("no body for {} {path}", route.method),
    })
}

struct Things {
    user: String,
    room: String,
    dm: String,
}

impl Things {
    fn id(&self, id: Id) -> &str {
        match id {
            Id::User => &self.user,
            Id::Room => &self.room,
            Id::Dm => &self.dm,
        }
    }
}

/// A private room of `owner` and a conversation with `peer`.
async fn things(app: &TestApp, owner: &TestUser, peer: &TestUser) -> Things {
    let room = json!({ "name": "Hideout", "kind": "private" });
    let room = expect(app.request_as(owner, Method::POST, "/api/v1/rooms").json(&room), 201).await;
    let dm = app
        .request_as(owner, Method::POST, "/api/v1/dm")
        .json(&json!({ "user_id": peer.id() }));
    let dm = answer(dm).await;
    Things {
        user: owner.id(),
        room: room.text_of("id"),
        dm: dm.text_of("id"),
    }
}

async fn ask(app: &TestApp, user: &TestUser, route: &Route, id: &str, peer: &str) -> Answer {
    let method = Method::from_bytes(route.method.as_bytes()).unwrap();
    let request = app.request_as(user, method, &route.path.replace("{id}", id));
    answer(match body(route, peer) {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

/// Everything of an answer but what differs between any two requests.
fn comparable(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    (answer.status, headers, answer.text.clone())
}

both_engines! {
    async fn another_tenants_ids_are_like_ids_that_do_not_exist(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits.messages_per_user = "1000/1s".parse().unwrap();
        })
        .await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let (eve, mallory) = (app.user("acme", "eve").await, app.user("globex", "mallory").await);
        for route in ROUTES {
            let Some(kind) = route.id else {
                assert!(!route.path.contains('{'), "{} {} has an id that the table does not tell", route.method, route.path);
                continue;
            };
            let what = format!("{} {}", route.method, route.path);
            let expected = expectations(route).unwrap_or_else(|| panic!("no row for {what}"));
            let things = things(&app, &alice, &bob).await;
            let id = things.id(kind);

            let random = ask(&app, &mallory, route, &uuid::Uuid::now_v7().to_string(), &bob.id()).await;
            let foreign = ask(&app, &mallory, route, id, &bob.id()).await;
            assert_eq!(foreign.status, 404, "{what}");
            assert_eq!(comparable(&foreign), comparable(&random), "{what}");
            let unknown = ask(&app, &alice, route, &uuid::Uuid::now_v7().to_string(), &bob.id()).await;
            assert_eq!(comparable(&foreign), comparable(&unknown), "{what}");
            let nobody = app.request(Method::from_bytes(route.method.as_bytes()).unwrap(), &route.path.replace("{id}", id));
            expect(nobody, 401).await;

            let stranger = ask(&app, &eve, route, id, &bob.id()).await;
            assert_eq!(stranger.status, expected.stranger, "{what}: {}", stranger.text);
            let owner = ask(&app, &alice, route, id, &bob.id()).await;
            assert_eq!(owner.status, expected.owner, "{what}: {}", owner.text);
        }
    }

    async fn a_token_opens_nothing_under_another_tenants_name(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        app.user("globex", "mallory").await;
        let own = app.request_as(&alice, Method::GET, "/api/v1/auth/me").header("x-tenant", &alice.tenant);
        assert_eq!(expect(own, 200).await.text_of("tenant"), alice.tenant);
        for route in ROUTES.iter().filter(|route| route.caller == Caller::User) {
            let method = || Method::from_bytes(route.method.as_bytes()).unwrap();
            let path = route.path.replace("{id}", "general");
            let header = app.request_as(&alice, method(), &path).header("x-tenant", "globex");
            let query = app.request_as(&alice, method(), &format!("{path}?tenant=globex"));
            let mut requests = vec![header, query];
            if let Some(mut body) = body(route, &alice.id()) {
                body["tenant"] = json!("globex");
                requests.push(app.request_as(&alice, method(), &path).json(&body));
            }
            for request in requests {
                let refused = expect(request, 401).await;
                assert_eq!(refused.text, r#"{"error":"unauthorized"}"#, "{} {}", route.method, route.path);
            }
        }
    }

    async fn another_tenants_people_and_messages_cannot_be_used(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, mallory) = (app.user("acme", "alice").await, app.user("globex", "mallory").await);
        let dm = app.request_as(&mallory, Method::POST, "/api/v1/dm").json(&json!({ "user_id": alice.id() }));
        assert_eq!(expect(dm, 404).await.text, r#"{"error":"user not found"}"#);
        let messages = "/api/v1/rooms/general/messages";
        let said = app.request_as(&alice, Method::POST, messages).json(&json!({ "content": "ours" }));
        let id = expect(said, 201).await.text_of("id");
        let reply = app.request_as(&mallory, Method::POST, messages).json(&json!({ "content": "hi", "reply_to": id }));
        assert_eq!(expect(reply, 422).await.invalid_fields(), ["reply_to"]);
        let page = app.request_as(&mallory, Method::GET, &format!("{messages}?before_id={id}"));
        assert_eq!(expect(page, 422).await.invalid_fields(), ["before_id"]);
        for path in [messages, "/api/v1/users", "/api/v1/rooms"] {
            let listed = expect(app.request_as(&mallory, Method::GET, path), 200).await;
            assert!(!listed.text.contains("ours") && !listed.text.contains("alice") && !listed.text.contains(&id));
        }
    }

    async fn what_the_server_sets_cannot_be_sent(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let things = things(&app, &alice, &bob).await;
        let outputs = [
            "id", "tenant_id", "user", "user_id", "username", "password_hash", "token", "expires_at", "inserted_at", "slug",
            "kind", "creator_id", "head_seq", "role", "members", "member_count", "room_id", "seq", "changed_seq", "type",
            "reactions", "edited_at", "deleted_at", "message_id", "epoch", "settings",
        ];
        let mut asked = 0;
        for route in ROUTES.iter().filter(|route| route.body) {
            let path = route.path.replace("{id}", route.id.map_or("", |id| things.id(id)));
            let fine = body(route, &bob.id()).unwrap();
            let inputs: &[&str] = if route.path == "/api/v1/rooms" { &["slug", "kind"] } else { &[] };
            for field in outputs.iter().filter(|field| fine.get(field).is_none() && !inputs.contains(field)) {
                let mut body = fine.clone();
                body[*field] = json!(bob.id());
                let method = Method::from_bytes(route.method.as_bytes()).unwrap();
                let request = match route.caller {
                    Caller::Anybody => app.request(method, &path).header("x-tenant", "acme"),
                    Caller::User | Caller::Operator => app.request_as(&alice, method, &path),
                };
                let refused = expect(request.json(&body), 422).await;
                assert_eq!(refused.invalid_fields(), [*field], "{} {path}", route.method);
                asked += 1;
            }
        }
        assert!(asked > 200, "{asked}");
        // And nothing happened.
        let rooms = expect(app.request_as(&alice, Method::GET, "/api/v1/rooms"), 200).await;
        assert_eq!(rooms.data().as_array().unwrap().len(), 4);
        let room = expect(app.request_as(&alice, Method::GET, &format!("/api/v1/rooms/{}", things.room)), 200).await;
        assert_eq!((&room.data()["role"], &room.data()["head_seq"]), (&json!("admin"), &json!(0)));
        let users = expect(app.request_as(&alice, Method::GET, "/api/v1/users"), 200).await;
        assert_eq!(users.data().as_array().unwrap().len(), 2);
    }
}
