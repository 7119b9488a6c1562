//! Layers and rules of the settings, without a process environment.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::load::{DEFAULTS, variable};
use super::*;

const SECRET: &str = "9f86d081884c7d659a2feaa0c55ad015";

fn from_environment(pairs: &[(&str, &str)]) -> Sources {
    let environment = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    // A folder without a settings file.
    Sources {
        folder: PathBuf::from("/nonexistent"),
        environment,
        ..Sources::default()
    }
}

fn load(pairs: &[(&str, &str)]) -> Result<Loaded, SettingsError> {
    Settings::load(&from_environment(pairs))
}

fn problems(pairs: &[(&str, &str)]) -> Vec<String> {
    load(pairs).unwrap_err().problems
}

fn with_file(text: &str, pairs: &[(&str, &str)]) -> Result<Loaded, SettingsError> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("parlour.toml"), text).unwrap();
    Settings::load(&Sources {
        folder: folder.path().to_owned(),
        ..from_environment(pairs)
    })
}

#[test]
fn the_defaults_are_valid_and_say_what_the_manual_says() {
    let loaded = load(&[]).unwrap();
    let settings = &loaded.settings;
    assert_eq!(settings.environment, Environment::Production);
    assert_eq!(settings.server.port, 4000);
    assert_eq!(settings.server.workers, None);
    assert_eq!(settings.server.shutdown_timeout, Duration::from_secs(30));
    assert_eq!(settings.database.url.expose_secret(), "sqlite://data/parlour.db");
    assert_eq!(settings.limits.messages_per_user, "10/5s".parse().unwrap());
    assert_eq!(settings.socket.channels_max, Cap::Max(100));
    assert_eq!(settings.socket.check_origin, OriginCheck::Off);
    assert_eq!(settings.socket.idle_timeout, Duration::from_secs(60));
    assert!(settings.auth.secret_key.is_none());
    assert!(loaded.origins.is_empty());
}

#[test]
fn every_key_of_the_manual_has_a_comment() {
    let mut before = "";
    for line in DEFAULTS.lines() {
        assert!(
            !line.contains(" = ") || line.starts_with('#') || before.starts_with('#'),
            "no comment above {line}"
        );
        before = line;
    }
}

#[test]
fn the_settings_page_is_the_manual() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/settings.md");
    assert!(fs::read_to_string(path).unwrap() == reference(), "run `make reference`");
}

#[test]
fn later_layers_win() {
    let file = "[server]\nport = 1\nhost = '0.0.0.0'\n[database]\npool_size = 3\n";
    let with = |pairs: &[(&str, &str)]| with_file(file, pairs).unwrap().settings.server.port;
    assert_eq!(with(&[]), 1);
    assert_eq!(with(&[("PORT", "2")]), 2);
    assert_eq!(with(&[("PARLOUR_SERVER__PORT", "3"), ("PORT", "2")]), 3);

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("parlour.toml"), file).unwrap();
    let loaded = Settings::load(&Sources {
        folder: folder.path().to_owned(),
        flags: vec![Flag {
            name: "--port",
            key: "server.port",
            value: "4".to_owned(),
        }],
        ..from_environment(&[("PARLOUR_SERVER__PORT", "3")])
    })
    .unwrap();
    assert_eq!(loaded.settings.server.port, 4);
    assert_eq!(loaded.settings.database.pool_size, Some(3), "layers merge key by key");
    assert_eq!(loaded.origins["server.port"], "--port");
    assert!(loaded.origins["server.host"].ends_with("parlour.toml"));
    assert!(!loaded.origins.contains_key("server.body_bytes_max"));
}

