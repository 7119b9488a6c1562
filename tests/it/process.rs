//! The binary as an operator runs it: command line, ready line, signals, and what its logs never say.

use std::{
    fs,
    io::Write,
    process::Stdio,
    time::{Duration, Instant},
};

use parlour::phoenix::close_code;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::helpers::{
    binary::{MASTER_KEY, SECRET, Server, fail, parlour, secured, succeed},
    database::{Engine, TestDatabase},
    socket::TestSocket,
};

both_engines! {
    async fn tokens_passwords_and_messages_appear_in_no_log_at_any_level(db: TestDatabase) {
        const PASSWORD: &str = "canary-password-7c1e";
        const BODY: &str = "canary-body-55aa";
        const WRONG: &str = "canary-wrong-token-81f0";
        let folder = TempDir::new().unwrap();
        let server = Server::start(secured(folder.path(), &db.url).env("PARLOUR_LOG__FILTER", "trace"));
        let http = reqwest::Client::new();
        let post = |path: &str, body: Value| http.post(server.url(path)).json(&body);
        let registered: Value = post("/api/v1/auth/register", json!({ "username": "ann", "password": PASSWORD }))
            .send().await.unwrap().json().await.unwrap();
        let token = registered["data"]["token"].as_str().unwrap().to_owned();
        post("/api/v1/auth/login", json!({ "username": "ann", "password": format!("{PASSWORD}-wrong") })).send().await.unwrap();
        post("/api/v1/auth/login", json!({ "username": "ann", "password": PASSWORD, "oops": PASSWORD })).send().await.unwrap();
        let sent = post("/api/v1/rooms/general/messages", json!({ "content": BODY })).bearer_auth(&token).send().await.unwrap();
        assert_eq!(sent.status(), 201);
        for path in [format!("/api/v1/auth/me?token={token}"), format!("/nowhere?token={token}")] {
            http.get(server.url(&path)).send().await.unwrap();
        }
        http.get(server.url("/api/v1/auth/me")).bearer_auth(WRONG).send().await.unwrap();

        let mut socket = TestSocket::connect(server.address, &format!("token={token}&vsn=2.0.0")).await;
        let channel = socket.join_quietly("room:general").await;
        let pushed = socket.push(&channel, "new_message", json!({ "content": BODY })).await;
        socket.assert_reply(&pushed, "ok").await;
        let pushed = socket.push(&channel, "new_message", json!({ "content": BODY, "client_id": BODY.repeat(10) })).await;
        socket.assert_reply(&pushed, "error").await;
        socket.send_text(format!("[\"{BODY}\"")).await;
        socket.assert_closed().await;
        assert_eq!(TestSocket::try_connect(server.address, &format!("token={WRONG}&vsn=2.0.0"), &[]).await.err(), Some(403));

        let poll = server.url(&format!("/chat/socket/longpoll?token={token}&vsn=2.0.0"));
        let opened: Value = http.get(&poll).send().await.unwrap().json().await.unwrap();
        let session = opened["token"].as_str().unwrap().to_owned();
        let body = format!("[\"1\",\"1\",\"room:general\",\"phx_join\",{{}}]\n[\"1\",\"2\",\"room:general\",\"new_message\",{{\"content\":\"{BODY}\"}}]");
        let posted: Value = http.post(format!("{poll}&token={session}")).header("content-type", "application/x-ndjson").body(body)
            .send().await.unwrap().json().await.unwrap();
        assert_eq!(posted["status"], 200);
        http.delete(server.url("/api/v1/auth/logout")).bearer_auth(&token).send().await.unwrap();
        let metrics = http.get(server.url("/metrics")).send().await.unwrap().text().await.unwrap();

        let said = server.stop() + &metrics;
        assert!(said.contains("request done"), "the access log is on");
        for canary in [token.as_str(), PASSWORD, BODY, WRONG, SECRET, session.as_str()] {
            assert!(!said.contains(canary), "{canary:?} in: {}", said.lines().find(|line| line.contains(canary)).unwrap());
        }
        // The signature alone would be half a token already.
        let signature = token.rsplit('.').next().unwrap();
        assert!(!said.contains(signature));
    }

    async fn the_command_line_ends_what_is_open_on_a_running_server(db: TestDatabase) {
        let folder = TempDir::new().unwrap();
        let server = Server::start(&mut secured(folder.path(), &db.url));
        let http = reqwest::Client::new();
        let connect = async |tenant: &str| {
            let body = json!({ "username": "ann", "password": "correct horse", "tenant": tenant });
            let registered = http.post(server.url("/api/v1/auth/register")).json(&body).send().await.unwrap();
            let registered: Value = registered.json().await.unwrap();
            let query = format!("token={}&vsn=2.0.0", registered["data"]["token"].as_str().unwrap());
            let mut socket = TestSocket::connect(server.address, &query).await;
            socket.join_quietly("room:general").await;
            (socket, query)
        };
        let ((mut suspended, query), (mut other, _)) = (connect("acme").await, connect("default").await);
        succeed(secured(folder.path(), &db.url).args(["tenant", "suspend", "acme"]));
        let told = Instant::now();
        assert_eq!(suspended.assert_closed().await.0, Some(close_code::TOKEN_EXPIRED));
        assert!(told.elapsed() < Duration::from_secs(2), "{:?}", told.elapsed());
        assert_eq!(TestSocket::try_connect(server.address, &query, &[]).await.err(), Some(403));
        other.refute_event("phx_close").await;
        succeed(secured(folder.path(), &db.url).args(["tenant", "resume", "acme"]));
        TestSocket::connect(server.address, &query).await.join_quietly("room:general").await;
    }

    async fn what_was_acknowledged_is_there_after_a_restart(db: TestDatabase) {
        let folder = TempDir::new().unwrap();
        let start = || Server::start(&mut secured(folder.path(), &db.url));
        let http = reqwest::Client::new();
        let server = start();
        let body = json!({ "username": "ann", "password": "correct horse" });
        let registered: Value = http.post(server.url("/api/v1/auth/register")).json(&body).send().await.unwrap().json().await.unwrap();
        let token = registered["data"]["token"].as_str().unwrap().to_owned();
        let messages = "/api/v1/rooms/general/messages";
        let sent: Value = http.post(server.url(messages)).bearer_auth(&token).json(&json!({ "content": "kept" }))
            .send().await.unwrap().json().await.unwrap();
        server.stop();

        let server = start();
        let page: Value = http.get(server.url(messages)).bearer_auth(&token).send().await.unwrap().json().await.unwrap();
        assert_eq!(page["data"], json!([sent["data"]]));
        let out = http.request(Method::DELETE, server.url("/api/v1/auth/logout")).bearer_auth(&token).send().await.unwrap();
        assert!(out.status().is_success());
        server.stop();

        let server = start();
        let me = http.get(server.url("/api/v1/auth/me")).bearer_auth(&token).send().await.unwrap();
        assert_eq!(me.status(), 401, "a logout survives a restart");
    }

    async fn a_database_is_seeded_for_load_tests(db: TestDatabase) {
        let folder = TempDir::new().unwrap();
        let command = || secured(folder.path(), &db.url);
        succeed(command().args(["tenant", "create", "load"]));
        succeed(command().args([
            "seed", "--tenant", "load", "--users", "12", "--rooms", "3", "--per-room", "4",
            "--tokens", "tokens.txt", "--room-ids", "rooms.txt",
        ]));
        let lines = |name: &str| -> Vec<String> {
            fs::read_to_string(folder.path().join(name)).unwrap().lines().map(str::to_owned).collect()
        };
        let (tokens, rooms) = (lines("tokens.txt"), lines("rooms.txt"));
        assert_eq!((tokens.len(), rooms.len()), (12, 3));
        let server = Server::start(&mut command());
        for (index, token) in tokens.iter().enumerate() {
            let mut socket = TestSocket::connect(server.address, &format!("token={token}&vsn=2.0.0")).await;
            let (_, joined) = socket.join(&format!("room:{}", rooms[index / 4])).await;
            assert_eq!(joined["role"], "member", "user {index} is in room {}", index / 4);
        }
    }
}

