//! Every scenario against the real daemon, small.
mod support;

use support::Server;

fn play_everything(kind: &str) {
    play_everything_on(&Server::rcomet(&[]), kind);
}

fn play_everything_on(server: &Server, kind: &str) {
    for scenario in [
        "fanout -n 30 --rate 40 --seconds 0.3",
        "fanout -n 30 --rate 0 --seconds 0.2",
        "fanout -n 30 --rate 40 --seconds 0.2 --processes 2",
        "channels -c 10 -s 3 --rate 200 --seconds 0.3",
        "idle -n 30 --seconds 0.1",
        "connect -n 30",
        "churn -n 30 --churn 50 --rate 30 --seconds 0.3",
        "storm -n 30 --rate 40 --seconds 0.2",
        "chat -n 40 --rooms 4 --pause 0.3 --stay 2 --seconds 0.5",
    ] {
        let run = server.play(&format!("{scenario} -k {kind} --patience-ms 5000"));
        run.assert_perfect();
        assert_eq!((run.count("broken"), run.count("refused")), (0, 0), "{scenario} -k {kind}");
    }
}

#[test]
fn by_polls() {
    play_everything("poll");
}

#[test]
fn by_scripts() {
    play_everything("jsonp");
}

#[test]
fn by_streams() {
    play_everything("stream");
}

#[test]
fn by_events() {
    play_everything("sse");
}

#[test]
fn by_iframes() {
    play_everything("iframe");
}

#[test]
fn by_every_other_dialect() {
    for (dialect, kinds) in [
        ("simple-comet", &["poll", "jsonp"][..]),
        ("push", &["poll", "sse", "websocket"]),
        ("bayeux", &["poll"]),
        ("websocket", &["websocket"]),
    ] {
        let server = Server::rcomet_in(dialect);
        for kind in kinds {
            play_everything_on(&server, kind);
        }
        let run = server.play("publish -c 5 -D 4 --channels 3 --seconds 1");
        run.assert_perfect();
        assert!(run.figure("requests") > 100.0, "{dialect}: {}", run.outcome);
    }
}

#[test]
fn streams_of_other_dialects_are_not_harmed_by_who_never_reads() {
    for dialect in ["push", "websocket"] {
        let server = Server::rcomet_in(dialect);
        let run = server.play("slow -n 30 --slow-percent 20 --rate 100 --seconds 0.6 --size 20000");
        run.assert_perfect();
        assert!(run.figure("memory_growth_per_slow_subscriber_bytes") > 20_000.0, "{}", run.outcome);
    }
}

#[test]
fn a_publish_that_is_refused_in_its_answers_body_is_not_taken() {
    let server = Server::rcomet(&[]);
    let output = std::process::Command::new(support::SIM)
        .args(["publish", "-c", "2", "--rate", "50", "--seconds", "0.2", "--dialect", "websocket"])
        .args(server.arguments())
        .output()
        .expect("it runs");
    assert_ne!(output.status.code(), Some(0));
    let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    assert!(said.contains("a publish was refused") && said.contains("403"), "{said}");
}

#[test]
fn publishing_is_counted_by_its_answers() {
    let server = Server::rcomet(&[]);
    for depth in [1, 16] {
        let run = server.play(&format!("publish -c 5 -D {depth} --channels 3 --seconds 1"));
        run.assert_perfect();
        assert!(run.figure("requests") > 100.0, "{}", run.outcome);
        assert!(run.figure("cpu_per_100k_requests_ms") > 0.0, "{}", run.outcome);
        let around = run.count("published") as f64 - run.figure("requests");
        assert_eq!(around, 5.0 + 40.0, "everybody begins with one, and ends with eight that are listened to");
        assert_eq!(run.count("delivered"), 40, "{}", run.outcome);
    }
    let run = server.play("publish -c 5 --rate 500 --seconds 0.4");
    run.assert_perfect();
    assert_eq!(run.figure("requests"), 200.0);
}

#[test]
fn who_never_reads_does_not_harm_the_others() {
    let server = Server::rcomet(&[]);
    let run = server.play("slow -n 10 --slow-percent 80 -k stream --rate 100 --seconds 4 --size 50000");
    run.assert_perfect();
    // What one is kept for who does not read, at most, and what the channel keeps. 20 MB were published.
    let each = default_of("outbox_bytes_max") + default_of("batch_bytes_max");
    let bound = 8.0 * each + default_of("history_bytes_max") + SLACK_BYTES;
    let growth = run.figure("memory_growth_bytes");
    assert!(growth <= bound, "it grew by {growth} bytes, and may by {bound}");
}

/// Buffers that are as large as a burst, pages of the program that are used for the first time, what the allocator keeps.
const SLACK_BYTES: f64 = 6e6;

/// A limit's default, from the file that lists them all.
fn default_of(limit: &str) -> f64 {
    let example = include_str!("../../rcomet.example.toml");
    let value = example.lines().find_map(|line| line.strip_prefix(limit)?.trim_start().strip_prefix('='));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("{limit} is not in there"))
}

#[test]
fn a_refusal_is_said_and_not_taken_for_a_delivery() {
    let server = Server::rcomet(&["--limit", "subscribers_per_channel_max=10"]);
    let output = std::process::Command::new(support::SIM)
        .args(["fanout", "-n", "20", "-k", "poll", "--patience-ms", "500"])
        .args(server.arguments())
        .output()
        .expect("it runs");
    assert_ne!(output.status.code(), Some(0));
    let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    assert!(said.contains("refused") && said.contains("Too many subscribers"), "{said}");
}

#[test]
fn ccomet_is_spoken_too() {
    let server = Server::rcomet_for_ccomet();
    for scenario in
        ["fanout -n 20 -k jsonp --rate 40 --seconds 0.3", "storm -n 20 -k jsonp --rate 40 --seconds 0.2"]
    {
        server.play(&format!("{scenario} --patience-ms 5000")).assert_perfect();
    }
}
