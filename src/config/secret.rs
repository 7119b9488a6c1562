//! Secrets: how they are read and hidden, which are too weak, and how development gets its own.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serializer};

/// What stands in the place of a secret.
pub(super) const HIDDEN: &str = "[hidden]";

/// Shortest secret outside development, in bytes.
pub(super) const SECRET_BYTES_MIN: usize = 32;

/// Fewest different bytes in a secret: 32 random digits have more, barring one case in a million.
const DIFFERENT_BYTES_MIN: usize = 6;

/// Secrets that anyone can read in a document of this repository. A test finds the ones that are missing here.
pub(super) const PUBLISHED_SECRETS: &[&str] = &[
    "compose-example-secret-for-this-machine-only-4f9c2d7a",
    "compose-example-operator-token-for-this-machine-only-81be",
    "compose-example-master-key-for-this-machine-only-c3d05e96",
];

/// Why `secret` may not be used outside development, if so.
pub(super) fn weakness(secret: &SecretString) -> Option<&'static str> {
    let secret = secret.expose_secret().trim();
    let bytes = secret.as_bytes();
    let mut different = bytes.to_vec();
    different.sort_unstable();
    different.dedup();
    if bytes.len() < SECRET_BYTES_MIN {
        Some("is shorter than 32 bytes")
    } else if PUBLISHED_SECRETS
        .iter()
        .any(|published| secret.eq_ignore_ascii_case(published))
    {
        Some("is an example printed in Parlour's documents; generate one of your own")
    } else if different.len() < DIFFERENT_BYTES_MIN || repeats(bytes) {
        Some("is of low variety; generate a random one")
    } else {
        None
    }
}

/// Whether the whole text is one short piece over and over.
fn repeats(bytes: &[u8]) -> bool {
    (1..=bytes.len() / 2).any(|unit| bytes.iter().zip(&bytes[unit..]).all(|(a, b)| a == b))
}

/// The secret in `data_dir/name`, generated and kept there when there is none.
///
/// # Errors
///
/// When the folder or the file cannot be made or read.
pub(super) fn kept(data_dir: &Path, name: &str) -> io::Result<SecretString> {
    let path = data_dir.join(name);
    match read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir)?;
    let mut random = [0_u8; 48];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    // Written aside and linked: the name never stands for half a secret, and of two processes that start
    // together both end up with the secret of the first.
    let aside = data_dir.join(format!(".{name}.{}", uuid::Uuid::new_v4()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&aside)?;
    let written = file
        .write_all(URL_SAFE_NO_PAD.encode(random).as_bytes())
        .and_then(|()| file.sync_all());
    let linked = written.and_then(|()| match fs::hard_link(&aside, &path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    });
    fs::remove_file(&aside)?;
    linked?;
    read(&path)
}

/// The secret in a file, without white space around it.
///
/// # Errors
///
/// When it cannot be read, or is empty.
pub(super) fn read(path: &Path) -> io::Result<SecretString> {
    let text = SecretString::from(fs::read_to_string(path)?);
    match text.expose_secret().trim() {
        "" => Err(io::Error::new(io::ErrorKind::InvalidData, "the file is empty")),
        secret => Ok(SecretString::from(secret)),
    }
}

#[expect(clippy::ref_option, reason = "serde's signature")]
pub(super) fn serialize<S: Serializer>(value: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if value.is_some() { HIDDEN } else { "" })
}

/// The empty text is no secret.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    let secret = SecretString::deserialize(deserializer)?;
    Ok(Some(secret).filter(|secret| !secret.expose_secret().is_empty()))
}

/// Several secrets; each is shown as hidden.
pub(super) mod list {
    use secrecy::{ExposeSecret, SecretString};
    use serde::{Deserialize, Deserializer, Serializer};

    use super::HIDDEN;

    pub fn serialize<S: Serializer>(secrets: &[SecretString], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(secrets.iter().map(|_| HIDDEN))
    }

    /// Empty texts are no secrets.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SecretString>, D::Error> {
        let mut secrets = Vec::<SecretString>::deserialize(deserializer)?;
        secrets.retain(|secret| !secret.expose_secret().is_empty());
        Ok(secrets)
    }
}

pub(super) fn serialize_url<S: Serializer>(url: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&shown_url(url.expose_secret()))
}

