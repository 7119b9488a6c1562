//! Tokens that were signed out before they expired.

use sea_orm::entity::prelude::*;

use crate::{
    ids::{TenantId, UserId},
    timestamp::Timestamp,
};

/// A row of `revoked_tokens`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revoked_tokens")]
pub struct Model {
    /// Whose token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// The token's `jti`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_id: Uuid,
    /// Who was signed in with it.
    pub user_id: UserId,
    /// When the token would have expired; after that the row is of no use.
    pub expires_at: Timestamp,
}

/// No joins start here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
