//! A map that is as small as its few entries.

use std::{collections::HashMap, hash::Hash};

/// With more entries than this there is a table. The smallest table is larger than one entry and its place in a list,
/// and a list of so many is looked through as fast as a key is hashed.
const FEW: usize = 16;

/// A map for what there is one of most of the time, and many of at times: the channels of a socket. Most sockets are on
/// a topic or two, and there are many sockets. Empty it has no memory, and with one entry memory for one.
#[derive(Debug)]
pub enum SmallMap<K, V> {
    /// At most sixteen, in no order.
    Few(Vec<(K, V)>),
    /// Stays a table until it is empty.
    Many(Box<HashMap<K, V>>),
}

impl<K, V> Default for SmallMap<K, V> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl<K: Eq + Hash, V> SmallMap<K, V> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Few(few) => few.len(),
            Self::Many(many) => many.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether they are too many to look through.
    pub fn is_large(&self) -> bool {
        matches!(self, Self::Many(_))
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        match self {
            Self::Few(few) => few.iter().find(|(known, _)| known == key).map(|(_, value)| value),
            Self::Many(many) => many.get(key),
        }
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match self {
            Self::Few(few) => {
                let entry = few.iter_mut().find(|(known, _)| known == key);
                entry.map(|(_, value)| value)
            }
            Self::Many(many) => many.get_mut(key),
        }
    }

    /// Sets the value of a key, and gives the one it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(known) = self.get_mut(&key) {
            return Some(std::mem::replace(known, value));
        }
        match self {
            Self::Few(few) if few.len() < FEW => {
                if few.len() == few.capacity() {
                    // For one at first, where a vector by itself makes room for four.
                    few.reserve_exact(few.len().max(1));
                }
                few.push((key, value));
            }
            Self::Few(few) => *self = Self::Many(Box::new(few.drain(..).chain([(key, value)]).collect())),
            Self::Many(many) => {
                many.insert(key, value);
            }
        }
        None
    }

    /// Takes an entry out. With the last one all memory goes.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let removed = match self {
            Self::Few(few) => {
                let at = few.iter().position(|(known, _)| known == key)?;
                few.swap_remove(at).1
            }
            Self::Many(many) => many.remove(key)?,
        };
        if self.is_empty() {
            *self = Self::default();
        }
        Some(removed)
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (few, many) = match self {
            Self::Few(few) => (Some(few), None),
            Self::Many(many) => (None, Some(many)),
        };
        let few = few.into_iter().flatten().map(|(key, value)| (key, value));
        few.chain(many.into_iter().flat_map(|many| many.iter()))
    }

    /// All keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// All values, in no order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_entry_takes_the_place_of_one_and_none_takes_none() {
        let mut map = SmallMap::default();
        assert_eq!(size_of::<SmallMap<u64, String>>(), size_of::<Vec<()>>());
        map.insert(1_u64, "one");
        assert!(matches!(&map, SmallMap::Few(few) if few.capacity() == 1));
        map.remove(&1);
        assert!(matches!(&map, SmallMap::Few(few) if few.capacity() == 0));
    }

    proptest! {
        #[test]
        fn it_does_what_a_map_does(steps in prop::collection::vec((0_u8..40, 0_u8..3), 0..300)) {
            let (mut map, mut model) = (SmallMap::default(), HashMap::new());
            for (number, (key, what)) in steps.into_iter().enumerate() {
                if what == 0 {
                    prop_assert_eq!(map.remove(&key), model.remove(&key));
                } else {
                    prop_assert_eq!(map.insert(key, number), model.insert(key, number));
                }
                prop_assert_eq!(map.get(&key).copied(), model.get(&key).copied());
                prop_assert_eq!(map.get_mut(&key).copied(), model.get(&key).copied());
                prop_assert_eq!(map.len(), model.len());
                prop_assert_eq!(map.iter().map(|(&key, &value)| (key, value)).collect::<HashMap<_, _>>(), model.clone());
            }
        }
    }
}
