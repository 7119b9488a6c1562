//! `parlour health`: asks a running server, so that an image needs no other tool for its health check.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::tls_client;
use crate::config::ServerSettings;

/// How long connecting and each read or write may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// More than the first line of any answer.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;

/// Why a server does not count as healthy.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// The address cannot be read.
    #[error("not a URL of the form http[s]://HOST[:PORT]/PATH: {0}")]
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

/// What to ask, and how.
#[derive(Debug, PartialEq, Eq)]
struct Question<'a> {
    tls: bool,
    host: &'a str,
    port: u16,
    path: &'a str,
}

/// Asks `url`, or `/health/live` of the server with these settings.
pub(super) fn check(server: &ServerSettings, url: Option<&str>) -> Result<(), HealthError> {
    let host = local_host(server).to_string();
    let question = match url {
        Some(url) => Question::parse(url).ok_or_else(|| HealthError::Url(url.to_owned()))?,
        None => Question {
            tls: server.tls_cert.is_some(),
            host: &host,
            port: server.port,
            path: "/health/live",
        },
    };
    let authority = question.authority();
    match question.ask() {
        Ok(status) if status.split(' ').nth(1) == Some("200") => Ok(()),
        Ok(status) => Err(HealthError::Status { authority, status }),
        Err(source) => Err(HealthError::Unreachable { authority, source }),
    }
}

/// Where a server that listens as set is reached from this machine.
fn local_host(server: &ServerSettings) -> IpAddr {
    match server.host {
        IpAddr::V4(host) if host.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(host) if host.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        host => host,
    }
}

impl<'a> Question<'a> {
    fn parse(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (tls, port) = match scheme {
            "http" => (false, 80),
            "https" => (true, 443),
            _ => return None,
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, port),
            Some((host, rest)) => (host, rest.strip_prefix(':')?.parse().ok()?),
            None => match authority.split_once(':') {
                Some((host, port)) => (host, port.parse().ok()?),
                None => (authority, port),
            },
        };
        let plain = !rest.contains(char::is_whitespace) && !rest.contains(char::is_control) && !host.is_empty();
        plain.then_some(Self {
            tls,
            host,
            port,
            path: if path.is_empty() { "/" } else { path },
        })
    }

    /// Host and port.
    fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    }

    /// The first line of the answer.
    fn ask(&self) -> io::Result<String> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in (self.host, self.port).to_socket_addrs()? {
            match self.ask_at(address) {
                Ok(status) => return Ok(status),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn ask_at(&self, address: SocketAddr) -> io::Result<String> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        if self.tls {
            self.ask_on(tls_client::unverified(stream, self.host)?)
        } else {
            self.ask_on(stream)
        }
    }

    fn ask_on(&self, mut stream: impl Read + Write) -> io::Result<String> {
        write!(
            stream,
            "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.path,
            self.authority()
        )?;
        let mut status = String::new();
        BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut status)?;
        Ok(status.trim_end().to_owned())
    }
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
        let parts = |url| {
            let Question { tls, host, port, path } = Question::parse(url)?;
            Some((tls, host, port, path))
        };
        assert_eq!(parts("http://example.org"), Some((false, "example.org", 80, "/")));
        assert_eq!(parts("https://example.org"), Some((true, "example.org", 443, "/")));
        assert_eq!(parts("http://[::1]:4000/x?y"), Some((false, "::1", 4000, "/x?y")));
        assert_eq!(parts("https://[::1]/"), Some((true, "::1", 443, "/")));
        for url in [
            "ftp://example.org/",
            "example.org",
            "http://",
            "http://:80/",
            "http://a:b/",
            "http://[::1]x/",
            "http://a b/",
            "http://a/\r\nx: y",
        ] {
            assert_eq!(parts(url), None, "{url}");
        }
    }
}
