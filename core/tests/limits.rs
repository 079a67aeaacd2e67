//! Every limit reached on purpose: the answer is clear, a counter moves, and nothing else is lost.
//! Here are those of connections and requests; `limits/channels.rs` has those of channels, `limits/pace.rs` how fast may
//! be published to one, `limits/memory.rs` those of memory, `limits/loans.rs` what is lent where there is none, `limits/room.rs` what a publish needs of it, `limits/sleepers.rs` who gives way to several, `limits/halfway.rs` what is left of what was stopped halfway, `limits/change.rs` other limits for a running server, and the way out.
#[path = "limits/answers.rs"]
mod answers;
#[path = "limits/bayeux.rs"]
mod bayeux;
#[path = "support/bayeux.rs"]
mod bayeux_client;
#[path = "limits/change.rs"]
mod change;
#[path = "limits/channels.rs"]
mod channels;
#[path = "limits/control.rs"]
mod control;
#[path = "limits/halfway.rs"]
mod halfway;
#[path = "support/listener.rs"]
mod listener;
#[path = "limits/loans.rs"]
mod loans;
#[path = "limits/memory.rs"]
mod memory;
#[path = "limits/pace.rs"]
mod pace;
#[path = "support/rest.rs"]
mod rest;
#[path = "limits/room.rs"]
mod room;
#[path = "limits/sleepers.rs"]
mod sleepers;
mod support;
#[path = "limits/tokens.rs"]
mod tokens;

use listener::{Framing, Listener};
use rcomet_core::{Config, Counters, Limits, Role};
use support::{Client, FIRST_CHANGE, Server, body, encode};

fn with(change: impl FnOnce(&mut Limits)) -> Server {
    let mut config = Config::default();
    change(&mut config.limits);
    Server::new(config)
}

/// What only this counter says, after it has been seen to move from 0.
fn moved(server: &mut Server, read: impl Fn(&Counters) -> u64) -> u64 {
    assert_eq!(read(&Counters::default()), 0);
    read(server.machine.counters())
}

fn status(answer: &str) -> &str {
    answer.strip_prefix("HTTP/1.1 ").expect("an answer").get(..3).unwrap()
}

fn asks(server: &mut Server, role: Role, bytes: impl AsRef<[u8]>) -> (Client, String) {
    let client = server.connect(role);
    server.send(client, bytes);
    let answer = server.received(client);
    (client, answer)
}

#[test]
fn every_limit_is_reached_somewhere_here() {
    let tests = [
        include_str!("limits.rs"),
        include_str!("limits/answers.rs"),
        include_str!("limits/memory.rs"),
        include_str!("limits/loans.rs"),
        include_str!("limits/channels.rs"),
        include_str!("limits/pace.rs"),
        include_str!("limits/bayeux.rs"),
        include_str!("limits/sleepers.rs"),
        include_str!("explain.rs"),
        include_str!("limits/tokens.rs"),
        include_str!("limits/control.rs"),
        include_str!("push_module_hooks.rs"),
        include_str!("push_module_groups.rs"),
        include_str!("push_module_groups/events.rs"),
    ]
    .concat();
    // Connections to applications are the shell's: tests/hooks.rs.
    let of_core = |name: &&str| !name.starts_with("hook_connection");
    for name in Limits::default().list().into_iter().map(|(name, ..)| name).filter(of_core) {
        assert!(tests.contains(&format!(".{name} = ")), "{name}");
    }
}

#[test]
fn connections_max() {
    let mut server = with(|l| l.connections_max = 2);
    let (first, _second) = (server.connect(Role::Front), server.connect(Role::Admin));
    let third = server.connect(Role::Front);
    let answer = server.received(third);
    assert!(status(&answer) == "503" && answer.contains("connections_max"), "{answer}");
    assert!(server.is_shut(third));
    assert_eq!(moved(&mut server, |c| c.connections_refused), 1);
    assert_eq!(status(&server.get(first, "/ping")), "200", "those who are here stay");
    server.vanish(first);
    server.pass_ms(2_000);
    let fourth = server.connect(Role::Front);
    assert_eq!(status(&server.get(fourth, "/ping")), "200");
}

