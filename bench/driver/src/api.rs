//! The server's REST interface, as a load test needs it.

use reqwest::Client;
use serde_json::Value;

use crate::error::BenchError;

/// A server.
pub struct Api {
    client: Client,
    base: String,
    /// The operator's token.
    pub operator: String,
}

impl Api {
    /// The server at this address (`http://host:port`).
    pub fn new(base: &str, operator: &str) -> Self {
        Self {
            client: Client::new(),
            base: base.to_owned(),
            operator: operator.to_owned(),
        }
    }

    /// Posts, with a token unless it is empty, and gives the `data` of the answer.
    pub async fn post(&self, path: &str, token: &str, body: &Value) -> Result<Value, BenchError> {
        let mut request = self.client.post(format!("{}{path}", self.base)).json(body);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await?;
        let status = answer.status();
        if !status.is_success() {
            return Err(BenchError::Refused {
                path: path.to_owned(),
                status: status.as_u16(),
                body: answer.text().await?,
            });
        }
        let mut answer: Value = answer.json().await?;
        Ok(answer["data"].take())
    }
}
