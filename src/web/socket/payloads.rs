//! What travels in the payloads of the chat channel, both ways.
//!
//! Unknown keys are ignored here, other than over REST: clients written for the original server send what
//! they like beside the fields that count.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{
    chat::{MessageQuery, NewMessage, Role},
    ids::{MessageId, UploadId},
    phoenix::Payload,
    realtime::presence_levels::PresenceSummary,
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
    /// How much is told about who is present, and how many are; left out where it is not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence: Option<PresenceSummary>,
    /// For a join with `since`: whether `messages` is all that was missed. When not, it is the newest page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovered: Option<bool>,
    /// For a join with `since`: messages, by `changed_seq` when recovered, else by `seq`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<MessageOut>>,
    /// For a join with `since` that did not recover: whether there are older messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_more: Option<bool>,
}

/// Where a client that comes back has been.
#[derive(Debug, Deserialize)]
pub struct Since {
    /// The epoch of the join reply then.
    pub epoch: String,
    /// The last change it knows.
    pub seq: i64,
}

/// A change of a message, or of what the user has read, as a client asks for it.
#[derive(Debug, PartialEq, Eq)]
pub enum ChangeIn {
    /// `edit_message {id, content}`
    Edit(MessageId, String),
    /// `delete_message {id}`
    Delete(MessageId),
    /// `add_reaction {id, emoji}`
    AddReaction(MessageId, String),
    /// `remove_reaction {id, emoji}`
    RemoveReaction(MessageId, String),
    /// `pin_message {id}`
    Pin(MessageId),
    /// `unpin_message {id}`
    Unpin(MessageId),
    /// `mark_read {seq}`
    MarkRead(i64),
    /// `mark_unread {seq}`
    MarkUnread(i64),
}

/// Reply to a change of a message.
#[derive(Debug, Serialize)]
pub struct ChangedMessage {
    /// The message as it is now.
    pub message: MessageOut,
}

/// Reply to `mark_read` and `mark_unread`.
#[derive(Debug, Serialize)]
pub struct MarkedRead {
    /// Up to where the user has read now.
    pub seq: i64,
}

/// `token_expiring`, and the reply to `token_refresh`.
#[derive(Debug, Serialize)]
pub struct TokenNews {
    /// When the token ends that the socket stands on.
    pub expires_at: Timestamp,
}

/// `message_history`, pushed after a join.
#[derive(Debug, Serialize)]
pub struct MessageHistory<'a> {
    /// The newest messages, oldest first.
    pub messages: &'a RawValue,
}

/// Reply to `load_more_messages`.
#[derive(Debug, Serialize)]
pub struct MoreMessages {
    /// Messages before the point asked for, oldest first.
    pub messages: Vec<MessageOut>,
    /// Whether there are still older ones.
    pub has_more: bool,
}

#[derive(Deserialize)]
struct NewMessageIn {
    content: String,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    reply_to: Option<MessageId>,
    #[serde(default)]
    thread_root: Option<MessageId>,
    #[serde(default)]
    also_in_room: bool,
    #[serde(default)]
    attachments: Vec<UploadId>,
}

#[derive(Deserialize)]
struct AliasedMessageIn {
    body: String,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    reply_to: Option<MessageId>,
    #[serde(default)]
    thread_root: Option<MessageId>,
    #[serde(default)]
    also_in_room: bool,
    #[serde(default)]
    attachments: Vec<UploadId>,
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

#[derive(Deserialize)]
struct TokenRefreshIn {
    token: String,
}

#[derive(Deserialize)]
struct JoinIn {
    #[serde(default)]
    since: Option<Since>,
}

#[derive(Deserialize)]
struct MessageIdIn {
    id: MessageId,
}

#[derive(Deserialize)]
struct EditIn {
    id: MessageId,
    content: String,
}

#[derive(Deserialize)]
struct ReactionIn {
    id: MessageId,
    emoji: String,
}

#[derive(Deserialize)]
struct ReadIn {
    seq: i64,
}

/// Reads the payload of a join, `{since?: {epoch, seq}}`. Payloads that are no object at all are fine, too.
pub fn join(payload: &Payload) -> Result<Option<Since>, Violations> {
    match payload {
        Payload::Json(json) if json.get().trim_start().starts_with('{') => match read::<JoinIn>(payload)?.since {
            Some(Since { seq, .. }) if seq < 0 => Err(Violations::of("since.seq", "must be 0 or greater")),
            since => Ok(since),
        },
        Payload::Json(_) | Payload::Binary(_) => Ok(None),
    }
}

/// Reads an event that changes something; `None` when it is no such event.
pub fn change(event: &str, payload: &Payload) -> Option<Result<ChangeIn, Violations>> {
    let id = |make: fn(MessageId) -> ChangeIn| read::<MessageIdIn>(payload).map(|MessageIdIn { id }| make(id));
    let reaction = |make: fn(MessageId, String) -> ChangeIn| {
        read::<ReactionIn>(payload).map(|ReactionIn { id, emoji }| make(id, emoji))
    };
    let seq = |make: fn(i64) -> ChangeIn| read::<ReadIn>(payload).map(|ReadIn { seq }| make(seq));
    Some(match event {
        "edit_message" => read::<EditIn>(payload).map(|EditIn { id, content }| ChangeIn::Edit(id, content)),
        "delete_message" => id(ChangeIn::Delete),
        "add_reaction" => reaction(ChangeIn::AddReaction),
        "remove_reaction" => reaction(ChangeIn::RemoveReaction),
        "pin_message" => id(ChangeIn::Pin),
        "unpin_message" => id(ChangeIn::Unpin),
        "mark_read" => seq(ChangeIn::MarkRead),
        "mark_unread" => seq(ChangeIn::MarkUnread),
        _ => return None,
    })
}

/// Reads the payload of `new_message {content, client_id?, reply_to?, thread_root?, also_in_room?, attachments?}`.
pub fn new_message(payload: &Payload) -> Result<NewMessage, Violations> {
    let NewMessageIn {
        content,
        client_id,
        reply_to,
        thread_root,
        also_in_room,
        attachments,
    } = read(payload)?;
    Ok(NewMessage {
        content,
        client_id,
        reply_to,
        thread_root,
        also_in_room,
        attachments,
    })
}

/// Reads the payload of `message:new {body, …}`, the same under another name.
pub fn aliased_message(payload: &Payload) -> Result<NewMessage, Violations> {
    let AliasedMessageIn {
        body,
        client_id,
        reply_to,
        thread_root,
        also_in_room,
        attachments,
    } = read(payload)?;
    Ok(NewMessage {
        content: body,
        client_id,
        reply_to,
        thread_root,
        also_in_room,
        attachments,
    })
}

/// Reads the payload of `token_refresh {token}`.
pub fn token_refresh(payload: &Payload) -> Result<String, Violations> {
    read::<TokenRefreshIn>(payload).map(|TokenRefreshIn { token }| token)
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
