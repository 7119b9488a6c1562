//! Which peers are proxies whose word about clients' addresses is taken.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::split_list;

/// Networks of trusted proxies: `"10.0.0.0/8"`, or `"10.0.0.1"` for a single one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// Why a text names no proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustedProxiesError {
    /// No address and no network.
    #[error("must be addresses such as \"10.0.0.1\" or networks such as \"10.0.0.0/8\"")]
    NoNetwork,
    /// Whoever connects would be taken for a proxy, and could pretend to be anybody.
    #[error("must not hold every address there is")]
    Everybody,
}

impl TrustedProxies {
    /// Reads a list.
    ///
    /// # Errors
    ///
    /// [`TrustedProxiesError`] for the first entry that is wrong.
    pub fn parse(entries: &[String]) -> Result<Self, TrustedProxiesError> {
        entries
            .iter()
            .map(|entry| parse_entry(entry.trim()))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether this is the address of one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

fn parse_entry(entry: &str) -> Result<IpNet, TrustedProxiesError> {
    let single = || {
        entry
            .parse::<IpAddr>()
            .map(|address| IpNet::from(address.to_canonical()))
    };
    let network: IpNet = entry
        .parse()
        .or_else(|_| single())
        .map_err(|_| TrustedProxiesError::NoNetwork)?;
    if network.prefix_len() == 0 {
        return Err(TrustedProxiesError::Everybody);
    }
    Ok(network.trunc())
}

impl Serialize for TrustedProxies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(IpNet::to_string))
    }
}

impl<'de> Deserialize<'de> for TrustedProxies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a list of addresses and networks")]
        enum Written {
            Text(String),
            List(Vec<String>),
        }

        let entries = match Written::deserialize(deserializer)? {
            Written::Text(text) => split_list(&text),
            Written::List(entries) => entries,
        };
        Self::parse(&entries).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn list(entries: &[&str]) -> Result<TrustedProxies, TrustedProxiesError> {
        let entries: Vec<_> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        TrustedProxies::parse(&entries)
    }

    #[test]
    fn addresses_and_networks_hold_what_is_in_them() {
        let proxies = list(&["10.0.0.0/8", "192.0.2.1", "fd00::/8", "::1", "172.16.5.4/12"]).unwrap();
        for inside in [
            "10.255.0.1",
            "::ffff:10.0.0.1",
            "192.0.2.1",
            "fd12::1",
            "::1",
            "172.31.0.1",
        ] {
            assert!(proxies.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "11.0.0.1",
            "192.0.2.2",
            "::ffff:11.0.0.1",
            "fe80::1",
            "::2",
            "172.32.0.1",
        ] {
            assert!(!proxies.contains(outside.parse().unwrap()), "{outside}");
        }
        assert!(!TrustedProxies::default().contains([127, 0, 0, 1].into()));
    }

    #[test]
    fn everything_else_is_refused() {
        for entry in ["", "localhost", "10.0.0.0/33", "10.0.0", "10.0.0.1:80", "*"] {
            assert_eq!(list(&[entry]), Err(TrustedProxiesError::NoNetwork), "{entry}");
        }
        for entry in ["0.0.0.0/0", "::/0"] {
            assert_eq!(list(&[entry]), Err(TrustedProxiesError::Everybody), "{entry}");
        }
    }
}
