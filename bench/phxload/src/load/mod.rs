//! Sending at a rate, or as fast as answers come, with every copy accounted for.

mod account;

use serde_json::{Map, Value, json};

use self::account::Account;
use crate::{
    engine::{Engine, Request, Scenario, State, TICK},
    mark::{self, Mark},
    process_stats::{Processes, Usage},
    random::mix,
    report,
    statistics::{Latencies, per, rounded},
    system::{self, SECOND, nanoseconds},
};

/// Messages of an open loop that are sent between two looks at the sockets.
const BURST: usize = 64;

/// When a message of a closed loop counts as done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Complete {
    /// When it is answered.
    Ack,
    /// When it is answered and every member has its copy.
    Delivered,
}

/// What to send.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Messages per second of an open loop; 0 for a closed one.
    pub rate: f64,
    /// Messages of each lane that are not done yet, of a closed loop.
    pub outstanding: u32,
    /// When one is done.
    pub complete: Complete,
    /// Seconds before measuring.
    pub warmup: f64,
    /// Seconds measured.
    pub seconds: f64,
    /// Most seconds to wait for copies afterwards.
    pub drain: f64,
    /// Bytes of a message's content.
    pub bytes: usize,
    /// Seconds until an unanswered message holds up its lane no longer.
    pub ack_timeout: f64,
}

/// Connections that send in turn.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Their slots.
    pub slots: Vec<usize>,
    /// Whose turn it is.
    pub next: usize,
}

/// A message of the run.
#[derive(Clone, Copy, Debug)]
struct Message {
    sent: u64,
    room: u32,
    lane: u32,
    /// Copies that have come.
    copies: u32,
    acknowledged: bool,
    refused: bool,
    late: bool,
    done: bool,
}

/// What a member adds up over the messages it gets, so that two that differ in any message differ in the sum. Not linear
/// in the number, so that one set cannot sum up to another's total.
#[inline]
pub fn tally(number: u32) -> u64 {
    mix(u64::from(number))
}

/// The content of messages behind their mark.
pub fn filling(bytes: usize) -> Vec<u8> {
    const WORDS: &[u8] = b" the quick brown fox jumps over the lazy dog while it rains";
    let mut filling: Vec<u8> = WORDS
        .iter()
        .copied()
        .cycle()
        .take(bytes.saturating_sub(mark::LENGTH))
        .collect();
    if let Some(last) = filling.last_mut() {
        // No space at the end that a server would take away.
        *last = b'.';
    }
    filling
}

/// A run of sending.
pub struct Load {
    options: LoadOptions,
    messages: Vec<Message>,
    lanes: Vec<Lane>,
    /// How many are in each room.
    members: Vec<u32>,
    /// The slots that are in theirs.
    joined: Vec<usize>,
    filling: Vec<u8>,
    next_due: f64,
    next_lane: usize,
    /// The first message that is not done.
    oldest: usize,
    sending: bool,
    measuring: bool,
    /// The numbers of the messages sent while measuring.
    measured: std::ops::Range<usize>,
    /// Sent, acknowledged and copied while measuring.
    sent: u64,
    acknowledged: u64,
    copied: u64,
    /// Copies that should come, and that came, from the beginning.
    expected: u64,
    received: u64,
    account: Account,
    deliveries: Latencies,
    acknowledgements: Latencies,
    lag: Latencies,
}

impl Load {
    /// For those who have joined; the lanes send.
    pub fn new(engine: &Engine, lanes: Vec<Lane>, options: LoadOptions) -> Self {
        let mut members = vec![0; engine.rooms.len()];
        let mut joined = vec![];
        for (slot, connection) in engine.connections.iter().enumerate() {
            if connection.state == State::Joined {
                members[connection.room as usize] += 1;
                joined.push(slot);
            }
        }
        Self {
            filling: filling(options.bytes),
            options,
            messages: Vec::with_capacity(1 << 20),
            lanes,
            members,
            joined,
            next_due: 0.0,
            next_lane: 0,
            oldest: 0,
            sending: false,
            measuring: false,
            measured: usize::MAX..usize::MAX,
            sent: 0,
            acknowledged: 0,
            copied: 0,
            expected: 0,
            received: 0,
            account: Account::default(),
            deliveries: Latencies::new(),
            acknowledgements: Latencies::new(),
            lag: Latencies::new(),
        }
    }

