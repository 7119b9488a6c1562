//! Parlour: a chat room for any website.
//!
//! Layers, each importing only from those below it:
//!
//! * [`phoenix`]: the wire protocol, sans-IO; it knows no chat
//! * [`ids`], [`scope`], [`validation`]: vocabulary of everything else

pub mod ids;
pub mod phoenix;
pub mod scope;
pub mod validation;
