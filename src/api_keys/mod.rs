//! API keys: what a website's backend (`sk_…`) and the administrators of a tenant (`ta_…`) show instead of a user's
//! token.
//!
//! A key is 256 random bits. The database keeps its hash, so a key is seen once: in the answer that made it. Because
//! nobody guesses such a key, the hash needs no salt and no rounds, and can be looked up.

use std::fmt;

use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::Expr,
};
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit::{self, Actor, Entry},
    digest::sha256_hex,
    entity::{TenantScoped, api_key, tenant},
    ids::{ApiKeyId, TenantId, UserId},
    page::{List, Page, PageRequest},
    secret_token,
    store::Store,
    tenants::Tenant,
    timestamp::Timestamp,
    validation::Violations,
};

pub use crate::entity::api_key::ApiKeyKind;
pub use bot::bot_user;
pub use error::Error;
pub use permission::Permission;

mod bot;
mod error;
mod permission;

/// Most keys of one kind that a tenant can have at a time.
pub const KEYS_MAX: u64 = 50;

/// Longest name of a key, in characters.
pub const KEY_NAME_CHARS_MAX: usize = 80;

/// How long an administrator's key is good when nobody says otherwise, in days.
pub const ADMIN_DAYS_DEFAULT: i64 = 90;

/// How long an administrator's key can be good, in days.
pub const ADMIN_DAYS_MAX: i64 = 366;

/// Longest text that is looked up as a key, in bytes; keys have 46.
const KEY_BYTES_MAX: usize = 64;

/// Characters of a key that are kept to tell it from others.
const HINT_CHARS: usize = 4;

/// How old `last_used_at` gets before a use renews it: one write a minute, however busy the key is.
const USED_INTERVAL_US: i64 = 60 * 1_000_000;

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// A key, without what opens doors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// The key's id.
    pub id: ApiKeyId,
    /// Whose key.
    pub tenant_id: TenantId,
    /// What it is for.
    pub kind: ApiKeyKind,
    /// What its owner calls it.
    pub name: String,
    /// Its last characters, to tell keys apart.
    pub hint: String,
    /// What it may do; nothing for an administrator's key, which needs no permissions.
    pub permissions: Vec<Permission>,
    /// The user that it writes as, once it has.
    pub bot_user_id: Option<UserId>,
    /// When it was made.
    pub inserted_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
}

/// What a new key is to be.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// What it is for.
    pub kind: ApiKeyKind,
    /// 1 to [`KEY_NAME_CHARS_MAX`] characters after trimming.
    pub name: String,
    /// What it may do. A server's key needs at least one; an administrator's has none.
    pub permissions: Vec<Permission>,
    /// From when on it is refused. An administrator's key always ends: after [`ADMIN_DAYS_DEFAULT`] days, and after
    /// [`ADMIN_DAYS_MAX`] at the latest.
    pub expires_at: Option<Timestamp>,
}

impl TryFrom<api_key::Model> for ApiKey {
    type Error = Error;

    /// Fails when the permissions in the database are none that this version knows.
    fn try_from(row: api_key::Model) -> Result<Self, Error> {
        Ok(Self {
            id: row.id,
            tenant_id: row.tenant_id,
            kind: row.kind,
            name: row.name,
            hint: row.hint,
            permissions: serde_json::from_value(row.scopes).map_err(|error| DbErr::Json(error.to_string()))?,
            bot_user_id: row.bot_user_id,
            inserted_at: row.inserted_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        })
    }
}

impl ApiKeyKind {
    /// What its keys begin with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Server => "sk_",
            Self::Admin => "ta_",
        }
    }

    /// What the audit log calls making and revoking one.
    const fn actions(self) -> (&'static str, &'static str) {
        match self {
            Self::Server => ("api_key.create", "api_key.revoke"),
            Self::Admin => ("admin.create", "admin.revoke"),
        }
    }
}

