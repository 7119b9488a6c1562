//! What members have read, and exact counts of what they have not.
//!
//! A member has one mark per room, a number of the room's log: everything up to it is read. It is in the membership, so
//! it comes and goes with it, and all devices share it. Non-members of public rooms have none.

use sea_orm::{
    ColumnTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationTrait, Select,
    sea_query::{Asterisk, CaseStatement, Expr, ExprTrait, IntoColumnRef, Query, SelectStatement, SimpleExpr},
};

use super::{Error, RoomRef, members, rooms};
use crate::{
    entity::{TenantScoped, mention, message, room, room_member},
    ids::{RoomId, TenantId, UserId},
    scope::Scope,
    store::Store,
    validation::Violations,
};

/// Unread messages and mentions are counted up to here.
pub const UNREAD_MAX: u64 = 999;

/// Most rooms whose unread messages are listed.
pub const UNREAD_ROOMS_MAX: u64 = 500;

/// How many numbers of the log after a mark are looked at first. A database may read all of them, whatever the limit on
/// rows says, so this is what keeps the count of somebody far behind in a large room from reading the whole room.
const WINDOW: i64 = 4096;

/// How far a member has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadMark {
    /// The room.
    pub room_id: RoomId,
    /// The member.
    pub user_id: UserId,
    /// Number of the last change that the member has read.
    pub seq: i64,
    /// Whether this call moved it.
    pub moved: bool,
}

/// What a member has not read in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The room.
    pub room_id: RoomId,
    /// Messages of others, neither deleted nor replies shown in their thread only; up to [`UNREAD_MAX`].
    pub unread: u64,
    /// Messages that name the member; up to [`UNREAD_MAX`].
    pub mentions: u64,
    /// Number of the room's last change.
    pub head_seq: i64,
    /// Number of the last change that the member has read.
    pub read_seq: i64,
}

/// Notes that the asker has read up to a number of the log. The mark never goes back, however calls meet, and never
/// beyond the room's head.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`] (in a public room too), [`Error::Banned`]; [`Error::Invalid`] for a
/// number below 0.
pub async fn mark_read(store: &Store, scope: &Scope, room: &RoomRef, seq: i64) -> Result<ReadMark, Error> {
    if seq < 0 {
        return Err(Violations::of("seq", "must not be negative").into());
    }
    let room = own_room(store, scope, room).await?;
    move_mark(store, scope, room.id, Ord::min(seq, room.head_seq), Direction::Forwards).await
}

/// Makes a message, and all after it, unread again: the mark goes back to before it. Where the mark is there or further
/// back already, nothing changes; this marks nothing read.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`] (in a public room too), [`Error::Banned`]; [`Error::Invalid`] for a
/// number below 1.
pub async fn mark_unread(store: &Store, scope: &Scope, room: &RoomRef, seq: i64) -> Result<ReadMark, Error> {
    if seq < 1 {
        return Err(Violations::of("seq", "must be at least 1").into());
    }
    let room = own_room(store, scope, room).await?;
    move_mark(store, scope, room.id, seq - 1, Direction::Backwards).await
}

/// What the asker has not read in a room.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`] (in a public room too), [`Error::Banned`].
pub async fn unread(store: &Store, scope: &Scope, room_id: RoomId) -> Result<Unread, Error> {
    let room = own_room(store, scope, &RoomRef::Id(room_id)).await?;
    let counted = unread_of_members(store, scope.tenant_id, room.id, &[scope.user_id]).await?;
    let (_, unread) = counted.into_iter().next().ok_or(Error::NotMember)?;
    Ok(unread)
}

