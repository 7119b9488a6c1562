//! What a returning client missed.
//!
//! Every change leaves its number as the `changed_seq` of the message it touched, until a later change touches
//! the same message, and numbers of a room commit in their order. So the rows with a `changed_seq` above
//! `since`, read by one statement, are all that changed since, up to the head which that statement saw; a row
//! that is changed again meanwhile is seen with its old number or its new one, and never falls out. The head
//! that is told is that statement's, not one read before or after. Details (reactions, quotes) are read after
//! it and may be newer than the head; the broadcast of that newer change brings the whole message again.

use sea_orm::{
    ColumnTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Asterisk, Expr, ExprTrait, Query, UnionType},
};

use super::{
    Error, Message, MessagePage, MessageQuery, RoomRef,
    details::{self, MessageRow},
    messages, rooms,
};
use crate::{
    entity::{TenantScoped, message, room},
    ids::{RoomId, TenantId, UserId},
    scope::Scope,
    store::Store,
    validation::Violations,
};

/// Changes that are listed when nobody asks for a number.
pub const CHANGES_LIMIT_DEFAULT: u64 = 300;

/// Most changes that can be asked for.
pub const CHANGES_LIMIT_MAX: u64 = 1000;

/// What a client gets that asks for everything since a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// All of it.
    Recovered {
        /// Each message that was touched since, once, in its present state, ordered by `changed_seq`. Replies
        /// in threads and deleted messages are among them.
        messages: Vec<Message>,
        /// With these the client is up to date with this number.
        head_seq: i64,
    },
    /// It cannot be told, or is too much. The client starts afresh.
    Lost {
        /// The newest messages.
        page: MessagePage,
    },
}

/// Everything that changed in a room since a number, or the newest page when that cannot be told: another
/// epoch, a number the room has not reached, changes that were pruned, and more than `limit` changes.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`]; [`Error::Invalid`] for a limit out of
/// 1 to [`CHANGES_LIMIT_MAX`] and a negative number.
pub async fn changes_since(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    epoch: &str,
    since: i64,
    limit: u64,
) -> Result<Recovery, Error> {
    check(since, limit)?;
    let (room, _) = rooms::find(store.reader(), scope, room).await?;
    if room.head_seq < since || store.epoch().await? != epoch {
        return lost(store, scope, room.id).await;
    }
    if room.head_seq == since {
        return Ok(Recovery::Recovered {
            messages: Vec::new(),
            head_seq: since,
        });
    }
    let rows = changed_rows(store, scope, room.id, since, limit + 1).await?;
    // There was a change after `since`. Without a row of it, it is pruned.
    let Some(first) = rows.first() else {
        return lost(store, scope, room.id).await;
    };
    let (head_seq, pruned_seq) = (first.head_seq, first.pruned_seq);
    if since < pruned_seq || rows.len() as u64 > limit {
        return lost(store, scope, room.id).await;
    }
    let rows = rows.into_iter().map(|row| row.row).collect();
    Ok(Recovery::Recovered {
        messages: details::complete(store.reader(), scope, room.id, rows).await?,
        head_seq,
    })
}

/// A changed message, and the room as the same statement saw it.
#[derive(FromQueryResult)]
struct ChangedRow {
    #[sea_orm(nested)]
    row: MessageRow,
    head_seq: i64,
    pruned_seq: i64,
}

async fn changed_rows(
    store: &Store,
    scope: &Scope,
    room_id: RoomId,
    since: i64,
    limit: u64,
) -> Result<Vec<ChangedRow>, Error> {
    let of_room = |column: room::Column| -> Expr {
        room::Entity::in_tenant(scope.tenant_id)
            .filter(room::Column::Id.eq(room_id))
            .select_only()
            .column(column)
            .into_query()
            .into()
    };
    let in_room = || details::in_room(scope, room_id);
    let new = in_room()
        .filter(message::Column::Seq.gt(since))
        .order_by_asc(message::Column::Seq);
    let old = in_room()
        .filter(message::Column::ChangedSeq.gt(since))
        .filter(
            message::Column::ChangedSeq
                .into_expr()
                .ne(message::Column::Seq.into_expr()),
        )
        .order_by_asc(message::Column::ChangedSeq);
    // Each along its own index, up to the limit: when one of them is cut short, it alone is too many.
    let [mut new, old] = [new, old].map(|rows| {
        Query::select()
            .column(Asterisk)
            .from_subquery(rows.limit(limit).into_query(), message::Entity)
            .take()
    });
    let either = new.union(UnionType::All, old).take();
    let mut changed = in_room();
    QueryTrait::query(&mut changed)
        .from_clear()
        .from_subquery(either, message::Entity);
    let mut rows = details::with_author(changed)
        .expr_as(of_room(room::Column::HeadSeq), "head_seq")
        .expr_as(of_room(room::Column::PrunedSeq), "pruned_seq")
        .order_by_asc(message::Column::ChangedSeq)
        .into_model::<ChangedRow>()
        .all(store.reader())
        .await?;
    // What is new may have been changed as well.
    rows.dedup_by_key(|row| row.row.message.seq);
    Ok(rows)
}

async fn lost(store: &Store, scope: &Scope, room_id: RoomId) -> Result<Recovery, Error> {
    let page = messages::list_messages(store, scope, &RoomRef::Id(room_id), MessageQuery::default()).await?;
    Ok(Recovery::Lost { page })
}

fn check(since: i64, limit: u64) -> Result<(), Violations> {
    let mut violations = Violations::new();
    if since < 0 {
        violations.add("since", "must be 0 or greater");
    }
    if !(1..=CHANGES_LIMIT_MAX).contains(&limit) {
        violations.add("limit", format!("must be between 1 and {CHANGES_LIMIT_MAX}"));
    }
    violations.into_result()
}

/// Everything that changed in a room since a number, with the number it brings up to, for whoever broadcasts
/// changes; `None` when it cannot be told or is more than `limit` changes. No scope: what is read is told to
/// those who may hear it anyway.
///
/// # Errors
/// The database's.
pub async fn read_changes(
    store: &Store,
    tenant_id: TenantId,
    room_id: RoomId,
    since: i64,
    limit: u64,
) -> Result<Option<(i64, Vec<Message>)>, Error> {
    // Nobody in particular; no right depends on it here.
    let scope = Scope {
        tenant_id,
        user_id: UserId(uuid::Uuid::nil()),
    };
    let rows = changed_rows(store, &scope, room_id, since, limit + 1).await?;
    let Some((head_seq, pruned_seq)) = rows.first().map(|first| (first.head_seq, first.pruned_seq)) else {
        return Ok(None);
    };
    if since < pruned_seq || rows.len() as u64 > limit {
        return Ok(None);
    }
    let rows = rows.into_iter().map(|row| row.row).collect();
    let messages = details::complete(store.reader(), &scope, room_id, rows).await?;
    Ok(Some((head_seq, messages)))
}
