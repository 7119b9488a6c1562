//! How much there is of a tenant's chat.

use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter};

use super::{Error, RoomKind, uploads};
use crate::{
    entity::{TenantScoped, message, room, room_member},
    ids::{MessageId, TenantId},
    store::Store,
    timestamp::Timestamp,
};

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// How much there is of a tenant's chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Public and private rooms.
    pub rooms: u64,
    /// Direct conversations.
    pub direct_conversations: u64,
    /// Memberships in all of them.
    pub members: u64,
    /// Messages that are kept, deleted ones included, of which the place is.
    pub messages: u64,
    /// Those of the last 24 hours.
    pub messages_24h: u64,
    /// Uploads, in messages and on their way.
    pub uploads: u64,
    /// What they take, in bytes.
    pub upload_bytes: u64,
}

/// Counts a tenant's rooms, members, messages and uploads.
pub async fn volume(store: &Store, tenant_id: TenantId) -> Result<Volume, Error> {
    let reader = store.reader();
    let rooms = || room::Entity::in_tenant(tenant_id);
    let messages = || message::Entity::in_tenant(tenant_id);
    // Ids are made in the order of time, and have an index.
    let since = MessageId::first_at(Timestamp(Timestamp::now().0 - DAY_US));
    let (uploads, upload_bytes) = uploads::stored(reader, tenant_id).await?;
    Ok(Volume {
        rooms: rooms()
            .filter(room::Column::Kind.ne(RoomKind::Dm))
            .count(reader)
            .await?,
        direct_conversations: rooms()
            .filter(room::Column::Kind.eq(RoomKind::Dm))
            .count(reader)
            .await?,
        members: room_member::Entity::in_tenant(tenant_id).count(reader).await?,
        messages: messages().count(reader).await?,
        messages_24h: messages().filter(message::Column::Id.gte(since)).count(reader).await?,
        uploads,
        upload_bytes,
    })
}
