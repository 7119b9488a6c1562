//! What can go wrong with accounts.

use sea_orm::DbErr;

use crate::{chat, tenants, validation::Violations, vault::VaultError};

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
    /// The token is none, or is no longer good, for whatever reason.
    #[error("signed out")]
    SignedOut,
    /// The tenant makes no new accounts.
    #[error("registration is closed")]
    RegistrationClosed,
    /// The tenant takes no guests.
    #[error("guests are not allowed")]
    GuestsNotAllowed,
    /// The tenant's users may not take over what they were as guests, or the asker is no user of the website.
    #[error("guests cannot be claimed")]
    ClaimsNotAllowed,
    /// No guest has this key, or somebody has claimed the guest.
    #[error("guest not found")]
    GuestNotFound,
    /// The user is locked out of the tenant.
    #[error("this user is suspended")]
    Suspended,
    /// Too many passwords wait to be hashed; trying again later will do.
    #[error("too many sign-ins at once")]
    Busy,
    /// A password could not be hashed; nothing a client is told about.
    #[error("password hashing failed: {0}")]
    Hashing(String),
    /// The rules of chat say no.
    #[error(transparent)]
    Chat(#[from] chat::Error),
    /// The tenant, or one of its keys, could not be read; nothing a client is told about.
    #[error(transparent)]
    Tenant(#[from] tenants::Error),
    /// A key's secret could not be opened; nothing a client is told about.
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
            Self::Invalid(_) => "invalid",
            Self::InvalidCredentials => "invalid_credentials",
            Self::NotFound => "user_not_found",
            Self::SignedOut => "signed_out",
            Self::RegistrationClosed => "registration_closed",
            Self::GuestsNotAllowed => "guests_not_allowed",
            Self::ClaimsNotAllowed => "claims_not_allowed",
            Self::GuestNotFound => "guest_not_found",
            Self::Chat(error) => error.code(),
            Self::Suspended => "user_suspended",
            Self::Busy => "busy",
            Self::Hashing(_) | Self::Tenant(_) | Self::Vault(_) | Self::Db(_) => "internal_error",
        }
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}
