//! Who each connection is, and which rooms there are.

use std::{fs, io};

use crate::random::mix;

/// The tokens connections show.
#[derive(Clone, Debug)]
pub struct Identities {
    /// Connection `i` takes token `i`, beyond the last one the first again.
    pub tokens: Vec<String>,
    /// Without tokens: what each is made from, see [`token`](Self::token).
    pub template: String,
    /// The same seed makes the same users.
    pub seed: u64,
}

impl Identities {
    /// The token of a connection: of the list, else of the template with `{uuid}`, `{name}` and `{n}` filled in.
    pub fn token(&self, connection: usize) -> String {
        if let Some(index) = connection.checked_rem(self.tokens.len()) {
            return self.tokens[index].clone();
        }
        self.template
            .replace("{uuid}", &uuid(self.seed, connection as u64))
            .replace("{name}", &format!("user{connection}"))
            .replace("{n}", &connection.to_string())
    }

    /// The same, for a query string.
    pub fn token_in_query(&self, connection: usize) -> String {
        let token = self.token(connection);
        token
            .bytes()
            .fold(String::with_capacity(token.len()), |mut query, byte| {
                if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                    query.push(char::from(byte));
                } else {
                    query.push_str(&format!("%{byte:02X}"));
                }
                query
            })
    }
}

/// The ids of the first `count` rooms: made from a template with `{uuid}` or `{n}`.
pub fn room_ids(template: &str, seed: u64, count: usize) -> Vec<String> {
    // The rooms of a seed are not its users.
    let seed = mix(seed);
    (0..count)
        .map(|room| {
            template
                .replace("{uuid}", &uuid(seed, room as u64))
                .replace("{n}", &room.to_string())
        })
        .collect()
}

/// The lines of a file, without empty ones.
pub fn read_lines(path: &std::path::Path) -> io::Result<Vec<String>> {
    let text = fs::read_to_string(path)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.map(str::to_owned).collect())
}

/// A UUID of version 4 that is always the same for these numbers.
fn uuid(seed: u64, number: u64) -> String {
    let upper = mix(mix(seed) ^ number);
    let lower = mix(upper);
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        upper >> 32,
        (upper >> 16) & 0xffff,
        upper & 0xfff,
        0x8000 | (lower >> 50),
        lower & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_from_the_list_or_the_template() {
        let made = Identities {
            tokens: vec![],
            template: "{uuid}:{name}".into(),
            seed: 1,
        };
        assert!(made.token(5).ends_with(":user5"));
        assert!(made.token_in_query(5).contains("%3Auser5"));
        let listed = Identities {
            tokens: vec!["a".into(), "b".into()],
            ..made
        };
        assert_eq!(listed.token(3), "b");
    }

    #[test]
    fn ids_are_of_version_four_and_differ() {
        let ids = room_ids("{uuid}", 1, 2);
        assert!(ids.iter().all(|id| id.len() == 36 && &id[14..15] == "4"));
        assert!(ids.iter().all(|id| matches!(&id[19..20], "8" | "9" | "a" | "b")));
        assert_ne!(ids[0], ids[1]);
    }
}