#[test]
fn the_command_line_makes_tenants_users_and_tokens() {
    let folder = TempDir::new().unwrap();
    let dev = |args: &[&str]| {
        let mut command = parlour(folder.path());
        command.args(args).arg("--dev");
        command
    };
    let pending = succeed(&mut dev(&["migrate", "--dry-run"]));
    assert!(pending.contains("m20261122_000001_create_schema"), "{pending}");
    succeed(&mut dev(&["migrate"]));
    assert!(!succeed(&mut dev(&["migrate", "--dry-run"])).contains("create_schema"));
    succeed(&mut dev(&["tenant", "create", "acme", "--name", "Acme & Sons"]));
    assert!(fail(&mut dev(&["tenant", "create", "acme"])).contains("acme"));
    let listed = succeed(&mut dev(&["tenant", "list"]));
    assert!(listed.contains("acme") && listed.contains("Acme & Sons"), "{listed}");

    let update = |args: &[&str]| -> Value {
        let printed = succeed(dev(&["tenant", "update", "acme"]).args(args));
        serde_json::from_str(&printed).unwrap()
    };
    let updated = update(&[
        "--announce-joins",
        "true",
        "--allowed-origins",
        "https://a.example, https://b.example",
        "--set",
        "guests=true",
        "--set",
        "features.typing=false",
    ]);
    assert_eq!(
        updated["allowed_origins"],
        json!(["https://a.example", "https://b.example"])
    );
    assert_eq!(updated["announce_joins"], true);
    assert_eq!(
        (&updated["guests"], &updated["features"]["typing"]),
        (&json!(true), &json!(false))
    );
    let updated = update(&["--allowed-origins", "any", "--edit-window", "10m"]);
    assert_eq!(
        (&updated["allowed_origins"], &updated["edit_window_s"]),
        (&Value::Null, &json!(600))
    );
    assert_eq!(updated["features"]["typing"], false, "what is not named stays");
    assert_eq!(update(&["--edit-window", "off"])["edit_window_s"], Value::Null);
    fs::write(
        folder.path().join("settings.json"),
        r#"{"retention_days": 30, "presence": false}"#,
    )
    .unwrap();
    let updated = update(&["--settings-file", "settings.json", "--set", "presence=true"]);
    assert_eq!(
        (&updated["retention_days"], &updated["presence"]),
        (&json!(30), &json!(true))
    );
    for (wrong, says) in [
        (["--allowed-origins", "a.example"], "allowed_origins"),
        (["--set", "retention_days=0"], "retention_days"),
        (["--set", "guests=maybe"], "guests"),
        (["--set", "gusts=true"], "gusts"),
        (["--settings-file", "nowhere.json"], "nowhere.json"),
    ] {
        let said = fail(dev(&["tenant", "update", "acme"]).args(wrong));
        assert!(said.contains(says), "{said}");
    }
    fail(&mut dev(&["tenant", "update", "globex", "--announce-joins", "true"]));

    let mut create = dev(&["user", "create", "--tenant", "acme", "ann"]);
    let mut process = create
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    process.stdin.take().unwrap().write_all(b"correct horse\n").unwrap();
    assert!(process.wait_with_output().unwrap().status.success());
    let token = succeed(&mut dev(&["token", "--tenant", "acme", "ann"]));
    assert_eq!(token.trim().split('.').count(), 3, "{token}");
    fail(&mut dev(&["token", "--tenant", "acme", "bob"]));
    fail(&mut dev(&["token", "--tenant", "globex", "ann"]));
}

