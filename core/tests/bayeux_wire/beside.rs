//! Readers who take nothing, compression, browsers, the way out, and services.
use super::*;

#[test]
fn who_takes_nothing_is_given_no_more_and_everything_in_the_end() {
    let mut config = config();
    config.limits.outbox_bytes_max = 4_000;
    config.limits.history_messages_max = 10_000;
    let mut server = Server::new(config);
    let mut a = Wired::new(&mut server);
    a.subscribe(&mut server, "/a");
    a.subscribe(&mut server, "/b/*");
    a.connect(&mut server);
    server.clog(a.socket.0, true);
    for n in 0..400 {
        server.push(if n % 2 == 0 { "/a" } else { "/b/x" }, &format!("{n:050}"));
    }
    assert!(server.machine.counters().subscribers_slow > 0);
    server.clog(a.socket.0, false);
    let heard = a.data(&mut server);
    let want: Vec<String> = (0..400).map(|n| format!("{n:050}")).collect();
    assert_eq!(heard, want);
    server.machine.check();
}

#[test]
fn a_channel_that_is_closed_is_read_on_in_its_next_life() {
    let mut server = server();
    let mut a = Wired::new(&mut server);
    a.subscribe(&mut server, "/a");
    a.connect(&mut server);
    server.push("/a", "1");
    server.ask(Role::Admin, "/close?cname=/a");
    server.push("/a", "2");
    assert_eq!(a.data(&mut server), ["1", "2"]);
    server.machine.check();
}

#[test]
fn many_get_the_same_bytes_compressed_once() {
    let mut server = server();
    let mut all: Vec<Wired> = (0..50).map(|_| Wired::begin(&mut server, DEFLATE, json!({}))).collect();
    for a in &mut all {
        a.subscribe(&mut server, "/a");
        a.connect(&mut server);
    }
    let before = server.machine.counters().frames_deflated;
    let long = "some words ".repeat(100);
    server.push("/a", long.trim());
    assert_eq!(server.machine.counters().frames_deflated, before + 1);
    for a in &mut all {
        assert_eq!(a.data(&mut server), [long.trim()]);
    }
}

