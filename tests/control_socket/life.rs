//! How a daemon is begun, told apart from none, made to read its configuration again, and ended.
use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use serde_json::Value;

use super::*;

/// Inodes of TCP sockets that listen, of the daemon's own.
pub(super) fn listening_ports(pid: u32) -> usize {
    let mut listening = HashSet::new();
    for table in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if fields.get(3) == Some(&"0A") {
                listening.insert(format!("socket:[{}]", fields[9]));
            }
        }
    }
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
    let links = descriptors.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
    links.filter(|link| listening.contains(&link.display().to_string())).count()
}

#[test]
fn a_session_as_with_cometserver() {
    let home = Home::new();
    for command in [&["status"][..], &["stop"], &["read", "k"], &["write", "k", "v"], &["dump"], &["reload"]]
    {
        let output = home.rcomet(command);
        assert_eq!((code(&output), stdout(&output)), (3, String::new()), "{command:?}");
        let wanted = format!("rcomet: no daemon runs: nobody answers at {}\n", home.socket().display());
        assert_eq!(stderr(&output), wanted);
    }
    // Its output is a pipe, as in $(rcomet start): that it returns at all means that the daemon has let go of it.
    let started = home.rcomet(&["start", "--daemon", "--no-tcp"]);
    let pid = home.pid();
    let wanted = format!("rcomet runs as process {pid}; control socket {}\n", home.socket().display());
    assert_eq!((code(&started), stdout(&started), stderr(&started)), (0, wanted, String::new()));
    assert_eq!(home.files(), ["control.sock", "rcomet.pid"]);
    assert_eq!(
        fs::read_to_string(home.directory.join("rcomet.pid")).expect("it is there"),
        format!("{pid}\n")
    );
    let mode = fs::metadata(home.socket()).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o660, "for its owner and its group");
    assert_eq!(listening_ports(pid), 0, "no port is open");
    // It is nobody's but its own: another session, no terminal, nothing open that was the caller's.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let session = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(3)).expect("a session");
    assert_eq!(session, pid.to_string());
    for fd in 0..3 {
        let link = fs::read_link(format!("/proc/{pid}/fd/{fd}")).expect("it is open");
        assert_eq!(link.to_str(), Some("/dev/null"));
    }
    assert!(
        home.says(&["status"])
            .starts_with(&format!("rcomet {} runs as process {pid}, ", env!("CARGO_PKG_VERSION")))
    );

    let again = home.rcomet(&["start", "--no-tcp"]);
    assert_eq!((code(&again), stdout(&again)), (7, String::new()));
    assert!(
        stderr(&again).starts_with(&format!("rcomet: a daemon runs already, as process {pid}: ")),
        "{again:?}"
    );

    assert_eq!(home.says(&["write", "greeting", "hello world"]), "");
    assert_eq!(home.says(&["read", "greeting"]), "hello world");
    assert_eq!(home.says(&["stop"]), format!("rcomet has stopped (process {pid})\n"));
    assert!(!lives(pid), "stop waits for the end");
    assert_eq!(home.files(), Vec::<String>::new(), "and nothing is left");
    assert_eq!(code(&home.rcomet(&["stop"])), 3);
}

#[test]
fn what_hinders_a_start_is_said_to_who_wanted_it() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let output = home.rcomet(&["start", "--front", &address, "--admin", "127.0.0.1:0"]);
    let wanted = format!(
        "rcomet: cannot listen on {address} (front): address already in use; is another rcomet running?\n"
    );
    assert_eq!((code(&output), stderr(&output), stdout(&output)), (1, wanted, String::new()));
    assert_eq!(home.files(), Vec::<String>::new());

    let file = home.file("bad.toml", "[limits]\nchanels_max = 1\n");
    let output = home.rcomet(&["start", "--config", &file, "--json"]);
    let told: Value = serde_json::from_str(&stderr(&output)).expect("JSON");
    assert_eq!((code(&output), &told["error"]), (1, &Value::from("failed")));
    assert!(
        told["detail"].as_str().is_some_and(|why| why.contains("bad.toml:2:1: unknown option `chanels_max`"))
    );

    let output = home.rcomet(&["start", "--no-tcp", "--control", "/no/such/directory/c.sock"]);
    assert_eq!(code(&output), 1);
    assert!(
        stderr(&output).ends_with("(control): the directory of this socket file is not there\n"),
        "{output:?}"
    );
}

