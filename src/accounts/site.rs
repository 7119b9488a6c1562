//! What a website's backend does about its users. Which key it came with, and what that may do, was asked before; each
//! of these says whose doing it was.

use sea_orm::{ColumnTrait, DatabaseTransaction, QueryFilter, QuerySelect, sea_query::LockType};
use serde_json::{Value, json};

use super::{
    Error, User,
    provision::{HostUser, upsert_user},
};
use crate::{
    audit::{self, Actor, Entry},
    entity::{TenantScoped, user},
    ids::UserId,
    store::Store,
    tenants::Tenant,
};

/// Makes a user of the website's, or changes what the website says of the one there is; says whether it is new.
///
/// # Errors
/// [`Error::Invalid`], also for a username that is taken.
pub async fn put_user(store: &Store, actor: &Actor, tenant: &Tenant, new: HostUser) -> Result<(User, bool), Error> {
    let transaction = store.begin_write().await?;
    let (user, is_new) = upsert_user(&transaction, tenant.id, new).await?;
    let detail = json!({ "external_id": user.external_id, "username": user.username, "new": is_new });
    log(&transaction, actor, tenant, "user.put", user.id, detail).await?;
    transaction.commit().await?;
    Ok((user, is_new))
}

/// A user whom the backend signs in, which is noted.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Suspended`].
pub async fn sign_in(store: &Store, actor: &Actor, tenant: &Tenant, id: UserId) -> Result<User, Error> {
    let transaction = store.begin_write().await?;
    let user = user::Entity::in_tenant(tenant.id)
        .filter(user::Column::Id.eq(id))
        .filter(user::Column::DeletedAt.is_null())
        .filter(user::Column::ClaimedBy.is_null())
        // Who is being suspended is, or is not.
        .lock(LockType::NoKeyUpdate)
        .one(&transaction)
        .await?
        .ok_or(Error::NotFound)?;
    if user.suspended_at.is_some() {
        return Err(Error::Suspended);
    }
    log(&transaction, actor, tenant, "user.issue_token", id, json!({})).await?;
    transaction.commit().await?;
    Ok(user.into())
}

async fn log(
    transaction: &DatabaseTransaction,
    actor: &Actor,
    tenant: &Tenant,
    action: &'static str,
    id: UserId,
    detail: Value,
) -> Result<(), Error> {
    let entry = Entry {
        tenant: Some((tenant.id, &tenant.slug)),
        action,
        target: Some(id.to_string()),
        detail,
    };
    Ok(audit::record(transaction, actor, entry).await?)
}
