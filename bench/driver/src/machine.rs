//! What figures were measured on.

use std::{fs, process::Command, thread};

use crate::{error::BenchError, programs::run};

/// The machine in one line: processor, cores, memory, kernel.
pub fn describe() -> String {
    let processor = after("/proc/cpuinfo", "model name");
    let memory = after("/proc/meminfo", "MemTotal");
    let memory: u64 = memory.split(' ').next().and_then(|kib| kib.parse().ok()).unwrap_or(0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{processor}, {cores} cores, {} GiB of memory, Linux {}; generator and database share them with the server",
        memory >> 20,
        kernel.trim(),
    )
}

/// The commit that is checked out, and whether something was changed since.
pub fn commit() -> String {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        run(git.args(["-C", env!("CARGO_MANIFEST_DIR")]).args(arguments)).unwrap_or_default()
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    // The page that is about to be written is no change of what is measured.
    let changed = git(&["status", "--porcelain", "--", ":/", ":(top,exclude)bench/results.md"]);
    let note = if changed.is_empty() { "" } else { ", with changes" };
    format!("{}{note}", commit.trim())
}

/// Waits until the disk has what was written so far: nobody is measured while it is written for somebody else.
pub fn settle() -> Result<(), BenchError> {
    run(&mut Command::new("sync")).map(drop)
}

/// Today, as year-month-day.
pub fn date() -> String {
    let date = run(Command::new("date").args(["-u", "+%Y-%m-%d"])).unwrap_or_default();
    date.trim().to_owned()
}

fn after(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
    value.map_or("unknown", |(_, value)| value.trim()).to_owned()
}
