//! What is in uploads, in parts: nobody who reads or writes one holds more than a part of it.

use sea_orm::entity::prelude::*;

use crate::ids::{TenantId, UploadId};

/// A row of `upload_parts`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upload_parts")]
pub struct Model {
    /// Whose upload.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// The upload.
    #[sea_orm(primary_key, auto_increment = false)]
    pub upload_id: UploadId,
    /// Its number, from 0 on.
    #[sea_orm(primary_key, auto_increment = false)]
    pub part: i64,
    /// The bytes.
    pub body: Vec<u8>,
}

/// Nothing is joined from here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
