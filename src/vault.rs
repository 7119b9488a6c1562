//! Secrets that are kept in the database, sealed: who reads the database alone reads none of them.
//!
//! A value is sealed with XChaCha20-Poly1305 under a key made from `auth.master_key`, and bound to its place by a
//! *context*: moved to another row, or another tenant, it does not open. Each sealed value names its key, so that a
//! retired master key (`auth.retired_master_keys`) goes on opening what it sealed until all is sealed anew.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::config::AuthSettings;

/// The form of sealed values; another cipher would get another one.
const VERSION: &str = "v1";

/// Bytes of a nonce: enough for random ones never to meet.
const NONCE_BYTES: usize = 24;

/// Bytes of what names a key.
const KEY_ID_BYTES: usize = 8;

/// Why a sealed value could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// It was sealed with a key that is neither the current nor a retired one.
    #[error("sealed with a master key that is not given; add it to auth.retired_master_keys")]
    UnknownKey,
    /// It is no sealed value, was changed, or belongs somewhere else.
    #[error("the sealed value is damaged")]
    Damaged,
}

/// Seals and opens secrets. Its `Debug` shows none of the keys.
pub struct Vault {
    current: MasterKey,
    retired: Vec<MasterKey>,
}

struct MasterKey {
    /// Derived from the key too: names it, and tells nothing about it.
    id: String,
    cipher: XChaCha20Poly1305,
}

impl MasterKey {
    fn derive(secret: &SecretString) -> Self {
        let source = Hkdf::<Sha256>::new(None, secret.expose_secret().as_bytes());
        let mut key = Key::default();
        let mut id = [0; KEY_ID_BYTES];
        for (purpose, out) in [
            ("parlour vault key", key.as_mut_slice()),
            ("parlour vault key id", &mut id),
        ] {
            #[expect(clippy::expect_used, reason = "refuses lengths above 255 hashes only")]
            source.expand(purpose.as_bytes(), out).expect("HKDF makes so few bytes");
        }
        Self {
            id: id.iter().map(|byte| format!("{byte:02x}")).collect(),
            cipher: XChaCha20Poly1305::new(&key),
        }
    }
}

impl Vault {
    /// A vault that seals with `current`, and opens what `current` or one of `retired` sealed.
    pub fn new(current: &SecretString, retired: &[SecretString]) -> Self {
        Self {
            current: MasterKey::derive(current),
            retired: retired.iter().map(MasterKey::derive).collect(),
        }
    }

    /// The vault of these settings; none without `auth.master_key`.
    pub fn from_settings(auth: &AuthSettings) -> Option<Self> {
        let current = auth.master_key.as_ref()?;
        Some(Self::new(current, &auth.retired_master_keys))
    }

