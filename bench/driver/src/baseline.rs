//! What a disk allows when each message is a transaction of its own: one row after the other, on a connection that is set
//! up as the server's, into a table with the columns of a message and one key.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use parlour::store::{DatabaseOptions, Store};
use sea_orm::{ConnectionTrait, DbErr};
use serde_json::{Value, json};

use crate::error::BenchError;

const TABLE: &str = "CREATE TABLE messages (room TEXT NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL, \
    author TEXT NOT NULL, content TEXT NOT NULL, inserted_at INTEGER NOT NULL, PRIMARY KEY (room, seq)) WITHOUT ROWID";

/// Bytes of a message's content, as in the scenarios it is compared with.
const CONTENT: usize = 100;

/// Inserts for a while and tells how many messages a second that were, where phxload tells how many were acknowledged:
/// both are committed.
pub async fn run(folder: &Path, time: Duration) -> Result<Value, BenchError> {
    let folder = tempfile::Builder::new().prefix("baseline-").tempdir_in(folder)?;
    let url = format!("sqlite://{}", folder.path().join("baseline.db").display());
    let store = Store::connect(&DatabaseOptions::new(url.into()))
        .await
        .map_err(|error| BenchError::Database(Box::new(error)))?;
    let rate = insert(&store, time)
        .await
        .map_err(|error| BenchError::Database(Box::new(error)))?;
    // It is not to run beside what is measured next.
    store.close().await;
    Ok(json!({ "acked_per_s": rate }))
}

async fn insert(store: &Store, time: Duration) -> Result<f64, DbErr> {
    let content = "x".repeat(CONTENT);
    let setup = store.begin_write().await?;
    setup.execute_unprepared(TABLE).await?;
    setup.commit().await?;
    let begin = Instant::now();
    let mut count = 0u32;
    while begin.elapsed() < time {
        let transaction = store.begin_write().await?;
        transaction
            .execute_unprepared(&format!(
                "INSERT INTO messages VALUES ('0199c0de-0000-7000-8000-000000000001', {count}, \
                 '0199c0de-0000-7000-8000-{count:012}', '0199c0de-0000-7000-8000-000000000002', '{content}', {count})"
            ))
            .await?;
        transaction.commit().await?;
        count += 1;
    }
    Ok(f64::from(count) / begin.elapsed().as_secs_f64())
}
