//! What can keep a benchmark from being run, or from counting.

use std::{error::Error, io, path::PathBuf};

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A program does not start.
    #[error("{program} does not start")]
    Start {
        /// Which.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A program has failed.
    #[error("{program} has failed: {said}")]
    Failed {
        /// Which.
        program: String,
        /// Its last words.
        said: String,
    },
    /// A file cannot be read or written.
    #[error("{path}", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something has no place to be.
    #[error("there is no temporary folder")]
    Folder(#[from] io::Error),
    /// The server does not answer.
    #[error("no answer from the server")]
    Request(#[from] reqwest::Error),
    /// The server refuses what a load test needs.
    #[error("{path} was answered with {status}: {body}")]
    Refused {
        /// What was asked.
        path: String,
        /// The status.
        status: u16,
        /// What else it said.
        body: String,
    },
    /// An answer lacks something.
    #[error("the answer to {path} has no {field}")]
    Answer {
        /// What was asked.
        path: String,
        /// What is missing.
        field: &'static str,
    },
    /// A token cannot be signed.
    #[error("a token cannot be signed")]
    Token(#[from] jsonwebtoken::errors::Error),
    /// The database does not do what it is asked.
    #[error("the database of the comparison")]
    Database(#[source] Box<dyn Error + Send + Sync>),
    /// The generator has printed no result.
    #[error("the generator has printed no result")]
    NoResult(#[from] serde_json::Error),
    /// There is nothing of that name.
    #[error("there is no scenario {0}")]
    NoScenario(String),
    /// There is no Postgres.
    #[error("Postgres (initdb, pg_ctl) is not installed; `make test-deps` installs it")]
    NoPostgres,
    /// Runs that do not count.
    #[error("{0} scenarios have lost, doubled or refused something")]
    Unsound(usize),
}
