//! Who may do what, and to whom.
//!
//! | | reader | member | moderator | admin | owner |
//! |---|---|---|---|---|---|
//! | read, mark read, react | yes | yes | yes | yes | yes |
//! | write, edit | | yes | yes | yes | yes |
//! | write while the room is frozen or in slow mode | | | yes | yes | yes |
//! | invite, kick, ban, mute, slow mode, freeze | | | yes | yes | yes |
//! | add members, change roles, rename | | | | yes | yes |
//! | delete the room | | | | who created it | yes |
//!
//! Who created a room is an admin of it, and acts as an owner for as long as they are: so there is somebody who can
//! take an admin's role back, and make others owners.
//!
//! Nobody acts on somebody whose role is not below their own, on themselves (but to leave), or gives a role above
//! their own. Who may write nothing (muted, or in a frozen room) may not edit or react either, but may take back what
//! they said. Whoever comes to a public room without being a member counts as a member who is not there yet.
//!
//! Whatever changes a membership or a restriction takes the room's row first, as every message does. So once a ban has
//! returned, no message of the banned is stored that was not stored before.

use std::time::Duration;

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, FromQueryResult, JoinType, QueryFilter, QuerySelect,
    RelationTrait,
    sea_query::{DynIden, Expr, ExprTrait, IntoCondition, IntoIden, LockType},
};
use uuid::Uuid;

use super::{Error, Role, RoomKind, RoomRef, UserRef, rooms, user_ref};
use crate::{
    entity::{
        TenantScoped, message, room, room_invitation, room_member,
        room_sanction::{self, SanctionKind},
        user,
    },
    ids::{MessageId, RoomId, TenantId, UserId},
    scope::Scope,
    timestamp::Timestamp,
    validation::Violations,
};

impl Role {
    /// From 0, the least, to 4.
    const fn rank(self) -> u8 {
        match self {
            Self::Reader => 0,
            Self::Member => 1,
            Self::Moderator => 2,
            Self::Admin => 3,
            Self::Owner => 4,
        }
    }

    /// Whether this role may all that the other may.
    pub const fn at_least(self, other: Self) -> bool {
        self.rank() >= other.rank()
    }

    /// Whether this role is above the other. Somebody without a role is below everybody.
    pub fn outranks(self, other: Option<Self>) -> bool {
        other.is_none_or(|other| self.rank() > other.rank())
    }
}

/// What somebody wants to do with the words of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Say something, or say it otherwise.
    Write,
    /// React to what others say.
    React,
}

/// A user of the tenant, as far as a room is concerned.
#[derive(Clone, Debug)]
pub(super) struct Person {
    /// Who.
    pub user: UserRef,
    /// Their role; none for who is no member.
    pub role: Option<Role>,
    /// What they become by joining, when that is settled: by an invitation, or because they left a public room as a
    /// reader.
    pub promised: Option<Role>,
    /// Whether they are banned.
    pub banned: bool,
    /// Whether they are muted, and until when.
    pub muted: Option<Option<Timestamp>>,
}

impl Person {
    /// Whether they may do this in the room, slow mode aside.
    ///
    /// # Errors
    /// [`Error::Banned`], [`Error::ReadOnly`], [`Error::Frozen`], [`Error::Muted`].
    pub fn check(&self, frozen: bool, act: Act) -> Result<(), Error> {
        if self.banned {
            return Err(Error::Banned);
        }
        if act == Act::Write && self.role.or(self.promised) == Some(Role::Reader) {
            return Err(Error::ReadOnly);
        }
        if frozen && !moderates(self.role) {
            return Err(Error::Frozen);
        }
        match self.muted {
            Some(until) => Err(Error::Muted { until }),
            None => Ok(()),
        }
    }
}