#[test]
fn of_several_starts_at_once_one_is_the_daemon() {
    for _ in 0..3 {
        let home = Home::new();
        // What a daemon left that was killed makes it harder.
        drop(UnixListener::bind(home.socket()).expect("it is free"));
        let starts: Vec<Child> = (0..6).map(|_| home.spawn(&["start", "--no-tcp"])).collect();
        let mut codes: Vec<i32> = starts.into_iter().map(|child| code(&patience::rest(child))).collect();
        codes.sort_unstable();
        assert_eq!(codes, [0, 7, 7, 7, 7, 7]);
        assert!(lives(home.pid()));
    }
}

/// A signal that comes while the daemon is only just about to listen is obeyed when it does.
#[test]
fn a_signal_that_comes_early_ends_it_without_leaving_files() {
    let home = Home::new();
    // It waits for its turn to move in there, so it is not yet listening when the signal comes.
    let turn = fs::File::open(&home.directory).expect("a directory");
    turn.lock().expect("it is free");
    let mut command = home.command(&["run", "--no-tcp"]);
    let mut daemon = command.stderr(Stdio::piped()).spawn().expect("it starts");
    let said = patience::Lines::of(daemon.stderr.take().expect("a pipe"));
    assert!(said.next().contains(" starts as process "));
    signal("TERM", daemon.id());
    turn.unlock().expect("it is ours");
    assert_eq!(patience::exit(&mut daemon).code(), Some(0));
    let said: Vec<String> = std::iter::from_fn(|| said.try_next().expect("an end")).collect();
    assert!(said.iter().any(|line| line.contains("leaving within")), "{said:?}");
    assert_eq!(home.files(), [""; 0]);
}

#[test]
fn a_signal_ends_it_without_leaving_files() {
    let home = Home::running(&[]);
    let pid = home.pid();
    signal("TERM", pid);
    until("its end", || !lives(pid));
    assert_eq!(home.files(), Vec::<String>::new());
    assert_eq!(code(&home.rcomet(&["status"])), 3);
}

#[test]
fn what_a_killed_daemon_leaves_is_taken_over() {
    let home = Home::running(&[]);
    let killed = home.pid();
    signal("KILL", killed);
    until("its end", || !lives(killed));
    assert_eq!(home.files(), ["control.sock", "rcomet.pid"]);
    assert_eq!(code(&home.rcomet(&["status"])), 3, "a file is no daemon");
    assert_eq!(code(&home.rcomet(&["start", "--no-tcp"])), 0);
    assert_ne!(home.pid(), killed);
    let pid = fs::read_to_string(home.directory.join("rcomet.pid")).expect("it is there");
    assert_eq!(pid, format!("{}\n", home.pid()));
}

