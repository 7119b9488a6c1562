//! Moderation: bans and mutes.
//!
//! Both may have an end, which is looked at in the query: nothing has to run for a ban to be over. Both hold whether or
//! not the user is a member at the time, and are not lifted by leaving or a new role.

use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, FromQueryResult, IntoActiveModel, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationTrait, sea_query::OnConflict,
};
use uuid::Uuid;

use super::{Error, MemberChange, Role, RoomRef, UserRef, invitations, membership, permissions, rooms, user_ref};
use crate::{
    entity::{
        TenantScoped, room,
        room_sanction::{self, SanctionKind},
    },
    ids::UserId,
    page::{List, Page, PageRequest},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
    validation::Violations,
};

/// Most characters of the reason of a ban or mute.
pub const REASON_CHARS_MAX: usize = 500;

/// The last moment of the year 9999, the last one that can be told to clients.
const LAST_MOMENT: Timestamp = Timestamp(253_402_300_799_999_999);

/// A ban or mute that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sanction {
    /// Who it is against.
    pub user: UserRef,
    /// When it ends; `None` for never.
    pub until: Option<Timestamp>,
    /// Why, in the moderator's words.
    pub reason: Option<String>,
    /// Who imposed it; `None` when that user is gone.
    pub imposed_by: Option<UserRef>,
    /// When it was imposed.
    pub inserted_at: Timestamp,
}

/// What a ban or mute, or the end of one, changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moderation {
    /// Room, user, and the user's role before and after: a ban ends the membership, all else leaves it.
    pub change: MemberChange,
    /// What holds from now on; `None` when it was lifted.
    pub sanction: Option<Sanction>,
    /// Whether there was something to do: lifting a ban that is none changes nothing.
    pub changed: bool,
}

/// Bans a user, member or not: ends the membership, and lets the user neither read nor write nor come back until the
/// ban ends. Invitations to and by the user go. A second ban takes the place of the first. Moderators and up may,
/// against lower roles.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::Banned`], [`Error::NotModerator`], [`Error::Outranked`];
/// [`Error::UserNotFound`]; [`Error::Invalid`] for an end that is past, a reason longer than [`REASON_CHARS_MAX`],
/// oneself, and in a dm.
pub async fn ban(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    user_id: UserId,
    until: Option<Timestamp>,
    reason: Option<String>,
) -> Result<Moderation, Error> {
    impose(store, scope, room, user_id, SanctionKind::Ban, until, reason).await
}

/// Ends a ban. The user is no member by that, but may become one. Any moderator may, whoever imposed it.
///
/// # Errors
/// As [`ban`].
pub async fn unban(store: &Store, scope: &Scope, room: &RoomRef, user_id: UserId) -> Result<Moderation, Error> {
    lift(store, scope, room, user_id, SanctionKind::Ban).await
}

/// Lets a user, member or not, say nothing until the mute ends. A second mute takes the place of the first. Moderators
/// and up may, against lower roles.
///
/// # Errors
/// As [`ban`].
pub async fn mute(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    user_id: UserId,
    until: Option<Timestamp>,
    reason: Option<String>,
) -> Result<Moderation, Error> {
    impose(store, scope, room, user_id, SanctionKind::Mute, until, reason).await
}

/// Ends a mute. Any moderator may, whoever imposed it, but not for themselves or somebody of a role not below theirs.
///
/// # Errors
/// As [`ban`].
pub async fn unmute(store: &Store, scope: &Scope, room: &RoomRef, user_id: UserId) -> Result<Moderation, Error> {
    lift(store, scope, room, user_id, SanctionKind::Mute).await
}

/// Who is banned at present, by age of the user, the oldest first. Moderators and up may ask.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::Banned`], [`Error::NotModerator`]; [`Error::Invalid`] for a
/// limit or cursor that is none, and in a dm.
pub async fn list_bans(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    request: &PageRequest,
) -> Result<Page<Sanction>, Error> {
    list(store, scope, room, request, List::Bans, SanctionKind::Ban).await
}

/// Who is muted at present, by age of the user, the oldest first. Moderators and up may ask.
///
/// # Errors
/// As [`list_bans`].
pub async fn list_mutes(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    request: &PageRequest,
) -> Result<Page<Sanction>, Error> {
    list(store, scope, room, request, List::Mutes, SanctionKind::Mute).await
}

