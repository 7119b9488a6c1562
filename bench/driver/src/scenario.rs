//! What is measured: who is there, what phxload does with them, which figures come of it and what they should be.

use crate::{
    database::Engine,
    figure::{Figure, Goal, at_least, at_most, figure},
    seed::Layout,
};

/// How much is done in one run.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Seconds measured.
    pub seconds: u32,
    /// Sockets and rooms are divided by this in runs that only look whether everything works.
    pub divisor: usize,
}

impl Extent {
    fn of(self, count: usize) -> usize {
        (count / self.divisor).max(1)
    }
}

/// What a server is put under.
#[derive(Clone, Debug)]
pub struct Load {
    /// Settings of this server alone, beside those of all.
    pub settings: &'static [(&'static str, &'static str)],
    /// Who is where.
    pub layout: Layout,
    /// What phxload is told, beside whom to talk to.
    pub arguments: Vec<String>,
    /// What is done over and over, as phxload calls it where it tells the CPU for each.
    pub thing: &'static str,
}

impl Load {
    fn new(thing: &'static str, layout: Layout, arguments: &str) -> Self {
        Self {
            settings: &[],
            layout,
            arguments: arguments.split_whitespace().map(str::to_owned).collect(),
            thing,
        }
    }
}

/// What is done on an engine, and measured.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is called on the command line and in the page.
    pub name: &'static str,
    /// What it is, for the page.
    pub about: &'static str,
    /// Where the server keeps its data.
    pub engine: Engine,
    /// Without one there is no server, and [`baseline`](crate::baseline) is what is done.
    pub load: Option<Load>,
    /// What comes of it.
    pub figures: Vec<Figure>,
}

/// Seconds in which a server gives back what it took to start, some 7 MB, or to let a crowd in. Memory is looked at when it
/// rests: sooner it would be that of starting, and of connecting and joining.
const REST: usize = 40;

/// Seconds in which the server gives back the memory of those who have left: its tables are swept once a minute.
const LEAVE: usize = 60;

/// No message shares a transaction with another.
const SINGLE: &[(&str, &str)] = &[("PARLOUR_REALTIME__JOURNAL_BATCH", "1")];

/// Of the sockets of `idle`, how many have come when memory is looked at for the first time.
const FIRST: usize = 5_000;

/// Where a result has the messages that were stored and acknowledged in a second.
pub const ACKNOWLEDGED: &str = "/acked_per_s";
const DELIVERY_CPU: &str = "/server/cpu_us_per_delivery";
const MESSAGE_CPU: &str = "/server/cpu_us_per_message";
const REQUEST_CPU: &str = "/server/cpu_us_per_request";

/// All scenarios, in the order of the page.
pub fn all(extent: Extent) -> Vec<Scenario> {
    let mut scenarios = vec![idle(extent)];
    scenarios.extend(fan_outs(extent));
    scenarios.push(rooms(extent));
    scenarios.extend(joins(extent));
    scenarios.push(churn(extent));
    scenarios.extend(durable(extent, Engine::Postgres));
    scenarios.extend(durable_compared(extent));
    scenarios.push(post(extent, Engine::Postgres));
    scenarios.push(post(extent, Engine::Sqlite));
    scenarios.push(get(extent));
    scenarios.push(storm(extent));
    scenarios.extend(stalled(extent));
    scenarios
}

fn idle(extent: Extent) -> Scenario {
    let sockets = extent.of(10_000);
    Scenario {
        name: "idle",
        about: "10,000 sockets, 50 in a room, joined, held and gone",
        engine: Engine::Sqlite,
        load: Some(Load::new(
            "conn",
            Layout::rooms_of("idle", sockets.div_ceil(50), 50),
            &format!(
                "idle --join --conns {sockets} --first {} --per-room 50 --rate 2000 --before {} --hold {} --leave {} \
                 --source-ips 4",
                extent.of(FIRST),
                extent.of(REST),
                extent.of(REST),
                extent.of(LEAVE)
            ),
        )),
        figures: vec![
            at_most(
                3_000.0,
                "RSS, bytes for one more connection",
                "/server/bytes_per_more_conn",
            ),
            at_most(
                3_000.0,
                "RSS, bytes per connection",
                "/server/bytes_per_conn_after_hold",
            ),
            figure("CPU to connect and join, µs", "/server/cpu_us_per_conn"),
            Figure {
                unit: 1024.0,
                ..figure("RSS before they come, MiB", "/server/rss_before_kib")
            },
            Figure {
                unit: 1024.0,
                ..figure("RSS after they have left, MiB", "/server/rss_left_kib")
            },
        ],
    }
}

