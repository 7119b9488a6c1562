//! The first schema: tenants, users, rooms, members, messages.
//!
//! The tenant comes first in every key, so that a row cannot point into another tenant and a distributed
//! database can keep a tenant together. No sequences: ids are UUIDv7, numbers of a room's log are counted in
//! the room's row. Times are microseconds since 1970 UTC.

#![expect(
    elided_lifetimes_in_paths,
    reason = "async_trait needs the signatures exactly as the trait has them"
)]

use std::time::{SystemTime, UNIX_EPOCH};

use sea_orm_migration::prelude::*;

use crate::columns::{bigint, text, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Tenants {
    Table,
    Id,
    Slug,
    Name,
    Settings,
    InsertedAt,
}

#[derive(DeriveIden)]
enum Users {
    Table,
    TenantId,
    Id,
    Username,
    UsernameKey,
    PasswordHash,
    InsertedAt,
}

#[derive(DeriveIden)]
enum RevokedTokens {
    Table,
    TenantId,
    TokenId,
    UserId,
    ExpiresAt,
}

#[derive(DeriveIden)]
enum Rooms {
    Table,
    TenantId,
    Id,
    Slug,
    DmKey,
    Kind,
    Name,
    Description,
    CreatorId,
    HeadSeq,
    InsertedAt,
}

#[derive(DeriveIden)]
enum RoomMembers {
    Table,
    TenantId,
    RoomId,
    UserId,
    Role,
    ReadSeq,
    InsertedAt,
}

#[derive(DeriveIden)]
enum Messages {
    Table,
    TenantId,
    RoomId,
    Seq,
    Id,
    ChangedSeq,
    UserId,
    Type,
    Content,
    ClientId,
    ReplyTo,
    EditedAt,
    DeletedAt,
    InsertedAt,
}

#[derive(DeriveIden)]
enum Deployment {
    Table,
    Id,
    Epoch,
    InsertedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(tenants()).await?;
        manager.create_table(users()).await?;
        manager.create_table(revoked_tokens()).await?;
        manager.create_table(rooms()).await?;
        manager.create_table(room_members()).await?;
        manager.create_table(messages()).await?;
        manager.create_table(deployment()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        manager.execute(first_epoch()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Deployment::Table).to_owned())
            .await?;
        manager
            .drop_table(Table::drop().table(Messages::Table).to_owned())
            .await?;
        manager
            .drop_table(Table::drop().table(RoomMembers::Table).to_owned())
            .await?;
        manager.drop_table(Table::drop().table(Rooms::Table).to_owned()).await?;
        manager
            .drop_table(Table::drop().table(RevokedTokens::Table).to_owned())
            .await?;
        manager.drop_table(Table::drop().table(Users::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Tenants::Table).to_owned()).await
    }
}

fn tenants() -> TableCreateStatement {
    Table::create()
        .table(Tenants::Table)
        .col(uuid(Tenants::Id).primary_key())
        .col(text(Tenants::Slug).unique_key())
        .col(text(Tenants::Name))
        .col(ColumnDef::new(Tenants::Settings).json().not_null())
        .col(bigint(Tenants::InsertedAt))
        .take()
}

