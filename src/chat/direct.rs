//! Direct conversations of two.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use super::{Error, Role, Room, RoomKind, UserRef, new_rooms, user_ref};
use crate::{
    entity::{TenantScoped, room, room_member},
    ids::{RoomId, UserId},
    page::{List, Page, PageRequest},
    scope::Scope,
    store::Store,
    validation::Violations,
};

/// A direct conversation, as one of the two sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dm {
    /// The room it takes place in.
    pub room: Room,
    /// The other one.
    pub peer: UserRef,
}

/// The direct conversations of the asker, the youngest first.
///
/// # Errors
/// [`Error::Invalid`] for a limit or cursor that is none.
pub async fn list_dms(store: &Store, scope: &Scope, request: &PageRequest) -> Result<Page<Dm>, Error> {
    let before = List::Dms.start(request, |bytes| Uuid::from_slice(bytes).ok().map(RoomId))?;
    let mut query = room::Entity::in_tenant(scope.tenant_id)
        .filter(room::Column::Kind.eq(RoomKind::Dm))
        .inner_join(room_member::Entity)
        .filter(room_member::Column::UserId.eq(scope.user_id));
    if let Some(before) = before {
        query = query.filter(room_member::Column::RoomId.lt(before));
    }
    let rows = query
        .order_by_desc(room::Column::Id)
        .limit(request.limit + 1)
        .all(store.reader())
        .await?;
    let page = List::Dms.page(rows, request.limit, |row| *row.id.0.as_bytes());

    let peers: HashMap<RoomId, UserId> = page
        .items
        .iter()
        .filter_map(|row| Some((row.id, peer(row.dm_key.as_deref()?, scope.user_id)?)))
        .collect();
    let users = user_ref::by_id(store.reader(), scope.tenant_id, peers.values().copied()).await?;
    let items = page
        .items
        .into_iter()
        .filter_map(|row| {
            let peer = users.get(peers.get(&row.id)?)?.clone();
            Some(Dm { room: row.into(), peer })
        })
        .collect();
    Ok(Page {
        items,
        next_cursor: page.next_cursor,
    })
}

/// The user that the asker could talk to directly, and their conversation if there is one.
///
/// # Errors
/// [`Error::Invalid`] for a conversation with oneself; [`Error::UserNotFound`].
pub async fn find_dm(store: &Store, scope: &Scope, peer: UserId) -> Result<(UserRef, Option<Room>), Error> {
    if peer == scope.user_id {
        return Err(Violations::of("user_id", "is yourself").into());
    }
    let user = user_ref::by_id(store.reader(), scope.tenant_id, std::iter::once(peer))
        .await?
        .remove(&peer)
        .ok_or(Error::UserNotFound)?;

    let room = with(scope, peer).one(store.reader()).await?;
    Ok((user, room.map(Room::from)))
}

/// The direct conversation of the asker with a user, begun now when there was none; the answer has the room,
/// the other user, and whether it is new. Calls at the same time get the same room.
///
/// # Errors
/// [`Error::Invalid`] for a conversation with oneself; [`Error::UserNotFound`] when either is no user of the
/// tenant.
pub async fn start_dm(store: &Store, scope: &Scope, peer: UserId) -> Result<(Room, UserRef, bool), Error> {
    let user = match find_dm(store, scope, peer).await? {
        (user, Some(room)) => return Ok((room, user, false)),
        (user, None) => user,
    };
    let row = room::Model {
        dm_key: Some(dm_key(scope.user_id, peer)),
        ..new_rooms::blank_row(scope.tenant_id, RoomKind::Dm, String::new())
    };
    let transaction = store.begin_write().await?;
    if new_rooms::insert(&transaction, &row).await? {
        for user_id in [scope.user_id, peer] {
            new_rooms::insert_member(&transaction, &row, user_id, Role::Member).await?;
        }
        transaction.commit().await?;
        return Ok((row.into(), user, true));
    }
    // The other one was quicker, and has committed: the insert waited for that.
    let row = with(scope, peer).one(&transaction).await?.ok_or(Error::RoomNotFound)?;
    Ok((row.into(), user, false))
}

/// The conversation of the asker with a user.
fn with(scope: &Scope, peer: UserId) -> Select<room::Entity> {
    let key = dm_key(scope.user_id, peer);
    room::Entity::in_tenant(scope.tenant_id).filter(room::Column::DmKey.eq(key))
}

/// The same for both users: their ids in order.
pub(super) fn dm_key(one: UserId, other: UserId) -> String {
    format!("{}:{}", one.min(other), one.max(other))
}

/// The other user of a [`dm_key`].
pub(super) fn peer(key: &str, own: UserId) -> Option<UserId> {
    let (smaller, greater) = key.split_once(':')?;
    let (smaller, greater): (UserId, UserId) = (smaller.parse().ok()?, greater.parse().ok()?);
    Some(if smaller == own { greater } else { smaller })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_users_find_the_same_key_and_each_other() {
        let (one, other) = (UserId::generate(), UserId::generate());
        let key = dm_key(one, other);
        assert_eq!(key, dm_key(other, one));
        assert_eq!(peer(&key, one), Some(other));
        assert_eq!(peer(&key, other), Some(one));
        assert_eq!(peer("", one), None);
    }
}
