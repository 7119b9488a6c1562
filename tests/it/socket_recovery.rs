//! Coming back over sockets: what is told with `since`, and when it is not.

use std::sync::Arc;

use parlour::{
    chat::{self, NewMessage},
    config::LimitSettings,
};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::helpers::{
    app::TestApp,
    log::{ids, next_change, numbers, room_of, texts},
};

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
}
