//! The room log: edits, deletions, reactions, threads, pins and mentions of messages, and what was pruned.
//!
//! One column a statement: SQLite adds and drops no two at once.

#![expect(
    elided_lifetimes_in_paths,
    reason = "async_trait needs the signatures exactly as the trait has them"
)]

use sea_orm_migration::prelude::*;

use crate::columns::{bigint, text, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Users {
    Table,
    TenantId,
    Id,
}

#[derive(DeriveIden)]
enum Rooms {
    Table,
    PrunedSeq,
}

#[derive(DeriveIden)]
enum Messages {
    Table,
    TenantId,
    RoomId,
    Seq,
    Id,
    ThreadRoot,
    InRoom,
    ReplyCount,
    LastReplySeq,
    LastReplyAt,
    ReactionCount,
    MentionCount,
    PinnedAt,
    PinnedBy,
}

#[derive(DeriveIden)]
enum MessageRevisions {
    Table,
    TenantId,
    RoomId,
    MessageId,
    Seq,
    Content,
    ReplacedBy,
    InsertedAt,
}

#[derive(DeriveIden)]
enum Reactions {
    Table,
    TenantId,
    RoomId,
    MessageId,
    UserId,
    Emoji,
    InsertedAt,
}

#[derive(DeriveIden)]
enum Mentions {
    Table,
    TenantId,
    RoomId,
    Seq,
    UserId,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table(Rooms::Table)
                    .add_column(bigint(Rooms::PrunedSeq).default(0))
                    .take(),
            )
            .await?;
        for column in message_columns() {
            manager
                .alter_table(Table::alter().table(Messages::Table).add_column(column).take())
                .await?;
        }
        manager.create_table(message_revisions()).await?;
        manager.create_table(reactions()).await?;
        manager.create_table(mentions()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Mentions::Table).to_owned())
            .await?;
        manager
            .drop_table(Table::drop().table(Reactions::Table).to_owned())
            .await?;
        manager
            .drop_table(Table::drop().table(MessageRevisions::Table).to_owned())
            .await?;
        // SQLite drops no column that an index knows.
        for index in ["messages_thread", "messages_pinned"] {
            manager
                .drop_index(Index::drop().name(index).table(Messages::Table).to_owned())
                .await?;
        }
        for column in message_columns() {
            manager
                .alter_table(
                    Table::alter()
                        .table(Messages::Table)
                        .drop_column(column.get_column_name())
                        .take(),
                )
                .await?;
        }
        manager
            .alter_table(Table::alter().table(Rooms::Table).drop_column(Rooms::PrunedSeq).take())
            .await
    }
}

fn message_columns() -> Vec<ColumnDef> {
    vec![
        ColumnDef::new(Messages::ThreadRoot).uuid().null().take(),
        ColumnDef::new(Messages::InRoom)
            .boolean()
            .not_null()
            .default(true)
            .take(),
        bigint(Messages::ReplyCount).default(0).take(),
        ColumnDef::new(Messages::LastReplySeq).big_integer().null().take(),
        ColumnDef::new(Messages::LastReplyAt).big_integer().null().take(),
        bigint(Messages::ReactionCount).default(0).take(),
        bigint(Messages::MentionCount).default(0).take(),
        ColumnDef::new(Messages::PinnedAt).big_integer().null().take(),
        ColumnDef::new(Messages::PinnedBy).uuid().null().take(),
    ]
}

