//! A server that drops, doubles or reorders one message on purpose is caught in every scenario that delivers; one that
//! does not is not.
mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use support::Server;

/// Small runs, with everything that delivers, and each of the ways to listen that the double knows. A fault is done to the first
/// subscriber: by this seed churn leaves that one alone, so that it hears what is wrong before it has been away.
const SCENARIOS: [&str; 28] = [
    "fanout -n 40 -k sse --rate 40 --seconds 0.5",
    "fanout -n 40 -k poll --rate 40 --seconds 0.5",
    "fanout -n 40 -k jsonp --rate 0 --seconds 1",
    "fanout -n 40 -k sse --rate 0 --seconds 1 --processes 2",
    "channels -c 10 -s 3 -k sse --rate 300 --seconds 0.5",
    "channels -c 10 -s 3 -k poll --rate 300 --seconds 0.5",
    "churn -n 30 -k sse --churn 50 --rate 30 --seconds 0.6 --seed 3",
    "churn -n 30 -k jsonp --churn 50 --rate 30 --seconds 0.6 --seed 3",
    "storm -n 30 -k poll --rate 40 --seconds 0.6",
    "storm -n 30 -k sse --rate 40 --seconds 0.6",
    "slow -n 30 -k sse --rate 40 --seconds 0.5",
    "chat -n 40 --rooms 4 -k sse --pause 0.3 --stay 2 --seconds 1",
    "chat -n 40 --rooms 4 -k poll --pause 0.3 --stay 2 --seconds 1",
    "fanout -n 40 --dialect websocket --rate 40 --seconds 0.5",
    "fanout -n 40 --dialect push -k poll --rate 40 --seconds 0.5",
    "fanout -n 40 --dialect push -k sse --rate 40 --seconds 0.5",
    "fanout -n 40 --dialect push -k websocket --rate 40 --seconds 0.5",
    "storm -n 30 --dialect push -k websocket --rate 40 --seconds 0.6",
    "churn -n 30 --dialect push -k websocket --churn 50 --rate 30 --seconds 0.6 --seed 3",
    "slow -n 30 --dialect push -k websocket --rate 40 --seconds 0.5",
    "fanout -n 40 --dialect simple-comet --rate 40 --seconds 0.5",
    "fanout -n 40 --dialect bayeux --rate 0 --seconds 1 --processes 2",
    "channels -c 10 -s 3 --dialect websocket --rate 300 --seconds 0.5",
    "channels -c 10 -s 3 --dialect bayeux --rate 300 --seconds 0.5",
    "slow -n 30 --dialect websocket --rate 40 --seconds 0.5",
    "storm -n 30 --dialect websocket --rate 40 --seconds 0.6",
    "storm -n 30 --dialect bayeux --rate 40 --seconds 0.6",
    "churn -n 30 --dialect simple-comet --churn 50 --rate 30 --seconds 0.6 --seed 3",
];

/// Small runs in which nobody listens until the end.
const PUBLISHING: [&str; 6] = [
    "publish -c 4 --seconds 0.3",
    "publish -c 4 -D 8 --seconds 0.3",
    "publish -c 4 --channels 2 --rate 400 --seconds 0.5",
    "publish -c 4 -D 8 --dialect websocket --seconds 0.3",
    "publish -c 4 --dialect bayeux --seconds 0.3",
    "publish -c 4 -D 8 --seconds 0.3 --processes 2",
];

fn faulty() -> impl Iterator<Item = &'static str> {
    SCENARIOS.into_iter().chain(PUBLISHING)
}

fn patient(scenario: &str) -> String {
    format!("{scenario} --patience-ms 800")
}

#[test]
fn who_does_everything_right_is_not_accused() {
    let server = Server::floor(None);
    for scenario in SCENARIOS {
        let run = server.play(&patient(scenario));
        run.assert_perfect();
        assert!(run.count("published") > 4, "{scenario} hardly did anything: {}", run.outcome);
        assert!(run.count("delivered") > run.count("published"), "{scenario} hardly delivered anything");
        assert!(run.outcome["latency"]["count"].as_u64() > Some(10), "{scenario} hardly measured anything");
    }
    for scenario in PUBLISHING {
        let run = server.play(&patient(scenario));
        run.assert_perfect();
        assert!(run.count("published") > 50, "{scenario} hardly did anything: {}", run.outcome);
        assert_eq!(run.count("delivered"), 32, "{scenario}: eight of each connection are listened to");
        let answers = run.outcome["answers"]["count"].as_f64().expect("it is measured");
        assert!(answers >= run.figure("requests"), "{scenario}: the end is not measured: {}", run.outcome);
    }
}

