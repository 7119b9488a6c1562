//! Which web pages may open a socket: the `Origin` check (protocol §1.4).

use std::str::FromStr;

/// One entry of a list of allowed origins (protocol §1.4).
///
/// | text | allows |
/// |---|---|
/// | `//host`, `//host:port` | any scheme; any port, or that one |
/// | `scheme://host`, `scheme://host:port` | that scheme; its default port, or that one |
/// | `//*.host`, `scheme://*.host[:port]` | the host itself and all its subdomains |
///
/// Hosts are ASCII (internationalised names in their `xn--` form) and compare without case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OriginPattern {
    scheme: Option<String>,
    host: String,
    subdomains: bool,
    /// `None` with a scheme means a scheme that has no default port.
    port: Option<u16>,
}

/// The text is none of the forms that [`OriginPattern`] lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an origin pattern is `//host`, `scheme://host`, with `:port` behind it or `*.` before the host where wanted")]
pub struct OriginPatternError;

impl FromStr for OriginPattern {
    type Err = OriginPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, authority) = text.split_once("//").ok_or(OriginPatternError)?;
        let scheme = match scheme.strip_suffix(':') {
            Some(scheme) => Some(parse_scheme(scheme).ok_or(OriginPatternError)?),
            None if scheme.is_empty() => None,
            None => return Err(OriginPatternError),
        };
        let (subdomains, authority) = match authority.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, authority),
        };
        let (host, port) = parse_authority(authority).ok_or(OriginPatternError)?;
        let port = port.or_else(|| scheme.as_deref().and_then(default_port));
        Ok(OriginPattern {
            scheme,
            host,
            subdomains,
            port,
        })
    }
}

impl OriginPattern {
    fn allows(&self, origin: &Origin) -> bool {
        let scheme_fits = self.scheme.as_ref().is_none_or(|scheme| *scheme == origin.scheme);
        let port_fits = (self.scheme.is_none() && self.port.is_none()) || self.port == origin.port;
        let host_fits = match origin.host.strip_suffix(&self.host) {
            Some("") => true,
            Some(before) => self.subdomains && before.len() > 1 && before.ends_with('.'),
            None => false,
        };
        scheme_fits && port_fits && host_fits
    }
}

/// Whether a request with this `Origin` header may connect (protocol §1.4).
///
/// Without the header yes: native clients send none. `null`, garbage, or an origin without a host: no.
/// To compare with the server's own host only, pass the one pattern `//host`.
pub fn origin_allowed(origin: Option<&str>, patterns: &[OriginPattern]) -> bool {
    let Some(origin) = origin else {
        return true;
    };
    Origin::parse(origin).is_some_and(|origin| patterns.iter().any(|pattern| pattern.allows(&origin)))
}

/// An `Origin` header taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// In lower case.
    pub scheme: String,
    /// ASCII, in lower case.
    pub host: String,
    /// Filled in from the scheme where it has a default.
    pub port: Option<u16>,
}

impl Origin {
    /// Reads `scheme://host` or `scheme://host:port`; all else, `null` too, is none.
    pub fn parse(text: &str) -> Option<Origin> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = parse_scheme(scheme)?;
        let (host, port) = parse_authority(authority)?;
        let port = port.or_else(|| default_port(&scheme));
        Some(Origin { scheme, host, port })
    }
}

fn parse_scheme(text: &str) -> Option<String> {
    let starts_with_letter = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let legal = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    (starts_with_letter && legal).then(|| text.to_ascii_lowercase())
}

fn parse_authority(text: &str) -> Option<(String, Option<u16>)> {
    let host_len = if text.starts_with('[') {
        text.find(']')? + 1
    } else {
        text.find(':').unwrap_or(text.len())
    };
    let (host, port) = text.split_at_checked(host_len)?;
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        // `parse` alone would take `+80`.
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        _ => return None,
    };
    let legal = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(ip) => ip.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        }
    };
    legal.then(|| (host.to_ascii_lowercase(), port))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn allowed(pattern: &str, origin: &str) -> bool {
        origin_allowed(Some(origin), &[pattern.parse().unwrap()])
    }

    #[test]
    fn a_host_alone_allows_any_scheme_and_port() {
        for origin in [
            "http://good.example",
            "https://good.example:8443",
            "HTTPS://GOOD.example",
            "app://good.example",
        ] {
            assert!(allowed("//good.example", origin), "{origin}");
        }
        let refused = [
            "http://good.example.evil",
            "http://evilgood.example",
            "http://a.good.example",
            "null",
            "garbage",
            "",
            "http://",
            "http://:80",
            "//good.example",
            "good.example",
            "http://good.example@evil.example",
            "http://evil.example/good.example",
            "http://evil.example#good.example",
            "http://good.example:",
            "http://good.example:+80",
            "http://good.example:99999",
            "http://good.example/",
            "http://[good.example",
        ];
        for origin in refused {
            assert!(!allowed("//good.example", origin), "{origin}");
        }
    }

    #[test]
    fn a_wildcard_allows_the_host_and_its_subdomains_on_the_default_port() {
        for origin in [
            "https://wild.example",
            "https://a.wild.example",
            "https://b.a.wild.example:443",
        ] {
            assert!(allowed("https://*.wild.example", origin), "{origin}");
        }
        let refused = [
            "http://a.wild.example",
            "https://a.wild.example:444",
            "https://notwild.example",
            "https://.wild.example",
            "https://wild.example.evil",
        ];
        for origin in refused {
            assert!(!allowed("https://*.wild.example", origin), "{origin}");
        }
        assert!(allowed("//*.wild.example", "http://a.wild.example:81"));
    }

    #[test]
    fn scheme_and_port_are_compared_where_the_pattern_has_them() {
        assert!(allowed("http://a.example", "http://a.example:80"));
        assert!(allowed("http://a.example:80", "http://a.example"));
        assert!(!allowed("http://a.example", "http://a.example:81"));
        assert!(!allowed("http://a.example", "https://a.example"));
        assert!(allowed("http://a.example:4000", "http://a.example:4000"));
        assert!(!allowed("http://a.example:4000", "http://a.example"));
        assert!(allowed("//a.example:443", "https://a.example"));
        assert!(!allowed("//a.example:443", "http://a.example"));
        assert!(allowed("capacitor://localhost", "capacitor://localhost"));
        assert!(allowed("http://[::1]:3000", "http://[::1]:3000"));
    }

    #[test]
    fn no_origin_is_always_allowed_and_an_empty_list_allows_no_origin() {
        assert!(origin_allowed(None, &[]));
        assert!(!origin_allowed(Some("https://a.example"), &[]));
    }

    #[test]
    fn patterns_of_another_form_are_errors() {
        let bad = [
            "",
            "*",
            "//",
            "host",
            "http://",
            "ht tp://a",
            "http:a",
            "//*",
            "//*.",
            "//a.*.b",
            "//a/b",
            "//a:b",
            "x//a",
            "//ä.example",
            "://a",
        ];
        for text in bad {
            assert_eq!(text.parse::<OriginPattern>(), Err(OriginPatternError), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_origin_and_no_pattern_panics(text in "\\PC*", origin in "[a-z]*://\\PC*") {
            let patterns: Vec<OriginPattern> = text.parse().into_iter().collect();
            let _ = origin_allowed(Some(&origin), &patterns);
            let _ = origin_allowed(Some(&text), &patterns);
        }
    }
}
