//! What makes somebody a member of a room, and what ends that: joining, leaving, being added, moved up or put out.
//!
//! Invariants:
//! * Memberships are changed under the lock of the room's row: of two who come at once into the last place, one does.
//! * Who becomes a member, in whatever way, has no invitation any more; who gets a lower role or is put out leaves none
//!   behind for others.

use sea_orm::{
    ColumnTrait, DatabaseTransaction, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};

use super::{
    Error, Role, Room, RoomKind, RoomRef, UserRef, invitations,
    members::of_room,
    new_rooms,
    permissions::{self, Person},
};
use crate::{
    config::Cap,
    control::{self, ControlEvent},
    entity::{TenantScoped, room, room_invitation, room_member},
    ids::UserId,
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
    validation::Violations,
};

/// What became of a membership. Whoever tells sockets needs no more than this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberChange {
    /// The room.
    pub room: Room,
    /// Whose membership.
    pub user: UserRef,
    /// The role until now; `None` for who was no member.
    pub before: Option<Role>,
    /// The role from now on; `None` for who is no member any more.
    pub after: Option<Role>,
}

impl MemberChange {
    /// Whether there was something to do. When not, nothing was written and there is nobody to tell.
    pub fn changed(&self) -> bool {
        self.before != self.after
    }
}

/// What became of a room that somebody left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The membership that ended.
    pub change: MemberChange,
    /// Who became an admin because the last one left.
    pub promoted: Option<MemberChange>,
}

/// Makes the asker a member: of a public room, or of one the asker is invited to, which settles the role and uses the
/// invitation up. Who is a member of a room, of whatever kind, stays what they are. All that was said until now counts
/// as read.
///
/// # Errors
/// [`Error::RoomNotFound`]; [`Error::NotMember`] for a private room without an invitation, and for a dm of others;
/// [`Error::Banned`]; [`Error::RoomFull`] when it has `members_max`; [`Error::UserNotFound`] when the asker is no user
/// of the tenant.
pub async fn join_room(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    members_max: Cap<u64>,
) -> Result<MemberChange, Error> {
    let transaction = store.begin_write().await?;
    let row = permissions::lock_row(&transaction, scope.tenant_id, room).await?;
    let person = permissions::person(&transaction, scope.tenant_id, row.id, scope.user_id).await?;
    let after = match person.role {
        Some(role) => role,
        None => {
            let role = admit(&transaction, &row, &person, members_max).await?;
            transaction.commit().await?;
            role
        }
    };
    Ok(MemberChange {
        room: row.into(),
        user: person.user,
        before: person.role,
        after: Some(after),
    })
}

/// Makes somebody, who is no member, one; says in which role. The room's row has to be locked.
///
/// # Errors
/// [`Error::NotMember`] when this takes an invitation, [`Error::Banned`], [`Error::RoomFull`].
pub(super) async fn admit(
    transaction: &DatabaseTransaction,
    room: &room::Model,
    person: &Person,
    members_max: Cap<u64>,
) -> Result<Role, Error> {
    if person.banned {
        return Err(Error::Banned);
    }
    let role = match (room.kind, person.promised) {
        (RoomKind::Public, None) => Role::Member,
        (RoomKind::Public | RoomKind::Private, Some(role)) => role,
        (RoomKind::Private, None) | (RoomKind::Dm, _) => return Err(Error::NotMember),
    };
    check_number(transaction, room, members_max).await?;
    if person.promised.is_some() {
        invitations::forget(transaction, room, person.user.id).await?;
    }
    new_rooms::insert_member(transaction, room, person.user.id, role).await?;
    Ok(role)
}

/// Refuses one member more than the room may have. The room's row has to be locked.
async fn check_number(transaction: &DatabaseTransaction, room: &room::Model, max: Cap<u64>) -> Result<(), Error> {
    let Some(max) = max.get() else { return Ok(()) };
    let last = of_room(room.tenant_id, room.id)
        .select_only()
        .column(room_member::Column::UserId)
        .offset(max.saturating_sub(1))
        .into_tuple::<UserId>()
        .one(transaction)
        .await?;
    last.map_or(Ok(()), |_| Err(Error::RoomFull))
}

/// Ends the asker's membership.
///
/// A room does not stay without anybody to run it: when its last admin or owner leaves, the highest of the others
/// becomes an admin, the one who came first among equals. In a private room that may be anybody; in a public one, where
/// anybody can come in, only a moderator.
///
/// # Errors
/// [`Error::RoomNotFound`]; [`Error::NotMember`] when there is none; [`Error::Banned`]; [`Error::Invalid`] for a dm,
/// which always has its two members.
pub async fn leave_room(store: &Store, scope: &Scope, room: &RoomRef) -> Result<Left, Error> {
    let transaction = store.begin_write().await?;
    let (room, role) = permissions::lock_room(&transaction, scope, room).await?;
    let role = role.ok_or(Error::NotMember)?;
    if room.kind == RoomKind::Dm {
        return Err(Violations::of("room", "is a direct conversation, which cannot be left").into());
    }
    let Person { user, .. } = permissions::person(&transaction, scope.tenant_id, room.id, scope.user_id).await?;
    end_membership(&transaction, &room, user.id, role).await?;
    let promoted = if role.at_least(Role::Admin) {
        promote_successor(&transaction, &room).await?
    } else {
        None
    };
    // Who has left a public room may go on listening.
    if room.kind != RoomKind::Public {
        end_channels(&transaction, &room, Some(user.id)).await?;
    }
    transaction.commit().await?;
    Ok(Left {
        change: MemberChange {
            room: room.into(),
            user,
            before: Some(role),
            after: None,
        },
        promoted,
    })
}

