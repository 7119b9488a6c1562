//! Visitors nobody vouches for: each is known by a random key that their browser keeps, and may be claimed once by a
//! user of the website, who then is what the guest was.

use sea_orm::{ColumnTrait, QueryFilter, sea_query::Expr};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{Error, ProfilePatch, User, UserKind, usernames};
use crate::{
    audit::{self, Actor, Entry},
    chat::{self, Transfer},
    control::{self, ControlEvent},
    digest::sha256_hex,
    entity::{TenantScoped, user},
    ids::UserId,
    secret_token,
    store::Store,
    tenants::Tenant,
    timestamp::Timestamp,
};

/// Begins every guest's key, so that it is told from other secrets.
pub const GUEST_KEY_PREFIX: &str = "gk_";

/// What guests are called, before random digits.
const GUEST: &str = "guest";

/// A guest who was claimed, and what has become of what was theirs.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The guest, who is nobody any more.
    pub guest_id: UserId,
    /// What the claimer has now.
    pub transfer: Transfer,
}

/// Makes a guest. The key is what the guest comes back with; only a digest of it is kept.
///
/// # Errors
/// [`Error::GuestsNotAllowed`]; [`Error::Invalid`] for a name that is none.
pub async fn create_guest(store: &Store, tenant: &Tenant, name: Option<String>) -> Result<(User, SecretString), Error> {
    check_allowed(tenant)?;
    named(name.as_ref()).violations().into_result()?;
    let key = format!("{GUEST_KEY_PREFIX}{}", secret_token::generate());
    let mut row = user::Model::new(tenant.id, UserKind::Guest);
    row.name = name;
    row.guest_key_hash = Some(digest(&key));
    let transaction = store.begin_write().await?;
    let guest = usernames::insert_named(&transaction, row, None, GUEST)
        .await?
        .ok_or(Error::Busy)?;
    transaction.commit().await?;
    Ok((guest.into(), key.into()))
}

/// The guest with this key, who may have chosen another name.
///
/// # Errors
/// [`Error::GuestsNotAllowed`]; [`Error::Invalid`] for a name that is none; [`Error::SignedOut`] for a key that is
/// nobody's, and that of a guest who was claimed, suspended or deleted.
pub async fn return_as_guest(
    store: &Store,
    tenant: &Tenant,
    key: &SecretString,
    name: Option<String>,
) -> Result<User, Error> {
    check_allowed(tenant)?;
    named(name.as_ref()).violations().into_result()?;
    let guest = user::Entity::in_tenant(tenant.id)
        .filter(user::Column::GuestKeyHash.eq(digest(key.expose_secret())))
        .one(store.reader())
        .await?
        .filter(is_welcome)
        .ok_or(Error::SignedOut)?;
    if name.is_none() || name == guest.name {
        return Ok(guest.into());
    }
    let transaction = store.begin_write().await?;
    let renamed = user::Entity::update_in_tenant(tenant.id)
        .filter(user::Column::Id.eq(guest.id))
        .col_expr(user::Column::Name, Expr::value(name))
        .exec_with_returning(&transaction)
        .await?;
    transaction.commit().await?;
    renamed.into_iter().next().map(User::from).ok_or(Error::SignedOut)
}

/// Makes the rooms, messages, reactions and read marks of a guest those of a user whom the website vouches for. Once:
/// the guest's key and tokens are good for nothing after that.
///
/// # Errors
/// [`Error::ClaimsNotAllowed`]; [`Error::GuestNotFound`] for a key that is nobody's any more.
pub async fn claim_guest(
    store: &Store,
    actor: &Actor,
    tenant: &Tenant,
    claimer: &User,
    key: &SecretString,
) -> Result<Claimed, Error> {
    if !tenant.settings.guest_claims || claimer.kind != UserKind::Host {
        return Err(Error::ClaimsNotAllowed);
    }
    let now = Timestamp::now();
    let transaction = store.begin_write().await?;
    let guest = user::Entity::update_in_tenant(tenant.id)
        .filter(user::Column::GuestKeyHash.eq(digest(key.expose_secret())))
        .filter(user::Column::ClaimedBy.is_null())
        .filter(user::Column::SuspendedAt.is_null())
        .filter(user::Column::DeletedAt.is_null())
        // The digest stays: to change a unique column would lock out, and wait for, what the guest is writing.
        .col_expr(user::Column::ClaimedBy, Expr::value(claimer.id))
        .col_expr(user::Column::TokensNotBefore, Expr::value(now))
        .exec_with_returning(&transaction)
        .await?
        .into_iter()
        .next()
        .ok_or(Error::GuestNotFound)?;
    let transfer = chat::transfer(&transaction, tenant.id, guest.id, claimer.id).await?;
    let revoked = ControlEvent::UserRevoked {
        user_id: guest.id,
        before: now,
    };
    control::record(&transaction, tenant.id, &revoked).await?;
    let entry = Entry {
        tenant: Some((tenant.id, &tenant.slug)),
        action: "guest.claim",
        target: Some(guest.id.to_string()),
        detail: json!({ "user_id": claimer.id, "rooms": transfer.rooms.len(), "messages": transfer.messages }),
    };
    audit::record(&transaction, actor, entry).await?;
    transaction.commit().await?;
    Ok(Claimed {
        guest_id: guest.id,
        transfer,
    })
}

fn check_allowed(tenant: &Tenant) -> Result<(), Error> {
    if tenant.settings.guests {
        Ok(())
    } else {
        Err(Error::GuestsNotAllowed)
    }
}

/// What a guest says, to be judged as what a website says is.
fn named(name: Option<&String>) -> ProfilePatch {
    ProfilePatch {
        name: name.cloned().map(Some),
        ..ProfilePatch::default()
    }
}

fn is_welcome(guest: &user::Model) -> bool {
    guest.claimed_by.is_none() && guest.suspended_at.is_none() && guest.deleted_at.is_none()
}

/// What is kept of a key. It has 256 random bits, so nothing slower than a digest is needed.
fn digest(key: &str) -> String {
    sha256_hex(&[key.as_bytes()])
}
