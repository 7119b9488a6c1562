//! Commands about tenants: their record, settings, limits, and their end.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::CommandError;
use super::data::{tenant_by_slug, tenant_error};
use crate::audit::Actor;
use crate::chat::seed;
use crate::cli::{LimitsCommand, TenantCommand};
use crate::config::{Settings, TenantLimits};
use crate::store::Store;
use crate::tenants::{self, NewTenant, SettingsPatch, Tenant, TenantPatch};
use crate::validation::Violations;

/// What takes a limit of a tenant's own away.
const DEFAULT: &str = "default";

pub(super) async fn tenant(store: &Store, command: TenantCommand, out: &mut impl Write) -> Result<(), CommandError> {
    let actor = Actor::cli();
    match command {
        TenantCommand::Create { slug, name } => create(store, &actor, NewTenant { slug, name }, out).await,
        TenantCommand::List => list(store, out).await,
        TenantCommand::Show { slug } => {
            let tenant = tenant_by_slug(store, &slug).await?;
            Ok(writeln!(out, "{:#}", describe(&tenant))?)
        }
        TenantCommand::Update {
            slug,
            name,
            set,
            settings_file,
            allowed_origins,
            announce_joins,
            edit_window,
        } => {
            let mut settings = read_object(settings_file.as_deref())?;
            set_all(&mut settings, &set)?;
            if let Some(list) = allowed_origins {
                settings.insert("allowed_origins".to_owned(), origins(&list));
            }
            if let Some(announce_joins) = announce_joins {
                settings.insert("announce_joins".to_owned(), announce_joins.into());
            }
            if let Some(window) = edit_window {
                settings.insert("edit_window_s".to_owned(), seconds(&window)?);
            }
            let settings: SettingsPatch = read("settings", settings)?;
            let patch = TenantPatch { name, settings };
            let tenant = tenant_by_slug(store, &slug).await?;
            let tenant = tenants::update_tenant(store, &actor, tenant.id, patch).await;
            let tenant = tenant.map_err(|source| tenant_error(&slug, source))?;
            Ok(writeln!(out, "{}", json!(tenant.settings))?)
        }
        TenantCommand::Suspend { slug } => {
            let tenant = tenant_by_slug(store, &slug).await?;
            let suspended = tenants::suspend_tenant(store, &actor, tenant.id).await;
            suspended.map_err(|source| tenant_error(&slug, source))?;
            Ok(writeln!(out, "{slug} is suspended")?)
        }
        TenantCommand::Resume { slug } => {
            let tenant = tenant_by_slug(store, &slug).await?;
            let resumed = tenants::resume_tenant(store, &actor, tenant.id).await;
            resumed.map_err(|source| tenant_error(&slug, source))?;
            Ok(writeln!(out, "{slug} is no longer suspended")?)
        }
        TenantCommand::Delete { slug, confirm } => {
            if confirm != slug {
                return Err(Violations::of("confirm", "must be the slug of the tenant").into());
            }
            let tenant = tenant_by_slug(store, &slug).await?;
            let deleted = tenants::delete_tenant(store, &actor, tenant.id).await;
            deleted.map_err(|source| tenant_error(&slug, source))?;
            Ok(writeln!(out, "{slug} is deleted")?)
        }
    }
}

pub(super) async fn limits(
    store: &Store,
    settings: &Settings,
    command: LimitsCommand,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let tenant = match command {
        LimitsCommand::Show { tenant } => tenant_by_slug(store, &tenant).await?,
        LimitsCommand::Set {
            tenant: slug,
            set,
            limits_file,
        } => {
            let tenant = tenant_by_slug(store, &slug).await?;
            let mut limits = match (&limits_file, json!(tenant.limits)) {
                (None, Value::Object(limits)) => limits,
                (file, _) => read_object(file.as_deref())?,
            };
            set_all(&mut limits, &set)?;
            limits.retain(|_, value| value != DEFAULT);
            let limits: TenantLimits = read("limits", limits)?;
            let changed = tenants::set_limits(store, &Actor::cli(), settings, tenant.id, limits).await;
            changed.map_err(|source| tenant_error(&slug, source))?
        }
    };
    Ok(writeln!(out, "{}", json!(tenant.limits))?)
}

async fn create(store: &Store, actor: &Actor, new: NewTenant, out: &mut impl Write) -> Result<(), CommandError> {
    let slug = new.slug.clone();
    let tenant = tenants::create_tenant(store, actor, new).await;
    let tenant = tenant.map_err(|source| tenant_error(&slug, source))?;
    seed::ensure_default_rooms(store, tenant.id).await?;
    Ok(print(&tenant, out)?)
}

