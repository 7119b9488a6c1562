//! Frames of RFC 6455, as far as a client and a little test server need them.

/// The opcodes of RFC 6455, section 5.2.
pub mod opcode {
    /// Goes on with the message before.
    pub const CONTINUATION: u8 = 0;
    /// A message of text.
    pub const TEXT: u8 = 1;
    /// A message of bytes.
    pub const BINARY: u8 = 2;
    /// The end of the connection, with a code.
    pub const CLOSE: u8 = 8;
    /// Wants a pong.
    pub const PING: u8 = 9;
    /// Answers a ping.
    pub const PONG: u8 = 10;
}

/// The head of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Whether the message ends with this frame.
    pub last: bool,
    /// What it is.
    pub opcode: u8,
    /// Bytes of the head itself.
    pub length: usize,
    /// Bytes of the payload.
    pub payload: u64,
    /// What the payload is masked with; servers do not mask.
    pub mask: Option<[u8; 4]>,
}

/// The head at the beginning; `None` while it is incomplete.
#[inline]
pub fn header(bytes: &[u8]) -> Option<Header> {
    let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
    let (payload, rest) = match second & 0x7f {
        126 => {
            let (length, rest) = rest.split_first_chunk()?;
            (u64::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk()?;
            (u64::from_be_bytes(*length), rest)
        }
        length => (u64::from(length), rest),
    };
    let (mask, rest) = if second & 0x80 == 0 {
        (None, rest)
    } else {
        let (mask, rest) = rest.split_first_chunk()?;
        (Some(*mask), rest)
    };
    Some(Header {
        last: first & 0x80 != 0,
        opcode: first & 0x0f,
        length: bytes.len() - rest.len(),
        payload,
        mask,
    })
}

/// Masks or unmasks.
#[inline]
pub fn mask(bytes: &mut [u8], key: [u8; 4]) {
    let word = u32::from_ne_bytes(key);
    let word = u64::from(word) | (u64::from(word) << 32);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// Appends a frame that is a whole message; clients give a key to mask it with.
pub fn put_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8], key: Option<u32>) {
    let masked = if key.is_some() { 0x80 } else { 0 };
    out.push(0x80 | opcode);
    match payload.len() {
        length @ 0..126 => out.push(masked | length as u8),
        length @ 126..65_536 => {
            out.push(masked | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(masked | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    let key = key.map(u32::to_ne_bytes);
    if let Some(key) = key {
        out.extend_from_slice(&key);
    }
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = key {
        mask(&mut out[start..], key);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn frames_are_read_as_they_were_written() {
        for length in [0usize, 1, 7, 125, 126, 127, 300, 65_535, 65_536, 70_000] {
            let payload: Vec<u8> = (0..length).map(|byte| (byte * 7) as u8).collect();
            for key in [None, Some(0x1234_5678)] {
                let mut frame = vec![];
                put_frame(&mut frame, opcode::TEXT, &payload, key);
                let head = header(&frame).unwrap();
                assert!(head.last && head.opcode == opcode::TEXT && head.payload == length as u64);
                assert_eq!(head.mask.is_some(), key.is_some());
                let mut read = frame[head.length..].to_vec();
                if let Some(key) = head.mask {
                    mask(&mut read, key);
                }
                assert_eq!(read, payload);
                assert!((0..head.length).all(|cut| header(&frame[..cut]).is_none()));
            }
        }
    }
}
