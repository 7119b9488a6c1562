//! TLS without a proxy: what is encrypted, with which certificate, and what a bad one does.

use std::{
    fs,
    io::{ErrorKind, Read},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    time::Duration,
};

use parlour::config::{LimitSettings, Settings};
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use crate::helpers::{
    app::{OPERATOR_TOKEN, TestApp},
    binary::{Server, fail, secured, succeed},
    certificates::{Certificate, ask_tls},
    database::{Engine, TestDatabase},
    socket::{PATIENCE, TestSocket},
};

fn with_tls(settings: &mut Settings, certificate: &Certificate, folder: &Path) {
    let (certificate, key) = certificate.write(folder);
    settings.server.tls_cert = Some(certificate);
    settings.server.tls_key = Some(key);
    settings.server.admin_listen = Some(([127, 0, 0, 1], 0).into());
    settings.server.tls_handshake_timeout = Duration::from_millis(300);
    settings.server.tls_only_for = Duration::from_secs(3600);
    settings.limits = LimitSettings::off();
}

/// The binary with TLS by its plain variables.
fn encrypted(folder: &Path, db: &TestDatabase) -> Command {
    let mut command = secured(folder, &db.url);
    command
        .env("TLS_CERT", folder.join("tls.crt"))
        .env("TLS_KEY", folder.join("tls.key"))
        .env("PARLOUR_SERVER__TLS_RELOAD_INTERVAL", "100ms");
    command
}

both_engines! {
    async fn rest_sockets_and_long_polls_answer_over_tls(db: TestDatabase) {
        let (folder, certificate) = (TempDir::new().unwrap(), Certificate::new());
        let app = TestApp::start_with(db, |settings| with_tls(settings, &certificate, folder.path())).await;
        let client = certificate.client();
        let ann = app.user("acme", "ann").await;
        let bearer = format!("Authorization: Bearer {}", ann.token);

        let query = format!("token={}&vsn=2.0.0", ann.token);
        let mut socket = TestSocket::connect_tls(app.address, &query, client.clone()).await;
        let channel = socket.join_quietly("room:general").await;
        let answer = ask_tls(app.address, &client, &format!("GET /api/v1/auth/me HTTP/1.1\r\n{bearer}")).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"ann\""), "{answer}");
        assert!(answer.contains("\r\nstrict-transport-security: max-age=3600\r\n"), "{answer}");
        let pushed = socket.push(&channel, "new_message", json!({ "content": "x".repeat(1900) })).await;
        socket.assert_reply(&pushed, "ok").await;
        let page = ask_tls(app.address, &client, &format!("GET /api/v1/rooms/general/messages HTTP/1.1\r\n{bearer}")).unwrap();
        assert!(page.contains(&"x".repeat(1900)), "{page}");
        let poll = ask_tls(app.address, &client, &format!("GET /chat/socket/longpoll?{query} HTTP/1.1")).unwrap();
        assert!(poll.contains("\"status\":410"), "a session begins: {poll}");

        let inside = app.admin_address.unwrap();
        let operator = format!("GET /api/v1/admin/stats HTTP/1.1\r\nAuthorization: Bearer {OPERATOR_TOKEN}");
        assert!(ask_tls(inside, &client, &operator).unwrap().starts_with("HTTP/1.1 200 "));
        assert!(ask_tls(app.address, &client, &operator).unwrap().starts_with("HTTP/1.1 404 "));

        let stranger = Certificate::new().client();
        assert_eq!(ask_tls(app.address, &stranger, "GET / HTTP/1.1").unwrap_err().kind(), ErrorKind::InvalidData);
        assert!(app.request(Method::GET, "/health/live").send().await.is_err(), "there is no plain HTTP besides");
        app.stop().await;
        assert!(socket.assert_closed().await.0.is_some(), "sockets are told that the server ends");
    }
}

#[actix_web::test]
async fn a_handshake_that_does_not_come_is_waited_for_in_vain_only_so_long() {
    let (folder, certificate) = (TempDir::new().unwrap(), Certificate::new());
    let db = TestDatabase::create(Engine::Sqlite).await;
    let app = TestApp::start_with(db, |settings| with_tls(settings, &certificate, folder.path())).await;
    let mut silent = TcpStream::connect(app.address).unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(silent.read(&mut [0; 16]).unwrap_or(0), 0, "cut off");
    let answer = ask_tls(app.address, &certificate.client(), "GET /health/live HTTP/1.1").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[actix_web::test]
async fn a_new_certificate_is_served_without_a_restart_and_a_bad_one_is_not() {
    let (folder, first) = (TempDir::new().unwrap(), Certificate::new());
    let db = TestDatabase::create(Engine::Sqlite).await;
    let (certificate, _) = first.write(folder.path());
    let server = Server::start(&mut encrypted(folder.path(), &db));
    assert_eq!(server.scheme, "https");
    let asked = |by: &Certificate| ask_tls(server.address, &by.client(), "GET /health/live HTTP/1.1");
    asked(&first).unwrap();
    let health = |scheme: &str| {
        let mut command = encrypted(folder.path(), &db);
        let url = format!("{scheme}://{}/health/ready", server.address);
        command.args(["health", "--url", &url]);
        command
    };
    succeed(&mut health("https"));
    fail(&mut health("http"));
    let port = server.address.port().to_string();
    succeed(encrypted(folder.path(), &db).env("PORT", port).arg("health"));

    let second = Certificate::new();
    second.write(folder.path());
    server.wait_until_said("a new certificate is served").await;
    asked(&second).unwrap();
    assert!(asked(&first).is_err());

    // One of another key, and then none at all.
    let other = TempDir::new().unwrap();
    fs::copy(Certificate::new().write(other.path()).0, &certificate).unwrap();
    server.wait_until_said("cannot be used with the certificate").await;
    asked(&second).unwrap();
    fs::write(&certificate, "-----BEGIN CERTIFICATE-----\n").unwrap();
    server.wait_until_said("holds no certificate in PEM").await;
    fs::remove_file(&certificate).unwrap();
    server.wait_until_said("cannot be read").await;
    asked(&second).unwrap();

    let said = server.stop();
    let file = certificate.display().to_string();
    assert!(said.contains(&file), "the log names the file: {said}");
}

#[actix_web::test]
async fn bad_files_refuse_to_boot_and_say_which() {
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let db = TestDatabase::create(Engine::Sqlite).await;
    let serve = || fail(encrypted(folder.path(), &db).args(["serve", "--port", "0"]));
    let missing = serve();
    assert!(
        missing.contains("server.tls_cert") && missing.contains("tls.crt"),
        "{missing}"
    );
    let (certificate, key) = Certificate::new().write(folder.path());
    fs::copy(Certificate::new().write(other.path()).1, &key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o604)).unwrap();
    let mixed = serve();
    let warning = "every user of this machine has access to server.tls_key";
    assert!(mixed.contains(warning), "{mixed}");
    assert!(mixed.contains("server.tls_key") && mixed.contains("tls.key"), "{mixed}");
    fs::write(&certificate, "").unwrap();
    assert!(serve().contains("holds no certificate"));
    fs::copy(other.path().join("tls.crt"), &certificate).unwrap();
    fs::write(&key, "rubbish").unwrap();
    assert!(serve().contains("holds no private key"));
    let alone = fail(
        secured(folder.path(), &db.url)
            .env("TLS_CERT", &certificate)
            .args(["serve", "--port", "0"]),
    );
    assert!(alone.contains("server.tls_key: is missing"), "{alone}");
}
