//! Moments of the clock that never goes back, for what there are many of.

use std::{
    num::NonZeroU64,
    ops::Add,
    sync::LazyLock,
    time::{Duration, Instant},
};

/// When this process first asked.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A moment, in nanoseconds from the first that was asked for. Half of an [`Instant`], also where there may be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(NonZeroU64);

impl Moment {
    /// This one.
    pub fn now() -> Self {
        Self(NonZeroU64::MIN) + START.elapsed()
    }

    /// How long after `earlier` it is, if it is.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }

    /// The first from this one on that is a multiple of `step`.
    #[must_use]
    pub fn round_up(self, step: Duration) -> Self {
        let step = nanoseconds(step).max(1);
        let rounded = self.0.get().checked_next_multiple_of(step);
        Self(rounded.and_then(NonZeroU64::new).unwrap_or(NonZeroU64::MAX))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    /// The last moment there is, where it would be later.
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(duration)))
    }
}

impl From<Moment> for Instant {
    fn from(moment: Moment) -> Self {
        *START + moment.saturating_since(Moment(NonZeroU64::MIN))
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_as_far_apart_as_instants() {
        let now = Moment::now();
        let later = now + Duration::from_millis(1500);
        assert_eq!(later.saturating_since(now), Duration::from_millis(1500));
        assert_eq!(now.saturating_since(later), Duration::ZERO);
        assert_eq!(Instant::from(later) - Instant::from(now), Duration::from_millis(1500));
        assert!(Instant::from(now) <= Instant::now() && now <= Moment::now());
        assert_eq!(size_of::<Option<Moment>>(), 8);
    }

    #[test]
    fn what_is_too_late_to_be_told_is_the_last_moment() {
        let last = Moment::now() + Duration::MAX;
        assert_eq!(last, last + Duration::from_secs(1));
        assert_eq!(last, last.round_up(Duration::from_secs(1)));
    }

    #[test]
    fn rounding_never_goes_back() {
        let step = Duration::from_millis(50);
        let now = Moment::now();
        let rounded = now.round_up(step);
        assert!(rounded >= now && rounded.saturating_since(now) < step);
        assert_eq!(rounded.round_up(step), rounded);
        assert_eq!((rounded + Duration::from_nanos(1)).round_up(step), rounded + step);
    }
}
