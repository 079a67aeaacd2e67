//! Last values that outlive the daemon: stopped and started, killed, and with a file that cannot be used.
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::*;

/// What keys have, by name: version and value.
fn dump(home: &Home) -> Vec<(String, u64, Value)> {
    let lines = home.says(&["dump", "--json"]);
    let keys = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    keys.map(|key| {
        let text = key["key"].as_str().map_or_else(|| key["key_base64"].to_string(), str::to_owned);
        (text, key["version"].as_u64().expect("a version"), key["value"].clone())
    })
    .collect()
}

fn start(home: &Home, more: &[&str]) -> Output {
    let file = home.directory.join("values.jsonl").display().to_string();
    home.rcomet(&[&["start", "--no-tcp", "--values-file", &file], more].concat())
}

fn metric(home: &Home, name: &str) -> u64 {
    let mut curl = Command::new("curl");
    curl.args(["-s", "--unix-socket"]).arg(home.socket()).arg("http://localhost/metrics");
    let text = stdout(&patience::output(&mut curl));
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {text}"));
    line.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a number")
}

#[test]
fn a_stop_loses_nothing() {
    let home = Home::new();
    assert_eq!(code(&start(&home, &[])), 0);
    for (key, value) in [("greeting", "hello"), ("two words", "line 1\nline 2"), ("", "of the empty key")] {
        home.says(&["write", key, value]);
    }
    home.says(&["write", "short", "x", "--ttl", "1"]);
    home.says(&["write", "greeting", "hello world"]);
    let before = dump(&home);
    let status = home.says(&["status"]);
    let place = home.directory.join("values.jsonl");
    assert!(status.contains(&format!("keeps values    {}\n", place.display())), "{status}");
    home.says(&["stop"]);
    assert_eq!(home.files(), ["values.jsonl"]);
    assert_eq!(fs::metadata(&place).expect("it is there").permissions().mode() & 0o777, 0o600);
    std::thread::sleep(Duration::from_millis(1_100));

    assert_eq!(code(&start(&home, &[])), 0);
    let before: Vec<_> = before.into_iter().filter(|(key, ..)| key != "short").collect();
    assert_eq!(dump(&home), before, "but for what was good for a second");
    assert_eq!(metric(&home, "rcomet_values_restored_total"), 3);
    // Who has all of before waits for the next; who lacks something gets it.
    let version = before[0].1;
    let waiting = home.spawn(&["read", "greeting", "--wait", "--since", &version.to_string(), "--json"]);
    home.wait_until("subscribers", 1);
    home.says(&["write", "greeting", "after"]);
    let heard: Value = serde_json::from_slice(&patience::rest(waiting).stdout).expect("JSON");
    assert_eq!((&heard["value"], heard.get("missing")), (&Value::from("after"), None));
    assert!(heard["version"].as_u64() > Some(version));
    let again = home.says(&["read", "two words", "--since", &(before[1].1 - 1).to_string()]);
    assert_eq!(again, "line 1\nline 2");
}

#[test]
fn a_kill_loses_what_came_after_the_last_save() {
    let home = Home::new();
    let file = home.directory.join("values.jsonl");
    let config = home.file(
        "rcomet.toml",
        &format!("[control]\nvalues_file = \"{}\"\nvalues_seconds = 2\n", file.display()),
    );
    let begin = || home.rcomet(&["start", "--no-tcp", "--config", &config]);
    assert_eq!(code(&begin()), 0);
    let saves = metric(&home, "rcomet_values_saves_total");
    home.says(&["write", "k", "saved"]);
    until("it is saved", || metric(&home, "rcomet_values_saves_total") > saves);
    assert!(fs::read_to_string(&file).expect("it is there").contains("\"value\":\"saved\""));
    // Nothing changes, nothing is written.
    let saved = fs::metadata(&file).and_then(|known| known.modified()).expect("it is there");
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(fs::metadata(&file).and_then(|known| known.modified()).expect("it is there"), saved);
    let version = dump(&home)[0].1;
    // Killed before it is saved, which is two seconds later: so without a program of its own for each step.
    let process = i32::try_from(home.pid()).ok().and_then(Pid::from_raw).expect("a number");
    let mut socket = knock(&home.socket());
    socket.write_all(b"write k lost\n").expect("it is taken");
    let mut answer = [0; 3];
    socket.read_exact(&mut answer).expect("an answer");
    kill_process(process, Signal::KILL).expect("it runs");
    assert_eq!(&answer, b"ok ");
    let pid = process.as_raw_pid().unsigned_abs();
    until("its end", || !lives(pid));
    let started = begin();
    assert_eq!(code(&started), 0, "{started:?}");
    assert_eq!(home.says(&["read", "k"]), "saved");
    let waiting = home.spawn(&["read", "k", "--wait", "--since", &version.to_string(), "--json"]);
    home.wait_until("subscribers", 1);
    home.says(&["write", "k", "next"]);
    let heard: Value = serde_json::from_slice(&patience::rest(waiting).stdout).expect("JSON");
    assert_eq!(
        (&heard["value"], heard.get("missing")),
        (&Value::from("next"), Some(&Value::Null)),
        "that something may be missing is said"
    );
}

