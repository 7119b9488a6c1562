//! Tenants are apart on sockets: every topic, and every event that takes an id, with everybody's ids.
//!
//! The events are those of the documented table, which is compared with the code elsewhere. One without a row in
//! [`fields`] fails.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    documents::events_of_clients,
    helpers::{
        app::{TestApp, TestUser},
        rest::expect,
    },
};

/// A field of an event that takes a message's id.
struct Field {
    /// What else the event needs.
    payload: Value,
    name: &'static str,
    /// Whether a bad id is a violation of the field, not a message that is not found.
    invalid: bool,
}

/// By event.
fn fields(event: &str) -> Option<Vec<Field>> {
    let field = |payload: Value, name, invalid| Field { payload, name, invalid };
    let id = |payload: Value| vec![field(payload, "id", false)];
    Some(match event {
        "new_message" | "message:new" => {
            let text = if event == "new_message" { "content" } else { "body" };
            ["reply_to", "thread_root"]
                .map(|name| field(json!({ text: "hello" }), name, true))
                .into()
        }
        "edit_message" => id(json!({ "content": "altered" })),
        "add_reaction" | "remove_reaction" => id(json!({ "emoji": "👍" })),
        "delete_message" | "pin_message" | "unpin_message" => id(json!({})),
        "load_more_messages" => vec![field(json!({}), "before_id", true)],
        "mark_read" | "mark_unread" | "typing" | "stop_typing" | "token_refresh" => vec![],
        _ => return None,
    })
}

/// What somebody owns.
struct Things {
    user: String,
    room: String,
    dm: String,
    message: String,
}

impl Things {
    /// Ids of nothing.
    fn unknown() -> Self {
        let id = || uuid::Uuid::now_v7().to_string();
        Self {
            user: id(),
            room: id(),
            dm: id(),
            message: id(),
        }
    }

    fn topics(&self) -> [String; 3] {
        [
            format!("room:{}", self.room),
            format!("dm:{}", self.dm),
            format!("user:{}", self.user),
        ]
    }
}

/// A private room with one message, and a conversation.
async fn things(app: &TestApp, owner: &TestUser, peer: &TestUser) -> Things {
    let post = async |path: &str, body: Value| {
        let made = crate::helpers::rest::done(app, owner, &format!("POST {path}"), body).await;
        made.text_of("id")
    };
    let room = post("/api/v1/rooms", json!({ "name": "Hideout", "kind": "private" })).await;
    let message = post(&format!("/api/v1/rooms/{room}/messages"), json!({ "content": "ours" })).await;
    let dm = post("/api/v1/dm", json!({ "user_id": peer.id() })).await;
    Things {
        user: owner.id(),
        room,
        dm,
        message,
    }
}

both_engines! {
    async fn topics_of_another_tenant_are_topics_of_nothing(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (alice, bob, eve) = (app.user("acme", "alice").await, app.user("acme", "bob").await, app.user("acme", "eve").await);
        let (mallory, trudy) = (app.user("globex", "mallory").await, app.user("globex", "trudy").await);
        let own = things(&app, &alice, &bob).await.topics();
        let foreign = things(&app, &mallory, &trudy).await.topics();
        let (mut socket, mut stranger) = (app.connect(&alice).await, app.connect(&eve).await);
        for ((own, foreign), none) in own.iter().zip(&foreign).zip(&Things::unknown().topics()) {
            let unknown = socket.refused_join(none).await;
            assert_eq!(unknown, if none.starts_with("user:") { "unauthorized" } else { "room not found" });
            assert_eq!(socket.refused_join(foreign).await, unknown, "{foreign}");
            assert_eq!(stranger.refused_join(own).await, "unauthorized", "{own}");
            socket.join(own).await;
        }
    }

    async fn messages_of_another_tenant_are_messages_of_nothing(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let (mallory, trudy) = (app.user("globex", "mallory").await, app.user("globex", "trudy").await);
        let own = things(&app, &alice, &bob).await;
        let elsewhere = things(&app, &alice, &bob).await;
        let foreign = things(&app, &mallory, &trudy).await;
        let mut socket = app.connect(&alice).await;
        let channel = socket.join_quietly(&format!("room:{}", own.room)).await;
        let mut asked = 0;
        for event in events_of_clients() {
            let fields = fields(&event).unwrap_or_else(|| panic!("no row for {event}"));
            for Field { payload, name, invalid } in fields {
                let mut told = BTreeSet::new();
                for id in [&Things::unknown().message, &foreign.message, &elsewhere.message] {
                    let mut payload = payload.clone();
                    payload[name] = json!(id);
                    let refused = socket.refused(&channel, &event, payload).await;
                    if invalid {
                        assert_eq!(refused["reason"], "invalid", "{event}: {refused}");
                        assert_eq!(refused["errors"].as_object().unwrap().keys().collect::<Vec<_>>(), [name]);
                    } else {
                        assert_eq!(refused, json!({ "reason": "message_not_found" }), "{event}");
                    }
                    told.insert(refused.to_string());
                }
                assert_eq!(told.len(), 1, "{event} {name}: {told:?}");
                asked += 1;
            }
        }
        assert!(asked > 10, "{asked}");
        for (owner, things) in [(&mallory, &foreign), (&alice, &elsewhere)] {
            let path = format!("/api/v1/rooms/{}/messages", things.room);
            let page = expect(app.request_as(owner, Method::GET, &path), 200).await;
            let [message] = page.data().as_array().unwrap().as_slice() else { panic!("{}", page.text) };
            assert_eq!((&message["content"], &message["reactions"], &message["pinned_at"]), (&json!("ours"), &json!([]), &Value::Null));
        }
    }

    async fn a_topic_that_is_not_joined_takes_no_event(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let (mallory, trudy) = (app.user("globex", "mallory").await, app.user("globex", "trudy").await);
        let things = [things(&app, &alice, &bob).await, things(&app, &mallory, &trudy).await, Things::unknown()];
        let mut socket = app.connect(&alice).await;
        for event in events_of_clients() {
            for topic in things.iter().flat_map(Things::topics) {
                let r#ref = format!("{event} {topic}");
                socket.send(json!([null, r#ref, topic, event, { "content": "x" }])).await;
                let reply = socket.expect(|frame| frame[3] == "phx_reply" && frame[1] == *r#ref).await;
                assert_eq!(reply[4], json!({ "status": "error", "response": { "reason": "unmatched topic" } }), "{ref}");
            }
        }
    }
}
