//! What was read, over REST.

use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    rest::{done, invalid, refused},
};

async fn say(app: &TestApp, user: &TestUser, path: &str, body: Value) -> String {
    done(app, user, &format!("POST {path}/messages"), body)
        .await
        .text_of("id")
}

/// The counts of one room, and the total.
async fn unread(app: &TestApp, user: &TestUser, room_id: &str) -> (Value, Value) {
    let listed = done(app, user, "GET /api/v1/unread", Value::Null).await;
    let rooms = listed.data().as_array().unwrap();
    let room = rooms.iter().find(|room| room["room_id"] == room_id).cloned();
    (room.unwrap_or_default(), listed.body["meta"]["total"].clone())
}

both_engines! {
    async fn unread_messages_are_those_of_others_after_the_mark(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let id = done(&app, &alice, "POST /api/v1/rooms", json!({ "name": "Club" })).await.text_of("id");
        let room = format!("/api/v1/rooms/{id}");
        say(&app, &alice, &room, json!({ "content": "before bob came" })).await;
        done(&app, &bob, &format!("POST {room}/join"), Value::Null).await;
        let counts = |unread: u64, mentions: u64, head_seq: i64, read_seq: i64| {
            json!({ "room_id": id, "unread": unread, "mentions": mentions, "head_seq": head_seq, "read_seq": read_seq })
        };
        assert_eq!(unread(&app, &bob, &id).await, (counts(0, 0, 1, 1), json!(0)));

        let second = say(&app, &alice, &room, json!({ "content": "hello @bob" })).await;
        say(&app, &alice, &room, json!({ "content": "in a thread", "thread_root": second })).await;
        let third = say(&app, &alice, &room, json!({ "content": "again" })).await;
        say(&app, &bob, &room, json!({ "content": "my own" })).await;
        assert_eq!(unread(&app, &bob, &id).await, (counts(2, 1, 5, 1), json!(2)));
        done(&app, &alice, &format!("DELETE {room}/messages/{third}"), Value::Null).await;
        assert_eq!(unread(&app, &bob, &id).await, (counts(1, 1, 6, 1), json!(1)));
        let dm = done(&app, &alice, "POST /api/v1/dm", json!({ "user_id": bob.id() })).await.text_of("id");
        say(&app, &alice, &format!("/api/v1/dm/{dm}"), json!({ "content": "psst" })).await;
        assert_eq!(unread(&app, &bob, &dm).await.0["unread"], 1);
        assert_eq!(unread(&app, &bob, &id).await.1, 2);

        for (verb, seq, mark) in [("read", 2, 2), ("read", 1, 2), ("read", 100, 6), ("unread", 2, 1), ("unread", 5, 1)] {
            let marked = done(&app, &bob, &format!("POST {room}/{verb}"), json!({ "seq": seq })).await;
            assert_eq!(marked.body, json!({ "data": { "seq": mark } }), "{verb} {seq}");
        }
        assert_eq!(unread(&app, &bob, &id).await, (counts(1, 1, 6, 1), json!(2)));
        done(&app, &bob, &format!("POST {room}/read"), json!({ "seq": 6 })).await;
        assert_eq!(unread(&app, &bob, &id).await, (counts(0, 0, 6, 6), json!(1)));
    }

    async fn a_mark_is_a_members_and_a_number(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let eve = app.user("acme", "eve").await;
        let id = done(&app, &alice, "POST /api/v1/rooms", json!({ "name": "Club" })).await.text_of("id");
        let room = format!("/api/v1/rooms/{id}");
        for verb in ["read", "unread"] {
            let line = format!("POST {room}/{verb}");
            for body in [
                json!({}),
                json!({ "seq": -1 }),
                json!({ "seq": "1" }),
                json!({ "seq": 1.5 }),
                json!({ "seq": null }),
                json!({ "seq": u64::MAX }),
            ] {
                invalid(&app, &alice, &line, body, "seq").await;
            }
            invalid(&app, &alice, &line, json!({ "seq": 1, "user_id": eve.id() }), "user_id").await;
            refused(&app, &eve, &line, json!({ "seq": 1 }), 403, "not a member of this room").await;
        }
        assert_eq!(unread(&app, &eve, &id).await, (Value::Null, json!(0)));
    }
}
