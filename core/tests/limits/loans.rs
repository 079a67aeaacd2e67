//! What is lent for requests in pieces on the admin side and the control socket where memory is full.
use rcomet_core::Rights;

use super::memory::{contents, crowd};
use super::*;

fn number_of(content: &str) -> String {
    content.split(':').next().expect("a number").to_owned()
}

/// Publishes of two sizes, each request in these pieces, where memory is full: what is kept then, and what had to go.
fn published_in(pieces: impl Fn(&str) -> Vec<String>) -> (Vec<String>, Vec<String>, u64) {
    let (mut server, _) = crowd(0);
    for i in 20..60 {
        let admin = server.connect(Role::Admin);
        let body = format!("content={i}:{}", "x".repeat(if i % 2 == 0 { 10_000 } else { 100 }));
        let length = body.len();
        let kind = "application/x-www-form-urlencoded";
        let fields = format!("Host: x\r\nContent-Type: {kind}\r\nContent-Length: {length}");
        let pieces = pieces(&format!("POST /push?cname=a HTTP/1.1\r\n{fields}\r\n\r\n{body}"));
        for piece in &pieces {
            server.send(admin, piece);
        }
        let answer = server.received(admin);
        assert_eq!(status(&answer), "200", "{i}: {answer}");
        server.vanish(admin);
    }
    assert_eq!(lent(&mut server), 0);
    let trimmed = server.machine.counters().trimmed;
    server.machine.reconfigure(Config::default());
    let mut kept = |channel: &str| contents(&mut server, channel).iter().map(|it| number_of(it)).collect();
    (kept("a"), kept("b"), trimmed)
}

/// Bytes that half requests have been lent.
fn lent(server: &mut Server) -> usize {
    let client = server.connect(Role::Admin);
    let metrics = server.get(client, "/metrics");
    server.vanish(client);
    let lent = metrics.lines().find_map(|line| line.strip_prefix("rcomet_admin_partial_bytes "));
    lent.expect("it is told").parse().expect("a number")
}

#[test]
fn memory_bytes_max_lets_publishers_send_a_request_in_pieces_which_takes_no_more_room_then() {
    let whole = published_in(|request| vec![request.into()]);
    assert!(whole.0.len() > 5 && whole.1.len() == 20 && whole.2 > 10, "{whole:?}");
    let head_and_body = |request: &str| {
        let (head, body) = request.split_once("\r\n\r\n").expect("a head");
        vec![format!("{head}\r\n\r\n"), body.to_owned()]
    };
    assert_eq!(published_in(head_and_body), whole);
    let in_many = |request: &str| {
        request.as_bytes().chunks(90).map(|piece| String::from_utf8(piece.to_vec()).unwrap()).collect()
    };
    assert_eq!(published_in(in_many), whole);
    let chunked = |request: &str| {
        let (head, body) = request.split_once("\r\n\r\n").expect("a head");
        let head = head.split("\r\n").filter(|line| !line.starts_with("Content-Length"));
        let head = head.collect::<Vec<_>>().join("\r\n");
        let (first, second) = head.split_at(30);
        let (begun, rest) = body.split_at(body.len() / 2);
        vec![
            first.to_owned(),
            format!("{second}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{begun}\r\n", begun.len()),
            format!("{:x}\r\n{rest}\r\n0\r\n\r\n", rest.len()),
        ]
    };
    assert_eq!(published_in(chunked), whole);
}

const CONTROL: Role = Role::Control(Rights::All);

