//! Commands about what is secret: the keys of tenants, and what they are sealed with.

use std::fs;
use std::io::Write;

use secrecy::{ExposeSecret, SecretString};

use super::CommandError;
use super::data::{tenant_by_slug, tenant_error};
use crate::audit::Actor;
use crate::cli::{AlgorithmArg, KeyArgs, KeyCommand};
use crate::config::AuthSettings;
use crate::store::Store;
use crate::tenants::{self, KeyAlgorithm, NewKey, SigningKey, Successor};
use crate::vault::Vault;

impl From<AlgorithmArg> for KeyAlgorithm {
    fn from(algorithm: AlgorithmArg) -> Self {
        match algorithm {
            AlgorithmArg::Hs256 => Self::Hs256,
            AlgorithmArg::EdDsa => Self::EdDsa,
            AlgorithmArg::Es256 => Self::Es256,
        }
    }
}

pub(super) async fn key(
    store: &Store,
    auth: &AuthSettings,
    command: KeyCommand,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let actor = Actor::cli();
    match command {
        KeyCommand::Create {
            tenant: slug,
            algorithm,
            key,
        } => {
            let tenant = tenant_by_slug(store, &slug).await?;
            let Successor { kid, public_key } = read_key(key)?;
            let new = NewKey {
                kid,
                algorithm: algorithm.into(),
                public_key,
            };
            let made = tenants::create_key(store, &vault(auth)?, &actor, tenant.id, new).await;
            print_made(made.map_err(|source| tenant_error(&slug, source))?, out)
        }
        KeyCommand::List { tenant: slug } => {
            let tenant = tenant_by_slug(store, &slug).await?;
            let keys = tenants::list_keys(store, tenant.id).await;
            for key in keys.map_err(|source| tenant_error(&slug, source))? {
                print_key(&key, out)?;
            }
            Ok(())
        }
        KeyCommand::Rotate { tenant: slug, kid, key } => {
            let tenant = tenant_by_slug(store, &slug).await?;
            let successor = read_key(key)?;
            let made = tenants::rotate_key(store, &vault(auth)?, &actor, tenant.id, &kid, successor).await;
            print_made(made.map_err(|source| tenant_error(&slug, source))?, out)
        }
        KeyCommand::Revoke { tenant: slug, kid } => {
            let tenant = tenant_by_slug(store, &slug).await?;
            let revoked = tenants::revoke_key(store, &actor, tenant.id, &kid).await;
            print_key(&revoked.map_err(|source| tenant_error(&slug, source))?, out)
        }
    }
}

/// Seals everything anew with the current master key.
pub(super) async fn rotate_secrets(
    store: &Store,
    auth: &AuthSettings,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let resealed = tenants::reseal_keys(store, &vault(auth)?, &Actor::cli()).await;
    let resealed = resealed.map_err(CommandError::Tenants)?;
    Ok(writeln!(out, "{resealed} sealed anew")?)
}

fn vault(auth: &AuthSettings) -> Result<Vault, CommandError> {
    Vault::from_settings(auth).ok_or(CommandError::NoSecret("auth.master_key"))
}

fn read_key(args: KeyArgs) -> Result<Successor, CommandError> {
    let read = |path| fs::read_to_string(&path).map_err(|source| CommandError::File { path, source });
    Ok(Successor {
        kid: args.new_kid,
        public_key: args.public_key_file.map(read).transpose()?,
    })
}

/// Name, algorithm and, the one time that it is shown, the secret.
fn print_made((key, secret): (SigningKey, Option<SecretString>), out: &mut impl Write) -> Result<(), CommandError> {
    write!(out, "{}\t{}", key.kid, key.algorithm)?;
    if let Some(secret) = secret {
        write!(out, "\t{}", secret.expose_secret())?;
    }
    Ok(writeln!(out)?)
}

/// Name, algorithm, when it was made, when it was last used, and whether it is live.
fn print_key(key: &SigningKey, out: &mut impl Write) -> Result<(), CommandError> {
    let used = key
        .last_used_at
        .map_or_else(|| "never".to_owned(), |used| used.to_string());
    let state = key
        .revoked_at
        .map_or_else(|| "live".to_owned(), |at| format!("revoked {at}"));
    Ok(writeln!(
        out,
        "{}\t{}\t{}\t{used}\t{state}",
        key.kid, key.algorithm, key.inserted_at
    )?)
}
