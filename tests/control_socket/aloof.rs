//! What a daemon in the background has of whoever started it: nothing. Neither what was open, nor the directory, nor the mask of modes.
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::*;

/// `rcomet start` with these words, from a shell that does something before, in the home's directory.
fn start_from(home: &Home, before: &str, words: &[&str]) -> Output {
    patience::output(&mut start_command(home, before, words))
}

fn start_command(home: &Home, before: &str, words: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{before}; exec \"$0\" start --no-tcp \"$@\""), env!("CARGO_BIN_EXE_rcomet")])
        .args(words)
        .current_dir(&home.directory)
        .env("RCOMET_CONTROL", home.socket())
        .env_remove("RCOMET_LOG")
        .stdin(Stdio::null());
    command
}

fn status(home: &Home) -> Value {
    serde_json::from_str(&home.says(&["status", "--json"])).expect("JSON")
}

#[test]
fn a_lock_of_the_caller_ends_with_the_caller() {
    let home = Home::new();
    let lock = home.file("lock", "");
    let output = start_from(&home, "exec 7>lock; exec 9<lock", &[]);
    assert_eq!(code(&output), 0, "{output:?}");
    let descriptors = fs::read_dir(format!("/proc/{}/fd", home.pid())).expect("it runs");
    let open: Vec<PathBuf> =
        descriptors.filter_map(|fd| fs::read_link(fd.expect("an entry").path()).ok()).collect();
    assert!(open.len() > 3, "it has what is its own: {open:?}");
    assert!(!open.contains(&PathBuf::from(&lock)), "and not what was the caller's: {open:?}");
}

/// Whoever reads the other end of a pipe hears its end, though the daemon goes on.
#[test]
fn a_pipe_of_the_caller_ends_with_the_caller() {
    let home = Home::new();
    let output = start_from(&home, "exec 8>&1", &[]);
    // That it comes back at all says that nobody writes any more.
    assert_eq!(code(&output), 0, "{output:?}");
    assert!(lives(home.pid()));
}

#[test]
fn the_directory_of_the_caller_is_let_go_and_names_mean_what_they_meant() {
    let home = Home::new();
    home.file("token.key", "0123456789abcdef0123456789abcdef");
    let config = "[server]\npid_file = \"own.pid\"\n[[token.keys]]\nid = \"a\"\nalgorithm = \"HS256\"\nsecret_file = \"token.key\"\n";
    home.file("own.toml", config);
    let output = start_from(&home, "umask 000", &["--config", "own.toml", "--log-file", "own.log"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let pid = home.pid();
    let directory = fs::read_link(format!("/proc/{pid}/cwd")).expect("it runs");
    assert_eq!(directory, Path::new("/"));
    let whole = fs::canonicalize(home.directory.join("own.toml")).expect("it is there");
    assert_eq!(status(&home)["config"].as_str(), whole.to_str());

    let mode = |name: &str| {
        fs::metadata(home.directory.join(name)).expect("it is there").permissions().mode() & 0o777
    };
    assert_eq!((mode("own.pid"), mode("own.log")), (0o644, 0o640));

    // All of it is read again, and the log begun anew where it was.
    fs::rename(home.directory.join("own.log"), home.directory.join("old.log")).expect("it is there");
    let said = home.says(&["reload"]);
    assert!(said.contains("in force"), "{said}");
    assert!(home.files().contains(&"own.log".to_owned()), "{:?}", home.files());
    home.says(&["stop"]);
    assert!(!home.files().contains(&"own.pid".to_owned()), "it is removed where it was: {:?}", home.files());
}

#[test]
fn a_control_socket_may_be_named_from_where_one_is() {
    let home = Home::new();
    let start = |words: &[&str]| {
        let mut command = home.command(words);
        patience::output(command.current_dir(&home.directory).env("RCOMET_CONTROL", "near.sock"))
    };
    let started = start(&["start", "--no-tcp"]);
    assert_eq!(code(&started), 0, "{started:?}");
    assert_eq!(home.files(), ["near.pid", "near.sock"]);
    assert_eq!(code(&start(&["stop"])), 0);
    assert_eq!(home.files(), [""; 0], "it is removed where it was");
}

/// Sockets that were handed over for whoever it may concern are the daemon's, also in the background.
#[test]
fn sockets_that_were_handed_over_are_not_closed() {
    let home = Home::new();
    let front = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = front.local_addr().expect("bound").to_string();
    let given = "exec 3<&0 8>lock </dev/null; unset LISTEN_PID; export LISTEN_FDS=1 LISTEN_FDNAMES=front";
    let mut command = start_command(&home, given, &[]);
    let output = patience::output(command.stdin(Stdio::from(std::os::fd::OwnedFd::from(front))));
    assert_eq!(code(&output), 0, "{output:?}");
    let said = status(&home);
    let listens = said["listeners"].as_array().expect("a list").iter();
    let fronts: Vec<_> = listens.filter(|one| one["side"] == "front").map(|one| &one["address"]).collect();
    assert_eq!(fronts, [&address]);
    std::net::TcpStream::connect(&address).expect("it is served");
}
