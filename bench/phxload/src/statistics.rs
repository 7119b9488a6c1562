//! Latencies, and rounding for the report.

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::system::SECOND;

/// Latencies in nanoseconds, up to five minutes, with three significant digits.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet.
    pub fn new() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants")]
        let histogram = Histogram::new_with_bounds(1_000, 300 * SECOND, 3).expect("the bounds are in order");
        Self(histogram)
    }

    /// Takes one down; beyond the bounds, the nearest one.
    #[inline]
    pub fn record(&mut self, nanoseconds: u64) {
        self.0.saturating_record(nanoseconds);
    }

    /// Percentiles in milliseconds.
    pub fn report(&self) -> Value {
        let milliseconds = |nanoseconds: u64| rounded(nanoseconds as f64 / 1e6);
        let at = |quantile| milliseconds(self.0.value_at_quantile(quantile));
        if self.0.is_empty() {
            return json!({ "count": 0 });
        }
        json!({
            "count": self.0.len(),
            "p50": at(0.5),
            "p90": at(0.9),
            "p99": at(0.99),
            "p999": at(0.999),
            "max": milliseconds(self.0.max()),
            "mean": milliseconds(self.0.mean() as u64),
        })
    }
}

/// To three places.
pub fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

/// A part of something that may be nothing, rounded; 0 then.
pub fn per(sum: f64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { rounded(sum / count as f64) }
}
