//! Where an HTTP/1.1 answer ends, and what it says of itself.

use memchr::memmem;

use crate::phoenix;

/// The longest head of an answer.
const HEAD_MAX: usize = 64 * 1024;

/// A whole answer at the beginning of what was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Response {
    /// Bytes of it.
    pub length: usize,
    /// Its status.
    pub status: u16,
    /// Whether the connection stays open.
    pub keep_alive: bool,
}

/// Why bytes are no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ResponseError {
    #[error("the head is too long")]
    HeadTooLong,
    #[error("no HTTP response")]
    NotHttp,
    #[error("bad chunk")]
    Chunk,
    #[error("neither length nor chunks")]
    NoLength,
}

impl Response {
    /// Reads one; `None` while it is incomplete.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, ResponseError> {
        let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
            return if bytes.len() > HEAD_MAX {
                Err(ResponseError::HeadTooLong)
            } else {
                Ok(None)
            };
        };
        let (head, body) = (&bytes[..end], end + 4);
        let status = head.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
        let status = status.and_then(phoenix::number).ok_or(ResponseError::NotHttp)? as u16;
        let mut keep_alive = head.starts_with(b"HTTP/1.1");
        let mut length = None;
        let mut chunked = false;
        for line in head.split(|&byte| byte == b'\n').skip(1) {
            let Some(colon) = line.iter().position(|&byte| byte == b':') else {
                continue;
            };
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") {
                length = phoenix::number(value).map(|length| length as usize);
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                chunked = value.eq_ignore_ascii_case(b"chunked");
            } else if name.eq_ignore_ascii_case(b"connection") {
                keep_alive &= !value.eq_ignore_ascii_case(b"close");
            }
        }
        let end = if matches!(status, 204 | 304) {
            Some(body)
        } else if chunked {
            end_of_chunks(bytes, body)?
        } else {
            Some(body + length.ok_or(ResponseError::NoLength)?)
        };
        Ok(end.filter(|end| bytes.len() >= *end).map(|length| Self {
            length,
            status,
            keep_alive,
        }))
    }
}

/// Where the last chunk ends; `None` while it has not come.
fn end_of_chunks(bytes: &[u8], mut at: usize) -> Result<Option<usize>, ResponseError> {
    while let Some(line) = bytes.get(at..).and_then(|rest| memmem::find(rest, b"\r\n")) {
        let size = bytes[at..at + line]
            .split(|&byte| byte == b';')
            .next()
            .unwrap_or_default();
        let size = std::str::from_utf8(size)
            .ok()
            .and_then(|hex| usize::from_str_radix(hex.trim(), 16).ok());
        let size = size.ok_or(ResponseError::Chunk)?;
        at += line + 2 + size + 2;
        if size == 0 {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(length: usize, status: u16, keep_alive: bool) -> Result<Option<Response>, ResponseError> {
        Ok(Some(Response {
            length,
            status,
            keep_alive,
        }))
    }

    #[test]
    fn answers_end_where_they_say() {
        let counted = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(Response::read(counted), whole(counted.len(), 201, true));
        assert_eq!(Response::read(&counted[..counted.len() - 1]), Ok(None));
        let chunked =
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        assert_eq!(Response::read(chunked), whole(chunked.len(), 200, false));
        assert!((0..chunked.len()).all(|cut| Response::read(&chunked[..cut]) == Ok(None)));
        let empty = b"HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(Response::read(empty), whole(empty.len(), 204, true));
        assert_eq!(Response::read(b"HTTP/1.1 200 OK\r\n\r\n"), Err(ResponseError::NoLength));
        assert_eq!(Response::read(b"SSH-2.0 hello\r\n\r\n"), Err(ResponseError::NotHttp));
    }
}
