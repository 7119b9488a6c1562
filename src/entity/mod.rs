//! The tables as sea-orm knows them: data only, no rules. Rules are in the contexts.

use sea_orm::{ColumnTrait, DbErr, DeleteMany, EntityTrait, QueryFilter, Select, TryFromU64, UpdateMany};

use crate::ids::{ApiKeyId, MessageId, RoomId, SigningKeyId, TenantId, UploadId, UserId};

pub mod api_key;
pub mod audit_log;
pub mod control_event;
pub mod deployment;
pub mod mention;
pub mod message;
pub mod message_revision;
pub mod page_mark;
pub mod reaction;
pub mod revoked_token;
pub mod room;
pub mod room_invitation;
pub mod room_member;
pub mod room_sanction;
pub mod signing_key;
pub mod tenant;
pub mod upload;
pub mod upload_part;
pub mod user;

/// A table whose rows belong to a tenant. Every query of one starts here, so none can forget whose rows
/// it may see.
pub trait TenantScoped: EntityTrait {
    /// The column that says whose row it is.
    const TENANT_ID: Self::Column;

    /// Rows of this tenant.
    fn in_tenant(tenant_id: TenantId) -> Select<Self> {
        Self::find().filter(Self::TENANT_ID.eq(tenant_id))
    }

    /// An update of this tenant's rows.
    fn update_in_tenant(tenant_id: TenantId) -> UpdateMany<Self> {
        Self::update_many().filter(Self::TENANT_ID.eq(tenant_id))
    }

    /// A deletion of this tenant's rows.
    fn delete_in_tenant(tenant_id: TenantId) -> DeleteMany<Self> {
        Self::delete_many().filter(Self::TENANT_ID.eq(tenant_id))
    }
}

impl TenantScoped for api_key::Entity {
    const TENANT_ID: Self::Column = api_key::Column::TenantId;
}

impl TenantScoped for mention::Entity {
    const TENANT_ID: Self::Column = mention::Column::TenantId;
}

impl TenantScoped for message::Entity {
    const TENANT_ID: Self::Column = message::Column::TenantId;
}

impl TenantScoped for message_revision::Entity {
    const TENANT_ID: Self::Column = message_revision::Column::TenantId;
}

impl TenantScoped for reaction::Entity {
    const TENANT_ID: Self::Column = reaction::Column::TenantId;
}

impl TenantScoped for revoked_token::Entity {
    const TENANT_ID: Self::Column = revoked_token::Column::TenantId;
}

impl TenantScoped for room::Entity {
    const TENANT_ID: Self::Column = room::Column::TenantId;
}

impl TenantScoped for room_invitation::Entity {
    const TENANT_ID: Self::Column = room_invitation::Column::TenantId;
}

impl TenantScoped for room_member::Entity {
    const TENANT_ID: Self::Column = room_member::Column::TenantId;
}

impl TenantScoped for room_sanction::Entity {
    const TENANT_ID: Self::Column = room_sanction::Column::TenantId;
}

impl TenantScoped for signing_key::Entity {
    const TENANT_ID: Self::Column = signing_key::Column::TenantId;
}

impl TenantScoped for upload::Entity {
    const TENANT_ID: Self::Column = upload::Column::TenantId;
}

impl TenantScoped for upload_part::Entity {
    const TENANT_ID: Self::Column = upload_part::Column::TenantId;
}

impl TenantScoped for user::Entity {
    const TENANT_ID: Self::Column = user::Column::TenantId;
}

/// sea-orm asks every key whether it can be made from the number a database counted up. Ours cannot: they
/// are made before they are stored.
macro_rules! never_counted_up {
    ($($id:ident),+) => {$(
        impl TryFromU64 for $id {
            fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                Err(DbErr::ConvertFromU64(stringify!($id)))
            }
        }
    )+};
}

never_counted_up!(TenantId, UserId, RoomId, MessageId, SigningKeyId, ApiKeyId, UploadId);
