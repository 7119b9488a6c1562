//! Kicked, banned, muted, slowed down and frozen: at once, on all devices, while others go on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use parlour::{
    chat::{self, NewMessage, NewRoom, Role, RoomKind, RoomRef},
    config::Cap,
    timestamp::Timestamp,
};
use reqwest::Method;
use serde_json::json;
use tokio::time;

use crate::helpers::{
    app::{TestApp, TestUser},
    socket::{PATIENCE, TestSocket},
};

/// Somebody who talks without end.
struct Talk {
    stop: Arc<AtomicBool>,
    said: Arc<AtomicUsize>,
    task: actix_web::rt::task::JoinHandle<()>,
}

impl Talk {
    async fn start(app: &TestApp, user: &TestUser, room: &RoomRef) -> Self {
        let (stop, said) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (sender, realtime, room) = (app.sender(user).await, app.app.realtime.clone(), room.clone());
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&said));
        let task = actix_web::rt::spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                let new = NewMessage {
                    content: "on and on".to_owned(),
                    ..NewMessage::default()
                };
                realtime.send_message(&sender, &room, new).await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                time::sleep(Duration::from_millis(1)).await;
            }
        });
        Self { stop, said, task }
    }

    /// Waits until so much more was said.
    async fn goes_on(&self, more: usize) {
        let wanted = self.said.load(Ordering::Relaxed) + more;
        let deadline = time::Instant::now() + PATIENCE;
        while self.said.load(Ordering::Relaxed) < wanted {
            assert!(time::Instant::now() < deadline, "the talk goes on");
            time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
    }
}

async fn private_room(app: &TestApp, creator: &TestUser, member: &TestUser) -> (RoomRef, String) {
    let new = NewRoom {
        name: "Den".to_owned(),
        kind: Some(RoomKind::Private),
        ..NewRoom::default()
    };
    let room = chat::create_room(&app.db.store, &creator.scope(), new, Cap::Off)
        .await
        .unwrap();
    let by_id = RoomRef::Id(room.id);
    chat::add_member(
        &app.db.store,
        &creator.scope(),
        &by_id,
        member.user.id,
        Role::Member,
        Cap::Off,
    )
    .await
    .unwrap();
    (by_id, format!("room:{}", room.id))
}

/// Reads up to the end of the channel; then, while others talk on, nothing more of the topic may come.
async fn ends_for_good(socket: &mut TestSocket, topic: &str, talk: &Talk, refused: &str) {
    while socket.next_frame().await[3] != "phx_close" {}
    talk.goes_on(20).await;
    assert_eq!(socket.refused_join(topic).await, refused);
    talk.goes_on(20).await;
    // A join of another topic is answered behind whatever was on its way.
    let marker = socket.start_join("room:random").await;
    loop {
        let frame = socket.next_frame().await;
        assert_ne!(frame[2], *topic, "after phx_close: {frame}");
        if frame[1] == *marker.join_ref {
            break;
        }
    }
}

