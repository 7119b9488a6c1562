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

mod contexts_accounts;
mod contexts_direct;
mod contexts_messages;
mod contexts_rooms;
mod contexts_seed;
mod contexts_tenants;
mod documents;
mod migrations;
mod openapi;
mod process;
mod rest_admin;
mod rest_auth;
mod rest_cors;
mod rest_dm;
mod rest_messages;
mod rest_pages;
mod rest_rooms;
mod rest_statuses;
mod socket_rooms;
mod socket_transport;
mod store;
mod tenancy;
