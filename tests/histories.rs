//! Histories that outlive the daemon, on a real disk: ended, killed in the middle of publishing, written anew, with no room, and with a
//! file that cannot be used.
mod daemon;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use daemon::{ANYWHERE, Daemon, ask, connect};

/// A directory of a test's own.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("rcomet-history-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a directory");
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("history")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("it is there");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("one").file_name().into_string().expect("text")).collect();
        names.sort();
        names
    }

    fn start(&self, more: &[&str]) -> (Daemon, SocketAddr, SocketAddr) {
        let file = self.file().display().to_string();
        Daemon::start_anywhere(&[&["--history-file", &file, "--demo"], more].concat())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Publishes numbers from `from` on to the channel `a`, one after the other, until that fails or `most` are done; gives the last that
/// was answered with yes.
fn publish(admin: SocketAddr, from: u64, most: u64, filler: &str) -> u64 {
    publish_and_tell(admin, from, most, filler, &AtomicU64::new(0))
}

/// The same; tells how far it is.
fn publish_and_tell(admin: SocketAddr, from: u64, most: u64, filler: &str, told: &AtomicU64) -> u64 {
    let mut stream = connect(admin);
    let mut answers = BufReader::new(stream.try_clone().expect("a socket"));
    let mut done = from - 1;
    while done < most {
        let body = format!("cname=a&content={}{filler}", done + 1);
        let head = "POST /push HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n";
        // In one piece: two would wait for each other's acknowledgement.
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(request.as_bytes()).is_err() || !is_yes(&mut answers) {
            break;
        }
        done += 1;
        told.store(done, Ordering::Relaxed);
    }
    done
}

/// Reads one answer whole; whether it is a yes.
fn is_yes(answers: &mut BufReader<TcpStream>) -> bool {
    let (mut line, mut length, mut yes) = (String::new(), 0, false);
    loop {
        line.clear();
        if answers.read_line(&mut line).unwrap_or(0) == 0 {
            return false;
        }
        yes |= line.starts_with("HTTP/1.1 200 ");
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().expect("a number");
        }
        if line == "\r\n" {
            return answers.read_exact(&mut vec![0; length]).is_ok() && yes;
        }
    }
}

/// The numbers that the channel `a` keeps, and what stands there: nothing is missing between them.
fn kept(front: SocketAddr) -> std::ops::RangeInclusive<u64> {
    let mut numbers = Vec::new();
    let text = ask(front, "/history?channel=a&limit=1000");
    for piece in text.split("\"seq\":").skip(1) {
        let seq: u64 = piece.split(',').next().and_then(|n| n.parse().ok()).expect("a number");
        let data = piece.split("\"data\":\"").nth(1).expect("data");
        let said: String = data.chars().take_while(char::is_ascii_digit).collect();
        assert_eq!(said, seq.to_string(), "each stands where it stood");
        numbers.push(seq);
    }
    let (first, last) = (*numbers.first().expect("some"), *numbers.last().expect("some"));
    assert_eq!(numbers, (first..=last).collect::<Vec<_>>());
    first..=last
}

fn until(what: &str, is: impl Fn() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whatever was answered with yes is there, whenever the process is killed.
#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    let place = Place::new();
    let mut done = 0;
    for round in 0..4 {
        let (daemon, front, admin) = place.start(&["--limit", "history_messages_max=100"]);
        if round > 0 {
            let numbers = kept(front);
            // One may have been done whose answer was still to come.
            assert!((done..=done + 1).contains(numbers.end()), "{done} {numbers:?}");
            done = *numbers.end();
        }
        let from = done + 1;
        let told = Arc::new(AtomicU64::new(0));
        let tells = Arc::clone(&told);
        let publisher = std::thread::spawn(move || publish_and_tell(admin, from, u64::MAX, "", &tells));
        until("some messages", || told.load(Ordering::Relaxed) >= from + 40 * round);
        daemon.signal("KILL");
        done = publisher.join().expect("it ends");
        assert!(done >= from, "some were published");
    }
    assert_eq!(place.names(), ["history"]);
}