fn fan_outs(extent: Extent) -> impl Iterator<Item = Scenario> {
    let members = extent.of(1_000);
    let kinds = [
        ("fanout-1", "one room of 1,000, one message in flight", 1, 7.5),
        ("fanout-16", "the same, 16 in flight", 16, 0.8),
        ("fanout-64", "the same, 64 in flight", 64, 0.3),
    ];
    kinds.into_iter().map(move |(name, about, in_flight, goal)| Scenario {
        name,
        about,
        engine: Engine::Sqlite,
        load: Some(Load::new(
            "delivery",
            Layout::rooms_of("fanout", 1, members),
            &format!(
                "fanout --members {members} --senders 1 --closed-loop {in_flight} --complete delivered --seconds {}",
                extent.seconds
            ),
        )),
        figures: vec![
            at_most(goal, "CPU per delivery, µs", DELIVERY_CPU),
            figure("deliveries per second", "/deliveries_per_s"),
            figure("delivery p99, ms", "/delivery_ms/p99"),
        ],
    })
}

fn rooms(extent: Extent) -> Scenario {
    let rooms = extent.of(2_000);
    Scenario {
        name: "rooms",
        about: "2,000 rooms of 5, one message in flight in each",
        engine: Engine::Sqlite,
        load: Some(Load::new(
            "delivery",
            Layout::rooms_of("rooms", rooms, 5),
            &format!(
                "rooms --rooms {rooms} --per-room 5 --closed-loop 1 --complete delivered --seconds {} --source-ips 4",
                extent.seconds
            ),
        )),
        figures: vec![
            at_most(
                17.0,
                "CPU per delivery, µs, receiving and storing included",
                DELIVERY_CPU,
            ),
            figure("deliveries per second", "/deliveries_per_s"),
            figure("delivery p99, ms", "/delivery_ms/p99"),
        ],
    }
}

fn joins(extent: Extent) -> [Scenario; 2] {
    let sockets = extent.of(10_000);
    let scenario = |name, about, per_room: usize, figures| Scenario {
        name,
        about,
        engine: Engine::Sqlite,
        load: Some(Load::new(
            "conn",
            Layout::rooms_of(name, sockets.div_ceil(per_room), per_room),
            &format!("idle --join --conns {sockets} --per-room {per_room} --concurrency 200 --hold 0 --source-ips 4"),
        )),
        figures,
    };
    [
        scenario(
            "joins-many",
            "10,000 sockets connect and join 1,000 rooms",
            10,
            vec![at_most(3.0, "seconds", "/ramp/took_s")],
        ),
        scenario(
            "joins-one",
            "10,000 sockets connect and join one room, with presence",
            sockets,
            vec![
                at_most(5.0, "seconds", "/ramp/took_s"),
                Figure {
                    unit: 1e6,
                    ..at_most(50.0, "MB sent", "/noise_in_ramp/bytes_in")
                },
            ],
        ),
    ]
}

fn churn(extent: Extent) -> Scenario {
    Scenario {
        name: "churn",
        about: "50 slots connect, join, leave, close, and again",
        engine: Engine::Sqlite,
        load: Some(Load::new(
            "cycle",
            Layout::rooms_of("churn", 5, 10),
            &format!("churn --conns 50 --per-room 10 --seconds {}", extent.seconds),
        )),
        figures: vec![
            at_least(8_000.0, "cycles per second", "/cycles_per_s"),
            figure("CPU per cycle, µs", "/server/cpu_us_per_cycle"),
        ],
    }
}

fn durable(extent: Extent, engine: Engine) -> [Scenario; 2] {
    let names = match engine {
        Engine::Postgres => ["durable-500-postgres", "durable-64-postgres"],
        Engine::Sqlite => ["durable-500-sqlite", "durable-64-sqlite"],
    };
    let scenario = |name, about, layout, rooms: usize, goals: Option<(f64, f64)>| {
        let mut figures = vec![
            figure("acknowledged per second", ACKNOWLEDGED),
            figure("acknowledged p50, ms", "/ack_ms/p50"),
            figure("acknowledged p99, ms", "/ack_ms/p99"),
            figure("CPU per acknowledged message, µs", MESSAGE_CPU),
        ];
        if let Some((rate, latency)) = goals {
            figures[0].goal = Some(Goal::AtLeast(rate));
            figures[2].goal = Some(Goal::AtMost(latency));
            figures[3].goal = Some(Goal::AtMost(40.0));
        }
        Scenario {
            name,
            about,
            engine,
            load: Some(Load::new(
                "message",
                Layout::rooms_of(layout, rooms, 1),
                &format!(
                    "rooms --rooms {rooms} --per-room 1 --closed-loop 1 --seconds {}",
                    extent.seconds
                ),
            )),
            figures,
        }
    };
    let has_goals = engine == Engine::Postgres;
    [
        scenario(
            names[0],
            "messages over sockets, 500 outstanding",
            "durable-500",
            500,
            has_goals.then_some((25_000.0, 50.0)),
        ),
        scenario(
            names[1],
            "messages over sockets, 64 outstanding",
            "durable-64",
            64,
            has_goals.then_some((12_000.0, 12.0)),
        ),
    ]
}

