//! Who is present on one topic, and the changes that clients are told (protocol §9).

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use ::base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};

/// The `phx_ref` of one tracked meta: 16 characters of base64url on the wire, never reused (protocol §9.1).
///
/// A counter makes it unique within the process; random bytes, which it has on the wire only, tell processes apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PresenceRef(NonZeroU64);

impl PresenceRef {
    const FIRST: PresenceRef = PresenceRef(NonZeroU64::MIN);
    const LAST: PresenceRef = PresenceRef(NonZeroU64::MAX);

    fn next() -> PresenceRef {
        static COUNTER: AtomicU64 = AtomicU64::new(1);

        // A counter of 64 bits does not come round.
        PresenceRef(NonZeroU64::new(COUNTER.fetch_add(1, Ordering::Relaxed)).unwrap_or(NonZeroU64::MAX))
    }
}

impl fmt::Display for PresenceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        static PROCESS: OnceLock<[u8; 4]> = OnceLock::new();

        let process = PROCESS.get_or_init(|| {
            let mut bytes = [0; 4];
            // Without entropy the bytes stay zero: refs are still unique here, only alike between processes.
            let _ = getrandom::fill(&mut bytes);
            bytes
        });
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(process);
        bytes[4..].copy_from_slice(&self.0.get().to_be_bytes());
        let mut text = [0; 16];
        let len = BASE64_URL_SAFE_NO_PAD
            .encode_slice(bytes, &mut text)
            .map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&text[..len]).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for PresenceRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One tracked meta; its ref stands beside it.
#[derive(Clone, Debug)]
struct Meta<M> {
    app: M,
    previous: Option<PresenceRef>,
}

/// Metas by key, in the order in which they were tracked: the payload of `presence_state` (protocol §9.1).
///
/// A meta is one entry of one map, without an allocation of its own.
#[derive(Clone, Debug)]
pub struct PresenceState<K, M>(BTreeMap<(K, PresenceRef), Meta<M>>);

impl<K, M> Default for PresenceState<K, M> {
    fn default() -> Self {
        PresenceState(BTreeMap::new())
    }
}

impl<K: Copy + Ord, M: Clone> PresenceState<K, M> {
    /// The state as it was before `later` happened.
    #[must_use]
    pub fn before(mut self, later: &PresenceDiff<K, M>) -> Self {
        for at in later.joins.0.keys() {
            self.0.remove(at);
        }
        self.and(later.leaves.clone())
    }

    /// What is in one of them, or in both.
    #[must_use]
    pub fn and(mut self, mut other: Self) -> Self {
        self.0.append(&mut other.0);
        self
    }

    /// The metas of `wanted` keys.
    #[must_use]
    pub fn part(&self, wanted: impl Fn(K) -> bool) -> Self {
        let metas = self.0.iter().filter(|((key, _), _)| wanted(*key));
        PresenceState(metas.map(|(&at, meta)| (at, meta.clone())).collect())
    }

    /// How many metas there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody is in there.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The refs under `key`.
    pub fn refs_of(&self, key: K) -> impl Iterator<Item = PresenceRef> {
        self.metas_of(key).map(|(r, _)| r)
    }

    /// Whether this meta is in there.
    pub fn has(&self, key: K, r: PresenceRef) -> bool {
        self.0.contains_key(&(key, r))
    }
}

impl<K: Copy + Ord, M> PresenceState<K, M> {
    fn one(key: K, r: PresenceRef, meta: Meta<M>) -> Self {
        PresenceState(BTreeMap::from([((key, r), meta)]))
    }

    fn metas_of(&self, key: K) -> impl Iterator<Item = (PresenceRef, &Meta<M>)> + Clone {
        self.0
            .range((key, PresenceRef::FIRST)..=(key, PresenceRef::LAST))
            .map(|(&(_, r), meta)| (r, meta))
    }

    /// Can be walked from either end, but not from both.
    fn keys(&self) -> impl DoubleEndedIterator<Item = K> {
        let mut last = None;
        let keys = self.0.keys().map(|&(key, _)| key);
        keys.filter(move |&key| last.replace(key) != Some(key))
    }
}

/// `{key: {"metas": […]}}`
impl<K: Copy + Ord + Serialize, M: Serialize> Serialize for PresenceState<K, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for key in self.keys() {
            map.serialize_entry(&key, &Entry { state: self, key })?;
        }
        map.end()
    }
}

/// `{"metas": […]}` of one key.
struct Entry<'a, K, M> {
    state: &'a PresenceState<K, M>,
    key: K,
}

impl<K: Copy + Ord, M: Serialize> Serialize for Entry<'_, K, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct MetaOut<'a, M> {
            #[serde(flatten)]
            app: &'a M,
            phx_ref: PresenceRef,
            #[serde(skip_serializing_if = "Option::is_none")]
            phx_ref_prev: Option<PresenceRef>,
        }

        #[derive(Serialize)]
        struct Metas<'a, M> {
            metas: Vec<MetaOut<'a, M>>,
        }

        let metas = self.state.metas_of(self.key).map(|(phx_ref, meta)| MetaOut {
            app: &meta.app,
            phx_ref,
            phx_ref_prev: meta.previous,
        });
        Metas { metas: metas.collect() }.serialize(serializer)
    }
}

