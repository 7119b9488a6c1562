//! Members: what a room restricts, who is banned or muted there, who is invited.
//!
//! Bans and mutes are no columns of the membership: they have to outlive it, or leaving would lift them.

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
    TenantId,
    Id,
    SlowModeS,
    Frozen,
}

#[derive(DeriveIden)]
enum RoomSanctions {
    Table,
    TenantId,
    RoomId,
    UserId,
    Kind,
    Until,
    Reason,
    ImposedBy,
    InsertedAt,
}

#[derive(DeriveIden)]
enum RoomInvitations {
    Table,
    TenantId,
    RoomId,
    UserId,
    Role,
    InvitedBy,
    InsertedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One column a statement: SQLite adds no two at once.
        for column in [
            ColumnDef::new(Rooms::SlowModeS).integer().not_null().default(0).take(),
            ColumnDef::new(Rooms::Frozen).boolean().not_null().default(false).take(),
        ] {
            manager
                .alter_table(Table::alter().table(Rooms::Table).add_column(column).to_owned())
                .await?;
        }
        manager.create_table(room_sanctions()).await?;
        manager.create_table(room_invitations()).await?;
        manager
            .create_index(
                // The invitations of a user.
                Index::create()
                    .name("room_invitations_user")
                    .table(RoomInvitations::Table)
                    .col(RoomInvitations::TenantId)
                    .col(RoomInvitations::UserId)
                    .col(RoomInvitations::RoomId)
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(RoomInvitations::Table).to_owned())
            .await?;
        manager
            .drop_table(Table::drop().table(RoomSanctions::Table).to_owned())
            .await?;
        for column in [Rooms::Frozen, Rooms::SlowModeS] {
            manager
                .alter_table(Table::alter().table(Rooms::Table).drop_column(column).to_owned())
                .await?;
        }
        Ok(())
    }
}

fn room_sanctions() -> TableCreateStatement {
    Table::create()
        .table(RoomSanctions::Table)
        .col(uuid(RoomSanctions::TenantId))
        .col(uuid(RoomSanctions::RoomId))
        .col(uuid(RoomSanctions::UserId))
        .col(text(RoomSanctions::Kind))
        .col(ColumnDef::new(RoomSanctions::Until).big_integer().null())
        .col(ColumnDef::new(RoomSanctions::Reason).text().null())
        // No key of another table: a ban outlives the account of whoever imposed it.
        .col(uuid(RoomSanctions::ImposedBy))
        .col(bigint(RoomSanctions::InsertedAt))
        .primary_key(
            Index::create()
                .col(RoomSanctions::TenantId)
                .col(RoomSanctions::RoomId)
                .col(RoomSanctions::UserId)
                .col(RoomSanctions::Kind),
        )
        .foreign_key(
            ForeignKey::create()
                .name("room_sanctions_room_fkey")
                .from(RoomSanctions::Table, (RoomSanctions::TenantId, RoomSanctions::RoomId))
                .to(Rooms::Table, (Rooms::TenantId, Rooms::Id))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("room_sanctions_user_fkey")
                .from(RoomSanctions::Table, (RoomSanctions::TenantId, RoomSanctions::UserId))
                .to(Users::Table, (Users::TenantId, Users::Id))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .check(Expr::col(RoomSanctions::Kind).is_in(["ban", "mute"]))
        .take()
}

fn room_invitations() -> TableCreateStatement {
    Table::create()
        .table(RoomInvitations::Table)
        .col(uuid(RoomInvitations::TenantId))
        .col(uuid(RoomInvitations::RoomId))
        .col(uuid(RoomInvitations::UserId))
        .col(text(RoomInvitations::Role))
        .col(ColumnDef::new(RoomInvitations::InvitedBy).uuid().null())
        .col(bigint(RoomInvitations::InsertedAt))
        .primary_key(
            Index::create()
                .col(RoomInvitations::TenantId)
                .col(RoomInvitations::RoomId)
                .col(RoomInvitations::UserId),
        )
        .foreign_key(
            ForeignKey::create()
                .name("room_invitations_room_fkey")
                .from(
                    RoomInvitations::Table,
                    (RoomInvitations::TenantId, RoomInvitations::RoomId),
                )
                .to(Rooms::Table, (Rooms::TenantId, Rooms::Id))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("room_invitations_user_fkey")
                .from(
                    RoomInvitations::Table,
                    (RoomInvitations::TenantId, RoomInvitations::UserId),
                )
                .to(Users::Table, (Users::TenantId, Users::Id))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("room_invitations_invited_by_fkey")
                .from(
                    RoomInvitations::Table,
                    (RoomInvitations::TenantId, RoomInvitations::InvitedBy),
                )
                .to(Users::Table, (Users::TenantId, Users::Id))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .check(Expr::col(RoomInvitations::Role).is_in(["owner", "admin", "moderator", "member", "reader"]))
        .take()
}
