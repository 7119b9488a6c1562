//! The vocabulary of the actors.

use std::sync::Arc;

use actix::{Addr, Message};
use serde_json::value::RawValue;

use super::{
    presence_levels::PresenceSummary,
    revocations::{Credential, Revocation},
    room_registry::RoomRegistry,
    socket_handle::{SocketHandle, SocketId},
    topic::TopicKey,
};
use crate::{
    chat::UserRef,
    ids::{RoomId, TenantId, UserId},
    phoenix::ChannelId,
};

/// A channel, named across the sockets of a server.
pub type ChannelKey = (SocketId, ChannelId);

/// A socket has connected. Until it sends [`Gone`] it ends with its credential.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Register {
    /// The socket.
    pub socket: Arc<SocketHandle>,
    /// What it stands on.
    pub credential: Arc<Credential>,
}

/// A socket stands on another token of its user from now on.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Renew {
    /// The socket.
    pub socket_id: SocketId,
    /// What it stands on now.
    pub credential: Arc<Credential>,
}

/// A socket has ended; all its channels end with it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Gone(pub SocketId);

/// A channel subscribes to a topic it was authorised for. The answer tells who is present, where that is shown.
#[derive(Message)]
#[rtype(result = "Result<Option<PresenceSummary>, SocketEnded>")]
pub struct Subscribe {
    /// The socket, which has been registered.
    pub socket: Arc<SocketHandle>,
    /// Its channel.
    pub channel: ChannelId,
    /// What it joins.
    pub key: TopicKey,
    /// The topic as the client wrote it; broadcasts carry it.
    pub topic: Arc<str>,
    /// Its user, as others see them.
    pub user: Arc<UserRef>,
    /// Whether the user is to be shown as present: not on topics without presence.
    pub is_shown: bool,
}

/// The socket ended before its channel could subscribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketEnded;

/// A channel has ended. Comes from the client, from a failed delivery or with the socket, so more than
/// once is fine.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Unsubscribe {
    /// The socket.
    pub socket_id: SocketId,
    /// Its channel.
    pub channel: ChannelId,
}

/// Something for all channels of a topic. The reply means that every socket, or what delivers on its thread, has it in
/// its queue.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Publish {
    /// The topic.
    pub key: TopicKey,
    /// The event's name.
    pub event: &'static str,
    /// The event's payload.
    pub payload: Arc<RawValue>,
    /// The change's place in the room's log, for what is in the log. Such changes are told in this order and
    /// without a hole.
    pub seq: Option<i64>,
    /// The channel that must not get it.
    pub except: Option<ChannelKey>,
    /// May be skipped for sockets that lag.
    pub ephemeral: bool,
}

/// Several things for topics of one tenant, told in their order. The reply means what that of [`Publish`] means, for
/// all.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct PublishAll(pub Arc<[Publish]>);

/// A channel has read the room up to here: whatever comes after it must be told. The channel crashes when
/// it was not.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Baseline {
    /// The topic.
    pub key: TopicKey,
    /// The last change that was read.
    pub seq: i64,
    /// The channel's socket.
    pub socket_id: SocketId,
    /// The channel.
    pub channel: ChannelId,
}

/// Asks the [`super::repair`] actor for the changes of a room that did not come.
#[derive(Clone, Message)]
#[rtype(result = "()")]
pub struct Repair {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The room.
    pub room_id: RoomId,
    /// The last change that was told.
    pub since: i64,
    /// Who asks, and gets the [`Repaired`].
    pub registry: Addr<RoomRegistry>,
}

/// What was read for a [`Repair`].
#[derive(Message)]
#[rtype(result = "()")]
pub struct Repaired {
    /// The topic.
    pub key: TopicKey,
    /// The head of the log and the changes up to it; `None` when there are too many, or they cannot be read.
    pub changes: Option<(i64, Vec<(i64, Publish)>)>,
}

/// A member has read up to here; told to the room a little later, and only in rooms that are not too large.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct ReadMark {
    /// The topic.
    pub key: TopicKey,
    /// Who.
    pub user_id: UserId,
    /// Up to where.
    pub seq: i64,
}

/// Asks whether anybody listens on their own topic.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "bool")]
pub struct AnybodyListening;

/// Asks who of these users listens on their own topic.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Vec<UserId>")]
pub struct Listening(pub Vec<UserId>);

/// Ends all channels of a topic, or those of one user, for good (`phx_close`).
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct EndChannels {
    /// The topic.
    pub key: TopicKey,
    /// Only this user's channels.
    pub user_id: Option<UserId>,
}

/// Ends all sockets that stand on what is no longer good. [`Revocations::note`] comes first.
///
/// [`Revocations::note`]: super::revocations::Revocations::note
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Revoke(pub Revocation);

/// The tenant's settings have changed, and are in [`LiveTenants`](super::live_tenants::LiveTenants).
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct TenantChanged;

/// Asks for the sockets of a tenant, to end them one by one.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Vec<Arc<SocketHandle>>")]
pub struct ListSockets;

/// Asks what a registry holds.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "RegistryCounts")]
pub struct Count;

/// What a registry holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegistryCounts {
    /// Connected sockets.
    pub sockets: usize,
    /// Joined channels.
    pub channels: usize,
    /// Topics with at least one channel.
    pub topics: usize,
    /// Users shown as present, counted once per topic.
    pub present: usize,
}
