//! Rooms of pages: one for each page of a website, found by the page's address.
//!
//! They are public rooms that nobody has created: administrators alone can delete one until somebody is made its owner.
//! A site has many of them, so they are in no list but those of their members.

use url::Url;

use super::{
    Error, Role, Room, RoomKind, RoomRef, new_rooms,
    rooms::{self, ROOM_NAME_CHARS_MAX},
};
use crate::{config::Cap, digest::sha256_hex, entity::room, scope::Scope, store::Store, validation::Violations};

/// Most characters of a page's address, as it is given and as it is kept.
pub const PAGE_URL_CHARS_MAX: usize = 2048;

/// How the slugs of pages' rooms begin; [`DIGITS`] of the address's digest follow.
const PREFIX: &str = "page-";

/// Hexadecimal digits in a slug: 128 bits, so no two addresses meet.
const DIGITS: usize = 32;

/// Under this name below `/rooms` are the rooms of pages, so that no room can be called so.
const PATH: &str = "page";

/// The address of a page in the one form that is compared: without fragment and credentials, scheme and host in lower
/// case, without its scheme's default port. Its query belongs to it; which parts of that matter, the site says by the
/// address that it declares canonical.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageUrl(Url);

impl PageUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// A violation of `url` when it is none of a page, or longer than [`PAGE_URL_CHARS_MAX`].
    pub fn parse(text: &str) -> Result<Self, Violations> {
        let violation = |problem: &str| Violations::of("url", problem.to_owned());
        let no_page = || violation("must be an address that begins with http:// or https://");
        let too_long = || violation(&format!("must be at most {PAGE_URL_CHARS_MAX} characters"));
        if text.len() > PAGE_URL_CHARS_MAX {
            return Err(too_long());
        }
        let mut url = Url::parse(text).map_err(|_| no_page())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(no_page());
        }
        url.set_fragment(None);
        if url.query() == Some("") {
            url.set_query(None);
        }
        url.set_username("")
            .and_then(|()| url.set_password(None))
            .map_err(|()| no_page())?;
        // What has to be escaped in an address is longer then.
        if url.as_str().len() > PAGE_URL_CHARS_MAX {
            return Err(too_long());
        }
        Ok(Self(url))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The origin of the page, as its browser tells it.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The slug of the page's room.
    pub fn slug(&self) -> String {
        let digest = sha256_hex(&[self.as_str().as_bytes()]);
        format!("{PREFIX}{}", &digest[..DIGITS])
    }

    /// What the page's room is called: as the page; a page without a title by its place on the site.
    fn room_name(&self, title: Option<&str>) -> String {
        let title = title.unwrap_or_default().replace(char::is_control, " ");
        let words: Vec<&str> = title.split_whitespace().collect();
        let path = || match self.0.path() {
            "/" => self.0.host_str().unwrap_or_default().to_owned(),
            path => path.to_owned(),
        };
        let name = if words.is_empty() { path() } else { words.join(" ") };
        let name: String = name.chars().take(ROOM_NAME_CHARS_MAX).collect();
        name.trim_end().to_owned()
    }
}

/// Whether a slug is, or could be, one of a page's room.
pub(super) fn is_page_slug(slug: &str) -> bool {
    slug == PATH
        || slug.strip_prefix(PREFIX).is_some_and(|digits| {
            digits.len() == DIGITS && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        })
}

