//! The generator against its own little server: counts must be exact, and planted losses, doubles and refusals must be
//! found.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    net::{Ipv4Addr, SocketAddrV4, TcpListener},
    sync::mpsc,
    thread,
};

use serde_json::{Map, Value};

use crate::{
    churn::Churn,
    engine::{Engine, Room, State, Target},
    identities::Identities,
    load::{Complete, Lane, Load, LoadOptions},
    peer::{Faults, Peer},
    process_stats::Processes,
    ramp::{Ramp, RampOptions},
    storm::{Storm, StormOptions},
    system::{self, nanoseconds},
};

/// A server for the next seconds.
fn peer(faults: Faults) -> u16 {
    let (say, hear) = mpsc::channel();
    thread::spawn(move || {
        let peer = Peer::listen(0, faults).unwrap();
        say.send(peer.port().unwrap()).unwrap();
        peer.serve(system::now() + nanoseconds(20.0));
    });
    hear.recv().unwrap()
}

fn engine(port: u16, connections: usize, rooms: usize) -> Engine {
    let target = Target {
        address: SocketAddrV4::new(Ipv4Addr::LOCALHOST, port),
        host: format!("127.0.0.1:{port}"),
        path: "/chat/socket/websocket".into(),
        headers: vec![],
        sources: 3,
        heartbeat: nanoseconds(0.2),
        identities: Identities {
            tokens: vec![],
            template: "{uuid}:{name}".into(),
            seed: 1,
        },
    };
    let rooms = (0..rooms)
        .map(|room| Room::new(&format!("r{room}"), "room:{room}"))
        .collect();
    Engine::new(target, connections, rooms).unwrap()
}

/// An engine whose slots are all in their rooms.
fn joined(faults: Faults, rooms: usize, per_room: usize) -> (Engine, Processes, Ramp) {
    let mut engine = engine(peer(faults), rooms * per_room, rooms);
    let mut processes = Processes::new(&[], &[]);
    let options = RampOptions {
        join: true,
        per_room,
        concurrency: 20,
        rate: 0.0,
        timeout: 5.0,
    };
    let mut ramp = Ramp::new(&engine, options);
    ramp.run(&mut engine, &mut processes);
    assert_eq!(
        (ramp.succeeded, ramp.failed),
        (rooms * per_room, 0),
        "{:?}",
        engine.failures
    );
    ramp.settle(&mut engine, &mut processes, 0.2, 2.0);
    assert!(
        engine
            .connections
            .iter()
            .all(|connection| connection.state == State::Joined)
    );
    (engine, processes, ramp)
}

/// What happens when all members of all rooms send in turn.
fn load(faults: Faults, rooms: usize, per_room: usize, rate: f64, complete: Complete) -> (Map<String, Value>, Engine) {
    let (mut engine, mut processes, _) = joined(faults, rooms, per_room);
    let lanes = (0..rooms)
        .map(|room| Lane {
            slots: (room * per_room..(room + 1) * per_room).collect(),
            next: 0,
        })
        .collect();
    let options = LoadOptions {
        rate,
        outstanding: if rate > 0.0 { 0 } else { 2 },
        complete,
        warmup: 0.1,
        seconds: 0.5,
        drain: 1.0,
        bytes: 60,
        ack_timeout: 0.3,
    };
    let result = Load::new(&engine, lanes, options).run(&mut engine, &mut processes);
    (result, engine)
}

fn count(result: &Map<String, Value>, name: &str) -> u64 {
    result["account"][name].as_u64().unwrap()
}

#[test]
fn counts_are_exact_when_nothing_is_lost() {
    for (rate, complete) in [
        (0.0, Complete::Ack),
        (0.0, Complete::Delivered),
        (2000.0, Complete::Ack),
    ] {
        let (result, engine) = load(Faults::default(), 3, 20, rate, complete);
        let sent = count(&result, "sent");
        assert!(sent > 100, "{result:?}");
        assert_eq!(count(&result, "acked_ok"), sent);
        assert_eq!(count(&result, "expected_deliveries"), 20 * sent);
        assert_eq!(count(&result, "received_deliveries"), 20 * sent);
        for name in [
            "lost",
            "duplicates",
            "acked_error",
            "no_reply",
            "members_with_wrong_set",
            "misrouted",
            "unknown_number",
            "foreign_broadcasts",
            "warmup_lost",
            "warmup_duplicates",
        ] {
            assert_eq!(count(&result, name), 0, "{name}: {result:?}");
        }
        assert!(engine.counters.heartbeats > 0 && engine.counters.heartbeats_answered > 0);
    }
}

#[test]
fn losses_are_found() {
    let faults = Faults {
        drop_every: 97,
        ..Faults::default()
    };
    let (result, _) = load(faults, 2, 25, 1000.0, Complete::Ack);
    let lost = count(&result, "lost") + count(&result, "warmup_lost");
    let all = count(&result, "expected_deliveries") + count(&result, "warmup_expected");
    assert_eq!(lost, all / 97, "{result:?}");
    assert!(count(&result, "members_with_wrong_set") > 0);
}