#[test]
fn an_end_on_purpose_is_noted() {
    let place = Place::new();
    let (mut daemon, _, admin) = place.start(&["--limit", "history_messages_max=7"]);
    assert_eq!(publish(admin, 1, 50, ""), 50);
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code(), Some(0));
    let text = fs::read_to_string(place.file()).expect("it is there");
    assert!(text.lines().last().is_some_and(|line| line.starts_with("{\"end\":")), "{text}");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(place.file()).expect("it is there").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600, "it has secrets in it");
    let (_daemon, front, _) = place.start(&["--limit", "history_messages_max=7"]);
    assert_eq!(kept(front), 44..=50);
    // What is not kept is not in the file either.
    assert!(fs::metadata(place.file()).expect("it is there").len() < 2_000);
}

/// A file that is written to for long is written anew, while it is written to, and whatever happens then.
#[test]
fn a_long_file_is_written_anew() {
    let place = Place::new();
    let filler = "x".repeat(1_000);
    let limit = ["--limit", "history_messages_max=40"];
    let mut last = 0;
    for _ in 0..2 {
        let (daemon, front, admin) = place.start(&limit);
        if last > 0 {
            assert_eq!(kept(front), last - 39..=last);
        }
        assert_eq!(publish(admin, last + 1, last + 6_000, &filler), last + 6_000);
        last += 6_000;
        until("a rewrite", || {
            let metrics = ask(admin, "/metrics");
            metrics
                .lines()
                .any(|line| line.strip_prefix("rcomet_history_rewrites_total ").is_some_and(|n| n != "0"))
        });
        let length = fs::metadata(place.file()).expect("it is there").len();
        assert!(length < 5 << 20, "6 MB were written, and 40 KB are kept: {length}");
        assert_eq!(publish(admin, last + 1, last + 20, &filler), last + 20);
        last += 20;
        daemon.signal("KILL");
        drop(daemon);
    }
    let (_daemon, front, _) = place.start(&limit);
    assert_eq!(kept(front), last - 39..=last);
}

/// No room: publishing is refused, in words, and everything else goes on; with room, it goes on where it was.
#[test]
fn without_room_nothing_is_published() {
    let place = Place::new();
    let file = place.file();
    let begin = format!(
        "ulimit -S -f 300; exec {} run --control '' --history-file {} --demo --limit history_messages_max=20 {}",
        env!("CARGO_BIN_EXE_rcomet"),
        file.display(),
        ANYWHERE.join(" ")
    );
    let mut daemon = Daemon::of(Command::new("sh").args(["-c", &begin]));
    let (front, admin) = (daemon.listens("front"), daemon.listens("admin"));
    let filler = "x".repeat(1_000);
    let done = publish(admin, 1, 10_000, &filler);
    assert!((20..1_000).contains(&done), "{done}");
    daemon.says("cannot be written: File too large");
    let refused = ask(admin, "/push?cname=a&content=x");
    assert!(refused.contains("histories are kept in a file that cannot be written now"), "{refused}");
    // The last was done before its answer was known; that, too, is in memory.
    assert!((done..=done + 1).contains(kept(front).end()), "reading goes on");
    let ready = ask(admin, "/readyz");
    // It is written anew after a second, and there is room for that: twenty messages.
    daemon.says("is written again");
    assert!(ready.contains("history.file cannot be written") || ready.contains("ready"), "{ready}");
    let last = *kept(front).end();
    assert_eq!(publish(admin, last + 1, last + 10, &filler), last + 10);
    daemon.signal("KILL");
    drop(daemon);
    let (_daemon, front, _) = place.start(&["--limit", "history_messages_max=20"]);
    assert_eq!(kept(front), last - 9..=last + 10);
}

