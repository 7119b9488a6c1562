//! Conversations of two over REST.

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{app::TestApp, rest::expect};

const DM: &str = "/api/v1/dm";

both_engines! {
    async fn two_users_talk_and_nobody_else_listens(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let eve = app.user("acme", "eve").await;

        let started = expect(app.request_as(&alice, Method::POST, DM).json(&json!({ "user_id": bob.id() })), 201).await;
        assert_eq!(started.data()["user"], json!({ "id": bob.id(), "username": "bob" }));
        let messages = format!("{DM}/{}/messages", started.text_of("id"));
        assert_eq!(started.header("location"), messages);
        // The same conversation from either side.
        let found = expect(app.request_as(&bob, Method::POST, DM).json(&json!({ "user_id": alice.id() })), 200).await;
        assert_eq!((found.text_of("id"), &found.data()["user"]["username"]), (started.text_of("id"), &json!("alice")));

        let sent = app.request_as(&alice, Method::POST, &messages).json(&json!({ "content": "psst" }));
        let sent = expect(sent, 201).await;
        let read = expect(app.request_as(&bob, Method::GET, &format!("{messages}?limit=1")), 200).await;
        assert_eq!(read.data(), &json!([sent.data()]));
        for (user, peer) in [(&alice, "bob"), (&bob, "alice")] {
            let listed = expect(app.request_as(user, Method::GET, DM), 200).await;
            assert_eq!(listed.body["meta"]["next_cursor"], Value::Null);
            let peers: Vec<_> = listed.data().as_array().unwrap().iter().map(|dm| &dm["user"]["username"]).collect();
            assert_eq!(peers, [peer]);
        }

        expect(app.request_as(&eve, Method::GET, &messages), 403).await;
        expect(app.request_as(&eve, Method::POST, &messages).json(&json!({ "content": "hi" })), 403).await;
        let listed = expect(app.request_as(&eve, Method::GET, DM), 200).await;
        assert_eq!(listed.data(), &json!([]));
        let rooms = expect(app.request_as(&alice, Method::GET, "/api/v1/rooms"), 200).await;
        assert!(rooms.data().as_array().unwrap().iter().all(|room| room["kind"] != "dm"));
    }

    async fn a_conversation_needs_another_user(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let start = |user_id: Value| app.request_as(&alice, Method::POST, DM).json(&json!({ "user_id": user_id }));
        let refused = expect(start(json!(alice.id())), 422).await;
        assert_eq!(refused.invalid_fields(), ["user_id"]);
        assert_eq!(expect(start(json!("nope")), 422).await.invalid_fields(), ["user_id"]);
        assert_eq!(expect(start(json!(5)), 422).await.invalid_fields(), ["user_id"]);
        let unknown = expect(start(json!(uuid::Uuid::now_v7().to_string())), 404).await;
        assert_eq!(unknown.text, r#"{"error":"user not found"}"#);
    }

    async fn a_room_is_no_conversation(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let room = expect(app.request_as(&alice, Method::GET, "/api/v1/rooms/general"), 200).await.text_of("id");
        let messages = format!("{DM}/{room}/messages");
        expect(app.request_as(&alice, Method::GET, &messages), 404).await;
        expect(app.request_as(&alice, Method::POST, &messages).json(&json!({ "content": "hi" })), 404).await;
    }
}
