//! Connecting and joining, for a scenario to begin with.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::{
    engine::{Engine, Request, Scenario, State, TICK},
    known::Known,
    process_stats::Processes,
    statistics::{Latencies, rounded},
    system::{self, SECOND, nanoseconds},
};

/// Connections begun between two looks at the sockets.
const BURST: usize = 64;

/// How often a member that is thrown out comes back, and after how many nanoseconds.
const REJOINS_MAX: u8 = 5;
const REJOIN_PAUSE: u64 = SECOND;

/// Nanoseconds between two words to the people who wait.
const NEWS_INTERVAL: u64 = 5 * SECOND;

/// How to connect.
#[derive(Clone, Debug)]
pub struct RampOptions {
    /// Join, too.
    pub join: bool,
    /// Members of each room: connection `i` goes to room `i / per_room`.
    pub per_room: usize,
    /// Connections being set up at the same time.
    pub concurrency: usize,
    /// Connections per second; 0 for as fast as it goes.
    pub rate: f64,
    /// Seconds until one has failed.
    pub timeout: f64,
}

/// A connection as it was at a time.
struct Visit {
    slot: usize,
    generation: u32,
    time: u64,
}

/// All slots on their way to their rooms.
pub struct Ramp {
    options: RampOptions,
    wanted: usize,
    next: usize,
    /// Those on their way, the oldest first.
    begun: VecDeque<Visit>,
    under_way: usize,
    done: Vec<bool>,
    /// Slots that got where they should be.
    pub succeeded: usize,
    /// Slots that did not.
    pub failed: usize,
    /// Connections that ended after they had got there.
    pub lost: u64,
    thrown_out: u64,
    rejoins: VecDeque<Visit>,
    rejoined: u64,
    tries: Vec<u8>,
    /// What each slot was told of its room when it joined.
    pub known: Vec<Known>,
    connects: Latencies,
    joins: Latencies,
    took: u64,
}

impl Ramp {
    /// For all slots of an engine.
    pub fn new(engine: &Engine, options: RampOptions) -> Self {
        let wanted = engine.connections.len();
        Self {
            options,
            wanted,
            next: 0,
            begun: VecDeque::new(),
            under_way: 0,
            done: vec![false; wanted],
            succeeded: 0,
            failed: 0,
            lost: 0,
            thrown_out: 0,
            rejoins: VecDeque::new(),
            rejoined: 0,
            tries: vec![0; wanted],
            known: vec![Known::default(); wanted],
            connects: Latencies::new(),
            joins: Latencies::new(),
            took: 0,
        }
    }

    fn finish(&mut self, slot: usize, ok: bool) {
        self.done[slot] = true;
        self.under_way -= 1;
        if ok {
            self.succeeded += 1;
        } else {
            self.failed += 1;
        }
    }

    /// Opens every connection and waits until each has joined or failed.
    pub fn run(&mut self, engine: &mut Engine, processes: &mut Processes) {
        self.run_to(engine.connections.len(), engine, processes);
    }

    /// The same until so many are opened.
    pub fn run_to(&mut self, wanted: usize, engine: &mut Engine, processes: &mut Processes) {
        self.wanted = wanted.min(engine.connections.len());
        let first = self.next;
        let begin = system::now();
        let mut next_tick = begin;
        let mut next_news = begin + NEWS_INTERVAL;
        while self.succeeded + self.failed < self.wanted {
            let now = system::now();
            self.open_due(engine, first, now - begin);
            self.give_up_late(engine, now);
            if now >= next_tick {
                next_tick = now + TICK;
                self.tick(engine, processes, now);
            }
            if now >= next_news {
                next_news = now + NEWS_INTERVAL;
                eprintln!(
                    "  ... {} joined, {} failed of {}",
                    self.succeeded, self.failed, self.wanted
                );
            }
            let more = self.next < self.wanted && self.under_way < self.options.concurrency;
            engine.poll(self, if more && self.options.rate == 0.0 { 0 } else { TICK });
        }
        self.took += system::now() - begin;
    }

    /// Opens those after the `first` whose time has come.
    fn open_due(&mut self, engine: &mut Engine, first: usize, passed: u64) {
        let due = if self.options.rate > 0.0 {
            (first + (system::seconds(passed) * self.options.rate) as usize + 1).min(self.wanted)
        } else {
            self.wanted
        };
        let free = self.options.concurrency.saturating_sub(self.under_way).min(BURST);
        for slot in self.next..due.min(self.next + free) {
            self.next += 1;
            self.under_way += 1;
            let time = system::now();
            if engine.open(slot, (slot / self.options.per_room) % engine.rooms.len(), time) {
                let generation = engine.connections[slot].generation;
                self.begun.push_back(Visit { slot, generation, time });
            } else {
                self.finish(slot, false);
            }
        }
    }

