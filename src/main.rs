//! The `parlour` command.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use parlour::cli::Cli;
use parlour::{commands, config};

/// Gives memory back when a crowd has left, some seconds later; the system's allocator keeps all of it. And a join
/// costs less.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // The one place that reads the environment.
    let environment = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| config::is_settings_variable(name))
        .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
        .collect();
    match commands::run(cli, environment, &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = format!("parlour: {error}");
            let mut cause = error.source();
            while let Some(source) = cause {
                // Some errors tell their cause themselves.
                let source_text = source.to_string();
                if !text.contains(&source_text) {
                    text = format!("{text}: {source_text}");
                }
                cause = source.source();
            }
            // Nobody to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "{text}");
            ExitCode::FAILURE
        }
    }
}