fn refused(place: &Path, more: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = Command::new(env!("CARGO_BIN_EXE_rcomet"))
        .args(["run", "--control", "", "--history-file"])
        .arg(place)
        .args(ANYWHERE)
        .args(more)
        .output()
        .expect("it starts");
    let said = String::from_utf8(stderr).expect("text");
    (status.code(), said.lines().last().unwrap_or_default().to_owned())
}

#[test]
fn a_file_that_cannot_be_used_refuses_the_start() {
    let place = Place::new();
    let file = place.file();
    let (mut daemon, _, admin) = place.start(&[]);
    assert_eq!(publish(admin, 1, 3, ""), 3);
    let (code, words) = refused(&file, &[]);
    assert!(
        code == Some(7) && words.contains("another rcomet runs already: it has the histories in /"),
        "{words}"
    );
    daemon.signal("TERM");
    daemon.exit_code();
    let whole = fs::read_to_string(&file).expect("it is there");
    for (text, wanted) in [
        (whole.replace("\"seq\":2", "\"seq\":\"two\""), "line 4: invalid type: string \"two\", expected u64"),
        (format!("{whole}{{\"swept\":1}}\n"), "line 7: something stands behind the end: expected nothing"),
        (whole.replace("\"rcomet_history\":1", "\"rcomet_history\":9"), "line 1: it is in form 9"),
        (String::new(), "line 1: there is nothing: expected {\"rcomet_history\":1"),
    ] {
        fs::write(&file, &text).expect("to write");
        let (code, words) = refused(&file, &[]);
        assert!(code == Some(1) && words.contains("history.file: /") && words.contains(wanted), "{words}");
        assert_eq!(fs::read_to_string(&file).expect("it is there"), text, "it is left as it is");
    }
    assert_eq!(place.names(), ["history"]);
    let channel = whole.lines().nth(1).expect("a channel");
    let another = channel.replace("\"a\"", "\"b\"");
    fs::write(&file, whole.replacen(channel, &format!("{channel}\n{another}"), 1)).expect("to write");
    let (code, words) = refused(&file, &["--limit", "channels_max=1"]);
    assert!(code == Some(1) && words.contains("line 3: a channel too many"), "{words}");
    fs::write(&file, &whole).expect("to write");
    let (code, words) = refused(Path::new("history"), &[]);
    assert!(
        code == Some(1) && words.contains("history.file: `history` is no place for a file"),
        "{code:?} {words}"
    );
    let (code, words) = refused(&file, &["--values-file", "/tmp/values"]);
    assert!(
        code == Some(1) && words.contains("control.values_file: last values are in history.file already"),
        "{words}"
    );
    let (code, words) = refused(Path::new("/no/such/directory/history"), &[]);
    assert!(code == Some(1) && words.contains("cannot be written: No such file or directory"), "{words}");
}

/// After a power failure (the file is of another boot) its end may be missing: what cannot be read is kept aside, the rest is put back.
#[test]
fn after_a_power_failure_what_can_be_read_is_put_back() {
    let place = Place::new();
    let (daemon, _, admin) = place.start(&[]);
    assert_eq!(publish(admin, 1, 5, ""), 5);
    daemon.signal("KILL");
    drop(daemon);
    let text = fs::read_to_string(place.file()).expect("it is there");
    let (first, rest) = text.split_once('\n').expect("lines");
    let (before, boot) = first.split_once("\"boot\":\"").expect("a boot");
    let other = format!("{before}\"boot\":\"{}{}", "0".repeat(31), &boot[31..]);
    // The last message became a hole.
    let (kept_lines, last) = rest.trim_end().rsplit_once('\n').expect("lines");
    fs::write(place.file(), format!("{other}\n{kept_lines}\n{}", "\0".repeat(last.len()))).expect("to write");
    let file = place.file().display().to_string();
    let (mut daemon, front, admin) = Daemon::start_anywhere(&["--history-file", &file, "--demo"]);
    daemon.says("histories put back from");
    daemon.says("whoever comes back is told of a gap");
    assert_eq!(kept(front), 1..=4);
    assert_eq!(publish(admin, 5, 5, ""), 5);
    assert_eq!(kept(front), 1..=5);
    daemon.signal("KILL");
    drop(daemon);
    // In the middle: with the lines behind it.
    let text = fs::read_to_string(place.file()).expect("it is there");
    let text = text.replace(boot.split_once('"').expect("its end").0, &format!("{}1", "0".repeat(31)));
    fs::write(place.file(), text.replace("\"seq\":3", "\0\0\0\0\0\0\0")).expect("to write");
    let (mut daemon, front, _) = Daemon::start_anywhere(&["--history-file", &file, "--demo"]);
    let said = daemon.says("what stands from there on is not put back");
    assert!(said.contains("line 5: ") && said.contains("the whole file is kept as /"), "{said}");
    assert_eq!(kept(front), 1..=2);
    assert_eq!(place.names(), ["history", "history.damaged"]);
}

