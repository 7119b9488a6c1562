//! Waiting for the journals.

use std::time::Duration;

use parlour::metrics::Metrics;

use crate::helpers::socket::PATIENCE;

/// Waits until so many messages are on their way into the log, as the metrics say.
pub async fn until_queued(metrics: &Metrics, messages: usize) {
    let line = format!("parlour_journal_queued_messages {messages}");
    let seen = async {
        while metrics.render().lines().all(|candidate| candidate != line) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.unwrap();
}
