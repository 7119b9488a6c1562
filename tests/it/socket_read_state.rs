//! What was read, and what a user is told of rooms on all devices.

use std::time::Duration;

use parlour::{
    chat::{self, NewRoom, Role, RoomKind, RoomRef},
    config::{Cap, LimitSettings},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{app::TestApp, log::room_of, socket::TestSocket};

both_engines! {
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
