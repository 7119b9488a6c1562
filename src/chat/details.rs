//! What is shown with messages: whom they quote, their threads, reactions, mentions, attachments.
//!
//! Read for all messages of a page at once: four queries at most, none that the messages' own rows do not
//! ask for.

use std::collections::{HashMap, HashSet};

use sea_orm::{
    ColumnTrait, ConnectionTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationTrait,
    Select, SelectModel, Selector,
};

use super::{Attachment, Error, Message, ReactionCount, ThreadSummary, UserRef, attachments, reactions, user_ref};
use crate::{
    entity::{TenantScoped, mention, message},
    ids::{MessageId, RoomId, UserId},
    scope::Scope,
};

/// Most characters of a quote's excerpt.
pub const EXCERPT_CHARS_MAX: usize = 120;

/// The message another one answers, as far as it is shown with that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The quoted message.
    pub id: MessageId,
    /// Who wrote it.
    pub author: UserRef,
    /// How its text begins, up to [`EXCERPT_CHARS_MAX`] characters; empty when it was deleted.
    pub excerpt: String,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// What belongs to a message and is not in its row.
#[derive(Default)]
pub(super) struct Details {
    pub reply_to: Option<Quote>,
    pub thread: Option<ThreadSummary>,
    pub reactions: Vec<ReactionCount>,
    pub mentions: Vec<UserId>,
    pub attachments: Vec<Attachment>,
}

/// A message's row and its author.
#[derive(Clone, FromQueryResult)]
pub(super) struct MessageRow {
    #[sea_orm(nested)]
    pub message: message::Model,
    #[sea_orm(nested(prefix = "shown_"))]
    pub author: UserRef,
}

impl MessageRow {
    pub fn quote(&self) -> Quote {
        Quote {
            id: self.message.id,
            author: self.author.clone(),
            excerpt: self.message.content.chars().take(EXCERPT_CHARS_MAX).collect(),
            deleted: self.message.deleted_at.is_some(),
        }
    }

    /// The thread under this message, once there was a reply that is not deleted.
    pub fn thread(&self) -> Option<ThreadSummary> {
        let row = &self.message;
        (row.reply_count > 0).then(|| self.thread_summary())
    }

    /// The thread under this message, even without replies.
    pub fn thread_summary(&self) -> ThreadSummary {
        let row = &self.message;
        ThreadSummary {
            root_id: row.id,
            reply_count: row.reply_count.unsigned_abs(),
            last_reply_at: row.last_reply_at,
            last_reply_seq: row.last_reply_seq,
        }
    }

    /// The message with what belongs to it.
    pub fn into_message(self, details: Details) -> Message {
        let Self { message: row, author } = self;
        let Details {
            reply_to,
            thread,
            reactions,
            mentions,
            attachments,
        } = details;
        Message {
            id: row.id,
            room_id: row.room_id,
            seq: row.seq,
            changed_seq: row.changed_seq,
            kind: row.kind,
            content: row.content,
            author,
            client_id: row.client_id,
            reply_to,
            thread_root: row.thread_root,
            in_room: row.in_room,
            thread,
            reactions,
            mentions,
            attachments,
            pinned_at: row.pinned_at,
            edited_at: row.edited_at,
            deleted_at: row.deleted_at,
            inserted_at: row.inserted_at,
        }
    }
}

/// The messages of a room.
pub(super) fn in_room(scope: &Scope, room_id: RoomId) -> Select<message::Entity> {
    message::Entity::in_tenant(scope.tenant_id).filter(message::Column::RoomId.eq(room_id))
}

/// Messages with their authors.
pub(super) fn with_author(messages: Select<message::Entity>) -> Select<message::Entity> {
    user_ref::with_shown(messages.join(JoinType::InnerJoin, message::Relation::User.def()))
}

fn rows(messages: Select<message::Entity>) -> Selector<SelectModel<MessageRow>> {
    with_author(messages).into_model::<MessageRow>()
}

/// A message of a room, deleted or not.
pub(super) async fn find(
    connection: &impl ConnectionTrait,
    scope: &Scope,
    room_id: RoomId,
    id: MessageId,
) -> Result<Option<MessageRow>, Error> {
    Ok(rows(in_room(scope, room_id).filter(message::Column::Id.eq(id)))
        .one(connection)
        .await?)
}