/// What says only that the server is there is no message, and nothing is missed while a poll is answered with it.
#[test]
fn noops_are_counted_apart() {
    let (silent, server) = (Server::floor(None), Server::floor_with_noops(100));
    for (scenario, polls) in [
        ("fanout -n 40 -k poll --rate 20 --seconds 0.6", true),
        ("fanout -n 40 -k jsonp --rate 20 --seconds 0.6", true),
        ("fanout -n 40 -k sse --rate 20 --seconds 0.6", false),
        ("fanout -n 40 --dialect websocket --rate 20 --seconds 0.6", false),
        ("fanout -n 40 --dialect push -k sse --rate 20 --seconds 0.6", false),
    ] {
        let run = server.play(&patient(scenario));
        run.assert_perfect();
        assert_eq!(run.count("empty") > 0, polls, "{scenario}: {}", run.outcome);
        if polls {
            assert_eq!(silent.play(&patient(scenario)).count("empty"), 0, "{scenario}");
        }
    }
    // Those who stay hear them without asking again.
    for (request, sign) in [
        ("GET /sse?cname=a&seq=1 HTTP/1.1\r\n\r\n", &b"data: {\"type\":\"noop\""[..]),
        ("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", b"\x89\x00"),
    ] {
        let mut stream = TcpStream::connect(server.front()).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
        stream.write_all(request.as_bytes()).expect("it reads");
        if request.contains("/ws") {
            let mut head = [0; 1024];
            let n = stream.read(&mut head).expect("an answer");
            assert!(head[..n].starts_with(b"HTTP/1.1 101 "), "{:?}", String::from_utf8_lossy(&head[..n]));
            let words = b"{\"type\":\"subscribe\",\"channel\":\"a\",\"seq\":1}";
            let mut frame = vec![0x81, 0x80 | words.len() as u8, 0, 0, 0, 0];
            frame.extend_from_slice(words);
            stream.write_all(&frame).expect("it reads");
        }
        let mut heard = Vec::new();
        while heard.windows(sign.len()).filter(|at| at == &sign).count() < 3 {
            let mut bytes = [0; 1024];
            let n = stream.read(&mut bytes).expect("a sign of life");
            assert!(n > 0, "it ended: {:?}", String::from_utf8_lossy(&heard));
            heard.extend_from_slice(&bytes[..n]);
        }
    }
}

/// The other end writes a request whole, but the kernel need not hand it over so.
#[test]
fn the_floor_takes_a_request_that_comes_in_two_pieces() {
    let server = Server::floor(None);
    let mut stream = TcpStream::connect(server.front()).expect("it listens");
    stream.set_nodelay(true).expect("pieces go at once");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
    let request = b"GET /push?cname=a&content=0123456789 HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut answer = [0; 1024];
    for at in (1..request.len()).cycle().take(500) {
        stream.write_all(&request[..at]).and_then(|()| stream.write_all(&request[at..])).expect("it reads");
        let n = stream.read(&mut answer).expect("an answer");
        assert!(
            answer[..n].starts_with(b"HTTP/1.1 200 "),
            "{at}: {:?}",
            String::from_utf8_lossy(&answer[..n])
        );
    }
}

#[test]
fn a_message_that_is_dropped_is_lost() {
    for scenario in faulty() {
        let run = Server::floor(Some("drop=4")).play(&patient(scenario));
        assert_eq!(run.faults(), (1, 0, 0), "{scenario}: {}", run.outcome);
        assert_eq!(run.code, Some(1), "{scenario}");
    }
}

