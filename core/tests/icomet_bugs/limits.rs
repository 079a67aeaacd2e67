//! Bugs about limits, time and load.
use super::*;

/// The bound that the limits promise, whoever reads or does not.
fn bound(server: &Server) -> usize {
    let limits = &server.machine.config().limits;
    2 * (limits.history_bytes_max + limits.outbox_bytes_max + limits.batch_bytes_max) + (1 << 20)
}

#[test]
fn bug_09_a_slow_reader_is_buffered_without_limit() {
    for framing in Framing::STREAMS {
        let mut server = Server::default();
        let mut healthy = Listener::subscribe(&mut server, framing, "cname=a&seq=1");
        let mut slow = Listener::subscribe(&mut server, framing, "cname=a&seq=1");
        healthy.hear(&mut server);
        slow.hear(&mut server);
        server.clog(slow.client, true);
        for i in 1..=100 {
            let text = format!("{i}:{}", "x".repeat(200_000));
            let request = post("/push", "text/plain", &format!("cname=a&content={text}"));
            assert_eq!(body(&admin(&mut server, request)), "{\"type\":\"ok\"}\n");
            let heard = healthy.hear(&mut server);
            assert_eq!((heard.len(), &heard[0]["content"]), (1, &text.into()), "the others do not notice");
            assert!(server.machine.memory().total_bytes() < bound(&server), "{:?}", server.machine.memory());
        }
        assert!(server.machine.counters().subscribers_slow > 0);
        server.clog(slow.client, false);
        let heard = slow.hear(&mut server);
        // What it had room for, then what is missing, then what is still kept, up to the newest.
        let gap = heard.iter().position(|v| v["type"] == "gap").expect("it is told");
        let (before, after) = (&heard[..gap], &heard[gap + 1..]);
        let seqs = |values: &[serde_json::Value]| {
            values.iter().map(|v| v["seq"].as_u64().unwrap()).collect::<Vec<_>>()
        };
        let first = heard[gap]["seq"].as_u64().unwrap();
        assert_eq!(seqs(before), (1..=before.len() as u64).collect::<Vec<_>>());
        assert_eq!(seqs(after), (first..=100).collect::<Vec<_>>(), "{framing:?}");
        let lost: u64 = heard[gap]["content"].as_str().unwrap().parse().unwrap();
        assert_eq!(lost, first - before.len() as u64 - 1);
        assert_eq!(server.machine.counters().lost, lost);
        assert!(after.len() > 1 && lost > 50);
    }
}

#[test]
fn bug_09_a_reader_that_takes_nothing_is_never_dropped() {
    for framing in Framing::ALL {
        let mut server = Server::default();
        let listener = Listener::subscribe(&mut server, framing, "cname=a&seq=1");
        server.clog(listener.client, true);
        server.push("a", "m");
        server.pass_ms(59_999);
        assert!(!server.is_closed(listener.client));
        server.pass_ms(1);
        assert!(server.is_closed(listener.client), "{framing:?}: noops do not keep it alive");
        assert_eq!(server.machine.counters().stalled_closed, 1);
        assert_eq!(server.machine.load().1, 0, "and it has left its channel");
    }
}

#[test]
fn bug_10_there_are_no_limits() {
    let mut server = Server::default();
    let status = |server: &mut Server, request: String| admin(server, request)[9..12].to_owned();
    let long = "x".repeat(64 << 10);
    assert_eq!(status(&mut server, get(&format!("/push?cname=a&content={long}"))), "414");
    let field = format!("GET /info HTTP/1.1\r\nHost: x\r\nX: {long}{long}\r\n\r\n");
    assert_eq!(status(&mut server, field), "431");
    assert_eq!(status(&mut server, post("/push", "text/plain", &"x".repeat((1 << 20) + 1))), "413");
    assert_eq!(status(&mut server, get(&format!("/push?cname={}&content=x", "n".repeat(256)))), "400");
    // Short of the limits all of it works: publishing by GET is common.
    assert_eq!(status(&mut server, get(&format!("/push?cname=a&content={}", "x".repeat(60_000)))), "200");
    assert_eq!(status(&mut server, post("/push?cname=a", "text/plain", &"x".repeat(200_000))), "200");
    assert_eq!(status(&mut server, get(&format!("/push?cname={}&content=x", "n".repeat(255)))), "200");
    let idle = server.connect(Role::Front);
    server.pass_ms(75_000);
    assert!(server.is_shut(idle), "an idle connection does not stay for ever");
}

#[test]
fn bug_17_a_missing_limit_means_zero() {
    let mut server = Server::default();
    let listener = Listener::subscribe(&mut server, Framing::Stream, "cname=a&seq=1");
    assert_eq!(server.machine.load(), (1, 1), "with nothing configured everybody comes in");
    server.vanish(listener.client);
    for wrong in ["polling_timeout_ms", "channel_timeout_ms"] {
        let mut config = Config::default();
        match wrong {
            "polling_timeout_ms" => config.icomet.polling_timeout_ms = 0,
            _ => config.icomet.channel_timeout_ms = 0,
        }
        assert!(config.check().unwrap_err().contains(wrong), "what cannot work is said by name");
    }
}

#[test]
fn bug_18_the_noop_interval_is_a_second_longer_than_promised() {
    for seconds in [1, 2, 3, 30] {
        let mut server = with(|c| c.icomet.polling_timeout_ms = seconds * 1000);
        let signed = server.ask(Role::Admin, "/sign?cname=a");
        assert!(signed.contains(&format!("\"sub_timeout\":{seconds}}}")), "{signed}");
        let mut listener = Listener::subscribe(&mut server, Framing::Sse, "cname=a&seq=1");
        for n in 0..3 {
            listener.hear(&mut server);
            server.pass_ms(seconds * 1000);
            assert_eq!(listener.heard(&mut server), [format!("noop {n} ")], "every {seconds} s");
        }
    }
}

