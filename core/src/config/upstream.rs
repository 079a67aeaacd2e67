//! Where an application is asked: a URL, or a socket file with a path.
//! Knows nothing of connections or of names: whoever connects looks those up.
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

use super::location_path::{has_capture, has_variable};

/// An application's address and the target of requests to it: `http://127.0.0.1:9000/auth`, or
/// `unix:/run/app.sock:/auth`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Upstream(Arc<Parts>);

#[derive(Debug, PartialEq, Eq)]
struct Parts {
    text: String,
    place: UpstreamPlace,
    /// The `Host` field.
    authority: String,
    target: String,
}

/// What is connected to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamPlace {
    /// A host, by name or address (an IPv6 address without brackets), and its port.
    Tcp(String, u16),
    /// A socket file's path.
    Unix(String),
}

impl Upstream {
    /// What to connect to.
    pub fn place(&self) -> &UpstreamPlace {
        &self.0.place
    }

    /// The value of a request's `Host`.
    pub fn authority(&self) -> &str {
        &self.0.authority
    }

    /// The target of a request's first line: a path, and perhaps a query.
    pub fn target(&self) -> &str {
        &self.0.target
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl TryFrom<String> for Upstream {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no application's address: expected http://host:port/path, or unix:/path/of/socket:/path"
            )
        };
        if text.starts_with("https:") {
            return Err(format!("`{text}`: TLS is not spoken with applications; use http:// or unix:"));
        }
        if !text.bytes().all(|c| c.is_ascii_graphic()) {
            return Err(wrong());
        }
        let (place, authority, target) = if let Some(rest) = text.strip_prefix("unix:") {
            let (file, target) = rest.split_once(':').unwrap_or((rest, "/"));
            // The longest that the kernel takes, its final zero not counted.
            if !file.starts_with('/') || file.ends_with('/') || file.len() > 107 {
                return Err(wrong());
            }
            (UpstreamPlace::Unix(file.into()), "localhost".to_owned(), target.to_owned())
        } else {
            let rest = text.strip_prefix("http://").ok_or_else(wrong)?;
            let at = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, target) = rest.split_at(at);
            let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
            let (host, port) = host_and_port(authority).ok_or_else(wrong)?;
            (UpstreamPlace::Tcp(host.into(), port), authority.to_owned(), target)
        };
        let file = if let UpstreamPlace::Unix(file) = &place { file.as_str() } else { "" };
        // A query may have a price in it.
        let path = target.split('?').next().unwrap_or_default();
        let has_name = |part: &str| part.contains(['{', '}']) || has_variable(part);
        if has_name(file) || has_name(&target) || has_capture(file) || has_capture(path) {
            return Err(format!(
                "`{text}` has a name in it, which would be asked for as it stands: the channel is told in X-Channel-Id, and the \
                 request's path in X-Original-URI"
            ));
        }
        if !target.starts_with('/') || target.contains('#') {
            return Err(wrong());
        }
        Ok(Self(Arc::new(Parts { place, authority, target, text })))
    }
}

/// Host and port of `host`, `host:port` or `[address]:port`.
fn host_and_port(authority: &str) -> Option<(&str, u16)> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(inside) => inside.split_once(']')?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match rest {
        "" => 80,
        rest => rest.strip_prefix(':')?.parse().ok().filter(|port| *port > 0)?,
    };
    let is_name = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_' | b':');
    (!host.is_empty() && host.bytes().all(is_name)).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applications_have_addresses() {
        let tcp = |host: &str, port| UpstreamPlace::Tcp(host.into(), port);
        for (text, place, authority, target) in [
            ("http://127.0.0.1:9000/auth", tcp("127.0.0.1", 9000), "127.0.0.1:9000", "/auth"),
            ("http://localhost", tcp("localhost", 80), "localhost", "/"),
            ("http://app.example:81?x=1", tcp("app.example", 81), "app.example:81", "/?x=1"),
            ("http://[::1]:9000/a?b=c", tcp("::1", 9000), "[::1]:9000", "/a?b=c"),
            ("unix:/run/app.sock", UpstreamPlace::Unix("/run/app.sock".into()), "localhost", "/"),
            ("unix:/run/app.sock:/auth", UpstreamPlace::Unix("/run/app.sock".into()), "localhost", "/auth"),
        ] {
            let upstream = Upstream::try_from(text.to_owned()).expect(text);
            assert_eq!(
                (upstream.place(), upstream.authority(), upstream.target()),
                (&place, authority, target)
            );
            assert_eq!(upstream.to_string(), text);
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for bad in [
            "",
            "/auth",
            "http://",
            "http://:80/",
            "http://a:0/",
            "http://a:99999/",
            "http://a b/",
            "http://a/b c",
            "http://a/\r\nX: y",
            "http://user@a/",
            "http://[::1/",
            "http://a/#x",
            "unix:run/app.sock",
            "unix:/run/",
            "unix:/a:b",
        ] {
            assert!(Upstream::try_from(bad.to_owned()).unwrap_err().contains("expected http://"), "{bad}");
        }
        for bad in [
            "http://a/auth/{id}",
            "http://a/auth?id=$arg_id",
            "http://a/auth/$1",
            "http://a/auth/$1?price=5",
            "unix:/run/app.sock:/${x}",
            "unix:/run/app.sock:/$1",
            "unix:/run/$x.sock:/a",
            "unix:/run/$1.sock",
            "unix:/run/{x}.sock",
        ] {
            assert!(Upstream::try_from(bad.to_owned()).unwrap_err().contains("X-Channel-Id"), "{bad}");
        }
        assert!(Upstream::try_from("http://a/?price=$5".to_owned()).is_ok());
        assert!(Upstream::try_from("https://a/".to_owned()).unwrap_err().contains("TLS"));
    }
}
