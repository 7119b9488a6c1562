//! Memberships that a website gives its users, by a token it signed or through its backend.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, Condition, DatabaseTransaction, QueryFilter, QuerySelect};

use super::{Error, MemberChange, Role, RoomKind, RoomRef, membership, permissions};
use crate::{
    config::Cap,
    entity::{TenantScoped, room},
    ids::{RoomId, TenantId, UserId},
};

/// A membership that is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomGrant {
    /// The room.
    pub room: RoomRef,
    /// The role in it, whatever it was before.
    pub role: Role,
}

/// Gives a user memberships, or other roles in the rooms they are in, and says what has changed. Of grants for the same
/// room the last counts. There is nothing to give in a room that does not exist, that has `members_max`, or that the
/// user is banned from, and direct conversations have their two members.
///
/// # Errors
/// [`Error::UserNotFound`].
pub(crate) async fn grant_rooms(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    user_id: UserId,
    grants: &[RoomGrant],
    members_max: Cap<u64>,
) -> Result<Vec<MemberChange>, Error> {
    let mut changes = Vec::new();
    for (room_id, role) in resolve(transaction, tenant_id, grants).await? {
        let room = match permissions::lock_row(transaction, tenant_id, &RoomRef::Id(room_id)).await {
            // Deleted in between.
            Err(Error::RoomNotFound) => continue,
            locked => locked?,
        };
        let person = permissions::person(transaction, tenant_id, room_id, user_id).await?;
        if person.banned {
            continue;
        }
        let change = match membership::give(transaction, room, person, role, members_max).await {
            Err(Error::RoomFull) => continue,
            given => given?,
        };
        if change.changed() {
            changes.push(change);
        }
    }
    Ok(changes)
}

/// The rooms that are meant, with the role to give in each. In the order of their ids: two who lock several rooms do
/// not wait for each other.
async fn resolve(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    grants: &[RoomGrant],
) -> Result<BTreeMap<RoomId, Role>, Error> {
    let found = find(transaction, tenant_id, grants).await?;
    Ok(grants
        .iter()
        .filter_map(|grant| Some((grant.room_in(&found)?, grant.role)))
        .collect())
}

/// Ids and slugs of the rooms that are there.
async fn find(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    grants: &[RoomGrant],
) -> Result<Vec<(RoomId, Option<String>)>, Error> {
    let named = grants
        .iter()
        .filter_map(|grant| grant.room.condition())
        .fold(Condition::any(), Condition::add);
    if named.is_empty() {
        return Ok(Vec::new());
    }
    Ok(room::Entity::in_tenant(tenant_id)
        .filter(named)
        .filter(room::Column::Kind.ne(RoomKind::Dm))
        .select_only()
        .column(room::Column::Id)
        .column(room::Column::Slug)
        .into_tuple()
        .all(transaction)
        .await?)
}

impl RoomGrant {
    /// The room that is meant, among others.
    fn room_in(&self, rooms: &[(RoomId, Option<String>)]) -> Option<RoomId> {
        rooms.iter().find_map(|(id, slug)| {
            let is_meant = match &self.room {
                RoomRef::Id(meant) => meant == id,
                RoomRef::Slug(meant) => Some(meant) == slug.as_ref(),
            };
            is_meant.then_some(*id)
        })
    }
}
