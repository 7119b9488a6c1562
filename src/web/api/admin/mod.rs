//! What the operator of the deployment and the administrators of a tenant can see and do. Each change is a row of the
//! audit log, written with it; each refusal is one too ([`crate::web::administration`]).

pub mod api_keys;
pub mod audit;
pub mod keys;
pub mod rooms;
pub mod stats;
pub mod tenants;
pub mod usage;
pub mod users;

use secrecy::{ExposeSecret, SecretString};
use serde::Serializer;

/// Puts a secret into the one answer that it is for.
fn expose<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}
