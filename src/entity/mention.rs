//! Who is named, as `@username`, in which message.

use sea_orm::entity::prelude::*;

use crate::ids::{RoomId, TenantId, UserId};

/// A row of `mentions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mentions")]
pub struct Model {
    /// Whose message.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// The room it is in.
    #[sea_orm(primary_key, auto_increment = false)]
    pub room_id: RoomId,
    /// The place of the message.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// Who is named.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
}

/// Joins that start here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Who is named.
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
