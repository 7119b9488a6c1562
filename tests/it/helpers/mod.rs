//! What tests stand on.

#[macro_use]
pub mod database;
pub mod app;
pub mod binary;
pub mod membership;
pub mod people;
pub mod random;
pub mod rest;
pub mod socket;
