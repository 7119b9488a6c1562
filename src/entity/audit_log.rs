//! What administrators did, and tried to. Rows are added and never changed: the database refuses it.

use sea_orm::entity::prelude::*;

use crate::{ids::TenantId, timestamp::Timestamp};

/// A row of `audit_log`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log")]
pub struct Model {
    /// Its place in the log of the deployment, without a gap.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// Its id.
    pub id: Uuid,
    /// When it happened.
    pub at: Timestamp,
    /// The tenant it is about, which may be gone.
    pub tenant_id: Option<TenantId>,
    /// That tenant's slug at the time.
    pub tenant: Option<String>,
    /// What kind of actor: `operator`, `tenant_admin`, `api_key`, `user`, `cli`, `system`, `nobody`.
    pub actor_kind: String,
    /// Which of them.
    pub actor_id: String,
    /// What was done, such as `tenant.create`.
    pub action: String,
    /// What it was done to.
    pub target: Option<String>,
    /// `ok` or `refused`.
    pub outcome: String,
    /// What else there is to say: an object without secrets.
    pub detail: Json,
    /// The address the request came from.
    pub address: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// The hash of the row before.
    pub prev_hash: String,
    /// SHA-256 over that hash and everything in this row, in hex.
    pub hash: String,
}

/// No joins start here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
