//! Connect, join, leave, close, and again.

use serde_json::{Map, Value, json};

use crate::{
    engine::{Engine, Request, Scenario, State, TICK},
    process_stats::Processes,
    report,
    statistics::{Latencies, rounded},
    system::{self, SECOND, nanoseconds},
};

/// Connections begun between two looks at the sockets.
const BURST: usize = 64;

/// Nanoseconds between two looks for slots that hang.
const SCAN_INTERVAL: u64 = SECOND / 4;

/// Nanoseconds until a slot begins again after a failure: a server that refuses must not make a tight loop of it.
const RETRY_PAUSE: u64 = SECOND / 100;

/// Most seconds to wait at the end for what is under way.
const END_TIMEOUT: f64 = 5.0;

/// Slots going round side by side.
pub struct Churn {
    per_room: usize,
    timeout: u64,
    idle: Vec<usize>,
    slots: usize,
    running: bool,
    measuring: bool,
    retry_at: u64,
    cycles: u64,
    failures: u64,
    failures_total: u64,
    connects: Latencies,
    joins: Latencies,
    leaves: Latencies,
    closes: Latencies,
    rounds: Latencies,
}

impl Churn {
    /// All slots of an engine, in rooms of so many, with seconds until one has failed.
    pub fn new(engine: &Engine, per_room: usize, timeout: f64) -> Self {
        let slots = engine.connections.len();
        Self {
            per_room,
            timeout: nanoseconds(timeout),
            idle: (0..slots).rev().collect(),
            slots,
            running: true,
            measuring: false,
            retry_at: 0,
            cycles: 0,
            failures: 0,
            failures_total: 0,
            connects: Latencies::new(),
            joins: Latencies::new(),
            leaves: Latencies::new(),
            closes: Latencies::new(),
            rounds: Latencies::new(),
        }
    }

    fn failed(&mut self, slot: usize) {
        self.failures_total += 1;
        self.failures += u64::from(self.measuring);
        self.retry_at = system::now() + RETRY_PAUSE;
        self.idle.push(slot);
    }

    fn drive(&mut self, engine: &mut Engine, processes: &mut Processes, until: u64) {
        let mut next_scan = 0;
        loop {
            let now = system::now();
            if now >= until || (!self.running && self.idle.len() == self.slots) {
                return;
            }
            if self.running && now >= self.retry_at {
                self.begin_again(engine);
            }
            processes.sample(now);
            if now >= next_scan {
                next_scan = now + SCAN_INTERVAL;
                self.give_up_late(engine, now);
            }
            engine.poll(self, TICK.min(until - now));
        }
    }

    fn begin_again(&mut self, engine: &mut Engine) {
        for _ in 0..BURST {
            let Some(slot) = self.idle.pop() else { return };
            let room = (slot / self.per_room) % engine.rooms.len();
            if !engine.open(slot, room, system::now()) {
                self.failed(slot);
                return;
            }
        }
    }

    fn give_up_late(&mut self, engine: &mut Engine, now: u64) {
        for slot in 0..self.slots {
            let connection = &engine.connections[slot];
            if connection.state != State::Free && now.saturating_sub(connection.began) > self.timeout {
                let state = connection.state;
                engine.fail(slot, &format!("timeout while {state:?}"));
                self.failed(slot);
            }
        }
    }

    /// Goes round for a while, then measures.
    pub fn run(
        &mut self,
        engine: &mut Engine,
        processes: &mut Processes,
        warmup: f64,
        seconds: f64,
    ) -> Map<String, Value> {
        processes.refresh();
        processes.reset_peak();
        let memory = processes.memory();
        self.drive(engine, processes, system::now() + nanoseconds(warmup));

        let (begin, counters) = (processes.moment(), engine.counters);
        self.measuring = true;
        self.drive(engine, processes, system::now() + nanoseconds(seconds));
        self.measuring = false;
        self.running = false;
        processes.refresh();
        let usage = processes.since(&begin);
        let noise = report::noise(&counters, &engine.counters);
        self.drive(engine, processes, system::now() + nanoseconds(END_TIMEOUT));

        let mut result = report::object(json!({
            "slots": self.slots,
            "seconds": rounded(usage.seconds),
            "cycles_per_s": rounded(self.cycles as f64 / usage.seconds),
            "cycles": self.cycles,
            "failures": self.failures,
            "failures_total": self.failures_total,
            "unfinished_at_end": self.slots - self.idle.len(),
            "cycle_ms": self.rounds.report(),
            "connect_ms": self.connects.report(),
            "join_ms": self.joins.report(),
            "leave_ms": self.leaves.report(),
            "close_ms": self.closes.report(),
            "noise_in_window": noise,
        }));
        result.extend(processes.report(memory, &usage, &[("cycle", self.cycles)]));
        result
    }
}

impl Scenario for Churn {
    fn opened(&mut self, engine: &mut Engine, slot: usize, now: u64) {
        if self.measuring {
            self.connects.record(now.saturating_sub(engine.connections[slot].began));
        }
        engine.join(slot, "{}", now);
    }

    fn answered(&mut self, engine: &mut Engine, slot: usize, request: Request, ok: bool, _frame: &[u8], now: u64) {
        let took = now.saturating_sub(engine.connections[slot].step_began);
        match request {
            Request::Message(_) => {}
            Request::Join | Request::Leave if !ok => {
                engine.fail(slot, &format!("{request:?} refused"));
                self.failed(slot);
            }
            Request::Join => {
                if self.measuring {
                    self.joins.record(took);
                }
                engine.leave(slot, now);
            }
            Request::Leave => {
                if self.measuring {
                    self.leaves.record(took);
                }
                engine.close(slot, now);
            }
        }
    }

    fn thrown_out(&mut self, engine: &mut Engine, slot: usize, _now: u64) {
        engine.fail(slot, "thrown out");
        self.failed(slot);
    }

    fn closed(&mut self, engine: &mut Engine, slot: usize, clean: bool, now: u64) {
        if !clean {
            self.failed(slot);
            return;
        }
        if self.measuring {
            self.cycles += 1;
            self.rounds.record(now.saturating_sub(engine.connections[slot].began));
            self.closes
                .record(now.saturating_sub(engine.connections[slot].step_began));
        }
        self.idle.push(slot);
        // The slot begins again in the next turn of the loop, which follows at once.
    }
}
