//! Texts that messages had before they were edited or deleted.

use sea_orm::entity::prelude::*;

use crate::{
    ids::{MessageId, RoomId, TenantId, UserId},
    timestamp::Timestamp,
};

/// A row of `message_revisions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "message_revisions")]
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
    /// Number of the change that replaced this text.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// The text.
    pub content: String,
    /// Who replaced it.
    pub replaced_by: UserId,
    /// When it was replaced.
    pub inserted_at: Timestamp,
}

/// Joins that start here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Who replaced it.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "(Column::TenantId, Column::ReplacedBy)",
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
