//! What every socket of a room may rely on when many talk at once, come and go, or do not read.

use std::time::Duration;

use parlour::{
    config::{Cap, LimitSettings, Settings, SocketTransport},
    phoenix::close_code,
};
use reqwest::Method;
use serde_json::json;

use crate::helpers::{
    app::{OPERATOR_TOKEN, TestApp},
    database::{Engine, TestDatabase},
    longpoll::TestPoll,
    socket::{TestChannel, TestSocket},
};

const TOPIC: &str = "room:general";

async fn app_with(change: impl FnOnce(&mut Settings)) -> TestApp {
    let db = TestDatabase::create(Engine::Sqlite).await;
    TestApp::start_with(db, |settings| {
        settings.limits = LimitSettings::off();
        change(settings);
    })
    .await
}

/// Sends so many messages, several at a time, and reads until all are answered and `all` messages of the room have
/// come. Checks that each own message comes before its reply, and that what comes is the log without a hole from the
/// first on.
async fn talk(mut socket: TestSocket, channel: TestChannel, name: usize, messages: usize, all: i64) {
    const AT_ONCE: usize = 5;
    let (mut sent, mut answered, mut last) = (0, 0, None::<i64>);
    let mut own_seen = Vec::new();
    while answered < messages || last.is_none_or(|last| last < all) {
        while sent < messages && sent < answered + AT_ONCE {
            let content = format!("{name}-{sent}");
            socket
                .push(&channel, "new_message", json!({ "content": content }))
                .await;
            sent += 1;
        }
        let frame = socket.next_frame().await;
        match frame[3].as_str().unwrap() {
            "new_message" => {
                let seq = frame[4]["seq"].as_i64().unwrap();
                assert!(last.is_none_or(|last| seq == last + 1), "{seq} after {last:?}");
                last = Some(seq);
                own_seen.push(frame[4]["id"].clone());
            }
            "phx_reply" => {
                assert_eq!(frame[4]["status"], "ok", "{frame}");
                let id = &frame[4]["response"]["id"];
                assert!(own_seen.contains(id), "the reply came before the message");
                answered += 1;
            }
            _ => {}
        }
    }
}

async fn many_talk_at_once(transport: SocketTransport) {
    const TALKERS: usize = 6;
    const MESSAGES: usize = 25;
    let app = app_with(|settings| settings.socket.transport = transport).await;
    let ann = app.user("acme", "ann").await;
    let mut talkers = Vec::new();
    for _ in 0..TALKERS {
        let mut socket = app.connect(&ann).await;
        let channel = socket.join_quietly(TOPIC).await;
        talkers.push((socket, channel));
    }
    let all = i64::try_from(TALKERS * MESSAGES).unwrap();
    let talking = talkers
        .into_iter()
        .enumerate()
        .map(|(name, (socket, channel))| talk(socket, channel, name, MESSAGES, all));
    futures_util::future::join_all(talking).await;
}

#[actix_web::test]
async fn every_socket_gets_the_log_in_order_and_its_own_message_before_the_reply() {
    many_talk_at_once(SocketTransport::Raw).await;
}

#[actix_web::test]
async fn the_same_holds_on_actors() {
    many_talk_at_once(SocketTransport::Actors).await;
}

