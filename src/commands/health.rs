//! `parlour health`: asks a running server over plain TCP, so that an image needs no other tool for its health check.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::config::ServerSettings;

/// How long connecting and each read or write may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// More than the head of any answer.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;

/// Why a server does not count as healthy.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// The address cannot be read.
    #[error("not a URL of the form http://HOST[:PORT]/PATH: {0}")]
    Url(String),
    /// Nobody answers.
    #[error("no answer from {authority}")]
    Unreachable {
        /// Who was asked.
        authority: String,
        /// What went wrong.
        source: io::Error,
    },
    /// The answer is not 200.
    #[error("{authority} answered {status}")]
    Status {
        /// Who was asked.
        authority: String,
        /// The first line of the answer.
        status: String,
    },
}

/// Asks `url`, or `/health/live` of the server with these settings.
pub(super) fn check(server: &ServerSettings, url: Option<&str>) -> Result<(), HealthError> {
    let (authority, path) = match url {
        Some(url) => split(url).ok_or_else(|| HealthError::Url(url.to_owned()))?,
        None => (local_authority(server), "/health/live"),
    };
    match ask(&authority, path) {
        Ok(status) if status.split(' ').nth(1) == Some("200") => Ok(()),
        Ok(status) => Err(HealthError::Status { authority, status }),
        Err(source) => Err(HealthError::Unreachable { authority, source }),
    }
}

/// Where a server that listens as set is reached from this machine.
fn local_authority(server: &ServerSettings) -> String {
    let host = match server.host {
        IpAddr::V4(host) if host.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(host) if host.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        host => host,
    };
    std::net::SocketAddr::new(host, server.port).to_string()
}

/// Host with port, and path.
fn split(url: &str) -> Option<(String, &str)> {
    let rest = url.strip_prefix("http://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let bare = authority.rsplit_once(']').map_or(authority, |(_, port)| port);
    let authority = if bare.contains(':') {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let plain = !rest.contains(char::is_whitespace) && !rest.contains(char::is_control) && !authority.starts_with(':');
    plain.then_some((authority, if path.is_empty() { "/" } else { path }))
}

/// The first line of the answer.
fn ask(authority: &str, path: &str) -> io::Result<String> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in authority.to_socket_addrs()? {
        match ask_at(address, authority, path) {
            Ok(status) => return Ok(status),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn ask_at(address: std::net::SocketAddr, authority: &str, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::config::{Settings, Sources};

    fn server(port: u16, host: &str) -> ServerSettings {
        let mut server = Settings::load(&Sources::default()).unwrap().settings.server;
        server.port = port;
        server.host = host.parse().unwrap();
        server
    }

    /// A server that answers one request so, and tells the request's first line.
    fn answering(answer: &'static str) -> (u16, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap().lines().next().unwrap().to_owned()
        });
        (port, served)
    }

    #[test]
    fn a_200_is_healthy() {
        let (port, served) = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        check(&server(port, "0.0.0.0"), None).unwrap();
        assert_eq!(served.join().unwrap(), "GET /health/live HTTP/1.1");
    }

    #[test]
    fn any_other_answer_is_not() {
        let (port, served) = answering("HTTP/1.1 503 Service Unavailable\r\n\r\n");
        let error = check(
            &server(1, "127.0.0.1"),
            Some(&format!("http://127.0.0.1:{port}/health/ready")),
        )
        .unwrap_err();
        assert!(
            error.to_string().ends_with("answered HTTP/1.1 503 Service Unavailable"),
            "{error}"
        );
        assert_eq!(served.join().unwrap(), "GET /health/ready HTTP/1.1");
    }

    #[test]
    fn silence_is_not_healthy() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert!(matches!(
            check(&server(port, "127.0.0.1"), None),
            Err(HealthError::Unreachable { .. })
        ));
    }

    #[test]
    fn urls_are_taken_apart() {
        assert_eq!(split("http://example.org"), Some(("example.org:80".to_owned(), "/")));
        assert_eq!(split("http://[::1]:4000/x?y"), Some(("[::1]:4000".to_owned(), "/x?y")));
        assert_eq!(split("http://[::1]/"), Some(("[::1]:80".to_owned(), "/")));
        for url in [
            "https://example.org/",
            "example.org",
            "http://",
            "http://a b/",
            "http://a/\r\nx: y",
        ] {
            assert_eq!(split(url), None, "{url}");
        }
    }
}
