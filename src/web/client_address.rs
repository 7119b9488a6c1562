//! Where a request comes from.
//!
//! Limits, caps, logs and the audit log all ask [`client_address`], so none of them can be told another address by a
//! header. Only a proxy that the operator named (`server.trusted_proxies`) is believed, and only about the address that
//! it saw itself: `X-Forwarded-For` is read from the right, past the proxies that are trusted, up to the first address
//! that is none of them. What stands to the left of it is whatever the client sent.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use actix_web::{HttpRequest, http::header::HeaderMap, web::Data};

use crate::{app::App, config::TrustedProxies};

/// Most entries of the header that are looked at: more proxies than anybody has in a row.
const HOPS_MAX: usize = 32;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the client behind a request; without a peer (there is one on every TCP connection) the unspecified
/// address.
pub fn client_address(request: &HttpRequest) -> IpAddr {
    let peer = request
        .peer_addr()
        .map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.ip().to_canonical());
    match request.app_data::<Data<App>>() {
        Some(app) => behind_proxies(peer, request.headers(), &app.settings.server.trusted_proxies),
        None => peer,
    }
}

fn behind_proxies(peer: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> IpAddr {
    if !trusted.contains(peer) {
        return peer;
    }
    // Several lines are one list, in their order.
    let lines: Vec<_> = headers.get_all(FORWARDED_FOR).collect();
    let entries = lines
        .iter()
        .rev()
        .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    let mut client = peer;
    for entry in entries.take(HOPS_MAX) {
        // What is no address was put there by nobody we trust: the last proxy known speaks for its client.
        let Some(address) = parse(entry) else { break };
        client = address;
        if !trusted.contains(address) {
            break;
        }
    }
    client
}

/// An address as proxies write it: some add the port, and brackets to IPv6.
fn parse(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = match bare {
        Some(bare) => IpAddr::V6(bare.parse().ok()?),
        None => text
            .parse()
            .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()))
            .ok()?,
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn client(peer: &str, lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(str::to_owned);
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            headers.append(HeaderName::from_static(FORWARDED_FOR), value);
        }
        let trusted = TrustedProxies::parse(&trusted).unwrap();
        behind_proxies(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn nobody_else_is_believed() {
        assert_eq!(client("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client("192.0.2.1", &["198.51.100.7, 10.0.0.1"]), "192.0.2.1");
    }

    #[test]
    fn a_trusted_proxy_tells_whom_it_saw_and_not_what_that_one_says() {
        assert_eq!(client("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["203.0.113.9", "198.51.100.7"]), "198.51.100.7");
        assert_eq!(
            client("10.0.0.1", &["203.0.113.9,198.51.100.7 ,10.1.1.1", " 10.2.2.2"]),
            "198.51.100.7"
        );
        assert_eq!(client("fd00::1", &["2001:db8::7"]), "2001:db8::7");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn garbage_ends_the_search_at_the_proxy_that_brought_it() {
        for garbage in [
            "",
            "unknown",
            "_hidden",
            "1.2.3",
            "1.2.3.4.5",
            "[::1",
            "\u{e9}",
            "1.2.3.4 5.6.7.8",
        ] {
            assert_eq!(client("10.0.0.1", &[garbage]), "10.0.0.1", "{garbage}");
            assert_eq!(
                client("10.0.0.1", &[&format!("203.0.113.9, {garbage}, 10.1.1.1")]),
                "10.1.1.1"
            );
            assert_eq!(
                client("10.0.0.1", &[&format!("{garbage}, 198.51.100.7")]),
                "198.51.100.7"
            );
        }
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_read() {
        assert_eq!(client("10.0.0.1", &["198.51.100.7:4711"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["[2001:db8::7]:4711"]), "2001:db8::7");
        assert_eq!(client("10.0.0.1", &["[2001:db8::7]"]), "2001:db8::7");
        assert_eq!(client("::ffff:10.0.0.1", &["::ffff:198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["198.51.100.7, ::ffff:10.0.0.9"]), "198.51.100.7");
    }

    #[test]
    fn a_list_without_end_is_not_read_to_its_end() {
        let proxies = vec!["10.0.0.2"; 1000].join(",");
        assert_eq!(client("10.0.0.1", &[&format!("198.51.100.7,{proxies}")]), "10.0.0.2");
    }
}
