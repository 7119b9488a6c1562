//! What the server and its database used: memory and CPU of their processes and these' descendants, read from /proc; and
//! what was used beside them, so that a reader sees what the limit was.

use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};
use serde_json::{Map, Value, json};

use crate::{
    statistics::{per, rounded},
    system::{self, SECOND},
};

/// Nanoseconds between two looks at the resident size.
const SAMPLE_INTERVAL: u64 = SECOND / 5;

/// Memory in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Resident, pages shared between processes counted in each.
    pub resident: u64,
    /// Resident, shared pages divided among those who share them.
    pub proportional: u64,
    /// Shared with nobody.
    pub private: u64,
    /// What the kernel holds for TCP, of the whole machine: both ends of each connection.
    pub kernel_tcp: u64,
}

impl Memory {
    /// For the report.
    pub fn report(self) -> Value {
        json!({
            "rss_kib": self.resident, "pss_kib": self.proportional, "private_kib": self.private,
            "kernel_tcp_kib_machine": self.kernel_tcp,
        })
    }
}

/// CPU in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    user: f64,
    system: f64,
}

impl Cpu {
    /// In and for the processes.
    pub fn total(self) -> f64 {
        self.user + self.system
    }

    fn since(self, before: Self) -> Self {
        Self {
            user: self.user - before.user,
            system: self.system - before.system,
        }
    }

    /// For the report.
    pub fn report(self) -> Value {
        json!({
            "total_s": rounded(self.total()), "user_s": rounded(self.user), "sys_s": rounded(self.system),
        })
    }
}

/// A moment, to measure from.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    time: u64,
    server: Cpu,
    database: Cpu,
    generator: u64,
    machine: f64,
}

/// What was used between two moments.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Seconds that passed.
    pub seconds: f64,
    /// CPU of the server.
    pub server: Cpu,
    /// CPU of its database.
    database: Cpu,
    /// CPU seconds of the generator.
    generator: f64,
    /// CPU seconds of the whole machine.
    machine: f64,
}

impl Usage {
    /// CPU seconds as cores, and for each of so many things of these names, in microseconds.
    fn shares(&self, seconds: f64, things: &[(&str, u64)]) -> Value {
        let mut shares = json!({ "cores": rounded(seconds / self.seconds) });
        for (name, count) in things {
            shares[format!("cpu_us_per_{name}")] = json!(per(seconds * 1e6, *count));
        }
        shares
    }
}

/// Processes and their descendants.
struct Family {
    roots: Vec<u32>,
    all: Vec<u32>,
}

impl Family {
    fn new(roots: &[u32]) -> Self {
        Self {
            roots: roots.to_vec(),
            all: vec![],
        }
    }

    /// Looks for new descendants, among all processes with their parents.
    fn refresh(&mut self, parents: &[(u32, u32)]) {
        self.all.clone_from(&self.roots);
        let mut next = 0;
        while let Some(&parent) = self.all.get(next) {
            let children = parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id);
            let new: Vec<u32> = children.filter(|id| !self.all.contains(id)).collect();
            self.all.extend(new);
            next += 1;
        }
    }

    /// CPU so far. What children have used that were waited for is in their parents.
    fn cpu(&self) -> Cpu {
        let ticks = clock_ticks_per_second() as f64;
        self.all
            .iter()
            .filter_map(|&id| stat_fields(id))
            .fold(Cpu::default(), |cpu, fields| {
                let seconds = |field: usize| fields.get(field).copied().unwrap_or(0) as f64 / ticks;
                Cpu {
                    user: cpu.user + seconds(11) + seconds(13),
                    system: cpu.system + seconds(12) + seconds(14),
                }
            })
    }
}

/// The processes of the server and of its database.
pub struct Processes {
    server: Family,
    database: Family,
    peak: u64,
    next_sample: u64,
    peak_was_reset: bool,
}

impl Processes {
    /// Those with these ids and their descendants; of what has none, nothing is measured.
    pub fn new(server: &[u32], database: &[u32]) -> Self {
        let mut processes = Self {
            server: Family::new(server),
            database: Family::new(database),
            peak: 0,
            next_sample: 0,
            peak_was_reset: false,
        };
        processes.refresh();
        processes
    }

    /// Whether there is something to measure.
    pub fn are_known(&self) -> bool {
        !self.server.roots.is_empty()
    }

    /// Whether none of the roots has ended.
    pub fn are_alive(&self) -> bool {
        let mut roots = self.server.roots.iter().chain(&self.database.roots);
        roots.all(|id| fs::exists(format!("/proc/{id}")).unwrap_or(false))
    }