#[test]
fn the_plain_request_at_the_same_path_is_what_it_was() {
    let mut server = server();
    let client = server.connect(Role::Front);
    server.send(client, "GET /cometd HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(server.received(client).starts_with("HTTP/1.1 400 "));
    for (fields, status) in
        [(HANDSHAKE.replace("13", "12"), "426"), (HANDSHAKE.replace("Connection: Upgrade\r\n", ""), "400")]
    {
        let client = server.connect(Role::Front);
        server.send(client, format!("GET /cometd/x HTTP/1.1\r\n{fields}\r\n"));
        assert!(server.received(client).starts_with(&format!("HTTP/1.1 {status} ")), "{fields}");
    }
    // Switched off, it is not offered and not done.
    for (bayeux, all) in [(false, true), (true, false)] {
        let mut config = config();
        (config.bayeux.websocket, config.websocket.enabled) = (bayeux, all);
        let mut server = Server::new(config);
        let client = server.connect(Role::Front);
        server.send(client, format!("GET /cometd HTTP/1.1\r\n{HANDSHAKE}\r\n"));
        assert!(server.received(client).starts_with("HTTP/1.1 400 "));
        let (_, reply) = Fellow::begin(&mut server, Role::Front, "127.0.0.1", json!({}));
        assert_eq!(reply["supportedConnectionTypes"][0], "long-polling");
    }
}

#[test]
fn sessions_bound_to_browsers_are_so_over_websocket() {
    let mut config = config();
    config.bayeux.bind_sessions = true;
    let mut server = Server::new(config);
    // Without a cookie the handshake of the WebSocket gives one.
    let (socket, head) = Socket::open_with(&mut server, "/cometd", "");
    let (_, cookie) = head.split_once("Set-Cookie: RCOMET_BROWSER=").expect("a cookie");
    let cookie = &cookie[..32];
    let mut a = Wired { socket, client: String::new(), ids: 0, acked: None };
    a.say(&mut server, "/meta/handshake", json!({"version": "1.0"}));
    a.client = a.reply(&mut server)["clientId"].as_str().unwrap().to_owned();
    a.connect_with(&mut server, json!({"advice": {"timeout": 0}}));
    assert_eq!(a.reply(&mut server)["successful"], true);
    // Another browser does not get the session, the same does.
    a.move_to_new_socket(&mut server);
    a.connect(&mut server);
    assert_eq!(a.reply(&mut server)["advice"]["reconnect"], "handshake");
    let fields = format!("Cookie: x=1; RCOMET_BROWSER={cookie}\r\n");
    let (socket, head) = Socket::open_with(&mut server, "/cometd", &fields);
    assert!(!head.contains("Set-Cookie"), "{head}");
    a.socket = socket;
    a.connect_with(&mut server, json!({"advice": {"timeout": 0}}));
    assert_eq!(a.reply(&mut server)["successful"], true);
}

#[test]
fn a_page_of_another_site_keeps_its_session_without_a_cookie() {
    let mut config = config();
    config.bayeux.bind_sessions = true;
    let mut server = Server::new(config);
    for foreign in ["Origin: https://pages.example\r\n", "Origin: http://x\r\nSec-Fetch-Site: cross-site\r\n"]
    {
        let (socket, head) = Socket::open_with(&mut server, "/cometd", foreign);
        assert!(!head.contains("Set-Cookie"), "its browser would not show it: {head}");
        let mut a = Wired { socket, client: String::new(), ids: 0, acked: None };
        a.say(&mut server, "/meta/handshake", json!({"version": "1.0"}));
        a.client = a.reply(&mut server)["clientId"].as_str().unwrap().to_owned();
        a.connect_with(&mut server, json!({"advice": {"timeout": 0}}));
        assert_eq!(a.reply(&mut server)["successful"], true);
        a.socket = Socket::open_with(&mut server, "/cometd", foreign).0;
        a.connect_with(&mut server, json!({"advice": {"timeout": 0}}));
        assert_eq!(a.reply(&mut server)["successful"], true, "by another socket");
    }
    for own in ["Origin: https://x:8443\r\n", "Origin: https://y\r\nSec-Fetch-Site: same-site\r\n"] {
        assert!(Socket::open_with(&mut server, "/cometd", own).1.contains("Set-Cookie"), "{own}");
    }
}

#[test]
fn a_drain_says_goodbye_and_the_sessions_wait() {
    let mut server = server();
    let mut a = Wired::new(&mut server);
    a.subscribe(&mut server, "/a");
    a.connect(&mut server);
    server.machine.drain(server.now);
    server.turn();
    assert_eq!(a.socket.closed_with(&mut server), 1001);
    server.machine.check();
}

/// An application server: a client on the admin side that reads a service.
fn application(server: &mut Server, service: &str) -> Fellow {
    let mut application = Fellow::begin(server, Role::Admin, "127.0.0.1", json!({})).0;
    assert_eq!(application.subscribe(server, service)[0]["successful"], true);
    application
}

#[test]
fn a_service_answers_one_client_alone() {
    let mut server = server();
    let mut application = application(&mut server, "/service/echo");
    let (mut a, mut b) = (Wired::new(&mut server), Wired::with_ack(&mut server));
    for one in [&mut a, &mut b] {
        one.subscribe(&mut server, "/**");
        one.subscribe(&mut server, "/service/echo");
        one.connect(&mut server);
    }
    a.say(&mut server, "/service/echo", json!({"data": {"q": 1}, "ext": {"binary": {}}}));
    assert_eq!(a.reply(&mut server)["successful"], true);
    application.connect(&mut server);
    let asked = application.heard(&mut server).unwrap()[0].clone();
    let from = asked["ext"]["rcomet"]["from"].as_str().unwrap().to_owned();
    assert_eq!(asked["ext"], json!({"rcomet": {"from": from, "id": "5"}, "binary": {}}));
    assert_eq!((&asked["channel"], &asked["data"]), (&json!("/service/echo"), &json!({"q": 1})));
    assert!(!asked.to_string().contains(&a.client), "the secret is not told");
    let answer = |to: &str, data: Value| json!({"data": data, "ext": {"rcomet": {"to": to, "id": "5"}}});
    let reply = application.send(&mut server, "/service/echo", answer(&from, json!({"a": 2})));
    assert_eq!(reply[0]["successful"], true);
    assert_eq!(
        a.heard(&mut server),
        [json!({"channel": "/service/echo", "data": {"a": 2}, "id": "5", "successful": true})]
    );
    assert!(b.batches(&mut server).is_empty());
    server.machine.check();
    // It waits for a client that is away, and comes in its place among others, once.
    server.vanish(a.socket.0);
    server.push("/x", "before");
    application.send(&mut server, "/service/echo", answer(&from, json!("while away")));
    server.push("/x", "behind");
    a.move_to_new_socket(&mut server);
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), ["before", "while away", "behind"]);
    // Nobody else can say that: it is published as anything else is, and what is the server's is not passed on.
    let mut fellow = Fellow::new(&mut server);
    fellow.send(&mut server, "/service/echo", answer(&from, json!("forged")));
    assert!(a.batches(&mut server).is_empty());
    application.connect(&mut server);
    let heard = application.heard(&mut server).unwrap()[0].clone();
    assert_eq!(heard["data"], "forged");
    assert_ne!(heard["ext"]["rcomet"]["from"], from);
    assert!(heard["ext"]["rcomet"].get("to").is_none());
    // Whoever is gone is not answered, and neither is who never was.
    a.say(&mut server, "/meta/disconnect", json!({}));
    let zeros = format!("{}-00000000", from.split_once('-').unwrap().0);
    for to in [&*from, &zeros, "", "1-", "-", "zz-00000000", "18446744073709551616-1"] {
        let reply = application.send(&mut server, "/service/echo", answer(to, json!(1)))[0].clone();
        assert_eq!(
            (&reply["successful"], &reply["error"]),
            (&json!(false), &json!("404::Unknown client or channel")),
            "{to}"
        );
    }
    server.machine.check();
}

