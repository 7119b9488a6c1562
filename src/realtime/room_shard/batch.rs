//! What several members of a room get at once: its broadcasts of a while, one after the other, put together once for
//! each way of writing them.

use std::{collections::HashSet, sync::Arc};

use bytes::{Bytes, BytesMut};

use super::{Fan, Outlet};
use crate::{
    phoenix::{Broadcast, Version},
    realtime::messages::ChannelKey,
};

/// Broadcasts of one room, in their order.
pub(super) struct Batch {
    fans: Vec<Arc<Fan>>,
    /// The first number of the room's log among them; greater than any where there is none.
    first_seq: i64,
    /// Channels that do not get all of them.
    excepted: HashSet<ChannelKey>,
    has_ephemeral: bool,
    variants: Vec<Variant>,
}

/// One way of writing a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Spelling {
    /// The place of the member's topic among the spellings of its room.
    pub topic: u8,
    /// The member's version of the protocol.
    pub version: Version,
}

/// A batch, written.
struct Variant {
    spelling: Spelling,
    with_ephemeral: bool,
    bytes: Bytes,
    /// Where each broadcast begins.
    starts: Vec<usize>,
}

impl Batch {
    pub fn new(fans: Vec<Arc<Fan>>) -> Self {
        Self {
            first_seq: fans.iter().filter_map(|fan| fan.seq).min().unwrap_or(i64::MAX),
            excepted: fans.iter().filter_map(|fan| fan.except).collect(),
            has_ephemeral: fans.iter().any(|fan| fan.is_ephemeral),
            variants: Vec::new(),
            fans,
        }
    }

    /// Whether `channel` gets all of it, as most do, when it knows the room's log up to `head_seq`.
    pub fn is_for(&self, channel: ChannelKey, head_seq: i64) -> bool {
        head_seq < self.first_seq && !self.excepted.contains(&channel)
    }

    /// How many broadcasts there are from the one at `from` on.
    pub fn len_from(&self, from: usize) -> usize {
        self.fans.len().saturating_sub(from)
    }

    /// The broadcasts from the one at `from` on.
    pub fn from(&self, from: usize) -> impl Iterator<Item = &Arc<Fan>> {
        self.fans.iter().skip(from)
    }

    /// The same, as `outlet` writes them.
    pub fn bytes(&mut self, from: usize, spelling: Spelling, outlet: &dyn Outlet) -> Bytes {
        let with_ephemeral = !(self.has_ephemeral && outlet.is_congested());
        let known = self
            .variants
            .iter()
            .position(|variant| variant.spelling == spelling && variant.with_ephemeral == with_ephemeral);
        let known = known.unwrap_or_else(|| {
            self.variants
                .push(Variant::write(&self.fans, spelling, with_ephemeral, outlet));
            self.variants.len() - 1
        });
        let Variant { bytes, starts, .. } = &self.variants[known];
        bytes.slice(starts.get(from).copied().unwrap_or(bytes.len())..)
    }
}

impl Variant {
    fn write(fans: &[Arc<Fan>], spelling: Spelling, with_ephemeral: bool, outlet: &dyn Outlet) -> Self {
        let frames: Vec<Bytes> = fans
            .iter()
            .map(|fan| {
                fan.frame(spelling, outlet)
                    .filter(|_| with_ephemeral || !fan.is_ephemeral)
                    .unwrap_or_default()
            })
            .collect();
        let mut end = 0;
        let starts = frames
            .iter()
            .map(|frame| {
                let start = end;
                end += frame.len();
                start
            })
            .collect();
        Self {
            spelling,
            with_ephemeral,
            bytes: concatenate(frames),
            starts,
        }
    }
}

impl Fan {
    /// The broadcast as `outlet` writes it to members of this spelling; `None` when they cannot get it.
    pub(super) fn frame(&self, spelling: Spelling, outlet: &dyn Outlet) -> Option<Bytes> {
        let broadcast: &Arc<Broadcast> = self.broadcasts.get(usize::from(spelling.topic))?.as_ref()?;
        broadcast.framed(spelling.version, |frame| outlet.frame(frame))
    }
}

/// The frames as one piece; a single one is not copied.
pub(super) fn concatenate(frames: Vec<Bytes>) -> Bytes {
    let len = frames.iter().map(Bytes::len).sum();
    if let Some(only) = frames.iter().find(|frame| frame.len() == len) {
        return only.clone();
    }
    let mut bytes = BytesMut::with_capacity(len);
    for frame in frames {
        bytes.extend_from_slice(&frame);
    }
    bytes.freeze()
}
