//! Where applications are: their names, looked up once at the start and once at each reload.
//! Knows nothing of connections. Looking a name up takes its time, which is why it is not done while somebody is served.
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use rcomet_core::Config;
use rcomet_core::config::{Location, UpstreamPlace};

/// Addresses of applications.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<UpstreamPlace, SocketAddr>);

impl Places {
    /// Looks up all that a configuration names.
    pub(super) fn look_up(config: &Config) -> Self {
        let mut found = HashMap::new();
        for upstream in config.push.location.iter().flat_map(Location::upstreams) {
            let place = upstream.place();
            let UpstreamPlace::Tcp(host, port) = place else { continue };
            if found.contains_key(place) {
                continue;
            }
            let address = match host.parse::<IpAddr>() {
                Ok(ip) => Some(SocketAddr::new(ip, *port)),
                Err(_) => named(host, *port),
            };
            match address {
                Some(address) => {
                    found.insert(place.clone(), address);
                }
                None => log::warn!(
                    "{upstream}: there is no address for {host}; whoever needs it is answered 502 until a reload finds one"
                ),
            }
        }
        Self(found)
    }

    /// The address of a place, if it has one.
    pub(super) fn address(&self, place: &UpstreamPlace) -> Option<SocketAddr> {
        self.0.get(place).copied()
    }
}

/// The first address of a name; the old kind before the new, as most applications listen on.
fn named(host: &str, port: u16) -> Option<SocketAddr> {
    let all: Vec<SocketAddr> = (host, port).to_socket_addrs().ok()?.collect();
    all.iter().find(|address| address.is_ipv4()).or(all.first()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_found() {
        let mut config = Config::default();
        for (location, text) in
            config.push.location.iter_mut().zip(["http://localhost:81/a", "http://[::1]:82/"])
        {
            location.authorize_request = Some(text.to_owned().try_into().expect("an address"));
        }
        let places = Places::look_up(&config);
        let of = |host: &str, port| places.address(&UpstreamPlace::Tcp(host.into(), port));
        assert!(of("localhost", 81).is_some_and(|a| a.ip().is_loopback() && a.port() == 81));
        assert_eq!(of("::1", 82), "[::1]:82".parse().ok());
        assert_eq!(of("::1", 83), None);
    }
}
