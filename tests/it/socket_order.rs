//! The order of a room's log on sockets, and the repair of what did not come.
//!
//! What is written to the database behind the server's back stands for broadcasts that were lost: by a process
//! that died between commit and broadcast, or another server on the same database.

use std::{collections::BTreeMap, time::Duration};

use parlour::{
    chat::{self, Recovery, RoomRef},
    config::Cap,
    config::LimitSettings,
    realtime::{messages::Publish, raw_payload, topic::TopicKey},
    wire::MessageOut,
};
use serde_json::{Value, json};

use crate::helpers::{app::TestApp, socket::TestSocket};

const TOPIC: &str = "room:general";

fn general() -> RoomRef {
    RoomRef::parse("general")
}

/// The message of the next broadcast of the log.
async fn next_message(socket: &mut TestSocket) -> Value {
    next_frame(socket).await.1
}

/// The next broadcast of the log, as `(event, changed_seq, content)`.
async fn next(socket: &mut TestSocket) -> (String, i64, String) {
    let (event, message) = next_frame(socket).await;
    let (seq, content) = (message["changed_seq"].as_i64(), message["content"].as_str());
    told(&event, seq.unwrap(), content.unwrap())
}

async fn next_frame(socket: &mut TestSocket) -> (String, Value) {
    let frame = socket
        .expect(|frame| frame[4]["changed_seq"].is_i64() || frame[4]["message"]["changed_seq"].is_i64())
        .await;
    let message = match &frame[4]["message"] {
        Value::Null => &frame[4],
        message => message,
    };
    (frame[3].as_str().unwrap().to_owned(), message.clone())
}

fn new(seq: i64, content: &str) -> (String, i64, String) {
    told("new_message", seq, content)
}

fn told(event: &str, seq: i64, content: &str) -> (String, i64, String) {
    (event.to_owned(), seq, content.to_owned())
}

