//! A new password for who knows the old one.

use sea_orm::{ColumnTrait, QueryFilter, sea_query::Expr};
use secrecy::{ExposeSecret, SecretString};

use super::{Error, PasswordHasher, User, check_password, is_password_length};
use crate::{
    control::{self, ControlEvent},
    entity::{TenantScoped, user},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
    validation::Violations,
};

/// Gives a user another password, and revokes all tokens that were issued until now: whoever has stolen one, or signed
/// in with the old password, is out.
///
/// # Errors
/// [`Error::InvalidCredentials`] for another password than the user's, and for users who have none; [`Error::Invalid`]
/// for a new one against the rules; [`Error::Busy`].
pub async fn change_password(
    store: &Store,
    hasher: &PasswordHasher,
    scope: &Scope,
    current: &SecretString,
    new: &SecretString,
) -> Result<User, Error> {
    let (current, new) = (current.expose_secret(), new.expose_secret());
    let mut violations = Violations::new();
    check_password(&mut violations, "new_password", new);
    violations.into_result()?;
    // Nobody has such a password.
    if !is_password_length(current) {
        return Err(Error::InvalidCredentials);
    }
    let of_user = user::Column::Id.eq(scope.user_id);
    let stored = user::Entity::in_tenant(scope.tenant_id)
        .filter(of_user.clone())
        .one(store.reader())
        .await?
        .and_then(|row| row.password_hash);
    if !hasher.verify(current, stored.clone()).await?.matches {
        return Err(Error::InvalidCredentials);
    }
    let hash = hasher.hash(new).await?;

    let before = Timestamp::now().to_millisecond();
    let transaction = store.begin_write().await?;
    let updated = user::Entity::update_in_tenant(scope.tenant_id)
        .filter(of_user)
        // Of two changes at the same time, the second knew a password that is no longer the user's.
        .filter(user::Column::PasswordHash.eq(stored))
        .col_expr(user::Column::PasswordHash, Expr::value(hash))
        .col_expr(user::Column::TokensNotBefore, Expr::value(before))
        .exec_with_returning(&transaction)
        .await?;
    let row = updated.into_iter().next().ok_or(Error::InvalidCredentials)?;
    let revoked = ControlEvent::UserRevoked {
        user_id: scope.user_id,
        before,
    };
    control::record(&transaction, scope.tenant_id, &revoked).await?;
    transaction.commit().await?;
    Ok(row.into())
}
