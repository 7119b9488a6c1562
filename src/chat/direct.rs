//! Direct conversations of two.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::{Error, Role, Room, RoomKind, UserRef, rooms};
use crate::{
    entity::{TenantScoped, room, room_member, user},
    ids::{RoomId, UserId},
    page::{List, Page, PageRequest},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
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
    let names: HashMap<UserId, String> = user::Entity::in_tenant(scope.tenant_id)
        .filter(user::Column::Id.is_in(peers.values().copied()))
        .select_only()
        .column(user::Column::Id)
        .column(user::Column::Username)
        .into_tuple::<(UserId, String)>()
        .all(store.reader())
        .await?
        .into_iter()
        .collect();
    let items = page
        .items
        .into_iter()
        .filter_map(|row| {
            let id = *peers.get(&row.id)?;
            let username = names.get(&id)?.clone();
            Some(Dm {
                room: row.into(),
                peer: UserRef { id, username },
            })
        })
        .collect();
    Ok(Page {
        items,
        next_cursor: page.next_cursor,
    })
}

/// The direct conversation of the asker with a user, begun now when there was none; the answer has the room,
/// the other user, and whether it is new. Calls at the same time get the same room.
///
/// # Errors
/// [`Error::Invalid`] for a conversation with oneself; [`Error::UserNotFound`] when either is no user of the
/// tenant.
pub async fn start_dm(store: &Store, scope: &Scope, peer: UserId) -> Result<(Room, UserRef, bool), Error> {
    if peer == scope.user_id {
        return Err(Violations::of("user_id", "is yourself").into());
    }
    let user = user::Entity::in_tenant(scope.tenant_id)
        .filter(user::Column::Id.eq(peer))
        .one(store.reader())
        .await?
        .ok_or(Error::UserNotFound)?;
    let user = UserRef {
        id: user.id,
        username: user.username,
    };

    let key = dm_key(scope.user_id, peer);
    let existing = room::Entity::in_tenant(scope.tenant_id).filter(room::Column::DmKey.eq(key.as_str()));
    if let Some(row) = existing.clone().one(store.reader()).await? {
        return Ok((row.into(), user, false));
    }

    let row = room::Model {
        tenant_id: scope.tenant_id,
        id: RoomId::generate(),
        slug: None,
        dm_key: Some(key),
        kind: RoomKind::Dm,
        name: String::new(),
        description: None,
        creator_id: None,
        head_seq: 0,
        pruned_seq: 0,
        slow_mode_s: 0,
        frozen: false,
        inserted_at: Timestamp::now(),
    };
    let transaction = store.begin_write().await?;
    if rooms::insert(&transaction, &row).await? {
        for user_id in [scope.user_id, peer] {
            rooms::insert_member(&transaction, &row, user_id, Role::Member).await?;
        }
        transaction.commit().await?;
        return Ok((row.into(), user, true));
    }
    // The other one was quicker, and has committed: the insert waited for that.
    let row = existing.one(&transaction).await?.ok_or(Error::RoomNotFound)?;
    Ok((row.into(), user, false))
}

/// The same for both users: their ids in order.
fn dm_key(one: UserId, other: UserId) -> String {
    format!("{}:{}", one.min(other), one.max(other))
}

/// The other user of a [`dm_key`].
fn peer(key: &str, own: UserId) -> Option<UserId> {
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
