//! Uploads: files that users send with their messages, in parts, beside what is known of them.
//!
//! One column a statement: SQLite adds and drops no two at once.

#![expect(
    elided_lifetimes_in_paths,
    reason = "async_trait needs the signatures exactly as the trait has them"
)]

use sea_orm_migration::prelude::*;

use crate::columns::{bigint, optional_bigint, text, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Rooms {
    Table,
    TenantId,
    Id,
}

#[derive(DeriveIden)]
enum Users {
    Table,
    TenantId,
    Id,
}

#[derive(DeriveIden)]
enum Messages {
    Table,
    TenantId,
    RoomId,
    Seq,
    AttachmentCount,
}

#[derive(DeriveIden)]
enum Uploads {
    Table,
    TenantId,
    Id,
    RoomId,
    UserId,
    Seq,
    Place,
    Name,
    MediaType,
    Bytes,
    Width,
    Height,
    LinkKey,
    InsertedAt,
}

#[derive(DeriveIden)]
enum UploadParts {
    Table,
    TenantId,
    UploadId,
    Part,
    Body,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table(Messages::Table)
                    .add_column(bigint(Messages::AttachmentCount).default(0))
                    .take(),
            )
            .await?;
        manager.create_table(uploads()).await?;
        manager.create_table(upload_parts()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(UploadParts::Table).to_owned())
            .await?;
        manager
            .drop_table(Table::drop().table(Uploads::Table).to_owned())
            .await?;
        manager
            .alter_table(
                Table::alter()
                    .table(Messages::Table)
                    .drop_column(Messages::AttachmentCount)
                    .take(),
            )
            .await
    }
}

/// With a message, its room, or its tenant, go its uploads. Those that are in no message yet have no `seq`, so nothing
/// is asked of them there.
fn uploads() -> TableCreateStatement {
    Table::create()
        .table(Uploads::Table)
        .col(uuid(Uploads::TenantId))
        .col(uuid(Uploads::Id))
        .col(uuid(Uploads::RoomId))
        .col(uuid(Uploads::UserId))
        .col(optional_bigint(Uploads::Seq))
        .col(bigint(Uploads::Place).default(0))
        .col(text(Uploads::Name))
        .col(text(Uploads::MediaType))
        .col(bigint(Uploads::Bytes))
        .col(optional_bigint(Uploads::Width))
        .col(optional_bigint(Uploads::Height))
        .col(ColumnDef::new(Uploads::LinkKey).blob().not_null())
        .col(bigint(Uploads::InsertedAt))
        .primary_key(Index::create().col(Uploads::TenantId).col(Uploads::Id))
        .foreign_key(
            ForeignKey::create()
                .name("uploads_room_fkey")
                .from(Uploads::Table, (Uploads::TenantId, Uploads::RoomId))
                .to(Rooms::Table, (Rooms::TenantId, Rooms::Id))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("uploads_message_fkey")
                .from(Uploads::Table, (Uploads::TenantId, Uploads::RoomId, Uploads::Seq))
                .to(Messages::Table, (Messages::TenantId, Messages::RoomId, Messages::Seq))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("uploads_user_fkey")
                .from(Uploads::Table, (Uploads::TenantId, Uploads::UserId))
                .to(Users::Table, (Users::TenantId, Users::Id)),
        )
        .take()
}

fn upload_parts() -> TableCreateStatement {
    Table::create()
        .table(UploadParts::Table)
        .col(uuid(UploadParts::TenantId))
        .col(uuid(UploadParts::UploadId))
        .col(bigint(UploadParts::Part))
        .col(ColumnDef::new(UploadParts::Body).blob().not_null())
        .primary_key(
            Index::create()
                .col(UploadParts::TenantId)
                .col(UploadParts::UploadId)
                .col(UploadParts::Part),
        )
        .foreign_key(
            ForeignKey::create()
                .name("upload_parts_upload_fkey")
                .from(UploadParts::Table, (UploadParts::TenantId, UploadParts::UploadId))
                .to(Uploads::Table, (Uploads::TenantId, Uploads::Id))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .take()
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        // An address names an upload and no tenant.
        Index::create()
            .name("uploads_id_key")
            .table(Uploads::Table)
            .col(Uploads::Id)
            .unique()
            .take(),
        // What is in a message, and what goes with it.
        Index::create()
            .name("uploads_message")
            .table(Uploads::Table)
            .col(Uploads::TenantId)
            .col(Uploads::RoomId)
            .col(Uploads::Seq)
            .take(),
        Index::create()
            .name("uploads_user")
            .table(Uploads::Table)
            .col(Uploads::TenantId)
            .col(Uploads::UserId)
            .take(),
        // How much a tenant has, from the index alone.
        Index::create()
            .name("uploads_bytes")
            .table(Uploads::Table)
            .col(Uploads::TenantId)
            .col(Uploads::Bytes)
            .take(),
        // Those that were never sent.
        Index::create()
            .name("uploads_unsent")
            .table(Uploads::Table)
            .col(Uploads::InsertedAt)
            .and_where(Expr::col(Uploads::Seq).is_null())
            .take(),
    ]
}
