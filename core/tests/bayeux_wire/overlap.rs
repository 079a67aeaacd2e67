//! Sessions whose own subscriptions overlap: what many get is written once all the same, and memory stays bounded.
use super::*;

const LARGE: usize = 100_000;

/// Sessions with these subscriptions whose connects wait, by clients that read nothing.
fn crowd(server: &mut Server, count: usize, names: &[&str]) -> Vec<Fellow> {
    let mut all: Vec<Fellow> = (0..count).map(|_| Fellow::new(server)).collect();
    for a in &mut all {
        for name in names {
            assert_eq!(a.subscribe(server, name)[0]["successful"], true);
        }
        a.connect(server);
        server.clog(a.connection, true);
    }
    all
}

fn request(name: &str, text: &str) -> String {
    let body = format!("cname={name}&content={text}");
    let head = "POST /push HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn push(server: &mut Server, name: &str, text: &str) {
    let publisher = server.connect(Role::Admin);
    server.send(publisher, request(name, text));
    assert!(server.received(publisher).ends_with("{\"type\":\"ok\"}\n"));
    server.vanish(publisher);
}

/// All of them connect before anything else happens.
fn connect_at_once(server: &mut Server, all: &mut [Fellow]) {
    for a in all {
        let mut message =
            json!({"channel": "/meta/connect", "clientId": a.client, "connectionType": "long-polling"});
        if let Some(acked) = a.acked {
            message["ext"] = json!({"ack": acked});
        }
        let text = message.to_string();
        let head = "POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
        let request = format!("{head}Content-Length: {}\r\n\r\n{text}", text.len());
        server.send_in_this_turn(a.connection, request);
    }
    server.turn();
}

fn used(server: &Server) -> usize {
    let memory = server.machine.memory();
    memory.blocks_bytes + memory.frames_bytes
}

fn hear(server: &mut Server, all: &mut [Fellow], want: &[&str]) {
    for a in all {
        server.clog(a.connection, false);
        let mut got = a.data(server);
        while got.len() < want.len() {
            a.connect(server);
            let more = a.data(server);
            assert!(!more.is_empty());
            got.extend(more);
        }
        assert_eq!(got, want, "each once, in order");
        a.connect(server);
        assert!(a.heard(server).is_none(), "and that was all");
    }
    server.machine.check();
}

#[test]
fn a_message_in_several_subscriptions_is_one_frame() {
    let mut server = server();
    let mut all = crowd(&mut server, 40, &["/one", "/**", "/*"]);
    let (before, text) = (used(&server), "x\u{e9}\"".repeat(LARGE / 4));
    push(&mut server, "/one", &text);
    let more = used(&server) - before;
    assert!(more < 4 * LARGE, "40 sessions share one frame: {more} bytes");
    hear(&mut server, &mut all, &[&text]);
}

#[test]
fn what_one_pattern_has_and_others_in_part_is_one_frame() {
    let mut config = config();
    config.limits.batch_bytes_max = 10 * LARGE;
    let mut server = Server::new(config);
    let mut all = crowd(&mut server, 40, &["/one", "/**"]);
    // The first answers the connects; the other three are lacking in both.
    push(&mut server, "/one", "0");
    let texts = ["1", "2", "3"].map(|n| n.repeat(LARGE));
    push(&mut server, "/one", &texts[0]);
    push(&mut server, "/two/three", &texts[1]);
    push(&mut server, "/one", &texts[2]);
    for a in &mut all {
        server.clog(a.connection, false);
        assert_eq!(a.data(&mut server), ["0"]);
        server.clog(a.connection, true);
    }
    let before = used(&server);
    connect_at_once(&mut server, &mut all);
    let more = used(&server) - before;
    assert!(more < 8 * LARGE, "one frame of three messages: {more} bytes");
    for a in &mut all {
        server.clog(a.connection, false);
        assert_eq!(a.data(&mut server), texts, "in one batch");
    }
    server.machine.check();
}

