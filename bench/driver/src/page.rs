//! The page with the results.

use serde_json::Value;

use crate::scenario::{Figure, Goal, STALLED, STEADY, Scenario};

/// A scenario with the results of its runs.
pub struct Measured {
    /// What was done.
    pub scenario: Scenario,
    /// What came of it, run by run.
    pub runs: Vec<Value>,
    /// What must not have been.
    pub faults: Vec<String>,
}

impl Measured {
    /// The median of a number of the result over the runs.
    pub fn median(&self, pointer: &str) -> Option<f64> {
        let mut values: Vec<f64> = self
            .runs
            .iter()
            .filter_map(|run| run.pointer(pointer)?.as_f64())
            .collect();
        values.sort_by(f64::total_cmp);
        match values.len() {
            0 => None,
            count if count % 2 == 1 => Some(values[count / 2]),
            count => Some(f64::midpoint(values[count / 2 - 1], values[count / 2])),
        }
    }
}

/// What stands above the table.
pub struct Head {
    /// When, on what, of what, how: one line each.
    pub lines: Vec<(&'static str, String)>,
}

/// A figure that is made of several scenarios.
struct Ratio {
    name: &'static str,
    value: Option<f64>,
    goal: Goal,
}

/// The whole page.
pub fn write(head: &Head, measured: &[Measured], baseline: Option<f64>) -> String {
    let mut page = String::from(
        "# Results of the benchmark\n\nWritten by `make bench`; [README.md](README.md) says what is measured and how. Of each \
         figure the median over the runs; a scenario whose message was lost, doubled or refused even once has failed.\n\n",
    );
    for (name, text) in &head.lines {
        page.push_str(&format!("- {name}: {text}\n"));
    }
    page.push_str("\n| scenario | figure | goal | reached | |\n|---|---|---|---|---|\n");
    for scenario in measured {
        for figure in &scenario.scenario.figures {
            let value = scenario.median(figure.pointer).map(|value| value / figure.unit);
            page.push_str(&row(scenario.scenario.name, figure.name, figure.goal, value));
        }
    }
    if let Some(baseline) = baseline {
        page.push_str(&row(
            "baseline-sqlite",
            "transactions of one message per second",
            None,
            Some(baseline),
        ));
    }
    for ratio in ratios(measured, baseline).iter().filter(|ratio| ratio.value.is_some()) {
        page.push_str(&row("", ratio.name, Some(ratio.goal), ratio.value));
    }
    page.push_str(&shares(measured));
    page.push_str("\n## The scenarios\n\n| scenario | engine | what | sound |\n|---|---|---|---|\n");
    for Measured { scenario, faults, .. } in measured {
        let sound = if faults.is_empty() {
            "nothing lost, doubled or refused".to_owned()
        } else {
            format!(
                "**no**: {}",
                faults.join("; ").replace('|', "\\|").replace(['\n', '\r'], " ")
            )
        };
        let (name, engine, about) = (scenario.name, scenario.engine.name(), scenario.about);
        page.push_str(&format!("| `{name}` | {engine} | {about} | {sound} |\n"));
    }
    page
}

/// Who had the machine: what a server lacks that shares it with its database and the generator.
fn shares(measured: &[Measured]) -> String {
    let mut table = String::from(
        "\n## Where the cores went\n\nIn cores, while it was measured: those of the machine are the limit where all of them \
         are busy, and something that is waited for where they are not. SQLite is in the server.\n\n\
         | scenario | server | database | generator | busy | generator, CPU µs | for each |\n|---|---|---|---|---|---|---|\n",
    );
    for measured in measured {
        let Scenario { name, thing, .. } = &measured.scenario;
        let generator_cpu = format!("/generator/cpu_us_per_{thing}");
        let [server, database, generator, busy, cpu] = [
            "/server/cores",
            "/database/cores",
            "/generator/cores",
            "/machine_busy_cores",
            &generator_cpu,
        ]
        .map(|pointer| measured.median(pointer).map(number).unwrap_or_default());
        table.push_str(&format!(
            "| `{name}` | {server} | {database} | {generator} | {busy} | {cpu} | {thing} |\n"
        ));
    }
    table
}

fn ratios(measured: &[Measured], baseline: Option<f64>) -> [Ratio; 6] {
    let median = |name: &str, pointer: &str| {
        let scenario = measured.iter().find(|measured| measured.scenario.name == name)?;
        scenario.median(pointer)
    };
    let ratio = |above: Option<f64>, below: Option<f64>| Some(above? / below.filter(|below| *below > 0.0)?);
    let acknowledged = |name| median(name, "/acked_per_s");
    let stalling = |pointer| ratio(median(STALLED, pointer), median(STEADY, pointer));
    [
        Ratio {
            name: "`durable-500-sqlite` × `single-500-sqlite`",
            value: ratio(acknowledged("durable-500-sqlite"), acknowledged("single-500-sqlite")),
            goal: Goal::AtLeast(10.0),
        },
        Ratio {
            name: "`durable-64-sqlite` × `single-64-sqlite`",
            value: ratio(acknowledged("durable-64-sqlite"), acknowledged("single-64-sqlite")),
            goal: Goal::AtLeast(10.0),
        },
        Ratio {
            name: "`durable-500-sqlite` × `baseline-sqlite`",
            value: ratio(acknowledged("durable-500-sqlite"), baseline),
            goal: Goal::AtLeast(10.0),
        },
        Ratio {
            name: "`durable-64-sqlite` × `baseline-sqlite`",
            value: ratio(acknowledged("durable-64-sqlite"), baseline),
            goal: Goal::AtLeast(10.0),
        },
        Ratio {
            name: "`stalled` × `steady`, delivery p50",
            value: stalling("/delivery_ms/p50"),
            goal: Goal::AtMost(1.5),
        },
        Ratio {
            name: "`stalled` × `steady`, delivery p99",
            value: stalling("/delivery_ms/p99"),
            goal: Goal::AtMost(1.5),
        },
    ]
}

fn row(scenario: &str, name: &str, goal: Option<Goal>, value: Option<f64>) -> String {
    let scenario = if scenario.is_empty() {
        String::new()
    } else {
        format!("`{scenario}`")
    };
    let goal_text = match goal {
        None => String::new(),
        Some(Goal::AtMost(goal)) => format!("≤ {}", number(goal)),
        Some(Goal::AtLeast(goal)) => format!("≥ {}", number(goal)),
    };
    let verdict = match (goal, value) {
        (Some(_), None) => "not measured",
        (Some(Goal::AtMost(goal)), Some(value)) if value > goal => "missed",
        (Some(Goal::AtLeast(goal)), Some(value)) if value < goal => "missed",
        (Some(_), Some(_)) => "reached",
        (None, _) => "",
    };
    let value = value.map(number).unwrap_or_default();
    format!("| {scenario} | {name} | {goal_text} | {value} | {verdict} |\n")
}

/// With as many places as say something, and a comma between each three digits.
fn number(value: f64) -> String {
    let places = match value.abs() {
        0.0 => 0,
        size if size < 1.0 => 3,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.places$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    let (whole, fraction) = text
        .split_once('.')
        .map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    fraction.map_or(grouped.clone(), |fraction| format!("{grouped}.{fraction}"))
}

/// One line for the people who wait.
pub fn summary(figures: &[Figure], run: &Value) -> String {
    let texts = figures.iter().filter_map(|figure| {
        let value = run.pointer(figure.pointer)?.as_f64()? / figure.unit;
        Some(format!("{} {}", figure.name, number(value)))
    });
    texts.collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scenario::{Extent, all};

    #[test]
    fn numbers_are_as_short_as_they_may_be() {
        let texts: Vec<String> = [0.0, 0.25, 7.5, 41.26, 999.9, 25_000.0, 1_234_567.8]
            .map(number)
            .to_vec();
        assert_eq!(texts, ["0", "0.25", "7.5", "41.3", "1,000", "25,000", "1,234,568"]);
    }

    #[test]
    fn the_page_says_what_was_reached_and_what_was_missed() {
        let extent = Extent { seconds: 1, divisor: 1 };
        let scenario = all(extent).remove(0);
        let run = |bytes: u32| {
            json!({
                "server": { "bytes_per_more_conn": bytes, "cores": 1.25 },
                "generator": { "cores": 0.5, "cpu_us_per_conn": 81.04 },
                "machine_busy_cores": 1.8,
            })
        };
        let measured = |runs: &[u32]| Measured {
            scenario: scenario.clone(),
            runs: runs.iter().copied().map(run).collect(),
            faults: vec![],
        };
        let head = Head {
            lines: vec![("Commit", "abc".to_owned())],
        };
        let page = write(&head, &[measured(&[2_000, 9_000, 2_500])], None);
        assert!(
            page.contains("| `idle` | RSS, bytes for one more connection | ≤ 3,000 | 2,500 | reached |"),
            "{page}"
        );
        assert!(page.contains("| `idle` | 1.25 |  | 0.5 | 1.8 | 81 | conn |"), "{page}");
        let page = write(&head, &[measured(&[2_000, 9_000])], Some(900.0));
        assert!(page.contains("| 5,500 | missed |"), "{page}");
        assert!(
            page.contains("| `baseline-sqlite` | transactions of one message per second |  | 900 |  |"),
            "{page}"
        );
    }

    #[test]
    fn scenarios_have_names_of_their_own() {
        let mut names: Vec<&str> = all(Extent {
            seconds: 1,
            divisor: 10,
        })
        .iter()
        .map(|scenario| scenario.name)
        .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
