//! How much is told about who is present: everything in small rooms, everything but later in larger ones,
//! a count and a sample in huge ones.
//!
//! Telling everybody about everybody costs N² bytes. So above [`PresenceLimits::exact_max`] users changes
//! are collected and told together, and above [`PresenceLimits::batched_max`] only a sample of the users is
//! shown at all. A client that follows `presence_state` and `presence_diff` as Phoenix defines them is right
//! about those who are shown at every level, across the changes of level too: those who vanish from view
//! leave, those who come into view join. The level and the number of users stand beside `joins` and
//! `leaves`, where stock clients do not look.
//!
//! What keeps a crowd that comes at once from costing N² all the same:
//! * A joiner is told what the others have been told, and itself; what they will be told next, it will be told with
//!   them. So that state is encoded once for all who join between two tellings, and a meta that comes and goes in
//!   between needs no mention to anybody.
//! * Where a diff has become larger than the state it leads to, the state is told instead: clients compare it with what
//!   they had (protocol §9.4).

use std::{collections::BTreeSet, sync::Arc};

use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::{
    chat::UserRef,
    ids::UserId,
    phoenix::{Presence, PresenceDiff, PresenceRef, PresenceState},
    timestamp::Timestamp,
    wire::ParticipantOut,
};

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

/// Somebody on one channel, as others are shown. Small: the text is shared.
#[derive(Clone, Debug)]
pub struct Presentee {
    who: Arc<UserRef>,
    /// In seconds since 1970.
    online_at: i64,
}

impl Presentee {
    /// Somebody who has just come.
    pub fn now(who: Arc<UserRef>) -> Self {
        Self {
            who,
            online_at: Timestamp::now().seconds(),
        }
    }
}

impl Serialize for Presentee {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Meta {
            online_at: i64,
            #[serde(flatten)]
            who: ParticipantOut,
        }

        let Self { who, online_at } = self;
        Meta {
            online_at: *online_at,
            who: UserRef::clone(who).into(),
        }
        .serialize(serializer)
    }
}

type State = PresenceState<UserId, Presentee>;
type Diff = PresenceDiff<UserId, Presentee>;

/// What everybody on a topic is to be told about who is present.
#[derive(Clone, Debug)]
pub struct PresenceNews {
    /// Takes the place of what was told before.
    state: Option<State>,
    changes: Changes,
}

/// Payload of `presence_diff`.
#[derive(Clone, Debug, Serialize)]
struct Changes {
    #[serde(flatten)]
    diff: Diff,
    #[serde(flatten)]
    summary: PresenceSummary,
}

impl PresenceNews {
    /// The events to broadcast, in this order, with their payloads.
    ///
    /// # Errors
    /// When a payload cannot be encoded.
    pub fn events(&self) -> Result<Vec<(&'static str, Box<RawValue>)>, serde_json::Error> {
        let state = self.state.as_ref().map(|state| ("presence_state", to_raw_value(state)));
        let changes = ("presence_diff", to_raw_value(&self.changes));
        let events = state.into_iter().chain([changes]);
        events.map(|(event, payload)| Ok((event, payload?))).collect()
    }
}

