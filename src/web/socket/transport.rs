//! What a session and the actor that carries its frames have to say to each other.

use std::{panic::AssertUnwindSafe, time::Instant};

use actix::{Actor, Addr, Handler, Message, dev::ToEnvelope};
use futures_util::{FutureExt, future::LocalBoxFuture};
use serde::Serialize;
use serde_json::value::RawValue;
use tracing::error;

use super::{
    room_channel::{JoinOutcome, JoinRefusal},
    session::Session,
};
use crate::{
    moment::Moment,
    phoenix::{Aside, ChannelId, Frame, Ref},
    realtime::{Refused, SendError, messages::ChannelKey, room_shard, topic::TopicKey},
    web::{
        error::{channel_refusal, channel_send_error},
        identity::Identity,
    },
};

/// What a transport has to do for its session.
pub enum Action {
    /// Write a frame to the client.
    Write(Frame),
    /// Run a job and hand its end to [`Session::done`]; when it panics, `on_panic` takes its place.
    Run {
        /// The work.
        job: Job,
        /// What to report in its stead.
        on_panic: Done,
    },
    /// Tell [`Session::done`] when that moment has come.
    WakeAt(Moment),
    /// What was to come before what is delivered to a channel directly has been said ([`room_shard::release`]).
    Release {
        /// The topic.
        key: TopicKey,
        /// The channel.
        channel: ChannelKey,
        /// Up to where that told the room's log, if it did.
        head_seq: Option<i64>,
    },
    /// Close with this code; nothing comes after it.
    Close(u16),
}

/// Work that waits for something.
pub type Job = LocalBoxFuture<'static, Done>;

/// The end of a job, or a moment that was waited for.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum Done {
    /// A join was decided.
    Joined {
        /// The channel.
        channel: ChannelId,
        /// What came of it.
        result: Result<Box<JoinOutcome>, JoinRefusal>,
        /// When it was asked for.
        since: Instant,
    },
    /// A push was handled.
    Handled {
        /// The channel.
        channel: ChannelId,
        /// The push's ref.
        r#ref: Ref,
        /// What to answer, if anything.
        reply: Option<Reply>,
    },
    /// A message was stored, or refused.
    Stored {
        /// The channel.
        channel: ChannelId,
        /// The push's ref.
        r#ref: Ref,
        /// How the channel knows the push, if the next one did not have to wait for it.
        aside: Option<Aside>,
        /// What to answer.
        reply: Reply,
    },
    /// A push's handler panicked.
    Crashed(ChannelId),
    /// A moment has come.
    Due,
    /// A notice to others is out.
    Told,
    /// Another token was looked at.
    Refreshed {
        /// The channel it came on.
        channel: ChannelId,
        /// The push's ref.
        r#ref: Ref,
        /// Whose it is, or what to answer.
        result: Result<Box<Identity>, Reply>,
    },
}

/// A reply to a push.
#[derive(Debug)]
pub struct Reply {
    /// `ok` or `error`.
    pub status: &'static str,
    /// What the client is told.
    pub response: Box<RawValue>,
    /// Whether a rate limit was reached: too many of these end the socket.
    pub limited: bool,
}

impl Reply {
    /// `{"status":"ok"}` with a response.
    pub fn ok(response: &impl Serialize) -> Self {
        Self {
            status: "ok",
            response: raw(response),
            limited: false,
        }
    }

    /// `{"status":"error"}` with a response.
    pub fn error(response: &impl Serialize) -> Self {
        Self {
            status: "error",
            response: raw(response),
            limited: false,
        }
    }

    /// The error reply for what was not done.
    pub fn send_error(error: &SendError) -> Self {
        Self {
            limited: matches!(error, SendError::Limited(_)),
            ..Self::error(&channel_send_error(error))
        }
    }

    /// The error reply for a rate limit that was reached.
    pub fn refusal(refused: &Refused) -> Self {
        Self {
            limited: true,
            ..Self::error(&channel_refusal(refused))
        }
    }
}

/// JSON of `value`; what cannot be encoded is logged and becomes an empty object.
pub(super) fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|error| {
        error!(%error, "payload not encoded");
        RawValue::NULL.to_owned()
    })
}

/// An actor that carries a session's frames.
pub trait Transport: Actor + Handler<Done>
where
    Self::Context: ToEnvelope<Self, Done>,
{
    /// The session, once there is one.
    fn session(&mut self) -> Option<&mut Session>;

    /// Writes a frame to the client.
    fn write(&mut self, frame: Frame, ctx: &mut Self::Context);

    /// Closes the connection; nothing is written after it.
    fn close(&mut self, code: u16, ctx: &mut Self::Context);

    /// Tells the session when that moment has come.
    fn wake_at(&mut self, moment: Moment, ctx: &mut Self::Context);

    /// The actor's address.
    fn address(&self, ctx: &Self::Context) -> Addr<Self>;

    /// Carries out what the session wants done.
    fn drive(&mut self, ctx: &mut Self::Context) {
        while let Some(action) = self.session().and_then(Session::next_action) {
            match action {
                Action::Write(frame) => self.write(frame, ctx),
                Action::Close(code) => {
                    self.close(code, ctx);
                    return;
                }
                Action::Release { key, channel, head_seq } => room_shard::release(key, channel, head_seq),
                Action::WakeAt(moment) => self.wake_at(moment, ctx),
                Action::Run { job, on_panic } => {
                    let session = self.address(ctx);
                    actix::spawn(async move {
                        let done = AssertUnwindSafe(job).catch_unwind().await.unwrap_or(on_panic);
                        #[expect(clippy::disallowed_methods, reason = "one per job, whose number is bounded")]
                        session.do_send(done);
                    });
                }
            }
        }
    }
}
