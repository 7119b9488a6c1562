//! Rooms, who is in them, and what they are there.

use serde::Serialize;
use utoipa::ToSchema;

use super::UserRefOut;
use crate::{
    chat::{Dm, Invitation, Member, MemberChange, Role, Room, RoomKind, RoomListing, Sanction, Unread, UserRef},
    ids::{RoomId, UserId},
    timestamp::Timestamp,
};

/// A room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoomOut {
    /// The room's id; topics and paths take it or the slug.
    pub id: RoomId,
    /// The room's name in paths and topics; direct conversations have none.
    #[schema(example = "general")]
    #[schema(required)]
    pub slug: Option<String>,
    /// The address of the page whose room it is; `null` for all other rooms.
    #[schema(required)]
    pub page_url: Option<String>,
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
    /// Seconds that everybody below moderator has to wait between two messages; 0 for none.
    pub slow_mode_s: u32,
    /// Whether nobody below moderator may write.
    pub frozen: bool,
    /// When it was created.
    pub inserted_at: Timestamp,
}

impl From<Room> for RoomOut {
    fn from(room: Room) -> Self {
        let Room {
            id,
            slug,
            page_url,
            kind,
            name,
            description,
            creator_id,
            head_seq,
            slow_mode_s,
            frozen,
            inserted_at,
        } = room;
        Self {
            id,
            slug,
            page_url,
            kind,
            name,
            description,
            creator_id,
            head_seq,
            slow_mode_s,
            frozen,
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

/// What somebody is in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MembershipOut {
    /// Who it is.
    pub user: UserRefOut,
    /// What the member may do; `null` for somebody who is no member.
    #[schema(required)]
    pub role: Option<Role>,
}

impl From<MemberChange> for MembershipOut {
    fn from(
        MemberChange {
            room: _,
            user,
            before: _,
            after,
        }: MemberChange,
    ) -> Self {
        Self {
            user: user.into(),
            role: after,
        }
    }
}

/// An invitation to a room. Joining the room takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct InvitationOut {
    /// The room.
    pub room: RoomOut,
    /// Who is invited.
    pub user: UserRefOut,
    /// What the user becomes by joining.
    pub role: Role,
    /// Who invited.
    pub invited_by: UserRefOut,
    /// When.
    pub inserted_at: Timestamp,
}

impl From<Invitation> for InvitationOut {
    fn from(
        Invitation {
            room,
            user,
            role,
            invited_by,
            inserted_at,
        }: Invitation,
    ) -> Self {
        Self {
            room: room.into(),
            user: user.into(),
            role,
            invited_by: invited_by.into(),
            inserted_at,
        }
    }
}

/// A ban or mute that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SanctionOut {
    /// Who it is against.
    pub user: UserRefOut,
    /// When it ends; `null` for never.
    #[schema(required)]
    pub until: Option<Timestamp>,
    /// Why, in the moderator's words.
    #[schema(required)]
    pub reason: Option<String>,
    /// Who imposed it; `null` when that user is gone.
    #[schema(required)]
    pub imposed_by: Option<UserRefOut>,
    /// When it was imposed.
    pub inserted_at: Timestamp,
}

impl From<Sanction> for SanctionOut {
    fn from(
        Sanction {
            user,
            until,
            reason,
            imposed_by,
            inserted_at,
        }: Sanction,
    ) -> Self {
        Self {
            user: user.into(),
            until,
            reason,
            imposed_by: imposed_by.map(UserRefOut::from),
            inserted_at,
        }
    }
}

/// What the one who asks has not read in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UnreadOut {
    /// The room.
    pub room_id: RoomId,
    /// Messages of others, without deleted ones and replies shown in their thread only. 999 stands for that many
    /// and more.
    #[schema(maximum = 999)]
    pub unread: u64,
    /// Messages that name the one who asks. 999 stands for that many and more.
    #[schema(maximum = 999)]
    pub mentions: u64,
    /// The number of the last change of the room's content.
    pub head_seq: i64,
    /// The number up to which everything is read.
    pub read_seq: i64,
}

impl From<Unread> for UnreadOut {
    fn from(
        Unread {
            room_id,
            unread,
            mentions,
            head_seq,
            read_seq,
        }: Unread,
    ) -> Self {
        Self {
            room_id,
            unread,
            mentions,
            head_seq,
            read_seq,
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
