//! Websites and their users: what a tenant is and allows, its keys, where a user comes from, the audit log, and what
//! servers tell one another.

#![expect(
    elided_lifetimes_in_paths,
    reason = "async_trait needs the signatures exactly as the trait has them"
)]

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DatabaseBackend},
};
use uuid::Uuid;

use crate::columns::{add_columns, bigint, drop_columns, optional_bigint, optional_text, text, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Tenants {
    Table,
    Id,
    PublicKey,
    Limits,
    SuspendedAt,
}

#[derive(DeriveIden)]
enum Users {
    Table,
    TenantId,
    Kind,
    ExternalId,
    Name,
    AvatarUrl,
    EmailHash,
    Attrs,
    ProfileAt,
    GrantsAt,
    GuestKeyHash,
    ClaimedBy,
    SuspendedAt,
    DeletedAt,
    TokensNotBefore,
}

#[derive(DeriveIden)]
enum SigningKeys {
    Table,
    TenantId,
    Id,
    Kid,
    Algorithm,
    Secret,
    PublicKey,
    InsertedAt,
    LastUsedAt,
    RevokedAt,
}

#[derive(DeriveIden)]
enum ApiKeys {
    Table,
    TenantId,
    Id,
    Kind,
    Name,
    Hash,
    Hint,
    Scopes,
    BotUserId,
    InsertedAt,
    ExpiresAt,
    LastUsedAt,
    RevokedAt,
}

#[derive(DeriveIden)]
enum AuditLog {
    Table,
    Seq,
    Id,
    At,
    TenantId,
    Tenant,
    ActorKind,
    ActorId,
    Action,
    Target,
    Outcome,
    Detail,
    Address,
    RequestId,
    PrevHash,
    Hash,
}

#[derive(DeriveIden)]
enum Reactions {
    Table,
    TenantId,
    UserId,
    RoomId,
}

#[derive(DeriveIden)]
enum ControlEvents {
    Table,
    Id,
    At,
    TenantId,
    Event,
}

#[derive(DeriveIden)]
enum Deployment {
    Table,
    AuditSeq,
    AuditHash,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_columns(manager, Tenants::Table, tenant_columns()).await?;
        add_columns(manager, Users::Table, user_columns()).await?;
        add_columns(manager, Deployment::Table, deployment_columns()).await?;
        give_public_keys(manager).await?;
        for table in [signing_keys(), api_keys(), audit_log(), control_events()] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        for statement in append_only(manager.get_database_backend()) {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Its triggers go with it; the function of Postgres does not.
        manager
            .drop_table(Table::drop().table(AuditLog::Table).to_owned())
            .await?;
        if manager.get_database_backend() == DatabaseBackend::Postgres {
            manager
                .get_connection()
                .execute_unprepared("DROP FUNCTION audit_log_is_append_only()")
                .await?;
        }
        manager
            .drop_table(Table::drop().table(ControlEvents::Table).to_owned())
            .await?;
        manager
            .drop_table(Table::drop().table(ApiKeys::Table).to_owned())
            .await?;
        manager
            .drop_table(Table::drop().table(SigningKeys::Table).to_owned())
            .await?;
        manager
            .drop_index(Index::drop().name("reactions_user").table(Reactions::Table).to_owned())
            .await?;
        // SQLite drops no column that an index holds.
        for (name, table) in [
            ("users_kind", Users::Table.into_table_ref()),
            ("users_guest_key_hash_key", Users::Table.into_table_ref()),
            ("users_external_id_key", Users::Table.into_table_ref()),
            ("tenants_public_key_key", Tenants::Table.into_table_ref()),
        ] {
            manager
                .drop_index(Index::drop().name(name).table(table).to_owned())
                .await?;
        }
        drop_columns(manager, Deployment::Table, deployment_columns()).await?;
        drop_columns(manager, Users::Table, user_columns()).await?;
        drop_columns(manager, Tenants::Table, tenant_columns()).await
    }
}

/// Tenants that were there before get a key each.
async fn give_public_keys(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let all = Query::select().column(Tenants::Id).from(Tenants::Table).take();
    for row in connection.query_all(&all).await? {
        let id: Uuid = row.try_get_by_index(0)?;
        let update = Query::update()
            .table(Tenants::Table)
            .value(Tenants::PublicKey, format!("pk_{}", Uuid::new_v4().simple()))
            .and_where(Expr::col(Tenants::Id).eq(id))
            .take();
        connection.execute(&update).await?;
    }
    Ok(())
}

/// What makes the database itself refuse to change or delete a row of the audit log.
fn append_only(backend: DatabaseBackend) -> &'static [&'static str] {
    match backend {
        DatabaseBackend::Postgres => &[
            "CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'audit_log is append-only'; END $$",
            "CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log \
             FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only()",
        ],
        _ => &[
            "CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log \
             BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END",
            "CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log \
             BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END",
        ],
    }
}

