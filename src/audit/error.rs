//! What can go wrong with reading the audit log.

use sea_orm::DbErr;

use crate::validation::Violations;

/// Why a page of the log was not listed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The limit or the cursor is none.
    #[error("invalid input")]
    Invalid(Violations),
    /// The database failed; nothing a client is told about.
    #[error("database error: {0}")]
    Db(#[from] DbErr),
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}
