//! Lists come in pages: a limit, and an opaque cursor that says where the page before ended.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::validation::Violations;

/// Most items a page can have.
pub const PAGE_LIMIT_MAX: u64 = 100;

/// Items of a page when nobody asks for a number.
pub const PAGE_LIMIT_DEFAULT: u64 = 50;

/// Longest cursor that is looked at, in bytes; those Parlour gives out are far shorter.
const CURSOR_BYTES_MAX: usize = 512;

/// Which page of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Most items to return, 1 to [`PAGE_LIMIT_MAX`].
    pub limit: u64,
    /// `next_cursor` of the page before; `None` for the first page.
    pub cursor: Option<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self {
            limit: PAGE_LIMIT_DEFAULT,
            cursor: None,
        }
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// What to ask the next page with; `None` on the last page.
    pub next_cursor: Option<String>,
}

/// Checks a limit: 1 to [`PAGE_LIMIT_MAX`].
pub(crate) fn check_limit(limit: u64) -> Result<(), Violations> {
    if (1..=PAGE_LIMIT_MAX).contains(&limit) {
        Ok(())
    } else {
        Err(Violations::of(
            "limit",
            format!("must be between 1 and {PAGE_LIMIT_MAX}"),
        ))
    }
}

/// The lists that have cursors. A cursor names its list, so that one of another list is refused
/// instead of being read as a wrong place in this one.
#[derive(Clone, Copy)]
pub(crate) enum List {
    Users,
    Rooms,
    Dms,
    Members,
    Invitations,
    RoomInvitations,
    Bans,
    Mutes,
    Audit,
    ApiKeys,
    AllRooms,
    Tenants,
}

impl List {
    const fn tag(self) -> u8 {
        match self {
            Self::Users => b'u',
            Self::Rooms => b'r',
            Self::Dms => b'd',
            Self::Members => b'm',
            Self::Invitations => b'i',
            Self::RoomInvitations => b'o',
            Self::Bans => b'b',
            Self::Mutes => b'q',
            Self::Audit => b'l',
            Self::ApiKeys => b'k',
            Self::AllRooms => b'a',
            Self::Tenants => b't',
        }
    }

    /// The cursor of the item with this key.
    pub fn cursor(self, key: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode([&[self.tag()], key].concat())
    }

    /// The key behind a request's cursor, after checking its limit. `read` turns the bytes into the key, or into `None`
    /// when they are none.
    ///
    /// # Errors
    /// The violations of a limit that is out of range, or of a cursor that is none of this list.
    pub fn start<K>(
        self,
        request: &PageRequest,
        read: impl FnOnce(&[u8]) -> Option<K>,
    ) -> Result<Option<K>, Violations> {
        check_limit(request.limit)?;
        let Some(cursor) = &request.cursor else {
            return Ok(None);
        };
        let key = (cursor.len() <= CURSOR_BYTES_MAX)
            .then(|| URL_SAFE_NO_PAD.decode(cursor).ok())
            .flatten()
            .and_then(|bytes| bytes.strip_prefix(&[self.tag()]).and_then(read));
        key.map(Some)
            .ok_or_else(|| Violations::of("cursor", "is not a cursor of this list"))
    }

    /// A page out of up to `limit + 1` rows: the one too many says that there is another page.
    pub fn page<T, K: AsRef<[u8]>>(self, mut items: Vec<T>, limit: u64, key: impl FnOnce(&T) -> K) -> Page<T> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = if more {
            items.last().map(|last| self.cursor(key(last).as_ref()))
        } else {
            None
        };
        Page { items, next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> Option<String> {
        String::from_utf8(bytes.to_vec()).ok()
    }

    #[test]
    fn a_cursor_leads_back_to_its_key() {
        let request = PageRequest {
            limit: 1,
            cursor: Some(List::Users.cursor(b"alice")),
        };
        assert_eq!(List::Users.start(&request, text), Ok(Some("alice".to_owned())));
    }

    #[test]
    fn a_cursor_of_another_list_or_of_nobody_is_refused() {
        let foreign = List::Rooms.cursor(b"alice");
        for cursor in [foreign.as_str(), "", "!", "dQ==", &"A".repeat(10_000), "_____w"] {
            let request = PageRequest {
                limit: 1,
                cursor: Some(cursor.to_owned()),
            };
            assert_eq!(
                List::Users.start(&request, text),
                Err(Violations::of("cursor", "is not a cursor of this list")),
                "{cursor}"
            );
        }
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let page = List::Users.page(vec!["a", "b"], 2, |item| item.as_bytes().to_vec());
        assert_eq!((page.items.len(), page.next_cursor), (2, None));
        let page = List::Users.page(vec!["a", "b"], 1, |item| item.as_bytes().to_vec());
        assert_eq!(
            (page.items.len(), page.next_cursor),
            (1, Some(List::Users.cursor(b"a")))
        );
    }
}