fn tenant_columns() -> Vec<ColumnDef> {
    vec![
        // Filled in at once; the default is for the rows that are there already.
        text(Tenants::PublicKey).default("").take(),
        ColumnDef::new(Tenants::Limits).json().not_null().default("{}").take(),
        optional_bigint(Tenants::SuspendedAt),
    ]
}

fn user_columns() -> Vec<ColumnDef> {
    vec![
        text(Users::Kind)
            .default("account")
            .check(Expr::col(Users::Kind).is_in(["account", "host", "guest", "bot"]))
            .take(),
        optional_text(Users::ExternalId),
        optional_text(Users::Name),
        optional_text(Users::AvatarUrl),
        optional_text(Users::EmailHash),
        ColumnDef::new(Users::Attrs).json().null().take(),
        bigint(Users::ProfileAt).default(0).take(),
        bigint(Users::GrantsAt).default(0).take(),
        optional_text(Users::GuestKeyHash),
        ColumnDef::new(Users::ClaimedBy).uuid().null().take(),
        optional_bigint(Users::SuspendedAt),
        optional_bigint(Users::DeletedAt),
        bigint(Users::TokensNotBefore).default(0).take(),
    ]
}

fn deployment_columns() -> Vec<ColumnDef> {
    vec![
        bigint(Deployment::AuditSeq).default(0).take(),
        text(Deployment::AuditHash).default("").take(),
    ]
}

