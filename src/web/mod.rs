//! The edge: HTTP in, answers out. Handlers are thin: they read the request, call a context or the
//! real-time side, and put the result into its wire form. No query is written here.
//!
//! * [`routes`] — every URL on one screen
//! * [`identity`], [`extract`] — who asks, and what for
//! * [`error`], [`reply`], [`edge`] — what answers look like
//! * [`cors`] — which pages may ask
//! * [`openapi`] — the description of the API, made from the handlers
//! * [`api`] — the handlers
//! * [`socket`] — Phoenix Channels over WebSocket and long poll

pub mod api;
pub mod cors;
pub mod edge;
pub mod error;
pub mod extract;
pub mod identity;
pub mod openapi;
pub mod reply;
pub mod routes;
pub mod socket;
