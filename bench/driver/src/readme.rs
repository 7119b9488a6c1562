//! The figures that the README tells are those of the page.

use std::collections::HashMap;

/// The README with the values of the page: rows of four cells, of which the second is a scenario and the third one of its
/// figures, get the value that the page has for it as their fourth.
pub fn with_figures(readme: &str, page: &str) -> String {
    let values: HashMap<(&str, &str), &str> = page
        .lines()
        .map(cells)
        .filter(|cells| cells.len() == 6 && cells[0].starts_with('`'))
        .map(|cells| ((cells[0], cells[1]), cells[3]))
        .collect();
    let mut updated = String::with_capacity(readme.len());
    for line in readme.lines() {
        match cells(line)[..] {
            [what, scenario, figure, _] if let Some(value) = values.get(&(scenario, figure)) => {
                updated.push_str(&format!("| {what} | {scenario} | {figure} | {value} |"));
            }
            _ => updated.push_str(line),
        }
        updated.push('\n');
    }
    updated
}

fn cells(line: &str) -> Vec<&str> {
    let row = line.strip_prefix('|').and_then(|row| row.strip_suffix('|'));
    row.map_or_else(Vec::new, |row| row.split('|').map(str::trim).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_values_of_known_figures_change() {
        let page = "| scenario | figure | goal | reached | runs | |\n|---|---|---|---|---|---|\n\
                    | `idle` | bytes | ≤ 3,000 | 1,900 | 1,800–2,100 | reached |\n";
        let readme = "# It\n\n| what | scenario | figure | |\n|---|---|---|---|\n| a socket | `idle` | bytes | 2,000 |\n\
                      | other | `idle` | CPU | 7 |\n";
        let expected = readme.replace("2,000", "1,900");
        assert_eq!(with_figures(readme, page), expected);
    }
}
