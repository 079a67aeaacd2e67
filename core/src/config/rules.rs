//! Address rules: who may use the admin side. CIDR networks, and icomet's short forms.
//! Knows nothing of listeners.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::Deserialize;

/// One rule: everybody, or a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum AddressRule {
    /// `all` or `*`.
    All,
    /// All addresses that agree with this one in the first so many bits.
    Network(IpAddr, u8),
}

impl AddressRule {
    /// The rules that match this machine itself.
    pub fn loopback() -> [Self; 2] {
        [
            Self::Network(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
            Self::Network(IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
        ]
    }

    fn matches(&self, address: IpAddr) -> bool {
        match (*self, address.to_canonical()) {
            (Self::All, _) => true,
            (Self::Network(IpAddr::V4(net), bits), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                u32::from(net) & mask == u32::from(address) & mask
            }
            (Self::Network(IpAddr::V6(net), bits), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                u128::from(net) & mask == u128::from(address) & mask
            }
            _ => false,
        }
    }
}

impl FromStr for AddressRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no address rule: expected `all`, an address, a network such as 10.0.0.0/8, or 192.168"
            )
        };
        if matches!(text, "all" | "*") {
            return Ok(Self::All);
        }
        if let Some((address, bits)) = text.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| wrong())?;
            let bits: u8 = bits.parse().map_err(|_| wrong())?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            return if bits <= most { Ok(Self::Network(address, bits)) } else { Err(wrong()) };
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address, if address.is_ipv4() { 32 } else { 128 }));
        }
        short_form(text).ok_or_else(wrong)
    }
}

/// icomet's `192.168`: the first octets of an address. Whole octets only: there, `192.16` also matched 192.168.x.
fn short_form(text: &str) -> Option<AddressRule> {
    let mut octets = [0; 4];
    let mut count = 0;
    for word in text.strip_suffix('.').unwrap_or(text).split('.') {
        *octets.get_mut(count)? = word.parse().ok()?;
        count += 1;
    }
    (count < 4).then(|| AddressRule::Network(IpAddr::V4(Ipv4Addr::from(octets)), count as u8 * 8))
}

impl TryFrom<String> for AddressRule {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Rules in the order that icomet gave them: a matching `allow`, then a matching `deny`, then `deny all`, then `allow
/// all`; with any rule at all, the rest is denied.
#[derive(Clone, Debug, Default)]
pub struct AddressRules {
    allow: Vec<AddressRule>,
    deny: Vec<AddressRule>,
}

impl AddressRules {
    /// Puts the two lists together.
    pub fn new(allow: &[AddressRule], deny: &[AddressRule]) -> Self {
        Self { allow: allow.to_vec(), deny: deny.to_vec() }
    }

    /// Whether `address` may come in.
    pub fn allows(&self, address: IpAddr) -> bool {
        let named =
            |rules: &[AddressRule]| rules.iter().any(|r| *r != AddressRule::All && r.matches(address));
        if named(&self.allow) {
            return true;
        }
        if named(&self.deny) || self.deny.contains(&AddressRule::All) {
            return false;
        }
        self.allow.contains(&AddressRule::All) || (self.allow.is_empty() && self.deny.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], deny: &[&str]) -> AddressRules {
        let parse = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<_>>();
        AddressRules::new(&parse(allow), &parse(deny))
    }

    fn allows(rules: &AddressRules, address: &str) -> bool {
        rules.allows(address.parse().unwrap())
    }

    #[test]
    fn icomets_order_of_rules() {
        let shipped = rules(&["127.0.0.1", "192.168"], &["all"]);
        assert!(allows(&shipped, "127.0.0.1") && allows(&shipped, "192.168.7.9"));
        assert!(!allows(&shipped, "127.0.0.2") && !allows(&shipped, "10.0.0.1"));
        assert!(allows(&rules(&[], &[]), "10.0.0.1"), "no rules: everybody");
        assert!(!allows(&rules(&["10.0.0.1"], &[]), "10.0.0.2"), "one rule: the rest is denied");
        assert!(!allows(&rules(&["all"], &["10"]), "10.1.2.3"));
        assert!(allows(&rules(&["all"], &["10"]), "11.1.2.3"));
        assert!(!allows(&rules(&["all"], &["all"]), "11.1.2.3"));
    }

    #[test]
    fn short_forms_are_whole_octets() {
        assert!(!allows(&rules(&["192.16"], &[]), "192.168.0.1"));
        assert!(allows(&rules(&["192.16."], &[]), "192.16.0.1"));
    }

    #[test]
    fn networks_of_both_kinds() {
        let net = rules(&["10.0.0.0/9", "fd00::/8"], &[]);
        assert!(allows(&net, "10.127.0.1") && !allows(&net, "10.128.0.1"));
        assert!(allows(&net, "fd12::1") && !allows(&net, "fe80::1"));
        assert!(allows(&net, "::ffff:10.1.1.1"), "an IPv4 address on an IPv6 socket");
        assert!(allows(&rules(&["0.0.0.0/0"], &[]), "8.8.8.8"));
    }

    #[test]
    fn what_is_no_rule_is_refused_with_words() {
        for bad in ["", "10.0.0.0/33", "localhost", "256", "1.2.3.4.5", "10..1", "::1/129"] {
            assert!(bad.parse::<AddressRule>().unwrap_err().contains("expected"), "{bad}");
        }
    }
}
