//! The pages that come with the daemon, a web chat, some on its dialects, one with jquery.comet's calls and one on which notes pop
//! up, and what they need to be allowed.
//! Knows nothing of how pages are served.
use std::net::SocketAddr;

use rcomet_core::config::{ChannelPattern, Duty, Location, LocationPath, Page, Rule, Side, Template};
use rcomet_core::{Config, Limits};

use crate::pages::{CSS, HTML, ICON, SCRIPT, Served, door, pages};
use crate::settings::Address;

/// The channels of the chat, of the page on dialects, and of programs that are tried out. Everybody may publish to them while
/// the demo is on.
const CHANNELS: [&str; 2] = ["/chat/*", "chat.*"];

/// The chat's in Bayeux.
const COMET_CHANNELS: &str = "/chat/**";

/// Leads to the chat, which is also where the bare address leads. The page names its files relatively to `/chat/`.
const CHAT_DOOR: &[u8] = door!("chat/", "To the web chat");
/// The same for the page on dialects.
const DIALECTS_DOOR: &[u8] = door!("dialects/", "To the dialects");
/// The same for the pages on one of them each.
const ICOMET_DOOR: &[u8] = door!("icomet/", "To icomet's dialect");
const CCOMET_DOOR: &[u8] = door!("ccomet/", "To CComet's dialect");
const SIMPLE_COMET_DOOR: &[u8] = door!("simple-comet/", "To Simple Comet's dialect");
const PUSH_MODULE_DOOR: &[u8] = door!("push-module/", "To the push module's dialect");
/// The same for the page with jquery.comet's calls.
const COMET_DOOR: &[u8] = door!("comet/", "To jquery.comet's calls");
/// The same for the notes.
const NOTIFIER_DOOR: &[u8] = door!("notifier/", "To the notes");

