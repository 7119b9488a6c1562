//! The keys that a tenant's website signs its users' tokens with.
//!
//! Two can be live at a time, so that a website can go over to a new one without a moment in which its tokens are
//! refused. Of a shared secret (HS256) only a sealed copy is kept; of a key pair (EdDSA, ES256) only the public half is
//! ever taken.

use ed25519_dalek::pkcs8::{DecodePublicKey, EncodePublicKey, spki::der::pem::LineEnding};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    Select, sea_query::Expr,
};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{Error, Tenant, lock};
use crate::{
    audit::{self, Actor, Entry},
    control::{self, ControlEvent},
    entity::{TenantScoped, signing_key},
    ids::{SigningKeyId, TenantId},
    secret_token,
    store::Store,
    timestamp::Timestamp,
    validation::Violations,
    vault::{Vault, VaultError},
};

pub use crate::entity::signing_key::KeyAlgorithm;

/// Most characters of a key's name.
pub const KID_CHARS_MAX: usize = 64;

/// Most keys of a tenant whose tokens are accepted at a time.
pub const LIVE_KEYS_MAX: u64 = 2;

/// Most bytes of a public key as PEM.
const PEM_BYTES_MAX: usize = 4096;

/// How exactly `last_used_at` is kept.
const USED_US: i64 = 60_000_000;

/// A signing key, without what signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// The key's id.
    pub id: SigningKeyId,
    /// Whose key.
    pub tenant_id: TenantId,
    /// The name that headers of tokens have for it, unique in the tenant.
    pub kid: String,
    /// How it signs, and in no other way.
    pub algorithm: KeyAlgorithm,
    /// Of a key pair: the public key, as PEM.
    pub public_key: Option<String>,
    /// When it was made.
    pub inserted_at: Timestamp,
    /// When a token of it was last accepted, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Since when its tokens are refused.
    pub revoked_at: Option<Timestamp>,
}

/// What a new key is to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// 1 to [`KID_CHARS_MAX`] of letters, digits, and `_ . -`, which no key of the tenant ever had; made up when
    /// missing.
    #[serde(default)]
    pub kid: Option<String>,
    /// How it signs.
    pub algorithm: KeyAlgorithm,
    /// For `EdDSA` and `ES256` the public key as PEM (`BEGIN PUBLIC KEY`). A secret for `HS256` is made here.
    #[serde(default)]
    pub public_key: Option<String>,
}

/// What a key that takes another's place is to be. It signs in the same way.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Successor {
    /// As [`NewKey::kid`].
    pub kid: Option<String>,
    /// As [`NewKey::public_key`].
    pub public_key: Option<String>,
}

/// A key to verify tokens with.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    /// The key's id.
    pub id: SigningKeyId,
    /// Whose key.
    pub tenant_id: TenantId,
    /// The name that headers of tokens have for it.
    pub kid: String,
    /// How it signs, and in no other way.
    pub algorithm: KeyAlgorithm,
    /// What verifies.
    pub material: KeyMaterial,
    /// When a token of it was last accepted, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// What verifies a token.
#[derive(Clone, Debug)]
pub enum KeyMaterial {
    /// A sealed secret; [`VerifyingKey::secret`] opens it.
    Sealed(String),
    /// A public key as PEM, which is one of the key's algorithm.
    PublicKey(String),
}

impl VerifyingKey {
    /// The secret that both sides know; none of a key pair.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn secret(&self, vault: &Vault) -> Result<Option<SecretString>, VaultError> {
        match &self.material {
            KeyMaterial::Sealed(sealed) => vault.open(sealed, &context(self.tenant_id, self.id)).map(Some),
            KeyMaterial::PublicKey(_) => Ok(None),
        }
    }
}

impl From<signing_key::Model> for SigningKey {
    fn from(row: signing_key::Model) -> Self {
        Self {
            id: row.id,
            tenant_id: row.tenant_id,
            kid: row.kid,
            algorithm: row.algorithm,
            public_key: row.public_key,
            inserted_at: row.inserted_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        }
    }
}

