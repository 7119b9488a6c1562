//! The scenarios, from their options to their results.

use std::{thread, time::Duration};

use serde_json::{Map, Value, json};

use crate::{
    churn::Churn,
    cli::{Common, Requests, Sending, Span},
    engine::{Engine, State},
    load::{Lane, Load, LoadOptions, filling},
    process_stats::Processes,
    ramp::{Ramp, RampOptions},
    report,
    rest::{Rest, RestOptions},
    setup::{self, SetupError},
    statistics::{per, rounded},
    storm::{Storm, StormOptions},
    system::SECOND,
};

/// Nanoseconds in which what was on its way to a client that had stopped reading has to be there.
const STALLED_PATIENCE: u64 = 5 * SECOND;

/// What a scenario has measured.
pub type Outcome = Result<Map<String, Value>, SetupError>;

/// Connections that do nothing.
pub struct Idle {
    /// How many.
    pub connections: usize,
    /// Whether they join.
    pub join: bool,
    /// Members of a room.
    pub per_room: usize,
    /// How many have come when memory is looked at for the first time; 0 and it is not.
    pub first: usize,
    /// Connections per second; 0 for as fast as it goes.
    pub rate: f64,
    /// Seconds to wait before any comes.
    pub before: f64,
    /// Seconds to hold them.
    pub hold: f64,
    /// Seconds to wait after they have left; 0 and they stay.
    pub leave: f64,
}

/// Connects, joins and holds.
pub fn idle(common: &Common, idle: &Idle) -> Outcome {
    let rooms = idle.connections.div_ceil(idle.per_room.max(1));
    let mut engine = setup::engine(common, idle.connections, rooms)?;
    let mut processes = setup::processes(common, idle.connections)?;
    thread::sleep(Duration::from_secs_f64(idle.before));
    processes.reset_peak();
    let (memory, counters, begin) = (processes.memory(), engine.counters, processes.moment());
    let mut ramp = Ramp::new(&engine, ramp_options(common, idle.join, idle.per_room, idle.rate));
    let first = (idle.first > 0).then(|| {
        ramp.run_to(idle.first, &mut engine, &mut processes);
        ramp.settle(&mut engine, &mut processes, common.quiet, common.settle);
        ramp.hold(&mut engine, &mut processes, idle.hold);
        (ramp.succeeded, processes.memory().resident)
    });
    ramp.run(&mut engine, &mut processes);
    let settled = ramp.settle(&mut engine, &mut processes, common.quiet, common.settle);
    processes.refresh();
    let (usage, counters_up) = (processes.since(&begin), engine.counters);
    let (memory_up, held) = (processes.memory(), processes.moment());
    eprintln!("{} up, {} failed; holding {} s", ramp.succeeded, ramp.failed, idle.hold);
    ramp.hold(&mut engine, &mut processes, idle.hold);
    let usage_held = processes.since(&held);

    let count = |states: &[State]| {
        let connections = engine.connections.iter();
        connections
            .filter(|connection| states.contains(&connection.state))
            .count()
    };
    let up = count(&[State::Open, State::Joined]);
    let mut result = setup::head("idle", common);
    result.extend(report::object(json!({
        "per_room": idle.per_room,
        "rooms": engine.rooms.len(),
        "ramp": ramp.report(),
        "settle_s": rounded(settled),
        "hold_s": rounded(usage_held.seconds),
        "up_at_end": up,
        "joined_at_end": count(&[State::Joined]),
        "lost_while_held": ramp.lost,
        "heartbeats_sent": engine.counters.heartbeats,
        "heartbeats_answered": engine.counters.heartbeats_answered,
        "noise_in_ramp": report::noise(&counters, &counters_up),
        "noise_in_hold": report::noise(&counters_up, &engine.counters),
    })));
    result.extend(processes.report(memory, &usage, &[("conn", up as u64)]));
    if processes.are_known() {
        let grown = |now: u64| json!(per((now as f64 - memory.resident as f64) * 1024.0, up as u64));
        let server = &mut result["server"];
        let resident = server["rss_after_kib"].as_u64().unwrap_or(0);
        server["bytes_per_conn_after_ramp"] = grown(memory_up.resident);
        server["bytes_per_conn_after_hold"] = grown(resident);
        server["hold_cpu"] = usage_held.server.report();
        if let Some((first, with_first)) = first {
            server["rss_first_kib"] = json!(with_first);
            server["bytes_per_more_conn"] = json!(per(
                (resident as f64 - with_first as f64) * 1024.0,
                up.saturating_sub(first) as u64
            ));
        }
        if idle.leave > 0.0 {
            ramp.leave(&mut engine, &mut processes, idle.leave);
            let resident = processes.memory().resident;
            server["rss_left_kib"] = json!(resident);
            server["bytes_per_conn_after_leaving"] = grown(resident);
        }
    }
    setup::tail(&mut result, &engine);
    Ok(result)
}

/// Rooms that are talked in.
pub struct Rooms {
    /// What the scenario is called.
    pub name: &'static str,
    /// How many rooms.
    pub rooms: usize,
    /// Members of each.
    pub per_room: usize,
    /// So many single senders; without it, all members of a room in turn.
    pub senders: Option<usize>,
}

