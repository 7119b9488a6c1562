//! Who may do what in a room: access, joining, leaving.

use sea_orm::{
    ColumnTrait, FromQueryResult, JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, RelationTrait,
};

use super::{Error, Role, Room, RoomKind, RoomRef, rooms};
use crate::{
    entity::{TenantScoped, room_member, user},
    ids::UserId,
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
    validation::Violations,
};

/// Most members that are listed with a room.
pub const MEMBERS_LISTED_MAX: u64 = 200;

/// A user as others see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRef {
    /// The user's id.
    pub id: UserId,
    /// The user's name.
    pub username: String,
}

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

/// Asks whether somebody may read or write in a room. Anybody of the tenant may in a public one; members may
/// in a private one or a dm; a [`Role::Reader`] may write nowhere.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::ReadOnly`].
pub async fn authorise(store: &Store, scope: &Scope, room: &RoomRef, access: Access) -> Result<Grant, Error> {
    let (room, role) = rooms::find(store.reader(), scope, room).await?;
    match (access, role) {
        (Access::Write, Some(Role::Reader)) => Err(Error::ReadOnly),
        _ => Ok(Grant { room, role }),
    }
}

/// A room with its first members.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`].
pub async fn get_room_with_members(store: &Store, scope: &Scope, room: &RoomRef) -> Result<RoomWithMembers, Error> {
    #[derive(FromQueryResult)]
    struct MemberRow {
        #[sea_orm(nested)]
        member: room_member::Model,
        username: String,
    }

    let (room, role) = rooms::find(store.reader(), scope, room).await?;
    let members = room_member::Entity::in_tenant(scope.tenant_id).filter(room_member::Column::RoomId.eq(room.id));
    let member_count = members.clone().count(store.reader()).await?;
    let members = members
        .join(JoinType::InnerJoin, room_member::Relation::User.def())
        .column_as(user::Column::Username, "username")
        .order_by_asc(room_member::Column::InsertedAt)
        .order_by_asc(room_member::Column::UserId)
        .limit(MEMBERS_LISTED_MAX)
        .into_model::<MemberRow>()
        .all(store.reader())
        .await?
        .into_iter()
        .map(|row| Member {
            user: UserRef {
                id: row.member.user_id,
                username: row.username,
            },
            role: row.member.role,
            inserted_at: row.member.inserted_at,
        })
        .collect();
    Ok(RoomWithMembers {
        room,
        role,
        members,
        member_count,
    })
}

/// Makes the asker a member of a public room. Who is a member of a room, of whatever kind, stays one.
///
/// # Errors
/// [`Error::RoomNotFound`]; [`Error::NotMember`] for a private room or dm of others;
/// [`Error::UserNotFound`] when the asker is no user of the tenant.
pub async fn join_room(store: &Store, scope: &Scope, room: &RoomRef) -> Result<Room, Error> {
    let transaction = store.begin_write().await?;
    let (room, role) = rooms::find(&transaction, scope, room).await?;
    if role.is_none() {
        rooms::insert_member(&transaction, scope, room.id, Role::Member).await?;
        transaction.commit().await?;
    }
    Ok(room)
}

/// Ends the asker's membership.
///
/// # Errors
/// [`Error::RoomNotFound`]; [`Error::NotMember`] when there is none; [`Error::Invalid`] for a dm, which always
/// has its two members.
pub async fn leave_room(store: &Store, scope: &Scope, room: &RoomRef) -> Result<Room, Error> {
    let transaction = store.begin_write().await?;
    let (room, role) = rooms::find(&transaction, scope, room).await?;
    if role.is_none() {
        return Err(Error::NotMember);
    }
    if room.kind == RoomKind::Dm {
        return Err(Violations::of("room", "is a direct conversation, which cannot be left").into());
    }
    room_member::Entity::delete_in_tenant(scope.tenant_id)
        .filter(room_member::Column::RoomId.eq(room.id))
        .filter(room_member::Column::UserId.eq(scope.user_id))
        .exec(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(room)
}
