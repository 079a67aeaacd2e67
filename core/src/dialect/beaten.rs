//! The paths that nearly all requests of icomet's clients go to, and whether under a configuration anybody else claims
//! them. Found out once for a configuration, so that a request on a beaten path is not shown to everybody who might.
//! Knows nothing of what is asked for there.
use super::{DialectId, Tongue, route_by_path};
use crate::config::Config;
use crate::conn::Role;
use crate::wire::http1::head::{self, Head};

/// The paths, as they come. Health, metrics and the pages are elsewhere, unless a page was put here.
const PATHS: [&str; 7] = ["/push", "/pub", "/sub", "/poll", "/stream", "/sse", "/ping"];

/// Heads that anybody who claims a path takes for their own: what they look at is the method, the type of a body, or
/// whether a WebSocket is asked for.
const HEADS: [&str; 3] = [
    "GET {} HTTP/1.1\r\nHost: h\r\n\r\n",
    "POST {} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n\r\n",
    "GET {} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
];

/// Which of [`PATHS`] are icomet's alone, a bit for each, on each of its two sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Beaten {
    front: u8,
    admin: u8,
}

impl Beaten {
    /// Looks who claims what.
    pub fn of(config: &Config) -> Self {
        let alone = |role: Role| {
            let pages = if role == Role::Admin { &config.admin_pages } else { &config.pages };
            let bits = PATHS.iter().enumerate().map(|(bit, path)| {
                let is_page = pages.iter().any(|page| page.path == *path);
                let is_claimed = HEADS.iter().any(|text| {
                    let text = text.replace("{}", path);
                    let mut table = head::header_table();
                    head::parse(text.as_bytes(), &mut table, usize::MAX)
                        .map_or(true, |head| is_claimed(role, &head, config))
                });
                u8::from(!is_page && !is_claimed) << bit
            });
            bits.sum()
        };
        Self { front: alone(Role::Front), admin: alone(Role::Admin) }
    }

    /// Whether on this side this path, as it came, is icomet's alone.
    pub fn has(self, role: Role, raw_path: &[u8]) -> bool {
        let bits = match role {
            Role::Front => self.front,
            Role::Admin => self.admin,
            Role::Ccomet | Role::SimpleComet | Role::Control(_) => return false,
        };
        let bit = match raw_path {
            b"/push" => 0,
            b"/pub" => 1,
            b"/sub" => 2,
            b"/poll" => 3,
            b"/stream" => 4,
            b"/sse" => 5,
            b"/ping" => 6,
            _ => return false,
        };
        bits & (1 << bit) != 0
    }
}

fn is_claimed(role: Role, head: &Head<'_, '_>, config: &Config) -> bool {
    let dialect: Option<DialectId> = route_by_path(role, head, config);
    dialect.is_some() || Tongue::at(role, head, config).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Location, Page, Side};

    fn beaten(beaten: Beaten, role: Role) -> Vec<&'static str> {
        PATHS.into_iter().filter(|path| beaten.has(role, path.as_bytes())).collect()
    }

    fn at(path: &str, side: Side) -> Location {
        let usual = Config::default().push.location.swap_remove(0);
        Location { path: path.to_owned().try_into().expect("a path"), on: vec![side], ..usual }
    }

    #[test]
    fn by_default_only_a_location_claims_one() {
        let usual = Beaten::of(&Config::default());
        assert_eq!(beaten(usual, Role::Admin), PATHS);
        assert_eq!(beaten(usual, Role::Front), PATHS);
        for role in [Role::Ccomet, Role::SimpleComet] {
            assert_eq!(beaten(usual, role), [""; 0]);
        }
        for path in ["", "/", "/pus", "/push/", "/%70ush", "/healthz", "/metrics", "/ws"] {
            assert!(!usual.has(Role::Admin, path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn whoever_claims_a_path_gets_it() {
        let mut config = Config::default();
        config.push.location = vec![at("/sub?id=", Side::Front), at("/pub?id=", Side::Admin)];
        let found = Beaten::of(&config);
        assert!(!found.has(Role::Front, b"/sub") && found.has(Role::Front, b"/pub"));
        assert!(!found.has(Role::Admin, b"/pub") && found.has(Role::Admin, b"/sub"));

        config.push.location = vec![at("/{id}", Side::Front)];
        assert_eq!(beaten(Beaten::of(&config), Role::Front), [""; 0]);

        let mut config = Config::default();
        config.bayeux.paths = vec!["/poll".to_owned().try_into().expect("a path")];
        let found = Beaten::of(&config);
        assert!(!found.has(Role::Front, b"/poll") && !found.has(Role::Admin, b"/poll"));

        let mut config = Config::default();
        let body = bytes::Bytes::from_static(b"<!doctype html>");
        config.pages.push(Page { path: "/sse".into(), content_type: "text/html", body });
        let found = Beaten::of(&config);
        assert!(!found.has(Role::Front, b"/sse") && found.has(Role::Admin, b"/sse"));
    }
}
