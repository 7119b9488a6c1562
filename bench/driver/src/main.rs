//! Starts Parlour, puts it under load with phxload, and writes bench/results.md. See bench/README.md.

mod api;
mod baseline;
mod database;
mod error;
mod figure;
mod files;
mod filled;
mod generator;
mod machine;
mod measured;
mod options;
mod page;
mod profiler;
mod programs;
mod ratio;
mod readme;
mod scenario;
mod seed;
mod server;

use std::{error::Error, process::ExitCode};

use crate::{database::Engine, error::BenchError, filled::Filled, measured::Measured, options::Options, page::Head};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match bench(Options::read()).await {
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
async fn bench(options: Options) -> Result<(), BenchError> {
    let scenarios = options.scenarios()?;
    if options.list {
        for scenario in &scenarios {
            println!("{:<22} {:<9} {}", scenario.name, scenario.engine.name(), scenario.about);
        }
        return Ok(());
    }
    // Beside the binaries: a temporary folder may be in memory, where nothing is durable.
    let parent = options.server.parent().unwrap_or(&options.server);
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(parent)?;
    let mut measured: Vec<Measured> = scenarios.into_iter().map(Measured::new).collect();
    let mut engines = vec![];
    for engine in [Engine::Sqlite, Engine::Postgres] {
        if measured.iter().any(|measured| measured.scenario.engine == engine) {
            engines.push(Filled::new(engine, &measured, &options, folder.path()).await?);
        }
    }
    // The runs of one scenario are minutes apart, so that a slow phase of the machine has one of them and not all.
    for round in 1..=options.runs {
        eprintln!("round {round} of {}", options.runs);
        for engine in &mut engines {
            engine.round(&mut measured, &options).await?;
        }
    }
    let page = page::write(&head(&options, &engines)?, &measured);
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

fn head(options: &Options, engines: &[Filled]) -> Result<Head, BenchError> {
    let mut lines = vec![
        ("Date", machine::date()),
        ("Machine", machine::describe()),
        (
            "Commit",
            format!("`{}`, profile `{}`", machine::commit(), options.profile),
        ),
    ];
    for engine in engines {
        lines.push(engine.describe()?);
    }
    lines.extend([
        (
            "Runs",
            format!(
                "{} of {} s each, in rounds over all scenarios, each on a new server and a new copy of the database",
                options.runs, options.seconds
            ),
        ),
        ("Settings", options.settings_told()),
    ]);
    if options.quick {
        lines.push((
            "Quick",
            "a tenth of the sockets: these figures say only that everything works".to_owned(),
        ));
    }
    Ok(Head { lines })
}
