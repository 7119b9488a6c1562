//! Instants as Parlour stores and shows them.

use std::{fmt, str::FromStr, time::Duration};

use sea_orm::DeriveValueType;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{
    OffsetDateTime, PrimitiveDateTime,
    format_description::{BorrowedFormatItem, well_known::Iso8601},
    macros::format_description,
};
use utoipa::ToSchema;

const WIRE_FORMAT: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// Microseconds since 1970-01-01T00:00:00 UTC, a whole number in the database: both engines keep it
/// exactly and sort it the same way. On the wire it is `2026-01-02T03:04:05.678000Z`, always with six
/// digits after the point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType, ToSchema)]
#[schema(value_type = String, format = DateTime)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The present, by the clock of this machine.
    pub fn now() -> Self {
        Self::from(OffsetDateTime::now_utc())
    }

    /// A point in time given in whole seconds, as in a token's claims.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// The moment that was so long before this one.
    pub fn before(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// Whole seconds since the epoch, rounded down, as in a token's claims.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The beginning of this moment's millisecond: as exact as the moment that a token was issued is known.
    pub const fn to_millisecond(self) -> Self {
        Self(self.milliseconds() * 1_000)
    }

    /// Milliseconds since the epoch, rounded down.
    pub const fn milliseconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(instant: OffsetDateTime) -> Self {
        // Years up to 9999 are within 63 bits of microseconds.
        Self(i64::try_from(instant.unix_timestamp_nanos().div_euclid(1_000)).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .ok()
            .and_then(|instant| instant.format(WIRE_FORMAT).ok())
            .ok_or(fmt::Error)?;
        f.write_str(&text)
    }
}

/// The text is no ISO 8601 date and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an ISO 8601 date and time")]
pub struct TimestampError;

impl FromStr for Timestamp {
    type Err = TimestampError;

    /// Reads ISO 8601 with any offset; without one the time is UTC, as older clients send it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        OffsetDateTime::parse(text, &Iso8601::DEFAULT)
            .or_else(|_| PrimitiveDateTime::parse(text, &Iso8601::DEFAULT).map(PrimitiveDateTime::assume_utc))
            .map(Self::from)
            .map_err(|_| TimestampError)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Not `collect_str`, which panics when `Display` fails on a year no calendar writes in four digits.
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .map_err(serde::ser::Error::custom)?
            .format(WIRE_FORMAT)
            .map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_wire_form_has_six_digits_and_reads_back() {
        let instant = Timestamp(1_767_323_045_678_000);
        assert_eq!(instant.to_string(), "2026-01-02T03:04:05.678000Z");
        assert_eq!(
            serde_json::to_string(&instant).unwrap(),
            "\"2026-01-02T03:04:05.678000Z\""
        );
        assert_eq!("2026-01-02T03:04:05.678000Z".parse(), Ok(instant));
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp(-1).to_string(), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn offsets_are_honoured_and_a_missing_one_is_utc() {
        let instant = Timestamp(1_767_323_045_000_000);
        assert_eq!("2026-01-02T05:04:05+02:00".parse(), Ok(instant));
        assert_eq!("2026-01-02T03:04:05".parse(), Ok(instant));
        assert_eq!("2026-01-02".parse::<Timestamp>(), Err(TimestampError));
        assert_eq!("yesterday".parse::<Timestamp>(), Err(TimestampError));
    }

    #[test]
    fn a_time_out_of_range_is_an_error_and_no_panic() {
        assert!(serde_json::to_string(&Timestamp(i64::MAX)).is_err());
    }
}
