//! Tenants: the websites that have a chat.
//!
//! Invariants:
//! * Whatever changes a tenant names who did it: the change, its row in the audit log and the event that tells the
//!   servers of it are one transaction, which holds the tenant's row.
//! * A signing key's secret is sealed before it is stored, and shown once.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Condition, Expr, OnConflict},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    audit::{self, Actor, Entry},
    config::{Settings, TenantLimits},
    control::{self, ControlEvent},
    entity::tenant,
    ids::TenantId,
    page::{List, Page, PageRequest},
    store::Store,
    timestamp::Timestamp,
    validation::Violations,
};

pub use delete::delete_tenant;
pub use error::Error;
pub use keys::{
    KID_CHARS_MAX, KeyAlgorithm, KeyMaterial, LIVE_KEYS_MAX, NewKey, SigningKey, Successor, VerifyingKey, check_sealed,
    create_key, list_keys, live_keys, reseal_keys, revoke_key, rotate_key, touch_key,
};
pub use origins::{AllowedOrigins, OriginError};
pub use settings::{
    Features, FeaturesPatch, ORIGINS_MAX, RETENTION_DAYS_MAX, RoomCreation, SettingsPatch, TenantSettings,
    UPLOAD_BYTES_MAX, UserDirectory,
};

mod delete;
mod error;
mod keys;
mod origins;
mod settings;

/// Longest slug of a tenant, in characters (as long as a DNS label).
pub const SLUG_CHARS_MAX: usize = 63;

/// Longest name of a tenant, in characters.
pub const NAME_CHARS_MAX: usize = 120;

/// What public keys begin with. No slug has an underscore, so no name can be both.
const PUBLIC_KEY_PREFIX: &str = "pk_";

/// Hexadecimal digits of a public key.
const PUBLIC_KEY_DIGITS: usize = 32;

/// A website that has a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name in URLs and headers, unique.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// The key that embedding pages name it by, `pk_…`; no secret.
    pub public_key: String,
    /// What its administrators chose.
    pub settings: TenantSettings,
    /// Where its limits are other than the deployment's.
    pub limits: TenantLimits,
    /// Since when nothing works in it.
    pub suspended_at: Option<Timestamp>,
    /// When it was created.
    pub inserted_at: Timestamp,
}

impl Tenant {
    /// Whether a request that names this tenant may name it so: by slug or public key.
    pub fn is_called(&self, name: &str) -> bool {
        name == self.slug || name == self.public_key
    }
}

/// What a new tenant is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    /// 1 to [`SLUG_CHARS_MAX`] of `a-z`, `0-9` and `-`, beginning with a letter or digit; unique.
    pub slug: String,
    /// 1 to [`NAME_CHARS_MAX`] characters after trimming; the slug when missing.
    pub name: Option<String>,
}

/// What is to change about a tenant; what is missing stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TenantPatch {
    /// As [`NewTenant::name`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Those that are to change.
    #[serde(skip_serializing_if = "SettingsPatch::is_empty")]
    pub settings: SettingsPatch,
}

/// Creates a tenant.
///
/// # Errors
/// [`Error::Invalid`] for input against the rules of [`NewTenant`]; [`Error::SlugTaken`].
pub async fn create_tenant(store: &Store, actor: &Actor, new: NewTenant) -> Result<Tenant, Error> {
    insert(store, actor, new).await?.ok_or(Error::SlugTaken)
}

/// The tenant with this id.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get_tenant(store: &Store, id: TenantId) -> Result<Tenant, Error> {
    find(store, tenant::Column::Id.eq(id)).await
}

/// The tenant with this id, and how often its row was changed until it was read so.
///
/// # Errors
/// [`Error::NotFound`].
pub(crate) async fn get_tenant_at_rev(store: &Store, id: TenantId) -> Result<(i64, Tenant), Error> {
    let row = tenant::Entity::find_by_id(id)
        .one(store.reader())
        .await?
        .ok_or(Error::NotFound)?;
    Ok((row.rev, row.try_into()?))
}

/// The tenant with this slug.
///
/// # Errors
/// [`Error::NotFound`], also for text that can be no slug.
pub async fn get_tenant_by_slug(store: &Store, slug: &str) -> Result<Tenant, Error> {
    if !is_slug(slug) {
        return Err(Error::NotFound);
    }
    find(store, tenant::Column::Slug.eq(slug)).await
}

/// The tenant that requests and tokens name: by its slug, or by its public key.
///
/// # Errors
/// [`Error::NotFound`], also for text that can be neither.
pub async fn get_tenant_by_name(store: &Store, name: &str) -> Result<Tenant, Error> {
    if is_public_key(name) {
        return find(store, tenant::Column::PublicKey.eq(name)).await;
    }
    get_tenant_by_slug(store, name).await
}

/// All tenants, by slug. For operators: a deployment has few enough to list.
pub async fn list_tenants(store: &Store) -> Result<Vec<Tenant>, Error> {
    tenant::Entity::find()
        .order_by_asc(tenant::Column::Slug)
        .all(store.reader())
        .await?
        .into_iter()
        .map(Tenant::try_from)
        .collect()
}

