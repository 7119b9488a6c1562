//! Keys that websites sign the tokens of their users with.

use std::fmt;

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ids::{SigningKeyId, TenantId},
    timestamp::Timestamp,
};

/// How a key signs. A key does so in one way only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize, ToSchema)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum KeyAlgorithm {
    /// HMAC with SHA-256: a secret that both sides know.
    #[sea_orm(string_value = "HS256")]
    #[serde(rename = "HS256")]
    Hs256,
    /// Ed25519: only the website has the private key.
    #[sea_orm(string_value = "EdDSA")]
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA with P-256 and SHA-256: the same.
    #[sea_orm(string_value = "ES256")]
    #[serde(rename = "ES256")]
    Es256,
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hs256 => "HS256",
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        })
    }
}

/// A row of `signing_keys`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_keys")]
pub struct Model {
    /// Whose key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// The key's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SigningKeyId,
    /// The name that the header of a token has for it, unique in the tenant.
    pub kid: String,
    /// How it signs.
    pub algorithm: KeyAlgorithm,
    /// Of a shared secret: the secret, sealed.
    pub secret: Option<String>,
    /// Of a key pair: the public key, as PEM.
    pub public_key: Option<String>,
    /// When it was made.
    pub inserted_at: Timestamp,
    /// When a token of it was last accepted, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Since when its tokens are refused.
    pub revoked_at: Option<Timestamp>,
}

/// No joins start here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
