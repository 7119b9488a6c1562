//! Every change of an administrator, and every refusal, is one row of the audit log.

use parlour::{
    api_keys::Permission,
    audit,
    config::RateLimit,
    web::routes::{ROUTES, Route},
};
use serde_json::{Value, json};

use crate::helpers::{
    admin::{administrator, audit_log, call, operate, request, server_key},
    app::{OPERATOR_TOKEN, TestApp},
    rest::{answer, expect},
};

/// Changes of a tenant in an order in which each has something to change, with their bodies and the status.
fn changes(user: &str, room: &str, api_key: &str, admin: &str) -> Vec<(String, Value, u16)> {
    let none = || Value::Null;
    vec![
        ("POST /admin/tenants".to_owned(), json!({ "slug": "initech" }), 201),
        (
            "PATCH /admin/tenants/acme".to_owned(),
            json!({ "name": "Acme", "settings": { "guests": true } }),
            200,
        ),
        (
            "PUT /admin/tenants/acme/limits".to_owned(),
            json!({ "messages_per_user": "5/1s" }),
            200,
        ),
        (
            "POST /admin/tenants/acme/keys".to_owned(),
            json!({ "algorithm": "HS256", "kid": "first" }),
            201,
        ),
        ("POST /admin/tenants/acme/keys/first/rotation".to_owned(), none(), 201),
        ("DELETE /admin/tenants/acme/keys/first".to_owned(), none(), 200),
        (
            "POST /admin/tenants/acme/api_keys".to_owned(),
            json!({ "name": "b", "scopes": ["users:read"] }),
            201,
        ),
        (format!("DELETE /admin/tenants/acme/api_keys/{api_key}"), none(), 200),
        (
            "POST /admin/tenants/acme/admins".to_owned(),
            json!({ "name": "boss" }),
            201,
        ),
        (format!("DELETE /admin/tenants/acme/admins/{admin}"), none(), 200),
        (
            format!("PATCH /admin/tenants/acme/users/{user}"),
            json!({ "name": "Ann" }),
            200,
        ),
        (format!("PUT /admin/tenants/acme/users/{user}/suspension"), none(), 200),
        (
            format!("DELETE /admin/tenants/acme/users/{user}/suspension"),
            none(),
            200,
        ),
        (format!("DELETE /admin/tenants/acme/users/{user}/tokens"), none(), 200),
        (format!("DELETE /admin/tenants/acme/rooms/{room}"), none(), 200),
        (format!("DELETE /admin/tenants/acme/users/{user}"), none(), 200),
        ("PUT /admin/tenants/acme/suspension".to_owned(), none(), 200),
        ("DELETE /admin/tenants/acme/suspension".to_owned(), none(), 200),
        (
            "DELETE /admin/tenants/initech".to_owned(),
            json!({ "confirm": "initech" }),
            200,
        ),
    ]
}

/// The row of the route table that a line is for.
fn route(line: &str) -> &'static Route {
    let (method, path) = line.split_once(' ').unwrap();
    let same = |route: &&Route| {
        let (pattern, path) = (route.path.split('/'), format!("/api/v1{path}"));
        route.method == method
            && pattern.clone().count() == path.split('/').count()
            && pattern
                .zip(path.split('/'))
                .all(|(expected, found)| expected == found || expected.starts_with('{'))
    };
    ROUTES
        .iter()
        .find(same)
        .unwrap_or_else(|| panic!("no route for {line}"))
}

