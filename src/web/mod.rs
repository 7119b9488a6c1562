//! The edge: HTTP in, answers out. Handlers are thin: they read the request, call a context or the
//! real-time side, and put the result into its wire form. No query is written here.
//!
//! * [`routes`] — every URL on one screen
//! * [`identity`], [`extract`] — who asks, and what for
//! * [`administration`], [`server_key`] — those who ask for more than one user may: administrators, a site's backend
//! * [`serve`], [`tls`] — the HTTP server that all of this hangs in, and how it speaks TLS
//! * [`listeners`] — the operator's own address
//! * [`error`], [`reply`], [`edge`] — what answers look like
//! * [`client_address`], [`rate_limit`] — where requests come from, and how many there may be
//! * [`origin_policy`], [`cors`] — which pages may ask, and what their browsers are told
//! * [`bundle`], [`assets`] — the built pages and scripts, and how they are handed out
//! * [`openapi`] — the description of the API, made from the handlers
//! * [`api`] — the handlers
//! * [`socket`] — Phoenix Channels over WebSocket and long poll

pub mod administration;
pub mod api;
pub mod assets;
pub mod bundle;
pub mod client_address;
pub mod cors;
pub mod edge;
pub mod error;
pub mod extract;
pub mod identity;
pub mod listeners;
pub mod newest_pages;
pub mod openapi;
pub mod origin_policy;
pub mod rate_limit;
pub mod reply;
pub mod routes;
pub mod serve;
pub mod server_key;
pub mod socket;
pub mod tls;
