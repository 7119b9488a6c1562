//! Keys that open more than one user's view of a tenant: for its backend, and for its administrators.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ids::{ApiKeyId, TenantId, UserId},
    timestamp::Timestamp,
};

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize, ToSchema)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum ApiKeyKind {
    /// The website's backend: `sk_…`.
    #[sea_orm(string_value = "server")]
    Server,
    /// An administrator of the tenant: `ta_…`.
    #[sea_orm(string_value = "admin")]
    Admin,
}

/// A row of `api_keys`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_keys")]
pub struct Model {
    /// Whose key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// The key's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ApiKeyId,
    /// What it is for.
    pub kind: ApiKeyKind,
    /// What its owner calls it.
    pub name: String,
    /// SHA-256 of the key, in hex; unique over all tenants.
    #[sea_orm(unique)]
    pub hash: String,
    /// The key's last characters, to tell keys apart.
    pub hint: String,
    /// What it may do: an array of scopes.
    pub scopes: Json,
    /// The user that it acts as, once it has acted.
    pub bot_user_id: Option<UserId>,
    /// When it was made.
    pub inserted_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
}

/// No joins start here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
