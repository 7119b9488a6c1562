//! The sockets of a tenant: who comes, goes, and is put out because what they stand on was revoked.

use std::sync::Arc;

use actix::{Handler, MessageResult};

use super::RoomRegistry;
use crate::{
    phoenix::ChannelId,
    realtime::{
        messages::{Gone, ListSockets, Register, Renew, Revoke},
        revocations::Credential,
        socket_handle::{Disconnect, SocketHandle, SocketId},
        topic::TopicKey,
    },
    small_map::SmallMap,
};

/// A socket, and what it has joined.
pub(super) struct SocketState {
    pub handle: Arc<SocketHandle>,
    /// Its session's too.
    pub credential: Arc<Credential>,
    pub channels: SmallMap<ChannelId, TopicKey>,
}

impl RoomRegistry {
    /// Ends a socket that was verified before what it stands on was revoked, and came here after.
    fn heed_revocations(&mut self, socket_id: SocketId) {
        let Some(socket) = self.sockets.get(&socket_id) else {
            return;
        };
        if let Some(reason) = self.surroundings.revocations.ends(self.tenant_id, &socket.credential) {
            self.end_sockets(&[socket_id], reason);
        }
    }

    /// Ends sockets, all of them before the first one's leaving is told to the others.
    fn end_sockets(&mut self, ids: &[SocketId], reason: Disconnect) {
        for id in ids {
            if let Some(socket) = self.sockets.get(id) {
                socket.handle.end(reason);
            }
        }
        if ids.len() == self.sockets.len() {
            // Nobody is left who could be told.
            for (_, mut topic) in self.topics.drain() {
                topic.leave_all(&mut self.outbox);
            }
            self.sockets.clear();
            self.by_user.clear();
            return;
        }
        for &id in ids {
            self.remove_socket(id);
        }
    }

    fn remove_socket(&mut self, socket_id: SocketId) {
        let Some(socket) = self.sockets.get(&socket_id) else {
            return;
        };
        let user_id = socket.credential.user_id;
        let channels: Vec<_> = socket.channels.keys().map(|&channel| (socket_id, channel)).collect();
        self.drop_channels(channels);
        self.sockets.remove(&socket_id);
        self.by_user.remove(&(user_id, socket_id));
    }
}

impl Handler<Register> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, Register { socket, credential }: Register, ctx: &mut Self::Context) {
        if !socket.is_alive() {
            return;
        }
        let id = socket.id();
        self.idle_ticks = 0;
        self.by_user.insert((credential.user_id, id));
        let state = SocketState {
            handle: socket,
            credential,
            channels: SmallMap::default(),
        };
        self.sockets.insert(id, Box::new(state));
        self.heed_revocations(id);
        self.wait_for_shards(ctx);
    }
}

impl Handler<Renew> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, Renew { socket_id, credential }: Renew, ctx: &mut Self::Context) {
        if let Some(socket) = self.sockets.get_mut(&socket_id) {
            socket.credential = credential;
            self.heed_revocations(socket_id);
            self.wait_for_shards(ctx);
        }
    }
}

impl Handler<Gone> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, Gone(socket_id): Gone, ctx: &mut Self::Context) {
        self.remove_socket(socket_id);
        self.wait_for_shards(ctx);
    }
}

impl Handler<Revoke> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, Revoke(revocation): Revoke, ctx: &mut Self::Context) {
        let is_covered = |id: &SocketId| {
            let socket = self.sockets.get(id);
            socket.is_some_and(|socket| revocation.covers(&socket.credential))
        };
        let ended: Vec<SocketId> = match revocation.user_id() {
            None => self.sockets.keys().copied().filter(is_covered).collect(),
            Some(user_id) => self
                .by_user
                .range((user_id, SocketId::FIRST)..=(user_id, SocketId::LAST))
                .map(|&(_, id)| id)
                .filter(is_covered)
                .collect(),
        };
        self.end_sockets(&ended, revocation.reason());
        self.wait_for_shards(ctx);
    }
}

impl Handler<ListSockets> for RoomRegistry {
    type Result = MessageResult<ListSockets>;

    fn handle(&mut self, _: ListSockets, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.sockets.values().map(|socket| Arc::clone(&socket.handle)).collect())
    }
}
