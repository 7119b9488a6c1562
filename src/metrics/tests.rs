//! What is counted, as it is told.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use super::*;
use crate::config::Sources;

fn with_rooms(room_labels_max: Cap<usize>) -> Metrics {
    let mut settings = Settings::load(&Sources::default()).unwrap().settings;
    settings.metrics.room_labels_max = room_labels_max;
    Metrics::new(&settings)
}

fn value(text: &str, line: &str) -> Option<f64> {
    text.lines()
        .find_map(|candidate| candidate.strip_prefix(line)?.trim().parse().ok())
}

fn exercise(metrics: &Metrics) {
    let ms = Duration::from_millis(3);
    metrics.http_stop(&Method::GET, "/api/v1/rooms/{id}", 200, ms);
    metrics.http_stop(&Method::GET, "/api/v1/rooms/{id}", 404, ms);
    metrics.http_stop(&Method::from_bytes(b"BREW").unwrap(), "unmatched", 405, ms);
    metrics.channel_joined("room", true, ms);
    metrics.channel_joined("room", false, ms);
    metrics.query(ms, false);
    metrics.query(ms, true);
    metrics.connection_opened(Transport::WebSocket);
    metrics.connection_opened(Transport::WebSocket);
    metrics.connection_closed(Transport::WebSocket);
    metrics.connection_opened(Transport::LongPoll);
    metrics.rate_limited("messages_per_user");
    metrics.message_sent("default", RoomId::generate());
    metrics.watch_journals(|| 1);
    metrics.journal_committed(3, ms);
}

#[test]
fn everything_counted_is_rendered() {
    let metrics = with_rooms(Cap::Max(10));
    exercise(&metrics);
    metrics.upkeep();
    let text = metrics.render();
    for (line, expected) in [
        (r#"parlour_endpoint_stop_duration_seconds_count{status="2xx"}"#, 1.0),
        (r#"parlour_endpoint_stop_duration_seconds_count{status="4xx"}"#, 2.0),
        (
            r#"parlour_endpoint_stop_duration_seconds_bucket{status="4xx",le="0.0025"}"#,
            0.0,
        ),
        (
            r#"parlour_endpoint_stop_duration_seconds_bucket{status="4xx",le="0.005"}"#,
            2.0,
        ),
        (
            r#"parlour_router_dispatch_stop_duration_seconds_count{method="GET",route="/api/v1/rooms/{id}"}"#,
            2.0,
        ),
        (
            r#"parlour_router_dispatch_stop_duration_seconds_count{method="other",route="unmatched"}"#,
            1.0,
        ),
        (
            r#"parlour_channel_joined_duration_seconds_count{kind="room",result="ok"}"#,
            1.0,
        ),
        (
            r#"parlour_channel_joined_duration_seconds_count{kind="room",result="error"}"#,
            1.0,
        ),
        (r#"parlour_repo_query_duration_seconds_count{result="ok"}"#, 1.0),
        (r#"parlour_repo_query_duration_seconds_count{result="error"}"#, 1.0),
        (r#"parlour_journal_batch_messages_bucket{le="2"}"#, 0.0),
        (r#"parlour_journal_batch_messages_bucket{le="5"}"#, 1.0),
        ("parlour_journal_commit_duration_seconds_count", 1.0),
        ("parlour_journal_queued_messages", 1.0),
        (r#"parlour_connections_active{transport="websocket"}"#, 1.0),
        (r#"parlour_connections_active{transport="longpoll"}"#, 1.0),
        (r#"parlour_rate_limited_total{limit="messages_per_user"}"#, 1.0),
    ] {
        assert_eq!(value(&text, line), Some(expected), "{line} in {text}");
    }
    assert!(value(&text, "parlour_vm_memory_bytes").unwrap() > 1_000_000.0);
    assert!(value(&text, "parlour_uptime_seconds").unwrap() < 60.0);
}

#[test]
fn the_page_of_metrics_lists_what_is_rendered_and_nothing_else() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    assert!(fs::read_to_string(path).unwrap() == reference(), "run `make reference`");

    let metrics = with_rooms(Cap::Max(10));
    exercise(&metrics);
    let text = metrics.render();
    let mut rendered: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split_once(' '))
        .collect();
    let mut described: Vec<_> = DESCRIPTIONS
        .iter()
        .map(|description| {
            let kind = match description.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            (description.name, kind)
        })
        .collect();
    rendered.sort_unstable();
    described.sort_unstable();
    assert_eq!(rendered, described);
    assert!(text.contains("# HELP parlour_connections_active Sockets that are open"));
}

#[test]
fn rooms_over_the_cap_are_counted_together() {
    let metrics = with_rooms(Cap::Max(2));
    let rooms: Vec<_> = (0..4).map(|_| RoomId::generate()).collect();
    for room in &rooms {
        metrics.message_sent("default", *room);
        metrics.message_sent("default", *room);
    }
    let text = metrics.render();
    let line = |room: RoomId| format!("parlour_messages_sent_total{{tenant=\"default\",room=\"{room}\"}}");
    assert_eq!(value(&text, &line(rooms[0])), Some(2.0), "{text}");
    assert_eq!(value(&text, &line(rooms[1])), Some(2.0));
    assert_eq!(value(&text, &line(rooms[2])), None);
    assert_eq!(
        value(&text, r#"parlour_messages_sent_total{tenant="other",room="other"}"#),
        Some(4.0)
    );
}

#[test]
fn threads_never_exceed_the_cap_of_rooms() {
    let metrics = with_rooms(Cap::Max(3));
    let rooms: Vec<_> = (0..20).map(|_| RoomId::generate()).collect();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| rooms.iter().for_each(|room| metrics.message_sent("default", *room)));
        }
    });
    let text = metrics.render();
    let counts: Vec<f64> = text
        .lines()
        .filter(|line| line.starts_with(MESSAGES_SENT))
        .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
        .collect();
    assert!(counts.len() <= 4, "{text}");
    assert_eq!(counts.iter().sum::<f64>(), 160.0);
}

#[test]
fn two_servers_of_one_process_count_apart() {
    let (one, two) = (with_rooms(Cap::Off), with_rooms(Cap::Off));
    one.rate_limited("messages_per_user");
    assert!(one.render().contains("parlour_rate_limited_total"));
    assert!(!two.render().contains("parlour_rate_limited_total"));
}

#[actix_web::test]
async fn tasks_of_watched_runtimes_are_counted_once() {
    let metrics = with_rooms(Cap::Off);
    metrics.watch_runtime();
    metrics.watch_runtime();
    let waiting = tokio::spawn(std::future::pending::<()>());
    let alive = value(&metrics.render(), "parlour_vm_tasks_alive").unwrap();
    waiting.abort();
    let expected = Handle::current().metrics().num_alive_tasks();
    assert_eq!(alive as usize, expected);
}