/// A user with all that decides about what they may do in a room, in one query.
///
/// # Errors
/// [`Error::UserNotFound`].
pub(super) async fn person(
    connection: &impl ConnectionTrait,
    tenant_id: TenantId,
    room_id: RoomId,
    user_id: UserId,
) -> Result<Person, Error> {
    #[derive(FromQueryResult)]
    struct PersonRow {
        #[sea_orm(nested(prefix = "shown_"))]
        user: UserRef,
        role: Option<Role>,
        promised: Option<Role>,
        sanction: Option<SanctionKind>,
        until: Option<Timestamp>,
    }

    let in_room = move |table: DynIden, column: DynIden| Expr::col((table, column)).eq(room_id);
    let membership = user::Relation::Memberships
        .def()
        .on_condition(move |_, member| in_room(member, room_member::Column::RoomId.into_iden()).into_condition());
    let invitation = room_invitation::Relation::User
        .def()
        .rev()
        .on_condition(move |_, invitation| {
            in_room(invitation, room_invitation::Column::RoomId.into_iden()).into_condition()
        });
    let sanctions = room_sanction::Relation::User
        .def()
        .rev()
        .on_condition(move |_, sanction| {
            in_room(sanction.clone(), room_sanction::Column::RoomId.into_iden())
                .into_condition()
                .add(in_force(sanction))
        });
    let query = user::Entity::in_tenant(tenant_id)
        .filter(user::Column::Id.eq(user_id))
        .join(JoinType::LeftJoin, membership)
        .join(JoinType::LeftJoin, invitation)
        .join(JoinType::LeftJoin, sanctions)
        .select_only()
        .column_as(room_member::Column::Role, "role")
        .column_as(room_invitation::Column::Role, "promised")
        .column_as(room_sanction::Column::Kind, "sanction")
        .column(room_sanction::Column::Until);
    let rows = user_ref::with_shown(query)
        .into_model::<PersonRow>()
        .all(connection)
        .await?;
    // One row, or one for each thing that holds against them.
    let first = rows.first().ok_or(Error::UserNotFound)?;
    let mut person = Person {
        user: first.user.clone(),
        role: first.role,
        promised: first.promised,
        banned: false,
        muted: None,
    };
    for row in rows {
        match row.sanction {
            Some(SanctionKind::Ban) => person.banned = true,
            Some(SanctionKind::Mute) => person.muted = Some(row.until),
            None => {}
        }
    }
    Ok(person)
}

/// Makes somebody wait who said something in the room less than its slow mode ago. Moderators and up need not. Called
/// in the transaction that stores the message, after the room's row was taken.
///
/// # Errors
/// [`Error::SlowMode`].
pub(super) async fn check_pace(
    transaction: &DatabaseTransaction,
    room: &room::Model,
    person: &Person,
) -> Result<(), Error> {
    let slow_mode = i64::from(room.slow_mode_s) * 1_000_000;
    if slow_mode <= 0 || moderates(person.role) {
        return Ok(());
    }
    let now = Timestamp::now();
    let last: Option<Timestamp> = message::Entity::in_tenant(room.tenant_id)
        .filter(message::Column::RoomId.eq(room.id))
        .filter(message::Column::UserId.eq(person.user.id))
        // The index by id keeps this to the messages of the last few minutes.
        .filter(message::Column::Id.gte(first_id_at(Timestamp(now.0 - slow_mode))))
        .select_only()
        .column_as(message::Column::InsertedAt.max(), "last")
        .into_tuple()
        .one(transaction)
        .await?
        .flatten();
    let left = last.map_or(0, |last| last.0 + slow_mode - now.0);
    if left <= 0 {
        return Ok(());
    }
    // A clock that was set back makes nobody wait for longer than the mode says.
    let left = Ord::min(left, slow_mode).unsigned_abs();
    Err(Error::SlowMode {
        retry_after: Duration::from_micros(left),
    })
}

/// Whether somebody of this role keeps order.
pub(super) fn moderates(role: Option<Role>) -> bool {
    role.is_some_and(|role| role.at_least(Role::Moderator))
}

/// A ban or mute that has not ended; `table` is what the query calls `room_sanctions`.
pub(super) fn in_force(table: impl IntoIden) -> Condition {
    let until = Expr::col((table.into_iden(), room_sanction::Column::Until));
    Condition::any()
        .add(until.clone().is_null())
        .add(until.gt(Timestamp::now()))
}