    /// Looks for new descendants.
    pub fn refresh(&mut self) {
        let mut parents: Vec<(u32, u32)> = vec![];
        if self.are_known() {
            for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
                let id = entry.file_name().to_str().and_then(|name| name.parse().ok());
                if let Some(id) = id
                    && let Some(fields) = stat_fields(id)
                {
                    parents.push((id, fields.get(1).copied().unwrap_or(0) as u32));
                }
            }
        }
        self.server.refresh(&parents);
        self.database.refresh(&parents);
    }

    /// A moment to measure from.
    pub fn moment(&self) -> Moment {
        Moment {
            time: system::now(),
            server: self.server.cpu(),
            database: self.database.cpu(),
            generator: system::thread_cpu(),
            machine: machine_cpu(),
        }
    }

    /// What was used since then.
    pub fn since(&self, before: &Moment) -> Usage {
        let now = self.moment();
        Usage {
            seconds: system::seconds(now.time - before.time),
            server: now.server.since(before.server),
            database: now.database.since(before.database),
            generator: system::seconds(now.generator - before.generator),
            machine: now.machine - before.machine,
        }
    }

    /// What the server holds now.
    pub fn memory(&self) -> Memory {
        let mut memory = Memory {
            kernel_tcp: kernel_tcp(),
            ..Memory::default()
        };
        for id in &self.server.all {
            if let Ok(text) = fs::read_to_string(format!("/proc/{id}/smaps_rollup")) {
                memory.resident += kib(&text, "Rss:");
                memory.proportional += kib(&text, "Pss:");
                memory.private += kib(&text, "Private_Clean:") + kib(&text, "Private_Dirty:");
            }
        }
        memory
    }

    /// Looks at the resident size, a few times a second.
    #[inline]
    pub fn sample(&mut self, now: u64) {
        if now >= self.next_sample && self.are_known() {
            self.next_sample = now + SAMPLE_INTERVAL;
            let pages: u64 = self
                .server
                .all
                .iter()
                .filter_map(|id| fs::read_to_string(format!("/proc/{id}/statm")).ok())
                .filter_map(|text| text.split(' ').nth(1)?.parse::<u64>().ok())
                .sum();
            self.peak = self.peak.max(pages * page_kib());
        }
    }

    /// Begins the peak of memory anew, the kernel's own too.
    pub fn reset_peak(&mut self) {
        const RESET_PEAK: &str = "5";
        self.peak = 0;
        self.peak_was_reset = self
            .server
            .all
            .iter()
            .all(|id| fs::write(format!("/proc/{id}/clear_refs"), RESET_PEAK).is_ok());
    }

    /// The largest resident size in KiB since [`reset_peak`](Self::reset_peak): as the kernel knows it where that could
    /// be reset, else the largest seen.
    pub fn peak(&self) -> u64 {
        match self.server.all[..] {
            [id] if self.peak_was_reset => {
                let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
                self.peak.max(kib(&status, "VmHWM:"))
            }
            _ => self.peak,
        }
    }

    /// The lowest limit of open files among the roots.
    pub fn open_files_max(&self) -> Option<u64> {
        const NAME: &str = "Max open files";
        let limits = self.server.roots.iter().filter_map(|id| {
            let text = fs::read_to_string(format!("/proc/{id}/limits")).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix(NAME))?;
            line.split_whitespace().next()?.parse().ok()
        });
        limits.min()
    }

    /// What was held and used, for the report: memory of the server before and now, CPU in between, and CPU for each of so
    /// many things of these names.
    pub fn report(&self, before: Memory, usage: &Usage, things: &[(&str, u64)]) -> Map<String, Value> {
        let mut generator = usage.shares(usage.generator, things);
        generator["saturated"] = json!(usage.generator > 0.9 * usage.seconds);
        let mut report = Map::new();
        report.insert("generator".into(), generator);
        report.insert(
            "machine_busy_cores".into(),
            json!(rounded(usage.machine / usage.seconds)),
        );
        if !self.database.roots.is_empty() {
            report.insert("database".into(), usage.shares(usage.database.total(), things));
        }
        if self.are_known() {
            let now = self.memory();
            let mut server = usage.shares(usage.server.total(), things);
            server["cpu"] = usage.server.report();
            server["rss_before_kib"] = json!(before.resident);
            server["rss_after_kib"] = json!(now.resident);
            server["rss_peak_kib"] = json!(self.peak());
            server["memory_before"] = before.report();
            server["memory_after"] = now.report();
            server["alive"] = json!(self.are_alive());
            report.insert("server".into(), server);
        }
        report
    }
}

/// The numbers of /proc/ID/stat behind the name; the first is the state, which is none.
fn stat_fields(id: u32) -> Option<Vec<u64>> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, numbers) = text.rsplit_once(") ")?;
    Some(
        numbers
            .split(' ')
            .map(|field| field.trim().parse().unwrap_or(0))
            .collect(),
    )
}

fn kib(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn page_kib() -> u64 {
    page_size() as u64 / 1024
}

/// From "TCP: inuse 5 orphan 0 tw 0 alloc 7 mem 1", where mem is in pages.
fn kernel_tcp() -> u64 {
    let text = fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    let pages = text.lines().find_map(|line| {
        let mut words = line.strip_prefix("TCP: ")?.split(' ').skip_while(|word| *word != "mem");
        words.nth(1)?.parse::<u64>().ok()
    });
    pages.unwrap_or(0) * page_kib()
}

/// CPU seconds of the whole machine so far: user, nice, system, irq, softirq and steal of the first line.
fn machine_cpu() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let ticks: u64 = line
        .split_whitespace()
        .skip(1)
        .enumerate()
        .filter(|(place, _)| matches!(place, 0..=2 | 5..=7))
        .filter_map(|(_, number)| number.parse::<u64>().ok())
        .sum();
    ticks as f64 / clock_ticks_per_second() as f64
}
