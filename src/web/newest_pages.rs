//! The newest messages of rooms, as they go out: most of what is read again and again, and the same for every reader.
//!
//! Invariants:
//! * A page is given to somebody whose [`Sight`] of the room was read after they asked, and only while the room's head
//!   and the tenant's mark are still those that the page was made under. The head counts every change of the log, the
//!   mark all else that a page shows (names, what was pruned). Both were read before the page was, so a page that was
//!   overtaken while it was read lies under numbers that nobody will ask for again.
//! * Pages that differ by reader (their own reactions are marked) are kept for that reader. Pages with attachments are
//!   not kept: the addresses in them end.
//! * All pages together take no more than `cache.page_bytes`.

use std::sync::Arc;

use quick_cache::{Weighter, sync::Cache};
use serde_json::value::RawValue;

use crate::{
    chat::{self, Message, MessageQuery},
    ids::{RoomId, TenantId, UserId},
    scope::Scope,
    standing::Sight,
    store::Store,
    wire::MessageOut,
};

/// The pages that are kept.
pub struct NewestPages {
    kept: Cache<Key, Arc<NewestPage>, Bytes>,
}

/// Which page.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Key {
    tenant_id: TenantId,
    room_id: RoomId,
    limit: u64,
    /// `None` for everybody.
    reader: Option<UserId>,
}

/// The newest messages of a room.
#[derive(Debug)]
pub struct NewestPage {
    head_seq: i64,
    page_mark: i64,
    /// Whether there are more before them.
    pub has_more: bool,
    /// The messages: an array of [`MessageOut`], the oldest first.
    pub messages: Box<RawValue>,
}

/// What an entry of the cache takes beside its text, in bytes.
const ENTRY_BYTES: u64 = 256;

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Arc<NewestPage>> for Bytes {
    fn weight(&self, _: &Key, page: &Arc<NewestPage>) -> u64 {
        ENTRY_BYTES + page.messages.get().len() as u64
    }
}

impl NewestPages {
    /// None yet; they will take at most so many bytes.
    pub fn new(bytes: u64) -> Self {
        // What is expected, for the size of the table.
        let pages = usize::try_from(bytes / (16 * 1024)).unwrap_or(usize::MAX).min(10_000);
        Self {
            kept: Cache::with_weighter(pages, bytes, Bytes),
        }
    }

    /// The newest messages of a room, for somebody who may read in it.
    ///
    /// # Errors
    ///
    /// As [`chat::list_messages_up_to`].
    pub async fn get(
        &self,
        store: &Store,
        scope: &Scope,
        sight: &Sight,
        limit: u64,
    ) -> Result<Arc<NewestPage>, chat::Error> {
        let key = Key {
            tenant_id: scope.tenant_id,
            room_id: sight.room_id,
            limit,
            reader: None,
        };
        let own = Key {
            reader: Some(scope.user_id),
            ..key
        };
        let kept = [key, own].iter().find_map(|key| {
            self.kept
                .get(key)
                .filter(|page| (page.head_seq, page.page_mark) == (sight.head_seq, sight.page_mark))
        });
        if let Some(page) = kept {
            return Ok(page);
        }
        let query = MessageQuery {
            limit,
            ..MessageQuery::default()
        };
        let page = chat::list_messages_up_to(store, scope, sight.room_id, sight.head_seq, query).await?;
        let is = |shows: fn(&Message) -> bool| page.messages.iter().any(shows);
        let passes = is(|message| !message.attachments.is_empty());
        let is_own = is(|message| !message.reactions.is_empty());
        let messages: Vec<MessageOut> = page.messages.into_iter().map(Into::into).collect();
        let page = Arc::new(NewestPage {
            head_seq: sight.head_seq,
            page_mark: sight.page_mark,
            has_more: page.has_more,
            messages: serde_json::value::to_raw_value(&messages)
                .map_err(|error| sea_orm::DbErr::Json(error.to_string()))?,
        });
        if !passes {
            self.kept.insert(if is_own { own } else { key }, Arc::clone(&page));
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn put(pages: &NewestPages, bytes: usize) {
        let key = Key {
            tenant_id: TenantId::generate(),
            room_id: RoomId::generate(),
            limit: 50,
            reader: None,
        };
        let page = NewestPage {
            head_seq: 1,
            page_mark: 0,
            has_more: false,
            messages: RawValue::from_string(format!("\"{}\"", "x".repeat(bytes))).unwrap(),
        };
        pages.kept.insert(key, Arc::new(page));
    }

    #[test]
    fn pages_take_no_more_than_they_may() {
        let pages = NewestPages::new(1 << 20);
        for _ in 0..1_000 {
            put(&pages, 10_000);
        }
        assert!(pages.kept.weight() <= 1 << 20 && pages.kept.weight() > 1 << 18);
        let none = NewestPages::new(0);
        put(&none, 10);
        assert_eq!(none.kept.len(), 0);
    }
}
