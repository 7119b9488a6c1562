//! The description of the API: complete, and the committed copy is the current one.

use std::{collections::BTreeSet, fs, path::Path};

use parlour::web::{
    openapi::{openapi, openapi_json},
    routes::{Caller, ROUTES},
};
use serde_json::Value;

fn description() -> Value {
    serde_json::from_str(&openapi_json().unwrap()).unwrap()
}

#[test]
fn the_description_has_every_route_and_no_other() {
    let described: BTreeSet<(String, String)> = description()["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .keys()
                .map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    let routes = ROUTES
        .iter()
        .map(|route| (route.method.to_owned(), route.path.to_owned()))
        .collect();
    assert_eq!(described, routes);
}

#[test]
fn every_route_says_what_it_takes_and_answers() {
    let description = description();
    assert_eq!(description["openapi"], "3.1.0");
    let mut names = BTreeSet::new();
    for route in ROUTES {
        let operation = &description["paths"][route.path][route.method.to_lowercase()];
        let what = format!("{} {}", route.method, route.path);
        assert!(operation["summary"].is_string(), "{what} has no summary");
        assert!(
            names.insert(operation["operationId"].as_str().unwrap()),
            "{what} has another's name"
        );
        assert_eq!(
            operation["requestBody"].is_object(),
            route.body || route.raw_body,
            "{what}: body"
        );
        assert_eq!(
            operation["security"].is_array(),
            route.caller != Caller::Anybody,
            "{what}: token"
        );
        let responses = operation["responses"].as_object().unwrap();
        assert!(
            responses.keys().any(|status| status.starts_with('2')),
            "{what} never succeeds"
        );
        for status in ["401", "422"] {
            assert!(
                route.caller == Caller::Anybody || responses.contains_key(status),
                "{what}: {status}"
            );
        }
        assert_eq!(responses.contains_key("429"), route.limited, "{what}: 429");
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let named: Vec<_> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert_eq!(named, route.placeholders().collect::<Vec<_>>(), "{what}: path");
        assert_eq!(named.contains(&"id"), route.id.is_some(), "{what}: id");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let description = description();
    let mut found = Vec::new();
    references(&description, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        assert!(
            description.pointer(reference.trim_start_matches('#')).is_some(),
            "{reference}"
        );
    }
    assert!(openapi().components.is_some());
}

#[test]
fn the_committed_description_is_the_current_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == openapi_json().unwrap(),
        "docs/openapi.json is out of date: run `make openapi`"
    );
}
