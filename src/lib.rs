//! Parlour: a chat room for any website.
//!
//! Layers, each importing only from those below it (`ARCHITECTURE.md` has the picture):
//!
//! * [`startup`], [`descriptors`], [`app`], [`upkeep`], [`cli`], [`commands`]: from a command line to a running server
//! * [`web`]: the edge — REST, sockets, what errors look like outside; [`wire`]: what clients see
//! * [`realtime`]: actors — who listens, who is present, limits, counters, and the one way in for messages
//! * [`standing`]: whether a token is good and what its user may see, for all who ask at once
//! * [`tenants`], [`accounts`], [`chat`], [`api_keys`], [`audit`]: contexts — rules and queries; they know no HTTP and
//!   no actors
//! * [`control`]: what the servers of a deployment tell one another
//! * [`store`], [`entity`], [`page`], [`gather`]: the database
//! * [`phoenix`]: the wire protocol, sans-IO; it knows no chat
//! * [`vault`]: secrets that the database keeps, sealed
//! * [`config`], [`telemetry`], [`metrics`]: settings, logs, measurements
//! * [`ids`], [`scope`], [`timestamp`], [`moment`], [`validation`], [`secret_token`], [`digest`], [`small_map`],
//!   [`bounded_cache`]: vocabulary of everything else

pub mod accounts;
pub mod api_keys;
pub mod app;
pub mod audit;
pub mod bounded_cache;
pub mod chat;
pub mod cli;
pub mod commands;
pub mod config;
pub mod control;
pub mod descriptors;
pub mod digest;
pub mod entity;
pub mod gather;
pub mod ids;
pub mod media;
pub mod metrics;
pub mod moment;
pub mod page;
pub mod phoenix;
pub mod realtime;
pub mod scope;
pub mod secret_token;
pub mod small_map;
pub mod standing;
pub mod startup;
pub mod store;
pub mod telemetry;
pub mod tenants;
pub mod timestamp;
pub mod upkeep;
pub mod validation;
pub mod vault;
pub mod web;
pub mod wire;
