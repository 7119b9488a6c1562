//! Rooms.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ids::{RoomId, TenantId, UserId},
    timestamp::Timestamp,
};

/// Who may see and enter a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize, ToSchema)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum RoomKind {
    /// Everybody who is signed in.
    #[sea_orm(string_value = "public")]
    Public,
    /// Members only.
    #[sea_orm(string_value = "private")]
    Private,
    /// A direct conversation: its two members only.
    #[sea_orm(string_value = "dm")]
    Dm,
}

/// A row of `rooms`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "rooms")]
pub struct Model {
    /// Whose room.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// The room's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RoomId,
    /// Its name in URLs, unique in the tenant; none for a dm.
    pub slug: Option<String>,
    /// Of a dm: the ids of its two users in order, `{smaller}:{greater}`. Unique in the tenant.
    pub dm_key: Option<String>,
    /// Of a page's room: the page's address. Its slug is made from it, so that there is one room for each page.
    pub page_url: Option<String>,
    /// Who may see and enter it.
    pub kind: RoomKind,
    /// Its name for people; empty for a dm.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// Who made it; none for a dm and for rooms the server made.
    pub creator_id: Option<UserId>,
    /// Number of the last change in the room; 0 when nothing was said yet.
    pub head_seq: i64,
    /// Changes with numbers up to this can no longer be listed: messages they touched were removed.
    pub pruned_seq: i64,
    /// Seconds a member has to wait between two messages; 0 for none.
    pub slow_mode_s: i32,
    /// Whether nobody below moderator may write.
    pub frozen: bool,
    /// When it was created.
    pub inserted_at: Timestamp,
}

/// Joins that start here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Members of the room.
    #[sea_orm(has_many = "super::room_member::Entity")]
    Members,
    /// Bans and mutes in the room.
    #[sea_orm(has_many = "super::room_sanction::Entity")]
    Sanctions,
}

impl Related<super::room_member::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Members.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
