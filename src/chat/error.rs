//! What can go wrong in chat.

use std::time::Duration;

use sea_orm::DbErr;

use crate::{timestamp::Timestamp, validation::Violations};

/// Why a chat function failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such room in this tenant.
    #[error("room not found")]
    RoomNotFound,
    /// No such user in this tenant.
    #[error("user not found")]
    UserNotFound,
    /// No such message in this room, or it was deleted.
    #[error("message not found")]
    MessageNotFound,
    /// Only members may do this, and the asker is none.
    #[error("not a member of this room")]
    NotMember,
    /// Only who created the room may do this.
    #[error("only the creator of this room may do this")]
    NotCreator,
    /// The asker may read here but not write.
    #[error("this room is read-only for you")]
    ReadOnly,
    /// Only who wrote the message may do this.
    #[error("only the author of this message may do this")]
    NotAuthor,
    /// The message is too old to be edited, or deleted by its author.
    #[error("this message can no longer be changed")]
    TooLate,
    /// Only moderators, admins and owners of the room may do this.
    #[error("only a moderator of this room may do this")]
    NotModerator,
    /// The room has as many pinned messages as it can have.
    #[error("this room has too many pinned messages")]
    TooManyPins,
    /// The room has as many members as it can have.
    #[error("this room is full")]
    RoomFull,
    /// Somebody else creates rooms here.
    #[error("you may not create rooms here")]
    RoomCreationClosed,
    /// The tenant has as many rooms as it can have.
    #[error("there are too many rooms")]
    TooManyRooms,
    /// The asker was banned from this room.
    #[error("banned from this room")]
    Banned,
    /// The asker may not write here for now.
    #[error("muted in this room")]
    Muted {
        /// When that ends; `None` for never.
        until: Option<Timestamp>,
    },
    /// The room is in slow mode, and the asker has just written.
    #[error("this room is in slow mode")]
    SlowMode {
        /// How long to wait.
        retry_after: Duration,
    },
    /// Nobody but moderators may write here at present.
    #[error("this room is frozen")]
    Frozen,
    /// The author used this `client_id` in this room before, for another message.
    #[error("this client_id was used for another message")]
    Conflict,
    /// The input breaks rules.
    #[error("invalid input")]
    Invalid(Violations),
    /// Only admins and owners of the room may do this.
    #[error("only an admin of this room may do this")]
    NotAdmin,
    /// The other one's role is not below the asker's, or the role to be given is above it.
    #[error("your role in this room is not high enough")]
    Outranked,
    /// The user is no member of this room.
    #[error("member not found")]
    MemberNotFound,
    /// No such upload, or its address is good no longer.
    #[error("upload not found")]
    UploadNotFound,
    /// The tenant has as many bytes of uploads as it can have.
    #[error("there is no space for more uploads")]
    UploadsFull,
    /// The user is not invited to this room.
    #[error("invitation not found")]
    InvitationNotFound,
    /// There is no chance to be had from the operating system, which keys are made of.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
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
            Self::MessageNotFound => "message_not_found",
            Self::NotMember => "not_a_member",
            Self::NotCreator => "not_the_creator",
            Self::ReadOnly => "read_only",
            Self::NotAuthor => "not_the_author",
            Self::TooLate => "edit_window_over",
            Self::NotModerator => "not_a_moderator",
            Self::TooManyPins => "too_many_pins",
            Self::RoomFull => "room_full",
            Self::RoomCreationClosed => "room_creation_closed",
            Self::TooManyRooms => "too_many_rooms",
            Self::Banned => "banned",
            Self::Muted { .. } => "muted",
            Self::SlowMode { .. } => "slow_mode",
            Self::Frozen => "frozen",
            Self::Conflict => "conflict",
            Self::Invalid(_) => "invalid",
            Self::NotAdmin => "not_an_admin",
            Self::Outranked => "outranked",
            Self::MemberNotFound => "member_not_found",
            Self::InvitationNotFound => "invitation_not_found",
            Self::UploadNotFound => "upload_not_found",
            Self::UploadsFull => "uploads_full",
            Self::Random(_) | Self::Db(_) => "internal_error",
        }
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}
