//! The page with the results.

use serde_json::Value;

use crate::{
    figure::{Figure, Goal},
    measured::{Measured, Spread},
    ratio::RATIOS,
};

/// What stands above the table.
pub struct Head {
    /// When, on what, of what, how: one line each.
    pub lines: Vec<(&'static str, String)>,
}

/// The whole page.
pub fn write(head: &Head, measured: &[Measured]) -> String {
    let mut page = String::from(
        "# Results of the benchmark\n\nWritten by `make bench`; [README.md](README.md) says what is measured and how. Of each \
         figure the median over the runs, and the lowest and the highest of them. A ratio (×) is made within a round, of \
         two runs that were made one right after the other; it is the median over the rounds. A scenario whose message \
         was lost, doubled or refused even once has failed.\n\n",
    );
    for (name, text) in &head.lines {
        page.push_str(&format!("- {name}: {text}\n"));
    }
    page.push_str("\n| scenario | figure | goal | reached | runs | |\n|---|---|---|---|---|---|\n");
    for scenario in measured {
        for figure in &scenario.scenario.figures {
            let name = format!("`{}`", scenario.scenario.name);
            let spread = scenario.spread(figure.pointer, figure.unit);
            page.push_str(&row(&name, figure.name, figure.goal, spread));
        }
    }
    for ratio in &RATIOS {
        if let Some(spread) = ratio.of(measured) {
            page.push_str(&row("", &ratio.name(), Some(ratio.goal), Some(spread)));
        }
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
         are busy, and something that is waited for where they are not. SQLite is in the server. The generator does the \
         same for each thing in every run, so the range of its CPU shows slow and fast phases of the machine.\n\n\
         | scenario | server | database | generator | busy | generator, CPU µs | runs | for each |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for measured in measured {
        let Some(load) = &measured.scenario.load else {
            continue;
        };
        let (name, thing) = (measured.scenario.name, load.thing);
        let spread = |pointer: &str| measured.spread(pointer, 1.0);
        let [server, database, generator, busy] = [
            "/server/cores",
            "/database/cores",
            "/generator/cores",
            "/machine_busy_cores",
        ]
        .map(|pointer| median(spread(pointer)));
        let cpu = spread(&format!("/generator/cpu_us_per_{thing}"));
        table.push_str(&format!(
            "| `{name}` | {server} | {database} | {generator} | {busy} | {} | {} | {thing} |\n",
            median(cpu),
            range(cpu)
        ));
    }
    table
}

fn row(scenario: &str, name: &str, goal: Option<Goal>, spread: Option<Spread>) -> String {
    let goal_text = match goal {
        None => String::new(),
        Some(Goal::AtMost(goal)) => format!("≤ {}", number(goal)),
        Some(Goal::AtLeast(goal)) => format!("≥ {}", number(goal)),
    };
    let verdict = match (goal, spread.map(|spread| spread.median)) {
        (Some(_), None) => "not measured",
        (Some(Goal::AtMost(goal)), Some(value)) if value > goal => "missed",
        (Some(Goal::AtLeast(goal)), Some(value)) if value < goal => "missed",
        (Some(_), Some(_)) => "reached",
        (None, _) => "",
    };
    format!(
        "| {scenario} | {name} | {goal_text} | {} | {} | {verdict} |\n",
        median(spread),
        range(spread)
    )
}

fn median(spread: Option<Spread>) -> String {
    spread.map(|spread| number(spread.median)).unwrap_or_default()
}

/// From the lowest to the highest, where the two are not the same.
fn range(spread: Option<Spread>) -> String {
    let ends = spread.map(|spread| [spread.lowest, spread.highest].map(number));
    match ends {
        Some([lowest, highest]) if lowest != highest => format!("{lowest}–{highest}"),
        _ => String::new(),
    }
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
        let page = |runs: &[u32]| {
            let measured = Measured {
                runs: runs.iter().copied().map(run).collect(),
                ..Measured::new(scenario.clone())
            };
            let head = Head {
                lines: vec![("Commit", "abc".to_owned())],
            };
            write(&head, &[measured])
        };
        let text = page(&[2_000, 9_000, 2_500]);
        assert!(
            text.contains("| `idle` | RSS, bytes for one more connection | ≤ 3,000 | 2,500 | 2,000–9,000 | reached |"),
            "{text}"
        );
        assert!(
            text.contains("| `idle` | 1.25 |  | 0.5 | 1.8 | 81 |  | conn |"),
            "{text}"
        );
        let text = page(&[2_000, 9_000]);
        assert!(text.contains("| 5,500 | 2,000–9,000 | missed |"), "{text}");
        let text = page(&[2_000]);
        assert!(text.contains("| 2,000 |  | reached |"), "{text}");
    }

    #[test]
    fn ratios_have_rows_and_what_has_no_server_takes_none_of_its_cores() {
        let mut scenarios = all(Extent { seconds: 1, divisor: 1 });
        scenarios.retain(|scenario| ["durable-64-sqlite", "baseline-sqlite"].contains(&scenario.name));
        let measured: Vec<Measured> = scenarios
            .into_iter()
            .map(|scenario| Measured {
                runs: [900, 950, 990]
                    .map(|rate| json!({ "acked_per_s": if scenario.load.is_some() { rate * 11 } else { rate } }))
                    .to_vec(),
                ..Measured::new(scenario)
            })
            .collect();
        let page = write(&Head { lines: vec![] }, &measured);
        for row in [
            "| `baseline-sqlite` | transactions of one message per second |  | 950 | 900–990 |  |",
            "|  | `durable-64-sqlite` × `baseline-sqlite` | ≥ 10 | 11 |  | reached |",
        ] {
            assert!(page.contains(row), "{page}");
        }
        assert!(!page.contains("`durable-500-sqlite` ×"), "{page}");
        let (_, cores) = page.split_once("## Where the cores went").unwrap_or_default();
        let (cores, _) = cores.split_once("## ").unwrap_or_default();
        assert!(
            cores.contains("`durable-64-sqlite`") && !cores.contains("`baseline-sqlite`"),
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
