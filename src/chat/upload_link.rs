//! Addresses of uploads: good for a while, for everybody who has one.
//!
//! A browser that shows a picture sends no token with its request, so the address itself is what opens it. It says
//! until when it is good, and is signed with a key that the upload has of its own: with the upload its addresses end.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{ids::UploadId, timestamp::Timestamp};

/// An address is good for at least this long, and at most twice as long. It changes once in this time, so that browsers
/// find what they have kept.
pub const UPLOAD_LINK_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

const LIFETIME_S: i64 = UPLOAD_LINK_LIFETIME.as_secs().cast_signed();

/// Bytes of a key.
const KEY_BYTES: usize = 32;

/// What the addresses of one upload are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkKey(Vec<u8>);

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey")
    }
}

/// What opens an upload: the part of an address that only the server can make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadLink {
    /// Until when, in seconds since 1970.
    pub expires: i64,
    /// The signature of that and of the upload's id, in Base64 for addresses.
    pub signature: String,
}

impl LinkKey {
    /// A key that nobody knows.
    pub(super) fn generate() -> Result<Self, getrandom::Error> {
        let mut key = vec![0; KEY_BYTES];
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }

    /// The key that a row has.
    pub(super) const fn of_row(key: Vec<u8>) -> Self {
        Self(key)
    }

    /// The key as a row has it.
    pub(super) fn into_row(self) -> Vec<u8> {
        self.0
    }

    /// What opens an upload from now on.
    pub(super) fn sign(&self, id: UploadId, now: Timestamp) -> UploadLink {
        let expires = (now.seconds() / LIFETIME_S + 2) * LIFETIME_S;
        let signature = self
            .mac(id, expires)
            .map(|mac| URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
        UploadLink {
            expires,
            // Any key can be one, so there always is a signature; without one the address would open nothing.
            signature: signature.unwrap_or_default(),
        }
    }

    /// Whether this opens an upload now.
    pub(super) fn verify(&self, id: UploadId, link: &UploadLink, now: Timestamp) -> bool {
        let (Ok(signature), Some(mac)) = (URL_SAFE_NO_PAD.decode(&link.signature), self.mac(id, link.expires)) else {
            return false;
        };
        mac.verify_slice(&signature).is_ok() && now.seconds() < link.expires
    }

    fn mac(&self, id: UploadId, expires: i64) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(id.0.as_bytes());
        mac.update(&expires.to_be_bytes());
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn later(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(NOW.seconds() + seconds)
    }

    #[test]
    fn an_address_is_good_for_a_day_at_least_and_for_two_at_most() {
        let (key, id) = (LinkKey::generate().unwrap(), UploadId::generate());
        for offset in [0, 1, LIFETIME_S / 2, LIFETIME_S - 1] {
            let link = key.sign(id, later(offset));
            assert!(key.verify(id, &link, later(offset + LIFETIME_S)), "{offset}");
            assert!(!key.verify(id, &link, later(offset + 2 * LIFETIME_S)), "{offset}");
        }
    }

    #[test]
    fn an_address_stays_the_same_for_a_day() {
        let (key, id) = (LinkKey::generate().unwrap(), UploadId::generate());
        let midnight = Timestamp::from_seconds(NOW.seconds() / LIFETIME_S * LIFETIME_S);
        let at = |seconds| key.sign(id, Timestamp::from_seconds(midnight.seconds() + seconds));
        assert_eq!(at(0), at(LIFETIME_S - 1));
        assert_ne!(at(0), at(LIFETIME_S));
    }

    #[test]
    fn an_address_opens_what_it_was_made_for_and_nothing_else() {
        let (key, id) = (LinkKey::generate().unwrap(), UploadId::generate());
        let link = key.sign(id, NOW);
        assert!(key.verify(id, &link, NOW));
        assert!(!key.verify(UploadId::generate(), &link, NOW));
        assert!(!LinkKey::generate().unwrap().verify(id, &link, NOW));
        let longer = UploadLink {
            expires: link.expires + 1,
            ..link.clone()
        };
        assert!(!key.verify(id, &longer, NOW));
        for signature in ["", "AAAA", "not base64!", &link.signature[1..]] {
            let forged = UploadLink {
                signature: signature.to_owned(),
                ..link.clone()
            };
            assert!(!key.verify(id, &forged, NOW), "{signature}");
        }
    }

    #[test]
    fn a_key_is_shown_in_no_log() {
        assert_eq!(format!("{:?}", LinkKey::generate().unwrap()), "LinkKey");
    }
}
