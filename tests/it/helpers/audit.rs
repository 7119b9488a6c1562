//! What the audit log says.

use parlour::{entity::audit_log, store::Store};
use sea_orm::{EntityTrait, QueryOrder};

/// Who did what to which tenant, in order.
pub async fn audited(store: &Store) -> Vec<String> {
    let rows = audit_log::Entity::find()
        .order_by_asc(audit_log::Column::Seq)
        .all(store.reader())
        .await
        .unwrap();
    rows.into_iter()
        .map(|row| format!("{} {} {}", row.actor_kind, row.action, row.tenant.unwrap_or_default()))
        .collect()
}
