//! A database of its own for each test, on either engine.
//!
//! SQLite: a copy of a migrated file, in a folder that goes with the test. Postgres: a copy of a migrated
//! template database in a private cluster, which the first test that needs it starts from the installed
//! server, and which ends with the test process, however that ends.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use parlour::store::{DatabaseOptions, Store};
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use tempfile::TempDir;

/// The engines every test of contexts and API runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Makes two tests, `name::sqlite` and `name::postgres`, out of each function. They run in an actix system.
macro_rules! both_engines {
    ($($(#[$meta:meta])* async fn $name:ident($db:ident: TestDatabase) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports, reason = "not every test needs all of them")]
            use super::*;
            use crate::helpers::database::{Engine, TestDatabase};

            $(#[$meta])*
            async fn run($db: TestDatabase) $body

            #[actix_web::test]
            async fn sqlite() {
                run(TestDatabase::create(Engine::Sqlite).await).await;
            }

            #[actix_web::test]
            async fn postgres() {
                run(TestDatabase::create(Engine::Postgres).await).await;
            }
        }
    )+};
}

/// A migrated database that is dropped with this value.
pub struct TestDatabase {
    pub engine: Engine,
    /// For whoever connects on their own.
    pub url: String,
    pub store: Store,
    _place: Place,
}

impl TestDatabase {
    /// A migrated, empty database.
    pub async fn create(engine: Engine) -> Self {
        Self::open(engine, true).await
    }

    /// A database without any table.
    pub async fn create_bare(engine: Engine) -> Self {
        Self::open(engine, false).await
    }

    async fn open(engine: Engine, migrated: bool) -> Self {
        let place = Place::create(engine, migrated).await;
        let url = place.url();
        let store = Store::connect(&options(&url)).await.expect("the test database opens");
        Self {
            engine,
            url,
            store,
            _place: place,
        }
    }

    /// What the store was connected with.
    pub fn options(&self) -> DatabaseOptions {
        options(&self.url)
    }
}

/// Options for a test database. The cluster runs without `fsync`, which has to be allowed.
fn options(url: &str) -> DatabaseOptions {
    DatabaseOptions {
        allow_unsafe_durability: true,
        ..DatabaseOptions::new(url.to_owned().into())
    }
}

enum Place {
    Folder(TempDir),
    Database(String),
}

impl Place {
    async fn create(engine: Engine, migrated: bool) -> Self {
        match engine {
            Engine::Sqlite => {
                let place = Self::Folder(TempDir::new().expect("a temporary folder"));
                if migrated {
                    let template = sqlite_template().await;
                    fs::write(sqlite_file(&place), template).expect("the template is copied");
                }
                place
            }
            Engine::Postgres => {
                static NUMBER: AtomicUsize = AtomicUsize::new(1);
                let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
                let template = if migrated { "parlour_template" } else { "template0" };
                Cluster::get().sql(&format!("CREATE DATABASE {name} TEMPLATE {template}"));
                Self::Database(name)
            }
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Folder(_) => sqlite_url(&sqlite_file(self)),
            Self::Database(name) => Cluster::get().url(name),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Database(name) = self {
            Cluster::get().sql(&format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

fn sqlite_url(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

fn sqlite_file(place: &Place) -> PathBuf {
    match place {
        Place::Folder(folder) => folder.path().join("parlour.db"),
        Place::Database(name) => panic!("{name} is no file"),
    }
}

/// The bytes of a migrated SQLite file.
async fn sqlite_template() -> &'static [u8] {
    static TEMPLATE: tokio::sync::OnceCell<Vec<u8>> = tokio::sync::OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let folder = TempDir::new().expect("a temporary folder");
            let file = folder.path().join("template.db");
            Store::migrate(&options(&sqlite_url(&file)))
                .await
                .expect("the template migrates");
            fs::read(&file).expect("the template is readable")
        })
        .await
}

/// A private Postgres server. It listens on a socket in its own folder and nowhere else.
struct Cluster {
    folder: PathBuf,
    /// Stops the server and removes the folder when the pipe to it closes: when this process ends.
    _supervisor: Child,
}

/// Starts a cluster, says `ready`, waits until its input ends, cleans up.
const SUPERVISOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/private-postgres");

/// What a cluster for tests can do without: what it holds need not survive it.
const SERVER_OPTIONS: &str = "-c fsync=off -c full_page_writes=off -c max_connections=400 -c autovacuum=off \
    -c shared_buffers=64MB";

impl Cluster {
    /// The cluster of this process, started by whoever asks first.
    fn get() -> &'static Self {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        CLUSTER.get_or_init(|| {
            let cluster = Self::start();
            cluster.sql("CREATE DATABASE parlour_template");
            let url = cluster.url("parlour_template");
            block_on(async move { Store::migrate(&options(&url)).await.expect("the template migrates") });
            cluster
        })
    }

    fn start() -> Self {
        let binaries = server_binaries().unwrap_or_else(|| {
            panic!("the tests need a Postgres server (initdb, pg_ctl); `make test-deps` installs it")
        });
        let folder = tempfile::Builder::new()
            .prefix("parlour-pg-")
            .tempdir()
            .expect("a temporary folder")
            .keep();
        let mut supervisor = Command::new(SUPERVISOR)
            .args([&binaries, &folder])
            .arg(SERVER_OPTIONS)
            // Out of reach of whatever ends this process's group.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the script starts");
        let mut output = BufReader::new(supervisor.stdout.take().expect("its output is a pipe"));
        let mut line = String::new();
        output.read_line(&mut line).expect("the supervisor speaks");
        if line.trim_end() != "ready" {
            output.read_to_string(&mut line).expect("the supervisor speaks");
            panic!("Postgres did not start; is the package complete (`make test-deps`)?\n{line}");
        }
        Self {
            folder,
            _supervisor: supervisor,
        }
    }

    fn url(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://parlour@{folder}/{database}")
    }

    /// Runs a statement as administrator. On a thread of its own, so that it works in `drop` as well.
    fn sql(&self, statement: &str) {
        let mut options = ConnectOptions::new(self.url("postgres"));
        options.max_connections(1).sqlx_logging(false);
        let statement = statement.to_owned();
        block_on(async move {
            let connection = Database::connect(options).await.expect("the cluster answers");
            connection
                .execute_unprepared(&statement)
                .await
                .expect("the administrator may do this");
            connection.close().await.expect("the connection closes");
        });
    }
}

/// Runs a future to its end on another thread: a runtime cannot wait for another on its own thread.
fn block_on<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    thread::spawn(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(future)
    })
    .join()
    .expect("the administrator's thread ends well")
}

/// The folder of `initdb` and `pg_ctl`: of the newest Debian package, else from the path.
fn server_binaries() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin")))
        })
        .collect();
    versions.sort_unstable();
    let path = env::var_os("PATH").unwrap_or_default();
    versions
        .into_iter()
        .rev()
        .map(|(_, folder)| folder)
        .chain(env::split_paths(&path))
        .find(|folder| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file())
}
