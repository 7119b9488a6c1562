//! What delivers on a thread fails: the sockets of that thread end, their clients come back, and nobody loses anything.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use parlour::{
    chat::RoomRef,
    phoenix::{Broadcast, Payload, close_code},
    realtime::{
        messages::{Count, ListSockets},
        room_shard::{Fan, ShardHandle, ShardMessage},
        topic::TopicKey,
    },
};
use serde_json::{Value, json};

use crate::helpers::{
    app::TestApp,
    people::public_room,
    socket::{TestChannel, TestSocket},
};

/// Bytes that cannot be let go of without a panic, as a bug in what delivers them would have it.
struct Sticky;

impl AsRef<[u8]> for Sticky {
    fn as_ref(&self) -> &[u8] {
        b"sticky"
    }
}

impl Drop for Sticky {
    fn drop(&mut self) {
        panic!("a test breaks the shard");
    }
}

/// Has a shard deliver to a room what it will not survive. Its members are given it before.
fn break_shard(shard: &ShardHandle, key: TopicKey, topic: &str) {
    let sticky = Broadcast::new(topic, "sticky", Payload::Binary(Bytes::from_owner(Sticky)));
    let fan = Fan {
        seq: None,
        except: None,
        is_ephemeral: false,
        broadcasts: Box::new([Some(Arc::new(sticky))]),
        bytes: 0,
    };
    shard.try_send(key, ShardMessage::Fan(Arc::new(fan))).unwrap();
}

/// The numbers of messages among these frames.
fn numbers<'f>(frames: impl IntoIterator<Item = &'f Value>) -> Vec<i64> {
    let messages = frames.into_iter().filter(|frame| frame[3] == "new_message");
    messages.map(|frame| frame[4]["seq"].as_i64().unwrap()).collect()
}

/// Reads messages until one that ends them; what else comes is left out.
async fn read_to(socket: &mut TestSocket, last: &str) -> Result<Vec<i64>, (Option<u16>, Vec<i64>)> {
    let mut frames = Vec::new();
    loop {
        match socket.try_next_frame().await {
            Ok(frame) => {
                let is_last = frame[3] == "new_message" && frame[4]["content"] == last;
                frames.push(frame);
                if is_last {
                    return Ok(numbers(&frames));
                }
            }
            Err(code) => return Err((code, numbers(&frames))),
        }
    }
}

both_engines! {
    async fn sockets_of_a_thread_whose_shard_panics_come_back_and_miss_nothing(db: TestDatabase) {
        const SOCKETS: usize = 8;
        let app = TestApp::start_limitless(db).await;
        let ann = app.user("acme", "ann").await;
        let room = public_room(&app.db.store, &ann.scope(), "Room").await;
        let (here, topic) = (RoomRef::Id(room.id), format!("room:{}", room.id));
        let mut sockets: Vec<(TestSocket, TestChannel)> = Vec::new();
        for _ in 0..SOCKETS {
            let mut socket = app.connect(&ann).await;
            let channel = socket.join_quietly(&topic).await;
            sockets.push((socket, channel));
        }
        let registry = app.app.realtime.directory().registry(ann.user.tenant_id);
        let handles = registry.send(ListSockets).await.unwrap();
        let broken = handles[0].shard().expect("written to directly").clone();
        let is_doomed = |shard: &ShardHandle| shard.is(&broken);
        let doomed = handles.iter().filter(|handle| handle.shard().is_some_and(is_doomed)).count();
        assert!(doomed < SOCKETS, "there are two threads");

        app.send(&ann, &here, "before").await;
        break_shard(&broken, TopicKey::Room(room.id), &topic);
        for content in ["amid", "after"] {
            app.send(&ann, &here, content).await;
        }
        let read = join_all(sockets.iter_mut().map(|(socket, _)| read_to(socket, "after"))).await;
        let mut ended = 0;
        let epoch = app.db.store.epoch().await.unwrap();
        for ((socket, channel), read) in sockets.iter_mut().zip(read) {
            let Err((code, told)) = read else {
                assert_eq!(read, Ok(vec![1, 2, 3]), "on the other thread nobody notices");
                continue;
            };
            ended += 1;
            assert_eq!(code, Some(close_code::RESTART), "clients come back by themselves");
            assert_eq!(told, (1..).take(told.len()).collect::<Vec<_>>());
            *socket = app.connect(&ann).await;
            let since = told.len() as i64;
            let (again, back) = socket.rejoin(&topic, &epoch, since).await;
            assert_eq!(back["recovered"], true, "{back}");
            let missed = back["messages"].as_array().unwrap().iter().map(|message| message["seq"].as_i64().unwrap());
            assert_eq!(missed.collect::<Vec<_>>(), (since + 1..=3).collect::<Vec<_>>());
            *channel = again;
        }
        assert_eq!(ended, doomed);

        // The next shard of the thread delivers, and what they send comes before its answer.
        for (number, (socket, channel)) in sockets.iter_mut().enumerate() {
            socket.ask(channel, "new_message", json!({ "content": format!("{number}") })).await;
        }
        app.send(&ann, &here, "end").await;
        let all = 4 + SOCKETS as i64;
        for (socket, _) in &mut sockets {
            assert_eq!(read_to(socket, "end").await, Ok((4..=all).collect()));
        }
        let counts = registry.send(Count).await.unwrap();
        assert_eq!((counts.sockets, counts.channels), (SOCKETS, SOCKETS));
    }
}
