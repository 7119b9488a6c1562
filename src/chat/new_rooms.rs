//! New rooms, and the members they begin with.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QuerySelect, SqlErr, sea_query::OnConflict,
};
use uuid::Uuid;

use super::{
    Error, Role, RoomKind, page_rooms,
    rooms::{ROOM_SLUG_CHARS_MAX, Room, check_description, check_name, is_slug},
};
use crate::{
    config::Cap,
    entity::{TenantScoped, room, room_member, tenant},
    ids::{RoomId, TenantId, UserId},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
    validation::Violations,
};

/// What a new room is to be.
#[derive(Clone, Debug, Default)]
pub struct NewRoom {
    /// 1 to [`super::ROOM_NAME_CHARS_MAX`] characters after trimming.
    pub name: String,
    /// Up to [`super::ROOM_DESCRIPTION_CHARS_MAX`] characters.
    pub description: Option<String>,
    /// 1 to [`ROOM_SLUG_CHARS_MAX`] of `a-z`, `0-9` and `-`, no UUID and not as those of pages are; made from the name
    /// when missing.
    pub slug: Option<String>,
    /// Public when missing. A dm is made by [`super::start_dm`] only.
    pub kind: Option<RoomKind>,
}

/// Numbered slugs that are tried for a room whose name is taken, before a random number is.
const NUMBERED_SLUGS: u32 = 20;

/// Creates a room; who creates it becomes its first member, as [`Role::Admin`].
///
/// # Errors
/// [`Error::Invalid`] for input against the rules of [`NewRoom`] and a slug that is taken;
/// [`Error::TooManyRooms`] when the tenant has `rooms_max`, direct conversations not counted;
/// [`Error::UserNotFound`] when the asker is no user of the tenant.
pub async fn create_room(store: &Store, scope: &Scope, new: NewRoom, rooms_max: Cap<u64>) -> Result<Room, Error> {
    let row = new_row(scope.tenant_id, Some(scope.user_id), &new)?;
    let transaction = store.begin_write().await?;
    check_number(&transaction, scope.tenant_id, rooms_max).await?;
    let row = insert_with_slug(&transaction, row, new.slug).await?;
    insert_member(&transaction, &row, scope.user_id, Role::Admin).await?;
    transaction.commit().await?;
    Ok(row.into())
}

/// The row of a new room, which has no slug yet.
pub(super) fn new_row(
    tenant_id: TenantId,
    creator_id: Option<UserId>,
    new: &NewRoom,
) -> Result<room::Model, Violations> {
    let kind = new.kind.unwrap_or(RoomKind::Public);
    let name = new.name.trim();
    check_new(new, name, kind)?;
    Ok(room::Model {
        description: new
            .description
            .clone()
            .filter(|description| !description.trim().is_empty()),
        creator_id,
        ..blank_row(tenant_id, kind, name.to_owned())
    })
}

/// The row of a room that has nothing but a name.
pub(super) fn blank_row(tenant_id: TenantId, kind: RoomKind, name: String) -> room::Model {
    room::Model {
        tenant_id,
        id: RoomId::generate(),
        slug: None,
        dm_key: None,
        page_url: None,
        kind,
        name,
        description: None,
        creator_id: None,
        head_seq: 0,
        pruned_seq: 0,
        slow_mode_s: 0,
        frozen: false,
        inserted_at: Timestamp::now(),
    }
}

/// Inserts a room under this slug, or under the first free one that its name makes.
pub(super) async fn insert_with_slug(
    transaction: &DatabaseTransaction,
    mut row: room::Model,
    slug: Option<String>,
) -> Result<room::Model, Error> {
    if let Some(slug) = slug {
        row.slug = Some(slug);
        if !insert(transaction, &row).await? {
            return Err(Violations::of("slug", "has already been taken").into());
        }
    } else {
        let base = slugify(&row.name);
        let mut number = 1;
        row.slug = Some(base.clone());
        while !insert(transaction, &row).await? {
            number += 1;
            let suffix = if number <= NUMBERED_SLUGS {
                number
            } else {
                rand_suffix()
            };
            row.slug = Some(format!("{base}-{suffix}"));
        }
    }
    Ok(row)
}

/// Refuses one room more than the tenant may have. The tenant's row is locked until the end of the transaction: of
/// rooms that are made together none is overlooked.
pub(super) async fn check_number(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    max: Cap<u64>,
) -> Result<(), Error> {
    let Some(max) = max.get() else { return Ok(()) };
    tenant::Entity::locked(tenant_id).one(transaction).await?;
    let last = room::Entity::in_tenant(tenant_id)
        .filter(room::Column::Kind.is_in([RoomKind::Public, RoomKind::Private]))
        .select_only()
        .column(room::Column::Id)
        .offset(max.saturating_sub(1))
        .into_tuple::<RoomId>()
        .one(transaction)
        .await?;
    last.map_or(Ok(()), |_| Err(Error::TooManyRooms))
}

