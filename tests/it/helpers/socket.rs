//! A raw client of the channel protocol: says exactly what it is told to say, and expects frames one way or
//! the other with a deadline, never by sleeping.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use rustls::ClientConfig;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async, connect_async_tls_with_config,
    tungstenite::{Error, Message, client::IntoClientRequest, http::HeaderValue, protocol::CloseFrame},
};

/// How long something that has to happen may take on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long nothing must happen for it to count as not happening.
pub const QUIET: Duration = Duration::from_millis(250);

/// One WebSocket, V2 unless its query says otherwise.
pub struct TestSocket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_ref: u64,
    /// Frames that came while another was waited for.
    skipped: VecDeque<Value>,
}

/// A joined topic, or the try.
#[derive(Clone, Debug)]
pub struct TestChannel {
    pub topic: String,
    pub join_ref: String,
}

/// A push that may be answered.
#[derive(Clone, Debug)]
pub struct Pushed {
    pub r#ref: String,
}

impl TestSocket {
    pub async fn connect(address: SocketAddr, query: &str) -> Self {
        Self::try_connect(address, query, &[]).await.expect("the socket opens")
    }

    /// Connects, or gives the status it was refused with.
    pub async fn try_connect(address: SocketAddr, query: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let url = format!("ws://{address}/chat/socket/websocket?{query}");
        let mut request = url.into_client_request().expect("a URL");
        for (name, value) in headers {
            let name = name
                .parse::<tokio_tungstenite::tungstenite::http::HeaderName>()
                .expect("a header name");
            request
                .headers_mut()
                .append(name, HeaderValue::from_str(value).expect("a header value"));
        }
        match connect_async(request).await {
            Ok((stream, _)) => Ok(Self::on(stream)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("the handshake failed: {error}"),
        }
    }

    /// Connects to a server that speaks TLS.
    pub async fn connect_tls(address: SocketAddr, query: &str, client: Arc<ClientConfig>) -> Self {
        let url = format!("wss://{address}/chat/socket/websocket?{query}");
        // HTTP/2 has no such upgrade.
        let mut client = ClientConfig::clone(&client);
        client.alpn_protocols.clear();
        let connector = Connector::Rustls(Arc::new(client));
        let opened = connect_async_tls_with_config(url, None, false, Some(connector)).await;
        Self::on(opened.expect("the socket opens").0)
    }

    fn on(stream: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Self {
        Self {
            stream,
            next_ref: 1,
            skipped: VecDeque::new(),
        }
    }

    /// A number as the official client counts them.
    fn take_ref(&mut self) -> String {
        let r#ref = self.next_ref.to_string();
        self.next_ref += 1;
        r#ref
    }

    pub async fn send_text(&mut self, text: impl Into<String>) {
        self.stream
            .send(Message::text(text.into()))
            .await
            .expect("the socket takes a frame");
    }

    pub async fn send_binary(&mut self, data: Vec<u8>) {
        self.stream
            .send(Message::binary(data))
            .await
            .expect("the socket takes a frame");
    }

    /// Sends `[join_ref, ref, topic, event, payload]` as given.
    pub async fn send(&mut self, frame: Value) {
        self.send_text(frame.to_string()).await;
    }

    /// Asks to join, without waiting.
    pub async fn start_join(&mut self, topic: &str) -> TestChannel {
        self.start_join_with(topic, json!({})).await
    }

    /// Asks to join with a payload, without waiting.
    pub async fn start_join_with(&mut self, topic: &str, payload: Value) -> TestChannel {
        let join_ref = self.take_ref();
        self.send(json!([join_ref, join_ref, topic, "phx_join", payload])).await;
        TestChannel {
            topic: topic.to_owned(),
            join_ref,
        }
    }

    /// Comes back to a topic: joins with what was known last, and gives the reply's response.
    pub async fn rejoin(&mut self, topic: &str, epoch: &str, seq: i64) -> (TestChannel, Value) {
        let since = json!({ "since": { "epoch": epoch, "seq": seq } });
        let channel = self.start_join_with(topic, since).await;
        let response = self.assert_reply(&channel.join_reply(), "ok").await;
        (channel, response)
    }

    /// Joins, and gives the reply's response.
    pub async fn join(&mut self, topic: &str) -> (TestChannel, Value) {
        let channel = self.start_join(topic).await;
        let response = self.assert_reply(&channel.join_reply(), "ok").await;
        (channel, response)
    }

    /// Tries to join, and gives the refusal's reason.
    pub async fn refused_join(&mut self, topic: &str) -> Value {
        let channel = self.start_join(topic).await;
        self.assert_reply(&channel.join_reply(), "error").await["reason"].clone()
    }

    /// Pushes an event that has to be accepted, and gives the reply's response.
    pub async fn ask(&mut self, channel: &TestChannel, event: &str, payload: Value) -> Value {
        let pushed = self.push(channel, event, payload).await;
        self.assert_reply(&pushed, "ok").await
    }

    /// Pushes an event that has to be refused, and gives the reply's response.
    pub async fn refused(&mut self, channel: &TestChannel, event: &str, payload: Value) -> Value {
        let pushed = self.push(channel, event, payload).await;
        self.assert_reply(&pushed, "error").await
    }

    /// Joins a room and swallows what comes with that: history, presence, its own diff.
    pub async fn join_quietly(&mut self, topic: &str) -> TestChannel {
        let (channel, _) = self.join(topic).await;
        self.assert_push(&channel, "message_history").await;
        self.assert_push(&channel, "presence_state").await;
        self.assert_broadcast(topic, "presence_diff").await;
        channel
    }

    /// Pushes an event.
    pub async fn push(&mut self, channel: &TestChannel, event: &str, payload: Value) -> Pushed {
        let r#ref = self.take_ref();
        self.send(json!([channel.join_ref, r#ref, channel.topic, event, payload]))
            .await;
        Pushed { r#ref }
    }

    /// Waits for the reply to a push and gives its response.
    pub async fn assert_reply(&mut self, pushed: &Pushed, status: &str) -> Value {
        let reply = self
            .expect(|frame| frame[3] == "phx_reply" && frame[1] == *pushed.r#ref)
            .await;
        assert_eq!(reply[4]["status"], status, "{reply}");
        reply[4]["response"].clone()
    }

    /// Waits for a push of the channel's own and gives its payload.
    pub async fn assert_push(&mut self, channel: &TestChannel, event: &str) -> Value {
        let frame = self
            .expect(|frame| frame[3] == event && frame[2] == *channel.topic && frame[0] == *channel.join_ref)
            .await;
        frame[4].clone()
    }

    /// Waits for a broadcast of a topic and gives its payload.
    pub async fn assert_broadcast(&mut self, topic: &str, event: &str) -> Value {
        let frame =
            self.expect(|frame| frame[3] == event && frame[2] == topic && frame[0].is_null() && frame[1].is_null());
        frame.await[4].clone()
    }

    /// A broadcast that has come while others were waited for.
    pub fn try_broadcast(&mut self, topic: &str, event: &str) -> Option<Value> {
        let index = self
            .skipped
            .iter()
            .position(|frame| frame[3] == event && frame[2] == topic && frame[0].is_null())?;
        Some(self.skipped.remove(index)?[4].clone())
    }

    /// No such event comes, of whatever kind. What else comes is kept.
    pub async fn refute_event(&mut self, event: &str) {
        if let Some(frame) = self.skipped.iter().find(|frame| frame[3] == event) {
            panic!("unexpected {frame}");
        }
        let quiet = time::Instant::now() + QUIET;
        while let Ok(frame) = time::timeout_at(quiet, self.read()).await {
            let frame = frame.unwrap_or_else(|code| panic!("closed with {code:?}"));
            assert_ne!(frame[3], event, "unexpected {frame}");
            self.skipped.push_back(frame);
        }
    }

    /// The next frame in the order of the wire, whatever it is.
    pub async fn next_frame(&mut self) -> Value {
        let frame = self.try_next_frame().await;
        frame.unwrap_or_else(|code| panic!("closed with {code:?}"))
    }

    /// The same, or the code the connection ended with.
    pub async fn try_next_frame(&mut self) -> Result<Value, Option<u16>> {
        if let Some(frame) = self.skipped.pop_front() {
            return Ok(frame);
        }
        time::timeout(PATIENCE, self.read())
            .await
            .expect("a frame comes in time")
    }

    /// Waits for a frame; others are kept for later.
    pub async fn expect(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.skipped.iter().position(&wanted) {
            return self.skipped.remove(index).expect("just found");
        }
        let deadline = time::Instant::now() + PATIENCE;
        loop {
            let frame = time::timeout_at(deadline, self.read())
                .await
                .unwrap_or_else(|_| panic!("the frame did not come; these did: {:#?}", self.skipped))
                .unwrap_or_else(|code| panic!("closed with {code:?}; before that: {:#?}", self.skipped));
            if wanted(&frame) {
                return frame;
            }
            self.skipped.push_back(frame);
        }
    }

    /// Waits until the server closes and gives the close code (`None`: without a close frame) and what came
    /// before it.
    pub async fn assert_closed(&mut self) -> (Option<u16>, Vec<Value>) {
        let mut before: Vec<Value> = self.skipped.drain(..).collect();
        let deadline = time::Instant::now() + 3 * PATIENCE;
        loop {
            match time::timeout_at(deadline, self.read())
                .await
                .expect("the server closes in time")
            {
                Ok(frame) => before.push(frame),
                Err(code) => return (code, before),
            }
        }
    }

    /// Closes from this side and gives the code of the answer.
    pub async fn close(&mut self, code: u16) -> Option<u16> {
        let frame = CloseFrame {
            code: code.into(),
            reason: "".into(),
        };
        self.stream.close(Some(frame)).await.expect("the socket takes a close");
        self.assert_closed().await.0
    }

    /// The raw stream, for tests about frames below the protocol.
    pub fn stream(&mut self) -> &mut WebSocketStream<MaybeTlsStream<TcpStream>> {
        &mut self.stream
    }

    /// The next frame from the wire, or the code the connection ended with.
    pub async fn read(&mut self) -> Result<Value, Option<u16>> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    return Ok(serde_json::from_str(&text).expect("the server speaks JSON"));
                }
                Some(Ok(Message::Binary(data))) => return Ok(json!({ "binary": data.to_vec() })),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }
}

impl TestChannel {
    /// The join as a push that is answered.
    pub fn join_reply(&self) -> Pushed {
        Pushed {
            r#ref: self.join_ref.clone(),
        }
    }
}
