//! Users as others see them, wherever something says who it was.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, FromQueryResult, QueryFilter, QuerySelect};

use super::Error;
use crate::{
    accounts::{User, UserKind},
    entity::{TenantScoped, user},
    ids::{TenantId, UserId},
};

/// A user as others see them.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct UserRef {
    /// The user's id.
    pub id: UserId,
    /// The user's name, unique in the tenant.
    pub username: String,
    /// The name to show instead.
    pub name: Option<String>,
    /// A picture.
    pub avatar_url: Option<String>,
    /// Where the user comes from.
    pub kind: UserKind,
}

/// The columns of a [`UserRef`], as a query that joins users calls them: other tables have an `id`, a `name` and a
/// `kind` as well. Rows nest one with `#[sea_orm(nested(prefix = "shown_"))]`.
pub(super) const SHOWN: [(user::Column, &str); 5] = [
    (user::Column::Id, "shown_id"),
    (user::Column::Username, "shown_username"),
    (user::Column::Name, "shown_name"),
    (user::Column::AvatarUrl, "shown_avatar_url"),
    (user::Column::Kind, "shown_kind"),
];

/// Adds [`SHOWN`] to a query that joins users.
pub(super) fn with_shown<Q: QuerySelect>(query: Q) -> Q {
    SHOWN
        .into_iter()
        .fold(query, |query, (column, name)| query.column_as(column, name))
}

/// Users by id; those who are gone are missing.
pub(super) async fn by_id(
    connection: &impl ConnectionTrait,
    tenant_id: TenantId,
    ids: impl Iterator<Item = UserId>,
) -> Result<HashMap<UserId, UserRef>, Error> {
    let users: Vec<UserRef> = user::Entity::in_tenant(tenant_id)
        .filter(user::Column::Id.is_in(ids))
        .select_only()
        .columns(SHOWN.map(|(column, _)| column))
        .into_model()
        .all(connection)
        .await?;
    Ok(users.into_iter().map(|user| (user.id, user)).collect())
}

impl From<&User> for UserRef {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            username: user.username.clone(),
            name: user.name.clone(),
            avatar_url: user.avatar_url.clone(),
            kind: user.kind,
        }
    }
}

impl From<User> for UserRef {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            name: user.name,
            avatar_url: user.avatar_url,
            kind: user.kind,
        }
    }
}