    fn give_up_late(&mut self, engine: &mut Engine, now: u64) {
        let timeout = nanoseconds(self.options.timeout);
        while let Some(&Visit { slot, generation, time }) = self.begun.front() {
            let under_way = !self.done[slot] && engine.connections[slot].generation == generation;
            if under_way && now.saturating_sub(time) <= timeout {
                return;
            }
            self.begun.pop_front();
            if under_way {
                let state = engine.connections[slot].state;
                engine.fail(slot, &format!("timeout while {state:?}"));
                self.finish(slot, false);
            }
        }
    }

    fn tick(&mut self, engine: &mut Engine, processes: &mut Processes, now: u64) {
        engine.send_heartbeats(now);
        processes.sample(now);
        while self.rejoins.front().is_some_and(|visit| visit.time <= now) {
            let Some(Visit { slot, generation, .. }) = self.rejoins.pop_front() else {
                return;
            };
            let connection = &engine.connections[slot];
            if connection.generation == generation && connection.state == State::Open {
                self.rejoined += 1;
                engine.join(slot, "{}", now);
            }
        }
    }

    /// Reads on until nothing has come for `quiet` seconds, at most for `most`. Tells how long it took.
    pub fn settle(&mut self, engine: &mut Engine, processes: &mut Processes, quiet: f64, most: f64) -> f64 {
        let begin = system::now();
        let mut last = (u64::MAX, begin);
        loop {
            let now = system::now();
            let seen = engine.counters.frames - engine.counters.heartbeats_answered;
            if seen != last.0 {
                last = (seen, now);
            }
            let is_quiet = now - last.1 > nanoseconds(quiet) && self.rejoins.is_empty();
            if is_quiet || now - begin > nanoseconds(most) {
                return system::seconds(now - begin);
            }
            self.tick(engine, processes, now);
            engine.poll(self, TICK);
        }
    }

    /// Does nothing for a while but send heartbeats.
    pub fn hold(&mut self, engine: &mut Engine, processes: &mut Processes, seconds: f64) {
        let end = system::now() + nanoseconds(seconds);
        while system::now() < end {
            self.tick(engine, processes, system::now());
            engine.poll(self, TICK);
        }
    }

    /// Closes all connections, and waits for what the server does about it.
    pub fn leave(&mut self, engine: &mut Engine, processes: &mut Processes, seconds: f64) {
        for slot in 0..engine.connections.len() {
            if engine.connections[slot].is_open() {
                engine.close(slot, system::now());
            }
        }
        self.hold(engine, processes, seconds);
    }

    /// For the report.
    pub fn report(&self) -> Value {
        let seconds = system::seconds(self.took);
        json!({
            "wanted": self.wanted,
            "ok": self.succeeded,
            "failed": self.failed,
            "channel_errors": self.thrown_out,
            "rejoins": self.rejoined,
            "took_s": rounded(seconds),
            "per_s": rounded(self.succeeded as f64 / seconds.max(1e-9)),
            "connect_ms": self.connects.report(),
            "join_ms": self.joins.report(),
        })
    }
}

impl Scenario for Ramp {
    fn opened(&mut self, engine: &mut Engine, slot: usize, now: u64) {
        self.connects.record(now.saturating_sub(engine.connections[slot].began));
        if self.options.join {
            engine.join(slot, "{}", now);
        } else {
            self.finish(slot, true);
        }
    }

    fn answered(&mut self, engine: &mut Engine, slot: usize, request: Request, ok: bool, frame: &[u8], now: u64) {
        if request != Request::Join || self.done[slot] {
            return;
        }
        if ok {
            self.joins
                .record(now.saturating_sub(engine.connections[slot].step_began));
            self.known[slot].joined(frame);
        } else {
            engine.fail(slot, "join refused");
        }
        self.finish(slot, ok);
    }

    fn thrown_out(&mut self, engine: &mut Engine, slot: usize, now: u64) {
        self.thrown_out += 1;
        if !self.done[slot] {
            engine.fail(slot, "thrown out while joining");
            self.finish(slot, false);
        } else if self.tries[slot] < REJOINS_MAX {
            self.tries[slot] += 1;
            self.rejoins.push_back(Visit {
                slot,
                generation: engine.connections[slot].generation,
                time: now + REJOIN_PAUSE,
            });
        }
    }

    fn closed(&mut self, _engine: &mut Engine, slot: usize, _clean: bool, _now: u64) {
        if self.done[slot] {
            self.lost += 1;
        } else {
            self.finish(slot, false);
        }
    }
}
