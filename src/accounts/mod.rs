//! Accounts: users of a tenant, their passwords and tokens.

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, SqlErr, sea_query::Expr};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    entity::{TenantScoped, user},
    ids::{TenantId, UserId},
    store::Store,
    timestamp::Timestamp,
    validation::Violations,
};

pub use crate::entity::user::UserKind;
pub use counts::{KindCounts, count_users};
pub(crate) use directory::get_user_at_rev;
pub use directory::{directory_for, get_user, list_users};
pub use error::Error;
pub use guests::{Claimed, GUEST_KEY_PREFIX, claim_guest, create_guest, return_as_guest};
pub use host_token::{
    GRANTS_MAX, HOST_CLOCK_AHEAD_MAX_S, HOST_TOKEN_LIFETIME_MAX_S, HostToken, claims_to_be_own, verify_host_token,
};
pub use password::{PASSWORD_ROUNDS_MIN, PasswordHasher};
pub use password_change::change_password;
pub use profile::{
    ATTRS_BYTES_MAX, AVATAR_URL_BYTES_MAX, EMAIL_HASH_CHARS_MAX, EXTERNAL_ID_CHARS_MAX, NAME_CHARS_MAX, ProfilePatch,
};
pub use provision::{HostUser, Provisioned, Welcome, provision, upsert_user, welcome};
pub(crate) use session::{TokenFacts, is_good};
pub use session::{purge_revoked_tokens, revoke_token};
pub use token::{Claims, IssuedToken, TOKEN_BYTES_MAX, TokenError, Tokens};
pub use usernames::{USERNAME_CHARS_MAX, USERNAME_CHARS_MIN};

pub mod admin;
mod counts;
mod directory;
mod error;
mod guests;
mod host_token;
mod password;
mod password_change;
mod profile;
mod provision;
mod session;
pub mod site;
mod token;
mod usernames;

use usernames::{USERNAME_TAKEN, is_username};

/// Fewest bytes of a password.
pub const PASSWORD_BYTES_MIN: usize = 8;

/// Most bytes of a password.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// A person, inside one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// Whose user.
    pub tenant_id: TenantId,
    /// The name others see, unless there is a [`Self::name`].
    pub username: String,
    /// Where the user comes from.
    pub kind: UserKind,
    /// The website's own id of the user.
    pub external_id: Option<String>,
    /// The name to show instead of the username.
    pub name: Option<String>,
    /// A picture.
    pub avatar_url: Option<String>,
    /// A hash of the e-mail address, as the website made it. For the user and the tenant's admins only.
    pub email_hash: Option<String>,
    /// What else the website says of the user: an object. For the user and the tenant's admins only.
    pub attrs: Option<serde_json::Value>,
    /// Since when the user is locked out of the tenant.
    pub suspended_at: Option<Timestamp>,
    /// When the user was created.
    pub inserted_at: Timestamp,
}

impl User {
    /// A new user with nothing but a name.
    pub fn new(tenant_id: TenantId, username: String) -> Self {
        Self {
            id: UserId::generate(),
            tenant_id,
            username,
            kind: UserKind::Account,
            external_id: None,
            name: None,
            avatar_url: None,
            email_hash: None,
            attrs: None,
            suspended_at: None,
            inserted_at: Timestamp::now(),
        }
    }
}

/// What it takes to register.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// [`USERNAME_CHARS_MIN`] to [`USERNAME_CHARS_MAX`] of ASCII letters, digits and `_ . -`; unique in the
    /// tenant without regard to case.
    pub username: String,
    /// [`PASSWORD_BYTES_MIN`] to [`PASSWORD_BYTES_MAX`] bytes.
    pub password: SecretString,
}

impl From<user::Model> for User {
    fn from(row: user::Model) -> Self {
        Self {
            id: row.id,
            tenant_id: row.tenant_id,
            username: row.username,
            kind: row.kind,
            external_id: row.external_id,
            name: row.name,
            avatar_url: row.avatar_url,
            email_hash: row.email_hash,
            attrs: row.attrs,
            suspended_at: row.suspended_at,
            inserted_at: row.inserted_at,
        }
    }
}