/// A room and the asker's role in it. The row stays locked until the transaction ends: nothing is said in the room
/// meanwhile, and nobody comes or goes.
///
/// # Errors
/// [`Error::RoomNotFound`]; [`Error::NotMember`] for a private room or dm of others; [`Error::Banned`].
pub(super) async fn lock_room(
    transaction: &DatabaseTransaction,
    scope: &Scope,
    room: &RoomRef,
) -> Result<(room::Model, Option<Role>), Error> {
    let row = lock_row(transaction, scope.tenant_id, room).await?;
    rooms::find_row(transaction, scope, &RoomRef::Id(row.id)).await
}

/// The row of a room, locked until the transaction ends, whoever asks.
pub(super) async fn lock_row(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    room: &RoomRef,
) -> Result<room::Model, Error> {
    room::Entity::in_tenant(tenant_id)
        .filter(room.condition().ok_or(Error::RoomNotFound)?)
        // As strong as the update that every message begins with. SQLite has one writer and needs no lock.
        .lock(LockType::NoKeyUpdate)
        .one(transaction)
        .await?
        .ok_or(Error::RoomNotFound)
}

/// [`lock_room`] for what takes a role.
///
/// # Errors
/// As [`lock_room`], and [`Error::NotMember`] in a public room; [`Error::Invalid`] for a dm, whose two members are
/// alike and stay; [`Error::NotModerator`] or [`Error::NotAdmin`] for a role below `least`.
pub(super) async fn lock_room_as(
    transaction: &DatabaseTransaction,
    scope: &Scope,
    room: &RoomRef,
    least: Role,
) -> Result<(room::Model, Role), Error> {
    let (room, role) = lock_room(transaction, scope, room).await?;
    let role = match check_role(room.kind, role, least)? {
        Role::Admin if room.creator_id == Some(scope.user_id) => Role::Owner,
        role => role,
    };
    Ok((room, role))
}

/// Whether a role is high enough for what takes one; see [`lock_room_as`].
pub(super) fn check_role(kind: RoomKind, role: Option<Role>, least: Role) -> Result<Role, Error> {
    let role = role.ok_or(Error::NotMember)?;
    if kind == RoomKind::Dm {
        return Err(Violations::of("room", "is a direct conversation").into());
    }
    if role.at_least(least) {
        Ok(role)
    } else if least.at_least(Role::Admin) {
        Err(Error::NotAdmin)
    } else {
        Err(Error::NotModerator)
    }
}

/// Whether the asker may act on somebody.
///
/// # Errors
/// [`Error::Invalid`] for oneself, [`Error::Outranked`].
pub(super) fn check_target(scope: &Scope, role: Role, user_id: UserId, target: Option<Role>) -> Result<(), Error> {
    if user_id == scope.user_id {
        return Err(Violations::of("user_id", "is yourself").into());
    }
    if role.outranks(target) {
        Ok(())
    } else {
        Err(Error::Outranked)
    }
}

/// The smallest id a message can have that was made in the millisecond of this moment, or the one before.
fn first_id_at(moment: Timestamp) -> MessageId {
    let milliseconds = Ord::max(moment.milliseconds() - 1, 0).cast_unsigned();
    MessageId(Uuid::from_u64_pair(milliseconds << 16, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_in_order() {
        let roles = [Role::Reader, Role::Member, Role::Moderator, Role::Admin, Role::Owner];
        for (index, role) in roles.into_iter().enumerate() {
            assert!(role.outranks(None));
            for (other_index, other) in roles.into_iter().enumerate() {
                assert_eq!(role.at_least(other), index >= other_index, "{role:?} {other:?}");
                assert_eq!(role.outranks(Some(other)), index > other_index, "{role:?} {other:?}");
            }
        }
    }

    #[test]
    fn an_id_made_at_a_moment_is_not_below_the_first_of_it() {
        let before = Timestamp::now();
        assert!(MessageId::generate() >= first_id_at(before));
        assert!(first_id_at(Timestamp(-5)) <= first_id_at(Timestamp(0)));
    }
}
