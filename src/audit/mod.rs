//! The audit log: who did what to tenants, keys, users and rooms, and who was refused.
//!
//! Invariants:
//! * Rows are only ever added. The database refuses to change or delete them, and each row carries a hash over
//!   itself and the row before it, so that [`verify()`] finds what somebody changed behind the database's back.
//! * A change and its row are one transaction: there is none without the other.
//! * The log outlives what it is about: no row refers to a table, and a deleted tenant's rows stay.
//! * Secrets and message texts are in no row.

pub use actor::{Actor, ActorKind};
pub use error::Error;
pub use list::{AuditRow, list};
pub use log::{Entry, Outcome, record, record_refused};
pub use verify::{Broken, VerifyError, verify};

mod actor;
mod chain;
mod error;
mod list;
mod log;
mod verify;
