//! How connections are written to.

use std::time::Duration;

use crate::{config::SocketSettings, metrics::Metrics};

/// What all connections of a server have in common.
pub struct Writing {
    /// Most bytes of broadcasts that may wait for one connection.
    pub broadcasts_max: usize,
    /// The longest that something waits for an answer to go out with; nothing is put off when it is zero.
    pub put_off: Duration,
    /// Most bytes whose write is put off: what is larger is worth a write of its own.
    pub put_off_max: usize,
    /// Told what waits.
    pub metrics: Metrics,
}

impl Writing {
    /// By these settings.
    pub fn new(settings: &SocketSettings, metrics: Metrics) -> Self {
        let broadcasts_max = settings.outbound_bytes_max.or_max();
        Self {
            broadcasts_max,
            put_off: settings.put_off,
            // Far from what makes a client too slow a one.
            put_off_max: settings.put_off_bytes_max.or_max().min(broadcasts_max / 4),
            metrics,
        }
    }

    /// Whether a broadcast waits for an answer, when so many bytes wait with it.
    pub fn puts_off(&self, waits: usize) -> bool {
        waits <= self.put_off_max && !self.put_off.is_zero()
    }
}
