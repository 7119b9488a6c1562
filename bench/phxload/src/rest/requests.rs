//! The requests, written once: what is left to do for each is to put its parts together.

use super::RestOptions;
use crate::phoenix;

/// Requests of some connections about some rooms.
pub(super) struct Requests {
    /// By room, up to the token.
    beginnings: Vec<String>,
    /// By connection.
    tokens: Vec<String>,
    /// Behind the token.
    end: String,
}

impl Requests {
    pub fn new(options: &RestOptions) -> Self {
        let method = if options.content.is_some() { "POST" } else { "GET" };
        let beginning = |room: &String| {
            let (path, host) = (options.path.replace("{room}", room), &options.host);
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\nAuthorization: Bearer ")
        };
        let mut end = String::from("\r\n");
        for header in &options.headers {
            end.push_str(header);
            end.push_str("\r\n");
        }
        if let Some(content) = &options.content {
            let body = format!("{{\"content\":{}}}", phoenix::json_text(content));
            let length = body.len();
            end.push_str(&format!(
                "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            ));
        } else {
            end.push_str("\r\n");
        }
        Self {
            beginnings: options.rooms.iter().map(beginning).collect(),
            tokens: (0..options.connections)
                .map(|connection| options.identities.token(connection))
                .collect(),
            end,
        }
    }

    /// Appends the request of a connection about a room; beyond the last room the first again.
    pub fn write(&self, out: &mut Vec<u8>, connection: usize, room: usize) {
        let beginning = &self.beginnings[room % self.beginnings.len()];
        for part in [beginning, &self.tokens[connection], &self.end] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddrV4};

    use super::*;
    use crate::identities::Identities;

    #[test]
    fn requests_are_whole() {
        let mut options = RestOptions {
            address: SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1),
            host: "here".into(),
            path: "/rooms/{room}".into(),
            rooms: vec!["a".into(), "b".into()],
            identities: Identities {
                tokens: vec!["x".into(), "y".into(), "z".into()],
                template: String::new(),
                seed: 1,
            },
            headers: vec!["X-Tenant: t".into()],
            content: None,
            connections: 3,
            sources: 0,
            timeout: 1.0,
        };
        let written = |options: &RestOptions, connection, room| {
            let mut out = vec![];
            Requests::new(options).write(&mut out, connection, room);
            String::from_utf8_lossy(&out).into_owned()
        };
        assert_eq!(
            written(&options, 2, 5),
            "GET /rooms/b HTTP/1.1\r\nHost: here\r\nAccept: application/json\r\nAuthorization: Bearer z\r\n\
             X-Tenant: t\r\n\r\n"
        );
        options.content = Some("hi".into());
        assert!(written(&options, 0, 0).ends_with(
            "Bearer x\r\nX-Tenant: t\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"content\":\"hi\"}"
        ));
    }
}