#[test]
fn every_setting_has_a_variable_typed_by_its_default() {
    let settings = load(&[
        ("PARLOUR_AUTH__SECRET_KEY", "12345678909876543210123456789012"),
        ("PARLOUR_TENANTS__ENSURE", "default, mika-travel-blog,other-website"),
        ("PARLOUR_SOCKET__CHANNELS_MAX", "off"),
        ("PARLOUR_SOCKET__CONNECTIONS_MAX", "7"),
        (
            "PARLOUR_SOCKET__CHECK_ORIGIN",
            "https://a.example,https://b.example:8443",
        ),
        ("PARLOUR_SOCKET__AUTH_SUBPROTOCOL", "false"),
        ("PARLOUR_LIMITS__MESSAGES_PER_USER", "off"),
        ("PARLOUR_LIMITS__JOINS_PER_SOCKET", "3/1m"),
        ("PARLOUR_SERVER__WORKERS", "4"),
        ("PARLOUR_SERVER__HOST", "::1"),
        ("PARLOUR_LOG__FORMAT", "json"),
        ("PARLOUR_ENVIRONMENT", "development"),
        ("PARLOUR_DATA_DIR", "/var/lib/parlour"),
    ])
    .unwrap()
    .settings;
    assert_eq!(
        settings.auth.secret_key.unwrap().expose_secret(),
        "12345678909876543210123456789012"
    );
    assert_eq!(
        settings.tenants.ensure,
        ["default", "mika-travel-blog", "other-website"]
    );
    assert_eq!(settings.socket.channels_max, Cap::Off);
    assert_eq!(settings.socket.connections_max, Cap::Max(7));
    let origins = vec!["https://a.example".to_owned(), "https://b.example:8443".to_owned()];
    assert_eq!(settings.socket.check_origin, OriginCheck::Only(origins));
    assert!(!settings.socket.auth_subprotocol);
    assert_eq!(settings.limits.messages_per_user, RateLimit::Off);
    assert_eq!(settings.limits.joins_per_socket, "3/60s".parse().unwrap());
    assert_eq!(settings.server.workers, Some(4));
    assert_eq!(settings.log.format, LogFormat::Json);
    assert!(settings.environment.is_development());
    assert_eq!(
        settings.database.url.expose_secret(),
        "sqlite:///var/lib/parlour/parlour.db"
    );
}

#[test]
fn names_of_the_original_are_understood() {
    let loaded = load(&[
        ("DATABASE_URL", "postgres:///parlour?host=/run/postgresql"),
        ("PORT", "4001"),
        ("POOL_SIZE", "20"),
        ("SECRET_KEY_BASE", "0123456789abcdef-weaker-than-guardian"),
        ("GUARDIAN_SECRET_KEY", SECRET),
        ("MIX_ENV", "prod"),
    ])
    .unwrap();
    assert_eq!(loaded.settings.server.port, 4001);
    assert_eq!(loaded.settings.database.pool_size, Some(20));
    assert_eq!(loaded.settings.auth.secret_key.unwrap().expose_secret(), SECRET);
    assert_eq!(loaded.origins["auth.secret_key"], "GUARDIAN_SECRET_KEY");
}

#[test]
fn no_limits_turns_every_rate_limit_off_and_no_cap() {
    let settings = load(&[
        ("PARLOUR_NO_LIMITS", "true"),
        ("PARLOUR_LIMITS__TYPING_PER_USER", "1/1s"),
    ])
    .unwrap()
    .settings;
    assert!(
        Limit::ALL
            .iter()
            .all(|limit| settings.limits.rate(*limit) == RateLimit::Off)
    );
    assert_ne!(settings.limits.rooms_max, Cap::Off);
    assert_ne!(settings.limits.members_per_room_max, Cap::Off);
    assert_eq!(settings.socket.channels_max, Cap::Max(100));
}

#[test]
fn every_rate_limit_and_cap_can_be_off() {
    for line in DEFAULTS.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, _)) = line.split_once(" = ") else {
            continue;
        };
        let section = DEFAULTS[..DEFAULTS.find(&format!("\n{line}\n")).unwrap()]
            .rfind("\n[")
            .map(|at| &DEFAULTS[at + 2..]);
        let Some(section) = section.map(|text| &text[..text.find(']').unwrap()]) else {
            continue;
        };
        if section == "limits" || name.ends_with("_max") {
            load(&[(&variable(&format!("{section}.{name}")), "off")]).unwrap();
        }
    }
}

