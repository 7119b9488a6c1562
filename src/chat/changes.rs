//! Changes of messages: editing, deleting, and the texts they had before.

use std::time::Duration;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationTrait,
};

use super::{
    Error, Message, MessageKind, RoomRef, UserRef, attachments, mentions, messages,
    permissions::{Act, moderates},
    reactions, rooms, threads,
    turn::Turn,
    user_ref,
};
use crate::{
    entity::{TenantScoped, message, message_revision},
    ids::{MessageId, RoomId},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
};

/// Most texts of a message's past that are listed.
pub const REVISIONS_LISTED_MAX: u64 = 100;

/// What became of a message that was to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The message as it is now, as the asker sees it. For others: [`Message::for_everybody`].
    pub message: Message,
    /// Whether there was something to do. When not, no number was used up and there is nothing to broadcast.
    pub changed: bool,
}

/// A text that a message had before it was edited or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The text.
    pub content: String,
    /// Number of the change that replaced it.
    pub replaced_seq: i64,
    /// Who replaced it.
    pub replaced_by: UserRef,
    /// When it was replaced.
    pub replaced_at: Timestamp,
}

/// Gives a message another text. Its author may, as long as it is younger than `window`; the text it had is
/// kept for moderators. The text it has already changes nothing.
///
/// # Errors
/// [`Error::Invalid`] for a text that could not be sent; [`Error::RoomNotFound`], [`Error::NotMember`],
/// [`Error::UserNotFound`], [`Error::Banned`], [`Error::ReadOnly`], [`Error::Frozen`], [`Error::Muted`];
/// [`Error::MessageNotFound`] also for a deleted message; [`Error::NotAuthor`]; [`Error::TooLate`].
pub async fn edit_message(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    id: MessageId,
    content: String,
    window: Option<Duration>,
) -> Result<Changed, Error> {
    // Whether it may be empty is known when its message is.
    messages::check_content(&content, true)?;
    let turn = Turn::begin(store, scope, room).await?;
    turn.check(Act::Write)?;
    let mut row = turn.live_message(id).await?;
    if !is_author(scope, &row.message) {
        return Err(Error::NotAuthor);
    }
    messages::check_content(&content, row.message.attachment_count > 0)?;
    if row.message.content == content {
        return turn.give_up(row).await;
    }
    let now = Timestamp::now();
    check_window(&row.message, now, window)?;

    keep_revision(&turn, &row.message, now).await?;
    if row.message.mention_count > 0 {
        mentions::delete(&turn.transaction, scope, turn.room.id, row.message.seq).await?;
    }
    let mentioned = mentions::resolve(&turn.transaction, scope, turn.room.id, turn.room.kind, &content).await?;
    mentions::insert(&turn.transaction, scope, turn.room.id, row.message.seq, &mentioned).await?;
    row.message.mention_count = mentions::count(&mentioned);
    row.message.content = content;
    row.message.edited_at = Some(now);
    turn.save(row).await
}

/// Deletes a message: its author may, as long as it is younger than `window`, and moderators and up at any time. It
/// stays in its place without content; the text is kept for moderators, attachments for nobody. Deleting it again
/// changes nothing.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::UserNotFound`], [`Error::MessageNotFound`];
/// [`Error::NotAuthor`] for who is neither; [`Error::TooLate`].
pub async fn delete_message(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    id: MessageId,
    window: Option<Duration>,
) -> Result<Changed, Error> {
    let turn = Turn::begin(store, scope, room).await?;
    let mut row = turn.message(id).await?;
    let moderator = moderates(turn.person.role);
    if !moderator && !is_author(scope, &row.message) {
        return Err(Error::NotAuthor);
    }
    if row.message.deleted_at.is_some() {
        return turn.give_up(row).await;
    }
    let now = Timestamp::now();
    if !moderator {
        check_window(&row.message, now, window)?;
    }

    keep_revision(&turn, &row.message, now).await?;
    if row.message.reaction_count > 0 {
        reactions::delete_all(&turn, id).await?;
    }
    if row.message.mention_count > 0 {
        mentions::delete(&turn.transaction, scope, turn.room.id, row.message.seq).await?;
    }
    if row.message.attachment_count > 0 {
        attachments::delete(&turn.transaction, scope, turn.room.id, row.message.seq).await?;
    }
    if let Some(root) = row.message.thread_root {
        threads::reply_deleted(&turn, root, row.message.seq).await?;
    }
    row.message.content = String::new();
    row.message.deleted_at = Some(now);
    row.message.reaction_count = 0;
    row.message.mention_count = 0;
    row.message.attachment_count = 0;
    row.message.pinned_at = None;
    row.message.pinned_by = None;
    turn.save(row).await
}

