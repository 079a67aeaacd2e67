//! The real daemon behind socket files: taken over, refused, removed, and spoken through.
//! Knows of protocols only what it takes to ask and be answered.
mod daemon;

use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use daemon::Daemon;

/// A directory that is removed at the end.
struct Room(PathBuf);

impl Room {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rcomet-unix-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    /// A daemon with socket files for every side, and its files.
    fn start(&self) -> (Daemon, [PathBuf; 4]) {
        let paths = ["front", "admin", "ccomet", "simple"].map(|name| self.0.join(format!("{name}.sock")));
        let config = self.0.join("rcomet.toml");
        let text = format!(
            "[server]\nfront = [\"unix:{}\"]\nadmin = [\"unix:{}\"]\nccomet = [\"unix:{}\"]\nsimple_comet = [\"unix:{}\"]\n\
             unix_mode = \"640\"\n[simple_comet]\npublish = true\n",
            paths[0].display(),
            paths[1].display(),
            paths[2].display(),
            paths[3].display()
        );
        std::fs::write(&config, text).expect("to write");
        let mut daemon = Daemon::start(&["--config", config.to_str().expect("text")]);
        daemon.says("listening simple_comet unix:");
        (daemon, paths)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn connect(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).expect("somebody listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
    stream
}

/// One request on a connection of its own; gives the body of the answer.
fn ask(path: &Path, method: &str, target: &str, form: &str) -> String {
    let mut stream = connect(path);
    send(&mut stream, method, target, form);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer and an end");
    answer.split_once("\r\n\r\n").expect("a head").1.to_owned()
}

fn send(stream: &mut UnixStream, method: &str, target: &str, form: &str) {
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    )
    .expect("it is taken");
}

/// A rule of Bayeux may be for some of the public side's listeners, and each connection has come by its own.
#[test]
fn rules_are_for_the_listeners_that_they_name() {
    let room = Room::new("rules");
    let paths = ["admin", "outer", "inner"].map(|name| room.0.join(format!("{name}.sock")));
    let [admin, outer, inner] = paths.each_ref().map(|path| path.display());
    let rules = format!("[{{ channel = \"/a/**\", listeners = [\"unix:{inner}\"] }}]");
    let text = format!(
        "[server]\nadmin = [\"unix:{admin}\"]\nfront = [\"unix:{outer}\", \"unix:{inner}\"]\n[bayeux]\npublish = {rules}\n\
         subscribe = {rules}\n"
    );
    let config = room.0.join("rcomet.toml");
    std::fs::write(&config, text).expect("to write");
    let mut daemon = Daemon::start(&["--config", config.to_str().expect("text")]);
    daemon.says(&format!("listening front unix:{inner}"));
    let talk = |path: &Path, messages: &str| ask(path, "POST", "/bayeux", &format!("message={messages}"));
    let answer = talk(&paths[1], "[{\"channel\":\"/meta/handshake\",\"version\":\"1.0\"}]");
    let client =
        answer.split("\"clientId\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an id");
    let subscribe =
        format!("{{\"channel\":\"/meta/subscribe\",\"subscription\":\"/a/*\",\"clientId\":\"{client}\"}}");
    let both = format!("[{subscribe},{{\"channel\":\"/a/b\",\"data\":1,\"clientId\":\"{client}\"}}]");
    let refused = talk(&paths[1], &both);
    assert!(
        refused.contains("403::subscribe_denied") && refused.contains("403::publish_denied"),
        "{refused}"
    );
    let done = talk(&paths[2], &both);
    assert!(done.matches("\"successful\":true").count() == 2, "{done}");
}

#[test]
fn every_side_can_be_a_socket_file() {
    let room = Room::new("sides");
    let (mut daemon, [front, admin, ccomet, simple]) = room.start();
    for path in [&front, &admin, &ccomet, &simple] {
        let mode = std::fs::metadata(path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o640, "{}", path.display());
    }
    assert_eq!(
        ask(&simple, "POST", "/channels.json", "channel_id=news"),
        "{\"channel_id\": \"news\", \"return_code\": 1, \"error_message\": \"\"}"
    );
    // A poll waits, and is answered by what somebody publishes through another file.
    let mut waiting = connect(&simple);
    send(&mut waiting, "GET", "/channels/news.jsonp?since=0", "");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(ask(&admin, "GET", "/push?cname=news&content=hello", ""), "{\"type\":\"ok\"}\n");
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).expect("an answer and an end");
    assert!(answer.contains("\r\n\r\n_JSONP_comet_cb({\"messages\": {\"news\": [{\"id\": 1"), "{answer}");
    assert!(answer.contains("\"content\": \"hello\"}]}, \"since\": 0, \"last_id\": 1"), "{answer}");
    let got = ask(&front, "GET", "/sub?cname=news&seq=1", "");
    assert!(
        got.ends_with("[{\"type\":\"data\",\"cname\":\"news\",\"seq\":1,\"content\":\"hello\"}]\n"),
        "{got}"
    );
    // A large answer through a small window.
    let large = "x".repeat(800_000);
    ask(&simple, "POST", "/channels/news.json", &format!("content={large}"));
    let got = ask(&simple, "GET", "/channels/news.json?since=0", "");
    let rest = &got[got.find("\"last_id\": ").expect("a number") + 11..];
    let since = rest.split(',').next().expect("a number");
    assert!(ask(&simple, "GET", &format!("/channels/news.json?since={since}"), "").contains(&large));
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code(), Some(0));
    assert!([front, admin, ccomet, simple].iter().all(|path| !path.exists()), "nothing stays behind");
}

