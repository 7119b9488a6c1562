//! The room's log over sockets: changes of messages, and messages that are sent again.

use parlour::{
    chat::{self, RoomRef},
    ids::MessageId,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    log::{ids, next_change, room_of, texts},
    people,
    rest::expect,
};

both_engines! {
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
}

/// What a fresh join shows: the history, and the join's reply.
async fn app_history(app: &TestApp, user: &TestUser, topic: &str) -> (Value, Value) {
    let mut socket = app.connect(user).await;
    let (channel, joined) = socket.join(topic).await;
    (socket.assert_push(&channel, "message_history").await, joined)
}
