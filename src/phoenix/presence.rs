//! Who is present on one topic, and the changes that clients are told (protocol §9).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use ::base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

/// The `phx_ref` of one tracked meta: 16 characters of base64url on the wire, never reused (protocol §9.1).
///
/// A counter makes it unique within the process; random bytes tell processes apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PresenceRef([u8; 12]);

impl PresenceRef {
    fn next() -> PresenceRef {
        static PROCESS: OnceLock<[u8; 4]> = OnceLock::new();
        static COUNTER: AtomicU64 = AtomicU64::new(0);

        let process = PROCESS.get_or_init(|| {
            let mut bytes = [0; 4];
            // Without entropy the bytes stay zero: refs are still unique here, only alike between processes.
            let _ = getrandom::fill(&mut bytes);
            bytes
        });
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(process);
        bytes[4..].copy_from_slice(&COUNTER.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        PresenceRef(bytes)
    }
}

impl fmt::Display for PresenceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// One tracked meta, serialised once and shared by the state and by diffs.
#[derive(Clone, Debug)]
struct Meta {
    r#ref: PresenceRef,
    json: Arc<RawValue>,
}

impl Meta {
    fn new(mut meta: Map<String, Value>, previous: Option<&PresenceRef>) -> Meta {
        let r#ref = PresenceRef::next();
        meta.insert("phx_ref".to_owned(), r#ref.to_string().into());
        match previous {
            Some(previous) => meta.insert("phx_ref_prev".to_owned(), previous.to_string().into()),
            None => meta.remove("phx_ref_prev"),
        };
        Meta {
            r#ref,
            json: raw(&meta).into(),
        }
    }
}

type Metas = BTreeMap<String, Vec<Meta>>;

/// The presences of one topic: for each key (usually a user id) one meta per tracked channel (protocol §9).
#[derive(Clone, Default, Debug)]
pub struct Presence {
    /// No key without a meta.
    keys: Metas,
}

impl Presence {
    /// A channel appears under `key`. `meta` may be any object; its `phx_ref` and `phx_ref_prev` are ours.
    pub fn track(&mut self, key: &str, meta: Map<String, Value>) -> (PresenceRef, PresenceDiff) {
        let meta = Meta::new(meta, None);
        self.keys.entry(key.to_owned()).or_default().push(meta.clone());
        (
            meta.r#ref,
            PresenceDiff {
                joins: one(key, meta),
                leaves: Metas::new(),
            },
        )
    }

    /// The channel that was tracked as `r` is gone. `None` if it was gone before.
    pub fn untrack(&mut self, key: &str, r: &PresenceRef) -> Option<PresenceDiff> {
        let meta = remove(&mut self.keys, key, r)?;
        Some(PresenceDiff {
            joins: Metas::new(),
            leaves: one(key, meta),
        })
    }

