//! How much is told about who is present: everything in small rooms, everything but later in larger ones,
//! a count and a sample in huge ones.
//!
//! Telling everybody about everybody costs N² bytes. So above [`PresenceLimits::exact_max`] users changes
//! are collected and told together, and above [`PresenceLimits::batched_max`] only a sample of the users is
//! shown at all. A client that follows `presence_state` and `presence_diff` as Phoenix defines them is right
//! about those who are shown at every level, across the changes of level too: those who vanish from view
//! leave, those who come into view join. The level and the number of users stand beside `joins` and
//! `leaves`, where stock clients do not look.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};

use crate::phoenix::{Presence, PresenceDiff, PresenceRef};

/// From which number of users on presence is told in less detail. A level is left again at four fifths of
/// what it was entered at, so that a room at the border does not go to and fro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresenceLimits {
    /// The most users whose every change is told at once.
    pub exact_max: usize,
    /// The most users who are all shown.
    pub batched_max: usize,
    /// Users who are shown above that.
    pub sample_max: usize,
}

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PresenceLevel {
    /// Every change at once.
    Exact,
    /// Every change, some time later and several together.
    Batched,
    /// How many there are, and some of them.
    Sampled,
}

/// How a topic's presence is told, for the reply to a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PresenceSummary {
    /// How much is told.
    pub level: PresenceLevel,
    /// Users who are present, shown or not.
    pub count: usize,
}

/// Payload of `presence_diff`.
#[derive(Clone, Debug, Serialize)]
pub struct PresenceNews {
    #[serde(flatten)]
    diff: PresenceDiff,
    #[serde(flatten)]
    summary: PresenceSummary,
}

/// Who is present on one topic, and what of it clients have been told.
#[derive(Debug)]
pub struct LeveledPresence {
    limits: PresenceLimits,
    all: Presence,
    level: PresenceLevel,
    /// Changes of what is shown that nobody has been told yet.
    pending: PresenceDiff,
    /// Who is shown while the level is `Sampled`.
    sample: BTreeSet<String>,
    told: PresenceSummary,
}

impl LeveledPresence {
    /// Nobody present.
    pub fn new(limits: PresenceLimits) -> Self {
        let level = PresenceLevel::Exact;
        Self {
            limits,
            all: Presence::default(),
            level,
            pending: PresenceDiff::default(),
            sample: BTreeSet::new(),
            told: PresenceSummary { level, count: 0 },
        }
    }

    /// A channel appears under `key`.
    pub fn track(&mut self, key: &str, meta: Map<String, Value>) -> PresenceRef {
        let (reference, joined) = self.all.track(key, meta);
        match self.level {
            PresenceLevel::Exact | PresenceLevel::Batched => self.pending.merge(joined),
            PresenceLevel::Sampled if self.sample.contains(key) => self.pending.merge(joined),
            PresenceLevel::Sampled if self.sample.len() < self.limits.sample_max => self.show(key),
            PresenceLevel::Sampled => {}
        }
        self.settle();
        reference
    }

    /// The channel that was tracked as `reference` is gone.
    pub fn untrack(&mut self, key: &str, reference: &PresenceRef) {
        let Some(left) = self.all.untrack(key, reference) else {
            return;
        };
        match self.level {
            PresenceLevel::Exact | PresenceLevel::Batched => self.pending.merge(left),
            PresenceLevel::Sampled if self.sample.contains(key) => {
                self.pending.merge(left);
                if self.all.metas_of(key) == 0 {
                    self.sample.remove(key);
                    let next = self
                        .all
                        .keys()
                        .find(|&other| !self.sample.contains(other))
                        .map(str::to_owned);
                    if let Some(next) = next {
                        self.show(&next);
                    }
                }
            }
            PresenceLevel::Sampled => {}
        }
        self.settle();
    }

    /// What has to be told at once: everything while the level is `Exact`, and the way back to it.
    pub fn urgent_news(&mut self) -> Option<PresenceNews> {
        if self.level == PresenceLevel::Exact {
            self.news()
        } else {
            None
        }
    }

    /// Everything that has not been told yet.
    pub fn news(&mut self) -> Option<PresenceNews> {
        let summary = self.summary();
        if self.pending.is_empty() && self.told == summary {
            return None;
        }
        self.told = summary;
        let diff = std::mem::take(&mut self.pending);
        Some(PresenceNews { diff, summary })
    }

    /// Payload of `presence_state` for the user `key`, who always sees themselves.
    pub fn state_for(&self, key: &str) -> Box<RawValue> {
        match self.level {
            PresenceLevel::Exact | PresenceLevel::Batched => self.all.state(),
            PresenceLevel::Sampled => self.all.state_of(|other| other == key || self.sample.contains(other)),
        }
    }

