//! The connect params of a socket's URL (protocol §1.1).

use std::fmt;

use super::version::{UnsupportedVersion, Version};

/// The decoded query string of a connect or long-poll request (protocol §1.1).
///
/// Nested keys stay as they were written (`user[id]`). The number of pairs is bounded by whatever bounds the
/// request line. `Debug` shows keys only: values may be tokens.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Decodes a query string without its `?`. Never fails: empty pairs are skipped, bytes that are not UTF-8
    /// are replaced (protocol §1.1).
    pub fn parse(query: &str) -> Params {
        let pairs = form_urlencoded::parse(query.as_bytes());
        Params(
            pairs
                .filter(|(key, _)| !key.is_empty())
                .map(|(key, value)| (key.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// The value of `key`; of a repeated key the last one (protocol §1.1).
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|(k, _)| k == key)
            .map(|(_, value)| value.as_str())
    }

    /// All values of `key` in the order of the URL. Long poll needs them where the app's `token` and the
    /// session's share a name (protocol §8.6).
    pub fn get_all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(k, _)| k == key)
            .map(|(_, value)| value.as_str())
    }

    /// The version asked for by `vsn`. A list or map (`vsn[]=…`) is refused like an unknown version (protocol §1.2).
    pub fn vsn(&self) -> Result<Version, UnsupportedVersion> {
        let last = self
            .0
            .iter()
            .rev()
            .find(|(key, _)| key == "vsn" || key.starts_with("vsn["));
        match last {
            None => Version::negotiate(None),
            Some((key, value)) if key == "vsn" => Version::negotiate(Some(value)),
            Some(_) => Err(UnsupportedVersion),
        }
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(key, _)| key)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_pairs_and_a_trailing_ampersand_parse() {
        let params = Params::parse("&&token=a%20b+c&&vsn=2.0.0&=x&");
        assert_eq!(params.get("token"), Some("a b c"));
        assert_eq!(params.vsn(), Ok(Version::V2));
        assert_eq!(params.get(""), None);
        assert_eq!(params.get("missing"), None);
        assert_eq!(Params::parse("").vsn(), Ok(Version::V1));
    }

    #[test]
    fn the_last_of_a_repeated_key_wins_and_all_can_be_seen() {
        let params = Params::parse("token=user&vsn=2.0.0&token=session");
        assert_eq!(params.get("token"), Some("session"));
        assert_eq!(params.get_all("token").collect::<Vec<_>>(), ["user", "session"]);
    }

    #[test]
    fn nested_params_keep_their_written_key() {
        assert_eq!(Params::parse("user%5Bid%5D=7").get("user[id]"), Some("7"));
    }

    #[test]
    fn a_vsn_that_is_not_a_scalar_or_is_empty_is_refused() {
        for query in [
            "vsn[]=2.0.0",
            "vsn%5B%5D=2.0.0",
            "vsn[a]=1",
            "vsn=",
            "vsn",
            "vsn=2.0.0&vsn[]=2.0.0",
        ] {
            assert_eq!(Params::parse(query).vsn(), Err(UnsupportedVersion), "{query}");
        }
    }

    #[test]
    fn debug_output_hides_values() {
        assert_eq!(format!("{:?}", Params::parse("token=secret")), r#"["token"]"#);
    }

    proptest::proptest! {
        #[test]
        fn no_query_string_panics(query in "\\PC*") {
            let params = Params::parse(&query);
            let _ = params.vsn();
        }
    }
}