/// The tenants, by slug, in pages.
///
/// # Errors
/// [`Error::Invalid`] for a limit or cursor that is none.
pub async fn page_of_tenants(store: &Store, request: &PageRequest) -> Result<Page<Tenant>, Error> {
    let after = List::Tenants.start(request, |bytes| {
        String::from_utf8(bytes.to_vec()).ok().filter(|slug| is_slug(slug))
    })?;
    let mut query = tenant::Entity::find();
    if let Some(after) = after {
        query = query.filter(tenant::Column::Slug.gt(after));
    }
    let rows = query
        .order_by_asc(tenant::Column::Slug)
        .limit(request.limit + 1)
        .all(store.reader())
        .await?;
    let page = List::Tenants.page(rows, request.limit, |row| row.slug.clone());
    Ok(Page {
        items: page.items.into_iter().map(Tenant::try_from).collect::<Result<_, _>>()?,
        next_cursor: page.next_cursor,
    })
}

/// Changes a tenant's name and settings.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] for a name against the rules of [`NewTenant`], and for settings that cannot
/// be, by their names.
pub async fn update_tenant(store: &Store, actor: &Actor, id: TenantId, patch: TenantPatch) -> Result<Tenant, Error> {
    let detail = json!(patch);
    let change = Change::begin(store, id).await?;
    let mut tenant = change.tenant.clone();
    if let Some(name) = patch.name {
        tenant.name = check_name(&name)?;
    }
    tenant.settings = patch.settings.apply(tenant.settings);
    tenant.settings.check()?;
    change
        .save(actor, tenant, "tenant.update", detail, ControlEvent::TenantChanged)
        .await
}

/// Gives a tenant limits of its own, in place of those it had.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] for limits that cannot be on a server with these settings, by their names.
pub async fn set_limits(
    store: &Store,
    actor: &Actor,
    settings: &Settings,
    id: TenantId,
    limits: TenantLimits,
) -> Result<Tenant, Error> {
    limits.check(settings)?;
    let detail = json!(limits);
    let change = Change::begin(store, id).await?;
    let tenant = Tenant {
        limits,
        ..change.tenant.clone()
    };
    change
        .save(actor, tenant, "tenant.limits", detail, ControlEvent::TenantChanged)
        .await
}

/// Locks everybody out of a tenant, those who are connected too. Doing so again changes nothing.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn suspend_tenant(store: &Store, actor: &Actor, id: TenantId) -> Result<Tenant, Error> {
    let change = Change::begin(store, id).await?;
    let tenant = Tenant {
        suspended_at: change.tenant.suspended_at.or_else(|| Some(Timestamp::now())),
        ..change.tenant.clone()
    };
    change
        .save(actor, tenant, "tenant.suspend", json!({}), ControlEvent::TenantRevoked)
        .await
}

/// Ends a suspension.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn resume_tenant(store: &Store, actor: &Actor, id: TenantId) -> Result<Tenant, Error> {
    let change = Change::begin(store, id).await?;
    let tenant = Tenant {
        suspended_at: None,
        ..change.tenant.clone()
    };
    change
        .save(actor, tenant, "tenant.resume", json!({}), ControlEvent::TenantChanged)
        .await
}

/// The tenant with this slug, created when there is none. Calls at the same time get the same tenant.
///
/// # Errors
/// [`Error::Invalid`] for text that can be no slug.
pub async fn ensure_tenant(store: &Store, slug: &str) -> Result<Tenant, Error> {
    check_slug(slug)?;
    match get_tenant_by_slug(store, slug).await {
        Err(Error::NotFound) => {}
        found => return found,
    }
    let new = NewTenant {
        slug: slug.to_owned(),
        name: None,
    };
    match insert(store, &Actor::system(), new).await? {
        Some(tenant) => Ok(tenant),
        None => get_tenant_by_slug(store, slug).await,
    }
}

/// A change of a tenant's row, which nobody else changes meanwhile.
struct Change {
    transaction: DatabaseTransaction,
    /// The tenant as it was.
    tenant: Tenant,
}

impl Change {
    async fn begin(store: &Store, id: TenantId) -> Result<Self, Error> {
        let transaction = store.begin_write().await?;
        let tenant = lock(&transaction, id).await?;
        Ok(Self { transaction, tenant })
    }

    /// Stores the tenant as it is now, says who did what, tells the servers, and ends the transaction.
    async fn save(
        self,
        actor: &Actor,
        tenant: Tenant,
        action: &'static str,
        detail: serde_json::Value,
        event: ControlEvent,
    ) -> Result<Tenant, Error> {
        let Self { transaction, .. } = self;
        tenant::Entity::update_many()
            .filter(tenant::Column::Id.eq(tenant.id))
            .col_expr(tenant::Column::Name, Expr::value(tenant.name.as_str()))
            .col_expr(tenant::Column::Settings, Expr::value(to_json(&tenant.settings)?))
            .col_expr(tenant::Column::Limits, Expr::value(to_json(&tenant.limits)?))
            .col_expr(tenant::Column::SuspendedAt, Expr::value(tenant.suspended_at))
            .exec(&transaction)
            .await?;
        control::record(&transaction, tenant.id, &event).await?;
        let entry = Entry {
            tenant: Some((tenant.id, &tenant.slug)),
            action,
            target: None,
            detail,
        };
        audit::record(&transaction, actor, entry).await?;
        transaction.commit().await?;
        Ok(tenant)
    }
}

