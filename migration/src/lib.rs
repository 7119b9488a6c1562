//! Parlour's database schema, from nothing to the newest version and back.

pub use sea_orm_migration::{MigrationTrait, MigratorTrait};

mod columns;
mod m20261122_000001_create_schema;
mod m20261122_000002_room_log;
mod m20261122_000003_members;
mod m20261122_000004_websites;
mod m20261122_000005_page_rooms;
mod m20261122_000006_uploads;
mod m20261122_000007_revisions;
mod m20261122_000008_sparse_client_ids;
mod m20261122_000009_indexes_in_order;

/// All migrations, in order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_create_schema::Migration),
            Box::new(m20261122_000002_room_log::Migration),
            Box::new(m20261122_000003_members::Migration),
            Box::new(m20261122_000004_websites::Migration),
            Box::new(m20261122_000005_page_rooms::Migration),
            Box::new(m20261122_000006_uploads::Migration),
            Box::new(m20261122_000007_revisions::Migration),
            Box::new(m20261122_000008_sparse_client_ids::Migration),
            Box::new(m20261122_000009_indexes_in_order::Migration),
        ]
    }
}