#[test]
fn memory_bytes_max_keeps_nobody_from_the_admin_side_whose_request_comes_in_pieces() {
    let (mut server, _) = crowd(0);
    let front = server.connect(Role::Front);
    let mut config = server.machine.config().clone();
    config.limits.memory_bytes_max = 1_000;
    server.machine.reconfigure(config);
    for (path, code) in [("/healthz", "200"), ("/readyz", "503"), ("/metrics", "200"), ("/channels", "200")] {
        for role in [Role::Admin, CONTROL] {
            let admin = server.connect(role);
            server.send(admin, format!("GET {path} HTT"));
            assert!(lent(&mut server) > 0);
            server.send(admin, "P/1.1\r\nHost: x\r");
            server.send(admin, "\n\r\n");
            let answer = server.received(admin);
            assert_eq!(status(&answer), code, "{path}: {answer}");
            assert_eq!(lent(&mut server), 0);
        }
    }
    let control = server.connect(CONTROL);
    server.send(control, "stat");
    server.send(control, "us\n");
    assert!(server.received(control).starts_with("ok {"));
    // What stands behind a last request is nobody's, and no second answer.
    let last = server.connect(Role::Admin);
    server.send(last, "POST /info HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\n");
    server.send(last, "xGET /healthz HTT");
    let answer = server.received(last);
    assert!(server.is_shut(last) && answer.matches("HTTP/1.1 ").count() == 1, "{answer}");
    assert_eq!(server.machine.counters().memory_refused, 0);
    // What the public sides send, and those who may not do anything, is not kept.
    server.send(front, "GET /ping HTT");
    assert_eq!(status(&server.received(front)), "503");
    let stranger = server.connect_from(Role::Admin, "10.0.0.1");
    server.send(stranger, "GET /healthz HTT");
    assert!(server.received(stranger).ends_with("\r\n\r\nmemory_bytes_max is reached: try again later\n"));
    let nobody = server.connect(Role::Control(Rights::None));
    server.send(nobody, "GET /healthz HTT");
    assert_eq!(status(&server.received(nobody)), "503");
    assert_eq!(lent(&mut server), 0);
}

#[test]
fn admin_partial_bytes_max() {
    let words =
        "memory_bytes_max is reached, and admin_partial_bytes_max for requests in pieces: try again later";
    let mut server = with(|l| {
        l.admin_partial_bytes_max = 2 * 2_048;
        l.memory_bytes_max = 1_000;
    });
    let half = |server: &mut Server, role: Role| {
        let client = server.connect(role);
        server.send(client, "GET /healthz HTTP/1.1\r\n");
        client
    };
    let (first, second) = (half(&mut server, Role::Admin), half(&mut server, CONTROL));
    assert_eq!(lent(&mut server), 2 * 2_048);
    let third = half(&mut server, Role::Admin);
    let answer = server.received(third);
    assert!(status(&answer) == "503" && answer.contains(words), "{answer}");
    let line = server.connect(CONTROL);
    server.send(line, "stat");
    let told = server.received(line);
    assert!(told.starts_with("error ") && !told.contains("HTTP") && server.is_shut(line), "{told}");
    assert_eq!(moved(&mut server, |c| c.admin_partials_refused), 2);
    assert_eq!(server.machine.counters().memory_refused, 2);
    // In one piece nothing has to be lent.
    let whole = server.connect(Role::Admin);
    assert_eq!(status(&server.get(whole, "/healthz")), "200");
    server.send(first, "Host: x\r\n\r\n");
    assert_eq!(status(&server.received(first)), "200");
    // Its connection is open still, but what it was lent is there for another; and so is that of who has gone.
    let fourth = half(&mut server, Role::Admin);
    server.vanish(second);
    let fifth = half(&mut server, CONTROL);
    assert_eq!((server.received(fourth), server.received(fifth)), (String::new(), String::new()));
    assert_eq!(lent(&mut server), 2 * 2_048);
    // Nobody has it longer than the rest of a request may take.
    server.pass_ms(10_000);
    assert_eq!(lent(&mut server), 0);
    // A body that grows is refused where it is too large for what can be lent, and nothing of it is done.
    let large = server.connect(Role::Admin);
    server.send(large, "PUT /keys/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n");
    for _ in 0..5 {
        server.send(large, "x".repeat(1_000));
    }
    let answer = server.received(large);
    assert!(status(&answer) == "503" && answer.contains(words), "{answer}");
    assert!(lent(&mut server) == 0 && server.machine.load().0 == 0);
    let mut server = with(|l| {
        l.admin_partial_bytes_max = 0;
        l.memory_bytes_max = 1_000;
    });
    let none = half(&mut server, Role::Admin);
    assert_eq!(status(&server.received(none)), "503");
    // Where there is memory nothing is lent.
    let mut server = with(|l| l.admin_partial_bytes_max = 0);
    let none = half(&mut server, Role::Admin);
    server.send(none, "Host: x\r\n\r\n");
    assert_eq!(status(&server.received(none)), "200");
}