#[test]
fn a_dead_servers_file_is_taken_over_and_a_living_ones_refused() {
    let room = Room::new("stale");
    let (mut first, paths) = room.start();
    let config = room.0.join("rcomet.toml");
    let mut second = Daemon::start(&["--config", config.to_str().expect("text")]);
    let said = second.says("cannot listen on");
    assert!(
        said.contains("unix:") && said.ends_with("address already in use; is another rcomet running?"),
        "{said}"
    );
    assert_eq!(second.exit_code(), Some(1));
    assert!(ask(&paths[1], "GET", "/check?cname=a", "").starts_with("{}"), "the first is not disturbed");
    // It dies, and cannot tidy up.
    first.signal("KILL");
    first.exit_code();
    assert!(paths[0].exists());
    let (mut third, _) = room.start();
    assert!(ask(&paths[1], "GET", "/check?cname=a", "").starts_with("{}"));
    third.signal("TERM");
    assert_eq!(third.exit_code(), Some(0));
}

/// The files are made over to another user, whose number stands in the system's list. Only root may do that; where the test is not
/// root, the daemon says what it could not do.
#[test]
fn files_can_be_made_over_to_another_user() {
    let room = Room::new("owner");
    let passwd = std::fs::read_to_string("/etc/passwd").expect("a list of users");
    let nobody = passwd.lines().find_map(|line| line.strip_prefix("nobody:")).expect("nobody is a user");
    let uid: u32 = nobody.split(':').nth(1).and_then(|uid| uid.parse().ok()).expect("a number");
    let path = room.0.join("front.sock");
    let config = room.0.join("rcomet.toml");
    let text =
        format!("[server]\nfront = [\"unix:{}\"]\nadmin = []\nunix_owner = \"nobody\"\n", path.display());
    std::fs::write(&config, text).expect("to write");
    let mut daemon = Daemon::start(&["--config", config.to_str().expect("text")]);
    if std::fs::metadata(&room.0).expect("it is there").uid() != 0 {
        assert!(daemon.says("cannot listen on unix:").contains("front.sock"));
        assert_eq!(daemon.exit_code(), Some(1));
        return;
    }
    daemon.says("listening front unix:");
    let metadata = std::fs::metadata(&path).expect("it is there");
    assert_eq!((metadata.uid(), metadata.mode() & 0o777), (uid, 0o600));
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code(), Some(0));
}
