//! What clients see, the same on every transport: REST answers, socket replies, broadcasts.
//!
//! A record of the database never goes out as it is; a field is public because it is named here.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    accounts::User,
    chat::{Dm, Member, Message, MessageKind, Role, Room, RoomKind, RoomListing, UserRef},
    ids::{MessageId, RoomId, UserId},
    timestamp::Timestamp,
};

/// A user, as far as others need to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UserRefOut {
    /// The user's id.
    pub id: UserId,
    /// The name to show.
    #[schema(example = "alice")]
    pub username: String,
}

impl From<UserRef> for UserRefOut {
    fn from(UserRef { id, username }: UserRef) -> Self {
        Self { id, username }
    }
}

/// A user with an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UserOut {
    /// The user's id.
    pub id: UserId,
    /// The name to show, unique in the tenant without regard to case.
    #[schema(example = "alice")]
    pub username: String,
    /// When the account was made.
    pub inserted_at: Timestamp,
}

impl From<User> for UserOut {
    fn from(
        User {
            id,
            tenant_id: _,
            username,
            inserted_at,
        }: User,
    ) -> Self {
        Self {
            id,
            username,
            inserted_at,
        }
    }
}

/// A room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoomOut {
    /// The room's id; topics and paths take it or the slug.
    pub id: RoomId,
    /// The room's name in paths and topics; direct conversations have none.
    #[schema(example = "general")]
    #[schema(required)]
    pub slug: Option<String>,
    /// Who may come in.
    pub kind: RoomKind,
    /// The name to show.
    #[schema(example = "General")]
    pub name: String,
    /// What the room is for.
    #[schema(required)]
    pub description: Option<String>,
    /// Who created it, and may delete it; rooms made by the operator have no creator.
    #[schema(required)]
    pub creator_id: Option<UserId>,
    /// The number of the last change of the room's content.
    pub head_seq: i64,
    /// When it was created.
    pub inserted_at: Timestamp,
}

impl From<Room> for RoomOut {
    fn from(room: Room) -> Self {
        let Room {
            id,
            slug,
            kind,
            name,
            description,
            creator_id,
            head_seq,
            inserted_at,
        } = room;
        Self {
            id,
            slug,
            kind,
            name,
            description,
            creator_id,
            head_seq,
            inserted_at,
        }
    }
}

/// A room and what the one who asks is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoomWithRoleOut {
    /// The room.
    #[serde(flatten)]
    pub room: RoomOut,
    /// The role of the one who asks; `null` for somebody who is no member.
    #[schema(required)]
    pub role: Option<Role>,
}

/// A member of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MemberOut {
    /// Who it is.
    pub user: UserRefOut,
    /// What the member may do.
    pub role: Role,
    /// Since when.
    pub inserted_at: Timestamp,
}

impl From<RoomListing> for RoomWithRoleOut {
    fn from(RoomListing { room, role }: RoomListing) -> Self {
        Self {
            room: room.into(),
            role,
        }
    }
}

impl From<Member> for MemberOut {
    fn from(
        Member {
            user,
            role,
            inserted_at,
        }: Member,
    ) -> Self {
        Self {
            user: user.into(),
            role,
            inserted_at,
        }
    }
}

/// A room with its members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoomDetailOut {
    /// The room and the role of the one who asks.
    #[serde(flatten)]
    pub room: RoomWithRoleOut,
    /// Its members in the order they came, the first 200.
    pub members: Vec<MemberOut>,
    /// How many members there are in all.
    pub member_count: u64,
}

/// A direct conversation of two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DmOut {
    /// Its id: for `/dm/{id}/messages` and the topic `dm:{id}`.
    pub id: RoomId,
    /// The other one.
    pub user: UserRefOut,
    /// The number of the last change of its content.
    pub head_seq: i64,
    /// When it was started.
    pub inserted_at: Timestamp,
}

impl DmOut {
    /// The conversation held in `room` with `peer`.
    pub fn new(room: &Room, peer: UserRef) -> Self {
        Self {
            id: room.id,
            user: peer.into(),
            head_seq: room.head_seq,
            inserted_at: room.inserted_at,
        }
    }
}

impl From<Dm> for DmOut {
    fn from(Dm { room, peer }: Dm) -> Self {
        Self::new(&room, peer)
    }
}

/// How many reacted to a message with one emoji.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReactionOut {
    /// The emoji.
    pub emoji: String,
    /// How many users chose it.
    pub count: u64,
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
    pub reply_to: Option<MessageId>,
    /// Reactions to it.
    pub reactions: Vec<ReactionOut>,
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
            reply_to,
            reactions: Vec::new(),
            edited_at,
            deleted_at,
            inserted_at,
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
    /// The text: 1 to 2000 characters, not only white space. It is stored as it is.
    #[schema(example = "Hello, everybody")]
    pub content: String,
    /// An id of the client's choice, 1 to 64 printable ASCII characters: a repeat of the same message gets
    /// the first answer and is not sent twice.
    pub client_id: Option<String>,
    /// The message of this room that it answers.
    pub reply_to: Option<MessageId>,
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}
