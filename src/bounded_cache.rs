//! Caches with a bound, which is all that they take room for.

use std::hash::Hash;

use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};

/// A cache of at most so many entries. It does not remember which it dropped, as the library would have it: each of
/// those takes as much room as one that is kept, half as many again, and tables of these double.
#[expect(clippy::expect_used, reason = "both of the options without a default are given")]
pub fn bounded_cache<K: Eq + Hash, V: Clone>(entries: usize) -> Cache<K, V> {
    let options = OptionsBuilder::new()
        .estimated_items_capacity(entries)
        .weight_capacity(entries as u64)
        .ghost_allocation(0.0)
        .build()
        .expect("options");
    Cache::with_options(
        options,
        UnitWeighter,
        DefaultHashBuilder::default(),
        DefaultLifecycle::default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_what_fits_and_nothing_else() {
        let cache = bounded_cache(100);
        for number in 0..100 {
            cache.insert(number, number);
        }
        let kept = |numbers: std::ops::Range<i32>| numbers.filter(|number| cache.get(number).is_some()).count();
        assert!(
            kept(0..100) > 50,
            "most of them, in whichever parts of the table they are"
        );
        for number in 100..10_000 {
            cache.insert(number, number);
        }
        assert!(cache.len() <= 100);
        assert_eq!(kept(0..10_000), cache.len());
    }
}
