//! Tenants: the websites.

use sea_orm::entity::prelude::*;

use crate::{ids::TenantId, timestamp::Timestamp};

/// A row of `tenants`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tenants")]
pub struct Model {
    /// The tenant's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TenantId,
    /// Its name in URLs and headers, unique.
    #[sea_orm(unique)]
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// `tenants::TenantSettings` as JSON.
    pub settings: Json,
    /// When it was created.
    pub inserted_at: Timestamp,
}

/// No joins start here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
