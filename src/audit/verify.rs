//! Checking that the log is whole.

use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::chain;
use crate::{
    entity::{audit_log, deployment},
    store::Store,
};

/// Rows that are read at a time.
const BATCH_ROWS: u64 = 500;

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It is not there.
    Missing,
    /// It does not follow the row before it.
    Unchained,
    /// It is not what was written.
    Changed,
}

/// Why the log could not be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Somebody changed it.
    #[error("the audit log is broken at row {seq}: {}", .broken.as_str())]
    Broken {
        /// The first row that is not as it was written.
        seq: i64,
        /// What is wrong with it.
        broken: Broken,
    },
    /// The database failed.
    #[error("database error: {0}")]
    Db(#[from] DbErr),
}

impl Broken {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "it is missing",
            Self::Unchained => "it does not follow the row before it",
            Self::Changed => "it was changed",
        }
    }
}

/// Reads the whole log and checks every link of the chain, up to the row that was the last one when this began.
/// Says how many rows there are.
///
/// # Errors
/// [`VerifyError::Broken`] names the first row that is not as it was written.
pub async fn verify(store: &Store) -> Result<u64, VerifyError> {
    // Before the end of the chain is read: a row beyond that end was not written by this program.
    let last = audit_log::Entity::find()
        .order_by_desc(audit_log::Column::Seq)
        .one(store.reader())
        .await?;
    let end = deployment::Entity::find()
        .one(store.reader())
        .await?
        .ok_or_else(|| DbErr::RecordNotFound("deployment has no row".to_owned()))?;
    if let Some(last) = last.filter(|last| last.seq > end.audit_seq) {
        return Err(broken(last.seq, Broken::Unchained));
    }
    let (mut seq, mut after, mut hash) = (0, i64::MIN, String::new());
    loop {
        let rows = audit_log::Entity::find()
            .filter(audit_log::Column::Seq.gt(after))
            .filter(audit_log::Column::Seq.lte(end.audit_seq))
            .order_by_asc(audit_log::Column::Seq)
            .limit(BATCH_ROWS)
            .all(store.reader())
            .await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            seq += 1;
            if row.seq != seq {
                return Err(broken(seq, Broken::Missing));
            }
            if row.prev_hash != hash {
                return Err(broken(seq, Broken::Unchained));
            }
            hash = chain::hash_of(&row).map_err(|error| DbErr::Json(error.to_string()))?;
            if row.hash != hash {
                return Err(broken(seq, Broken::Changed));
            }
        }
        after = seq;
    }
    if seq < end.audit_seq {
        return Err(broken(seq + 1, Broken::Missing));
    }
    if hash != end.audit_hash {
        return Err(broken(seq, Broken::Unchained));
    }
    Ok(seq.unsigned_abs())
}

const fn broken(seq: i64, broken: Broken) -> VerifyError {
    VerifyError::Broken { seq, broken }
}