/// What the asker has not read, room by room, direct conversations included: the [`UNREAD_ROOMS_MAX`] rooms with the
/// youngest messages, those with nothing unread too. With the sum of the unread messages of all of them. Two or three
/// queries, however many rooms there are.
pub async fn list_unread(store: &Store, scope: &Scope) -> Result<(Vec<Unread>, u64), Error> {
    // A room is as active as its last message is young; one without messages, as the membership is.
    let last_message = Query::select()
        .column((message::Entity, message::Column::InsertedAt))
        .from(message::Entity)
        .and_where(same_room(
            (message::Entity, message::Column::TenantId),
            (message::Entity, message::Column::RoomId),
        ))
        .order_by((message::Entity, message::Column::Seq), sea_orm::Order::Desc)
        .limit(1)
        .take();
    let activity = SimpleExpr::from(last_message).if_null(room_member::Column::InsertedAt.into_expr());
    let rooms: Vec<RoomId> = room_member::Entity::in_tenant(scope.tenant_id)
        .filter(room_member::Column::UserId.eq(scope.user_id))
        .select_only()
        .column(room_member::Column::RoomId)
        .order_by_desc(activity)
        .order_by_desc(room_member::Column::RoomId)
        .limit(UNREAD_ROOMS_MAX)
        .into_tuple()
        .all(store.reader())
        .await?;

    let memberships = room_member::Entity::in_tenant(scope.tenant_id)
        .filter(room_member::Column::UserId.eq(scope.user_id))
        .filter(room_member::Column::RoomId.is_in(rooms.iter().copied()));
    let mut counted = count(store, memberships).await?;
    counted.sort_unstable_by_key(|(_, unread)| rooms.iter().position(|room| *room == unread.room_id));
    let counted: Vec<Unread> = counted.into_iter().map(|(_, unread)| unread).collect();
    let total = counted.iter().map(|unread| unread.unread).sum();
    Ok((counted, total))
}

/// What each of these users has not read in a room, in one query; who is no member is left out.
pub async fn unread_of_members(
    store: &Store,
    tenant_id: TenantId,
    room_id: RoomId,
    users: &[UserId],
) -> Result<Vec<(UserId, Unread)>, Error> {
    let memberships =
        members::of_room(tenant_id, room_id).filter(room_member::Column::UserId.is_in(users.iter().copied()));
    count(store, memberships).await
}

/// A room that the asker is a member of.
async fn own_room(store: &Store, scope: &Scope, room: &RoomRef) -> Result<super::Room, Error> {
    let (room, role) = rooms::find(store.reader(), scope, room).await?;
    role.ok_or(Error::NotMember)?;
    Ok(room)
}

#[derive(Clone, Copy)]
enum Direction {
    Forwards,
    Backwards,
}

/// Moves the asker's mark, in this direction only. The condition is in the statement that writes, so of marks set at
/// the same time the furthest stays.
async fn move_mark(
    store: &Store,
    scope: &Scope,
    room_id: RoomId,
    seq: i64,
    direction: Direction,
) -> Result<ReadMark, Error> {
    let further = match direction {
        Direction::Forwards => room_member::Column::ReadSeq.lt(seq),
        Direction::Backwards => room_member::Column::ReadSeq.gt(seq),
    };
    let mark = |seq, moved| ReadMark {
        room_id,
        user_id: scope.user_id,
        seq,
        moved,
    };
    let current: Option<i64> = members::of_room(scope.tenant_id, room_id)
        .filter(room_member::Column::UserId.eq(scope.user_id))
        .select_only()
        .column(room_member::Column::ReadSeq)
        .into_tuple()
        .one(store.reader())
        .await?;
    let current = current.ok_or(Error::NotMember)?;
    // Most calls repeat what is known. They take no turn at writing.
    let nothing_to_do = match direction {
        Direction::Forwards => current >= seq,
        Direction::Backwards => current <= seq,
    };
    if nothing_to_do {
        return Ok(mark(current, false));
    }
    let transaction = store.begin_write().await?;
    let moved = room_member::Entity::update_in_tenant(scope.tenant_id)
        .filter(room_member::Column::RoomId.eq(room_id))
        .filter(room_member::Column::UserId.eq(scope.user_id))
        .filter(further)
        .col_expr(room_member::Column::ReadSeq, Expr::value(seq))
        .exec(&transaction)
        .await?
        .rows_affected
        > 0;
    if moved {
        transaction.commit().await?;
        return Ok(mark(seq, true));
    }
    let current: Option<i64> = members::of_room(scope.tenant_id, room_id)
        .filter(room_member::Column::UserId.eq(scope.user_id))
        .select_only()
        .column(room_member::Column::ReadSeq)
        .into_tuple()
        .one(&transaction)
        .await?;
    Ok(mark(current.ok_or(Error::NotMember)?, false))
}

/// A membership with its room and counts.
#[derive(FromQueryResult)]
struct Counted {
    room_id: RoomId,
    user_id: UserId,
    read_seq: i64,
    head_seq: i64,
    unread: i64,
    mentions: i64,
}

impl Counted {
    /// Whether numbers beyond the window could still raise the count.
    const fn is_open(&self) -> bool {
        self.unread.unsigned_abs() < UNREAD_MAX && self.head_seq - self.read_seq > WINDOW
    }
}

