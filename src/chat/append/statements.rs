//! The statements of a batch: each for all its messages, whatever their number.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr};
use uuid::Uuid;

use super::{Append, batch::Place};
use crate::{
    entity::message,
    ids::MessageId,
    store::rows::{self, Kind, Rows},
};

/// Locks rooms, and takes so many numbers of each. What they are is read after that, when it cannot change any more.
pub(super) async fn take_rooms(transaction: &DatabaseTransaction, counts: &HashMap<Place, i64>) -> Result<(), DbErr> {
    let mut rows = Rows::new([
        ("of_tenant", Kind::Uuid),
        ("of_room", Kind::Uuid),
        ("count", Kind::BigInt),
    ]);
    for ((tenant_id, room_id), count) in counts {
        rows.push([tenant_id.0.into(), room_id.0.into(), (*count).into()]);
    }
    if rows.is_empty() {
        return Ok(());
    }
    let statement = match transaction.get_database_backend() {
        DbBackend::Sqlite => rows.statement(
            DbBackend::Sqlite,
            "UPDATE rooms SET head_seq = head_seq + given.count FROM given \
             WHERE tenant_id = of_tenant AND id = of_room",
        ),
        // Batches of several servers have to take the rooms they share in one order; an update alone has none.
        backend => rows.statement(
            backend,
            ", locked AS (SELECT of_tenant, of_room, count FROM rooms \
             JOIN given ON tenant_id = of_tenant AND id = of_room \
             ORDER BY tenant_id, id FOR NO KEY UPDATE OF rooms) \
             UPDATE rooms SET head_seq = head_seq + count FROM locked \
             WHERE tenant_id = of_tenant AND id = of_room",
        ),
    };
    transaction.execute_raw(statement).await?;
    Ok(())
}

/// Which of these messages, named by their places in the batch, were stored before under the same `client_id`: the
/// places of those in their rooms.
pub(super) async fn find_repeats<'a>(
    transaction: &DatabaseTransaction,
    with_id: impl Iterator<Item = (usize, &'a Append, &'a str)>,
) -> Result<HashMap<usize, i64>, DbErr> {
    let mut rows = Rows::new([
        ("n", Kind::BigInt),
        ("of_tenant", Kind::Uuid),
        ("of_room", Kind::Uuid),
        ("of_user", Kind::Uuid),
        ("of_client", Kind::Text),
    ]);
    let mut places = Vec::new();
    for (n, (at, append, client_id)) in (0_i64..).zip(with_id) {
        places.push(at);
        rows.push([
            n.into(),
            append.scope.tenant_id.0.into(),
            append.room_id.0.into(),
            append.scope.user_id.0.into(),
            client_id.into(),
        ]);
    }
    let mut repeats = HashMap::new();
    if rows.is_empty() {
        return Ok(repeats);
    }
    let statement = rows.statement(
        transaction.get_database_backend(),
        "SELECT n, seq FROM given JOIN messages ON tenant_id = of_tenant AND room_id = of_room \
         AND user_id = of_user AND client_id = of_client",
    );
    for row in transaction.query_all_raw(statement).await? {
        let (n, seq): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        if let Some(at) = usize::try_from(n).ok().and_then(|n| places.get(n)) {
            repeats.insert(*at, seq);
        }
    }
    Ok(repeats)
}

/// Says which number was the last one of rooms.
pub(super) async fn set_heads(
    transaction: &DatabaseTransaction,
    heads: impl Iterator<Item = (Place, i64)>,
) -> Result<(), DbErr> {
    let mut rows = Rows::new([
        ("of_tenant", Kind::Uuid),
        ("of_room", Kind::Uuid),
        ("head", Kind::BigInt),
    ]);
    for ((tenant_id, room_id), head) in heads {
        rows.push([tenant_id.0.into(), room_id.0.into(), head.into()]);
    }
    if rows.is_empty() {
        return Ok(());
    }
    let statement = rows.statement(
        transaction.get_database_backend(),
        "UPDATE rooms SET head_seq = head FROM given WHERE tenant_id = of_tenant AND id = of_room",
    );
    transaction.execute_raw(statement).await?;
    Ok(())
}

/// Stores new messages.
pub(super) async fn insert<'a>(
    transaction: &DatabaseTransaction,
    messages: impl Iterator<Item = &'a message::Model>,
) -> Result<(), DbErr> {
    let mut given = Rows::new([
        ("tenant_id", Kind::Uuid),
        ("room_id", Kind::Uuid),
        ("seq", Kind::BigInt),
        ("id", Kind::Uuid),
        ("user_id", Kind::Uuid),
        ("content", Kind::Text),
        ("inserted_at", Kind::BigInt),
        ("client_id", Kind::Text),
        ("reply_to", Kind::Uuid),
        ("thread_root", Kind::Uuid),
        ("hidden", Kind::Bool),
        ("mention_count", Kind::BigInt),
        ("attachment_count", Kind::BigInt),
    ])
    .with_rare(6);
    let id_or_nil = |id: Option<MessageId>| id.map_or_else(Uuid::nil, |id| id.0);
    for row in messages {
        given.push([
            row.tenant_id.0.into(),
            row.room_id.0.into(),
            row.seq.into(),
            row.id.0.into(),
            row.user_id.0.into(),
            row.content.as_str().into(),
            row.inserted_at.0.into(),
            row.client_id.as_deref().unwrap_or_default().into(),
            id_or_nil(row.reply_to).into(),
            id_or_nil(row.thread_root).into(),
            (!row.in_room).into(),
            row.mention_count.into(),
            row.attachment_count.into(),
        ]);
    }
    let backend = transaction.get_database_backend();
    let nil = rows::nil(backend);
    let body = format!(
        "INSERT INTO messages (tenant_id, room_id, seq, id, changed_seq, user_id, type, content, client_id, reply_to, \
         thread_root, in_room, mention_count, attachment_count, inserted_at) \
         SELECT tenant_id, room_id, seq, id, seq, user_id, 'text', content, nullif(client_id, ''), \
         nullif(reply_to, {nil}), nullif(thread_root, {nil}), NOT hidden, mention_count, attachment_count, inserted_at \
         FROM given"
    );
    transaction.execute_raw(given.statement(backend, &body)).await?;
    Ok(())
}
