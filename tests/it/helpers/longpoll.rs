//! A long-poll client in the words of [`TestSocket`](super::socket::TestSocket): sends frames, waits for frames.

use std::{collections::VecDeque, net::SocketAddr};

use serde_json::{Value, json};
use tokio::time;

use super::socket::PATIENCE;

/// One long-poll session.
pub struct TestPoll {
    http: reqwest::Client,
    url: String,
    session: String,
    next_ref: u64,
    skipped: VecDeque<Value>,
}

impl TestPoll {
    /// Opens a session with a user's token, or gives the status it was refused with.
    pub async fn try_open(address: SocketAddr, token: &str) -> Result<Self, u64> {
        let mut poll = Self {
            http: reqwest::Client::new(),
            url: format!("http://{address}/chat/socket/longpoll?vsn=2.0.0&token={token}"),
            session: String::new(),
            next_ref: 1,
            skipped: VecDeque::new(),
        };
        let answer = poll.get().await;
        match answer["token"].as_str() {
            Some(session) => {
                poll.session = session.to_owned();
                Ok(poll)
            }
            None => Err(answer["status"].as_u64().expect("a status")),
        }
    }

    pub async fn open(address: SocketAddr, token: &str) -> Self {
        Self::try_open(address, token).await.expect("the session opens")
    }

    async fn get(&self) -> Value {
        let mut request = self.http.get(&self.url);
        if !self.session.is_empty() {
            request = request.header("x-phoenix-longpoll-token", &self.session);
        }
        request
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("the server speaks JSON")
    }

    /// Sends an event on a topic that was joined as `join_ref`, and gives its ref.
    pub async fn push(&mut self, join_ref: &str, topic: &str, event: &str, payload: Value) -> String {
        let (r#ref, status) = self.try_push(join_ref, topic, event, payload).await;
        assert_eq!(status, 200);
        r#ref
    }

    /// The same where it may be refused; gives the status, too.
    pub async fn try_push(&mut self, join_ref: &str, topic: &str, event: &str, payload: Value) -> (String, u64) {
        let r#ref = self.next_ref.to_string();
        self.next_ref += 1;
        let frame = json!([join_ref, r#ref, topic, event, payload]);
        let answer: Value = self
            .http
            .post(&self.url)
            .header("x-phoenix-longpoll-token", &self.session)
            .header("content-type", "application/x-ndjson")
            .body(frame.to_string())
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("the server speaks JSON");
        (r#ref, answer["status"].as_u64().expect("a status"))
    }

    /// Sends an event and gives the payload of its reply.
    pub async fn ask(&mut self, join_ref: &str, topic: &str, event: &str, payload: Value) -> Value {
        let r#ref = self.push(join_ref, topic, event, payload).await;
        self.expect(|frame| frame[3] == "phx_reply" && frame[1] == *r#ref).await[4].clone()
    }

    /// Joins a topic, and gives its join ref.
    pub async fn join(&mut self, topic: &str) -> String {
        let join_ref = self.next_ref.to_string();
        let reply = self.ask(&join_ref, topic, "phx_join", json!({})).await;
        assert_eq!(reply["status"], "ok", "{reply}");
        join_ref
    }

    /// Polls until a frame comes; others are kept for later.
    pub async fn expect(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = time::Instant::now() + PATIENCE;
        loop {
            if let Some(index) = self.skipped.iter().position(&wanted) {
                return self.skipped.remove(index).expect("just found");
            }
            let answer = time::timeout_at(deadline, self.get())
                .await
                .unwrap_or_else(|_| panic!("the frame did not come; these did: {:#?}", self.skipped));
            let status = answer["status"].as_u64();
            assert!(
                matches!(status, Some(200 | 204)),
                "ended with {status:?}; before that: {:#?}",
                self.skipped
            );
            self.keep(&answer);
        }
    }

    /// Polls until the session is over, and gives the status of that and the frames that came before.
    pub async fn assert_ended(&mut self) -> (u64, Vec<Value>) {
        let deadline = time::Instant::now() + PATIENCE;
        loop {
            let answer = time::timeout_at(deadline, self.get())
                .await
                .expect("the session ends in time");
            self.keep(&answer);
            match answer["status"].as_u64() {
                Some(200 | 204) => {}
                status => return (status.expect("a status"), self.skipped.drain(..).collect()),
            }
        }
    }

    fn keep(&mut self, answer: &Value) {
        for message in answer["messages"].as_array().into_iter().flatten() {
            let frame = message.as_str().expect("frames are strings");
            self.skipped
                .push_back(serde_json::from_str(frame).expect("frames are JSON"));
        }
    }
}
