//! What is known of users besides their usernames, and the rules for it, whoever says it.

use sea_orm::{UpdateMany, sea_query::Expr};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    entity::user,
    validation::{Violations, given},
};

/// Most characters of a website's own id of a user.
pub const EXTERNAL_ID_CHARS_MAX: usize = 255;

/// Most characters of a name to show.
pub const NAME_CHARS_MAX: usize = 80;

/// Longest address of a picture, in bytes.
pub const AVATAR_URL_BYTES_MAX: usize = 2048;

/// Most digits of the hash of an e-mail address.
pub const EMAIL_HASH_CHARS_MAX: usize = 128;

/// Most bytes of what else a website says of a user, as JSON.
pub const ATTRS_BYTES_MAX: usize = 4096;

/// What is to become of what is known of a user. What is `None` stays as it is; what is `Some(None)` goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ProfilePatch {
    /// The name to show: 1 to [`NAME_CHARS_MAX`] characters.
    #[serde(deserialize_with = "given")]
    pub name: Option<Option<String>>,
    /// A picture: an `https` address of up to [`AVATAR_URL_BYTES_MAX`] bytes.
    #[serde(deserialize_with = "given")]
    pub avatar_url: Option<Option<String>>,
    /// A hash of the e-mail address: up to [`EMAIL_HASH_CHARS_MAX`] hexadecimal digits.
    #[serde(deserialize_with = "given")]
    pub email_hash: Option<Option<String>>,
    /// What else there is to say: an object of up to [`ATTRS_BYTES_MAX`] bytes.
    #[serde(deserialize_with = "given")]
    pub attrs: Option<Option<Map<String, Value>>>,
}

impl ProfilePatch {
    /// What breaks the rules.
    pub fn violations(&self) -> Violations {
        let mut violations = Violations::new();
        if let Some(Some(name)) = &self.name {
            check_name(&mut violations, name);
        }
        if refuses(self.avatar_url.as_ref(), |url| is_picture(url)) {
            violations.add(
                "avatar_url",
                format!("must be an https address of at most {AVATAR_URL_BYTES_MAX} bytes"),
            );
        }
        if refuses(self.email_hash.as_ref(), |hash| is_hash(hash)) {
            violations.add(
                "email_hash",
                format!("must be 1 to {EMAIL_HASH_CHARS_MAX} hexadecimal digits"),
            );
        }
        let is_short =
            |attrs: &Map<String, Value>| serde_json::to_string(attrs).is_ok_and(|json| json.len() <= ATTRS_BYTES_MAX);
        if refuses(self.attrs.as_ref(), is_short) {
            violations.add("attrs", format!("must be at most {ATTRS_BYTES_MAX} bytes"));
        }
        violations
    }

    /// The name to begin with.
    pub(super) fn first_name(&self) -> Option<&str> {
        self.name.as_ref()?.as_deref()
    }

    /// Puts what is said into users' rows.
    pub(super) fn update(self, mut query: UpdateMany<user::Entity>) -> UpdateMany<user::Entity> {
        if let Some(name) = self.name {
            query = query.col_expr(user::Column::Name, Expr::value(name));
        }
        if let Some(avatar_url) = self.avatar_url {
            query = query.col_expr(user::Column::AvatarUrl, Expr::value(avatar_url));
        }
        if let Some(email_hash) = self.email_hash {
            query = query.col_expr(user::Column::EmailHash, Expr::value(email_hash));
        }
        if let Some(attrs) = self.attrs {
            query = query.col_expr(user::Column::Attrs, Expr::value(attrs.map(Value::Object)));
        }
        query
    }
}

/// Whether something is said, and breaks its rule.
fn refuses<T>(said: Option<&Option<T>>, rule: impl FnOnce(&T) -> bool) -> bool {
    matches!(said, Some(Some(value)) if !rule(value))
}

/// Notes what is wrong with a name to show.
pub(super) fn check_name(violations: &mut Violations, name: &str) {
    if !is_name(name) {
        violations.add("name", format!("must be 1 to {NAME_CHARS_MAX} characters to be seen"));
    }
}

/// Whether people can be called so: 1 to [`NAME_CHARS_MAX`] characters, something to see among them, without control
/// characters and those that turn the direction of the text around them.
fn is_name(text: &str) -> bool {
    let is_invisible =
        |char: char| char.is_whitespace() || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    let turns_text = |char: char| matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().count() <= NAME_CHARS_MAX
        && !text.chars().all(is_invisible)
        && !text.chars().any(|char| char.is_control() || turns_text(char))
}

/// Whether a website may have this id for a user.
pub(super) fn is_external_id(text: &str) -> bool {
    (1..=EXTERNAL_ID_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

fn is_picture(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .and_then(|rest| rest.split(['/', '?', '#']).next());
    text.len() <= AVATAR_URL_BYTES_MAX
        && host.is_some_and(|host| !host.is_empty() && !host.contains('@'))
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\^`{|}".contains(&byte))
}

fn is_hash(text: &str) -> bool {
    (1..=EMAIL_HASH_CHARS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_seen_and_turn_no_text_around() {
        for name in ["Z", "Zoë Müller", "王小明", "O'Neil <b>", "محمد", &"é".repeat(80)] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            " ",
            "\u{200b}",
            "a\0b",
            "a\nb",
            "\u{202e}nimda",
            "a\u{2066}b",
            &"é".repeat(81),
        ] {
            assert!(!is_name(name), "{name:?}");
        }
    }

    #[test]
    fn pictures_come_over_https_from_a_host() {
        for url in ["https://cdn.example/a.png?x=1#y", "https://[::1]:8443/a", "https://a"] {
            assert!(is_picture(url), "{url}");
        }
        let long = format!("https://a/{}", "x".repeat(2048));
        for url in [
            "",
            "https://",
            "https:///a",
            "http://a/b",
            "//a/b",
            "HTTPS://a",
            "javascript:alert(1)",
            "data:image/png;base64,AA==",
            "https://user:password@a/",
            "https://a/\" onerror=\"",
            "https://a/ b",
            "https://é/",
            long.as_str(),
        ] {
            assert!(!is_picture(url), "{url}");
        }
    }

    #[test]
    fn what_is_missing_stays_and_what_is_null_goes() {
        let patch: ProfilePatch = serde_json::from_str(r#"{"name":"Ann","avatar_url":null}"#).unwrap_or_default();
        assert_eq!(patch.name, Some(Some("Ann".to_owned())));
        assert_eq!((patch.avatar_url, patch.email_hash), (Some(None), None));
        for wrong in [r#"{"attrs":[]}"#, r#"{"attrs":"{}"}"#, r#"{"name":5}"#] {
            assert!(serde_json::from_str::<ProfilePatch>(wrong).is_err(), "{wrong}");
        }
    }
}
