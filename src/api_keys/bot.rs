//! The user that a server's key writes as.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, LockType},
};

use super::{ApiKey, Error};
use crate::{
    accounts::{User, UserKind},
    entity::{TenantScoped, api_key, user},
    store::Store,
};

/// The key's bot, made when the key first writes. Requests at the same time get the same one. A bot that was deleted is
/// replaced.
///
/// # Errors
/// [`Error::BotSuspended`]; [`Error::Unknown`] when the key is gone by now.
pub async fn bot_user(store: &Store, key: &ApiKey) -> Result<User, Error> {
    if let Some(bot) = find(store.reader(), key).await? {
        return usable(bot);
    }
    let transaction = store.begin_write().await?;
    let locked = api_key::Entity::in_tenant(key.tenant_id)
        .filter(api_key::Column::Id.eq(key.id))
        .lock(LockType::NoKeyUpdate)
        .one(&transaction)
        .await?;
    let key: ApiKey = locked.ok_or(Error::Unknown)?.try_into()?;
    if let Some(bot) = find(&transaction, &key).await? {
        return usable(bot);
    }
    let mut bot = User::new(key.tenant_id, String::new());
    // Nobody can have taken it before: the end of an id is random.
    bot.username = format!("bot-{:012x}", bot.id.0.as_u128() & 0xffff_ffff_ffff);
    bot.kind = UserKind::Bot;
    bot.name = Some(key.name.clone());
    let row = user::ActiveModel {
        tenant_id: Set(bot.tenant_id),
        id: Set(bot.id),
        username: Set(bot.username.clone()),
        username_key: Set(bot.username.clone()),
        kind: Set(bot.kind),
        name: Set(bot.name.clone()),
        inserted_at: Set(bot.inserted_at),
        // The other columns have their defaults in the schema.
        ..user::ActiveModel::default()
    };
    user::Entity::insert(row).exec_without_returning(&transaction).await?;
    api_key::Entity::update_in_tenant(key.tenant_id)
        .filter(api_key::Column::Id.eq(key.id))
        .col_expr(api_key::Column::BotUserId, Expr::value(bot.id))
        .exec(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(bot)
}

async fn find(connection: &impl sea_orm::ConnectionTrait, key: &ApiKey) -> Result<Option<user::Model>, Error> {
    let Some(id) = key.bot_user_id else {
        return Ok(None);
    };
    Ok(user::Entity::in_tenant(key.tenant_id)
        .filter(user::Column::Id.eq(id))
        .filter(user::Column::DeletedAt.is_null())
        .one(connection)
        .await?)
}

fn usable(bot: user::Model) -> Result<User, Error> {
    if bot.suspended_at.is_some() {
        Err(Error::BotSuspended)
    } else {
        Ok(bot.into())
    }
}