    /// Seals a secret for one place, which `context` names: nobody opens it with another one.
    ///
    /// # Panics
    ///
    /// When the operating system has no randomness to give; nothing could be kept secret then.
    #[expect(
        clippy::expect_used,
        reason = "without randomness no secret can be kept, and the cipher refuses only more than memory holds"
    )]
    pub fn seal(&self, plain: &SecretString, context: &str) -> String {
        let mut sealed = vec![0; NONCE_BYTES];
        getrandom::fill(&mut sealed).expect("the operating system's random source answers");
        let nonce = XNonce::try_from(sealed.as_slice()).expect("a nonce's length");
        let payload = Payload {
            msg: plain.expose_secret().as_bytes(),
            aad: context.as_bytes(),
        };
        sealed.extend(
            self.current
                .cipher
                .encrypt(&nonce, payload)
                .expect("a short text is sealed"),
        );
        format!("{VERSION}.{}.{}", self.current.id, URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens what was sealed for this context.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn open(&self, sealed: &str, context: &str) -> Result<SecretString, VaultError> {
        let (id, sealed) = parts(sealed).ok_or(VaultError::Damaged)?;
        let key = [&self.current]
            .into_iter()
            .chain(&self.retired)
            .find(|key| key.id == id)
            .ok_or(VaultError::UnknownKey)?;
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| VaultError::Damaged)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or(VaultError::Damaged)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| VaultError::Damaged)?;
        let payload = Payload {
            msg: sealed,
            aad: context.as_bytes(),
        };
        let plain = key.cipher.decrypt(&nonce, payload).map_err(|_| VaultError::Damaged)?;
        String::from_utf8(plain)
            .map(SecretString::from)
            .map_err(|_| VaultError::Damaged)
    }

    /// Whether a value is sealed with the current key. What is no sealed value is not.
    pub fn is_current(&self, sealed: &str) -> bool {
        parts(sealed).is_some_and(|(id, _)| id == self.current.id)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

/// The id of the key, and what it sealed.
fn parts(sealed: &str) -> Option<(&str, &str)> {
    let (version, rest) = sealed.split_once('.')?;
    let (id, sealed) = rest.split_once('.')?;
    (version == VERSION).then_some((id, sealed))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const OLD: &str = "the master key of last year, long enough";
    const NEW: &str = "the master key of this year, long enough";

    fn vault(current: &str, retired: &[&str]) -> Vault {
        let retired: Vec<_> = retired.iter().map(|key| SecretString::from(*key)).collect();
        Vault::new(&current.into(), &retired)
    }

    fn open(vault: &Vault, sealed: &str, context: &str) -> Result<String, VaultError> {
        vault
            .open(sealed, context)
            .map(|plain| plain.expose_secret().to_owned())
    }

    #[test]
    fn what_is_sealed_opens_in_its_own_place_only() {
        let vault = vault(NEW, &[]);
        let sealed = vault.seal(&"hunter2".into(), "tenant a, key 1");
        assert!(sealed.starts_with("v1.") && !sealed.contains("hunter2"), "{sealed}");
        assert_eq!(open(&vault, &sealed, "tenant a, key 1"), Ok("hunter2".to_owned()));
        for context in ["tenant b, key 1", "tenant a, key 2", ""] {
            assert_eq!(open(&vault, &sealed, context), Err(VaultError::Damaged), "{context}");
        }
        assert_ne!(
            vault.seal(&"hunter2".into(), "tenant a, key 1"),
            sealed,
            "sealed twice, it looks different"
        );
    }

    #[test]
    fn a_retired_key_opens_and_seals_nothing_any_more() {
        let sealed = vault(OLD, &[]).seal(&"hunter2".into(), "here");
        let rotated = vault(NEW, &[OLD]);
        assert_eq!(open(&rotated, &sealed, "here"), Ok("hunter2".to_owned()));
        assert!(!rotated.is_current(&sealed));
        let anew = rotated.seal(&"hunter2".into(), "here");
        assert!(rotated.is_current(&anew));
        let later = vault(NEW, &[]);
        assert_eq!(open(&later, &anew, "here"), Ok("hunter2".to_owned()));
        assert_eq!(open(&later, &sealed, "here"), Err(VaultError::UnknownKey));
    }

    #[test]
    fn a_changed_value_does_not_open() {
        let vault = vault(NEW, &[]);
        let sealed = vault.seal(&"hunter2".into(), "here");
        let start = sealed.rfind('.').unwrap() + 1;
        for at in start..sealed.len() {
            // A bit that counts: the last ones of the last digit may be beyond the end.
            let other = if sealed.as_bytes()[at] == b'A' { "Q" } else { "A" };
            let mut changed = sealed.clone();
            changed.replace_range(at..=at, other);
            assert_eq!(open(&vault, &changed, "here"), Err(VaultError::Damaged), "{changed}");
        }
        for garbage in ["", "v1", "v1.", "v1..", "hunter2", &sealed[..sealed.len() - 30]] {
            assert!(open(&vault, garbage, "here").is_err(), "{garbage}");
            assert!(!vault.is_current("hunter2"));
        }
        let other_version = sealed.replacen("v1", "v2", 1);
        assert_eq!(open(&vault, &other_version, "here"), Err(VaultError::Damaged));
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:?}", vault(NEW, &[OLD]));
        assert!(!shown.contains("year"), "{shown}");
        assert_eq!(shown, "Vault { .. }");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*", context in "\\PC*") {
            let vault = vault(NEW, &[]);
            proptest::prop_assert!(vault.open(&text, &context).is_err());
            let of_this_key = format!("v1.{}.{text}", vault.current.id);
            proptest::prop_assert!(vault.open(&of_this_key, &context).is_err());
        }
    }
}