#[test]
fn a_service_answers_a_poll_too_and_with_acknowledgements_again() {
    let mut server = server();
    let mut application = application(&mut server, "/service/s");
    let mut a = Fellow::with_ack(&mut server);
    a.publish(&mut server, "/service/s", json!(1));
    application.connect(&mut server);
    let from = application.heard(&mut server).unwrap()[0]["ext"]["rcomet"]["from"].clone();
    a.connect(&mut server);
    let reply = application.send(
        &mut server,
        "/service/other",
        json!({"data": "x", "ext": {"rcomet": {"to": from}}}),
    );
    assert_eq!(reply[0]["successful"], true);
    a.lose(&mut server);
    a.connect(&mut server);
    assert_eq!(a.heard(&mut server).unwrap()[0], json!({"channel": "/service/other", "data": "x"}));
    // Its mailbox is not among what it can give up.
    a.send(&mut server, "/meta/unsubscribe", json!({"subscription": ""}));
    server.machine.check();
    a.send(&mut server, "/meta/disconnect", json!({}));
    server.machine.check();
    // Without a session, the admin side publishes to a service as it does to any channel.
    let mut other =
        Fellow { connection: server.connect(Role::Admin), client: String::new(), ids: 0, acked: None };
    assert_eq!(other.send(&mut server, "/service/s", json!({"data": 2}))[0]["successful"], true);
}

/// A pause that a client announces is waited for, an hour or as long as sessions are remembered, and no longer: who is awake gives way to
/// nobody.
#[test]
fn nobody_stays_awake_for_as_long_as_it_says() {
    const HOUR_MS: u64 = 3_600_000;
    for (pause_ms, remember_ms, awake_ms) in [
        (json!(600_000), HOUR_MS, 660_000),
        (json!(1e15), HOUR_MS, HOUR_MS + 60_000),
        (json!(1e15), 2 * HOUR_MS, 2 * HOUR_MS + 60_000),
        (json!(1e15), 0, HOUR_MS + 60_000),
        (json!(-1), HOUR_MS, 60_000),
        (json!("9"), HOUR_MS, 60_000),
    ] {
        let mut config = config();
        config.limits.bayeux_sessions_max = 2;
        config.bayeux.remember_ms = remember_ms;
        let mut server = Server::new(config);
        let (mut a, mut b) = (Fellow::new(&mut server), Wired::new(&mut server));
        let advice = json!({"advice": {"timeout": 0, "interval": pause_ms}});
        assert_eq!(a.send(&mut server, "/meta/connect", advice.clone())[0]["successful"], true);
        assert_eq!(b.send(&mut server, "/meta/connect", advice)["successful"], true);
        server.vanish(b.socket.0);
        server.pass_ms(awake_ms - 2_000);
        let begin = |server: &mut Server| Fellow::begin(server, Role::Front, "127.0.0.1", json!({})).1;
        assert_eq!(begin(&mut server)["error"], "403::Too many sessions", "{pause_ms}");
        server.pass_ms(4_000);
        for _ in 0..2 {
            assert_eq!(begin(&mut server)["successful"], true, "{pause_ms}: they sleep, and give way");
        }
    }
}