/// What is served: path, media type, content.
const PAGES: [Served; 47] = [
    ("/", HTML, CHAT_DOOR),
    ("/shared/icon.svg", ICON, include_bytes!("../demos/shared/icon.svg")),
    ("/shared/look.css", CSS, include_bytes!("../demos/shared/look.css")),
    ("/chat", HTML, CHAT_DOOR),
    ("/chat/", HTML, include_bytes!("../demos/webchat/index.html")),
    ("/chat/chat.css", CSS, include_bytes!("../demos/webchat/chat.css")),
    ("/chat/chat.js", SCRIPT, include_bytes!("../demos/webchat/chat.js")),
    ("/chat/dom.js", SCRIPT, include_bytes!("../demos/webchat/dom.js")),
    ("/chat/cursor.js", SCRIPT, include_bytes!("../demos/webchat/cursor.js")),
    ("/chat/feed.js", SCRIPT, include_bytes!("../demos/webchat/feed.js")),
    ("/chat/jsonp.js", SCRIPT, include_bytes!("../demos/webchat/jsonp.js")),
    ("/chat/letters.js", SCRIPT, include_bytes!("../demos/webchat/letters.js")),
    ("/chat/people.js", SCRIPT, include_bytes!("../demos/webchat/people.js")),
    ("/chat/publish.js", SCRIPT, include_bytes!("../demos/webchat/publish.js")),
    ("/chat/transports.js", SCRIPT, include_bytes!("../demos/webchat/transports.js")),
    ("/chat/wire.js", SCRIPT, include_bytes!("../demos/webchat/wire.js")),
    ("/chat/client/index.js", SCRIPT, include_bytes!("../clients/js/src/index.js")),
    ("/chat/client/feed.js", SCRIPT, include_bytes!("../clients/js/src/feed.js")),
    ("/chat/client/places.js", SCRIPT, include_bytes!("../clients/js/src/places.js")),
    ("/chat/client/share.js", SCRIPT, include_bytes!("../clients/js/src/share.js")),
    ("/chat/client/transports.js", SCRIPT, include_bytes!("../clients/js/src/transports.js")),
    ("/dialects", HTML, DIALECTS_DOOR),
    ("/dialects/", HTML, include_bytes!("../demos/dialects/index.html")),
    ("/dialects/clients.js", SCRIPT, include_bytes!("../demos/dialects/clients.js")),
    ("/dialects/columns.js", SCRIPT, include_bytes!("../demos/dialects/columns.js")),
    ("/dialects/one.js", SCRIPT, include_bytes!("../demos/dialects/one.js")),
    ("/dialects/icomet", HTML, ICOMET_DOOR),
    ("/dialects/icomet/", HTML, include_bytes!("../demos/dialects/icomet/index.html")),
    ("/dialects/ccomet", HTML, CCOMET_DOOR),
    ("/dialects/ccomet/", HTML, include_bytes!("../demos/dialects/ccomet/index.html")),
    ("/dialects/simple-comet", HTML, SIMPLE_COMET_DOOR),
    ("/dialects/simple-comet/", HTML, include_bytes!("../demos/dialects/simple-comet/index.html")),
    ("/dialects/push-module", HTML, PUSH_MODULE_DOOR),
    ("/dialects/push-module/", HTML, include_bytes!("../demos/dialects/push-module/index.html")),
    ("/dialects/page.css", CSS, include_bytes!("../demos/dialects/page.css")),
    ("/dialects/page.js", SCRIPT, include_bytes!("../demos/dialects/page.js")),
    ("/comet", HTML, COMET_DOOR),
    ("/comet/", HTML, include_bytes!("../demos/bayeux/index.html")),
    ("/comet/comet.js", SCRIPT, include_bytes!("../demos/bayeux/comet.js")),
    ("/comet/page.css", CSS, include_bytes!("../demos/bayeux/page.css")),
    ("/comet/page.js", SCRIPT, include_bytes!("../demos/bayeux/page.js")),
    ("/notifier", HTML, NOTIFIER_DOOR),
    ("/notifier/", HTML, include_bytes!("../demos/notifier/index.html")),
    ("/notifier/notifier.css", CSS, include_bytes!("../demos/notifier/notifier.css")),
    ("/notifier/notifier.js", SCRIPT, include_bytes!("../demos/notifier/notifier.js")),
    ("/notifier/page.css", CSS, include_bytes!("../demos/notifier/page.css")),
    ("/notifier/page.js", SCRIPT, include_bytes!("../demos/notifier/page.js")),
];

/// The page of the notes may as well be served by a web server with PHP, under any name: in ours stands that it is ours.
const NOTIFIER: &str = "/notifier/";
const HEAD: &str = "<head>\n";
const MARK: &str = "<meta name=\"rcomet\" content=\"daemon\">\n";

/// Adds the pages to what the core serves, and lets them listen in every dialect.
pub(crate) fn add_to(config: &mut Config) {
    config.pages.extend(pages(&PAGES).map(marked));
    // The patterns are ours and a test holds them to be some.
    config
        .front
        .publish
        .extend(CHANNELS.iter().filter_map(|name| ChannelPattern::try_from(name.to_string()).ok()));
    config.bayeux.publish.extend(Rule::try_from(COMET_CHANNELS.to_owned()));
    config.ccomet.on_front = true;
    config.simple_comet.on_front = true;
    config.push.location.extend(rooms());
}

/// The same page; that of the notes with its mark.
fn marked(page: Page) -> Page {
    if page.path != NOTIFIER {
        return page;
    }
    let text = String::from_utf8_lossy(&page.body).replacen(HEAD, &format!("{HEAD}{MARK}"), 1);
    Page { body: text.into(), ..page }
}

/// The push module's location for the channels of the chat. What is published here is kept as long as there.
fn rooms() -> Option<Location> {
    let mut rooms = Location::new(LocationPath::try_from("/rooms/{id}".to_owned()).ok()?, Duty::Pubsub);
    rooms.on = vec![Side::Front];
    rooms.channels = vec![Template::try_from("chat.{id}".to_owned()).ok()?];
    rooms.messages_max = Limits::default().history_messages_max;
    Some(rooms)
}

