//! What a server's key may do.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ApiKey, Error};

/// One thing that a server's key may do. To write does not include to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum Permission {
    /// List and show users.
    #[serde(rename = "users:read")]
    UsersRead,
    /// Create users and change what the website says of them.
    #[serde(rename = "users:write")]
    UsersWrite,
    /// Sign users in, and sign them out.
    #[serde(rename = "tokens:write")]
    TokensWrite,
    /// List rooms.
    #[serde(rename = "rooms:read")]
    RoomsRead,
    /// Create rooms.
    #[serde(rename = "rooms:write")]
    RoomsWrite,
    /// Add and remove members, and give them roles.
    #[serde(rename = "members:write")]
    MembersWrite,
    /// Send messages as the key's own bot.
    #[serde(rename = "messages:write")]
    MessagesWrite,
}

impl Permission {
    /// All there are.
    pub const ALL: [Self; 7] = [
        Self::UsersRead,
        Self::UsersWrite,
        Self::TokensWrite,
        Self::RoomsRead,
        Self::RoomsWrite,
        Self::MembersWrite,
        Self::MessagesWrite,
    ];

    /// Its name, as keys are given it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UsersRead => "users:read",
            Self::UsersWrite => "users:write",
            Self::TokensWrite => "tokens:write",
            Self::RoomsRead => "rooms:read",
            Self::RoomsWrite => "rooms:write",
            Self::MembersWrite => "members:write",
            Self::MessagesWrite => "messages:write",
        }
    }
}

impl std::str::FromStr for Permission {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|permission| permission.as_str() == text)
            .ok_or_else(|| format!("must be one of {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

impl ApiKey {
    /// # Errors
    /// [`Error::NotPermitted`] when the key was not given this.
    pub fn require(&self, needed: Permission) -> Result<(), Error> {
        if self.permissions.contains(&needed) {
            Ok(())
        } else {
            Err(Error::NotPermitted { needed })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_has_one_name_everywhere() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(permission));
            assert_eq!(serde_json::json!(permission), permission.as_str());
        }
        assert!("rooms:all".parse::<Permission>().is_err());
    }
}
