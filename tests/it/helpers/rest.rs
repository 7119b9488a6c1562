//! REST answers, read to the end.

use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::app::{TestApp, TestUser};

/// An answer, with everything a client can see of it.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// The body as JSON; null when it is none.
    pub body: Value,
}

impl Answer {
    /// A header's value; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("headers are text"))
    }

    /// What was asked for.
    pub fn data(&self) -> &Value {
        &self.body["data"]
    }

    /// The one error.
    pub fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }

    /// The fields that are wrong.
    pub fn invalid_fields(&self) -> Vec<&str> {
        self.body["errors"]
            .as_object()
            .map(|fields| fields.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    /// A string of the data.
    pub fn text_of(&self, field: &str) -> String {
        self.data()[field]
            .as_str()
            .unwrap_or_else(|| panic!("no {field} in {}", self.text))
            .to_owned()
    }
}

/// Sends a request and reads its answer.
pub async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("the server answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.expect("the answer is text");
    let body = serde_json::from_str(&text).unwrap_or_default();
    Answer {
        status,
        headers,
        text,
        body,
    }
}

/// Sends a request that has to be answered with a status.
pub async fn expect(request: RequestBuilder, status: u16) -> Answer {
    let answer = answer(request).await;
    assert_eq!(answer.status, status, "{}", answer.text);
    answer
}

/// What a user's request is answered: `ask(&app, &alice, "GET /api/v1/rooms", Value::Null)`. A body that is null
/// is none.
pub async fn ask(app: &TestApp, user: &TestUser, line: &str, body: Value) -> Answer {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let request = app.request_as(user, method, path);
    answer(if body.is_null() { request } else { request.json(&body) }).await
}

/// As [`ask`], of what has to succeed.
pub async fn done(app: &TestApp, user: &TestUser, line: &str, body: Value) -> Answer {
    let answer = ask(app, user, line, body).await;
    assert!([200, 201].contains(&answer.status), "{line}: {}", answer.text);
    answer
}

/// As [`ask`], of what has to be refused with a status and a text.
pub async fn refused(app: &TestApp, user: &TestUser, line: &str, body: Value, status: u16, error: &str) -> Answer {
    let answer = ask(app, user, line, body).await;
    assert_eq!(
        (answer.status, answer.error()),
        (status, error),
        "{line}: {}",
        answer.text
    );
    answer
}

/// As [`ask`], of what has to be refused for one field.
pub async fn invalid(app: &TestApp, user: &TestUser, line: &str, body: Value, field: &str) {
    let answer = ask(app, user, line, body.clone()).await;
    assert_eq!(answer.status, 422, "{line} {body}: {}", answer.text);
    assert_eq!(answer.invalid_fields(), [field], "{line} {body}");
}

/// What differs between any two requests: their ids and times, what is left of a limit, and whether the body had
/// arrived by the time of a refusal that did not wait for it.
const VARYING: [&str; 5] = [
    "x-request-id",
    "date",
    "ratelimit-remaining",
    "ratelimit-reset",
    "connection",
];

/// Everything of an answer that can tell it from another: two that are equal in this look alike to anybody.
pub fn comparable(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !VARYING.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    (answer.status, headers, answer.text.clone())
}

/// Sends bytes as they are and reads what comes until the server closes or has answered.
pub async fn raw(app: &TestApp, request: &str) -> String {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

/// A path with parameters, written as browsers write them.
pub fn with_query(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::for_suffix(format!("{path}?"), path.len() + 1);
    query.extend_pairs(parameters).finish()
}
