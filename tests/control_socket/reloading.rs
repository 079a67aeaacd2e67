//! What a reload takes over of files: where the pid file is, where last values and histories are, and when the disk has the latter.
use super::*;

impl Home {
    /// Reloads with this as the configuration; what is said on standard error, and the exit code.
    fn reload_with(&self, config: &str) -> (String, i32) {
        self.file("own.toml", config);
        let output = self.rcomet(&["reload"]);
        (stderr(&output), code(&output))
    }

    fn start_with(&self, config: &str) {
        let file = self.file("own.toml", config);
        let output = self.rcomet(&["start", "--no-tcp", "--config", &file]);
        assert_eq!(code(&output), 0, "{output:?}");
    }
}

#[test]
fn the_pid_file_moves_with_a_reload() {
    let home = Home::new();
    let at = |name: &str| home.directory.join(name);
    let named = |name: &str| format!("[server]\npid_file = \"{}\"\n", at(name).display());
    home.start_with(&named("a.pid"));
    let number = format!("{}\n", home.pid());
    let pid_files = || home.files().into_iter().filter(|name| name.ends_with(".pid")).collect::<Vec<_>>();
    assert_eq!(pid_files(), ["a.pid"]);
    assert_eq!(home.reload_with(&named("b.pid")), (String::new(), 0));
    assert_eq!(pid_files(), ["b.pid"]);
    assert_eq!(fs::read_to_string(at("b.pid")).expect("it is there"), number);

    // Another daemon has the next: nothing changes, not even what else stands in the file.
    let other = at("other.sock").display().to_string();
    let taken = at("taken.pid").display().to_string();
    let words = ["start", "--no-tcp", "--control", &other, "--pid-file", &taken];
    assert_eq!(code(&home.rcomet(&words)), 0);
    let (said, code) = home.reload_with(&(named("taken.pid") + "demo = true\n"));
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("stays as it was: another rcomet runs already: it has its number in "), "{said}");
    assert_eq!(pid_files(), ["b.pid", "taken.pid"]);
    assert_ne!(fs::read_to_string(&taken).expect("it is there"), number);
    home.says(&["stop", "--socket", &other]);

    // One that is refused for another reason has taken nothing.
    let (said, code) = home.reload_with(&(named("c.pid") + "[control]\ngroup = \"no-such-group\"\n"));
    assert_eq!(code, 5, "{said}");
    assert_eq!(pid_files(), ["b.pid"]);

    // Its own by another name stays; without a name it is beside the control socket.
    std::os::unix::fs::symlink(at("b.pid"), at("link")).expect("a link");
    assert_eq!(home.reload_with(&named("link")), (String::new(), 0));
    assert_eq!(pid_files(), ["b.pid"]);
    assert_eq!(home.reload_with(""), (String::new(), 0));
    assert_eq!(pid_files(), ["rcomet.pid"]);
    home.says(&["stop"]);
    assert_eq!(pid_files(), [""; 0]);
}

/// The first line of the file says whether the disk has every other one: it is never wrong, and everything stays in the file.
#[test]
fn the_disk_is_waited_for_as_the_last_reload_says() {
    let home = Home::new();
    let histories = home.directory.join("histories");
    let synced = |ms: u64| format!("[history]\nfile = \"{}\"\nsync_ms = {ms}\n", histories.display());
    let first = || {
        let text = fs::read_to_string(&histories).expect("it is there");
        text.lines().next().expect("a first line").to_owned()
    };
    let says_synced = || first().contains("\"synced\":true");
    home.start_with(&synced(1_000));
    home.says(&["write", "k", "one"]);
    assert!(!says_synced());
    let before = first();
    assert_eq!(home.reload_with(&synced(50)), (String::new(), 0));
    assert_eq!(home.says(&["read", "k"]), "one");
    assert_eq!(first(), before, "nothing has to be said anew");

    assert_eq!(home.reload_with(&synced(0)), (String::new(), 0));
    until("a file that says so", says_synced);
    home.says(&["write", "k", "two"]);
    assert_eq!(home.reload_with(&synced(2_000)), (String::new(), 0));
    until("a file that does not say so", || !says_synced());
    home.says(&["write", "k", "three"]);
    // There and back before anything can be written.
    assert_eq!(home.reload_with(&synced(0)), (String::new(), 0));
    assert_eq!(home.reload_with(&synced(7)), (String::new(), 0));
    home.says(&["write", "k", "four"]);
    until("a file that does not say so", || !says_synced());

    let pid = home.pid();
    signal("KILL", pid);
    until("its end", || !lives(pid));
    home.start_with(&synced(7));
    assert_eq!(home.says(&["read", "k"]), "four");
    let page = home.says(&["subscribe", "k", "--history", "10", "--count", "4"]);
    assert_eq!(page.lines().collect::<Vec<_>>(), ["one", "two", "three", "four"]);
}

