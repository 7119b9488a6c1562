//! A WebSocket client that writes the bytes it is told to, right or wrong, and looks closely at what comes back.

use std::{sync::Arc, time::Duration};

use parlour::config::{LimitSettings, Settings, SocketTransport};
use rustls::{ClientConfig, pki_types::ServerName};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time,
};
use tokio_rustls::TlsConnector;

use super::{
    app::{TestApp, TestUser},
    certificates::Certificate,
    database::{Engine, TestDatabase},
    socket::{PATIENCE, QUIET},
};

/// First bytes of frames: the final one of its message, unless it says otherwise.
pub const TEXT: u8 = 0x81;
pub const TEXT_FIRST: u8 = 0x01;
pub const BINARY: u8 = 0x82;
pub const BINARY_FIRST: u8 = 0x02;
pub const MORE: u8 = 0x00;
pub const LAST: u8 = 0x80;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8a;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What carries the sockets of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// The setting `socket.transport`.
    Plain(SocketTransport),
    /// TLS, whose connections stay with the HTTP server.
    Tls,
}

/// A server, what carries its sockets, and somebody who may open them.
pub struct WireServer {
    pub app: TestApp,
    pub user: TestUser,
    tls: Option<Arc<ClientConfig>>,
}

impl WireServer {
    pub async fn start(carrier: Carrier) -> Self {
        Self::start_with(carrier, |_| ()).await
    }

    pub async fn start_with(carrier: Carrier, change: impl FnOnce(&mut Settings)) -> Self {
        let (folder, certificate) = (TempDir::new().expect("a folder"), Certificate::new());
        let app = TestApp::start_with(TestDatabase::create(Engine::Sqlite).await, |settings| {
            settings.limits = LimitSettings::off();
            // The HTTP server waits so long before it ends a connection that it still holds. Its clock ticks twice a
            // second, and it never notices an end that has passed before it looks.
            settings.server.disconnect_timeout = Duration::from_millis(600);
            match carrier {
                Carrier::Plain(transport) => settings.socket.transport = transport,
                Carrier::Tls => {
                    let (certificate, key) = certificate.write(folder.path());
                    settings.server.tls_cert = Some(certificate);
                    settings.server.tls_key = Some(key);
                }
            }
            change(settings);
        })
        .await;
        let user = app.user("acme", "ann").await;
        let tls = (carrier == Carrier::Tls).then(|| {
            let mut client = ClientConfig::clone(&certificate.client());
            // HTTP/2 has no such upgrade.
            client.alpn_protocols.clear();
            Arc::new(client)
        });
        Self { app, user, tls }
    }

    /// An open socket.
    pub async fn open(&self) -> Wire {
        self.open_saying(&[]).await
    }

    /// An open socket, on which these bytes came in one piece with the request.
    pub async fn open_saying(&self, bytes: &[u8]) -> Wire {
        let mut wire = self.ask(STANDARD_HEADERS, bytes).await;
        let head = wire.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        wire
    }

    /// Sends a handshake with these headers, and bytes behind it.
    pub async fn ask(&self, headers: &str, bytes: &[u8]) -> Wire {
        let stream = TcpStream::connect(self.app.address).await.expect("the server listens");
        stream.set_nodelay(true).expect("an option of every TCP socket");
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(stream),
            Some(config) => {
                let name = ServerName::from(self.app.address.ip());
                let connected = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
                Box::new(connected.expect("the server is believed"))
            }
        };
        let mut wire = Wire {
            stream,
            unread: Vec::new(),
        };
        let mut request = format!(
            "GET /chat/socket/websocket?vsn=2.0.0&token={} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n",
            self.user.token, self.app.address
        )
        .into_bytes();
        request.extend(bytes);
        wire.send(request).await;
        wire
    }
}

