//! Who may become a member of which room, and as what.

use sea_orm::entity::prelude::*;

use super::room_member::Role;
use crate::{
    ids::{RoomId, TenantId, UserId},
    timestamp::Timestamp,
};

/// A row of `room_invitations`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "room_invitations")]
pub struct Model {
    /// Whose room and user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// The room.
    #[sea_orm(primary_key, auto_increment = false)]
    pub room_id: RoomId,
    /// The user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// What the user becomes by joining.
    pub role: Role,
    /// Who invited; `None` when nobody did: a reader who leaves a public room comes back as a reader.
    pub invited_by: Option<UserId>,
    /// When.
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
    /// The user.
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
