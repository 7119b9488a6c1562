//! The store: durability, transactions, migrations on the way in.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use parlour::store::{DatabaseOptions, QueryObserver, Store, StoreError};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::helpers::{
    database::{Engine, TestDatabase},
    people::{public_room, say, scope},
};

#[actix_web::test]
async fn postgres_that_can_lose_messages_is_refused_unless_allowed() {
    let db = TestDatabase::create(Engine::Postgres).await;
    let strict = DatabaseOptions {
        allow_unsafe_durability: false,
        ..db.options()
    };
    match Store::connect(&strict).await {
        Err(StoreError::UnsafeDurability {
            setting: "fsync",
            value,
        }) => assert_eq!(value, "off"),
        other => panic!("{other:?}"),
    }
    Store::connect(&db.options()).await.unwrap().close().await;
}

#[actix_web::test]
async fn sqlite_is_durable_keeps_foreign_keys_and_makes_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/a/b/chat.db", folder.path().display());
    let options = DatabaseOptions::new(url.into());
    Store::migrate(&options).await.unwrap();
    let store = Store::connect(&options).await.unwrap();
    let transaction = store.begin_write().await.unwrap();
    for (name, value) in [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("foreign_keys", "1"),
        ("busy_timeout", "5000"),
    ] {
        assert_eq!(pragma(store.reader(), name).await, value, "{name}");
        assert_eq!(pragma(&transaction, name).await, value, "{name}");
    }
    transaction.rollback().await.unwrap();
    store.close().await;
}

/// The value of a pragma, as text.
async fn pragma(connection: &impl ConnectionTrait, name: &str) -> String {
    let statement = Statement::from_string(DbBackend::Sqlite, format!("PRAGMA {name}"));
    let row = connection.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index::<String>(0)
        .or_else(|_| row.try_get_by_index::<i64>(0).map(|number| number.to_string()))
        .unwrap()
}

#[actix_web::test]
async fn other_urls_are_refused_and_not_repeated() {
    for url in [
        "",
        "mysql://root:secret@localhost/x",
        "/var/lib/secret.db",
        "postgres://secret@:x/y",
    ] {
        let error = Store::connect(&DatabaseOptions::new(url.to_owned().into()))
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Url), "{url}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{url}");
    }
    let options = DatabaseOptions::new("postgres://chat:secret@localhost/chat".to_owned().into());
    assert!(!format!("{options:?}").contains("secret"));
}

/// What tracing shows at its most talkative.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[actix_web::test]
async fn no_log_at_any_level_shows_values_or_the_database_password() {
    let log = Log::default();
    let sink = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(move || sink.clone())
        .finish();
    // With a single dispatcher, tracing would switch off for good whatever other tests reach before this one.
    let second = tracing::Dispatch::new(tracing_subscriber::registry());
    let guard = tracing::subscriber::set_default(subscriber);
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let db = TestDatabase::create(engine).await;
        // The cluster asks for no password, and so takes any.
        let url = db.url.replace("parlour@", "parlour:canary-password@");
        let store = Store::connect(&DatabaseOptions {
            url: url.into(),
            ..db.options()
        })
        .await
        .unwrap();
        let alice = scope(&store, "acme", "alice").await;
        let room = public_room(&store, &alice, "Lobby").await;
        say(&store, &alice, &room, "canary-message").await;
        store.close().await;
    }
    drop((guard, second));
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("postgres://") && log.contains("query_one"),
        "the log has what could show them"
    );
    for canary in ["canary-password", "canary-message", "pbkdf2-sha256$"] {
        let line = log.lines().find(|line| line.contains(canary));
        assert_eq!(line, None, "{canary}");
    }
}

both_engines! {
    async fn it_answers_and_has_one_epoch(db: TestDatabase) {
        db.store.ping().await.unwrap();
        let epoch = db.store.epoch().await.unwrap();
        assert_eq!(epoch.len(), 36);
        let again = Store::connect(&db.options()).await.unwrap();
        assert_eq!(again.epoch().await.unwrap(), epoch);
        again.close().await;
    }

    async fn each_query_is_observed(db: TestDatabase) {
        let seen: Arc<Mutex<Vec<(Duration, bool)>>> = Arc::default();
        let log = Arc::clone(&seen);
        let observer: QueryObserver = Arc::new(move |took, failed| log.lock().unwrap().push((took, failed)));
        let mut store = db.store.clone();
        store.on_query(&observer);

        store.epoch().await.unwrap();
        let transaction = store.begin_write().await.unwrap();
        let nonsense = Statement::from_string(store.backend(), "SELECT nothing_of_the_kind FROM deployment");
        transaction.query_one_raw(nonsense).await.unwrap_err();
        drop(transaction);

        let failed: Vec<bool> = seen.lock().unwrap().iter().map(|(_, failed)| *failed).collect();
        assert_eq!(failed, [false, true]);
    }

    async fn a_dropped_write_leaves_nothing_and_frees_the_writer(db: TestDatabase) {
        for _ in 0..3 {
            let transaction = db.store.begin_write().await.unwrap();
            transaction.execute_unprepared("UPDATE deployment SET epoch = 'lost'").await.unwrap();
            drop(transaction);
        }
        assert_ne!(db.store.epoch().await.unwrap(), "lost");
        let transaction = db.store.begin_write().await.unwrap();
        transaction.execute_unprepared("UPDATE deployment SET epoch = 'kept'").await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(db.store.epoch().await.unwrap(), "kept");
    }
}
