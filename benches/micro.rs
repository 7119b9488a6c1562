//! What single steps of a message's way cost: `cargo bench`, or `cargo bench -- frame` for some of them. `make bench`
//! measures the whole.

#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "a benchmark that cannot begin has nothing to tell"
)]

use std::{hint::black_box, sync::Arc, time::Duration};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use parlour::{
    chat::{self, Append, NewMessage, UserRef, seed},
    config::{Cap, Limit, Settings, Sources},
    entity::user::UserKind,
    ids::{RoomId, UserId},
    metrics::Metrics,
    phoenix::{Broadcast, Version, decode_text},
    realtime::{
        presence_levels::{LeveledPresence, PresenceLimits, Presentee},
        rate_limiter::{RateLimits, Subject},
    },
    scope::Scope,
    store::{DatabaseOptions, Store},
    tenants::{self, Tenant},
};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Rooms that messages are appended to, in turn.
const ROOMS: usize = 10;

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame");
    let content = "x".repeat(100);
    let push =
        format!(r#"["5","17","room:0199c0de-0000-7000-8000-000000000001","new_message",{{"content":"{content}"}}]"#);
    group.throughput(Throughput::Bytes(push.len() as u64));
    group.bench_function("parse a push", |bencher| {
        bencher.iter(|| decode_text(Version::V2, black_box(&push)).expect("it is a frame"));
    });
    let message = json!({
        "id": "0199c0de-0000-7000-8000-000000000002", "seq": 17, "changed_seq": 17, "content": content,
        "user": { "id": "0199c0de-0000-7000-8000-000000000003", "username": "ann", "name": "Ann" },
        "inserted_at": "2026-01-01T00:00:00.000Z", "reactions": [], "attachments": [],
    });
    group.bench_function("encode a broadcast", |bencher| {
        bencher.iter(|| {
            let broadcast = Broadcast::json("room:general", "new_message", black_box(&message)).expect("it is JSON");
            broadcast.frame(Version::V2).expect("it can be sent")
        });
    });
    group.finish();
}

fn user(id: UserId, number: usize) -> Presentee {
    let user = UserRef {
        id,
        username: format!("user-{number}"),
        name: Some(format!("User {number}")),
        avatar_url: None,
        kind: UserKind::Host,
    };
    Presentee::now(Arc::new(user))
}

fn presence(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("presence");
    for present in [10usize, 200, 10_000] {
        let mut presence = LeveledPresence::new(PresenceLimits {
            exact_max: usize::MAX,
            batched_max: usize::MAX,
            sample_max: usize::MAX,
        });
        for number in 0..present {
            presence.track(user(UserId::generate(), number));
        }
        presence.news();
        let id = UserId::generate();
        let somebody = user(id, present);
        group.bench_function(
            BenchmarkId::new("come and go, both diffs as JSON", present),
            |bencher| {
                bencher.iter(|| {
                    let reference = presence.track(somebody.clone());
                    let came = presence.news().map(|news| news.events());
                    presence.untrack(id, reference);
                    (came, presence.news().map(|news| news.events()))
                });
            },
        );
    }
    group.finish();
}

/// A migrated database with rooms, and somebody in each.
struct Log {
    runtime: Runtime,
    store: Store,
    tenant: Tenant,
    members: Vec<(UserId, RoomId)>,
    _folder: TempDir,
}

impl Log {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
        let options = DatabaseOptions::new(format!("sqlite://{}", folder.path().join("log.db").display()).into());
        let (store, tenant, seeded) = runtime.block_on(async {
            Store::migrate(&options).await.expect("it migrates");
            let store = Store::connect(&options).await.expect("it opens");
            let tenant = tenants::ensure_tenant(&store, "bench").await.expect("it is made");
            let plan = seed::SeedPlan {
                tenant_id: tenant.id,
                users: ROOMS,
                rooms: ROOMS,
                per_room: 1,
                password_hash: String::new(),
            };
            let seeded = seed::seed(&store, &plan).await.expect("it is filled");
            (store, tenant, seeded)
        });
        let users = seeded.users.into_iter().map(|(id, _)| id);
        Self {
            runtime,
            store,
            tenant,
            members: users.zip(seeded.rooms).collect(),
            _folder: folder,
        }
    }

    fn batch(&self, messages: usize) -> Vec<Append> {
        let members = self.members.iter().cycle().take(messages);
        members
            .map(|&(user_id, room_id)| Append {
                scope: Scope {
                    tenant_id: self.tenant.id,
                    user_id,
                },
                room_id,
                new: NewMessage {
                    content: "x".repeat(100),
                    ..NewMessage::default()
                },
                members_max: Cap::Off,
            })
            .collect()
    }
}

fn log(criterion: &mut Criterion) {
    let log = Log::new();
    let mut group = criterion.benchmark_group("log");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    for messages in [1usize, 16, 256] {
        group.throughput(Throughput::Elements(messages as u64));
        group.bench_function(BenchmarkId::new("append, one commit on SQLite", messages), |bencher| {
            bencher.iter_batched(
                || log.batch(messages),
                |batch| {
                    let answers = log.runtime.block_on(chat::append_batch(&log.store, &batch));
                    assert!(answers.iter().all(Result::is_ok), "all are stored");
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
    rates(criterion, &log.tenant);
}

fn rates(criterion: &mut Criterion, tenant: &Tenant) {
    let settings = Settings::load(&Sources::default())
        .expect("the defaults are good")
        .settings;
    let mut limits = settings.limits.clone();
    // Never reached, so that each check counts.
    limits.messages_per_user = "1000000/1s".parse().expect("it is a rate");
    let limits = RateLimits::new(&limits, Metrics::new(&settings));
    let users: Vec<UserId> = (0..10_000).map(|_| UserId::generate()).collect();
    let mut users = users.iter().cycle();
    criterion.bench_function("rate/check one of 10,000 users", |bencher| {
        bencher.iter(|| {
            let user = *users.next().expect("it goes round");
            limits.check(tenant, Limit::MessagesPerUser, Subject::User(user))
        });
    });
}

criterion_group!(benches, frames, presence, log);
criterion_main!(benches);
