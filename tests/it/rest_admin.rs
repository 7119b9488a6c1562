//! What the operator sees.

use reqwest::Method;
use serde_json::json;

use crate::helpers::{
    app::{OPERATOR_TOKEN, TestApp},
    rest::expect,
};

const STATS: &str = "/api/v1/admin/stats";

both_engines! {
    async fn the_operator_sees_what_is_going_on(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits.messages_per_user = "2/60s".parse().unwrap();
        })
        .await;
        let (alice, mallory) = (app.user("acme", "alice").await, app.user("globex", "mallory").await);
        let mut socket = app.connect(&alice).await;
        let (channel, _) = socket.join("room:general").await;
        socket.assert_push(&channel, "presence_state").await;
        let send = |user, status| {
            let request = app.request_as(user, Method::POST, "/api/v1/rooms/general/messages");
            expect(request.json(&json!({ "content": "hi" })), status)
        };
        for status in [201, 201, 429] {
            send(&alice, status).await;
        }
        send(&mallory, 201).await;

        let stats = expect(app.request(Method::GET, STATS).bearer_auth(OPERATOR_TOKEN), 200).await;
        let data = stats.data();
        let total = json!({ "connections": 1, "channels": 1, "presence": 1, "rooms": 1, "messages": 3 });
        assert_eq!(data["total"], total);
        assert_eq!(data["rate_limit_refusals"]["messages_per_user"], 1);
        assert!(data["uptime_ms"].is_u64() && data["memory"]["resident_bytes"].as_u64() > Some(1_000_000));
        let acme = &data["tenants"][0];
        assert_eq!((&acme["slug"], &acme["connections"], &acme["messages"]), (&json!("acme"), &json!(1), &json!(2)));
        let room = &acme["room_counters"][0];
        assert_eq!(room["messages"], 2);
        assert!(room["last_message_at"].as_str().unwrap().ends_with('Z'));
        assert_eq!((&data["tenants_omitted"], &acme["room_counters_omitted"]), (&json!(0), &json!(0)));

        let one = app.request(Method::GET, &format!("{STATS}?tenant=globex")).bearer_auth(OPERATOR_TOKEN);
        let one = expect(one, 200).await;
        assert_eq!(one.data()["tenants"].as_array().unwrap().len(), 1);
        assert_eq!(one.data()["tenants"][0]["messages"], 1);
        let none = app.request(Method::GET, &format!("{STATS}?tenant=nowhere")).bearer_auth(OPERATOR_TOKEN);
        expect(none, 404).await;
    }

    async fn nobody_else_does(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        for token in ["", "x", &alice.token, &format!("{OPERATOR_TOKEN}x"), &OPERATOR_TOKEN[1..]] {
            let refused = expect(app.request(Method::GET, STATS).bearer_auth(token), 401).await;
            assert_eq!(refused.text, r#"{"error":"unauthorized"}"#);
        }
        expect(app.request(Method::GET, STATS), 401).await;
        expect(app.request(Method::GET, &format!("{STATS}?token={OPERATOR_TOKEN}")), 401).await;
        // The operator's token opens nothing else.
        expect(app.request(Method::GET, "/api/v1/rooms").bearer_auth(OPERATOR_TOKEN), 401).await;
    }

    async fn without_a_token_the_door_stays_shut(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| settings.auth.operator_token = None).await;
        for token in ["", " ", "null"] {
            expect(app.request(Method::GET, STATS).bearer_auth(token), 401).await;
        }
    }
}
