//! The pure parts of long polling: request bodies and answers (protocol §8).

use bytes::Bytes;
use bytestring::ByteString;

use super::encode::push_json_str;
use super::lenient_base64;

/// The content type of the official client's POSTs; compared exactly (protocol §8.4).
pub const NDJSON: &str = "application/x-ndjson";

/// One frame of a POST body (protocol §8.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PollLine {
    /// A text frame.
    Text(String),
    /// A binary frame, out of its base64.
    Binary(Bytes),
}

/// A body that holds an undecodable line: the session ends, the answer is an error (protocol §8.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PollBodyError {
    /// A text frame that is not UTF-8.
    #[error("a text frame that is not UTF-8")]
    Utf8,
    /// A line that is neither a text frame nor base64.
    #[error("a line that is neither a text frame nor base64")]
    Base64,
}

/// Splits the body of a POST into frames (protocol §8.4).
///
/// `application/x-ndjson` has a frame on each line; empty lines do not count, lines beyond `lines_max` are
/// dropped unseen. With any other content type the whole body is one text frame. The caller bounds the body.
pub fn parse_body(content_type: Option<&str>, body: &[u8], lines_max: usize) -> Result<Vec<PollLine>, PollBodyError> {
    if content_type != Some(NDJSON) {
        return text_line(body).map(|line| vec![line]);
    }
    body.split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
        .take(lines_max)
        .map(|line| match line {
            [b'[', ..] => text_line(line),
            _ => lenient_base64::decode(line)
                .map(|data| PollLine::Binary(data.into()))
                .ok_or(PollBodyError::Base64),
        })
        .collect()
}

fn text_line(line: &[u8]) -> Result<PollLine, PollBodyError> {
    let text = std::str::from_utf8(line).map_err(|_| PollBodyError::Utf8)?;
    Ok(PollLine::Text(text.to_owned()))
}

/// The body of every long-poll answer: JSON with the real status inside (protocol §8.1).
///
/// `token` and `messages` are keys of GET answers that are not 403; `None` leaves the key out.
pub fn poll_response(status: u16, token: Option<&str>, messages: Option<&[ByteString]>) -> String {
    let messages_len: usize = messages
        .unwrap_or_default()
        .iter()
        .map(|message| message.len() + message.len() / 4)
        .sum();
    let mut out = String::with_capacity(64 + token.map_or(0, str::len) + messages_len);
    out.push_str(r#"{"status":"#);
    out.push_str(&status.to_string());
    if let Some(token) = token {
        out.push_str(r#","token":"#);
        push_json_str(&mut out, token);
    }
    if let Some(messages) = messages {
        out.push_str(r#","messages":["#);
        for (index, message) in messages.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            push_json_str(&mut out, message);
        }
        out.push(']');
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn text(line: &str) -> PollLine {
        PollLine::Text(line.to_owned())
    }

    #[test]
    fn lines_end_in_either_newline_and_empty_ones_are_skipped() {
        let body = b"[1]\r\n\n[2]\n\r\n[3]\n";
        assert_eq!(
            parse_body(Some(NDJSON), body, 100),
            Ok(vec![text("[1]"), text("[2]"), text("[3]")])
        );
        assert_eq!(parse_body(Some(NDJSON), b"", 100), Ok(vec![]));
    }

    #[test]
    fn a_line_without_a_bracket_is_a_binary_frame_in_base64() {
        let body = b"[1]\nAAECAw==\nAAECAw\n";
        let binary = PollLine::Binary(Bytes::from_static(&[0, 1, 2, 3]));
        assert_eq!(
            parse_body(Some(NDJSON), body, 100),
            Ok(vec![text("[1]"), binary.clone(), binary])
        );
    }

    #[test]
    fn lines_beyond_the_limit_are_dropped_unseen() {
        assert_eq!(
            parse_body(Some(NDJSON), b"[1]\n\n[2]\n%%%\n", 2),
            Ok(vec![text("[1]"), text("[2]")])
        );
    }

    #[test]
    fn any_other_content_type_is_one_text_frame() {
        for content_type in [
            None,
            Some("application/json"),
            Some("application/x-ndjson; charset=utf-8"),
        ] {
            assert_eq!(
                parse_body(content_type, b"{\"a\":1}\n[2]", 1),
                Ok(vec![text("{\"a\":1}\n[2]")])
            );
        }
    }

    #[test]
    fn an_undecodable_line_is_an_error() {
        assert_eq!(parse_body(Some(NDJSON), b"[1]\n%%%", 100), Err(PollBodyError::Base64));
        assert_eq!(parse_body(Some(NDJSON), b"[\xff]", 100), Err(PollBodyError::Utf8));
        assert_eq!(parse_body(None, b"\xff", 100), Err(PollBodyError::Utf8));
    }

    #[test]
    fn answers_have_the_documented_shapes() {
        let frames = [r#"["1","1","room:7","phx_reply",{"status":"ok","response":{}}]"#, "[2]"].map(ByteString::from);
        let expected = r#"{"status":200,"token":"S","messages":["[\"1\",\"1\",\"room:7\",\"phx_reply\",{\"status\":\"ok\",\"response\":{}}]","[2]"]}"#;
        assert_eq!(poll_response(200, Some("S"), Some(&frames)), expected);
        assert_eq!(
            poll_response(410, Some("S"), Some(&[])),
            r#"{"status":410,"token":"S","messages":[]}"#
        );
        assert_eq!(
            poll_response(204, Some("S"), Some(&[])),
            r#"{"status":204,"token":"S","messages":[]}"#
        );
        assert_eq!(poll_response(403, None, None), r#"{"status":403}"#);
    }

    proptest::proptest! {
        #[test]
        fn no_body_panics(body: Vec<u8>) {
            let _ = parse_body(Some(NDJSON), &body, 10);
            let _ = parse_body(None, &body, 10);
        }

        #[test]
        fn messages_survive_the_answer(messages: Vec<String>, token: String) {
            let frames: Vec<ByteString> = messages.iter().map(|message| message.as_str().into()).collect();
            let answer: serde_json::Value =
                serde_json::from_str(&poll_response(200, Some(&token), Some(&frames))).unwrap();
            proptest::prop_assert_eq!(answer, serde_json::json!({"status": 200, "token": token, "messages": messages}));
        }
    }
}
