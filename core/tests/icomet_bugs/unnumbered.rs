//! Bugs that stand in the text of the protocol's description and not in its list.
use super::*;

#[test]
fn a_missing_cname_means_the_channel_without_a_name() {
    let mut server = Server::default();
    for target in ["/push?content=x", "/pub?cname=&content=x", "/sign", "/close", "/clear"] {
        let answer = admin(&mut server, get(target));
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("cname"), "{target}: {answer}");
    }
    assert_eq!(server.machine.load().0, 0);
}

#[test]
fn post_with_keep_alive_and_no_length_is_refused() {
    let mut server = Server::default();
    let request = "POST /push?cname=a&content=x HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n";
    assert_eq!(body(&admin(&mut server, request)), "{\"type\":\"ok\"}\n");
    assert_eq!(kept(&mut server, "a"), ["x"]);
}

#[test]
fn bytes_behind_a_waiting_poll_are_kept_without_limit() {
    let mut server = with(|c| c.limits.pipeline_bytes_max = 1000);
    let mut poll = Listener::subscribe(&mut server, Framing::Poll, "cname=a&seq=1");
    poll.hear(&mut server);
    let pings = get("/ping?cb=p").repeat(5000);
    server.send(poll.client, &pings);
    assert!(server.machine.memory().blocks_bytes < 10_000, "{:?}", server.machine.memory());
    assert_eq!(server.machine.counters().pipelines_paused, 1);
    server.push("a", "m");
    let answers = server.received(poll.client);
    assert_eq!(answers.matches("/**/p({\"type\":\"ping\"").count(), 5000, "none is lost");
}

#[test]
fn an_empty_cb_still_wraps() {
    let mut server = Server::default();
    assert_eq!(server.ask(Role::Admin, "/push?cname=a&content=x&cb="), "{\"type\":\"ok\"}\n");
    assert!(server.ask(Role::Admin, "/sign?cname=a&cb=").starts_with('{'));
}

#[test]
fn address_prefixes_match_in_the_middle_of_an_octet() {
    let mut server = with(|c| c.admin.allow = vec!["192.16".parse().unwrap()]);
    for (address, status) in [("192.16.1.1", "200"), ("192.168.1.1", "403"), ("192.160.1.1", "403")] {
        let client = server.connect_from(Role::Admin, address);
        assert_eq!(&server.get(client, "/info")[9..12], status, "{address}");
    }
}

#[test]
fn a_wrong_path_costs_the_connection() {
    let mut server = Server::default();
    let client = server.connect(Role::Front);
    assert!(server.get(client, "/nothing").starts_with("HTTP/1.1 404 "));
    assert!(!server.is_shut(client));
    assert!(server.get(client, "/ping").starts_with("HTTP/1.1 200 "));
}

#[test]
fn no_preflight_is_answered() {
    let mut server = Server::default();
    let client = server.connect(Role::Front);
    for path in ["/sub", "/poll", "/stream", "/sse", "/iframe", "/ping", "*"] {
        server
            .send(client, format!("OPTIONS {path} HTTP/1.1\r\nHost: x\r\nOrigin: http://a.example\r\n\r\n"));
        let answer = server.received(client);
        assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"), "{answer}");
        assert!(answer.contains("Access-Control-Allow-Origin: *\r\n"), "{answer}");
    }
}

/// Arrays stop today's icomet.js in its long-polling mode for good; `no_batch` is for it.
#[test]
fn arrays_stop_the_client() {
    for configured in [true, false] {
        let mut server = with(|c| c.icomet.no_batch = configured);
        let wish = if configured { "" } else { "&no_batch=1" };
        for i in 1..=3 {
            server.push("a", &format!("m{i}"));
        }
        server.ask(Role::Admin, "/broadcast?content=b");
        let mut heard = Vec::new();
        let mut poll = Listener::subscribe(&mut server, Framing::Jsonp, &format!("cname=a&seq=1{wish}"));
        for seq in 2..=5 {
            heard.extend(poll.heard(&mut server));
            poll.ask(&mut server, &format!("cname=a&seq={seq}{wish}"));
        }
        assert_eq!(heard, ["data 1 m1", "data 2 m2", "data 3 m3", "broadcast 4 b"]);
        assert!(poll.heard(&mut server).is_empty() && !poll.ended);
        server.ask(Role::Admin, "/broadcast?content=live");
        assert_eq!(poll.heard(&mut server), ["broadcast 5 live"]);
        server.ask(Role::Admin, "/clear?cname=a");
        poll.ask(&mut server, &format!("cname=a&seq=1{wish}"));
        assert_eq!(poll.heard(&mut server), ["next_seq 6 "]);
    }
}
