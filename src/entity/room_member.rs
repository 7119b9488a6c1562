//! Who is a member of which room.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ids::{RoomId, TenantId, UserId},
    timestamp::Timestamp,
};

/// What a member may do in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize, ToSchema)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    #[sea_orm(string_value = "owner")]
    Owner,
    /// Runs the room; the role of whoever created it.
    #[sea_orm(string_value = "admin")]
    Admin,
    /// Keeps order.
    #[sea_orm(string_value = "moderator")]
    Moderator,
    /// Reads and writes.
    #[sea_orm(string_value = "member")]
    Member,
    /// Reads.
    #[sea_orm(string_value = "reader")]
    Reader,
}

/// A row of `room_members`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "room_members")]
pub struct Model {
    /// Whose room and user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// The room.
    #[sea_orm(primary_key, auto_increment = false)]
    pub room_id: RoomId,
    /// The member.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// What the member may do.
    pub role: Role,
    /// Number of the last message the member has read; 0 for none.
    pub read_seq: i64,
    /// When the user became a member.
    pub inserted_at: Timestamp,
}

/// Joins that start here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The room.
    #[sea_orm(
        belongs_to = "super::room::Entity",
        from = "(Column::TenantId, Column::RoomId)",
        to = "(super::room::Column::TenantId, super::room::Column::Id)"
    )]
    Room,
    /// The member.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "(Column::TenantId, Column::UserId)",
        to = "(super::user::Column::TenantId, super::user::Column::Id)"
    )]
    User,
}

impl Related<super::room::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Room.def()
    }
}

impl Related<super::user::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::User.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
