//! One line of JSON on standard output, a table for people on standard error.

use serde_json::{Map, Value, json};

use crate::engine::Counters;

/// Width of the column of names.
const NAMES: usize = 32;

/// The members of an object; none of anything else.
pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// What came between two moments besides messages and replies.
pub fn noise(before: &Counters, after: &Counters) -> Value {
    let (diffs, states) = (after.diffs.since(before.diffs), after.states.since(before.states));
    let (histories, others) = (
        after.histories.since(before.histories),
        after.others.since(before.others),
    );
    json!({
        "presence_diff_frames": diffs.frames, "presence_diff_bytes": diffs.bytes,
        "presence_state_frames": states.frames, "presence_state_bytes": states.bytes,
        "history_frames": histories.frames, "history_bytes": histories.bytes,
        "other_frames": others.frames, "other_bytes": others.bytes,
        "bytes_in": after.bytes_in - before.bytes_in,
    })
}

/// Prints a result.
pub fn print(result: Map<String, Value>) {
    let mut table = String::new();
    put_rows(&result, 0, &mut table);
    eprintln!("\n{table}");
    #[expect(clippy::print_stdout, reason = "the result is what the program is for")]
    {
        println!("{}", Value::Object(result));
    }
}

fn put_rows(object: &Map<String, Value>, depth: usize, table: &mut String) {
    let indent = "  ".repeat(depth + 1);
    let width = NAMES - 2 * depth;
    for (name, value) in object {
        match value {
            // What stayed at nought is left to the line of JSON.
            Value::Object(inner) if is_nought(inner) || name.starts_with("memory_") => {}
            Value::Number(number) if depth > 0 && name != "lost" && number.as_f64() == Some(0.0) => {}
            Value::Object(inner) if inner.contains_key("p99") => {
                let at = |name: &str| inner.get(name).map(readable).unwrap_or_default();
                table.push_str(&format!(
                    "{indent}{name:<width$} p50 {}  p90 {}  p99 {}  max {}  (n {})\n",
                    at("p50"),
                    at("p90"),
                    at("p99"),
                    at("max"),
                    at("count"),
                ));
            }
            Value::Object(inner) => {
                table.push_str(&format!("{indent}{name}\n"));
                put_rows(inner, depth + 1, table);
            }
            value => table.push_str(&format!("{indent}{name:<width$} {}\n", readable(value))),
        }
    }
}

fn is_nought(object: &Map<String, Value>) -> bool {
    object.values().all(|value| value.as_f64() == Some(0.0))
}

fn readable(value: &Value) -> String {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(number) if number.fract() != 0.0 && number.abs() < 1000.0 => number.to_string(),
            Some(number) => grouped(number),
            None => number.to_string(),
        },
        Value::String(text) => text.replace("\r\n", " | "),
        other => other.to_string(),
    }
}

/// A whole number with a space between each three digits.
fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = String::from(if number < 0.0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
