//! What counts as one address.

use std::net::{IpAddr, Ipv6Addr};

/// The address as limits count it. A customer of an IPv6 provider has a whole /64 and may take another address of it
/// for each request, so those count as one; an IPv4 address is the same however it is written.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn of_ipv6_the_first_half_counts_and_mapped_addresses_are_ipv4() {
        for (address, counted) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff::", "2001:db8:1:2::"),
            ("2001:db8:1:3::", "2001:db8:1:3::"),
            ("::1", "::"),
        ] {
            let (address, counted): (IpAddr, IpAddr) = (address.parse().unwrap(), counted.parse().unwrap());
            assert_eq!(network(address), counted);
        }
    }
}
