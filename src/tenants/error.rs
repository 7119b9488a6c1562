//! What can go wrong with tenants.

use sea_orm::DbErr;

use crate::validation::Violations;

/// Why a tenant function failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such tenant.
    #[error("tenant not found")]
    NotFound,
    /// Another tenant has this slug.
    #[error("a tenant with this slug exists")]
    SlugTaken,
    /// The input breaks rules.
    #[error("invalid input")]
    Invalid(Violations),
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
            Self::Invalid(_) => "invalid",
            Self::Db(_) => "internal_error",
        }
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}
