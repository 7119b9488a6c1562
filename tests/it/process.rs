//! The binary as an operator runs it: command line, ready line, signals, and what its logs never say.

use std::{fs, io::Write, process::Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::helpers::{
    binary::{SECRET, Server, fail, parlour, secured, succeed},
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

    let update = |args: &[&str]| succeed(dev(&["tenant", "update", "acme"]).args(args));
    let updated = update(&[
        "--announce-joins",
        "true",
        "--allowed-origins",
        "https://a.example, https://b.example",
    ]);
    let expected =
        r#"{"allowed_origins":["https://a.example","https://b.example"],"announce_joins":true,"edit_window_s":null}"#;
    assert_eq!(updated.trim(), expected);
    let expected = r#"{"allowed_origins":null,"announce_joins":true,"edit_window_s":600}"#;
    assert_eq!(
        update(&["--allowed-origins", "any", "--edit-window", "10m"]).trim(),
        expected
    );
    assert!(update(&["--edit-window", "off"]).contains(r#""edit_window_s":null"#));
    fail(&mut dev(&[
        "tenant",
        "update",
        "acme",
        "--allowed-origins",
        "a.example",
    ]));
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

#[test]
fn settings_that_are_wrong_refuse_to_boot_and_say_which() {
    let folder = TempDir::new().unwrap();
    let serve = |variables: &[(&str, &str)]| {
        let mut command = parlour(folder.path());
        command.args(["serve", "--port", "0"]).envs(variables.iter().copied());
        fail(&mut command)
    };
    assert!(serve(&[]).contains("secret_key"), "production wants a secret");
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
