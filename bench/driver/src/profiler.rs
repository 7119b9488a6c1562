//! `perf`, which tells where a server spends its time.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::{error::BenchError, programs, server::Server};

/// Samples a second. Not a round number, so that nothing periodic keeps step with it.
const FREQUENCY: &str = "499";

/// A profile that is being taken.
pub struct Profiler(Child);

impl Profiler {
    /// Takes a profile of a server, with its call graphs, into a file for `perf report`.
    pub fn start(server: &Server, file: &Path) -> Result<Self, BenchError> {
        let mut command = Command::new("perf");
        command
            .args(["record", "--quiet", "-e", "cpu-clock", "-F", FREQUENCY, "-g"])
            .args(["-p", &server.id().to_string(), "-o"])
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let process = command.spawn().map_err(|source| BenchError::Start {
            program: "perf".to_owned(),
            source,
        })?;
        Ok(Self(process))
    }

    /// Ends it; the file is whole then.
    pub fn finish(mut self) -> Result<(), BenchError> {
        programs::run(Command::new("kill").args(["-INT", &self.0.id().to_string()]))?;
        self.0.wait()?;
        Ok(())
    }
}
