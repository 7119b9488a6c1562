//! What the server processes of a deployment have to tell one another: a token was revoked, a room has ended for
//! somebody, a tenant's settings have changed. The command line tells running servers in the same way.
//!
//! An event is a row that is written in the transaction of the change it tells of, so there is none without the
//! other. Every process reads them all, a moment later (`realtime::control_watch`); a database that is there for the
//! change is there for telling it, and nothing else is needed for several processes to act alike. Nothing depends on
//! an event being read: who is refused by the database stays refused. They end what is open already.
//!
//! Invariants:
//! * The moment of an event is the database's, not that of a process: clocks that are apart lose no event.
//! * A transaction commits later than the moment its events have, so events come up out of order, for as long as a
//!   transaction may take. Readers look back by [`OVERLAP`], and know by id what they have seen.

use std::time::Duration;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, Query},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    entity::control_event,
    ids::{RoomId, SigningKeyId, TenantId, UserId},
    store::Store,
    timestamp::Timestamp,
};

/// The longest that an event is not seen after it was written, because its transaction goes on. Postgres ends
/// transactions that do nothing for as long.
pub const OVERLAP: Duration = Duration::from_secs(30);

/// How long events are kept. A server that could not read the database for longer may have missed some.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Something that every server process of a deployment has to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ControlEvent {
    /// One token of a user is no longer good.
    TokenRevoked {
        /// The token's user.
        user_id: UserId,
        /// The token's id.
        token_id: Uuid,
    },
    /// All tokens of a user that were issued before a moment are no longer good.
    UserRevoked {
        /// The user.
        user_id: UserId,
        /// Tokens issued from here on are.
        before: Timestamp,
    },
    /// A tenant's signing key is no longer good, nor is what was exchanged for its tokens.
    KeyRevoked {
        /// The key.
        key_id: SigningKeyId,
    },
    /// Nobody of the tenant may be connected any more: it was suspended, or is being deleted.
    TenantRevoked,
    /// The tenant's record, settings or limits have changed.
    TenantChanged,
    /// A room is over, for everybody or for one user.
    ChannelsEnded {
        /// The room.
        room_id: RoomId,
        /// For whom; `None` for everybody.
        user_id: Option<UserId>,
    },
}

/// An event that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its id.
    pub id: Uuid,
    /// Whose event it is.
    pub tenant_id: TenantId,
    /// What has happened; `None` when this version does not know it.
    pub event: Option<ControlEvent>,
}

/// Writes an event with the change it tells of. After the commit `Realtime::catch_up` makes this process act on it
/// at once; the others do within `realtime.control_interval`.
pub async fn record(transaction: &DatabaseTransaction, tenant_id: TenantId, event: &ControlEvent) -> Result<(), DbErr> {
    let event = serde_json::to_value(event).map_err(|error| DbErr::Json(error.to_string()))?;
    let insert = Query::insert()
        .into_table(control_event::Entity)
        .columns([
            control_event::Column::Id,
            control_event::Column::At,
            control_event::Column::TenantId,
            control_event::Column::Event,
        ])
        .values_panic([
            Uuid::now_v7().into(),
            now(transaction.get_database_backend()),
            tenant_id.into(),
            event.into(),
        ])
        .take();
    transaction.execute(&insert).await?;
    Ok(())
}

/// The events written since a moment, the oldest first.
pub async fn events_since(store: &Store, since: Timestamp) -> Result<Vec<Recorded>, DbErr> {
    let rows = control_event::Entity::find()
        .filter(control_event::Column::At.gte(since))
        .order_by_asc(control_event::Column::At)
        .order_by_asc(control_event::Column::Id)
        .all(store.reader())
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| Recorded {
            id: row.id,
            tenant_id: row.tenant_id,
            event: serde_json::from_value(row.event).ok(),
        })
        .collect())
}

/// The present by the clock that events are dated with.
pub async fn present(store: &Store) -> Result<Timestamp, DbErr> {
    let select = Query::select().expr(now(store.backend())).take();
    let row = store.reader().query_one(&select).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("the present".to_owned()))?
        .try_get_by_index(0)
}

/// Forgets events older than [`KEPT`], of all tenants, and says how many there were.
pub async fn purge(store: &Store) -> Result<u64, DbErr> {
    let oldest = present(store).await?.before(KEPT);
    let transaction = store.begin_write().await?;
    let purged = control_event::Entity::delete_many()
        .filter(control_event::Column::At.lt(oldest))
        .exec(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(purged.rows_affected)
}

/// Microseconds since 1970. All processes on one SQLite file are on one machine, and have its clock in common.
fn now(backend: DbBackend) -> Expr {
    match backend {
        DbBackend::Postgres => Expr::cust("CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"),
        _ => Expr::value(Timestamp::now()),
    }
}