async fn impose(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    user_id: UserId,
    kind: SanctionKind,
    until: Option<Timestamp>,
    reason: Option<String>,
) -> Result<Moderation, Error> {
    let reason = reason.filter(|reason| !reason.trim().is_empty());
    check_terms(until, reason.as_deref())?;
    let transaction = store.begin_write().await?;
    let (room, user, before) = target(&transaction, scope, room, user_id).await?;
    let mut after = before;
    if kind == SanctionKind::Ban {
        invitations::forget(&transaction, &room, user_id).await?;
        invitations::forget_made_by(&transaction, &room, user_id).await?;
        if let Some(role) = before {
            membership::end_membership(&transaction, &room, user_id, role).await?;
            after = None;
        }
        membership::end_channels(&transaction, &room, Some(user_id)).await?;
    }
    // What has ended is of no use to anybody.
    room_sanction::Entity::delete_in_tenant(scope.tenant_id)
        .filter(room_sanction::Column::RoomId.eq(room.id))
        .filter(room_sanction::Column::Until.lte(Timestamp::now()))
        .exec(&transaction)
        .await?;
    let row = room_sanction::Model {
        tenant_id: scope.tenant_id,
        room_id: room.id,
        user_id,
        kind,
        until,
        reason,
        imposed_by: scope.user_id,
        inserted_at: Timestamp::now(),
    };
    let key = [
        room_sanction::Column::TenantId,
        room_sanction::Column::RoomId,
        room_sanction::Column::UserId,
        room_sanction::Column::Kind,
    ];
    let values = [
        room_sanction::Column::Until,
        room_sanction::Column::Reason,
        room_sanction::Column::ImposedBy,
        room_sanction::Column::InsertedAt,
    ];
    room_sanction::Entity::insert(row.clone().into_active_model())
        .on_conflict(OnConflict::columns(key).update_columns(values).to_owned())
        .exec_without_returning(&transaction)
        .await?;
    let moderator = permissions::person(&transaction, scope.tenant_id, room.id, scope.user_id).await?;
    transaction.commit().await?;
    Ok(Moderation {
        sanction: Some(to_sanction(row, user.clone(), Some(moderator.user))),
        change: MemberChange {
            room: room.into(),
            user,
            before,
            after,
        },
        changed: true,
    })
}

async fn lift(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    user_id: UserId,
    kind: SanctionKind,
) -> Result<Moderation, Error> {
    let transaction = store.begin_write().await?;
    let (room, user, role) = target(&transaction, scope, room, user_id).await?;
    let of_user = || {
        room_sanction::Entity::delete_in_tenant(scope.tenant_id)
            .filter(room_sanction::Column::RoomId.eq(room.id))
            .filter(room_sanction::Column::UserId.eq(user_id))
            .filter(room_sanction::Column::Kind.eq(kind))
    };
    let lifted = of_user()
        .filter(permissions::in_force(room_sanction::Entity))
        .exec(&transaction)
        .await?;
    if lifted.rows_affected > 0 {
        transaction.commit().await?;
    }
    Ok(Moderation {
        change: MemberChange {
            room: room.into(),
            user,
            before: role,
            after: role,
        },
        sanction: None,
        changed: lifted.rows_affected > 0,
    })
}

/// A room the asker may moderate, and a user there whom the asker may act on.
async fn target(
    transaction: &DatabaseTransaction,
    scope: &Scope,
    room: &RoomRef,
    user_id: UserId,
) -> Result<(room::Model, UserRef, Option<Role>), Error> {
    let (room, own) = permissions::lock_room_as(transaction, scope, room, Role::Moderator).await?;
    let person = permissions::person(transaction, scope.tenant_id, room.id, user_id).await?;
    permissions::check_target(scope, own, user_id, person.role)?;
    Ok((room, person.user, person.role))
}

async fn list(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    request: &PageRequest,
    list: List,
    kind: SanctionKind,
) -> Result<Page<Sanction>, Error> {
    #[derive(FromQueryResult)]
    struct SanctionRow {
        #[sea_orm(nested)]
        sanction: room_sanction::Model,
        #[sea_orm(nested(prefix = "shown_"))]
        user: UserRef,
    }

    let after = list.start(request, |bytes| Uuid::from_slice(bytes).ok().map(UserId))?;
    let (room, role) = rooms::find(store.reader(), scope, room).await?;
    permissions::check_role(room.kind, role, Role::Moderator)?;
    let mut query = room_sanction::Entity::in_tenant(scope.tenant_id)
        .filter(room_sanction::Column::RoomId.eq(room.id))
        .filter(room_sanction::Column::Kind.eq(kind))
        .filter(permissions::in_force(room_sanction::Entity));
    if let Some(after) = after {
        query = query.filter(room_sanction::Column::UserId.gt(after));
    }
    let rows = user_ref::with_shown(query.join(JoinType::InnerJoin, room_sanction::Relation::User.def()))
        .order_by_asc(room_sanction::Column::UserId)
        .limit(request.limit + 1)
        .into_model::<SanctionRow>()
        .all(store.reader())
        .await?;
    let moderators = rows.iter().map(|row| row.sanction.imposed_by);
    let moderators = user_ref::by_id(store.reader(), scope.tenant_id, moderators).await?;
    let sanctions = rows
        .into_iter()
        .map(|row| {
            let moderator = moderators.get(&row.sanction.imposed_by).cloned();
            to_sanction(row.sanction, row.user, moderator)
        })
        .collect();
    Ok(list.page(sanctions, request.limit, |sanction| *sanction.user.id.0.as_bytes()))
}

fn to_sanction(row: room_sanction::Model, user: UserRef, imposed_by: Option<UserRef>) -> Sanction {
    Sanction {
        user,
        until: row.until,
        reason: row.reason,
        imposed_by,
        inserted_at: row.inserted_at,
    }
}

fn check_terms(until: Option<Timestamp>, reason: Option<&str>) -> Result<(), Violations> {
    let mut violations = Violations::new();
    if until.is_some_and(|until| until <= Timestamp::now()) {
        violations.add("until", "must be in the future");
    }
    if until.is_some_and(|until| until > LAST_MOMENT) {
        violations.add("until", "must be before the year 10000");
    }
    if let Some(reason) = reason {
        if reason.chars().count() > REASON_CHARS_MAX {
            violations.add("reason", format!("must be at most {REASON_CHARS_MAX} characters"));
        }
        if reason
            .chars()
            .any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t'))
        {
            violations.add("reason", "must not contain control characters");
        }
    }
    violations.into_result()
}