async fn list(store: &Store, out: &mut impl Write) -> Result<(), CommandError> {
    for tenant in tenants::list_tenants(store).await.map_err(CommandError::Tenants)? {
        print(&tenant, out)?;
    }
    Ok(())
}

/// Id, slug, name and public key, separated by tabs.
fn print(tenant: &Tenant, out: &mut impl Write) -> io::Result<()> {
    let Tenant {
        id, slug, public_key, ..
    } = tenant;
    let name = tenant.name.replace(char::is_control, " ");
    writeln!(out, "{id}\t{slug}\t{name}\t{public_key}")
}

fn describe(tenant: &Tenant) -> Value {
    json!({
        "id": tenant.id,
        "slug": tenant.slug,
        "name": tenant.name,
        "public_key": tenant.public_key,
        "suspended_at": tenant.suspended_at,
        "inserted_at": tenant.inserted_at,
        "settings": tenant.settings,
        "limits": tenant.limits,
    })
}

/// The JSON object in a file; an empty one without a file.
fn read_object(path: Option<&Path>) -> Result<Map<String, Value>, CommandError> {
    let Some(path) = path else {
        return Ok(Map::new());
    };
    let text = fs::read_to_string(path).map_err(|source| CommandError::File {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|source| CommandError::File {
        path: path.to_owned(),
        source: source.into(),
    })
}

/// Puts `key=value` pairs in; a key with points leads into objects. A value that is no JSON is text.
fn set_all(object: &mut Map<String, Value>, pairs: &[String]) -> Result<(), Violations> {
    for pair in pairs {
        let (path, text) = pair
            .split_once('=')
            .ok_or_else(|| Violations::of("set", format!("{pair:?} is not KEY=VALUE")))?;
        let value = serde_json::from_str(text).unwrap_or_else(|_| text.into());
        let mut object = &mut *object;
        let mut key = path;
        while let Some((outer, inner)) = key.split_once('.') {
            object = object
                .entry(outer)
                .or_insert_with(|| Map::new().into())
                .as_object_mut()
                .ok_or_else(|| Violations::of(path, format!("{outer} is no object")))?;
            key = inner;
        }
        object.insert(key.to_owned(), value);
    }
    Ok(())
}

/// What is typed, as what it has to be. What is wrong is told under the name of `what`, where it has no other.
fn read<T: DeserializeOwned>(what: &str, object: Map<String, Value>) -> Result<T, Violations> {
    serde_path_to_error::deserialize(Value::Object(object)).map_err(|error| {
        let path = error.path().to_string();
        Violations::of(if path == "." { what } else { &path }, error.inner().to_string())
    })
}

/// Origins with commas between, or "any".
fn origins(list: &str) -> Value {
    if list == "any" {
        return Value::Null;
    }
    let origins = list.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    origins.collect()
}

/// A duration, or "off".
fn seconds(window: &str) -> Result<Value, Violations> {
    if window == "off" {
        return Ok(Value::Null);
    }
    let window = humantime::parse_duration(window).map_err(|error| Violations::of("edit_window", error.to_string()))?;
    // Whole seconds are kept; less than one would mean never.
    Ok(window.as_secs().max(1).into())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn set(pairs: &[&str]) -> Result<Value, Violations> {
        let mut object = Map::new();
        let pairs: Vec<_> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        set_all(&mut object, &pairs).map(|()| object.into())
    }

    #[test]
    fn pairs_become_an_object() {
        let pairs = [
            "guests=true",
            "retention_days=30",
            "edit_window_s=null",
            "room_creation=server",
            "messages_per_user=10/5s",
            "features.typing=false",
            "features.threads=false",
            "allowed_origins=[\"https://site.com\"]",
        ];
        let expected = json!({
            "guests": true,
            "retention_days": 30,
            "edit_window_s": null,
            "room_creation": "server",
            "messages_per_user": "10/5s",
            "features": { "typing": false, "threads": false },
            "allowed_origins": ["https://site.com"],
        });
        assert_eq!(set(&pairs).unwrap(), expected);
        assert!(set(&["guests"]).is_err());
        assert!(set(&["guests=true", "guests.more=true"]).is_err());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let problem = |pairs: &[&str]| {
            let Value::Object(object) = set(pairs).unwrap() else {
                panic!("an object")
            };
            json!(read::<SettingsPatch>("settings", object).unwrap_err())
        };
        assert!(problem(&["guests=maybe"])["guests"][0].is_string());
        assert!(problem(&["features.typing=1"])["features.typing"][0].is_string());
        assert!(problem(&["gusts=true"]).to_string().contains("gusts"));
    }
}
