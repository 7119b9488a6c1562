//! What clients see, the same on every transport: REST answers, socket replies, broadcasts.
//!
//! A record of the database never goes out as it is; a field is public because it is named here.

mod messages;
mod rooms;

use serde::Serialize;
use utoipa::ToSchema;

pub use self::{
    messages::{AttachmentOut, MessageIn, MessageOut, QuoteOut, ReactionOut, RevisionOut, SentOut, ThreadOut},
    rooms::{
        DmOut, InvitationOut, MemberOut, MembershipOut, RoomDetailOut, RoomOut, RoomWithRoleOut, SanctionOut, UnreadOut,
    },
};
use crate::{
    accounts::{User, UserKind},
    chat::UserRef,
    ids::UserId,
    timestamp::Timestamp,
};

/// What others are shown of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ShownOut {
    /// The user's name in the tenant, to show where there is no `name`.
    #[schema(example = "alice")]
    pub username: String,
    /// The name to show; left out when there is none but the username.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A picture; left out when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// Where the user comes from; left out for users with an account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<UserKind>,
}

/// A user, as far as others need to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UserRefOut {
    /// The user's id.
    pub id: UserId,
    /// What others are shown.
    #[serde(flatten)]
    pub shown: ShownOut,
}

impl From<UserRef> for UserRefOut {
    fn from(user: UserRef) -> Self {
        let ParticipantOut { user_id: id, shown } = user.into();
        Self { id, shown }
    }
}

/// Somebody in a room, where it is told what they do: `typing`, presence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParticipantOut {
    /// The user's id.
    pub user_id: UserId,
    /// What others are shown.
    #[serde(flatten)]
    pub shown: ShownOut,
}

impl From<UserRef> for ParticipantOut {
    fn from(
        UserRef {
            id: user_id,
            username,
            name,
            avatar_url,
            kind,
        }: UserRef,
    ) -> Self {
        let shown = ShownOut {
            username,
            name,
            avatar_url,
            kind: Some(kind).filter(|&kind| kind != UserKind::Account),
        };
        Self { user_id, shown }
    }
}

/// A user of the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UserOut {
    /// What others see of the user.
    #[serde(flatten)]
    pub user: UserRefOut,
    /// When the user came.
    pub inserted_at: Timestamp,
}

impl From<User> for UserOut {
    fn from(user: User) -> Self {
        Self {
            inserted_at: user.inserted_at,
            user: UserRef::from(user).into(),
        }
    }
}
