//! The documents say what the code does: what they list is in the code, and the reverse, and their links lead
//! somewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use actix_web::{ResponseError, body::to_bytes};
use parlour::{
    accounts,
    api_keys::{self, Permission},
    audit, chat,
    config::reference,
    realtime::SendError,
    tenants,
    web::{error::ApiError, routes::ROUTES},
};
use sea_orm::{DbErr, RuntimeErr};
use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Files below a folder whose names end so, without what is built or installed.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    const SKIPPED: [&str; 4] = ["target", "node_modules", ".git", "data"];
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().unwrap().is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                found.extend(files(&path, ending));
            }
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found
}

/// The part of a page under a heading, up to the next one of the same or a higher level.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page
        .split_once(&format!("{heading}\n"))
        .unwrap_or_else(|| panic!("there is no {heading}"));
    let level = heading.bytes().take_while(|byte| *byte == b'#').count();
    let end = (1..=level)
        .filter_map(|level| rest.find(&format!("\n{} ", "#".repeat(level))))
        .min();
    &rest[..end.unwrap_or(rest.len())]
}

/// The cells of the rows of all tables in a text; header and ruler are left out.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = text.lines().collect();
    lines
        .iter()
        .enumerate()
        .filter(|(at, line)| {
            let header = lines.get(at + 1).is_some_and(|next| next.starts_with("|---"));
            line.starts_with("| ") && !header
        })
        .map(|(_, line)| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

/// What stands in backticks. Blocks of code are left out.
fn quoted(text: &str) -> Vec<String> {
    let mut in_block = false;
    text.lines()
        .filter(|line| {
            let fence = line.trim_start().starts_with("```");
            in_block ^= fence;
            !fence && !in_block
        })
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

fn set<T: Into<String>>(items: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    items.into_iter().map(Into::into).collect()
}

/// The source without its tests.
fn code(path: &Path) -> String {
    let place = path.strip_prefix(root()).unwrap().to_string_lossy();
    if place.contains("tests") {
        return String::new();
    }
    let text = fs::read_to_string(path).unwrap();
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..end].to_owned()
}

/// The texts between `before` and the next quotation mark.
fn after(code: &str, before: &str) -> Vec<String> {
    code.split(before)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_route_is_documented_and_every_documented_route_exists() {
    let routes = set(ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)));
    for (page, heading) in [("README.md", "## REST"), ("docs/rest.md", "## Routes")] {
        let text = read(page);
        let documented = set(rows(section(&text, heading)).iter().map(|row| row[0].trim_matches('`')));
        assert_eq!(documented, routes, "{page}");
    }
}

/// Each setting with its variable and its default.
fn settings() -> BTreeMap<String, (String, String)> {
    let reference = reference();
    let mut lines = reference.lines();
    let mut found = BTreeMap::new();
    while let Some(line) = lines.next() {
        if let Some(key) = line.strip_prefix("### `") {
            let values = lines.find(|line| !line.is_empty()).unwrap_or_default();
            let values: Vec<&str> = values.split('`').collect();
            found.insert(
                key.trim_end_matches('`').to_owned(),
                (values[1].to_owned(), values[3].to_owned()),
            );
        }
    }
    assert!(found.len() > 40, "the reference is not read any more");
    found
}

#[test]
fn settings_named_in_documents_exist_and_have_the_defaults_told() {
    let settings = settings();
    let readme = read("README.md");
    let listed = rows(section(&readme, "## Settings"));
    assert!(listed.len() >= 20);
    for row in listed {
        let (key, default) = (row[0].trim_matches('`'), row[1].trim_matches('`'));
        let known = settings.get(key).unwrap_or_else(|| panic!("there is no setting {key}"));
        assert_eq!(known.1, default, "{key}");
    }

    let sections = set(settings
        .keys()
        .filter_map(|key| key.split_once('.').map(|(section, _)| section)));
    let variables = set(settings.values().map(|(variable, _)| variable.as_str()));
    for path in files(&root(), ".md") {
        let text = fs::read_to_string(&path).unwrap();
        for name in quoted(&text) {
            if let Some((section, key)) = name.split_once('.')
                && sections.contains(section)
                && !key.is_empty()
                && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
                && !["rs", "md", "toml"].contains(&key)
            {
                assert!(settings.contains_key(&name), "{}: {name}", path.display());
            }
        }
        for piece in text.replace("\\_", "_").split("PARLOUR_").skip(1) {
            let end = piece
                .find(|char: char| !(char.is_ascii_uppercase() || char == '_'))
                .unwrap_or(piece.len());
            let name = format!("PARLOUR_{}", piece[..end].trim_end_matches("_FILE"));
            let example = ["PARLOUR_", "PARLOUR_A__B", "PARLOUR_CONFIG"].contains(&name.as_str());
            assert!(example || variables.contains(&name), "{}: {name}", path.display());
        }
    }
}

