//! The database: SQLite or Postgres, chosen by the URL.
//!
//! Invariants:
//! * Writes go through [`Store::begin_write`] only. On SQLite it begins an immediate transaction on the one
//!   writer connection; a transaction that reads first and then writes would fail with "database is locked"
//!   there, whatever the busy timeout says. `clippy.toml` bans the plain ways to begin.
//! * Statements and their values reach no log and no span.

use std::{
    fmt, num::NonZero, ops::RangeInclusive, os::unix::fs::DirBuilderExt, path::Path, sync::Arc, thread, time::Duration,
};

use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    RuntimeErr, Statement, TransactionOptions, TransactionTrait,
    sqlx::{
        ConnectOptions as _, Error as SqlxError,
        postgres::PgConnectOptions,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};
use secrecy::{ExposeSecret, SecretString};

use crate::{config::DatabaseSettings, entity::deployment};

pub mod rows;

/// How long a write waits for another process that holds the SQLite file.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The write-ahead log is cut back to this size after it grew, in bytes.
const SQLITE_JOURNAL_BYTES: &str = "67108864";

/// Pages in the write-ahead log after which they are put into the database file: as many as [`SQLITE_JOURNAL_BYTES`]
/// holds. By default, 1000, a busy server would do so after each transaction of a journal. A page that was changed many
/// times in between is put there once.
const SQLITE_CHECKPOINT_PAGES: &str = "16000";

/// Readers of SQLite when nobody says how many: one for every core, within this. What they read is in the kernel's memory
/// most of the time, so more of them would wait for cores, each with a schema, statements and pages of its own, a megabyte
/// in all. With fewer, two that take long would hold up everybody.
const SQLITE_READERS: RangeInclusive<usize> = 3..=10;

/// Connections to Postgres when nobody says how many.
const POSTGRES_CONNECTIONS: usize = 10;

/// What the writer's connection keeps of the database file, in KiB, as a negative number. A transaction that changes more
/// pages than there is room for, 2000 KiB by default, writes them more than once.
const SQLITE_WRITER_CACHE: &str = "-32768";

/// What each other connection keeps of it. Whatever it has is stale as soon as somebody has written, and the kernel keeps
/// the file as well: by default, 2000 KiB, all readers together would hold 20 MiB that help nobody.
const SQLITE_READER_CACHE: &str = "-512";

/// Prepared statements each Postgres connection keeps.
const POSTGRES_STATEMENT_CACHE: usize = 256;

/// Has the planner of Postgres look rows up by index. A statement that is prepared while its tables are empty would read
/// them from end to end, and go on doing so as they grow, until they are analysed.
const BY_INDEX: [(&str, &str); 3] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// A connection that was idle this long is tested before it is used.
const TEST_AFTER_IDLE: Duration = Duration::from_secs(30);

/// Where the database is and how to use it.
#[derive(Clone, Debug)]
pub struct DatabaseOptions {
    /// `sqlite://path/to/file.db` (created when missing, with its folder) or `postgres://…`.
    pub url: SecretString,
    /// Connections for reading (SQLite) or in all (Postgres), at least 1; `None` for [as many](Self::connections) as the
    /// engine makes use of.
    pub pool_size: Option<usize>,
    /// How long a query waits for a free connection.
    pub acquire_timeout: Duration,
    /// Postgres: a statement that runs longer is cancelled.
    pub statement_timeout: Duration,
    /// Postgres: a statement that waits longer for a lock is cancelled.
    pub lock_timeout: Duration,
    /// Postgres: accept a server that may lose acknowledged messages in a crash.
    pub allow_unsafe_durability: bool,
}

impl DatabaseOptions {
    /// Options with the defaults: as many connections as are of use, 5 s to get one, 10 s per statement, 5 s per lock,
    /// durability required.
    pub fn new(url: SecretString) -> Self {
        Self {
            url,
            pool_size: None,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(5),
            allow_unsafe_durability: false,
        }
    }