/// What may be shown of a database's URL: all of an SQLite file's; of any other neither credentials nor query, which
/// may carry a password too.
fn shown_url(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.to_owned();
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return HIDDEN.to_owned();
    };
    let (rest, query) = match rest.split_once('?') {
        // Credentials with a bare question mark: where they end is anyone's guess.
        Some((_, query)) if query.contains('@') => return format!("{scheme}://{HIDDEN}"),
        Some((rest, _)) => (rest, "?[hidden]"),
        None => (rest, ""),
    };
    let (credentials, place) = match rest.rsplit_once('@') {
        Some((_, place)) => ("[hidden]@", place),
        None => ("", rest),
    };
    format!("{scheme}://{credentials}{place}{query}")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    fn is_weak(secret: &str) -> bool {
        weakness(&SecretString::from(secret)).is_some()
    }

    #[test]
    fn short_monotonous_and_published_secrets_are_weak() {
        assert!(is_weak("short"));
        assert!(is_weak(&"x".repeat(64)));
        assert!(is_weak(&"abcdefghij".repeat(5)));
        assert!(is_weak("12345678901234567890123456789012"));
        assert!(is_weak(&format!("{}   ", PUBLISHED_SECRETS[0])));
    }

    #[test]
    fn random_secrets_of_32_bytes_are_not_weak() {
        assert!(!is_weak("9f86d081884c7d659a2feaa0c55ad015"));
        assert!(!is_weak("31415926535897932384626433832795"));
        assert!(!is_weak("correct horse battery staple, twice over"));
    }

    #[test]
    fn a_generated_secret_is_strong_private_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("deep/data");
        let first = kept(&data_dir, "secret_key").unwrap();
        assert!(weakness(&first).is_none());
        let mode = fs::metadata(data_dir.join("secret_key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            kept(&data_dir, "secret_key").unwrap().expose_secret(),
            first.expose_secret()
        );
        assert_eq!(
            fs::read_dir(&data_dir).unwrap().count(),
            1,
            "nothing else is left behind"
        );
    }

    #[test]
    fn processes_that_start_together_agree_on_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let secrets: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| kept(folder.path(), "secret_key").unwrap()))
                .collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap().expose_secret().to_owned())
                .collect()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
    }

    #[test]
    fn of_a_database_url_only_the_place_is_shown() {
        assert_eq!(shown_url("sqlite://data/parlour.db"), "sqlite://data/parlour.db");
        assert_eq!(
            shown_url("postgres://u:hunter2@db:5432/chat"),
            "postgres://[hidden]@db:5432/chat"
        );
        assert_eq!(
            shown_url("postgres://u:p@ss/w@db/chat?password=hunter2"),
            "postgres://[hidden]@db/chat?[hidden]"
        );
        assert_eq!(shown_url("postgres:///chat?password=hunter2@x"), "postgres://[hidden]");
        assert_eq!(shown_url("postgres://u:hun?ter2@db/chat"), "postgres://[hidden]");
        assert_eq!(shown_url("hunter2"), "[hidden]");
    }

    /// Texts of this repository that people read or copy from.
    fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
        const SKIPPED: [&str; 5] = ["target", "node_modules", ".git", "data", "src"];
        const ENDINGS: [&str; 13] = [
            "md", "yml", "yaml", "toml", "env", "example", "sh", "html", "js", "mjs", "json", "ts", "txt",
        ];
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
            if entry.file_type().unwrap().is_dir() {
                if !SKIPPED.contains(&name.as_str()) {
                    documents(&path, found);
                }
            } else if ENDINGS.contains(&ending.as_str())
                || ["Makefile", "Dockerfile", "run"].contains(&name.as_str())
                || name.starts_with(".env")
            {
                found.push(path);
            }
        }
    }

    /// What a line assigns to something called like a secret of Parlour, when it is a plain value.
    fn assigned_secret(line: &str) -> Option<&str> {
        const NAMES: [&str; 6] = [
            "secret_key",
            "secret_key_base",
            "guardian_secret_key",
            "operator_token",
            "master_key",
            "retired_master_keys",
        ];
        let lower = line.to_ascii_lowercase();
        NAMES.iter().find_map(|name| {
            let after = &line[lower.find(name)? + name.len()..];
            let after = after.trim_start_matches(['"', '\'', '`']).trim_start();
            let value = after
                .strip_prefix([':', '='])?
                .trim_start()
                .trim_start_matches(['"', '\'', '`']);
            let value = value
                .split(['"', '\'', '`', ' ', ',', ';', '\\', ')', '<', '|'])
                .next()?
                .trim();
            (value.len() >= 16 && !value.starts_with(['$', '/', '{'])).then_some(value)
        })
    }

    #[test]
    fn every_secret_in_a_document_is_refused_in_production() {
        assert_eq!(
            assigned_secret("  PARLOUR_AUTH__SECRET_KEY: \"abcdefghijklmnopq\""),
            Some("abcdefghijklmnopq")
        );
        assert_eq!(
            assigned_secret("export SECRET_KEY_BASE=abcdefghijklmnopq make"),
            Some("abcdefghijklmnopq")
        );
        assert_eq!(
            assigned_secret("PARLOUR_AUTH__SECRET_KEY=$(openssl rand -base64 48)"),
            None
        );

        let mut found = Vec::new();
        documents(Path::new(env!("CARGO_MANIFEST_DIR")), &mut found);
        assert!(
            found.iter().any(|path| path.ends_with("docker-compose.yml")),
            "the search looks at nothing"
        );
        let mut seen: Vec<String> = Vec::new();
        for path in found {
            let text = fs::read(&path).unwrap();
            for secret in String::from_utf8_lossy(&text).lines().filter_map(assigned_secret) {
                assert!(
                    PUBLISHED_SECRETS.contains(&secret),
                    "{}: add {secret} to PUBLISHED_SECRETS",
                    path.display()
                );
                seen.push(secret.to_owned());
            }
        }
        for secret in PUBLISHED_SECRETS {
            assert!(
                seen.iter().any(|seen| seen == secret),
                "no document prints {secret} any more"
            );
        }
    }
}