#[test]
fn unknown_keys_and_variables_are_errors_with_a_hint() {
    let error = with_file(
        "prot = 1\n[server]\nprot = 1\n[sever]\nhost = 'x'\n[log]\nformat = 'json'\n",
        &[],
    )
    .unwrap_err();
    assert_eq!(error.problems.len(), 3, "{error}");
    assert!(
        error.problems[0].starts_with("prot: there is no such setting ("),
        "{error}"
    );
    assert!(error.problems[1].starts_with("server.prot: there is no such setting, did you mean server.port? ("));
    assert!(error.problems[1].ends_with("parlour.toml)"), "{error}");
    assert!(
        error.problems[2].starts_with("sever: there is no such setting"),
        "{error}"
    );

    let problem = &problems(&[("PARLOUR_LIMITS__MESSAGE_PER_USER", "off")])[0];
    assert_eq!(
        problem,
        "PARLOUR_LIMITS__MESSAGE_PER_USER: there is no such setting, did you mean PARLOUR_LIMITS__MESSAGES_PER_USER? \
         (environment)"
    );
    assert!(problems(&[("PARLOUR_SERVER", "x")])[0].starts_with("PARLOUR_SERVER: there is no such setting"));
}

#[test]
fn what_kubernetes_puts_beside_a_service_called_parlour_is_passed_over() {
    load(&[
        ("PARLOUR_SERVICE_HOST", "10.0.0.1"),
        ("PARLOUR_SERVICE_PORT_HTTP", "4000"),
        ("PARLOUR_PORT", "tcp://10.0.0.1:4000"),
        ("PARLOUR_PORT_4000_TCP_ADDR", "10.0.0.1"),
    ])
    .unwrap();
    assert!(problems(&[("PARLOUR_PORT", "4000")])[0].contains("did you mean PARLOUR_SERVER__PORT?"));
}

#[test]
fn everything_wrong_is_told_at_once_with_its_source() {
    let error = with_file(
        "[server]\nport = 'many'\nheader_timeout = '1h'\ndisconnect_timeout = '900ms'\n[tenants]\nensure = ['ok', 'Not OK']\n[cors]\nallowed_origins = [1]\n",
        &[
            ("PARLOUR_AUTH__PASSWORD_ROUNDS", "1000"),
            ("PARLOUR_SOCKET__CHANNELS_MAX", "lots"),
            ("PARLOUR_SOCKET__QUEUED_MAX", "0"),
            ("PARLOUR_TENANTS__CREATE_UNKNOWN", "true"),
            ("PARLOUR_LIMITS__TYPING_PER_USER", "often"),
            ("PARLOUR_LOG__FILTER", "parlour=loudly"),
            ("PARLOUR_SOCKET__CHECK_ORIGIN", "https://example.org/path"),
            ("DATABASE_URL", "mysql://db/chat"),
        ],
    )
    .unwrap_err();
    let text = error.to_string();
    for (key, source) in [
        ("server.port", "parlour.toml"),
        ("server.header_timeout", "parlour.toml"),
        ("server.disconnect_timeout", "parlour.toml"),
        ("tenants.ensure", "parlour.toml"),
        ("cors.allowed_origins", "parlour.toml"),
        ("auth.password_rounds", "PARLOUR_AUTH__PASSWORD_ROUNDS"),
        ("socket.channels_max", "PARLOUR_SOCKET__CHANNELS_MAX"),
        ("socket.queued_max", "PARLOUR_SOCKET__QUEUED_MAX"),
        ("tenants.create_unknown", "PARLOUR_TENANTS__CREATE_UNKNOWN"),
        ("limits.typing_per_user", "PARLOUR_LIMITS__TYPING_PER_USER"),
        ("log.filter", "PARLOUR_LOG__FILTER"),
        ("socket.check_origin", "PARLOUR_SOCKET__CHECK_ORIGIN"),
        ("database.url", "DATABASE_URL"),
    ] {
        let told = error
            .problems
            .iter()
            .filter(|problem| problem.starts_with(&format!("{key}: ")))
            .collect::<Vec<_>>();
        assert_eq!(told.len(), 1, "{key} in {text}");
        assert!(told[0].ends_with(&format!("{source})")), "{}", told[0]);
    }
    assert_eq!(error.problems.len(), 13, "{text}");
}

#[test]
fn a_value_in_the_place_of_a_table_is_told_as_such() {
    let error = with_file("server = 5\n", &[]).unwrap_err();
    assert!(error.problems[0].starts_with("server: "), "{error}");
    let error = with_file("[server.port]\nx = 1\n", &[]).unwrap_err();
    assert!(error.problems[0].starts_with("server.port: "), "{error}");
}

