//! What is asked for on the command line.

use std::{
    io,
    path::{self, PathBuf},
};

use clap::Parser;

use crate::{
    error::BenchError,
    scenario::{self, Extent, Scenario},
    server,
};

/// Puts Parlour under load and writes what came of it.
#[derive(Debug, Parser)]
pub struct Options {
    /// The server's binary
    #[arg(long, value_parser = absolute)]
    pub server: PathBuf,
    /// phxload's binary
    #[arg(long)]
    pub phxload: PathBuf,
    /// How the two were built, for the page
    #[arg(long, default_value = "release")]
    pub profile: String,
    /// The page to write; without it, it is printed
    #[arg(long)]
    pub output: Option<PathBuf>,
    /// A file with a table of some of the figures, which gets their new values
    #[arg(long, requires = "output")]
    pub readme: Option<PathBuf>,
    /// Only scenarios whose names begin so (repeatable)
    #[arg(long)]
    pub only: Vec<String>,
    /// A setting of the server for all scenarios, as a variable of its environment (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,
    /// A file for a profile of the server by `perf`; each run replaces that of the one before
    #[arg(long, value_name = "FILE")]
    pub perf: Option<PathBuf>,
    /// Rounds, in each of which every scenario is run once
    #[arg(long, default_value_t = 3)]
    pub runs: usize,
    /// Seconds measured in each run
    #[arg(long, default_value_t = 10)]
    pub seconds: u32,
    /// Only look whether everything works: one short run each, with a tenth of the sockets
    #[arg(long)]
    pub quick: bool,
    /// List the scenarios
    #[arg(long)]
    pub list: bool,
}

impl Options {
    /// Those of this process.
    pub fn read() -> Self {
        let options = Self::parse();
        if options.quick {
            Self {
                runs: 1,
                seconds: 2,
                ..options
            }
        } else {
            options
        }
    }

    /// The scenarios to run.
    pub fn scenarios(&self) -> Result<Vec<Scenario>, BenchError> {
        let all = scenario::all(Extent {
            seconds: self.seconds,
            divisor: if self.quick { 10 } else { 1 },
        });
        if let Some(unknown) = self
            .only
            .iter()
            .find(|name| !all.iter().any(|scenario| scenario.name.starts_with(name.as_str())))
        {
            return Err(BenchError::NoScenario(unknown.clone()));
        }
        let is_chosen = |name: &str| self.only.is_empty() || self.only.iter().any(|only| name.starts_with(only));
        Ok(all.into_iter().filter(|scenario| is_chosen(scenario.name)).collect())
    }

    /// Settings of the server for all scenarios.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.set.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What was set for the load, without secrets.
    pub fn settings_told(&self) -> String {
        let told = server::SETTINGS
            .iter()
            .copied()
            .chain(self.settings())
            .filter(|(name, _)| !name.ends_with("_KEY") && !name.ends_with("_TOKEN"));
        let texts: Vec<String> = told.map(|(name, value)| format!("`{name}={value}`")).collect();
        format!(
            "authentication, membership, presence, limits, statistics and metrics are on; {}",
            texts.join(", ")
        )
    }
}

/// The server is started in a folder of its own, where a path that begins here would lead elsewhere.
fn absolute(text: &str) -> io::Result<PathBuf> {
    path::absolute(text)
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a setting is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_server_is_found_from_any_folder() {
        let arguments = ["bench", "--server", "target/release/parlour", "--phxload", "phxload"];
        let options = Options::try_parse_from(arguments).expect("these are options");
        assert!(options.server.is_absolute(), "{}", options.server.display());
    }
}
