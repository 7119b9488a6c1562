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
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, IntoIden, LockType},
};
use uuid::Uuid;

use super::{Error, Role, RoomKind, RoomRef, UserRef, rooms};
use crate::{
    entity::{
        TenantScoped, message, room,
        room_sanction::{self, SanctionKind},
    },
    ids::{MessageId, RoomId, TenantId, UserId},
    scope::Scope,
    store::rows::{Kind, Rows},
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
    let asked = std::iter::once((Scope { tenant_id, user_id }, room_id));
    let found = persons(connection, asked).await?.pop().flatten();
    found.ok_or(Error::UserNotFound)
}

/// [`person`] for many users, each in a room; `None` for who is no user of the tenant. In one query as well.
pub(super) async fn persons(
    connection: &impl ConnectionTrait,
    asked: impl Iterator<Item = (Scope, RoomId)>,
) -> Result<Vec<Option<Person>>, DbErr> {
    let mut rows = Rows::new([
        ("n", Kind::BigInt),
        ("of_tenant", Kind::Uuid),
        ("of_room", Kind::Uuid),
        ("of_user", Kind::Uuid),
    ]);
    let mut persons = Vec::new();
    for (n, (scope, room_id)) in (0_i64..).zip(asked) {
        rows.push([
            n.into(),
            scope.tenant_id.0.into(),
            room_id.0.into(),
            scope.user_id.0.into(),
        ]);
        persons.push(None);
    }
    if rows.is_empty() {
        return Ok(persons);
    }
    let statement = rows.statement(
        connection.get_database_backend(),
        "SELECT n, users.id, username, users.name, avatar_url, users.kind, room_members.role, room_invitations.role, \
         room_sanctions.kind, until \
         FROM given JOIN users ON users.tenant_id = of_tenant AND users.id = of_user \
         LEFT JOIN room_members ON room_members.tenant_id = of_tenant AND room_members.room_id = of_room \
         AND room_members.user_id = of_user \
         LEFT JOIN room_invitations ON room_invitations.tenant_id = of_tenant AND room_invitations.room_id = of_room \
         AND room_invitations.user_id = of_user \
         LEFT JOIN room_sanctions ON room_sanctions.tenant_id = of_tenant AND room_sanctions.room_id = of_room \
         AND room_sanctions.user_id = of_user",
    );
    let now = Timestamp::now();
    // One row, or one for each thing that holds against them. By their places, because names take longer to find, and
    // every message comes here.
    for row in connection.query_all_raw(statement).await? {
        let n: i64 = row.try_get_by_index(0)?;
        let Some(place) = usize::try_from(n).ok().and_then(|n| persons.get_mut(n)) else {
            continue;
        };
        if place.is_none() {
            *place = Some(Person {
                user: UserRef {
                    id: row.try_get_by_index(1)?,
                    username: row.try_get_by_index(2)?,
                    name: row.try_get_by_index(3)?,
                    avatar_url: row.try_get_by_index(4)?,
                    kind: row.try_get_by_index(5)?,
                },
                role: row.try_get_by_index(6)?,
                promised: row.try_get_by_index(7)?,
                banned: false,
                muted: None,
            });
        }
        let (sanction, until): (Option<SanctionKind>, Option<Timestamp>) =
            (row.try_get_by_index(8)?, row.try_get_by_index(9)?);
        let Some(person) = place.as_mut().filter(|_| until.is_none_or(|until| until > now)) else {
            continue;
        };
        match sanction {
            Some(SanctionKind::Ban) => person.banned = true,
            Some(SanctionKind::Mute) => person.muted = Some(until),
            None => {}
        }
    }
    Ok(persons)
}

/// Makes somebody wait who said something in the room less than its slow mode ago. Moderators and up need not. Called
/// in the transaction that stores the message, after the room's row was taken. `said` is when they last said something
/// in this transaction, where it is not stored yet.
///
/// # Errors
/// [`Error::SlowMode`].
pub(super) async fn check_pace(
    transaction: &DatabaseTransaction,
    room: &room::Model,
    person: &Person,
    said: Option<Timestamp>,
) -> Result<(), Error> {
    let slow_mode = i64::from(room.slow_mode_s) * 1_000_000;
    if slow_mode <= 0 || moderates(person.role) {
        return Ok(());
    }
    let now = Timestamp::now();
    let last = match said {
        Some(_) => said,
        None => last_said(transaction, room, person, Timestamp(now.0 - slow_mode)).await?,
    };
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

/// When somebody last said something in a room, if that was after `since`.
async fn last_said(
    transaction: &DatabaseTransaction,
    room: &room::Model,
    person: &Person,
    since: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    Ok(message::Entity::in_tenant(room.tenant_id)
        .filter(message::Column::RoomId.eq(room.id))
        .filter(message::Column::UserId.eq(person.user.id))
        // The index by id keeps this to the messages of the last few minutes.
        .filter(message::Column::Id.gte(first_id_at(since)))
        .select_only()
        .column_as(message::Column::InsertedAt.max(), "last")
        .into_tuple()
        .one(transaction)
        .await?
        .flatten())
}

/// Whether somebody of this role keeps order.
pub(super) fn moderates(role: Option<Role>) -> bool {
    role.is_some_and(|role| role.at_least(Role::Moderator))
}

/// A ban or mute that has not ended; `table` is what the query calls `room_sanctions`.
pub(crate) fn in_force(table: impl IntoIden) -> Condition {
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