/// Each error that a route can answer with, other than by violations and limits.
fn samples() -> Vec<ApiError> {
    let db = || DbErr::Custom("secret".to_owned());
    vec![
        chat::Error::RoomNotFound.into(),
        chat::Error::UserNotFound.into(),
        chat::Error::NotMember.into(),
        chat::Error::NotCreator.into(),
        chat::Error::ReadOnly.into(),
        chat::Error::MessageNotFound.into(),
        chat::Error::NotAuthor.into(),
        chat::Error::TooLate.into(),
        chat::Error::NotModerator.into(),
        chat::Error::TooManyPins.into(),
        chat::Error::RoomFull.into(),
        chat::Error::TooManyRooms.into(),
        chat::Error::RoomCreationClosed.into(),
        chat::Error::Banned.into(),
        chat::Error::Muted { until: None }.into(),
        chat::Error::SlowMode {
            retry_after: Duration::from_secs(1),
        }
        .into(),
        chat::Error::Frozen.into(),
        chat::Error::NotAdmin.into(),
        chat::Error::Outranked.into(),
        chat::Error::MemberNotFound.into(),
        chat::Error::InvitationNotFound.into(),
        chat::Error::UploadNotFound.into(),
        chat::Error::UploadsFull.into(),
        chat::Error::Conflict.into(),
        chat::Error::Db(db()).into(),
        chat::Error::Db(DbErr::Conn(RuntimeErr::Internal("gone".to_owned()))).into(),
        accounts::Error::InvalidCredentials.into(),
        accounts::Error::NotFound.into(),
        accounts::Error::SignedOut.into(),
        accounts::Error::RegistrationClosed.into(),
        accounts::Error::GuestsNotAllowed.into(),
        accounts::Error::ClaimsNotAllowed.into(),
        accounts::Error::GuestNotFound.into(),
        accounts::Error::Suspended.into(),
        accounts::Error::Chat(chat::Error::UserNotFound).into(),
        accounts::Error::Busy.into(),
        accounts::Error::Hashing("secret".to_owned()).into(),
        tenants::Error::NotFound.into(),
        tenants::Error::SlugTaken.into(),
        tenants::Error::KeyNotFound.into(),
        tenants::Error::TooManyKeys.into(),
        api_keys::Error::Unknown.into(),
        api_keys::Error::NotFound.into(),
        api_keys::Error::TooMany.into(),
        api_keys::Error::BotSuspended.into(),
        api_keys::Error::NotPermitted {
            needed: Permission::UsersRead,
        }
        .into(),
        audit::Error::Db(db()).into(),
        ApiError::Unavailable("too many uploads at once"),
        SendError::FeatureDisabled.into(),
        SendError::Unavailable.into(),
        ApiError::Unauthorized,
        ApiError::OriginNotAllowed,
        ApiError::TenantSuspended,
        ApiError::NotFound,
        ApiError::MethodNotAllowed {
            allow: "GET".to_owned(),
        },
        ApiError::Malformed,
        ApiError::BodyTimeout,
        ApiError::BodyTooLarge { max: 65536 },
        ApiError::UnsupportedMediaType,
        ApiError::Internal("secret".into()),
    ]
}

#[actix_web::test]
async fn statuses_and_texts_of_rest_are_those_documented() {
    let page = read("docs/errors.md");
    let documented = set(rows(section(&page, "## REST"))
        .iter()
        .map(|row| format!("{} {}", row[0], row[1].trim_matches('`'))));

    // The two of the readiness check, and the limits.
    let mut answered = set(["503 database unavailable", "503 shutting down", "429 rate limited"]);
    for error in samples() {
        let response = error.error_response();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body()).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        answered.insert(format!("{status} {}", body["error"].as_str().unwrap()));
    }
    assert_eq!(documented, answered);

    // An error that was added to the code and is in no sample.
    const NEVER_SHOWN: [&str; 4] = [
        "invalid input",
        "signed out",
        "too many sign-ins at once",
        "a signing key's secret does not open",
    ];
    let texts = set(answered
        .iter()
        .filter_map(|text| text.split_once(' ').map(|(_, text)| text)));
    for path in [
        "src/web/error.rs",
        "src/chat/error.rs",
        "src/accounts/error.rs",
        "src/tenants/error.rs",
        "src/api_keys/error.rs",
        "src/audit/error.rs",
        "src/realtime/publish.rs",
    ] {
        for text in after(&code(&root().join(path)), "#[error(\"") {
            let known = texts.contains(&text) || NEVER_SHOWN.contains(&text.as_str()) || text.contains('{');
            assert!(known, "{path}: {text:?} is documented nowhere");
        }
    }
}

#[test]
fn reasons_of_refusals_are_those_documented() {
    let page = read("docs/errors.md");
    let mut documented = BTreeSet::new();
    for heading in ["## Refused joins", "## Refused events"] {
        documented.extend(set(rows(section(&page, heading))
            .iter()
            .map(|row| row[0].trim_matches('`'))));
    }
    // Named in a sentence: no event leads to them.
    documented.extend(["not_the_creator", "too_many_rooms", "room_creation_closed"].map(str::to_owned));

    let mut told = BTreeSet::new();
    for path in files(&root().join("src"), ".rs") {
        let code = code(&path);
        for before in ["\"reason\": \"", "\"reason\":\"", "Reason(\""] {
            told.extend(after(&code, before));
        }
    }
    let codes = code(&root().join("src/chat/error.rs"));
    told.extend(after(&codes, "=> \""));
    assert_eq!(documented, told);
}

