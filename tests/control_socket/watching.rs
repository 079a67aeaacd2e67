//! Channels and connections from the command line: published to, listened to, listed, ended, watched.
use patience::Lines;
use serde_json::Value;

use super::*;

/// The lines that a command prints.
struct Printed {
    child: Child,
    lines: Lines,
}

impl Printed {
    fn by(mut child: Child) -> Self {
        let lines = Lines::of(child.stdout.take().expect("a pipe"));
        Self { child, lines }
    }

    fn next(&self) -> String {
        self.lines.next()
    }

    fn json(&self) -> Value {
        let line = self.next();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    fn code(&mut self) -> Option<i32> {
        patience::exit(&mut self.child).code()
    }
}

impl Drop for Printed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_is_published_is_printed() {
    let home = Home::running(&[]);
    let mut one = Printed::by(home.spawn(&["subscribe", "news", "--count", "3"]));
    let mut two = Printed::by(home.spawn(&["subscribe", "news", "sport", "--json"]));
    home.wait_until("connections", 3);
    until("both to have begun", || home.says(&["channels"]).contains("2            0         1     news"));
    assert_eq!(home.says(&["publish", "news", "it rains"]), "");
    home.says(&["publish", "sport", "0:0"]);
    // A value that is written is a message like others.
    home.says(&["write", "news", "it stops"]);
    home.says(&["refresh", "news"]);
    assert_eq!([one.next(), one.next(), one.next()], ["it rains", "it stops", "it stops"]);
    assert_eq!(one.code(), Some(0), "three, and no more");
    assert_eq!(two.json()["type"], "ready");
    let first = two.json();
    assert_eq!((&first["channel"], &first["data"]), (&Value::from("news"), &Value::from("it rains")));
    let cursor = first["cursor"].as_str().expect("a cursor").to_owned();
    let again = home.says(&["subscribe", "news", "sport", "--since", &cursor, "--count", "3"]);
    assert_eq!(again, "sport\t0:0\nnews\tit stops\nnews\tit stops\n");
    assert_eq!(home.says(&["subscribe", "news", "--history", "1", "--count", "1"]), "it stops\n");
    let placed: Value = serde_json::from_str(&home.says(&["publish", "news", "x", "--json"])).expect("JSON");
    assert_eq!((&placed["channel"], &placed["seq"]), (&Value::from("news"), &Value::from(4)));
    assert_eq!(home.says(&["read", "news"]), "x", "and the last message is a value");
    home.says(&["stop"]);
    assert_eq!(two.code(), Some(3), "the daemon has gone");
}

#[test]
fn who_names_a_channel_twice_reads_it_once_and_hears_of_its_end() {
    let home = Home::running(&[]);
    home.says(&["write", "k", "v"]);
    let mut twice = Printed::by(home.spawn(&["subscribe", "k", "k", "--history", "1"]));
    assert_eq!(twice.next(), "v");
    home.says(&["delete", "k"]);
    assert_eq!(twice.code(), Some(0), "all channels were closed");
}

#[test]
fn who_is_there_is_listed_and_sent_away() {
    let home = Home::running(&[]);
    let mut one = Printed::by(home.spawn(&["subscribe", "a", "--json"]));
    let mut two = Printed::by(home.spawn(&["subscribe", "b", "--json"]));
    for begun in [&one, &two] {
        assert_eq!(begun.json()["type"], "ready");
    }
    let clients: Vec<Value> = home
        .says(&["clients", "--json"])
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let brief = |client: &Value| (client["doing"].clone(), client["channels"][0].clone());
    let mut briefs: Vec<(Value, Value)> = clients.iter().map(brief).collect();
    briefs.sort_by_key(|brief| brief.1.to_string());
    assert_eq!(briefs, [("stream".into(), "a".into()), ("stream".into(), "b".into())]);
    let table = home.says(&["clients", "--channel", "a"]);
    assert!(table.starts_with("ID ") && table.lines().count() == 2 && table.ends_with("  a\n"), "{table}");
    let of_a = clients.iter().find(|client| client["channels"][0] == "a").expect("one");
    let id = of_a["id"].as_str().expect("a number");
    assert_eq!(home.says(&["disconnect", "--client", id]), "disconnected: 1\n");
    assert_eq!(one.code(), Some(3));
    assert_eq!(code(&home.rcomet(&["disconnect", "--client", id])), 4);
    assert_eq!(home.says(&["disconnect", "--channel", "b"]), "disconnected: 1\n");
    assert_eq!(two.code(), Some(3));
    assert_eq!(code(&home.rcomet(&["disconnect", "--channel", "none"])), 4);
    assert_eq!(code(&home.rcomet(&["disconnect"])), 2);
}

#[test]
fn the_view_is_lines_where_there_is_no_terminal() {
    let home = Home::running(&[]);
    home.says(&["write", "k", "v"]);
    let text = home.says(&["top", "--every", "0.1", "--count", "2"]);
    assert_eq!(text.lines().count(), 2);
    assert!(
        text.lines().all(|line| line.starts_with("connections 1  subscribers 0  channels 1  ")),
        "{text}"
    );
    assert!(!text.contains('\x1b'), "{text}");
    let seen: Value =
        serde_json::from_str(&home.says(&["top", "--json", "--every", "0.1", "--count", "1"])).expect("JSON");
    assert_eq!(
        (&seen["status"]["published"], &seen["channels"][0]["channel"]),
        (&Value::from(1), &Value::from("k"))
    );
    assert!(seen["rates"]["published_per_second"].is_number());
    let mut going = Printed::by(home.spawn(&["top", "--every", "0.1"]));
    assert!(going.next().starts_with("connections 1  "), "and by now it listens to signals");
    signal("INT", going.child.id());
    assert_eq!(going.code(), Some(0));
    assert_eq!(code(&home.rcomet(&["top", "--every", "0"])), 2);
}

#[test]
fn the_admin_side_can_be_asked_instead() {
    let home = Home::new();
    let file = home.file("rcomet.toml", "[server]\nfront = []\nadmin = [\"127.0.0.1:0\"]\n");
    assert_eq!(code(&home.rcomet(&["start", "--config", &file])), 0);
    let status: Value = serde_json::from_str(&home.says(&["status", "--json"])).expect("JSON");
    let sides = status["listeners"].as_array().expect("listeners");
    let admin = sides.iter().find(|one| one["side"] == "admin").expect("an admin side");
    let url = format!("http://{}", admin["address"].as_str().expect("an address"));
    home.says(&["write", "k", "v", "--url", &url]);
    assert_eq!(home.says(&["read", "k", "--url", &url]), "v");
    for order in ["stop", "reload"] {
        let output = home.rcomet(&[order, "--url", &url]);
        assert_eq!(code(&output), 5, "{output:?}");
    }
    home.says(&["status"]);
}

#[test]
fn completions_and_manuals_are_written() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = home.says(&["completions", shell]);
        assert!(text.contains("subscribe") && text.contains("no-tcp"), "{shell}");
        for words in ["in-background", "Said by"] {
            assert!(!text.contains(words), "{shell}: `{words}` is for nobody to say");
        }
    }
    let script = home.file("completions.bash", &home.says(&["completions", "bash"]));
    let completed = |words: &str, last: &str| {
        let count = words.split(' ').count() - 1;
        let asked = format!(
            ". {script}; COMP_WORDS=({words}); COMP_CWORD={count}; _rcomet rcomet '{last}' x; echo \"${{COMPREPLY[*]}}\""
        );
        let output = Command::new("bash").args(["-c", &asked]).output().ok();
        output.map(|output| stdout(&output))
    };
    if let Some(word) = completed("rcomet wri", "wri") {
        assert_eq!(word, "write\n");
        for (command, offers) in [("stop", false), ("reload", false), ("status", true)] {
            let flags = completed(&format!("rcomet {command} --"), "--").unwrap_or_default();
            assert!(flags.contains("--socket"), "{command}: {flags}");
            assert_eq!(flags.contains("--url"), offers, "{command}: {flags}");
        }
    }
    home.says(&["man", home.directory.to_str().expect("text")]);
    let pages = home.files();
    for page in ["rcomet.1", "rcomet-start.1", "rcomet-read.1", "rcomet-top.1"] {
        assert!(pages.iter().any(|name| name == page), "{page}: {pages:?}");
    }
    let page = fs::read_to_string(home.directory.join("rcomet-read.1")).expect("it is there");
    assert!(page.starts_with(".") && page.contains("Print the value of a key"), "{page}");
    assert!(page.contains(&format!("\"rcomet {}\"", env!("CARGO_PKG_VERSION"))), "{page}");
}
