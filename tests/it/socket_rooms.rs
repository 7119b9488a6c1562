//! Rooms over sockets: joining, talking, presence, typing, looking back.

use parlour::{
    chat::{self, NewRoom, RoomKind, RoomRef},
    config::Cap,
    config::RateLimit,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{app::TestApp, people, rest};

both_engines! {
    async fn a_join_is_answered_before_history_presence_and_the_joiners_own_diff(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        let mut socket = app.connect(&ann).await;
        let (channel, response) = socket.join("room:general").await;
        assert_eq!(response["room"]["slug"], "general");
        assert_eq!(response["role"], Value::Null, "a visitor of a public room is no member");
        assert_eq!(response["head_seq"], 0);
        assert_eq!(response["epoch"], app.app.epoch.as_str());

        let history = socket.next_frame().await;
        assert_eq!(history, json!([channel.join_ref, null, "room:general", "message_history", { "messages": [] }]));
        let state = socket.next_frame().await;
        assert_eq!(state[3], "presence_state");
        let meta = &state[4][ann.id()]["metas"][0];
        assert_eq!((&meta["user_id"], &meta["username"]), (&json!(ann.id()), &json!("ann")));
        assert!(meta["online_at"].is_u64() && meta["phx_ref"].is_string());
        let diff = socket.next_frame().await;
        assert_eq!(diff, json!([null, null, "room:general", "presence_diff",
            { "joins": { ann.id(): { "metas": [meta] } }, "leaves": {}, "level": "exact", "count": 1 }]));
    }

    async fn a_join_tells_all_of_the_room_that_rest_does(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        let plain = people::public_room(&app.db.store, &ann.scope(), "Plain").await;
        let described = NewRoom { name: "Den".to_owned(), description: Some("a \"den\"".to_owned()), ..NewRoom::default() };
        let described = chat::create_room(&app.db.store, &ann.scope(), described, Cap::Off).await.unwrap();
        people::set_slow_mode(&app.db.store, &ann.scope(), &RoomRef::Id(described.id), 7).await.unwrap();
        people::set_frozen(&app.db.store, &ann.scope(), &RoomRef::Id(described.id), true).await.unwrap();
        people::say(&app.db.store, &ann.scope(), &plain, "hello").await;
        let ownerless = "general";

        let mut socket = app.connect(&ann).await;
        for name in [plain.id.to_string().as_str(), described.id.to_string().as_str(), ownerless] {
            let (_, joined) = socket.join(&format!("room:{name}")).await;
            let shown = rest::ask(&app, &ann, &format!("GET /api/v1/rooms/{name}"), Value::Null).await.body;
            let fields = joined["room"].as_object().unwrap();
            assert_eq!(fields.len(), 11);
            for (field, value) in fields {
                assert_eq!(*value, shown["data"][field], "{field} of {name}");
            }
            assert_eq!((&joined["role"], &joined["head_seq"]), (&shown["data"]["role"], &shown["data"]["head_seq"]));
        }
    }

    async fn a_message_reaches_everybody_and_the_sender_before_its_reply(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (mut a, mut b) = (app.connect(&ann).await, app.connect(&bob).await);
        let channel = a.join_quietly("room:general").await;
        b.join_quietly("room:general").await;
        a.assert_broadcast("room:general", "presence_diff").await;

        let pushed = a.push(&channel, "new_message", json!({ "content": " <b>hi</b> ", "client_id": "c-1" })).await;
        let own = a.next_frame().await;
        assert_eq!((&own[0], &own[1], &own[3]), (&Value::Null, &Value::Null, &json!("new_message")));
        let reply = a.next_frame().await;
        assert_eq!(reply[1], *pushed.r#ref, "the broadcast comes first, then the reply");
        let message = &own[4];
        assert_eq!(reply[4]["response"], json!({
            "id": message["id"], "message_id": message["id"], "seq": 1, "client_id": "c-1",
            "inserted_at": message["inserted_at"],
        }));
        assert_eq!(b.assert_broadcast("room:general", "new_message").await, *message);

        let mut keys: Vec<_> = message.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["attachments", "changed_seq", "client_id", "content", "deleted_at", "edited_at", "id", "in_room",
            "inserted_at", "mentions", "pinned_at", "reactions", "reply_to", "room_id", "seq", "thread", "thread_root",
            "type", "user"]);
        assert_eq!(message["content"], " <b>hi</b> ", "stored as it was written");
        assert_eq!(message["user"], json!({ "id": ann.id(), "username": "ann" }));
        assert_eq!((&message["type"], &message["reactions"]), (&json!("text"), &json!([])));

        // The same on REST and in the history of a later join.
        let page: Value = app.request_as(&bob, Method::GET, "/api/v1/rooms/general/messages").send().await.unwrap()
            .json().await.unwrap();
        assert_eq!(page["data"], json!([message]));
        let mut late = app.connect(&bob).await;
        let (channel, response) = late.join("room:general").await;
        assert_eq!(response["head_seq"], 1);
        assert_eq!(late.assert_push(&channel, "message_history").await, json!({ "messages": [message] }));
    }

    async fn a_message_over_rest_reaches_the_sockets_under_either_name_of_the_room(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        let mut socket = app.connect(&ann).await;
        let (_, response) = socket.join("room:general").await;
        let by_id = format!("room:{}", response["room"]["id"].as_str().unwrap());
        socket.join(&by_id).await;

        let answer = app.request_as(&ann, Method::POST, "/api/v1/rooms/general/messages")
            .json(&json!({ "content": "over REST" })).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        let message: Value = answer.json().await.unwrap();
        assert_eq!(socket.assert_broadcast("room:general", "new_message").await, message["data"]);
        assert_eq!(socket.assert_broadcast(&by_id, "new_message").await, message["data"]);
    }

    async fn only_the_two_names_of_a_room_can_be_joined(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        let mut socket = app.connect(&ann).await;
        let (_, response) = socket.join("room:general").await;
        let id = response["room"]["id"].as_str().unwrap().to_owned();
        for topic in [format!("room:{}", id.to_uppercase()), format!("room:{}", id.replace('-', "")), format!("dm:{id}"),
            "room:General".to_owned(), "room:".to_owned(), "room:nowhere".to_owned()] {
            assert_eq!(socket.refused_join(&topic).await, "room not found", "{topic}");
        }
        assert_eq!(socket.refused_join("nope:1").await, "unmatched topic");
    }

    async fn private_rooms_and_direct_conversations_are_for_their_members(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (ann, bob, eve) = (app.user("acme", "ann").await, app.user("acme", "bob").await, app.user("acme", "eve").await);
        let new = NewRoom { name: "Den".to_owned(), kind: Some(RoomKind::Private), ..NewRoom::default() };
        let den = chat::create_room(&app.db.store, &ann.scope(), new, Cap::Off).await.unwrap();
        let (dm, _, _) = chat::start_dm(&app.db.store, &ann.scope(), bob.user.id).await.unwrap();
        let (den, dm) = (format!("room:{}", den.id), format!("dm:{}", dm.id));

        let mut a = app.connect(&ann).await;
        assert_eq!(a.join(&den).await.1["role"], "admin");
        let (channel, _) = a.join(&dm).await;
        let mut b = app.connect(&bob).await;
        b.join_quietly(&dm).await;
        assert_eq!(b.refused_join(&den).await, "unauthorized");
        let mut e = app.connect(&eve).await;
        assert_eq!(e.refused_join(&den).await, "unauthorized");
        assert_eq!(e.refused_join(&dm).await, "unauthorized");

        a.push(&channel, "new_message", json!({ "content": "psst" })).await;
        assert_eq!(b.assert_broadcast(&dm, "new_message").await["content"], "psst");
    }

    async fn the_own_topic_is_for_oneself(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let mut socket = app.connect(&ann).await;
        let (channel, response) = socket.join(&format!("user:{}", ann.id())).await;
        assert_eq!(response, json!({}));
        assert_eq!(socket.refused_join(&format!("user:{}", bob.id())).await, "unauthorized");
        assert_eq!(socket.refused_join("user:nobody").await, "unauthorized");
        let pushed = socket.push(&channel, "new_message", json!({ "content": "hi" })).await;
        assert_eq!(socket.assert_reply(&pushed, "error").await["reason"], "unknown_event");
        socket.refute_event("presence_state").await;
    }

    async fn a_topic_of_another_tenant_looks_like_one_that_is_not_there(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (ann, mallory) = (app.user("acme", "ann").await, app.user("globex", "mallory").await);
        let new = NewRoom { name: "Lobby".to_owned(), ..NewRoom::default() };
        let lobby = chat::create_room(&app.db.store, &ann.scope(), new, Cap::Off).await.unwrap();
        let mut socket = app.connect(&mallory).await;
        for topic in [format!("room:{}", lobby.id), "room:lobby".to_owned(), format!("dm:{}", lobby.id)] {
            assert_eq!(socket.refused_join(&topic).await, "room not found");
        }
        // The same slug is another room.
        socket.join_quietly("room:general").await;
        let mut a = app.connect(&ann).await;
        let channel = a.join_quietly("room:general").await;
        a.push(&channel, "new_message", json!({ "content": "for acme only" })).await;
        a.assert_broadcast("room:general", "new_message").await;
        socket.refute_event("new_message").await;
        socket.refute_event("presence_diff").await;
    }

    async fn bad_messages_are_answered_with_the_field_and_told_to_nobody(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| settings.limits.messages_per_user = RateLimit::Off).await;
        let ann = app.user("acme", "ann").await;
        let mut socket = app.connect(&ann).await;
        let channel = socket.join_quietly("room:general").await;
        let bad = [
            (json!({ "content": "" }), "content"),
            (json!({ "content": "   " }), "content"),
            (json!({ "content": "x".repeat(2001) }), "content"),
            (json!({ "content": 5 }), "content"),
            (json!({}), "content"),
            (json!({ "content": "x", "client_id": "ü" }), "client_id"),
            (json!({ "content": "x", "reply_to": "nothing" }), "reply_to"),
            (json!({ "content": "x", "reply_to": ann.id() }), "reply_to"),
        ];
        for (payload, field) in bad {
            let pushed = socket.push(&channel, "new_message", payload.clone()).await;
            let response = socket.assert_reply(&pushed, "error").await;
            assert_eq!(response["reason"], "invalid", "{payload}");
            assert!(response["errors"][field][0].is_string(), "{payload}: {response}");
        }
        for payload in [json!(null), json!(7), json!("x"), json!(["x"])] {
            let pushed = socket.push(&channel, "new_message", payload.clone()).await;
            assert_eq!(socket.assert_reply(&pushed, "error").await["reason"], "invalid", "{payload}");
        }
        let pushed = socket.push(&channel, "dance", json!({})).await;
        assert_eq!(socket.assert_reply(&pushed, "error").await["reason"], "unknown_event");
        socket.refute_event("new_message").await;
        let (scope, general) = (ann.scope(), RoomRef::parse("general"));
        let page = chat::list_messages(&app.db.store, &scope, &general, chat::MessageQuery::default()).await;
        assert_eq!(page.unwrap().head_seq, 0);
    }

    async fn what_the_others_of_the_field_send_works_too(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        let mut socket = app.connect(&ann).await;
        let channel = socket.join_quietly("room:general").await;
        let pushed = socket.push(&channel, "message:new", json!({ "body": "hello", "extra": true })).await;
        socket.assert_reply(&pushed, "ok").await;
        assert_eq!(socket.assert_broadcast("room:general", "new_message").await["content"], "hello");
        let pushed = socket.push(&channel, "message:new", json!({ "content": "hello" })).await;
        assert!(socket.assert_reply(&pushed, "error").await["errors"]["body"].is_array());
    }

    async fn the_same_client_id_is_answered_as_the_first_time(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        let mut socket = app.connect(&ann).await;
        let channel = socket.join_quietly("room:general").await;
        let first = socket.push(&channel, "new_message", json!({ "content": "once", "client_id": "c" })).await;
        let first = socket.assert_reply(&first, "ok").await;
        socket.assert_broadcast("room:general", "new_message").await;
        let again = socket.push(&channel, "new_message", json!({ "content": "once", "client_id": "c" })).await;
        assert_eq!(socket.assert_reply(&again, "ok").await, first);
        let other = socket.push(&channel, "new_message", json!({ "content": "twice", "client_id": "c" })).await;
        assert_eq!(socket.assert_reply(&other, "error").await["reason"], "conflict");
        socket.refute_event("new_message").await;
    }

    async fn a_first_message_makes_a_member_and_a_join_of_the_topic_does_not(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        let members = || async {
            chat::get_room_with_members(&app.db.store, &ann.scope(), &RoomRef::parse("general")).await.unwrap().member_count
        };
        let mut socket = app.connect(&ann).await;
        let channel = socket.join_quietly("room:general").await;
        assert_eq!(members().await, 0);
        let pushed = socket.push(&channel, "new_message", json!({ "content": "hi" })).await;
        socket.assert_reply(&pushed, "ok").await;
        assert_eq!(members().await, 1);
    }

    async fn ten_messages_in_five_seconds_over_both_transports_together(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        let mut socket = app.connect(&ann).await;
        let channel = socket.join_quietly("room:general").await;
        for number in 0..5 {
            let pushed = socket.push(&channel, "new_message", json!({ "content": format!("{number}") })).await;
            socket.assert_reply(&pushed, "ok").await;
            let answer = app.request_as(&ann, Method::POST, "/api/v1/rooms/general/messages")
                .json(&json!({ "content": format!("{number}") })).send().await.unwrap();
            assert_eq!(answer.status(), 201);
        }
        // On a slow machine one or two more may have come free meanwhile; never three.
        let mut refused = None;
        for _ in 0..3 {
            let pushed = socket.push(&channel, "new_message", json!({ "content": "more" })).await;
            let reply = socket.expect(|frame| frame[1] == *pushed.r#ref).await;
            if reply[4]["status"] == "error" {
                refused = Some(reply[4]["response"].clone());
                break;
            }
        }
        let refused = refused.expect("the limit is reached");
        assert_eq!(refused["reason"], "rate_limited");
        assert!((1..=5000).contains(&refused["retry_after_ms"].as_u64().unwrap()), "{refused}");
        let answer = app.request_as(&ann, Method::POST, "/api/v1/rooms/general/messages")
            .json(&json!({ "content": "more" })).send().await.unwrap();
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()["retry-after"], "1");
    }

    async fn presence_shows_each_device_and_tells_who_came_and_went(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let mut watcher = app.connect(&ann).await;
        watcher.join_quietly("room:general").await;

        let mut phone = app.connect(&bob).await;
        phone.join_quietly("room:general").await;
        let first = watcher.assert_broadcast("room:general", "presence_diff").await;
        let mut laptop = app.connect(&bob).await;
        let (channel, _) = laptop.join("room:general").await;
        let state = laptop.assert_push(&channel, "presence_state").await;
        assert_eq!(state[bob.id()]["metas"].as_array().unwrap().len(), 2);
        assert_eq!(state[ann.id()]["metas"].as_array().unwrap().len(), 1);
        let second = watcher.assert_broadcast("room:general", "presence_diff").await;
        assert_eq!(second["joins"][bob.id()]["metas"].as_array().unwrap().len(), 1, "the new device only");

        phone.close(1000).await;
        let gone = watcher.assert_broadcast("room:general", "presence_diff").await;
        let leaves = json!({ "joins": {}, "leaves": first["joins"], "level": "exact", "count": 2 });
        assert_eq!(gone, leaves, "the meta as it was");
        drop(laptop);
        let gone = watcher.assert_broadcast("room:general", "presence_diff").await;
        assert_eq!(gone["leaves"], second["joins"], "a connection that is cut leaves too");
    }

    async fn comings_and_goings_are_told_in_words_where_the_tenant_wants_it(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        people::set_settings(&app.db.store, ann.user.tenant_id, json!({ "announce_joins": true })).await;
        let mut watcher = app.connect(&ann).await;
        watcher.join_quietly("room:general").await;
        watcher.assert_broadcast("room:general", "user_joined").await;

        let mut phone = app.connect(&bob).await;
        phone.join_quietly("room:general").await;
        let joined = watcher.assert_broadcast("room:general", "user_joined").await;
        assert_eq!(joined, json!({ "user_id": bob.id(), "username": "bob" }));
        let mut laptop = app.connect(&bob).await;
        laptop.join_quietly("room:general").await;
        watcher.refute_event("user_joined").await;
        phone.close(1000).await;
        watcher.refute_event("user_left").await;
        laptop.close(1000).await;
        assert_eq!(watcher.assert_broadcast("room:general", "user_left").await["username"], "bob");
    }

    async fn typing_is_told_to_the_others_and_ends_by_itself(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.socket.typing_timeout = std::time::Duration::from_millis(400);
        }).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (mut a, mut b) = (app.connect(&ann).await, app.connect(&bob).await);
        let mut second_device = app.connect(&ann).await;
        let channel = a.join_quietly("room:general").await;
        b.join_quietly("room:general").await;
        second_device.join_quietly("room:general").await;

        let notice = json!({ "user_id": ann.id(), "username": "ann" });
        a.push(&channel, "typing", json!({})).await;
        assert_eq!(b.assert_broadcast("room:general", "typing").await, notice);
        assert_eq!(second_device.assert_broadcast("room:general", "typing").await, notice);
        assert_eq!(b.assert_broadcast("room:general", "stop_typing").await, notice, "after the timeout");
        a.refute_event("typing").await;
        a.refute_event("stop_typing").await;

        a.push(&channel, "typing", json!({})).await;
        b.assert_broadcast("room:general", "typing").await;
        a.push(&channel, "stop_typing", json!({})).await;
        b.assert_broadcast("room:general", "stop_typing").await;

        a.push(&channel, "typing", json!({})).await;
        b.assert_broadcast("room:general", "typing").await;
        drop(a);
        b.assert_broadcast("room:general", "stop_typing").await;
    }

    async fn older_messages_are_loaded_page_by_page(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        let mut ids = Vec::new();
        for number in 0..7 {
            let new = chat::NewMessage { content: format!("{number}"), ..chat::NewMessage::default() };
            let sent = chat::append_message(&app.db.store, &ann.scope(), &RoomRef::parse("general"), new, Cap::Off).await.unwrap();
            ids.push(sent.message);
        }
        let mut socket = app.connect(&ann).await;
        let channel = socket.join_quietly("room:general").await;
        let contents = |page: &Value| {
            page["messages"].as_array().unwrap().iter().map(|m| m["content"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let pushed = socket.push(&channel, "load_more_messages", json!({ "before_id": ids[5].id, "limit": 3 })).await;
        let page = socket.assert_reply(&pushed, "ok").await;
        assert_eq!((contents(&page), &page["has_more"]), (vec!["2".into(), "3".into(), "4".into()], &json!(true)));
        let pushed = socket.push(&channel, "load_more_messages", json!({ "before_id": ids[2].id })).await;
        let page = socket.assert_reply(&pushed, "ok").await;
        assert_eq!((contents(&page), &page["has_more"]), (vec!["0".into(), "1".into()], &json!(false)));
        let before = json!({ "last_timestamp": ids[3].inserted_at, "limit": 2 });
        let pushed = socket.push(&channel, "load_more_messages", before).await;
        let page = socket.assert_reply(&pushed, "ok").await;
        assert_eq!(contents(&page), ["1", "2"]);
        for bad in [json!({ "limit": 0 }), json!({ "limit": 101 }), json!({ "limit": "x" }), json!({ "before_id": "x" })] {
            let pushed = socket.push(&channel, "load_more_messages", bad.clone()).await;
            assert_eq!(socket.assert_reply(&pushed, "error").await["reason"], "invalid", "{bad}");
        }
    }

    async fn a_deleted_room_ends_its_channels_for_good(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let room = chat::create_room(&app.db.store, &ann.scope(), NewRoom { name: "Brief".to_owned(), ..NewRoom::default() }, Cap::Off)
            .await.unwrap();
        let topic = format!("room:{}", room.id);
        let mut socket = app.connect(&bob).await;
        let channel = socket.join_quietly(&topic).await;
        let answer = app.request_as(&ann, Method::DELETE, &format!("/api/v1/rooms/{}", room.id)).send().await.unwrap();
        assert!(answer.status().is_success());
        let close = socket.expect(|frame| frame[3] == "phx_close").await;
        assert_eq!(close, json!([channel.join_ref, channel.join_ref, topic, "phx_close", {}]));
        let pushed = socket.push(&channel, "new_message", json!({ "content": "hello?" })).await;
        assert_eq!(socket.assert_reply(&pushed, "error").await["reason"], "unmatched topic");
        assert_eq!(socket.refused_join(&topic).await, "room not found");
    }

    async fn leaving_a_private_room_ends_the_channels_of_all_devices(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        let new = NewRoom { name: "Den".to_owned(), kind: Some(RoomKind::Private), ..NewRoom::default() };
        let room = chat::create_room(&app.db.store, &ann.scope(), new, Cap::Off).await.unwrap();
        let topic = format!("room:{}", room.id);
        let (mut phone, mut laptop) = (app.connect(&ann).await, app.connect(&ann).await);
        phone.join_quietly(&topic).await;
        laptop.join_quietly(&topic).await;
        let path = format!("/api/v1/rooms/{}/leave", room.id);
        assert!(app.request_as(&ann, Method::DELETE, &path).send().await.unwrap().status().is_success());
        for socket in [&mut phone, &mut laptop] {
            socket.expect(|frame| frame[3] == "phx_close").await;
            assert_eq!(socket.refused_join(&topic).await, "unauthorized");
        }
    }
}