#[test]
fn what_is_large_is_shared_though_more_stands_elsewhere() {
    let mut server = server();
    let mut all = crowd(&mut server, 40, &["/one", "/two"]);
    let before = used(&server);
    let texts = ["1", "2"].map(|n| n.repeat(LARGE));
    let publisher = server.connect(Role::Admin);
    for (name, text) in [("/one", &texts[0]), ("/two", &texts[1])] {
        server.send_in_this_turn(publisher, request(name, text));
    }
    server.turn();
    let more = used(&server) - before;
    assert!(more < 4 * LARGE, "what is alone in its batch is nobody's own: {more} bytes");
    hear(&mut server, &mut all, &[&texts[0], &texts[1]]);
}

#[test]
fn batches_of_their_own_stop_where_memory_is_short() {
    const MEMORY: usize = 8 << 20;
    let mut config = config();
    config.limits.memory_bytes_max = MEMORY;
    config.limits.batch_bytes_max = 10 * LARGE;
    let mut server = Server::new(config);
    let mut all = crowd(&mut server, 100, &["/one", "/two"]);
    for a in &mut all {
        // They come back when there is something of both.
        server.clog(a.connection, false);
        let old = a.move_to_new_connection(&mut server);
        server.vanish(old);
        server.clog(a.connection, true);
    }
    let texts = ["1", "2"].map(|n| n.repeat(LARGE));
    push(&mut server, "/one", &texts[0]);
    push(&mut server, "/two", &texts[1]);
    connect_at_once(&mut server, &mut all);
    let most = used(&server);
    assert!(most > MEMORY / 2, "some were written for one alone: {most}");
    assert!(most < MEMORY + 6 * LARGE, "100 times both would be 20 MB: {most}");
    hear(&mut server, &mut all, &[&texts[0], &texts[1]]);
}

#[test]
fn what_is_sent_again_is_shared_as_well() {
    let mut server = server();
    let mut all: Vec<Fellow> = (0..40).map(|_| Fellow::with_ack(&mut server)).collect();
    let text = "x".repeat(LARGE);
    for a in &mut all {
        a.subscribe(&mut server, "/one");
        a.subscribe(&mut server, "/**");
        a.connect(&mut server);
    }
    push(&mut server, "/one", &text);
    for a in &mut all {
        a.lose(&mut server);
        server.clog(a.connection, true);
    }
    let before = used(&server);
    connect_at_once(&mut server, &mut all);
    let more = used(&server) - before;
    assert!(more < 4 * LARGE, "40 sessions share one frame: {more} bytes");
    for a in &mut all {
        server.clog(a.connection, false);
        assert_eq!(a.data(&mut server), [&*text]);
    }
}

#[test]
fn it_is_compressed_once_for_all() {
    let mut server = server();
    let mut all: Vec<Wired> = (0..20).map(|_| Wired::begin(&mut server, DEFLATE, json!({}))).collect();
    for a in &mut all {
        a.subscribe(&mut server, "/a/b");
        a.subscribe(&mut server, "/a/*");
        a.subscribe(&mut server, "/**");
        a.connect(&mut server);
    }
    let before = server.machine.counters().frames_deflated;
    let long = "some words ".repeat(100);
    for _ in 0..3 {
        server.push("/a/b", long.trim());
    }
    assert_eq!(server.machine.counters().frames_deflated, before + 3);
    for a in &mut all {
        assert_eq!(a.data(&mut server), [long.trim(); 3]);
    }
    server.machine.check();
}

/// Where no seat has all that is lacking, what lies in several of them is merged, and comes once.
#[test]
fn what_no_subscription_has_alone_is_merged() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    for name in ["/a/*", "/b/*", "/a/x"] {
        a.subscribe(&mut server, name);
    }
    for (name, text) in [("/a/x", "1"), ("/b/y", "2"), ("/a/x", "3"), ("/a/z", "4")] {
        server.push(name, text);
    }
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), ["1", "2", "3", "4"]);
    a.connect(&mut server);
    assert!(a.heard(&mut server).is_none());
}
