//! What works but is probably not meant.
//! Knows nothing of whom it is said to.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcomet_core::Role;
use rcomet_core::config::AddressRules;

use super::{Address, Settings};

/// Where a side listens. Its service manager may have made its sockets, and then what the settings say of it does not count.
pub(crate) type Side = (Role, Address);

impl Settings {
    /// What is to be said to whoever has written this. `bound` is where the daemon listens; without one, nobody knows but what is said here.
    pub(crate) fn warnings(&self, bound: Option<&[Side]>) -> Vec<String> {
        let mut warnings = self.core().warnings();
        let said = self.server.roles().into_iter();
        let said: Vec<Side> =
            said.flat_map(|(role, _, all)| all.iter().map(move |one| (role, one.clone()))).collect();
        let sides = bound.unwrap_or(&said);
        let of = |wanted| sides.iter().filter(move |(role, _)| *role == wanted).map(|(_, address)| address);
        let exposed = |role| of(role).find(|address| address.ip().is_some_and(|ip| !ip.is_loopback()));
        // Addresses for documentation (RFC 5737, RFC 3849): if even these may come in, everybody may.
        let anybody = [
            IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        ];
        let rules = AddressRules::new(&self.admin.allow, &self.admin.deny);
        if let Some(address) = exposed(Role::Admin).filter(|_| anybody.iter().any(|ip| rules.allows(*ip))) {
            warnings.push(format!(
                "the admin side listens on {address} and admin.allow lets everybody in: whoever reaches that port may \
                 publish, read and close every channel"
            ));
        }
        if let Some(address) = exposed(Role::SimpleComet).filter(|_| self.simple_comet.publish) {
            warnings.push(format!(
                "Simple Comet's side listens on {address} and simple_comet.publish is on: whoever reaches that port may \
                 register, push to and delete every channel"
            ));
        }
        for (option, rule, listener) in self.bayeux.named_listeners() {
            // Addresses are compared as they are shown, as the core does.
            if of(Role::Front).any(|address| address.to_string() == listener.as_str()) {
                continue;
            }
            let why = if bound.is_some() {
                "where nothing of the front side listens: nobody comes in by it"
            } else {
                "which is none of server.front: nobody comes in by it, unless a service manager hands over a socket that listens there"
            };
            let (channel, listener) = (rule.channel.as_str(), listener.as_str());
            warnings.push(format!("{option}: the rule for `{channel}` names the listener {listener}, {why}"));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::parse;

    fn settings(text: &str) -> Settings {
        parse("rcomet.toml", text).expect("it works")
    }

    fn side(role: Role, address: &str) -> Side {
        (role, address.parse().expect("an address"))
    }

    const OPEN: &str = "[server]\nadmin = [\"0.0.0.0:8000\"]\n[admin]\nallow = [\"all\"]\ndeny = []\n";

    #[test]
    fn an_open_admin_side_is_worth_a_warning() {
        let warnings = settings(OPEN).warnings(None);
        assert!(
            warnings[0].starts_with("the admin side listens on 0.0.0.0:8000 and admin.allow"),
            "{warnings:?}"
        );
        let network = "[server]\nadmin = [\"0.0.0.0:8000\"]\n[admin]\nallow = [\"10\"]\ndeny = [\"all\"]\n";
        assert_eq!(settings(network).warnings(None), Vec::<String>::new());
        let loopback = settings("[admin]\nallow = [\"all\"]\ndeny = []\n");
        assert_eq!(loopback.warnings(None), Vec::<String>::new());
    }

    /// A socket that was handed over is one that nobody finds in the file.
    #[test]
    fn where_it_listens_counts_and_not_what_the_file_says() {
        let given = [side(Role::Admin, "192.0.2.7:1")];
        let loopback = settings("[admin]\nallow = [\"all\"]\ndeny = []\n");
        let warnings = loopback.warnings(Some(&given));
        assert!(
            warnings[0].starts_with("the admin side listens on 192.0.2.7:1 and admin.allow"),
            "{warnings:?}"
        );
        assert_eq!(settings(OPEN).warnings(Some(&[side(Role::Admin, "127.0.0.1:1")])), Vec::<String>::new());
        let comet = settings("[simple_comet]\npublish = true\n");
        let warnings = comet.warnings(Some(&[side(Role::SimpleComet, "192.0.2.7:1")]));
        assert!(warnings[0].starts_with("Simple Comet's side listens on 192.0.2.7:1 and"), "{warnings:?}");
    }

    #[test]
    fn a_rule_for_a_listener_that_is_not_there_is_worth_a_warning() {
        let text = "[server]\nfront = [\"[::1]:81\", \"unix:/run/a.sock\"]\n[bayeux]\npublish = [\"/a\", { channel = \"/b/**\", \
                    listeners = [\"[0::1]:81\", \"unix:/run/a.sock\", \"127.0.0.1:82\"] }]\n";
        let warnings = settings(text).warnings(None);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(
            warnings[0]
                .starts_with("bayeux.publish: the rule for `/b/**` names the listener 127.0.0.1:82, which")
        );
        // The front side has a socket of its service manager's, and no other.
        let given = [side(Role::Front, "127.0.0.1:82"), side(Role::Admin, "[::1]:81")];
        let warnings = settings(text).warnings(Some(&given));
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        for (warning, listener) in warnings.iter().zip(["[::1]:81", "unix:/run/a.sock"]) {
            let wanted = format!("the listener {listener}, where nothing of the front side listens:");
            assert!(warning.contains(&wanted), "{warning}");
        }
        let wrong = "[bayeux]\nsubscribe = [\"/a\", { channel = \"/b\", listeners = [\"here\"] }]\n";
        let said = parse("f", wrong).expect_err("it is none").to_string();
        assert!(said.starts_with("f:2:51: `here` is no address of a listener: expected"), "{said}");
    }
}
