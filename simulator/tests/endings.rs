//! Servers that end what should go on, that die, or that take everything and give nothing: each run has an end, and says why.
mod support;

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use support::{SIM, Server, double, patience};

/// What a run against a double comes to: the code, the outcome if there is one, and what was said.
fn play(scenario: &str, answer: &'static [u8], waits: bool) -> (Option<i32>, Option<Value>, String) {
    let address = double::serve(answer, waits).to_string();
    let mut command = Command::new(SIM);
    command.args(scenario.split_whitespace()).args(["--front", &address, "--admin", &address]);
    command.args(["--patience-ms", "600", "--json", "-"]).stdin(Stdio::null());
    let output = patience::output_within(&mut command, Duration::from_secs(120));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), serde_json::from_slice(&output.stdout).ok(), said)
}

#[test]
fn streams_that_end_at_once_are_not_waited_for_without_an_end() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello",
    ] {
        for scenario in ["fanout -n 5 -k sse", "fanout -n 5 -k sse --processes 2", "connect -n 5 -k sse"] {
            let (code, outcome, said) = play(scenario, answer, false);
            assert!(code == Some(2) && outcome.is_none(), "{scenario}: {said}");
            assert!(said.contains("of 5 subscribers came to wait"), "{scenario}: {said}");
            assert!(said.contains("Answers end at once that should go on, "), "{scenario}: {said}");
            assert!(!said.contains("no room"), "{scenario}: {said}");
        }
    }
}

#[test]
fn polls_that_are_answered_with_nothing_are_not_waited_for_without_an_end() {
    let nothing = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let (code, outcome, said) = play("fanout -n 5 -k poll --seconds 0.3", nothing, true);
    let outcome = outcome.unwrap_or_else(|| panic!("no outcome: {said}"));
    let failure = outcome["failure"].as_str().unwrap_or_default();
    assert!(code == Some(1) && failure.contains("answers have ended without a message"), "{outcome}");
}

#[test]
fn a_server_that_takes_everything_and_gives_nothing_is_noticed_by_who_only_publishes() {
    let silence = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n";
    let (code, outcome, said) = play("publish -c 3 --seconds 0.3", silence, true);
    let outcome = outcome.unwrap_or_else(|| panic!("no outcome: {said}"));
    assert_eq!((code, outcome["counts"]["lost"].as_u64()), (Some(1), Some(8)), "{outcome}");
    assert!(outcome["figures"]["requests"].as_f64() > Some(10.0), "what was measured stays: {outcome}");

    let (code, outcome, said) = play("publish -c 3 --seconds 0.3", b"HTTP/1.1 404 Not Found\r\n\r\n", false);
    let outcome = outcome.unwrap_or_else(|| panic!("no outcome: {said}"));
    let failure = outcome["failure"].as_str().unwrap_or_default();
    assert!(code == Some(1) && failure.contains("nobody can listen to what comes of it"), "{outcome}");
}

#[test]
fn a_server_that_dies_in_the_midst_of_it_leaves_an_outcome() {
    for scenario in [
        "fanout -n 10 -k sse --rate 100 --seconds 300 --warm-up 0",
        "fanout -n 10 -k poll --rate 0 --seconds 300 --warm-up 0",
        "fanout -n 10 -k sse --rate 100 --seconds 300 --warm-up 0 --processes 2",
        "channels -c 3 -s 2 -k sse --rate 100 --seconds 300",
        "publish -c 2 --seconds 300",
        "publish -c 2 --rate 200 --seconds 300",
        "churn -n 10 -k sse --rate 100 --seconds 300",
        "storm -n 10 -k sse --rate 100 --seconds 300",
        "chat -n 10 --rooms 1 -k sse --pause 0.1 --seconds 300",
    ] {
        let page = std::env::temp_dir().join(format!("rcomet-sim-death-{}.html", std::process::id()));
        let server = Server::floor(Some("end=20"));
        let mut command = Command::new(SIM);
        command.args(scenario.split_whitespace()).args(server.arguments()).args(["--patience-ms", "2000"]);
        command.args(["--json", "-", "--report"]).arg(&page).stdin(Stdio::null());
        let output = patience::output_within(&mut command, Duration::from_secs(120));
        let said = String::from_utf8_lossy(&output.stderr);
        let outcome: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{scenario}: {said}"));
        let failure = outcome["failure"].as_str().unwrap_or_default();
        assert!(failure.starts_with("nobody takes messages any more: "), "{scenario}: {outcome}");
        assert_eq!(output.status.code(), Some(1), "{scenario}: {said}");
        assert!(outcome["counts"]["published"].as_u64() >= Some(20), "{scenario}: {outcome}");
        assert!(std::fs::remove_file(&page).is_ok(), "{scenario}: a page");
    }
}
