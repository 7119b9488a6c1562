//! What tests stand on.

#[macro_use]
pub mod database;
pub mod app;
pub mod people;
pub mod rest;
pub mod socket;
