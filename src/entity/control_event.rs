//! What all servers of a deployment have to hear of.

use sea_orm::entity::prelude::*;

use crate::{ids::TenantId, timestamp::Timestamp};

/// A row of `control_events`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "control_events")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// When it was written, by the clock of the server that wrote it.
    pub at: Timestamp,
    /// The tenant it is about, which may be gone.
    pub tenant_id: TenantId,
    /// What happened: `control::ControlEvent` as JSON.
    pub event: Json,
}

/// No joins start here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
