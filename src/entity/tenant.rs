//! Tenants: the websites.

use sea_orm::{QuerySelect, Select, entity::prelude::*, sea_query::LockType};

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
    /// The key that embedding pages name the tenant by, `pk_…`; unique, and no secret.
    #[sea_orm(unique)]
    pub public_key: String,
    /// `tenants::TenantSettings` as JSON.
    pub settings: Json,
    /// What the operator grants and caps, other than the deployment's defaults, as JSON.
    pub limits: Json,
    /// Since when nothing works in the tenant.
    pub suspended_at: Option<Timestamp>,
    /// When it was created.
    pub inserted_at: Timestamp,
    /// How often the row was changed; the database counts.
    pub rev: i64,
}

/// No joins start here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// A tenant's row, locked until the transaction ends: of two who count what the tenant has, and add to it, neither
    /// overlooks what the other adds. Rows that refer to the tenant can be written meanwhile. SQLite has one writer and
    /// needs no lock.
    pub fn locked(id: TenantId) -> Select<Self> {
        Self::find_by_id(id).lock(LockType::NoKeyUpdate)
    }
}
