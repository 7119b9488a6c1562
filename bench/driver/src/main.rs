//! Starts Parlour, puts it under load with phxload, and writes bench/results.md. See bench/README.md.

mod api;
mod baseline;
mod database;
mod error;
mod files;
mod generator;
mod machine;
mod page;
mod profiler;
mod programs;
mod readme;
mod scenario;
mod seed;
mod server;

use std::{error::Error, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use tempfile::TempDir;

use crate::{
    api::Api,
    database::{Engine, Place},
    error::BenchError,
    page::{Head, Measured},
    profiler::Profiler,
    scenario::{Extent, Scenario},
    seed::Layout,
    server::Server,
};

/// The database that is filled once and copied for each run.
const FILLED: &str = "filled";
/// The copy.
const COPY: &str = "run";

/// Puts Parlour under load and writes what came of it.
#[derive(Debug, Parser)]
struct Options {
    /// The server's binary
    #[arg(long)]
    server: PathBuf,
    /// phxload's binary
    #[arg(long)]
    phxload: PathBuf,
    /// How the two were built, for the page
    #[arg(long, default_value = "release")]
    profile: String,
    /// The page to write; without it, it is printed
    #[arg(long)]
    output: Option<PathBuf>,
    /// A file with a table of some of the figures, which gets their new values
    #[arg(long, requires = "output")]
    readme: Option<PathBuf>,
    /// Only scenarios whose names begin so (repeatable)
    #[arg(long)]
    only: Vec<String>,
    /// A setting of the server for all scenarios, as a variable of its environment (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,
    /// A file for a profile of the server by `perf`; each run replaces that of the one before
    #[arg(long, value_name = "FILE")]
    perf: Option<PathBuf>,
    /// Runs of each scenario
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Seconds measured in each run
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Only look whether everything works: one short run each, with a tenth of the sockets
    #[arg(long)]
    quick: bool,
    /// List the scenarios
    #[arg(long)]
    list: bool,
}

impl Options {
    fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.set.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a setting is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match bench(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(source) = cause {
                text.push_str(&format!(": {source}"));
                cause = source.source();
            }
            eprintln!("bench: {text}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the page and the list are what the program is for")]
async fn bench(mut options: Options) -> Result<(), BenchError> {
    let mut extent = Extent {
        seconds: options.seconds,
        divisor: 1,
    };
    if options.quick {
        extent = Extent {
            seconds: 2,
            divisor: 10,
        };
        options.runs = 1;
    }
    let scenarios = chosen(&options, extent)?;
    if options.list {
        for scenario in &scenarios {
            println!("{:<22} {:<9} {}", scenario.name, scenario.engine.name(), scenario.about);
        }
        return Ok(());
    }
    // Beside the binaries: a temporary folder may be in memory, where nothing is durable.
    let parent = options.server.parent().unwrap_or(&options.server);
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(parent)?;
    let mut lines = vec![
        ("Date", machine::date()),
        ("Machine", machine::describe()),
        (
            "Commit",
            format!("`{}`, profile `{}`", machine::commit(), options.profile),
        ),
    ];
    let mut measured = vec![];
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let of_engine: Vec<&Scenario> = scenarios.iter().filter(|scenario| scenario.engine == engine).collect();
        if of_engine.is_empty() {
            continue;
        }
        let place = Place::new(engine, folder.path())?;
        lines.push((engine.name(), place.describe()?));
        fill(&options, &place, &of_engine, &folder).await?;
        for scenario in of_engine {
            measured.push(measure(&options, &place, scenario, &folder)?);
        }
    }
    let of_sqlite = |measured: &Measured| measured.scenario.name.ends_with("sqlite");
    let baseline = if measured.iter().any(of_sqlite) {
        eprintln!("baseline-sqlite");
        let time = Duration::from_secs(u64::from(extent.seconds));
        Some(baseline::messages_per_second(folder.path(), time).await?)
    } else {
        None
    };
    lines.extend([
        (
            "Runs",
            format!(
                "{} of {} s each, every one on a new server and a new copy of the database",
                options.runs, extent.seconds
            ),
        ),
        ("Settings", settings(&options)),
    ]);
    if options.quick {
        lines.push((
            "Quick",
            "a tenth of the sockets: these figures say only that everything works".to_owned(),
        ));
    }
    measured.sort_by_key(|measured| {
        scenarios
            .iter()
            .position(|scenario| scenario.name == measured.scenario.name)
    });
    let page = page::write(&Head { lines }, &measured, baseline);
    match &options.output {
        Some(path) => files::write(path, &page)?,
        None => print!("{page}"),
    }
    if let Some(path) = &options.readme {
        files::write(path, &readme::with_figures(&files::read(path)?, &page))?;
    }
    match measured.iter().filter(|measured| !measured.faults.is_empty()).count() {
        0 => Ok(()),
        count => Err(BenchError::Unsound(count)),
    }
}

/// The scenarios to run.
fn chosen(options: &Options, extent: Extent) -> Result<Vec<Scenario>, BenchError> {
    let all = scenario::all(extent);
    if let Some(unknown) = options
        .only
        .iter()
        .find(|name| !all.iter().any(|scenario| scenario.name.starts_with(name.as_str())))
    {
        return Err(BenchError::NoScenario(unknown.clone()));
    }
    let is_chosen = |name: &str| options.only.is_empty() || options.only.iter().any(|only| name.starts_with(only));
    Ok(all.into_iter().filter(|scenario| is_chosen(scenario.name)).collect())
}

/// What was set for the load, without secrets.
fn settings(options: &Options) -> String {
    let told = server::SETTINGS
        .iter()
        .copied()
        .chain(options.settings())
        .filter(|(name, _)| !name.ends_with("_KEY") && !name.ends_with("_TOKEN"));
    let texts: Vec<String> = told.map(|(name, value)| format!("`{name}={value}`")).collect();
    format!(
        "authentication, membership, presence, limits, statistics and metrics are on; {}",
        texts.join(", ")
    )
}

/// Fills the database that runs begin with.
async fn fill(options: &Options, place: &Place, scenarios: &[&Scenario], folder: &TempDir) -> Result<(), BenchError> {
    let mut layouts: Vec<Layout> = vec![];
    for scenario in scenarios {
        if !layouts.contains(&scenario.layout) {
            layouts.push(scenario.layout);
        }
    }
    eprintln!("filling the database");
    place.create(FILLED)?;
    let server = Server::start(&options.server, &place.url(FILLED), folder.path(), [])?;
    seed::fill(&Api::new(&server.url, server::OPERATOR), &layouts, folder.path()).await?;
    server.stop()?;
    place.analyze(FILLED)
}

/// Runs a scenario as often as asked.
fn measure(options: &Options, place: &Place, scenario: &Scenario, folder: &TempDir) -> Result<Measured, BenchError> {
    let mut measured = Measured {
        scenario: scenario.clone(),
        runs: vec![],
        faults: vec![],
    };
    let database = place.process()?;
    for _ in 0..options.runs {
        place.copy(FILLED, COPY)?;
        let settings = scenario.settings.iter().copied().chain(options.settings());
        let server = Server::start(&options.server, &place.url(COPY), folder.path(), settings)?;
        let profiler = options
            .perf
            .as_deref()
            .map(|file| Profiler::start(&server, file))
            .transpose()?;
        let result = generator::run(&options.phxload, scenario, &server, database.as_deref(), folder.path())?;
        if let Some(profiler) = profiler {
            profiler.finish()?;
        }
        let faults = generator::faults(&result);
        eprintln!("{}: {}", scenario.name, page::summary(&scenario.figures, &result));
        for fault in &faults {
            eprintln!("  fault: {fault}");
        }
        measured.faults.extend(faults);
        measured.runs.push(result);
        server.stop()?;
        place.remove(COPY)?;
    }
    Ok(measured)
}
