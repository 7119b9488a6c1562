//! The index of client ids holds the messages that have one, and no others: those cost a write each, which nothing ever
//! looked up.

#![expect(
    elided_lifetimes_in_paths,
    reason = "async_trait needs the signatures exactly as the trait has them"
)]

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Messages {
    Table,
    TenantId,
    RoomId,
    UserId,
    ClientId,
}

/// The name of the index.
const CLIENT_ID: &str = "messages_client_id_key";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut sparse = of_all();
        sparse.and_where(Expr::col(Messages::ClientId).is_not_null());
        replace(manager, sparse).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace(manager, of_all()).await
    }
}

fn of_all() -> IndexCreateStatement {
    Index::create()
        .name(CLIENT_ID)
        .table(Messages::Table)
        .col(Messages::TenantId)
        .col(Messages::RoomId)
        .col(Messages::UserId)
        .col(Messages::ClientId)
        .unique()
        .take()
}

async fn replace(manager: &SchemaManager<'_>, index: IndexCreateStatement) -> Result<(), DbErr> {
    let drop = Index::drop().name(CLIENT_ID).table(Messages::Table).to_owned();
    manager.drop_index(drop).await?;
    manager.create_index(index).await
}
