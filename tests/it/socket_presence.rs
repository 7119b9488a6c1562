//! Presence in rooms of all sizes: what a client that follows Phoenix's rules ends up with.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use parlour::config::{Cap, LimitSettings};
use serde_json::Value;

use crate::helpers::{app::TestApp, database::TestDatabase, socket::TestSocket};

const TOPIC: &str = "room:general";

/// Who is there, by the rules of the official client: key to refs.
#[derive(Debug, Default)]
struct Follower {
    /// What came before the first state of this join waits for it.
    state: Option<BTreeMap<String, BTreeSet<String>>>,
    waiting: Vec<Value>,
    level: String,
    count: u64,
}

fn refs(entry: &Value) -> BTreeSet<String> {
    let metas = entry["metas"].as_array().expect("metas");
    assert!(!metas.is_empty(), "an entry has at least one meta");
    metas
        .iter()
        .map(|meta| meta["phx_ref"].as_str().expect("a ref").to_owned())
        .collect()
}

fn sync(state: &mut BTreeMap<String, BTreeSet<String>>, diff: &Value) {
    let (joins, leaves) = (diff["joins"].as_object().unwrap(), diff["leaves"].as_object().unwrap());
    for (key, entry) in joins {
        let left = leaves.get(key).map(refs).unwrap_or_default();
        assert!(
            left.is_disjoint(&refs(entry)),
            "a meta comes and goes in one diff: {diff}"
        );
        state.entry(key.clone()).or_default().extend(refs(entry));
    }
    for (key, entry) in leaves {
        if let Some(known) = state.get_mut(key) {
            for gone in refs(entry) {
                known.remove(&gone);
            }
            if known.is_empty() {
                state.remove(key);
            }
        }
    }
}

impl Follower {
    fn heed(&mut self, frame: &Value) {
        assert!(
            !["phx_error", "phx_close"].contains(&frame[3].as_str().unwrap()),
            "no channel ends by it: {frame}"
        );
        match frame[3].as_str() {
            Some("presence_state") => {
                let entries = frame[4].as_object().unwrap();
                let mut state = entries.iter().map(|(key, entry)| (key.clone(), refs(entry))).collect();
                for diff in self.waiting.drain(..) {
                    sync(&mut state, &diff);
                }
                self.state = Some(state);
            }
            Some("presence_diff") => {
                self.level = frame[4]["level"].as_str().expect("the level").to_owned();
                self.count = frame[4]["count"].as_u64().expect("the count");
                match &mut self.state {
                    Some(state) => sync(state, &frame[4]),
                    None => self.waiting.push(frame[4].clone()),
                }
            }
            _ => {}
        }
    }

    /// Follows until it is as wished.
    async fn until(&mut self, socket: &mut TestSocket, what: &str, wished: impl Fn(&Self) -> bool) {
        while !wished(self) {
            let frame = socket.next_frame().await;
            self.heed(&frame);
        }
        assert!(self.state.is_some(), "{what}");
    }

    fn keys(&self) -> BTreeSet<String> {
        self.state.iter().flat_map(BTreeMap::keys).cloned().collect()
    }
}

#[actix_web::test]
async fn a_follower_is_right_at_every_level_and_no_channel_ends() {
    let db = TestDatabase::create(crate::helpers::database::Engine::Sqlite).await;
    let app = TestApp::start_with(db, |settings| {
        settings.limits = LimitSettings::off();
        settings.realtime.presence_exact_max = Cap::Max(3);
        settings.realtime.presence_batched_max = Cap::Max(6);
        settings.realtime.presence_sample_max = Cap::Max(2);
        settings.realtime.batch_interval = Duration::from_millis(50);
    })
    .await;
    let mut people = Vec::new();
    for number in 0..10 {
        people.push(app.user("acme", &format!("user-{number}")).await);
    }
    let id = |number: usize| people[number].id();
    let all = |numbers: std::ops::Range<usize>| numbers.map(id).collect::<BTreeSet<_>>();

    let mut watcher = app.connect(&people[0]).await;
    let (_, joined) = watcher.join(TOPIC).await;
    assert_eq!(joined["presence"], serde_json::json!({ "level": "exact", "count": 1 }));
    let mut follower = Follower::default();
    let mut sockets = Vec::new();
    for (number, person) in people.iter().enumerate().skip(1) {
        let mut socket = app.connect(person).await;
        let (channel, joined) = socket.join(TOPIC).await;
        let count = number + 1;
        let level = match count {
            ..=3 => "exact",
            4..=6 => "batched",
            _ => "sampled",
        };
        assert_eq!(
            joined["presence"],
            serde_json::json!({ "level": level, "count": count })
        );
        let state = socket.assert_push(&channel, "presence_state").await;
        assert!(state.get(id(number)).is_some(), "everybody sees themselves");
        let shown = state.as_object().unwrap().len();
        // With the seventh the room becomes too large to show all. The seventh is told first, as every joiner, whom the
        // others have been told; and then with them, that only some are shown.
        assert!(
            if count > 7 { shown <= 3 } else { shown == count },
            "{shown} of {count} shown"
        );
        sockets.push(socket);
        follower
            .until(&mut watcher, "who came is counted", |follower| {
                follower.count == count as u64 && follower.level == level && follower.state.is_some()
            })
            .await;
        if level == "sampled" {
            assert_eq!(follower.keys().len(), 2, "the sample");
        } else {
            follower
                .until(&mut watcher, "who came is shown", |follower| {
                    follower.keys() == all(0..count)
                })
                .await;
        }
    }

    // A second device of somebody shown is a second meta of theirs; of somebody hidden it is nothing at all.
    let shown: Vec<usize> = (0..10)
        .filter(|number| follower.keys().contains(&id(*number)))
        .collect();
    let mut second = app.connect(&people[shown[0]]).await;
    second.join(TOPIC).await;
    follower
        .until(&mut watcher, "the second device", |follower| {
            follower.state.as_ref().unwrap()[&id(shown[0])].len() == 2
        })
        .await;
    second.close(1000).await;
    follower
        .until(&mut watcher, "it is gone", |follower| {
            follower.state.as_ref().unwrap()[&id(shown[0])].len() == 1
        })
        .await;

    // They leave in another order than they came; the last but one are those the room began with.
    for count in (1..10_usize).rev() {
        drop(sockets.pop());
        follower
            .until(&mut watcher, "who went is not counted", |follower| {
                follower.count == count as u64
            })
            .await;
        let level = match count {
            5.. => "sampled",
            3..=4 => "batched",
            _ => "exact",
        };
        assert_eq!(follower.level, level, "with {count} left");
        if level == "sampled" {
            assert_eq!(follower.keys().len(), 2, "the sample stays full");
        } else {
            assert_eq!(follower.keys(), all(0..count), "all who are left are shown");
        }
        assert!(follower.keys().is_subset(&all(0..count)), "nobody who is gone");
    }
}
