//! What goes to the shards, in the order in which the registry says it.

use std::collections::VecDeque;

use actix::{ActorResponse, AsyncContext, Context, WrapFuture, fut};

use super::RoomRegistry;
use crate::realtime::{
    room_shard::{Full, ShardHandle, ShardMessage},
    topic::TopicKey,
};

/// Sends at once while the shards take it, and keeps the rest in order.
#[derive(Default)]
pub(super) struct Outbox(VecDeque<(ShardHandle, TopicKey, ShardMessage)>);

impl Outbox {
    /// Sends to the members of a topic on one thread.
    pub fn send(&mut self, shard: &ShardHandle, key: TopicKey, message: ShardMessage) {
        let unsent = if self.0.is_empty() {
            shard.try_send(key, message)
        } else {
            Err(Full(message))
        };
        if let Err(Full(message)) = unsent {
            self.0.push_back((shard.clone(), key, message));
        }
    }
}

impl RoomRegistry {
    /// To be called at the end of whatever may have told something. While a shard takes nothing more the registry does
    /// nothing else, so that its mailbox fills, and publishers wait. True when it waits.
    pub(super) fn wait_for_shards(&mut self, ctx: &mut Context<Self>) -> bool {
        let unsent = std::mem::take(&mut self.outbox.0);
        if unsent.is_empty() {
            return false;
        }
        let sending = async move {
            for (shard, key, message) in unsent {
                shard.send(key, message).await;
            }
        };
        ctx.wait(sending.into_actor(self));
        true
    }

    /// An answer that comes when everything that was said before it has been sent.
    pub(super) fn answer<T: 'static>(&mut self, answer: T, ctx: &mut Context<Self>) -> ActorResponse<Self, T> {
        if self.wait_for_shards(ctx) {
            // Not looked at while the registry waits.
            ActorResponse::r#async(fut::ready(answer))
        } else {
            ActorResponse::reply(answer)
        }
    }
}
