//! Users of a tenant.

use sea_orm::entity::prelude::*;

use crate::{
    ids::{TenantId, UserId},
    timestamp::Timestamp,
};

/// A row of `users`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// Whose user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// The user's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    /// The name as its owner wrote it.
    pub username: String,
    /// The name in lower case, unique in the tenant.
    pub username_key: String,
    /// PHC string; `None` for a user who cannot sign in with a password.
    pub password_hash: Option<String>,
    /// When the user was created.
    pub inserted_at: Timestamp,
}

/// Joins that start here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Memberships of the user.
    #[sea_orm(has_many = "super::room_member::Entity")]
    Memberships,
}

impl Related<super::room_member::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Memberships.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
