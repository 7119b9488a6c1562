//! Just enough of the Phoenix V2 envelope, read by its bytes: no JSON is parsed for a delivery.

/// `[join_ref, ref, topic, event, payload]`, each a part of the frame. Text comes without quotes, null empty.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// The channel it is about.
    pub join_ref: &'a [u8],
    /// The request it answers.
    pub reference: &'a [u8],
    /// The topic.
    pub topic: &'a [u8],
    /// The event.
    pub event: &'a [u8],
    /// From the first byte of the payload to the end of the frame, with the last bracket.
    pub payload: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Reads a frame; `None` when it is nothing of the kind.
    #[inline]
    pub fn read(frame: &'a [u8]) -> Option<Self> {
        let mut at = skip_space(frame, 0);
        if *frame.get(at)? != b'[' {
            return None;
        }
        at += 1;
        let mut parts: [&[u8]; 4] = [b""; 4];
        for part in &mut parts {
            at = skip_space(frame, at);
            let (text, end) = scalar(frame, at)?;
            *part = text;
            at = skip_space(frame, end);
            if *frame.get(at)? != b',' {
                return None;
            }
            at += 1;
        }
        let [join_ref, reference, topic, event] = parts;
        Some(Self {
            join_ref,
            reference,
            topic,
            event,
            payload: &frame[skip_space(frame, at)..],
        })
    }
}

fn skip_space(bytes: &[u8], from: usize) -> usize {
    let space = bytes[from..].iter().take_while(|byte| byte.is_ascii_whitespace());
    from + space.count()
}

/// A text, null or number, and where it ends.
#[inline]
fn scalar(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    if *bytes.get(at)? == b'"' {
        let mut end = at + 1;
        loop {
            match *bytes.get(end)? {
                b'"' => return Some((&bytes[at + 1..end], end + 1)),
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
    }
    let rest = &bytes[at..];
    let length = rest
        .iter()
        .position(|byte| matches!(byte, b',' | b']' | b'}' | b' '))
        .unwrap_or(rest.len());
    let text = &rest[..length];
    Some((if text == b"null" { b"" } else { text }, at + length))
}

/// A decimal number, nothing else.
pub fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The number behind the first `"key":` of a frame.
pub fn number_of(frame: &[u8], key: &[u8]) -> Option<u64> {
    let rest = &frame[memchr::memmem::find(frame, key)? + key.len()..];
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    number(&rest[..length])
}

/// Whether the payload of a reply says that all is well. `tail` is the end of the frame: the same bytes, unless the
/// frame was so large that only its ends were kept.
pub fn reply_is_ok(payload: &[u8], tail: &[u8]) -> bool {
    if payload.starts_with(b"{\"status\":\"ok\"") || tail.ends_with(b"\"status\":\"ok\"}]") {
        return true;
    }
    if payload.starts_with(b"{\"status\":\"error\"") || tail.ends_with(b"\"status\":\"error\"}]") {
        return false;
    }
    // `status` stands somewhere in the middle: the rest of the frame has to be read.
    let object = payload.strip_suffix(b"]").unwrap_or(payload);
    serde_json::from_slice::<serde_json::Value>(object.trim_ascii()).is_ok_and(|reply| reply["status"] == "ok")
}

/// Text as JSON.
pub fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn envelopes_are_taken_apart() {
        let frame = Envelope::read(br#"[null,null,"room:a","new_message",{"content":"x"}]"#).unwrap();
        assert_eq!((frame.topic, frame.event), (&b"room:a"[..], &b"new_message"[..]));
        assert!(frame.reference.is_empty() && frame.join_ref.is_empty());
        assert!(frame.payload.starts_with(b"{\"content"));
        let frame = Envelope::read(br#" ["1", "12", "r\"]x" , "phx_reply", {} ]"#).unwrap();
        assert_eq!(number(frame.reference), Some(12));
        assert_eq!(frame.topic, br#"r\"]x"#);
        assert!(Envelope::read(b"{}").is_none());
        assert!(Envelope::read(b"[\"1\",\"2").is_none());
    }

    #[test]
    fn the_status_of_a_reply_is_found_wherever_it_stands() {
        let ok = |reply: &[u8]| reply_is_ok(reply, reply);
        assert!(ok(br#"{"status":"ok","response":{}}]"#));
        assert!(ok(br#"{"response":{"status":"error"},"status":"ok"}]"#));
        assert!(!ok(br#"{"response":{"status":"ok"},"status":"error"}]"#));
        assert!(!ok(br#"{"status":"error","response":{"status":"ok"}}]"#));
        assert!(ok(br#"{ "response" : ["status","ok"], "status" : "ok" } ]"#));
        assert!(!ok(
            br#"{ "response" : {"status":"ok"}, "x":"status", "status" : "error" } ]"#
        ));
        assert!(!ok(br#"{"response":{}}]"#));
    }

    #[test]
    fn numbers_are_found_by_their_key() {
        assert_eq!(number_of(br#"{"a":1,"seq":42,"b":2}"#, b"\"seq\":"), Some(42));
        assert_eq!(number_of(br#"{"seq":null}"#, b"\"seq\":"), None);
    }
}
