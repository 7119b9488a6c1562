//! What is done to rooms by those who are no members: the operator, the administrators of a tenant, and the backend of
//! its website. They need no role. Direct conversations are no business of theirs: here there are none.

use sea_orm::{
    ColumnTrait, DatabaseTransaction, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, Query},
};
use serde_json::json;
use uuid::Uuid;

use super::{Error, MemberChange, NewRoom, Role, Room, RoomKind, RoomRef, membership, new_rooms, permissions};
use crate::{
    audit::{self, Actor, Entry},
    config::Cap,
    entity::{TenantScoped, room, room_member},
    ids::{RoomId, TenantId, UserId},
    page::{List, Page, PageRequest},
    scope::Scope,
    store::Store,
    tenants::Tenant,
};

/// A room as its tenant's administrators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomOverview {
    /// The room.
    pub room: Room,
    /// How many members it has.
    pub member_count: u64,
}

/// The public and private rooms of a tenant, by age, the oldest first.
///
/// # Errors
/// [`Error::Invalid`] for a limit or cursor that is none.
pub async fn list_all_rooms(
    store: &Store,
    tenant_id: TenantId,
    request: &PageRequest,
) -> Result<Page<RoomOverview>, Error> {
    let after = List::AllRooms.start(request, |bytes| Uuid::from_slice(bytes).ok().map(RoomId))?;
    let mut query = overviews(tenant_id);
    if let Some(after) = after {
        query = query.filter(room::Column::Id.gt(after));
    }
    let rows = query
        .order_by_asc(room::Column::Id)
        .limit(request.limit + 1)
        .into_model::<OverviewRow>()
        .all(store.reader())
        .await?;
    let page = List::AllRooms.page(rows, request.limit, |row| *row.room.id.0.as_bytes());
    Ok(Page {
        items: page.items.into_iter().map(RoomOverview::from).collect(),
        next_cursor: page.next_cursor,
    })
}

/// A public or private room of a tenant.
///
/// # Errors
/// [`Error::RoomNotFound`].
pub async fn get_any_room(store: &Store, tenant_id: TenantId, room: &RoomRef) -> Result<RoomOverview, Error> {
    overviews(tenant_id)
        .filter(room.condition().ok_or(Error::RoomNotFound)?)
        .into_model::<OverviewRow>()
        .one(store.reader())
        .await?
        .map(RoomOverview::from)
        .ok_or(Error::RoomNotFound)
}

/// Deletes a room with everything in it.
///
/// # Errors
/// [`Error::RoomNotFound`].
pub async fn delete_any_room(store: &Store, actor: &Actor, tenant: &Tenant, room: &RoomRef) -> Result<Room, Error> {
    let transaction = store.begin_write().await?;
    let room = lock(&transaction, tenant.id, room).await?;
    room::Entity::delete_in_tenant(tenant.id)
        .filter(room::Column::Id.eq(room.id))
        .exec(&transaction)
        .await?;
    membership::end_channels(&transaction, &room, None).await?;
    let detail = json!({ "slug": room.slug, "name": room.name });
    log(&transaction, actor, tenant, "room.delete", room.id, detail).await?;
    transaction.commit().await?;
    Ok(room.into())
}

/// Creates a room that nobody has created: nobody but administrators can delete it until somebody is made its owner.
///
/// # Errors
/// [`Error::Invalid`] for input against the rules of [`NewRoom`] and a slug that is taken; [`Error::TooManyRooms`] when
/// the tenant has `rooms_max`.
pub async fn create_site_room(
    store: &Store,
    actor: &Actor,
    tenant: &Tenant,
    new: NewRoom,
    rooms_max: Cap<u64>,
) -> Result<Room, Error> {
    let row = new_rooms::new_row(tenant.id, None, &new)?;
    let transaction = store.begin_write().await?;
    new_rooms::check_number(&transaction, tenant.id, rooms_max).await?;
    let row = new_rooms::insert_with_slug(&transaction, row, new.slug).await?;
    let detail = json!({ "slug": row.slug, "name": row.name, "kind": row.kind });
    log(&transaction, actor, tenant, "room.create", row.id, detail).await?;
    transaction.commit().await?;
    Ok(row.into())
}

