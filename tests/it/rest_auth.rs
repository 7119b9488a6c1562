//! Accounts and tokens over REST.

use std::time::Duration;

use futures_util::future::join_all;
use jsonwebtoken::{EncodingKey, Header, decode_header};
use parlour::config::Cap;
use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{
    app::TestApp,
    people::PASSWORD,
    rest::{answer, expect},
};

const REGISTER: &str = "/api/v1/auth/register";
const LOGIN: &str = "/api/v1/auth/login";
const LOGOUT: &str = "/api/v1/auth/logout";
const ME: &str = "/api/v1/auth/me";

fn credentials(username: &str, password: &str) -> Value {
    json!({ "username": username, "password": password })
}

both_engines! {
    async fn somebody_registers_signs_in_and_out(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let new = json!({ "username": "Alice", "password": PASSWORD });
        let registered = expect(app.request(Method::POST, REGISTER).json(&new), 201).await;
        assert_eq!(registered.data()["user"]["username"], "Alice");
        let id = registered.data()["user"]["id"].as_str().unwrap();
        assert_eq!(registered.header("location"), format!("/api/v1/users/{id}"));
        assert!(registered.text_of("expires_at").ends_with('Z'));

        // Both tokens are good until each is signed out.
        let first = registered.text_of("token");
        let session = expect(app.request(Method::POST, LOGIN).json(&credentials("alice", PASSWORD)), 200).await;
        assert_eq!(session.data()["user"], registered.data()["user"]);
        let second = session.text_of("token");
        let me = expect(app.request(Method::GET, ME).bearer_auth(&second), 200).await;
        assert_eq!((me.data()["id"].as_str(), me.data()["tenant"].as_str()), (Some(id), Some("default")));

        let out = expect(app.request(Method::DELETE, LOGOUT).bearer_auth(&second), 200).await;
        assert_eq!(out.body, json!({ "data": {} }));
        for method_path in [(Method::GET, ME), (Method::DELETE, LOGOUT)] {
            let refused = expect(app.request(method_path.0, method_path.1).bearer_auth(&second), 401).await;
            assert_eq!(refused.body, json!({ "error": "unauthorized" }));
        }
        expect(app.request(Method::GET, ME).bearer_auth(&first), 200).await;
    }

    async fn accounts_have_rules_and_names_are_unique_without_regard_to_case(db: TestDatabase) {
        let app = TestApp::start(db).await;
        app.user("default", "taken").await;
        let long = "x".repeat(1025);
        let table = [
            (credentials("TAKEN", PASSWORD), vec!["username"]),
            (credentials("ab", PASSWORD), vec!["username"]),
            (credentials("has space", PASSWORD), vec!["username"]),
            (credentials("nul\u{0}", PASSWORD), vec!["username"]),
            (credentials("alice", "1234567"), vec!["password"]),
            (credentials("alice", &long), vec!["password"]),
            (credentials("ab", "short"), vec!["password", "username"]),
            (json!({ "username": "alice" }), vec!["password"]),
            (json!({ "username": "alice", "password": PASSWORD, "role": "admin" }), vec!["role"]),
            (json!({ "username": 5, "password": PASSWORD }), vec!["username"]),
        ];
        for (body, fields) in table {
            let refused = expect(app.request(Method::POST, REGISTER).json(&body), 422).await;
            assert_eq!(refused.invalid_fields(), fields, "{body}");
        }
    }

    async fn a_wrong_password_and_an_unknown_user_are_answered_alike(db: TestDatabase) {
        let app = TestApp::start(db).await;
        app.user("default", "alice").await;
        let mut texts = Vec::new();
        for (username, password) in [
            ("alice", "another password"),
            ("nobody", "another password"),
            ("nobody", PASSWORD),
            ("alice", ""),
            ("", ""),
            ("a\u{0}b", PASSWORD),
        ] {
            let request = app.request(Method::POST, LOGIN).json(&credentials(username, password));
            let refused = expect(request, 401).await;
            assert_eq!(refused.header("www-authenticate"), "Bearer");
            texts.push(refused.text);
        }
        texts.dedup();
        assert_eq!(texts, [r#"{"error":"invalid username or password"}"#]);
    }

    async fn all_bad_tokens_get_one_answer(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let (head, rest) = alice.token.split_once('.').unwrap();
        let (payload, signature) = rest.split_once('.').unwrap();
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
        let tokens = [
            String::new(),
            "garbage".to_owned(),
            unsigned,
            format!("{head}.{payload}."),
            format!("{head}.{payload}.{}", signature.chars().rev().collect::<String>()),
            expired(&app, &alice.token),
            "x".repeat(5000),
        ];
        let mut texts = Vec::new();
        for token in tokens {
            let refused = expect(app.request(Method::GET, ME).bearer_auth(token), 401).await;
            texts.push((refused.text, refused.headers["www-authenticate"].clone()));
        }
        for authorization in ["", "Bearer", "Basic YWxpY2U6eA==", &alice.token] {
            let refused = expect(app.request(Method::GET, ME).header("authorization", authorization), 401).await;
            texts.push((refused.text, refused.headers["www-authenticate"].clone()));
        }
        let foreign = app.request_as(&alice, Method::GET, ME).header("x-tenant", "globex");
        let refused = expect(foreign, 401).await;
        texts.push((refused.text, refused.headers["www-authenticate"].clone()));
        texts.dedup();
        assert_eq!(texts.len(), 1, "{texts:?}");

        for scheme in ["bearer", "BEARER"] {
            let request = app.request(Method::GET, ME).header("authorization", format!("{scheme} {}", alice.token));
            expect(request, 200).await;
        }
    }

    async fn signing_out_closes_the_sockets_of_that_token_only(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let mut other_device = alice.clone();
        let login = app.request(Method::POST, LOGIN).header("x-tenant", "acme").json(&credentials("alice", PASSWORD));
        other_device.token = expect(login, 200).await.text_of("token");
        let mut socket = app.connect(&alice).await;
        let mut stays = app.connect(&other_device).await;

        expect(app.request_as(&alice, Method::DELETE, LOGOUT), 200).await;

        socket.assert_closed().await;
        let (lobby, _) = stays.join("room:general").await;
        assert_eq!(lobby.topic, "room:general");
    }

    async fn logins_and_registrations_are_limited(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits.logins_per_account = "2/60s".parse().unwrap();
            settings.limits.logins_per_address = "3/60s".parse().unwrap();
            settings.limits.registrations_per_address = "1/60s".parse().unwrap();
        })
        .await;
        app.user("default", "alice").await;
        for _ in 0..2 {
            expect(app.request(Method::POST, LOGIN).json(&credentials("alice", "not the password")), 401).await;
        }
        // The account's limit, whatever the case; then the address's, which another header does not change.
        let limited = expect(app.request(Method::POST, LOGIN).json(&credentials("ALICE", PASSWORD)), 429).await;
        assert_eq!(limited.error(), "rate limited");
        let wait_ms = limited.body["retry_after_ms"].as_u64().unwrap();
        let wait_s: u64 = limited.header("retry-after").parse().unwrap();
        assert!(wait_ms > 0 && wait_s == wait_ms.div_ceil(1000), "{wait_ms} {wait_s}");
        let elsewhere = app
            .request(Method::POST, LOGIN)
            .header("x-forwarded-for", "192.0.2.1")
            .header("forwarded", "for=192.0.2.1")
            .json(&credentials("bob", PASSWORD));
        expect(elsewhere, 429).await;

        expect(app.request(Method::POST, REGISTER).json(&credentials("carol", PASSWORD)), 201).await;
        expect(app.request(Method::POST, REGISTER).json(&credentials("david", PASSWORD)), 429).await;
    }

    async fn too_many_passwords_at_once_are_told_to_come_back(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.auth.password_rounds = 600_000;
            settings.auth.hash_concurrency = 1;
            settings.auth.hash_queue_max = Cap::Max(1);
        })
        .await;
        let logins = (0..8).map(|_| answer(app.request(Method::POST, LOGIN).json(&credentials("nobody", PASSWORD))));
        let (live, answers) = tokio::join!(answer(app.request(Method::GET, "/health/live")), join_all(logins));
        assert_eq!(live.status, 200);
        let (busy, done): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 503);
        assert!(!busy.is_empty() && !done.is_empty());
        assert!(busy.iter().all(|answer| answer.header("retry-after") == "1"));
        assert!(done.iter().all(|answer| answer.status == 401));
    }

    async fn unknown_tenants_are_not_found_unless_development_creates_them(db: TestDatabase) {
        let strict = TestApp::start_with(db, |settings| settings.tenants.create_unknown = false).await;
        let body = credentials("alice", PASSWORD);
        for tenant in ["nowhere", "No Slug!"] {
            for path in [REGISTER, LOGIN] {
                let refused = expect(strict.request(Method::POST, path).header("x-tenant", tenant).json(&body), 404).await;
                assert_eq!(refused.text, r#"{"error":"tenant not found"}"#);
            }
        }
    }

    async fn a_tenant_is_named_by_header_query_or_body(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| settings.tenants.create_unknown = true).await;
        let named = |slug: &str| json!({ "username": "alice", "password": PASSWORD, "tenant": slug });
        let plain = credentials("alice", PASSWORD);
        let requests = [
            ("acme", app.request(Method::POST, REGISTER).header("x-tenant", "acme").json(&plain)),
            ("globex", app.request(Method::POST, &format!("{REGISTER}?tenant=globex")).json(&plain)),
            ("initech", app.request(Method::POST, REGISTER).json(&named("initech"))),
            ("default", app.request(Method::POST, REGISTER).json(&named(""))),
        ];
        for (tenant, request) in requests {
            let token = expect(request, 201).await.text_of("token");
            let me = expect(app.request(Method::GET, ME).bearer_auth(&token).header("x-tenant", tenant), 200).await;
            assert_eq!(me.text_of("tenant"), tenant);
            let rooms = expect(app.request(Method::GET, "/api/v1/rooms").bearer_auth(&token), 200).await;
            let slugs: Vec<_> = rooms.data().as_array().unwrap().iter().map(|room| room["slug"].as_str()).collect();
            assert_eq!(slugs, [Some("general"), Some("tech-talk"), Some("random")]);
            // Named beside a token, it has to be the token's.
            expect(app.request(Method::GET, &format!("{ME}?tenant=umbrella")).bearer_auth(&token), 401).await;
            let body = json!({ "name": "Club", "tenant": "umbrella" });
            expect(app.request(Method::POST, "/api/v1/rooms").bearer_auth(&token).json(&body), 401).await;
        }
        let twice = app.request(Method::POST, LOGIN).header("x-tenant", "acme").json(&named("globex"));
        assert_eq!(expect(twice, 422).await.invalid_fields(), ["tenant"]);
    }
}

/// The same token, but for its end, which is an hour ago.
fn expired(app: &TestApp, token: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use secrecy::ExposeSecret;

    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let mut claims: Value = serde_json::from_slice(&payload).unwrap();
    let hour = i64::try_from(Duration::from_secs(3600).as_secs()).unwrap();
    claims["exp"] = json!(claims["iat"].as_i64().unwrap() - hour);
    let header = Header {
        ..decode_header(token).unwrap()
    };
    let secret = app.app.settings.auth.secret_key.as_ref().unwrap().expose_secret();
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}