#[test]
fn bug_19_broadcast_is_get_only() {
    let mut server = Server::default();
    server.push("a", "m");
    let text = "x".repeat(100_000);
    let answer = admin(&mut server, post("/broadcast", "text/plain", &format!("content={text}")));
    assert_eq!(body(&answer), "ok\n");
    let mut listener = Listener::subscribe(&mut server, Framing::Stream, "cname=a&seq=2");
    assert_eq!(listener.hear(&mut server)[0]["content"], text);
}

#[test]
fn bug_20_jsonp_has_the_type_of_html_or_json() {
    let mut server = Server::default();
    let front = server.connect(Role::Front);
    for target in ["/ping", "/sub?cname=a&cb=f", "/sub?cname=a&seq=1&cb=f"] {
        let answer = server.get(front, target);
        assert!(answer.contains("Content-Type: text/javascript; charset=utf-8\r\n"), "{answer}");
    }
    for path in ["/push", "/pub", "/sign"] {
        let answer = admin(&mut server, get(&format!("{path}?cname=a&cb=f")));
        assert!(answer.contains("Content-Type: text/javascript; charset=utf-8\r\n"), "{answer}");
    }
}

#[test]
fn bug_21_the_way_out_cuts_everybody_off() {
    for framing in Framing::ALL {
        let mut server = Server::default();
        let mut listener = Listener::subscribe(&mut server, framing, "cname=a&seq=1&noop=4");
        listener.hear(&mut server);
        server.machine.drain(server.now);
        server.turn();
        let heard = listener.heard(&mut server);
        assert!(
            listener.ended && server.is_shut(listener.client),
            "{framing:?}: a whole answer, then the end"
        );
        assert_eq!(heard, if framing.is_stream() { vec![] } else { vec!["noop 4 "] });
    }
}

#[test]
fn bug_22_a_broadcast_stops_everything_else() {
    let mut server = Server::default();
    for i in 0..1000 {
        server.push(&format!("c{i}"), "m");
    }
    let mut listeners: Vec<Listener> = (0..10)
        .map(|i| Listener::subscribe(&mut server, Framing::Stream, &format!("cname=c{}&seq=2", i * 100)))
        .collect();
    server.budget = 16;
    let now = server.now;
    let id = server.machine.open(Role::Admin, "127.0.0.1".parse().unwrap(), now).unwrap();
    server.machine.recv(id, get("/broadcast?content=b").as_bytes(), now);
    // Slices: with a budget of 16 it takes many turns to come round, and each does a little.
    let mut turns = 0;
    while server.machine.pump(16, now) {
        turns += 1;
    }
    assert!(turns > 1000 / 16, "{turns}");
    server.turn();
    for listener in &mut listeners {
        assert_eq!(listener.heard(&mut server), ["broadcast 2 b", "next_seq 3 "]);
    }
}

#[test]
fn bug_23_psub_has_no_snapshot_and_raw_names() {
    let mut server = Server::default();
    server.push("a", "m");
    let psub = server.connect(Role::Admin);
    let (_, lines) = split(&server.get(psub, "/psub"));
    assert_eq!(lines, "1 a\n");
    // A name that would split a line is no name.
    for bad in ["%0a", "x%0a0%20a", "%00", "%7f"] {
        let answer = admin(&mut server, get(&format!("/push?cname={bad}&content=m")));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        let front = server.connect(Role::Front);
        let refused = body(&server.get(front, &format!("/sub?cname={bad}&seq=1")));
        assert!(refused.starts_with("{\"type\":\"400\","), "{refused}");
    }
    assert_eq!(server.received(psub), "");
    assert_eq!(server.machine.counters().names_refused, 8);
}

#[test]
fn bug_23_slow_listeners_of_psub_are_buffered_without_limit() {
    let mut server = with(|c| {
        c.limits.outbox_bytes_max = 1000;
        c.limits.history_bytes_max = 10_000;
    });
    let psub = server.connect(Role::Admin);
    server.get(psub, "/psub");
    server.clog(psub, true);
    for i in 0..2000 {
        server.ask(Role::Admin, &format!("/sign?cname=c{i}"));
        server.ask(Role::Admin, &format!("/close?cname=c{i}"));
        assert!(server.machine.memory().total_bytes() < 4 << 20, "{:?}", server.machine.memory());
    }
    server.clog(psub, false);
    let answer = server.received(psub);
    // It has no words for a gap, so it ends: whoever listens asks again, and gets the lines for all there are.
    assert!(answer.ends_with("0\r\n\r\n"), "{}", &answer[answer.len() - 100..]);
    let (_, again) = split(&server.get(psub, "/psub"));
    assert_eq!(again, "");
}

#[test]
fn bug_24_the_limit_refuses_in_words_that_the_clients_know() {
    let mut server = with(|c| c.limits.subscribers_per_channel_max = 1);
    server.push("a", "m");
    let sitting = Listener::subscribe(&mut server, Framing::Stream, "cname=a&seq=2");
    for framing in Framing::ALL {
        let mut refused = Listener::subscribe(&mut server, framing, "cname=a&seq=1");
        assert_eq!(refused.heard(&mut server), ["429 0 Too many subscribers"]);
        assert!(refused.ended && !server.is_shut(refused.client));
    }
    assert_eq!(server.machine.counters().subscribers_refused, 5);
    server.vanish(sitting.client);
}
