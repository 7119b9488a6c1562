//! The rules settings keep beyond their types. All are checked, so that one start tells everything that is wrong.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::EnvFilter;

use super::load::variable;
use super::secret::{HIDDEN, weakness};
use super::{Cap, Environment, OriginCheck, Settings};
use crate::phoenix::OriginPattern;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is wrong with a cap of zero.
pub(super) const NO_CAP_OF_ZERO: &str = "must be at least 1, or \"off\" for no cap";

/// Keys and what is wrong with each.
pub(super) type Violations = Vec<(&'static str, String)>;

/// What is wrong with the settings. `secrets_required`: these are wrong when they are missing, too, unless development
/// can generate them.
pub(super) fn violations(settings: &Settings, secrets_required: &[&str]) -> Violations {
    let mut found = Violations::new();
    durations(settings, &mut found);
    numbers(settings, &mut found);
    caps(settings, &mut found);
    secrets(settings, secrets_required, &mut found);
    names(settings, &mut found);
    found
}

fn durations(settings: &Settings, found: &mut Violations) {
    let Settings {
        server,
        database,
        auth,
        tenants,
        socket,
        realtime,
        uploads,
        ..
    } = settings;
    let zero = Duration::ZERO;
    for (key, value, min, max) in [
        ("server.shutdown_timeout", server.shutdown_timeout, SECOND, 10 * MINUTE),
        (
            "server.header_timeout",
            server.header_timeout,
            100 * MILLISECOND,
            5 * MINUTE,
        ),
        // actix's clock ticks twice a second: an end that has passed when it looks is never noticed.
        (
            "server.disconnect_timeout",
            server.disconnect_timeout,
            SECOND,
            5 * MINUTE,
        ),
        (
            "server.body_timeout",
            server.body_timeout,
            100 * MILLISECOND,
            5 * MINUTE,
        ),
        (
            "server.tls_reload_interval",
            server.tls_reload_interval,
            100 * MILLISECOND,
            DAY,
        ),
        (
            "server.tls_handshake_timeout",
            server.tls_handshake_timeout,
            100 * MILLISECOND,
            5 * MINUTE,
        ),
        ("server.tls_only_for", server.tls_only_for, zero, 730 * DAY),
        (
            "realtime.batch_interval",
            realtime.batch_interval,
            10 * MILLISECOND,
            MINUTE,
        ),
        (
            "realtime.shard_rest",
            realtime.shard_rest,
            Duration::ZERO,
            100 * MILLISECOND,
        ),
        (
            "realtime.send_timeout",
            realtime.send_timeout,
            100 * MILLISECOND,
            MINUTE,
        ),
        (
            "realtime.hole_patience",
            realtime.hole_patience,
            MILLISECOND,
            10 * SECOND,
        ),
        (
            "realtime.control_interval",
            realtime.control_interval,
            10 * MILLISECOND,
            SECOND,
        ),
        (
            "realtime.limits_sweep_interval",
            realtime.limits_sweep_interval,
            100 * MILLISECOND,
            60 * MINUTE,
        ),
        (
            "realtime.unread_interval",
            realtime.unread_interval,
            10 * MILLISECOND,
            MINUTE,
        ),
        (
            "realtime.registry_idle_timeout",
            realtime.registry_idle_timeout,
            SECOND,
            DAY,
        ),
        (
            "database.acquire_timeout",
            database.acquire_timeout,
            MILLISECOND,
            5 * MINUTE,
        ),
        (
            "tenants.retention_interval",
            tenants.retention_interval,
            SECOND,
            7 * DAY,
        ),
        ("uploads.timeout", uploads.timeout, SECOND, 30 * MINUTE),
        ("auth.token_lifetime", auth.token_lifetime, MINUTE, 365 * DAY),
        ("auth.exchanged_lifetime", auth.exchanged_lifetime, MINUTE, DAY),
        ("socket.idle_timeout", socket.idle_timeout, SECOND, DAY),
        ("socket.close_timeout", socket.close_timeout, 100 * MILLISECOND, MINUTE),
        ("socket.user_timeout", socket.user_timeout, SECOND, 60 * MINUTE),
        ("socket.token_notice", socket.token_notice, SECOND, 60 * MINUTE),
        (
            "socket.join_timeout",
            socket.join_timeout,
            100 * MILLISECOND,
            5 * MINUTE,
        ),
        (
            "socket.typing_timeout",
            socket.typing_timeout,
            100 * MILLISECOND,
            5 * MINUTE,
        ),
        (
            "socket.longpoll_window",
            socket.longpoll_window,
            100 * MILLISECOND,
            18 * SECOND,
        ),
        ("socket.put_off", socket.put_off, zero, 100 * MILLISECOND),
        ("socket.drain_interval", socket.drain_interval, zero, 10 * SECOND),
    ] {
        if !(min..=max).contains(&value) {
            let (min, max) = (humantime::format_duration(min), humantime::format_duration(max));
            found.push((key, format!("must be {min} to {max}")));
        }
    }
}

fn numbers(settings: &Settings, found: &mut Violations) {
    let Settings {
        server,
        database,
        cache,
        auth,
        socket,
        realtime,
        uploads,
        ..
    } = settings;
    for (key, value, min, max) in [
        ("server.workers", server.workers.unwrap_or(1) as u64, 1, 512),
        ("server.backlog", u64::from(server.backlog), 1, 1_000_000),
        ("database.pool_size", database.pool_size.unwrap_or(1) as u64, 1, 10_000),
        ("database.shared_statements", database.shared_statements as u64, 1, 64),
        ("cache.tokens", cache.tokens as u64, 0, 10_000_000),
        ("cache.users", cache.users as u64, 0, 10_000_000),
        ("cache.tenants", cache.tenants as u64, 0, 1_000_000),
        ("cache.page_bytes", cache.page_bytes, 0, 1 << 40),
        (
            "auth.password_rounds",
            u64::from(auth.password_rounds),
            600_000,
            100_000_000,
        ),
        ("auth.hash_concurrency", auth.hash_concurrency as u64, 1, 1024),
        ("uploads.decode_concurrency", uploads.decode_concurrency as u64, 1, 1024),
        ("socket.history_limit", socket.history_limit, 1, 100),
        ("socket.recovery_limit", socket.recovery_limit, 1, 1000),
        ("socket.pushes_at_once", u64::from(socket.pushes_at_once), 1, 1000),
        ("socket.drain_batch", socket.drain_batch as u64, 1, 1_000_000),
        ("realtime.registry_threads", realtime.registry_threads as u64, 1, 64),
        ("realtime.journals", realtime.journals.unwrap_or(1) as u64, 1, 64),
        ("realtime.journal_batch", realtime.journal_batch as u64, 1, 1000),
        ("realtime.journal_queue", realtime.journal_queue as u64, 1, 1_000_000),
        (
            "realtime.registry_mailbox",
            realtime.registry_mailbox as u64,
            16,
            1_000_000,
        ),
    ] {
        if !(min..=max).contains(&value) {
            found.push((key, format!("must be {min} to {max}")));
        }
    }
}

fn caps(settings: &Settings, found: &mut Violations) {
    let Settings {
        server,
        socket,
        realtime,
        limits,
        uploads,
        ..
    } = settings;
    for (key, cap) in [
        ("server.body_bytes_max", server.body_bytes_max),
        ("socket.channels_max", socket.channels_max),
        ("socket.frame_bytes_max", socket.frame_bytes_max),
        ("socket.message_bytes_max", socket.message_bytes_max),
        ("socket.queued_max", socket.queued_max),
        ("socket.outbound_messages_max", socket.outbound_messages_max),
        ("socket.outbound_bytes_max", socket.outbound_bytes_max),
        ("socket.put_off_bytes_max", socket.put_off_bytes_max),
        ("socket.connections_max", socket.connections_max),
        ("socket.connections_per_address_max", socket.connections_per_address_max),
        ("socket.connections_per_tenant_max", socket.connections_per_tenant_max),
        ("socket.connections_per_user_max", socket.connections_per_user_max),
        ("socket.longpoll_lines_max", socket.longpoll_lines_max),
        ("socket.longpoll_body_bytes_max", socket.longpoll_body_bytes_max),
        ("socket.longpoll_buffer_bytes_max", socket.longpoll_buffer_bytes_max),
        ("realtime.journal_beside", realtime.journal_beside),
        ("realtime.presence_exact_max", realtime.presence_exact_max),
        ("realtime.presence_batched_max", realtime.presence_batched_max),
        ("realtime.presence_sample_max", realtime.presence_sample_max),
        ("realtime.read_marks_max", realtime.read_marks_max),
        ("realtime.unread_members_max", realtime.unread_members_max),
        ("realtime.stats_rooms_max", realtime.stats_rooms_max),
        ("uploads.bytes_max", uploads.bytes_max),
        ("uploads.receiving_max", uploads.receiving_max),
    ] {
        if cap == Cap::Max(0) {
            found.push((key, NO_CAP_OF_ZERO.to_owned()));
        }
    }
    for (key, cap) in [
        ("limits.rooms_max", limits.rooms_max),
        ("limits.members_per_room_max", limits.members_per_room_max),
        ("limits.upload_bytes_per_tenant_max", limits.upload_bytes_per_tenant_max),
        ("uploads.image_pixels_max", uploads.image_pixels_max),
    ] {
        if cap == Cap::Max(0) {
            found.push((key, NO_CAP_OF_ZERO.to_owned()));
        }
    }
}

fn secrets(settings: &Settings, secrets_required: &[&str], found: &mut Violations) {
    let Settings {
        auth,
        database,
        environment,
        ..
    } = settings;
    let production = *environment == Environment::Production;
    let retired = auth.retired_master_keys.iter().map(Some);
    let secrets = [
        ("auth.secret_key", auth.secret_key.as_ref()),
        ("auth.operator_token", auth.operator_token.as_ref()),
        ("auth.master_key", auth.master_key.as_ref()),
    ]
    .into_iter()
    .chain(retired.map(|secret| ("auth.retired_master_keys", secret)));
    for (key, secret) in secrets {
        match secret {
            Some(secret) if secret.expose_secret() == HIDDEN => {
                found.push((key, "is what `parlour config` prints in place of the secret".to_owned()));
            }
            Some(secret) if production => {
                found.extend(weakness(secret).map(|weakness| (key, weakness.to_owned())));
            }
            None if production && secrets_required.contains(&key) => found.push((
                key,
                format!(
                    "is missing; set {} to at least 32 random bytes (openssl rand -base64 48), or start with --dev \
                     to have one generated",
                    variable(key)
                ),
            )),
            _ => {}
        }
    }
    if !is_database_url(&database.url) {
        found.push(("database.url", "must be an sqlite: or a postgres:// URL".to_owned()));
    }
}

fn is_database_url(url: &SecretString) -> bool {
    let url = url.expose_secret();
    let known = ["sqlite:", "postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme));
    known && !url.contains(HIDDEN)
}

fn names(settings: &Settings, found: &mut Violations) {
    let Settings {
        server,
        tenants,
        cors,
        socket,
        log,
        environment,
        ..
    } = settings;
    match (&server.tls_cert, &server.tls_key) {
        (Some(_), None) => found.push(("server.tls_key", "is missing, and server.tls_cert is set".to_owned())),
        (None, Some(_)) => found.push(("server.tls_cert", "is missing, and server.tls_key is set".to_owned())),
        _ => {}
    }
    if settings.data_dir.as_os_str().is_empty() {
        found.push(("data_dir", "must not be empty".to_owned()));
    }
    for (key, slug) in [("tenants.default", &tenants.default)]
        .into_iter()
        .chain(tenants.ensure.iter().map(|slug| ("tenants.ensure", slug)))
        .filter(|(_, slug)| !is_slug(slug))
    {
        found.push((
            key,
            format!("{slug:?} is not 1 to 63 of a-z, 0-9 and -, the first not a -"),
        ));
    }
    if tenants.create_unknown && !environment.is_development() {
        found.push(("tenants.create_unknown", "is for development only".to_owned()));
    }
    let checked: &[String] = match &socket.check_origin {
        OriginCheck::Off => &[],
        OriginCheck::Only(origins) => origins,
    };
    for origin in cors
        .allowed_origins
        .iter()
        .filter(|origin| *origin != "*" && !is_origin(origin))
    {
        found.push((
            "cors.allowed_origins",
            format!("{origin:?} is not an origin such as \"https://example.org\""),
        ));
    }
    for pattern in checked
        .iter()
        .filter(|pattern| pattern.parse::<OriginPattern>().is_err())
    {
        found.push((
            "socket.check_origin",
            format!("{pattern:?} is not a pattern such as \"https://example.org\" or \"//*.example.org\""),
        ));
    }
    if let Err(error) = EnvFilter::try_new(&log.filter) {
        found.push(("log.filter", error.to_string()));
    }
}

fn is_slug(slug: &str) -> bool {
    (1..=63).contains(&slug.len())
        && !slug.starts_with('-')
        && slug
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// Scheme, host and perhaps a port, as browsers send it: nothing after, no capitals.
fn is_origin(origin: &str) -> bool {
    let host = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty()
            && host
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b':' | b'[' | b']'))
    })
}
