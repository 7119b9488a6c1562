//! Requests to upgrade on plain TCP, byte by byte: whatever comes of them, they are answered like any other request,
//! and a connection that is handed over has lost nothing on the way.

use std::time::Duration;

use parlour::config::SocketTransport;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

use crate::helpers::{
    app::{TestApp, TestUser},
    database::{Engine, TestDatabase},
    socket::PATIENCE,
};

/// The official example's key and what has to be answered to it (RFC 6455 §1.3).
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

async fn app(transport: SocketTransport) -> TestApp {
    let db = TestDatabase::create(Engine::Sqlite).await;
    TestApp::start_with(db, |settings| {
        settings.socket.transport = transport;
    })
    .await
}

fn upgrade(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )
}

fn socket(user: &TestUser) -> String {
    upgrade(&format!("/chat/socket/websocket?token={}&vsn=2.0.0", user.token))
}

/// Sends these bytes at once and reads until the server closes.
async fn exchange(app: &TestApp, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let read = time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("the server closes").expect("and does not cut off");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads until this has come.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&read).contains(text) {
            assert_ne!(
                stream.read_buf(&mut read).await.unwrap(),
                0,
                "{}",
                String::from_utf8_lossy(&read)
            );
        }
    };
    time::timeout(PATIENCE, reading).await.expect("it comes");
    String::from_utf8_lossy(&read).into_owned()
}

/// A short text frame of a client, masked with zeros.
fn frame(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    assert!(length < 126);
    [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat()
}

#[actix_web::test]
async fn refusals_are_whole_answers_after_which_the_connection_ends() {
    let app = app(SocketTransport::Raw).await;
    let refused = exchange(
        &app,
        upgrade("/chat/socket/websocket?token=nonsense&vsn=2.0.0").as_bytes(),
    )
    .await;
    let lower = refused.to_lowercase();
    assert!(refused.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{refused}");
    for header in [
        "content-length: 0",
        "connection: close",
        "x-request-id: ",
        "x-content-type-options: nosniff",
        "date: ",
    ] {
        assert!(lower.contains(header), "{header}: {refused}");
    }
    assert!(!lower.contains("transfer-encoding"), "{refused}");
    let metrics = app.app.metrics.render();
    assert!(
        metrics.contains(r#"route="/chat/socket/websocket""#),
        "it is counted: {metrics}"
    );
}

#[actix_web::test]
async fn other_paths_answer_as_ever_and_end_the_connection() {
    let app = app(SocketTransport::Raw).await;
    let alive = exchange(&app, upgrade("/health/live").as_bytes()).await;
    assert!(
        alive.starts_with("HTTP/1.1 200 OK\r\n") && alive.contains("\r\nconnection: close\r\n"),
        "{alive}"
    );
    let nowhere = exchange(&app, upgrade("/nowhere").as_bytes()).await;
    assert!(nowhere.starts_with("HTTP/1.1 404 "), "{nowhere}");
    let (_, body) = nowhere.split_once("\r\n\r\n").unwrap();
    assert!(
        nowhere.contains(&format!("content-length: {}\r\n", body.len())),
        "{nowhere}"
    );
    // What is said after such a request is part of it, and no request.
    let smuggled = exchange(&app, [upgrade("/health/live"), upgrade("/nowhere")].concat().as_bytes()).await;
    assert_eq!(smuggled.matches("HTTP/1.1").count(), 1, "{smuggled}");
    let big = [upgrade("/nowhere").into_bytes(), vec![b'x'; 100_000]].concat();
    assert!(
        exchange(&app, &big).await.starts_with("HTTP/1.1 404 "),
        "an answer outlives input that nobody wants"
    );
}

#[actix_web::test]
async fn answers_before_and_frames_behind_a_handshake_keep_their_places() {
    for transport in [SocketTransport::Raw, SocketTransport::Actors] {
        let app = app(transport).await;
        let ann = app.user("acme", "ann").await;
        let beat = frame(r#"[null,"1","phoenix","heartbeat",{}]"#);
        let before = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let bytes = [before, socket(&ann).as_bytes(), &beat, &beat[..beat.len() - 1]].concat();
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let read = read_until(&mut stream, "phx_reply").await;
        let (alive, upgraded) = (read.find("HTTP/1.1 200"), read.find("HTTP/1.1 101"));
        assert!(
            alive.is_some() && alive < upgraded && upgraded < read.find("phx_reply"),
            "{transport:?}: {read}"
        );
        let accepted = read
            .to_lowercase()
            .contains(&format!("sec-websocket-accept: {}", ACCEPT.to_lowercase()));
        assert!(
            accepted && read.to_lowercase().contains("connection: upgrade"),
            "{read}"
        );
        // The rest of the second one.
        stream.write_all(&beat[beat.len() - 1..]).await.unwrap();
        read_until(&mut stream, "phx_reply").await;
    }
}

#[actix_web::test]
async fn a_client_that_goes_while_it_is_looked_at_leaves_nothing() {
    let app = app(SocketTransport::Raw).await;
    let ann = app.user("acme", "ann").await;
    for _ in 0..20 {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        stream.write_all(socket(&ann).as_bytes()).await.unwrap();
    }
    let gone = async {
        while app.app.realtime.connections().open() > 0 || !app.app.metrics.render().contains("/chat/socket/websocket")
        {
            time::sleep(Duration::from_millis(10)).await;
        }
    };
    time::timeout(PATIENCE, gone).await.expect("the places are free again");
    app.connect(&ann).await.join_quietly("room:general").await;
}