both_engines! {
    async fn each_change_and_each_refusal_is_one_row(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (alice, mallory) = (app.user("acme", "alice").await, app.user("globex", "mallory").await);
        let (theirs, _) = administrator(&app, "globex").await;
        let (_, admin) = administrator(&app, "acme").await;
        let (_, api_key) = server_key(&app, "acme", &[Permission::UsersRead]).await;
        let mut covered = std::collections::BTreeSet::new();
        for (line, body, status) in changes(&alice.id(), "general", &api_key, &admin) {
            let route = route(&line);
            let path = line.split_once(' ').unwrap().1;
            let before = audit_log(&app).await.len();

            call(&app, "nobody's", &line, body.clone(), 401).await;
            call(&app, &mallory.token, &line, body.clone(), 401).await;
            call(&app, &theirs, &line, body.clone(), 404).await;
            let done = call(&app, OPERATOR_TOKEN, &line, body, status).await;

            let log = audit_log(&app).await;
            // Deleting a tenant suspends it first.
            let added = if line.starts_with("DELETE /admin/tenants/initech") { 5 } else { 4 };
            assert_eq!(log.len() - before, added, "{line}");
            let row = &log[0];
            assert_eq!((row.action.as_str(), row.outcome.as_str()), (route.action, "ok"), "{line}");
            assert_eq!((row.actor_kind.as_str(), row.actor_id.as_str()), ("operator", "operator"), "{line}");
            assert_eq!(row.tenant.as_deref(), Some(if path.contains("acme") { "acme" } else { "initech" }), "{line}");
            assert_eq!(row.request_id.as_deref(), Some(done.header("x-request-id")), "{line}");
            assert_eq!(row.address.as_deref(), Some("127.0.0.1"), "{line}");
            let refused = &log[added - 3..];
            for (row, (kind, status)) in refused.iter().zip([("tenant_admin", 404), ("nobody", 401), ("nobody", 401)]) {
                assert_eq!((row.action.as_str(), row.outcome.as_str()), (route.action, "refused"), "{line}");
                assert_eq!((row.actor_kind.as_str(), &row.detail["status"]), (kind, &json!(status)), "{line}");
                assert_eq!(row.target, Some(format!("/api/v1{path}")), "{line}");
            }
            assert_eq!(refused[0].tenant.as_deref(), Some("globex"), "{line}: it is globex's administrator who tried");
            covered.insert((route.method, route.path));
        }
        let altering = ROUTES.iter().filter(|route| route.caller.administers() && route.method != "GET");
        for route in altering {
            assert!(covered.contains(&(route.method, route.path)), "{} {} is not tried here", route.method, route.path);
        }
        audit::verify(&app.db.store).await.unwrap();
    }

    async fn what_is_wrong_with_a_request_is_a_row_too_and_looking_is_none(db: TestDatabase) {
        let app = TestApp::start(db).await;
        app.user("acme", "alice").await;
        let (boss, id) = administrator(&app, "acme").await;
        for (line, body, status, reason) in [
            ("PATCH /admin/tenants/acme", json!({ "slug": "other" }), 422, "invalid input"),
            ("PATCH /admin/tenants/acme", json!({ "settings": { "message_chars_max": 0 } }), 422, "invalid input"),
            ("DELETE /admin/tenants/acme/users/nope", Value::Null, 404, "user not found"),
            ("GET /admin/tenants/acme/users?limit=0", Value::Null, 422, "invalid input"),
            ("PUT /admin/tenants/acme/suspension", Value::Null, 404, "not found"),
        ] {
            let before = audit_log(&app).await.len();
            call(&app, &boss, line, body, status).await;
            let log = audit_log(&app).await;
            assert_eq!(log.len() - before, 1, "{line}");
            assert_eq!((log[0].actor_id.as_str(), &log[0].detail["reason"]), (id.as_str(), &json!(reason)), "{line}");
            assert_eq!((log[0].tenant.as_deref(), log[0].outcome.as_str()), (Some("acme"), "refused"), "{line}");
        }
        operate(&app, "POST /admin/tenants", json!({ "slug": "taken" })).await;
        call(&app, OPERATOR_TOKEN, "POST /admin/tenants", json!({ "slug": "taken" }), 409).await;
        assert_eq!(audit_log(&app).await[0].detail["status"], 409);
        let before = audit_log(&app).await.len();
        for line in ["GET /admin/tenants", "GET /admin/audit", "GET /admin/tenants/acme/users", "GET /admin/stats"] {
            operate(&app, line, Value::Null).await;
        }
        // What does not exist is nothing that can be refused.
        call(&app, &boss, "GET /admin/nowhere", Value::Null, 404).await;
        assert_eq!(audit_log(&app).await.len(), before);
    }

    async fn who_goes_on_trying_fills_no_log(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits.admin_failures_per_address = "3/1h".parse::<RateLimit>().unwrap();
        })
        .await;
        app.user("acme", "alice").await;
        let before = audit_log(&app).await.len();
        for status in [401, 401, 401, 429, 429] {
            let refused = call(&app, "guess", "GET /admin/tenants/acme", Value::Null, status).await;
            assert_eq!(refused.header("retry-after").is_empty(), status == 401);
        }
        let log = audit_log(&app).await;
        assert_eq!(log.len() - before, 3);
        // The tenant's administrators see who tried to get at their tenant.
        assert_eq!((log[0].tenant.as_deref(), log[0].actor_kind.as_str()), (Some("acme"), "nobody"));
        // Whoever has a good token is let in all the same.
        operate(&app, "GET /admin/tenants/acme", Value::Null).await;
    }

    async fn the_log_is_on_one_line_a_row_whatever_things_are_called(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let forged = "x\n{\"action\":\"tenant.delete\"}\r\nok";
        let keys = "POST /admin/tenants/acme/keys";
        call(&app, OPERATOR_TOKEN, keys, json!({ "algorithm": "HS256", "kid": forged }), 422).await;
        call(&app, OPERATOR_TOKEN, "PATCH /admin/tenants/acme", json!({ "name": forged }), 422).await;
        call(&app, OPERATOR_TOKEN, "GET /admin/tenants/acme/rooms/x%0a%00y", Value::Null, 404).await;
        let room = json!({ "name": "fine", "description": forged });
        expect(app.request_as(&alice, reqwest::Method::POST, "/api/v1/rooms").json(&room), 201).await;
        operate(&app, "DELETE /admin/tenants/acme/rooms/fine", Value::Null).await;
        let page = operate(&app, "GET /admin/audit?limit=100", Value::Null).await;
        assert!(!page.text.contains(['\n', '\r', '\0']), "{}", page.text);
        assert_eq!(page.data()[0]["action"], "room.delete");
    }

    async fn the_log_shows_no_secret(db: TestDatabase) {
        let app = TestApp::start(db).await;
        app.user("acme", "alice").await;
        let (boss, _) = administrator(&app, "acme").await;
        let (backend, _) = server_key(&app, "acme", &Permission::ALL).await;
        let key = operate(&app, "POST /admin/tenants/acme/keys", json!({ "algorithm": "HS256" })).await.text_of("secret");
        // A secret where none belongs.
        answer(request(&app, &boss, &format!("GET /admin/tenants/acme/rooms?token={backend}"), &Value::Null)).await;
        let listed = [
            operate(&app, "GET /admin/audit?limit=100", Value::Null).await.text,
            operate(&app, "GET /admin/tenants/acme/keys", Value::Null).await.text,
            operate(&app, "GET /admin/tenants/acme/api_keys", Value::Null).await.text,
            operate(&app, "GET /admin/tenants/acme/admins", Value::Null).await.text,
        ];
        for text in listed {
            for secret in [boss.as_str(), &backend, &key, OPERATOR_TOKEN] {
                assert!(!text.contains(&secret[3..]), "{text}");
            }
        }
    }

    async fn administrators_read_what_is_about_their_tenant(db: TestDatabase) {
        let app = TestApp::start(db).await;
        app.user("acme", "alice").await;
        app.user("globex", "mallory").await;
        let (boss, _) = administrator(&app, "acme").await;
        let page = call(&app, &boss, "GET /admin/tenants/acme/audit?limit=2", Value::Null, 200).await;
        let rows = page.data().as_array().unwrap();
        assert!(rows.iter().all(|row| row["tenant"] == "acme"));
        assert_eq!(rows[0]["action"], "admin.create");
        assert!(rows[0]["id"].is_string() && rows[0]["at"].is_string() && rows[0]["hash"].is_string());
        call(&app, &boss, "GET /admin/tenants/globex/audit", Value::Null, 404).await;
        call(&app, &boss, "GET /admin/audit", Value::Null, 404).await;
        let all = operate(&app, "GET /admin/audit?limit=1", Value::Null).await;
        let cursor = all.body["meta"]["next_cursor"].as_str().unwrap();
        let next = operate(&app, &format!("GET /admin/audit?limit=100&cursor={cursor}"), Value::Null).await;
        let seq = |answer: &crate::helpers::rest::Answer| answer.data()[0]["seq"].as_i64().unwrap();
        assert_eq!(seq(&next), seq(&all) - 1);
    }
}