/// A tenant, whose row stays locked until the transaction ends.
async fn lock(transaction: &DatabaseTransaction, id: TenantId) -> Result<Tenant, Error> {
    let row = tenant::Entity::locked(id).one(transaction).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

async fn find(store: &Store, condition: impl Into<Condition>) -> Result<Tenant, Error> {
    tenant::Entity::find()
        .filter(condition.into())
        .one(store.reader())
        .await?
        .ok_or(Error::NotFound)?
        .try_into()
}

/// Inserts a tenant, or nothing when the slug is taken.
async fn insert(store: &Store, actor: &Actor, new: NewTenant) -> Result<Option<Tenant>, Error> {
    check_slug(&new.slug)?;
    let tenant = Tenant {
        id: TenantId::generate(),
        name: check_name(new.name.as_deref().unwrap_or(&new.slug))?,
        slug: new.slug,
        public_key: format!("{PUBLIC_KEY_PREFIX}{}", uuid::Uuid::new_v4().simple()),
        settings: TenantSettings::default(),
        limits: TenantLimits::default(),
        suspended_at: None,
        inserted_at: Timestamp::now(),
    };
    let row = tenant::ActiveModel {
        id: Set(tenant.id),
        slug: Set(tenant.slug.clone()),
        name: Set(tenant.name.clone()),
        public_key: Set(tenant.public_key.clone()),
        settings: Set(to_json(&tenant.settings)?),
        limits: Set(to_json(&tenant.limits)?),
        suspended_at: Set(tenant.suspended_at),
        inserted_at: Set(tenant.inserted_at),
        rev: Set(0),
    };
    let transaction = store.begin_write().await?;
    let inserted = tenant::Entity::insert(row)
        .on_conflict(OnConflict::column(tenant::Column::Slug).do_nothing().to_owned())
        .exec_without_returning(&transaction)
        .await?;
    if inserted == 0 {
        return Ok(None);
    }
    // For servers that know the name as one of nobody.
    control::record(&transaction, tenant.id, &ControlEvent::TenantChanged).await?;
    let entry = Entry {
        tenant: Some((tenant.id, &tenant.slug)),
        action: "tenant.create",
        target: None,
        detail: json!({ "name": tenant.name }),
    };
    audit::record(&transaction, actor, entry).await?;
    transaction.commit().await?;
    Ok(Some(tenant))
}

fn is_slug(text: &str) -> bool {
    (1..=SLUG_CHARS_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
}

fn is_public_key(text: &str) -> bool {
    text.strip_prefix(PUBLIC_KEY_PREFIX).is_some_and(|digits| {
        digits.len() == PUBLIC_KEY_DIGITS && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn check_slug(slug: &str) -> Result<(), Violations> {
    if is_slug(slug) {
        return Ok(());
    }
    let rule = format!("must be 1 to {SLUG_CHARS_MAX} of a-z, 0-9 and -, beginning with a letter or digit");
    Err(Violations::of("slug", rule))
}

/// The name as it is kept.
fn check_name(name: &str) -> Result<String, Violations> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        let rule = format!("must be 1 to {NAME_CHARS_MAX} characters without control characters");
        return Err(Violations::of("name", rule));
    }
    Ok(name.to_owned())
}

fn to_json(value: &impl Serialize) -> Result<serde_json::Value, DbErr> {
    serde_json::to_value(value).map_err(|error| DbErr::Json(error.to_string()))
}

impl TryFrom<tenant::Model> for Tenant {
    type Error = Error;

    /// Fails when the settings or limits in the database are none that this version knows.
    fn try_from(row: tenant::Model) -> Result<Self, Error> {
        let unknown = |error: serde_json::Error| DbErr::Json(error.to_string());
        Ok(Self {
            id: row.id,
            slug: row.slug,
            name: row.name,
            public_key: row.public_key,
            settings: serde_json::from_value(row.settings).map_err(unknown)?,
            limits: serde_json::from_value(row.limits).map_err(unknown)?,
            suspended_at: row.suspended_at,
            inserted_at: row.inserted_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_lower_case_labels() {
        for slug in ["default", "mika-travel-blog", "0", "a-", &"a".repeat(63)] {
            assert!(is_slug(slug), "{slug}");
        }
        for slug in ["", "-a", "A", "a_b", "a b", "é", "a\0", &"a".repeat(64)] {
            assert!(!is_slug(slug), "{slug}");
        }
    }

    #[test]
    fn no_public_key_is_a_slug() {
        let key = format!("pk_{}", "0123456789abcdef".repeat(2));
        assert!(is_public_key(&key) && !is_slug(&key));
        for other in [
            "pk_",
            &key[..34],
            &format!("{key}0"),
            &key.to_uppercase(),
            &key.replace('a', "g"),
            "acme",
        ] {
            assert!(!is_public_key(other), "{other}");
        }
    }
}
