//! Who is in a room, and whether somebody may read or write in it. What changes that is in `membership`.

use sea_orm::{
    ColumnTrait, Condition, FromQueryResult, JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    RelationTrait, Select,
};
use uuid::Uuid;

use super::{
    Error, Role, Room, RoomRef, UserRef,
    permissions::{self, Act},
    rooms, user_ref,
};
use crate::{
    entity::{TenantScoped, room_member},
    ids::{RoomId, TenantId, UserId},
    page::{List, Page, PageRequest},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
};

/// Most members that are listed with a room.
pub const MEMBERS_LISTED_MAX: u64 = 200;

/// A member of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserRef,
    /// What the member may do.
    pub role: Role,
    /// Since when.
    pub inserted_at: Timestamp,
}

/// A room and who is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomWithMembers {
    /// The room.
    pub room: Room,
    /// The asker's role in it; none for who is no member.
    pub role: Option<Role>,
    /// The first [`MEMBERS_LISTED_MAX`] members, in the order they came.
    pub members: Vec<Member>,
    /// How many members there are in all.
    pub member_count: u64,
}

/// What somebody wants to do in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// See what is said.
    Read,
    /// Say something.
    Write,
}

/// Permission, with what was found out on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The room.
    pub room: Room,
    /// The asker's role in it; none for who is no member of a public room.
    pub role: Option<Role>,
}

/// Asks whether somebody may read or write in a room. Anybody of the tenant may in a public one who is not banned from
/// it; members may in a private one or a dm. To write takes more than that: the roles are in `permissions`.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::Banned`]; to write also [`Error::ReadOnly`],
/// [`Error::Frozen`], [`Error::Muted`]. Slow mode is no matter of permission, and not looked at.
pub async fn authorise(store: &Store, scope: &Scope, room: &RoomRef, access: Access) -> Result<Grant, Error> {
    let (room, role) = rooms::find(store.reader(), scope, room).await?;
    if access == Access::Write {
        let person = permissions::person(store.reader(), scope.tenant_id, room.id, scope.user_id).await?;
        person.check(room.frozen, Act::Write)?;
    }
    Ok(Grant { room, role })
}

/// A room with its first members.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::Banned`].
pub async fn get_room_with_members(store: &Store, scope: &Scope, room: &RoomRef) -> Result<RoomWithMembers, Error> {
    let (room, role) = rooms::find(store.reader(), scope, room).await?;
    let member_count = of_room(scope.tenant_id, room.id).count(store.reader()).await?;
    let members = listed(store, of_room(scope.tenant_id, room.id), MEMBERS_LISTED_MAX).await?;
    Ok(RoomWithMembers {
        room,
        role,
        members,
        member_count,
    })
}

/// The members of a room, in the order they came. Whoever may read in a room may know who is in it.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::Banned`]; [`Error::Invalid`] for a limit or cursor that is
/// none.
pub async fn list_members(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    request: &PageRequest,
) -> Result<Page<Member>, Error> {
    let after = List::Members.start(request, |bytes| {
        let (time, user) = bytes.split_first_chunk::<8>()?;
        let user = Uuid::from_slice(user).ok().map(UserId)?;
        Some((Timestamp(i64::from_be_bytes(*time)), user))
    })?;
    let (room, _) = rooms::find(store.reader(), scope, room).await?;
    let mut members = of_room(scope.tenant_id, room.id);
    if let Some((time, user)) = after {
        members = members.filter(room_member::Column::InsertedAt.gte(time)).filter(
            Condition::any()
                .add(room_member::Column::InsertedAt.gt(time))
                .add(room_member::Column::UserId.gt(user)),
        );
    }
    let members = listed(store, members, request.limit + 1).await?;
    Ok(List::Members.page(members, request.limit, |member| {
        let mut key = member.inserted_at.0.to_be_bytes().to_vec();
        key.extend_from_slice(member.user.id.0.as_bytes());
        key
    }))
}

/// The members who are told about a room on their own topics: the first `max` who came.
pub async fn members_to_notify(
    store: &Store,
    tenant_id: TenantId,
    room_id: RoomId,
    max: u64,
) -> Result<Vec<UserId>, Error> {
    Ok(of_room(tenant_id, room_id)
        .order_by_asc(room_member::Column::InsertedAt)
        .order_by_asc(room_member::Column::UserId)
        .limit(max)
        .select_only()
        .column(room_member::Column::UserId)
        .into_tuple()
        .all(store.reader())
        .await?)
}

/// The memberships of a room.
pub(super) fn of_room(tenant_id: TenantId, room_id: RoomId) -> Select<room_member::Entity> {
    room_member::Entity::in_tenant(tenant_id).filter(room_member::Column::RoomId.eq(room_id))
}

/// Up to `limit` members, in the order they came.
async fn listed(store: &Store, members: Select<room_member::Entity>, limit: u64) -> Result<Vec<Member>, Error> {
    #[derive(FromQueryResult)]
    struct MemberRow {
        #[sea_orm(nested)]
        member: room_member::Model,
        #[sea_orm(nested(prefix = "shown_"))]
        user: UserRef,
    }

    let rows = user_ref::with_shown(members.join(JoinType::InnerJoin, room_member::Relation::User.def()))
        .order_by_asc(room_member::Column::InsertedAt)
        .order_by_asc(room_member::Column::UserId)
        .limit(limit)
        .into_model::<MemberRow>()
        .all(store.reader())
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| Member {
            user: row.user,
            role: row.member.role,
            inserted_at: row.member.inserted_at,
        })
        .collect())
}
