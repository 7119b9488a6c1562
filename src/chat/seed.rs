//! Rooms every tenant begins with, and bulk data for load tests.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel,
    QueryFilter,
};
use uuid::Uuid;

use super::{Error, Role, Room, RoomKind, new_rooms};
use crate::{
    entity::{TenantScoped, room, room_member, user},
    ids::{RoomId, TenantId, UserId},
    store::Store,
    timestamp::Timestamp,
};

/// Slugs and names of the rooms every tenant begins with.
const DEFAULT_ROOMS: [(&str, &str); 3] = [("general", "General"), ("tech-talk", "Tech Talk"), ("random", "Random")];

/// Rows of one insert. Twenty columns of them stay well below the 32,766 values SQLite binds at once.
const BATCH_ROWS: usize = 1000;

/// How much to load.
#[derive(Clone, Debug)]
pub struct SeedPlan {
    /// The tenant it is for.
    pub tenant_id: TenantId,
    /// How many users.
    pub users: usize,
    /// How many rooms.
    pub rooms: usize,
    /// How many users each room gets: user `i` becomes a member of room `i / per_room`, and beyond the last room
    /// of the first again, so that everybody has a room.
    pub per_room: usize,
    /// The PHC string all of the users get as password.
    pub password_hash: String,
}

/// What was loaded, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeded {
    /// Ids and names of the users. Names are `seed-…-0001` and on, different in each run.
    pub users: Vec<(UserId, String)>,
    /// Ids of the rooms.
    pub rooms: Vec<RoomId>,
}

/// Makes sure a tenant has the rooms `general`, `tech-talk` and `random`, and gives them in that order. They are
/// public and have no creator, so nobody can delete them.
pub async fn ensure_default_rooms(store: &Store, tenant_id: TenantId) -> Result<Vec<Room>, Error> {
    let slugs = DEFAULT_ROOMS.map(|(slug, _)| slug);
    let existing = room::Entity::in_tenant(tenant_id).filter(room::Column::Slug.is_in(slugs));
    let mut rows = existing.clone().all(store.reader()).await?;
    if rows.len() < DEFAULT_ROOMS.len() {
        let transaction = store.begin_write().await?;
        for (slug, name) in DEFAULT_ROOMS {
            new_rooms::insert(&transaction, &public_room(tenant_id, slug.to_owned(), name.to_owned())).await?;
        }
        transaction.commit().await?;
        rows = existing.all(store.reader()).await?;
    }
    rows.sort_unstable_by_key(|row| slugs.iter().position(|slug| row.slug.as_deref() == Some(slug)));
    Ok(rows.into_iter().map(Room::from).collect())
}

/// Loads users, public rooms and memberships in bulk; see [`SeedPlan`] for who is where. Each batch of rows is a
/// transaction, so a failure in the middle leaves the batches before it.
pub async fn seed(store: &Store, plan: &SeedPlan) -> Result<Seeded, Error> {
    // Eight hexadecimal digits that no other run has.
    let run = format!("{:08x}", Uuid::new_v4().as_fields().0);
    let now = Timestamp::now();

    let users: Vec<(UserId, String)> = (1..=plan.users)
        .map(|number| (UserId::generate(), format!("seed-{run}-{number:04}")))
        .collect();
    let user_rows = users
        .iter()
        .map(|(id, username)| user::ActiveModel {
            tenant_id: Set(plan.tenant_id),
            id: Set(*id),
            username_key: Set(username.clone()),
            username: Set(username.clone()),
            password_hash: Set(Some(plan.password_hash.clone())),
            inserted_at: Set(now),
            ..Default::default()
        })
        .collect();
    let rooms: Vec<room::Model> = (1..=plan.rooms)
        .map(|number| {
            public_room(
                plan.tenant_id,
                format!("seed-{run}-room-{number:04}"),
                format!("Seed room {number}"),
            )
        })
        .collect();
    let members = users
        .iter()
        .enumerate()
        .filter_map(|(index, (user_id, _))| {
            let room = rooms.get((index / plan.per_room.max(1)).checked_rem(rooms.len())?)?;
            Some(room_member::Model {
                tenant_id: plan.tenant_id,
                room_id: room.id,
                user_id: *user_id,
                role: Role::Member,
                read_seq: 0,
                inserted_at: now,
            })
        })
        .map(IntoActiveModel::into_active_model)
        .collect();
    let seeded = Seeded {
        users,
        rooms: rooms.iter().map(|room| room.id).collect(),
    };
    let room_rows = rooms.into_iter().map(IntoActiveModel::into_active_model).collect();
    insert_all::<user::ActiveModel>(store, user_rows).await?;
    insert_all::<room::ActiveModel>(store, room_rows).await?;
    insert_all::<room_member::ActiveModel>(store, members).await?;
    analyse(store).await?;
    Ok(seeded)
}

/// Tells the planner of Postgres what there is now. It would find out by itself, a minute later: what is measured until
/// then says nothing about a server that has been there for longer.
async fn analyse(store: &Store) -> Result<(), Error> {
    if store.backend() == DbBackend::Postgres {
        let transaction = store.begin_write().await?;
        transaction
            .execute_unprepared("ANALYZE users, rooms, room_members")
            .await?;
        transaction.commit().await?;
    }
    Ok(())
}

async fn insert_all<A>(store: &Store, mut rows: Vec<A>) -> Result<(), Error>
where
    A: ActiveModelTrait,
{
    while !rows.is_empty() {
        let batch = rows.drain(..rows.len().min(BATCH_ROWS));
        let transaction = store.begin_write().await?;
        A::Entity::insert_many(batch)
            .exec_without_returning(&transaction)
            .await?;
        transaction.commit().await?;
    }
    Ok(())
}

fn public_room(tenant_id: TenantId, slug: String, name: String) -> room::Model {
    room::Model {
        slug: Some(slug),
        ..new_rooms::blank_row(tenant_id, RoomKind::Public, name)
    }
}