/// Who is present on one topic, and what of it clients have been told.
///
/// At each moment: what is shown is what was told, changed by what is pending.
#[derive(Debug)]
pub struct LeveledPresence {
    limits: PresenceLimits,
    all: Presence<UserId, Presentee>,
    level: PresenceLevel,
    /// Changes of what is shown that nobody has been told yet.
    pending: Diff,
    /// Who is shown while the level is `Sampled`.
    sample: BTreeSet<UserId>,
    told: PresenceSummary,
    /// JSON of the state that everybody has been told, from the first joiner who needs it until more is told.
    told_state: Option<Box<RawValue>>,
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
            told_state: None,
        }
    }

    /// A channel of the presentee appears.
    pub fn track(&mut self, presentee: Presentee) -> PresenceRef {
        let user_id = presentee.who.id;
        let (reference, joined) = self.all.track(user_id, presentee);
        match self.level {
            PresenceLevel::Exact | PresenceLevel::Batched => self.pending.merge(joined),
            PresenceLevel::Sampled if self.sample.contains(&user_id) => self.pending.merge(joined),
            PresenceLevel::Sampled if self.sample.len() < self.limits.sample_max => self.show(user_id),
            PresenceLevel::Sampled => {}
        }
        self.settle();
        reference
    }

    /// The user's channel that was tracked as `reference` is gone.
    pub fn untrack(&mut self, user_id: UserId, reference: PresenceRef) {
        let Some(left) = self.all.untrack(user_id, reference) else {
            return;
        };
        match self.level {
            PresenceLevel::Exact | PresenceLevel::Batched => self.pending.merge(left),
            PresenceLevel::Sampled if self.sample.contains(&user_id) => {
                self.pending.merge(left);
                if !self.all.is_present(user_id) {
                    self.sample.remove(&user_id);
                    let next = self.all.keys().rfind(|other| !self.sample.contains(other));
                    if let Some(next) = next {
                        self.show(next);
                    }
                }
            }
            PresenceLevel::Sampled => {}
        }
        self.settle();
    }

    /// What has to be told at once: everything while the level is `Exact`, and the way back to it; and that from now on
    /// only some are shown, before many more joiners are told of those who are not.
    pub fn urgent_news(&mut self) -> Option<PresenceNews> {
        match self.level {
            PresenceLevel::Exact => self.news(),
            PresenceLevel::Sampled if self.told.level != PresenceLevel::Sampled => self.news(),
            PresenceLevel::Batched | PresenceLevel::Sampled => None,
        }
    }

    /// Everything that has not been told yet.
    pub fn news(&mut self) -> Option<PresenceNews> {
        let summary = self.summary();
        if self.pending.is_empty() && self.told == summary {
            return None;
        }
        self.told = summary;
        let mut diff = std::mem::take(&mut self.pending);
        if !diff.is_empty() {
            self.told_state = None;
        }
        let state = (self.level != PresenceLevel::Exact && diff.len() > self.shown_len()).then(|| {
            diff = PresenceDiff::default();
            self.shown()
        });
        Some(PresenceNews {
            state,
            changes: Changes { diff, summary },
        })
    }

    /// Payload of `presence_state` for the user's channel that was tracked as `reference`: what was told so far, and
    /// this channel. All that is told from now on has to follow.
    pub fn state_for(&mut self, user_id: UserId, reference: PresenceRef) -> Box<RawValue> {
        let own = self.all.state_of_one(user_id, reference);
        if self.level == PresenceLevel::Exact || self.was_told(user_id) {
            return encoded(&self.told().and(own));
        }
        let told = self.told_state.take().unwrap_or_else(|| encoded(&self.told()));
        let state = join_objects(&told, &encoded(&own));
        self.told_state = Some(told);
        state
    }

    /// The level, and how many users are present.
    pub fn summary(&self) -> PresenceSummary {
        PresenceSummary {
            level: self.level,
            count: self.all.len(),
        }
    }

    /// Devices of a user.
    pub fn metas_of(&self, user_id: UserId) -> usize {
        self.all.metas_of(user_id)
    }

    fn show(&mut self, user_id: UserId) {
        self.pending.merge(PresenceDiff::joining(self.all.state_of([user_id])));
        self.sample.insert(user_id);
    }

    /// Whom clients are to show, once they have been told everything.
    fn shown(&self) -> State {
        match self.level {
            PresenceLevel::Exact | PresenceLevel::Batched => self.all.state().clone(),
            PresenceLevel::Sampled => self.all.state_of(self.sample.iter().copied()),
        }
    }

    fn shown_len(&self) -> usize {
        match self.level {
            PresenceLevel::Exact | PresenceLevel::Batched => self.all.state().len(),
            PresenceLevel::Sampled => self.sample.iter().map(|&user_id| self.all.metas_of(user_id)).sum(),
        }
    }

    /// Whom clients show who were told everything so far.
    fn told(&self) -> State {
        self.shown().before(&self.pending)
    }

    /// Whether clients show this user so far.
    fn was_told(&self, user_id: UserId) -> bool {
        let is_shown = self.level != PresenceLevel::Sampled || self.sample.contains(&user_id);
        let joins = self.pending.joins();
        self.pending.leaves().refs_of(user_id).next().is_some()
            || (is_shown && self.all.state().refs_of(user_id).any(|r| !joins.has(user_id, r)))
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
                self.sample = self.all.keys().step_by(step.max(1)).take(sample_max).collect();
                let hidden = self.all.state().part(|user_id| !self.sample.contains(&user_id));
                self.pending.merge(PresenceDiff::leaving(hidden));
            }
            PresenceLevel::Sampled if count <= left_at(batched_max) => {
                self.level = PresenceLevel::Batched;
                let hidden = self.all.state().part(|user_id| !self.sample.contains(&user_id));
                self.pending.merge(PresenceDiff::joining(hidden));
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

/// Serialises maps whose keys are strings, which cannot fail; `null` would stand for the impossible.
fn encoded(state: &State) -> Box<RawValue> {
    to_raw_value(state).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// One object of two that have no key in common.
fn join_objects(one: &RawValue, other: &RawValue) -> Box<RawValue> {
    match (one.get().strip_suffix('}'), other.get().strip_prefix('{')) {
        (Some("{"), _) => other.to_owned(),
        (Some(head), Some(tail)) if tail != "}" => {
            RawValue::from_string(format!("{head},{tail}")).unwrap_or_else(|_| one.to_owned())
        }
        _ => one.to_owned(),
    }
}

#[cfg(test)]
#[path = "presence_levels_tests.rs"]
mod tests;
