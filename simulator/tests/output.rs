//! What comes out beside the table: pages, comparisons, and words about limits that stand in the way.
mod support;

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use support::{SIM, Server, patience};

/// A directory that is gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rcomet-sim-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_run_becomes_a_page_and_two_become_one() {
    let scratch = Scratch::new("pages");
    let server = Server::floor(None);
    let own = scratch.file("own.html");
    let mut outcomes = Vec::new();
    for name in ["first", "second"] {
        let run = server
            .play(&format!("fanout -n 20 -k sse --rate 100 --seconds 0.5 --name {name} --report {own}"));
        run.assert_perfect();
        let path = scratch.file(&format!("{name}.json"));
        std::fs::write(&path, run.outcome.to_string()).expect("a file");
        outcomes.push(path);
    }
    let page = std::fs::read_to_string(&own).expect("a page");
    assert!(page.contains("<h1>fanout · second</h1>") && page.matches("<svg").count() >= 3, "{page}");

    let both = scratch.file("both.html");
    let status = Command::new(SIM).arg("report").args(&outcomes).args(["--output", &both]).status();
    assert!(status.expect("it runs").success());
    let page = std::fs::read_to_string(&both).expect("a page");
    assert!(page.contains("first, second") && page.contains("class=\"s2\""), "{page}");
}

