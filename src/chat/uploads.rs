//! Uploads: files on their way into messages, and out to those who read them.
//!
//! They are kept in the database, in parts, so that backups, several servers on one database and deletions need nothing
//! more. An upload belongs to who made it until a message has it, and is forgotten when none does for an hour.

use std::time::Duration;

use bytes::Bytes;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, SqlErr,
    sea_query::{Expr, ExprTrait},
};

use super::{
    Attachment, Error, RoomRef,
    permissions::{self, Act},
    rooms,
    upload_link::{LinkKey, UploadLink},
};
use crate::{
    config::Cap,
    entity::{TenantScoped, tenant, upload, upload_part},
    ids::{RoomId, TenantId, UploadId},
    media::Inspected,
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
    validation::Violations,
};

/// Most characters of a file's name.
pub const UPLOAD_NAME_CHARS_MAX: usize = 255;

/// How long an upload is kept that no message has.
pub const UNSENT_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Bytes that are read and written at once.
const PART_BYTES: usize = 256 * 1024;

/// What a file is called that has no name.
const NAMELESS: &str = "file";

/// Uploads that are deleted in one transaction.
const PURGE_BATCH: u64 = 100;

/// A file to be kept.
#[derive(Clone, Debug)]
pub struct NewUpload {
    /// What it is called.
    pub name: UploadName,
    /// What is in it.
    pub inspected: Inspected,
}

/// What a file is called: 1 to [`UPLOAD_NAME_CHARS_MAX`] characters, a name of a file in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadName(String);

impl UploadName {
    /// The name in what somebody calls a file: the folders before it go, and characters that are not seen, or that make
    /// a name look other than it is.
    ///
    /// # Errors
    /// A violation of `name` when it is too long.
    pub fn parse(text: &str) -> Result<Self, Violations> {
        let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
        let name: String = last.chars().filter(|char| !is_deceptive(*char)).collect();
        let name = name.trim_matches(|char: char| char.is_whitespace() || char == '.');
        if name.chars().count() > UPLOAD_NAME_CHARS_MAX {
            let rule = format!("must be at most {UPLOAD_NAME_CHARS_MAX} characters");
            return Err(Violations::of("name", rule));
        }
        Ok(Self(if name.is_empty() { NAMELESS } else { name }.to_owned()))
    }
}