/// Makes a user a member, without asking them. Who is a member stays what they are; an invitation is used up. Admins
/// and up may, for roles up to their own.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::Banned`], [`Error::NotAdmin`]; [`Error::Outranked`] for a
/// role above the asker's; [`Error::UserNotFound`]; [`Error::RoomFull`] when it has `members_max`; [`Error::Invalid`]
/// for oneself, somebody who is banned, and in a dm.
pub async fn add_member(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    user_id: UserId,
    role: Role,
    members_max: Cap<u64>,
) -> Result<MemberChange, Error> {
    let transaction = store.begin_write().await?;
    let (room, own) = permissions::lock_room_as(&transaction, scope, room, Role::Admin).await?;
    permissions::check_target(scope, own, user_id, None)?;
    if !own.at_least(role) {
        return Err(Error::Outranked);
    }
    let person = permissions::person(&transaction, scope.tenant_id, room.id, user_id).await?;
    if person.role.is_none() {
        check_not_banned(&person)?;
        check_number(&transaction, &room, members_max).await?;
        invitations::forget(&transaction, &room, user_id).await?;
        new_rooms::insert_member(&transaction, &room, user_id, role).await?;
        transaction.commit().await?;
    }
    Ok(MemberChange {
        room: room.into(),
        user: person.user,
        before: person.role,
        after: person.role.or(Some(role)),
    })
}

/// Ends the membership of somebody else: a kick. They may come back to a public room at once, to a private one when
/// they are invited again. Invitations they made to this room go. Moderators and up may, against lower roles.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::Banned`], [`Error::NotModerator`], [`Error::Outranked`];
/// [`Error::MemberNotFound`]; [`Error::Invalid`] for oneself and in a dm.
pub async fn remove_member(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    user_id: UserId,
) -> Result<MemberChange, Error> {
    let transaction = store.begin_write().await?;
    let (room, own) = permissions::lock_room_as(&transaction, scope, room, Role::Moderator).await?;
    let (user, before) = member(&transaction, &room, user_id).await?;
    permissions::check_target(scope, own, user_id, Some(before))?;
    let change = expel(&transaction, room, user, before).await?;
    transaction.commit().await?;
    Ok(change)
}

/// Gives a member another role. Invitations that a member made to this room go when the role sinks. Admins and up may,
/// against roles below their own and up to their own.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::Banned`], [`Error::NotAdmin`], [`Error::Outranked`];
/// [`Error::MemberNotFound`]; [`Error::Invalid`] for oneself and in a dm.
pub async fn change_role(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    user_id: UserId,
    role: Role,
) -> Result<MemberChange, Error> {
    let transaction = store.begin_write().await?;
    let (room, own) = permissions::lock_room_as(&transaction, scope, room, Role::Admin).await?;
    let (user, before) = member(&transaction, &room, user_id).await?;
    permissions::check_target(scope, own, user_id, Some(before))?;
    if !own.at_least(role) {
        return Err(Error::Outranked);
    }
    if before != role {
        give_role(&transaction, &room, user_id, before, role).await?;
        transaction.commit().await?;
    }
    Ok(MemberChange {
        room: room.into(),
        user,
        before: Some(before),
        after: Some(role),
    })
}

/// Whether somebody whom others name may become a member.
pub(super) fn check_not_banned(person: &Person) -> Result<(), Violations> {
    if person.banned {
        return Err(Violations::of("user_id", "is banned from this room"));
    }
    Ok(())
}

/// Ends a membership. A reader who leaves a public room, of their own will or not, comes back as a reader.
pub(super) async fn end_membership(
    transaction: &DatabaseTransaction,
    room: &room::Model,
    user_id: UserId,
    role: Role,
) -> Result<(), Error> {
    room_member::Entity::delete_in_tenant(room.tenant_id)
        .filter(room_member::Column::RoomId.eq(room.id))
        .filter(room_member::Column::UserId.eq(user_id))
        .exec(transaction)
        .await?;
    if (room.kind, role) == (RoomKind::Public, Role::Reader) {
        let row = room_invitation::Model {
            tenant_id: room.tenant_id,
            room_id: room.id,
            user_id,
            role,
            invited_by: None,
            inserted_at: Timestamp::now(),
        };
        invitations::upsert(transaction, row).await?;
    }
    Ok(())
}