/// The presences of one topic: for each key (usually a user id) one meta per tracked channel (protocol §9).
///
/// `K` is written as a string, `M` as an object without `phx_ref` and `phx_ref_prev`, which are ours. Both are written
/// anew for each telling, so `M` should share what is large.
#[derive(Clone, Debug)]
pub struct Presence<K, M> {
    metas: PresenceState<K, M>,
    /// Keys with a meta.
    len: usize,
}

impl<K, M> Default for Presence<K, M> {
    fn default() -> Self {
        Presence {
            metas: PresenceState::default(),
            len: 0,
        }
    }
}

impl<K: Copy + Ord, M: Clone> Presence<K, M> {
    /// A channel appears under `key`.
    pub fn track(&mut self, key: K, meta: M) -> (PresenceRef, PresenceDiff<K, M>) {
        let r = PresenceRef::next();
        let meta = Meta {
            app: meta,
            previous: None,
        };
        self.len += usize::from(!self.is_present(key));
        self.metas.0.insert((key, r), meta.clone());
        (r, PresenceDiff::joining(PresenceState::one(key, r, meta)))
    }

    /// The channel that was tracked as `r` is gone. `None` if it was gone before.
    pub fn untrack(&mut self, key: K, r: PresenceRef) -> Option<PresenceDiff<K, M>> {
        let meta = self.metas.0.remove(&(key, r))?;
        self.len -= usize::from(!self.is_present(key));
        Some(PresenceDiff::leaving(PresenceState::one(key, r, meta)))
    }

    /// Replaces the meta `r` by another one with a new ref; the diff has both. `None` if `r` is not tracked.
    pub fn update(&mut self, key: K, r: PresenceRef, meta: M) -> Option<(PresenceRef, PresenceDiff<K, M>)> {
        let old = self.metas.0.remove(&(key, r))?;
        let meta = Meta {
            app: meta,
            previous: Some(r),
        };
        let new = PresenceRef::next();
        self.metas.0.insert((key, new), meta.clone());
        let diff = PresenceDiff {
            joins: PresenceState::one(key, new, meta),
            leaves: PresenceState::one(key, r, old),
        };
        Some((new, diff))
    }

    /// Everybody (protocol §9.1).
    pub fn state(&self) -> &PresenceState<K, M> {
        &self.metas
    }

    /// The state of some keys, for those who are shown no more.
    pub fn state_of(&self, keys: impl IntoIterator<Item = K>) -> PresenceState<K, M> {
        let of = |key| self.metas.metas_of(key).map(move |(r, meta)| ((key, r), meta.clone()));
        PresenceState(keys.into_iter().flat_map(of).collect())
    }

    /// The state of one channel.
    pub fn state_of_one(&self, key: K, r: PresenceRef) -> PresenceState<K, M> {
        let meta = self.metas.0.get(&(key, r)).cloned();
        meta.map_or_else(PresenceState::default, |meta| PresenceState::one(key, r, meta))
    }

    /// How many keys are present: users, not their devices.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nobody is present.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether `key` has a meta.
    pub fn is_present(&self, key: K) -> bool {
        self.metas.metas_of(key).next().is_some()
    }

    /// The keys that are present, in order. Can be walked from either end, but not from both.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = K> {
        self.metas.keys()
    }

    /// How many metas `key` has: 1 after its first track, 0 after its last untrack.
    pub fn metas_of(&self, key: K) -> usize {
        self.metas.metas_of(key).count()
    }
}

/// What changed: the payload of `presence_diff`, `{"joins":{…},"leaves":{…}}` (protocol §9.1).
///
/// No meta is ever in both.
#[derive(Clone, Debug)]
pub struct PresenceDiff<K, M> {
    joins: PresenceState<K, M>,
    leaves: PresenceState<K, M>,
}

impl<K, M> Default for PresenceDiff<K, M> {
    fn default() -> Self {
        PresenceDiff {
            joins: PresenceState::default(),
            leaves: PresenceState::default(),
        }
    }
}

impl<K: Copy + Ord, M: Clone> PresenceDiff<K, M> {
    /// These come, or come into view.
    pub fn joining(joins: PresenceState<K, M>) -> Self {
        PresenceDiff {
            joins,
            ..PresenceDiff::default()
        }
    }

    /// These go, or are shown no longer.
    pub fn leaving(leaves: PresenceState<K, M>) -> Self {
        PresenceDiff {
            leaves,
            ..PresenceDiff::default()
        }
    }

    /// Adds a later change, so that one diff tells both. A meta that came and went is left out.
    pub fn merge(&mut self, later: PresenceDiff<K, M>) {
        for (at, meta) in later.leaves.0 {
            if self.joins.0.remove(&at).is_none() {
                self.leaves.0.insert(at, meta);
            }
        }
        for (at, meta) in later.joins.0 {
            if self.leaves.0.remove(&at).is_none() {
                self.joins.0.insert(at, meta);
            }
        }
    }

    /// Those who come.
    pub fn joins(&self) -> &PresenceState<K, M> {
        &self.joins
    }

    /// Those who go.
    pub fn leaves(&self) -> &PresenceState<K, M> {
        &self.leaves
    }

    /// How many metas come and go.
    pub fn len(&self) -> usize {
        self.joins.len() + self.leaves.len()
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Copy + Ord + Serialize, M: Serialize> Serialize for PresenceDiff<K, M> {
    /// As an object, so that it can be flattened into one that tells more beside the two.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut diff = serializer.serialize_struct("PresenceDiff", 2)?;
        diff.serialize_field("joins", &self.joins)?;
        diff.serialize_field("leaves", &self.leaves)?;
        diff.end()
    }
}
