//! What clients see of a presence.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::presence::PresenceRef;

/// Metas that may be any object.
type Presence = super::presence::Presence<&'static str, Value>;
type PresenceDiff = super::presence::PresenceDiff<&'static str, Value>;

fn value(diff: &PresenceDiff) -> Value {
    serde_json::to_value(diff).unwrap()
}

fn state(presence: &Presence) -> Value {
    serde_json::to_value(presence.state()).unwrap()
}

#[test]
fn a_track_joins_the_new_meta_only() {
    let mut presence = Presence::default();
    let (first, diff) = presence.track("u1", json!({"online_at": 1}));
    let joins = json!({"u1": {"metas": [{"online_at": 1, "phx_ref": first.to_string()}]}});
    assert_eq!(value(&diff), json!({"joins": joins, "leaves": {}}));
    assert_eq!(state(&presence), joins);
    assert_eq!(
        (presence.len(), presence.state().len(), presence.metas_of("u1")),
        (1, 1, 1)
    );
}

#[test]
fn the_second_device_of_a_user_is_a_diff_with_one_meta() {
    let mut presence = Presence::default();
    let (first, _) = presence.track("u1", json!({}));
    let (second, diff) = presence.track("u1", json!({}));
    assert_eq!(
        value(&diff),
        json!({"joins": {"u1": {"metas": [{"phx_ref": second.to_string()}]}}, "leaves": {}})
    );
    let diff = presence.untrack("u1", first).unwrap();
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
    let (r, _) = presence.track("u1", json!({"a": 1}));
    let diff = presence.untrack("u1", r).unwrap();
    assert_eq!(
        value(&diff)["leaves"]["u1"]["metas"],
        json!([{"a": 1, "phx_ref": r.to_string()}])
    );
    assert!(presence.is_empty());
    assert_eq!(state(&presence), json!({}));
    assert!(presence.untrack("u1", r).is_none());
}

#[test]
fn an_update_has_a_new_ref_and_the_previous_one() {
    let mut presence = Presence::default();
    let (old, _) = presence.track("u1", json!({"status": "here"}));
    let (new, diff) = presence.update("u1", old, json!({"status": "away"})).unwrap();
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
        value(&presence.untrack("u1", new).unwrap())["leaves"]["u1"]["metas"],
        json!([joined])
    );
    assert!(presence.update("u1", old, json!({})).is_none());
}

#[test]
fn refs_are_sixteen_characters_and_never_reused() {
    let mut presence = Presence::default();
    let refs: HashSet<String> = (0..1000)
        .map(|_| presence.track("u", json!({})).0.to_string())
        .collect();
    assert_eq!(refs.len(), 1000);
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    assert!(refs.iter().all(|r| r.len() == 16 && r.chars().all(legal)));
}

#[test]
fn any_string_is_a_key() {
    let mut presence = Presence::default();
    for key in ["__proto__", "", "a\"b\\\u{0}", "constructor"] {
        let (r, diff) = presence.track(key, json!({}));
        assert_eq!(value(&diff)["joins"][key]["metas"][0]["phx_ref"], json!(r.to_string()));
        assert_eq!(state(&presence)[key]["metas"][0]["phx_ref"], json!(r.to_string()));
    }
    assert_eq!(presence.keys().count(), 4);
}

#[test]
fn merging_a_join_and_its_leave_tells_nothing() {
    let mut presence = Presence::default();
    let (r, mut diff) = presence.track("u1", json!({}));
    diff.merge(presence.untrack("u1", r).unwrap());
    assert!(diff.is_empty());
    assert_eq!(value(&diff), json!({"joins": {}, "leaves": {}}));
}

#[test]
fn merging_a_track_and_its_update_leaves_only_the_last_meta() {
    let mut presence = Presence::default();
    let (old, mut diff) = presence.track("u1", json!({}));
    let (new, update) = presence.update("u1", old, json!({})).unwrap();
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
                let (r, diff) = presence.track(keys[key], json!({}));
                tracked.push((key, r));
                pending.merge(diff);
            } else {
                let (key, r) = tracked.remove(index.index(tracked.len()));
                if action == 1 {
                    pending.merge(presence.untrack(keys[key], r).unwrap());
                } else {
                    let (new, diff) = presence.update(keys[key], r, json!({})).unwrap();
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
        prop_assert_eq!(presence.state().len(), tracked.len());
    }
}
