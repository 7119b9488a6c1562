//! Who is banned from a room, or muted in it.

use sea_orm::entity::prelude::*;
use serde::Deserialize;

use crate::{
    ids::{RoomId, TenantId, UserId},
    timestamp::Timestamp,
};

/// What somebody may no longer do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum SanctionKind {
    /// Be in the room at all.
    #[sea_orm(string_value = "ban")]
    Ban,
    /// Write in it.
    #[sea_orm(string_value = "mute")]
    Mute,
}

/// A row of `room_sanctions`. It holds for members and for others, and outlives a membership.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "room_sanctions")]
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
    /// What the user may not do.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: SanctionKind,
    /// When it ends; `None` for never. A row whose time has come means nothing any more.
    pub until: Option<Timestamp>,
    /// Why, in the moderator's words.
    pub reason: Option<String>,
    /// Who imposed it; a user who may be gone.
    pub imposed_by: UserId,
    /// When it was imposed.
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