    /// The level, and how many users are present.
    pub fn summary(&self) -> PresenceSummary {
        PresenceSummary {
            level: self.level,
            count: self.all.len(),
        }
    }

    /// Devices of a user.
    pub fn metas_of(&self, key: &str) -> usize {
        self.all.metas_of(key)
    }

    fn show(&mut self, key: &str) {
        self.pending.merge(self.all.joins_of(|other| other == key));
        self.sample.insert(key.to_owned());
    }

    /// Goes to the level that fits the number of users.
    fn settle(&mut self) {
        let count = self.all.len();
        let PresenceLimits {
            exact_max,
            batched_max,
            sample_max,
        } = self.limits;
        match self.level {
            PresenceLevel::Exact if count > exact_max => self.level = PresenceLevel::Batched,
            PresenceLevel::Batched if count > batched_max => {
                self.level = PresenceLevel::Sampled;
                // Spread over all keys: ids sort by age, and the oldest accounts are no sample.
                let step = count.div_ceil(sample_max.max(1));
                self.sample = self
                    .all
                    .keys()
                    .step_by(step.max(1))
                    .take(sample_max)
                    .map(str::to_owned)
                    .collect();
                self.pending.merge(self.all.leaves_of(|key| !self.sample.contains(key)));
            }
            PresenceLevel::Sampled if count <= left_at(batched_max) => {
                self.level = PresenceLevel::Batched;
                self.pending.merge(self.all.joins_of(|key| !self.sample.contains(key)));
                self.sample.clear();
            }
            PresenceLevel::Batched if count <= left_at(exact_max) => self.level = PresenceLevel::Exact,
            _ => {}
        }
    }
}

