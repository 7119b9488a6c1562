//! Messages of all transports go through the journals: in order, each with its own answer, within bounds.

use std::{collections::HashMap, time::Duration};

use futures_util::future::{join, join_all};
use parlour::{
    chat::{self, Error, MessageQuery, NewMessage, Room, RoomRef},
    config::{Cap, LimitSettings},
    realtime::{SendError, Sender},
};
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    database::{Engine, TestDatabase},
    journal::until_queued,
    messages::new,
    people::{hold, public_room},
};

async fn contents(app: &TestApp, of: &TestUser, room: &Room) -> Vec<String> {
    let page = chat::list_messages(
        &app.db.store,
        &of.scope(),
        &RoomRef::Id(room.id),
        MessageQuery::default(),
    )
    .await;
    page.unwrap()
        .messages
        .into_iter()
        .map(|message| message.content)
        .collect()
}

/// Sends in the background, as a handler does that nobody may wait for.
fn send(
    app: &TestApp,
    sender: &Sender,
    room: &Room,
    message: NewMessage,
) -> tokio::task::JoinHandle<Result<chat::Appended, SendError>> {
    let (realtime, sender, room) = (app.app.realtime.clone(), sender.clone(), RoomRef::Id(room.id));
    tokio::spawn(async move { realtime.send_message(&sender, &room, message).await })
}

/// Waits until a statement waits for a lock that another transaction has.
async fn until_somebody_waits(app: &TestApp) {
    let waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while sea_orm::ConnectionTrait::query_one_raw(
        app.db.store.reader(),
        sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, waits),
    )
    .await
    .unwrap()
    .is_none()
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

