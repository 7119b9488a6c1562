//! What can go wrong with API keys.

use sea_orm::DbErr;

use super::Permission;
use crate::validation::Violations;

/// Why an API key function failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was shown is no key, or none any more.
    #[error("unauthorized")]
    Unknown,
    /// The tenant has no such key.
    #[error("key not found")]
    NotFound,
    /// The tenant has as many keys of this kind as it can have.
    #[error("too many keys; revoke one first")]
    TooMany,
    /// The key is good, for other things.
    #[error("this key may not do this")]
    NotPermitted {
        /// What it would take.
        needed: Permission,
    },
    /// The user that the key writes as was suspended.
    #[error("the bot of this key is suspended")]
    BotSuspended,
    /// The input breaks rules.
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
