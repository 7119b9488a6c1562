//! Commands that look: at the audit log, and at what a tenant uses.

use std::io::Write;

use serde_json::json;

use super::CommandError;
use super::data::{tenant_by_slug, user_error};
use crate::accounts::{self, KindCounts};
use crate::audit;
use crate::chat::{self, Volume};
use crate::cli::AuditCommand;
use crate::page::{PAGE_LIMIT_MAX, PageRequest};
use crate::store::Store;

pub(super) async fn audit(store: &Store, command: AuditCommand, out: &mut impl Write) -> Result<(), CommandError> {
    match command {
        AuditCommand::List { tenant, limit } => list(store, tenant.as_deref(), limit, out).await,
        AuditCommand::Verify => {
            let rows = audit::verify(store).await?;
            Ok(writeln!(out, "{rows} rows, as they were written")?)
        }
    }
}

/// A row a line: JSON escapes whatever would end one.
async fn list(store: &Store, slug: Option<&str>, limit: u64, out: &mut impl Write) -> Result<(), CommandError> {
    let tenant = match slug {
        Some(slug) => Some(tenant_by_slug(store, slug).await?.id),
        None => None,
    };
    let mut left = limit;
    let mut cursor = None;
    while left > 0 {
        let request = PageRequest {
            limit: left.min(PAGE_LIMIT_MAX),
            cursor,
        };
        let page = audit::list(store, tenant, &request).await?;
        for row in &page.items {
            writeln!(out, "{}", serde_json::to_string(row)?)?;
        }
        left -= request.limit;
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(())
}

/// What the database knows; open sockets are the server's to tell.
pub(super) async fn usage(store: &Store, slug: &str, out: &mut impl Write) -> Result<(), CommandError> {
    let tenant = tenant_by_slug(store, slug).await?;
    let counted = accounts::count_users(store, tenant.id).await;
    let KindCounts {
        account,
        host,
        guest,
        bot,
    } = counted.map_err(|source| user_error(String::new(), source))?;
    let Volume {
        rooms,
        direct_conversations,
        members,
        messages,
        messages_24h,
        uploads,
        upload_bytes,
    } = chat::volume(store, tenant.id).await?;
    let usage = json!({
        "users": { "account": account, "host": host, "guest": guest, "bot": bot },
        "rooms": rooms,
        "direct_conversations": direct_conversations,
        "members": members,
        "messages": { "total": messages, "last_24h": messages_24h },
        "uploads": { "total": uploads, "bytes": upload_bytes },
    });
    Ok(writeln!(out, "{usage:#}")?)
}
