//! Files that users send with messages, but for what is in them.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ids::{RoomId, TenantId, UploadId, UserId},
    timestamp::Timestamp,
};

/// What a file is, as the server found by decoding it; nobody's word is taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize, ToSchema)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum MediaType {
    /// A picture in the JPEG format.
    #[sea_orm(string_value = "image/jpeg")]
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// A picture in the PNG format.
    #[sea_orm(string_value = "image/png")]
    #[serde(rename = "image/png")]
    Png,
    /// A picture in the WebP format.
    #[sea_orm(string_value = "image/webp")]
    #[serde(rename = "image/webp")]
    Webp,
    /// A picture in the GIF format.
    #[sea_orm(string_value = "image/gif")]
    #[serde(rename = "image/gif")]
    Gif,
    /// Anything else: to be kept, not to be shown.
    #[sea_orm(string_value = "application/octet-stream")]
    #[serde(rename = "application/octet-stream")]
    Other,
}

/// A row of `uploads`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "uploads")]
pub struct Model {
    /// Whose upload.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// Its id, which no other tenant's has.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UploadId,
    /// The room it is for.
    pub room_id: RoomId,
    /// Who sent it.
    pub user_id: UserId,
    /// The place of the message that it is in; none until it is sent.
    pub seq: Option<i64>,
    /// Its place among those of the message, from 0 on.
    pub place: i64,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub media_type: MediaType,
    /// How long it is.
    pub bytes: i64,
    /// Of a picture: how wide, in pixels.
    pub width: Option<i64>,
    /// Of a picture: how high.
    pub height: Option<i64>,
    /// What its addresses are signed with. Whoever reads it here can read the file as well, so it is not sealed.
    pub link_key: Vec<u8>,
    /// When it was stored.
    pub inserted_at: Timestamp,
}

/// Nothing is joined from here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
