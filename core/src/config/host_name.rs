//! Names of hosts, as browsers say them.
//! Knows nothing of who asks.
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::Deserialize;

/// The name of a host, without a port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HostName(String);

impl HostName {
    /// Whether a `Host` field, perhaps with a port, says this name.
    pub fn is(&self, host: &[u8]) -> bool {
        without_port(host).eq_ignore_ascii_case(self.0.as_bytes())
    }

    /// Whether a `Host` field says an address, nothing, or a name without dots: no page that is read over the net can be from
    /// there, as nobody can have such a name in the DNS of all.
    pub fn is_private(host: &[u8]) -> bool {
        // Nearly always it is one of these, and soon seen.
        if !host.iter().any(|&c| c == b'.' || c == b'[') {
            return true;
        }
        let text = str::from_utf8(without_port(host)).unwrap_or_default();
        let in_brackets = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        in_brackets.map_or_else(|| text.parse::<Ipv4Addr>().is_ok(), |text| text.parse::<Ipv6Addr>().is_ok())
    }
}

fn without_port(host: &[u8]) -> &[u8] {
    match host.iter().rposition(|&c| c == b':') {
        Some(at) if host[at + 1..].iter().all(u8::is_ascii_digit) => &host[..at],
        _ => host,
    }
}

impl TryFrom<String> for HostName {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let is_name = |c: u8| c.is_ascii_alphanumeric() || b"-._".contains(&c);
        if !text.is_empty() && text.bytes().all(is_name) {
            Ok(Self(text))
        } else {
            Err(format!(
                "`{text}` is no name of a host: expected something like push.example.com, without a port"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_port_and_case() {
        let name = HostName::try_from("Push.example.com".to_owned()).expect("a name");
        for host in ["push.example.com", "PUSH.EXAMPLE.COM:8000", "push.example.com:"] {
            assert!(name.is(host.as_bytes()), "{host}");
        }
        for host in [
            "",
            "example.com",
            "push.example.com.evil.example",
            "push.example.com:80:80",
            "push.example.com:x",
        ] {
            assert!(!name.is(host.as_bytes()), "{host}");
        }
        for bad in ["", "a:80", "http://a", "a/b", "[::1]"] {
            assert!(HostName::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_and_names_without_dots_are_nobody_elses() {
        let own = [
            "",
            "127.0.0.1",
            "127.0.0.1:8000",
            "10.1.2.3:80",
            "[::1]",
            "[::1]:8000",
            "[fe80::1]:1",
            "localhost:8000",
            "rcomet",
        ];
        for host in own {
            assert!(HostName::is_private(host.as_bytes()), "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example:8000",
            "localhost.evil.example",
            "evil.",
            "[x]",
            "[a.b]",
            "1.2.3",
        ] {
            assert!(!HostName::is_private(host.as_bytes()), "{host}");
        }
    }
}
