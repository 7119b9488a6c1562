//! A recovery storm: most members of all rooms lose their connection at once while others go on talking, and come back
//! all at once, each with what it knows. Afterwards everybody must have every message of their room exactly once.

use std::collections::VecDeque;

use memchr::memmem;
use serde_json::{Map, Value, json};

use crate::{
    engine::{Engine, Request, Scenario, State, TICK},
    known::Known,
    load::{filling, tally},
    mark::Mark,
    process_stats::Processes,
    report,
    statistics::{Latencies, rounded},
    system::{self, SECOND, nanoseconds},
};

/// Nanoseconds until a connection that failed to come back tries again.
const RETRY_PAUSE: u64 = SECOND / 4;

/// What happens, and for how long.
#[derive(Clone, Debug)]
pub struct StormOptions {
    /// Messages per second of all speakers together.
    pub rate: f64,
    /// Bytes of a message's content.
    pub bytes: usize,
    /// Seconds of talk before the cut, and again after everybody is back.
    pub calm: f64,
    /// Seconds between the cut and the return.
    pub away: f64,
    /// Most seconds the return may take.
    pub patience: f64,
    /// Most seconds to wait at the end for copies.
    pub drain: f64,
}

struct Sent {
    room: usize,
    acknowledged: bool,
    refused: bool,
}

/// A storm over members that have joined. The first member of each room is its speaker, who stays.
pub struct Storm {
    options: StormOptions,
    filling: Vec<u8>,
    speakers: Vec<usize>,
    /// Those who are cut off.
    others: Vec<usize>,
    known: Vec<Known>,
    sent: Vec<Sent>,
    next_due: f64,
    next_speaker: usize,
    talking: bool,
    /// When the return began; 0 before.
    returning: u64,
    back: usize,
    retry: VecDeque<(u64, usize)>,
    retries: u64,
    not_recovered: u64,
    recovered_messages: u64,
    thrown_out: u64,
    returns: Latencies,
}

impl Storm {
    /// Among all who have joined, and know this, slot by slot.
    pub fn new(engine: &Engine, known: Vec<Known>, options: StormOptions) -> Self {
        let mut has_speaker = vec![false; engine.rooms.len()];
        let (mut speakers, mut others) = (vec![], vec![]);
        for (slot, connection) in engine.connections.iter().enumerate() {
            let has_speaker = &mut has_speaker[connection.room as usize];
            if connection.state != State::Joined {
                continue;
            } else if *has_speaker {
                others.push(slot);
            } else {
                *has_speaker = true;
                speakers.push(slot);
            }
        }
        Self {
            filling: filling(options.bytes),
            options,
            speakers,
            others,
            known,
            sent: vec![],
            next_due: 0.0,
            next_speaker: 0,
            talking: false,
            returning: 0,
            back: 0,
            retry: VecDeque::new(),
            retries: 0,
            not_recovered: 0,
            recovered_messages: 0,
            thrown_out: 0,
            returns: Latencies::new(),
        }
    }

    fn turn(&mut self, engine: &mut Engine, processes: &mut Processes, until: u64) {
        let now = system::now();
        if self.talking && self.next_due <= now as f64 {
            let speaker = self.speakers[self.next_speaker];
            self.next_speaker = (self.next_speaker + 1) % self.speakers.len();
            self.next_due += SECOND as f64 / self.options.rate;
            self.say(engine, speaker, now);
        }
        while self.retry.front().is_some_and(|(time, _)| *time <= now) {
            if let Some((_, slot)) = self.retry.pop_front() {
                self.come_back(engine, slot);
            }
        }
        engine.send_heartbeats(now);
        processes.sample(now);
        let due = if self.talking { self.next_due as u64 } else { u64::MAX };
        engine.poll(self, due.min(until).saturating_sub(now).min(TICK));
    }

    fn say(&mut self, engine: &mut Engine, speaker: usize, now: u64) {
        let number = self.sent.len() as u32;
        if engine.connections[speaker].state == State::Joined
            && engine.send_message(speaker, Mark { time: now, number }, &self.filling)
        {
            self.sent.push(Sent {
                room: engine.connections[speaker].room as usize,
                acknowledged: false,
                refused: false,
            });
        }
    }

    fn talk(&mut self, engine: &mut Engine, processes: &mut Processes, seconds: f64) {
        let end = system::now() + nanoseconds(seconds);
        while system::now() < end {
            self.turn(engine, processes, end);
        }
    }

    fn come_back(&mut self, engine: &mut Engine, slot: usize) {
        let room = engine.connections[slot].room as usize;
        if !engine.open(slot, room, system::now()) {
            self.try_again(slot);
        }
    }

    fn try_again(&mut self, slot: usize) {
        self.retries += 1;
        self.retry.push_back((system::now() + RETRY_PAUSE, slot));
    }

