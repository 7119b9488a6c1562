//! How many users a tenant has.

use sea_orm::{ColumnTrait, QueryFilter, QuerySelect};

use super::{Error, UserKind};
use crate::{
    entity::{TenantScoped, user},
    ids::TenantId,
    store::Store,
};

/// Users of a tenant, by where they come from. Those who were deleted are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindCounts {
    /// Registered here, with a password.
    pub account: u64,
    /// The website's own.
    pub host: u64,
    /// Visitors nobody vouches for.
    pub guest: u64,
    /// The website's backend.
    pub bot: u64,
}

/// Counts a tenant's users.
pub async fn count_users(store: &Store, tenant_id: TenantId) -> Result<KindCounts, Error> {
    let counted: Vec<(UserKind, i64)> = user::Entity::in_tenant(tenant_id)
        .filter(user::Column::DeletedAt.is_null())
        .select_only()
        .column(user::Column::Kind)
        .column_as(user::Column::Id.count(), "users")
        .group_by(user::Column::Kind)
        .into_tuple()
        .all(store.reader())
        .await?;
    let of = |kind| {
        let found = counted.iter().find(|(counted, _)| *counted == kind);
        found.map_or(0, |(_, users)| users.unsigned_abs())
    };
    Ok(KindCounts {
        account: of(UserKind::Account),
        host: of(UserKind::Host),
        guest: of(UserKind::Guest),
        bot: of(UserKind::Bot),
    })
}