    /// Replaces the meta `r` by another one with a new ref; the diff has both. `None` if `r` is not tracked.
    pub fn update(
        &mut self,
        key: &str,
        r: &PresenceRef,
        meta: Map<String, Value>,
    ) -> Option<(PresenceRef, PresenceDiff)> {
        let slot = self.keys.get_mut(key)?.iter_mut().find(|meta| meta.r#ref == *r)?;
        let new = Meta::new(meta, Some(r));
        let old = std::mem::replace(slot, new.clone());
        Some((
            new.r#ref,
            PresenceDiff {
                joins: one(key, new),
                leaves: one(key, old),
            },
        ))
    }

    /// The payload of `presence_state`: everybody (protocol §9.1).
    pub fn state(&self) -> Box<RawValue> {
        raw(&MetasByKey(&self.keys))
    }

    /// The payload of `presence_state` for those who are shown some of the keys only.
    pub fn state_of(&self, shown: impl Fn(&str) -> bool) -> Box<RawValue> {
        raw(&MetasByKey(&self.part(shown)))
    }

    /// A diff in which `shown` keys join, with all their metas.
    pub fn joins_of(&self, shown: impl Fn(&str) -> bool) -> PresenceDiff {
        PresenceDiff {
            joins: self.part(shown),
            leaves: Metas::new(),
        }
    }

    /// A diff in which `hidden` keys leave, with all their metas.
    pub fn leaves_of(&self, hidden: impl Fn(&str) -> bool) -> PresenceDiff {
        PresenceDiff {
            joins: Metas::new(),
            leaves: self.part(hidden),
        }
    }

    fn part(&self, wanted: impl Fn(&str) -> bool) -> Metas {
        let keys = self.keys.iter().filter(|(key, _)| wanted(key));
        keys.map(|(key, metas)| (key.clone(), metas.clone())).collect()
    }

    /// How many keys are present: users, not their devices.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether nobody is present.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many metas there are under all keys: devices. Counted anew on each call.
    pub fn metas_len(&self) -> usize {
        self.keys.values().map(Vec::len).sum()
    }

    /// The keys that are present, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// How many metas `key` has: 1 after its first track, 0 after its last untrack.
    pub fn metas_of(&self, key: &str) -> usize {
        self.keys.get(key).map_or(0, Vec::len)
    }
}

/// What changed: the payload of `presence_diff`, `{"joins":{…},"leaves":{…}}` (protocol §9.1).
///
/// No meta is ever in both.
#[derive(Clone, Default, Debug)]
pub struct PresenceDiff {
    joins: Metas,
    leaves: Metas,
}

impl PresenceDiff {
    /// Adds a later change, so that one diff tells both. A meta that came and went is left out.
    pub fn merge(&mut self, later: PresenceDiff) {
        for (key, meta) in flatten(later.leaves) {
            if remove(&mut self.joins, &key, &meta.r#ref).is_none() {
                self.leaves.entry(key).or_default().push(meta);
            }
        }
        for (key, meta) in flatten(later.joins) {
            if remove(&mut self.leaves, &key, &meta.r#ref).is_none() {
                self.joins.entry(key).or_default().push(meta);
            }
        }
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.joins.is_empty() && self.leaves.is_empty()
    }
}

impl Serialize for PresenceDiff {
    /// As an object, so that it can be flattened into one that tells more beside the two.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut diff = serializer.serialize_struct("PresenceDiff", 2)?;
        diff.serialize_field("joins", &MetasByKey(&self.joins))?;
        diff.serialize_field("leaves", &MetasByKey(&self.leaves))?;
        diff.end()
    }
}

/// `{key: {"metas": […]}}`
struct MetasByKey<'a>(&'a Metas);

impl Serialize for MetasByKey<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Entry<'a> {
            metas: Vec<&'a RawValue>,
        }

        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, metas) in self.0 {
            map.serialize_entry(
                key,
                &Entry {
                    metas: metas.iter().map(|meta| &*meta.json).collect(),
                },
            )?;
        }
        map.end()
    }
}

fn one(key: &str, meta: Meta) -> Metas {
    BTreeMap::from([(key.to_owned(), vec![meta])])
}

fn flatten(metas: Metas) -> impl Iterator<Item = (String, Meta)> {
    metas
        .into_iter()
        .flat_map(|(key, metas)| metas.into_iter().map(move |meta| (key.clone(), meta)))
}

