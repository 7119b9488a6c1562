//! What a website's backend does with a key of its own.

use parlour::api_keys::Permission;
use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{
    admin::{audit_log, call, operate, request, server_key},
    app::TestApp,
    rest::{answer, done, expect, refused},
};

both_engines! {
    async fn users_are_made_once_and_kept_as_the_website_says(db: TestDatabase) {
        let app = TestApp::start(db).await;
        app.user("acme", "alice").await;
        let (key, _) = server_key(&app, "acme", &[Permission::UsersWrite, Permission::UsersRead]).await;
        let ann = json!({ "external_id": "42", "name": "Ann", "attrs": { "plan": "gold" } });
        let made = call(&app, &key, "POST /server/users", ann, 201).await;
        let id = made.text_of("id");
        assert_eq!(made.header("location"), format!("/api/v1/server/users/{id}"));
        assert_eq!((made.text_of("kind").as_str(), made.text_of("username").as_str()), ("host", "Ann"));
        let patch = json!({ "external_id": "42", "username": "ann42", "name": null });
        let changed = call(&app, &key, "POST /server/users", patch, 200).await;
        assert_eq!((changed.text_of("id"), changed.text_of("username")), (id.clone(), "ann42".to_owned()));
        assert_eq!((&changed.data()["name"], &changed.data()["attrs"]["plan"]), (&Value::Null, &json!("gold")));
        let shown = call(&app, &key, &format!("GET /server/users/{id}"), Value::Null, 200).await;
        assert_eq!(shown.data(), changed.data());
        let listed = call(&app, &key, "GET /server/users?kind=host", Value::Null, 200).await;
        assert_eq!(listed.data().as_array().unwrap().len(), 1);
        for wrong in [
            json!({ "name": "Ann" }),
            json!({ "external_id": "" }),
            json!({ "external_id": "43", "username": "alice" }),
            json!({ "external_id": "43", "avatar_url": "http://x" }),
            json!({ "external_id": "43", "attrs": [] }),
            json!({ "external_id": "43", "kind": "account" }),
        ] {
            call(&app, &key, "POST /server/users", wrong, 422).await;
        }
    }

    async fn users_are_signed_in_and_out(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let (key, id) = server_key(&app, "acme", &[Permission::TokensWrite]).await;
        let tokens = format!("/server/users/{}/tokens", alice.id());
        let session = call(&app, &key, &format!("POST {tokens}"), Value::Null, 201).await;
        let token = session.text_of("token");
        expect(app.request(Method::GET, "/api/v1/rooms").bearer_auth(&token), 200).await;
        let log = audit_log(&app).await;
        assert_eq!((log[0].action.as_str(), &log[0].actor_id), ("user.issue_token", &id));
        assert!(!format!("{log:?}").contains(&token));
        call(&app, &key, &format!("DELETE {tokens}"), Value::Null, 200).await;
        expect(app.request(Method::GET, "/api/v1/rooms").bearer_auth(&token), 401).await;

        operate(&app, &format!("PUT /admin/tenants/acme/users/{}/suspension", alice.id()), Value::Null).await;
        let refused = call(&app, &key, &format!("POST {tokens}"), Value::Null, 403).await;
        assert_eq!(refused.error(), "this user is suspended");
        call(&app, &key, "POST /server/users/nope/tokens", Value::Null, 404).await;
    }

    async fn rooms_are_made_and_filled(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let scopes = [Permission::RoomsRead, Permission::RoomsWrite, Permission::MembersWrite];
        let (key, _) = server_key(&app, "acme", &scopes).await;
        let order = json!({ "name": "Order 4711", "kind": "private" });
        let room = call(&app, &key, "POST /server/rooms", order, 201).await.text_of("id");
        let listed = call(&app, &key, "GET /server/rooms", Value::Null, 200).await;
        let ours = listed.data().as_array().unwrap().iter().find(|listed| listed["id"] == json!(room)).unwrap();
        assert_eq!((&ours["member_count"], &ours["slug"]), (&json!(0), &json!("order-4711")));
        let path = format!("/api/v1/rooms/{room}");
        refused(&app, &alice, &format!("GET {path}"), Value::Null, 403, "not a member of this room").await;

        let mut socket = app.connect(&alice).await;
        let own = format!("user:{}", alice.id());
        socket.join(&own).await;
        let members = format!("POST /server/rooms/{room}/members");
        call(&app, &key, &members, json!({ "user_id": alice.id(), "role": "owner" }), 201).await;
        let told = socket.assert_broadcast(&own, "member_added").await;
        assert_eq!(told["role"], "owner");
        assert_eq!(done(&app, &alice, &format!("GET {path}"), Value::Null).await.data()["role"], "owner");
        call(&app, &key, &members, json!({ "user_id": alice.id() }), 201).await;
        assert_eq!(done(&app, &alice, &format!("GET {path}"), Value::Null).await.data()["role"], "member");

        let (channel, _) = socket.join(&format!("room:{room}")).await;
        let member = format!("/server/rooms/{room}/members/{}", alice.id());
        call(&app, &key, &format!("DELETE {member}"), Value::Null, 200).await;
        socket.assert_push(&channel, "phx_close").await;
        refused(&app, &alice, &format!("GET {path}"), Value::Null, 403, "not a member of this room").await;
        let gone = call(&app, &key, &format!("DELETE {member}"), Value::Null, 404).await;
        assert_eq!(gone.error(), "member not found");

        // A ban is the room's own business, and stays.
        done(&app, &bob, "POST /api/v1/rooms", json!({ "name": "Club", "slug": "club" })).await;
        done(&app, &bob, &format!("PUT /api/v1/rooms/club/bans/{}", alice.id()), Value::Null).await;
        call(&app, &key, "POST /server/rooms/club/members", json!({ "user_id": alice.id() }), 422).await;
        // Conversations of two are nobody else's.
        let dm = done(&app, &alice, "POST /api/v1/dm", json!({ "user_id": bob.id() })).await.text_of("id");
        call(&app, &key, &format!("POST /server/rooms/{dm}/members"), json!({ "user_id": bob.id() }), 404).await;
        call(&app, &key, "POST /server/rooms", json!({ "name": "x", "kind": "dm" }), 422).await;
    }

    async fn the_backend_speaks_as_its_bot(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let room = json!({ "name": "Order", "kind": "private" });
        let room = done(&app, &alice, "POST /api/v1/rooms", room).await.text_of("id");
        let mut socket = app.connect(&alice).await;
        let topic = format!("room:{room}");
        socket.join(&topic).await;
        let (key, id) = server_key(&app, "acme", &[Permission::MessagesWrite]).await;
        let messages = format!("POST /server/rooms/{room}/messages");
        let parcel = json!({ "content": "On its way.", "client_id": "parcel-1" });
        let sent = call(&app, &key, &messages, parcel.clone(), 201).await;
        let pushed = socket.assert_broadcast(&topic, "new_message").await;
        assert_eq!((&pushed["id"], &pushed["content"]), (&sent.data()["id"], &json!("On its way.")));
        let again = call(&app, &key, &messages, parcel, 200).await;
        assert_eq!(again.data()["id"], sent.data()["id"]);

        let bot = sent.data()["user"]["id"].as_str().unwrap();
        let shown = operate(&app, &format!("GET /admin/tenants/acme/users/{bot}"), Value::Null).await;
        assert_eq!((shown.text_of("kind").as_str(), shown.text_of("name").as_str()), ("bot", "backend"));
        let keys = operate(&app, "GET /admin/tenants/acme/api_keys", Value::Null).await;
        assert_eq!((&keys.data()[0]["id"], &keys.data()[0]["bot_user_id"]), (&json!(id), &json!(bot)));
        let members = done(&app, &alice, &format!("GET /api/v1/rooms/{room}/members"), Value::Null).await;
        let roles: Vec<_> = members.data().as_array().unwrap().iter().map(|member| member["role"].clone()).collect();
        assert_eq!(roles, ["admin", "moderator"]);

        for (wrong, status) in [(json!({ "content": " " }), 422), (json!({ "content": "x", "user_id": alice.id() }), 422)] {
            call(&app, &key, &messages, wrong, status).await;
        }
        operate(&app, &format!("PUT /admin/tenants/acme/users/{bot}/suspension"), Value::Null).await;
        let refused = call(&app, &key, &messages, json!({ "content": "hi" }), 403).await;
        assert_eq!(refused.error(), "the bot of this key is suspended");
    }

    async fn a_key_does_what_it_was_given_and_a_refusal_is_a_row(db: TestDatabase) {
        let app = TestApp::start(db).await;
        app.user("acme", "alice").await;
        let (key, id) = server_key(&app, "acme", &[Permission::UsersRead]).await;
        call(&app, &key, "GET /server/users", Value::Null, 200).await;
        let before = audit_log(&app).await.len();
        // Nothing of the body is looked at for who may not ask.
        let refused = call(&app, &key, "POST /server/users", json!("nonsense"), 403).await;
        assert_eq!(refused.error(), "this key may not do this");
        let log = audit_log(&app).await;
        assert_eq!(log.len() - before, 1);
        assert_eq!((log[0].action.as_str(), log[0].outcome.as_str(), &log[0].actor_id), ("user.put", "refused", &id));
        assert_eq!((log[0].tenant.as_deref(), &log[0].detail["needed"]), (Some("acme"), &json!("users:write")));

        operate(&app, &format!("DELETE /admin/tenants/acme/api_keys/{id}"), Value::Null).await;
        call(&app, &key, "GET /server/users", Value::Null, 401).await;
    }

    async fn no_page_of_a_website_asks_with_such_a_key(db: TestDatabase) {
        let app = TestApp::start(db).await;
        app.user("acme", "alice").await;
        let (key, _) = server_key(&app, "acme", &[Permission::UsersRead]).await;
        let asked = request(&app, &key, "GET /server/users", &Value::Null).header("origin", "https://acme.example");
        let shown = answer(asked).await;
        assert_eq!((shown.status, shown.header("access-control-allow-origin")), (200, ""));
        let preflight = app
            .request(Method::OPTIONS, "/api/v1/server/users")
            .header("origin", "https://acme.example")
            .header("access-control-request-method", "POST");
        assert_eq!(answer(preflight).await.header("access-control-allow-origin"), "");
        let named = request(&app, &key, "GET /server/users", &Value::Null).header("x-tenant", "acme");
        expect(named, 200).await;
    }

    async fn a_key_has_a_limit_of_its_own(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| settings.limits.requests_per_user = "3/1h".parse().unwrap()).await;
        app.user("acme", "alice").await;
        let (key, _) = server_key(&app, "acme", &[Permission::UsersRead]).await;
        for left in ["2", "1", "0"] {
            let shown = call(&app, &key, "GET /server/users", Value::Null, 200).await;
            assert_eq!(shown.header("ratelimit-remaining"), left);
        }
        call(&app, &key, "GET /server/users", Value::Null, 429).await;
    }
}