/// Inserts a room; says whether its slug (or pair of users) was free.
pub(super) async fn insert(connection: &impl ConnectionTrait, row: &room::Model) -> Result<bool, DbErr> {
    let unique = if row.dm_key.is_some() {
        room::Column::DmKey
    } else {
        room::Column::Slug
    };
    let inserted = room::Entity::insert(row.clone().into_active_model())
        .on_conflict(
            OnConflict::columns([room::Column::TenantId, unique])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(connection)
        .await?;
    Ok(inserted == 1)
}

/// Makes a user a member who has read all there is; who is a member already stays as they are.
pub(super) async fn insert_member(
    connection: &impl ConnectionTrait,
    room: &room::Model,
    user_id: UserId,
    role: Role,
) -> Result<(), Error> {
    let row = room_member::ActiveModel {
        tenant_id: Set(room.tenant_id),
        room_id: Set(room.id),
        user_id: Set(user_id),
        role: Set(role),
        read_seq: Set(room.head_seq),
        inserted_at: Set(Timestamp::now()),
    };
    let key = [
        room_member::Column::TenantId,
        room_member::Column::RoomId,
        room_member::Column::UserId,
    ];
    let inserted = room_member::Entity::insert(row)
        .on_conflict(OnConflict::columns(key).do_nothing().to_owned())
        .exec_without_returning(connection)
        .await;
    match inserted {
        Ok(_) => Ok(()),
        // The room is there, its row was found in this transaction: it is the user who is not.
        Err(error) if matches!(error.sql_err(), Some(SqlErr::ForeignKeyConstraintViolation(_))) => {
            Err(Error::UserNotFound)
        }
        Err(error) => Err(error.into()),
    }
}

fn check_new(new: &NewRoom, name: &str, kind: RoomKind) -> Result<(), Violations> {
    let mut violations = Violations::new();
    check_name(&mut violations, name);
    if let Some(description) = &new.description {
        check_description(&mut violations, description);
    }
    match &new.slug {
        Some(slug) if !is_slug(slug) => {
            violations.add("slug", format!("must be 1 to {ROOM_SLUG_CHARS_MAX} of a-z, 0-9 and -"));
        }
        Some(slug) if Uuid::try_parse(slug).is_ok() => violations.add("slug", "must not be a UUID"),
        Some(slug) if page_rooms::is_page_slug(slug) => violations.add("slug", "is kept for the rooms of pages"),
        _ => {}
    }
    if kind == RoomKind::Dm {
        violations.add("kind", "must be public or private");
    }
    violations.into_result()
}

/// Digits a number after a slug can have at most, with the hyphen before it.
const SUFFIX_CHARS_MAX: usize = 11;

/// A slug out of a name, short enough for a number behind it.
fn slugify(name: &str) -> String {
    let mut slug = String::new();
    for char in name.chars() {
        if slug.len() == ROOM_SLUG_CHARS_MAX - SUFFIX_CHARS_MAX {
            break;
        }
        if char.is_ascii_alphanumeric() {
            slug.push(char.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() {
        "room".to_owned()
    } else if Uuid::try_parse(slug).is_ok() || page_rooms::is_page_slug(slug) {
        format!("room-{slug}")
    } else {
        slug.to_owned()
    }
}

fn rand_suffix() -> u32 {
    // Ten digits at most, and no small number that somebody counts up to next.
    Uuid::new_v4().as_fields().0 | 0x0010_0000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::ROOM_NAME_CHARS_MAX;

    #[test]
    fn a_name_becomes_a_slug() {
        for (name, slug) in [
            ("General", "general"),
            ("Tech Talk!", "tech-talk"),
            ("  a -- b  ", "a-b"),
            ("Café Zürich", "caf-z-rich"),
            ("日本", "room"),
            ("Page", "room-page"),
            (
                "0190c2f0-0000-7000-8000-000000000000",
                "room-0190c2f0-0000-7000-8000-000000000000",
            ),
        ] {
            assert_eq!(slugify(name), slug, "{name}");
        }
        let long = slugify(&"a".repeat(ROOM_NAME_CHARS_MAX));
        assert!(is_slug(&format!("{long}-{}", u32::MAX)));
    }
}
