//! Topics: what a socket joins, as written on the wire and as meant inside a tenant.

use std::fmt;

use crate::{
    chat::RoomRef,
    ids::{RoomId, UserId},
};

/// The topic patterns a chat socket knows; everything else is an unmatched topic.
pub const ROUTES: &[&str] = &["room:*", "dm:*", "user:*"];

/// A topic as a client wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// `room:{uuid or slug}`: a public or private room.
    Room(RoomRef),
    /// `dm:{uuid}`: a conversation of two.
    Dm(RoomId),
    /// `user:{uuid}`: what concerns one user on all devices.
    User(UserId),
}

impl Topic {
    /// Reads a topic; `None` when nothing can be meant by it.
    pub fn parse(topic: &str) -> Option<Self> {
        let (kind, name) = topic.split_once(':')?;
        match kind {
            "room" if !name.is_empty() => Some(Self::Room(RoomRef::parse(name))),
            "dm" => name.parse().ok().map(Self::Dm),
            "user" => name.parse().ok().map(Self::User),
            _ => None,
        }
    }
}

/// A topic as the tenant's registry keys it: one per room, whatever name it was joined by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TopicKey {
    /// All channels on a room or direct conversation.
    Room(RoomId),
    /// All channels on a user's own topic.
    User(UserId),
}

impl fmt::Display for TopicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room(id) => write!(f, "room:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_named_by_slug_or_id() {
        let id = RoomId::generate();
        assert_eq!(
            Topic::parse("room:general"),
            Some(Topic::Room(RoomRef::Slug("general".to_owned())))
        );
        assert_eq!(Topic::parse(&format!("room:{id}")), Some(Topic::Room(RoomRef::Id(id))));
    }

    #[test]
    fn direct_conversations_and_users_are_named_by_id_only() {
        let id = RoomId::generate();
        assert_eq!(Topic::parse(&format!("dm:{id}")), Some(Topic::Dm(id)));
        assert_eq!(Topic::parse("dm:general"), None);
        assert_eq!(Topic::parse("user:ann"), None);
        assert_eq!(Topic::parse("room:"), None);
        assert_eq!(Topic::parse("nope:1"), None);
        assert_eq!(Topic::parse("room"), None);
    }
}