fn users() -> TableCreateStatement {
    Table::create()
        .table(Users::Table)
        .col(uuid(Users::TenantId))
        .col(uuid(Users::Id))
        .col(text(Users::Username))
        .col(text(Users::UsernameKey))
        .col(ColumnDef::new(Users::PasswordHash).text().null())
        .col(bigint(Users::InsertedAt))
        .primary_key(Index::create().col(Users::TenantId).col(Users::Id))
        .foreign_key(
            ForeignKey::create()
                .name("users_tenant_fkey")
                .from(Users::Table, Users::TenantId)
                .to(Tenants::Table, Tenants::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .take()
}

fn revoked_tokens() -> TableCreateStatement {
    Table::create()
        .table(RevokedTokens::Table)
        .col(uuid(RevokedTokens::TenantId))
        .col(uuid(RevokedTokens::TokenId))
        .col(uuid(RevokedTokens::UserId))
        .col(bigint(RevokedTokens::ExpiresAt))
        .primary_key(Index::create().col(RevokedTokens::TenantId).col(RevokedTokens::TokenId))
        .foreign_key(
            ForeignKey::create()
                .name("revoked_tokens_tenant_fkey")
                .from(RevokedTokens::Table, RevokedTokens::TenantId)
                .to(Tenants::Table, Tenants::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .take()
}

fn rooms() -> TableCreateStatement {
    Table::create()
        .table(Rooms::Table)
        .col(uuid(Rooms::TenantId))
        .col(uuid(Rooms::Id))
        .col(ColumnDef::new(Rooms::Slug).text().null())
        .col(ColumnDef::new(Rooms::DmKey).text().null())
        .col(text(Rooms::Kind))
        .col(text(Rooms::Name))
        .col(ColumnDef::new(Rooms::Description).text().null())
        .col(ColumnDef::new(Rooms::CreatorId).uuid().null())
        .col(bigint(Rooms::HeadSeq).default(0))
        .col(bigint(Rooms::InsertedAt))
        .primary_key(Index::create().col(Rooms::TenantId).col(Rooms::Id))
        .foreign_key(
            ForeignKey::create()
                .name("rooms_tenant_fkey")
                .from(Rooms::Table, Rooms::TenantId)
                .to(Tenants::Table, Tenants::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .check(Expr::col(Rooms::Kind).is_in(["public", "private", "dm"]))
        .take()
}

fn room_members() -> TableCreateStatement {
    Table::create()
        .table(RoomMembers::Table)
        .col(uuid(RoomMembers::TenantId))
        .col(uuid(RoomMembers::RoomId))
        .col(uuid(RoomMembers::UserId))
        .col(text(RoomMembers::Role))
        .col(bigint(RoomMembers::ReadSeq).default(0))
        .col(bigint(RoomMembers::InsertedAt))
        .primary_key(
            Index::create()
                .col(RoomMembers::TenantId)
                .col(RoomMembers::RoomId)
                .col(RoomMembers::UserId),
        )
        .foreign_key(
            ForeignKey::create()
                .name("room_members_room_fkey")
                .from(RoomMembers::Table, (RoomMembers::TenantId, RoomMembers::RoomId))
                .to(Rooms::Table, (Rooms::TenantId, Rooms::Id))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("room_members_user_fkey")
                .from(RoomMembers::Table, (RoomMembers::TenantId, RoomMembers::UserId))
                .to(Users::Table, (Users::TenantId, Users::Id))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .check(Expr::col(RoomMembers::Role).is_in(["owner", "admin", "moderator", "member", "reader"]))
        .take()
}

fn messages() -> TableCreateStatement {
    Table::create()
        .table(Messages::Table)
        .col(uuid(Messages::TenantId))
        .col(uuid(Messages::RoomId))
        .col(bigint(Messages::Seq))
        .col(uuid(Messages::Id))
        .col(bigint(Messages::ChangedSeq))
        .col(uuid(Messages::UserId))
        .col(text(Messages::Type).default("text"))
        .col(text(Messages::Content))
        .col(ColumnDef::new(Messages::ClientId).text().null())
        .col(ColumnDef::new(Messages::ReplyTo).uuid().null())
        .col(ColumnDef::new(Messages::EditedAt).big_integer().null())
        .col(ColumnDef::new(Messages::DeletedAt).big_integer().null())
        .col(bigint(Messages::InsertedAt))
        .primary_key(
            Index::create()
                .col(Messages::TenantId)
                .col(Messages::RoomId)
                .col(Messages::Seq),
        )
        .foreign_key(
            ForeignKey::create()
                .name("messages_room_fkey")
                .from(Messages::Table, (Messages::TenantId, Messages::RoomId))
                .to(Rooms::Table, (Rooms::TenantId, Rooms::Id))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("messages_user_fkey")
                .from(Messages::Table, (Messages::TenantId, Messages::UserId))
                .to(Users::Table, (Users::TenantId, Users::Id)),
        )
        .check(Expr::col(Messages::Type).is_in(["text", "system"]))
        .take()
}

fn deployment() -> TableCreateStatement {
    Table::create()
        .table(Deployment::Table)
        .col(ColumnDef::new(Deployment::Id).integer().not_null().primary_key())
        .col(text(Deployment::Epoch))
        .col(bigint(Deployment::InsertedAt))
        .check(Expr::col(Deployment::Id).eq(1))
        .take()
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        Index::create()
            .name("users_username_key")
            .table(Users::Table)
            .col(Users::TenantId)
            .col(Users::UsernameKey)
            .unique()
            .take(),
        Index::create()
            .name("revoked_tokens_expires_at")
            .table(RevokedTokens::Table)
            .col(RevokedTokens::ExpiresAt)
            .take(),
        Index::create()
            .name("rooms_slug_key")
            .table(Rooms::Table)
            .col(Rooms::TenantId)
            .col(Rooms::Slug)
            .unique()
            .take(),
        Index::create()
            .name("rooms_dm_key")
            .table(Rooms::Table)
            .col(Rooms::TenantId)
            .col(Rooms::DmKey)
            .unique()
            .take(),
        // The directory of public rooms.
        Index::create()
            .name("rooms_kind")
            .table(Rooms::Table)
            .col(Rooms::TenantId)
            .col(Rooms::Kind)
            .col(Rooms::Id)
            .take(),
        // The rooms of a user.
        Index::create()
            .name("room_members_user")
            .table(RoomMembers::Table)
            .col(RoomMembers::TenantId)
            .col(RoomMembers::UserId)
            .col(RoomMembers::RoomId)
            .take(),
        // The members of a room in the order they came.
        Index::create()
            .name("room_members_order")
            .table(RoomMembers::Table)
            .col(RoomMembers::TenantId)
            .col(RoomMembers::RoomId)
            .col(RoomMembers::InsertedAt)
            .col(RoomMembers::UserId)
            .take(),
        Index::create()
            .name("messages_id_key")
            .table(Messages::Table)
            .col(Messages::TenantId)
            .col(Messages::RoomId)
            .col(Messages::Id)
            .unique()
            .take(),
        // What a returning client missed.
        Index::create()
            .name("messages_changed_seq_key")
            .table(Messages::Table)
            .col(Messages::TenantId)
            .col(Messages::RoomId)
            .col(Messages::ChangedSeq)
            .unique()
            .take(),
        // A repeated send finds its first answer. Null client ids are distinct to both engines.
        Index::create()
            .name("messages_client_id_key")
            .table(Messages::Table)
            .col(Messages::TenantId)
            .col(Messages::RoomId)
            .col(Messages::UserId)
            .col(Messages::ClientId)
            .unique()
            .take(),
    ]
}

fn first_epoch() -> InsertStatement {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Query::insert()
        .into_table(Deployment::Table)
        .columns([Deployment::Id, Deployment::Epoch, Deployment::InsertedAt])
        .values_panic([
            1.into(),
            uuid::Uuid::new_v4().to_string().into(),
            <i64 as TryFrom<u128>>::try_from(now.as_micros())
                .unwrap_or(i64::MAX)
                .into(),
        ])
        .take()
}
