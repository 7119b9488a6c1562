//! Programs that are run.

use std::process::{Child, Command, Output, Stdio};

use crate::error::BenchError;

/// Bytes of a program's last words that are shown.
const LAST_WORDS: usize = 2000;

/// Runs a program to its end and gives what it printed, if it ended well.
pub fn run(command: &mut Command) -> Result<String, BenchError> {
    let Output { status, stdout, stderr } =
        command
            .stdin(Stdio::null())
            .output()
            .map_err(|source| BenchError::Start {
                program: name(command),
                source,
            })?;
    if status.success() {
        Ok(String::from_utf8_lossy(&stdout).into_owned())
    } else {
        Err(failed(command, &String::from_utf8_lossy(&stderr)))
    }
}

/// Starts a program.
pub fn start(command: &mut Command) -> Result<Child, BenchError> {
    command.spawn().map_err(|source| BenchError::Start {
        program: name(command),
        source,
    })
}

/// A program has failed, with these as its last words.
pub fn failed(command: &Command, said: &str) -> BenchError {
    let from = said.len().saturating_sub(LAST_WORDS);
    let from = (from..=said.len()).find(|&at| said.is_char_boundary(at)).unwrap_or(0);
    BenchError::Failed {
        program: name(command),
        said: said[from..].trim().to_owned(),
    }
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