    /// Runs the storm and tells what became of everybody.
    pub fn run(&mut self, engine: &mut Engine, processes: &mut Processes) -> Map<String, Value> {
        processes.reset_peak();
        let memory = processes.memory();
        self.talking = true;
        self.next_due = system::now() as f64;
        self.talk(engine, processes, self.options.calm);
        let others = self.others.clone();
        for &slot in &others {
            engine.cut(slot);
        }
        self.talk(engine, processes, self.options.away);

        let begin = processes.moment();
        self.returning = system::now();
        for &slot in &others {
            self.come_back(engine, slot);
        }
        let end = self.returning + nanoseconds(self.options.patience);
        while self.back < others.len() && system::now() < end {
            self.turn(engine, processes, end);
        }
        let usage = processes.since(&begin);
        self.talk(engine, processes, self.options.calm);
        self.talking = false;
        let end = system::now() + nanoseconds(self.options.drain);
        while system::now() < end && (self.unanswered() > 0 || self.wrong_sets(engine) > 0) {
            self.turn(engine, processes, end);
        }

        let mut result = report::object(json!({
            "rooms": self.speakers.len(),
            "cut": others.len(),
            "back": self.back,
            "returned_in_s": rounded(usage.seconds),
            "return_ms": self.returns.report(),
            "retries": self.retries,
            "not_recovered": self.not_recovered,
            "recovered_messages": self.recovered_messages,
            "account": {
                "sent": self.sent.len(),
                "acked_ok": self.sent.iter().filter(|sent| sent.acknowledged && !sent.refused).count(),
                "acked_error": self.sent.iter().filter(|sent| sent.refused).count(),
                "no_reply": self.unanswered(),
                "members_with_wrong_set": self.wrong_sets(engine),
                "channel_errors": self.thrown_out,
            },
        }));
        result.extend(processes.report(memory, &usage, &[("return", self.back as u64)]));
        result
    }

    /// Messages without an answer: it comes after what the members are told.
    fn unanswered(&self) -> usize {
        self.sent.iter().filter(|sent| !sent.acknowledged).count()
    }

    /// Members that are not there, or have not exactly the messages of their room.
    fn wrong_sets(&self, engine: &Engine) -> usize {
        let mut tallies = vec![0u64; engine.rooms.len()];
        for (number, sent) in self.sent.iter().enumerate().filter(|(_, sent)| !sent.refused) {
            tallies[sent.room] = tallies[sent.room].wrapping_add(tally(number as u32));
        }
        let members = self.speakers.iter().chain(&self.others);
        members
            .map(|&slot| &engine.connections[slot])
            .filter(|member| member.state != State::Joined || member.received != tallies[member.room as usize])
            .count()
    }

    fn note(&mut self, engine: &mut Engine, slot: usize, mark: Mark) {
        let connection = &mut engine.connections[slot];
        connection.received = connection.received.wrapping_add(tally(mark.number));
    }

    fn joined(&mut self, engine: &mut Engine, slot: usize, frame: &[u8], now: u64) {
        self.known[slot].joined(frame);
        self.back += 1;
        self.returns.record(now.saturating_sub(engine.connections[slot].began));
        if memmem::find(frame, b"\"recovered\":true").is_none() {
            self.not_recovered += 1;
            return;
        }
        let missed: Vec<Mark> = engine.marks.find_all(frame).collect();
        self.recovered_messages += missed.len() as u64;
        for mark in missed {
            self.note(engine, slot, mark);
        }
    }
}

impl Scenario for Storm {
    fn opened(&mut self, engine: &mut Engine, slot: usize, now: u64) {
        engine.join(slot, &self.known[slot].params(), now);
    }

    fn answered(&mut self, engine: &mut Engine, slot: usize, request: Request, ok: bool, frame: &[u8], now: u64) {
        match request {
            Request::Join if ok => self.joined(engine, slot, frame, now),
            Request::Join => {
                engine.fail(slot, "join refused");
                self.try_again(slot);
            }
            Request::Message(number) => {
                if let Some(sent) = self.sent.get_mut(number as usize) {
                    sent.acknowledged = true;
                    sent.refused = !ok;
                }
            }
            Request::Leave => {}
        }
    }

    fn delivered(&mut self, engine: &mut Engine, slot: usize, mark: Mark, frame: &[u8], _now: u64) {
        self.note(engine, slot, mark);
        self.known[slot].heard(frame);
    }

    fn thrown_out(&mut self, _engine: &mut Engine, _slot: usize, _now: u64) {
        self.thrown_out += 1;
    }

    fn closed(&mut self, _engine: &mut Engine, slot: usize, _clean: bool, _now: u64) {
        if self.returning > 0 {
            self.try_again(slot);
        }
    }
}
