//! Rooms: finding, listing, changing, deleting them.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder, QuerySelect,
    RelationTrait, Select,
    sea_query::{Expr, ExprTrait, IntoCondition},
};
use uuid::Uuid;

use super::{Error, Role, RoomKind, membership, permissions};
use crate::{
    entity::{
        TenantScoped, room, room_member,
        room_sanction::{self, SanctionKind},
    },
    ids::{RoomId, UserId},
    page::{List, Page, PageRequest},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
    validation::Violations,
};

/// Most characters of a room's name, after trimming.
pub const ROOM_NAME_CHARS_MAX: usize = 80;

/// Most characters of a room's description.
pub const ROOM_DESCRIPTION_CHARS_MAX: usize = 500;

/// Most characters of a room's slug.
pub const ROOM_SLUG_CHARS_MAX: usize = 80;

/// Most seconds of slow mode.
pub const SLOW_MODE_S_MAX: u32 = 3600;

/// A room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Its id.
    pub id: RoomId,
    /// Its name in URLs; none for a dm.
    pub slug: Option<String>,
    /// Of a page's room: the page's address.
    pub page_url: Option<String>,
    /// Who may see and enter it.
    pub kind: RoomKind,
    /// Its name for people; empty for a dm, which is shown under the other user's name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// Who made it; none for a dm and for rooms the server made.
    pub creator_id: Option<UserId>,
    /// Number of the last change in the room; 0 when nothing was said yet.
    pub head_seq: i64,
    /// Seconds a member has to wait between two messages; 0 for none. Moderators and up need not wait.
    pub slow_mode_s: u32,
    /// Whether nobody below moderator may write.
    pub frozen: bool,
    /// When it was created.
    pub inserted_at: Timestamp,
}

impl From<room::Model> for Room {
    fn from(row: room::Model) -> Self {
        Self {
            id: row.id,
            slug: row.slug,
            page_url: row.page_url,
            kind: row.kind,
            name: row.name,
            description: row.description,
            creator_id: row.creator_id,
            head_seq: row.head_seq,
            slow_mode_s: u32::try_from(row.slow_mode_s).unwrap_or(0),
            frozen: row.frozen,
            inserted_at: row.inserted_at,
        }
    }
}

/// How callers name a room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RoomRef {
    /// By id.
    Id(RoomId),
    /// By slug; any text that is no id.
    Slug(String),
}

impl RoomRef {
    /// A UUID is an id, all else a slug; no slug can be a UUID.
    pub fn parse(text: &str) -> Self {
        Uuid::try_parse(text).map_or_else(|_| Self::Slug(text.to_owned()), |id| Self::Id(RoomId(id)))
    }

    /// What the room's row has to meet; `None` when no room can be called like this.
    pub(super) fn condition(&self) -> Option<Condition> {
        match self {
            Self::Id(id) => Some(room::Column::Id.eq(*id).into_condition()),
            Self::Slug(slug) => is_slug(slug).then(|| room::Column::Slug.eq(slug.as_str()).into_condition()),
        }
    }
}

impl From<RoomId> for RoomRef {
    fn from(id: RoomId) -> Self {
        Self::Id(id)
    }
}

/// What is to change about a room; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct RoomPatch {
    /// As [`NewRoom::name`](super::NewRoom::name). Admins and up.
    pub name: Option<String>,
    /// As [`NewRoom::description`](super::NewRoom::description); an empty text removes it. Admins and up.
    pub description: Option<String>,
    /// 0, for none, to [`SLOW_MODE_S_MAX`]. Moderators and up.
    pub slow_mode_s: Option<u32>,
    /// Whether nobody below moderator may write. Moderators and up.
    pub frozen: Option<bool>,
}

/// What became of a room that was to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomChange {
    /// The room as it is now.
    pub room: Room,
    /// Whether there was something to do.
    pub changed: bool,
}

/// A room in the list of rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomListing {
    /// The room.
    pub room: Room,
    /// The asker's role in it; none for who is no member.
    pub role: Option<Role>,
}

