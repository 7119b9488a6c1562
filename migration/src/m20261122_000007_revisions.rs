//! Counters by which a server knows that what it keeps in memory is still what the database holds. Triggers move them,
//! so no change can forget to.

#![expect(
    elided_lifetimes_in_paths,
    reason = "async_trait needs the signatures exactly as the trait has them"
)]

use sea_orm_migration::{prelude::*, sea_orm::DatabaseBackend};

use crate::columns::{add_columns, bigint, drop_columns, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Tenants {
    Table,
    Id,
    Rev,
}

#[derive(DeriveIden)]
enum Users {
    Table,
    Rev,
}

#[derive(DeriveIden)]
enum PageMarks {
    Table,
    TenantId,
    Mark,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_columns(manager, Tenants::Table, vec![counter(Tenants::Rev)]).await?;
        add_columns(manager, Users::Table, vec![counter(Users::Rev)]).await?;
        // A row of its own, not a column of the tenant's: whoever renames somebody waits for nobody who holds that.
        let marks = Table::create()
            .table(PageMarks::Table)
            .col(uuid(PageMarks::TenantId).primary_key())
            .col(bigint(PageMarks::Mark))
            .foreign_key(
                ForeignKey::create()
                    .from(PageMarks::Table, PageMarks::TenantId)
                    .to(Tenants::Table, Tenants::Id)
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .take();
        manager.create_table(marks).await?;
        run(manager, TRIGGERS_POSTGRES, TRIGGERS_SQLITE).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, DROPS_POSTGRES, DROPS_SQLITE).await?;
        manager
            .drop_table(Table::drop().table(PageMarks::Table).to_owned())
            .await?;
        drop_columns(manager, Users::Table, vec![counter(Users::Rev)]).await?;
        drop_columns(manager, Tenants::Table, vec![counter(Tenants::Rev)]).await
    }
}

fn counter(column: impl IntoIden) -> ColumnDef {
    bigint(column).default(0).take()
}

async fn run(manager: &SchemaManager<'_>, postgres: &[&str], sqlite: &[&str]) -> Result<(), DbErr> {
    let statements = match manager.get_database_backend() {
        DatabaseBackend::Postgres => postgres,
        _ => sqlite,
    };
    for statement in statements {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}

/// The mark is moved when the transaction commits: the lock on its row is the last one taken, so that no two
/// transactions wait for each other.
const TRIGGERS_POSTGRES: &[&str] = &[
    "CREATE FUNCTION count_revision() RETURNS trigger LANGUAGE plpgsql AS \
     $$ BEGIN NEW.rev := OLD.rev + 1; RETURN NEW; END $$",
    "CREATE TRIGGER users_rev BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION count_revision()",
    "CREATE TRIGGER tenants_rev BEFORE UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION count_revision()",
    "CREATE FUNCTION mark_pages() RETURNS trigger LANGUAGE plpgsql AS \
     $$ BEGIN INSERT INTO page_marks (tenant_id, mark) VALUES (NEW.tenant_id, 1) \
     ON CONFLICT (tenant_id) DO UPDATE SET mark = page_marks.mark + 1; RETURN NULL; END $$",
    "CREATE CONSTRAINT TRIGGER users_mark_pages AFTER UPDATE ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW \
     WHEN (OLD.username IS DISTINCT FROM NEW.username OR OLD.name IS DISTINCT FROM NEW.name \
     OR OLD.avatar_url IS DISTINCT FROM NEW.avatar_url OR OLD.kind IS DISTINCT FROM NEW.kind \
     OR OLD.claimed_by IS DISTINCT FROM NEW.claimed_by OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at) \
     EXECUTE FUNCTION mark_pages()",
];

const DROPS_POSTGRES: &[&str] = &[
    "DROP TRIGGER users_mark_pages ON users",
    "DROP FUNCTION mark_pages()",
    "DROP TRIGGER tenants_rev ON tenants",
    "DROP TRIGGER users_rev ON users",
    "DROP FUNCTION count_revision()",
];

const TRIGGERS_SQLITE: &[&str] = &[
    "CREATE TRIGGER users_rev AFTER UPDATE ON users WHEN NEW.rev = OLD.rev \
     BEGIN UPDATE users SET rev = OLD.rev + 1 WHERE tenant_id = NEW.tenant_id AND id = NEW.id; END",
    "CREATE TRIGGER tenants_rev AFTER UPDATE ON tenants WHEN NEW.rev = OLD.rev \
     BEGIN UPDATE tenants SET rev = OLD.rev + 1 WHERE id = NEW.id; END",
    "CREATE TRIGGER users_mark_pages AFTER UPDATE ON users \
     WHEN OLD.username IS NOT NEW.username OR OLD.name IS NOT NEW.name \
     OR OLD.avatar_url IS NOT NEW.avatar_url OR OLD.kind IS NOT NEW.kind \
     OR OLD.claimed_by IS NOT NEW.claimed_by OR OLD.deleted_at IS NOT NEW.deleted_at \
     BEGIN INSERT INTO page_marks (tenant_id, mark) VALUES (NEW.tenant_id, 1) \
     ON CONFLICT (tenant_id) DO UPDATE SET mark = mark + 1; END",
];

const DROPS_SQLITE: &[&str] = &[
    "DROP TRIGGER users_mark_pages",
    "DROP TRIGGER tenants_rev",
    "DROP TRIGGER users_rev",
];
