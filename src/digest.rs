//! Digests: what is kept of a secret that is only ever compared, and what a chain is made of.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// SHA-256 over the parts, one after the other, in lower-case hex.
pub fn sha256_hex(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_one_text() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(&[b"abc"]), expected);
        assert_eq!(sha256_hex(&[b"a", b"bc"]), expected);
    }
}
