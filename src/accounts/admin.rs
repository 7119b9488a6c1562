//! What administrators do about users. Who they are was asked before; each of these says whose doing it was.

use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, QueryFilter, QuerySelect, SqlErr,
    sea_query::{Expr, ExprTrait, Func, LockType},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Error, NAME_CHARS_MAX, User, UserKind, directory, profile,
    usernames::{self, USERNAME_TAKEN},
};
use crate::{
    audit::{self, Actor, Entry},
    chat::{self, Left},
    control::{self, ControlEvent},
    entity::{TenantScoped, user},
    ids::{TenantId, UserId},
    page::{Page, PageRequest},
    store::Store,
    tenants::Tenant,
    timestamp::Timestamp,
    validation::{Violations, given},
};

/// Which users are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Those who come from there.
    pub kind: Option<UserKind>,
    /// Those whose username, or name to show, begins so, without regard to the case of `a-z`.
    pub search: Option<String>,
}

/// What is to change about a user; what is missing stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UserPatch {
    /// As in [`super::NewUser`].
    pub username: Option<String>,
    /// 1 to [`NAME_CHARS_MAX`] characters; `null` takes the name away. What the website signs of a user of its own
    /// takes its place.
    #[serde(deserialize_with = "given")]
    pub name: Option<Option<String>>,
}

/// The users of a tenant, by username without regard to case. Those who were deleted are none.
///
/// # Errors
/// [`Error::Invalid`] for a limit or cursor that is none, and a search for what nobody is called.
pub async fn list_users(
    store: &Store,
    tenant_id: TenantId,
    filter: &UserFilter,
    request: &PageRequest,
) -> Result<Page<User>, Error> {
    let mut query = user::Entity::in_tenant(tenant_id);
    if let Some(kind) = filter.kind {
        query = query.filter(user::Column::Kind.eq(kind));
    }
    if let Some(search) = &filter.search {
        query = query.filter(begins_with(search)?);
    }
    directory::page(store, query, request).await
}

/// A user who was not deleted.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get_user(store: &Store, tenant_id: TenantId, id: UserId) -> Result<User, Error> {
    user::Entity::in_tenant(tenant_id)
        .filter(user::Column::Id.eq(id))
        .filter(user::Column::DeletedAt.is_null())
        .one(store.reader())
        .await?
        .map(User::from)
        .ok_or(Error::NotFound)
}

/// Locks a user out of the tenant: tokens are refused, and connections end. Doing so again changes nothing.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn suspend_user(store: &Store, actor: &Actor, tenant: &Tenant, id: UserId) -> Result<User, Error> {
    let mut change = Change::begin(store, tenant, id).await?;
    change.row.suspended_at = change.row.suspended_at.or_else(|| Some(Timestamp::now()));
    change.revoke_tokens().await?;
    change.save(actor, "user.suspend", json!({})).await
}

/// Ends a suspension. Tokens from before it stay revoked.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn unsuspend_user(store: &Store, actor: &Actor, tenant: &Tenant, id: UserId) -> Result<User, Error> {
    let mut change = Change::begin(store, tenant, id).await?;
    change.row.suspended_at = None;
    change.save(actor, "user.unsuspend", json!({})).await
}

/// Revokes all tokens of a user that were issued until now, and ends the connections by them. A password or a token of
/// the website's opens new ones.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn revoke_tokens(store: &Store, actor: &Actor, tenant: &Tenant, id: UserId) -> Result<User, Error> {
    let mut change = Change::begin(store, tenant, id).await?;
    change.revoke_tokens().await?;
    change.save(actor, "user.revoke_tokens", json!({})).await
}

/// Changes what a user is called.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] for names against the rules of [`UserPatch`], and for a username that is
/// taken.
pub async fn update_user(
    store: &Store,
    actor: &Actor,
    tenant: &Tenant,
    id: UserId,
    patch: UserPatch,
) -> Result<User, Error> {
    let mut violations = Violations::new();
    if let Some(username) = &patch.username {
        usernames::check(&mut violations, username);
    }
    if let Some(Some(name)) = &patch.name {
        profile::check_name(&mut violations, name);
    }
    violations.into_result()?;

    let mut change = Change::begin(store, tenant, id).await?;
    let mut detail = json!({});
    if let Some(username) = patch.username {
        detail["username"] = json!([change.row.username, username]);
        change.row.username_key = username.to_ascii_lowercase();
        change.row.username = username;
    }
    if let Some(name) = patch.name {
        detail["name"] = json!([change.row.name, name]);
        change.row.name = name;
    }
    change.save(actor, "user.update", detail).await
}