/// The headers of RFC 6455 §1.3, key and all.
pub const STANDARD_HEADERS: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A frame of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFrame {
    /// FIN, reserved bits, opcode.
    pub first: u8,
    pub payload: Vec<u8>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// One connection.
pub struct Wire {
    stream: Box<dyn Stream>,
    unread: Vec<u8>,
}

impl Wire {
    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .write_all(bytes.as_ref())
            .await
            .expect("the server takes bytes");
        self.stream.flush().await.expect("the server takes bytes");
    }

    /// Sends bytes in pieces of this size, each of which is a write of its own.
    pub async fn send_chopped(&mut self, bytes: impl AsRef<[u8]>, size: usize) {
        for piece in bytes.as_ref().chunks(size) {
            self.send(piece).await;
            tokio::task::yield_now().await;
        }
    }

    /// Sends bytes to a server that may have closed already.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = async {
            self.stream.write_all(bytes.as_ref()).await?;
            self.stream.flush().await
        };
        let _ = time::timeout(PATIENCE, sent).await;
    }

    /// Sends no more, and lets the server see that.
    pub async fn shut_down(&mut self) {
        self.stream.shutdown().await.expect("the connection is open");
    }

    async fn read_more(&mut self) -> std::io::Result<usize> {
        time::timeout(PATIENCE, self.stream.read_buf(&mut self.unread))
            .await
            .expect("the server answers in time")
    }

    async fn take(&mut self, bytes: usize) -> Vec<u8> {
        while self.unread.len() < bytes {
            let read = self.read_more().await.expect("the connection holds");
            assert!(read > 0, "the server closed in the middle of {:?}", self.unread);
        }
        self.unread.drain(..bytes).collect()
    }

    /// The head of the answer to the handshake.
    pub async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = self.take(end + 4).await;
                return String::from_utf8(head).expect("heads are ASCII");
            }
            assert!(
                self.read_more().await.expect("the connection holds") > 0,
                "no answer to the handshake"
            );
        }
    }

    /// The next frame; checks what holds for every frame of a server.
    pub async fn frame(&mut self) -> ServerFrame {
        let header = self.take(2).await;
        let (first, second) = (header[0], header[1]);
        assert_eq!(first & 0x70, 0, "reserved bits of {first:#x}");
        assert_eq!(second & 0x80, 0, "servers do not mask");
        let length = match second {
            126 => {
                let bytes = self.take(2).await;
                let length = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
                assert!(length > 125, "the shortest form of {length}");
                length
            }
            127 => {
                let bytes = self.take(8).await;
                let length = u64::from_be_bytes(bytes.try_into().expect("eight bytes"));
                assert!(length > 65_535, "the shortest form of {length}");
                usize::try_from(length).expect("a length")
            }
            short => usize::from(short),
        };
        assert!(
            first & 0x08 == 0 || (length <= 125 && first & 0x80 != 0),
            "a control frame"
        );
        let payload = self.take(length).await;
        ServerFrame { first, payload }
    }

    /// The answer to [`heartbeat`]s with this ref comes next.
    pub async fn assert_heard(&mut self, r#ref: &str) {
        let frame = self.frame().await;
        assert_eq!(frame.first, TEXT);
        let text = String::from_utf8(frame.payload).expect("text is UTF-8");
        let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(answer[1], r#ref, "{text}");
        assert_eq!(answer[3], "phx_reply", "{text}");
    }

    /// A pong with this payload comes next.
    pub async fn assert_pong(&mut self, payload: &[u8]) {
        let pong = ServerFrame {
            first: PONG,
            payload: payload.to_vec(),
        };
        assert_eq!(self.frame().await, pong);
    }

    /// Nothing comes, and the connection stays.
    pub async fn assert_silent(&mut self) {
        let read = time::timeout(QUIET, self.stream.read_buf(&mut self.unread)).await;
        assert!(read.is_err(), "{read:?}: {:?}", self.unread);
    }

    /// A close frame with this code comes next, and nothing after it. Answers it as a client has to (§5.5.1), and sees
    /// the server end the connection (§7.1.1).
    pub async fn assert_closed(&mut self, code: u16) {
        self.assert_close_frame(code).await;
        self.try_send(frame(CLOSE, code.to_be_bytes())).await;
        self.assert_ended().await;
    }

    /// A close frame with this code comes next.
    pub async fn assert_close_frame(&mut self, code: u16) {
        let close = self.frame().await;
        assert_eq!(close.first, CLOSE, "{close:?}");
        assert_eq!(close.payload, code.to_be_bytes(), "wanted {code}");
    }

    /// The server ends the connection in order, without another byte.
    pub async fn assert_ended(&mut self) {
        let read = self.read_more().await.expect("an end, no reset");
        assert_eq!(read, 0, "after the close frame: {:?}", self.unread);
    }

    /// How long the server takes to end the connection.
    pub async fn ended_after(&mut self) -> Duration {
        let since = time::Instant::now();
        self.assert_ended().await;
        since.elapsed()
    }
}

/// A masked frame.
pub fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = header(first, payload.len() as u64);
    bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// The header of a masked frame that declares so many bytes.
pub fn header(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => bytes.push(0x80 | short),
        (_, Ok(length)) => {
            bytes.push(0x80 | 126);
            bytes.extend(length.to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(KEY);
    bytes
}

/// The text of a heartbeat, which the server answers with the same ref.
pub fn heartbeat(r#ref: &str) -> String {
    serde_json::json!([null, r#ref, "phoenix", "heartbeat", {}]).to_string()
}

/// The text of a heartbeat of exactly so many bytes.
pub fn padded_heartbeat(r#ref: &str, bytes: usize) -> String {
    let mut text = heartbeat(r#ref);
    let padding = bytes.checked_sub(text.len()).expect("room for the heartbeat itself");
    text.extend(std::iter::repeat_n(' ', padding));
    text
}

/// Runs each test once for every carrier.
macro_rules! every_transport {
    ($(async fn $name:ident($server:ident: WireServer $(, $change:expr)?) $body:block)+) => {$(
        mod $name {
            use parlour::config::SocketTransport;

            use super::*;
            use crate::helpers::wire::Carrier;

            async fn run($server: WireServer) $body

            #[actix_web::test]
            async fn actors() {
                run(every_transport!(@start Carrier::Plain(SocketTransport::Actors) $(, $change)?)).await;
            }

            #[actix_web::test]
            async fn raw() {
                run(every_transport!(@start Carrier::Plain(SocketTransport::Raw) $(, $change)?)).await;
            }

            #[actix_web::test]
            async fn tls() {
                run(every_transport!(@start Carrier::Tls $(, $change)?)).await;
            }
        }
    )+};
    (@start $carrier:expr) => { WireServer::start($carrier).await };
    (@start $carrier:expr, $change:expr) => { WireServer::start_with($carrier, $change).await };
}
