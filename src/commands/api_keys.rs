//! Commands about the keys of websites' backends, and about the tokens of tenants' administrators, which are keys too.

use std::io::Write;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::CommandError;
use super::data::tenant_by_slug;
use super::listing::for_each;
use crate::api_keys::{self, ApiKey, ApiKeyKind, NewApiKey, Permission};
use crate::audit::Actor;
use crate::cli::{AdminTokenCommand, ApiKeyCommand};
use crate::page::PageRequest;
use crate::store::Store;
use crate::timestamp::Timestamp;

pub(super) async fn api_key(store: &Store, command: ApiKeyCommand, out: &mut impl Write) -> Result<(), CommandError> {
    match command {
        ApiKeyCommand::Create {
            tenant,
            name,
            scopes,
            lifetime,
        } => {
            let new = NewApiKey {
                kind: ApiKeyKind::Server,
                name,
                permissions: scopes,
                expires_at: end_of(lifetime),
            };
            create(store, &tenant, new, out).await
        }
        ApiKeyCommand::List { tenant } => list(store, &tenant, ApiKeyKind::Server, out).await,
        ApiKeyCommand::Revoke { tenant, id } => revoke(store, &tenant, ApiKeyKind::Server, &id, out).await,
    }
}

pub(super) async fn admin_token(
    store: &Store,
    command: AdminTokenCommand,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    match command {
        AdminTokenCommand::Create { tenant, name, lifetime } => {
            let new = NewApiKey {
                kind: ApiKeyKind::Admin,
                name,
                permissions: Vec::new(),
                expires_at: end_of(lifetime),
            };
            create(store, &tenant, new, out).await
        }
        AdminTokenCommand::List { tenant } => list(store, &tenant, ApiKeyKind::Admin, out).await,
        AdminTokenCommand::Revoke { tenant, id } => revoke(store, &tenant, ApiKeyKind::Admin, &id, out).await,
    }
}

fn end_of(lifetime: Option<Duration>) -> Option<Timestamp> {
    lifetime.map(|lifetime| {
        let micros = i64::try_from(lifetime.as_micros()).unwrap_or(i64::MAX);
        Timestamp(Timestamp::now().0.saturating_add(micros))
    })
}

async fn create(store: &Store, slug: &str, new: NewApiKey, out: &mut impl Write) -> Result<(), CommandError> {
    let tenant = tenant_by_slug(store, slug).await?;
    let (key, secret) = api_keys::create_key(store, &Actor::cli(), &tenant, new).await?;
    Ok(writeln!(out, "{}\t{}", key.id, secret.expose_secret())?)
}

async fn list(store: &Store, slug: &str, kind: ApiKeyKind, out: &mut impl Write) -> Result<(), CommandError> {
    let tenant = tenant_by_slug(store, slug).await?;
    let list = async |request: &PageRequest| Ok(api_keys::list_keys(store, tenant.id, kind, request).await?);
    for_each(list, |key| print(key, out)).await
}

async fn revoke(
    store: &Store,
    slug: &str,
    kind: ApiKeyKind,
    id: &str,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let tenant = tenant_by_slug(store, slug).await?;
    let id = id.parse().map_err(|_| api_keys::Error::NotFound)?;
    let key = api_keys::revoke_key(store, &Actor::cli(), &tenant, kind, id).await?;
    print(&key, out)
}

fn print(key: &ApiKey, out: &mut impl Write) -> Result<(), CommandError> {
    let state = match (key.revoked_at, key.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(end)) if end <= Timestamp::now() => "expired",
        (None, _) => "good",
    };
    let scopes: Vec<_> = key.permissions.iter().map(|scope| Permission::as_str(*scope)).collect();
    // Names have no control characters.
    Ok(writeln!(
        out,
        "{}\t…{}\t{state}\t{}\t{}",
        key.id,
        key.hint,
        scopes.join(" "),
        key.name
    )?)
}
