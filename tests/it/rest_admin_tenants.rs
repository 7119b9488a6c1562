//! What administrators do to tenants and their keys.

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{
    admin::{administrator, audit_log, call, operate, server_key},
    app::{OPERATOR_TOKEN, TestApp},
    rest::{answer, expect},
};

both_engines! {
    async fn a_tenant_is_made_shown_changed_and_deleted(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let made = operate(&app, "POST /admin/tenants", json!({ "slug": "acme", "name": "Acme Inc." })).await;
        assert_eq!((made.status, made.header("location")), (201, "/api/v1/admin/tenants/acme"));
        assert!(made.text_of("public_key").starts_with("pk_"));
        let shown = operate(&app, "GET /admin/tenants/acme", Value::Null).await;
        assert_eq!(shown.data(), made.data());
        let alice = app.user("acme", "alice").await;
        let rooms = expect(app.request_as(&alice, Method::GET, "/api/v1/rooms"), 200).await;
        assert_eq!(rooms.data().as_array().unwrap().len(), 3);

        let patch = json!({ "settings": { "guests": true, "features": { "typing": false } } });
        let changed = operate(&app, "PATCH /admin/tenants/acme", patch).await;
        assert_eq!((&changed.data()["name"], &changed.data()["settings"]["guests"]), (&json!("Acme Inc."), &json!(true)));
        assert_eq!(changed.data()["settings"]["features"]["reactions"], true);

        for (body, status) in [(Value::Null, 415), (json!({}), 422), (json!({ "confirm": "globex" }), 422)] {
            call(&app, OPERATOR_TOKEN, "DELETE /admin/tenants/acme", body, status).await;
        }
        operate(&app, "DELETE /admin/tenants/acme", json!({ "confirm": "acme" })).await;
        call(&app, OPERATOR_TOKEN, "GET /admin/tenants/acme", Value::Null, 404).await;
        expect(app.request_as(&alice, Method::GET, "/api/v1/rooms"), 401).await;
    }

    async fn tenants_are_listed_by_slug_in_pages(db: TestDatabase) {
        let app = TestApp::start(db).await;
        for slug in ["beta", "alpha", "gamma"] {
            operate(&app, "POST /admin/tenants", json!({ "slug": slug })).await;
        }
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = operate(&app, &format!("GET /admin/tenants?limit=2{cursor}"), Value::Null).await;
            seen.extend(page.data().as_array().unwrap().iter().map(|tenant| tenant["slug"].as_str().unwrap().to_owned()));
            match page.body["meta"]["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        seen.retain(|slug| slug != "default");
        assert_eq!(seen, ["alpha", "beta", "gamma"]);
    }

    async fn limits_are_the_operators_to_give(db: TestDatabase) {
        let app = TestApp::start(db).await;
        app.user("acme", "alice").await;
        let (boss, _) = administrator(&app, "acme").await;
        let limits = "/admin/tenants/acme/limits";
        let given = json!({ "dry_run": false, "messages_per_user": "2/60s", "rooms_max": 7 });
        let set = operate(&app, &format!("PUT {limits}"), given).await;
        let shown = call(&app, &boss, &format!("GET {limits}"), Value::Null, 200).await;
        assert_eq!((set.data(), &shown.data()["rooms_max"]), (shown.data(), &json!(7)));
        call(&app, &boss, &format!("PUT {limits}"), json!({}), 404).await;
        for wrong in [json!({ "messages_per_user": "many" }), json!({ "rooms_max": 0 }), json!({ "unknown": 1 })] {
            call(&app, OPERATOR_TOKEN, &format!("PUT {limits}"), wrong, 422).await;
        }
        let again = operate(&app, &format!("PUT {limits}"), json!({})).await;
        assert!(again.data().get("rooms_max").is_none());
    }

    async fn a_suspended_tenant_answers_nobody_but_the_operator(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let (boss, _) = administrator(&app, "acme").await;
        let (backend, _) = server_key(&app, "acme", &parlour::api_keys::Permission::ALL).await;
        operate(&app, "PUT /admin/tenants/acme/suspension", Value::Null).await;
        expect(app.request_as(&alice, Method::GET, "/api/v1/rooms"), 401).await;
        call(&app, &boss, "GET /admin/tenants/acme", Value::Null, 401).await;
        call(&app, &backend, "GET /server/rooms", Value::Null, 401).await;
        let shown = operate(&app, "GET /admin/tenants/acme", Value::Null).await;
        assert!(shown.data()["suspended_at"].is_string());
        operate(&app, "DELETE /admin/tenants/acme/suspension", Value::Null).await;
        call(&app, &boss, "GET /admin/tenants/acme", Value::Null, 200).await;
        call(&app, &backend, "GET /server/rooms", Value::Null, 200).await;
    }

    async fn a_signing_keys_secret_is_shown_once(db: TestDatabase) {
        let app = TestApp::start(db).await;
        app.user("acme", "alice").await;
        let (boss, _) = administrator(&app, "acme").await;
        let keys = "/admin/tenants/acme/keys";
        let made = call(&app, &boss, &format!("POST {keys}"), json!({ "algorithm": "HS256", "kid": "one" }), 201).await;
        assert!(made.text_of("secret").len() >= 32);
        let rotated = call(&app, &boss, &format!("POST {keys}/one/rotation"), json!({ "kid": "two" }), 201).await;
        assert_eq!((rotated.text_of("kid").as_str(), rotated.text_of("algorithm").as_str()), ("two", "HS256"));
        call(&app, &boss, &format!("POST {keys}"), json!({ "algorithm": "HS256" }), 409).await;
        let listed = call(&app, &boss, &format!("GET {keys}"), Value::Null, 200).await;
        assert_eq!(listed.data().as_array().unwrap().len(), 2);
        assert!(!listed.text.contains("secret") && !listed.text.contains(&made.text_of("secret")));
        let revoked = call(&app, &boss, &format!("DELETE {keys}/one"), Value::Null, 200).await;
        assert!(revoked.data()["revoked_at"].is_string());
        call(&app, &boss, &format!("DELETE {keys}/none"), Value::Null, 404).await;
    }

    async fn an_administrators_token_ends_at_once_when_it_is_revoked(db: TestDatabase) {
        let app = TestApp::start(db).await;
        app.user("acme", "alice").await;
        let (boss, id) = administrator(&app, "acme").await;
        let admins = call(&app, &boss, "GET /admin/tenants/acme/admins", Value::Null, 200).await;
        assert_eq!((&admins.data()[0]["id"], &admins.data()[0]["scopes"]), (&json!(id), &json!([])));
        assert!(admins.data()[0]["expires_at"].is_string() && admins.data()[0]["last_used_at"].is_string());
        // Administrators make no administrators.
        call(&app, &boss, "POST /admin/tenants/acme/admins", json!({ "name": "friend" }), 404).await;
        operate(&app, &format!("DELETE /admin/tenants/acme/admins/{id}"), Value::Null).await;
        call(&app, &boss, "GET /admin/tenants/acme", Value::Null, 401).await;
        let log = audit_log(&app).await;
        assert_eq!((log[1].action.as_str(), log[1].target.as_deref()), ("admin.revoke", Some(id.as_str())));
    }

    async fn usage_tells_what_there_is(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits.messages_per_user = "2/60s".parse().unwrap();
        })
        .await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        app.user("globex", "mallory").await;
        let _socket = app.connect(&alice).await;
        expect(app.request_as(&alice, Method::POST, "/api/v1/dm").json(&json!({ "user_id": bob.id() })), 201).await;
        for status in [201, 201, 429] {
            let message = app.request_as(&alice, Method::POST, "/api/v1/rooms/general/messages");
            expect(message.json(&json!({ "content": "hi" })), status).await;
        }
        let (boss, _) = administrator(&app, "acme").await;
        let usage = call(&app, &boss, "GET /admin/tenants/acme/usage", Value::Null, 200).await;
        let data = usage.data();
        assert_eq!(data["connections"]["open"], 1);
        assert_eq!(data["users"], json!({ "total": 2, "account": 2, "host": 0, "guest": 0, "bot": 0 }));
        assert_eq!((&data["rooms"], &data["direct_conversations"], &data["members"]), (&json!(3), &json!(1), &json!(3)));
        assert_eq!(data["messages"], json!({ "total": 2, "last_24h": 2 }));
        let refused = json!([{ "limit": "messages_per_user", "refused": 1, "would_refuse": 0 }]);
        assert_eq!(data["limits"], refused);

        operate(&app, "PUT /admin/tenants/acme/limits", json!({ "dry_run": true })).await;
        let message = app.request_as(&alice, Method::POST, "/api/v1/rooms/general/messages");
        expect(message.json(&json!({ "content": "hi" })), 201).await;
        let usage = operate(&app, "GET /admin/tenants/acme/usage", Value::Null).await;
        assert_eq!(usage.data()["limits"][0]["would_refuse"], 1);
    }

    async fn what_is_asked_has_known_fields_only(db: TestDatabase) {
        let app = TestApp::start(db).await;
        app.user("acme", "alice").await;
        for (line, body) in [
            ("POST /admin/tenants", json!({ "slug": "x", "public_key": "pk_1" })),
            ("PATCH /admin/tenants/acme", json!({ "suspended_at": null })),
            ("PATCH /admin/tenants/acme", json!({ "settings": { "nope": 1 } })),
            ("POST /admin/tenants/acme/api_keys", json!({ "name": "b", "scopes": ["users:read"], "hash": "0" })),
            ("POST /admin/tenants/acme/api_keys", json!({ "name": "b", "scopes": ["users:all"] })),
            ("POST /admin/tenants/acme/api_keys", json!({ "name": "b", "scopes": [] })),
            ("POST /admin/tenants/acme/admins", json!({ "name": "b", "kind": "server" })),
        ] {
            call(&app, OPERATOR_TOKEN, line, body, 422).await;
        }
        let odd = app.request(Method::GET, "/api/v1/admin/tenants?tenants=1").bearer_auth(OPERATOR_TOKEN);
        assert_eq!(answer(odd).await.status, 422);
    }
}
