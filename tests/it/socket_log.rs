//! The room's log over sockets: coming back, changes of messages, idempotent sends, what was read.

use std::{sync::Arc, time::Duration};

use parlour::{
    chat::{self, NewMessage, NewRoom, Role, Room, RoomKind, RoomRef},
    config::Cap,
    config::LimitSettings,
    ids::MessageId,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::helpers::{
    app::{TestApp, TestUser},
    people,
    rest::expect,
    socket::TestSocket,
};

/// A public room of its creator, who is its admin.
async fn room_of(app: &TestApp, creator: &TestUser) -> (Room, RoomRef, String) {
    let new = NewRoom {
        name: "Workshop".to_owned(),
        ..NewRoom::default()
    };
    let room = chat::create_room(&app.db.store, &creator.scope(), new, Cap::Off)
        .await
        .unwrap();
    let (by_id, topic) = (RoomRef::Id(room.id), format!("room:{}", room.id));
    (room, by_id, topic)
}

fn ids(messages: &Value) -> Vec<String> {
    texts(messages, "id")
}

fn texts(messages: &Value, field: &str) -> Vec<String> {
    let messages = messages.as_array().expect("a list of messages");
    messages
        .iter()
        .map(|message| message[field].as_str().expect("a text").to_owned())
        .collect()
}

fn numbers(messages: &Value, field: &str) -> Vec<i64> {
    let messages = messages.as_array().expect("a list of messages");
    messages
        .iter()
        .map(|message| message[field].as_i64().expect("a number"))
        .collect()
}

/// Waits for the broadcast of a change and gives its payload; whatever of the log came before it was not the next.
async fn next_change(socket: &mut TestSocket, event: &str) -> Value {
    const LOG: [&str; 7] = [
        "new_message",
        "message_edited",
        "message_deleted",
        "message_pinned",
        "message_unpinned",
        "reaction_added",
        "reaction_removed",
    ];
    let frame = socket
        .expect(|frame| frame[3].as_str().is_some_and(|event| LOG.contains(&event)))
        .await;
    assert_eq!(frame[3], event, "{frame}");
    assert!(frame[0].is_null() && frame[1].is_null(), "a broadcast: {frame}");
    frame[4].clone()
}

both_engines! {
    async fn a_client_that_comes_back_is_told_exactly_what_changed(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (_, room, topic) = room_of(&app, &ann).await;
        let mut said = Vec::new();
        for number in 1..=6 {
            said.push(app.send(&ann, &room, &format!("{number}")).await);
        }
        let mut socket = app.connect(&bob).await;
        let (channel, joined) = socket.join(&topic).await;
        assert_eq!(joined["head_seq"], 6);
        assert!(joined.get("recovered").is_none() && joined.get("messages").is_none(), "nothing of it without since");
        socket.assert_push(&channel, "message_history").await;
        let epoch = joined["epoch"].as_str().unwrap().to_owned();
        drop(socket);

        let (realtime, sender) = (&app.app.realtime, app.sender(&ann).await);
        let (realtime_room, bob_sends) = (&room, app.sender(&bob).await);
        realtime.edit_message(&sender, realtime_room, said[4].id, "five".to_owned()).await.unwrap();
        realtime.delete_message(&sender, realtime_room, said[1].id).await.unwrap();
        realtime.add_reaction(&sender, realtime_room, said[2].id, "👍").await.unwrap();
        realtime.add_reaction(&bob_sends, realtime_room, said[2].id, "👍").await.unwrap();
        realtime.pin_message(&sender, realtime_room, said[3].id).await.unwrap();
        let seventh = app.send(&ann, &room, "7").await;
        // Changed twice, told once.
        realtime.edit_message(&sender, realtime_room, said[4].id, "FIVE".to_owned()).await.unwrap();

        let mut socket = app.connect(&bob).await;
        let (channel, back) = socket.rejoin(&topic, &epoch, 6).await;
        assert_eq!((&back["recovered"], &back["head_seq"]), (&json!(true), &json!(13)), "{back}");
        let messages = &back["messages"];
        let expected = [said[1].id, said[2].id, said[3].id, seventh.id, said[4].id].map(|id| id.to_string());
        assert_eq!(ids(messages), expected);
        assert_eq!(numbers(messages, "changed_seq"), [8, 10, 11, 12, 13]);
        assert_eq!(texts(messages, "content"), ["", "3", "4", "7", "FIVE"]);
        assert!(messages[0]["deleted_at"].is_string() && messages[4]["edited_at"].is_string());
        assert_eq!(numbers(messages, "seq"), [2, 3, 4, 12, 5], "everything keeps its place");
        let reaction = &messages[1]["reactions"][0];
        assert_eq!((&reaction["emoji"], &reaction["count"], &reaction["me"]), (&json!("👍"), &json!(2), &json!(true)));
        assert!(messages[2]["pinned_at"].is_string());

        let state = socket.next_frame().await;
        assert_eq!((&state[0], &state[3]), (&json!(channel.join_ref), &json!("presence_state")), "no history");
        app.send(&ann, &room, "8").await;
        assert_eq!(next_change(&mut socket, "new_message").await["changed_seq"], 14);
        socket.refute_event("message_history").await;

        let (_, nothing) = app.connect(&bob).await.rejoin(&topic, &epoch, 14).await;
        assert_eq!((&nothing["recovered"], &nothing["messages"]), (&json!(true), &json!([])));
        let (_, everything) = app.connect(&bob).await.rejoin(&topic, &epoch, 0).await;
        assert_eq!(everything["recovered"], true);
        assert_eq!(numbers(&everything["messages"], "changed_seq"), [1, 6, 8, 10, 11, 12, 13, 14]);
    }

    async fn nothing_falls_between_coming_back_and_what_follows(db: TestDatabase) {
        const WRITERS: usize = 4;
        const EACH: usize = 60;
        // How far they may be ahead of the reader, who is to come back again and again while they write.
        let ahead = Arc::new(Semaphore::new(40));
        let app = TestApp::start_limitless(db).await;
        let ann = app.user("acme", "ann").await;
        let (_, room, topic) = room_of(&app, &ann).await;
        let mut writers = Vec::new();
        for writer in 0..WRITERS {
            let user = app.user("acme", &format!("writer-{writer}")).await;
            let (sender, realtime, room) = (app.sender(&user).await, app.app.realtime.clone(), room.clone());
            let ahead = Arc::clone(&ahead);
            writers.push(actix_web::rt::spawn(async move {
                for number in 0..EACH {
                    ahead.acquire().await.unwrap().forget();
                    let new = NewMessage { content: format!("{number}"), ..NewMessage::default() };
                    realtime.send_message(&sender, &room, new).await.unwrap();
                }
            }));
        }
        let total = (WRITERS * EACH) as i64;
        let (mut known, mut joins) = (0, 0);
        while known < total {
            let mut socket = app.connect(&ann).await;
            let (_, back) = socket.rejoin(&topic, &app.app.epoch, known).await;
            joins += 1;
            assert_eq!(back["recovered"], true, "{back}");
            for changed in numbers(&back["messages"], "changed_seq") {
                assert_eq!(changed, known + 1, "in join {joins}");
                known = changed;
                ahead.add_permits(1);
            }
            assert_eq!(back["head_seq"], known);
            for _ in 0..3 {
                if known == total {
                    break;
                }
                let message = socket.assert_broadcast(&topic, "new_message").await;
                assert_eq!(message["changed_seq"], known + 1, "broadcast after join {joins}");
                known += 1;
                ahead.add_permits(1);
            }
        }
        for writer in writers {
            writer.await.unwrap();
        }
        assert!(joins > 2, "it came back while others wrote");
    }

    async fn what_cannot_be_told_completely_is_not_told_in_part(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits = LimitSettings::off();
            settings.socket.recovery_limit = 5;
        }).await;
        let ann = app.user("acme", "ann").await;
        let (details, room, topic) = room_of(&app, &ann).await;
        let mut last = None;
        for number in 1..=60 {
            last = Some(app.append(&ann, &room, &format!("{number}")).await);
        }
        let epoch = app.app.epoch.clone();
        for (epoch, seq, why) in [("another", 59, "epoch"), (&epoch, 61, "future"), (&epoch, i64::MAX, "future"), (&epoch, 54, "too many")] {
            let (_, back) = app.connect(&ann).await.rejoin(&topic, epoch, seq).await;
            assert_eq!((&back["recovered"], &back["has_more"]), (&json!(false), &json!(true)), "{why}");
            assert_eq!(numbers(&back["messages"], "seq"), (11..=60).collect::<Vec<_>>(), "{why}: the newest page");
            assert_eq!((&back["head_seq"], &back["epoch"]), (&json!(60), &json!(app.app.epoch)));
        }
        let mut socket = app.connect(&ann).await;
        let (_, back) = socket.rejoin(&topic, &epoch, 55).await;
        assert_eq!((&back["recovered"], numbers(&back["messages"], "seq").len()), (&json!(true), 5), "as many as may be");

        let soon = parlour::timestamp::Timestamp(last.unwrap().inserted_at.0 + 1_000_000);
        assert_eq!(chat::prune_room(&app.db.store, ann.user.tenant_id, details.id, soon).await.unwrap(), 60);
        app.append(&ann, &room, "after pruning").await;
        let (_, back) = app.connect(&ann).await.rejoin(&topic, &epoch, 58).await;
        assert_eq!((&back["recovered"], texts(&back["messages"], "content")), (&json!(false), vec!["after pruning".to_owned()]));
        let (_, back) = app.connect(&ann).await.rejoin(&topic, &epoch, 60).await;
        assert_eq!((&back["recovered"], numbers(&back["messages"], "seq")), (&json!(true), vec![61]));
    }

    async fn a_malformed_since_is_refused_with_the_field(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        let mut socket = app.connect(&ann).await;
        let malformed = [
            (json!(5), "since"),
            (json!([]), "since"),
            (json!("x"), "since"),
            (json!({}), "since.epoch"),
            (json!({ "epoch": "x" }), "since.seq"),
            (json!({ "seq": 1 }), "since.epoch"),
            (json!({ "epoch": 1, "seq": 1 }), "since.epoch"),
            (json!({ "epoch": "x", "seq": "1" }), "since.seq"),
            (json!({ "epoch": "x", "seq": 1.5 }), "since.seq"),
            (json!({ "epoch": "x", "seq": -1 }), "since.seq"),
            (json!({ "epoch": "x", "seq": 10_000_000_000_000_000_000_u64 }), "since.seq"),
        ];
        for (since, field) in malformed {
            let channel = socket.start_join_with("room:general", json!({ "since": since })).await;
            let refused = socket.assert_reply(&channel.join_reply(), "error").await;
            assert_eq!(refused["reason"], "invalid", "{since}");
            assert!(refused["errors"][field][0].is_string(), "{since}: {refused}");
        }
        for payload in [json!({ "since": null }), json!({}), json!(null), json!(7), json!({ "token": "x" })] {
            let channel = socket.start_join_with("room:general", payload.clone()).await;
            let joined = socket.assert_reply(&channel.join_reply(), "ok").await;
            assert!(joined.get("recovered").is_none(), "{payload}");
            socket.assert_push(&channel, "message_history").await;
        }
    }

    async fn an_edit_is_told_to_all_with_the_whole_message(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (_, _, topic) = room_of(&app, &ann).await;
        let (mut a, mut b) = (app.connect(&ann).await, app.connect(&bob).await);
        let (of_ann, of_bob) = (a.join_quietly(&topic).await, b.join_quietly(&topic).await);
        let sent = a.ask(&of_ann, "new_message", json!({ "content": "teh", "client_id": "c-1" })).await;
        let sent_broadcast = next_change(&mut b, "new_message").await;
        next_change(&mut a, "new_message").await;

        let pushed = a.push(&of_ann, "edit_message", json!({ "id": sent["id"], "content": "the" })).await;
        let edited = next_change(&mut a, "message_edited").await;
        let reply = a.assert_reply(&pushed, "ok").await;
        assert_eq!(next_change(&mut b, "message_edited").await, edited);
        assert_eq!(reply["message"], edited, "without reactions there is nothing of one's own in it");
        let mut expected = sent_broadcast.clone();
        expected["content"] = json!("the");
        expected["changed_seq"] = json!(2);
        expected["edited_at"] = edited["edited_at"].clone();
        assert!(edited["edited_at"].is_string());
        assert_eq!(edited, expected, "all else stays as it was");

        let same = a.ask(&of_ann, "edit_message", json!({ "id": sent["id"], "content": "the" })).await;
        assert_eq!(same["message"]["changed_seq"], 2, "the text it has already");
        let refused = b.refused(&of_bob, "edit_message", json!({ "id": sent["id"], "content": "mine" })).await;
        assert_eq!(refused, json!({ "reason": "not_the_author" }));
        let unknown = MessageId::generate();
        for event in ["edit_message", "delete_message", "add_reaction", "remove_reaction", "pin_message", "unpin_message"] {
            let payload = json!({ "id": unknown, "content": "x", "emoji": "👍" });
            assert_eq!(a.refused(&of_ann, event, payload).await["reason"], "message_not_found", "{event}");
            let refused = a.refused(&of_ann, event, json!({ "content": "x", "emoji": "👍" })).await;
            assert!(refused["reason"] == "invalid" && refused["errors"]["id"][0].is_string(), "{event}: {refused}");
            let refused = a.refused(&of_ann, event, json!({ "id": "nothing", "content": "x", "emoji": "👍" })).await;
            assert!(refused["errors"]["id"][0].is_string(), "{event}: {refused}");
            let refused = a.refused(&of_ann, event, json!([])).await;
            assert_eq!(refused["reason"], "invalid", "{event}");
        }
        for content in [json!(""), json!("  "), json!(5), json!("x".repeat(2001)), Value::Null] {
            let refused = a.refused(&of_ann, "edit_message", json!({ "id": sent["id"], "content": content })).await;
            assert!(refused["errors"]["content"][0].is_string(), "{content}: {refused}");
        }
        b.refute_event("message_edited").await;
    }

    async fn a_tenant_sets_how_long_authors_may_change_their_messages(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (_, _, topic) = room_of(&app, &ann).await;
        people::set_settings(&app.db.store, ann.user.tenant_id, json!({ "edit_window_s": 0 })).await;
        let (mut a, mut b) = (app.connect(&ann).await, app.connect(&bob).await);
        let (of_ann, of_bob) = (a.join_quietly(&topic).await, b.join_quietly(&topic).await);
        let own = b.ask(&of_bob, "new_message", json!({ "content": "for ever" })).await;
        next_change(&mut b, "new_message").await;
        let late = json!({ "reason": "edit_window_over" });
        assert_eq!(b.refused(&of_bob, "edit_message", json!({ "id": own["id"], "content": "x" })).await, late);
        assert_eq!(b.refused(&of_bob, "delete_message", json!({ "id": own["id"] })).await, late);
        a.ask(&of_ann, "delete_message", json!({ "id": own["id"] })).await;
        assert_eq!(next_change(&mut b, "message_deleted").await["id"], own["id"], "moderators and up may");
    }

    async fn a_deleted_message_keeps_its_place_and_nothing_else(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (_, _, topic) = room_of(&app, &ann).await;
        let (mut a, mut b) = (app.connect(&ann).await, app.connect(&bob).await);
        let (of_ann, of_bob) = (a.join_quietly(&topic).await, b.join_quietly(&topic).await);
        let first = a.ask(&of_ann, "new_message", json!({ "content": "secret @bob", "client_id": "c" })).await;
        let sent = next_change(&mut b, "new_message").await;
        let id = first["id"].clone();
        b.ask(&of_bob, "add_reaction", json!({ "id": id, "emoji": "👍" })).await;
        next_change(&mut b, "reaction_added").await;
        a.ask(&of_ann, "pin_message", json!({ "id": id })).await;
        next_change(&mut b, "message_pinned").await;
        let quoting = b.ask(&of_bob, "new_message", json!({ "content": "what?", "reply_to": id })).await;
        let quote = next_change(&mut b, "new_message").await["reply_to"].clone();
        assert_eq!(quote, json!({ "id": id, "user": { "id": ann.id(), "username": "ann" }, "excerpt": "secret @bob", "deleted": false }));

        assert_eq!(b.refused(&of_bob, "delete_message", json!({ "id": id })).await["reason"], "not_the_author");
        let reply = a.ask(&of_ann, "delete_message", json!({ "id": id })).await;
        let deleted = next_change(&mut b, "message_deleted").await;
        assert_eq!(reply["message"], deleted);
        let mut expected = sent.clone();
        for (field, value) in [("content", json!("")), ("changed_seq", json!(5)), ("mentions", json!([])),
            ("deleted_at", deleted["deleted_at"].clone()), ("client_id", json!("c"))] {
            expected[field] = value;
        }
        assert!(deleted["deleted_at"].is_string());
        assert_eq!(deleted, expected, "id, place, author, client_id and times stay");

        a.ask(&of_ann, "delete_message", json!({ "id": id })).await;
        for (event, payload) in [("edit_message", json!({ "id": id, "content": "again" })), ("pin_message", json!({ "id": id })),
            ("add_reaction", json!({ "id": id, "emoji": "👍" }))] {
            assert_eq!(a.refused(&of_ann, event, payload).await["reason"], "message_not_found", "{event}");
        }
        b.refute_event("message_deleted").await;

        let (channel, _) = app_history(&app, &bob, &topic).await;
        let quoted = &channel["messages"][1]["reply_to"];
        assert_eq!((ids(&channel["messages"])[1].as_str(), &quoted["excerpt"], &quoted["deleted"]),
            (quoting["id"].as_str().unwrap(), &json!(""), &json!(true)), "nor is it in quotes of it any more");
        assert!(!channel.to_string().contains("secret"));
    }

    async fn reactions_are_one_for_each_user_and_emoji(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (_, _, topic) = room_of(&app, &ann).await;
        let (mut a, mut b) = (app.connect(&ann).await, app.connect(&bob).await);
        let (of_ann, of_bob) = (a.join_quietly(&topic).await, b.join_quietly(&topic).await);
        let id = a.ask(&of_ann, "new_message", json!({ "content": "hi" })).await["id"].clone();
        next_change(&mut b, "new_message").await;
        let thumb = |user: &TestUser, number| json!({ "id": id, "emoji": "👍", "by": user.id(), "n": number });

        let reply = a.ask(&of_ann, "add_reaction", thumb(&ann, 1)).await;
        let user = json!({ "id": ann.id(), "username": "ann" });
        assert_eq!(reply["message"]["reactions"], json!([{ "emoji": "👍", "count": 1, "users": [user], "me": true }]));
        let news = next_change(&mut b, "reaction_added").await;
        assert_eq!((&news["emoji"], &news["user"]), (&json!("👍"), &user));
        assert_eq!(news["message"]["reactions"], json!([{ "emoji": "👍", "count": 1, "users": [user] }]), "no `me` for all");
        assert_eq!(news["message"]["changed_seq"], 2);

        let reply = b.ask(&of_bob, "add_reaction", thumb(&bob, 2)).await;
        assert_eq!((&reply["message"]["reactions"][0]["count"], &reply["message"]["reactions"][0]["me"]), (&json!(2), &json!(true)));
        assert_eq!(next_change(&mut b, "reaction_added").await["user"]["username"], "bob");
        let again = b.ask(&of_bob, "add_reaction", thumb(&bob, 3)).await;
        assert_eq!(again["message"]["changed_seq"], 3, "nothing new");
        b.refute_event("reaction_added").await;

        let gone = a.ask(&of_ann, "remove_reaction", thumb(&ann, 4)).await;
        assert_eq!(gone["message"]["reactions"][0]["me"], false);
        let news = next_change(&mut b, "reaction_removed").await;
        assert_eq!((&news["user"]["username"], &news["message"]["reactions"][0]["count"]), (&json!("ann"), &json!(1)));
        a.ask(&of_ann, "remove_reaction", thumb(&ann, 5)).await;
        b.refute_event("reaction_removed").await;

        for emoji in [json!("x"), json!(""), json!("👍👍"), json!("👍 "), json!(5), Value::Null] {
            let refused = a.refused(&of_ann, "add_reaction", json!({ "id": id, "emoji": emoji })).await;
            assert!(refused["reason"] == "invalid" && refused["errors"]["emoji"][0].is_string(), "{emoji}: {refused}");
        }
        for (user, me) in [(&ann, false), (&bob, true)] {
            let (history, _) = app_history(&app, user, &topic).await;
            assert_eq!(history["messages"][0]["reactions"][0]["me"], me, "{}", user.user.username);
        }
        let kinds = ["😀", "😁", "😂", "🤣", "😃", "😄", "😅", "😆", "😉", "😊", "😋", "😎", "😍", "😘", "🥰", "😗", "😙", "🥲", "😚"];
        for emoji in kinds {
            a.ask(&of_ann, "add_reaction", json!({ "id": id, "emoji": emoji })).await;
        }
        let refused = a.refused(&of_ann, "add_reaction", json!({ "id": id, "emoji": "🙂" })).await;
        assert!(refused["errors"]["emoji"][0].is_string(), "a 21st kind: {refused}");
        a.ask(&of_ann, "add_reaction", thumb(&ann, 6)).await;
    }

    async fn moderators_pin(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (_, _, topic) = room_of(&app, &ann).await;
        let (mut a, mut b) = (app.connect(&ann).await, app.connect(&bob).await);
        let (of_ann, of_bob) = (a.join_quietly(&topic).await, b.join_quietly(&topic).await);
        let id = b.ask(&of_bob, "new_message", json!({ "content": "hi" })).await["id"].clone();
        next_change(&mut b, "new_message").await;
        assert_eq!(b.refused(&of_bob, "pin_message", json!({ "id": id })).await["reason"], "not_a_moderator");
        let reply = a.ask(&of_ann, "pin_message", json!({ "id": id })).await;
        let pinned = next_change(&mut b, "message_pinned").await;
        assert!(pinned["pinned_at"].is_string() && pinned == reply["message"]);
        a.ask(&of_ann, "pin_message", json!({ "id": id })).await;
        assert_eq!(b.refused(&of_bob, "unpin_message", json!({ "id": id })).await["reason"], "not_a_moderator");
        a.ask(&of_ann, "unpin_message", json!({ "id": id })).await;
        let unpinned = next_change(&mut b, "message_unpinned").await;
        assert_eq!((&unpinned["pinned_at"], &unpinned["changed_seq"]), (&Value::Null, &json!(3)), "pinned once only");

        let (dm, _, _) = chat::start_dm(&app.db.store, &ann.scope(), bob.user.id).await.unwrap();
        let topic = format!("dm:{}", dm.id);
        let of_bob = b.join_quietly(&topic).await;
        let id = app.send(&ann, &RoomRef::Id(dm.id), "psst").await.id;
        b.ask(&of_bob, "pin_message", json!({ "id": id })).await;
    }

    async fn a_thread_is_told_with_its_replies(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (_, _, topic) = room_of(&app, &ann).await;
        let (mut a, mut b) = (app.connect(&ann).await, app.connect(&bob).await);
        let (of_ann, of_bob) = (a.join_quietly(&topic).await, b.join_quietly(&topic).await);
        let root = a.ask(&of_ann, "new_message", json!({ "content": "lunch?" })).await["id"].clone();
        assert_eq!(next_change(&mut b, "new_message").await["thread"], Value::Null);

        let reply = b.ask(&of_bob, "new_message", json!({ "content": "yes", "thread_root": root })).await;
        let told = next_change(&mut b, "new_message").await;
        assert_eq!((&told["thread_root"], &told["in_room"]), (&root, &json!(false)));
        assert_eq!(told["thread"], json!({ "root_id": root, "reply_count": 1, "last_reply_at": told["inserted_at"] }));
        let shown = json!({ "content": "where?", "thread_root": root, "also_in_room": true });
        a.ask(&of_ann, "new_message", shown).await;
        let told = next_change(&mut b, "new_message").await;
        assert_eq!((&told["in_room"], &told["thread"]["reply_count"]), (&json!(true), &json!(2)));

        let nested = b.refused(&of_bob, "new_message", json!({ "content": "x", "thread_root": reply["id"] })).await;
        assert!(nested["errors"]["thread_root"][0].is_string(), "{nested}");
        let nowhere = b.refused(&of_bob, "new_message", json!({ "content": "x", "thread_root": MessageId::generate() })).await;
        assert!(nowhere["errors"]["thread_root"][0].is_string(), "{nowhere}");
        for (field, value) in [("thread_root", json!(5)), ("also_in_room", json!("yes"))] {
            let refused = b.refused(&of_bob, "new_message", json!({ "content": "x", field: value })).await;
            assert!(refused["errors"][field][0].is_string(), "{refused}");
        }

        let (history, _) = app_history(&app, &bob, &topic).await;
        assert_eq!(texts(&history["messages"], "content"), ["lunch?", "where?"], "what is in the thread only is not there");
        assert_eq!(history["messages"][0]["thread"]["reply_count"], 2);
        let (_, back) = app.connect(&bob).await.rejoin(&topic, &app.app.epoch, 1).await;
        assert_eq!(texts(&back["messages"], "content"), ["yes", "where?"], "but it is among the changes");

        b.ask(&of_bob, "delete_message", json!({ "id": reply["id"] })).await;
        let told = next_change(&mut b, "message_deleted").await;
        assert_eq!((&told["thread"]["reply_count"], &told["thread_root"]), (&json!(1), &root));
    }

    async fn sockets_and_rest_change_the_same_messages(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (room, _, topic) = room_of(&app, &ann).await;
        let mut socket = app.connect(&bob).await;
        let channel = socket.join_quietly(&topic).await;
        let messages = format!("/api/v1/rooms/{}/messages", room.id);
        let rest = |method, path: String| app.request_as(&ann, method, &path);
        let sent = expect(rest(Method::POST, messages.clone()).json(&json!({ "content": "over REST" })), 201).await;
        let id = sent.text_of("id");
        assert_eq!(next_change(&mut socket, "new_message").await, *sent.data());
        let message = format!("{messages}/{id}");
        let edited = expect(rest(Method::PATCH, message.clone()).json(&json!({ "content": "edited" })), 200).await;
        assert_eq!(next_change(&mut socket, "message_edited").await, *edited.data());
        for (method, event) in [(Method::PUT, "reaction_added"), (Method::DELETE, "reaction_removed")] {
            let answer = rest(method, format!("{message}/reactions/%F0%9F%91%8D")).send().await.unwrap();
            assert!(answer.status().is_success(), "{event}: {}", answer.status());
            assert_eq!(next_change(&mut socket, event).await["user"]["username"], "ann");
        }
        for (method, event) in [(Method::PUT, "message_pinned"), (Method::DELETE, "message_unpinned")] {
            let answer = rest(method, format!("{message}/pin")).send().await.unwrap();
            assert!(answer.status().is_success(), "{event}: {}", answer.status());
            assert_eq!(next_change(&mut socket, event).await["id"], *id);
        }
        socket.ask(&channel, "add_reaction", json!({ "id": id, "emoji": "🎉" })).await;
        let shown = expect(rest(Method::GET, message.clone()), 200).await;
        let reaction = &shown.data()["reactions"][0];
        assert_eq!((&reaction["emoji"], &reaction["count"], &reaction["me"]), (&json!("🎉"), &json!(1), &json!(false)));
        assert!(rest(Method::DELETE, message.clone()).send().await.unwrap().status().is_success());
        next_change(&mut socket, "reaction_added").await;
        assert_eq!(next_change(&mut socket, "message_deleted").await["id"], *id);

        let changes = format!("/api/v1/rooms/{}/changes?epoch={}&since=1", room.id, app.app.epoch);
        let changes = expect(rest(Method::GET, changes), 200).await;
        assert!(changes.text.contains(&id) && changes.text.contains("\"recovered\":true"), "{}", changes.text);
    }

    async fn a_client_id_is_answered_alike_over_every_way_and_after_every_change(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (room, _, topic) = room_of(&app, &ann).await;
        let mut watcher = app.connect(&bob).await;
        watcher.join_quietly(&topic).await;
        let message = json!({ "content": "once", "client_id": "c-1" });
        let rest = || app.request_as(&ann, Method::POST, &format!("/api/v1/rooms/{}/messages", room.id)).json(&message);
        let first = expect(rest(), 201).await.data().clone();
        next_change(&mut watcher, "new_message").await;

        let same = |reply: &Value| {
            for field in ["id", "seq", "client_id", "inserted_at"] {
                assert_eq!(reply[field], first[field], "{field}");
            }
        };
        let mut socket = app.connect(&ann).await;
        let channel = socket.join_quietly(&topic).await;
        same(&socket.ask(&channel, "new_message", message.clone()).await);
        drop(socket);
        let mut socket = app.connect(&ann).await;
        let (channel, _) = socket.rejoin(&topic, &app.app.epoch, 1).await;
        same(&socket.ask(&channel, "new_message", message.clone()).await);
        same(expect(rest(), 200).await.data());

        socket.ask(&channel, "edit_message", json!({ "id": first["id"], "content": "edited" })).await;
        next_change(&mut watcher, "message_edited").await;
        same(&socket.ask(&channel, "new_message", message.clone()).await);
        let conflict = socket.refused(&channel, "new_message", json!({ "content": "edited", "client_id": "c-1" })).await;
        assert_eq!(conflict["reason"], "conflict", "the first text counts, not the present one");
        socket.ask(&channel, "delete_message", json!({ "id": first["id"] })).await;
        next_change(&mut watcher, "message_deleted").await;
        same(&socket.ask(&channel, "new_message", message.clone()).await);
        watcher.refute_event("new_message").await;
    }

    async fn the_same_message_from_many_sockets_at_once_is_stored_once(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (_, _, topic) = room_of(&app, &ann).await;
        let mut watcher = app.connect(&bob).await;
        watcher.join_quietly(&topic).await;
        let mut devices = Vec::new();
        for _ in 0..6 {
            let mut socket = app.connect(&ann).await;
            let channel = socket.join(&topic).await.0;
            devices.push((socket, channel));
        }
        let mut pushed = Vec::new();
        for (socket, channel) in &mut devices {
            pushed.push(socket.push(channel, "new_message", json!({ "content": "once", "client_id": "c" })).await);
        }
        let mut answers = Vec::new();
        for ((socket, _), pushed) in devices.iter_mut().zip(&pushed) {
            answers.push(socket.assert_reply(pushed, "ok").await);
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        let id = answers[0]["id"].clone();
        assert_eq!(next_change(&mut watcher, "new_message").await["id"], id);
        watcher.refute_event("new_message").await;

        // Reactions and deletions of one message from all of them: one of each happens.
        for (event, told) in [("add_reaction", "reaction_added"), ("remove_reaction", "reaction_removed"), ("delete_message", "message_deleted")] {
            let mut pushed = Vec::new();
            for (socket, channel) in &mut devices {
                pushed.push(socket.push(channel, event, json!({ "id": id, "emoji": "👍" })).await);
            }
            for ((socket, _), pushed) in devices.iter_mut().zip(&pushed) {
                socket.assert_reply(pushed, "ok").await;
            }
            next_change(&mut watcher, told).await;
            watcher.refute_event(told).await;
        }
    }

    async fn what_was_read_is_told_now_and_then(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits = LimitSettings::off();
            settings.realtime.batch_interval = Duration::from_millis(500);
        }).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (_, room, topic) = room_of(&app, &ann).await;
        for number in 1..=20 {
            app.append(&ann, &room, &format!("{number}")).await;
        }
        let (mut a, mut b) = (app.connect(&ann).await, app.connect(&bob).await);
        let (_, of_bob) = (a.join_quietly(&topic).await, b.join_quietly(&topic).await);
        assert_eq!(b.refused(&of_bob, "mark_read", json!({ "seq": 1 })).await["reason"], "not_a_member");
        chat::join_room(&app.db.store, &bob.scope(), &room, Cap::Off).await.unwrap();
        // A new member has read everything.
        assert_eq!(b.ask(&of_bob, "mark_unread", json!({ "seq": 1 })).await, json!({ "seq": 0 }));
        for seq in 1..=20 {
            assert_eq!(b.ask(&of_bob, "mark_read", json!({ "seq": seq })).await, json!({ "seq": seq }));
        }
        let mut told = Vec::new();
        while told.last() != Some(&20) {
            let mark = a.assert_broadcast(&topic, "read").await;
            assert_eq!(mark["user_id"], bob.id());
            told.push(mark["seq"].as_i64().unwrap());
        }
        assert!(told.len() < 20 && told.is_sorted(), "not every mark is told: {told:?}");
        assert_eq!(b.ask(&of_bob, "mark_read", json!({ "seq": 7 })).await, json!({ "seq": 20 }), "never back");
        assert_eq!(b.ask(&of_bob, "mark_read", json!({ "seq": 999 })).await, json!({ "seq": 20 }), "nor beyond the end");
        a.refute_event("read").await;
        for (event, payload) in [("mark_read", json!({})), ("mark_read", json!({ "seq": "x" })), ("mark_read", json!({ "seq": -1 })), ("mark_unread", json!({ "seq": 0 }))] {
            let refused = b.refused(&of_bob, event, payload.clone()).await;
            assert!(refused["errors"]["seq"][0].is_string(), "{event} {payload}: {refused}");
        }
    }

    async fn unread_counts_reach_all_devices(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits = LimitSettings::off();
            settings.realtime.unread_interval = Duration::from_millis(20);
        }).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (details, room, topic) = room_of(&app, &ann).await;
        chat::join_room(&app.db.store, &bob.scope(), &room, Cap::Off).await.unwrap();
        let own_topic = format!("user:{}", bob.id());
        let (mut phone, mut laptop) = (app.connect(&bob).await, app.connect(&bob).await);
        phone.join(&own_topic).await;
        laptop.join(&own_topic).await;
        let counts = |unread: u64, mentions: u64, total: u64| {
            json!({ "room_id": details.id, "unread": unread, "mentions": mentions, "total": total })
        };
        async fn until(devices: [&mut TestSocket; 2], topic: &str, counts: &Value) {
            for device in devices {
                while device.assert_broadcast(topic, "unread").await != *counts {}
            }
        }
        let (dm, _, _) = chat::start_dm(&app.db.store, &ann.scope(), bob.user.id).await.unwrap();
        app.append(&ann, &RoomRef::Id(dm.id), "one elsewhere, not told").await;
        for content in ["hello", "@bob are you there?", "hello?"] {
            app.send(&ann, &room, content).await;
        }
        until([&mut phone, &mut laptop], &own_topic, &counts(3, 1, 4)).await;
        app.send(&bob, &room, "my own does not count").await;
        let channel = phone.join_quietly(&topic).await;
        phone.ask(&channel, "mark_read", json!({ "seq": 2 })).await;
        until([&mut phone, &mut laptop], &own_topic, &counts(1, 0, 2)).await;
        phone.ask(&channel, "mark_unread", json!({ "seq": 2 })).await;
        until([&mut phone, &mut laptop], &own_topic, &counts(2, 1, 3)).await;
        let sender = app.sender(&ann).await;
        let mentioning = chat::list_messages(&app.db.store, &ann.scope(), &room, chat::MessageQuery::default()).await.unwrap().messages[1].id;
        app.app.realtime.delete_message(&sender, &room, mentioning).await.unwrap();
        until([&mut phone, &mut laptop], &own_topic, &counts(1, 0, 2)).await;
        let read = app.request_as(&bob, Method::POST, &format!("/api/v1/rooms/{}/read", details.id)).json(&json!({ "seq": 99 }));
        assert!(read.send().await.unwrap().status().is_success());
        until([&mut phone, &mut laptop], &own_topic, &counts(0, 0, 1)).await;
    }

    async fn users_hear_on_all_devices_what_they_were_brought_into(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let new = NewRoom { name: "Den".to_owned(), kind: Some(RoomKind::Private), ..NewRoom::default() };
        let den = chat::create_room(&app.db.store, &ann.scope(), new, Cap::Off).await.unwrap();
        let own_topic = format!("user:{}", bob.id());
        let (mut phone, mut laptop) = (app.connect(&bob).await, app.connect(&bob).await);
        phone.join(&own_topic).await;
        laptop.join(&own_topic).await;
        let (realtime, sender, room) = (&app.app.realtime, app.sender(&ann).await, RoomRef::Id(den.id));
        let (dm, _, _) = realtime.start_dm(&sender, bob.user.id).await.unwrap();
        realtime.start_dm(&sender, bob.user.id).await.unwrap();
        realtime.add_member(&sender, &room, bob.user.id, Role::Member).await.unwrap();
        realtime.change_role(&sender, &room, bob.user.id, Role::Moderator).await.unwrap();
        realtime.remove_member(&sender, &room, bob.user.id).await.unwrap();
        for device in [&mut phone, &mut laptop] {
            let created = device.assert_broadcast(&own_topic, "dm_created").await;
            assert_eq!((&created["room"]["id"], &created["peer"]["username"]), (&json!(dm.id), &json!("ann")));
            let added = device.assert_broadcast(&own_topic, "member_added").await;
            assert_eq!((&added["room"]["id"], &added["role"]), (&json!(den.id), &json!("member")));
            assert_eq!(device.assert_broadcast(&own_topic, "role_changed").await["role"], "moderator");
            let removed = device.assert_broadcast(&own_topic, "member_removed").await;
            assert_eq!((&removed["room"]["id"], &removed["role"]), (&json!(den.id), &Value::Null));
        }
        phone.refute_event("dm_created").await;
    }
}

/// What a fresh join shows: the history, and the join's reply.
async fn app_history(app: &TestApp, user: &TestUser, topic: &str) -> (Value, Value) {
    let mut socket = app.connect(user).await;
    let (channel, joined) = socket.join(topic).await;
    (socket.assert_push(&channel, "message_history").await, joined)
}