both_engines! {
    async fn a_kick_ends_the_channels_of_all_devices_while_messages_flow(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (room, topic) = private_room(&app, &ann, &bob).await;
        let mut devices = [app.connect(&bob).await, app.connect(&bob).await, app.connect(&bob).await];
        for device in &mut devices {
            device.join(&topic).await;
        }
        let mut of_ann = app.connect(&ann).await;
        of_ann.join(&topic).await;
        let talk = Talk::start(&app, &ann, &room).await;
        for device in &mut devices {
            device.assert_broadcast(&topic, "new_message").await;
        }
        app.app.realtime.remove_member(&app.sender(&ann).await, &room, bob.user.id).await.unwrap();
        for device in &mut devices {
            ends_for_good(device, &topic, &talk, "unauthorized").await;
        }
        of_ann.assert_broadcast(&topic, "new_message").await;
        talk.end().await;
    }

    async fn a_ban_ends_them_too_and_keeps_the_user_out_until_it_is_over(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let new = NewRoom { name: "Plaza".to_owned(), ..NewRoom::default() };
        let plaza = chat::create_room(&app.db.store, &ann.scope(), new, Cap::Off).await.unwrap();
        let (room, topic) = (RoomRef::Id(plaza.id), format!("room:{}", plaza.id));
        // A visitor, who is no member and yet can be banned.
        let mut devices = [app.connect(&bob).await, app.connect(&bob).await];
        for device in &mut devices {
            device.join(&topic).await;
        }
        let talk = Talk::start(&app, &ann, &room).await;
        let sender = app.sender(&ann).await;
        app.app.realtime.ban(&sender, &room, bob.user.id, None, None).await.unwrap();
        for device in &mut devices {
            ends_for_good(device, &topic, &talk, "banned").await;
        }
        talk.end().await;
        let send = app.request_as(&bob, Method::POST, &format!("/api/v1/rooms/{}/messages", plaza.id)).json(&json!({ "content": "hi" }));
        assert_eq!(send.send().await.unwrap().status(), 403);

        let soon = Timestamp(Timestamp::now().0 + 1_500_000);
        app.app.realtime.ban(&sender, &room, bob.user.id, Some(soon), None).await.unwrap();
        assert_eq!(devices[0].refused_join(&topic).await, "banned");
        let deadline = time::Instant::now() + PATIENCE;
        loop {
            let channel = devices[0].start_join(&topic).await;
            let reply = devices[0].expect(|frame| frame[3] == "phx_reply" && frame[1] == *channel.join_ref).await;
            if reply[4]["status"] == "ok" {
                break;
            }
            assert_eq!(reply[4]["response"]["reason"], "banned");
            assert!(time::Instant::now() < deadline, "a ban ends");
            time::sleep(Duration::from_millis(100)).await;
        }
        assert!(Timestamp::now().0 >= soon.0, "and not before its time");
    }

    async fn kicks_and_joins_at_the_same_time_leave_nobody_inside(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (room, topic) = private_room(&app, &ann, &bob).await;
        let sender = app.sender(&ann).await;
        for round in 0..10 {
            let mut socket = app.connect(&bob).await;
            let channel = socket.start_join(&topic).await;
            app.app.realtime.remove_member(&sender, &room, bob.user.id).await.unwrap();
            let secret = app.send(&ann, &room, &format!("secret {round}")).await;
            let reply = socket.expect(|frame| frame[3] == "phx_reply" && frame[1] == *channel.join_ref).await;
            if reply[4]["status"] == "ok" {
                socket.expect(|frame| frame[3] == "phx_close").await;
            }
            let marker = socket.start_join("room:random").await;
            loop {
                let frame = socket.next_frame().await;
                assert!(!frame.to_string().contains(&secret.content), "round {round}: {frame}");
                if frame[1] == *marker.join_ref {
                    break;
                }
            }
            chat::add_member(&app.db.store, &ann.scope(), &room, bob.user.id, Role::Member, Cap::Off).await.unwrap();
        }
    }

    async fn a_muted_user_hears_and_says_nothing(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (room, topic) = private_room(&app, &ann, &bob).await;
        let (realtime, sender) = (&app.app.realtime, app.sender(&ann).await);
        let own = app.send(&bob, &room, "before").await;
        let mut socket = app.connect(&bob).await;
        let own_topic = format!("user:{}", bob.id());
        socket.join(&own_topic).await;
        let channel = socket.join_quietly(&topic).await;
        let until = Timestamp(Timestamp::now().0 + 3_600_000_000);
        realtime.mute(&sender, &room, bob.user.id, Some(until), None).await.unwrap();
        assert_eq!(socket.assert_broadcast(&own_topic, "muted").await["until"], json!(until));
        for (event, payload) in [
            ("new_message", json!({ "content": "hi" })),
            ("edit_message", json!({ "id": own.id, "content": "hi" })),
            ("add_reaction", json!({ "id": own.id, "emoji": "👍" })),
        ] {
            let refused = socket.refused(&channel, event, payload).await;
            assert_eq!(refused, json!({ "reason": "muted", "until": until }), "{event}");
        }
        app.send(&ann, &room, "you hear me").await;
        assert_eq!(socket.assert_broadcast(&topic, "new_message").await["content"], "you hear me");
        realtime.unmute(&sender, &room, bob.user.id).await.unwrap();
        socket.assert_broadcast(&own_topic, "unmuted").await;
        socket.ask(&channel, "new_message", json!({ "content": "at last" })).await;
    }

    async fn slow_mode_tells_how_long_to_wait_and_a_frozen_room_stands_still(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (room, topic) = private_room(&app, &ann, &bob).await;
        let (realtime, sender) = (&app.app.realtime, app.sender(&ann).await);
        let (mut a, mut b) = (app.connect(&ann).await, app.connect(&bob).await);
        let (of_ann, of_bob) = (a.join_quietly(&topic).await, b.join_quietly(&topic).await);
        let slow = |seconds| chat::RoomPatch { slow_mode_s: Some(seconds), ..chat::RoomPatch::default() };
        realtime.update_room(&sender, &room, slow(30)).await.unwrap();
        b.assert_broadcast(&topic, "room_updated").await;
        b.ask(&of_bob, "new_message", json!({ "content": "one", "client_id": "c-1" })).await;
        let refused = b.refused(&of_bob, "new_message", json!({ "content": "two" })).await;
        assert_eq!(refused["reason"], "slow_mode");
        assert!((20_000..=30_000).contains(&refused["retry_after_ms"].as_u64().unwrap()), "{refused}");
        b.ask(&of_bob, "new_message", json!({ "content": "one", "client_id": "c-1" })).await;
        for content in ["moderators", "need not wait"] {
            a.ask(&of_ann, "new_message", json!({ "content": content })).await;
        }
        realtime.update_room(&sender, &room, slow(0)).await.unwrap();
        let two = b.ask(&of_bob, "new_message", json!({ "content": "two" })).await;

        let freeze = |frozen| chat::RoomPatch { frozen: Some(frozen), ..chat::RoomPatch::default() };
        realtime.update_room(&sender, &room, freeze(true)).await.unwrap();
        for (event, payload) in [("new_message", json!({ "content": "three" })), ("edit_message", json!({ "id": two["id"], "content": "2" })),
            ("add_reaction", json!({ "id": two["id"], "emoji": "👍" }))] {
            assert_eq!(b.refused(&of_bob, event, payload).await["reason"], "frozen", "{event}");
        }
        a.ask(&of_ann, "new_message", json!({ "content": "moderators may" })).await;
        realtime.update_room(&sender, &room, freeze(false)).await.unwrap();
        b.ask(&of_bob, "new_message", json!({ "content": "three" })).await;
    }
}