    /// How many connections there may be, the writer of SQLite and those of
    /// [`Store::with_own_connections`] not counted.
    pub fn connections(&self) -> u32 {
        let count = self.pool_size.unwrap_or_else(|| match engine(self) {
            Ok(DbBackend::Sqlite) => thread::available_parallelism()
                .map_or(1, NonZero::get)
                .clamp(*SQLITE_READERS.start(), *SQLITE_READERS.end()),
            _ => POSTGRES_CONNECTIONS,
        });
        u32::try_from(count).unwrap_or(u32::MAX).max(1)
    }
}

impl From<&DatabaseSettings> for DatabaseOptions {
    fn from(settings: &DatabaseSettings) -> Self {
        Self {
            pool_size: settings.pool_size,
            acquire_timeout: settings.acquire_timeout,
            allow_unsafe_durability: settings.allow_unsafe_durability,
            ..Self::new(settings.url.clone())
        }
    }
}

/// Whether the database could not be reached, had no connection to spare in time, or went away in between, so that
/// trying again later may help.
pub fn is_unreachable(error: &DbErr) -> bool {
    let cause = match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => return true,
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => cause.as_ref(),
        _ => return false,
    };
    match cause {
        SqlxError::Io(_) | SqlxError::Tls(_) | SqlxError::PoolTimedOut | SqlxError::PoolClosed => true,
        // Class 57P: the server shuts down, has crashed, or does not accept connections yet.
        SqlxError::Database(error) => error.code().is_some_and(|code| code.starts_with("57P")),
        _ => false,
    }
}

/// Whether a statement was given up because something else took too long: another one that held a lock, or itself.
pub fn is_timeout(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error else {
        return false;
    };
    // Of Postgres: lock_not_available, query_canceled. Of SQLite: SQLITE_BUSY.
    let timeout = |code: &str| matches!(code, "55P03" | "57014" | "5");
    match cause.as_ref() {
        SqlxError::Database(error) => error.code().is_some_and(|code| timeout(&code)),
        _ => false,
    }
}

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL names no supported database, or cannot be read.
    #[error("the database URL must be sqlite://PATH or postgres://USER@HOST/DATABASE")]
    Url,
    /// The folder of the SQLite file cannot be created.
    #[error("cannot create the folder of the database file")]
    Folder(#[source] std::io::Error),
    /// Postgres would acknowledge writes that a crash can lose.
    #[error(
        "the Postgres server runs with {setting}={value}: a crash could lose acknowledged messages. \
         Turn it on, or allow this with database.allow_unsafe_durability"
    )]
    UnsafeDurability {
        /// The server's setting.
        setting: &'static str,
        /// What it is set to.
        value: String,
    },
    /// The database refused or failed.
    #[error("database error: {0}")]
    Db(#[from] DbErr),
}

/// Told about each query: how long it took, and whether it failed.
pub type QueryObserver = Arc<dyn Fn(Duration, bool) + Send + Sync>;

/// A handle to the database; clones share its connections.
#[derive(Clone)]
pub struct Store {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    options: Arc<DatabaseOptions>,
    observer: Option<QueryObserver>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("backend", &self.backend())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Connects. Runs no migrations.
    ///
    /// # Errors
    /// [`StoreError::UnsafeDurability`] when Postgres runs with `fsync`, `full_page_writes` or
    /// `synchronous_commit` off and the options do not allow it; else what the database says.
    pub async fn connect(options: &DatabaseOptions) -> Result<Self, StoreError> {
        let (reader, writer) = match engine(options)? {
            DbBackend::Sqlite => {
                let writer = connect(options, 1, Purpose::Writer).await?;
                (connect(options, options.connections(), Purpose::Shared).await?, writer)
            }
            _ => {
                let pool = connect(options, options.connections(), Purpose::Shared).await?;
                if !options.allow_unsafe_durability {
                    check_durability(&pool).await?;
                }
                (pool.clone(), pool)
            }
        };
        Ok(Self {
            reader,
            writer,
            options: Arc::new(options.clone()),
            observer: None,
        })
    }

    /// The same database by `count` connections of its own, for who stores messages all the time: it need not wait for
    /// others. Each is opened by the thread that uses it first, which is woken by no other one then. SQLite has one
    /// writer, so there it is this store.
    ///
    /// # Errors
    /// As [`Store::connect`].
    pub async fn with_own_connections(&self, count: u32) -> Result<Self, StoreError> {
        if self.backend() == DbBackend::Sqlite {
            return Ok(self.clone());
        }
        let own = connect(&self.options, count, Purpose::Journal).await?;
        let mut store = Self {
            reader: own.clone(),
            writer: own,
            ..self.clone()
        };
        if let Some(observer) = self.observer.clone() {
            store.on_query(&observer);
        }
        Ok(store)
    }

