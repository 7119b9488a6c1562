//! How much one socket may have, and bring at once.

use super::Session;
use crate::{config::SocketSettings, phoenix::SocketLimits, tenants::Tenant, web::socket::rfc6455::SizeLimits};

/// The bounds of each socket.
pub fn limits(settings: &SocketSettings) -> SocketLimits {
    SocketLimits {
        channels_max: settings.channels_max.get().unwrap_or(usize::MAX),
        queued_max: settings.queued_max.get().unwrap_or(usize::MAX),
        at_once: settings.pushes_at_once,
        ..SocketLimits::default()
    }
}

/// The largest frames and messages of a tenant's clients.
pub fn size_limits(tenant: &Tenant, settings: &SocketSettings) -> SizeLimits {
    SizeLimits {
        frame_bytes_max: tenant.limits.frame_bytes(settings.frame_bytes_max).or_max(),
        message_bytes_max: tenant.limits.frame_bytes(settings.message_bytes_max).or_max(),
    }
}

impl Session {
    /// The largest frames and messages of its client, as its tenant has them now.
    pub fn size_limits(&mut self) -> SizeLimits {
        self.take_over_tenant();
        size_limits(&self.holder.tenant, self.settings())
    }
}
