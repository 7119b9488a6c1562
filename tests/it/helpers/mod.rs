//! What tests stand on.

#[macro_use]
pub mod database;
pub mod admin;
pub mod app;
pub mod audit;
pub mod bad_tokens;
pub mod binary;
pub mod certificates;
pub mod journal;
pub mod limits;
pub mod log;
pub mod longpoll;
pub mod membership;
pub mod messages;
pub mod people;
pub mod pictures;
pub mod random;
pub mod rest;
pub mod socket;
pub mod website;
#[macro_use]
pub mod wire;
