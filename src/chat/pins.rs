//! Pinned messages.

use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{
    Changed, Error, Message, Role, RoomKind, RoomRef,
    details::{self, MessageRow},
    permissions::{Act, moderates},
    rooms,
    turn::Turn,
};
use crate::{entity::message, ids::MessageId, scope::Scope, store::Store, timestamp::Timestamp};

/// Most pinned messages of a room.
pub const PINS_MAX: u64 = 50;

/// Pins a message. Moderators and up may, and both in a direct conversation.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::UserNotFound`], [`Error::NotModerator`], [`Error::Muted`];
/// [`Error::MessageNotFound`] also for a deleted message; [`Error::TooManyPins`] when there are [`PINS_MAX`].
pub async fn pin_message(store: &Store, scope: &Scope, room: &RoomRef, id: MessageId) -> Result<Changed, Error> {
    let turn = Turn::begin(store, scope, room).await?;
    check_pinner(turn.room.kind, turn.person.role)?;
    turn.check(Act::React)?;
    let mut row = turn.live_message(id).await?;
    if row.message.pinned_at.is_some() {
        return turn.give_up(row).await;
    }
    let pinned = details::in_room(scope, turn.room.id).filter(message::Column::PinnedAt.is_not_null());
    if pinned.count(&turn.transaction).await? >= PINS_MAX {
        return Err(Error::TooManyPins);
    }
    row.message.pinned_at = Some(Timestamp::now());
    row.message.pinned_by = Some(scope.user_id);
    turn.save(row).await
}

/// Ends the pinning of a message.
///
/// # Errors
/// As [`pin_message`].
pub async fn unpin_message(store: &Store, scope: &Scope, room: &RoomRef, id: MessageId) -> Result<Changed, Error> {
    let turn = Turn::begin(store, scope, room).await?;
    check_pinner(turn.room.kind, turn.person.role)?;
    turn.check(Act::React)?;
    let mut row = turn.live_message(id).await?;
    if row.message.pinned_at.is_none() {
        return turn.give_up(row).await;
    }
    row.message.pinned_at = None;
    row.message.pinned_by = None;
    turn.save(row).await
}

/// The pinned messages of a room, the last pinned first; at most [`PINS_MAX`].
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`].
pub async fn list_pins(store: &Store, scope: &Scope, room: &RoomRef) -> Result<Vec<Message>, Error> {
    let (room, _) = rooms::find(store.reader(), scope, room).await?;
    let pinned = details::in_room(scope, room.id).filter(message::Column::PinnedAt.is_not_null());
    let rows = details::with_author(pinned)
        .order_by_desc(message::Column::PinnedAt)
        .order_by_desc(message::Column::Seq)
        .limit(PINS_MAX)
        .into_model::<MessageRow>()
        .all(store.reader())
        .await?;
    details::complete(store.reader(), scope, room.id, rows).await
}

fn check_pinner(kind: RoomKind, role: Option<Role>) -> Result<(), Error> {
    if kind == RoomKind::Dm || moderates(role) {
        Ok(())
    } else {
        Err(Error::NotModerator)
    }
}