    /// Brings the schema up to date, on one connection of its own which is closed after.
    pub async fn migrate(options: &DatabaseOptions) -> Result<(), StoreError> {
        let connection = connect_for_migrations(options).await?;
        let migrated = Migrator::up(&connection, None).await;
        connection.close().await?;
        Ok(migrated?)
    }

    /// Names of the migrations that [`Store::migrate`] would run, in order.
    pub async fn pending_migrations(options: &DatabaseOptions) -> Result<Vec<String>, StoreError> {
        let connection = connect_for_migrations(options).await?;
        let pending = Migrator::get_pending_migrations(&connection).await;
        connection.close().await?;
        Ok(pending?.iter().map(|migration| migration.name().to_owned()).collect())
    }

    /// Takes the schema down again, everything in it included. For tests of the migrations.
    #[doc(hidden)]
    pub async fn unmigrate(options: &DatabaseOptions) -> Result<(), StoreError> {
        let connection = connect_for_migrations(options).await?;
        let unmigrated = Migrator::down(&connection, None).await;
        connection.close().await?;
        Ok(unmigrated?)
    }

    /// Which engine it is.
    pub fn backend(&self) -> DbBackend {
        self.reader.get_database_backend()
    }

    /// Connections for queries that only read.
    pub const fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Begins a transaction that writes. Dropping it without a commit rolls it back.
    #[expect(clippy::disallowed_methods, reason = "the one place where write transactions begin")]
    pub async fn begin_write(&self) -> Result<DatabaseTransaction, DbErr> {
        self.writer
            .begin_with_options(TransactionOptions {
                sqlite_transaction_mode: Some(sea_orm::SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            })
            .await
    }

    /// Whether the database answers, for readiness checks.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.reader.ping().await
    }

    /// The deployment's epoch: random text, made by the first migration and renewed on restore.
    ///
    /// # Errors
    /// [`DbErr::RecordNotFound`] when the database was never migrated to the end.
    pub async fn epoch(&self) -> Result<String, DbErr> {
        deployment::Entity::find()
            .one(&self.reader)
            .await?
            .map(|deployment| deployment.epoch)
            .ok_or_else(|| DbErr::RecordNotFound("deployment has no row".to_owned()))
    }

    /// Has each query reported to `observer`. Clones made before stay silent.
    pub fn on_query(&mut self, observer: &QueryObserver) {
        self.observer = Some(Arc::clone(observer));
        for connection in [&mut self.reader, &mut self.writer] {
            let observer = Arc::clone(observer);
            connection.set_metric_callback(move |query| observer(query.elapsed, query.failed));
        }
    }

    /// Has each statement shown to `observer`, instead of what [`Store::on_query`] reports. For tests that count
    /// and explain the statements of a function.
    #[doc(hidden)]
    pub fn on_statement(&mut self, observer: &Arc<dyn Fn(&Statement) + Send + Sync>) {
        for connection in [&mut self.reader, &mut self.writer] {
            let observer = Arc::clone(observer);
            connection.set_metric_callback(move |query| observer(query.statement));
        }
    }

    /// Closes all connections, of clones too.
    pub async fn close(self) {
        for connection in [self.writer, self.reader] {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "closing the database failed");
            }
        }
    }
}

fn engine(options: &DatabaseOptions) -> Result<DbBackend, StoreError> {
    let url = options.url.expose_secret();
    if url.starts_with("sqlite:") && url.parse::<SqliteConnectOptions>().is_ok() {
        Ok(DbBackend::Sqlite)
    } else if (url.starts_with("postgres:") || url.starts_with("postgresql:"))
        && url.parse::<PgConnectOptions>().is_ok()
    {
        Ok(DbBackend::Postgres)
    } else {
        Err(StoreError::Url)
    }
}

