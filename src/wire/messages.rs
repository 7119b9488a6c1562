//! Messages, with what is shown with them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::UserRefOut;
use crate::{
    chat::{Attachment, Message, MessageKind, Quote, ReactionCount, Revision, ThreadSummary, UploadLink},
    ids::{MessageId, RoomId, UploadId, UserId},
    media::MediaType,
    timestamp::Timestamp,
};

/// How many reacted to a message with one emoji.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReactionOut {
    /// The emoji.
    pub emoji: String,
    /// How many users chose it.
    pub count: u64,
    /// The first of them, up to 5.
    pub users: Vec<UserRefOut>,
    /// Whether the one who asks is among them; missing where the message is for everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub me: Option<bool>,
}

impl From<ReactionCount> for ReactionOut {
    fn from(
        ReactionCount {
            emoji,
            count,
            users,
            me,
        }: ReactionCount,
    ) -> Self {
        Self {
            emoji,
            count,
            users: users.into_iter().map(UserRefOut::from).collect(),
            me,
        }
    }
}

/// The message another one answers, as far as it is shown with that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct QuoteOut {
    /// Its id.
    pub id: MessageId,
    /// Its author.
    pub user: UserRefOut,
    /// How its text begins, up to 120 characters; empty when it was deleted.
    #[schema(example = "Hello, everybody")]
    pub excerpt: String,
    /// Whether it was deleted.
    pub deleted: bool,
}

impl From<Quote> for QuoteOut {
    fn from(
        Quote {
            id,
            author,
            excerpt,
            deleted,
        }: Quote,
    ) -> Self {
        Self {
            id,
            user: author.into(),
            excerpt,
            deleted,
        }
    }
}

/// A thread, the same for its root and all its replies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ThreadOut {
    /// The message the thread is under.
    pub root_id: MessageId,
    /// How many replies it has, deleted ones not counted.
    pub reply_count: u64,
    /// When the last of them was stored.
    #[schema(required)]
    pub last_reply_at: Option<Timestamp>,
}

impl From<ThreadSummary> for ThreadOut {
    fn from(
        ThreadSummary {
            root_id,
            reply_count,
            last_reply_at,
            last_reply_seq: _,
        }: ThreadSummary,
    ) -> Self {
        Self {
            root_id,
            reply_count,
            last_reply_at,
        }
    }
}

/// A file in a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AttachmentOut {
    /// The upload's id.
    pub id: UploadId,
    /// What it is called.
    #[schema(example = "photo.jpg")]
    pub name: String,
    /// What it is: a picture that the server has decoded, or anything else. Whatever is no `image/…` is to be saved,
    /// not to be shown.
    pub media_type: MediaType,
    /// How long it is.
    pub bytes: u64,
    /// Of a picture: how wide, in pixels.
    #[schema(required)]
    pub width: Option<u32>,
    /// Of a picture: how high.
    #[schema(required)]
    pub height: Option<u32>,
    /// Where it is, seen from the server's root. Good without a token, for a day at least and two at most; reading the
    /// message again gives another.
    #[schema(example = "/api/v1/uploads/0192d3a4-0000-7000-8000-000000000000?expires=1800057600&signature=…")]
    pub url: String,
}

impl From<Attachment> for AttachmentOut {
    fn from(attachment: Attachment) -> Self {
        let UploadLink { expires, signature } = attachment.link(Timestamp::now());
        let (width, height) = attachment.size.unzip();
        let id = attachment.id;
        Self {
            id,
            name: attachment.name,
            media_type: attachment.media_type,
            bytes: attachment.bytes,
            width,
            height,
            url: format!("/api/v1/uploads/{id}?expires={expires}&signature={signature}"),
        }
    }
}

