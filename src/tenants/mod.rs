//! Tenants: the websites that have a chat.

use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, sea_query::OnConflict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{entity::tenant, ids::TenantId, store::Store, timestamp::Timestamp, validation::Violations};

pub use error::Error;

mod error;

/// Longest slug of a tenant, in characters (as long as a DNS label).
pub const SLUG_CHARS_MAX: usize = 63;

/// Longest name of a tenant, in characters.
pub const NAME_CHARS_MAX: usize = 120;

/// Most origins a tenant can list.
pub const ORIGINS_MAX: usize = 100;

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
    /// What its operator chose.
    pub settings: TenantSettings,
    /// Since when nothing works in it.
    pub suspended_at: Option<Timestamp>,
    /// When it was created.
    pub inserted_at: Timestamp,
}

/// What a tenant's operator can choose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TenantSettings {
    /// Origins that pages may use the chat from, as browsers send them (`https://example.com`); `None` for any.
    pub allowed_origins: Option<Vec<String>>,
    /// Whether rooms are told who comes and goes (`user_joined`, `user_left`), besides presence.
    pub announce_joins: bool,
    /// How long authors may edit and delete their messages, in seconds; `None` for ever.
    pub edit_window_s: Option<u64>,
}

/// Creates a tenant. Without a name it is called like its slug.
///
/// # Errors
/// [`Error::Invalid`] for a slug that is not 1 to [`SLUG_CHARS_MAX`] of `a-z`, `0-9` and `-`, beginning with a
/// letter or digit, or a name of more than [`NAME_CHARS_MAX`] characters; [`Error::SlugTaken`].
pub async fn create_tenant(store: &Store, slug: &str, name: Option<&str>) -> Result<Tenant, Error> {
    insert(store, slug, name).await?.ok_or(Error::SlugTaken)
}

/// The tenant with this id.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get_tenant(store: &Store, id: TenantId) -> Result<Tenant, Error> {
    tenant::Entity::find_by_id(id)
        .one(store.reader())
        .await?
        .ok_or(Error::NotFound)?
        .try_into()
}

/// The tenant with this slug.
///
/// # Errors
/// [`Error::NotFound`], also for text that can be no slug.
pub async fn get_tenant_by_slug(store: &Store, slug: &str) -> Result<Tenant, Error> {
    if !is_slug(slug) {
        return Err(Error::NotFound);
    }
    tenant::Entity::find()
        .filter(tenant::Column::Slug.eq(slug))
        .one(store.reader())
        .await?
        .ok_or(Error::NotFound)?
        .try_into()
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

/// Replaces the settings of a tenant.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] for more than [`ORIGINS_MAX`] origins or one that is not
/// `scheme://host[:port]`.
pub async fn update_settings(store: &Store, id: TenantId, settings: TenantSettings) -> Result<Tenant, Error> {
    check_settings(&settings)?;
    let transaction = store.begin_write().await?;
    let updated = tenant::Entity::update_many()
        .filter(tenant::Column::Id.eq(id))
        .col_expr(
            tenant::Column::Settings,
            sea_orm::sea_query::Expr::value(to_json(&settings)?),
        )
        .exec_with_returning(&transaction)
        .await?;
    let tenant = updated.into_iter().next().ok_or(Error::NotFound)?;
    transaction.commit().await?;
    tenant.try_into()
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
    match insert(store, slug, None).await? {
        Some(tenant) => Ok(tenant),
        None => get_tenant_by_slug(store, slug).await,
    }
}

/// Inserts a tenant, or nothing when the slug is taken.
async fn insert(store: &Store, slug: &str, name: Option<&str>) -> Result<Option<Tenant>, Error> {
    check_slug(slug)?;
    let name = name.map_or(slug, str::trim);
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        let rule = format!("must be 1 to {NAME_CHARS_MAX} characters without control characters");
        return Err(Violations::of("name", rule).into());
    }
    let tenant = Tenant {
        id: TenantId::generate(),
        slug: slug.to_owned(),
        name: name.to_owned(),
        public_key: format!("pk_{}", uuid::Uuid::new_v4().simple()),
        settings: TenantSettings::default(),
        suspended_at: None,
        inserted_at: Timestamp::now(),
    };
    let row = tenant::ActiveModel {
        id: Set(tenant.id),
        slug: Set(tenant.slug.clone()),
        name: Set(tenant.name.clone()),
        public_key: Set(tenant.public_key.clone()),
        settings: Set(to_json(&tenant.settings)?),
        inserted_at: Set(tenant.inserted_at),
        // The other columns have their defaults in the schema.
        ..tenant::ActiveModel::default()
    };
    let transaction = store.begin_write().await?;
    let inserted = tenant::Entity::insert(row)
        .on_conflict(OnConflict::column(tenant::Column::Slug).do_nothing().to_owned())
        .exec_without_returning(&transaction)
        .await?;
    transaction.commit().await?;
    Ok((inserted == 1).then_some(tenant))
}

fn is_slug(text: &str) -> bool {
    (1..=SLUG_CHARS_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
}

fn check_slug(slug: &str) -> Result<(), Violations> {
    if is_slug(slug) {
        return Ok(());
    }
    let rule = format!("must be 1 to {SLUG_CHARS_MAX} of a-z, 0-9 and -, beginning with a letter or digit");
    Err(Violations::of("slug", rule))
}

fn check_settings(settings: &TenantSettings) -> Result<(), Violations> {
    let mut violations = Violations::new();
    let origins = settings.allowed_origins.as_deref().unwrap_or_default();
    if origins.len() > ORIGINS_MAX {
        violations.add("allowed_origins", format!("must be at most {ORIGINS_MAX}"));
    }
    if !origins.iter().all(|origin| is_origin(origin)) {
        violations.add(
            "allowed_origins",
            "must be origins like https://example.com, without a path",
        );
    }
    violations.into_result()
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else {
        return false;
    };
    matches!(scheme, "http" | "https")
        && (1..=255).contains(&host.len())
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]*".contains(&byte))
}

fn to_json(settings: &TenantSettings) -> Result<serde_json::Value, DbErr> {
    serde_json::to_value(settings).map_err(|error| DbErr::Json(error.to_string()))
}

impl TryFrom<tenant::Model> for Tenant {
    type Error = Error;

    /// Fails when the settings in the database are none that this version knows.
    fn try_from(row: tenant::Model) -> Result<Self, Error> {
        let settings = serde_json::from_value(row.settings).map_err(|error| DbErr::Json(error.to_string()))?;
        Ok(Self {
            id: row.id,
            slug: row.slug,
            name: row.name,
            public_key: row.public_key,
            settings,
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
    fn origins_have_no_path() {
        for origin in [
            "https://example.com",
            "http://localhost:4000",
            "https://[::1]:8443",
            "https://*.example.com",
        ] {
            assert!(is_origin(origin), "{origin}");
        }
        for origin in [
            "",
            "*",
            "example.com",
            "https://",
            "https://example.com/",
            "ftp://example.com",
            "https://a b",
        ] {
            assert!(!is_origin(origin), "{origin}");
        }
    }
}