both_engines! {
    async fn what_was_not_told_is_read_when_the_next_change_comes(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let ann = app.user("acme", "ann").await;
        let mut sockets = [app.connect(&ann).await, app.connect(&ann).await];
        for socket in &mut sockets {
            socket.join(TOPIC).await;
        }
        // A hole at the very start of the topic: nothing was ever told before it.
        app.append(&ann, &general(), "lost 1").await;
        app.append(&ann, &general(), "lost 2").await;
        app.send(&ann, &general(), "told 3").await;
        for socket in &mut sockets {
            for expected in [new(1, "lost 1"), new(2, "lost 2"), new(3, "told 3")] {
                assert_eq!(next(socket).await, expected);
            }
        }
        let fourth = app.append(&ann, &general(), "lost 4").await;
        let fifth = app.send(&ann, &general(), "told 5").await;
        app.append(&ann, &general(), "lost 6").await;
        chat::edit_message(&app.db.store, &ann.scope(), &general(), fourth.id, "edited 4".to_owned(), None).await.unwrap();
        let eighth = app.append(&ann, &general(), "lost 8").await;
        chat::delete_message(&app.db.store, &ann.scope(), &general(), eighth.id, None).await.unwrap();
        chat::add_reaction(&app.db.store, &ann.scope(), &general(), fifth.id, "👍").await.unwrap();
        app.send(&ann, &general(), "told 11").await;
        // Changes that were overtaken by the time they are read are told as what overtook them. So what is told need
        // not be every number, but it comes in their order, and leads to the state of the log.
        let expected = [(4, "edited 4"), (5, "told 5"), (6, "lost 6"), (8, ""), (11, "told 11")];
        for socket in &mut sockets {
            let (mut known, mut last) = (BTreeMap::new(), 3);
            while last < 11 {
                let message = next_message(socket).await;
                let changed = message["changed_seq"].as_i64().unwrap();
                assert!(changed > last, "{changed} after {last}");
                last = changed;
                known.insert(message["seq"].as_i64().unwrap(), message);
            }
            let contents: Vec<_> = known.iter().map(|(seq, message)| (*seq, message["content"].as_str().unwrap())).collect();
            assert_eq!(contents, expected);
            assert_eq!(known[&5]["reactions"][0]["emoji"], "👍");
            assert!(known[&8]["deleted_at"].is_string());
            socket.refute_event("new_message").await;
        }
    }

    async fn sockets_that_come_while_something_is_missing_get_everything_once(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let ann = app.user("acme", "ann").await;
        let mut early = app.connect(&ann).await;
        early.join(TOPIC).await;
        app.append(&ann, &general(), "lost 1").await;
        let mut late = app.connect(&ann).await;
        let (channel, joined) = late.join(TOPIC).await;
        assert_eq!(joined["head_seq"], 1);
        assert_eq!(late.assert_push(&channel, "message_history").await["messages"][0]["content"], "lost 1");
        app.send(&ann, &general(), "told 2").await;
        assert_eq!(next(&mut early).await, new(1, "lost 1"));
        assert_eq!(next(&mut early).await, new(2, "told 2"));
        assert_eq!(next(&mut late).await, new(2, "told 2"), "not again what the history had");
        late.refute_event("new_message").await;
    }

    async fn with_too_much_missing_clients_rejoin_and_recover(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits = LimitSettings::off();
            settings.socket.recovery_limit = 1000;
        }).await;
        let ann = app.user("acme", "ann").await;
        let mut socket = app.connect(&ann).await;
        let (channel, joined) = socket.join(TOPIC).await;
        for number in 1..=301 {
            app.append(&ann, &general(), &format!("{number}")).await;
        }
        app.send(&ann, &general(), "302").await;
        let crash = socket.expect(|frame| frame[3] == "phx_error").await;
        assert_eq!((&crash[0], &crash[2]), (&json!(channel.join_ref), &json!(TOPIC)));
        let (_, back) = socket.rejoin(TOPIC, joined["epoch"].as_str().unwrap(), 0).await;
        assert_eq!((&back["recovered"], &back["head_seq"]), (&json!(true), &json!(302)));
        let told: Vec<i64> = back["messages"].as_array().unwrap().iter().map(|m| m["seq"].as_i64().unwrap()).collect();
        assert_eq!(told, (1..=302).collect::<Vec<_>>());
        app.send(&ann, &general(), "303").await;
        assert_eq!(next(&mut socket).await, new(303, "303"), "and it goes on as if nothing had been");
    }

    async fn all_sockets_see_one_order_whoever_writes_and_however(db: TestDatabase) {
        const EACH: usize = 40;
        let app = TestApp::start_limitless(db).await;
        let ann = app.user("acme", "ann").await;
        let mut readers = Vec::new();
        for _ in 0..3 {
            let mut socket = app.connect(&ann).await;
            socket.join(TOPIC).await;
            readers.push(socket);
        }
        let address = app.address;
        let mut writers = Vec::new();
        for number in 0..4 {
            let user = app.user("acme", &format!("writer-{number}")).await;
            let request = app.request_as(&user, reqwest::Method::POST, "/api/v1/rooms/general/messages");
            let store = app.db.store.clone();
            writers.push(actix_web::rt::spawn(async move {
                let mut socket = TestSocket::connect(address, &format!("token={}&vsn=2.0.0", user.token)).await;
                let channel = socket.join(TOPIC).await.0;
                for said in 0..EACH {
                    let content = format!("{number}: {said}");
                    match (number + said) % 5 {
                        0 => {
                            let new = chat::NewMessage { content, ..chat::NewMessage::default() };
                            chat::append_message(&store, &user.scope(), &general(), new, Cap::Off).await.unwrap();
                        }
                        1 | 2 => {
                            let request = request.try_clone().unwrap().json(&json!({ "content": content }));
                            assert_eq!(request.send().await.unwrap().status(), 201);
                        }
                        _ => {
                            socket.ask(&channel, "new_message", json!({ "content": content })).await;
                        }
                    }
                }
            }));
        }
        for writer in writers {
            writer.await.unwrap();
        }
        // Whatever was lost last is noticed with the next change.
        app.send(&ann, &general(), "the end").await;
        let total = 4 * EACH as i64 + 1;
        let recovery = chat::changes_since(&app.db.store, &ann.scope(), &general(), &app.app.epoch, 0, 1000).await.unwrap();
        let Recovery::Recovered { messages, .. } = recovery else { panic!("the log can be listed from the beginning") };
        let log: Vec<_> = messages.into_iter().map(|message| (message.seq, message.content)).collect();
        assert!(log.iter().map(|(seq, _)| *seq).eq(1..=total), "the log has no gap");
        for reader in &mut readers {
            for (seq, content) in &log {
                assert_eq!(next(reader).await, new(*seq, content));
            }
        }
    }

    async fn a_change_waits_no_longer_than_it_has_to(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits = LimitSettings::off();
            settings.realtime.hole_patience = Duration::from_secs(10);
        }).await;
        let ann = app.user("acme", "ann").await;
        let mut socket = app.connect(&ann).await;
        let (_, joined) = socket.join(TOPIC).await;
        let room = &joined["room"]["id"];
        let lost = app.append(&ann, &general(), "late 1").await;
        app.send(&ann, &general(), "told 2").await;
        socket.refute_event("new_message").await;
        // It comes after all, late: nothing is read then.
        let key = TopicKey::Room(lost.room_id);
        assert_eq!(*room, json!(lost.room_id));
        let payload = raw_payload(&MessageOut::from(lost.clone())).unwrap();
        let publish = Publish {
            key, event: "new_message", payload, seq: Some(1), except: None, ephemeral: false,
        };
        app.app.realtime.publish(ann.user.tenant_id, publish).await;
        assert_eq!(next(&mut socket).await, new(1, "late 1"));
        assert_eq!(next(&mut socket).await, new(2, "told 2"));
    }
}
