//! Rooms and users over REST.

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    rest::expect,
};

const ROOMS: &str = "/api/v1/rooms";

async fn create(app: &TestApp, user: &TestUser, body: Value) -> Value {
    expect(app.request_as(user, Method::POST, ROOMS).json(&body), 201)
        .await
        .data()
        .clone()
}

fn path(room: &Value, rest: &str) -> String {
    format!("{ROOMS}/{}{rest}", room["id"].as_str().unwrap())
}

both_engines! {
    async fn a_room_is_created_shown_and_deleted_by_its_creator(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let body = json!({ "name": "Book club", "description": "Thursdays" });
        let created = expect(app.request_as(&alice, Method::POST, ROOMS).json(&body), 201).await;
        let room = created.data();
        assert_eq!(created.header("location"), path(room, ""));
        for (field, value) in [
            ("name", json!("Book club")),
            ("description", json!("Thursdays")),
            ("slug", json!("book-club")),
            ("kind", json!("public")),
            ("creator_id", json!(alice.id())),
            ("head_seq", json!(0)),
            ("role", json!("admin")),
        ] {
            assert_eq!(room[field], value, "{field}");
        }

        for name in [room["id"].as_str().unwrap(), "book-club"] {
            let shown = expect(app.request_as(&bob, Method::GET, &format!("{ROOMS}/{name}")), 200).await;
            let shown = shown.data();
            assert_eq!((&shown["id"], &shown["role"], &shown["member_count"]), (&room["id"], &Value::Null, &json!(1)));
            let member = &shown["members"][0];
            assert_eq!(member["user"], json!({ "id": alice.id(), "username": "alice" }));
            assert_eq!(member["role"], "admin");
        }

        let refused = expect(app.request_as(&bob, Method::DELETE, &path(room, "")), 403).await;
        assert_eq!(refused.error(), "only the creator of this room may do this");
        let deleted = expect(app.request_as(&alice, Method::DELETE, &path(room, "")), 200).await;
        assert_eq!(deleted.body, json!({ "data": {} }));
        for user in [&alice, &bob] {
            expect(app.request_as(user, Method::GET, &path(room, "")), 404).await;
        }
        expect(app.request_as(&alice, Method::DELETE, &path(room, "")), 404).await;
    }

    async fn a_room_has_rules(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let uuid = uuid::Uuid::now_v7().to_string();
        for (body, field) in [
            (json!({ "name": "  " }), "name"),
            (json!({ "name": "x".repeat(81) }), "name"),
            (json!({ "name": "a\u{0}b" }), "name"),
            (json!({ "name": "Club", "description": "x".repeat(501) }), "description"),
            (json!({ "name": "Club", "description": "a\u{0}b" }), "description"),
            (json!({ "name": "Club", "slug": "No Slug" }), "slug"),
            (json!({ "name": "Club", "slug": uuid }), "slug"),
            (json!({ "name": "Club", "slug": "general" }), "slug"),
            (json!({ "name": "Club", "kind": "dm" }), "kind"),
        ] {
            let refused = expect(app.request_as(&alice, Method::POST, ROOMS).json(&body), 422).await;
            assert_eq!(refused.invalid_fields(), [field], "{body}");
        }
        create(&app, &alice, json!({ "name": "é".repeat(80) })).await;
    }

    async fn members_come_and_go(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let open = create(&app, &alice, json!({ "name": "Open" })).await;
        let closed = create(&app, &alice, json!({ "name": "Closed", "kind": "private" })).await;

        expect(app.request_as(&bob, Method::DELETE, &path(&open, "/leave")), 403).await;
        for _ in 0..2 {
            let joined = expect(app.request_as(&bob, Method::POST, &path(&open, "/join")), 200).await;
            assert_eq!(joined.data()["id"], open["id"]);
        }
        let shown = expect(app.request_as(&bob, Method::GET, &path(&open, "")), 200).await;
        assert_eq!((&shown.data()["role"], &shown.data()["member_count"]), (&json!("member"), &json!(2)));
        let left = expect(app.request_as(&bob, Method::DELETE, &path(&open, "/leave")), 200).await;
        assert_eq!(left.body, json!({ "data": {} }));
        let shown = expect(app.request_as(&bob, Method::GET, &path(&open, "")), 200).await;
        assert_eq!(shown.data()["role"], Value::Null);

        // A private room is for its members.
        for (method, rest) in [
            (Method::GET, ""),
            (Method::DELETE, ""),
            (Method::POST, "/join"),
            (Method::DELETE, "/leave"),
            (Method::GET, "/messages"),
        ] {
            let refused = expect(app.request_as(&bob, method.clone(), &path(&closed, rest)), 403).await;
            assert!(!refused.error().is_empty(), "{method} {rest}");
        }
        let send = app.request_as(&bob, Method::POST, &path(&closed, "/messages")).json(&json!({ "content": "hi" }));
        expect(send, 403).await;
        expect(app.request_as(&alice, Method::GET, &path(&closed, "")), 200).await;
    }

    async fn lists_go_on_at_their_cursor(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let bob = app.user("acme", "bob").await;
        app.user("acme", "Carol").await;
        app.user("globex", "mallory").await;
        create(&app, &alice, json!({ "name": "Closed", "kind": "private" })).await;
        for (user, path, field, expected) in [
            (&alice, "/api/v1/users", "username", vec!["alice", "bob", "Carol"]),
            (&alice, ROOMS, "slug", vec!["general", "tech-talk", "random", "closed"]),
            (&bob, ROOMS, "slug", vec!["general", "tech-talk", "random"]),
        ] {
            let (mut found, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = expect(app.request_as(user, Method::GET, &format!("{path}?limit=2{cursor}")), 200).await;
                let items = page.data().as_array().unwrap().clone();
                assert!(items.len() <= 2);
                found.extend(items.iter().map(|item| item[field].as_str().unwrap().to_owned()));
                let Some(next) = page.body["meta"]["next_cursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            assert_eq!(found, expected, "{path}");
        }
    }

    async fn users_are_shown_without_their_secrets(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let shown = expect(app.request_as(&alice, Method::GET, &format!("/api/v1/users/{}", bob.id())), 200).await;
        let fields: Vec<_> = shown.data().as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, ["id", "inserted_at", "username"]);
        assert_eq!(shown.text_of("username"), "bob");
    }
}