/// Controls, and marks that turn the direction of what follows: `photo\u{202e}gpj.exe`.
fn is_deceptive(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether the asker may upload something to a room: whoever may write there now, slow mode aside.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::Banned`], [`Error::ReadOnly`], [`Error::Frozen`],
/// [`Error::Muted`], [`Error::UserNotFound`].
pub async fn check_upload(store: &Store, scope: &Scope, room: &RoomRef) -> Result<RoomId, Error> {
    let (room, _) = rooms::find_row(store.reader(), scope, room).await?;
    let person = permissions::person(store.reader(), scope.tenant_id, room.id, scope.user_id).await?;
    person.check(room.frozen, Act::Write)?;
    Ok(room.id)
}

/// Keeps a file, for a message that its author is about to send to a room.
///
/// # Errors
/// [`Error::UploadsFull`] when the tenant would have more than `bytes_max`; [`Error::RoomNotFound`] when the room is
/// gone meanwhile.
pub async fn store_upload(
    store: &Store,
    scope: &Scope,
    room_id: RoomId,
    new: NewUpload,
    bytes_max: Cap<u64>,
) -> Result<Attachment, Error> {
    let NewUpload { name, inspected } = new;
    let pixels = |count: fn((u32, u32)) -> u32| inspected.size.map(|size| i64::from(count(size)));
    let row = upload::Model {
        tenant_id: scope.tenant_id,
        id: UploadId::generate(),
        room_id,
        user_id: scope.user_id,
        seq: None,
        place: 0,
        name: name.0,
        media_type: inspected.media_type,
        bytes: i64::try_from(inspected.bytes.len()).unwrap_or(i64::MAX),
        width: pixels(|(width, _)| width),
        height: pixels(|(_, height)| height),
        link_key: LinkKey::generate()?.into_row(),
        inserted_at: Timestamp::now(),
    };
    let transaction = store.begin_write().await?;
    check_space(&transaction, scope.tenant_id, row.bytes.unsigned_abs(), bytes_max).await?;
    upload::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(&transaction)
        .await
        .map_err(|error| match error.sql_err() {
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => Error::RoomNotFound,
            _ => error.into(),
        })?;
    for (part, body) in (0_i64..).zip(inspected.bytes.chunks(PART_BYTES)) {
        let part = upload_part::ActiveModel {
            tenant_id: Set(scope.tenant_id),
            upload_id: Set(row.id),
            part: Set(part),
            body: Set(body.to_vec()),
        };
        upload_part::Entity::insert(part)
            .exec_without_returning(&transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(row.into())
}

/// Refuses more bytes than the tenant may have. The tenant's row is locked until the end of the transaction: of uploads
/// that come together none is overlooked.
async fn check_space(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    bytes: u64,
    max: Cap<u64>,
) -> Result<(), Error> {
    let Some(max) = max.get() else { return Ok(()) };
    tenant::Entity::locked(tenant_id).one(transaction).await?;
    let (_, taken) = stored(transaction, tenant_id).await?;
    if taken.saturating_add(bytes) > max {
        return Err(Error::UploadsFull);
    }
    Ok(())
}

/// How many uploads a tenant has, and how many bytes they are.
pub(super) async fn stored(connection: &impl ConnectionTrait, tenant_id: TenantId) -> Result<(u64, u64), Error> {
    let (uploads, bytes): (i64, i64) = upload::Entity::in_tenant(tenant_id)
        .select_only()
        .column_as(upload::Column::Bytes.count(), "uploads")
        // Postgres adds whole numbers up to a decimal one.
        .column_as(
            Expr::expr(upload::Column::Bytes.sum().cast_as("bigint")).if_null(0),
            "bytes",
        )
        .into_tuple()
        .one(connection)
        .await?
        .unwrap_or_default();
    Ok((uploads.unsigned_abs(), bytes.unsigned_abs()))
}

/// The upload that an address opens, and whose it is.
///
/// # Errors
/// [`Error::UploadNotFound`] for one that opens nothing, or nothing any more: told alike.
pub async fn open_upload(store: &Store, id: UploadId, link: &UploadLink) -> Result<(TenantId, Attachment), Error> {
    // The one query that knows no tenant: the address names none. Its signature, looked at next, is the upload's own.
    let row = upload::Entity::find()
        .filter(upload::Column::Id.eq(id))
        .one(store.reader())
        .await?
        .ok_or(Error::UploadNotFound)?;
    let tenant_id = row.tenant_id;
    let attachment = Attachment::from(row);
    if attachment.link_key.verify(id, link, Timestamp::now()) {
        Ok((tenant_id, attachment))
    } else {
        Err(Error::UploadNotFound)
    }
}

/// One part of an upload, from 0 on; `None` after the last, or when it is deleted meanwhile.
pub async fn read_part(store: &Store, tenant_id: TenantId, id: UploadId, part: i64) -> Result<Option<Bytes>, Error> {
    let found = upload_part::Entity::in_tenant(tenant_id)
        .filter(upload_part::Column::UploadId.eq(id))
        .filter(upload_part::Column::Part.eq(part))
        .one(store.reader())
        .await?;
    Ok(found.map(|part| part.body.into()))
}

/// Deletes the uploads, of all tenants, that were made before a moment and are in no message. Says how many there were.
pub async fn purge_unsent_uploads(store: &Store, before: Timestamp) -> Result<u64, Error> {
    let mut purged = 0;
    loop {
        let transaction = store.begin_write().await?;
        let unsent: Vec<UploadId> = upload::Entity::find()
            .filter(upload::Column::Seq.is_null())
            .filter(upload::Column::InsertedAt.lt(before))
            .order_by_asc(upload::Column::InsertedAt)
            .limit(PURGE_BATCH)
            .select_only()
            .column(upload::Column::Id)
            .into_tuple()
            .all(&transaction)
            .await?;
        let found = unsent.len() as u64;
        // Asked again: meanwhile one may have been sent.
        let deleted = upload::Entity::delete_many()
            .filter(upload::Column::Id.is_in(unsent))
            .filter(upload::Column::Seq.is_null())
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        purged += deleted.rows_affected;
        if found < PURGE_BATCH {
            return Ok(purged);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_name_is_that_of_a_file_in_a_folder_and_looks_like_what_it_is() {
        for (given, kept) in [
            ("photo.jpg", "photo.jpg"),
            ("  Année 2026.pdf ", "Année 2026.pdf"),
            ("../../etc/passwd", "passwd"),
            (r"C:\Users\alice\report.docx", "report.docx"),
            ("photo\u{202e}gpj.exe", "photogpj.exe"),
            ("a\r\nSet-Cookie: b\0", "aSet-Cookie: b"),
            ("\u{2066}x\u{2069}.png", "x.png"),
            (".bashrc", "bashrc"),
            ("", "file"),
            ("..", "file"),
            ("folder/", "file"),
            ("\u{202e}", "file"),
            ("猫.png", "猫.png"),
        ] {
            assert_eq!(UploadName::parse(given).unwrap().0, kept, "{given:?}");
        }
        let longest = "n".repeat(UPLOAD_NAME_CHARS_MAX);
        assert_eq!(UploadName::parse(&longest).unwrap().0, longest);
        assert!(UploadName::parse(&format!("{longest}n")).is_err());
    }
}
