//! Figures that are made of two scenarios.
//!
//! A machine has slow and fast phases. What is compared is measured one right after the other, in each round anew; so
//! the two of one round are divided, and the median is that of the rounds.

use crate::{
    figure::Goal,
    measured::{Measured, Spread},
    scenario::ACKNOWLEDGED,
};

/// How much of something one scenario has, as a multiple of another.
pub struct Ratio {
    /// Which has more of it.
    above: &'static str,
    /// What it is compared with.
    below: &'static str,
    /// What of it, where the names do not tell.
    what: &'static str,
    /// Where that stands in the results.
    pointer: &'static str,
    /// What it should be.
    pub goal: Goal,
}

/// All ratios, in the order of the page.
pub const RATIOS: [Ratio; 6] = [
    many_times("durable-500-sqlite", "single-500-sqlite"),
    many_times("durable-64-sqlite", "single-64-sqlite"),
    many_times("durable-500-sqlite", "baseline-sqlite"),
    many_times("durable-64-sqlite", "baseline-sqlite"),
    hardly_slower(", delivery p50", "/delivery_ms/p50"),
    hardly_slower(", delivery p99", "/delivery_ms/p99"),
];

const fn many_times(above: &'static str, below: &'static str) -> Ratio {
    Ratio {
        above,
        below,
        what: "",
        pointer: ACKNOWLEDGED,
        goal: Goal::AtLeast(10.0),
    }
}

const fn hardly_slower(what: &'static str, pointer: &'static str) -> Ratio {
    Ratio {
        above: "stalled",
        below: "steady",
        what,
        pointer,
        goal: Goal::AtMost(1.5),
    }
}

impl Ratio {
    /// What it is called in the page.
    pub fn name(&self) -> String {
        format!("`{}` × `{}`{}", self.above, self.below, self.what)
    }

    /// What it is over the rounds, if both were measured.
    pub fn of(&self, measured: &[Measured]) -> Option<Spread> {
        let runs = |name| {
            let scenario = measured.iter().find(|measured| measured.scenario.name == name)?;
            Some(&scenario.runs)
        };
        let rounds = runs(self.above)?.iter().zip(runs(self.below)?);
        Spread::of(rounds.filter_map(|(above, below)| {
            let [above, below] = [above, below].map(|run| run.pointer(self.pointer)?.as_f64());
            Some(above? / below.filter(|below| *below > 0.0)?)
        }))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "tests")]

    use serde_json::json;

    use super::*;
    use crate::scenario::{Extent, all};

    fn measured(name: &str, rates: &[f64]) -> Measured {
        let mut scenarios = all(Extent { seconds: 1, divisor: 1 }).into_iter();
        let scenario = scenarios.find(|scenario| scenario.name == name);
        Measured {
            runs: rates.iter().map(|rate| json!({ "acked_per_s": rate })).collect(),
            ..Measured::new(scenario.expect("there is such a scenario"))
        }
    }

    #[test]
    fn a_ratio_is_made_within_a_round() {
        let ratio = many_times("durable-64-sqlite", "baseline-sqlite");
        // The machine was twice as slow in the second round, and both were.
        let durable = measured("durable-64-sqlite", &[12_000.0, 5_500.0, 11_000.0]);
        let baseline = measured("baseline-sqlite", &[1_000.0, 500.0, 500.0]);
        let spread = ratio.of(&[durable, baseline]).expect("both were measured");
        assert_eq!((spread.lowest, spread.median, spread.highest), (11.0, 12.0, 22.0));
    }

    #[test]
    fn without_both_there_is_no_ratio() {
        let ratio = many_times("durable-64-sqlite", "baseline-sqlite");
        let durable = || measured("durable-64-sqlite", &[12_000.0]);
        assert_eq!(ratio.of(&[durable()]), None);
        assert_eq!(ratio.of(&[durable(), measured("baseline-sqlite", &[0.0])]), None);
    }

    #[test]
    fn what_is_compared_is_a_figure_of_both_and_measured_side_by_side() {
        let scenarios = all(Extent { seconds: 1, divisor: 1 });
        for ratio in RATIOS {
            let places = [ratio.above, ratio.below].map(|name| {
                let place = scenarios.iter().position(|scenario| scenario.name == name);
                let place = place.expect("there is such a scenario");
                let mut figures = scenarios[place].figures.iter();
                assert!(figures.any(|figure| figure.pointer == ratio.pointer), "{name}");
                place
            });
            assert_eq!(places[0].abs_diff(places[1]), 1, "{}", ratio.name());
        }
    }
}