#[actix_web::test]
async fn who_joins_and_leaves_in_a_busy_room_gets_its_log_without_a_hole_and_nothing_after_the_leave() {
    let app = app_with(|_| ()).await;
    let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
    let mut talker = app.connect(&ann).await;
    let channel = talker.join_quietly(TOPIC).await;
    let mut comer = app.connect(&bob).await;
    let talking = async {
        for number in 0..150 {
            let pushed = talker
                .push(&channel, "new_message", json!({ "content": number.to_string() }))
                .await;
            talker.assert_reply(&pushed, "ok").await;
        }
    };
    let coming = async {
        for round in 0..15_usize {
            let joining = comer.start_join(TOPIC).await;
            let reply = comer.next_frame().await;
            assert_eq!(
                (&reply[0], &reply[4]["status"]),
                (&json!(joining.join_ref), &json!("ok")),
                "{reply}"
            );
            let mut last = reply[4]["response"]["head_seq"].as_i64().unwrap();
            let (mut has_state, mut messages) = (false, 0);
            while !has_state || messages < round % 4 {
                let frame = comer.next_frame().await;
                match frame[3].as_str().unwrap() {
                    "presence_state" => has_state = true,
                    "presence_diff" => assert!(has_state, "a diff came before the state"),
                    "new_message" => {
                        let seq = frame[4]["seq"].as_i64().unwrap();
                        assert_eq!(seq, last + 1);
                        last = seq;
                        messages += 1;
                    }
                    _ => {}
                }
            }
            let leaving = comer.push(&joining, "phx_leave", json!({})).await;
            while comer.next_frame().await[1] != *leaving.r#ref {}
            let close = comer.next_frame().await;
            assert_eq!(
                (&close[0], &close[3]),
                (&json!(joining.join_ref), &json!("phx_close")),
                "{close}"
            );
        }
        comer.refute_event("new_message").await;
    };
    tokio::join!(talking, coming);
}

#[actix_web::test]
async fn a_poller_and_a_socket_are_told_the_same() {
    let app = app_with(|_| ()).await;
    let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
    let mut socket = app.connect(&ann).await;
    let channel = socket.join_quietly(TOPIC).await;
    let mut poller = TestPoll::open(app.address, &bob.token).await;
    poller.join(TOPIC).await;
    for number in 0..20 {
        socket
            .ask(&channel, "new_message", json!({ "content": number.to_string() }))
            .await;
    }
    for seq in 1..=20 {
        assert_eq!(poller.expect(|frame| frame[3] == "new_message").await[4]["seq"], seq);
        assert_eq!(socket.assert_broadcast(TOPIC, "new_message").await["seq"], seq);
    }
}

fn metric(text: &str, name: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or_default()
}

#[actix_web::test]
async fn what_waits_for_a_reader_that_stalls_is_bounded_and_given_up() {
    const LIMIT: usize = 64 * 1024;
    let app = app_with(|settings| settings.socket.outbound_bytes_max = Cap::Max(LIMIT)).await;
    let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
    let (mut talker, mut stalled) = (app.connect(&ann).await, app.connect(&bob).await);
    let channel = talker.join_quietly(TOPIC).await;
    stalled.join_quietly(TOPIC).await;
    talker.assert_broadcast(TOPIC, "presence_diff").await;
    let content = "x".repeat(2000);
    let (mut queued_most, mut number) = (0.0_f64, 0);
    // Until the stalled one is out of the room.
    while talker.try_broadcast(TOPIC, "presence_diff").is_none() {
        talker.ask(&channel, "new_message", json!({ "content": content })).await;
        talker.assert_broadcast(TOPIC, "new_message").await;
        number += 1;
        if number % 50 == 0 {
            let text = metrics(&app).await;
            queued_most = queued_most.max(metric(&text, "parlour_outbound_queued_bytes"));
        }
    }
    assert!(queued_most <= (LIMIT + 8192) as f64, "{queued_most} bytes were queued");
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while metric(&metrics(&app).await, "parlour_outbound_queued_bytes") > 8192.0 {
        assert!(std::time::Instant::now() < deadline, "the queue is still held");
    }
    let (code, _) = stalled.assert_closed().await;
    assert_eq!(code, Some(close_code::SLOW_CONSUMER));
    assert!(metric(&metrics(&app).await, r#"parlour_broadcasts_total{result="delivered"}"#) > f64::from(number));
}

async fn metrics(app: &TestApp) -> String {
    let request = app.request(Method::GET, "/metrics").bearer_auth(OPERATOR_TOKEN);
    request.send().await.unwrap().text().await.unwrap()
}
