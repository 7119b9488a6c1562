//! Messages over REST.

use parlour::config::RateLimit;
use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    messages::contents,
    rest::{answer, expect},
};

const MESSAGES: &str = "/api/v1/rooms/general/messages";

async fn say(app: &TestApp, user: &TestUser, content: &str) -> Value {
    let request = app
        .request_as(user, Method::POST, MESSAGES)
        .json(&json!({ "content": content }));
    expect(request, 201).await.data().clone()
}

both_engines! {
    async fn a_message_is_answered_as_it_is_listed_and_broadcast(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let mut socket = app.connect(&bob).await;
        socket.join("room:general").await;
        let body = json!({ "content": " <b>a < b</b> 🦜 ", "client_id": "c-1" });
        let sent = expect(app.request_as(&alice, Method::POST, MESSAGES).json(&body), 201).await;
        let message = sent.data();
        let fields: Vec<_> = message.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            fields,
            [
                "attachments", "changed_seq", "client_id", "content", "deleted_at", "edited_at", "id", "in_room", "inserted_at",
                "mentions", "pinned_at", "reactions", "reply_to", "room_id", "seq", "thread", "thread_root", "type",
                "user"
            ]
        );
        assert_eq!(message["content"], body["content"]);
        assert_eq!(message["user"], json!({ "id": alice.id(), "username": "alice" }));
        assert_eq!((&message["seq"], &message["changed_seq"]), (&json!(1), &json!(1)));
        assert_eq!((&message["type"], &message["reactions"]), (&json!("text"), &json!([])));

        assert_eq!(&socket.assert_broadcast("room:general", "new_message").await, message);
        let listed = expect(app.request_as(&bob, Method::GET, MESSAGES), 200).await;
        assert_eq!(listed.data(), &json!([message]));
        let meta = json!({ "has_more": false, "head_seq": 1, "epoch": app.app.epoch });
        assert_eq!(listed.body["meta"], meta);

        // The same again is the same, and nobody is told twice.
        let again = expect(app.request_as(&alice, Method::POST, MESSAGES).json(&body), 200).await;
        assert_eq!(again.data(), message);
        socket.refute_event("new_message").await;
        let other = json!({ "content": "other", "client_id": "c-1" });
        expect(app.request_as(&alice, Method::POST, MESSAGES).json(&other), 409).await;
        // Another author's ids are another author's.
        expect(app.request_as(&bob, Method::POST, MESSAGES).json(&body), 201).await;
    }

    async fn history_is_read_in_pages_both_ways(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let mut ids = Vec::new();
        for number in 1..=5 {
            ids.push(say(&app, &alice, &number.to_string()).await["id"].as_str().unwrap().to_owned());
        }
        for (query, expected, more) in [
            ("limit=2".to_owned(), vec!["4", "5"], true),
            (format!("limit=2&before_id={}", ids[3]), vec!["2", "3"], true),
            (format!("limit=2&before_id={}", ids[1]), vec!["1"], false),
            (format!("limit=2&after_id={}", ids[1]), vec!["3", "4"], true),
            (format!("limit=2&after_id={}", ids[3]), vec!["5"], false),
            (String::new(), vec!["1", "2", "3", "4", "5"], false),
        ] {
            let page = expect(app.request_as(&alice, Method::GET, &format!("{MESSAGES}?{query}")), 200).await;
            assert_eq!(contents(page.data()), expected, "{query}");
            assert_eq!((&page.body["meta"]["has_more"], &page.body["meta"]["head_seq"]), (&json!(more), &json!(5)));
        }
    }

    async fn a_message_has_rules(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| settings.limits.messages_per_user = RateLimit::Off).await;
        let alice = app.user("acme", "alice").await;
        let elsewhere = app.request_as(&alice, Method::POST, "/api/v1/rooms/random/messages");
        let elsewhere = expect(elsewhere.json(&json!({ "content": "elsewhere" })), 201).await.text_of("id");
        for (body, field) in [
            (json!({ "content": "" }), "content"),
            (json!({ "content": " \n\t " }), "content"),
            (json!({ "content": "x".repeat(2001) }), "content"),
            (json!({ "content": "a\u{0}b" }), "content"),
            (json!({ "content": { "html": "<b>" } }), "content"),
            (json!({ "content": "hi", "client_id": "" }), "client_id"),
            (json!({ "content": "hi", "client_id": "x".repeat(65) }), "client_id"),
            (json!({ "content": "hi", "client_id": "é" }), "client_id"),
            (json!({ "content": "hi", "client_id": 7 }), "client_id"),
            (json!({ "content": "hi", "reply_to": "nope" }), "reply_to"),
            (json!({ "content": "hi", "reply_to": elsewhere }), "reply_to"),
            (json!({ "content": "hi", "type": "system" }), "type"),
        ] {
            let refused = expect(app.request_as(&alice, Method::POST, MESSAGES).json(&body), 422).await;
            assert_eq!(refused.invalid_fields(), [field], "{body}");
        }
        let first = say(&app, &alice, &"é".repeat(2000)).await;
        let reply = json!({ "content": "indeed", "reply_to": first["id"] });
        let reply = expect(app.request_as(&alice, Method::POST, MESSAGES).json(&reply), 201).await;
        assert_eq!(reply.data()["reply_to"]["id"], first["id"]);
    }

    async fn one_user_may_send_ten_in_a_burst_over_rest_and_sockets_together(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits.messages_per_user = "10/60s".parse().unwrap();
        })
        .await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let mut socket = app.connect(&alice).await;
        let (channel, _) = socket.join("room:general").await;
        for number in 0..5 {
            say(&app, &alice, &number.to_string()).await;
            let pushed = socket.push(&channel, "new_message", json!({ "content": "pushed" })).await;
            socket.assert_reply(&pushed, "ok").await;
        }
        let refused = answer(app.request_as(&alice, Method::POST, MESSAGES).json(&json!({ "content": "eleven" }))).await;
        assert_eq!((refused.status, refused.error()), (429, "rate limited"));
        let wait_ms = refused.body["retry_after_ms"].as_u64().unwrap();
        assert_eq!(refused.header("retry-after"), wait_ms.div_ceil(1000).to_string());
        assert!((1..=6000).contains(&wait_ms), "{wait_ms}");
        say(&app, &bob, "not limited").await;
    }
}