/// Takes one meta out, and its key when it was the last.
fn remove(metas: &mut Metas, key: &str, r: &PresenceRef) -> Option<Meta> {
    let of_key = metas.get_mut(key)?;
    let at = of_key.iter().position(|meta| meta.r#ref == *r)?;
    let meta = of_key.remove(at);
    if of_key.is_empty() {
        metas.remove(key);
    }
    Some(meta)
}

/// Serialises maps with string keys, which cannot fail; `null` would stand for the impossible.
fn raw(value: &impl Serialize) -> Box<RawValue> {
    to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::collections::HashSet;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn meta(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(meta) => meta,
            other => panic!("{other} is no object"),
        }
    }

    fn value(diff: &PresenceDiff) -> Value {
        serde_json::to_value(diff).unwrap()
    }

    fn state(presence: &Presence) -> Value {
        serde_json::from_str(presence.state().get()).unwrap()
    }

    #[test]
    fn a_track_joins_the_new_meta_only() {
        let mut presence = Presence::default();
        let (first, diff) = presence.track("u1", meta(json!({"online_at": 1})));
        let joins = json!({"u1": {"metas": [{"online_at": 1, "phx_ref": first.to_string()}]}});
        assert_eq!(value(&diff), json!({"joins": joins, "leaves": {}}));
        assert_eq!(state(&presence), joins);
        assert_eq!(
            (presence.len(), presence.metas_len(), presence.metas_of("u1")),
            (1, 1, 1)
        );
    }

    #[test]
    fn the_second_device_of_a_user_is_a_diff_with_one_meta() {
        let mut presence = Presence::default();
        let (first, _) = presence.track("u1", Map::new());
        let (second, diff) = presence.track("u1", Map::new());
        assert_eq!(
            value(&diff),
            json!({"joins": {"u1": {"metas": [{"phx_ref": second.to_string()}]}}, "leaves": {}})
        );
        let diff = presence.untrack("u1", &first).unwrap();
        assert_eq!(
            value(&diff),
            json!({"joins": {}, "leaves": {"u1": {"metas": [{"phx_ref": first.to_string()}]}}})
        );
        assert_eq!(
            state(&presence),
            json!({"u1": {"metas": [{"phx_ref": second.to_string()}]}})
        );
    }

    #[test]
    fn the_last_device_gone_takes_the_key_out_of_the_state() {
        let mut presence = Presence::default();
        let (r, _) = presence.track("u1", meta(json!({"a": 1})));
        let diff = presence.untrack("u1", &r).unwrap();
        assert_eq!(
            value(&diff)["leaves"]["u1"]["metas"],
            json!([{"a": 1, "phx_ref": r.to_string()}])
        );
        assert!(presence.is_empty());
        assert_eq!(presence.state().get(), "{}");
        assert!(presence.untrack("u1", &r).is_none());
    }

    #[test]
    fn an_update_has_a_new_ref_and_the_previous_one() {
        let mut presence = Presence::default();
        let (old, _) = presence.track("u1", meta(json!({"status": "here"})));
        let (new, diff) = presence.update("u1", &old, meta(json!({"status": "away"}))).unwrap();
        let joined = json!({"status": "away", "phx_ref": new.to_string(), "phx_ref_prev": old.to_string()});
        assert_eq!(
            value(&diff),
            json!({
                "joins": {"u1": {"metas": [joined]}},
                "leaves": {"u1": {"metas": [{"status": "here", "phx_ref": old.to_string()}]}},
            })
        );
        assert_eq!(state(&presence)["u1"]["metas"], json!([joined]));
        // The previous ref stays in the meta, and in its leave.
        assert_eq!(
            value(&presence.untrack("u1", &new).unwrap())["leaves"]["u1"]["metas"],
            json!([joined])
        );
        assert!(presence.update("u1", &old, Map::new()).is_none());
    }

    #[test]
    fn refs_are_sixteen_characters_and_never_reused() {
        let mut presence = Presence::default();
        let refs: HashSet<String> = (0..1000)
            .map(|_| presence.track("u", Map::new()).0.to_string())
            .collect();
        assert_eq!(refs.len(), 1000);
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(refs.iter().all(|r| r.len() == 16 && r.chars().all(legal)));
    }

    #[test]
    fn the_ref_of_a_meta_cannot_be_forged_by_the_app() {
        let mut presence = Presence::default();
        let (r, diff) = presence.track("u", meta(json!({"phx_ref": "mine", "phx_ref_prev": "mine"})));
        assert_eq!(value(&diff)["joins"]["u"]["metas"], json!([{"phx_ref": r.to_string()}]));
    }

    #[test]
    fn any_string_is_a_key() {
        let mut presence = Presence::default();
        for key in ["__proto__", "", "a\"b\\\u{0}", "constructor"] {
            let (r, diff) = presence.track(key, Map::new());
            assert_eq!(value(&diff)["joins"][key]["metas"][0]["phx_ref"], json!(r.to_string()));
            assert_eq!(state(&presence)[key]["metas"][0]["phx_ref"], json!(r.to_string()));
        }
        assert_eq!(presence.keys().count(), 4);
    }

    #[test]
    fn merging_a_join_and_its_leave_tells_nothing() {
        let mut presence = Presence::default();
        let (r, mut diff) = presence.track("u1", Map::new());
        diff.merge(presence.untrack("u1", &r).unwrap());
        assert!(diff.is_empty());
        assert_eq!(value(&diff), json!({"joins": {}, "leaves": {}}));
    }

    #[test]
    fn merging_a_track_and_its_update_leaves_only_the_last_meta() {
        let mut presence = Presence::default();
        let (old, mut diff) = presence.track("u1", Map::new());
        let (new, update) = presence.update("u1", &old, Map::new()).unwrap();
        diff.merge(update);
        let joined = json!({"phx_ref": new.to_string(), "phx_ref_prev": old.to_string()});
        assert_eq!(
            value(&diff),
            json!({"joins": {"u1": {"metas": [joined]}}, "leaves": {}})
        );
    }

    /// What the official client does with a diff: joins first, then leaves (protocol §9.4).
    fn apply(seen: &mut BTreeMap<String, Vec<String>>, diff: &Value) {
        let refs = |entry: &Value| -> Vec<String> {
            entry["metas"]
                .as_array()
                .unwrap()
                .iter()
                .map(|m| m["phx_ref"].as_str().unwrap().to_owned())
                .collect()
        };
        for (key, entry) in diff["joins"].as_object().unwrap() {
            seen.entry(key.clone()).or_default().extend(refs(entry));
        }
        for (key, entry) in diff["leaves"].as_object().unwrap() {
            let gone = refs(entry);
            let Some(metas) = seen.get_mut(key) else { continue };
            metas.retain(|r| !gone.contains(r));
            if metas.is_empty() {
                seen.remove(key);
            }
        }
    }

    proptest! {
        #[test]
        fn a_client_that_applies_merged_diffs_sees_the_state(
            steps in prop::collection::vec((0..3u8, 0..3usize, any::<prop::sample::Index>(), any::<bool>()), 0..60),
        ) {
            let keys = ["u1", "u2", "__proto__"];
            let mut presence = Presence::default();
            let mut tracked: Vec<(usize, PresenceRef)> = Vec::new();
            let mut pending = PresenceDiff::default();
            let mut seen = BTreeMap::new();
            for (action, key, index, flush) in steps {
                if action == 0 || tracked.is_empty() {
                    let (r, diff) = presence.track(keys[key], Map::new());
                    tracked.push((key, r));
                    pending.merge(diff);
                } else {
                    let (key, r) = tracked.remove(index.index(tracked.len()));
                    if action == 1 {
                        pending.merge(presence.untrack(keys[key], &r).unwrap());
                    } else {
                        let (new, diff) = presence.update(keys[key], &r, Map::new()).unwrap();
                        tracked.push((key, new));
                        pending.merge(diff);
                    }
                }
                if flush {
                    apply(&mut seen, &value(&std::mem::take(&mut pending)));
                }
            }
            apply(&mut seen, &value(&pending));
            let sorted = |map: BTreeMap<String, Vec<String>>| -> BTreeMap<String, HashSet<String>> {
                map.into_iter().map(|(key, refs)| (key, refs.into_iter().collect())).collect()
            };
            let mut now = BTreeMap::new();
            apply(&mut now, &json!({"joins": state(&presence), "leaves": {}}));
            prop_assert_eq!(sorted(seen), sorted(now));
            prop_assert_eq!(presence.metas_len(), tracked.len());
        }
    }
}