#[test]
fn a_file_that_cannot_be_used_refuses_the_start() {
    let home = Home::new();
    let place = home.directory.join("values.jsonl");
    assert_eq!(code(&start(&home, &[])), 0);
    home.says(&["write", "k", "v"]);
    // Another daemon, elsewhere, would write over it.
    let other = home.directory.join("other.sock").display().to_string();
    let second = start(&home, &["--control", &other]);
    assert_eq!(code(&second), 7, "{second:?}");
    assert!(
        stderr(&second).starts_with("rcomet: another rcomet runs already: it has the values in /"),
        "{second:?}"
    );
    home.says(&["stop"]);
    let whole = fs::read_to_string(&place).expect("it is there");
    for (text, wanted) in [
        (whole.replace("\"seq\":1", "\"seq\":\"one\""), "line 2: invalid type: string \"one\", expected u64"),
        (
            whole.lines().take(2).map(|line| format!("{line}\n")).collect(),
            "line 3: nothing follows: expected a value, or {\"end\":1}",
        ),
        (String::new(), "line 1: there is nothing: expected {\"rcomet_values\":1"),
    ] {
        fs::write(&place, &text).expect("to write");
        let refused = start(&home, &[]);
        assert_eq!((code(&refused), stdout(&refused)), (1, String::new()));
        let words = stderr(&refused);
        assert!(words.starts_with("rcomet: control.values_file: /") && words.contains(wanted), "{words}");
        assert_eq!(fs::read_to_string(&place).expect("it is there"), text, "it is left as it is");
        assert_eq!(home.files(), ["values.jsonl"], "and nobody listens");
    }
    fs::write(&place, whole).expect("to write");
    let refused = start(&home, &["--limit", "channel_name_bytes_max=0"]);
    assert_eq!(code(&refused), 1);
    assert_eq!(home.files(), ["values.jsonl"], "{refused:?}");
    assert_eq!(code(&start(&home, &[])), 0);
    assert_eq!(home.says(&["read", "k"]), "v");

    let nowhere = home.rcomet(&["start", "--no-tcp", "--values-file", "values", "--control", &other]);
    assert!(
        stderr(&nowhere)
            .contains("control.values_file: `values` is no place for a file: expected a whole path"),
        "{nowhere:?}"
    );
    let nowhere = home.rcomet(&["start", "--no-tcp", "--values-file", "/no/such/file", "--control", &other]);
    assert_eq!(code(&nowhere), 1);
    assert!(
        stderr(&nowhere).starts_with("rcomet: cannot save values in /no/such/file: No such file"),
        "{nowhere:?}"
    );
}

/// The disk is full, or the directory gone: the daemon serves on, says so once, and saves again when it can.
#[test]
fn what_cannot_be_saved_is_said_and_tried_again() {
    let home = Home::new();
    let directory = home.directory.join("state");
    fs::create_dir(&directory).expect("a directory");
    let log = home.directory.join("log");
    let config = home.file(
        "rcomet.toml",
        &format!("[control]\nvalues_file = \"{}/values\"\nvalues_seconds = 1\n", directory.display()),
    );
    let log_path = log.display().to_string();
    let started = home.rcomet(&["start", "--no-tcp", "--config", &config, "--log-file", &log_path]);
    assert_eq!(code(&started), 0, "{started:?}");
    fs::remove_dir_all(&directory).expect("it is there");
    home.says(&["write", "k", "v"]);
    until("two tries", || metric(&home, "rcomet_values_saves_failed_total") >= 2);
    assert_eq!(home.says(&["read", "k"]), "v");
    fs::create_dir(&directory).expect("a directory");
    until("it is saved", || directory.join("values").exists());
    until("that is said", || {
        fs::read_to_string(&log).expect("it is there").contains("values are saved again")
    });
    let said = fs::read_to_string(&log).expect("it is there");
    assert_eq!(said.matches("cannot save values").count(), 1, "{said}");
    // At the end it cannot be tried again: the exit code says so.
    fs::remove_dir_all(&directory).expect("it is there");
    home.says(&["stop"]);
    let said = fs::read_to_string(&log).expect("it is there");
    assert!(said.contains("cannot save values in"), "{said}");
}

#[test]
fn many_values_are_saved_while_others_are_served() {
    let home = Home::new();
    let file = home.directory.join("values.jsonl");
    let config = home.file(
        "rcomet.toml",
        &format!("[control]\nvalues_file = \"{}\"\nvalues_seconds = 1\n", file.display()),
    );
    assert_eq!(code(&home.rcomet(&["start", "--no-tcp", "--config", &config])), 0);
    let mut socket = knock(&home.socket());
    let value = "x".repeat(2_000);
    let mut lines = String::new();
    for key in 0..4_000 {
        lines += &format!("write key{key} {value}\n");
    }
    socket.write_all(lines.as_bytes()).expect("it is taken");
    socket.shutdown(std::net::Shutdown::Write).expect("a socket");
    let mut answers = String::new();
    socket.read_to_string(&mut answers).expect("text");
    assert_eq!(answers.lines().filter(|line| line.starts_with("ok ")).count(), 4_000);
    until("they are saved", || fs::read_to_string(&file).expect("it is there").lines().count() == 4_002);
    let pid = home.pid();
    signal("KILL", pid);
    until("its end", || !lives(pid));
    assert_eq!(code(&home.rcomet(&["start", "--no-tcp", "--config", &config])), 0);
    assert_eq!(home.says(&["read", "key3999"]), value);
    assert_eq!(metric(&home, "rcomet_values_restored_total"), 4_000);
}
