//! The one row that says which deployment this database is.

use sea_orm::entity::prelude::*;

use crate::timestamp::Timestamp;

/// A row of `deployment`; there is exactly one, with id 1.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deployment")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Random text; a new one means that sequence numbers clients remember are worth nothing.
    pub epoch: String,
    /// When this epoch began.
    pub inserted_at: Timestamp,
    /// The number of the audit log's last row.
    pub audit_seq: i64,
    /// The hash of that row.
    pub audit_hash: String,
}

/// No joins start here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
