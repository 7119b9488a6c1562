//! Base64 as clients really send it: either alphabet, padded or not (protocol §1.5, §8.4).

use ::base64::Engine;
use ::base64::alphabet::STANDARD;
use ::base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes the standard or the URL-safe alphabet; `None` for anything else.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if !text.iter().any(|byte| matches!(byte, b'-' | b'_')) {
        return ENGINE.decode(text).ok();
    }
    let standard: Vec<u8> = text
        .iter()
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    ENGINE.decode(standard).ok()
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn both_alphabets_decode_with_and_without_padding() {
        for text in ["-_8=", "-_8", "+/8=", "+/8"] {
            assert_eq!(decode(text.as_bytes()), Some(vec![0xfb, 0xff]), "{text}");
        }
        assert_eq!(decode(b""), Some(Vec::new()));
        assert_eq!(decode(b"%%%"), None);
        assert_eq!(decode(b"a"), None);
    }
}