/// Creates a user.
///
/// # Errors
/// [`Error::Invalid`] for a username or password against the rules, and for a name that is taken;
/// [`Error::Busy`].
pub async fn register(
    store: &Store,
    hasher: &PasswordHasher,
    tenant_id: TenantId,
    new: NewUser,
) -> Result<User, Error> {
    let password = new.password.expose_secret();
    let mut violations = Violations::new();
    usernames::check(&mut violations, &new.username);
    check_password(&mut violations, "password", password);
    violations.into_result()?;

    let username_key = new.username.to_ascii_lowercase();
    // Before the expensive part; the unique index decides in the end.
    if find_by_name(store, tenant_id, &username_key).await?.is_some() {
        return Err(Violations::of("username", USERNAME_TAKEN).into());
    }
    let password_hash = hasher.hash(password).await?;

    let user = User::new(tenant_id, new.username);
    let row = user::ActiveModel {
        tenant_id: Set(tenant_id),
        id: Set(user.id),
        username: Set(user.username.clone()),
        username_key: Set(username_key),
        password_hash: Set(Some(password_hash)),
        inserted_at: Set(user.inserted_at),
        // The other columns have their defaults in the schema.
        ..user::ActiveModel::default()
    };
    let transaction = store.begin_write().await?;
    match user::Entity::insert(row).exec_without_returning(&transaction).await {
        Ok(_) => {}
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            return Err(Violations::of("username", USERNAME_TAKEN).into());
        }
        Err(error) => return Err(error.into()),
    }
    transaction.commit().await?;
    Ok(user)
}

/// The user with this name and password, unless suspended. Takes the same time whether the name or the password is
/// wrong. Hashes with fewer rounds than the hasher's are renewed on the way.
///
/// # Errors
/// [`Error::InvalidCredentials`], [`Error::Busy`].
pub async fn authenticate(
    store: &Store,
    hasher: &PasswordHasher,
    tenant_id: TenantId,
    username: &str,
    password: &SecretString,
) -> Result<User, Error> {
    let password = password.expose_secret();
    // Nobody has such a password, so refusing it without work tells nothing about anybody.
    if !is_password_length(password) {
        return Err(Error::InvalidCredentials);
    }
    let row = if is_username(username) {
        find_by_name(store, tenant_id, &username.to_ascii_lowercase()).await?
    } else {
        None
    };
    let stored = row.as_ref().and_then(|row| row.password_hash.clone());
    let verified = hasher.verify(password, stored.clone()).await?;
    // Who is locked out learns nothing that a wrong password would not tell.
    let is_welcome = |row: &user::Model| row.suspended_at.is_none() && row.deleted_at.is_none();
    let Some(row) = row.filter(|row| verified.matches && is_welcome(row)) else {
        return Err(Error::InvalidCredentials);
    };
    if let Some(renewed) = verified.renewed {
        let transaction = store.begin_write().await?;
        user::Entity::update_in_tenant(tenant_id)
            .filter(user::Column::Id.eq(row.id))
            // A password changed meanwhile stays changed.
            .filter(user::Column::PasswordHash.eq(stored))
            .col_expr(user::Column::PasswordHash, Expr::value(renewed))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
    }
    Ok(row.into())
}

/// A user by name, without regard to case. For operators: no scope, as nobody is signed in.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get_user_by_name(store: &Store, tenant_id: TenantId, username: &str) -> Result<User, Error> {
    let found = find_by_name(store, tenant_id, &username.to_ascii_lowercase()).await?;
    found.map(User::from).ok_or(Error::NotFound)
}

async fn find_by_name(store: &Store, tenant_id: TenantId, username_key: &str) -> Result<Option<user::Model>, Error> {
    Ok(user::Entity::in_tenant(tenant_id)
        .filter(user::Column::UsernameKey.eq(username_key))
        .one(store.reader())
        .await?)
}

fn check_password(violations: &mut Violations, field: &str, password: &str) {
    if !is_password_length(password) {
        let rule = format!("must be {PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes");
        violations.add(field, rule);
    }
}

fn is_password_length(password: &str) -> bool {
    (PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&password.len())
}
