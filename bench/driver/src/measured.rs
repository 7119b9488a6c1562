//! What came of a scenario, run by run, and what a value is over the runs.

use serde_json::Value;

use crate::scenario::Scenario;

/// A scenario with the results of its runs.
pub struct Measured {
    /// What was done.
    pub scenario: Scenario,
    /// What came of it, round by round.
    pub runs: Vec<Value>,
    /// What must not have been.
    pub faults: Vec<String>,
}

impl Measured {
    /// Before the first run.
    pub fn new(scenario: Scenario) -> Self {
        Self {
            scenario,
            runs: vec![],
            faults: vec![],
        }
    }

    /// A number of the result over the runs, in a unit.
    pub fn spread(&self, pointer: &str, unit: f64) -> Option<Spread> {
        let values = self.runs.iter().filter_map(|run| run.pointer(pointer)?.as_f64());
        Spread::of(values.map(|value| value / unit))
    }
}

/// A value that was measured several times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Of all of them the lowest.
    pub lowest: f64,
    /// The one in the middle.
    pub median: f64,
    /// Of all of them the highest.
    pub highest: f64,
}

impl Spread {
    /// What values there are, if there is any.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (lowest, highest) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some(Self {
            lowest,
            median,
            highest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_of_the_range() {
        let spread = |lowest, median, highest| {
            Some(Spread {
                lowest,
                median,
                highest,
            })
        };
        assert_eq!(Spread::of([].into_iter()), None);
        assert_eq!(Spread::of([7.0].into_iter()), spread(7.0, 7.0, 7.0));
        assert_eq!(Spread::of([9.0, 2.0].into_iter()), spread(2.0, 5.5, 9.0));
        assert_eq!(Spread::of([9.0, 2.0, 2.5].into_iter()), spread(2.0, 2.5, 9.0));
    }
}
