//! The schema goes up, down and up again, from an empty database.

use parlour::store::Store;
use sea_orm::{DbBackend, FromQueryResult, Statement};

const TABLES: [&str; 7] = [
    "deployment",
    "messages",
    "revoked_tokens",
    "room_members",
    "rooms",
    "tenants",
    "users",
];

/// Names of all tables but the migrations' own.
async fn tables(store: &Store) -> Vec<String> {
    #[derive(FromQueryResult)]
    struct Table {
        name: String,
    }
    let sql = match store.backend() {
        DbBackend::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        _ => "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public'",
    };
    let found = Table::find_by_statement(Statement::from_string(store.backend(), sql))
        .all(store.reader())
        .await
        .unwrap();
    let mut names: Vec<String> = found.into_iter().map(|table| table.name).collect();
    names.retain(|name| name != "seaql_migrations");
    names.sort_unstable();
    names
}

both_engines! {
    #[allow(unused_variables, reason = "the migrated database of the harness is not the one of this test")]
    async fn the_schema_goes_up_down_and_up_again(db: TestDatabase) {
        let db = TestDatabase::create_bare(db.engine).await;
        let options = db.options();
        assert_eq!(tables(&db.store).await, Vec::<String>::new());
        assert_eq!(Store::pending_migrations(&options).await.unwrap(), ["m20261122_000001_create_schema"]);
        assert_eq!(tables(&db.store).await, Vec::<String>::new(), "asking changes nothing");

        Store::migrate(&options).await.unwrap();
        assert_eq!(tables(&db.store).await, TABLES);
        assert!(Store::pending_migrations(&options).await.unwrap().is_empty());
        let epoch = db.store.epoch().await.unwrap();

        Store::migrate(&options).await.unwrap();
        assert_eq!(db.store.epoch().await.unwrap(), epoch, "a second run changes nothing");

        Store::unmigrate(&options).await.unwrap();
        assert_eq!(tables(&db.store).await, Vec::<String>::new());

        Store::migrate(&options).await.unwrap();
        assert_eq!(tables(&db.store).await, TABLES);
        assert_ne!(db.store.epoch().await.unwrap(), epoch);
    }
}
