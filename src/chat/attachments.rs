//! Attachments: uploads that are in messages.

use std::collections::{HashMap, HashSet};

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{CaseStatement, Expr},
};

use super::{
    Error,
    upload_link::{LinkKey, UploadLink},
};
use crate::{
    entity::{TenantScoped, upload, upload::MediaType},
    ids::{RoomId, TenantId, UploadId, UserId},
    scope::Scope,
    timestamp::Timestamp,
    validation::Violations,
};

/// Most files in one message.
pub const ATTACHMENTS_MAX: usize = 4;

/// A file that is in a message, or is about to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The upload's id.
    pub id: UploadId,
    /// What it is called: one name, without folders.
    pub name: String,
    /// What it is, as the server found.
    pub media_type: MediaType,
    /// How long it is.
    pub bytes: u64,
    /// Of a picture: how wide and high it is, in pixels.
    pub size: Option<(u32, u32)>,
    pub(super) link_key: LinkKey,
}

impl Attachment {
    /// What opens it from now on.
    pub fn link(&self, now: Timestamp) -> UploadLink {
        self.link_key.sign(self.id, now)
    }
}

impl From<upload::Model> for Attachment {
    fn from(row: upload::Model) -> Self {
        let pixels = |count: Option<i64>| count.and_then(|count| u32::try_from(count).ok());
        Self {
            id: row.id,
            name: row.name,
            media_type: row.media_type,
            bytes: row.bytes.unsigned_abs(),
            size: pixels(row.width).zip(pixels(row.height)),
            link_key: LinkKey::of_row(row.link_key),
        }
    }
}

/// Notes what is wrong with the uploads that a message is to have.
pub(super) fn check(violations: &mut Violations, ids: &[UploadId]) {
    if ids.len() > ATTACHMENTS_MAX {
        violations.add("attachments", format!("must be at most {ATTACHMENTS_MAX}"));
    }
    if ids.iter().collect::<HashSet<_>>().len() < ids.len() {
        violations.add("attachments", "has the same upload twice");
    }
}

/// How many there are, as a message's row has it.
pub(super) fn count(ids: &[UploadId]) -> i64 {
    i64::try_from(ids.len()).unwrap_or(i64::MAX)
}

/// What is wrong with uploads that [`attach`] does not put into a message.
pub(super) fn not_free() -> Violations {
    let problem = "must be uploads of yours to this room that are in no message yet";
    Violations::of("attachments", problem)
}

/// Sees to it that uploads stay as [`attach`] needs them, until the end of the transaction.
///
/// # Errors
/// As [`attach`].
pub(super) async fn lock_free(
    transaction: &DatabaseTransaction,
    scope: &Scope,
    room_id: RoomId,
    ids: &[UploadId],
) -> Result<(), Error> {
    let free = upload::Entity::in_tenant(scope.tenant_id)
        .filter(is_free(scope, room_id, ids))
        .lock_exclusive()
        .all(transaction)
        .await?;
    if free.len() == ids.len() {
        Ok(())
    } else {
        Err(not_free().into())
    }
}

fn is_free(scope: &Scope, room_id: RoomId, ids: &[UploadId]) -> Condition {
    Condition::all()
        .add(upload::Column::RoomId.eq(room_id))
        .add(upload::Column::UserId.eq(scope.user_id))
        .add(upload::Column::Seq.is_null())
        .add(upload::Column::Id.is_in(ids.iter().copied()))
}

/// Puts uploads into a message, which is stored already: those of the asker for this room that are in none yet.
///
/// # Errors
/// [`Error::Invalid`] when one is anything else, be it somebody else's or nothing at all.
pub(super) async fn attach(
    transaction: &DatabaseTransaction,
    scope: &Scope,
    room_id: RoomId,
    seq: i64,
    ids: &[UploadId],
) -> Result<Vec<Attachment>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut place = CaseStatement::new();
    for (number, id) in (0_i64..).zip(ids) {
        place = place.case(upload::Column::Id.eq(*id), Expr::val(number));
    }
    let attached = upload::Entity::update_in_tenant(scope.tenant_id)
        .filter(is_free(scope, room_id, ids))
        .col_expr(upload::Column::Seq, Expr::value(seq))
        .col_expr(upload::Column::Place, place.into())
        .exec(transaction)
        .await?;
    if attached.rows_affected != ids.len() as u64 {
        return Err(not_free().into());
    }
    let mut found = load(transaction, scope, room_id, vec![seq]).await?;
    Ok(found.remove(&seq).unwrap_or_default())
}

/// What is in which message, by its place.
pub(super) async fn load(
    connection: &impl ConnectionTrait,
    scope: &Scope,
    room_id: RoomId,
    seqs: Vec<i64>,
) -> Result<HashMap<i64, Vec<Attachment>>, Error> {
    let mut found: HashMap<i64, Vec<Attachment>> = HashMap::new();
    if seqs.is_empty() {
        return Ok(found);
    }
    let rows = upload::Entity::in_tenant(scope.tenant_id)
        .filter(upload::Column::RoomId.eq(room_id))
        .filter(upload::Column::Seq.is_in(seqs))
        .order_by_asc(upload::Column::Place)
        .all(connection)
        .await?;
    for row in rows {
        if let Some(seq) = row.seq {
            found.entry(seq).or_default().push(row.into());
        }
    }
    Ok(found)
}

/// Deletes what is in a message.
pub(super) async fn delete(
    connection: &impl ConnectionTrait,
    scope: &Scope,
    room_id: RoomId,
    seq: i64,
) -> Result<(), Error> {
    upload::Entity::delete_in_tenant(scope.tenant_id)
        .filter(upload::Column::RoomId.eq(room_id))
        .filter(upload::Column::Seq.eq(seq))
        .exec(connection)
        .await?;
    Ok(())
}

/// Makes the uploads of one user another's, sent or not.
pub(super) async fn hand_over(
    connection: &impl ConnectionTrait,
    tenant_id: TenantId,
    from: UserId,
    to: UserId,
) -> Result<(), Error> {
    upload::Entity::update_in_tenant(tenant_id)
        .filter(upload::Column::UserId.eq(from))
        .col_expr(upload::Column::UserId, Expr::value(to))
        .exec(connection)
        .await?;
    Ok(())
}

/// Deletes the uploads of a user that are in no message.
pub(super) async fn forget_unsent(
    connection: &impl ConnectionTrait,
    tenant_id: TenantId,
    user_id: UserId,
) -> Result<(), Error> {
    upload::Entity::delete_in_tenant(tenant_id)
        .filter(upload::Column::UserId.eq(user_id))
        .filter(upload::Column::Seq.is_null())
        .exec(connection)
        .await?;
    Ok(())
}
