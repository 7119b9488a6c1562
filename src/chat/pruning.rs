//! Removing what is old: the retention of tenants. No scope, as nobody asks for it.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict, Order, Query},
};

use super::{Error, details, messages};
use crate::{
    entity::{TenantScoped, message, page_mark, room},
    ids::{RoomId, TenantId, UserId},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
};

/// Messages that are removed in one transaction.
const PRUNE_BATCH: u64 = 500;

/// Rooms that are looked at together.
const ROOMS_BATCH: u64 = 100;

/// Removes the messages of all rooms of a tenant that were stored before a moment, and says how many those were; see
/// [`prune_room`].
pub async fn prune_rooms(store: &Store, tenant_id: TenantId, before: Timestamp) -> Result<u64, Error> {
    let mut removed = 0;
    let mut after = None;
    loop {
        let rooms = rooms_to_prune(store, tenant_id, before, after).await?;
        let Some(last) = rooms.last() else {
            return Ok(removed);
        };
        after = Some(*last);
        for room_id in rooms {
            match prune_room(store, tenant_id, room_id, before).await {
                Ok(messages) => removed += messages,
                // Deleted meanwhile.
                Err(Error::RoomNotFound) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The next rooms, by id, that have messages from before a moment.
async fn rooms_to_prune(
    store: &Store,
    tenant_id: TenantId,
    before: Timestamp,
    after: Option<RoomId>,
) -> Result<Vec<RoomId>, Error> {
    let of_message = |column| Expr::col((message::Entity, column));
    let oldest = Query::select()
        .column(message::Column::InsertedAt)
        .from(message::Entity)
        .and_where(of_message(message::Column::TenantId).eq(tenant_id))
        .and_where(of_message(message::Column::RoomId).eq(Expr::col((room::Entity, room::Column::Id))))
        .order_by(message::Column::Seq, Order::Asc)
        .limit(1)
        .take();
    let mut rooms = room::Entity::in_tenant(tenant_id).filter(Expr::from(oldest).lt(before));
    if let Some(after) = after {
        rooms = rooms.filter(room::Column::Id.gt(after));
    }
    Ok(rooms
        .order_by_asc(room::Column::Id)
        .limit(ROOMS_BATCH)
        .select_only()
        .column(room::Column::Id)
        .into_tuple()
        .all(store.reader())
        .await?)
}

/// Removes the messages of a room up to the last one stored before a moment, and says how many those were.
/// Changes up to the last one that touched any of them can no longer be listed.
///
/// # Errors
/// [`Error::RoomNotFound`].
pub async fn prune_room(store: &Store, tenant_id: TenantId, room_id: RoomId, before: Timestamp) -> Result<u64, Error> {
    // Nobody in particular; no right depends on it here.
    let scope = Scope {
        tenant_id,
        user_id: UserId(uuid::Uuid::nil()),
    };
    let last = messages::last_seq_before(store.reader(), &scope, room_id, before).await?;
    let mut removed = 0;
    loop {
        // In batches, so that the room is not closed to writers for long.
        let batch = prune_batch(store, &scope, room_id, last.unwrap_or(0)).await?;
        removed += batch;
        if batch < PRUNE_BATCH {
            return Ok(removed);
        }
    }
}

async fn prune_batch(store: &Store, scope: &Scope, room_id: RoomId, last: i64) -> Result<u64, Error> {
    let room = |room: sea_orm::UpdateMany<room::Entity>| room.filter(room::Column::Id.eq(room_id));
    let transaction = store.begin_write().await?;
    // Takes the room's row, as every change does, and no number.
    let locked = room(room::Entity::update_in_tenant(scope.tenant_id))
        .col_expr(room::Column::PrunedSeq, Expr::col(room::Column::PrunedSeq))
        .exec(&transaction)
        .await?;
    if locked.rows_affected == 0 {
        return Err(Error::RoomNotFound);
    }
    let oldest: Vec<(i64, i64)> = details::in_room(scope, room_id)
        .filter(message::Column::Seq.lte(last))
        .order_by_asc(message::Column::Seq)
        .limit(PRUNE_BATCH)
        .select_only()
        .column(message::Column::Seq)
        .column(message::Column::ChangedSeq)
        .into_tuple()
        .all(&transaction)
        .await?;
    let (Some(&(up_to, _)), Some(changed)) = (oldest.last(), oldest.iter().map(|(_, changed)| *changed).max()) else {
        return Ok(0);
    };
    let removed = message::Entity::delete_in_tenant(scope.tenant_id)
        .filter(message::Column::RoomId.eq(room_id))
        .filter(message::Column::Seq.lte(up_to))
        .exec(&transaction)
        .await?;
    room(room::Entity::update_in_tenant(scope.tenant_id))
        .filter(room::Column::PrunedSeq.lt(changed))
        .col_expr(room::Column::PrunedSeq, Expr::value(changed))
        .exec(&transaction)
        .await?;
    // Last: nobody waits for this row who holds another one that is wanted here.
    mark_pages(&transaction, scope.tenant_id).await?;
    transaction.commit().await?;
    Ok(removed.rows_affected)
}

/// Moves the tenant's mark: its pages of messages look otherwise, without a change of a room's log.
async fn mark_pages(transaction: &DatabaseTransaction, tenant_id: TenantId) -> Result<(), Error> {
    let row = page_mark::ActiveModel {
        tenant_id: Set(tenant_id),
        mark: Set(1),
    };
    let moved = Expr::col((page_mark::Entity, page_mark::Column::Mark)).add(1);
    page_mark::Entity::insert(row)
        .on_conflict(
            OnConflict::column(page_mark::Column::TenantId)
                .value(page_mark::Column::Mark, moved)
                .to_owned(),
        )
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}
