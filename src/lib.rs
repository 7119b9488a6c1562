//! Parlour: a chat room for any website.
//!
//! Layers, each importing only from those below it (`ARCHITECTURE.md` has the picture):
//!
//! * identifiers, [`scope`], [`validation`]: vocabulary of everything else

pub mod ids;
pub mod scope;
pub mod validation;
