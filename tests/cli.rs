//! The real binary: what it prints, how it exits, and that it serves, reloads and leaves.
//! Knows nothing of protocols beyond the pages of the demo.
mod daemon;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use daemon::patience::output;
use daemon::{ANYWHERE, Daemon, connect};

fn rcomet(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rcomet"));
    output(command.args(arguments).env_remove("RCOMET_LOG").stdin(Stdio::null()))
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A file of this test's own.
fn file(name: &str, content: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).expect("the test's directory can be written");
    path
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = connect(address);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").expect("it is taken");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer and an end");
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn it_says_who_it_is() {
    let output = rcomet(&["--version"]);
    assert_eq!(
        (output.status.code(), stdout(&output)),
        (Some(0), concat!("rcomet ", env!("CARGO_PKG_VERSION"), "\n").into())
    );
}

#[test]
fn its_help_teaches() {
    let help = stdout(&rcomet(&["--help"]));
    assert!(help.contains("Examples:") && help.contains("rcomet run --demo"), "{help}");
    let help = stdout(&rcomet(&["run", "--help"]));
    assert!(help.contains("Limits and their defaults:") && help.contains("channels_max=100000"), "{help}");

    let nothing = rcomet(&[]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(stderr(&nothing).contains("Usage: rcomet <COMMAND>"), "{}", stderr(&nothing));
}

#[test]
fn a_good_file_is_shown_whole() {
    let path = file("good.toml", "[server]\nfront = [\"0.0.0.0:8100\"]\n[limits]\nchannels_max = 7\n");
    let output = rcomet(&["check-config", path.to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let shown = stdout(&output);
    assert!(
        shown.contains("\nfront = [\"0.0.0.0:8100\"]\n") && shown.contains("\nchannels_max = 7\n"),
        "{shown}"
    );
    assert!(
        shown.contains("\nadmin = [\"127.0.0.1:8000\"]\n") && shown.contains("\nheaders_max = 64\n"),
        "{shown}"
    );

    let again = file("again.toml", &shown);
    assert_eq!(rcomet(&["check-config", again.to_str().expect("a path")]).status.code(), Some(0));
    assert_eq!(rcomet(&["check-config"]).status.code(), Some(0));
    assert_eq!(rcomet(&["check-config", "rcomet.example.toml"]).status.code(), Some(0));
}

/// The file is named as `run` and `start` have it, too; twice it is not.
#[test]
fn the_file_to_be_checked_may_be_named_as_it_is_for_run() {
    let path = file("named.toml", "[limits]\nchannels_max = 7\n");
    let path = path.to_str().expect("a path");
    let plain = stdout(&rcomet(&["check-config", path]));
    assert!(
        plain.starts_with(&format!("# In force with {path}:\n")) && plain.contains("\nchannels_max = 7\n")
    );
    assert_eq!(stdout(&rcomet(&["check-config", "--config", path])), plain);
    let twice = rcomet(&["check-config", path, "--config", path]);
    assert_eq!((twice.status.code(), stdout(&twice)), (Some(2), String::new()));
    assert!(stderr(&twice).contains("'[FILE]' cannot be used with '--config <FILE>'"), "{}", stderr(&twice));
    let help = stdout(&rcomet(&["check-config", "--help"]));
    assert!(help.contains("[FILE]\n") && help.contains("--config <FILE>\n"), "{help}");
    let completions = stdout(&rcomet(&["completions", "bash"]));
    assert!(completions.contains("opts=\"-h --config --json --help\""), "{completions}");
}

/// What an admin side does not do is not offered.
#[test]
fn stop_and_reload_name_no_admin_side() {
    for (command, offers) in [("stop", false), ("reload", false), ("status", true), ("write", true)] {
        let help = stdout(&rcomet(&[command, "--help"]));
        assert_eq!((help.contains("--url"), help.contains("--socket")), (offers, true), "{command}: {help}");
    }
}

#[test]
fn a_bad_file_is_refused_with_its_place() {
    let path = file("bad.toml", "[limits]\nchanels_max = 7\n");
    let path = path.to_str().expect("a path");
    for arguments in
        [vec!["check-config", path], vec!["check-config", "--config", path], vec!["run", "--config", path]]
    {
        let output = rcomet(&arguments);
        assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()));
        let wanted =
            format!("rcomet: {path}:2:1: unknown option `chanels_max`: did you mean `channels_max`?");
        assert!(stderr(&output).starts_with(&wanted), "{}", stderr(&output));
    }
    let output = rcomet(&["check-config", "/no/such/file"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("rcomet: cannot read /no/such/file: "), "{}", stderr(&output));
}

/// A daemon reads its configuration again at each reload: out of a pipe nothing would come then, and all would be at its defaults.
#[test]
fn a_daemon_has_its_configuration_from_a_plain_file() {
    for command in ["run", "start"] {
        let output = rcomet(&[command, "--config", "/dev/zero"]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        let said = stderr(&output);
        assert!(
            said.starts_with("rcomet: cannot read /dev/zero: it is no plain file: expected one"),
            "{said}"
        );
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_rcomet"));
    let child =
        command.args(["check-config", "/dev/stdin"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"[limits]\nchanels_max = 1\n").expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = stderr(&output);
    assert!(
        said.starts_with("rcomet: /dev/stdin:2:1: unknown option `chanels_max`"),
        "to try one, a pipe is enough: {said}"
    );
}

/// What a file has that is no configuration: bytes without an end, or bytes that are no text.
#[test]
fn what_can_be_no_configuration_is_refused_in_words() {
    let output = rcomet(&["check-config", "/dev/zero"]);
    let said = stderr(&output);
    let wanted = "rcomet: cannot read /dev/zero: it is too long: expected a configuration or a key, which has at most 1048576 bytes\n";
    assert_eq!((output.status.code(), &*said), (Some(1), wanted));
    let path = file("latin.toml", "");
    std::fs::write(&path, b"[log]\n# caf\xe9\n").expect("it can be written");
    let path = path.to_str().expect("a path");
    for arguments in [["check-config", path].as_slice(), &["run", "--config", path]] {
        let output = rcomet(arguments);
        let said = stderr(&output);
        let wanted = format!("rcomet: {path}:2:6: here is a byte that is not UTF-8: expected");
        assert_eq!(output.status.code(), Some(1));
        assert!(said.starts_with(&wanted) && said.contains("\n    # caf\u{fffd}\n"), "{said}");
    }
}

#[test]
fn a_warning_is_no_refusal() {
    let path =
        file("open.toml", "[server]\nadmin = [\"0.0.0.0:8000\"]\n[admin]\nallow = [\"all\"]\ndeny = []\n");
    let output = rcomet(&["check-config", path.to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        stderr(&output).starts_with("rcomet: warning: the admin side listens on 0.0.0.0:8000 and"),
        "{output:?}"
    );
}

#[test]
fn an_icomet_conf_is_imported() {
    let conf = "pidfile: ./icomet.pid\nadmin:\n\tlisten: 0.0.0.0:8000\n\tallow: 10\nfront:\n\tlisten: 0.0.0.0:8100\n";
    let path = file("icomet.conf", conf);
    let output = rcomet(&["import-icomet-conf", path.to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).starts_with("rcomet: note: line 1, pidfile: left out"), "{}", stderr(&output));
    let made = file("imported.toml", &stdout(&output));
    assert_eq!(rcomet(&["check-config", made.to_str().expect("a path")]).status.code(), Some(0));

    let path = file("broken.conf", "admin:\n\tlisten: nowhere\nfront:\n\tlisten: 0.0.0.0:8100\n");
    let path = path.to_str().expect("a path");
    let output = rcomet(&["import-icomet-conf", path]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()));
    assert!(
        stderr(&output).starts_with(&format!("rcomet: {path}:2:2: admin.listen: `nowhere`")),
        "{output:?}"
    );
}

#[test]
fn a_second_instance_is_told_about_the_first() {
    let mut first = Daemon::start(&ANYWHERE);
    let front = first.listens("front").to_string();
    first.listens("admin");
    let second = rcomet(&["run", "--front", &front, "--admin", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(1));
    let wanted = format!(
        "rcomet: cannot listen on {front} (front): address already in use; is another rcomet running?"
    );
    assert!(stderr(&second).lines().any(|line| line == wanted), "{}", stderr(&second));
}

#[test]
fn it_serves_the_demo_and_leaves_when_told() {
    let mut daemon = Daemon::start(&[&ANYWHERE[..], &["--demo"]].concat());
    let front = daemon.listens("front");
    assert_eq!(daemon.says("web chat: "), format!("web chat: http://{front}/chat/"));
    let page = get(front, "/chat/");
    assert!(
        page.starts_with("HTTP/1.1 200 ") && page.contains(include_str!("../demos/webchat/index.html")),
        "{page}"
    );
    assert!(get(front, "/chat/chat.js").contains("\r\n\r\n"));

    daemon.signal("TERM");
    daemon.says("all connections have ended");
    assert_eq!(daemon.exit_code(), Some(0));
    assert!(TcpStream::connect(front).is_err());
}

#[test]
fn a_client_that_stays_is_cut_in_the_end() {
    let path = file("impatient.toml", "[server]\nfront = [\"127.0.0.1:0\"]\nadmin = []\ndrain_ms_max = 0\n");
    let mut daemon = Daemon::start(&["--config", path.to_str().expect("a path")]);
    let front = daemon.listens("front");
    let mut client = connect(front);
    // Half a request: there is nothing to answer, and the connection is not idle. It comes together with a whole one, whose
    // answer says that both have been read.
    client.write_all(b"GET /ping HTTP/1.1\r\nHost: test\r\n\r\nGET / HT").expect("it is taken");
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).expect("an answer");
        heard.push(byte[0]);
    }
    daemon.signal("INT");
    daemon.says("leaving within 0 ms; open connections: 1");
    daemon.says("not everybody has left within 0 ms; connections cut: 1");
    assert_eq!(daemon.exit_code(), Some(0));
}

#[test]
fn a_configuration_is_taken_over_whole_or_not_at_all() {
    let before = "[server]\nfront = [\"127.0.0.1:0\"]\nadmin = []\n";
    let path = file("living.toml", before);
    let mut daemon = Daemon::start(&["--config", path.to_str().expect("a path")]);
    let front = daemon.listens("front");

    file("living.toml", "[limits]\nchannels_max = 5\nheaders_max = 500\n");
    daemon.signal("HUP");
    let refused = daemon.says("the configuration stays as it was: ");
    assert!(
        refused.ends_with("living.toml:3:15: limits.headers_max = 500: must be at most 128"),
        "{refused}"
    );

    file(
        "living.toml",
        "[server]\nfront = [\"127.0.0.1:1\"]\nadmin = []\ndemo = true\n[log]\nlevel = \"debug\"\n",
    );
    daemon.signal("HUP");
    daemon.says("server.front has changed: that takes a restart, the rest is in force");
    daemon.says("the configuration has been read again");
    assert!(get(front, "/chat/").starts_with("HTTP/1.1 200 "), "it still serves, and the demo has come");
}
