//! Presence as clients see it, at every level and across their changes; and what a crowd costs.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::*;
use crate::accounts::UserKind;

const LIMITS: PresenceLimits = PresenceLimits {
    exact_max: 10,
    batched_max: 20,
    sample_max: 5,
};

/// A client that follows the protocol as the official one does: key to refs.
#[derive(Clone, Default, Debug)]
struct Follower(BTreeMap<String, BTreeSet<String>>);

impl Follower {
    fn refs(entry: &Value) -> impl Iterator<Item = String> {
        let metas = entry["metas"].as_array().unwrap().iter();
        metas.map(|meta| meta["phx_ref"].as_str().unwrap().to_owned())
    }

    fn state(state: &RawValue) -> Self {
        let state: Map<String, Value> = serde_json::from_str(state.get()).unwrap();
        let entries = state.iter();
        Self(
            entries
                .map(|(key, entry)| (key.clone(), Self::refs(entry).collect()))
                .collect(),
        )
    }

    fn told(&mut self, news: &PresenceNews) {
        for (event, payload) in news.events().unwrap() {
            match event {
                "presence_state" => *self = Self::state(&payload),
                _ => self.diff(&serde_json::from_str(payload.get()).unwrap()),
            }
        }
    }

    fn diff(&mut self, diff: &Value) {
        for (key, entry) in diff["joins"].as_object().unwrap() {
            self.0.entry(key.clone()).or_default().extend(Self::refs(entry));
        }
        for (key, entry) in diff["leaves"].as_object().unwrap() {
            if let Some(known) = self.0.get_mut(key) {
                for gone in Self::refs(entry) {
                    known.remove(&gone);
                }
                if known.is_empty() {
                    self.0.remove(key);
                }
            }
        }
    }

    /// What it shows, but for one channel.
    fn without(&self, user_id: UserId, reference: PresenceRef) -> Self {
        let mut other = self.clone();
        if let Some(refs) = other.0.get_mut(&user_id.to_string()) {
            refs.remove(&reference.to_string());
            if refs.is_empty() {
                other.0.remove(&user_id.to_string());
            }
        }
        other
    }
}

/// The payload of `presence_diff`.
fn value(news: &PresenceNews) -> Value {
    let events = news.events().unwrap();
    let (event, payload) = events.last().unwrap();
    assert_eq!(*event, "presence_diff");
    serde_json::from_str(payload.get()).unwrap()
}

fn user(number: usize) -> UserId {
    UserId(Uuid::from_u128(number as u128))
}

fn presentee(number: usize) -> Presentee {
    Presentee::now(Arc::new(UserRef {
        id: user(number),
        username: format!("user{number}"),
        name: None,
        avatar_url: None,
        kind: UserKind::Account,
    }))
}

fn fill(presence: &mut LeveledPresence, count: usize) -> Vec<(UserId, PresenceRef)> {
    (0..count)
        .map(|number| (user(number), presence.track(presentee(number))))
        .collect()
}

/// What a client shows that was told everything.
fn shown(presence: &LeveledPresence) -> Follower {
    Follower::state(&encoded(&presence.shown()))
}

#[test]
fn a_small_room_tells_every_change_at_once_with_level_and_count() {
    let mut presence = LeveledPresence::new(LIMITS);
    let reference = presence.track(presentee(1));
    let news = value(&presence.urgent_news().unwrap());
    assert_eq!((&news["level"], &news["count"]), (&"exact".into(), &1.into()));
    let meta = &news["joins"][user(1).to_string()]["metas"][0];
    assert_eq!(
        (&meta["username"], &meta["user_id"], &meta["phx_ref"]),
        (
            &"user1".into(),
            &user(1).to_string().into(),
            &reference.to_string().into()
        )
    );
    assert!(meta["online_at"].is_i64() && news["leaves"].is_object());
    assert!(presence.news().is_none(), "told already");
    presence.untrack(user(1), reference);
    presence.untrack(user(1), reference);
    assert!(value(&presence.urgent_news().unwrap())["leaves"][user(1).to_string()].is_object());
}

#[test]
fn a_larger_room_waits_and_tells_together() {
    let mut presence = LeveledPresence::new(LIMITS);
    let users = fill(&mut presence, 11);
    assert!(presence.urgent_news().is_none());
    let news = value(&presence.news().unwrap());
    assert_eq!((&news["level"], &news["count"]), (&"batched".into(), &11.into()));
    assert_eq!(news["joins"].as_object().unwrap().len(), 11);
    let (user_id, reference) = users[0];
    presence.untrack(user_id, reference);
    presence.track(presentee(0));
    let news = value(&presence.news().unwrap());
    let len = |part: &str| news[part].as_object().unwrap().len();
    assert_eq!((len("joins"), len("leaves")), (1, 1));
}

