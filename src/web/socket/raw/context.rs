//! The context of an actor that is one future, and has no others beside it: what it does by itself is
//! [`Polled::poll`]. actix's own context has room for several, more room than the rest of a socket's session takes.

use std::{
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use actix::{
    Actor, ActorContext, ActorState, Addr, Handler, Message,
    dev::{
        Envelope, EnvelopeProxy, MessageResponse, ToEnvelope,
        channel::{self, AddressReceiver},
    },
};
use futures_util::Stream;
use tokio::sync::oneshot;

/// An actor that has something to do besides its messages.
pub trait Polled: Actor<Context = PolledContext<Self>> + Unpin {
    /// Does it, after the messages that have come. The actor ends when it is ready.
    fn poll(&mut self, ctx: &mut PolledContext<Self>, cx: &mut TaskContext<'_>) -> Poll<()>;
}

/// A mailbox, and whether its actor goes on.
pub struct PolledContext<A: Actor> {
    mailbox: AddressReceiver<A>,
    state: ActorState,
}

impl<A: Polled> PolledContext<A> {
    /// Starts an actor on this thread. Whoever sends to it sees to it that not too much waits in its mailbox.
    pub fn start(actor: impl FnOnce(&mut Self) -> A) {
        let (_, mailbox) = channel::channel(0);
        let mut ctx = Self {
            mailbox,
            state: ActorState::Started,
        };
        let actor = actor(&mut ctx);
        actix::spawn(Running { actor, ctx });
    }

    /// The actor's address.
    pub fn address(&self) -> Addr<A> {
        Addr::new(self.mailbox.sender())
    }

    fn is_stopping(&self) -> bool {
        matches!(self.state, ActorState::Stopping | ActorState::Stopped)
    }
}

impl<A: Polled> ActorContext for PolledContext<A> {
    fn stop(&mut self) {
        self.state = ActorState::Stopping;
    }

    fn terminate(&mut self) {
        self.stop();
    }

    fn state(&self) -> ActorState {
        self.state
    }
}

impl<A, M> ToEnvelope<A, M> for PolledContext<A>
where
    A: Polled + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn pack(message: M, answer: Option<oneshot::Sender<M::Result>>) -> Envelope<A> {
        Envelope::with_proxy(Box::new(Parcel(Some((message, answer)))))
    }
}

/// A message in the mailbox, until it is handled.
struct Parcel<M: Message>(Option<(M, Option<oneshot::Sender<M::Result>>)>);

impl<A, M> EnvelopeProxy<A> for Parcel<M>
where
    A: Polled + Handler<M>,
    M: Message,
{
    fn handle(&mut self, actor: &mut A, ctx: &mut PolledContext<A>) {
        if let Some((message, answer)) = self.0.take() {
            actor.handle(message, ctx).handle(ctx, answer);
        }
    }
}

/// An actor and its context, as the task that they are.
struct Running<A: Polled> {
    actor: A,
    ctx: PolledContext<A>,
}

impl<A: Polled> Future for Running<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let Self { actor, ctx } = self.get_mut();
        if ctx.state == ActorState::Started {
            ctx.state = ActorState::Running;
            actor.started(ctx);
        }
        while !ctx.is_stopping()
            && let Poll::Ready(Some(mut envelope)) = Pin::new(&mut ctx.mailbox).poll_next(cx)
        {
            envelope.handle(actor, ctx);
        }
        if !ctx.is_stopping() && actor.poll(ctx, cx).is_pending() {
            return Poll::Pending;
        }
        ctx.state = ActorState::Stopped;
        actor.stopped(ctx);
        Poll::Ready(())
    }
}

#[cfg(test)]
pub(super) const fn task_bytes<A: Polled>() -> usize {
    size_of::<Running<A>>()
}
