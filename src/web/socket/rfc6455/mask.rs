//! Masking (RFC 6455 §5.3): payload byte `i` is XORed with byte `i mod 4` of the key.

/// A masking key, turned to where the payload has got to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mask([u8; 4]);

impl Mask {
    /// The key as it stands in the header.
    pub fn new(key: [u8; 4]) -> Self {
        Self(key)
    }

    /// Masks, or unmasks, the next bytes of the payload in place.
    pub fn apply(&mut self, payload: &mut [u8]) {
        let [a, b, c, d] = self.0;
        let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        // Whole words of a known size are what the compiler makes vector instructions of.
        let (words, rest) = payload.as_chunks_mut::<8>();
        for bytes in words {
            *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
        }
        for (byte, key) in rest.iter_mut().zip(self.0.iter().cycle()) {
            *byte ^= key;
        }
        self.0.rotate_left(rest.len() % 4);
    }
}

#[cfg(test)]
mod tests {
    use super::Mask;

    #[test]
    fn every_length_is_masked_as_the_definition_says_in_one_piece_or_two() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for len in 0..100_u8 {
            let payload: Vec<u8> = (0..len).collect();
            let expected: Vec<u8> = payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
            for cut in 0..=payload.len() {
                let mut masked = payload.clone();
                let mut mask = Mask::new(key);
                let (head, tail) = masked.split_at_mut(cut);
                mask.apply(head);
                mask.apply(tail);
                assert_eq!(masked, expected, "{len} bytes cut at {cut}");
            }
        }
    }

    #[test]
    fn the_example_of_the_rfc_is_unmasked() {
        let mut payload = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        Mask::new([0x37, 0xfa, 0x21, 0x3d]).apply(&mut payload);
        assert_eq!(&payload, b"Hello");
    }
}