#[test]
fn doubles_are_found() {
    let faults = Faults {
        dup_every: 101,
        ..Faults::default()
    };
    let (result, _) = load(faults, 2, 25, 1000.0, Complete::Ack);
    let doubled = count(&result, "duplicates") + count(&result, "warmup_duplicates");
    let all = count(&result, "expected_deliveries") + count(&result, "warmup_expected");
    assert_eq!(doubled, all / 101, "{result:?}");
    assert_eq!(count(&result, "lost"), 0);
}

#[test]
fn refusals_are_no_losses() {
    let faults = Faults {
        error_every: 10,
        ..Faults::default()
    };
    let (result, engine) = load(faults, 1, 10, 0.0, Complete::Ack);
    assert!(count(&result, "acked_error") > 0);
    assert_eq!(
        count(&result, "acked_error") + count(&result, "acked_ok"),
        count(&result, "sent")
    );
    assert_eq!(count(&result, "expected_deliveries"), 10 * count(&result, "acked_ok"));
    assert_eq!(
        count(&result, "lost") + count(&result, "members_with_wrong_set"),
        0,
        "{result:?}"
    );
    assert!(engine.sample_error.unwrap().contains("error"));
}

#[test]
fn presence_is_counted_apart() {
    let faults = Faults {
        presence: true,
        ..Faults::default()
    };
    let (result, engine) = load(faults, 1, 31, 0.0, Complete::Ack);
    assert_eq!(engine.counters.diffs.frames, 30 * 31 / 2);
    assert!(engine.counters.diffs.bytes > 0);
    assert_eq!(count(&result, "lost"), 0);
}

#[test]
fn who_reads_nothing_is_no_member() {
    let (mut engine, mut processes, _) = joined(Faults::default(), 1, 5);
    engine.stall(0);
    let lane = Lane {
        slots: (0..5).collect(),
        next: 0,
    };
    let options = LoadOptions {
        rate: 0.0,
        outstanding: 4,
        complete: Complete::Delivered,
        warmup: 0.0,
        seconds: 0.2,
        drain: 1.0,
        bytes: 60,
        ack_timeout: 1.0,
    };
    let result = Load::new(&engine, vec![lane], options).run(&mut engine, &mut processes);
    assert_eq!(count(&result, "expected_deliveries"), 4 * count(&result, "sent"));
    assert_eq!(
        count(&result, "lost") + count(&result, "members_with_wrong_set"),
        0,
        "{result:?}"
    );
    assert!(!engine.stalled_ends(0, nanoseconds(0.1)), "nobody has closed it");
}

fn storm(faults: Faults) -> Map<String, Value> {
    let (mut engine, mut processes, ramp) = joined(faults, 4, 6);
    let options = StormOptions {
        rate: 500.0,
        bytes: 60,
        calm: 0.2,
        away: 0.2,
        patience: 5.0,
        drain: 0.5,
    };
    Storm::new(&engine, ramp.known, options).run(&mut engine, &mut processes)
}

#[test]
fn everybody_comes_back_to_what_they_missed() {
    let result = storm(Faults::default());
    assert_eq!(
        (result["cut"].as_u64(), result["back"].as_u64()),
        (Some(20), Some(20)),
        "{result:?}"
    );
    assert_eq!(result["not_recovered"].as_u64(), Some(0));
    assert!(result["recovered_messages"].as_u64() > Some(100), "{result:?}");
    assert_eq!(count(&result, "members_with_wrong_set"), 0, "{result:?}");
    assert_eq!(count(&result, "no_reply"), 0);
}

#[test]
fn a_loss_in_a_storm_is_found() {
    let result = storm(Faults {
        drop_every: 50,
        ..Faults::default()
    });
    assert!(count(&result, "members_with_wrong_set") > 0, "{result:?}");
}

#[test]
fn churn_goes_round() {
    let mut engine = engine(peer(Faults::default()), 8, 2);
    let mut churn = Churn::new(&engine, 4, 5.0);
    let result = churn.run(&mut engine, &mut Processes::new(&[], &[]), 0.1, 0.5);
    assert!(result["cycles"].as_u64() > Some(50), "{result:?} {:?}", engine.failures);
    assert_eq!(
        result["failures_total"].as_u64(),
        Some(0),
        "{result:?} {:?}",
        engine.failures
    );
    assert_eq!(result["unfinished_at_end"].as_u64(), Some(0));
}

#[test]
fn no_server_is_a_failure_and_no_hang() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut engine = engine(port, 5, 1);
    let options = RampOptions {
        join: true,
        per_room: 5,
        concurrency: 5,
        rate: 0.0,
        timeout: 2.0,
    };
    let mut ramp = Ramp::new(&engine, options);
    ramp.run(&mut engine, &mut Processes::new(&[], &[]));
    assert_eq!((ramp.succeeded, ramp.failed), (0, 5));
    assert_eq!(engine.failures.values().sum::<u64>(), 5);
}