    fn send_one(&mut self, engine: &mut Engine, lane: usize, due: u64, now: u64) {
        let Lane { slots, next } = &mut self.lanes[lane];
        for _ in 0..slots.len() {
            let slot = slots[*next];
            *next = (*next + 1) % slots.len();
            if engine.connections[slot].state != State::Joined {
                continue;
            }
            let number = self.messages.len() as u32;
            if !engine.send_message(slot, Mark { time: due, number }, &self.filling) {
                self.account.send_blocked += 1;
                return;
            }
            let room = engine.connections[slot].room;
            self.messages.push(Message {
                sent: now,
                room,
                lane: lane as u32,
                copies: 0,
                acknowledged: false,
                refused: false,
                late: false,
                done: false,
            });
            self.expected += u64::from(self.members[room as usize]);
            self.sent += u64::from(self.measuring);
            return;
        }
        self.account.no_live_sender += 1;
    }

    /// Open loop: sends what is due and tells when the next message is.
    fn send_due(&mut self, engine: &mut Engine, now: u64) -> u64 {
        if !self.sending || self.options.rate == 0.0 {
            return u64::MAX;
        }
        for _ in 0..BURST {
            if self.next_due > now as f64 {
                break;
            }
            let due = self.next_due as u64;
            self.next_due += SECOND as f64 / self.options.rate;
            let lane = self.next_lane;
            self.next_lane = (lane + 1) % self.lanes.len();
            let now = system::now();
            if self.measuring {
                self.lag.record(now.saturating_sub(due));
            }
            // Its time is when it was due, so that a late generator cannot hide a slow server.
            self.send_one(engine, lane, due, now);
        }
        self.next_due as u64
    }

    /// Closed loop: fills every lane.
    fn fill_lanes(&mut self, engine: &mut Engine) {
        for lane in 0..self.lanes.len() {
            for _ in 0..self.options.outstanding {
                let now = system::now();
                self.send_one(engine, lane, now, now);
            }
        }
    }

    #[inline]
    fn finish(&mut self, engine: &mut Engine, number: usize) {
        let message = &mut self.messages[number];
        if message.done {
            return;
        }
        message.done = true;
        if self.options.outstanding > 0 && self.sending {
            let lane = message.lane as usize;
            let now = system::now();
            self.send_one(engine, lane, now, now);
        }
    }

    fn give_up_late(&mut self, engine: &mut Engine, now: u64) {
        let timeout = nanoseconds(self.options.ack_timeout);
        while let Some(message) = self.messages.get_mut(self.oldest) {
            if !message.done {
                if now.saturating_sub(message.sent) <= timeout {
                    return;
                }
                message.late = true;
                self.finish(engine, self.oldest);
            }
            self.oldest += 1;
        }
    }

    /// Goes on until a time, or until nothing is missing any more when `until_settled`.
    fn drive(&mut self, engine: &mut Engine, processes: &mut Processes, until: u64, until_settled: bool) {
        let mut next_tick = 0;
        loop {
            let now = system::now();
            let settled = self.received >= self.expected && self.oldest >= self.messages.len();
            if now >= until || (until_settled && settled) {
                return;
            }
            let due = self.send_due(engine, now);
            if now >= next_tick {
                next_tick = now + TICK;
                engine.send_heartbeats(now);
                processes.sample(now);
                self.give_up_late(engine, now);
            }
            engine.poll(self, due.min(next_tick).min(until).saturating_sub(now));
        }
    }

