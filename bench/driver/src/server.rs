//! The server, as a process of its own.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{error::BenchError, programs};

/// How long a server may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);

/// The operator's token on servers under load.
pub const OPERATOR: &str = "c81a6f27-operator-of-the-load-tests-3e90";

/// What the settings of a server under load are, beside the database: no setting is off, rates and caps are too high to
/// be reached. They are the same for all scenarios, which may add to them.
pub const SETTINGS: &[(&str, &str)] = &[
    ("PARLOUR_AUTH__SECRET_KEY", "0f6cdbe2-secret-key-of-the-load-tests-9d1a"),
    ("PARLOUR_AUTH__MASTER_KEY", "5b1d9f04-master-key-of-the-load-tests-77c2"),
    ("PARLOUR_AUTH__OPERATOR_TOKEN", OPERATOR),
    ("PARLOUR_AUTH__EXCHANGED_LIFETIME", "24h"),
    ("PARLOUR_LIMITS__CONNECTS_PER_ADDRESS", "1000000/1s"),
    ("PARLOUR_LIMITS__JOINS_PER_SOCKET", "1000000/1s"),
    ("PARLOUR_LIMITS__JOINS_PER_USER", "1000000/1s"),
    ("PARLOUR_LIMITS__MESSAGES_PER_ROOM", "1000000/1s"),
    ("PARLOUR_LIMITS__MESSAGES_PER_TENANT", "1000000/1s"),
    ("PARLOUR_LIMITS__MESSAGES_PER_USER", "1000000/1s"),
    ("PARLOUR_LIMITS__REQUESTS_PER_ADDRESS", "1000000/1s"),
    ("PARLOUR_LIMITS__REQUESTS_PER_TENANT", "1000000/1s"),
    ("PARLOUR_LIMITS__REQUESTS_PER_USER", "1000000/1s"),
    ("PARLOUR_SOCKET__CONNECTIONS_PER_ADDRESS_MAX", "1000000"),
    ("PARLOUR_SOCKET__CONNECTIONS_PER_TENANT_MAX", "1000000"),
    ("PARLOUR_LOG__FILTER", "warn"),
];

/// A server that answers.
pub struct Server {
    process: Child,
    log: PathBuf,
    /// Where it is reached, `http://address:port`.
    pub url: String,
}

impl Server {
    /// Starts the binary on a database, with a folder for what else it keeps and with settings beside those of all, and
    /// waits until it is ready.
    pub fn start<'a>(
        binary: &Path,
        database: &str,
        folder: &Path,
        settings: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, BenchError> {
        let log = folder.join("server.log");
        let errors = File::create(&log).map_err(|source| BenchError::File {
            path: log.clone(),
            source,
        })?;
        let mut command = Command::new(binary);
        command
            .args(["serve", "--port", "0"])
            .current_dir(folder)
            .env_clear()
            .env("PARLOUR_DATA_DIR", folder)
            .env("DATABASE_URL", database)
            .envs(SETTINGS.iter().copied())
            .envs(settings)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors);
        let mut process = programs::start(&mut command)?;
        let mut ready = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut ready)?;
        }
        let Some(url) = ready.trim_end().strip_prefix("parlour is ready on ") else {
            let said = fs::read_to_string(&log).unwrap_or_default();
            return Err(programs::failed(&command, &said));
        };
        Ok(Self {
            url: url.to_owned(),
            process,
            log,
        })
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Ends it as an operator would, so that its database is whole and nobody is connected to it.
    pub fn stop(mut self) -> Result<(), BenchError> {
        programs::run(Command::new("kill").args(["-TERM", &self.id().to_string()]))?;
        let begin = Instant::now();
        while begin.elapsed() < STOP_TIMEOUT {
            if let Some(status) = self.process.try_wait()? {
                return if status.success() {
                    Ok(())
                } else {
                    Err(BenchError::Failed {
                        program: "the server".to_owned(),
                        said: fs::read_to_string(&self.log).unwrap_or_default(),
                    })
                };
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(BenchError::Failed {
            program: "the server".to_owned(),
            said: "it does not end".to_owned(),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended already in the good case.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
