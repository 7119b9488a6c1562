//! What travels in the payloads of the chat channel, both ways.
//!
//! Unknown keys are ignored here, other than over REST: clients written for the original server send what
//! they like beside the fields that count.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    chat::{MessageQuery, NewMessage, Role},
    ids::{MessageId, UserId},
    phoenix::Payload,
    timestamp::Timestamp,
    validation::Violations,
    web::{error::ApiError, extract},
    wire::{MessageOut, RoomOut},
};

/// Reply to a join of a room.
#[derive(Debug, Serialize)]
pub struct JoinReply<'a> {
    /// The room.
    pub room: RoomOut,
    /// The user's role in it; null for a visitor of a public room.
    pub role: Option<Role>,
    /// The deployment's epoch: `seq` values of another epoch mean nothing here.
    pub epoch: &'a str,
    /// The last `seq` of the room's log at the time of the join.
    pub head_seq: i64,
}

/// `message_history`, pushed after a join.
#[derive(Debug, Serialize)]
pub struct MessageHistory {
    /// The newest messages, oldest first.
    pub messages: Vec<MessageOut>,
}

/// Reply to `load_more_messages`.
#[derive(Debug, Serialize)]
pub struct MoreMessages {
    /// Messages before the point asked for, oldest first.
    pub messages: Vec<MessageOut>,
    /// Whether there are still older ones.
    pub has_more: bool,
}

/// `typing` and `stop_typing`.
#[derive(Debug, Serialize)]
pub struct TypingNotice<'a> {
    /// Who types.
    pub user_id: UserId,
    /// Their name.
    pub username: &'a str,
}

#[derive(Deserialize)]
struct NewMessageIn {
    content: String,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    reply_to: Option<MessageId>,
}

#[derive(Deserialize)]
struct AliasedMessageIn {
    body: String,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    reply_to: Option<MessageId>,
}

#[derive(Deserialize)]
struct LoadMoreIn {
    #[serde(default)]
    before_id: Option<MessageId>,
    #[serde(default)]
    last_timestamp: Option<Timestamp>,
    #[serde(default)]
    limit: Option<u64>,
}

/// Reads the payload of `new_message {content, client_id?, reply_to?}`.
pub fn new_message(payload: &Payload) -> Result<NewMessage, Violations> {
    let NewMessageIn {
        content,
        client_id,
        reply_to,
    } = read(payload)?;
    Ok(NewMessage {
        content,
        client_id,
        reply_to,
    })
}

/// Reads the payload of `message:new {body, client_id?, reply_to?}`, the same under other names.
pub fn aliased_message(payload: &Payload) -> Result<NewMessage, Violations> {
    let AliasedMessageIn {
        body,
        client_id,
        reply_to,
    } = read(payload)?;
    Ok(NewMessage {
        content: body,
        client_id,
        reply_to,
    })
}

/// Reads the payload of `load_more_messages {before_id | last_timestamp, limit?}`.
pub fn load_more(payload: &Payload, default_limit: u64) -> Result<MessageQuery, Violations> {
    let LoadMoreIn {
        before_id,
        last_timestamp,
        limit,
    } = read(payload)?;
    if before_id.is_some() && last_timestamp.is_some() {
        return Err(Violations::of("last_timestamp", "cannot be combined with before_id"));
    }
    Ok(MessageQuery {
        limit: limit.unwrap_or(default_limit),
        before_id,
        inserted_before: last_timestamp,
        ..MessageQuery::default()
    })
}

fn read<T: DeserializeOwned>(payload: &Payload) -> Result<T, Violations> {
    let Payload::Json(json) = payload else {
        return Err(Violations::of("payload", "must be a JSON object"));
    };
    match extract::parse(json.get().as_bytes()) {
        Ok(fields) => Ok(fields),
        Err(ApiError::Invalid(violations)) => Err(violations),
        // Well-formed enough to be a frame, and yet no text: a lone surrogate, or nested without end.
        Err(_) => Err(Violations::of("payload", "is not valid JSON")),
    }
}
