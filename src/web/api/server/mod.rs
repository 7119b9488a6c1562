//! What a website's backend can do with a key of its own ([`crate::web::server_key`]).

pub mod rooms;
pub mod users;