both_engines! {
    async fn two_hundred_at_once_in_several_rooms_are_told_in_order_with_edits_between(db: TestDatabase) {
        const ROOMS: usize = 4;
        let app = TestApp::start_with(db, |settings| {
            settings.limits = LimitSettings::off();
            settings.realtime.hole_patience = Duration::from_secs(10);
            settings.realtime.journal_batch = 16;
        }).await;
        let ann = app.user("acme", "ann").await;
        let sender = app.sender(&ann).await;
        let mut rooms = Vec::new();
        for number in 0..ROOMS {
            let room = public_room(&app.db.store, &ann.scope(), &format!("Room {number}")).await;
            let first = app.send(&ann, &RoomRef::Id(room.id), "first").await;
            let mut socket = app.connect(&ann).await;
            socket.join(&format!("room:{}", room.id)).await;
            rooms.push((room, first.id, socket));
        }
        let sends = join_all((0..200).map(|number| {
            let (room, first, _) = &rooms[number % ROOMS];
            let (realtime, sender, room) = (&app.app.realtime, &sender, RoomRef::Id(room.id));
            async move {
                let sent = realtime.send_message(sender, &room, new(format!("{number}"))).await.unwrap().message;
                if number % 10 == 0 {
                    realtime.edit_message(sender, &room, *first, format!("edit {number}")).await.unwrap();
                    realtime.add_reaction(sender, &room, sent.id, "👍").await.unwrap();
                }
                sent
            }
        }))
        .await;
        assert_eq!(sends.len(), 200);
        // Two of the rooms have ten edits and ten reactions.
        for ((room, _, socket), last) in rooms.iter_mut().zip([71, 51, 71, 51]) {
            let (stored, _) = chat::get_room(&app.db.store, &ann.scope(), &RoomRef::Id(room.id)).await.unwrap();
            assert_eq!(stored.head_seq, last);
            for expected in 2..=last {
                let frame = socket.expect(|frame| frame[4]["changed_seq"].is_i64() || frame[4]["message"]["changed_seq"].is_i64()).await;
                let told = [&frame[4]["changed_seq"], &frame[4]["message"]["changed_seq"]].into_iter().find_map(Value::as_i64);
                assert_eq!(told, Some(expected), "in {}", room.name);
            }
        }
    }

    async fn messages_of_one_channel_do_not_wait_for_one_another_and_are_answered_in_their_order(db: TestDatabase) {
        const MESSAGES: usize = 6;
        let app = TestApp::start_limitless(db).await;
        let ann = app.user("acme", "ann").await;
        let room = public_room(&app.db.store, &ann.scope(), "Room").await;
        let mut socket = app.connect(&ann).await;
        let channel = socket.join_quietly(&format!("room:{}", room.id)).await;
        let held = hold(&app.db.store, &ann.scope(), &room).await;
        for number in 0..MESSAGES {
            socket.push(&channel, "new_message", json!({ "content": number.to_string() })).await;
        }
        socket.push(&channel, "phx_leave", json!({})).await;
        // What does not wait is answered behind everything that has come before.
        socket.send(json!([null, "beat", "phoenix", "heartbeat", {}])).await;
        socket.expect(|frame| frame[1] == "beat").await;
        held.rollback().await.unwrap();
        let (mut told, mut answered) = (Vec::new(), Vec::new());
        loop {
            let frame = socket.next_frame().await;
            match frame[3].as_str().unwrap() {
                "new_message" => told.push(frame[4]["id"].clone()),
                "phx_reply" if answered.len() < MESSAGES => {
                    let id = &frame[4]["response"]["id"];
                    assert!(told.contains(id), "the reply came before the message: {frame}");
                    answered.push(id.clone());
                }
                // Of the leave.
                "phx_reply" => break,
                _ => {}
            }
        }
        assert_eq!(told.len(), MESSAGES);
        assert_eq!(answered, told);
        // The first one goes alone, and the others with the next transaction.
        let batches = app.app.metrics.render().lines().find_map(|line| {
            line.strip_prefix("parlour_journal_batch_messages_count ")?.parse::<u32>().ok()
        });
        assert!(batches.is_some_and(|batches| batches <= 2), "{batches:?}");
    }

    async fn when_too_many_wait_one_more_is_refused_at_once(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits = LimitSettings::off();
            settings.realtime.journals = Some(1);
            settings.realtime.journal_queue = 2;
        }).await;
        let ann = app.user("acme", "ann").await;
        let sender = app.sender(&ann).await;
        let room = public_room(&app.db.store, &ann.scope(), "Room").await;
        let held = hold(&app.db.store, &ann.scope(), &room).await;
        let first = send(&app, &sender, &room, new("one"));
        until_queued(&app.app.metrics, 1).await;
        let second = send(&app, &sender, &room, new("two"));
        let third = send(&app, &sender, &room, new("three")).await.unwrap();
        assert!(matches!(third, Err(SendError::Unavailable)));
        held.rollback().await.unwrap();
        second.await.unwrap().unwrap();
        first.await.unwrap().unwrap();
        app.send(&ann, &RoomRef::Id(room.id), "three").await;
        assert_eq!(contents(&app, &ann, &room).await, ["one", "two", "three"]);
    }

    async fn who_goes_away_has_it_sent_all_the_same(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let ann = app.user("acme", "ann").await;
        let sender = app.sender(&ann).await;
        let room = public_room(&app.db.store, &ann.scope(), "Room").await;
        let mut socket = app.connect(&ann).await;
        socket.join(&format!("room:{}", room.id)).await;
        let held = hold(&app.db.store, &ann.scope(), &room).await;
        let gone = send(&app, &sender, &room, new("hello"));
        until_queued(&app.app.metrics, 1).await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        held.rollback().await.unwrap();
        assert_eq!(socket.expect(|frame| frame[3] == "new_message").await[4]["content"], "hello");
        assert_eq!(contents(&app, &ann, &room).await, ["hello"]);
    }

    async fn who_waits_too_long_is_told_so_and_may_try_again(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits = LimitSettings::off();
            settings.realtime.send_timeout = Duration::from_millis(100);
        }).await;
        let ann = app.user("acme", "ann").await;
        let sender = app.sender(&ann).await;
        let room = public_room(&app.db.store, &ann.scope(), "Room").await;
        let message = || NewMessage { client_id: Some("1".to_owned()), ..new("hello") };
        let held = hold(&app.db.store, &ann.scope(), &room).await;
        let late = send(&app, &sender, &room, message()).await.unwrap();
        assert!(matches!(late, Err(SendError::Unavailable)));
        held.rollback().await.unwrap();
        until_queued(&app.app.metrics, 0).await;
        assert!(send(&app, &sender, &room, message()).await.unwrap().unwrap().repeated);
        assert_eq!(contents(&app, &ann, &room).await, ["hello"]);
    }

    async fn what_was_accepted_is_stored_before_the_server_ends(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let ann = app.user("acme", "ann").await;
        let sender = app.sender(&ann).await;
        let room = public_room(&app.db.store, &ann.scope(), "Room").await;
        let held = hold(&app.db.store, &ann.scope(), &room).await;
        let sent: Vec<_> = (0..5).map(|number| send(&app, &sender, &room, new(format!("{number}")))).collect();
        // The first is being stored, the others wait.
        until_queued(&app.app.metrics, sent.len()).await;
        let (_, released) = join(app.stop(), held.rollback()).await;
        released.unwrap();
        for sent in sent {
            sent.await.unwrap().unwrap();
        }
        assert_eq!(contents(&app, &ann, &room).await.len(), 5);
        let late = send(&app, &sender, &room, new("late")).await.unwrap();
        assert!(matches!(late, Err(SendError::Unavailable)));
    }

    async fn a_room_takes_as_many_as_its_limit_says_however_many_come_at_once(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits = LimitSettings { messages_per_room: "3/1h".parse().unwrap(), ..LimitSettings::off() };
        }).await;
        let ann = app.user("acme", "ann").await;
        let sender = app.sender(&ann).await;
        let (room, other) = (public_room(&app.db.store, &ann.scope(), "Room").await, public_room(&app.db.store, &ann.scope(), "Other").await);
        let answers = join_all((0..10).map(|number| send(&app, &sender, &room, new(format!("{number}"))))).await;
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for answer in answers {
            *counts.entry(match answer.unwrap() {
                Ok(_) => "sent",
                Err(SendError::Limited(refused)) => refused.limit,
                Err(error) => panic!("{error}"),
            }).or_default() += 1;
        }
        assert_eq!(counts, HashMap::from([("sent", 3), ("messages_per_room", 7)]));
        app.send(&ann, &RoomRef::Id(other.id), "elsewhere").await;
        // What the rules of chat refuse takes nothing of it.
        let wrong = NewMessage { reply_to: Some("01900000-0000-7000-8000-000000000001".parse().unwrap()), ..new("x") };
        let refused = send(&app, &sender, &other, wrong).await.unwrap();
        assert!(matches!(refused, Err(SendError::Chat(Error::Invalid(_)))));
        app.send(&ann, &RoomRef::Id(other.id), "second").await;
        app.send(&ann, &RoomRef::Id(other.id), "third").await;
    }
}

