//! Messages for tests of the contexts, and what pages of them hold.

use parlour::{
    chat::{self, Appended, Error, NewMessage, Room, RoomRef},
    config::Cap,
    scope::Scope,
    store::Store,
};
use serde_json::Value;

pub fn new(content: impl Into<String>) -> NewMessage {
    NewMessage {
        content: content.into(),
        ..NewMessage::default()
    }
}

pub fn with_client_id(content: &str, client_id: &str) -> NewMessage {
    NewMessage {
        client_id: Some(client_id.to_owned()),
        ..new(content)
    }
}

/// Stores a message, if the room takes it.
pub async fn append(store: &Store, scope: &Scope, room: &Room, new: NewMessage) -> Result<Appended, Error> {
    chat::append_message(store, scope, &RoomRef::Id(room.id), new, Cap::Off).await
}

/// What the messages of an answer say.
pub fn contents(messages: &Value) -> Vec<&str> {
    let messages = messages.as_array().unwrap().iter();
    messages.map(|message| message["content"].as_str().unwrap()).collect()
}
