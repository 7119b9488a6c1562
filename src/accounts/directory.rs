//! Whom users find: everybody of the tenant, or those they share a room with.

use sea_orm::{
    ColumnTrait, Condition, JoinType, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};

use super::{Error, User, UserKind, usernames::is_username};
use crate::{
    entity::{TenantScoped, room_member, user},
    ids::{TenantId, UserId},
    page::{List, Page, PageRequest},
    scope::Scope,
    store::Store,
    tenants::{TenantSettings, UserDirectory},
};

/// Whom a user of this kind finds. Anybody can come as a guest, so guests do not get to know everybody.
pub fn directory_for(kind: UserKind, settings: &TenantSettings) -> UserDirectory {
    match kind {
        UserKind::Guest => UserDirectory::SharedRooms,
        UserKind::Account | UserKind::Host | UserKind::Bot => settings.user_directory,
    }
}

/// A user of the scope's tenant whom the asker finds.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get_user(store: &Store, scope: &Scope, id: UserId, directory: UserDirectory) -> Result<User, Error> {
    found(scope, directory)
        .filter(user::Column::Id.eq(id))
        .one(store.reader())
        .await?
        .map(User::from)
        .ok_or(Error::NotFound)
}

/// A user, whoever asks, and how often their row was changed until it was read so.
pub(crate) async fn get_user_at_rev(
    store: &Store,
    tenant_id: TenantId,
    id: UserId,
) -> Result<Option<(i64, User)>, Error> {
    let row = user::Entity::in_tenant(tenant_id)
        .filter(user::Column::Id.eq(id))
        .one(store.reader())
        .await?;
    Ok(row.map(|row| (row.rev, row.into())))
}

/// The users whom the asker finds, by name without regard to case. Users who were deleted are not listed.
///
/// # Errors
/// [`Error::Invalid`] for a limit or cursor that is none.
pub async fn list_users(
    store: &Store,
    scope: &Scope,
    request: &PageRequest,
    directory: UserDirectory,
) -> Result<Page<User>, Error> {
    page(store, found(scope, directory), request).await
}

/// A page of those whom a query finds and who were not deleted, by name without regard to case.
pub(super) async fn page(
    store: &Store,
    mut query: Select<user::Entity>,
    request: &PageRequest,
) -> Result<Page<User>, Error> {
    let after = List::Users.start(request, |bytes| {
        String::from_utf8(bytes.to_vec()).ok().filter(|name| is_username(name))
    })?;
    if let Some(after) = after {
        query = query.filter(user::Column::UsernameKey.gt(after));
    }
    let rows = query
        .filter(user::Column::DeletedAt.is_null())
        .order_by_asc(user::Column::UsernameKey)
        .limit(request.limit + 1)
        .all(store.reader())
        .await?;
    let page = List::Users.page(rows, request.limit, |row| row.username_key.clone());
    Ok(Page {
        items: page.items.into_iter().map(User::from).collect(),
        next_cursor: page.next_cursor,
    })
}

fn found(scope: &Scope, directory: UserDirectory) -> Select<user::Entity> {
    let users = user::Entity::in_tenant(scope.tenant_id);
    match directory {
        UserDirectory::Everyone => users,
        UserDirectory::SharedRooms => users.filter(
            Condition::any()
                .add(user::Column::Id.eq(scope.user_id))
                .add(user::Column::Id.in_subquery(members_of_own_rooms(scope))),
        ),
    }
}

/// The members of the rooms that the asker is a member of.
fn members_of_own_rooms(scope: &Scope) -> SelectStatement {
    let (own, theirs) = ("own", "theirs");
    Query::select()
        .column((theirs, room_member::Column::UserId))
        .from_as(room_member::Entity, own)
        .join_as(
            JoinType::InnerJoin,
            room_member::Entity,
            theirs,
            Expr::col((theirs, room_member::Column::RoomId))
                .equals((own, room_member::Column::RoomId))
                .and(Expr::col((theirs, room_member::Column::TenantId)).eq(scope.tenant_id)),
        )
        .and_where(Expr::col((own, room_member::Column::TenantId)).eq(scope.tenant_id))
        .and_where(Expr::col((own, room_member::Column::UserId)).eq(scope.user_id))
        .take()
}
