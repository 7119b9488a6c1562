//! What a tenant uses.

use actix_web::{get, web::Data};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    accounts::{self, KindCounts},
    app::App,
    chat::{self, Volume},
    realtime::{LimitUsage, rate_limiter::TenantCap},
    web::{
        administration::Administrator,
        error::ApiError,
        reply::{Envelope, Reply},
    },
};

/// What a tenant uses.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageOut {
    /// Sockets of this server process.
    pub connections: ConnectionsOut,
    /// Its users.
    pub users: UsersOut,
    /// Public and private rooms.
    pub rooms: u64,
    /// Direct conversations.
    pub direct_conversations: u64,
    /// Memberships in all of them.
    pub members: u64,
    /// What was said.
    pub messages: MessagesOut,
    /// The files in that, and those on their way.
    pub uploads: UploadsOut,
    /// The limits that were reached since this server process started.
    pub limits: Vec<LimitUsageOut>,
}

/// Sockets of a tenant.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConnectionsOut {
    /// Open now.
    pub open: usize,
    /// As many as there may be; `null` for any number.
    #[schema(required)]
    pub max: Option<usize>,
}

/// Users of a tenant, by where they come from.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsersOut {
    /// All of them.
    pub total: u64,
    /// Registered here, with a password.
    pub account: u64,
    /// The website's own.
    pub host: u64,
    /// Visitors nobody vouches for.
    pub guest: u64,
    /// The website's backend.
    pub bot: u64,
}

impl From<KindCounts> for UsersOut {
    fn from(
        KindCounts {
            account,
            host,
            guest,
            bot,
        }: KindCounts,
    ) -> Self {
        Self {
            total: account + host + guest + bot,
            account,
            host,
            guest,
            bot,
        }
    }
}

/// Messages of a tenant.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessagesOut {
    /// All that are kept.
    pub total: u64,
    /// Those of the last 24 hours.
    pub last_24h: u64,
}

/// Uploads of a tenant.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadsOut {
    /// All that are kept.
    pub total: u64,
    /// What they take in the database, in bytes.
    pub bytes: u64,
    /// As many as there may be; `null` for any number.
    #[schema(required)]
    pub bytes_max: Option<u64>,
}

/// How often a limit was reached.
#[derive(Debug, Serialize, ToSchema)]
pub struct LimitUsageOut {
    /// The limit's name.
    #[schema(example = "messages_per_user")]
    pub limit: &'static str,
    /// How often it refused.
    pub refused: u64,
    /// How often it would have, if the tenant's limits were not only tried (`dry_run`).
    pub would_refuse: u64,
}

impl From<LimitUsage> for LimitUsageOut {
    fn from(
        LimitUsage {
            limit,
            refused,
            would_refuse,
        }: LimitUsage,
    ) -> Self {
        Self {
            limit,
            refused,
            would_refuse,
        }
    }
}

/// Shows what a tenant uses
#[utoipa::path(
    tag = "administration",
    responses((status = 200, description = "The numbers", body = Envelope<UsageOut>))
)]
#[get("/tenants/{slug}/usage")]
pub async fn get_usage(app: Data<App>, admin: Administrator) -> Result<Reply<Envelope<UsageOut>>, ApiError> {
    let tenant = &admin.tenant;
    let Volume {
        rooms,
        direct_conversations,
        members,
        messages,
        messages_24h,
        uploads,
        upload_bytes,
    } = chat::volume(&app.store, tenant.id).await?;
    let default_max = app.settings.socket.connections_per_tenant_max;
    let limits = app.realtime.limits();
    Ok(Reply::ok(UsageOut {
        connections: ConnectionsOut {
            open: app.realtime.connections().open_of(tenant.id),
            max: tenant.limits.connections_per_tenant_max.unwrap_or(default_max).get(),
        },
        users: accounts::count_users(&app.store, tenant.id).await?.into(),
        rooms,
        direct_conversations,
        members,
        messages: MessagesOut {
            total: messages,
            last_24h: messages_24h,
        },
        uploads: UploadsOut {
            total: uploads,
            bytes: upload_bytes,
            bytes_max: limits.cap(tenant, TenantCap::UploadBytes).get(),
        },
        limits: limits.usage(tenant.id).into_iter().map(Into::into).collect(),
    }))
}