#[test]
fn a_configuration_is_read_again_and_the_answer_says_what_came_of_it() {
    let home = Home::new();
    let file = home.file("rcomet.toml", "[server]\nfront = []\nadmin = []\n[limits]\nchannels_max = 1\n");
    assert_eq!(code(&home.rcomet(&["start", "--config", &file])), 0);
    home.says(&["write", "a", "1"]);
    let full = home.rcomet(&["write", "b", "1"]);
    assert_eq!((code(&full), stderr(&full)), (5, "rcomet: Too many channels\n".into()));

    let mut waiter = home.spawn(&["read", "a", "--wait"]);
    home.wait_until("subscribers", 1);
    home.file("rcomet.toml", "[server]\nfront = []\n[limits]\nchannels_max = 9\nheaders_max = 500\n");
    let refused = home.rcomet(&["reload"]);
    assert_eq!((code(&refused), stdout(&refused)), (5, String::new()));
    let wanted = format!(
        "rcomet: the configuration stays as it was: {file}:5:15: limits.headers_max = 500: must be at most 128\n    \
         headers_max = 500\n                  ^^^\n"
    );
    assert_eq!(stderr(&refused), wanted);
    assert_eq!(code(&home.rcomet(&["write", "b", "1"])), 5, "nothing of it is in force");

    home.file(
        "rcomet.toml",
        "[server]\nfront = []\nadmin = []\n[limits]\nchannels_max = 9\n[control]\nmode = \"600\"\n",
    );
    assert_eq!(home.says(&["reload"]), "the configuration has been read again, and is in force\n");
    home.says(&["write", "b", "1"]);
    let mode = fs::metadata(home.socket()).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    home.file("rcomet.toml", "[server]\nfront = [\"127.0.0.1:0\"]\nadmin = []\n");
    let noted = home.rcomet(&["reload"]);
    assert_eq!(code(&noted), 0);
    let wanted = "rcomet: note: server.front has changed: that takes a restart, the rest is in force\n";
    assert_eq!(stderr(&noted), wanted);

    home.file("rcomet.toml", "[control]\ngroup = \"no such group\"\n[limits]\nchannels_max = 1\n");
    let refused = home.rcomet(&["reload"]);
    assert_eq!(code(&refused), 5);
    assert!(stderr(&refused).contains("there is no group no such group"), "{refused:?}");
    home.says(&["write", "c", "1"]);

    assert!(waiter.try_wait().expect("it is ours").is_none(), "nobody is dropped");
    home.says(&["write", "a", "2"]);
    assert_eq!(stdout(&patience::rest(waiter)), "2");
}

/// What goes before the file is said when the file changes: nobody should believe that it is in force.
#[test]
fn a_reload_says_what_the_command_line_and_the_environment_go_before() {
    let home = Home::new();
    let said = |number: u32, level: &str| {
        let text = format!(
            "[server]\nfront = [\"127.0.0.1:{number}\"]\n[limits]\nchannels_max = {number}\n\
             [log]\nlevel = \"{level}\"\n[control]\npath = \"/nowhere/{number}\"\n"
        );
        home.file("rcomet.toml", &text)
    };
    let file = said(5, "info");
    let socket = home.socket().display().to_string();
    let words = ["start", "--no-tcp", "--config", &file, "--limit", "channels_max=1", "--control", &socket];
    let started = patience::output(home.command(&words).env("RCOMET_LOG", "warn"));
    assert_eq!(code(&started), 0, "{started:?}");
    home.says(&["reload"]);
    said(9, "debug");
    let noted = home.rcomet(&["reload"]);
    let wanted = "\
        rcomet: note: control.path has changed, and the daemon's command line goes before it: the rest is in force\n\
        rcomet: note: limits.channels_max has changed, and the daemon's command line goes before it: the rest is in force\n\
        rcomet: note: server.front has changed, and the daemon's command line goes before it: the rest is in force\n\
        rcomet: note: log.level has changed, and RCOMET_LOG in the daemon's environment goes before it: the rest is in force\n";
    assert_eq!((code(&noted), stderr(&noted)), (0, wanted.into()));
    home.says(&["write", "a", "1"]);
    assert_eq!(code(&home.rcomet(&["write", "b", "1"])), 5);
    // Once, and not again.
    home.says(&["reload"]);
}

#[test]
fn without_a_file_there_is_nothing_to_read_again() {
    let home = Home::running(&[]);
    let output = home.rcomet(&["reload"]);
    let wanted = "rcomet: the configuration stays as it was: there is no configuration to read again: the daemon was started \
                  without --config\n";
    assert_eq!((code(&output), stderr(&output)), (5, wanted.into()));
}

