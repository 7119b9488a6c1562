//! Roles as they are in the database, and errors by their names.

use parlour::{
    chat::{self, Error, Role, Room, RoomRef},
    entity::{TenantScoped, room_invitation, room_member, room_sanction},
    ids::{RoomId, UserId},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

pub fn by_id(room: &Room) -> RoomRef {
    RoomRef::Id(room.id)
}

/// `ok`, or the name of what was wrong.
pub fn code<T>(result: &Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) => error.code(),
    }
}

/// The fields an input was refused for.
pub fn fields<T: std::fmt::Debug>(result: Result<T, Error>) -> Vec<String> {
    match result {
        Err(Error::Invalid(violations)) => {
            let violations = serde_json::to_value(violations).unwrap();
            violations.as_object().unwrap().keys().cloned().collect()
        }
        other => panic!("not refused for a field: {other:?}"),
    }
}

/// Gives somebody a role, or none, whatever the rules say. Bans, mutes and invitations go.
pub async fn put(store: &Store, tenant: &Scope, room_id: RoomId, user_id: UserId, role: Option<Role>) {
    let transaction = store.begin_write().await.unwrap();
    room_member::Entity::delete_in_tenant(tenant.tenant_id)
        .filter(room_member::Column::RoomId.eq(room_id))
        .filter(room_member::Column::UserId.eq(user_id))
        .exec(&transaction)
        .await
        .unwrap();
    room_sanction::Entity::delete_in_tenant(tenant.tenant_id)
        .filter(room_sanction::Column::RoomId.eq(room_id))
        .filter(room_sanction::Column::UserId.eq(user_id))
        .exec(&transaction)
        .await
        .unwrap();
    room_invitation::Entity::delete_in_tenant(tenant.tenant_id)
        .filter(room_invitation::Column::RoomId.eq(room_id))
        .filter(room_invitation::Column::UserId.eq(user_id))
        .exec(&transaction)
        .await
        .unwrap();
    if let Some(role) = role {
        let row = room_member::ActiveModel {
            tenant_id: Set(tenant.tenant_id),
            room_id: Set(room_id),
            user_id: Set(user_id),
            role: Set(role),
            read_seq: Set(0),
            inserted_at: Set(Timestamp::now()),
        };
        room_member::Entity::insert(row)
            .exec_without_returning(&transaction)
            .await
            .unwrap();
    }
    transaction.commit().await.unwrap();
}

/// Somebody's role, as it is in the database.
pub async fn role_of(store: &Store, tenant: &Scope, room_id: RoomId, user_id: UserId) -> Option<Role> {
    room_member::Entity::in_tenant(tenant.tenant_id)
        .filter(room_member::Column::RoomId.eq(room_id))
        .filter(room_member::Column::UserId.eq(user_id))
        .select_only()
        .column(room_member::Column::Role)
        .into_tuple()
        .one(store.reader())
        .await
        .unwrap()
}

/// Names and roles of the members of a room, in the order they came.
pub async fn members(store: &Store, asker: &Scope, room: &Room) -> Vec<(String, Role)> {
    let room = chat::get_room_with_members(store, asker, &by_id(room)).await.unwrap();
    room.members
        .into_iter()
        .map(|member| (member.user.username, member.role))
        .collect()
}
