//! Messages: the log of a room.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ids::{MessageId, RoomId, TenantId, UserId},
    timestamp::Timestamp,
};

/// What sort of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize, ToSchema)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Written by a user.
    #[sea_orm(string_value = "text")]
    Text,
    /// Written by the server; no client can send one.
    #[sea_orm(string_value = "system")]
    System,
}

/// A row of `messages`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "messages")]
pub struct Model {
    /// Whose message.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// The room it is in.
    #[sea_orm(primary_key, auto_increment = false)]
    pub room_id: RoomId,
    /// Its place in the room; never changes.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// The message's id, unique in the room.
    pub id: MessageId,
    /// Number of the last change that touched it; `seq` while there was none.
    pub changed_seq: i64,
    /// The author.
    pub user_id: UserId,
    /// What sort of message it is.
    #[sea_orm(column_name = "type")]
    pub kind: MessageKind,
    /// The text, exactly as sent.
    pub content: String,
    /// The author's own id for it, unique in the room per author.
    pub client_id: Option<String>,
    /// The message of the same room it answers.
    pub reply_to: Option<MessageId>,
    /// When the text was last changed.
    pub edited_at: Option<Timestamp>,
    /// When it was deleted; the row stays as a tombstone.
    pub deleted_at: Option<Timestamp>,
    /// When it was stored.
    pub inserted_at: Timestamp,
    /// The message whose thread it is in.
    pub thread_root: Option<MessageId>,
    /// Whether it is in the room's main history; only a thread reply may not be.
    pub in_room: bool,
    /// Replies in its thread that are not deleted.
    pub reply_count: i64,
    /// Place of the last of them.
    pub last_reply_seq: Option<i64>,
    /// When the last of them was stored.
    pub last_reply_at: Option<Timestamp>,
    /// Rows of `reactions` for it: a reader of the message asks for them only when there are some.
    pub reaction_count: i64,
    /// Rows of `mentions` for it, for the same reason.
    pub mention_count: i64,
    /// Rows of `uploads` for it, for the same reason.
    pub attachment_count: i64,
    /// When it was pinned.
    pub pinned_at: Option<Timestamp>,
    /// Who pinned it.
    pub pinned_by: Option<UserId>,
}

/// Joins that start here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The author.
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
