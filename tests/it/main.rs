//! Tests of the whole: contexts and API, each on both engines. One binary, so one link and one Postgres cluster.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::needless_pass_by_value,
    reason = "in tests a panic is the answer, and each takes its database by value"
)]

#[macro_use]
mod helpers;

mod admin_listener;
mod contexts_accounts;
mod contexts_accounts_admin;
mod contexts_api_keys;
mod contexts_audit;
mod contexts_batches;
mod contexts_control;
mod contexts_direct;
mod contexts_guests;
mod contexts_host_tokens;
mod contexts_invitations;
mod contexts_keys;
mod contexts_log;
mod contexts_members;
mod contexts_messages;
mod contexts_moderation;
mod contexts_page_rooms;
mod contexts_reactions;
mod contexts_read_state;
mod contexts_recovery;
mod contexts_rooms;
mod contexts_seed;
mod contexts_tenants;
mod contexts_threads;
mod contexts_uploads;
mod crash;
mod documents;
mod explain;
mod explain_unread;
mod journal;
mod journal_panics;
mod limits_rest;
mod limits_settings;
mod migrations;
mod model;
mod openapi;
mod process;
mod process_admin;
mod process_open_files;
mod process_shared_port;
mod rest_admin;
mod rest_admin_audit;
mod rest_admin_tenants;
mod rest_admin_users;
mod rest_assets;
mod rest_auth;
mod rest_cors;
mod rest_dm;
mod rest_identity;
mod rest_log;
mod rest_members;
mod rest_messages;
mod rest_moderation;
mod rest_page_rooms;
mod rest_pages;
mod rest_proxies;
mod rest_reactions;
mod rest_read_state;
mod rest_rooms;
mod rest_server;
mod rest_statuses;
mod rest_threads;
mod rest_uploads;
mod socket_fan_out;
mod socket_limits;
mod socket_log;
mod socket_moderation;
mod socket_order;
mod socket_presence;
mod socket_read_state;
mod socket_recovery;
mod socket_refresh;
mod socket_revocation;
mod socket_rooms;
mod socket_settings;
mod socket_shard;
mod socket_transport;
mod standing;
mod store;
mod tenancy;
mod tenancy_admin;
mod tenancy_events;
mod tls;
mod upgrade;
mod websocket_conformance;
mod websocket_conformance_close;
mod websocket_conformance_text;
