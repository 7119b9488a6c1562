//! Commands about users.

use std::io::{self, Write};

use super::CommandError;
use super::data::{create_user, read_password, tenant_by_slug, user_error};
use super::listing::{for_each, word};
use crate::accounts::admin::{self, UserFilter, UserPatch};
use crate::accounts::{self, User};
use crate::audit::Actor;
use crate::cli::{UserArgs, UserCommand};
use crate::config::AuthSettings;
use crate::page::PageRequest;
use crate::store::Store;
use crate::tenants::Tenant;

pub(super) async fn user(
    store: &Store,
    auth: &AuthSettings,
    command: UserCommand,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let actor = Actor::cli();
    match command {
        UserCommand::Create {
            tenant,
            username,
            password_file,
        } => {
            let password = read_password(password_file.as_deref(), io::stdin().lock())?;
            create_user(store, auth, &tenant, username, password, out).await
        }
        UserCommand::List { tenant, kind, search } => {
            let tenant = tenant_by_slug(store, &tenant).await?;
            let filter = UserFilter {
                kind: kind.map(Into::into),
                search,
            };
            list(store, &tenant, &filter, out).await
        }
        UserCommand::Suspend(args) => {
            let (tenant, user) = find(store, &args).await?;
            let suspended = admin::suspend_user(store, &actor, &tenant, user.id).await;
            print(&suspended.map_err(|source| user_error(args.user, source))?, out)
        }
        UserCommand::Resume(args) => {
            let (tenant, user) = find(store, &args).await?;
            let resumed = admin::unsuspend_user(store, &actor, &tenant, user.id).await;
            print(&resumed.map_err(|source| user_error(args.user, source))?, out)
        }
        UserCommand::Rename {
            user: args,
            username,
            name,
        } => {
            let (tenant, user) = find(store, &args).await?;
            let patch = UserPatch {
                username,
                name: name.map(|name| Some(name).filter(|name| !name.is_empty())),
            };
            let renamed = admin::update_user(store, &actor, &tenant, user.id, patch).await;
            print(&renamed.map_err(|source| user_error(args.user, source))?, out)
        }
        UserCommand::RevokeTokens(args) => {
            let (tenant, user) = find(store, &args).await?;
            let revoked = admin::revoke_tokens(store, &actor, &tenant, user.id).await;
            print(&revoked.map_err(|source| user_error(args.user, source))?, out)
        }
        UserCommand::Delete(args) => {
            let (tenant, user) = find(store, &args).await?;
            let deleted = admin::delete_user(store, &actor, &tenant, user.id).await;
            deleted.map_err(|source| user_error(args.user, source))?;
            Ok(())
        }
    }
}

async fn list(store: &Store, tenant: &Tenant, filter: &UserFilter, out: &mut impl Write) -> Result<(), CommandError> {
    let list = async |request: &PageRequest| {
        let page = admin::list_users(store, tenant.id, filter, request).await;
        page.map_err(|source| user_error(String::new(), source))
    };
    for_each(list, |user| print(user, out)).await
}

/// The user who is meant, by name or id.
async fn find(store: &Store, args: &UserArgs) -> Result<(Tenant, User), CommandError> {
    let tenant = tenant_by_slug(store, &args.tenant).await?;
    let found = match args.user.parse() {
        Ok(id) => admin::get_user(store, tenant.id, id).await,
        Err(_) => accounts::get_user_by_name(store, tenant.id, &args.user).await,
    };
    let user = found.map_err(|source| user_error(args.user.clone(), source))?;
    Ok((tenant, user))
}

fn print(user: &User, out: &mut impl Write) -> Result<(), CommandError> {
    let (kind, name) = (word(user.kind)?, user.name.as_deref().unwrap_or_default());
    let state = user.suspended_at.map_or("active", |_| "suspended");
    // Names have no control characters.
    Ok(writeln!(
        out,
        "{}\t{}\t{kind}\t{name}\t{state}",
        user.id, user.username
    )?)
}