#[test]
fn even_refusals_have_a_limit() {
    let mut server = with(|l| l.connections_max = 1);
    let clients: Vec<Client> = (0..100).map(|_| server.connect(Role::Front)).collect();
    let told = clients.iter().filter(|c| server.received(**c).contains("503")).count();
    assert!((1..100).contains(&told), "{told} were told, the rest was closed at once");
    assert!(clients.iter().skip(1).all(|c| server.is_shut(*c) || server.is_closed(*c)));
    server.pass_ms(2_000);
    assert_eq!(server.machine.connections(), 1);
}

#[test]
fn connections_per_address_max() {
    let mut server = with(|l| l.connections_per_address_max = 2);
    let mut from = |address: &str| {
        let client = server.connect_from(Role::Front, address);
        (client, server.received(client))
    };
    let (first, _) = from("10.0.0.1");
    assert_eq!(from("10.0.0.1").1, "");
    for same in ["10.0.0.1", "::ffff:10.0.0.1"] {
        let (_, answer) = from(same);
        assert!(status(&answer) == "503" && answer.contains("connections_per_address_max"), "{answer}");
    }
    assert_eq!(from("10.0.0.2").1, "", "others are not concerned");
    // A host has a whole network of IPv6 to come from.
    for own in ["2001:db8::1", "2001:db8::2"] {
        assert_eq!(from(own).1, "");
    }
    assert_eq!(status(&from("2001:db8::ffff:0:0:1").1), "503");
    assert_eq!(from("2001:db8:0:1::1").1, "", "another network");
    for _ in 0..5 {
        assert_eq!(from("127.0.0.1").1, "", "a proxy on this machine speaks for many");
        assert_eq!(from("::1").1, "");
    }
    server.vanish(first);
    server.pass_ms(2_000);
    let again = server.connect_from(Role::Front, "10.0.0.1");
    assert_eq!(status(&server.get(again, "/ping")), "200");
    assert_eq!(moved(&mut server, |c| c.address_refused), 3);
    let mut server = with(|l| l.connections_per_address_max = 0);
    let clients: Vec<Client> = (0..50).map(|_| server.connect_from(Role::Front, "10.0.0.1")).collect();
    assert!(clients.iter().all(|c| !server.is_shut(*c)), "0 is no limit");
}