    /// Warms up, measures, waits for what is missing, and accounts for every copy.
    pub fn run(&mut self, engine: &mut Engine, processes: &mut Processes) -> Map<String, Value> {
        processes.refresh();
        processes.reset_peak();
        let memory = processes.memory();
        self.sending = true;
        self.next_due = system::now() as f64;
        if self.options.outstanding > 0 {
            self.fill_lanes(engine);
        }
        self.drive(
            engine,
            processes,
            system::now() + nanoseconds(self.options.warmup),
            false,
        );

        let (begin, counters) = (processes.moment(), engine.counters);
        self.measured.start = self.messages.len();
        self.measuring = true;
        self.drive(
            engine,
            processes,
            system::now() + nanoseconds(self.options.seconds),
            false,
        );
        self.measuring = false;
        self.sending = false;
        self.measured.end = self.messages.len();
        processes.refresh();
        let usage = processes.since(&begin);
        let noise = report::noise(&counters, &engine.counters);
        let frames_per_read = per(
            (engine.counters.frames - counters.frames) as f64,
            engine.counters.reads - counters.reads,
        );
        self.account.foreign_broadcasts = engine.counters.foreign - counters.foreign;

        let drain = system::now();
        self.drive(engine, processes, drain + nanoseconds(self.options.drain), true);
        self.account.drain_s = rounded(system::seconds(system::now() - drain));

        let mut result = self.report(engine, &usage);
        let things = [("delivery", self.copied), ("message", self.sent)];
        result.extend(processes.report(memory, &usage, &things));
        result["generator"]["frames_per_read"] = json!(frames_per_read);
        result["generator"]["send_lag_ms"] = self.lag.report();
        result.insert("noise_in_window".into(), noise);
        result
    }

    fn report(&self, engine: &Engine, usage: &Usage) -> Map<String, Value> {
        let per_second = |count: u64| rounded(count as f64 / usage.seconds);
        let mode = if self.options.outstanding > 0 {
            format!(
                "closed loop, {} outstanding per lane, {:?}",
                self.options.outstanding, self.options.complete
            )
        } else {
            format!("open loop, {} messages/s", self.options.rate)
        };
        report::object(json!({
            "mode": mode,
            "members": self.joined.len(),
            "rooms": self.members.iter().filter(|members| **members > 0).count(),
            "lanes": self.lanes.len(),
            "content_bytes": mark::LENGTH + self.filling.len(),
            "seconds": rounded(usage.seconds),
            "sent_per_s": per_second(self.sent),
            "acked_per_s": per_second(self.acknowledged),
            "deliveries_per_s": per_second(self.copied),
            "delivery_ms": self.deliveries.report(),
            "ack_ms": self.acknowledgements.report(),
            "account": self.close_account(engine).report(),
        }))
    }
}

impl Scenario for Load {
    fn answered(&mut self, engine: &mut Engine, _slot: usize, request: Request, ok: bool, _frame: &[u8], now: u64) {
        let Request::Message(number) = request else { return };
        let number = number as usize;
        let Some(message) = self.messages.get_mut(number) else {
            self.account.unknown_number += 1;
            return;
        };
        if message.acknowledged || message.late {
            self.account.late_or_duplicate_acks += 1;
        }
        if message.acknowledged {
            return;
        }
        message.acknowledged = true;
        let members = self.members[message.room as usize];
        if ok {
            self.acknowledged += u64::from(self.measuring);
            if self.measured.contains(&number) {
                self.acknowledgements.record(now.saturating_sub(message.sent));
            }
        } else {
            message.refused = true;
            self.expected -= u64::from(members);
        }
        if !ok || self.options.complete == Complete::Ack || message.copies >= members {
            self.finish(engine, number);
        }
    }

    #[inline]
    fn delivered(&mut self, engine: &mut Engine, slot: usize, mark: Mark, _frame: &[u8], now: u64) {
        let number = mark.number as usize;
        let Some(message) = self.messages.get_mut(number) else {
            self.account.unknown_number += 1;
            return;
        };
        message.copies += 1;
        let connection = &mut engine.connections[slot];
        connection.received = connection.received.wrapping_add(tally(mark.number));
        self.account.misrouted += u64::from(message.room != connection.room);
        self.received += 1;
        self.copied += u64::from(self.measuring);
        if self.measured.contains(&number) {
            self.deliveries.record(now.saturating_sub(mark.time));
        }
        if self.options.complete == Complete::Delivered
            && message.acknowledged
            && message.copies == self.members[message.room as usize]
        {
            self.finish(engine, number);
        }
    }

    fn thrown_out(&mut self, _engine: &mut Engine, _slot: usize, _now: u64) {
        // It does not come back: what it misses is lost.
        self.account.channel_errors += 1;
    }
}