#[test]
fn close_codes_are_those_documented() {
    let page = read("docs/errors.md");
    let documented = set(rows(section(&page, "## Close codes")).iter().map(|row| row[0]));
    let constants = read("src/phoenix/close_code.rs");
    let known = set(constants
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.split_once(": u16 = "))
        .map(|(_, value)| value.trim_end_matches(';')));
    assert_eq!(documented, known);
}

/// The events that clients send, as the guide to the socket lists them.
pub fn events_of_clients() -> BTreeSet<String> {
    documented_events(section(&read("docs/realtime.md"), "## What a client sends"))
}

/// The events of a table, but for the protocol's own.
fn documented_events(table: &str) -> BTreeSet<String> {
    let mut events: BTreeSet<String> = rows(table).iter().flat_map(|row| quoted(row[0])).collect();
    events.remove("phx_join");
    events
}

#[test]
fn events_of_the_socket_are_those_documented() {
    let pushing = code(&root().join("src/web/socket/session/pushing.rs"));
    let mut handled = set(pushing
        .lines()
        .filter_map(|line| line.trim().strip_suffix(" if in_room => {"))
        .flat_map(|line| line.split('"').skip(1).step_by(2)));
    handled.extend(after(&pushing, "if event == \""));
    let payloads = code(&root().join("src/web/socket/payloads.rs"));
    let (_, change) = payloads
        .split_once("pub fn change(")
        .expect("where changes are told apart");
    let (change, _) = change.split_once("\n}\n").expect("the function's end");
    let changes = change
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" =>"));
    handled.extend(changes.map(|(event, _)| event.to_owned()));
    let all: String = files(&root().join("src"), ".rs")
        .iter()
        .map(|path| code(path))
        .collect();

    let guide = read("docs/realtime.md");
    let readme = read("README.md");
    let (taken, _) = readme
        .split_once("| from the server |")
        .expect("README has both tables of events");
    assert_eq!(documented_events(section(taken, "## Socket")), handled, "README.md");
    assert_eq!(events_of_clients(), handled, "docs/realtime.md");
    let (_, given) = readme.split_once("| from the server |").unwrap_or_default();
    let given = given.split("\n## ").next().unwrap_or_default();
    let told: BTreeSet<String> = rows(given).iter().flat_map(|row| quoted(row[0])).collect();
    let listed: BTreeSet<String> = rows(section(&guide, "## What a client gets"))
        .iter()
        .flat_map(|row| quoted(row[0]))
        .collect();
    assert_eq!(told, listed);
    assert!(told.len() >= 8);
    for event in told {
        assert!(all.contains(&format!("\"{event}\"")), "nothing sends {event}");
    }
}

#[test]
fn figures_in_the_readme_are_those_of_the_benchmark() {
    let (readme, results) = (read("README.md"), read("bench/results.md"));
    let measured = rows(&results);
    let told = rows(section(&readme, "## How fast it is"));
    assert!(told.len() >= 5);
    for row in told {
        // What it is in words, then scenario, figure and value as they stand there.
        let found = measured
            .iter()
            .any(|cells| cells.len() >= 4 && cells[..2] == row[1..3] && cells[3] == row[3]);
        assert!(found, "bench/results.md has no {:?}", &row[1..]);
    }
}

/// What a heading is called in links to it.
fn anchor(heading: &str) -> String {
    heading
        .trim()
        .to_lowercase()
        .chars()
        .filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'))
        .map(|char| if char == ' ' { '-' } else { char })
        .collect()
}

fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    set(headings.map(|line| anchor(line.trim_start_matches('#'))))
}

#[test]
fn links_lead_somewhere() {
    let mut followed = 0;
    for path in files(&root(), ".md") {
        let text = fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                path.clone()
            } else {
                path.parent().unwrap().join(file)
            };
            assert!(target.exists(), "{}: {link}", path.display());
            if !place.is_empty() {
                let page = fs::read_to_string(&target).unwrap();
                assert!(anchors(&page).contains(place), "{}: {link}", path.display());
            }
            followed += 1;
        }
    }
    assert!(followed > 20, "the search finds no links");
}

#[test]
fn nothing_is_left_to_be_written() {
    for path in files(&root(), ".md") {
        let text = fs::read_to_string(&path).unwrap().to_lowercase();
        for word in ["todo", "fixme", "tbd", "lorem", "coming soon", "xxx"] {
            let found = text
                .split(|char: char| !char.is_alphanumeric() && char != ' ')
                .any(|words| format!(" {words} ").contains(&format!(" {word} ")));
            assert!(!found, "{}: {word}", path.display());
        }
    }
}
