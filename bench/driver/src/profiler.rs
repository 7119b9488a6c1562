//! `perf`, which tells where a server spends its time.

use std::{
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use crate::{error::BenchError, programs, server::Server};

/// Samples a second. Not a round number, so that nothing periodic keeps step with it.
const FREQUENCY: &str = "499";

/// The signal that it is ended by, as by Ctrl-C.
const SIGINT: i32 = 2;

/// A profile that is being taken.
pub struct Profiler {
    command: Command,
    process: Child,
}

impl Profiler {
    /// Takes a profile of a server, with its call graphs, into a file for `perf report`.
    pub fn start(server: &Server, file: &Path) -> Result<Self, BenchError> {
        let mut command = Command::new("perf");
        command
            .args(["record", "-e", "cpu-clock", "-F", FREQUENCY, "-g"])
            .args(["-p", &server.id().to_string(), "-o"])
            .arg(file);
        Self::run(command)
    }

    fn run(mut command: Command) -> Result<Self, BenchError> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let process = programs::start(&mut command)?;
        Ok(Self { command, process })
    }

    /// Ends it; the file is whole then.
    pub fn finish(mut self) -> Result<(), BenchError> {
        if self.process.try_wait()?.is_none() {
            programs::run(Command::new("kill").args([&format!("-{SIGINT}"), &self.process.id().to_string()]))?;
        }
        let Output { status, stderr, .. } = self.process.wait_with_output()?;
        // Once the file is written it ends as whatever is not prepared for the signal.
        if status.success() || status.signal() == Some(SIGINT) {
            Ok(())
        } else {
            Err(programs::failed(&self.command, &String::from_utf8_lossy(&stderr)))
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn script(script: &str) -> Profiler {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Profiler::run(command).unwrap()
    }

    #[test]
    fn one_that_could_not_be_taken_is_an_error_with_what_was_said_about_it() {
        let mut profiler = script("echo No permission. >&2; exit 255");
        profiler.process.wait().unwrap();
        let error = profiler.finish().unwrap_err();
        assert_eq!(error.to_string(), "sh has failed: No permission.");
    }

    #[test]
    fn one_that_is_ended_is_whole() {
        script("exec sleep 60").finish().unwrap();
    }
}