/// Has all servers told that a room is over for a user, or for everybody.
pub(super) async fn end_channels(
    transaction: &DatabaseTransaction,
    room: &room::Model,
    user_id: Option<UserId>,
) -> Result<(), Error> {
    let room_id = room.id;
    let ended = ControlEvent::ChannelsEnded { room_id, user_id };
    Ok(control::record(transaction, room.tenant_id, &ended).await?)
}

/// Makes somebody admin of a room that has none, if there is somebody who can be; see [`leave_room`].
pub(super) async fn promote_successor(
    transaction: &DatabaseTransaction,
    room: &room::Model,
) -> Result<Option<MemberChange>, Error> {
    let members = || of_room(room.tenant_id, room.id);
    let admins = members().filter(room_member::Column::Role.is_in([Role::Owner, Role::Admin]));
    if admins.count(transaction).await? > 0 {
        return Ok(None);
    }
    let candidates: &[Role] = match room.kind {
        RoomKind::Public => &[Role::Moderator],
        RoomKind::Private | RoomKind::Dm => &[Role::Moderator, Role::Member, Role::Reader],
    };
    for role in candidates {
        let oldest: Option<UserId> = members()
            .filter(room_member::Column::Role.eq(*role))
            .order_by_asc(room_member::Column::InsertedAt)
            .order_by_asc(room_member::Column::UserId)
            .select_only()
            .column(room_member::Column::UserId)
            .into_tuple()
            .one(transaction)
            .await?;
        if let Some(user_id) = oldest {
            set_role(transaction, room, user_id, Role::Admin).await?;
            let Person { user, .. } = permissions::person(transaction, room.tenant_id, room.id, user_id).await?;
            return Ok(Some(MemberChange {
                room: room.clone().into(),
                user,
                before: Some(*role),
                after: Some(Role::Admin),
            }));
        }
    }
    Ok(None)
}

/// A member of a room, and their role.
///
/// # Errors
/// [`Error::MemberNotFound`].
pub(super) async fn member(
    transaction: &DatabaseTransaction,
    room: &room::Model,
    user_id: UserId,
) -> Result<(UserRef, Role), Error> {
    match permissions::person(transaction, room.tenant_id, room.id, user_id).await {
        Ok(Person {
            user, role: Some(role), ..
        }) => Ok((user, role)),
        Ok(_) | Err(Error::UserNotFound) => Err(Error::MemberNotFound),
        Err(error) => Err(error),
    }
}

/// Puts a member out: membership and channels end, and invitations that they made go. The room's row has to be locked.
pub(super) async fn expel(
    transaction: &DatabaseTransaction,
    room: room::Model,
    user: UserRef,
    before: Role,
) -> Result<MemberChange, Error> {
    end_membership(transaction, &room, user.id, before).await?;
    invitations::forget_made_by(transaction, &room, user.id).await?;
    end_channels(transaction, &room, Some(user.id)).await?;
    Ok(MemberChange {
        room: room.into(),
        user,
        before: Some(before),
        after: None,
    })
}

/// Gives a role to somebody who is a member, or becomes one. The room's row has to be locked.
///
/// # Errors
/// [`Error::RoomFull`] when it takes a new member, and the room has `members_max`.
pub(super) async fn give(
    transaction: &DatabaseTransaction,
    room: room::Model,
    person: Person,
    role: Role,
    members_max: Cap<u64>,
) -> Result<MemberChange, Error> {
    let user_id = person.user.id;
    match person.role {
        None => {
            check_number(transaction, &room, members_max).await?;
            invitations::forget(transaction, &room, user_id).await?;
            new_rooms::insert_member(transaction, &room, user_id, role).await?;
        }
        Some(before) if before != role => give_role(transaction, &room, user_id, before, role).await?,
        Some(_) => {}
    }
    Ok(MemberChange {
        room: room.into(),
        user: person.user,
        before: person.role,
        after: Some(role),
    })
}

/// Gives a member another role. Invitations that the member made go when it is a lower one.
async fn give_role(
    transaction: &DatabaseTransaction,
    room: &room::Model,
    user_id: UserId,
    before: Role,
    role: Role,
) -> Result<(), Error> {
    set_role(transaction, room, user_id, role).await?;
    if before.outranks(Some(role)) {
        invitations::forget_made_by(transaction, room, user_id).await?;
    }
    Ok(())
}

async fn set_role(
    transaction: &DatabaseTransaction,
    room: &room::Model,
    user_id: UserId,
    role: Role,
) -> Result<(), Error> {
    room_member::Entity::update_in_tenant(room.tenant_id)
        .filter(room_member::Column::RoomId.eq(room.id))
        .filter(room_member::Column::UserId.eq(user_id))
        .col_expr(room_member::Column::Role, Expr::value(role))
        .exec(transaction)
        .await?;
    Ok(())
}