impl fmt::Display for ApiKeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Admin => "admin",
        })
    }
}

/// Makes a key. The secret is not kept: whoever asked sees it now or never.
///
/// # Errors
/// [`Error::Invalid`] for input against the rules of [`NewApiKey`]; [`Error::TooMany`]; [`Error::NotFound`] when the
/// tenant is gone.
pub async fn create_key(
    store: &Store,
    actor: &Actor,
    tenant: &Tenant,
    new: NewApiKey,
) -> Result<(ApiKey, SecretString), Error> {
    let now = Timestamp::now();
    let NewApiKey {
        kind,
        name,
        mut permissions,
        expires_at,
    } = new;
    let name = name.trim().to_owned();
    permissions.sort_unstable();
    permissions.dedup();
    let expires_at = match kind {
        ApiKeyKind::Admin => expires_at.or(Some(Timestamp(now.0 + ADMIN_DAYS_DEFAULT * DAY_US))),
        ApiKeyKind::Server => expires_at,
    };
    check_new(kind, &name, &permissions, expires_at, now)?;

    let secret = format!("{}{}", kind.prefix(), secret_token::generate());
    let row = api_key::Model {
        tenant_id: tenant.id,
        id: ApiKeyId::generate(),
        kind,
        name,
        hash: sha256_hex(&[secret.as_bytes()]),
        hint: secret[secret.len() - HINT_CHARS..].to_owned(),
        scopes: json!(permissions),
        bot_user_id: None,
        inserted_at: now,
        expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    let transaction = store.begin_write().await?;
    let locked = tenant::Entity::locked(tenant.id).one(&transaction).await?;
    locked.ok_or(Error::NotFound)?;
    if live_keys(tenant.id, kind, now).count(&transaction).await? >= KEYS_MAX {
        return Err(Error::TooMany);
    }
    api_key::Entity::insert(api_key::ActiveModel::from(row.clone()))
        .exec_without_returning(&transaction)
        .await?;
    let entry = Entry {
        tenant: Some((tenant.id, &tenant.slug)),
        action: kind.actions().0,
        target: Some(row.id.to_string()),
        detail: json!({ "name": row.name, "scopes": permissions, "expires_at": expires_at }),
    };
    audit::record(&transaction, actor, entry).await?;
    transaction.commit().await?;
    Ok((row.try_into()?, secret.into()))
}

/// Revokes a key: it opens nothing from now on. Revoking it again changes nothing.
///
/// # Errors
/// [`Error::NotFound`], also for a key of the other kind.
pub async fn revoke_key(
    store: &Store,
    actor: &Actor,
    tenant: &Tenant,
    kind: ApiKeyKind,
    id: ApiKeyId,
) -> Result<ApiKey, Error> {
    let transaction = store.begin_write().await?;
    let found = api_key::Entity::in_tenant(tenant.id)
        .filter(api_key::Column::Id.eq(id))
        .filter(api_key::Column::Kind.eq(kind))
        .one(&transaction)
        .await?;
    let mut row = found.ok_or(Error::NotFound)?;
    if row.revoked_at.is_none() {
        row.revoked_at = Some(Timestamp::now());
        api_key::Entity::update_in_tenant(tenant.id)
            .filter(api_key::Column::Id.eq(id))
            .col_expr(api_key::Column::RevokedAt, Expr::value(row.revoked_at))
            .exec(&transaction)
            .await?;
    }
    let entry = Entry {
        tenant: Some((tenant.id, &tenant.slug)),
        action: kind.actions().1,
        target: Some(id.to_string()),
        detail: json!({ "name": row.name }),
    };
    audit::record(&transaction, actor, entry).await?;
    transaction.commit().await?;
    row.try_into()
}

/// The keys of a tenant, the newest first, revoked and expired ones included.
///
/// # Errors
/// [`Error::Invalid`] for a limit or cursor that is none.
pub async fn list_keys(
    store: &Store,
    tenant_id: TenantId,
    kind: ApiKeyKind,
    request: &PageRequest,
) -> Result<Page<ApiKey>, Error> {
    let before = List::ApiKeys.start(request, |bytes| Uuid::from_slice(bytes).ok().map(ApiKeyId))?;
    let mut query = api_key::Entity::in_tenant(tenant_id).filter(api_key::Column::Kind.eq(kind));
    if let Some(before) = before {
        query = query.filter(api_key::Column::Id.lt(before));
    }
    let rows = query
        .order_by_desc(api_key::Column::Id)
        .limit(request.limit + 1)
        .all(store.reader())
        .await?;
    let page = List::ApiKeys.page(rows, request.limit, |row| *row.id.0.as_bytes());
    Ok(Page {
        items: page.items.into_iter().map(ApiKey::try_from).collect::<Result<_, _>>()?,
        next_cursor: page.next_cursor,
    })
}

/// The key behind what a caller shows, noting that it was used.
///
/// # Errors
/// [`Error::Unknown`] for what is no key of this kind, and for one that was revoked or has expired.
pub async fn authenticate(store: &Store, kind: ApiKeyKind, secret: &str) -> Result<ApiKey, Error> {
    if secret.len() > KEY_BYTES_MAX || !secret.starts_with(kind.prefix()) {
        return Err(Error::Unknown);
    }
    let now = Timestamp::now();
    // By the hash: how far a wrong key is right cannot be told from the time this takes.
    let row = api_key::Entity::find()
        .filter(api_key::Column::Hash.eq(sha256_hex(&[secret.as_bytes()])))
        .filter(api_key::Column::Kind.eq(kind))
        .filter(is_live(now))
        .one(store.reader())
        .await?
        .ok_or(Error::Unknown)?;
    if row.last_used_at.is_none_or(|used| now.0 - used.0 >= USED_INTERVAL_US) {
        let transaction = store.begin_write().await?;
        api_key::Entity::update_in_tenant(row.tenant_id)
            .filter(api_key::Column::Id.eq(row.id))
            .col_expr(api_key::Column::LastUsedAt, Expr::value(now))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
    }
    row.try_into()
}

fn check_new(
    kind: ApiKeyKind,
    name: &str,
    permissions: &[Permission],
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Violations> {
    let mut violations = Violations::new();
    if !(1..=KEY_NAME_CHARS_MAX).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        let rule = format!("must be 1 to {KEY_NAME_CHARS_MAX} characters without control characters");
        violations.add("name", rule);
    }
    match kind {
        ApiKeyKind::Server if permissions.is_empty() => violations.add("scopes", "must name at least one scope"),
        ApiKeyKind::Admin if !permissions.is_empty() => violations.add("scopes", "are not for administrators"),
        ApiKeyKind::Server | ApiKeyKind::Admin => {}
    }
    if expires_at.is_some_and(|end| end <= now) {
        violations.add("expires_at", "must be in the future");
    }
    let longest = Timestamp(now.0 + ADMIN_DAYS_MAX * DAY_US);
    if kind == ApiKeyKind::Admin && expires_at.is_some_and(|end| end > longest) {
        violations.add("expires_at", format!("must be within {ADMIN_DAYS_MAX} days"));
    }
    violations.into_result()
}

fn is_live(now: Timestamp) -> Condition {
    Condition::all().add(api_key::Column::RevokedAt.is_null()).add(
        Condition::any()
            .add(api_key::Column::ExpiresAt.is_null())
            .add(api_key::Column::ExpiresAt.gt(now)),
    )
}

fn live_keys(tenant_id: TenantId, kind: ApiKeyKind, now: Timestamp) -> Select<api_key::Entity> {
    api_key::Entity::in_tenant(tenant_id)
        .filter(api_key::Column::Kind.eq(kind))
        .filter(is_live(now))
}
