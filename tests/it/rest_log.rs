//! Changes of messages over REST: editing, deleting, pinning, and what a client missed of it.

use parlour::{config::RateLimit, tenants};
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    people,
    rest::{ask, done, invalid, refused},
};

const MESSAGES: &str = "/api/v1/rooms/general/messages";

/// A room of alice's with bob in it; gives its path.
async fn room(app: &TestApp, alice: &TestUser, bob: &TestUser) -> String {
    let room = done(app, alice, "POST /api/v1/rooms", json!({ "name": "Club" })).await;
    let path = format!("/api/v1/rooms/{}", room.text_of("id"));
    done(app, bob, &format!("POST {path}/join"), Value::Null).await;
    path
}

async fn say(app: &TestApp, user: &TestUser, room: &str, content: &str) -> Value {
    done(
        app,
        user,
        &format!("POST {room}/messages"),
        json!({ "content": content }),
    )
    .await
    .data()
    .clone()
}

fn id(message: &Value) -> &str {
    message["id"].as_str().unwrap()
}

fn seqs(messages: &Value) -> Vec<i64> {
    let messages = messages.as_array().unwrap().iter();
    messages
        .map(|message| message["changed_seq"].as_i64().unwrap())
        .collect()
}

both_engines! {
    async fn an_author_edits_and_everybody_sees_it(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let room = room(&app, &alice, &bob).await;
        let message = say(&app, &bob, &room, "helo").await;
        let path = format!("{room}/messages/{}", id(&message));
        let topic = format!("room:{}", message["room_id"].as_str().unwrap());
        let mut socket = app.connect(&alice).await;
        socket.join(&topic).await;

        let edited = done(&app, &bob, &format!("PATCH {path}"), json!({ "content": "hello @alice" })).await;
        let edited = edited.data();
        assert_eq!((&edited["id"], &edited["seq"]), (&message["id"], &message["seq"]));
        assert_eq!((&edited["content"], &edited["changed_seq"]), (&json!("hello @alice"), &json!(2)));
        assert_eq!(edited["mentions"], json!([alice.id()]));
        assert!(edited["edited_at"].is_string() && edited["deleted_at"].is_null());
        assert_eq!(&socket.assert_broadcast(&topic, "message_edited").await, edited);
        assert_eq!(done(&app, &alice, &format!("GET {path}"), Value::Null).await.data(), edited);

        // The same text is no change.
        let again = done(&app, &bob, &format!("PATCH {path}"), json!({ "content": "hello @alice" })).await;
        assert_eq!(again.data(), edited);
        socket.refute_event("message_edited").await;

        let revisions = done(&app, &alice, &format!("GET {path}/revisions"), Value::Null).await;
        assert_eq!(revisions.body["meta"], json!({ "next_cursor": null }));
        let revision = &revisions.data()[0];
        assert_eq!((revisions.data().as_array().unwrap().len(), &revision["content"]), (1, &json!("helo")));
        assert_eq!((&revision["replaced_seq"], &revision["replaced_by"]["username"]), (&json!(2), &json!("bob")));
        assert!(revision["replaced_at"].is_string());
    }

    async fn an_edit_has_rules(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| settings.limits.changes_per_user = RateLimit::Off).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let room = room(&app, &alice, &bob).await;
        let path = format!("{room}/messages/{}", id(&say(&app, &bob, &room, "hello").await));
        let patch = format!("PATCH {path}");
        for (body, field) in [
            (json!({}), "content"),
            (json!({ "content": " \n" }), "content"),
            (json!({ "content": "x".repeat(2001) }), "content"),
            (json!({ "content": "a\u{0}b" }), "content"),
            (json!({ "content": null }), "content"),
            (json!({ "content": "hi", "client_id": "c" }), "client_id"),
            (json!({ "content": "hi", "deleted_at": null }), "deleted_at"),
        ] {
            invalid(&app, &bob, &patch, body, field).await;
        }
        let content = || json!({ "content": "other" });
        refused(&app, &alice, &patch, content(), 403, "only the author of this message may do this").await;
        refused(&app, &bob, &format!("GET {path}/revisions"), Value::Null, 403, "only a moderator of this room may do this").await;
        let gone = format!("PATCH {room}/messages/nope");
        refused(&app, &bob, &gone, content(), 404, "message not found").await;
        assert_eq!(ask(&app, &bob, &patch, Value::Null).await.status, 415);

        let tenant = tenants::get_tenant_by_slug(&app.db.store, "acme").await.unwrap();
        people::set_settings(&app.db.store, tenant.id, json!({ "edit_window_s": 0 })).await;
        refused(&app, &bob, &patch, content(), 403, "this message can no longer be changed").await;
        refused(&app, &bob, &format!("DELETE {path}"), Value::Null, 403, "this message can no longer be changed").await;
        done(&app, &alice, &format!("DELETE {path}"), Value::Null).await;
        refused(&app, &bob, &patch, content(), 404, "message not found").await;
    }

    async fn a_deleted_message_keeps_its_place_and_loses_its_content(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let room = room(&app, &alice, &bob).await;
        let first = say(&app, &bob, &room, "first").await;
        let quoting = json!({ "content": "what @bob says", "reply_to": first["id"] });
        let second = done(&app, &alice, &format!("POST {room}/messages"), quoting).await.data().clone();
        assert_eq!(
            second["reply_to"],
            json!({ "id": first["id"], "user": first["user"], "excerpt": "first", "deleted": false })
        );
        let topic = format!("room:{}", first["room_id"].as_str().unwrap());
        let mut socket = app.connect(&alice).await;
        socket.join(&topic).await;

        let (of_first, of_second) = (format!("{room}/messages/{}", id(&first)), format!("{room}/messages/{}", id(&second)));
        let refusal = "only the author of this message may do this";
        refused(&app, &bob, &format!("DELETE {of_second}"), Value::Null, 403, refusal).await;
        // Of somebody else, by a moderator.
        let deleted = done(&app, &alice, &format!("DELETE {of_first}"), Value::Null).await.data().clone();
        assert_eq!(socket.assert_broadcast(&topic, "message_deleted").await, deleted);
        assert_eq!((&deleted["seq"], &deleted["changed_seq"], &deleted["content"]), (&json!(1), &json!(3), &json!("")));
        assert_eq!((&deleted["user"], deleted["deleted_at"].is_string()), (&first["user"], true));
        // Again: nothing happens.
        let again = done(&app, &bob, &format!("DELETE {of_first}"), json!({})).await;
        assert_eq!(again.data(), &deleted);
        socket.refute_event("message_deleted").await;

        let listed = done(&app, &bob, &format!("GET {room}/messages"), Value::Null).await;
        assert_eq!(listed.data()[0], deleted);
        let quote = &listed.data()[1]["reply_to"];
        assert_eq!((&quote["excerpt"], &quote["deleted"]), (&json!(""), &json!(true)));
        let revisions = done(&app, &alice, &format!("GET {of_first}/revisions"), Value::Null).await;
        assert_eq!(revisions.data()[0]["content"], "first");
        // One's own.
        let deleted = done(&app, &alice, &format!("DELETE {of_second}"), Value::Null).await;
        assert_eq!((&deleted.data()["reply_to"], &deleted.data()["mentions"]), (&Value::Null, &json!([])));
    }

    async fn messages_are_pinned_by_who_keeps_order(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits.changes_per_user = RateLimit::Off;
            settings.limits.messages_per_user = RateLimit::Off;
        })
        .await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let room = room(&app, &alice, &bob).await;
        let mut pinned = Vec::new();
        for number in 0..50 {
            let message = say(&app, &alice, &room, &number.to_string()).await;
            let pin = format!("PUT {room}/messages/{}/pin", id(&message));
            let now = done(&app, &alice, &pin, Value::Null).await.data().clone();
            assert!(now["pinned_at"].is_string());
            assert_eq!(done(&app, &alice, &pin, json!({})).await.data(), &now);
            pinned.insert(0, now);
        }
        let pins = format!("GET {room}/pins");
        let listed = done(&app, &bob, &pins, Value::Null).await;
        assert_eq!((listed.data(), &listed.body["meta"]), (&json!(pinned), &json!({ "next_cursor": null })));

        let message = say(&app, &bob, &room, "one more").await;
        let pin = format!("{room}/messages/{}/pin", id(&message));
        refused(&app, &bob, &format!("PUT {pin}"), Value::Null, 403, "only a moderator of this room may do this").await;
        refused(&app, &alice, &format!("PUT {pin}"), Value::Null, 409, "this room has too many pinned messages").await;
        let oldest = format!("{room}/messages/{}/pin", id(&pinned[49]));
        refused(&app, &bob, &format!("DELETE {oldest}"), Value::Null, 403, "only a moderator of this room may do this").await;
        let unpinned = done(&app, &alice, &format!("DELETE {oldest}"), Value::Null).await;
        assert_eq!(unpinned.data()["pinned_at"], Value::Null);
        done(&app, &alice, &format!("PUT {pin}"), Value::Null).await;
        let listed = done(&app, &bob, &pins, Value::Null).await;
        assert_eq!((listed.data().as_array().unwrap().len(), &listed.data()[0]["id"]), (50, &message["id"]));
    }

    async fn what_changed_since_is_told_once_and_whole(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let room = room(&app, &alice, &bob).await;
        let epoch = app.app.epoch.clone();
        let changes = async |since: i64, rest: &str| {
            let line = format!("GET {room}/changes?epoch={epoch}&since={since}{rest}");
            done(&app, &bob, &line, Value::Null).await
        };
        let nothing = changes(0, "").await;
        assert_eq!(nothing.body, json!({ "data": [], "meta": { "recovered": true, "head_seq": 0, "epoch": epoch } }));

        let mut messages = Vec::new();
        for content in ["one", "two", "three"] {
            messages.push(format!("{room}/messages/{}", id(&say(&app, &alice, &room, content).await)));
        }
        done(&app, &alice, &format!("PATCH {}", messages[0]), json!({ "content": "won" })).await;
        done(&app, &bob, &format!("PUT {}/reactions/%F0%9F%91%8D", messages[1]), Value::Null).await;
        done(&app, &alice, &format!("DELETE {}", messages[2]), Value::Null).await;
        done(&app, &alice, &format!("PUT {}/pin", messages[0]), Value::Null).await;

        let all = changes(0, "").await;
        assert_eq!(seqs(all.data()), [5, 6, 7]);
        assert_eq!(all.body["meta"], json!({ "recovered": true, "head_seq": 7, "epoch": epoch }));
        let contents: Vec<_> = all.data().as_array().unwrap().iter().map(|message| &message["content"]).collect();
        assert_eq!(contents, ["two", "", "won"]);
        assert_eq!(all.data()[0]["reactions"][0]["me"], true);
        assert_eq!(seqs(changes(6, "").await.data()), [7]);
        assert_eq!(seqs(changes(7, "&limit=1").await.data()), [0_i64; 0]);

        // What cannot be told whole is not told in part.
        let lost = |line: String| {
            let (app, bob) = (&app, &bob);
            async move { done(app, bob, &line, Value::Null).await }
        };
        for line in [
            format!("GET {room}/changes?epoch={epoch}&since=0&limit=2"),
            format!("GET {room}/changes?epoch={epoch}&since=8"),
            format!("GET {room}/changes?epoch=another&since=7"),
        ] {
            let lost = lost(line.clone()).await;
            let meta = json!({ "recovered": false, "head_seq": 7, "epoch": epoch, "has_more": false });
            assert_eq!(lost.body["meta"], meta, "{line}");
            let seqs: Vec<_> = lost.data().as_array().unwrap().iter().map(|message| &message["seq"]).collect();
            assert_eq!(seqs, [1, 2, 3], "{line}");
        }
    }

    async fn what_to_start_from_has_to_be_said(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let changes = "GET /api/v1/rooms/general/changes";
        for (query, field) in [
            ("epoch=x", "since"),
            ("since=0", "epoch"),
            ("epoch=x&since=", "since"),
            ("epoch=x&since=-1", "since"),
            ("epoch=x&since=%2B1", "since"),
            ("epoch=x&since=1.5", "since"),
            ("epoch=x&since=9223372036854775808", "since"),
            ("epoch=x&since=0&since=0", "since"),
            ("epoch=x&since=0&limit=0", "limit"),
            ("epoch=x&since=0&limit=1001", "limit"),
            ("epoch=x&since=0&after_id=1", "after_id"),
        ] {
            invalid(&app, &alice, &format!("{changes}?{query}"), Value::Null, field).await;
        }
        let both = ask(&app, &alice, changes, Value::Null).await;
        assert_eq!((both.status, both.invalid_fields()), (422, vec!["epoch", "since"]));
        for query in ["epoch=x&since=9223372036854775807&limit=1000", "epoch=&since=0&limit=1"] {
            let lost = done(&app, &alice, &format!("{changes}?{query}"), Value::Null).await;
            assert_eq!(lost.body["meta"]["recovered"], false, "{query}");
        }
    }

    async fn a_conversation_has_all_of_it_under_its_id_as_a_room(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let eve = app.user("acme", "eve").await;
        let dm = done(&app, &alice, "POST /api/v1/dm", json!({ "user_id": bob.id() })).await.text_of("id");
        let sent = done(&app, &alice, &format!("POST /api/v1/dm/{dm}/messages"), json!({ "content": "psst" })).await;
        let root = sent.text_of("id");
        let reply = json!({ "content": "yes?", "thread_root": root, "also_in_room": true, "reply_to": root });
        let reply = done(&app, &bob, &format!("POST /api/v1/dm/{dm}/messages"), reply).await;
        assert_eq!((&reply.data()["thread_root"], &reply.data()["in_room"]), (&json!(root), &json!(true)));
        let (room, message) = (format!("/api/v1/rooms/{dm}"), format!("/api/v1/rooms/{dm}/messages/{root}"));
        for (user, line, body) in [
            (&bob, format!("GET {message}"), Value::Null),
            (&alice, format!("PATCH {message}"), json!({ "content": "psst!" })),
            (&bob, format!("PUT {message}/reactions/%F0%9F%91%82"), Value::Null),
            (&bob, format!("PUT {message}/pin"), Value::Null),
            (&alice, format!("GET {room}/pins"), Value::Null),
            (&alice, format!("GET {message}/thread"), Value::Null),
            (&bob, format!("GET {room}/changes?epoch={}&since=0", app.app.epoch), Value::Null),
            (&alice, format!("POST {room}/read"), json!({ "seq": 2 })),
            (&alice, format!("POST {room}/unread"), json!({ "seq": 2 })),
            (&alice, format!("GET {room}/members"), Value::Null),
            (&alice, format!("DELETE {message}"), Value::Null),
        ] {
            refused(&app, &eve, &line, body.clone(), 403, "not a member of this room").await;
            done(&app, user, &line, body).await;
        }
        // It has two members, for good, who are alike.
        for (line, body) in [
            (format!("PATCH {room}"), json!({ "frozen": true })),
            (format!("POST {room}/members"), json!({ "user_id": eve.id() })),
            (format!("DELETE {room}/members/{}", bob.id()), Value::Null),
            (format!("PATCH {room}/members/{}", bob.id()), json!({ "role": "reader" })),
            (format!("PUT {room}/bans/{}", bob.id()), Value::Null),
            (format!("PUT {room}/members/{}/mute", bob.id()), Value::Null),
            (format!("POST {room}/invitations"), json!({ "user_id": eve.id() })),
            (format!("DELETE {room}/leave"), Value::Null),
        ] {
            invalid(&app, &alice, &line, body, "room").await;
        }
    }

    async fn changes_are_limited_and_who_is_too_fast_is_told_when_to_come_back(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits.changes_per_user = "3/60s".parse().unwrap();
            settings.limits.reactions_per_user = "2/60s".parse().unwrap();
            settings.limits.reads_per_user = "1/60s".parse().unwrap();
        })
        .await;
        let alice = app.user("acme", "alice").await;
        let message = done(&app, &alice, &format!("POST {MESSAGES}"), json!({ "content": "hello" })).await.text_of("id");
        let path = format!("{MESSAGES}/{message}");
        let thumb = format!("{path}/reactions/%F0%9F%91%8D");
        for (line, body, passing) in [
            (format!("PATCH {path}"), json!({ "content": "hello!" }), 3),
            (format!("DELETE {path}"), Value::Null, 0),
            (format!("PUT {path}/pin"), Value::Null, 0),
            (format!("DELETE {path}/pin"), Value::Null, 0),
            (format!("PUT {thumb}"), Value::Null, 2),
            (format!("DELETE {thumb}"), Value::Null, 0),
            ("POST /api/v1/rooms/general/read".to_owned(), json!({ "seq": 1 }), 1),
            ("POST /api/v1/rooms/general/unread".to_owned(), json!({ "seq": 1 }), 0),
        ] {
            for _ in 0..passing {
                done(&app, &alice, &line, body.clone()).await;
            }
            let refused = refused(&app, &alice, &line, body, 429, "rate limited").await;
            let wait_ms = refused.body["retry_after_ms"].as_u64().unwrap();
            assert_eq!(refused.header("retry-after"), wait_ms.div_ceil(1000).to_string(), "{line}");
            assert!((1..=60_000).contains(&wait_ms), "{line}: {wait_ms}");
        }
    }
}
