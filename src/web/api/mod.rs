//! The handlers, with the bodies and parameters they take.

pub mod admin;
pub mod auth;
pub mod dm;
pub mod health;
pub mod messages;
pub mod pages;
pub mod rooms;
pub mod users;

use serde::Deserialize;
use utoipa::ToSchema;

use super::extract::Body;

/// A body that says nothing, or only the tenant. It may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoFieldsIn {
    /// The tenant, for clients that name it in the body.
    pub tenant: Option<String>,
}

impl Body for NoFieldsIn {
    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}