/// Deletes a user. Their messages stay, under a name that says no more than that somebody was deleted; all else that
/// tells of the person goes, as do memberships, invitations, read marks and mentions. Tokens are refused, connections
/// end. Should the website sign a token for this user again, that is a new user.
///
/// Says which rooms the user has left, and who runs them now where nobody else did.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn delete_user(store: &Store, actor: &Actor, tenant: &Tenant, id: UserId) -> Result<Vec<Left>, Error> {
    let mut change = Change::begin(store, tenant, id).await?;
    let left = chat::forget_user(&change.transaction, tenant.id, id).await?;
    let row = &mut change.row;
    // At random: nobody can have taken it in order to be in the way.
    row.username = format!("deleted-{}", &Uuid::new_v4().simple().to_string()[..24]);
    row.username_key.clone_from(&row.username);
    row.password_hash = None;
    row.external_id = None;
    row.name = None;
    row.avatar_url = None;
    row.email_hash = None;
    row.attrs = None;
    row.guest_key_hash = None;
    row.deleted_at = Some(Timestamp::now());
    change.revoke_tokens().await?;
    change.save(actor, "user.delete", json!({})).await?;
    Ok(left)
}

/// A change of a user's row, which nobody else changes meanwhile.
struct Change<'a> {
    transaction: DatabaseTransaction,
    tenant: &'a Tenant,
    row: user::Model,
}

impl<'a> Change<'a> {
    async fn begin(store: &Store, tenant: &'a Tenant, id: UserId) -> Result<Self, Error> {
        let transaction = store.begin_write().await?;
        let row = user::Entity::in_tenant(tenant.id)
            .filter(user::Column::Id.eq(id))
            .filter(user::Column::DeletedAt.is_null())
            // Messages of the user can be written meanwhile. SQLite has one writer and needs no lock.
            .lock(LockType::NoKeyUpdate)
            .one(&transaction)
            .await?
            .ok_or(Error::NotFound)?;
        Ok(Self {
            transaction,
            tenant,
            row,
        })
    }

    /// Refuses what was issued until now, and tells the servers.
    async fn revoke_tokens(&mut self) -> Result<(), Error> {
        // A website's clock may be ahead of this one: nor is its last token that was seen to be good.
        let seen = Timestamp(self.row.profile_at.0 + 1);
        let before = Ord::max(Timestamp::now().to_millisecond(), seen);
        self.row.tokens_not_before = before;
        let event = ControlEvent::UserRevoked {
            user_id: self.row.id,
            before,
        };
        Ok(control::record(&self.transaction, self.tenant.id, &event).await?)
    }

    /// Stores the row as it is now, says who did what, and ends the transaction.
    async fn save(self, actor: &Actor, action: &'static str, detail: Value) -> Result<User, Error> {
        let Self {
            transaction,
            tenant,
            row,
        } = self;
        let (id, stored) = (row.id, row.clone());
        let updated = user::Entity::update_in_tenant(tenant.id)
            .filter(user::Column::Id.eq(id))
            .col_expr(user::Column::Username, Expr::value(row.username))
            .col_expr(user::Column::UsernameKey, Expr::value(row.username_key))
            .col_expr(user::Column::PasswordHash, Expr::value(row.password_hash))
            .col_expr(user::Column::ExternalId, Expr::value(row.external_id))
            .col_expr(user::Column::Name, Expr::value(row.name))
            .col_expr(user::Column::AvatarUrl, Expr::value(row.avatar_url))
            .col_expr(user::Column::EmailHash, Expr::value(row.email_hash))
            .col_expr(user::Column::Attrs, Expr::value(row.attrs))
            .col_expr(user::Column::GuestKeyHash, Expr::value(row.guest_key_hash))
            .col_expr(user::Column::SuspendedAt, Expr::value(row.suspended_at))
            .col_expr(user::Column::DeletedAt, Expr::value(row.deleted_at))
            .col_expr(user::Column::TokensNotBefore, Expr::value(row.tokens_not_before))
            .exec(&transaction)
            .await;
        match updated {
            Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
                return Err(Violations::of("username", USERNAME_TAKEN).into());
            }
            updated => updated?,
        };
        let entry = Entry {
            tenant: Some((tenant.id, &tenant.slug)),
            action,
            target: Some(id.to_string()),
            detail,
        };
        audit::record(&transaction, actor, entry).await?;
        transaction.commit().await?;
        Ok(stored.into())
    }
}

/// Users whose username, or name to show, begins so. Compared by the database on both sides, so that what is lower case
/// is the same for both.
fn begins_with(text: &str) -> Result<Condition, Violations> {
    let chars = text.chars().count();
    if !(1..=NAME_CHARS_MAX).contains(&chars) || text.chars().any(char::is_control) {
        let rule = format!("must be 1 to {NAME_CHARS_MAX} characters without control characters");
        return Err(Violations::of("search", rule));
    }
    let begins = |column: user::Column| {
        let start = Func::cust("SUBSTR")
            .arg(Expr::col(column))
            .arg(1)
            .arg(i32::try_from(chars).unwrap_or(i32::MAX));
        Expr::expr(Func::lower(start)).eq(Func::lower(text))
    };
    Ok(Condition::any()
        .add(begins(user::Column::UsernameKey))
        .add(begins(user::Column::Name)))
}
