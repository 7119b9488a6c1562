//! Who is limited.

use std::net::IpAddr;

use crate::{
    accounts::USERNAME_CHARS_MAX,
    ids::{ApiKeyId, RoomId, UserId},
    realtime::{address::network, socket_handle::SocketId},
};

/// Who or what a limit counts, inside of a tenant. Small, for there is one of each user, socket and address that did
/// something a moment ago; text is rare and stays elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The tenant itself.
    Tenant,
    /// A user.
    User(UserId),
    /// A key of the site's backend.
    ApiKey(ApiKeyId),
    /// A room.
    Room(RoomId),
    /// A socket.
    Socket(SocketId),
    /// An address, as [`network`] counts them.
    Address(IpAddr),
    /// An account, by its name.
    Account(Box<str>),
    /// An account, as seen from one address.
    AccountFrom(Box<(Box<str>, IpAddr)>),
}

impl Subject {
    /// A client's address.
    pub fn address(address: IpAddr) -> Self {
        Self::Address(network(address))
    }

    /// An account, whether there is one of this name or not. Names are compared without regard to case.
    pub fn account(username: &str) -> Self {
        Self::Account(account_key(username))
    }

    /// An account, as seen from a client's address.
    pub fn account_from(username: &str, address: IpAddr) -> Self {
        Self::AccountFrom(Box::new((account_key(username), network(address))))
    }
}

/// Nobody is called by more than this, so what is longer need not be told apart, or kept.
fn account_key(username: &str) -> Box<str> {
    username
        .chars()
        .take(USERNAME_CHARS_MAX + 1)
        .flat_map(char::to_lowercase)
        .collect::<String>()
        .into()
}
