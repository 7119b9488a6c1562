//! How many of something there may be: a number, or `"off"`.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An upper bound, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap<T> {
    /// At most this many.
    Max(T),
    /// Any number.
    Off,
}

/// Why a text is not a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number or \"off\"")]
pub struct CapError;

impl<T: Copy + PartialOrd> Cap<T> {
    /// Whether there may be `count` of them.
    pub fn allows(self, count: T) -> bool {
        match self {
            Self::Max(max) => count <= max,
            Self::Off => true,
        }
    }

    /// The narrower of two.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Max(one), Self::Max(other)) if other < one => Self::Max(other),
            (Self::Max(one), _) => Self::Max(one),
            (Self::Off, other) => other,
        }
    }

    /// The bound, if there is one.
    pub fn get(self) -> Option<T> {
        match self {
            Self::Max(max) => Some(max),
            Self::Off => None,
        }
    }
}

impl Cap<usize> {
    /// The bound as a number; without one the largest there is.
    pub fn or_max(self) -> usize {
        self.get().unwrap_or(usize::MAX)
    }
}

impl<T: FromStr> FromStr for Cap<T> {
    type Err = CapError;

    fn from_str(text: &str) -> Result<Self, CapError> {
        match text.trim() {
            "off" => Ok(Self::Off),
            number => number.parse().map(Self::Max).map_err(|_| CapError),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Cap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max(max) => max.fmt(f),
            Self::Off => f.write_str("off"),
        }
    }
}

impl<T: Serialize> Serialize for Cap<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Max(max) => max.serialize(serializer),
            Self::Off => serializer.serialize_str("off"),
        }
    }
}

impl<'de, T: FromStr + TryFrom<u64>> Deserialize<'de> for Cap<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CapVisitor<T>(PhantomData<T>);

        impl<T: FromStr + TryFrom<u64>> Visitor<'_> for CapVisitor<T> {
            type Value = Cap<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number or \"off\"")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Cap<T>, E> {
                T::try_from(number)
                    .map(Cap::Max)
                    .map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Cap<T>, E> {
                let unsigned = u64::try_from(number);
                unsigned
                    .map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
                    .and_then(|n| self.visit_u64(n))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Cap<T>, E> {
                text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(CapVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cap_allows_up_to_its_number() {
        assert!(Cap::Max(2).allows(2));
        assert!(!Cap::Max(2).allows(3));
        assert!(Cap::Off.allows(usize::MAX));
        assert_eq!(Cap::<usize>::Off.or_max(), usize::MAX);
        assert_eq!(Cap::Max(7).get(), Some(7));
        for (one, other, narrower) in [
            (Cap::Max(2), Cap::Max(3), Cap::Max(2)),
            (Cap::Max(3), Cap::Max(2), Cap::Max(2)),
            (Cap::Off, Cap::Max(2), Cap::Max(2)),
            (Cap::Max(2), Cap::Off, Cap::Max(2)),
            (Cap::Off, Cap::Off, Cap::Off),
        ] {
            assert_eq!(one.and(other), narrower);
        }
    }

    #[test]
    fn numbers_and_off_are_caps_in_text_and_in_settings_files() {
        assert_eq!("100".parse(), Ok(Cap::Max(100_usize)));
        assert_eq!("off".parse(), Ok(Cap::<usize>::Off));
        for json in ["100", "\"100\""] {
            assert_eq!(serde_json::from_str::<Cap<u32>>(json).unwrap(), Cap::Max(100));
        }
        assert_eq!(serde_json::from_str::<Cap<u32>>("\"off\"").unwrap(), Cap::Off);
    }

    #[test]
    fn everything_else_is_refused() {
        for text in ["", "-1", "1.5", "many", "Off!", "1k"] {
            assert_eq!(text.parse::<Cap<usize>>(), Err(CapError), "{text}");
        }
        for json in ["-1", "1.5", "true", "\"many\"", "[1]", "4294967296"] {
            assert!(serde_json::from_str::<Cap<u32>>(json).is_err(), "{json}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_the_same(max in any::<u64>()) {
            let cap = Cap::Max(max);
            prop_assert_eq!(cap.to_string().parse(), Ok(cap));
            prop_assert_eq!(serde_json::from_str::<Cap<u64>>(&serde_json::to_string(&cap).unwrap()).unwrap(), cap);
        }
    }
}
