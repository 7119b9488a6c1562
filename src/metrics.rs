//! Numbers for `/metrics`, in Prometheus text.
//!
//! Each [`Metrics`] has a recorder of its own, not the process-wide one: several servers in one process (the tests)
//! count apart. Handles are kept, so counting on a hot path costs an atomic addition.

use std::fmt;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use actix_web::http::Method;
use dashmap::DashMap;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, SharedString};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio::runtime::Handle;

use self::descriptions::{
    BROADCASTS, CHANNEL_JOINED, CONNECTIONS_ACTIVE, DESCRIPTIONS, ENDPOINT_STOP, JOURNAL_BATCH, JOURNAL_COMMIT,
    JOURNAL_QUEUED, Kind, MEMORY, MESSAGES_SENT, OUTBOUND_QUEUED, RATE_LIMITED, REPO_QUERY, ROUTER_DISPATCH_STOP,
    RUN_QUEUE, TASKS, UPTIME,
};
use crate::config::{Cap, Settings};
use crate::ids::RoomId;

mod descriptions;
#[cfg(test)]
mod tests;

pub use self::descriptions::reference;

/// How often [`Metrics::upkeep`] is to be called.
pub const UPKEEP_INTERVAL: Duration = Duration::from_secs(10);

/// Bounds of the buckets of durations, in seconds.
const BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Bounds of the buckets of batches, in messages.
const BATCH_BUCKETS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];

/// Label of what has no line of its own.
const OTHER: &str = "other";

/// How a socket is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// WebSocket.
    WebSocket,
    /// Long poll.
    LongPoll,
}

/// The counters of one server. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    started: Instant,
    runtimes: Mutex<Vec<Handle>>,
    journals: OnceLock<Box<dyn Fn() -> usize + Send + Sync>>,
    /// By the hundreds of the status, from 1xx.
    endpoint: [Histogram; 5],
    /// By route, then method.
    routes: DashMap<String, Vec<(&'static str, Histogram)>>,
    joins: DashMap<(&'static str, bool), Histogram>,
    queries: Histogram,
    failed_queries: Histogram,
    rooms: DashMap<RoomId, Counter>,
    rooms_max: Cap<usize>,
    /// How many of `rooms` are taken; ahead of its length while one is put in.
    rooms_taken: AtomicUsize,
    other_rooms: Counter,
    journal_batch: Histogram,
    journal_commit: Histogram,
    journal_queued: Gauge,
    websockets: Gauge,
    longpolls: Gauge,
    delivered: Counter,
    dropped: Counter,
    outbound_queued: Gauge,
    refusals: DashMap<&'static str, Counter>,
    memory: Gauge,
    run_queue: Gauge,
    tasks: Gauge,
    uptime: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("started", &self.0.started)
            .finish_non_exhaustive()
    }
}