both_engines! {
    async fn a_tenant_and_its_keys_are_run_from_the_command_line(db: TestDatabase) {
        let folder = TempDir::new().unwrap();
        let command = |args: &[&str]| {
            let mut command = secured(folder.path(), &db.url);
            command.args(args);
            command
        };
        let done = |args: &[&str]| succeed(&mut command(args));
        let refused = |args: &[&str]| fail(&mut command(args));
        done(&["tenant", "create", "acme", "--name", "Acme"]);
        let shown = || -> Value { serde_json::from_str(&done(&["tenant", "show", "acme"])).unwrap() };
        assert_eq!((&shown()["name"], &shown()["suspended_at"]), (&json!("Acme"), &Value::Null));
        assert!(done(&["tenant", "list"]).contains(shown()["public_key"].as_str().unwrap()));

        let limits = done(&["limits", "set", "acme", "--set", "messages_per_user=3/1s", "--set", "rooms_max=5"]);
        assert_eq!(limits.trim(), r#"{"dry_run":false,"messages_per_user":"3/1s","rooms_max":5}"#);
        let limits = done(&["limits", "set", "acme", "--set", "messages_per_user=default", "--set", "dry_run=true"]);
        assert_eq!(limits.trim(), r#"{"dry_run":true,"rooms_max":5}"#);
        assert_eq!(done(&["limits", "show", "acme"]), limits);
        assert!(refused(&["limits", "set", "acme", "--set", "rooms_max=0"]).contains("rooms_max"));
        assert!(refused(&["limits", "set", "acme", "--set", "rooms=5"]).contains("rooms"));

        let made = done(&["key", "create", "acme", "--kid", "first"]);
        let made: Vec<&str> = made.trim().split('\t').collect();
        assert_eq!((made[0], made[1], made[2].len()), ("first", "HS256", 43));
        let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAEjUF5RuUXgbhShHy3WcQL0FAxGdgSW7oIBkZsQwWH44=\n-----END PUBLIC KEY-----\n";
        fs::write(folder.path().join("public.pem"), pem).unwrap();
        let pair = done(&["key", "create", "acme", "--algorithm", "EdDSA", "--public-key-file", "public.pem", "--kid", "second"]);
        assert_eq!(pair, "second\tEdDSA\n");
        assert!(refused(&["key", "create", "acme"]).contains("two signing keys are live"));
        let rotated = done(&["key", "rotate", "acme", "second", "--public-key-file", "public.pem", "--kid", "third"]);
        assert_eq!(rotated, "third\tEdDSA\n");
        done(&["key", "revoke", "acme", "second"]);
        let listed = done(&["key", "list", "acme"]);
        let live: Vec<_> = listed.lines().map(|line| (line.split('\t').next().unwrap(), line.contains("live"))).collect();
        assert_eq!(live, [("first", false), ("second", false), ("third", true)], "{listed}");
        assert!(!listed.contains(made[2]));
        assert!(refused(&["key", "revoke", "acme", "fourth"]).contains("signing key not found"));

        done(&["tenant", "suspend", "acme"]);
        assert!(shown()["suspended_at"].is_string());
        done(&["tenant", "resume", "acme"]);
        assert!(shown()["suspended_at"].is_null());
        assert!(refused(&["tenant", "delete", "acme"]).contains("--confirm"));
        assert!(refused(&["tenant", "delete", "acme", "--confirm", "acmes"]).contains("confirm"));
        done(&["tenant", "delete", "acme", "--confirm", "acme"]);
        assert!(refused(&["tenant", "show", "acme"]).contains("tenant not found"));
    }

    async fn the_master_key_is_changed_in_three_steps(db: TestDatabase) {
        const NEXT: &str = "93c4e1d7-next-master-key-of-the-process-tests-08ab";
        let folder = TempDir::new().unwrap();
        let with = |current: &str, retired: &str, args: &[&str]| {
            let mut command = secured(folder.path(), &db.url);
            command
                .env("PARLOUR_AUTH__MASTER_KEY", current)
                .env("PARLOUR_AUTH__RETIRED_MASTER_KEYS", retired)
                .args(args);
            command
        };
        succeed(&mut with(MASTER_KEY, "", &["tenant", "create", "acme"]));
        succeed(&mut with(MASTER_KEY, "", &["key", "create", "acme"]));
        let lost = ["serve", "--port", "0"];
        let said = fail(&mut with(NEXT, "", &lost));
        assert!(said.contains("auth.retired_master_keys"), "{said}");
        fail(&mut with(NEXT, "", &["secrets", "rotate"]));

        Server::start(&mut with(NEXT, MASTER_KEY, &[])).stop();
        assert_eq!(succeed(&mut with(NEXT, MASTER_KEY, &["secrets", "rotate"])), "1 sealed anew\n");
        assert_eq!(succeed(&mut with(NEXT, MASTER_KEY, &["secrets", "rotate"])), "0 sealed anew\n");
        let said = Server::start(&mut with(NEXT, "", &[])).stop();
        assert!(!said.contains(NEXT) && !said.contains(MASTER_KEY));
        fail(&mut with(MASTER_KEY, "", &lost));
    }
}

#[test]
fn settings_that_are_wrong_refuse_to_boot_and_say_which() {
    let folder = TempDir::new().unwrap();
    let serve = |variables: &[(&str, &str)]| {
        let mut command = parlour(folder.path());
        command.args(["serve", "--port", "0"]).envs(variables.iter().copied());
        fail(&mut command)
    };
    let missing = serve(&[]);
    assert!(
        missing.contains("secret_key") && missing.contains("master_key"),
        "production wants secrets: {missing}"
    );
    assert!(serve(&[("SECRET_KEY_BASE", "short")]).contains("secret_key"));
    let compose = include_str!("../../docker-compose.yml");
    let printed = compose
        .lines()
        .find_map(|line| line.trim().strip_prefix("PARLOUR_AUTH__SECRET_KEY: "))
        .unwrap();
    assert!(
        serve(&[("PARLOUR_AUTH__SECRET_KEY", printed)]).contains("secret_key"),
        "a printed secret is none"
    );
    let both = serve(&[
        ("PARLOUR_AUTH__SECRET_KEY", SECRET),
        ("PARLOUR_SOKET__IDLE_TIMEOUT", "1s"),
        ("PARLOUR_SOCKET__TYPING_TIMEOUT", "x"),
    ]);
    assert!(
        both.contains("SOKET") && both.contains("typing_timeout"),
        "all that is wrong at once: {both}"
    );
    fs::write(folder.path().join("parlour.toml"), "[server]\nprot = 1\n").unwrap();
    assert!(serve(&[("PARLOUR_AUTH__SECRET_KEY", SECRET)]).contains("prot"));
}

#[actix_web::test]
async fn no_limits_is_warned_about_and_config_hides_secrets() {
    let db = TestDatabase::create(Engine::Sqlite).await;
    let folder = TempDir::new().unwrap();
    let server = Server::start(secured(folder.path(), &db.url).arg("--no-limits"));
    assert!(server.stop().contains("all rate limits are off"));
    let shown = succeed(secured(folder.path(), &db.url).arg("config"));
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(
        shown.contains("[hidden]") && shown.contains("messages_per_user"),
        "{shown}"
    );
}