/// Counts what is unread in each of these memberships: first in the [`WINDOW`] after the mark only, then, where that
/// does not decide, in all of the log.
async fn count(store: &Store, memberships: Select<room_member::Entity>) -> Result<Vec<(UserId, Unread)>, Error> {
    let count = async |memberships, window| {
        with_counts(memberships, window)
            .into_model::<Counted>()
            .all(store.reader())
            .await
    };
    let mut counted = count(memberships.clone(), Some(WINDOW)).await?;
    let open: Vec<&Counted> = counted.iter().filter(|row| row.is_open()).collect();
    if !open.is_empty() {
        let open = memberships
            .filter(room_member::Column::RoomId.is_in(open.iter().map(|row| row.room_id)))
            .filter(room_member::Column::UserId.is_in(open.iter().map(|row| row.user_id)));
        let again = count(open, None).await?;
        counted.retain(|row| {
            !again
                .iter()
                .any(|other| (row.room_id, row.user_id) == (other.room_id, other.user_id))
        });
        counted.extend(again);
    }
    Ok(counted
        .into_iter()
        .map(|row| {
            let unread = Unread {
                room_id: row.room_id,
                unread: row.unread.unsigned_abs(),
                mentions: row.mentions.unsigned_abs(),
                head_seq: row.head_seq,
                read_seq: row.read_seq,
            };
            (row.user_id, unread)
        })
        .collect())
}

/// Memberships with their rooms and counts, in the numbers after the mark or in so many of them. Mentions go when their
/// message is deleted, and nobody mentions themselves, so they need no second look.
fn with_counts(memberships: Select<room_member::Entity>, window: Option<i64>) -> Select<room_member::Entity> {
    let mut unread = Query::select()
        .expr(Expr::val(1))
        .from(message::Entity)
        .and_where(same_room(
            (message::Entity, message::Column::TenantId),
            (message::Entity, message::Column::RoomId),
        ))
        .and_where(message::Column::Seq.into_expr().gt(read_seq()))
        .and_where(message::Column::UserId.into_expr().ne(member()))
        .and_where(message::Column::DeletedAt.is_null())
        .and_where(message::Column::InRoom.eq(true))
        .limit(UNREAD_MAX)
        .take();
    if let Some(window) = window {
        unread.and_where(message::Column::Seq.into_expr().lte(read_seq().add(window)));
    }
    let mentions = Query::select()
        .expr(Expr::val(1))
        .from(mention::Entity)
        .and_where(same_room(
            (mention::Entity, mention::Column::TenantId),
            (mention::Entity, mention::Column::RoomId),
        ))
        .and_where(mention::Column::UserId.into_expr().eq(member()))
        .and_where(mention::Column::Seq.into_expr().gt(read_seq()))
        .limit(UNREAD_MAX)
        .take();
    memberships
        .join(JoinType::InnerJoin, room_member::Relation::Room.def())
        .select_only()
        .column(room_member::Column::RoomId)
        .column(room_member::Column::UserId)
        .column(room_member::Column::ReadSeq)
        .column(room::Column::HeadSeq)
        .expr_as(rows_of(unread), "unread")
        .expr_as(rows_of(mentions), "mentions")
}

/// How many rows a query has, which is not asked when the member has read everything.
fn rows_of(query: SelectStatement) -> SimpleExpr {
    let counted = Query::select()
        .expr(Expr::col(Asterisk).count())
        .from_subquery(query, "counted")
        .take();
    CaseStatement::new()
        .case(
            Expr::col((room::Entity, room::Column::HeadSeq)).gt(read_seq()),
            SimpleExpr::from(counted),
        )
        .finally(Expr::value(0_i64))
        .into()
}

/// That a row is of the tenant and room of the membership outside.
fn same_room(tenant_id: impl IntoColumnRef, room_id: impl IntoColumnRef) -> SimpleExpr {
    Expr::col(tenant_id)
        .equals((room_member::Entity, room_member::Column::TenantId))
        .and(Expr::col(room_id).equals((room_member::Entity, room_member::Column::RoomId)))
}

/// The mark of the membership outside.
fn read_seq() -> Expr {
    Expr::col((room_member::Entity, room_member::Column::ReadSeq))
}

/// The user of the membership outside.
fn member() -> Expr {
    Expr::col((room_member::Entity, room_member::Column::UserId))
}
