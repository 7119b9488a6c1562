//! What the audit log says.

use parlour::{entity::audit_log, store::Store};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryOrder};

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

/// Runs a statement as the server could.
pub async fn sql(store: &Store, statement: &str) -> Result<(), DbErr> {
    let transaction = store.begin_write().await?;
    transaction.execute_unprepared(statement).await?;
    transaction.commit().await
}

/// What somebody does who holds the database and not only the server's access to it.
pub async fn tamper(store: &Store, statement: &str) {
    let (off, on): (&[&str], &[&str]) = match store.backend() {
        DbBackend::Postgres => (
            &["ALTER TABLE audit_log DISABLE TRIGGER ALL"],
            &["ALTER TABLE audit_log ENABLE TRIGGER ALL"],
        ),
        _ => (
            &[
                "DROP TRIGGER IF EXISTS audit_log_no_update",
                "DROP TRIGGER IF EXISTS audit_log_no_delete",
            ],
            &[],
        ),
    };
    for statement in off.iter().chain(&[statement]).chain(on) {
        sql(store, statement).await.unwrap();
    }
}
