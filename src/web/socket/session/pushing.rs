//! What clients send on joined channels, and typing notices, which end by themselves.

use futures_util::{FutureExt, future::LocalBoxFuture};
use serde_json::json;

use super::{Session, channels::Channel};
use crate::{
    moment::Moment,
    phoenix::{Aside, ChannelId, Payload, Ref},
    realtime::{room_shard, topic::TopicKey},
    web::socket::{
        payloads, room_channel,
        transport::{Done, Reply},
    },
};

impl Session {
    /// A client has sent an event on a joined channel.
    pub(super) fn push(&mut self, id: ChannelId, event: &str, payload: &Payload, r#ref: Ref) {
        self.take_over_tenant();
        let Some(key) = self.channels.get(&id).and_then(Channel::key) else {
            self.socket.handled(id);
            return;
        };
        if event == "token_refresh" && matches!(key, TopicKey::User(_)) {
            self.refresh_token(id, payload, r#ref);
            return;
        }
        let member = self.member(key);
        let except = Some((self.handle.id(), id));
        let in_room = matches!(key, TopicKey::Room(_));
        let job: LocalBoxFuture<'static, Option<Reply>> = match event {
            "new_message" if in_room => {
                return self.send_message(id, member, "new_message", payloads::new_message(payload), r#ref);
            }
            "message:new" if in_room => {
                return self.send_message(id, member, "message:new", payloads::aliased_message(payload), r#ref);
            }
            "typing" if in_room => {
                if let Err(error) = self.app.realtime.check_typing(&member.holder.sender()) {
                    async move { Some(Reply::send_error(&error)) }.boxed_local()
                } else {
                    self.start_typing(id);
                    async move {
                        room_channel::tell_typing(&member, "typing", except).await;
                        None
                    }
                    .boxed_local()
                }
            }
            "stop_typing" if in_room => {
                if let Some(channel) = self.channels.get_mut(&id) {
                    channel.typing = None;
                }
                async move {
                    room_channel::tell_typing(&member, "stop_typing", except).await;
                    None
                }
                .boxed_local()
            }
            "load_more_messages" if in_room => {
                let query = payloads::load_more(payload, self.app.settings.socket.history_limit);
                async move { Some(room_channel::load_more(&member, query).await) }.boxed_local()
            }
            event if in_room => match room_channel::change(event, payload) {
                Some(change) => async move { Some(room_channel::make(&member, change).await) }.boxed_local(),
                None => unknown_event(),
            },
            _ => unknown_event(),
        };
        let job = job.map(move |reply| Done::Handled {
            channel: id,
            r#ref,
            reply,
        });
        self.run(job.boxed_local(), Done::Crashed(id));
    }

    fn start_typing(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(&id) else {
            return;
        };
        let until = Moment::now() + self.app.settings.socket.typing_timeout;
        channel.typing = Some(until);
        self.wake_at(Some(until));
    }

    /// A typing notice is over.
    pub(super) fn end_typing(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(&id) else {
            return;
        };
        let (Some(key), Some(_)) = (channel.key(), channel.typing.take()) else {
            return;
        };
        let member = self.member(key);
        let except = Some((self.handle.id(), id));
        let job = async move {
            room_channel::tell_typing(&member, "stop_typing", except).await;
            Done::Told
        };
        self.run(job.boxed_local(), Done::Told);
    }

    /// A push was handled, and may be answered.
    pub(super) fn handled(&mut self, channel: ChannelId, r#ref: &Ref, aside: Option<Aside>, reply: Option<&Reply>) {
        // What the push has told the room comes before its reply.
        self.at_shard(channel, room_shard::catch_up);
        let limited = reply.is_some_and(|reply| reply.limited);
        let reply = reply.map(|reply| (r#ref, reply.status, &*reply.response));
        if let Some(aside) = aside {
            self.socket.answer(channel, aside, reply);
        } else {
            if let Some((to, status, response)) = reply {
                self.socket.reply(channel, to, status, response);
            }
            self.socket.handled(channel);
        }
        if limited {
            self.count_refusal();
        }
    }
}

fn unknown_event() -> LocalBoxFuture<'static, Option<Reply>> {
    async { Some(Reply::error(&json!({ "reason": "unknown_event" }))) }.boxed_local()
}
