//! What is wrong with a request, and how it is told: one envelope for every status.

use parlour::config::Cap;
use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    rest::{Answer, answer, expect, raw},
};

const ROOMS: &str = "/api/v1/rooms";

/// Everything that any error has.
fn assert_is_an_error(answer: &Answer) {
    let what = format!("{} {}", answer.status, answer.text);
    assert!(answer.header("content-type").starts_with("application/json"), "{what}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
    assert!(uuid::Uuid::try_parse(answer.header("x-request-id")).is_ok(), "{what}");
    let body = answer.body.as_object().unwrap();
    match body.get("errors") {
        Some(errors) => {
            assert_eq!((answer.status, body.len()), (422, 1), "{what}");
            for messages in errors.as_object().unwrap().values() {
                assert!(messages.as_array().unwrap().iter().all(Value::is_string), "{what}");
            }
        }
        None => assert!(body["error"].is_string(), "{what}"),
    }
}

async fn post(app: &TestApp, user: &TestUser, path: &str, body: impl Into<String>) -> Answer {
    let request = app
        .request_as(user, Method::POST, path)
        .header("content-type", "application/json");
    answer(request.body(body.into())).await
}

both_engines! {
    async fn a_body_is_json_with_known_fields_of_the_right_types(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let malformed = json!({ "error": "malformed JSON" });
        let invalid = |field: &str, problem: &str| json!({ "errors": { field: [problem] } });
        let table = [
            ("", 400, malformed.clone()),
            ("{", 400, malformed.clone()),
            ("not json", 400, malformed.clone()),
            (r#"{"name":"a"} {"name":"b"}"#, 400, malformed.clone()),
            (r#"{"name":"\ud800"}"#, 400, malformed.clone()),
            ("[]", 422, invalid("body", "must be a JSON object")),
            (r#"["Club"]"#, 422, invalid("body", "must be a JSON object")),
            ("null", 422, invalid("body", "must be a JSON object")),
            ("{}", 422, invalid("name", "is required")),
            (r#"{"name":5}"#, 422, invalid("name", "must be a string")),
            (r#"{"name":null}"#, 422, invalid("name", "must be a string")),
            (r#"{"name":{"html":"<b>"}}"#, 422, invalid("name", "must be a string")),
            (r#"{"name":"Club","description":[]}"#, 422, invalid("description", "must be a string")),
            (r#"{"name":"Club","admin":true}"#, 422, invalid("admin", "is not a field of this request")),
            (r#"{"name":"Club","name":"Pub"}"#, 422, invalid("name", "is given twice")),
            (r#"{"name":"Club","kind":"secret"}"#, 422, invalid("kind", "must be one of public, private, dm")),
        ];
        for (body, status, expected) in table {
            let refused = post(&app, &alice, ROOMS, body).await;
            assert_eq!((refused.status, &refused.body), (status, &expected), "{body}");
            assert_is_an_error(&refused);
        }
        // Deep nesting costs nothing: what is no string is not looked into.
        let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        let refused = post(&app, &alice, ROOMS, format!(r#"{{"name":{deep}}}"#)).await;
        assert_eq!((refused.status, &refused.body), (422, &invalid("name", "must be a string")));
    }

    async fn only_json_is_read(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let body = r#"{"name":"Club"}"#;
        for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ";"] {
            let request = app.request_as(&alice, Method::POST, ROOMS).header("content-type", content_type).body(body);
            let refused = expect(request, 415).await;
            assert_is_an_error(&refused);
        }
        assert_is_an_error(&expect(app.request_as(&alice, Method::POST, ROOMS).body(body), 415).await);
        let packed = app.request_as(&alice, Method::POST, ROOMS).header("content-type", "application/json");
        expect(packed.header("content-encoding", "gzip").body(body), 415).await;
        let charset = app.request_as(&alice, Method::POST, ROOMS).header("content-type", "Application/JSON; charset=utf-8");
        expect(charset.body(body), 201).await;
        // Where the body is optional, an absent one needs no type, and one that is there needs it.
        let join = "/api/v1/rooms/general/join";
        expect(app.request_as(&alice, Method::POST, join), 200).await;
        expect(app.request_as(&alice, Method::POST, join).header("content-type", "application/json"), 200).await;
        expect(app.request_as(&alice, Method::POST, join).body("{}"), 415).await;
        assert_eq!(post(&app, &alice, join, r#"{"role":"owner"}"#).await.invalid_fields(), ["role"]);
    }

    async fn a_body_over_the_limit_is_refused_whether_its_length_is_told_or_not(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| settings.server.body_bytes_max = Cap::Max(1000)).await;
        let alice = app.user("acme", "alice").await;
        let fits = format!(r#"{{"name":"Club"{}}}"#, " ".repeat(1000 - 15));
        assert_eq!((fits.len(), post(&app, &alice, ROOMS, fits).await.status), (1000, 201));
        let refused = post(&app, &alice, ROOMS, format!(r#"{{"name":"Club"{}}}"#, " ".repeat(1001 - 15))).await;
        assert_eq!((refused.status, refused.error()), (413, "the body is longer than 1000 bytes"));
        assert_is_an_error(&refused);
        let refused = raw(
            &app,
            &format!(
                "POST {ROOMS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
                 transfer-encoding: chunked\r\n\r\n400\r\n{}\r\n0\r\n\r\n",
                alice.token,
                " ".repeat(0x400)
            ),
        )
        .await;
        assert!(refused.starts_with("HTTP/1.1 413 "), "{refused}");
    }

    async fn who_may_not_ask_is_told_so_whatever_else_is_wrong(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let refused = expect(app.request(Method::POST, ROOMS).body("not json"), 401).await;
        assert_eq!(refused.text, r#"{"error":"unauthorized"}"#);
        assert_is_an_error(&refused);
        expect(app.request(Method::GET, &format!("{ROOMS}?limit=abc")), 401).await;
        expect(app.request(Method::GET, "/api/v1/rooms/nope"), 401).await;
        // A tenant that does not exist is nobody's token's, too.
        expect(app.request(Method::GET, ROOMS).header("x-tenant", "nowhere"), 401).await;
    }

    async fn unknown_paths_and_methods_are_told_apart(db: TestDatabase) {
        let app = TestApp::start(db).await;
        for path in ["/nope", "/api/v1", "/api/v1/nope", "/api/v1/rooms/", "/api/v1/admin/nope", "/api/v2/rooms", "/docs/x"] {
            let refused = expect(app.request(Method::GET, path), 404).await;
            assert_eq!(refused.error(), "not found", "{path}");
            assert_is_an_error(&refused);
        }
        for (method, path, allow) in [
            (Method::DELETE, "/api/v1/auth/login", "POST, OPTIONS"),
            (Method::PUT, "/api/v1/rooms", "GET, POST, HEAD, OPTIONS"),
            (Method::PUT, "/api/v1/rooms/general", "GET, PATCH, DELETE, HEAD, OPTIONS"),
            (Method::POST, "/api/v1/rooms/general/messages/x/reactions/y", "PUT, DELETE, OPTIONS"),
            (Method::GET, "/api/v1/rooms/general/join", "POST, OPTIONS"),
            (Method::POST, "/api/v1/admin/stats", "GET, HEAD, OPTIONS"),
            (Method::POST, "/health/live", "GET, HEAD, OPTIONS"),
            (Method::from_bytes(b"BREW").unwrap(), "/metrics", "GET, HEAD, OPTIONS"),
        ] {
            let refused = expect(app.request(method.clone(), path), 405).await;
            assert_eq!(refused.header("allow"), allow, "{method} {path}");
            assert_is_an_error(&refused);
            let options = expect(app.request(Method::OPTIONS, path), 204).await;
            assert_eq!(options.header("allow"), allow, "{path}");
        }
        let head = expect(app.request(Method::HEAD, "/health/live"), 200).await;
        assert_eq!((head.text.as_str(), head.header("content-length")), ("", "26"));
    }

    async fn parameters_are_known_and_in_range(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let lists = ["/api/v1/users", ROOMS, "/api/v1/dm", "/api/v1/rooms/general/messages"];
        let table = [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=-1", "limit"),
            ("limit=abc", "limit"),
            ("limit=", "limit"),
            ("limit=1&limit=2", "limit"),
            ("limit=18446744073709551616", "limit"),
            ("page=2", "page"),
            ("limit=5&%00=x", "\0"),
        ];
        for (path, (query, field)) in lists.iter().flat_map(|path| table.map(|row| (path, row))) {
            let refused = expect(app.request_as(&alice, Method::GET, &format!("{path}?{query}")), 422).await;
            assert_eq!(refused.invalid_fields(), [field], "{path}?{query}");
            assert_is_an_error(&refused);
        }
        for path in &lists[..3] {
            let refused = expect(app.request_as(&alice, Method::GET, &format!("{path}?cursor=nope")), 422).await;
            assert_eq!(refused.invalid_fields(), ["cursor"], "{path}");
        }
        for query in ["before_id=nope", "after_id=1", "before_id=01890000-0000-7000-8000-000000000000"] {
            let path = format!("/api/v1/rooms/general/messages?{query}");
            let refused = expect(app.request_as(&alice, Method::GET, &path), 422).await;
            assert_eq!(refused.invalid_fields(), [query.split('=').next().unwrap()], "{query}");
        }
        for path in lists {
            expect(app.request_as(&alice, Method::GET, &format!("{path}?limit=1")), 200).await;
            expect(app.request_as(&alice, Method::GET, &format!("{path}?limit=100&tenant=acme")), 200).await;
        }
    }

    async fn ids_that_are_none_are_not_found(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let (room, user) = (r#"{"error":"room not found"}"#, r#"{"error":"user not found"}"#);
        for (path, expected) in [
            ("/api/v1/users/nope", user),
            ("/api/v1/users/%00", user),
            ("/api/v1/rooms/nope", room),
            ("/api/v1/rooms/%00", room),
            ("/api/v1/rooms/a%2Fb", room),
            ("/api/v1/rooms/%ff", room),
            ("/api/v1/rooms/NOPE/messages", room),
            ("/api/v1/dm/nope/messages", room),
            ("/api/v1/dm/general/messages", room),
        ] {
            let refused = expect(app.request_as(&alice, Method::GET, path), 404).await;
            assert_eq!(refused.text, expected, "{path}");
            assert_is_an_error(&refused);
        }
    }

    async fn a_broken_database_is_nobodys_business(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        {
            use sea_orm::ConnectionTrait;
            let change = app.db.store.begin_write().await.unwrap();
            change.execute_unprepared("ALTER TABLE messages RENAME TO messages_gone").await.unwrap();
            change.commit().await.unwrap();
        }
        let path = "/api/v1/rooms/general/messages";
        let refused = expect(app.request_as(&alice, Method::GET, path), 500).await;
        assert_eq!(refused.text, r#"{"error":"internal error"}"#);
        assert_is_an_error(&refused);
        let refused = post(&app, &alice, path, r#"{"content":"hello"}"#).await;
        assert_eq!((refused.status, refused.text.as_str()), (500, r#"{"error":"internal error"}"#));
    }

    async fn every_answer_of_the_api_says_how_to_treat_it(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let fine = expect(app.request_as(&alice, Method::GET, ROOMS), 200).await;
        assert_eq!(fine.header("cache-control"), "no-store");
        assert_eq!(fine.header("x-content-type-options"), "nosniff");
        assert!(fine.header("content-type").starts_with("application/json"));
        let again = expect(app.request_as(&alice, Method::GET, ROOMS), 200).await;
        assert_ne!(fine.header("x-request-id"), again.header("x-request-id"));
        assert!(!fine.header("x-request-id").is_empty());
    }
}
