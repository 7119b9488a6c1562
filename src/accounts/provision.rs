//! Users who come from a website: made when they are first heard of, by a token that the website signed or from its
//! backend, and kept as the website says they are.

use sea_orm::{ColumnTrait, DatabaseTransaction, QueryFilter, sea_query::Expr};

use super::{
    EXTERNAL_ID_CHARS_MAX, Error, HostToken, ProfilePatch, User, UserKind,
    profile::is_external_id,
    session::{self, Judged, Presented},
    usernames,
};
use crate::{
    chat::{self, MemberChange},
    config::Cap,
    entity::{TenantScoped, user},
    ids::TenantId,
    store::Store,
    tenants,
    timestamp::Timestamp,
};

/// What a user is called to whom a website gives no name that will do.
const NAMELESS: &str = "user";

/// The token of a website's user who is welcome, and what is known of the user so far.
#[derive(Clone, Debug)]
pub struct Welcome {
    token: HostToken,
    /// `None` for somebody who comes for the first time.
    known: Option<user::Model>,
}

/// A website's user, and what has become of their memberships.
#[derive(Clone, Debug)]
pub struct Provisioned {
    /// The user.
    pub user: User,
    /// The token they come with.
    pub token: HostToken,
    /// Memberships that changed because the token said so.
    pub granted: Vec<MemberChange>,
}

/// Whether the user of a website's token may come in, by the rules for Parlour's own tokens. Writes nothing.
///
/// # Errors
/// [`Error::SignedOut`].
pub async fn welcome(store: &Store, token: HostToken) -> Result<Welcome, Error> {
    let presented = Presented {
        tenant_id: token.tenant.id,
        token_id: token.token_id,
        issued_at: token.issued_at,
        key_id: Some(token.key.id),
    };
    let by_external_id = user::Column::ExternalId.eq(token.external_id.as_str());
    let known = match session::judge(store, by_external_id, &presented).await? {
        Some(Judged { good: false, .. }) => return Err(Error::SignedOut),
        known => known.map(|judged| judged.user),
    };
    Ok(Welcome { token, known })
}

impl Welcome {
    /// The website that the user comes from.
    pub fn token(&self) -> &HostToken {
        &self.token
    }

    /// Whether the token says something that is not known yet.
    fn has_news(&self) -> bool {
        let Self { token, known } = self;
        known.as_ref().is_none_or(|user| {
            token.issued_at > user.profile_at || (!token.grants.is_empty() && token.issued_at > user.grants_at)
        })
    }
}

/// The user of a token. The first token makes the user. What it says of the user, and the memberships it gives, count
/// once: of the tokens that say something, only those issued after the last one that did are heeded. Many at once make
/// one user. A room that has `members_max` takes nobody more.
pub async fn provision(store: &Store, welcome: Welcome, members_max: Cap<u64>) -> Result<Provisioned, Error> {
    let has_news = welcome.has_news();
    let Welcome { token, known } = welcome;
    tenants::touch_key(store, &token.key).await?;
    let known = match known {
        Some(user) if !has_news => {
            return Ok(Provisioned {
                user: user.into(),
                token,
                granted: Vec::new(),
            });
        }
        known => known,
    };
    let transaction = store.begin_write().await?;
    let user = match known {
        Some(user) => user,
        None => first_seen(&transaction, token.tenant.id, &token.external_id, &token.profile).await?,
    };
    let user = say(&transaction, user, token.profile.clone(), token.issued_at).await?;
    let granted = if take_grants(&transaction, &user, &token).await? {
        chat::grant_rooms(&transaction, user.tenant_id, user.id, &token.grants, members_max).await?
    } else {
        Vec::new()
    };
    transaction.commit().await?;
    Ok(Provisioned {
        user: user.into(),
        token,
        granted,
    })
}

/// The user with this external id, made when there is none.
async fn first_seen(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    external_id: &str,
    profile: &ProfilePatch,
) -> Result<user::Model, Error> {
    let mut row = user::Model::new(tenant_id, UserKind::Host);
    row.external_id = Some(external_id.to_owned());
    let wanted = profile.first_name().and_then(usernames::from_name);
    match usernames::insert_named(transaction, row, wanted.as_deref(), NAMELESS).await? {
        Some(user) => Ok(user),
        // Another of the user's requests was quicker.
        None => find(transaction, tenant_id, external_id).await?.ok_or(Error::SignedOut),
    }
}

async fn find(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    external_id: &str,
) -> Result<Option<user::Model>, Error> {
    Ok(user::Entity::in_tenant(tenant_id)
        .filter(user::Column::ExternalId.eq(external_id))
        .one(transaction)
        .await?)
}

/// Notes what the website says of a user at a moment, unless it has said something later.
async fn say(
    transaction: &DatabaseTransaction,
    user: user::Model,
    profile: ProfilePatch,
    at: Timestamp,
) -> Result<user::Model, Error> {
    let update = user::Entity::update_in_tenant(user.tenant_id)
        .filter(user::Column::Id.eq(user.id))
        .filter(user::Column::ProfileAt.lt(at))
        .col_expr(user::Column::ProfileAt, Expr::value(at));
    let updated = profile.update(update).exec_with_returning(transaction).await?;
    Ok(updated.into_iter().next().unwrap_or(user))
}

/// Whether the memberships that a token gives are still to be given. Only one of several requests is told so: the row
/// stays locked until the transaction ends.
async fn take_grants(transaction: &DatabaseTransaction, user: &user::Model, token: &HostToken) -> Result<bool, Error> {
    if token.grants.is_empty() {
        return Ok(false);
    }
    let taken = user::Entity::update_in_tenant(user.tenant_id)
        .filter(user::Column::Id.eq(user.id))
        .filter(user::Column::GrantsAt.lt(token.issued_at))
        .col_expr(user::Column::GrantsAt, Expr::value(token.issued_at))
        .exec(transaction)
        .await?;
    Ok(taken.rows_affected > 0)
}

/// A user as a website's backend describes them.
#[derive(Clone, Debug, Default)]
pub struct HostUser {
    /// The website's own id: 1 to [`super::EXTERNAL_ID_CHARS_MAX`] characters.
    pub external_id: String,
    /// The username, for a website that chooses it; else it is made from the name.
    pub username: Option<String>,
    /// What else it says of the user.
    pub profile: ProfilePatch,
}

/// Makes a user for a website's backend, or updates the one there is, and says whether it is new.
///
/// # Errors
/// [`Error::Invalid`], also for a username that is taken; [`Error::NotFound`] for a user who was deleted.
pub async fn upsert_user(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    new: HostUser,
) -> Result<(User, bool), Error> {
    let HostUser {
        external_id,
        username,
        profile,
    } = new;
    let mut violations = profile.violations();
    if !is_external_id(&external_id) {
        violations.add(
            "external_id",
            format!("must be 1 to {EXTERNAL_ID_CHARS_MAX} characters"),
        );
    }
    if let Some(username) = &username {
        usernames::check(&mut violations, username);
    }
    violations.into_result()?;

    let known = find(transaction, tenant_id, &external_id).await?;
    let is_new = known.is_none();
    let user = match known {
        Some(user) if user.deleted_at.is_some() => return Err(Error::NotFound),
        Some(user) => user,
        None => first_seen(transaction, tenant_id, &external_id, &profile).await?,
    };
    let mut user = say(transaction, user, profile, Timestamp::now()).await?;
    if let Some(username) = username.filter(|username| *username != user.username) {
        usernames::rename(transaction, &mut user, username).await?;
    }
    Ok((user.into(), is_new))
}