#[test]
fn request_line_bytes_max_and_head_bytes_max() {
    let mut server = with(|l| {
        l.request_line_bytes_max = 100;
        l.head_bytes_max = 200;
    });
    let line = |n: usize| {
        let rest = "GET /ping?x= HTTP/1.1\r".len();
        format!("GET /ping?x={} HTTP/1.1\r\nHost: x\r\n\r\n", "y".repeat(n - rest))
    };
    assert_eq!(status(&asks(&mut server, Role::Front, line(100)).1), "200");
    let (client, answer) = asks(&mut server, Role::Front, line(101));
    assert!(status(&answer) == "414" && server.is_shut(client), "{answer}");
    // Also when the end of the line never comes.
    assert_eq!(status(&asks(&mut server, Role::Front, "GET /".to_owned() + &"z".repeat(1000)).1), "414");
    assert_eq!(moved(&mut server, |c| c.request_lines_too_long), 2);
    let head = |n: usize| {
        let rest = "GET /ping HTTP/1.1\r\nHost: x\r\nX: \r\n\r\n".len();
        format!("GET /ping HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(n - rest))
    };
    assert_eq!(status(&asks(&mut server, Role::Front, head(200)).1), "200");
    assert_eq!(status(&asks(&mut server, Role::Front, head(201)).1), "431");
    assert_eq!(status(&asks(&mut server, Role::Front, &head(1000)[..300]).1), "431");
    assert_eq!(moved(&mut server, |c| c.heads_too_large), 2);
}

#[test]
fn headers_max() {
    let mut server = with(|l| l.headers_max = 3);
    let fields = |n: usize| format!("GET /ping HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(n - 1));
    assert_eq!(status(&asks(&mut server, Role::Front, fields(3)).1), "200");
    let (client, answer) = asks(&mut server, Role::Front, fields(4));
    assert!(status(&answer) == "431" && server.is_shut(client), "{answer}");
    assert_eq!(moved(&mut server, |c| c.heads_too_large), 1);
}

#[test]
fn body_bytes_max() {
    let mut server = with(|l| l.body_bytes_max = 20);
    let of = |n: usize| "cname=a&content=".to_owned() + &"y".repeat(n - "cname=a&content=".len());
    let whole = |n: usize| format!("POST /push HTTP/1.1\r\nHost: x\r\nContent-Length: {n}\r\n\r\n{}", of(n));
    let chunked = |n: usize| {
        let pieces: String = of(n).chars().map(|c| format!("1\r\n{c}\r\n")).collect();
        format!("POST /push HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{pieces}0\r\n\r\n")
    };
    for request in [whole(20), chunked(20)] {
        assert_eq!(status(&asks(&mut server, Role::Admin, request).1), "200");
    }
    for request in [whole(21), chunked(21)] {
        let (client, answer) = asks(&mut server, Role::Admin, request);
        assert!(
            status(&answer) == "413" && answer.contains("body_bytes_max") && server.is_shut(client),
            "{answer}"
        );
    }
    assert_eq!(moved(&mut server, |c| c.bodies_too_large), 2);
    assert_eq!(moved(&mut server, |c| c.published), 2);
}

#[test]
fn head_ms_max_and_body_ms_max() {
    let mut server = with(|l| {
        l.head_ms_max = 1_000;
        l.body_ms_max = 2_000;
    });
    let (head, _) = asks(&mut server, Role::Admin, "GET /check HT");
    let post = "POST /push HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n";
    let (late_body, _) = asks(&mut server, Role::Admin, post);
    // A drop now and then does not help.
    server.pass_ms(900);
    server.send(head, "TP/1.1\r\n");
    server.send(late_body, "c");
    server.pass_ms(99);
    assert_eq!(server.received(head), "");
    server.pass_ms(1);
    assert_eq!(status(&server.received(head)), "408");
    server.pass_ms(999);
    assert_eq!(server.received(late_body), "");
    server.pass_ms(1);
    assert_eq!(status(&server.received(late_body)), "408");
    assert!(server.is_shut(late_body));
    assert_eq!(moved(&mut server, |c| c.requests_too_slow), 2);
    // Whoever is slow in the second request of a connection has the same time.
    let (kept, _) = asks(&mut server, Role::Admin, "GET /check HTTP/1.1\r\nHost: x\r\n\r\n");
    server.pass_ms(10_000);
    server.send(kept, "GET /ch");
    server.pass_ms(999);
    server.send(kept, "eck HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(status(&server.received(kept)), "200");
}

#[test]
fn idle_ms_max() {
    let mut server = with(|l| l.idle_ms_max = 5_000);
    let fresh = server.connect(Role::Front);
    let used = server.connect(Role::Front);
    let waiting = Listener::subscribe(&mut server, Framing::Poll, "cname=a&seq=1");
    server.pass_ms(3_000);
    server.get(used, "/ping");
    server.pass_ms(2_000);
    assert!(server.is_shut(fresh) && !server.is_shut(used));
    server.pass_ms(3_000);
    assert!(server.is_shut(used) && !server.is_shut(waiting.client), "waiting is not idle");
    assert_eq!(moved(&mut server, |c| c.idle_closed), 2);
    assert_eq!(server.received(fresh), "", "without words");
}

#[test]
fn write_stall_ms_max() {
    let mut server = with(|l| l.write_stall_ms_max = 5_000);
    let client = server.connect(Role::Front);
    server.clog(client, true);
    server.send(client, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
    server.pass_ms(4_999);
    assert!(!server.is_closed(client));
    server.pass_ms(1);
    assert!(server.is_closed(client));
    assert_eq!(moved(&mut server, |c| c.stalled_closed), 1);
    // Whoever takes something in time stays.
    let slow = Listener::subscribe(&mut server, Framing::Stream, "cname=a&seq=1");
    for _ in 0..5 {
        server.clog(slow.client, true);
        server.push("a", "m");
        server.pass_ms(4_000);
        server.clog(slow.client, false);
    }
    assert!(!server.is_closed(slow.client));
}

#[test]
fn write_least_bytes() {
    let mut server = with(|l| {
        l.write_stall_ms_max = 5_000;
        l.write_least_bytes = 100;
    });
    // A peer that takes a byte now and then is as good as dead.
    let trickle = |server: &mut Server, bytes: usize| {
        let slow = Listener::subscribe(server, Framing::Stream, "cname=a&seq=1");
        server.clog(slow.client, true);
        server.push("a", &"x".repeat(2_000));
        for _ in 0..4 {
            server.pass_ms(2_000);
            server.take(slow.client, bytes);
        }
        server.pass_ms(2_000);
        server.is_closed(slow.client)
    };
    assert!(trickle(&mut server, 10));
    assert_eq!(moved(&mut server, |c| c.stalled_closed), 1);
    assert!(!trickle(&mut server, 60), "60 bytes in two seconds are 100 in five");
}

#[test]
fn linger_ms_max() {
    let mut server = with(|l| l.linger_ms_max = 3_000);
    let (client, answer) = asks(&mut server, Role::Front, "GARBAGE\r\n\r\n");
    assert!(status(&answer) == "400" && server.is_shut(client) && !server.is_closed(client));
    // What it still sends is thrown away, so that its kernel does not throw the answer away.
    server.send(client, "x".repeat(1 << 20));
    server.pass_ms(2_999);
    assert!(!server.is_closed(client));
    server.pass_ms(1);
    assert!(server.is_closed(client));
    let (client, _) = asks(&mut server, Role::Front, "GARBAGE\r\n\r\n");
    server.finish_sending(client);
    assert!(server.is_closed(client), "nobody has to wait for whoever has ended");
}

#[test]
fn pipeline_bytes_max() {
    let mut server = with(|l| l.pipeline_bytes_max = 500);
    let mut poll = Listener::subscribe(&mut server, Framing::Poll, "cname=a&seq=1");
    poll.hear(&mut server);
    let pushes: String = (2..200).map(|i| format!("GET /ping?cb=f{i} HTTP/1.1\r\nHost: x\r\n\r\n")).collect();
    server.send(poll.client, pushes);
    assert_eq!(moved(&mut server, |c| c.pipelines_paused), 1);
    server.push("a", "m");
    let answers = server.received(poll.client);
    let mut at = 0;
    for i in 2..200 {
        at +=
            answers[at..].find(&format!("/**/f{i}(")).unwrap_or_else(|| panic!("{i} is lost, or too early"));
    }
}

#[test]
fn outbox_bytes_max_is_a_limit_for_requests_too() {
    let mut server = with(|l| l.outbox_bytes_max = 1_000);
    let client = server.connect(Role::Front);
    server.clog(client, true);
    server.send(client, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n".repeat(3_000));
    let requests = server.machine.counters().requests;
    assert!((1..20).contains(&requests), "no more is served than fits: {requests}");
    server.clog(client, false);
    assert_eq!(server.received(client).matches("\"ping\"").count(), 3_000);
}

#[test]
fn what_came_whole_is_answered_though_its_sender_has_ended_and_reads_late() {
    let mut server = with(|l| l.outbox_bytes_max = 1_000);
    let client = server.connect(Role::Front);
    server.clog(client, true);
    server.send(client, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100) + "GET /pi");
    server.finish_sending(client);
    server.clog(client, false);
    assert_eq!(server.received(client).matches("\"ping\"").count(), 100);
    assert!(server.is_closed(client));
}

#[test]
fn outbox_bytes_max_and_batch_bytes_max() {
    for framing in Framing::STREAMS {
        let mut server = with(|l| {
            l.outbox_bytes_max = 2_000;
            l.batch_bytes_max = 500;
            l.history_messages_max = 10_000;
        });
        let mut slow = Listener::subscribe(&mut server, framing, "cname=a&seq=1");
        server.clog(slow.client, true);
        for i in 1..=300 {
            server.push("a", &format!("m{i}"));
        }
        assert!(moved(&mut server, |c| c.subscribers_slow) > 0);
        server.clog(slow.client, false);
        let wanted: Vec<String> = (1..=300).map(|i| format!("data {i} m{i}")).collect();
        assert_eq!(slow.heard(&mut server), wanted, "what is still kept is not lost: {framing:?}");
        assert_eq!(server.machine.counters().lost, 0);
    }
    // A poll gets a batch, and asks for the rest.
    let mut server = with(|l| l.batch_bytes_max = 500);
    for i in 1..=20 {
        server.push("a", &format!("m{i}"));
    }
    let mut poll = Listener::subscribe(&mut server, Framing::Poll, "cname=a&seq=1");
    let mut heard = Vec::new();
    while heard.len() < 20 {
        let values = poll.hear(&mut server);
        let messages = listener::flat(&values);
        assert!((1..20).contains(&messages.len()));
        heard.extend(messages.iter().map(|m| listener::brief(m)));
        poll.ask(&mut server, &format!("cname=a&seq={}", heard.len() + 1));
    }
    assert_eq!(heard, (1..=20).map(|i| format!("data {i} m{i}")).collect::<Vec<_>>());
}
