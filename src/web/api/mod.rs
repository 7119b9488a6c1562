//! The handlers, with the bodies and parameters they take.

pub mod admin;
pub mod auth;
pub mod changes;
pub mod dm;
pub mod health;
pub mod invitations;
pub mod members;
pub mod messages;
pub mod moderation;
pub mod page_rooms;
pub mod pages;
pub mod pins;
pub mod reactions;
pub mod read_state;
pub mod rooms;
pub mod server;
pub mod tenant;
pub mod threads;
pub mod uploads;
pub mod users;
pub mod visitors;

use serde::Deserialize;
use utoipa::ToSchema;

use super::extract::Body;
use crate::{
    chat,
    ids::{MessageId, UserId},
};

/// The message that a path names. What is no id is the id of no message.
fn message_id(text: &str) -> Result<MessageId, chat::Error> {
    text.parse().map_err(|_| chat::Error::MessageNotFound)
}

/// The user that a path names. What is no id is the id of no user.
fn user_id(text: &str) -> Result<UserId, chat::Error> {
    text.parse().map_err(|_| chat::Error::UserNotFound)
}

/// A body that says nothing, or only the tenant. It may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoFieldsIn {
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}

impl Body for NoFieldsIn {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}