impl Metrics {
    /// Counters at zero. Uptime counts from here.
    #[expect(clippy::expect_used, reason = "the only failure is an empty list of buckets")]
    pub fn new(settings: &Settings) -> Self {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_duration_seconds".to_owned()), &BUCKETS)
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Full(JOURNAL_BATCH.to_owned()), &BATCH_BUCKETS))
            .expect("there are buckets")
            .build_recorder();
        for description in &DESCRIPTIONS {
            let (name, help) = (
                KeyName::from_const_str(description.name),
                SharedString::from(description.help),
            );
            match description.kind {
                Kind::Counter => recorder.describe_counter(name, None, help),
                Kind::Gauge => recorder.describe_gauge(name, None, help),
                Kind::Histogram => recorder.describe_histogram(name, None, help),
            }
        }
        let inner = Inner {
            handle: recorder.handle(),
            started: Instant::now(),
            runtimes: Mutex::default(),
            journals: OnceLock::new(),
            endpoint: ["1xx", "2xx", "3xx", "4xx", "5xx"]
                .map(|class| histogram(&recorder, ENDPOINT_STOP, &[("status", class)])),
            routes: DashMap::new(),
            joins: DashMap::new(),
            queries: histogram(&recorder, REPO_QUERY, &[("result", "ok")]),
            failed_queries: histogram(&recorder, REPO_QUERY, &[("result", "error")]),
            rooms: DashMap::new(),
            rooms_max: settings.metrics.room_labels_max,
            rooms_taken: AtomicUsize::new(0),
            other_rooms: counter(&recorder, MESSAGES_SENT, &[("tenant", OTHER), ("room", OTHER)]),
            journal_batch: histogram(&recorder, JOURNAL_BATCH, &[]),
            journal_commit: histogram(&recorder, JOURNAL_COMMIT, &[]),
            journal_queued: gauge(&recorder, JOURNAL_QUEUED, &[]),
            websockets: gauge(&recorder, CONNECTIONS_ACTIVE, &[("transport", "websocket")]),
            longpolls: gauge(&recorder, CONNECTIONS_ACTIVE, &[("transport", "longpoll")]),
            delivered: counter(&recorder, BROADCASTS, &[("result", "delivered")]),
            dropped: counter(&recorder, BROADCASTS, &[("result", "dropped")]),
            outbound_queued: gauge(&recorder, OUTBOUND_QUEUED, &[]),
            refusals: DashMap::new(),
            memory: gauge(&recorder, MEMORY, &[]),
            run_queue: gauge(&recorder, RUN_QUEUE, &[]),
            tasks: gauge(&recorder, TASKS, &[]),
            uptime: gauge(&recorder, UPTIME, &[]),
            recorder,
        };
        Self(Arc::new(inner))
    }

    /// A request was answered. `route` is the pattern that matched, never the path.
    pub fn http_stop(&self, method: &Method, route: &str, status: u16, duration: Duration) {
        let inner = &self.0;
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        inner.endpoint[class].record(duration);
        let method = known_method(method);
        let kept = inner.routes.get(route).and_then(|methods| find(&methods, method));
        let histogram = kept.unwrap_or_else(|| {
            let mut methods = inner.routes.entry(route.to_owned()).or_default();
            find(&methods, method).unwrap_or_else(|| {
                let labels = [("method", method), ("route", route)];
                let histogram = histogram(&inner.recorder, ROUTER_DISPATCH_STOP, &labels);
                methods.push((method, histogram.clone()));
                histogram
            })
        });
        histogram.record(duration);
    }

    /// A join of a topic of this kind (`room`, `dm`, `user`) was answered.
    pub fn channel_joined(&self, kind: &'static str, ok: bool, duration: Duration) {
        let labels = [("kind", kind), ("result", result(ok))];
        let joins = &self.0.joins;
        joins
            .entry((kind, ok))
            .or_insert_with(|| histogram(&self.0.recorder, CHANNEL_JOINED, &labels))
            .record(duration);
    }

    /// A database query ended.
    pub fn query(&self, duration: Duration, failed: bool) {
        let histogram = if failed {
            &self.0.failed_queries
        } else {
            &self.0.queries
        };
        histogram.record(duration);
    }

    /// A message was stored. The first rooms that send get lines of their own, up to `metrics.room_labels_max`.
    pub fn message_sent(&self, tenant_slug: &str, room_id: RoomId) {
        let inner = &self.0;
        if let Some(counter) = inner.rooms.get(&room_id) {
            return counter.increment(1);
        }
        let taken = inner
            .rooms_taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
                inner.rooms_max.allows(taken + 1).then_some(taken + 1)
            });
        if taken.is_err() {
            return inner.other_rooms.increment(1);
        }
        let mut created = false;
        inner
            .rooms
            .entry(room_id)
            .or_insert_with(|| {
                created = true;
                let room = room_id.to_string();
                counter(
                    &inner.recorder,
                    MESSAGES_SENT,
                    &[("tenant", tenant_slug), ("room", &room)],
                )
            })
            .increment(1);
        if !created {
            // Another thread put the same room in meanwhile.
            inner.rooms_taken.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// So many messages were stored in one transaction, or refused by it.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn journal_committed(&self, messages: usize, duration: Duration) {
        self.0.journal_batch.record(messages as f64);
        self.0.journal_commit.record(duration);
    }

    /// `queued` is asked for each sample how many messages wait to be stored, or are being stored. The first one stays.
    pub fn watch_journals(&self, queued: impl Fn() -> usize + Send + Sync + 'static) {
        let _ = self.0.journals.set(Box::new(queued));
    }

    /// A socket was opened.
    pub fn connection_opened(&self, transport: Transport) {
        self.connections(transport).increment(1.0);
    }

    /// A socket that was counted as opened is gone.
    pub fn connection_closed(&self, transport: Transport) {
        self.connections(transport).decrement(1.0);
    }

    /// Broadcasts were written, or handed over to be written, to so many sockets; and to so many not, since they lag.
    pub fn broadcasts(&self, delivered: u64, dropped: u64) {
        if delivered > 0 {
            self.0.delivered.increment(delivered);
        }
        if dropped > 0 {
            self.0.dropped.increment(dropped);
        }
    }

    /// So many bytes wait more for a socket to read, or less.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn outbound_queued(&self, before: usize, now: usize) {
        self.0.outbound_queued.increment(now as f64 - before as f64);
    }

    /// Something was refused by a rate limit, named by its key: `messages_per_user`.
    pub fn rate_limited(&self, limit: &'static str) {
        let labels = [("limit", limit)];
        let refusals = &self.0.refusals;
        refusals
            .entry(limit)
            .or_insert_with(|| counter(&self.0.recorder, RATE_LIMITED, &labels))
            .increment(1);
    }

    /// Has the runtime this is called from measured. Each worker has one of its own.
    pub fn watch_runtime(&self) {
        if let Ok(handle) = Handle::try_current() {
            let mut runtimes = self.0.runtimes.lock().unwrap_or_else(PoisonError::into_inner);
            if runtimes.iter().all(|known| known.id() != handle.id()) {
                runtimes.push(handle);
            }
        }
    }

    /// All metrics as Prometheus text.
    pub fn render(&self) -> String {
        self.sample();
        self.0.handle.render()
    }

    /// Takes samples of memory and queues, and folds recorded durations into their buckets, without which they pile
    /// up until the next [`Metrics::render`]. To be called every [`UPKEEP_INTERVAL`].
    pub fn upkeep(&self) {
        self.sample();
        self.0.handle.run_upkeep();
    }

    fn connections(&self, transport: Transport) -> &Gauge {
        match transport {
            Transport::WebSocket => &self.0.websockets,
            Transport::LongPoll => &self.0.longpolls,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn sample(&self) {
        let inner = &self.0;
        inner.uptime.set(inner.started.elapsed().as_secs_f64());
        if let Some(bytes) = resident_memory_bytes() {
            inner.memory.set(bytes as f64);
        }
        if let Some(queued) = inner.journals.get() {
            inner.journal_queued.set(queued() as f64);
        }
        let (mut queued, mut alive) = (0, 0);
        for runtime in inner.runtimes.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            queued += runtime.metrics().global_queue_depth();
            alive += runtime.metrics().num_alive_tasks();
        }
        inner.run_queue.set(queued as f64);
        inner.tasks.set(alive as f64);
    }
}

/// Memory of this process that is resident, in bytes; `None` where the system does not tell.
pub fn resident_memory_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn find(methods: &[(&'static str, Histogram)], method: &str) -> Option<Histogram> {
    methods
        .iter()
        .find(|(known, _)| *known == method)
        .map(|(_, histogram)| histogram.clone())
}

/// Methods are free text for whoever sends them; labels are not.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => OTHER,
    }
}

fn result(ok: bool) -> &'static str {
    if ok { "ok" } else { "error" }
}

static METADATA: Metadata<'static> = Metadata::new("parlour", Level::INFO, Some("parlour"));

fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
    let labels: Vec<_> = labels
        .iter()
        .map(|(name, value)| Label::new(*name, (*value).to_owned()))
        .collect();
    Key::from_parts(name, labels)
}

fn counter(recorder: &PrometheusRecorder, name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
    recorder.register_counter(&key(name, labels), &METADATA)
}

fn gauge(recorder: &PrometheusRecorder, name: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
    recorder.register_gauge(&key(name, labels), &METADATA)
}

fn histogram(recorder: &PrometheusRecorder, name: &'static str, labels: &[(&'static str, &str)]) -> Histogram {
    recorder.register_histogram(&key(name, labels), &METADATA)
}
