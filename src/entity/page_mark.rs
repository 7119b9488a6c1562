//! What has changed the look of messages in a tenant without being a change of a room's log.

use sea_orm::entity::prelude::*;

use crate::ids::TenantId;

/// A row of `page_marks`; none for a tenant in which nothing of the kind has happened yet.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "page_marks")]
pub struct Model {
    /// Whose messages.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// How often users were shown otherwise from then on (the database counts), and messages were removed for their
    /// age.
    pub mark: i64,
}

/// No joins start here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