#[test]
fn who_comes_and_goes_between_two_tellings_is_seen_by_nobody() {
    let mut presence = LeveledPresence::new(LIMITS);
    fill(&mut presence, 15);
    presence.news();
    let short = presence.track(presentee(15));
    let joiner = presence.track(presentee(16));
    let mut follower = Follower::state(&presence.state_for(user(16), joiner));
    assert!(
        follower.0.contains_key(&user(16).to_string()),
        "one sees oneself at once"
    );
    presence.untrack(user(15), short);
    follower.told(&presence.news().unwrap());
    assert_eq!(follower.0, shown(&presence).0);
}

#[test]
fn a_crowd_that_leaves_is_told_as_those_who_stay() {
    let mut presence = LeveledPresence::new(LIMITS);
    let users = fill(&mut presence, 20);
    let mut follower = Follower::default();
    follower.told(&presence.news().unwrap());
    for &(user_id, reference) in &users[9..] {
        presence.untrack(user_id, reference);
    }
    let news = presence.news().unwrap();
    assert!(
        news.events()
            .unwrap()
            .iter()
            .all(|(event, _)| *event == "presence_state" || value(&news)["leaves"] == Value::Object(Map::new()))
    );
    follower.told(&news);
    assert_eq!(follower.0, shown(&presence).0);
}

#[test]
fn a_huge_room_tells_a_count_and_a_sample_that_stays_full() {
    let mut presence = LeveledPresence::new(LIMITS);
    let users = fill(&mut presence, 30);
    let mut follower = Follower::default();
    let news = presence.urgent_news().unwrap();
    follower.told(&news);
    let news = value(&news);
    assert_eq!((&news["level"], &news["count"]), (&"sampled".into(), &30.into()));
    assert_eq!(follower.0.len(), 5);
    let of = |key: &String| *users.iter().find(|(user_id, _)| user_id.to_string() == *key).unwrap();
    let (user_id, reference) = of(follower.0.keys().next().unwrap());
    presence.untrack(user_id, reference);
    let news = presence.news().unwrap();
    follower.told(&news);
    let news = value(&news);
    assert!(news["leaves"][user_id.to_string()].is_object());
    assert_eq!(
        news["joins"].as_object().unwrap().len(),
        1,
        "somebody else comes into view"
    );
    assert_eq!(follower.0.len(), 5);

    let hidden = |follower: &Follower| {
        let is_hidden = |(id, _): &&(UserId, PresenceRef)| *id != user_id && !follower.0.contains_key(&id.to_string());
        *users.iter().find(is_hidden).unwrap()
    };
    let (gone, reference) = hidden(&follower);
    presence.untrack(gone, reference);
    let news = value(&presence.news().unwrap());
    assert!(news["joins"].as_object().unwrap().is_empty() && news["leaves"].as_object().unwrap().is_empty());
    assert_eq!(news["count"], 28);

    let joiner = presence.track(presentee(30));
    let state = Follower::state(&presence.state_for(user(30), joiner));
    assert!(state.0.contains_key(&user(30).to_string()), "one sees oneself");
    assert_eq!(state.0.len(), 6);
}

#[test]
fn a_room_at_the_border_does_not_go_to_and_fro() {
    let mut presence = LeveledPresence::new(LIMITS);
    let users = fill(&mut presence, 11);
    let summary = |level, count| PresenceSummary { level, count };
    for &(user_id, reference) in &users[..2] {
        presence.untrack(user_id, reference);
    }
    assert_eq!(presence.summary(), summary(PresenceLevel::Batched, 9));
    let (user_id, reference) = users[2];
    presence.untrack(user_id, reference);
    assert_eq!(presence.summary(), summary(PresenceLevel::Exact, 8));
    assert!(
        presence.urgent_news().is_some(),
        "what was kept back is told on the way"
    );
}

#[test]
fn a_level_is_left_again_however_small_the_limits_are() {
    assert_eq!([1, 3, 6, 200, 1000].map(left_at), [1, 2, 4, 160, 800]);
}

