//! The schema goes up, down and up again, from an empty database.

use migration::{Migrator, MigratorTrait};
use parlour::{
    chat::{self, MessageQuery, RoomRef},
    ids::{RoomId, TenantId, UserId},
    scope::Scope,
    store::Store,
};
use sea_orm::{ConnectionTrait, Database, DbBackend, FromQueryResult, Statement};

const TABLES: [&str; 19] = [
    "api_keys",
    "audit_log",
    "control_events",
    "deployment",
    "mentions",
    "message_revisions",
    "messages",
    "page_marks",
    "reactions",
    "revoked_tokens",
    "room_invitations",
    "room_members",
    "room_sanctions",
    "rooms",
    "signing_keys",
    "tenants",
    "upload_parts",
    "uploads",
    "users",
];

const MIGRATIONS: [&str; 9] = [
    "m20261122_000001_create_schema",
    "m20261122_000002_room_log",
    "m20261122_000003_members",
    "m20261122_000004_websites",
    "m20261122_000005_page_rooms",
    "m20261122_000006_uploads",
    "m20261122_000007_revisions",
    "m20261122_000008_sparse_client_ids",
    "m20261122_000009_indexes_in_order",
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
        assert_eq!(Store::pending_migrations(&options).await.unwrap(), MIGRATIONS);
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

    #[allow(unused_variables, reason = "the migrated database of the harness is not the one of this test")]
    async fn what_the_first_schema_holds_is_there_after_all_later_ones(db: TestDatabase) {
        let db = TestDatabase::create_bare(db.engine).await;
        let connection = Database::connect(&db.url).await.unwrap();
        Migrator::up(&connection, Some(1)).await.unwrap();
        let (tenant, user, room) = (TenantId::generate(), UserId::generate(), RoomId::generate());
        // As each engine writes a UUID down.
        let uuid = |id: uuid::Uuid| match db.store.backend() {
            DbBackend::Sqlite => format!("X'{}'", id.simple()),
            _ => format!("'{id}'"),
        };
        let (tenant_id, user_id, room_id) = (uuid(tenant.0), uuid(user.0), uuid(room.0));
        let message_id = uuid(uuid::Uuid::now_v7());
        for sql in [
            format!("INSERT INTO tenants (id, slug, name, settings, inserted_at) VALUES ({tenant_id}, 'a', 'A', '{{}}', 1)"),
            format!(
                "INSERT INTO users (tenant_id, id, username, username_key, inserted_at) \
                 VALUES ({tenant_id}, {user_id}, 'Ann', 'ann', 1)"
            ),
            format!(
                "INSERT INTO rooms (tenant_id, id, slug, kind, name, head_seq, inserted_at) \
                 VALUES ({tenant_id}, {room_id}, 'lobby', 'public', 'Lobby', 1, 1)"
            ),
            format!(
                "INSERT INTO room_members (tenant_id, room_id, user_id, role, inserted_at) \
                 VALUES ({tenant_id}, {room_id}, {user_id}, 'admin', 1)"
            ),
            format!(
                "INSERT INTO messages (tenant_id, room_id, seq, id, changed_seq, user_id, content, inserted_at) \
                 VALUES ({tenant_id}, {room_id}, 1, {message_id}, 1, {user_id}, 'hello', 1)"
            ),
        ] {
            connection.execute_unprepared(&sql).await.unwrap();
        }
        connection.close().await.unwrap();
        Store::migrate(&db.options()).await.unwrap();

        let scope = Scope { tenant_id: tenant, user_id: user };
        let here = RoomRef::Id(room);
        let page = chat::list_messages(&db.store, &scope, &here, MessageQuery::default()).await.unwrap();
        let message = &page.messages[0];
        assert_eq!((page.messages.len(), page.head_seq, message.content.as_str()), (1, 1, "hello"));
        assert_eq!((message.in_room, message.thread, message.author.username.as_str()), (true, None, "Ann"));
        let edited = chat::edit_message(&db.store, &scope, &here, message.id, "hi".to_owned(), None).await.unwrap();
        assert_eq!(edited.message.changed_seq, 2);

        // And what the later ones hold is no obstacle on the way back.
        chat::add_reaction(&db.store, &scope, &here, message.id, "\u{1f44d}").await.unwrap();
        let connection = Database::connect(&db.url).await.unwrap();
        let later = u32::try_from(MIGRATIONS.len() - 1).unwrap();
        Migrator::down(&connection, Some(later)).await.unwrap();
        let row = connection
            .query_one_raw(Statement::from_string(db.store.backend(), "SELECT content FROM messages"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(row.try_get_by_index::<String>(0).unwrap(), "hi");
        connection.close().await.unwrap();
    }
}