#[actix_web::test]
async fn a_room_that_somebody_changes_holds_up_no_other() {
    let db = TestDatabase::create(Engine::Postgres).await;
    let app = TestApp::start_with(db, |settings| {
        settings.limits = LimitSettings::off();
        settings.realtime.journals = Some(1);
    })
    .await;
    let ann = app.user("acme", "ann").await;
    let sender = app.sender(&ann).await;
    let busy = public_room(&app.db.store, &ann.scope(), "Busy").await;
    let quiet = public_room(&app.db.store, &ann.scope(), "Quiet").await;
    let first = app.send(&ann, &RoomRef::Id(busy.id), "first").await;
    let held = hold(&app.db.store, &ann.scope(), &busy).await;
    let edit = {
        let (realtime, sender, here) = (app.app.realtime.clone(), sender.clone(), RoomRef::Id(busy.id));
        tokio::spawn(async move {
            realtime
                .edit_message(&sender, &here, first.id, "edited".to_owned())
                .await
        })
    };
    // The edit has the room's turn as soon as it waits for its row.
    until_somebody_waits(&app).await;
    let behind = send(&app, &sender, &busy, new("behind"));
    app.send(&ann, &RoomRef::Id(quiet.id), "at once").await;
    assert!(!behind.is_finished());
    held.rollback().await.unwrap();
    edit.await.unwrap().unwrap();
    assert_eq!(behind.await.unwrap().unwrap().message.seq, 3);
    assert_eq!(contents(&app, &ann, &busy).await, ["edited", "behind"]);
}

#[actix_web::test]
async fn enough_for_a_batch_is_stored_beside_one_that_is_held_up_and_no_room_is_in_both() {
    let db = TestDatabase::create(Engine::Postgres).await;
    let app = TestApp::start_with(db, |settings| {
        settings.limits = LimitSettings::off();
        settings.realtime.journals = Some(1);
        settings.realtime.journal_beside = Cap::Max(3);
    })
    .await;
    let ann = app.user("acme", "ann").await;
    let sender = app.sender(&ann).await;
    let busy = public_room(&app.db.store, &ann.scope(), "Busy").await;
    let quiet = public_room(&app.db.store, &ann.scope(), "Quiet").await;
    let held = hold(&app.db.store, &ann.scope(), &busy).await;
    let first = send(&app, &sender, &busy, new("first"));
    until_somebody_waits(&app).await;
    let behind = send(&app, &sender, &busy, new("behind"));
    let beside = join_all(["one", "two"].map(|text| send(&app, &sender, &quiet, new(text)))).await;
    assert!(beside.into_iter().all(|sent| sent.unwrap().is_ok()));
    assert!(!first.is_finished() && !behind.is_finished());
    held.rollback().await.unwrap();
    assert_eq!(first.await.unwrap().unwrap().message.seq, 1);
    assert_eq!(behind.await.unwrap().unwrap().message.seq, 2);
    assert_eq!(contents(&app, &ann, &quiet).await, ["one", "two"]);
}
