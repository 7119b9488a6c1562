//! Reactions to messages.

use sea_orm::entity::prelude::*;

use crate::{
    ids::{MessageId, RoomId, TenantId, UserId},
    timestamp::Timestamp,
};

/// A row of `reactions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reactions")]
pub struct Model {
    /// Whose message.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// The room it is in.
    #[sea_orm(primary_key, auto_increment = false)]
    pub room_id: RoomId,
    /// The message.
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: MessageId,
    /// Who reacted.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// With which emoji.
    #[sea_orm(primary_key, auto_increment = false)]
    pub emoji: String,
    /// When.
    pub inserted_at: Timestamp,
}

/// Joins that start here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Who reacted.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "(Column::TenantId, Column::UserId)",
        to = "(super::user::Column::TenantId, super::user::Column::Id)"
    )]
    User,
}

impl Related<super::user::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::User.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