/// The rooms somebody may see, by age, the oldest first: all public ones, and the private ones and those of pages that
/// they are a member of. Direct conversations have a list of their own. Public rooms the asker is banned from are
/// listed as well.
///
/// # Errors
/// [`Error::Invalid`] for a limit or cursor that is none.
pub async fn list_rooms(store: &Store, scope: &Scope, request: &PageRequest) -> Result<Page<RoomListing>, Error> {
    let after = List::Rooms.start(request, |bytes| Uuid::from_slice(bytes).ok().map(RoomId))?;
    let page_by = async |order: Expr, query: Select<room::Entity>| {
        let query = match after {
            Some(after) => query.filter(order.clone().gt(after)),
            None => query,
        };
        query
            .order_by_asc(order)
            .limit(request.limit + 1)
            .into_model::<RoomRow>()
            .all(store.reader())
            .await
    };
    // Two queries instead of one that would read past everybody's private rooms and those of all pages: one along
    // the other public rooms, one along the asker's memberships.
    let public = with_role(scope, JoinType::LeftJoin)
        .filter(room::Column::Kind.eq(RoomKind::Public))
        .filter(room::Column::PageUrl.is_null());
    let own = with_role(scope, JoinType::InnerJoin).filter(
        Condition::any()
            .add(room::Column::Kind.eq(RoomKind::Private))
            .add(room::Column::PageUrl.is_not_null()),
    );
    let mut rows = page_by(room::Column::Id.into_expr(), public).await?;
    rows.extend(page_by(room_member::Column::RoomId.into_expr(), own).await?);
    rows.sort_unstable_by_key(|row| row.room.id);

    let page = List::Rooms.page(rows, request.limit, |row| *row.room.id.0.as_bytes());
    Ok(Page {
        items: page
            .items
            .into_iter()
            .map(|row| RoomListing {
                room: row.room.into(),
                role: row.member_role,
            })
            .collect(),
        next_cursor: page.next_cursor,
    })
}

/// A room that the asker may see, with the asker's role in it.
///
/// # Errors
/// [`Error::RoomNotFound`]; [`Error::NotMember`] for a private room or dm of others; [`Error::Banned`].
pub async fn get_room(store: &Store, scope: &Scope, room: &RoomRef) -> Result<(Room, Option<Role>), Error> {
    find(store.reader(), scope, room).await
}

/// Deletes a room with everything in it. Only who created it may, and its owners.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::Banned`] as [`get_room`]; [`Error::NotCreator`].
pub async fn delete_room(store: &Store, scope: &Scope, room: &RoomRef) -> Result<Room, Error> {
    let transaction = store.begin_write().await?;
    let (room, role) = permissions::lock_room(&transaction, scope, room).await?;
    if room.creator_id != Some(scope.user_id) && role != Some(Role::Owner) {
        return Err(Error::NotCreator);
    }
    room::Entity::delete_in_tenant(scope.tenant_id)
        .filter(room::Column::Id.eq(room.id))
        .exec(&transaction)
        .await?;
    membership::end_channels(&transaction, &room, None).await?;
    transaction.commit().await?;
    Ok(room.into())
}

/// Changes what a room is called and what it restricts; [`RoomPatch`] says who may. None of it is a change of the
/// room's content, so it takes no number.
///
/// # Errors
/// [`Error::Invalid`] for input against the rules of [`RoomPatch`], and in a dm; [`Error::RoomNotFound`],
/// [`Error::NotMember`], [`Error::Banned`], [`Error::NotModerator`], [`Error::NotAdmin`].
pub async fn update_room(store: &Store, scope: &Scope, room: &RoomRef, patch: RoomPatch) -> Result<RoomChange, Error> {
    let RoomPatch {
        name,
        description,
        slow_mode_s,
        frozen,
    } = patch;
    let name = name.map(|name| name.trim().to_owned());
    let mut violations = Violations::new();
    if let Some(name) = &name {
        check_name(&mut violations, name);
    }
    if let Some(description) = &description {
        check_description(&mut violations, description);
    }
    if slow_mode_s.is_some_and(|seconds| seconds > SLOW_MODE_S_MAX) {
        violations.add("slow_mode_s", format!("must be 0 to {SLOW_MODE_S_MAX}"));
    }
    violations.into_result()?;

    let least = if name.is_some() || description.is_some() {
        Role::Admin
    } else {
        Role::Moderator
    };
    let transaction = store.begin_write().await?;
    let (before, _) = permissions::lock_room_as(&transaction, scope, room, least).await?;
    let mut after = before.clone();
    if let Some(name) = name {
        after.name = name;
    }
    if let Some(description) = description {
        after.description = Some(description).filter(|description| !description.trim().is_empty());
    }
    if let Some(seconds) = slow_mode_s {
        after.slow_mode_s = i32::try_from(seconds).unwrap_or(i32::MAX);
    }
    if let Some(frozen) = frozen {
        after.frozen = frozen;
    }
    let changed = after != before;
    if changed {
        room::Entity::update_in_tenant(scope.tenant_id)
            .filter(room::Column::Id.eq(after.id))
            .col_expr(room::Column::Name, Expr::value(after.name.as_str()))
            .col_expr(room::Column::Description, Expr::value(after.description.clone()))
            .col_expr(room::Column::SlowModeS, Expr::value(after.slow_mode_s))
            .col_expr(room::Column::Frozen, Expr::value(after.frozen))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
    }
    Ok(RoomChange {
        room: after.into(),
        changed,
    })
}

/// A room and the role of one member.
#[derive(FromQueryResult)]
struct RoomRow {
    #[sea_orm(nested)]
    room: room::Model,
    member_role: Option<Role>,
}

/// The tenant's rooms, joined with the asker's membership.
fn with_role(scope: &Scope, join: JoinType) -> Select<room::Entity> {
    let user_id = scope.user_id;
    let membership = room::Relation::Members.def().on_condition(move |_, member| {
        Expr::col((member, room_member::Column::UserId))
            .eq(user_id)
            .into_condition()
    });
    room::Entity::in_tenant(scope.tenant_id)
        .join(join, membership)
        .column_as(room_member::Column::Role, "member_role")
}