/// Makes a user a member of a room, or gives a member another role.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::UserNotFound`]; [`Error::RoomFull`] when it has `members_max`; [`Error::Invalid`]
/// for somebody who is banned from the room.
pub async fn set_site_member(
    store: &Store,
    actor: &Actor,
    tenant: &Tenant,
    room: &RoomRef,
    user_id: UserId,
    role: Role,
    members_max: Cap<u64>,
) -> Result<MemberChange, Error> {
    let transaction = store.begin_write().await?;
    let room = lock(&transaction, tenant.id, room).await?;
    let person = permissions::person(&transaction, tenant.id, room.id, user_id).await?;
    membership::check_not_banned(&person)?;
    let change = membership::give(&transaction, room, person, role, members_max).await?;
    if change.changed() {
        let detail = json!({ "user_id": user_id, "role": role });
        log(&transaction, actor, tenant, "member.set", change.room.id, detail).await?;
        transaction.commit().await?;
    }
    Ok(change)
}

/// Ends a membership. In a private room nothing reaches the user's sockets any more.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::MemberNotFound`].
pub async fn remove_site_member(
    store: &Store,
    actor: &Actor,
    tenant: &Tenant,
    room: &RoomRef,
    user_id: UserId,
) -> Result<MemberChange, Error> {
    let transaction = store.begin_write().await?;
    let room = lock(&transaction, tenant.id, room).await?;
    let (user, before) = membership::member(&transaction, &room, user_id).await?;
    let change = membership::expel(&transaction, room, user, before).await?;
    log(
        &transaction,
        actor,
        tenant,
        "member.remove",
        change.room.id,
        json!({ "user_id": user_id }),
    )
    .await?;
    transaction.commit().await?;
    Ok(change)
}

/// Makes a bot a moderator of a room it is no member of yet.
///
/// # Errors
/// [`Error::RoomNotFound`]; [`Error::Banned`]; [`Error::RoomFull`] when it has `members_max`.
pub async fn admit_bot(
    store: &Store,
    bot: &Scope,
    room: &RoomRef,
    members_max: Cap<u64>,
) -> Result<MemberChange, Error> {
    let transaction = store.begin_write().await?;
    let room = lock(&transaction, bot.tenant_id, room).await?;
    let person = permissions::person(&transaction, bot.tenant_id, room.id, bot.user_id).await?;
    if person.banned {
        return Err(Error::Banned);
    }
    let role = person.role.unwrap_or(Role::Moderator);
    let change = membership::give(&transaction, room, person, role, members_max).await?;
    transaction.commit().await?;
    Ok(change)
}

/// Takes the row of a public or private room.
async fn lock(transaction: &DatabaseTransaction, tenant_id: TenantId, room: &RoomRef) -> Result<room::Model, Error> {
    match permissions::lock_row(transaction, tenant_id, room).await? {
        row if row.kind == RoomKind::Dm => Err(Error::RoomNotFound),
        row => Ok(row),
    }
}

async fn log(
    transaction: &DatabaseTransaction,
    actor: &Actor,
    tenant: &Tenant,
    action: &'static str,
    room_id: RoomId,
    detail: serde_json::Value,
) -> Result<(), Error> {
    let entry = Entry {
        tenant: Some((tenant.id, &tenant.slug)),
        action,
        target: Some(room_id.to_string()),
        detail,
    };
    Ok(audit::record(transaction, actor, entry).await?)
}

#[derive(FromQueryResult)]
struct OverviewRow {
    #[sea_orm(nested)]
    room: room::Model,
    member_count: i64,
}

impl From<OverviewRow> for RoomOverview {
    fn from(row: OverviewRow) -> Self {
        Self {
            room: row.room.into(),
            member_count: row.member_count.unsigned_abs(),
        }
    }
}

/// The rooms that are no direct conversations, with how many members each has.
fn overviews(tenant_id: TenantId) -> Select<room::Entity> {
    let members = Query::select()
        .expr(Expr::cust("COUNT(*)"))
        .from(room_member::Entity)
        .and_where(
            Expr::col((room_member::Entity, room_member::Column::TenantId))
                .equals((room::Entity, room::Column::TenantId)),
        )
        .and_where(
            Expr::col((room_member::Entity, room_member::Column::RoomId)).equals((room::Entity, room::Column::Id)),
        )
        .take();
    room::Entity::in_tenant(tenant_id)
        .filter(room::Column::Kind.ne(RoomKind::Dm))
        .column_as(Expr::SubQuery(None, Box::new(members.into())), "member_count")
}
