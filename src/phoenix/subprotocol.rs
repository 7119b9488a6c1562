//! The auth token that 1.8 clients hide in `Sec-WebSocket-Protocol` (protocol §1.5).
//!
//! Only for servers that have this switched on; otherwise the header is ignored and never answered.

use std::fmt;

use super::lenient_base64;

/// The subprotocol that is answered in the 101, where [`Subprotocols::select`] says so.
pub const SUBPROTOCOL: &str = "phoenix";

/// Most bytes a decoded auth token may have.
pub const AUTH_TOKEN_BYTES_MAX: usize = 4096;

const TOKEN_PREFIX: &str = "base64url.bearer.phx.";

/// What came out of the offered subprotocols (protocol §1.5). `Debug` hides the token.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Subprotocols {
    /// The decoded token, at most [`AUTH_TOKEN_BYTES_MAX`] bytes; the connect callback judges it.
    pub auth_token: Option<String>,
    /// Answer with `sec-websocket-protocol: phoenix`; without, send no such header.
    pub select: bool,
}

impl fmt::Debug for Subprotocols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subprotocols")
            .field("auth_token", &self.auth_token.as_ref().map(|_| "…"))
            .field("select", &self.select)
            .finish()
    }
}

/// Why the offered subprotocols are refused; the connect is answered with 403 (protocol §1.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubprotocolError {
    /// The token is no base64, no UTF-8, or too long.
    #[error("the auth token in the subprotocol header cannot be decoded")]
    UndecodableToken,
    /// Two tokens: nobody can tell which one is meant.
    #[error("more than one auth token in the subprotocol header")]
    RepeatedToken,
    /// Something was offered, and `phoenix` was not among it.
    #[error("no acceptable subprotocol was offered")]
    NoneAcceptable,
}

/// Takes the auth token out of the offered subprotocols, then negotiates the rest (protocol §1.5).
///
/// `header` is the value of `Sec-WebSocket-Protocol`, several headers joined by commas.
pub fn negotiate_subprotocols(header: Option<&str>) -> Result<Subprotocols, SubprotocolError> {
    let mut found = Subprotocols::default();
    let mut other_offered = false;
    for offer in header
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|offer| !offer.is_empty())
    {
        if let Some(encoded) = offer.strip_prefix(TOKEN_PREFIX) {
            let token = decode_token(encoded).ok_or(SubprotocolError::UndecodableToken)?;
            if found.auth_token.replace(token).is_some() {
                return Err(SubprotocolError::RepeatedToken);
            }
        } else if offer == SUBPROTOCOL {
            found.select = true;
        } else {
            other_offered = true;
        }
    }
    if other_offered && !found.select {
        return Err(SubprotocolError::NoneAcceptable);
    }
    Ok(found)
}

fn decode_token(encoded: &str) -> Option<String> {
    // Four characters carry three bytes; checked first so that nothing huge is decoded.
    if encoded.len() > AUTH_TOKEN_BYTES_MAX.div_ceil(3) * 4 {
        return None;
    }
    let token = String::from_utf8(lenient_base64::decode(encoded.as_bytes())?).ok()?;
    (token.len() <= AUTH_TOKEN_BYTES_MAX).then_some(token)
}

#[cfg(test)]
mod tests {
    use ::base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD, Engine};

    use super::*;

    fn found(auth_token: Option<&str>, select: bool) -> Result<Subprotocols, SubprotocolError> {
        Ok(Subprotocols {
            auth_token: auth_token.map(str::to_owned),
            select,
        })
    }

    #[test]
    fn the_token_decodes_from_both_alphabets_padded_or_not_in_any_order() {
        let token = "ÿÿ??>>~~ token";
        let encodings = [
            BASE64_STANDARD.encode(token),
            BASE64_STANDARD_NO_PAD.encode(token),
            BASE64_URL_SAFE.encode(token),
            BASE64_URL_SAFE_NO_PAD.encode(token),
        ];
        for encoded in encodings {
            let first = format!("phoenix, base64url.bearer.phx.{encoded}");
            let last = format!("base64url.bearer.phx.{encoded},phoenix");
            assert_eq!(negotiate_subprotocols(Some(&first)), found(Some(token), true));
            assert_eq!(negotiate_subprotocols(Some(&last)), found(Some(token), true));
        }
    }

    #[test]
    fn only_the_token_entry_connects_without_selecting_a_subprotocol() {
        assert_eq!(
            negotiate_subprotocols(Some("base64url.bearer.phx.YWJj")),
            found(Some("abc"), false)
        );
    }

    #[test]
    fn no_header_connects_without_a_token() {
        assert_eq!(negotiate_subprotocols(None), found(None, false));
        assert_eq!(negotiate_subprotocols(Some("")), found(None, false));
        assert_eq!(negotiate_subprotocols(Some("phoenix")), found(None, true));
    }

    #[test]
    fn another_entry_instead_of_phoenix_is_refused() {
        for header in ["graphql-ws", "base64url.bearer.phx.YWJj, graphql-ws"] {
            assert_eq!(
                negotiate_subprotocols(Some(header)),
                Err(SubprotocolError::NoneAcceptable)
            );
        }
        assert_eq!(negotiate_subprotocols(Some("graphql-ws, phoenix")), found(None, true));
    }

    #[test]
    fn an_undecodable_token_is_refused() {
        for encoded in ["%%%", "a", "/////w"] {
            let header = format!("phoenix, base64url.bearer.phx.{encoded}");
            assert_eq!(
                negotiate_subprotocols(Some(&header)),
                Err(SubprotocolError::UndecodableToken),
                "{encoded}"
            );
        }
    }

    #[test]
    fn two_tokens_are_refused() {
        let header = "base64url.bearer.phx.YWJj, phoenix, base64url.bearer.phx.YWJj";
        assert_eq!(
            negotiate_subprotocols(Some(header)),
            Err(SubprotocolError::RepeatedToken)
        );
    }

    #[test]
    fn a_token_of_four_kibibytes_is_the_longest() {
        let header = |len: usize| {
            format!(
                "phoenix, {TOKEN_PREFIX}{}",
                BASE64_STANDARD_NO_PAD.encode("t".repeat(len))
            )
        };
        let longest = "t".repeat(AUTH_TOKEN_BYTES_MAX);
        assert_eq!(
            negotiate_subprotocols(Some(&header(AUTH_TOKEN_BYTES_MAX))),
            found(Some(&longest), true)
        );
        for len in [AUTH_TOKEN_BYTES_MAX + 1, AUTH_TOKEN_BYTES_MAX + 2, 100_000] {
            assert_eq!(
                negotiate_subprotocols(Some(&header(len))),
                Err(SubprotocolError::UndecodableToken)
            );
        }
    }

    #[test]
    fn debug_output_hides_the_token() {
        let shown = format!("{:?}", negotiate_subprotocols(Some("base64url.bearer.phx.YWJj")));
        assert!(!shown.contains("abc"), "{shown}");
    }

    proptest::proptest! {
        #[test]
        fn no_header_panics(header in "\\PC*") {
            let _ = negotiate_subprotocols(Some(&header));
            let _ = negotiate_subprotocols(Some(&format!("{TOKEN_PREFIX}{header}")));
        }
    }
}
