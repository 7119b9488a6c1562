//! Threads over REST.

use parlour::config::RateLimit;
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    messages::contents,
    rest::{done, invalid, refused},
};

const MESSAGES: &str = "/api/v1/rooms/general/messages";

async fn send(app: &TestApp, user: &TestUser, body: Value) -> Value {
    done(app, user, &format!("POST {MESSAGES}"), body).await.data().clone()
}

both_engines! {
    async fn a_thread_is_beside_the_room_unless_a_reply_is_shown_there(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let mut socket = app.connect(&bob).await;
        socket.join("room:general").await;
        let root = send(&app, &alice, json!({ "content": "root" })).await;
        assert_eq!((&root["thread"], &root["thread_root"], &root["in_room"]), (&Value::Null, &Value::Null, &json!(true)));
        socket.assert_broadcast("room:general", "new_message").await;

        let first = send(&app, &bob, json!({ "content": "first", "thread_root": root["id"] })).await;
        assert_eq!((&first["thread_root"], &first["in_room"], &first["seq"]), (&root["id"], &json!(false), &json!(2)));
        let summary = json!({ "root_id": root["id"], "reply_count": 1, "last_reply_at": first["inserted_at"] });
        assert_eq!(first["thread"], summary);
        assert_eq!(socket.assert_broadcast("room:general", "new_message").await, first);
        let second = json!({ "content": "second", "thread_root": root["id"], "also_in_room": true });
        let second = send(&app, &alice, second).await;
        assert_eq!(second["in_room"], true);

        let room = done(&app, &bob, &format!("GET {MESSAGES}"), Value::Null).await;
        assert_eq!(contents(room.data()), ["root", "second"]);
        let summary = json!({ "root_id": root["id"], "reply_count": 2, "last_reply_at": second["inserted_at"] });
        assert_eq!(room.data()[0]["thread"], summary);
        assert_eq!(room.data()[0]["changed_seq"], 1);
        // The same thread, whichever of its messages it is asked with.
        for message in [&root, &first, &second] {
            let line = format!("GET {MESSAGES}/{}/thread", message["id"].as_str().unwrap());
            let thread = done(&app, &bob, &line, Value::Null).await;
            assert_eq!(contents(thread.data()), ["first", "second"]);
            let meta = json!({ "has_more": false, "head_seq": 3, "epoch": app.app.epoch });
            assert_eq!(thread.body["meta"], meta);
        }
        let delete = format!("DELETE {MESSAGES}/{}", second["id"].as_str().unwrap());
        let deleted = done(&app, &alice, &delete, Value::Null).await;
        assert_eq!((&deleted.data()["thread"]["reply_count"], &deleted.data()["thread_root"]), (&json!(1), &root["id"]));
    }

    async fn a_thread_is_read_in_pages(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| settings.limits.messages_per_user = RateLimit::Off).await;
        let alice = app.user("acme", "alice").await;
        let root = send(&app, &alice, json!({ "content": "root" })).await;
        let mut ids = Vec::new();
        for number in 1..=5 {
            let reply = send(&app, &alice, json!({ "content": number.to_string(), "thread_root": root["id"] })).await;
            ids.push(reply["id"].as_str().unwrap().to_owned());
            send(&app, &alice, json!({ "content": "beside" })).await;
        }
        let thread = format!("GET {MESSAGES}/{}/thread", root["id"].as_str().unwrap());
        for (query, expected, more) in [
            ("limit=2".to_owned(), vec!["4", "5"], true),
            (format!("limit=2&before_id={}", ids[3]), vec!["2", "3"], true),
            (format!("limit=2&before_id={}", ids[1]), vec!["1"], false),
            (format!("limit=2&after_id={}", ids[1]), vec!["3", "4"], true),
            (format!("limit=2&after_id={}", ids[3]), vec!["5"], false),
            ("limit=100".to_owned(), vec!["1", "2", "3", "4", "5"], false),
        ] {
            let page = done(&app, &alice, &format!("{thread}?{query}"), Value::Null).await;
            assert_eq!((contents(page.data()), &page.body["meta"]["has_more"]), (expected, &json!(more)), "{query}");
        }
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("before_id=nope", "before_id"),
            ("after_id=01890000-0000-7000-8000-000000000000", "after_id"),
            ("cursor=x", "cursor"),
        ] {
            invalid(&app, &alice, &format!("{thread}?{query}"), Value::Null, field).await;
        }
        let none = format!("GET {MESSAGES}/nope/thread");
        refused(&app, &alice, &none, Value::Null, 404, "message not found").await;
    }

    async fn a_thread_is_one_level_deep_and_in_one_room(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let root = send(&app, &alice, json!({ "content": "root", "also_in_room": true })).await;
        assert_eq!((&root["thread_root"], &root["in_room"]), (&Value::Null, &json!(true)));
        let reply = send(&app, &alice, json!({ "content": "reply", "thread_root": root["id"] })).await;
        let gone = send(&app, &alice, json!({ "content": "gone" })).await;
        done(&app, &alice, &format!("DELETE {MESSAGES}/{}", gone["id"].as_str().unwrap()), Value::Null).await;
        let elsewhere = json!({ "content": "elsewhere" });
        let elsewhere = done(&app, &alice, "POST /api/v1/rooms/random/messages", elsewhere).await.text_of("id");
        for (body, field) in [
            (json!({ "content": "x", "thread_root": reply["id"] }), "thread_root"),
            (json!({ "content": "x", "thread_root": gone["id"] }), "thread_root"),
            (json!({ "content": "x", "thread_root": elsewhere }), "thread_root"),
            (json!({ "content": "x", "thread_root": "nope" }), "thread_root"),
            (json!({ "content": "x", "thread_root": root["id"], "also_in_room": "yes" }), "also_in_room"),
            (json!({ "content": "x", "in_room": true }), "in_room"),
        ] {
            invalid(&app, &alice, &format!("POST {MESSAGES}"), body, field).await;
        }
    }
}
