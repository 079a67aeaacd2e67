//! Names of channels and what kind of channel they are (`protocols/bayeux.md`, section 3).
//! Knows nothing of who may use them.
use crate::config::without;

/// What a channel is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `/meta/...`: the protocol's own. Only whole names mean something: nothing is taken for what it begins with.
    Meta,
    /// `/service/...`: between one client and the server, never handed to others.
    Service,
    /// Everything else.
    Broadcast,
}

/// The kind of the channel called `name`. The names `/meta` and `/service` themselves are of their kind too.
pub fn kind(name: &str) -> Kind {
    let first = name.strip_prefix('/').and_then(|rest| rest.split('/').next());
    match first {
        Some("meta") => Kind::Meta,
        Some("service") => Kind::Service,
        _ => Kind::Broadcast,
    }
}

/// What a client calls the channel or pattern `name`, before whose broadcast channels so many bytes stand that it does not see. What
/// would read as a private channel of its own, because another dialect has such a name behind the prefix, is told whole.
pub fn told(name: &str, prefix_bytes: u8) -> &str {
    if prefix_bytes == 0 || kind(name) != Kind::Broadcast {
        return name;
    }
    let short = without(name, prefix_bytes);
    if kind(short) == Kind::Broadcast { short } else { name }
}

/// Whether `name` names one channel: what CometD and its clients allow, which is what the specification and Faye allow
/// and some more, but no empty segment and no `*` anywhere.
pub fn is_channel(name: &str) -> bool {
    name.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment))
}

/// Whether `name` is a set of channels: a channel's name whose last segment is `*` or `**`.
pub fn is_pattern(name: &str) -> bool {
    let parent = name.strip_suffix("/**").or_else(|| name.strip_suffix("/*"));
    parent.is_some_and(|parent| parent.is_empty() || is_channel(parent))
}

fn is_segment(segment: &str) -> bool {
    let may = |c: u8| c.is_ascii_alphanumeric() || b" !#$()+-.@_{}~".contains(&c);
    !segment.is_empty() && segment.bytes().all(may)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_what_clients_may_send() {
        for good in ["/a", "/chat/demo", "/A1/b-c_d!~($)@", "/a.b/c d", "/#/{x}+y", "/meta/x"] {
            assert!(is_channel(good) && !is_pattern(good), "{good}");
        }
        for bad in ["", "/", "a", "a/b", "//", "/a//b", "/a/", "/*", "/a/*", "/a*", "/a:b", "/a,b", "/\u{e4}"]
        {
            assert!(!is_channel(bad), "{bad}");
        }
    }

    #[test]
    fn stars_stand_at_the_end_only() {
        for good in ["/*", "/**", "/a/*", "/a/b/**"] {
            assert!(is_pattern(good) && !is_channel(good), "{good}");
        }
        for bad in ["*", "**", "/a*", "/*/a", "/**/a", "/a/***", "/a//*", "//*", "/a/*/*", "/a/*/**", "/:/*"]
        {
            assert!(!is_pattern(bad), "{bad}");
        }
    }

    #[test]
    fn names_behind_a_prefix_are_told_without_it_and_private_ones_whole() {
        for (name, wanted) in [
            ("/bx/room", "/room"),
            ("/bx/metal/x", "/metal/x"),
            ("/service/echo", "/service/echo"),
            ("/bx/service/echo", "/bx/service/echo"),
            ("/bx/meta/connect", "/bx/meta/connect"),
            ("", ""),
        ] {
            assert_eq!(told(name, 3), wanted);
            assert_eq!(told(name, 0), name);
        }
    }

    #[test]
    fn kinds_go_by_the_first_segment() {
        for (name, want) in [
            ("/meta", Kind::Meta),
            ("/meta/handshake", Kind::Meta),
            ("/meta/subscribe/x", Kind::Meta),
            ("/meta/*", Kind::Meta),
            ("/metal/x", Kind::Broadcast),
            ("/service/echo", Kind::Service),
            ("/services/echo", Kind::Broadcast),
            ("/**", Kind::Broadcast),
            ("meta", Kind::Broadcast),
        ] {
            assert_eq!(kind(name), want, "{name}");
        }
    }
}
