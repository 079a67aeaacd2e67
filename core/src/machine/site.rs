//! Whom the limits of an address count as one. Knows nothing of how many there may be.
use std::net::{IpAddr, Ipv6Addr};

/// Bits of an IPv6 address below its network: within it a single host takes as many addresses as it likes (RFC 4291, section 2.5.1).
const HOST_BITS: u32 = 64;

/// An IPv4 address is counted by itself, an IPv6 address with all of its network.
pub(super) fn site(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> HOST_BITS << HOST_BITS)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_an_ipv6_network_are_one() {
        let of = |text: &str| site(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:ffff:ffff:ffff"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
