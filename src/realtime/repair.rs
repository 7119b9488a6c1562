//! Reads the changes of a room that a registry was not told about.
//!
//! Broadcasts can be lost, with a process that dies between commit and broadcast, and those of a second server on the
//! same database never come. The log has them all, so a registry that sees a hole asks here.

use actix::{Actor, AsyncContext, Context, Handler, WrapFuture};
use tracing::{error, warn};

use super::{
    messages::{Publish, Repair, Repaired},
    raw_payload,
    topic::TopicKey,
};
use crate::{
    chat::{self, Message},
    store::Store,
    wire::MessageOut,
};

/// Repairs that may wait; a registry that gets no place sends its clients to rejoin, which repairs as well.
const MAILBOX_CAPACITY: usize = 256;

/// Most changes read for one repair; with more missing, clients are better off reading anew.
pub(super) const CHANGES_MAX: u64 = 300;

/// The actor that reads for the registries, which hold no database handle themselves.
pub struct LogReader {
    store: Store,
}

impl LogReader {
    /// Reads from `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Actor for LogReader {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
    }
}

impl Handler<Repair> for LogReader {
    type Result = ();

    fn handle(&mut self, repair: Repair, ctx: &mut Self::Context) {
        let store = self.store.clone();
        let read = async move {
            let Repair {
                tenant_id,
                room_id,
                since,
                registry,
            } = repair;
            let key = TopicKey::Room(room_id);
            let changes = match chat::read_changes(&store, tenant_id, room_id, since, CHANGES_MAX).await {
                Ok(Some((head_seq, messages))) => {
                    let told: Option<Vec<_>> = messages.into_iter().map(|message| tell(key, since, message)).collect();
                    told.map(|changes| (head_seq, changes))
                }
                Ok(None) => None,
                Err(error) => {
                    error!(error = &error as &dyn std::error::Error, %room_id, "missing changes not read");
                    None
                }
            };
            if registry.send(Repaired { key, changes }).await.is_err() {
                warn!(%room_id, "the registry that asked for changes is gone");
            }
        };
        ctx.spawn(read.into_actor(self));
    }
}

/// The broadcast that brings clients from `since` to this state of a message. A message they have not seen is
/// new to them whatever happened to it meanwhile; of others it is not known what happened, and "edited" carries
/// the whole message.
pub(super) fn tell(key: TopicKey, since: i64, message: Message) -> Option<(i64, Publish)> {
    let event = if message.deleted_at.is_some() {
        "message_deleted"
    } else if message.seq > since {
        "new_message"
    } else {
        "message_edited"
    };
    let seq = message.changed_seq;
    let payload = raw_payload(&MessageOut::from(message.for_everybody())).ok()?;
    let publish = Publish {
        key,
        event,
        payload,
        seq: Some(seq),
        except: None,
        ephemeral: false,
    };
    Some((seq, publish))
}