#[test]
fn a_file_that_cannot_be_read_or_parsed_is_an_error() {
    assert!(problems(&[("PARLOUR_CONFIG", "/nonexistent/parlour.toml")])[0].contains("/nonexistent/parlour.toml"));
    assert!(with_file("[server\n", &[]).unwrap_err().problems[0].contains("parlour.toml"));
}

#[test]
fn production_refuses_weak_missing_and_printed_secrets() {
    let serve = |pairs: &[(&str, &str)]| {
        let sources = Sources {
            secrets_required: &["auth.secret_key", "auth.master_key"],
            ..from_environment(pairs)
        };
        Settings::load(&sources).map_err(|error| error.to_string())
    };
    let missing = serve(&[]).unwrap_err();
    for key in ["auth.secret_key: is missing", "auth.master_key: is missing"] {
        assert!(missing.contains(key), "{missing}");
    }
    assert!(missing.contains("set PARLOUR_AUTH__MASTER_KEY to"), "{missing}");
    let short = serve(&[("SECRET_KEY_BASE", "hunter2hunter2")]).unwrap_err();
    assert!(
        short.contains("auth.secret_key: is shorter than 32 bytes (SECRET_KEY_BASE)"),
        "{short}"
    );
    assert!(!short.contains("hunter2"));
    for weak in ["a".repeat(40), secret::PUBLISHED_SECRETS[0].to_owned()] {
        assert!(serve(&[("PARLOUR_AUTH__SECRET_KEY", &weak)]).is_err());
        for other in [
            "PARLOUR_AUTH__OPERATOR_TOKEN",
            "PARLOUR_AUTH__MASTER_KEY",
            "PARLOUR_AUTH__RETIRED_MASTER_KEYS",
        ] {
            let refused = serve(&[
                ("PARLOUR_AUTH__SECRET_KEY", SECRET),
                ("PARLOUR_AUTH__MASTER_KEY", SECRET),
                (other, &weak),
            ]);
            assert!(refused.is_err(), "{other}");
        }
        assert!(
            serve(&[
                ("PARLOUR_AUTH__SECRET_KEY", &weak),
                ("PARLOUR_AUTH__MASTER_KEY", &weak),
                ("PARLOUR_ENVIRONMENT", "development")
            ])
            .is_ok()
        );
    }
    assert!(
        serve(&[
            ("PARLOUR_AUTH__SECRET_KEY", SECRET),
            ("PARLOUR_AUTH__MASTER_KEY", SECRET)
        ])
        .unwrap()
        .settings
        .auth
        .operator_token
        .is_none()
    );
}

#[test]
fn secrets_come_from_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, format!("{SECRET}\n")).unwrap();
    let path = path.to_str().unwrap();
    for name in ["PARLOUR_AUTH__SECRET_KEY_FILE", "SECRET_KEY_BASE_FILE"] {
        let loaded = load(&[(name, path)]).unwrap();
        assert_eq!(loaded.settings.auth.secret_key.unwrap().expose_secret(), SECRET);
        assert_eq!(loaded.origins["auth.secret_key"], name);
    }
    let loaded = load(&[
        ("PARLOUR_AUTH__MASTER_KEY_FILE", path),
        (
            "PARLOUR_AUTH__RETIRED_MASTER_KEYS",
            "first-key-7d659a2feaa84c0c55ad0159a2f,second-key-59a2feaa84c0c55ad01597d6",
        ),
    ]);
    let auth = loaded.unwrap().settings.auth;
    assert_eq!(auth.master_key.unwrap().expose_secret(), SECRET);
    let retired: Vec<_> = auth
        .retired_master_keys
        .iter()
        .map(ExposeSecret::expose_secret)
        .collect();
    assert_eq!(
        retired,
        [
            "first-key-7d659a2feaa84c0c55ad0159a2f",
            "second-key-59a2feaa84c0c55ad01597d6"
        ]
    );
    let both = problems(&[
        ("PARLOUR_AUTH__SECRET_KEY_FILE", path),
        ("PARLOUR_AUTH__SECRET_KEY", SECRET),
    ]);
    assert!(both[0].contains("set by both"), "{both:?}");
    assert!(problems(&[("PARLOUR_AUTH__SECRET_KEY_FILE", "/nonexistent/key")])[0].contains("/nonexistent/key"));
    assert!(problems(&[("PARLOUR_SERVER__PORT_FILE", path)])[0].contains("no such setting"));
    assert!(
        load(&[("PARLOUR_AUTH__SECRET_KEY", ""), ("PORT", "")])
            .unwrap()
            .settings
            .auth
            .secret_key
            .is_none()
    );
}