#[test]
fn a_limit_that_stands_in_the_way_is_named_with_what_lifts_it() {
    let server = Server::floor(None);
    let command = format!("ulimit -n 100; exec {SIM} fanout -n 1000 {}", server.arguments().join(" "));
    let output = Command::new("sh").args(["-c", &command]).output().expect("a shell");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("ulimit -n 1065") && said.contains("--processes 30"), "{said}");

    // In several processes there is room enough.
    let command =
        command.replace("fanout -n 1000", "fanout -n 100 -k sse --rate 50 --seconds 0.2 --processes 4");
    let output = Command::new("sh").args(["-c", &command]).output().expect("a shell");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn nonsense_is_refused_before_anything_happens() {
    let server = Server::floor(None);
    for (scenario, words) in [
        ("fanout --size 10", "48 bytes at least"),
        ("fanout -k stream", "but by: poll, jsonp, sse"),
        ("slow -k poll", "choose a stream"),
        ("storm -n 10 --channels 3", "cannot be spread evenly"),
        ("fanout --server-pid 4294967295", "no process 4294967295"),
        ("channels -c 100000 -s 100000", "more than can be counted"),
        ("churn --channels 0", "0 is not in 1..="),
        ("storm --channels 0", "0 is not in 1..="),
        ("idle --channels 0", "0 is not in 1..="),
        ("publish --channels 0", "0 is not in 1..="),
        ("channels --channels 0", "0 is not in 1..="),
        ("channels --subscribers 0", "0 is not in 1..="),
        ("chat --rooms 0", "0 is not in 1..="),
        ("chat --people 0", "0 is not in 1..="),
        ("chat --pause 0", "0 is not between 0.001 and"),
        ("chat --stay 0", "0 is not between 0.001 and"),
        ("publish --depth 0", "0 is not in 1..="),
        ("publish --connections 0", "0 is not in 1..="),
        ("publish --rate 1e-300", "is not between 0.001 and"),
        ("fanout -n 0", "0 is not in 1..="),
        ("fanout --seconds 1e30 --rate 0.0001", "is not between 0.001 and"),
        ("fanout --seconds 1e30", "is not between 0.001 and"),
        ("fanout --rate inf", "inf is not between 0.001 and"),
        ("fanout --rate=-1", "-1 is not between 0.001 and 1000000000, or 0"),
        ("fanout --rate nan", "nan is not between"),
        ("fanout --seconds=-1", "-1 is not between"),
        ("fanout --seconds nan", "nan is not between"),
        ("fanout --rate 0 --window 0", "0 is not in 1..="),
        ("connect --window 0", "0 is not in 1..="),
        ("storm --window 0", "0 is not in 1..="),
        ("slow --slow-percent nan", "nan is not between 0 and"),
        ("channels --rate 0", "0 is not between"),
        ("fanout --patience-ms 18446744073709551615", "is not in 1..="),
    ] {
        let mut command = Command::new(SIM);
        command.args(scenario.split_whitespace()).args(server.arguments());
        let output = patience::output_within(&mut command, Duration::from_secs(60));
        assert_eq!(output.status.code(), Some(2), "{scenario}");
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(said.contains(words), "{scenario}: {said}");
    }
    let output = Command::new(SIM).args(["fanout", "--admin", "127.0.0.1:1"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nobody takes messages at 127.0.0.1:1"));
}

/// Nobody listens at the address: if anything had been tried before the file, that would be said.
#[test]
fn a_file_that_cannot_be_written_is_found_before_the_run() {
    let scratch = Scratch::new("unwritable");
    let good = scratch.file("good.json");
    for option in ["--json", "--report"] {
        let bad = scratch.file("nowhere/out");
        let mut command = Command::new(SIM);
        command.args(["fanout", "--admin", "127.0.0.1:1", option, &bad]);
        command.args([if option == "--json" { "--report" } else { "--json" }, &good]);
        let output = command.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains("nowhere/out: "), "{said}");
        assert!(!said.contains("127.0.0.1:1"), "{said}");
        assert!(!PathBuf::from(&good).exists(), "the other is not left behind");
    }
}

#[test]
fn the_table_is_seen_although_the_disk_is_full() {
    let server = Server::floor(None);
    for option in ["--json", "--report"] {
        let mut command = Command::new(SIM);
        command.args(["fanout", "-n", "5", "--seconds", "0.2", option, "/dev/full"]);
        command.args(server.arguments());
        let output = patience::output_within(&mut command, Duration::from_secs(60));
        let table = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.code() == Some(2) && table.contains("p99.9"), "{table}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("/dev/full: "));
    }
}

#[test]
fn a_run_in_which_nobody_was_slow_says_so() {
    let server = Server::floor(None);
    let bytes = |run: &support::Run| run.outcome["settings"].to_string();
    let run = server.play("slow -n 5 --rate 200 --seconds 0.5");
    run.assert_perfect();
    assert!(
        bytes(&run).contains("[\"message bytes\",\"8000\"]") && run.outcome["warnings"].is_null(),
        "{}",
        run.outcome
    );
    let (code, table) = server.table("slow -n 5 --rate 20 --seconds 0.5 --size 100");
    assert!(
        code == Some(0) && table.contains("! too little was sent to fill anybody's buffers ("),
        "{table}"
    );
    let run = server.play("fanout -n 5 --seconds 0.2");
    assert!(bytes(&run).contains("[\"message bytes\",\"100\"]"), "{}", run.outcome);
}

#[test]
fn a_server_for_publishers_only_is_not_said_to_be_listened_to() {
    let output = Command::new(SIM).args(["fanout", "--target", "fixed"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("it is for publish only"), "{said}");
}

#[test]
fn the_program_says_what_it_is() {
    for word in ["--help", "-h"] {
        let output = Command::new(SIM).arg(word).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.starts_with("Puts a comet server under load, counts"), "{said}");
    }
}

#[test]
fn a_server_without_descriptors_says_which_command_gives_it_some() {
    let command = format!("ulimit -n 100; exec {SIM} floor --front 127.0.0.1:0 --admin 127.0.0.1:0");
    let mut floor =
        Command::new("sh").args(["-c", &command]).stderr(Stdio::piped()).spawn().expect("a shell");
    let mut said = BufReader::new(floor.stderr.take().expect("a pipe"));
    let mut line = String::new();
    said.read_line(&mut line).expect("it says where it listens");
    let front = line.trim_end().rsplit(' ').next().expect("an address").to_owned();
    // It takes as many as it can, and ends with the next.
    let held: Vec<_> = (0..120).map_while(|_| TcpStream::connect(&front).ok()).collect();
    assert!(held.len() >= 80, "{}", held.len());
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("text");
    assert!(!floor.wait().expect("it ends").success());
    assert!(rest.contains("may have 100 descriptors") && rest.contains("ulimit -n 20000"), "{rest}");
}

#[test]
fn a_server_without_room_is_told_from_one_that_is_slow() {
    let server = Server::rcomet(&["--limit", "connections_max=60"]);
    let pid = server.pid().to_string();
    for processes in ["1", "3"] {
        let mut command = Command::new(SIM);
        command.args(["connect", "-n", "100", "-k", "sse", "--patience-ms", "700", "--server-pid", &pid]);
        command.args(["--processes", processes]).args(server.arguments());
        let output = patience::output_within(&mut command, Duration::from_secs(120));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        for words in [
            "of 100 subscribers came to wait",
            "it may have ",
            "ulimit -n where it is started",
            "connections_max",
        ] {
            assert!(said.contains(words), "{said}");
        }
    }
}

/// The floor is played against, and somebody else is watched, who ends in the midst of it.
#[test]
fn a_watched_process_that_ends_makes_a_run_worth_nothing() {
    let server = Server::floor(None);
    for scenario in [
        "fanout -n 10 -k sse --rate 50 --seconds 4",
        "publish -c 2 --rate 50 --seconds 4",
        "idle -n 10 --seconds 4",
        "storm -n 10 -k sse --rate 50 --seconds 2",
    ] {
        let busy = "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; exec sleep 2";
        let mut watched = Command::new("sh").args(["-c", busy]).spawn().expect("it starts");
        let mut command = Command::new(SIM);
        command.args(scenario.split_whitespace()).args(server.arguments());
        command.args(["--server-pid", &watched.id().to_string(), "--json", "-"]);
        let output = patience::output_within(&mut command, Duration::from_secs(120));
        watched.wait().expect("it has ended");
        let outcome: Value = serde_json::from_slice(&output.stdout).expect("an outcome");
        assert_eq!(output.status.code(), Some(1), "{scenario}: {outcome}");
        assert!(
            outcome["failure"].as_str().is_some_and(|words| words.contains("a watched process has ended"))
        );
        let figures = outcome["figures"].as_object().expect("figures");
        // What was known before it ended is known.
        let unknown = |name: &String| !name.contains("cpu") || name.contains("returns");
        assert!(figures.keys().all(unknown), "{scenario}: {figures:?}");
    }
}

#[test]
fn a_comparison_writes_its_document_and_keeps_what_people_wrote() {
    let scratch = Scratch::new("compare");
    let results = scratch.file("RESULTS.md");
    let compare = || {
        let mut command = Command::new(SIM);
        command.args(["compare", "--quick", "--only", "chat", "--results", &results]);
        command.args(["--pages", &scratch.file("pages"), "--rcomet"]).arg(support::rcomet());
        command.output().expect("it runs")
    };
    let output = compare();
    // The source that the program goes by as well.
    if std::thread::available_parallelism().map_or(true, |cores| cores.get() < 2) {
        assert!(String::from_utf8_lossy(&output.stderr).contains("a core each"));
        return;
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(&results).expect("a document");
    assert!(text.contains(
        "| a chat of 1,000 people in 100 rooms | lost, doubled, reordered or refused | at most 0 | 0 | met | |"
    ));
    assert!(text.contains("| floor |") && text.contains("rcomet-sim chat"), "{text}");
    assert!(text.contains("`make bench ONLY=chat`; 1 run of a second at "), "{text}");
    assert!(PathBuf::from(scratch.file("pages/chat.html")).is_file());

    std::fs::write(&results, format!("{}\n\nBecause I say so.\n", text.trim_end())).expect("a file");
    let rewrite = Command::new(SIM).args(["compare", "--rewrite", "--results", &results]).status();
    assert!(rewrite.expect("it runs").success());
    let again = std::fs::read_to_string(&results).expect("a document");
    assert!(again.contains("Because I say so.") && again.contains("| floor |"), "{again}");
}

#[test]
fn a_comparison_in_which_rcomet_has_no_outcome_fails_and_says_why() {
    if std::thread::available_parallelism().map_or(true, |cores| cores.get() < 2) {
        return;
    }
    let scratch = Scratch::new("compare-failed");
    let results = scratch.file("RESULTS.md");
    let rcomet = support::rcomet().display();
    let words = format!("ulimit -n 512; exec {SIM} compare --quick --only idle-poll --results {results}");
    let command = format!("{words} --pages {} --rcomet {rcomet}", scratch.file("pages"));
    let output = Command::new("sh").args(["-c", &command]).output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    // The first line of what the run has said, and the last.
    assert!(said.contains("the hard limit is 512") && said.contains("ulimit -n 15065"), "{said}");
    let text = std::fs::read_to_string(&results).expect("a document");
    let lost = text.split("## What we lose").nth(1).expect("a section");
    assert!(lost.contains("is not measured, and must be at most"), "{lost}");
}
