//! Tenants and users for tests of the contexts.

use parlour::{
    accounts::{self, Claims, NewUser, PasswordHasher, User},
    audit::Actor,
    chat::{self, NewRoom, Role, Room, RoomChange, RoomKind, RoomPatch, RoomRef},
    config::{Cap, Settings, Sources},
    entity::{TenantScoped, room, room_member, room_sanction},
    ids::TenantId,
    scope::Scope,
    standing::Standings,
    store::Store,
    tenants::{self, Tenant, TenantPatch},
    timestamp::Timestamp,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::Value;

use crate::helpers::messages::{append, new};

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery";

/// Changes those settings of a tenant that the object has.
pub async fn set_settings(store: &Store, tenant_id: TenantId, settings: Value) -> Tenant {
    let patch = TenantPatch {
        settings: serde_json::from_value(settings).unwrap(),
        ..TenantPatch::default()
    };
    tenants::update_tenant(store, &Actor::system(), tenant_id, patch)
        .await
        .unwrap()
}

/// A user of a tenant; the tenant is made when it is new.
pub async fn user(store: &Store, tenant: &str, username: &str) -> User {
    let tenant = tenants::ensure_tenant(store, tenant).await.unwrap();
    let new = NewUser {
        username: username.to_owned(),
        password: PASSWORD.into(),
    };
    accounts::register(store, &PasswordHasher::weak_for_tests(), tenant.id, new)
        .await
        .unwrap()
}

/// As [`user`], for tests that need the scope only.
pub async fn scope(store: &Store, tenant: &str, username: &str) -> Scope {
    scope_of(&user(store, tenant, username).await)
}

pub fn scope_of(user: &User) -> Scope {
    Scope {
        tenant_id: user.tenant_id,
        user_id: user.id,
    }
}

pub async fn public_room(store: &Store, scope: &Scope, name: &str) -> Room {
    chat::create_room(
        store,
        scope,
        NewRoom {
            name: name.to_owned(),
            ..NewRoom::default()
        },
        Cap::Off,
    )
    .await
    .unwrap()
}

pub async fn private_room(store: &Store, scope: &Scope, name: &str) -> Room {
    let new = NewRoom {
        name: name.to_owned(),
        kind: Some(RoomKind::Private),
        ..NewRoom::default()
    };
    chat::create_room(store, scope, new, Cap::Off).await.unwrap()
}

/// The user of a token that is still good.
pub async fn session_user(store: &Store, claims: &Claims) -> Result<User, accounts::Error> {
    let Settings { database, cache, .. } = Settings::load(&Sources::default()).unwrap().settings;
    let standing = Standings::new(store.clone(), &database, &cache)
        .of_token(claims)
        .await?;
    Ok(User::clone(&standing.user))
}

/// Changes nothing of a room but its slow mode.
pub async fn set_slow_mode(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    seconds: u32,
) -> Result<RoomChange, chat::Error> {
    let patch = RoomPatch {
        slow_mode_s: Some(seconds),
        ..RoomPatch::default()
    };
    chat::update_room(store, scope, room, patch).await
}

/// Freezes a room, or lets it be written in again.
pub async fn set_frozen(store: &Store, scope: &Scope, room: &RoomRef, frozen: bool) -> Result<RoomChange, chat::Error> {
    let patch = RoomPatch {
        frozen: Some(frozen),
        ..RoomPatch::default()
    };
    chat::update_room(store, scope, room, patch).await
}

/// Lets all bans and mutes of a tenant end now.
pub async fn let_sanctions_end(store: &Store, tenant: &Scope) {
    let transaction = store.begin_write().await.unwrap();
    room_sanction::Entity::update_in_tenant(tenant.tenant_id)
        .col_expr(room_sanction::Column::Until, Expr::value(Timestamp::now()))
        .exec(&transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

/// Says something that has to be accepted.
pub async fn say(store: &Store, scope: &Scope, room: &Room, content: &str) -> chat::Message {
    append(store, scope, room, new(content)).await.unwrap().message
}

/// Makes somebody a member of a room, of whatever kind, with a role.
pub async fn make_member(store: &Store, scope: &Scope, room: &Room, role: Role) {
    let transaction = store.begin_write().await.unwrap();
    room_member::Entity::delete_in_tenant(scope.tenant_id)
        .filter(room_member::Column::RoomId.eq(room.id))
        .filter(room_member::Column::UserId.eq(scope.user_id))
        .exec(&transaction)
        .await
        .unwrap();
    let row = room_member::ActiveModel {
        tenant_id: Set(scope.tenant_id),
        room_id: Set(room.id),
        user_id: Set(scope.user_id),
        role: Set(role),
        inserted_at: Set(Timestamp::now()),
        ..Default::default()
    };
    room_member::Entity::insert(row)
        .exec_without_returning(&transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

/// Keeps everybody else from writing to a room, on SQLite to any, until it is rolled back.
pub async fn hold(store: &Store, scope: &Scope, held: &Room) -> DatabaseTransaction {
    let transaction = store.begin_write().await.unwrap();
    room::Entity::update_in_tenant(scope.tenant_id)
        .filter(room::Column::Id.eq(held.id))
        .col_expr(room::Column::HeadSeq, Expr::col(room::Column::HeadSeq))
        .exec(&transaction)
        .await
        .unwrap();
    transaction
}

/// The number of the room's last change.
pub async fn head_seq(store: &Store, scope: &Scope, room: &Room) -> i64 {
    let (room, _) = chat::get_room(store, scope, &RoomRef::Id(room.id)).await.unwrap();
    room.head_seq
}
