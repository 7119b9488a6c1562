//! What can go wrong with tenants.

use sea_orm::DbErr;

use crate::{validation::Violations, vault::VaultError};

/// Why a tenant function failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such tenant.
    #[error("tenant not found")]
    NotFound,
    /// Another tenant has this slug.
    #[error("a tenant with this slug exists")]
    SlugTaken,
    /// No such key of the tenant, or none that is live.
    #[error("signing key not found")]
    KeyNotFound,
    /// The tenant has as many live signing keys as it can have.
    #[error("two signing keys are live; revoke one first, or rotate")]
    TooManyKeys,
    /// The input breaks rules.
    #[error("invalid input")]
    Invalid(Violations),
    /// A secret that the database keeps does not open; nothing a client is told about.
    #[error("a signing key's secret does not open")]
    Vault(#[from] VaultError),
    /// The database failed; nothing a client is told about.
    #[error("database error: {0}")]
    Db(#[from] DbErr),
}

impl Error {
    /// The name of the case for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "tenant_not_found",
            Self::SlugTaken => "slug_taken",
            Self::KeyNotFound => "signing_key_not_found",
            Self::TooManyKeys => "too_many_signing_keys",
            Self::Invalid(_) => "invalid",
            Self::Vault(_) | Self::Db(_) => "internal_error",
        }
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}
