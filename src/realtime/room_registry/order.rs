//! Changes of a room's log: told in its order, and read where they did not come.

use actix::{AsyncContext, Context, Handler};
use tracing::warn;

use super::{RoomRegistry, topic::TopicState};
use crate::realtime::{
    messages::{Baseline, Publish, Repair, Repaired},
    room_order::Arrival,
    socket_handle::Outbound,
    topic::TopicKey,
};

impl RoomRegistry {
    /// Tells a change when its turn has come, anything else at once.
    pub(super) fn publish(&mut self, publish: Publish, ctx: &mut Context<Self>) {
        let (key, Some(seq)) = (publish.key, publish.seq) else {
            self.tell(&publish);
            return;
        };
        let Some(topic) = self.topics.get_mut(&key) else { return };
        match topic.order.arrive(seq, publish) {
            Arrival::Tell(changes) => self.tell_all(changes),
            Arrival::Known => {}
            Arrival::Early => self.await_missing(key, ctx),
            Arrival::Lost => self.give_up(key),
        }
    }

    fn tell_all(&mut self, changes: Vec<Publish>) {
        for change in changes {
            self.tell(&change);
        }
    }

    fn tell(&mut self, publish: &Publish) {
        let Some(topic) = self.topics.get(&publish.key) else {
            return;
        };
        let undeliverable = topic.broadcast(&publish.news(), &mut self.outbox);
        self.drop_channels(undeliverable);
    }

    /// Gives a missing change some time to come.
    fn await_missing(&mut self, key: TopicKey, ctx: &mut Context<Self>) {
        let patience = self.options.hole_patience;
        if let Some(topic @ TopicState { repairing: false, .. }) = self.topics.get_mut(&key) {
            topic.repairing = true;
            ctx.run_later(patience, move |registry, ctx| {
                registry.repair(key, ctx);
                registry.wait_for_shards(ctx);
            });
        }
    }

    /// The missing change has had its time: asks the database, unless it has come.
    fn repair(&mut self, key: TopicKey, ctx: &Context<Self>) {
        let Some(topic) = self.topics.get_mut(&key) else { return };
        let TopicKey::Room(room_id) = key else { return };
        topic.repairing = topic.order.has_hole();
        if !topic.repairing {
            return;
        }
        let since = topic.order.last().unwrap_or_default();
        warn!(tenant_id = %self.tenant_id, %room_id, since, "a change of the room is missing and is read again");
        let repair = Repair {
            tenant_id: self.tenant_id,
            room_id,
            since,
            registry: ctx.address(),
        };
        if self.surroundings.repairs.try_send(repair).is_err() {
            self.give_up(key);
        }
    }

    /// The topic cannot be told completely any more: its clients join again and read what they miss.
    fn give_up(&mut self, key: TopicKey) {
        let Some(mut topic) = self.topics.remove(&key) else {
            return;
        };
        let members = topic.leave_all(&mut self.outbox);
        warn!(tenant_id = %self.tenant_id, topic = %key, channels = members.len(), "clients have to rejoin");
        for ((socket_id, channel), member) in members {
            let _ = member.handle.tell(Outbound::CrashChannel(channel));
            if let Some(socket) = self.sockets.get_mut(&socket_id) {
                socket.channels.remove(&channel);
            }
        }
    }
}

impl Handler<Baseline> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, baseline: Baseline, ctx: &mut Self::Context) {
        let Baseline {
            key,
            seq,
            socket_id,
            channel,
        } = baseline;
        let Some(topic) = self.topics.get_mut(&key) else { return };
        if topic.order.baseline(seq).is_err() {
            if let Some(member) = topic.members().get(&(socket_id, channel)) {
                let _ = member.handle.tell(Outbound::CrashChannel(channel));
            }
            self.unsubscribe((socket_id, channel));
            self.wait_for_shards(ctx);
        } else if topic.order.has_hole() {
            // The joiner has read a change that the others were not told; most likely it is on its way.
            self.await_missing(key, ctx);
        }
    }
}

impl Handler<Repaired> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, Repaired { key, changes }: Repaired, ctx: &mut Self::Context) {
        let Some(topic) = self.topics.get_mut(&key) else { return };
        topic.repairing = false;
        match changes {
            None => self.give_up(key),
            Some((head, changes)) => {
                let changes = topic.order.repair(head, changes);
                if topic.order.has_hole() {
                    self.await_missing(key, ctx);
                }
                self.tell_all(changes);
            }
        }
        self.wait_for_shards(ctx);
    }
}
