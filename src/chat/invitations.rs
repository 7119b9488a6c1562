//! Invitations: who may become a member of a room, and as what. Who is invited takes it by joining.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, FromQueryResult, IntoActiveModel, JoinType,
    QueryFilter, QueryOrder, QuerySelect, RelationTrait, Select, sea_query::OnConflict,
};
use uuid::Uuid;

use super::{Error, Role, Room, RoomRef, UserRef, membership, permissions, rooms, user_ref};
use crate::{
    entity::{TenantScoped, room, room_invitation},
    ids::{RoomId, TenantId, UserId},
    page::{List, Page, PageRequest},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
    validation::Violations,
};

/// An invitation that was not taken yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The room.
    pub room: Room,
    /// Who is invited.
    pub user: UserRef,
    /// What the user becomes by joining.
    pub role: Role,
    /// Who invited.
    pub invited_by: UserRef,
    /// When.
    pub inserted_at: Timestamp,
}

/// Invites a user to become a member. A second invitation takes the place of the first. Moderators may invite members
/// and readers; admins and up, for all roles up to their own.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::Banned`], [`Error::NotModerator`]; [`Error::Outranked`] for
/// a role the asker cannot give, or in place of an invitation with one; [`Error::NotAdmin`] for a moderator who invites
/// a reader, or somebody who left a public room as one, to more; [`Error::UserNotFound`]; [`Error::Invalid`] for
/// oneself, for a member, for somebody who is banned, and in a dm.
pub async fn invite(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    user_id: UserId,
    role: Role,
) -> Result<Invitation, Error> {
    let transaction = store.begin_write().await?;
    let (room, own) = permissions::lock_room_as(&transaction, scope, room, Role::Moderator).await?;
    permissions::check_target(scope, own, user_id, None)?;
    if !may_give(own, role) {
        return Err(Error::Outranked);
    }
    let person = permissions::person(&transaction, scope.tenant_id, room.id, user_id).await?;
    if person.role.is_some() {
        return Err(Violations::of("user_id", "is a member of this room").into());
    }
    membership::check_not_banned(&person)?;
    if let Some(first) = person.promised {
        if !may_give(own, first) {
            return Err(Error::Outranked);
        }
        // Admins make readers, and unmake them.
        if !own.at_least(Role::Admin) && role.outranks(Some(first)) {
            return Err(Error::NotAdmin);
        }
    }
    let row = room_invitation::Model {
        tenant_id: scope.tenant_id,
        room_id: room.id,
        user_id,
        role,
        invited_by: Some(scope.user_id),
        inserted_at: Timestamp::now(),
    };
    upsert(&transaction, row.clone()).await?;
    let inviter = permissions::person(&transaction, scope.tenant_id, room.id, scope.user_id).await?;
    transaction.commit().await?;
    Ok(Invitation {
        room: room.into(),
        user: person.user,
        role,
        invited_by: inviter.user,
        inserted_at: row.inserted_at,
    })
}

/// Invitations to the asker, by age of the room, the oldest first.
///
/// # Errors
/// [`Error::Invalid`] for a limit or cursor that is none.
pub async fn list_invitations(store: &Store, scope: &Scope, request: &PageRequest) -> Result<Page<Invitation>, Error> {
    let after = List::Invitations.start(request, |bytes| Uuid::from_slice(bytes).ok().map(RoomId))?;
    let mut query = made(scope.tenant_id).filter(room_invitation::Column::UserId.eq(scope.user_id));
    if let Some(after) = after {
        query = query.filter(room_invitation::Column::RoomId.gt(after));
    }
    let query = query
        .order_by_asc(room_invitation::Column::RoomId)
        .limit(request.limit + 1);
    let invitations = read(store.reader(), scope.tenant_id, query).await?;
    Ok(List::Invitations.page(invitations, request.limit, |invitation| {
        *invitation.room.id.0.as_bytes()
    }))
}

/// Invitations to a room, by age of the user, the oldest first. Moderators and up may ask.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::Banned`], [`Error::NotModerator`]; [`Error::Invalid`] for a
/// limit or cursor that is none, and in a dm.
pub async fn list_room_invitations(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    request: &PageRequest,
) -> Result<Page<Invitation>, Error> {
    let after = List::RoomInvitations.start(request, |bytes| Uuid::from_slice(bytes).ok().map(UserId))?;
    let (room, role) = rooms::find(store.reader(), scope, room).await?;
    permissions::check_role(room.kind, role, Role::Moderator)?;
    let mut query = made(scope.tenant_id).filter(room_invitation::Column::RoomId.eq(room.id));
    if let Some(after) = after {
        query = query.filter(room_invitation::Column::UserId.gt(after));
    }
    let query = query
        .order_by_asc(room_invitation::Column::UserId)
        .limit(request.limit + 1);
    let invitations = read(store.reader(), scope.tenant_id, query).await?;
    Ok(List::RoomInvitations.page(invitations, request.limit, |invitation| {
        *invitation.user.id.0.as_bytes()
    }))
}

