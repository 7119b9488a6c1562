//! What the server does at present.

use std::{cmp::Reverse, collections::BTreeMap, collections::HashMap};

use actix_web::{get, web::Data};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    ids::{RoomId, TenantId},
    metrics::resident_memory_bytes,
    realtime::{StatsSnapshot, messages::RegistryCounts},
    tenants::{self, Tenant},
    timestamp::Timestamp,
    web::{
        administration::Operator,
        error::ApiError,
        extract::{Pairs, Parameters, Query},
        reply::{Envelope, Reply},
    },
};

/// Most tenants in an answer.
const TENANTS_MAX: usize = 200;

/// Most rooms per tenant in an answer.
const ROOMS_MAX: usize = 50;

/// Which tenants.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StatsParams {
    /// Only the tenant with this slug.
    pub tenant: Option<String>,
}

impl Parameters for StatsParams {
    fn take(pairs: &mut Pairs) -> Self {
        Self {
            tenant: pairs.text("tenant"),
        }
    }
}

/// What the server does at present, and did since it started.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatsOut {
    /// How long the server has been up, in milliseconds.
    pub uptime_ms: u64,
    /// What it takes up.
    pub memory: MemoryOut,
    /// All tenants together.
    pub total: CountsOut,
    /// How often each rate limit refused, by its name under `limits`.
    pub rate_limit_refusals: BTreeMap<&'static str, u64>,
    /// Tenants with sockets or messages first, by connections and messages; at most 200.
    pub tenants: Vec<TenantStatsOut>,
    /// How many more tenants there are.
    pub tenants_omitted: usize,
}

/// What the process takes up.
#[derive(Debug, Serialize, ToSchema)]
pub struct MemoryOut {
    /// Memory of the process, in bytes; `null` where the system does not tell.
    #[schema(required)]
    pub resident_bytes: Option<u64>,
}

/// What is going on, in numbers.
#[derive(Debug, Default, Clone, Copy, Serialize, ToSchema)]
pub struct CountsOut {
    /// Open sockets.
    pub connections: usize,
    /// Joined channels.
    pub channels: usize,
    /// Users shown as present, once per room.
    pub presence: usize,
    /// Rooms and other topics somebody listens to.
    pub rooms: usize,
    /// Messages sent since the server started.
    pub messages: u64,
}

/// One tenant.
#[derive(Debug, Serialize, ToSchema)]
pub struct TenantStatsOut {
    /// The tenant's id.
    pub id: TenantId,
    /// The tenant's slug.
    pub slug: String,
    /// Its numbers.
    #[serde(flatten)]
    pub counts: CountsOut,
    /// Its rooms with messages since the server started, busiest first; at most 50.
    pub room_counters: Vec<RoomStatsOut>,
    /// How many more such rooms there are.
    pub room_counters_omitted: usize,
}

/// One room.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoomStatsOut {
    /// The room's id.
    pub id: RoomId,
    /// Messages sent since the server started.
    pub messages: u64,
    /// When the last of them was sent.
    pub last_message_at: Timestamp,
}

/// What the server does at present, per tenant and in total
///
/// Answers the operator only: the token is the setting `auth.operator_token`. Without that setting nobody
/// is let in.
#[utoipa::path(
    tag = "operations",
    params(StatsParams),
    responses((status = 200, description = "The numbers", body = Envelope<StatsOut>))
)]
#[get("/stats")]
pub async fn stats(
    app: Data<App>,
    _operator: Operator,
    query: Query<StatsParams>,
) -> Result<Reply<Envelope<StatsOut>>, ApiError> {
    let StatsParams { tenant } = query.read()?;
    let tenants = match tenant {
        Some(slug) => vec![tenants::get_tenant_by_slug(&app.store, &slug).await?],
        None => tenants::list_tenants(&app.store).await?,
    };
    let counts = app.realtime.counts().await;
    let snapshot = app.realtime.stats().get_all_stats();
    let refusals = app.realtime.limits().refusals().into_iter().collect();
    Ok(Reply::ok(summary(tenants, &counts, snapshot, refusals)))
}

fn summary(
    tenants: Vec<Tenant>,
    counts: &[(TenantId, RegistryCounts)],
    snapshot: StatsSnapshot,
    rate_limit_refusals: BTreeMap<&'static str, u64>,
) -> StatsOut {
    let mut total = CountsOut {
        messages: snapshot.messages,
        ..CountsOut::default()
    };
    for (
        _,
        RegistryCounts {
            sockets,
            channels,
            topics,
            present,
        },
    ) in counts
    {
        total.connections += sockets;
        total.channels += channels;
        total.rooms += topics;
        total.presence += present;
    }
    let live: HashMap<_, _> = counts.iter().copied().collect();
    let mut sent: HashMap<_, _> = snapshot
        .tenants
        .into_iter()
        .map(|tenant| (tenant.tenant_id, tenant))
        .collect();
    let mut tenants: Vec<_> = tenants
        .into_iter()
        .map(|tenant| {
            let RegistryCounts {
                sockets,
                channels,
                topics,
                present,
            } = live.get(&tenant.id).copied().unwrap_or_default();
            let (messages, mut rooms) = sent
                .remove(&tenant.id)
                .map_or((0, Vec::new()), |sent| (sent.messages, sent.rooms));
            let room_counters_omitted = rooms.len().saturating_sub(ROOMS_MAX);
            rooms.truncate(ROOMS_MAX);
            TenantStatsOut {
                id: tenant.id,
                slug: tenant.slug,
                counts: CountsOut {
                    connections: sockets,
                    channels,
                    presence: present,
                    rooms: topics,
                    messages,
                },
                room_counters: rooms
                    .into_iter()
                    .map(|(id, room)| RoomStatsOut {
                        id,
                        messages: room.messages,
                        last_message_at: room.last_message_at,
                    })
                    .collect(),
                room_counters_omitted,
            }
        })
        .collect();
    tenants.sort_by_key(|tenant| Reverse((tenant.counts.connections, tenant.counts.messages)));
    let tenants_omitted = tenants.len().saturating_sub(TENANTS_MAX);
    tenants.truncate(TENANTS_MAX);
    StatsOut {
        uptime_ms: u64::try_from(snapshot.uptime.as_millis()).unwrap_or(u64::MAX),
        memory: MemoryOut {
            resident_bytes: resident_memory_bytes(),
        },
        total,
        rate_limit_refusals,
        tenants,
        tenants_omitted,
    }
}
