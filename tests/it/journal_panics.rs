//! A panic while messages are stored ends their batch, and nothing else. The journals write to a store that panics once
//! after one of their statements, as a bug would.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use parlour::{
    accounts::User,
    chat::{self, MessageQuery, NewMessage, Room, RoomRef},
    config::LimitSettings,
    metrics::Metrics,
    realtime::{QueuedMessage, Realtime, SendError, Sender},
    scope::Scope,
    store::{QueryObserver, Store},
    tenants,
};
use serde_json::json;
use tokio::time;

use crate::helpers::{app::settings, journal::until_queued, people, socket::PATIENCE};

/// Longer than the test takes.
const NEVER: Duration = Duration::from_secs(3600);

/// Panics after one of the statements that it is shown.
#[derive(Default)]
struct Trap {
    /// How many are to come until then, that one included; none when it is not set, or has sprung.
    left: AtomicUsize,
}

impl Trap {
    fn observer(self: &Arc<Self>) -> QueryObserver {
        let trap = Arc::clone(self);
        Arc::new(move |_, _| {
            let left = trap
                .left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            assert_ne!(left, Ok(1), "a test lets the journal fail");
        })
    }

    fn set(&self, statements: usize) {
        self.left.store(statements, Ordering::SeqCst);
    }

    /// Says whether it has sprung.
    fn disarm(&self) -> bool {
        self.left.swap(0, Ordering::SeqCst) == 0
    }
}

/// What the room has, in its order, after checking that its numbers have no gap.
async fn contents(store: &Store, scope: &Scope, room: &Room) -> Vec<String> {
    let query = MessageQuery {
        limit: 100,
        ..MessageQuery::default()
    };
    let page = chat::list_messages(store, scope, &RoomRef::Id(room.id), query)
        .await
        .unwrap();
    let numbers: Vec<_> = page.messages.iter().map(|message| message.seq).collect();
    assert_eq!(numbers, (1..).take(numbers.len()).collect::<Vec<i64>>());
    page.messages.into_iter().map(|message| message.content).collect()
}

both_engines! {
    async fn each_message_of_the_batch_is_answered_and_stored_once_when_it_is_sent_again(db: TestDatabase) {
        let mut settings = settings(&db);
        settings.limits = LimitSettings::off();
        let realtime = &mut settings.realtime;
        realtime.journals = Some(1);
        // Who is not answered waits for ever, and nobody else uses the store that fails.
        (realtime.send_timeout, realtime.control_interval, realtime.unread_interval) = (NEVER, NEVER, NEVER);
        let trap = Arc::new(Trap::default());
        let mut store = db.store.clone();
        store.on_query(&trap.observer());
        let metrics = Metrics::new(&settings);
        let realtime = Realtime::start(&settings, store, metrics.clone()).await.unwrap();

        let ann = people::user(&db.store, "acme", "ann").await;
        let scope = people::scope_of(&ann);
        let [room, full] = ["Room", "Full"].map(|name| people::public_room(&db.store, &scope, name));
        let (room, full) = (room.await, full.await);
        let mut tenant = tenants::get_tenant(&db.store, ann.tenant_id).await.unwrap();
        // Newcomers are let in by a second transaction, after the others' messages are stored.
        tenant.limits = serde_json::from_value(json!({ "dry_run": true, "members_per_room_max": 1 })).unwrap();
        let tenant = Arc::new(tenant);
        let send = async |user: &User, room: &Room, content: &str| -> QueuedMessage {
            let sender = Sender {
                scope: people::scope_of(user),
                user: user.clone().into(),
                tenant: Arc::clone(&tenant),
            };
            let message = NewMessage {
                content: content.to_owned(),
                client_id: Some(content.to_owned()),
                ..NewMessage::default()
            };
            realtime.queue_message(&sender, &RoomRef::Id(room.id), message).await.unwrap()
        };
        let stored = async |queued: Vec<QueuedMessage>| {
            let answers = join_all(queued.into_iter().map(QueuedMessage::stored));
            time::timeout(PATIENCE, answers).await.expect("everybody is answered")
        };

        let (mut refused_together, mut stored_and_refused) = (0, 0);
        for round in 1.. {
            let newcomer = people::user(&db.store, "acme", &format!("newcomer-{round}")).await;
            let one_round = async || {
                let mut queued = Vec::new();
                for (user, room, content) in [
                    (&ann, &room, format!("{round}-first")),
                    (&newcomer, &full, format!("{round}-newcomer")),
                    (&ann, &room, format!("{round}-last")),
                ] {
                    queued.push(send(user, room, &content).await);
                }
                queued
            };
            let held = people::hold(&db.store, &scope, &room).await;
            let queued = one_round().await;
            trap.set(round);
            held.rollback().await.unwrap();
            let answers = stored(queued).await;
            let is_over = !trap.disarm();
            until_queued(&metrics, 0).await;
            let refused: Vec<bool> = answers
                .iter()
                .map(|answer| match answer {
                    Ok(_) => false,
                    Err(SendError::Unavailable) => true,
                    Err(error) => panic!("{error}"),
                })
                .collect();
            assert_eq!(refused.contains(&true), !is_over, "statement {round}: {refused:?}");
            refused_together = refused_together.max(refused.iter().filter(|refused| **refused).count());

            for (answer, refused) in stored(one_round().await).await.into_iter().zip(refused) {
                let repeated = answer.unwrap().repeated;
                assert!(repeated || refused, "stored twice");
                stored_and_refused += usize::from(repeated && refused);
            }
            if is_over {
                let sent = |names: &[&str]| -> BTreeSet<String> {
                    (1..=round).flat_map(|round| names.iter().map(move |name| format!("{round}-{name}"))).collect()
                };
                for (room, names) in [(&room, &["first", "last"][..]), (&full, &["newcomer"])] {
                    let contents = contents(&db.store, &scope, room).await;
                    assert_eq!(contents.len(), names.len() * round);
                    assert_eq!(BTreeSet::from_iter(contents), sent(names));
                }
                break;
            }
        }
        assert!(refused_together > 1, "some were stored together");
        assert!(stored_and_refused > 0, "some were stored before the panic");
        realtime.stop();
    }
}
