//! An engine with a database that was filled once, and the runs on copies of it.

use std::{path::Path, time::Duration};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    api::Api,
    baseline,
    database::{Engine, Place},
    error::BenchError,
    generator, machine,
    measured::Measured,
    options::Options,
    page,
    profiler::Profiler,
    scenario::Load,
    seed::{self, Layout},
    server::{self, Server},
};

/// The database that is filled once and copied for each run.
const FILLED: &str = "filled";
/// The copy.
const COPY: &str = "run";

/// An engine with what runs begin with. Between the rounds it is stopped: nothing of it runs beside another one.
pub struct Filled {
    engine: Engine,
    place: Place,
    /// What servers keep beside the database, and who phxload may be.
    folder: TempDir,
}

impl Filled {
    /// A new one below a folder, with all that its scenarios need.
    pub async fn new(
        engine: Engine,
        measured: &[Measured],
        options: &Options,
        parent: &Path,
    ) -> Result<Self, BenchError> {
        let folder = tempfile::Builder::new().prefix("filled-").tempdir_in(parent)?;
        let mut filled = Self {
            engine,
            place: Place::new(engine, folder.path())?,
            folder,
        };
        let mut layouts: Vec<Layout> = vec![];
        let of_engine = measured.iter().filter(|measured| measured.scenario.engine == engine);
        for load in of_engine.filter_map(|measured| measured.scenario.load.as_ref()) {
            if !layouts.contains(&load.layout) {
                layouts.push(load.layout);
            }
        }
        filled.fill(&layouts, &options.server).await?;
        filled.place.stop()?;
        Ok(filled)
    }

    async fn fill(&self, layouts: &[Layout], binary: &Path) -> Result<(), BenchError> {
        eprintln!("filling {}", self.engine.name());
        self.place.create(FILLED)?;
        let server = Server::start(binary, &self.place.url(FILLED), self.folder.path(), [])?;
        seed::fill(&Api::new(&server.url, server::OPERATOR), layouts, self.folder.path()).await?;
        server.stop()?;
        self.place.analyze(FILLED)
    }

    /// What the engine is, with its version: a line of the page.
    pub fn describe(&self) -> Result<(&'static str, String), BenchError> {
        Ok((self.engine.name(), self.place.describe()?))
    }

    /// Runs each scenario of the engine once.
    pub async fn round(&mut self, measured: &mut [Measured], options: &Options) -> Result<(), BenchError> {
        self.place.start()?;
        for measured in measured
            .iter_mut()
            .filter(|measured| measured.scenario.engine == self.engine)
        {
            let name = measured.scenario.name;
            let (result, faults) = if let Some(load) = &measured.scenario.load {
                let result = self.run(name, load, options)?;
                let faults = generator::faults(&result);
                (result, faults)
            } else {
                machine::settle()?;
                let time = Duration::from_secs(options.seconds.into());
                (baseline::run(self.folder.path(), time).await?, vec![])
            };
            eprintln!("{name}: {}", page::summary(&measured.scenario.figures, &result));
            for fault in &faults {
                eprintln!("  fault: {fault}");
            }
            measured.runs.push(result);
            measured.faults.extend(faults);
        }
        self.place.stop()
    }

    /// Puts a new server on a new copy of the database under load.
    fn run(&self, name: &str, load: &Load, options: &Options) -> Result<Value, BenchError> {
        self.place.copy(FILLED, COPY)?;
        machine::settle()?;
        let settings = load.settings.iter().copied().chain(options.settings());
        let server = Server::start(&options.server, &self.place.url(COPY), self.folder.path(), settings)?;
        let profiler = options
            .perf
            .as_deref()
            .map(|file| Profiler::start(&server, file))
            .transpose()?;
        let database = self.place.process()?;
        let result = generator::run(
            &options.phxload,
            load,
            name,
            &server,
            database.as_deref(),
            self.folder.path(),
        )?;
        if let Some(profiler) = profiler {
            profiler.finish()?;
        }
        server.stop()?;
        self.place.remove(COPY)?;
        Ok(result)
    }
}