#[test]
fn a_file_of_values_is_taken_by_a_reload() {
    let home = Home::new();
    let config = home.file("own.toml", "");
    home.says(&["start", "--no-tcp", "--config", &config]);
    home.says(&["write", "k", "before"]);
    let at = |name: &str| format!("[control]\nvalues_file = \"{}\"\n", home.directory.join(name).display());
    let first = at("first");
    assert_eq!(home.reload_with(&first), (String::new(), 0));
    let status: serde_json::Value = serde_json::from_str(&home.says(&["status", "--json"])).expect("JSON");
    assert_eq!(status["values_file"].as_str(), home.directory.join("first").to_str());
    // What was there already is saved at once, and not when something changes.
    let begun = Instant::now();
    while !fs::read_to_string(home.directory.join("first")).is_ok_and(|text| text.contains("before")) {
        assert!(begun.elapsed() < PATIENCE, "it is not saved");
        std::thread::sleep(Duration::from_millis(20));
    }

    // A place where nothing can be written is no place: all of it is refused.
    let (said, code) = home.reload_with(&at("nowhere/first"));
    assert!(
        code == 5 && said.contains("control.values_file: ") && said.contains("cannot be written"),
        "{said}"
    );
    assert_eq!(home.says(&["read", "k"]), "before");

    // Another file gets everything, and the first stays as it was.
    assert_eq!(home.reload_with(&at("second")), (String::new(), 0));
    home.says(&["write", "k", "after"]);
    home.says(&["stop"]);
    assert!(fs::read_to_string(home.directory.join("first")).expect("it is there").contains("before"));
    home.says(&["start", "--no-tcp", "--config", &config]);
    assert_eq!(home.says(&["read", "k"]), "after");

    // By another name it is the same.
    std::os::unix::fs::symlink(home.at("second"), home.at("link")).expect("a link");
    assert_eq!(home.reload_with(&at("link")), (String::new(), 0));

    // One with values in it is for a start: all of it is refused.
    let (said, code) = home.reload_with(&(first + &home.other_pid_file()));
    let wanted = format!(
        "stays as it was: control.values_file: {} has values in it already, and only a start puts those back: expected a file with \
         none, or a restart\n",
        home.at("first").display()
    );
    assert!(code == 5 && said.ends_with(&wanted), "{said}");
    assert_eq!(home.status_of("values_file").as_str(), home.at("second").to_str());
    assert!(!home.at("other.pid").exists(), "{:?}", home.files());
    // None: nothing is kept from now on.
    assert_eq!(home.reload_with(""), (String::new(), 0));
    home.says(&["write", "k", "later"]);
    home.says(&["stop"]);
    assert!(fs::read_to_string(home.directory.join("second")).expect("it is there").contains("after"));
}