/// The number of users at which a level is left that was entered above `max`.
fn left_at(max: usize) -> usize {
    (max.saturating_mul(4) / 5).max(1)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::collections::{BTreeMap, HashMap};

    use proptest::prelude::*;

    use super::*;

    const LIMITS: PresenceLimits = PresenceLimits {
        exact_max: 10,
        batched_max: 20,
        sample_max: 5,
    };

    /// A client that follows the protocol as the official one does: key to refs.
    #[derive(Default, Debug)]
    struct Follower(BTreeMap<String, BTreeSet<String>>);

    impl Follower {
        fn refs(entry: &Value) -> impl Iterator<Item = String> {
            entry["metas"]
                .as_array()
                .unwrap()
                .iter()
                .map(|meta| meta["phx_ref"].as_str().unwrap().to_owned())
        }

        fn state(state: &RawValue) -> Self {
            let state: Map<String, Value> = serde_json::from_str(state.get()).unwrap();
            Self(
                state
                    .iter()
                    .map(|(key, entry)| (key.clone(), Self::refs(entry).collect()))
                    .collect(),
            )
        }

        fn diff(&mut self, news: &Value) {
            for (key, entry) in news["joins"].as_object().unwrap() {
                self.0.entry(key.clone()).or_default().extend(Self::refs(entry));
            }
            for (key, entry) in news["leaves"].as_object().unwrap() {
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
    }

    fn value(news: &PresenceNews) -> Value {
        serde_json::to_value(news).unwrap()
    }

    fn fill(presence: &mut LeveledPresence, count: usize) -> Vec<(String, PresenceRef)> {
        (0..count)
            .map(|number| {
                let key = format!("user-{number:03}");
                let reference = presence.track(&key, Map::new());
                (key, reference)
            })
            .collect()
    }

    #[test]
    fn a_small_room_tells_every_change_at_once_with_level_and_count() {
        let mut presence = LeveledPresence::new(LIMITS);
        let reference = presence.track("ann", Map::new());
        let news = value(&presence.urgent_news().unwrap());
        assert_eq!((&news["level"], &news["count"]), (&"exact".into(), &1.into()));
        assert!(news["joins"]["ann"]["metas"].is_array() && news["leaves"].is_object());
        assert!(presence.news().is_none(), "told already");
        presence.untrack("ann", &reference);
        presence.untrack("ann", &reference);
        assert!(value(&presence.urgent_news().unwrap())["leaves"]["ann"].is_object());
    }

    #[test]
    fn a_larger_room_waits_and_tells_together() {
        let mut presence = LeveledPresence::new(LIMITS);
        let users = fill(&mut presence, 11);
        assert!(presence.urgent_news().is_none());
        let news = value(&presence.news().unwrap());
        assert_eq!((&news["level"], &news["count"]), (&"batched".into(), &11.into()));
        assert_eq!(news["joins"].as_object().unwrap().len(), 11);
        let (key, reference) = &users[0];
        presence.untrack(key, reference);
        presence.track(key, Map::new());
        let news = value(&presence.news().unwrap());
        assert_eq!(
            (
                news["joins"].as_object().unwrap().len(),
                news["leaves"].as_object().unwrap().len()
            ),
            (1, 1)
        );
    }

    #[test]
    fn a_huge_room_tells_a_count_and_a_sample_that_stays_full() {
        let mut presence = LeveledPresence::new(LIMITS);
        let users = fill(&mut presence, 30);
        let news = value(&presence.news().unwrap());
        assert_eq!((&news["level"], &news["count"]), (&"sampled".into(), &30.into()));
        assert_eq!(
            news["joins"].as_object().unwrap().len(),
            5,
            "those never told are not told to leave either"
        );
        assert!(news["leaves"].as_object().unwrap().is_empty());
        let shown: Vec<String> = news["joins"].as_object().unwrap().keys().cloned().collect();
        let (key, reference) = users.iter().find(|(key, _)| *key == shown[0]).unwrap();
        presence.untrack(key, reference);
        let news = value(&presence.news().unwrap());
        assert!(news["leaves"][key].is_object());
        assert_eq!(
            news["joins"].as_object().unwrap().len(),
            1,
            "somebody else comes into view"
        );
        let hidden = |presence: &LeveledPresence| {
            let seen = Follower::state(&presence.state_for("nobody"));
            let hidden = |(key, _): &&(String, PresenceRef)| presence.metas_of(key) > 0 && !seen.0.contains_key(key);
            users.iter().find(hidden).unwrap().clone()
        };
        let (key, reference) = hidden(&presence);
        presence.untrack(&key, &reference);
        let news = value(&presence.news().unwrap());
        assert!(news["joins"].as_object().unwrap().is_empty() && news["leaves"].as_object().unwrap().is_empty());
        assert_eq!(news["count"], 28);
        let (key, _) = hidden(&presence);
        let state = Follower::state(&presence.state_for(&key));
        assert!(state.0.contains_key(&key), "one sees oneself");
        assert_eq!(state.0.len(), 6);
    }

    #[test]
    fn a_room_at_the_border_does_not_go_to_and_fro() {
        let mut presence = LeveledPresence::new(LIMITS);
        let users = fill(&mut presence, 11);
        for (key, reference) in &users[..2] {
            presence.untrack(key, reference);
        }
        assert_eq!(
            presence.summary(),
            PresenceSummary {
                level: PresenceLevel::Batched,
                count: 9
            }
        );
        let (key, reference) = &users[2];
        presence.untrack(key, reference);
        assert_eq!(
            presence.summary(),
            PresenceSummary {
                level: PresenceLevel::Exact,
                count: 8
            }
        );
        assert!(
            presence.urgent_news().is_some(),
            "what was kept back is told on the way"
        );
    }

    #[test]
    fn a_level_is_left_again_however_small_the_limits_are() {
        assert_eq!([1, 3, 6, 200, 1000].map(left_at), [1, 2, 4, 160, 800]);
    }

    proptest! {
        /// Whatever happens, a client that follows is right about everybody who is shown, and everybody is
        /// shown below the last level.
        #[test]
        fn a_follower_is_always_right(steps in prop::collection::vec((0_usize..40, any::<bool>(), 0_u8..4), 1..300)) {
            let mut presence = LeveledPresence::new(LIMITS);
            let mut tracked: HashMap<usize, Vec<PresenceRef>> = HashMap::new();
            let mut follower = Follower::state(&presence.state_for("watcher"));
            for (user, comes, tell) in steps {
                let key = format!("user-{user:03}");
                if comes {
                    tracked.entry(user).or_default().push(presence.track(&key, Map::new()));
                } else if let Some(reference) = tracked.get_mut(&user).and_then(Vec::pop) {
                    presence.untrack(&key, &reference);
                }
                let news = if tell == 0 { presence.news() } else { presence.urgent_news() };
                if let Some(news) = news {
                    follower.diff(&value(&news));
                }
            }
            if let Some(news) = presence.news() {
                follower.diff(&value(&news));
            }
            let fresh = Follower::state(&presence.state_for("watcher"));
            prop_assert_eq!(&follower.0, &fresh.0);
            let present = tracked.values().filter(|refs| !refs.is_empty()).count();
            prop_assert_eq!(presence.summary().count, present);
            if presence.summary().level == PresenceLevel::Sampled {
                prop_assert_eq!(fresh.0.len(), 5);
            } else {
                prop_assert_eq!(fresh.0.len(), present);
            }
        }
    }
}
