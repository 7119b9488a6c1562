//! The order of one room's changes: what may be told now, what has to wait, and where something is missing.

use std::collections::BTreeMap;

/// Most changes that wait for a missing one; beyond, the topic's clients are better off reading anew.
pub const WAITING_MAX: usize = 1024;

/// Puts the changes of a room into the order of its log. `T` is whatever tells a change.
#[derive(Debug)]
pub struct RoomOrder<T> {
    /// The last change that was told; unknown until a first one, or a [`RoomOrder::baseline`].
    last: Option<i64>,
    /// The first change that was told, when nobody had said where the room stood before.
    first: Option<i64>,
    /// The greatest change that somebody has seen in the database; above `last` when it was not told yet.
    seen: i64,
    waiting: BTreeMap<i64, T>,
}

/// The one who gave the baseline has missed changes that were never told here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed;

/// What to do with a change that has come.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrival<T> {
    /// Tell these, in this order.
    Tell(Vec<T>),
    /// It was told before.
    Known,
    /// Something before it is missing.
    Early,
    /// Too much is waiting.
    Lost,
}

impl<T> Default for RoomOrder<T> {
    fn default() -> Self {
        Self {
            last: None,
            first: None,
            seen: 0,
            waiting: BTreeMap::new(),
        }
    }
}

impl<T> RoomOrder<T> {
    /// Somebody knows everything up to `seq`; what comes next is the change after it, at the latest.
    ///
    /// # Errors
    ///
    /// [`Missed`] when a later change was told first, before anybody knew that it left a hole.
    pub fn baseline(&mut self, seq: i64) -> Result<(), Missed> {
        match self.first {
            Some(first) if seq + 1 < first => return Err(Missed),
            _ => {}
        }
        if self.last.is_none() {
            self.last = Some(seq);
        }
        self.seen = self.seen.max(seq);
        Ok(())
    }

    /// The last change that was told.
    pub fn last(&self) -> Option<i64> {
        self.last
    }

    /// Whether a change is there that was not told: one before another that waits, or one that somebody has seen.
    pub fn has_hole(&self) -> bool {
        !self.waiting.is_empty() || self.last.is_some_and(|last| last < self.seen)
    }

    /// Change `seq` has come.
    pub fn arrive(&mut self, seq: i64, change: T) -> Arrival<T> {
        match self.last {
            Some(last) if seq <= last => Arrival::Known,
            Some(last) if seq > last + 1 => {
                if self.waiting.len() >= WAITING_MAX {
                    return Arrival::Lost;
                }
                self.waiting.insert(seq, change);
                Arrival::Early
            }
            last => {
                if last.is_none() {
                    self.first = Some(seq);
                }
                self.last = Some(seq);
                let mut tell = vec![change];
                self.take_followers(&mut tell);
                Arrival::Tell(tell)
            }
        }
    }

    /// Everything up to `head` is known now, told by `changes` (in order): what to tell of it, and of what
    /// waited behind it.
    pub fn repair(&mut self, head: i64, changes: Vec<(i64, T)>) -> Vec<T> {
        let last = self.last.unwrap_or(0);
        let mut tell: Vec<T> = changes
            .into_iter()
            .filter(|(seq, _)| *seq > last)
            .map(|(_, change)| change)
            .collect();
        let head = head.max(last);
        self.last = Some(head);
        self.waiting = self.waiting.split_off(&(head + 1));
        self.take_followers(&mut tell);
        tell
    }

    fn take_followers(&mut self, tell: &mut Vec<T>) {
        while let Some(last) = self.last
            && let Some(change) = self.waiting.remove(&(last + 1))
        {
            tell.push(change);
            self.last = Some(last + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn changes_are_told_in_order_whatever_order_they_come_in() {
        let mut order = RoomOrder::default();
        assert_eq!(order.baseline(4), Ok(()));
        assert_eq!(order.arrive(6, 'b'), Arrival::Early);
        assert_eq!(order.arrive(7, 'c'), Arrival::Early);
        assert!(order.has_hole());
        assert_eq!(order.arrive(5, 'a'), Arrival::Tell(vec!['a', 'b', 'c']));
        assert_eq!(order.arrive(6, 'b'), Arrival::Known);
        assert!(!order.has_hole());
    }

    #[test]
    fn the_first_change_of_an_unknown_room_is_told() {
        let mut order = RoomOrder::default();
        assert_eq!(order.arrive(40, 'a'), Arrival::Tell(vec!['a']));
        assert_eq!(order.baseline(39), Ok(()));
        assert_eq!(order.baseline(38), Err(Missed), "change 39 was never told");
        assert_eq!(order.arrive(41, 'b'), Arrival::Tell(vec!['b']));
    }

    #[test]
    fn a_repair_fills_the_hole_and_lets_go_what_waited() {
        let mut order = RoomOrder::default();
        assert_eq!(order.baseline(1), Ok(()));
        order.arrive(4, "four");
        order.arrive(6, "six");
        // Change 2 has been overtaken by change 5 of the same message: the database tells it as 5.
        assert_eq!(
            order.repair(5, vec![(3, "three"), (4, "four"), (5, "five")]),
            ["three", "four", "five", "six"]
        );
        assert_eq!(order.last(), Some(6));
        assert!(
            order.repair(6, vec![(5, "five")]).is_empty(),
            "a late answer tells nothing twice"
        );
    }

    #[test]
    fn a_change_that_somebody_has_seen_and_nobody_was_told_is_a_hole() {
        let mut order = RoomOrder::default();
        assert_eq!(order.baseline(3), Ok(()));
        assert!(!order.has_hole());
        assert_eq!(
            order.baseline(5),
            Ok(()),
            "a later joiner has read more than was told here"
        );
        assert!(order.has_hole());
        assert_eq!(order.arrive(4, 'a'), Arrival::Tell(vec!['a']));
        assert!(order.has_hole());
        assert_eq!(order.repair(5, vec![(5, 'b')]), ['b']);
        assert!(!order.has_hole());
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut order = RoomOrder::default();
        assert_eq!(order.baseline(0), Ok(()));
        for seq in 0..WAITING_MAX as i64 {
            assert_eq!(order.arrive(seq + 2, ()), Arrival::Early);
        }
        assert_eq!(order.arrive(1_000_000, ()), Arrival::Lost);
    }

    proptest! {
        #[test]
        fn every_change_is_told_once_and_in_order(shuffled in Just((1..200_i64).collect::<Vec<_>>()).prop_shuffle()) {
            let mut order = RoomOrder::default();
            prop_assert_eq!(order.baseline(0), Ok(()));
            let mut told = Vec::new();
            for seq in shuffled {
                if let Arrival::Tell(changes) = order.arrive(seq, seq) {
                    told.extend(changes);
                }
            }
            prop_assert_eq!(told, (1..200).collect::<Vec<_>>());
        }
    }
}
