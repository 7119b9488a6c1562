//! Databases to put under load: a SQLite file, or one in a private Postgres cluster with its default settings.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    error::BenchError,
    files,
    programs::{self, run},
};

/// Where data is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file beside the server.
    Sqlite,
    /// A server of its own.
    Postgres,
}

impl Engine {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "Postgres",
        }
    }
}

/// A place for databases of one engine.
pub enum Place {
    /// A folder with files.
    Sqlite(TempDir),
    /// A cluster.
    Postgres(Cluster),
}

impl Place {
    /// A new one, below a folder, that can be used at once.
    pub fn new(engine: Engine, parent: &Path) -> Result<Self, BenchError> {
        Ok(match engine {
            Engine::Sqlite => Self::Sqlite(tempfile::Builder::new().prefix("sqlite-").tempdir_in(parent)?),
            Engine::Postgres => Self::Postgres(Cluster::start()?),
        })
    }

    /// Starts what was stopped.
    pub fn start(&mut self) -> Result<(), BenchError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(cluster) => cluster.order("start", READY),
        }
    }

    /// Writes what is under way and ends the database's processes, so that nothing of it runs beside others.
    pub fn stop(&mut self) -> Result<(), BenchError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(cluster) => cluster.order("stop", "stopped"),
        }
    }

    /// The URL of a database.
    pub fn url(&self, name: &str) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite://{}", sqlite_file(folder, name).display()),
            Self::Postgres(cluster) => cluster.url(name),
        }
    }

    /// Makes an empty database.
    pub fn create(&self, name: &str) -> Result<(), BenchError> {
        match self {
            // The server makes the file.
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(cluster) => cluster.run("createdb", &[name]),
        }
    }

    /// Has the database look at what it holds, as it does by itself a minute later: runs are not to differ by whether that
    /// has happened yet. SQLite does not.
    pub fn analyze(&self, name: &str) -> Result<(), BenchError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(cluster) => cluster.run("vacuumdb", &["--analyze", "--quiet", name]),
        }
    }

    /// Makes a database like another one, that nobody is connected to.
    pub fn copy(&self, from: &str, to: &str) -> Result<(), BenchError> {
        match self {
            Self::Sqlite(folder) => files::copy(&sqlite_file(folder, from), &sqlite_file(folder, to)),
            Self::Postgres(cluster) => cluster.run("createdb", &["--template", from, to]),
        }
    }

    /// Removes a database.
    pub fn remove(&self, name: &str) -> Result<(), BenchError> {
        match self {
            Self::Sqlite(folder) => {
                let file = sqlite_file(folder, name);
                fs::remove_file(&file).map_err(|source| BenchError::File { path: file, source })
            }
            Self::Postgres(cluster) => cluster.run("dropdb", &["--force", name]),
        }
    }

    /// The process of the database as long as it is started, where it is one of its own.
    pub fn process(&self) -> Result<Option<String>, BenchError> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(cluster) => {
                let file = files::read(&cluster.folder.join("data/postmaster.pid"))?;
                Ok(file.lines().next().map(str::to_owned))
            }
        }
    }

    /// What it is, with its version.
    pub fn describe(&self) -> Result<String, BenchError> {
        match self {
            Self::Sqlite(_) => Ok("SQLite, write-ahead log, synchronous=FULL, in the binary".to_owned()),
            Self::Postgres(cluster) => Ok(format!(
                "{}, default settings, on the same machine",
                run(Command::new(cluster.binaries.join("postgres")).arg("--version"))?.trim()
            )),
        }
    }
}

fn sqlite_file(folder: &TempDir, name: &str) -> PathBuf {
    folder.path().join(format!("{name}.db"))
}

/// The script that starts and ends a cluster.
const SUPERVISOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/private-postgres");
/// What it says when the cluster can be used.
const READY: &str = "ready";

/// A private Postgres server that listens on a socket in its own folder and nowhere else.
pub struct Cluster {
    binaries: PathBuf,
    folder: PathBuf,
    /// Starts and stops the cluster when told; ends it and removes its folder when the pipe to it closes, which is when
    /// this process ends at the latest.
    supervisor: Child,
}

impl Cluster {
    fn start() -> Result<Self, BenchError> {
        let binaries = binaries().ok_or(BenchError::NoPostgres)?;
        let folder = tempfile::Builder::new().prefix("parlour-bench-pg-").tempdir()?.keep();
        let mut command = Command::new(SUPERVISOR);
        command.args([&binaries, &folder]);
        command
            // Out of reach of whatever ends this process's group.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut cluster = Self {
            binaries,
            folder,
            supervisor: programs::start(&mut command)?,
        };
        cluster.wait_for(READY)?;
        Ok(cluster)
    }

    fn order(&mut self, order: &str, answer: &str) -> Result<(), BenchError> {
        if let Some(input) = &mut self.supervisor.stdin {
            writeln!(input, "{order}")?;
        }
        self.wait_for(answer)
    }

    /// Waits until the supervisor says so. If it ends, it has told why.
    fn wait_for(&mut self, answer: &str) -> Result<(), BenchError> {
        let mut said = String::new();
        if let Some(output) = &mut self.supervisor.stdout {
            for line in BufReader::new(output).lines() {
                let line = line?;
                if line == answer {
                    return Ok(());
                }
                said.push_str(&line);
                said.push('\n');
            }
        }
        Err(programs::failed(&Command::new(SUPERVISOR), &said))
    }

    fn url(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://parlour@{folder}/{database}")
    }

    /// Runs one of the client programs as administrator.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), BenchError> {
        let mut command = Command::new(self.binaries.join(program));
        command
            .arg("--host")
            .arg(&self.folder)
            .args(["--username", "parlour"])
            .args(arguments);
        run(&mut command).map(drop)
    }
}

/// The folder of the programs of the newest Postgres that the distribution has put there.
fn binaries() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse::<u32>().ok()?,
                entry.path().join("bin"),
            ))
        })
        .filter(|(_, folder)| folder.join("initdb").is_file())
        .max()
        .map(|(_, folder)| folder)
}