impl Home {
    fn at(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// A configuration with histories in this file.
    fn histories(&self, name: &str) -> String {
        format!("[history]\nfile = \"{}\"\n", self.at(name).display())
    }

    /// A setting that is seen to be in force.
    fn other_pid_file(&self) -> String {
        format!("[server]\npid_file = \"{}\"\n", self.at("other.pid").display())
    }

    /// The first word of what the daemon's status says of a file.
    fn status_of(&self, file: &str) -> serde_json::Value {
        let status: serde_json::Value =
            serde_json::from_str(&self.says(&["status", "--json"])).expect("JSON");
        status[file].clone()
    }

    fn kill(&self) {
        let pid = self.pid();
        signal("KILL", pid);
        until("its end", || !lives(pid));
    }

    /// All that a channel keeps.
    fn kept(&self, channel: &str, count: &str) -> Vec<String> {
        let page = self.says(&["subscribe", channel, "--history", "10", "--count", count]);
        page.lines().map(str::to_owned).collect()
    }

    /// Which log the histories are of.
    fn log_in(&self, name: &str) -> serde_json::Value {
        let text = fs::read_to_string(self.at(name)).expect("it is there");
        let first = text.lines().next().expect("a first line");
        serde_json::from_str::<serde_json::Value>(first).expect("JSON")["epoch"].clone()
    }
}

const DONE: (String, i32) = (String::new(), 0);

#[test]
fn histories_move_to_another_file() {
    let home = Home::new();
    home.start_with(&home.histories("first"));
    home.says(&["write", "k", "one"]);
    let log = home.log_in("first");
    assert!(!log.is_null());
    assert_eq!(home.reload_with(&home.histories("second")), DONE);
    until("the move", || home.status_of("history_file").as_str() == home.at("second").to_str());
    // No copy is left that could be taken for the same log.
    assert!(home.at("second").exists() && !home.at("first").exists());
    home.says(&["write", "k", "two"]);
    home.kill();
    home.start_with(&home.histories("second"));
    assert_eq!((home.kept("k", "2"), home.log_in("second")), (vec!["one".into(), "two".into()], log));

    // By another name it is the same; and back to where it was.
    std::os::unix::fs::symlink(home.at("second"), home.at("link")).expect("a link");
    assert_eq!(home.reload_with(&home.histories("link")), DONE);
    assert_eq!(home.reload_with(&home.histories("first")), DONE);
    until("the move", || home.at("first").exists() && !home.at("second").exists());
    // A move that is asked for last is done by the end.
    assert_eq!(home.reload_with(&home.histories("third")), DONE);
    home.says(&["stop"]);
    assert!(home.at("third").exists() && !home.at("first").exists(), "{:?}", home.files());
    home.start_with(&home.histories("third"));
    assert_eq!(home.kept("k", "2"), ["one", "two"]);
}

#[test]
fn histories_do_not_move_where_something_is() {
    let home = Home::new();
    home.start_with(&home.histories("ours"));
    home.says(&["write", "k", "one"]);
    // Another daemon has the file.
    let other = home.at("other.sock").display().to_string();
    let taken = home.at("taken").display().to_string();
    assert_eq!(code(&home.rcomet(&["start", "--no-tcp", "--control", &other, "--history-file", &taken])), 0);
    let files = home.files();
    let (said, code) = home.reload_with(&(home.histories("taken") + "[server]\ndemo = true\n"));
    let wanted = format!("stays as it was: another rcomet runs already: it has the histories in {taken}");
    assert!(code == 5 && said.contains(&wanted), "{said}");
    // It is no more; but what it had is there, and is not written over.
    home.says(&["stop", "--socket", &other]);
    let before = fs::read_to_string(&taken).expect("it is there");
    let (said, code) = home.reload_with(&(home.histories("taken") + &home.other_pid_file()));
    let wanted = format!(
        "stays as it was: history.file: {taken} is there already, and only a start puts back what is in it: expected a file that is \
         not there yet, or a restart\n"
    );
    assert!(code == 5 && said.ends_with(&wanted), "{said}");
    assert!(!home.at("other.pid").exists(), "{:?}", home.files());
    assert_eq!(home.status_of("history_file").as_str(), home.at("ours").to_str());
    assert_eq!(fs::read_to_string(&taken).expect("it is there"), before);
    // Where nothing can be written: all of it is refused.
    let (said, code) = home.reload_with(&home.histories("nowhere/file"));
    assert!(code == 5 && said.contains("history.file: ") && said.contains("cannot be written"), "{said}");
    assert_eq!(home.status_of("history_file").as_str(), home.at("ours").to_str());
    assert!(home.files().iter().all(|name| files.contains(name)), "{:?}", home.files());
    // Refused for another reason: nothing is begun.
    let bad = home.histories("next") + "[control]\ngroup = \"no-such-group\"\n";
    assert_eq!(home.reload_with(&bad).1, 5);
    assert!(!home.at("next").exists());
    home.says(&["write", "k", "two"]);
    home.kill();
    home.start_with(&home.histories("ours"));
    assert_eq!(home.kept("k", "2"), ["one", "two"]);
}

#[test]
fn histories_begin_to_be_kept_and_cease() {
    let home = Home::new();
    home.start_with("");
    home.says(&["write", "k", "one"]);
    assert_eq!(home.reload_with(&home.histories("file")), DONE);
    until("the file", || home.at("file").exists());
    home.says(&["write", "k", "two"]);
    home.kill();
    home.start_with(&home.histories("file"));
    assert_eq!(home.kept("k", "2"), ["one", "two"]);
    let log = home.log_in("file");

    // In memory alone, from now on. What is in the file lacks what comes then, and the next that reads it says so.
    assert_eq!(home.reload_with(""), DONE);
    assert!(home.status_of("history_file").is_null());
    home.says(&["write", "k", "three"]);
    assert_eq!(home.kept("k", "3"), ["one", "two", "three"]);
    home.says(&["stop"]);
    assert!(!fs::read_to_string(home.at("file")).expect("it is there").contains("three"));
    home.start_with(&home.histories("file"));
    assert_eq!(home.kept("k", "2"), ["one", "two"]);
    assert_ne!(home.log_in("file"), log, "whoever comes back is told of a gap");
}

#[test]
fn a_reload_takes_histories_for_values_and_values_for_histories() {
    let home = Home::new();
    let values = |name: &str| format!("[control]\nvalues_file = \"{}\"\n", home.at(name).display());
    home.start_with(&values("values"));
    home.says(&["write", "k", "one"]);
    assert_eq!(home.reload_with(&home.histories("file")), DONE);
    assert!(home.status_of("values_file").is_null());
    until("the file", || home.at("file").exists());
    home.kill();
    home.start_with(&home.histories("file"));
    assert_eq!(home.says(&["read", "k"]), "one");
    home.says(&["write", "k", "two"]);
    assert_eq!(home.reload_with(&values("others")), DONE);
    home.says(&["stop"]);
    home.start_with(&values("others"));
    assert_eq!(home.says(&["read", "k"]), "two");

    // Refused for the one, it keeps the other.
    let (said, code) = home.reload_with(&home.histories("file"));
    assert!(code == 5 && said.contains("history.file: ") && said.contains(" is there already"), "{said}");
    assert_eq!(home.status_of("values_file").as_str(), home.at("others").to_str());
    home.says(&["stop"]);
    home.start_with(&values("others"));
    assert_eq!(home.says(&["read", "k"]), "two");
}