/// The texts a message had before, the last [`REVISIONS_LISTED_MAX`] of them, the oldest first. For moderators
/// and up.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::NotModerator`]; [`Error::MessageNotFound`], not for a
/// deleted message.
pub async fn list_revisions(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    id: MessageId,
) -> Result<Vec<Revision>, Error> {
    #[derive(FromQueryResult)]
    struct RevisionRow {
        #[sea_orm(nested)]
        revision: message_revision::Model,
        #[sea_orm(nested(prefix = "shown_"))]
        replaced_by: UserRef,
    }

    let (room, role) = rooms::find(store.reader(), scope, room).await?;
    if !moderates(role) {
        return Err(Error::NotModerator);
    }
    if messages::seq_of(store.reader(), scope, room.id, id).await?.is_none() {
        return Err(Error::MessageNotFound);
    }
    let revisions = revisions(scope, room.id, id).join(JoinType::InnerJoin, message_revision::Relation::User.def());
    let mut rows = user_ref::with_shown(revisions)
        .order_by_desc(message_revision::Column::Seq)
        .limit(REVISIONS_LISTED_MAX)
        .into_model::<RevisionRow>()
        .all(store.reader())
        .await?;
    rows.reverse();
    Ok(rows
        .into_iter()
        .map(|RevisionRow { revision, replaced_by }| Revision {
            content: revision.content,
            replaced_seq: revision.seq,
            replaced_by,
            replaced_at: revision.inserted_at,
        })
        .collect())
}

/// The text a message was sent with, before any change.
pub(super) async fn first_content(
    connection: &impl ConnectionTrait,
    scope: &Scope,
    message: &message::Model,
) -> Result<String, Error> {
    if message.edited_at.is_none() && message.deleted_at.is_none() {
        return Ok(message.content.clone());
    }
    let first = revisions(scope, message.room_id, message.id)
        .order_by_asc(message_revision::Column::Seq)
        .one(connection)
        .await?;
    Ok(first.map_or_else(|| message.content.clone(), |revision| revision.content))
}

fn revisions(scope: &Scope, room_id: RoomId, id: MessageId) -> sea_orm::Select<message_revision::Entity> {
    message_revision::Entity::in_tenant(scope.tenant_id)
        .filter(message_revision::Column::RoomId.eq(room_id))
        .filter(message_revision::Column::MessageId.eq(id))
}

async fn keep_revision(turn: &Turn, message: &message::Model, now: Timestamp) -> Result<(), Error> {
    let revision = message_revision::ActiveModel {
        tenant_id: Set(turn.scope.tenant_id),
        room_id: Set(turn.room.id),
        message_id: Set(message.id),
        seq: Set(turn.room.head_seq),
        content: Set(message.content.clone()),
        replaced_by: Set(turn.scope.user_id),
        inserted_at: Set(now),
    };
    message_revision::Entity::insert(revision)
        .exec_without_returning(&turn.transaction)
        .await?;
    Ok(())
}

/// What the server writes in a user's name is nobody's to change.
fn is_author(scope: &Scope, message: &message::Model) -> bool {
    message.user_id == scope.user_id && message.kind == MessageKind::Text
}

fn check_window(message: &message::Model, now: Timestamp, window: Option<Duration>) -> Result<(), Error> {
    let age = Duration::from_micros(now.0.saturating_sub(message.inserted_at.0).try_into().unwrap_or(0));
    match window {
        Some(window) if age > window => Err(Error::TooLate),
        _ => Ok(()),
    }
}
