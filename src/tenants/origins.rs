//! Which pages may use a tenant's chat: origins compared as what they are, not as text.

use crate::phoenix::Origin;

/// Most characters of an entry.
pub const ORIGIN_CHARS_MAX: usize = 255;

/// What an entry of a tenant's list has to look like, for who wrote another one.
pub(super) const ORIGIN_RULE: &str = "must be origins like https://example.com, without a path; *. in front of the host \
                                      stands for one label, and names are in their xn-- form";

/// The text is no entry of a list of origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{ORIGIN_RULE}")]
pub struct OriginError;

/// A tenant's list of origins.
///
/// | entry | allows |
/// |---|---|
/// | `scheme://host`, `scheme://host:port` | that origin; without a port the scheme's default |
/// | `scheme://*.host[:port]` | hosts with exactly one label more; neither the host itself nor `a.b.host` |
///
/// `null`, which sandboxed pages and files send, is never in it: the setting `allow_null_origin` is for that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedOrigins(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// What is allowed, or with `one_label` what follows the label.
    origin: Origin,
    one_label: bool,
}

impl AllowedOrigins {
    /// Reads a list.
    ///
    /// # Errors
    /// [`OriginError`] when one of the entries is none.
    pub fn parse(entries: &[String]) -> Result<Self, OriginError> {
        let entries = entries.iter().map(|entry| Entry::parse(entry).ok_or(OriginError));
        entries.collect::<Result<_, _>>().map(Self)
    }

    /// Whether pages of this origin are meant, which is written as browsers send it.
    pub fn allows(&self, origin: &str) -> bool {
        Origin::parse(origin).is_some_and(|origin| self.0.iter().any(|entry| entry.allows(&origin)))
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if text.len() > ORIGIN_CHARS_MAX {
            return None;
        }
        let (scheme, authority) = text.split_once("://")?;
        let (one_label, authority) = match authority.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, authority),
        };
        let origin = Origin::parse(&format!("{scheme}://{authority}"))?;
        if one_label && !has_subdomains(&origin.host) {
            return None;
        }
        Some(Self { origin, one_label })
    }

    fn allows(&self, origin: &Origin) -> bool {
        let host = if self.one_label {
            match origin.host.split_once('.') {
                Some((label, rest)) if !label.is_empty() => rest,
                _ => return false,
            }
        } else {
            &origin.host
        };
        (&self.origin.scheme, self.origin.host.as_str(), self.origin.port) == (&origin.scheme, host, origin.port)
    }
}

/// Whether a wildcard may stand before this host: everything under a whole top-level domain would be too much, and
/// addresses have no subdomains.
fn has_subdomains(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    let last = host.rsplit('.').next().unwrap_or(host);
    let is_address = host.starts_with('[') || last.bytes().all(|byte| byte.is_ascii_digit());
    (host == "localhost" || host.contains('.')) && !is_address
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn list(entries: &[&str]) -> AllowedOrigins {
        let entries: Vec<_> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        AllowedOrigins::parse(&entries).unwrap()
    }

    #[test]
    fn an_entry_allows_its_origin_and_no_other() {
        let allowed = list(&["https://site.com"]);
        for origin in ["https://site.com", "https://site.com:443", "HTTPS://Site.COM"] {
            assert!(allowed.allows(origin), "{origin}");
        }
        for origin in [
            "http://site.com",
            "https://site.com:8443",
            "https://site.com:80",
            "https://www.site.com",
            "https://evil-site.com",
            "https://evilsite.com",
            "https://site.com.evil",
            "https://site.com.",
            "https://site.com@evil.example",
            "https://evil.example#site.com",
            "https://evil.example/site.com",
            "https://site.com/",
            "https://site.com https://site.com",
            "https://site.com, https://evil.example",
            "//site.com",
            "site.com",
            "null",
            "",
        ] {
            assert!(!allowed.allows(origin), "{origin}");
        }
    }

    #[test]
    fn a_wildcard_is_exactly_one_label() {
        let allowed = list(&["https://*.site.com", "http://*.localhost:3000"]);
        for origin in [
            "https://www.site.com",
            "https://A.site.com:443",
            "http://shop.localhost:3000",
        ] {
            assert!(allowed.allows(origin), "{origin}");
        }
        for origin in [
            "https://site.com",
            "https://.site.com",
            "https://a.b.site.com",
            "https://www.site.com:8443",
            "http://www.site.com",
            "https://www.site.com.evil",
            "https://www.evil-site.com",
            "https://evilsite.com",
            "https://*.site.com",
            "http://localhost:3000",
            "null",
        ] {
            assert!(!allowed.allows(origin), "{origin}");
        }
    }

    #[test]
    fn ports_and_addresses_are_compared_as_such() {
        let allowed = list(&[
            "http://localhost:4000",
            "https://[::1]:8443",
            "http://site.com:80",
            "https://10.0.0.1",
        ]);
        for origin in [
            "http://localhost:4000",
            "https://[::1]:8443",
            "http://site.com",
            "https://10.0.0.1:443",
        ] {
            assert!(allowed.allows(origin), "{origin}");
        }
        for origin in [
            "http://localhost",
            "http://localhost:40000",
            "https://[::1]",
            "http://10.0.0.1",
        ] {
            assert!(!allowed.allows(origin), "{origin}");
        }
    }

    #[test]
    fn internationalised_names_are_compared_in_the_form_that_browsers_send() {
        let allowed = list(&["https://xn--bcher-kva.example"]);
        assert!(allowed.allows("https://xn--bcher-kva.example"));
        assert!(allowed.allows("https://XN--BCHER-KVA.example"));
        assert!(!allowed.allows("https://b\u{fc}cher.example"));
        assert!(!allowed.allows("https://bucher.example"));
    }

    #[test]
    fn an_empty_list_allows_nothing() {
        for origin in ["https://site.com", "null", ""] {
            assert!(!list(&[]).allows(origin), "{origin}");
        }
    }

    #[test]
    fn other_texts_are_no_entries() {
        for entry in [
            "",
            "*",
            "null",
            "site.com",
            "//site.com",
            "https://",
            "https://*",
            "https://*.",
            "https://*.com",
            "https://*.com.",
            "https://*.10.0.0.1",
            "https://*.0.0.1",
            "https://*.[::1]",
            "https://a.*.site.com",
            "https://*.*.site.com",
            "https://site.com/",
            "https://site.com/chat",
            "https://site.com?x",
            "https://user@site.com",
            "https://site com",
            "https://site.com;",
            "https://site.com:",
            "https://site.com:99999",
            "https://b\u{fc}cher.example",
            &format!("https://{}.example", "a".repeat(ORIGIN_CHARS_MAX)),
        ] {
            assert_eq!(AllowedOrigins::parse(&[entry.to_owned()]), Err(OriginError), "{entry}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(entry in "([a-z]{1,5}://)?(\\*\\.)?\\PC*", origin in "([a-z]{1,5}://)?\\PC*") {
            let allowed = AllowedOrigins::parse(&[entry]).unwrap_or_default();
            let _ = allowed.allows(&origin);
        }
    }
}
