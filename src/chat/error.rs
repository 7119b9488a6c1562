//! What can go wrong in chat.

use sea_orm::DbErr;

use crate::validation::Violations;

/// Why a chat function failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such room in this tenant.
    #[error("room not found")]
    RoomNotFound,
    /// No such user in this tenant.
    #[error("user not found")]
    UserNotFound,
    /// Only members may do this, and the asker is none.
    #[error("not a member of this room")]
    NotMember,
    /// Only who created the room may do this.
    #[error("only the creator of this room may do this")]
    NotCreator,
    /// The asker may read here but not write.
    #[error("this room is read-only for you")]
    ReadOnly,
    /// The author used this `client_id` in this room before, for another message.
    #[error("this client_id was used for another message")]
    Conflict,
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
            Self::RoomNotFound => "room_not_found",
            Self::UserNotFound => "user_not_found",
            Self::NotMember => "not_a_member",
            Self::NotCreator => "not_the_creator",
            Self::ReadOnly => "read_only",
            Self::Conflict => "conflict",
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
