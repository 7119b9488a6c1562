//! Every metric there is, by name.

use std::fmt::Write;

/// What is known about a metric besides its value.
pub(super) struct Description {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static str,
    pub help: &'static str,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

pub(super) const ENDPOINT_STOP: &str = "parlour_endpoint_stop_duration_seconds";
pub(super) const ROUTER_DISPATCH_STOP: &str = "parlour_router_dispatch_stop_duration_seconds";
pub(super) const CHANNEL_JOINED: &str = "parlour_channel_joined_duration_seconds";
pub(super) const REPO_QUERY: &str = "parlour_repo_query_duration_seconds";
pub(super) const MESSAGES_SENT: &str = "parlour_messages_sent_total";
pub(super) const JOURNAL_BATCH: &str = "parlour_journal_batch_messages";
pub(super) const JOURNAL_COMMIT: &str = "parlour_journal_commit_duration_seconds";
pub(super) const JOURNAL_QUEUED: &str = "parlour_journal_queued_messages";
pub(super) const CONNECTIONS_ACTIVE: &str = "parlour_connections_active";
pub(super) const BROADCASTS: &str = "parlour_broadcasts_total";
pub(super) const OUTBOUND_QUEUED: &str = "parlour_outbound_queued_bytes";
pub(super) const RATE_LIMITED: &str = "parlour_rate_limited_total";
pub(super) const MEMORY: &str = "parlour_vm_memory_bytes";
pub(super) const RUN_QUEUE: &str = "parlour_vm_run_queue_tasks";
pub(super) const TASKS: &str = "parlour_vm_tasks_alive";
pub(super) const UPTIME: &str = "parlour_uptime_seconds";

/// Every metric there is.
pub(super) const DESCRIPTIONS: [Description; 16] = [
    Description {
        name: ENDPOINT_STOP,
        kind: Kind::Histogram,
        labels: "status (1xx to 5xx)",
        help: "Time from a request's arrival to its response; its count is the number of requests",
    },
    Description {
        name: ROUTER_DISPATCH_STOP,
        kind: Kind::Histogram,
        labels: "method, route (the pattern, or unmatched)",
        help: "The same by route",
    },
    Description {
        name: CHANNEL_JOINED,
        kind: Kind::Histogram,
        labels: "kind (of the topic), result (ok, error)",
        help: "Time a join took; its count is the number of joins",
    },
    Description {
        name: REPO_QUERY,
        kind: Kind::Histogram,
        labels: "result (ok, error)",
        help: "Time a database query took; its count is the number of queries",
    },
    Description {
        name: MESSAGES_SENT,
        kind: Kind::Counter,
        labels: "tenant, room (its id; both other for rooms over metrics.room_labels_max)",
        help: "Messages stored, over all transports",
    },
    Description {
        name: JOURNAL_BATCH,
        kind: Kind::Histogram,
        labels: "",
        help: "Messages that were stored in one transaction; its count is the number of those",
    },
    Description {
        name: JOURNAL_COMMIT,
        kind: Kind::Histogram,
        labels: "",
        help: "Time such a transaction took, from its beginning to the end of the commit",
    },
    Description {
        name: JOURNAL_QUEUED,
        kind: Kind::Gauge,
        labels: "",
        help: "Messages that wait to be stored, or are being stored",
    },
    Description {
        name: CONNECTIONS_ACTIVE,
        kind: Kind::Gauge,
        labels: "transport (websocket, longpoll)",
        help: "Sockets that are open",
    },
    Description {
        name: BROADCASTS,
        kind: Kind::Counter,
        labels: "result (delivered, dropped)",
        help: "Broadcasts of rooms, counted for each WebSocket on plain TCP that one was for; dropped where it lags",
    },
    Description {
        name: OUTBOUND_QUEUED,
        kind: Kind::Gauge,
        labels: "",
        help: "Bytes that wait for WebSockets on plain TCP to read",
    },
    Description {
        name: RATE_LIMITED,
        kind: Kind::Counter,
        labels: "limit (its key in [limits])",
        help: "Refusals by rate limits",
    },
    Description {
        name: MEMORY,
        kind: Kind::Gauge,
        labels: "",
        help: "Memory of the process that is resident",
    },
    Description {
        name: RUN_QUEUE,
        kind: Kind::Gauge,
        labels: "",
        help: "Tasks that wait in the queues of the workers' runtimes",
    },
    Description {
        name: TASKS,
        kind: Kind::Gauge,
        labels: "",
        help: "Tasks alive in the workers' runtimes",
    },
    Description {
        name: UPTIME,
        kind: Kind::Gauge,
        labels: "",
        help: "Time since the server started",
    },
];

/// The table of all metrics as Markdown.
pub fn reference() -> String {
    let mut text = String::from(
        "# Metrics\n\nWhat `GET /metrics` tells, in Prometheus text. Made from `src/metrics/descriptions.rs` by \
         `make reference`; a test compares the two.\n\n| metric | type | labels | what |\n|---|---|---|---|\n",
    );
    for Description {
        name,
        kind,
        labels,
        help,
    } in &DESCRIPTIONS
    {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{name}` | {kind} | {labels} | {help} |");
    }
    text
}