/// What N joins at once cost, and their leaving, in bytes of presence to everybody, with the default limits. Changes
/// are told together after the first `first` of them, and from then on each `every`.
fn storm(joins: usize, first: usize, every: usize) -> (usize, usize) {
    let mut presence = LeveledPresence::new(PresenceLimits {
        exact_max: 100,
        batched_max: 300,
        sample_max: 10,
    });
    let is_tick = |changes: usize| changes >= first && (changes - first).is_multiple_of(every);
    let tell = |news: Option<PresenceNews>, present: usize| -> usize {
        let payloads = news.map(|news| news.events().unwrap()).unwrap_or_default();
        payloads.iter().map(|(_, payload)| payload.get().len() * present).sum()
    };
    let (mut coming, mut going) = (0, 0);
    let mut tracked = Vec::with_capacity(joins);
    for number in 1..=joins {
        let reference = presence.track(presentee(number));
        coming += presence.state_for(user(number), reference).get().len();
        coming += tell(presence.urgent_news(), number);
        if is_tick(number) {
            coming += tell(presence.news(), number);
        }
        tracked.push((user(number), reference));
    }
    coming += tell(presence.news(), joins);
    for (number, (user_id, reference)) in tracked.into_iter().enumerate() {
        let left = joins - number - 1;
        presence.untrack(user_id, reference);
        going += tell(presence.urgent_news(), left);
        if is_tick(number) {
            going += tell(presence.news(), left);
        }
    }
    assert_eq!(presence.summary().count, 0);
    (coming, going)
}

#[test]
fn a_crowd_costs_bytes_by_the_head_and_not_by_its_square() {
    // 2,000 joins a second and a telling each second. The worst moment for the first one is when everybody is shown of
    // as many as that is done for; the best is far later.
    let joins = 10_000;
    for (first, every) in [(300, 2_000), (2_000, 2_000), (joins, joins)] {
        let (coming, going) = storm(joins, first, every);
        let each = (coming / joins, going / joins);
        assert!(each.0 <= 4_000 && each.1 <= 4_000, "{first}, {every}: {each:?}");
    }
    let (few, many) = (storm(2_500, 500, 500).0 / 2_500, storm(10_000, 2_000, 2_000).0 / 10_000);
    assert!(many <= few, "{few} bytes for each, and with four times as many {many}");
}

/// A client on one channel, which joined at some time and follows.
struct Joined {
    number: usize,
    reference: PresenceRef,
    follower: Follower,
}

proptest! {
    /// Whatever happens, all who follow are right about everybody who is shown, whenever they came, and everybody is
    /// shown below the last level.
    #[test]
    fn followers_are_always_right(steps in prop::collection::vec((0_usize..40, any::<bool>(), 0_u8..4), 1..300)) {
        let mut presence = LeveledPresence::new(LIMITS);
        let mut joined: Vec<Joined> = Vec::new();
        let mut watcher = Follower::default();
        let mut tell = |news: Option<PresenceNews>, joined: &mut Vec<Joined>| {
            if let Some(news) = news {
                watcher.told(&news);
                for joined in joined {
                    joined.follower.told(&news);
                }
            }
            watcher.clone()
        };
        for (number, comes, when) in steps {
            if comes {
                let reference = presence.track(presentee(number));
                let follower = Follower::state(&presence.state_for(user(number), reference));
                let own = follower.0.get(&user(number).to_string());
                prop_assert!(own.is_some_and(|refs| refs.contains(&reference.to_string())), "one sees oneself");
                joined.push(Joined { number, reference, follower });
            } else if let Some(at) = joined.iter().rposition(|joined| joined.number == number) {
                let gone = joined.remove(at);
                presence.untrack(user(number), gone.reference);
            }
            let news = if when == 0 { presence.news() } else { presence.urgent_news() };
            tell(news, &mut joined);
        }
        let news = presence.news();
        let watcher = tell(news, &mut joined);
        let shown = shown(&presence);
        prop_assert_eq!(&watcher.0, &shown.0);
        let users: BTreeSet<usize> = joined.iter().map(|joined| joined.number).collect();
        let mut channels: HashMap<usize, usize> = HashMap::new();
        for Joined { number, reference, follower } in &joined {
            // In a sample only its own client knows of a channel that is not in there.
            let without = |seen: &Follower| seen.without(user(*number), *reference);
            prop_assert_eq!(without(follower).0, without(&shown).0);
            *channels.entry(*number).or_default() += 1;
        }
        prop_assert!(channels.iter().all(|(&number, &count)| presence.metas_of(user(number)) == count));
        prop_assert_eq!(presence.summary().count, users.len());
        let sampled = presence.summary().level == PresenceLevel::Sampled;
        prop_assert_eq!(shown.0.len(), if sampled { 5 } else { users.len() });
    }
}