/// Turns an invitation down: it is gone. The asker need not be able to see the room.
///
/// # Errors
/// [`Error::RoomNotFound`]; [`Error::InvitationNotFound`] when the asker is not invited.
pub async fn decline_invitation(store: &Store, scope: &Scope, room: &RoomRef) -> Result<Invitation, Error> {
    let transaction = store.begin_write().await?;
    let room = permissions::lock_row(&transaction, scope.tenant_id, room).await?;
    let invitation = find(&transaction, scope.tenant_id, room.id, scope.user_id).await?;
    forget(&transaction, &room, scope.user_id).await?;
    transaction.commit().await?;
    Ok(invitation)
}

/// Takes an invitation back. Whoever could have made it may.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::Banned`], [`Error::NotModerator`]; [`Error::Outranked`] for
/// one with a role the asker cannot give; [`Error::InvitationNotFound`]; [`Error::Invalid`] in a dm.
pub async fn withdraw_invitation(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    user_id: UserId,
) -> Result<Invitation, Error> {
    let transaction = store.begin_write().await?;
    let (room, own) = permissions::lock_room_as(&transaction, scope, room, Role::Moderator).await?;
    let invitation = find(&transaction, scope.tenant_id, room.id, user_id).await?;
    if !may_give(own, invitation.role) {
        return Err(Error::Outranked);
    }
    forget(&transaction, &room, user_id).await?;
    transaction.commit().await?;
    Ok(invitation)
}

/// Whether somebody of this role may invite to that one.
fn may_give(own: Role, role: Role) -> bool {
    if own.at_least(Role::Admin) {
        own.at_least(role)
    } else {
        own.outranks(Some(role))
    }
}

/// Stores what a user becomes by joining a room, in place of what was stored before.
pub(super) async fn upsert(connection: &impl ConnectionTrait, row: room_invitation::Model) -> Result<(), Error> {
    let key = [
        room_invitation::Column::TenantId,
        room_invitation::Column::RoomId,
        room_invitation::Column::UserId,
    ];
    let values = [
        room_invitation::Column::Role,
        room_invitation::Column::InvitedBy,
        room_invitation::Column::InsertedAt,
    ];
    room_invitation::Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::columns(key).update_columns(values).to_owned())
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Deletes what a user would become by joining a room.
pub(super) async fn forget(
    transaction: &DatabaseTransaction,
    room: &room::Model,
    user_id: UserId,
) -> Result<(), Error> {
    room_invitation::Entity::delete_in_tenant(room.tenant_id)
        .filter(room_invitation::Column::RoomId.eq(room.id))
        .filter(room_invitation::Column::UserId.eq(user_id))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Deletes the invitations that a user made to a room.
pub(super) async fn forget_made_by(
    transaction: &DatabaseTransaction,
    room: &room::Model,
    user_id: UserId,
) -> Result<(), Error> {
    room_invitation::Entity::delete_in_tenant(room.tenant_id)
        .filter(room_invitation::Column::RoomId.eq(room.id))
        .filter(room_invitation::Column::InvitedBy.eq(user_id))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Invitations that somebody made.
fn made(tenant_id: TenantId) -> Select<room_invitation::Entity> {
    room_invitation::Entity::in_tenant(tenant_id).filter(room_invitation::Column::InvitedBy.is_not_null())
}

/// One invitation.
async fn find(
    connection: &impl ConnectionTrait,
    tenant_id: TenantId,
    room_id: RoomId,
    user_id: UserId,
) -> Result<Invitation, Error> {
    let query = made(tenant_id)
        .filter(room_invitation::Column::RoomId.eq(room_id))
        .filter(room_invitation::Column::UserId.eq(user_id));
    let found = read(connection, tenant_id, query).await?;
    found.into_iter().next().ok_or(Error::InvitationNotFound)
}

/// The invitations of a query, with rooms and names.
async fn read(
    connection: &impl ConnectionTrait,
    tenant_id: TenantId,
    query: Select<room_invitation::Entity>,
) -> Result<Vec<Invitation>, Error> {
    #[derive(FromQueryResult)]
    struct InvitationRow {
        #[sea_orm(nested)]
        invitation: room_invitation::Model,
        #[sea_orm(nested(prefix = "shown_"))]
        user: UserRef,
    }

    let rows = user_ref::with_shown(query.join(JoinType::InnerJoin, room_invitation::Relation::User.def()))
        .into_model::<InvitationRow>()
        .all(connection)
        .await?;
    let ids = rows.iter().map(|row| row.invitation.room_id);
    let rooms: HashMap<RoomId, room::Model> = room::Entity::in_tenant(tenant_id)
        .filter(room::Column::Id.is_in(ids))
        .all(connection)
        .await?
        .into_iter()
        .map(|room| (room.id, room))
        .collect();
    let inviters = user_ref::by_id(
        connection,
        tenant_id,
        rows.iter().filter_map(|row| row.invitation.invited_by),
    )
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let room_invitation::Model {
                room_id,
                role,
                invited_by,
                inserted_at,
                ..
            } = row.invitation;
            Some(Invitation {
                room: rooms.get(&room_id)?.clone().into(),
                user: row.user,
                role,
                invited_by: inviters.get(&invited_by?)?.clone(),
                inserted_at,
            })
        })
        .collect())
}