#[test]
fn development_keeps_the_secrets_it_generates() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let load = || {
        let pairs = [
            ("PARLOUR_ENVIRONMENT", "development"),
            ("PARLOUR_DATA_DIR", data_dir.to_str().unwrap()),
        ];
        let mut settings = load(&pairs).unwrap().settings;
        settings.keep_secrets().unwrap();
        settings.auth
    };
    let (first, second) = (load(), load());
    let (key, token) = (first.secret_key.unwrap(), first.operator_token.unwrap());
    assert_eq!(key.expose_secret(), second.secret_key.unwrap().expose_secret());
    assert_eq!(token.expose_secret(), second.operator_token.unwrap().expose_secret());
    assert_ne!(key.expose_secret(), token.expose_secret());
    let master = first.master_key.unwrap();
    assert_eq!(master.expose_secret(), second.master_key.unwrap().expose_secret());
    assert_ne!(master.expose_secret(), key.expose_secret());
    assert_eq!(
        fs::metadata(data_dir.join("operator_token"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o600
    );

    let mut production = Settings::load(&from_environment(&[])).unwrap().settings;
    production.keep_secrets().unwrap();
    assert!(production.auth.secret_key.is_none());
}

#[test]
fn no_output_shows_a_secret() {
    let loaded = load(&[
        ("PARLOUR_AUTH__SECRET_KEY", SECRET),
        ("PARLOUR_AUTH__OPERATOR_TOKEN", "operator-0c55ad0159a2feaa84c7d659"),
        ("PARLOUR_AUTH__MASTER_KEY", "master-7d659a2feaa84c0c55ad01592fe"),
        (
            "PARLOUR_AUTH__RETIRED_MASTER_KEYS",
            "retired-aa84c0c55ad01597d6592feaa,retired-too-4c0c55ad01592feaa84c0c",
        ),
        ("DATABASE_URL", "postgres://chat:hunter2@db/chat"),
    ])
    .unwrap();
    for text in [format!("{loaded:?}"), loaded.to_toml().unwrap()] {
        for secret in [SECRET, "operator-0c55", "master-7d65", "retired-", "hunter2"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let error = with_file("[auth]\nsecret_key = 31415926535\n", &[])
        .unwrap_err()
        .to_string();
    assert!(error.contains("auth.secret_key: must be text"), "{error}");
    assert!(!error.contains("31415"), "{error}");
}

#[test]
fn what_config_prints_reads_back_the_same_but_for_the_secrets() {
    let printed = load(&[
        ("PORT", "4321"),
        ("PARLOUR_SOCKET__CHANNELS_MAX", "off"),
        ("PARLOUR_SERVER__WORKERS", "3"),
    ])
    .unwrap()
    .to_toml()
    .unwrap();
    assert!(printed.contains("port = 4321  # PORT"), "{printed}");
    assert_eq!(with_file(&printed, &[]).unwrap().settings.server.port, 4321);
    let again = with_file(&printed, &[]).unwrap().to_toml().unwrap();
    let bare = |text: &str| {
        text.lines()
            .map(|line| line.split("  # ").next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(bare(&printed), bare(&again));

    let hidden = load(&[("PARLOUR_AUTH__SECRET_KEY", SECRET)])
        .unwrap()
        .to_toml()
        .unwrap();
    let error = with_file(&hidden, &[]).unwrap_err();
    assert!(error.problems[0].contains("prints in place of the secret"), "{error}");

    let hidden = load(&[("PARLOUR_AUTH__RETIRED_MASTER_KEYS", SECRET)])
        .unwrap()
        .to_toml()
        .unwrap();
    assert!(hidden.contains("retired_master_keys = [\"[hidden]\"]"), "{hidden}");
    let error = with_file(&hidden, &[]).unwrap_err();
    assert!(
        error.problems[0].contains("auth.retired_master_keys: is what"),
        "{error}"
    );
}