/// Joins and sends.
pub fn rooms(common: &Common, sending: &Sending, rooms: &Rooms) -> Outcome {
    let connections = rooms.rooms * rooms.per_room;
    let mut engine = setup::engine(common, connections, rooms.rooms)?;
    let mut processes = setup::processes(common, connections)?;
    let (_, joined) = join(common, rooms.per_room, sending.conn_rate, &mut engine, &mut processes)?;
    let stalled: Vec<usize> = (0..sending.stalled.min(rooms.per_room)).collect();
    for &slot in &stalled {
        engine.stall(slot);
    }
    let lanes = lanes(&engine, rooms.senders);
    if lanes.is_empty() {
        return Err(SetupError::Nobody);
    }
    let options = LoadOptions {
        rate: sending.rate.unwrap_or(0.0),
        outstanding: sending.closed_loop.unwrap_or(0),
        complete: sending.complete,
        warmup: sending.span.warmup,
        seconds: sending.span.seconds,
        drain: sending.drain,
        bytes: sending.bytes,
        ack_timeout: sending.ack_timeout,
    };
    let mut result = setup::head(rooms.name, common);
    result.extend(Load::new(&engine, lanes, options).run(&mut engine, &mut processes));
    result.insert("ramp".into(), joined);
    if !stalled.is_empty() {
        let ended = stalled
            .iter()
            .filter(|&&slot| engine.stalled_ends(slot, STALLED_PATIENCE))
            .count();
        result.insert(
            "stalled".into(),
            json!({ "members": stalled.len(), "ended_by_server": ended }),
        );
    }
    setup::tail(&mut result, &engine);
    Ok(result)
}

/// Who sends, of those who have joined.
fn lanes(engine: &Engine, senders: Option<usize>) -> Vec<Lane> {
    let mut rooms: Vec<Vec<usize>> = vec![vec![]; engine.rooms.len()];
    for (slot, connection) in engine.connections.iter().enumerate() {
        if connection.state == State::Joined {
            rooms[connection.room as usize].push(slot);
        }
    }
    let slots: Vec<Vec<usize>> = match senders {
        Some(senders) => {
            let all = rooms.concat();
            let senders = senders.min(all.len());
            (0..senders)
                .map(|sender| vec![all[sender * all.len() / senders]])
                .collect()
        }
        None => rooms.into_iter().filter(|members| !members.is_empty()).collect(),
    };
    slots.into_iter().map(|slots| Lane { slots, next: 0 }).collect()
}

/// Brings everybody into their rooms and waits until it is quiet there.
fn join(
    common: &Common,
    per_room: usize,
    rate: f64,
    engine: &mut Engine,
    processes: &mut Processes,
) -> Result<(Ramp, Value), SetupError> {
    let (counters, begin) = (engine.counters, processes.moment());
    let mut ramp = Ramp::new(engine, ramp_options(common, true, per_room, rate));
    ramp.run(engine, processes);
    let settled = ramp.settle(engine, processes, common.quiet, common.settle);
    if ramp.succeeded == 0 {
        let causes: Vec<&str> = engine.failures.keys().map(String::as_str).collect();
        return Err(SetupError::NobodyJoined(causes.join(", ")));
    }
    eprintln!("{} joined, {} failed", ramp.succeeded, ramp.failed);
    let mut report = ramp.report();
    report["settle_s"] = json!(rounded(settled));
    report["server_cpu"] = processes.since(&begin).server.report();
    report["noise"] = report::noise(&counters, &engine.counters);
    Ok((ramp, report))
}

fn ramp_options(common: &Common, join: bool, per_room: usize, rate: f64) -> RampOptions {
    RampOptions {
        join,
        per_room: per_room.max(1),
        concurrency: common.concurrency.max(1),
        rate,
        timeout: common.timeout,
    }
}

/// Connects, joins, leaves and closes, over and over.
pub fn churn(common: &Common, connections: usize, per_room: usize, span: Span) -> Outcome {
    let per_room = per_room.max(1);
    let mut engine = setup::engine(common, connections, connections.div_ceil(per_room))?;
    let mut processes = setup::processes(common, connections)?;
    let mut churn = Churn::new(&engine, per_room, common.timeout);
    let mut result = setup::head("churn", common);
    result.extend(churn.run(&mut engine, &mut processes, span.warmup, span.seconds));
    setup::tail(&mut result, &engine);
    Ok(result)
}

/// Cuts off almost everybody, who come back at once.
pub fn storm(common: &Common, rooms: usize, per_room: usize, options: StormOptions) -> Outcome {
    let connections = rooms * per_room;
    let mut engine = setup::engine(common, connections, rooms)?;
    let mut processes = setup::processes(common, connections)?;
    let (ramp, joined) = join(common, per_room, 0.0, &mut engine, &mut processes)?;
    let mut result = setup::head("storm", common);
    result.extend(Storm::new(&engine, ramp.known, options).run(&mut engine, &mut processes));
    result.insert("ramp".into(), joined);
    setup::tail(&mut result, &engine);
    Ok(result)
}

/// Asks over REST: GET, or POST of messages with so many bytes.
pub fn rest(common: &Common, requests: &Requests, path: &str, bytes: Option<usize>) -> Outcome {
    setup::allow_connections(common, requests.conns)?;
    let (address, host) = setup::address(common)?;
    let mut processes = setup::processes(common, requests.conns)?;
    let options = RestOptions {
        address,
        host,
        path: path.to_owned(),
        rooms: setup::rooms(common, requests.rooms.max(1))?,
        identities: setup::identities(common)?,
        headers: common.header.clone(),
        content: bytes.map(content),
        connections: requests.conns,
        sources: common.source_ips,
        timeout: common.timeout,
    };
    let mut result = setup::head(if bytes.is_some() { "rest-post" } else { "rest-get" }, common);
    let span = requests.span;
    result.extend(Rest::new(options)?.run(&mut processes, span.warmup, span.seconds));
    Ok(result)
}

/// Text of so many bytes.
fn content(bytes: usize) -> String {
    let text = filling(bytes.max(1) + crate::mark::LENGTH);
    String::from_utf8_lossy(&text).trim_start().to_owned()
}