/// Those of some messages that are in a room.
pub(super) async fn find_all(
    connection: &impl ConnectionTrait,
    scope: &Scope,
    room_id: RoomId,
    ids: impl IntoIterator<Item = MessageId>,
) -> Result<HashMap<MessageId, MessageRow>, Error> {
    let found = rows(in_room(scope, room_id).filter(message::Column::Id.is_in(ids)))
        .all(connection)
        .await?;
    Ok(found.into_iter().map(|row| (row.message.id, row)).collect())
}

/// [`complete`] for one message.
pub(super) async fn complete_one(
    connection: &impl ConnectionTrait,
    scope: &Scope,
    row: MessageRow,
) -> Result<Message, Error> {
    let room_id = row.message.room_id;
    complete(connection, scope, room_id, vec![row])
        .await?
        .pop()
        .ok_or(Error::MessageNotFound)
}

/// Messages of one room with all that belongs to them, as the asker sees them, in the same order.
pub(super) async fn complete(
    connection: &impl ConnectionTrait,
    scope: &Scope,
    room_id: RoomId,
    rows: Vec<MessageRow>,
) -> Result<Vec<Message>, Error> {
    let mut wanted = HashSet::new();
    let (mut with_reactions, mut with_mentions, mut with_attachments) = (Vec::new(), Vec::new(), Vec::new());
    for MessageRow { message, .. } in &rows {
        wanted.extend(message.thread_root);
        if message.deleted_at.is_some() {
            continue;
        }
        wanted.extend(message.reply_to);
        if message.reaction_count > 0 {
            with_reactions.push(message.id);
        }
        if message.mention_count > 0 {
            with_mentions.push(message.seq);
        }
        if message.attachment_count > 0 {
            with_attachments.push(message.seq);
        }
    }
    for row in &rows {
        wanted.remove(&row.message.id);
    }
    let mut related = if wanted.is_empty() {
        HashMap::new()
    } else {
        find_all(connection, scope, room_id, wanted).await?
    };
    let mut reactions = reactions::load(connection, scope, room_id, with_reactions).await?;
    let mut mentions = mentions(connection, scope, room_id, with_mentions).await?;
    let mut attachments = attachments::load(connection, scope, room_id, with_attachments).await?;

    let refers = |row: &MessageRow| row.message.reply_to.is_some() || row.message.thread_root.is_some();
    if rows.iter().any(refers) {
        related.extend(rows.iter().map(|row| (row.message.id, row.clone())));
    }
    Ok(rows
        .into_iter()
        .map(|row| {
            let message = &row.message;
            let reply_to = message
                .reply_to
                .filter(|_| message.deleted_at.is_none())
                .and_then(|id| related.get(&id))
                .map(MessageRow::quote);
            let thread = match message.thread_root {
                Some(root) => related.get(&root).map(MessageRow::thread_summary),
                None => row.thread(),
            };
            let details = Details {
                reply_to,
                thread,
                reactions: reactions.remove(&message.id).unwrap_or_default(),
                mentions: mentions.remove(&message.seq).unwrap_or_default(),
                attachments: attachments.remove(&message.seq).unwrap_or_default(),
            };
            row.into_message(details)
        })
        .collect())
}

/// Who is named in which message, by its place.
async fn mentions(
    connection: &impl ConnectionTrait,
    scope: &Scope,
    room_id: RoomId,
    seqs: Vec<i64>,
) -> Result<HashMap<i64, Vec<UserId>>, Error> {
    let mut found: HashMap<i64, Vec<UserId>> = HashMap::new();
    if seqs.is_empty() {
        return Ok(found);
    }
    let rows = mention::Entity::in_tenant(scope.tenant_id)
        .filter(mention::Column::RoomId.eq(room_id))
        .filter(mention::Column::Seq.is_in(seqs))
        .order_by_asc(mention::Column::UserId)
        .all(connection)
        .await?;
    for row in rows {
        found.entry(row.seq).or_default().push(row.user_id);
    }
    Ok(found)
}