fn signing_keys() -> TableCreateStatement {
    Table::create()
        .table(SigningKeys::Table)
        .col(uuid(SigningKeys::TenantId))
        .col(uuid(SigningKeys::Id))
        .col(text(SigningKeys::Kid))
        .col(text(SigningKeys::Algorithm))
        .col(optional_text(SigningKeys::Secret))
        .col(optional_text(SigningKeys::PublicKey))
        .col(bigint(SigningKeys::InsertedAt))
        .col(optional_bigint(SigningKeys::LastUsedAt))
        .col(optional_bigint(SigningKeys::RevokedAt))
        .primary_key(Index::create().col(SigningKeys::TenantId).col(SigningKeys::Id))
        .foreign_key(
            ForeignKey::create()
                .name("signing_keys_tenant_fkey")
                .from(SigningKeys::Table, SigningKeys::TenantId)
                .to(Tenants::Table, Tenants::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .check(Expr::col(SigningKeys::Algorithm).is_in(["HS256", "EdDSA", "ES256"]))
        .take()
}

fn api_keys() -> TableCreateStatement {
    Table::create()
        .table(ApiKeys::Table)
        .col(uuid(ApiKeys::TenantId))
        .col(uuid(ApiKeys::Id))
        .col(text(ApiKeys::Kind))
        .col(text(ApiKeys::Name))
        .col(text(ApiKeys::Hash))
        .col(text(ApiKeys::Hint))
        .col(ColumnDef::new(ApiKeys::Scopes).json().not_null())
        .col(ColumnDef::new(ApiKeys::BotUserId).uuid().null())
        .col(bigint(ApiKeys::InsertedAt))
        .col(optional_bigint(ApiKeys::ExpiresAt))
        .col(optional_bigint(ApiKeys::LastUsedAt))
        .col(optional_bigint(ApiKeys::RevokedAt))
        .primary_key(Index::create().col(ApiKeys::TenantId).col(ApiKeys::Id))
        .foreign_key(
            ForeignKey::create()
                .name("api_keys_tenant_fkey")
                .from(ApiKeys::Table, ApiKeys::TenantId)
                .to(Tenants::Table, Tenants::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .check(Expr::col(ApiKeys::Kind).is_in(["server", "admin"]))
        .take()
}

/// No key of another table: the log outlives what it tells about.
fn audit_log() -> TableCreateStatement {
    Table::create()
        .table(AuditLog::Table)
        .col(bigint(AuditLog::Seq).primary_key())
        .col(uuid(AuditLog::Id))
        .col(bigint(AuditLog::At))
        .col(ColumnDef::new(AuditLog::TenantId).uuid().null())
        .col(optional_text(AuditLog::Tenant))
        .col(text(AuditLog::ActorKind))
        .col(text(AuditLog::ActorId))
        .col(text(AuditLog::Action))
        .col(optional_text(AuditLog::Target))
        .col(text(AuditLog::Outcome))
        .col(ColumnDef::new(AuditLog::Detail).json().not_null())
        .col(optional_text(AuditLog::Address))
        .col(optional_text(AuditLog::RequestId))
        .col(text(AuditLog::PrevHash))
        .col(text(AuditLog::Hash))
        .check(Expr::col(AuditLog::Outcome).is_in(["ok", "refused"]))
        .take()
}

/// No key of another table: a tenant's deletion is told here, too.
fn control_events() -> TableCreateStatement {
    Table::create()
        .table(ControlEvents::Table)
        .col(uuid(ControlEvents::Id).primary_key())
        .col(bigint(ControlEvents::At))
        .col(uuid(ControlEvents::TenantId))
        .col(ColumnDef::new(ControlEvents::Event).json().not_null())
        .take()
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        Index::create()
            .name("tenants_public_key_key")
            .table(Tenants::Table)
            .col(Tenants::PublicKey)
            .unique()
            .take(),
        // Null ids are distinct to both engines: users without one do not meet here.
        Index::create()
            .name("users_external_id_key")
            .table(Users::Table)
            .col(Users::TenantId)
            .col(Users::ExternalId)
            .unique()
            .take(),
        Index::create()
            .name("users_guest_key_hash_key")
            .table(Users::Table)
            .col(Users::TenantId)
            .col(Users::GuestKeyHash)
            .unique()
            .take(),
        Index::create()
            .name("users_kind")
            .table(Users::Table)
            .col(Users::TenantId)
            .col(Users::Kind)
            .take(),
        // What a guest reacted to, for who claims the guest.
        Index::create()
            .name("reactions_user")
            .table(Reactions::Table)
            .col(Reactions::TenantId)
            .col(Reactions::UserId)
            .col(Reactions::RoomId)
            .take(),
        Index::create()
            .name("signing_keys_kid_key")
            .table(SigningKeys::Table)
            .col(SigningKeys::TenantId)
            .col(SigningKeys::Kid)
            .unique()
            .take(),
        Index::create()
            .name("api_keys_hash_key")
            .table(ApiKeys::Table)
            .col(ApiKeys::Hash)
            .unique()
            .take(),
        Index::create()
            .name("audit_log_tenant")
            .table(AuditLog::Table)
            .col(AuditLog::TenantId)
            .col(AuditLog::Seq)
            .take(),
        Index::create()
            .name("control_events_at")
            .table(ControlEvents::Table)
            .col(ControlEvents::At)
            .take(),
    ]
}
