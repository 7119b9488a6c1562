//! Rooms of pages: the page's address, and an index of the rooms that are nobody's page, which are those of lists.

#![expect(
    elided_lifetimes_in_paths,
    reason = "async_trait needs the signatures exactly as the trait has them"
)]

use sea_orm_migration::prelude::*;

use crate::columns::{add_columns, drop_columns, optional_text};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Rooms {
    Table,
    TenantId,
    Id,
    Kind,
    PageUrl,
}

/// The name of the index.
const LISTED: &str = "rooms_listed";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_columns(manager, Rooms::Table, columns()).await?;
        // A site can have a room for each of thousands of pages: lists must not read past them.
        let listed = Index::create()
            .name(LISTED)
            .table(Rooms::Table)
            .col(Rooms::TenantId)
            .col(Rooms::Kind)
            .col(Rooms::Id)
            .and_where(Expr::col(Rooms::PageUrl).is_null())
            .take();
        manager.create_index(listed).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite drops no column that an index holds.
        manager
            .drop_index(Index::drop().name(LISTED).table(Rooms::Table).to_owned())
            .await?;
        drop_columns(manager, Rooms::Table, columns()).await
    }
}

fn columns() -> Vec<ColumnDef> {
    vec![optional_text(Rooms::PageUrl)]
}
