//! phxload, as a process of its own.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::{error::BenchError, programs, scenario::Load, seed, server::Server};

/// What has to be nought, wherever it is in a result, for the run to count.
const NOUGHT: &[&str] = &[
    "/account/lost",
    "/account/duplicates",
    "/account/warmup_lost",
    "/account/warmup_duplicates",
    "/account/acked_error",
    "/account/no_reply",
    "/account/delivered_despite_error",
    "/account/members_with_wrong_set",
    "/account/members_disconnected",
    "/account/misrouted",
    "/account/unknown_number",
    "/account/foreign_broadcasts",
    "/account/late_or_duplicate_acks",
    "/account/no_live_sender",
    "/account/channel_errors",
    "/ramp/failed",
    "/ramp/channel_errors",
    "/lost_while_held",
    "/failures_total",
    "/unfinished_at_end",
    "/non_2xx",
    "/not_recovered",
];

/// Puts a server with its database, if that is a process, under load and gives phxload's result.
pub fn run(
    program: &Path,
    load: &Load,
    label: &str,
    server: &Server,
    database: Option<&str>,
    folder: &Path,
) -> Result<Value, BenchError> {
    let mut command = Command::new(program);
    command
        .args(&load.arguments)
        .args(["--url", &server.url])
        .args(["--pid", &server.id().to_string()])
        .args(["--label", label])
        .arg("--tokens")
        .arg(seed::tokens_file(folder))
        .arg("--rooms-file")
        .arg(load.layout.rooms_file(folder));
    if let Some(database) = database {
        command.args(["--database-pid", database]);
    }
    Ok(serde_json::from_str(&programs::run(&mut command)?)?)
}

/// What a result has that it must not have: losses, doubles, refusals, a server that is gone.
pub fn faults(result: &Value) -> Vec<String> {
    let mut faults: Vec<String> = NOUGHT
        .iter()
        .filter_map(|pointer| Some((pointer, result.pointer(pointer)?)))
        .filter(|(_, value)| value.as_f64() != Some(0.0))
        .map(|(pointer, value)| format!("{pointer} is {value}"))
        .collect();
    if let Some(errors) = result["errors"].as_object().filter(|errors| !errors.is_empty()) {
        faults.push(format!("requests have failed: {errors:?}"));
    }
    if result["back"] != result["cut"] {
        faults.push(format!("{} of {} have come back", result["back"], result["cut"]));
    }
    if result.pointer("/server/alive") != Some(&Value::Bool(true)) {
        faults.push("the server has ended".to_owned());
    }
    if let Some(sample) = result["sample_error"].as_str().filter(|_| !faults.is_empty()) {
        faults.push(sample.to_owned());
    }
    faults
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "tests")]

    use serde_json::json;

    use super::*;

    #[test]
    fn losses_and_dead_servers_are_faults() {
        let sound = json!({ "account": { "lost": 0, "duplicates": 0 }, "errors": {}, "server": { "alive": true } });
        assert!(faults(&sound).is_empty());
        for (pointer, value) in [
            ("/account/lost", json!(1)),
            ("/account/duplicates", json!(3)),
            ("/server/alive", json!(false)),
            ("/errors", json!({ "timeout": 1 })),
        ] {
            let mut broken = sound.clone();
            *broken.pointer_mut(pointer).expect("it is there") = value;
            assert_eq!(faults(&broken).len(), 1, "{pointer}");
        }
        assert_eq!(
            faults(&json!({ "cut": 2, "back": 1, "server": { "alive": true } })).len(),
            1
        );
    }
}