/// The room of a page, with the asker's role in it; `None` when nobody has opened it yet.
///
/// # Errors
/// [`Error::Banned`].
pub async fn find_page_room(
    store: &Store,
    scope: &Scope,
    page: &PageUrl,
) -> Result<Option<(Room, Option<Role>)>, Error> {
    match rooms::find(store.reader(), scope, &RoomRef::Slug(page.slug())).await {
        Ok(found) => Ok(Some(found)),
        Err(Error::RoomNotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The room of a page, with the asker's role in it, and whether it is new: who opens it becomes its first member. Calls
/// at the same time get the same room.
///
/// The name of a new one is the title, cut to what a name can be.
///
/// # Errors
/// [`Error::Banned`]; [`Error::TooManyRooms`] when there is none yet and the tenant has `rooms_max`;
/// [`Error::UserNotFound`] when the asker is no user of the tenant.
pub async fn open_page_room(
    store: &Store,
    scope: &Scope,
    page: &PageUrl,
    title: Option<&str>,
    rooms_max: Cap<u64>,
) -> Result<(Room, Option<Role>, bool), Error> {
    if let Some((room, role)) = find_page_room(store, scope, page).await? {
        return Ok((room, role, false));
    }
    let row = room::Model {
        slug: Some(page.slug()),
        page_url: Some(page.as_str().to_owned()),
        ..new_rooms::blank_row(scope.tenant_id, RoomKind::Public, page.room_name(title))
    };
    let transaction = store.begin_write().await?;
    new_rooms::check_number(&transaction, scope.tenant_id, rooms_max).await?;
    if new_rooms::insert(&transaction, &row).await? {
        new_rooms::insert_member(&transaction, &row, scope.user_id, Role::Member).await?;
        transaction.commit().await?;
        return Ok((row.into(), Some(Role::Member), true));
    }
    // Somebody else was quicker, and has committed: the insert waited for that.
    let slug = RoomRef::Slug(page.slug());
    let (room, role) = rooms::find(&transaction, scope, &slug).await?;
    Ok((room, role, false))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn page(text: &str) -> PageUrl {
        PageUrl::parse(text).unwrap()
    }

    #[test]
    fn an_address_has_one_form() {
        for (given, kept) in [
            ("https://site.com", "https://site.com/"),
            ("HTTPS://Site.COM:443/Post", "https://site.com/Post"),
            ("http://site.com:80/a/../b", "http://site.com/b"),
            ("https://site.com:8443/", "https://site.com:8443/"),
            ("https://ann:secret@site.com/post#comments", "https://site.com/post"),
            ("https://site.com/post?", "https://site.com/post"),
            ("https://site.com/post?id=1&b=2#x", "https://site.com/post?id=1&b=2"),
            ("  https://site.com/\tpost\n", "https://site.com/post"),
            (
                "https://b\u{fc}cher.example/\u{fc}",
                "https://xn--bcher-kva.example/%C3%BC",
            ),
            ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ] {
            assert_eq!(page(given).as_str(), kept, "{given}");
            assert_eq!(page(kept).as_str(), kept, "{kept}");
        }
        assert_eq!(page("HTTP://Site.com:80/x?y").origin(), "http://site.com");
        assert_eq!(page("https://site.com:8443/x").origin(), "https://site.com:8443");
    }

    #[test]
    fn other_texts_are_no_addresses_of_pages() {
        for text in [
            "",
            "/post",
            "site.com/post",
            "//site.com/post",
            "ftp://site.com/post",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/html,x",
            "blob:https://site.com/0",
            "about:blank",
            "https://",
            "https:// site.com",
            "https://site.com:99999/",
            &format!("https://site.com/{}", "a".repeat(PAGE_URL_CHARS_MAX)),
            &format!("https://site.com/{}", "\u{fc}".repeat(500)),
        ] {
            assert!(PageUrl::parse(text).is_err(), "{text}");
        }
        let longest = format!("https://site.com/{}", "a".repeat(PAGE_URL_CHARS_MAX - 17));
        assert_eq!(page(&longest).as_str(), longest);
    }

    #[test]
    fn a_page_has_one_slug_and_no_other_room_has_it() {
        let slug = page("https://site.com/post").slug();
        assert_eq!(slug, page("https://SITE.com:443/post#top").slug());
        assert_ne!(slug, page("https://site.com/post/").slug());
        assert_ne!(slug, page("http://site.com/post").slug());
        assert!(is_page_slug(&slug) && is_page_slug("page"));
        for other in [
            "page-2",
            "pages",
            "page-",
            &slug[..36],
            &format!("{slug}0"),
            &slug.to_uppercase(),
        ] {
            assert!(!is_page_slug(other), "{other}");
        }
    }

    #[test]
    fn a_room_is_called_as_its_page() {
        let post = page("https://site.com/posts/night-train?x=1");
        for (title, name) in [
            (Some("Night train"), "Night train"),
            (Some("  Night\n\ttrain \u{0} to Porto "), "Night train to Porto"),
            (Some(" \u{7} "), "/posts/night-train"),
            (None, "/posts/night-train"),
        ] {
            assert_eq!(post.room_name(title), name, "{title:?}");
        }
        assert_eq!(page("https://Site.com").room_name(None), "site.com");
        let long = post.room_name(Some(&"\u{65e5} ".repeat(100)));
        assert_eq!(long.chars().count(), ROOM_NAME_CHARS_MAX - 1, "no space at the end");
    }

    proptest::proptest! {
        #[test]
        fn what_is_kept_is_kept_as_it_is(text in "https?://([a-z]{1,3}(:[a-z]*)?@)?\\PC*", title in "\\PC*") {
            if let Ok(page) = PageUrl::parse(&text) {
                let again = PageUrl::parse(page.as_str()).unwrap();
                proptest::prop_assert_eq!(&again, &page);
                proptest::prop_assert!(!page.as_str().contains(['@', '#']) || !page.origin().contains(['@', '#']));
                let name = page.room_name(Some(&title));
                proptest::prop_assert!((1..=ROOM_NAME_CHARS_MAX).contains(&name.chars().count()));
            }
        }
    }
}
