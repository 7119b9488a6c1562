//! Messages: the next one of a channel is taken up as soon as the last has its place among those to be stored, so that
//! many are stored together, also when they are one client's.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures_util::FutureExt;

use super::Session;
use crate::{
    chat::NewMessage,
    phoenix::{ChannelId, Ref},
    validation::Violations,
    web::socket::{
        room_channel::{self, Member},
        transport::Done,
    },
};

impl Session {
    /// Sends a message. While it is stored, further ones that come as the event `next` may be taken up.
    pub(super) fn send_message(
        &mut self,
        id: ChannelId,
        member: Member,
        next: &'static str,
        message: Result<NewMessage, Violations>,
        r#ref: Ref,
    ) {
        let was_typing = self
            .channels
            .get_mut(&id)
            .is_some_and(|channel| channel.typing.take().is_some());
        let queueing = room_channel::queue_message(member.clone(), message);
        let mut queueing = AssertUnwindSafe(queueing).catch_unwind().boxed_local();
        // Most have nothing to wait for on their way into the queue. One that does keeps the next ones behind it.
        let queued = queueing.as_mut().now_or_never();
        let aside = match queued {
            Some(Ok(Ok(_))) => self.socket.set_aside(id, next),
            _ => None,
        };
        let except = Some((self.handle.id(), id));
        let job = async move {
            let queued = match queued {
                Some(queued) => queued,
                None => queueing.await,
            };
            // Here it ends the channel, and not the socket.
            let reply = match queued.unwrap_or_else(|panic| resume_unwind(panic)) {
                Ok(queued) => room_channel::stored(queued).await,
                Err(refusal) => refusal,
            };
            if was_typing {
                room_channel::tell_typing(&member, "stop_typing", except).await;
            }
            Done::Stored {
                channel: id,
                r#ref,
                aside,
                reply,
            }
        };
        self.run(job.boxed_local(), Done::Crashed(id));
    }
}