fn message_revisions() -> TableCreateStatement {
    Table::create()
        .table(MessageRevisions::Table)
        .col(uuid(MessageRevisions::TenantId))
        .col(uuid(MessageRevisions::RoomId))
        .col(uuid(MessageRevisions::MessageId))
        .col(bigint(MessageRevisions::Seq))
        .col(text(MessageRevisions::Content))
        .col(uuid(MessageRevisions::ReplacedBy))
        .col(bigint(MessageRevisions::InsertedAt))
        .primary_key(
            Index::create()
                .col(MessageRevisions::TenantId)
                .col(MessageRevisions::RoomId)
                .col(MessageRevisions::MessageId)
                .col(MessageRevisions::Seq),
        )
        .foreign_key(
            ForeignKey::create()
                .name("message_revisions_message_fkey")
                .from(
                    MessageRevisions::Table,
                    (
                        MessageRevisions::TenantId,
                        MessageRevisions::RoomId,
                        MessageRevisions::MessageId,
                    ),
                )
                .to(Messages::Table, (Messages::TenantId, Messages::RoomId, Messages::Id))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("message_revisions_user_fkey")
                .from(
                    MessageRevisions::Table,
                    (MessageRevisions::TenantId, MessageRevisions::ReplacedBy),
                )
                .to(Users::Table, (Users::TenantId, Users::Id)),
        )
        .take()
}

fn reactions() -> TableCreateStatement {
    Table::create()
        .table(Reactions::Table)
        .col(uuid(Reactions::TenantId))
        .col(uuid(Reactions::RoomId))
        .col(uuid(Reactions::MessageId))
        .col(uuid(Reactions::UserId))
        .col(text(Reactions::Emoji))
        .col(bigint(Reactions::InsertedAt))
        .primary_key(
            Index::create()
                .col(Reactions::TenantId)
                .col(Reactions::RoomId)
                .col(Reactions::MessageId)
                .col(Reactions::UserId)
                .col(Reactions::Emoji),
        )
        .foreign_key(
            ForeignKey::create()
                .name("reactions_message_fkey")
                .from(
                    Reactions::Table,
                    (Reactions::TenantId, Reactions::RoomId, Reactions::MessageId),
                )
                .to(Messages::Table, (Messages::TenantId, Messages::RoomId, Messages::Id))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("reactions_user_fkey")
                .from(Reactions::Table, (Reactions::TenantId, Reactions::UserId))
                .to(Users::Table, (Users::TenantId, Users::Id)),
        )
        .take()
}

fn mentions() -> TableCreateStatement {
    Table::create()
        .table(Mentions::Table)
        .col(uuid(Mentions::TenantId))
        .col(uuid(Mentions::RoomId))
        .col(bigint(Mentions::Seq))
        .col(uuid(Mentions::UserId))
        .primary_key(
            Index::create()
                .col(Mentions::TenantId)
                .col(Mentions::RoomId)
                .col(Mentions::Seq)
                .col(Mentions::UserId),
        )
        .foreign_key(
            ForeignKey::create()
                .name("mentions_message_fkey")
                .from(Mentions::Table, (Mentions::TenantId, Mentions::RoomId, Mentions::Seq))
                .to(Messages::Table, (Messages::TenantId, Messages::RoomId, Messages::Seq))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("mentions_user_fkey")
                .from(Mentions::Table, (Mentions::TenantId, Mentions::UserId))
                .to(Users::Table, (Users::TenantId, Users::Id)),
        )
        .take()
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        // Most messages are in no thread and not pinned: these cost nothing for those.
        Index::create()
            .name("messages_thread")
            .table(Messages::Table)
            .col(Messages::TenantId)
            .col(Messages::RoomId)
            .col(Messages::ThreadRoot)
            .col(Messages::Seq)
            .and_where(Expr::col(Messages::ThreadRoot).is_not_null())
            .take(),
        Index::create()
            .name("messages_pinned")
            .table(Messages::Table)
            .col(Messages::TenantId)
            .col(Messages::RoomId)
            .col(Messages::PinnedAt)
            .and_where(Expr::col(Messages::PinnedAt).is_not_null())
            .take(),
        // A user's unread mentions.
        Index::create()
            .name("mentions_user")
            .table(Mentions::Table)
            .col(Mentions::TenantId)
            .col(Mentions::UserId)
            .col(Mentions::RoomId)
            .col(Mentions::Seq)
            .take(),
    ]
}
