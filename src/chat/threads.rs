//! Threads: replies under a message, one level deep.
//!
//! The root's row counts its replies. The counting is part of the change that a reply is, not a change of the
//! root: clients learn it from the reply, whose [`ThreadSummary`] is the root's.

use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use super::{
    Error, MessagePage, MessageQuery, RoomRef,
    details::{self, MessageRow},
    messages, rooms,
    turn::Turn,
};
use crate::{
    entity::{TenantScoped, message},
    ids::{MessageId, RoomId},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
    validation::Violations,
};

/// The thread a message is in, or is the root of. The same for all its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadSummary {
    /// The message the thread is under.
    pub root_id: MessageId,
    /// How many replies it has, deleted ones not counted.
    pub reply_count: u64,
    /// When the last of these was stored; none when all were deleted.
    pub last_reply_at: Option<Timestamp>,
    /// The place of the last of these in the room.
    pub last_reply_seq: Option<i64>,
}

/// A page of the replies in a thread, deleted ones included. `root` may be any message of the thread. What
/// pages are is told at [`super::list_messages`].
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`]; [`Error::MessageNotFound`] when there is no such message;
/// [`Error::Invalid`] for a limit out of range, an id that is no message of the room, and more than one bound.
pub async fn get_thread(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    root: MessageId,
    query: MessageQuery,
) -> Result<MessagePage, Error> {
    let (room, _) = rooms::find(store.reader(), scope, room).await?;
    let row = details::find(store.reader(), scope, room.id, root)
        .await?
        .ok_or(Error::MessageNotFound)?;
    let root = row.message.thread_root.unwrap_or(root);
    messages::page(
        store,
        scope,
        room.id,
        room.head_seq,
        replies(scope, room.id, root),
        query,
    )
    .await
}

/// Checks that a message can have replies.
pub(super) fn check_root(root: Option<&MessageRow>) -> Result<(), Violations> {
    let problem = match root.map(|row| &row.message) {
        None => "is not a message of this room",
        Some(message) if message.deleted_at.is_some() => "was deleted",
        Some(message) if message.thread_root.is_some() => "is itself a reply in a thread",
        Some(_) => return Ok(()),
    };
    Err(Violations::of("thread_root", problem))
}

/// Counts a new reply in what is known of its root. [`store_reply_count`] stores it.
pub(super) fn count_reply(root: &mut MessageRow, reply: &message::Model) {
    root.message.reply_count += 1;
    root.message.last_reply_seq = Some(reply.seq);
    root.message.last_reply_at = Some(reply.inserted_at);
}

/// Stores how many replies a thread has.
pub(super) async fn store_reply_count(
    transaction: &DatabaseTransaction,
    scope: &Scope,
    room_id: RoomId,
    thread: &ThreadSummary,
) -> Result<(), DbErr> {
    let count = i64::try_from(thread.reply_count).unwrap_or(i64::MAX);
    let last = thread.last_reply_seq.zip(thread.last_reply_at);
    update(transaction, scope, room_id, thread.root_id, Expr::value(count), last).await
}

/// Counts a reply no longer, whose row is not marked as deleted yet.
pub(super) async fn reply_deleted(turn: &Turn, root: MessageId, seq: i64) -> Result<(), Error> {
    let last: Option<(i64, Timestamp)> = replies(&turn.scope, turn.room.id, root)
        .filter(message::Column::DeletedAt.is_null())
        .filter(message::Column::Seq.ne(seq))
        .order_by_desc(message::Column::Seq)
        .select_only()
        .column(message::Column::Seq)
        .column(message::Column::InsertedAt)
        .into_tuple()
        .one(&turn.transaction)
        .await?;
    let count = Expr::col(message::Column::ReplyCount).sub(1);
    Ok(update(&turn.transaction, &turn.scope, turn.room.id, root, count, last).await?)
}

async fn update(
    transaction: &DatabaseTransaction,
    scope: &Scope,
    room_id: RoomId,
    root: MessageId,
    reply_count: Expr,
    last: Option<(i64, Timestamp)>,
) -> Result<(), DbErr> {
    let (last_seq, last_at) = last.unzip();
    message::Entity::update_in_tenant(scope.tenant_id)
        .filter(message::Column::RoomId.eq(room_id))
        .filter(message::Column::Id.eq(root))
        .col_expr(message::Column::ReplyCount, reply_count)
        .col_expr(message::Column::LastReplySeq, Expr::value(last_seq))
        .col_expr(message::Column::LastReplyAt, Expr::value(last_at))
        .exec(transaction)
        .await?;
    Ok(())
}

fn replies(scope: &Scope, room_id: RoomId, root: MessageId) -> sea_orm::Select<message::Entity> {
    // Naming what the index leaves out lets both engines use it.
    details::in_room(scope, room_id)
        .filter(message::Column::ThreadRoot.is_not_null())
        .filter(message::Column::ThreadRoot.eq(root))
}