/// What connections are for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// All sorts of things. One is opened at once, so that it is known to work.
    Shared,
    /// All that is written to SQLite.
    Writer,
    /// Looking up a few rows by their keys, again and again, and adding some. They are opened when they are used.
    Journal,
}

async fn connect(
    options: &DatabaseOptions,
    connections: u32,
    purpose: Purpose,
) -> Result<DatabaseConnection, StoreError> {
    let url = options.url.expose_secret();
    let mut connect = match engine(options)? {
        DbBackend::Sqlite => {
            create_folder(options)?;
            let mut connect = ConnectOptions::new(url);
            // A connection to a file does not go stale, and making one anew costs a thread.
            connect.idle_timeout(None).max_lifetime(None);
            connect.map_sqlx_sqlite_opts(move |sqlite| {
                let sqlite = sqlite
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .foreign_keys(true)
                    .busy_timeout(SQLITE_BUSY_TIMEOUT)
                    .pragma("journal_size_limit", SQLITE_JOURNAL_BYTES)
                    .pragma("wal_autocheckpoint", SQLITE_CHECKPOINT_PAGES)
                    // What a statement needs to be undone is in a file of its own otherwise, each time.
                    .pragma("temp_store", "MEMORY");
                match purpose {
                    Purpose::Writer => sqlite.pragma("cache_size", SQLITE_WRITER_CACHE),
                    Purpose::Shared | Purpose::Journal => sqlite.pragma("cache_size", SQLITE_READER_CACHE),
                }
            });
            connect
        }
        _ => {
            // sea-orm writes the URL it is given, password included, into a span; so it gets a bare one.
            let mut connect = ConnectOptions::new("postgres://");
            let timeouts = [
                ("statement_timeout", options.statement_timeout),
                ("lock_timeout", options.lock_timeout),
                ("idle_in_transaction_session_timeout", options.statement_timeout * 3),
            ];
            let postgres = url
                .parse::<PgConnectOptions>()
                .map_err(|_| StoreError::Url)?
                .application_name("parlour")
                .statement_cache_capacity(POSTGRES_STATEMENT_CACHE)
                .options(timeouts.map(|(name, timeout)| (name, timeout.as_millis().to_string())))
                .disable_statement_logging();
            let postgres = match purpose {
                Purpose::Shared | Purpose::Writer => postgres,
                Purpose::Journal => postgres.options(BY_INDEX),
            };
            connect.map_sqlx_postgres_opts(move |_| postgres.clone());
            connect.test_before_acquire_if_idle_for(TEST_AFTER_IDLE);
            connect
        }
    };
    connect
        .max_connections(connections)
        .acquire_timeout(options.acquire_timeout)
        .connect_timeout(options.acquire_timeout)
        .connect_lazy(purpose == Purpose::Journal)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    Ok(Database::connect(connect).await?)
}

/// Migrations get a connection to themselves: on SQLite they switch foreign keys off and on, and in a pool
/// the two can meet different connections. Long schema changes are no reason to give up either.
async fn connect_for_migrations(options: &DatabaseOptions) -> Result<DatabaseConnection, StoreError> {
    let patient = DatabaseOptions {
        statement_timeout: Duration::ZERO,
        lock_timeout: Duration::ZERO,
        ..options.clone()
    };
    connect(&patient, 1, Purpose::Shared).await
}

fn create_folder(options: &DatabaseOptions) -> Result<(), StoreError> {
    let sqlite: SqliteConnectOptions = options.url.expose_secret().parse().map_err(|_| StoreError::Url)?;
    match sqlite.get_filename().parent() {
        // For nobody else to look into: it holds what people say to one another.
        Some(folder) if folder != Path::new("") => std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(StoreError::Folder),
        _ => Ok(()),
    }
}

async fn check_durability(connection: &DatabaseConnection) -> Result<(), StoreError> {
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        let shown = connection
            .query_one_raw(Statement::from_string(DbBackend::Postgres, format!("SHOW {setting}")))
            .await?
            .ok_or_else(|| DbErr::RecordNotFound(setting.to_owned()))?;
        let value: String = shown.try_get_by_index(0)?;
        if value == "off" {
            return Err(StoreError::UnsafeDurability { setting, value });
        }
    }
    Ok(())
}