/// A stored message: in history, in answers, in broadcasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MessageOut {
    /// The message's id.
    pub id: MessageId,
    /// Its room.
    pub room_id: RoomId,
    /// Its place in the room: greater than that of every message before it. Never changes.
    pub seq: i64,
    /// The number of the last change that touched it; `seq` until it is changed.
    pub changed_seq: i64,
    /// What sort of message it is.
    pub r#type: MessageKind,
    /// The text as its author wrote it. Plain text: escape it where it is shown.
    #[schema(example = "Hello, everybody")]
    pub content: String,
    /// Its author.
    pub user: UserRefOut,
    /// The id the author's client chose for it.
    #[schema(required)]
    pub client_id: Option<String>,
    /// The message it answers.
    #[schema(required)]
    pub reply_to: Option<QuoteOut>,
    /// The message whose thread it is in.
    #[schema(required)]
    pub thread_root: Option<MessageId>,
    /// Whether it is in the room's main history; a reply in a thread may not be.
    pub in_room: bool,
    /// The thread it is in or the root of; `null` for a message without replies.
    #[schema(required)]
    pub thread: Option<ThreadOut>,
    /// Reactions to it, in the order in which their kinds came up.
    pub reactions: Vec<ReactionOut>,
    /// The users it names as `@username`.
    pub mentions: Vec<UserId>,
    /// The files in it, in the order of its author.
    pub attachments: Vec<AttachmentOut>,
    /// When it was pinned.
    #[schema(required)]
    pub pinned_at: Option<Timestamp>,
    /// When it was last edited.
    #[schema(required)]
    pub edited_at: Option<Timestamp>,
    /// When it was deleted.
    #[schema(required)]
    pub deleted_at: Option<Timestamp>,
    /// When it was stored.
    pub inserted_at: Timestamp,
}

impl From<Message> for MessageOut {
    fn from(message: Message) -> Self {
        let Message {
            id,
            room_id,
            seq,
            changed_seq,
            kind,
            content,
            author,
            client_id,
            reply_to,
            thread_root,
            in_room,
            thread,
            reactions,
            mentions,
            attachments,
            pinned_at,
            edited_at,
            deleted_at,
            inserted_at,
        } = message;
        Self {
            id,
            room_id,
            seq,
            changed_seq,
            r#type: kind,
            content,
            user: author.into(),
            client_id,
            reply_to: reply_to.map(QuoteOut::from),
            thread_root,
            in_room,
            thread: thread.map(ThreadOut::from),
            reactions: reactions.into_iter().map(ReactionOut::from).collect(),
            mentions,
            attachments: attachments.into_iter().map(AttachmentOut::from).collect(),
            pinned_at,
            edited_at,
            deleted_at,
            inserted_at,
        }
    }
}

/// A text that a message had before it was edited or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RevisionOut {
    /// The text.
    pub content: String,
    /// The number of the change that replaced it.
    pub replaced_seq: i64,
    /// Who replaced it.
    pub replaced_by: UserRefOut,
    /// When it was replaced.
    pub replaced_at: Timestamp,
}

impl From<Revision> for RevisionOut {
    fn from(
        Revision {
            content,
            replaced_seq,
            replaced_by,
            replaced_at,
        }: Revision,
    ) -> Self {
        Self {
            content,
            replaced_seq,
            replaced_by: replaced_by.into(),
            replaced_at,
        }
    }
}

/// What the author of a message gets as the socket's reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SentOut {
    /// The message's id.
    pub id: MessageId,
    /// The same, under the name older clients look for.
    pub message_id: MessageId,
    /// Its place in the room.
    pub seq: i64,
    /// The id the client chose for it.
    #[schema(required)]
    pub client_id: Option<String>,
    /// When it was stored.
    pub inserted_at: Timestamp,
}

impl From<&Message> for SentOut {
    fn from(message: &Message) -> Self {
        Self {
            id: message.id,
            message_id: message.id,
            seq: message.seq,
            client_id: message.client_id.clone(),
            inserted_at: message.inserted_at,
        }
    }
}

/// A message to be sent: body of `POST …/messages`, payload of the `new_message` push.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageIn {
    /// The text: 1 to 2000 characters, not only white space; with attachments it may be empty. It is stored as it is.
    #[schema(example = "Hello, everybody")]
    pub content: String,
    /// An id of the client's choice, 1 to 64 printable ASCII characters: a repeat of the same message gets
    /// the first answer and is not sent twice.
    pub client_id: Option<String>,
    /// The message of this room that it answers.
    pub reply_to: Option<MessageId>,
    /// The message of this room in whose thread it is to be. That one must not be in a thread itself.
    pub thread_root: Option<MessageId>,
    /// Whether a message in a thread is shown in the room's main history as well; `false` when missing.
    pub also_in_room: Option<bool>,
    /// Up to 4 uploads of the author's to this room that are in no message yet, in the order to show them in.
    #[serde(default)]
    pub attachments: Vec<UploadId>,
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}
