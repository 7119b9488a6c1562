//! How often something may happen: `"10/5s"`, or `"off"`.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest period a limit may count over.
const PERIOD_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A rate limit: so many events in so long, or none.
///
/// Written as `"10/5s"` (ten in five seconds), `"100/1m"`, `"3/500ms"` or `"off"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RateLimit {
    /// Nothing is ever refused.
    Off,
    /// `burst` events at once, regained evenly over `period`.
    Per {
        /// How many events fit before the first refusal.
        burst: NonZeroU32,
        /// In how long the whole burst is regained: 1 ms to 24 h, at least 1 µs for each event.
        period: Duration,
    },
}

/// Why a text is not a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be \"off\" or a count and a period such as \"10/5s\" (count from 1, period from 1ms to 24h)")]
pub struct RateLimitError;

impl FromStr for RateLimit {
    type Err = RateLimitError;

    fn from_str(text: &str) -> Result<Self, RateLimitError> {
        let text = text.trim();
        if text == "off" {
            return Ok(Self::Off);
        }
        let (burst, period) = text.split_once('/').ok_or(RateLimitError)?;
        let burst: NonZeroU32 = burst.trim().parse().map_err(|_| RateLimitError)?;
        let period = humantime::parse_duration(period.trim()).map_err(|_| RateLimitError)?;
        let sane = (Duration::from_millis(1)..=PERIOD_MAX).contains(&period);
        if !sane || period / burst.get() < Duration::from_micros(1) {
            return Err(RateLimitError);
        }
        Ok(Self::Per { burst, period })
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Per { burst, period } => {
                let period = humantime::format_duration(*period).to_string().replace(' ', "");
                write!(f, "{burst}/{period}")
            }
        }
    }
}

impl Serialize for RateLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RateLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn per(burst: u32, period: Duration) -> RateLimit {
        RateLimit::Per {
            burst: NonZeroU32::new(burst).unwrap(),
            period,
        }
    }

    #[test]
    fn a_count_and_a_period_are_a_limit() {
        assert_eq!("10/5s".parse(), Ok(per(10, Duration::from_secs(5))));
        assert_eq!("100/1m".parse(), Ok(per(100, Duration::from_secs(60))));
        assert_eq!(" 3 / 500ms ".parse(), Ok(per(3, Duration::from_millis(500))));
        assert_eq!("1/1m 30s".parse(), Ok(per(1, Duration::from_secs(90))));
        assert_eq!("off".parse(), Ok(RateLimit::Off));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "", "10", "10/", "/5s", "0/5s", "-1/5s", "10/0s", "10/5", "10/-5s", "10/25h", "ten/5s", "10/5s/2",
        ] {
            assert_eq!(text.parse::<RateLimit>(), Err(RateLimitError), "{text}");
        }
        assert_eq!(
            "4000000000/1ms".parse::<RateLimit>(),
            Err(RateLimitError),
            "an interval below a microsecond"
        );
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_the_same(burst in 1u32..1000, millis in 1u64..86_400_000) {
            let limit = per(burst, Duration::from_millis(millis));
            prop_assert_eq!(limit.to_string().parse::<RateLimit>(), Ok(limit));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = text.parse::<RateLimit>();
        }
    }
}