/// Storing many messages in one transaction, on SQLite, with what it is compared with on either side of it: the same
/// server, users and rooms with each message in a transaction of its own, and the same disk without a server. In this
/// order every two that are compared are measured one right after the other.
fn durable_compared(extent: Extent) -> [Scenario; 5] {
    let [many, few] = durable(extent, Engine::Sqlite);
    let single = |name, about, durable: &Scenario| Scenario {
        name,
        about,
        load: durable.load.clone().map(|load| Load {
            settings: SINGLE,
            ..load
        }),
        ..durable.clone()
    };
    let baseline = Scenario {
        name: "baseline-sqlite",
        about: "one transaction of one message after the other, without a server",
        engine: Engine::Sqlite,
        load: None,
        figures: vec![figure("transactions of one message per second", ACKNOWLEDGED)],
    };
    [
        single(
            "single-500-sqlite",
            "messages over sockets, 500 outstanding, each in a transaction of its own",
            &many,
        ),
        many,
        baseline,
        few.clone(),
        single(
            "single-64-sqlite",
            "messages over sockets, 64 outstanding, each in a transaction of its own",
            &few,
        ),
    ]
}

/// Rooms for requests: everybody is in each of them, and each has a short page of messages.
fn rest_layout() -> Layout {
    Layout {
        name: "rest",
        rooms: 10,
        members: 64,
        everywhere: true,
        messages: 10,
    }
}

fn post(extent: Extent, engine: Engine) -> Scenario {
    let (name, goals) = match engine {
        Engine::Postgres => ("post-postgres", true),
        Engine::Sqlite => ("post-sqlite", false),
    };
    let goal = |goal| goals.then_some(goal);
    Scenario {
        name,
        about: "messages over REST, 64 connections",
        engine,
        load: Some(Load::new(
            "request",
            rest_layout(),
            &format!("rest-post --rooms 10 --conns 64 --seconds {}", extent.seconds),
        )),
        figures: vec![
            Figure {
                goal: goal(Goal::AtLeast(15_000.0)),
                ..figure("requests per second", "/ok_per_s")
            },
            figure("p99, ms", "/request_ms/p99"),
            Figure {
                goal: goal(Goal::AtMost(60.0)),
                ..figure("CPU per request, µs", REQUEST_CPU)
            },
        ],
    }
}

fn get(extent: Extent) -> Scenario {
    Scenario {
        name: "get-postgres",
        about: "a page of 10 messages over REST, 64 connections",
        engine: Engine::Postgres,
        load: Some(Load::new(
            "request",
            rest_layout(),
            &format!("rest-get --rooms 10 --conns 64 --seconds {}", extent.seconds),
        )),
        figures: vec![
            at_least(25_000.0, "requests per second", "/ok_per_s"),
            figure("p99, ms", "/request_ms/p99"),
            at_most(45.0, "CPU per request, µs", REQUEST_CPU),
        ],
    }
}

fn storm(extent: Extent) -> Scenario {
    let rooms = extent.of(200);
    Scenario {
        name: "storm",
        about: "2,000 of 2,200 sockets in 200 rooms are cut off at once, miss two seconds of 1,000 messages/s, and come \
                back at once",
        engine: Engine::Sqlite,
        load: Some(Load::new(
            "return",
            Layout::rooms_of("storm", rooms, 11),
            &format!("storm --rooms {rooms} --per-room 11 --rate {}", extent.of(1_000)),
        )),
        figures: vec![
            figure("seconds until all are back", "/returned_in_s"),
            figure("p99 of coming back, ms", "/return_ms/p99"),
            figure("CPU per return, µs", "/server/cpu_us_per_return"),
            at_most(
                0.0,
                "members without exactly their messages",
                "/account/members_with_wrong_set",
            ),
        ],
    }
}

fn stalled(extent: Extent) -> [Scenario; 2] {
    let scenario = |name, about, stalled: usize, more: &[Figure]| {
        let mut figures = vec![
            figure("delivery p50, ms", "/delivery_ms/p50"),
            figure("delivery p99, ms", "/delivery_ms/p99"),
            Figure {
                unit: 1024.0,
                ..figure("most memory, MiB", "/server/rss_peak_kib")
            },
        ];
        figures.extend(more);
        Scenario {
            name,
            about,
            engine: Engine::Sqlite,
            load: Some(Load::new(
                "delivery",
                Layout::rooms_of("stalled", 1, 101),
                &format!(
                    "fanout --members 101 --senders 20 --rate 1000 --bytes 1500 --seconds {} --stalled {stalled}",
                    extent.seconds
                ),
            )),
            figures,
        }
    };
    [
        scenario("steady", "1,000 messages/s of 1,500 bytes in a room of 101", 0, &[]),
        scenario(
            "stalled",
            "the same; one of them reads nothing",
            1,
            &[figure("clients ended by the server", "/stalled/ended_by_server")],
        ),
    ]
}
