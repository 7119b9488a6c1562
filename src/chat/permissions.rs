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
use serde::Deserialize;

use super::{Error, Role, RoomKind, RoomRef, UserRef, details, messages, rooms};
use crate::{
    accounts::UserKind,
    entity::{
        TenantScoped, message, room,
        room_sanction::{self, SanctionKind},
    },
    ids::{RoomId, TenantId, UserId},
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
    /// What who is no member becomes by joining, when that is settled: by an invitation, or because they left a public
    /// room as a reader.
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

/// A room, as far as it decides about what is said in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoomRules {
    /// Who may see and enter it.
    pub kind: RoomKind,
    /// Number of its last change.
    pub head_seq: i64,
    /// Seconds a member has to wait between two messages; 0 for none.
    pub slow_mode_s: i32,
    /// Whether nobody below moderator may write.
    pub frozen: bool,
}

/// A user and a room of a tenant, each if there is such a thing.
#[derive(Clone, Debug, Default)]
pub(super) struct Attendance {
    /// The room.
    pub room: Option<RoomRules>,
    /// The user.
    pub person: Option<Person>,
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
    let found = attendances(connection, asked).await?.pop();
    found.and_then(|found| found.person).ok_or(Error::UserNotFound)
}

/// The columns of an [`Attendance`], in the order of [`AttendanceRow`]. Invitations are looked up for who is no member only.
const ATTENDANCE: &str = "n, rooms.kind, rooms.head_seq, rooms.slow_mode_s, CASE WHEN rooms.frozen THEN 1 ELSE 0 END, \
     username, users.name, avatar_url, users.kind, room_members.role, CASE WHEN room_members.role IS NULL THEN \
     (SELECT role FROM room_invitations WHERE room_invitations.tenant_id = of_tenant \
     AND room_invitations.room_id = of_room AND room_invitations.user_id = of_user) END, room_sanctions.kind, until";

/// Where these are: one row, or one for each thing that holds against somebody.
const ATTENDED: &str = "FROM given LEFT JOIN rooms ON rooms.tenant_id = of_tenant AND rooms.id = of_room \
     LEFT JOIN users ON users.tenant_id = of_tenant AND users.id = of_user \
     LEFT JOIN room_members ON room_members.tenant_id = of_tenant AND room_members.room_id = of_room \
     AND room_members.user_id = of_user \
     LEFT JOIN room_sanctions ON room_sanctions.tenant_id = of_tenant AND room_sanctions.room_id = of_room \
     AND room_sanctions.user_id = of_user";

#[derive(Deserialize)]
struct AttendanceRow {
    n: usize,
    room_kind: Option<RoomKind>,
    head_seq: Option<i64>,
    slow_mode_s: Option<i32>,
    frozen: i32,
    username: Option<String>,
    name: Option<String>,
    avatar_url: Option<String>,
    user_kind: Option<UserKind>,
    role: Option<Role>,
    promised: Option<Role>,
    sanction: Option<SanctionKind>,
    until: Option<i64>,
}

impl AttendanceRow {
    fn room(&self) -> Option<RoomRules> {
        Some(RoomRules {
            kind: self.room_kind?,
            head_seq: self.head_seq?,
            slow_mode_s: self.slow_mode_s?,
            frozen: self.frozen != 0,
        })
    }

    fn into_person(self, id: UserId) -> Option<Person> {
        Some(Person {
            user: UserRef {
                id,
                username: self.username?,
                name: self.name,
                avatar_url: self.avatar_url,
                kind: self.user_kind?,
            },
            role: self.role,
            promised: self.promised,
            banned: false,
            muted: None,
        })
    }
}

/// Many users, each in a room, with all that decides about what they may do there. In one query as well.
pub(super) async fn attendances(
    connection: &impl ConnectionTrait,
    asked: impl Iterator<Item = (Scope, RoomId)>,
) -> Result<Vec<Attendance>, DbErr> {
    let mut rows = Rows::new([
        ("n", Kind::BigInt),
        ("of_tenant", Kind::Uuid),
        ("of_room", Kind::Uuid),
        ("of_user", Kind::Uuid),
    ]);
    let mut user_ids = Vec::new();
    for (n, (scope, room_id)) in (0_i64..).zip(asked) {
        rows.push([
            n.into(),
            scope.tenant_id.0.into(),
            room_id.0.into(),
            scope.user_id.0.into(),
        ]);
        user_ids.push(scope.user_id);
    }
    let mut found = vec![Attendance::default(); user_ids.len()];
    if rows.is_empty() {
        return Ok(found);
    }
    let now = Timestamp::now();
    for row in rows.query::<AttendanceRow>(connection, ATTENDANCE, ATTENDED).await? {
        let (Some(found), Some(&user_id)) = (found.get_mut(row.n), user_ids.get(row.n)) else {
            continue;
        };
        let (sanction, until) = (row.sanction, row.until.map(Timestamp));
        if found.person.is_none() {
            found.room = row.room();
            found.person = row.into_person(user_id);
        }
        let in_force = until.is_none_or(|until| until > now);
        let Some(person) = found.person.as_mut().filter(|_| in_force) else {
            continue;
        };
        match sanction {
            Some(SanctionKind::Ban) => person.banned = true,
            Some(SanctionKind::Mute) => person.muted = Some(until),
            None => {}
        }
    }
    Ok(found)
}

/// Makes somebody wait who said something in the room less than its slow mode ago. Moderators and up need not: they are not asked about. Called
/// in the transaction that stores the message, after the room's row was taken. `said` is when they last said something
/// in this transaction, where it is not stored yet.
///
/// # Errors
/// [`Error::SlowMode`].
pub(super) async fn check_pace(
    transaction: &DatabaseTransaction,
    scope: &Scope,
    room_id: RoomId,
    slow_mode_s: i32,
    said: Option<Timestamp>,
) -> Result<(), Error> {
    let slow_mode = i64::from(slow_mode_s) * 1_000_000;
    if slow_mode <= 0 {
        return Ok(());
    }
    let now = Timestamp::now();
    let last = match said {
        Some(_) => said,
        None => last_said(transaction, scope, room_id, Timestamp(now.0 - slow_mode)).await?,
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
    scope: &Scope,
    room_id: RoomId,
    since: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    // Looks at what was said since then, not at all that anybody ever said.
    let before = messages::last_seq_before(transaction, scope, room_id, since).await?;
    Ok(details::in_room(scope, room_id)
        .filter(message::Column::UserId.eq(scope.user_id))
        .filter(message::Column::Seq.gt(before.unwrap_or(0)))
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
}