/// Where a browser on this machine finds the pages of a listener: what each is, and its address. None for a socket file,
/// which no browser can open.
pub(crate) fn visits(listener: &Address) -> Option<[(&'static str, String); 4]> {
    let base = base(listener)?;
    let page = |name| format!("{base}/{name}/");
    Some([
        ("web chat", page("chat")),
        ("dialects", page("dialects")),
        ("jquery.comet", page("comet")),
        ("notes", page("notifier")),
    ])
}

/// How somebody on this machine says something in the chat's first room by the admin side.
pub(crate) fn greeting(admin: &Address) -> Option<String> {
    Some(format!("curl '{}/push?cname=/chat/lobby&content=hello'", base(admin)?))
}

/// Where a browser on this machine finds the dashboard.
pub(crate) fn dashboard(admin: &Address) -> Option<String> {
    Some(format!("{}/dashboard", base(admin)?))
}

fn base(listener: &Address) -> Option<String> {
    let Address::Ip(listener) = listener else { return None };
    let host = match listener {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => "127.0.0.1".into(),
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => "[::1]".into(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    };
    Some(format!("http://{host}:{}", listener.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chat_has_its_pages_and_its_channels() {
        let mut config = Config::default();
        add_to(&mut config);
        assert_eq!(config.pages.len(), PAGES.len());
        assert!(config.pages.iter().all(|p| p.path.starts_with('/') && !p.body.is_empty()));
        // What pages share is where they look for it.
        let mut shared = 0;
        for (_, _, page) in PAGES {
            let page = String::from_utf8_lossy(page).replace("\"../../shared/", "\"../shared/");
            for name in page.split("\"../shared/").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(
                    PAGES.iter().any(|(known, ..)| known.strip_prefix("/shared/") == Some(name)),
                    "{name}"
                );
                shared += 1;
            }
        }
        assert_eq!(shared, 14, "seven pages have a sheet and an icon");
        assert_eq!((config.front.publish.len(), config.bayeux.publish.len()), (2, 1));
        assert_eq!((config.push.location.len(), config.check()), (3, Ok(())));
        assert!(config.front.publish[0].matches("/chat/lobby") && !config.front.publish[0].matches("/chat"));
    }

    #[test]
    fn the_page_of_the_notes_says_that_it_is_the_daemons() {
        let mut config = Config::default();
        add_to(&mut config);
        let marked: Vec<&str> = config
            .pages
            .iter()
            .filter(|page| String::from_utf8_lossy(&page.body).contains(MARK))
            .map(|page| &*page.path)
            .collect();
        assert_eq!(marked, [NOTIFIER]);
        let file = include_str!("../demos/notifier/index.html");
        assert!(!file.contains("name=\"rcomet\""), "elsewhere nothing says so");
    }

    #[test]
    fn the_url_is_one_that_a_browser_can_open() {
        let url_of =
            |text: &str| visits(&text.parse().unwrap()).map(|[(_, chat), ..]| chat).unwrap_or_default();
        assert_eq!(url_of("127.0.0.1:8100"), "http://127.0.0.1:8100/chat/");
        assert_eq!(url_of("0.0.0.0:80"), "http://127.0.0.1:80/chat/");
        assert_eq!(url_of("[::]:80"), "http://[::1]:80/chat/");
        assert_eq!(url_of("[fd00::1]:80"), "http://[fd00::1]:80/chat/");
        assert_eq!(url_of("unix:/run/a.sock"), "");
        for (_, url) in visits(&"127.0.0.1:80".parse().unwrap()).unwrap() {
            let path = url.strip_prefix("http://127.0.0.1:80").unwrap();
            assert!(PAGES.iter().any(|(known, ..)| *known == path), "{path}");
        }
    }
}
