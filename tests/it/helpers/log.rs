//! A room and its log, as its sockets hear of it.

use parlour::{
    chat::{self, NewRoom, Room, RoomRef},
    config::Cap,
};
use serde_json::Value;

use crate::helpers::{
    app::{TestApp, TestUser},
    socket::TestSocket,
};

/// A public room of its creator, who is its admin.
pub async fn room_of(app: &TestApp, creator: &TestUser) -> (Room, RoomRef, String) {
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

pub fn ids(messages: &Value) -> Vec<String> {
    texts(messages, "id")
}

pub fn texts(messages: &Value, field: &str) -> Vec<String> {
    let messages = messages.as_array().expect("a list of messages");
    messages
        .iter()
        .map(|message| message[field].as_str().expect("a text").to_owned())
        .collect()
}

pub fn numbers(messages: &Value, field: &str) -> Vec<i64> {
    let messages = messages.as_array().expect("a list of messages");
    messages
        .iter()
        .map(|message| message[field].as_i64().expect("a number"))
        .collect()
}

/// Waits for the broadcast of a change and gives its payload; whatever of the log came before it was not the next.
pub async fn next_change(socket: &mut TestSocket, event: &str) -> Value {
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