#[test]
fn a_message_that_comes_twice_is_doubled() {
    for scenario in faulty() {
        let run = Server::floor(Some("double=4")).play(&patient(scenario));
        assert_eq!(run.faults(), (0, 1, 0), "{scenario}: {}", run.outcome);
        assert_eq!(run.code, Some(1), "{scenario}");
    }
}

#[test]
fn a_message_that_comes_after_the_next_is_reordered() {
    for scenario in faulty() {
        let run = Server::floor(Some("reorder=4")).play(&patient(scenario));
        assert_eq!(run.faults(), (0, 0, 1), "{scenario}: {}", run.outcome);
        assert_eq!(run.code, Some(1), "{scenario}");
    }
}

/// Faults of the first message that those who only wait get.
#[test]
fn those_who_only_wait_get_their_messages_once_and_in_order() {
    for scenario in [
        "idle -n 30 -k poll --seconds 0.1",
        "idle -n 30 -k jsonp --seconds 0.1",
        "idle -n 30 -k sse --seconds 0.1",
        "idle -n 30 -k poll --seconds 0.1 --processes 2",
        "idle -n 30 --dialect push -k poll --seconds 0.1",
        "idle -n 30 --dialect push -k websocket --seconds 0.1",
        "idle -n 30 --dialect simple-comet --seconds 0.1",
        "idle -n 30 --dialect bayeux --seconds 0.1",
        "idle -n 30 --dialect websocket --seconds 0.1",
        "connect -n 30 -k poll",
        "connect -n 30 -k sse",
        "connect -n 30 --dialect push -k websocket",
        "connect -n 30 --dialect bayeux",
        "connect -n 30 --dialect websocket",
    ] {
        let scenario = patient(scenario);
        Server::floor(None).play(&scenario).assert_perfect();
        // And of the last, behind which nothing comes.
        for (fault, faults) in [
            ("drop=1", (1, 0, 0)),
            ("double=1", (0, 1, 0)),
            ("reorder=1", (0, 0, 1)),
            ("drop=2", (1, 0, 0)),
            ("double=2", (0, 1, 0)),
        ] {
            let run = Server::floor(Some(fault)).play(&scenario);
            assert_eq!((run.faults(), run.code), (faults, Some(1)), "{scenario}, {fault}: {}", run.outcome);
        }
    }
}

/// What can be lost or doubled as well is an answer. Answers have no numbers: their order is that of the requests.
#[test]
fn an_answer_to_a_publish_that_is_lost_or_comes_twice_is_counted() {
    for scenario in PUBLISHING {
        let scenario = patient(scenario);
        for (fault, faults) in [("drop-answer=40", (1, 0, 0)), ("double-answer=40", (0, 1, 0))] {
            let run = Server::floor(Some(fault)).play(&scenario);
            assert_eq!((run.faults(), run.code), (faults, Some(1)), "{scenario}, {fault}: {}", run.outcome);
            assert!(run.count("published") > 50, "{scenario} hardly did anything: {}", run.outcome);
        }
    }
}

/// Stopped for 300 ms of every 600: messages are meant to be sent meanwhile, and nobody is told of that by the server.
#[test]
fn a_server_that_stands_still_cannot_hide_it_in_an_open_loop() {
    let server = Server::floor(None);
    let run = server.play_stopped(
        "fanout -n 20 -k sse --rate 100 --seconds 2 --patience-ms 20000",
        Duration::from_millis(300),
    );
    run.assert_perfect();
    let p99_us = run.outcome["latency"]["p99_us"].as_f64().expect("it is measured");
    assert!(p99_us >= 150_000.0, "{}", run.outcome);
}

#[test]
fn it_is_said_loudly() {
    let scenario = "fanout -n 20 -k sse --rate 40 --seconds 0.4 --patience-ms 500";
    let (code, table) = Server::floor(Some("drop=5")).table(scenario);
    assert_eq!(code, Some(1));
    assert!(table.contains("!!! NOT EVERYBODY GOT EVERYTHING ONCE AND IN ORDER: 1 lost"), "{table}");
    let (code, table) = Server::floor(None).table(scenario);
    assert_eq!(code, Some(0));
    assert!(!table.contains("!!!") && table.contains("p99.9"), "{table}");
}
