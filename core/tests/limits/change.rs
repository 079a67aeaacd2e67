//! Another configuration for a running server, and the way out.
use rcomet_core::config::{Origin, PollHead};

use super::*;

#[test]
fn reconfigure_keeps_everybody() {
    let mut server = Server::default();
    for i in 1..=20 {
        server.push("a", &i.to_string());
    }
    server.push("b", "m");
    let mut listeners: Vec<Listener> =
        Framing::ALL.map(|framing| Listener::subscribe(&mut server, framing, "cname=a&seq=21")).into();
    let idle = server.connect_from(Role::Front, "10.0.0.1");
    let idle_too = server.connect_from(Role::Front, "10.0.0.1");
    let mut config = Config::default();
    config.limits.connections_max = 1;
    config.limits.connections_per_address_max = 1;
    config.limits.channels_max = 1;
    config.limits.subscribers_per_channel_max = 1;
    config.limits.history_messages_max = 5;
    config.limits.outbox_bytes_max = 100_000;
    config.icomet.polling_timeout_ms = 5_000;
    server.machine.reconfigure(config);
    server.turn();
    // Nobody is dropped; newcomers are measured by the new limits.
    for client in [idle, idle_too] {
        assert!(!server.is_shut(client));
        assert_eq!(status(&server.get(client, "/ping")), "200");
    }
    let newcomer = server.connect(Role::Front);
    assert_eq!(status(&server.received(newcomer)), "503");
    assert_eq!(server.machine.load(), (2, 5));
    // Who waits, waits as long as it was promised, and then the new way.
    server.pass_ms(29_999);
    assert!(listeners.iter_mut().all(|l| l.heard(&mut server).is_empty()));
    server.pass_ms(1);
    for listener in &mut listeners {
        assert_eq!(listener.heard(&mut server), ["noop 0 "]);
    }
    server.pass_ms(5_000);
    for listener in listeners.iter_mut().filter(|l| l.framing.is_stream()) {
        assert_eq!(listener.heard(&mut server), ["noop 1 "], "{:?}", listener.framing);
    }
}

#[test]
fn reconfigure_shortens_times_for_those_who_are_told_something() {
    let mut server = Server::default();
    let mut listeners: Vec<Listener> =
        Framing::STREAMS.map(|framing| Listener::subscribe(&mut server, framing, "cname=a&seq=1")).into();
    let admin = server.connect(Role::Admin);
    server.pass_ms(1_000);
    let mut config = Config::default();
    config.icomet.polling_timeout_ms = 2_000;
    server.machine.reconfigure(config);
    server.get(admin, "/push?cname=a&content=m");
    for listener in &mut listeners {
        assert_eq!(listener.heard(&mut server), ["data 1 m"]);
    }
    server.pass_ms(2_000);
    for listener in &mut listeners {
        assert_eq!(listener.heard(&mut server), ["noop 0 "], "{:?}", listener.framing);
    }
}

#[test]
fn reconfigure_changes_who_may() {
    let mut server = Server::default();
    let admin = server.connect(Role::Admin);
    let mut config = Config::default();
    config.admin.allow = vec!["10.0.0.1".parse().unwrap()];
    config.icomet.no_batch = true;
    config.front.publish = vec!["open".to_owned().try_into().unwrap()];
    server.push("a", "m");
    server.machine.reconfigure(config);
    assert_eq!(status(&server.get(admin, "/info")), "403");
    let front = server.connect(Role::Front);
    assert_eq!(status(&server.get(front, "/push?cname=open&content=x")), "200");
    assert!(body(&server.get(front, "/sub?cname=a&seq=1")).starts_with('{'));
}

#[test]
fn drain_ends_everybody_well() {
    let mut server = Server::default();
    let mut listeners: Vec<Listener> =
        Framing::ALL.map(|framing| Listener::subscribe(&mut server, framing, "cname=a&seq=1&noop=9")).into();
    let idle = server.connect(Role::Front);
    let psub = server.connect(Role::Admin);
    server.get(psub, "/psub");
    let ccomet = server.connect(Role::Ccomet);
    assert_eq!(server.get(ccomet, "/subscribe?channel=a&sname=ann&seqid=0&callback=f"), "");
    let (half, _) = asks(&mut server, Role::Admin, "GET /push?cname=a&content=last HTTP/1.1\r\nHo");
    for listener in &mut listeners {
        listener.hear(&mut server);
    }
    server.budget = 2;
    server.machine.drain(server.now);
    server.machine.drain(server.now);
    server.turn();
    for listener in &mut listeners {
        let wanted = if listener.framing.is_stream() { vec![] } else { vec!["noop 9 ".to_owned()] };
        assert_eq!(listener.heard(&mut server), wanted);
        assert!(listener.ended && server.is_shut(listener.client), "{:?}", listener.framing);
    }
    assert_eq!(server.received(idle), "");
    assert!(server.is_shut(idle) && server.received(psub).ends_with("0\r\n\r\n") && server.is_shut(psub));
    let (head, empty) = support::split(&server.received(ccomet));
    assert!(head.contains("Connection: close") && empty.is_empty(), "an empty script: {head}");
    // Who was in the middle of a request finishes it.
    server.send(half, "st: x\r\n\r\n");
    let answer = server.received(half);
    assert!(status(&answer) == "200" && answer.contains("Connection: close"), "{answer}");
    assert!(server.machine.connections() > 0, "their peers have not ended yet");
    server.pass_ms(2_000);
    assert_eq!((server.machine.connections(), server.machine.load().1), (0, 0));
}

#[test]
fn drain_does_not_wait_for_ever() {
    let mut server = Server::default();
    let stream = Listener::subscribe(&mut server, Framing::Stream, "cname=a&seq=1");
    server.clog(stream.client, true);
    server.push("a", "m");
    let (slow, _) = asks(&mut server, Role::Admin, "GET /ch");
    server.machine.drain(server.now);
    server.turn();
    server.pass_ms(60_000 + 2_000);
    assert!(server.is_closed(stream.client) && server.is_closed(slow));
    assert_eq!(server.machine.connections(), 0);
}

#[test]
fn a_waiting_poll_names_the_origin_it_was_asked_from_or_none() {
    let origins = |list: &[&str]| {
        let mut config = Config::default();
        config.icomet.poll_head = PollHead::WithMessage;
        config.http.origins =
            list.iter().map(|origin| Origin::try_from(origin.to_string()).unwrap()).collect();
        config
    };
    let mut server = Server::new(origins(&["https://one.example", "https://two.example"]));
    let mut poll = |origin: &str| {
        let client = server.connect(Role::Front);
        let request = format!("GET /sub?cname=a&seq=1 HTTP/1.1\r\nHost: x\r\nOrigin: {origin}\r\n\r\n");
        server.send(client, request);
        client
    };
    let (one, two) = (poll("https://one.example"), poll("https://two.example"));
    server.machine.reconfigure(origins(&["https://three.example", "https://one.example"]));
    server.push("a", "hello");
    let (one, two) = (server.received(one), server.received(two));
    assert!(one.contains("Access-Control-Allow-Origin: https://one.example\r\n"), "{one}");
    assert!(two.contains("hello") && !two.contains("Access-Control-Allow-Origin"), "{two}");
    assert!(two.contains("Vary: Origin\r\n"), "{two}");
}