/// [`get_room`] inside a transaction or outside.
pub(super) async fn find(
    connection: &impl ConnectionTrait,
    scope: &Scope,
    room: &RoomRef,
) -> Result<(Room, Option<Role>), Error> {
    let (row, role) = find_row(connection, scope, room).await?;
    Ok((row.into(), role))
}

/// The id of a room, whoever asks.
pub(super) async fn id_of(connection: &impl ConnectionTrait, scope: &Scope, room: &RoomRef) -> Result<RoomId, Error> {
    let condition = match room {
        RoomRef::Id(id) => return Ok(*id),
        RoomRef::Slug(_) => room.condition().ok_or(Error::RoomNotFound)?,
    };
    room::Entity::in_tenant(scope.tenant_id)
        .filter(condition)
        .select_only()
        .column(room::Column::Id)
        .into_tuple()
        .one(connection)
        .await?
        .ok_or(Error::RoomNotFound)
}

/// [`find`] with all that the row has.
pub(super) async fn find_row(
    connection: &impl ConnectionTrait,
    scope: &Scope,
    room: &RoomRef,
) -> Result<(room::Model, Option<Role>), Error> {
    #[derive(FromQueryResult)]
    struct Found {
        #[sea_orm(nested)]
        room: room::Model,
        member_role: Option<Role>,
        banned: Option<UserId>,
    }

    let condition = room.condition().ok_or(Error::RoomNotFound)?;
    let user_id = scope.user_id;
    let ban = room::Relation::Sanctions.def().on_condition(move |_, sanction| {
        Condition::all()
            .add(Expr::col((sanction.clone(), room_sanction::Column::UserId)).eq(user_id))
            .add(Expr::col((sanction.clone(), room_sanction::Column::Kind)).eq(SanctionKind::Ban))
            .add(permissions::in_force(sanction))
    });
    let row = with_role(scope, JoinType::LeftJoin)
        .join(JoinType::LeftJoin, ban)
        .column_as(room_sanction::Column::UserId, "banned")
        .filter(condition)
        .into_model::<Found>()
        .one(connection)
        .await?
        .ok_or(Error::RoomNotFound)?;
    check_reader(row.room.kind, row.member_role, row.banned.is_some())?;
    Ok((row.room, row.member_role))
}

/// Whether somebody may read in a room of this kind.
///
/// # Errors
/// [`Error::Banned`]; [`Error::NotMember`] for a private room or dm of others.
pub(crate) fn check_reader(kind: RoomKind, role: Option<Role>, banned: bool) -> Result<(), Error> {
    if banned {
        return Err(Error::Banned);
    }
    match kind {
        RoomKind::Private | RoomKind::Dm if role.is_none() => Err(Error::NotMember),
        RoomKind::Public | RoomKind::Private | RoomKind::Dm => Ok(()),
    }
}

/// The id of a room, for whoever asks in the tenant; says nothing about who may read in it.
///
/// # Errors
/// [`Error::RoomNotFound`].
pub(crate) async fn room_id(store: &Store, scope: &Scope, room: &RoomRef) -> Result<RoomId, Error> {
    room::Entity::in_tenant(scope.tenant_id)
        .filter(room.condition().ok_or(Error::RoomNotFound)?)
        .select_only()
        .column(room::Column::Id)
        .into_tuple()
        .one(store.reader())
        .await?
        .ok_or(Error::RoomNotFound)
}

pub(super) fn check_name(violations: &mut Violations, name: &str) {
    if !(1..=ROOM_NAME_CHARS_MAX).contains(&name.chars().count()) {
        violations.add("name", format!("must be 1 to {ROOM_NAME_CHARS_MAX} characters"));
    }
    if name.chars().any(char::is_control) {
        violations.add("name", "must not contain control characters");
    }
}

pub(super) fn check_description(violations: &mut Violations, description: &str) {
    if description.chars().count() > ROOM_DESCRIPTION_CHARS_MAX {
        violations.add(
            "description",
            format!("must be at most {ROOM_DESCRIPTION_CHARS_MAX} characters"),
        );
    }
    if description
        .chars()
        .any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t'))
    {
        violations.add("description", "must not contain control characters");
    }
}

pub(super) fn is_slug(text: &str) -> bool {
    (1..=ROOM_SLUG_CHARS_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_an_id_and_all_else_a_slug() {
        let id = RoomId::generate();
        assert_eq!(RoomRef::parse(&id.to_string()), RoomRef::Id(id));
        assert_eq!(RoomRef::parse("general"), RoomRef::Slug("general".to_owned()));
        for impossible in ["", "General", "a b", "a\0", "é", &"a".repeat(81)] {
            assert!(RoomRef::parse(impossible).condition().is_none(), "{impossible}");
        }
    }
}
