//! Deleting a tenant with everything in it.

use sea_orm::{
    ColumnTrait, EntityTrait, Iterable, PrimaryKeyToColumn, QueryFilter,
    sea_query::{Expr, ExprTrait, Query},
};
use serde_json::json;

use super::{Change, Error, get_tenant, suspend_tenant};
use crate::{
    audit::{self, Actor, Entry},
    control::{self, ControlEvent},
    entity::{
        TenantScoped, api_key, mention, message, message_revision, reaction, revoked_token, room, room_invitation,
        room_member, room_sanction, signing_key, tenant, upload, upload_part, user,
    },
    ids::TenantId,
    store::Store,
};

/// Rows deleted in one transaction: other tenants go on writing in between.
const BATCH: u64 = 500;

/// Deletes a tenant and all it has: users, rooms, messages, keys. Only the audit log goes on telling of it. It is
/// suspended first, so that nobody adds to it meanwhile; who is interrupted begins again.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn delete_tenant(store: &Store, actor: &Actor, id: TenantId) -> Result<(), Error> {
    if get_tenant(store, id).await?.suspended_at.is_none() {
        suspend_tenant(store, actor, id).await?;
    }
    // What points to something comes before it.
    empty::<mention::Entity>(store, id).await?;
    empty::<reaction::Entity>(store, id).await?;
    empty::<message_revision::Entity>(store, id).await?;
    empty::<upload_part::Entity>(store, id).await?;
    empty::<upload::Entity>(store, id).await?;
    empty::<message::Entity>(store, id).await?;
    empty::<room_invitation::Entity>(store, id).await?;
    empty::<room_sanction::Entity>(store, id).await?;
    empty::<room_member::Entity>(store, id).await?;
    empty::<room::Entity>(store, id).await?;
    empty::<revoked_token::Entity>(store, id).await?;
    empty::<signing_key::Entity>(store, id).await?;
    empty::<api_key::Entity>(store, id).await?;
    empty::<user::Entity>(store, id).await?;

    // With the row goes what came in meanwhile: all tables hang on it.
    let Change { transaction, tenant } = Change::begin(store, id).await?;
    tenant::Entity::delete_by_id(id).exec(&transaction).await?;
    control::record(&transaction, id, &ControlEvent::TenantRevoked).await?;
    let entry = Entry {
        tenant: Some((id, &tenant.slug)),
        action: "tenant.delete",
        target: None,
        detail: json!({ "name": tenant.name }),
    };
    audit::record(&transaction, actor, entry).await?;
    transaction.commit().await?;
    Ok(())
}

/// Deletes the tenant's rows of a table, a batch at a time.
async fn empty<E: TenantScoped>(store: &Store, id: TenantId) -> Result<(), Error> {
    let key = || E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
    let batch = Query::select()
        .columns(key())
        .from(E::default())
        .and_where(E::TENANT_ID.eq(id))
        .limit(BATCH)
        .take();
    loop {
        let transaction = store.begin_write().await?;
        let deleted = E::delete_in_tenant(id)
            .filter(Expr::tuple(key().map(Expr::col)).in_subquery(batch.clone()))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        if deleted.rows_affected < BATCH {
            return Ok(());
        }
    }
}