#[test]
fn the_log_goes_into_its_file_and_can_be_moved_away() {
    let home = Home::new();
    let log = home.directory.join("rcomet.log");
    let file = home.file("rcomet.toml", "[server]\nfront = []\nadmin = []\n");
    let path = log.display().to_string();
    assert_eq!(code(&home.rcomet(&["start", "--config", &file, "--log-file", &path])), 0);
    let said = fs::read_to_string(&log).expect("it is there");
    assert!(said.contains("listening control unix:"), "{said}");
    fs::rename(&log, home.directory.join("rcomet.log.1")).expect("to move it");
    assert_eq!(code(&home.rcomet(&["reload"])), 0);
    home.says(&["stop"]);
    let said = fs::read_to_string(&log).expect("it is there again");
    assert!(said.contains("leaving within"), "{said}");
}

fn as_nobody(home: &Home, binary: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(binary)
        .args(arguments)
        .env("RCOMET_CONTROL", home.socket())
        .stdin(Stdio::null());
    patience::output(&mut command)
}

/// A copy of the program where somebody else may run it. On some machines nothing may be run from where temporary files are.
fn binary_for_nobody(home: &Home) -> Option<PathBuf> {
    let places = [&home.directory, Path::new(env!("CARGO_BIN_EXE_rcomet")).parent().expect("a directory")];
    let [copy, own] = places.map(|directory| directory.join("rcomet"));
    super::copy(&own, &copy);
    [copy, own].into_iter().find(|binary| as_nobody(home, binary, &["--version"]).status.success())
}

#[test]
fn who_may_not_is_told_so() {
    let home = Home::new();
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let can_change = is_root && Command::new("setpriv").arg("--version").output().is_ok();
    if !can_change {
        // Only root can be somebody else, to see what becomes of them.
        return;
    }
    fs::set_permissions(&home.directory, fs::Permissions::from_mode(0o755)).expect("to open it");
    let Some(binary) = binary_for_nobody(&home) else {
        return println!("there is no place from which somebody else may run the program");
    };
    let read = home.directory.join("read.sock").display().to_string();
    let file = home.file(
        "rcomet.toml",
        &format!(
            "[server]\nfront = []\nadmin = []\n[control]\nread_path = \"{read}\"\nread_mode = \"666\"\n"
        ),
    );
    assert_eq!(code(&home.rcomet(&["start", "--config", &file])), 0);
    home.says(&["write", "k", "v"]);
    let nobody = |arguments: &[&str]| as_nobody(&home, &binary, arguments);
    let output = nobody(&["read", "k"]);
    let wanted =
        format!("rcomet: you may not use {}: it is for its owner and its group\n", home.socket().display());
    assert_eq!((code(&output), stderr(&output)), (5, wanted));
    assert_eq!(stdout(&nobody(&["read", "k", "--socket", &read])), "v", "the other socket is for reading");
    for order in [&["write", "k", "w"][..], &["stop"], &["delete", "k"]] {
        let output = nobody(&[order, &["--socket", &read]].concat());
        let wanted = "rcomet: whoever comes in by this socket may not do that\n";
        assert_eq!((code(&output), stderr(&output)), (5, wanted.into()), "{order:?}");
    }

    // The mode lets everybody in, and the names do not.
    home.file(
        "rcomet.toml",
        "[server]\nfront = []\nadmin = []\n[control]\nmode = \"666\"\npeers = [\"12345\"]\n",
    );
    assert_eq!(code(&home.rcomet(&["reload"])), 0);
    let output = nobody(&["read", "k"]);
    assert_eq!(code(&output), 5, "{output:?}");
    assert!(stderr(&output).contains("may not do that"));
    assert_eq!(home.says(&["read", "k"]), "v", "root always may");
    home.file(
        "rcomet.toml",
        "[server]\nfront = []\nadmin = []\n[control]\nmode = \"666\"\npeers = [\"65534\"]\n",
    );
    assert_eq!(code(&home.rcomet(&["reload"])), 0);
    assert_eq!(stdout(&nobody(&["read", "k"])), "v");
}