/// With `sync_ms = 0` the disk has it before anybody hears of it: another boot loses nothing, either.
#[test]
fn what_is_synced_at_once_survives_a_power_failure() {
    let place = Place::new();
    let config = place.0.join("rcomet.toml");
    let text = format!(
        "[server]\nfront = [\"127.0.0.1:0\"]\nadmin = [\"127.0.0.1:0\"]\n[history]\nfile = \"{}\"\nsync_ms = 0\n[control]\npath = \"\"\n",
        place.file().display()
    );
    fs::write(&config, text).expect("to write");
    let config = config.display().to_string();
    let start = || {
        let mut daemon = Daemon::start(&["--config", &config, "--demo"]);
        let (front, admin) = (daemon.listens("front"), daemon.listens("admin"));
        (daemon, front, admin)
    };
    let (daemon, front, admin) = start();
    assert_eq!(publish(admin, 1, 50, ""), 50);
    let cursor = ask(front, "/history?channel=a&limit=1000");
    daemon.signal("KILL");
    drop(daemon);
    let text = fs::read_to_string(place.file()).expect("it is there");
    assert!(text.starts_with("{\"rcomet_history\":1,") && text.contains("\"synced\":true"));
    let boot = text.split_once("\"boot\":\"").expect("a boot").1[..32].to_owned();
    fs::write(place.file(), text.replace(&boot, &"1".repeat(32))).expect("to write");
    let (_daemon, front, _) = start();
    assert_eq!(kept(front), 1..=50);
    assert_eq!(ask(front, "/history?channel=a&limit=1000"), cursor, "cursors are good as they were");
}

/// A process that is killed in the middle of a write has told nobody of it. A file whose last line lacks nothing but its end is one that
/// could not be written any more: there somebody was told.
#[test]
fn half_a_line_is_nothing_and_a_line_without_its_end_a_mark() {
    let place = Place::new();
    let (daemon, front, admin) = place.start(&[]);
    assert_eq!(publish(admin, 1, 3, ""), 3);
    let before = ask(front, "/history?channel=a");
    daemon.signal("KILL");
    drop(daemon);
    let text = fs::read_to_string(place.file()).expect("it is there");
    fs::write(place.file(), format!("{text}{{\"m\":{{\"to\":\"a\",\"id\":1")).expect("to write");
    let (daemon, front, _) = place.start(&[]);
    assert_eq!(ask(front, "/history?channel=a"), before, "to the byte, cursors and all");
    daemon.signal("KILL");
    drop(daemon);
    for marked in [text.trim_end(), text.lines().next().expect("a first line")] {
        fs::write(place.file(), marked).expect("to write");
        let (mut daemon, front, _) = place.start(&[]);
        daemon.says("whoever comes back is told of a gap");
        assert_ne!(ask(front, "/history?channel=a"), before);
    }
}
