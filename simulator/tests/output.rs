//! What comes out beside the table: pages, comparisons, and words about limits that stand in the way.
mod support;

use std::path::PathBuf;
use std::process::Command;

use support::{SIM, Server};

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
    ] {
        let words_of = scenario.split_whitespace();
        let output = Command::new(SIM).args(words_of).args(server.arguments()).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{scenario}");
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(said.contains(words), "{scenario}: {said}");
    }
    let output = Command::new(SIM).args(["fanout", "--admin", "127.0.0.1:1"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nobody takes messages at 127.0.0.1:1"));
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
        "| a chat of 1,000 people in 100 rooms | lost, doubled or reordered | at most 0 | 0 | met |"
    ));
    assert!(text.contains("| floor |") && text.contains("rcomet-sim chat"), "{text}");
    assert!(PathBuf::from(scratch.file("pages/chat.html")).is_file());

    std::fs::write(&results, format!("{}\n\nBecause I say so.\n", text.trim_end())).expect("a file");
    assert!(compare().status.success());
    assert!(std::fs::read_to_string(&results).expect("a document").contains("Because I say so."));
}