/// Makes a key. The secret of one that has a secret comes with it; nobody is shown it again.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::TooManyKeys`] when two are live; [`Error::Invalid`] for input against the rules of
/// [`NewKey`].
pub async fn create_key(
    store: &Store,
    vault: &Vault,
    actor: &Actor,
    tenant_id: TenantId,
    new: NewKey,
) -> Result<(SigningKey, Option<SecretString>), Error> {
    let draft = Draft::new(new)?;
    let transaction = store.begin_write().await?;
    let tenant = lock(&transaction, tenant_id).await?;
    if live(tenant_id).count(&transaction).await? >= LIVE_KEYS_MAX {
        return Err(Error::TooManyKeys);
    }
    let (key, secret) = draft.insert(&transaction, vault, tenant_id).await?;
    control::record(&transaction, tenant_id, &ControlEvent::TenantChanged).await?;
    let detail = json!({ "algorithm": key.algorithm });
    let entry = entry(&tenant, "key.create", &key.kid, detail);
    audit::record(&transaction, actor, entry).await?;
    transaction.commit().await?;
    Ok((key, secret))
}

/// Makes a key that takes the place of a live one, and signs in the same way. The old one goes on being good, until it
/// is revoked or the next rotation; when two are live already, the older one is revoked first.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::KeyNotFound`], also for one that is revoked; [`Error::Invalid`] for input against the
/// rules of [`NewKey`].
pub async fn rotate_key(
    store: &Store,
    vault: &Vault,
    actor: &Actor,
    tenant_id: TenantId,
    kid: &str,
    successor: Successor,
) -> Result<(SigningKey, Option<SecretString>), Error> {
    let transaction = store.begin_write().await?;
    let tenant = lock(&transaction, tenant_id).await?;
    let live = live(tenant_id).all(&transaction).await?;
    let before = live.iter().find(|key| key.kid == kid).ok_or(Error::KeyNotFound)?;
    let draft = Draft::new(NewKey {
        kid: successor.kid,
        algorithm: before.algorithm,
        public_key: successor.public_key,
    })?;
    let revoked = match live.first() {
        Some(oldest) if live.len() as u64 >= LIVE_KEYS_MAX => Some(oldest),
        _ => None,
    };
    if let Some(oldest) = revoked {
        end(&transaction, oldest).await?;
    }
    let (key, secret) = draft.insert(&transaction, vault, tenant_id).await?;
    control::record(&transaction, tenant_id, &ControlEvent::TenantChanged).await?;
    let detail = json!({
        "algorithm": key.algorithm,
        "successor_of": before.kid,
        "revoked": revoked.map(|key| &key.kid),
    });
    let entry = entry(&tenant, "key.rotate", &key.kid, detail);
    audit::record(&transaction, actor, entry).await?;
    transaction.commit().await?;
    Ok((key, secret))
}

/// Revokes a key: its tokens are refused, and who is connected by one of them is not any more. A secret is forgotten.
/// Revoking it again changes nothing.
///
/// # Errors
/// [`Error::NotFound`], [`Error::KeyNotFound`].
pub async fn revoke_key(store: &Store, actor: &Actor, tenant_id: TenantId, kid: &str) -> Result<SigningKey, Error> {
    let transaction = store.begin_write().await?;
    let tenant = lock(&transaction, tenant_id).await?;
    let mut row = signing_key::Entity::in_tenant(tenant_id)
        .filter(signing_key::Column::Kid.eq(kid))
        .one(&transaction)
        .await?
        .ok_or(Error::KeyNotFound)?;
    if row.revoked_at.is_none() {
        row.revoked_at = Some(end(&transaction, &row).await?);
    }
    audit::record(&transaction, actor, entry(&tenant, "key.revoke", kid, json!({}))).await?;
    transaction.commit().await?;
    Ok(row.into())
}

/// The keys of a tenant, the oldest first, revoked ones included.
pub async fn list_keys(store: &Store, tenant_id: TenantId) -> Result<Vec<SigningKey>, Error> {
    let rows = signing_key::Entity::in_tenant(tenant_id)
        .order_by_asc(signing_key::Column::Id)
        .all(store.reader())
        .await?;
    Ok(rows.into_iter().map(SigningKey::from).collect())
}

/// The keys whose tokens are accepted, the oldest first.
pub async fn live_keys(store: &Store, tenant_id: TenantId) -> Result<Vec<VerifyingKey>, Error> {
    let rows = live(tenant_id).all(store.reader()).await?;
    let keys = rows.into_iter().filter_map(|row| {
        let material = match (row.secret, row.public_key) {
            (Some(sealed), None) => KeyMaterial::Sealed(sealed),
            (None, Some(pem)) => KeyMaterial::PublicKey(pem),
            // Neither verifies anything, and both would leave open what does.
            (None, None) | (Some(_), Some(_)) => return None,
        };
        Some(VerifyingKey {
            id: row.id,
            tenant_id,
            kid: row.kid,
            algorithm: row.algorithm,
            material,
            last_used_at: row.last_used_at,
        })
    });
    Ok(keys.collect())
}

