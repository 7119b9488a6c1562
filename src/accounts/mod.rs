//! Accounts: users of a tenant, their passwords and tokens.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, SqlErr,
    sea_query::{Expr, ExprTrait, OnConflict, Query},
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    entity::{TenantScoped, revoked_token, user},
    ids::{TenantId, UserId},
    page::{List, Page, PageRequest},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
    validation::Violations,
};

pub use crate::entity::user::UserKind;
pub use error::Error;
pub use password::{PASSWORD_ROUNDS_MIN, PasswordHasher};
pub use token::{Claims, IssuedToken, TOKEN_BYTES_MAX, TokenError, Tokens};

mod error;
mod password;
mod token;

/// Fewest characters of a username.
pub const USERNAME_CHARS_MIN: usize = 3;

/// Most characters of a username.
pub const USERNAME_CHARS_MAX: usize = 32;

/// Fewest bytes of a password.
pub const PASSWORD_BYTES_MIN: usize = 8;

/// Most bytes of a password.
pub const PASSWORD_BYTES_MAX: usize = 1024;

const USERNAME_TAKEN: &str = "has already been taken";

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
    if !is_username(&new.username) {
        violations.add(
            "username",
            format!(
                "must be {USERNAME_CHARS_MIN} to {USERNAME_CHARS_MAX} letters, digits, underscores, dots or hyphens"
            ),
        );
    }
    if !is_password_length(password) {
        violations.add(
            "password",
            format!("must be {PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes"),
        );
    }
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

/// The user with this name and password. Takes the same time whether the name or the password is wrong.
/// Hashes with fewer rounds than the hasher's are renewed on the way.
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
    let Some(row) = row.filter(|_| verified.matches) else {
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

/// A user of the scope's tenant.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get_user(store: &Store, scope: &Scope, id: UserId) -> Result<User, Error> {
    user::Entity::in_tenant(scope.tenant_id)
        .filter(user::Column::Id.eq(id))
        .one(store.reader())
        .await?
        .map(User::from)
        .ok_or(Error::NotFound)
}

/// A user by name, without regard to case. For operators: no scope, as nobody is signed in.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get_user_by_name(store: &Store, tenant_id: TenantId, username: &str) -> Result<User, Error> {
    let found = find_by_name(store, tenant_id, &username.to_ascii_lowercase()).await?;
    found.map(User::from).ok_or(Error::NotFound)
}

/// The users of the scope's tenant, by name without regard to case.
///
/// # Errors
/// [`Error::Invalid`] for a limit or cursor that is none.
pub async fn list_users(store: &Store, scope: &Scope, request: &PageRequest) -> Result<Page<User>, Error> {
    let after = List::Users.start(request, |bytes| {
        String::from_utf8(bytes.to_vec()).ok().filter(|name| is_username(name))
    })?;
    let mut query = user::Entity::in_tenant(scope.tenant_id);
    if let Some(after) = after {
        query = query.filter(user::Column::UsernameKey.gt(after));
    }
    let rows = query
        .order_by_asc(user::Column::UsernameKey)
        .limit(request.limit + 1)
        .all(store.reader())
        .await?;
    let page = List::Users.page(rows, request.limit, |row| row.username_key.clone());
    Ok(Page {
        items: page.items.into_iter().map(User::from).collect(),
        next_cursor: page.next_cursor,
    })
}

/// The user of a valid token, unless the token was signed out.
///
/// # Errors
/// [`Error::SignedOut`], also when the user is gone.
pub async fn session_user(store: &Store, claims: &Claims) -> Result<User, Error> {
    let revoked = Query::select()
        .expr(Expr::val(1))
        .from(revoked_token::Entity)
        .and_where(revoked_token::Column::TenantId.eq(claims.tenant_id))
        .and_where(revoked_token::Column::TokenId.eq(claims.token_id))
        .take();
    user::Entity::in_tenant(claims.tenant_id)
        .filter(user::Column::Id.eq(claims.user_id))
        .filter(Expr::exists(revoked).not())
        .one(store.reader())
        .await?
        .map(User::from)
        .ok_or(Error::SignedOut)
}

/// Signs a token out. Doing so again changes nothing.
pub async fn revoke_token(store: &Store, claims: &Claims) -> Result<(), Error> {
    let row = revoked_token::ActiveModel {
        tenant_id: Set(claims.tenant_id),
        token_id: Set(claims.token_id),
        user_id: Set(claims.user_id),
        expires_at: Set(Timestamp::from_seconds(claims.expires_at)),
    };
    let transaction = store.begin_write().await?;
    revoked_token::Entity::insert(row)
        .on_conflict(
            OnConflict::columns([revoked_token::Column::TenantId, revoked_token::Column::TokenId])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

/// Forgets signed-out tokens that have expired by now, of all tenants, and says how many there were.
pub async fn purge_revoked_tokens(store: &Store) -> Result<u64, Error> {
    // A token is accepted a little after it expired; its row has to stay at least as long.
    let expired = Timestamp(Timestamp::now().0 - 2 * Timestamp::from_seconds(token::LEEWAY_S.cast_signed()).0);
    let transaction = store.begin_write().await?;
    let purged = revoked_token::Entity::delete_many()
        .filter(revoked_token::Column::ExpiresAt.lt(expired))
        .exec(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(purged.rows_affected)
}

async fn find_by_name(store: &Store, tenant_id: TenantId, username_key: &str) -> Result<Option<user::Model>, Error> {
    Ok(user::Entity::in_tenant(tenant_id)
        .filter(user::Column::UsernameKey.eq(username_key))
        .one(store.reader())
        .await?)
}

fn is_username(text: &str) -> bool {
    (USERNAME_CHARS_MIN..=USERNAME_CHARS_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

fn is_password_length(password: &str) -> bool {
    (PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&password.len())
}
