//! Scripts, and the pages that ask for them.
use rcomet_core::config::{Origin, Page};
use rcomet_core::{Config, Role};
use serde_json::{Value, json};

use super::bayeux::config;
use super::support::{Server, encode, split};

/// Asks for this script with these fields; gives its one reply.
fn call(server: &mut Server, target: &str, fields: &str, message: &Value) -> Value {
    let client = server.connect(Role::Front);
    let message = encode(&message.to_string());
    server.send(
        client,
        format!("GET {target}?jsonp=f&message={message} HTTP/1.1\r\nHost: push.example:81\r\n{fields}\r\n"),
    );
    let (head, body) = split(&server.received(client));
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let call = body.strip_prefix("/**/f(").and_then(|body| body.strip_suffix(");")).expect(&body);
    serde_json::from_str::<Value>(call).unwrap()[0].clone()
}

/// cometd's client takes the first of its transports that is offered, and sends cookies with long-polling: where the browser then keeps
/// the answer from the page, it does not come back to scripts.
#[test]
fn scripts_are_offered_other_requests_only_where_their_pages_may_send_them() {
    let only = ["websocket", "callback-polling"];
    let more = ["websocket", "long-polling", "callback-polling"];
    let all = ["websocket", "long-polling", "callback-polling", "cross-origin-long-polling"];
    let named = |origins: &[&str]| {
        let mut config = config();
        config.http.origins =
            origins.iter().map(|one| Origin::try_from((*one).to_owned()).unwrap()).collect();
        config
    };
    let (everybody, none) = (named(&["*"]), named(&[]));
    let (listed, both) = (named(&["https://Pages.example"]), named(&["https://pages.example", "*"]));
    let theirs = "Referer: https://pages.example/\r\n";
    let ours = "Referer: http://push.example:81/some/page?x=://y\r\n";
    for (config, fields, offered) in [
        (&everybody, theirs, &only[..]),
        (&everybody, "Origin: https://pages.example\r\n", &only),
        (&everybody, "", &only),
        (&everybody, ours, &more),
        (&everybody, "Sec-Fetch-Site: same-origin\r\n", &more),
        (&everybody, "Sec-Fetch-Site: same-site\r\n", &only),
        (&none, theirs, &only),
        (&none, ours, &more),
        (&both, theirs, &only),
        (&listed, theirs, &all),
        (&listed, "Referer: https://PAGES.example\r\n", &all),
        (&listed, "Referer: http://pages.example/\r\n", &only),
        (&listed, "Referer: https://pages.example.evil/\r\n", &only),
        (&listed, "Referer: https://evil.example/https://pages.example/\r\n", &only),
        (&listed, "Referer: https://pages.example:444/\r\n", &only),
        (&listed, "Referer: pages.example\r\n", &only),
        (&listed, "Referer: \r\n", &only),
        (&listed, "", &only),
        (&listed, ours, &all),
    ] {
        let mut server = Server::new(config.clone());
        let hands = json!({"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": more});
        let reply = call(&mut server, "/cometd", fields, &hands);
        assert_eq!(reply["successful"], true);
        assert_eq!(reply["supportedConnectionTypes"], json!(offered), "{fields:?} {:?}", config.http.origins);
        // After its session is gone it is told the same.
        let again = json!({"channel": "/meta/handshake", "version": "1.0", "clientId": "gone"});
        assert_eq!(call(&mut server, "/cometd", fields, &again)["supportedConnectionTypes"], json!(offered));
    }
}

/// At the root there may be a page as well: who brings messages is answered.
#[test]
fn a_page_at_the_root_leaves_scripts_to_bayeux() {
    let page = |path: &str| Page { path: path.into(), content_type: "text/html", body: "<p>".into() };
    let serve = |paths: &[&str]| {
        let mut config: Config = config();
        config.bayeux.paths = paths.iter().map(|path| (*path).to_owned().try_into().unwrap()).collect();
        config.pages = vec![page("/"), page("/cometd/page"), page("/other")];
        Server::new(config)
    };
    let hands = json!({"channel": "/meta/handshake", "version": "1.0"});
    let mut server = serve(&["/", "/cometd"]);
    for target in ["/", "/cometd/page"] {
        assert_eq!(call(&mut server, target, "", &hands)["successful"], true);
    }
    for target in ["/", "/?jsonp=f", "/?xmessage=1", "/other?message=%5B%5D", "/cometd/page"] {
        assert_eq!(server.ask(Role::Front, target), "<p>", "{target}");
    }
    // Where Bayeux is not at the root, the page is all there is.
    let mut server = serve(&["/cometd"]);
    assert_eq!(server.ask(Role::Front, "/?jsonp=f&message=%5B%5D"), "<p>");
}

/// What is published is handed on byte for byte, or not taken: bytes that are no text cannot be.
#[test]
fn what_is_no_text_is_refused() {
    let mut server = Server::new(config());
    for text in ["%FF", "a%C3%28", "%ED%A0%80", "\u{fffd}%FF+"] {
        let message =
            encode(r#"[{"channel":"/meta/handshake","version":"1.0","ext":"#) + "%22" + text + "%22%7D%5D";
        for (request, status) in [
            (format!("GET /cometd?jsonp=f&message={message} HTTP/1.1\r\nHost: x\r\n\r\n"), "400"),
            (
                format!(
                    "POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\nmessage={message}",
                    message.len() + 8
                ),
                "400",
            ),
            (
                format!(
                    "GET /cometd?jsonp=f&message={} HTTP/1.1\r\nHost: x\r\n\r\n",
                    message.replace(text, "%C3%A9")
                ),
                "200",
            ),
        ] {
            let client = server.connect(Role::Front);
            server.send(client, &request);
            let answer = server.received(client);
            assert_eq!(&answer[9..12], status, "{request}: {answer}");
            assert!(status == "200" || answer.contains("expected UTF-8"), "{answer}");
        }
    }
}
