//! Whether a token that is genuine is still good: signing out, and all that ends a user's tokens before their time.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, FromQueryResult, QueryFilter, QuerySelect,
    sea_query::{Alias, Expr, ExprTrait, OnConflict, Query, SimpleExpr},
};
use uuid::Uuid;

use super::{Claims, Error, token::LEEWAY_S};
use crate::{
    control::{self, ControlEvent},
    entity::{TenantScoped, revoked_token, signing_key, tenant, user},
    ids::{SigningKeyId, TenantId},
    store::Store,
    timestamp::Timestamp,
};

/// What of a token decides whether it is still good.
pub(super) struct Presented {
    pub tenant_id: TenantId,
    pub token_id: Uuid,
    pub issued_at: Timestamp,
    pub key_id: Option<SigningKeyId>,
}

/// A token's user, and whether the token is still good.
#[derive(FromQueryResult)]
pub(super) struct Judged {
    #[sea_orm(nested)]
    pub user: user::Model,
    pub good: bool,
}

/// What of a token decides whether it is still good, in a statement: values, or columns of what the statement reads.
pub(crate) struct TokenFacts {
    pub tenant_id: Expr,
    pub token_id: Expr,
    pub issued_at: Expr,
    /// The website's key that the token stands and falls with; in a column it may be missing.
    pub key_id: Option<Expr>,
}

/// Whether a token that is genuine is still good, where its user's row is read. It is not when it was signed out; when
/// its user is gone, suspended or, as a guest, somebody's by now; when all tokens of the user that were issued so far
/// were revoked; when the website's key that it stands and falls with was; and when the tenant is suspended.
pub(crate) fn is_good(token: TokenFacts) -> Condition {
    let TokenFacts {
        tenant_id,
        token_id,
        issued_at,
        key_id,
    } = token;
    let of_signed_out = |column: revoked_token::Column| Expr::col((revoked_token::Entity, column));
    let signed_out = Query::select()
        .expr(Expr::val(1))
        .from(revoked_token::Entity)
        .and_where(of_signed_out(revoked_token::Column::TenantId).eq(tenant_id.clone()))
        .and_where(of_signed_out(revoked_token::Column::TokenId).eq(token_id))
        .take();
    let its_tenant = Alias::new("its_tenant");
    let tenant_is_open = Query::select()
        .expr(Expr::val(1))
        .from_as(tenant::Entity, its_tenant.clone())
        .and_where(Expr::col((its_tenant.clone(), tenant::Column::Id)).eq(tenant_id.clone()))
        .and_where(Expr::col((its_tenant, tenant::Column::SuspendedAt)).is_null())
        .take();
    let mut good = Condition::all()
        .add(user::Column::DeletedAt.is_null())
        .add(user::Column::SuspendedAt.is_null())
        .add(user::Column::ClaimedBy.is_null())
        .add(user::Column::TokensNotBefore.into_expr().lte(issued_at))
        .add(Expr::exists(signed_out).not())
        .add(Expr::exists(tenant_is_open));
    if let Some(key_id) = key_id {
        let of_key = |column: signing_key::Column| Expr::col((signing_key::Entity, column));
        let key_is_live = Query::select()
            .expr(Expr::val(1))
            .from(signing_key::Entity)
            .and_where(of_key(signing_key::Column::TenantId).eq(tenant_id))
            .and_where(of_key(signing_key::Column::Id).eq(key_id.clone()))
            .and_where(of_key(signing_key::Column::RevokedAt).is_null())
            .take();
        good = good.add(key_id.is_null().or(Expr::exists(key_is_live)));
    }
    good
}

/// The user who is meant by a condition, and whether a token of theirs is still good; see [`is_good`].
pub(super) async fn judge(store: &Store, whose: SimpleExpr, token: &Presented) -> Result<Option<Judged>, Error> {
    let good = is_good(TokenFacts {
        tenant_id: Expr::value(token.tenant_id),
        token_id: Expr::value(token.token_id),
        issued_at: Expr::value(token.issued_at),
        key_id: token.key_id.map(Expr::value),
    });
    Ok(user::Entity::in_tenant(token.tenant_id)
        .filter(whose)
        .expr_as(SimpleExpr::from(good), "good")
        .into_model::<Judged>()
        .one(store.reader())
        .await?)
}

/// Signs a token out, and has its sockets ended. Doing so again changes nothing.
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
    let event = ControlEvent::TokenRevoked {
        user_id: claims.user_id,
        token_id: claims.token_id,
    };
    control::record(&transaction, claims.tenant_id, &event).await?;
    transaction.commit().await?;
    Ok(())
}

/// Forgets signed-out tokens that have expired by now, of all tenants, and says how many there were.
pub async fn purge_revoked_tokens(store: &Store) -> Result<u64, Error> {
    // A token is accepted a little after it expired; its row has to stay at least as long.
    let expired = Timestamp(Timestamp::now().0 - 2 * Timestamp::from_seconds(LEEWAY_S.cast_signed()).0);
    let transaction = store.begin_write().await?;
    let purged = revoked_token::Entity::delete_many()
        .filter(revoked_token::Column::ExpiresAt.lt(expired))
        .exec(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(purged.rows_affected)
}
