//! Indexes of messages that a new one costs little: it is the last entry of the one by id, and has none in the one by
//! `changed_seq`, which holds the messages that were changed since they were sent. Before, it had an entry in each, at
//! the place of its room: a page of the database to be written for each room that somebody spoke in.

#![expect(
    elided_lifetimes_in_paths,
    reason = "async_trait needs the signatures exactly as the trait has them"
)]

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Messages {
    Table,
    TenantId,
    RoomId,
    Seq,
    Id,
    ChangedSeq,
}

/// The index by id, and its name while the one before is still there.
const ID: &str = "messages_id_key";
const ID_ANEW: &str = "messages_id_key_anew";

/// The index by the number of the last change.
const CHANGED: &str = "messages_changed_seq_key";

/// What refers to messages by id.
const REFERRING: [&str; 2] = ["message_revisions", "reactions"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut changed = by_change();
        changed.and_where(Expr::col(Messages::ChangedSeq).ne(Expr::col(Messages::Seq)));
        replace_changed(manager, changed).await?;
        replace_id(manager, [Messages::TenantId, Messages::Id, Messages::RoomId]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace_changed(manager, by_change()).await?;
        replace_id(manager, [Messages::TenantId, Messages::RoomId, Messages::Id]).await
    }
}

fn by_change() -> IndexCreateStatement {
    Index::create()
        .name(CHANGED)
        .table(Messages::Table)
        .col(Messages::TenantId)
        .col(Messages::RoomId)
        .col(Messages::ChangedSeq)
        .unique()
        .take()
}

async fn replace_changed(manager: &SchemaManager<'_>, index: IndexCreateStatement) -> Result<(), DbErr> {
    drop_index(manager, CHANGED).await?;
    manager.create_index(index).await
}

/// The index by id, with its columns in another order. Foreign keys need it, whatever the order: SQLite looks for it
/// each time, Postgres knows the very index.
async fn replace_id(manager: &SchemaManager<'_>, columns: [Messages; 3]) -> Result<(), DbErr> {
    let mut index = Index::create().name(ID_ANEW).table(Messages::Table).unique().take();
    for column in columns {
        index.col(column);
    }
    if manager.get_database_backend() == DbBackend::Sqlite {
        drop_index(manager, ID).await?;
        return manager.create_index(index.name(ID).take()).await;
    }
    manager.create_index(index).await?;
    let connection = manager.get_connection();
    for table in REFERRING {
        let drop = format!("ALTER TABLE {table} DROP CONSTRAINT {table}_message_fkey");
        connection.execute_unprepared(&drop).await?;
    }
    drop_index(manager, ID).await?;
    for table in REFERRING {
        let add = format!(
            "ALTER TABLE {table} ADD CONSTRAINT {table}_message_fkey FOREIGN KEY (tenant_id, room_id, message_id) \
             REFERENCES messages (tenant_id, room_id, id) ON DELETE CASCADE"
        );
        connection.execute_unprepared(&add).await?;
    }
    let rename = format!("ALTER INDEX {ID_ANEW} RENAME TO {ID}");
    connection.execute_unprepared(&rename).await?;
    Ok(())
}

async fn drop_index(manager: &SchemaManager<'_>, name: &str) -> Result<(), DbErr> {
    let drop = Index::drop().name(name).table(Messages::Table).to_owned();
    manager.drop_index(drop).await
}