/// Notes that a token of this key was accepted, unless that was noted less than a minute ago.
pub async fn touch_key(store: &Store, key: &VerifyingKey) -> Result<(), Error> {
    let now = Timestamp::now();
    let noted = Timestamp(now.0 - USED_US);
    if key.last_used_at.is_some_and(|used| used > noted) {
        return Ok(());
    }
    let transaction = store.begin_write().await?;
    signing_key::Entity::update_in_tenant(key.tenant_id)
        .filter(signing_key::Column::Id.eq(key.id))
        .filter(
            Condition::any()
                .add(signing_key::Column::LastUsedAt.is_null())
                .add(signing_key::Column::LastUsedAt.lte(noted)),
        )
        .col_expr(signing_key::Column::LastUsedAt, Expr::value(now))
        .exec(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

/// Whether the vault has the master key of every sealed secret.
///
/// # Errors
/// [`Error::Vault`] when it lacks one.
pub async fn check_sealed(store: &Store, vault: &Vault) -> Result<(), Error> {
    let rows = sealed().all(store.reader()).await?;
    for (row, sealed) in rows.iter().filter_map(|row| Some((row, row.secret.as_ref()?))) {
        match vault.open(sealed, &context(row.tenant_id, row.id)) {
            Ok(_) => {}
            Err(error @ VaultError::UnknownKey) => return Err(error.into()),
            // One website's tokens are refused; that is no reason to refuse the others'.
            Err(error @ VaultError::Damaged) => {
                tracing::error!(tenant_id = %row.tenant_id, kid = row.kid, %error, "a signing key does not open");
            }
        }
    }
    Ok(())
}

/// Seals all secrets that are sealed with a retired master key anew, with the current one, and says how many there
/// were.
///
/// # Errors
/// [`Error::Vault`] when one does not open; nothing is changed then.
pub async fn reseal_keys(store: &Store, vault: &Vault, actor: &Actor) -> Result<u64, Error> {
    let transaction = store.begin_write().await?;
    let rows = sealed().all(&transaction).await?;
    let mut resealed = 0;
    for row in rows {
        let Some(sealed) = row.secret.filter(|sealed| !vault.is_current(sealed)) else {
            continue;
        };
        let context = context(row.tenant_id, row.id);
        let anew = vault.seal(&vault.open(&sealed, &context)?, &context);
        let updated = signing_key::Entity::update_in_tenant(row.tenant_id)
            .filter(signing_key::Column::Id.eq(row.id))
            // One that is revoked meanwhile stays forgotten.
            .filter(signing_key::Column::Secret.eq(sealed))
            .col_expr(signing_key::Column::Secret, Expr::value(anew))
            .exec(&transaction)
            .await?;
        resealed += updated.rows_affected;
    }
    let entry = Entry {
        tenant: None,
        action: "secrets.rotate",
        target: None,
        detail: json!({ "resealed": resealed }),
    };
    audit::record(&transaction, actor, entry).await?;
    transaction.commit().await?;
    Ok(resealed)
}

/// A key that keeps the rules, before it is one.
struct Draft {
    kid: Option<String>,
    algorithm: KeyAlgorithm,
    /// As it is kept.
    public_key: Option<String>,
}

impl Draft {
    fn new(new: NewKey) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        if new.kid.as_deref().is_some_and(|kid| !is_kid(kid)) {
            let rule = format!("must be 1 to {KID_CHARS_MAX} letters, digits, underscores, dots or hyphens");
            violations.add("kid", rule);
        }
        let public_key = check_public_key(new.algorithm, new.public_key.as_deref());
        let public_key = public_key.unwrap_or_else(|problem| {
            violations.add("public_key", problem);
            None
        });
        violations.into_result()?;
        Ok(Self {
            kid: new.kid,
            algorithm: new.algorithm,
            public_key,
        })
    }

    async fn insert(
        self,
        transaction: &DatabaseTransaction,
        vault: &Vault,
        tenant_id: TenantId,
    ) -> Result<(SigningKey, Option<SecretString>), Error> {
        let kid = self
            .kid
            .unwrap_or_else(|| format!("key-{}", &uuid::Uuid::new_v4().simple().to_string()[..12]));
        let taken = signing_key::Entity::in_tenant(tenant_id)
            .filter(signing_key::Column::Kid.eq(kid.as_str()))
            .count(transaction)
            .await?;
        if taken > 0 {
            return Err(Violations::of("kid", "has already been taken").into());
        }
        let id = SigningKeyId::generate();
        let secret = match self.algorithm {
            KeyAlgorithm::Hs256 => Some(SecretString::from(secret_token::generate())),
            KeyAlgorithm::EdDsa | KeyAlgorithm::Es256 => None,
        };
        let row = signing_key::Model {
            tenant_id,
            id,
            kid,
            algorithm: self.algorithm,
            secret: secret
                .as_ref()
                .map(|secret| vault.seal(secret, &context(tenant_id, id))),
            public_key: self.public_key,
            inserted_at: Timestamp::now(),
            last_used_at: None,
            revoked_at: None,
        };
        signing_key::Entity::insert(row.clone().into_active_model())
            .exec_without_returning(transaction)
            .await?;
        Ok((row.into(), secret))
    }
}

/// Ends a key and forgets its secret; says when that was.
async fn end(transaction: &DatabaseTransaction, key: &signing_key::Model) -> Result<Timestamp, Error> {
    let now = Timestamp::now();
    signing_key::Entity::update_in_tenant(key.tenant_id)
        .filter(signing_key::Column::Id.eq(key.id))
        .col_expr(signing_key::Column::RevokedAt, Expr::value(now))
        .col_expr(signing_key::Column::Secret, Expr::value(None::<String>))
        .exec(transaction)
        .await?;
    control::record(transaction, key.tenant_id, &ControlEvent::KeyRevoked { key_id: key.id }).await?;
    Ok(now)
}

fn entry<'a>(tenant: &'a Tenant, action: &'static str, kid: &str, detail: serde_json::Value) -> Entry<'a> {
    Entry {
        tenant: Some((tenant.id, &tenant.slug)),
        action,
        target: Some(kid.to_owned()),
        detail,
    }
}

/// The live keys of a tenant, the oldest first.
fn live(tenant_id: TenantId) -> Select<signing_key::Entity> {
    signing_key::Entity::in_tenant(tenant_id)
        .filter(signing_key::Column::RevokedAt.is_null())
        .order_by_asc(signing_key::Column::Id)
}

/// The keys of all tenants that have a secret.
fn sealed() -> Select<signing_key::Entity> {
    signing_key::Entity::find().filter(signing_key::Column::Secret.is_not_null())
}

/// Where a secret is sealed for: no other key of any tenant opens it.
fn context(tenant_id: TenantId, id: SigningKeyId) -> String {
    format!("signing_key:{tenant_id}:{id}")
}

fn is_kid(text: &str) -> bool {
    (1..=KID_CHARS_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// The public key of a key pair, read and written out again: what is kept is nothing but the key.
fn check_public_key(algorithm: KeyAlgorithm, pem: Option<&str>) -> Result<Option<String>, &'static str> {
    let wrong = match algorithm {
        KeyAlgorithm::Hs256 => {
            return match pem {
                None => Ok(None),
                Some(_) => Err("is for EdDSA and ES256; the secret of HS256 is made here"),
            };
        }
        KeyAlgorithm::EdDsa => "must be an Ed25519 public key as PEM (BEGIN PUBLIC KEY)",
        KeyAlgorithm::Es256 => "must be a P-256 public key as PEM (BEGIN PUBLIC KEY)",
    };
    let pem = pem.ok_or(wrong)?;
    if pem.contains("PRIVATE KEY") {
        return Err("is a private key: it has to stay with you, and should be replaced now; give the public key");
    }
    if pem.len() > PEM_BYTES_MAX {
        return Err(wrong);
    }
    let written = match algorithm {
        KeyAlgorithm::EdDsa => ed25519_dalek::VerifyingKey::from_public_key_pem(pem.trim())
            .ok()
            // With one of the few weak points, anybody can sign.
            .filter(|key| !key.is_weak())
            .and_then(|key| key.to_public_key_pem(LineEnding::LF).ok()),
        KeyAlgorithm::Es256 | KeyAlgorithm::Hs256 => p256::PublicKey::from_public_key_pem(pem.trim())
            .ok()
            .and_then(|key| key.to_public_key_pem(LineEnding::LF).ok()),
    };
    written.map(Some).ok_or(wrong)
}
