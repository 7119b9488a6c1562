//! Users of a tenant.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ids::{TenantId, UserId},
    timestamp::Timestamp,
};

/// Where a user comes from.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize, ToSchema,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum UserKind {
    /// Registered here, with a password.
    #[default]
    #[sea_orm(string_value = "account")]
    Account,
    /// A user of the website, vouched for by its signed tokens.
    #[sea_orm(string_value = "host")]
    Host,
    /// A visitor nobody vouches for, known by a random key.
    #[sea_orm(string_value = "guest")]
    Guest,
    /// The website's own backend, through a server key.
    #[sea_orm(string_value = "bot")]
    Bot,
}

/// A row of `users`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// Whose user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// The user's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    /// The name as its owner wrote it.
    pub username: String,
    /// The name in lower case, unique in the tenant.
    pub username_key: String,
    /// PHC string; `None` for a user who cannot sign in with a password.
    pub password_hash: Option<String>,
    /// Where the user comes from.
    pub kind: UserKind,
    /// The website's own id of the user, unique in the tenant.
    pub external_id: Option<String>,
    /// The name to show instead of the username.
    pub name: Option<String>,
    /// A picture.
    pub avatar_url: Option<String>,
    /// A hash of the e-mail address, as the website made it.
    pub email_hash: Option<String>,
    /// What else the website says of the user: an object.
    pub attrs: Option<Json>,
    /// When the token was issued that the signed fields are from.
    pub profile_at: Timestamp,
    /// When the token was issued whose room grants were carried out last.
    pub grants_at: Timestamp,
    /// SHA-256 of a guest's key, in hex.
    pub guest_key_hash: Option<String>,
    /// The user who has taken over this guest's rooms and messages.
    pub claimed_by: Option<UserId>,
    /// Since when the user is locked out of the tenant.
    pub suspended_at: Option<Timestamp>,
    /// When the user was deleted; the row stays as the author of messages, without a trace of the person.
    pub deleted_at: Option<Timestamp>,
    /// Tokens issued before are refused.
    pub tokens_not_before: Timestamp,
    /// When the user was created.
    pub inserted_at: Timestamp,
    /// How often the row was changed; the database counts.
    pub rev: i64,
}

impl Model {
    /// A row without a name, of a user of this kind who is new.
    pub fn new(tenant_id: TenantId, kind: UserKind) -> Self {
        Self {
            tenant_id,
            id: UserId::generate(),
            username: String::new(),
            username_key: String::new(),
            password_hash: None,
            kind,
            external_id: None,
            name: None,
            avatar_url: None,
            email_hash: None,
            attrs: None,
            profile_at: Timestamp::default(),
            grants_at: Timestamp::default(),
            guest_key_hash: None,
            claimed_by: None,
            suspended_at: None,
            deleted_at: None,
            tokens_not_before: Timestamp::default(),
            inserted_at: Timestamp::now(),
            rev: 0,
        }
    }
}

/// Joins that start here.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Memberships of the user.
    #[sea_orm(has_many = "super::room_member::Entity")]
    Memberships,
}

impl Related<super::room_member::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Memberships.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
