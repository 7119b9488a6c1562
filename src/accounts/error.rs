//! What can go wrong with accounts.

use sea_orm::DbErr;

use crate::validation::Violations;

/// Why an account function failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input breaks rules, or the username is taken.
    #[error("invalid input")]
    Invalid(Violations),
    /// No such user, or another password.
    #[error("invalid username or password")]
    InvalidCredentials,
    /// No such user in this tenant.
    #[error("user not found")]
    NotFound,
    /// The token was signed out, or its user is gone.
    #[error("signed out")]
    SignedOut,
    /// Too many passwords wait to be hashed; trying again later will do.
    #[error("too many sign-ins at once")]
    Busy,
    /// A password could not be hashed; nothing a client is told about.
    #[error("password hashing failed: {0}")]
    Hashing(String),
    /// The database failed; nothing a client is told about.
    #[error("database error: {0}")]
    Db(#[from] DbErr),
}

impl Error {
    /// The name of the case for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::InvalidCredentials => "invalid_credentials",
            Self::NotFound => "user_not_found",
            Self::SignedOut => "signed_out",
            Self::Busy => "busy",
            Self::Hashing(_) | Self::Db(_) => "internal_error",
        }
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}
