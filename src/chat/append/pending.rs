//! A message that has passed, and is not stored yet.

use sea_orm::DatabaseTransaction;

use super::{Append, Appended, NewMessage};
use crate::{
    chat::{
        Attachment, Error, MemberChange, Quote, ThreadSummary, attachments,
        details::{Details, MessageRow},
        mentions, threads,
    },
    entity::message::{self, MessageKind},
    ids::{MessageId, UploadId, UserId},
    scope::Scope,
    timestamp::Timestamp,
};

/// The message, and what is shown with it.
pub(super) struct Pending {
    pub scope: Scope,
    pub row: MessageRow,
    pub reply_to: Option<Quote>,
    pub thread: Option<ThreadSummary>,
    pub mentions: Vec<UserId>,
    /// The uploads it is to have, and what they are once they are in it.
    pub uploads: Vec<UploadId>,
    pub attachments: Vec<Attachment>,
    pub joined: Option<MemberChange>,
}

impl Pending {
    /// The row of a new message.
    pub fn row(append: &Append, seq: i64, mentioned: &[UserId]) -> message::Model {
        let Append { scope, new, .. } = append;
        message::Model {
            tenant_id: scope.tenant_id,
            room_id: append.room_id,
            seq,
            id: MessageId::generate(),
            changed_seq: seq,
            user_id: scope.user_id,
            kind: MessageKind::Text,
            in_room: new.is_in_room(),
            content: new.content.clone(),
            client_id: new.client_id.clone(),
            reply_to: new.reply_to,
            edited_at: None,
            deleted_at: None,
            inserted_at: Timestamp::now(),
            thread_root: new.thread_root,
            reply_count: 0,
            last_reply_seq: None,
            last_reply_at: None,
            reaction_count: 0,
            mention_count: mentions::count(mentioned),
            attachment_count: attachments::count(&new.attachments),
            pinned_at: None,
            pinned_by: None,
        }
    }

    /// Whether a message with the same `client_id` is this one again.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it says something else.
    pub fn check_same(&self, new: &NewMessage) -> Result<(), Error> {
        let row = &self.row.message;
        let same = row.reply_to == new.reply_to
            && row.thread_root == new.thread_root
            && row.in_room == new.is_in_room()
            && row.content == new.content
            && self.uploads == new.attachments;
        if same { Ok(()) } else { Err(Error::Conflict) }
    }

    /// Stores what belongs to it, and is not in its row, which is stored already.
    pub async fn store_details(&mut self, transaction: &DatabaseTransaction) -> Result<(), Error> {
        let (scope, room_id, seq) = (&self.scope, self.row.message.room_id, self.row.message.seq);
        mentions::insert(transaction, scope, room_id, seq, &self.mentions).await?;
        self.attachments = attachments::attach(transaction, scope, room_id, seq, &self.uploads).await?;
        if let Some(thread) = &self.thread {
            threads::store_reply_count(transaction, scope, room_id, thread).await?;
        }
        Ok(())
    }

    /// The answer, once it is stored.
    pub fn into_appended(self) -> Appended {
        Appended {
            message: self.row.into_message(Details {
                reply_to: self.reply_to,
                thread: self.thread,
                reactions: Vec::new(),
                mentions: self.mentions,
                attachments: self.attachments,
            }),
            repeated: false,
            joined: self.joined,
        }
    }
}
