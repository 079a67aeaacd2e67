//! Values written, read, waited for and listed from the command line; and the command line in the place of CometServer's.
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;

use patience::Lines;
use serde_json::Value;

use super::*;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn values_come_back_byte_for_byte() {
    let home = Home::running(&[]);
    for value in ["", "hello  world ", "é € 😀 & % + / \" <b>", "line 1\nline 2\r\n", "-", "-x", "--json"]
    {
        if value == "-" {
            continue;
        }
        home.says(&["write", "k", "--", value]);
        assert_eq!(home.says(&["read", "k"]), value);
    }
    let bytes: Vec<u8> = (0..=255).collect();
    let mut writer =
        home.command(&["write", "binary", "-"]).stdin(Stdio::piped()).spawn().expect("it starts");
    writer.stdin.take().expect("a pipe").write_all(&bytes).expect("it is taken");
    assert!(writer.wait().expect("it ends").success());
    assert_eq!(home.rcomet(&["read", "binary"]).stdout, bytes);
    for key in ["two words", "new\nline", "", "käse", "a/b?c#d", "100%"] {
        home.says(&["write", key, "of it"]);
        assert_eq!(home.says(&["read", key]), "of it", "{key:?}");
    }
    let names: Vec<Value> =
        home.says(&["dump", "--json"]).lines().map(|line| json(line)["key"].clone()).collect();
    let wanted: Vec<Value> =
        ["k", "binary", "two words", "new\nline", "", "käse", "a/b?c#d", "100%"].map(Value::from).into();
    assert_eq!(names, wanted, "in the order in which they were made");
    let table = home.says(&["dump", "--prefix", "two"]);
    assert!(
        table.starts_with("VERSION ")
            && table.lines().count() == 2
            && table.ends_with("  two words  of it\n"),
        "{table}"
    );
}

/// Words of the command line are bytes, as keys and values are.
#[test]
fn keys_and_values_on_the_command_line_need_not_be_text() {
    let home = Home::running(&[]);
    let (key, value) = (OsStr::from_bytes(b"k\xff"), OsStr::from_bytes(b"\xfe\x01v"));
    let with = |words: &[&str], more: &[&OsStr]| patience::output(home.command(words).args(more));
    assert_eq!(code(&with(&["write"], &[key, value])), 0);
    assert_eq!(with(&["read"], &[key]).stdout, value.as_bytes());
    assert_eq!(json(&home.says(&["dump", "--json"]))["key_base64"], "a/8=");
    assert!(home.says(&["dump"]).ends_with("  k\\xff  \\xfe\\u{1}v\n"), "{}", home.says(&["dump"]));
    assert_eq!(code(&with(&["refresh"], &[key])), 0);
    // In the place of CometServer's they are the same bytes.
    assert_eq!(with(&["--comet", "read"], &[key]).stdout, b"value: \xfe\x01v\n");
    assert_eq!(code(&with(&["--comet", "write"], &[key, OsStr::from_bytes(b"\xfd")])), 0);
    assert_eq!(with(&["--comet", "dump"], &[]).stdout, b"* index [0] - k\xff: [\xfd]\n");
    assert_eq!(code(&with(&["delete"], &[key])), 0);
    let unknown = with(&["read", "--json"], &[key]);
    let wanted = "{\"error\":\"unknown\",\"detail\":\"there is no value under the key `k\\\\xff`\"}\n";
    assert_eq!((code(&unknown), stderr(&unknown)), (4, wanted.into()));
    let refused = with(&["publish", "c"], &[value]);
    assert!(code(&refused) == 2 && stderr(&refused).contains("a message is UTF-8 text"), "{refused:?}");
}

/// `| head -1`: whoever has seen enough is not waited for until there is something more to print.
#[test]
fn a_reader_that_has_seen_enough_ends_the_command() {
    let home = Home::running(&[]);
    home.says(&["write", "k", "one"]);
    for words in [&["read", "k", "--follow"][..], &["subscribe", "k", "--history", "1"]] {
        let mut child = home.spawn(words);
        let mut pipe = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        pipe.read_line(&mut line).expect("a line");
        assert_eq!(line, "one\n", "{words:?}");
        // It has nothing to print for as long as nobody writes.
        drop(pipe);
        assert_eq!(patience::exit(&mut child).code(), Some(0), "{words:?}");
        let mut said = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        assert_eq!(said, "", "{words:?}");
    }
    // Whoever has something done is told how it went all the same.
    for (words, wanted) in [(&["write", "k", "two"][..], 0), (&["delete", "no-such-key"], 4)] {
        let mut child = home.command(words).stdout(broken_pipe()).spawn().expect("it starts");
        assert_eq!(patience::exit(&mut child).code(), Some(wanted), "{words:?}");
    }
    assert_eq!(home.says(&["read", "k"]), "two");
}

/// Node's child processes, and commands of ssh without a terminal, write to one end of a socket pair. Whoever only says that it writes
/// nothing more goes on reading.
#[test]
fn a_reader_that_has_seen_enough_of_a_socket_ends_the_command() {
    let home = Home::running(&[]);
    home.says(&["write", "k", "one"]);
    for words in [&["read", "k", "--follow"][..], &["subscribe", "k", "--history", "1"]] {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        ours.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let mut child = home.command(words).stdout(OwnedFd::from(theirs)).spawn().expect("it starts");
        let mut reader = BufReader::new(ours);
        let next = |reader: &mut BufReader<UnixStream>| {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            line
        };
        assert_eq!(next(&mut reader), "one\n", "{words:?}");
        reader.get_ref().shutdown(Shutdown::Write).expect("a socket");
        home.says(&["write", "k", "two"]);
        assert_eq!(next(&mut reader), "two\n", "{words:?}");
        home.says(&["write", "k", "one"]);
        assert_eq!(next(&mut reader), "one\n", "{words:?}");
        drop(reader);
        assert_eq!(patience::exit(&mut child).code(), Some(0), "{words:?}");
    }
}

/// A pipe that nobody reads any more.
fn broken_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let home = Home::running(&[]);
    let unknown = home.rcomet(&["read", "nothing"]);
    let wanted = "rcomet: there is no value under the key `nothing`\n";
    assert_eq!((code(&unknown), stdout(&unknown), stderr(&unknown)), (4, String::new(), wanted.into()));
    let unknown = home.rcomet(&["read", "nothing", "--json"]);
    assert_eq!((code(&unknown), &json(&stderr(&unknown))["error"]), (4, &Value::from("unknown")));
    for command in [&["delete", "nothing"][..], &["refresh", "nothing"]] {
        assert_eq!(code(&home.rcomet(command)), 4, "{command:?}");
    }
    for usage in [
        &["write", "k"][..],
        &["read"],
        &["bogus"],
        &["write", "a", "b", "c"],
        &["read", "k", "--since", "x"],
    ] {
        assert_eq!(code(&home.rcomet(usage)), 2, "{usage:?}");
    }
    let late = home.rcomet(&["read", "nothing", "--wait", "--timeout", "1"]);
    assert_eq!(
        (code(&late), stderr(&late)),
        (6, "rcomet: nothing has been written to the key `nothing`\n".into())
    );
    assert_eq!(code(&home.rcomet(&["read", "nothing", "--since", "0"])), 6);
    let long = home.rcomet(&["write", &"x".repeat(300), "v"]);
    assert_eq!(code(&long), 2, "{long:?}");
    assert_eq!(code(&home.rcomet(&["status", "--url", "nonsense"])), 2);
    assert_eq!(code(&home.rcomet(&["status", "--url", "http://127.0.0.1:1"])), 3);
}

#[test]
fn a_reader_waits_and_goes_on_where_it_was() {
    let home = Home::running(&[]);
    let waiter = home.spawn(&["read", "k", "--wait", "--since", "0", "--json"]);
    home.wait_until("subscribers", 1);
    let version = json(&home.says(&["write", "k", "one", "--json"]))["version"].clone();
    let heard = json(&stdout(&patience::rest(waiter)));
    assert_eq!((&heard["value"], &heard["version"]), (&Value::from("one"), &version));
    home.says(&["write", "k", "two"]);
    home.says(&["write", "k", "two"]);
    let mut since = version.to_string();
    for _ in 0..2 {
        let heard = json(&home.says(&["read", "k", "--wait", "--json", "--since", &since]));
        assert_eq!(heard["value"], "two");
        since = heard["version"].to_string();
    }
    let waiter = home.spawn(&["read", "k", "--wait", "--since", &since]);
    home.wait_until("subscribers", 1);
    home.says(&["refresh", "k"]);
    assert_eq!(stdout(&patience::rest(waiter)), "two");
    let waiter = home.spawn(&["read", "k", "--wait"]);
    home.wait_until("subscribers", 1);
    home.says(&["delete", "k"]);
    assert_eq!(code(&patience::rest(waiter)), 4);
}

#[test]
fn a_reader_that_follows_has_every_value() {
    let home = Home::running(&[]);
    home.says(&["write", "k", "0"]);
    let mut follower = home.spawn(&["read", "k", "--follow"]);
    let lines = Lines::of(follower.stdout.take().expect("a pipe"));
    assert_eq!(lines.next(), "0", "the present value first");
    for i in 1..=20 {
        home.says(&["write", "k", &i.to_string()]);
    }
    for i in 1..=20 {
        assert_eq!(lines.next(), i.to_string());
    }
    follower.kill().expect("it runs");
    patience::exit(&mut follower);
}

#[test]
fn scripts_can_speak_text_and_old_clients_their_own() {
    let home = Home::running(&[]);
    let tell = |bytes: &[u8]| {
        let mut stream = knock(&home.socket());
        stream.write_all(bytes).expect("it is taken");
        stream.shutdown(std::net::Shutdown::Write).expect("a socket");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer and an end");
        answer
    };
    let answer = String::from_utf8(tell(b"write greeting hello world\nread greeting\n")).expect("text");
    let lines: Vec<&str> = answer.lines().collect();
    assert_eq!(lines[1], format!("{} \"hello world\"", lines[0]));
    assert_eq!(tell(b"read greeting \0"), b"hello+world \0");
    assert_eq!(tell(b"write greeting from+before \0"), b"ok \0");
    assert_eq!(home.says(&["read", "greeting"]), "from before");
    // Cases D and E of the original: nobody is held up by who is silent, or leaves in the middle.
    let _silent = knock(&home.socket());
    assert!(tell(b"read greeting").ends_with(b" \"from before\"\n"), "its end ends the line");
    assert!(tell(b"write greeting half").starts_with(b"error usage "), "this may be half of it");
    assert_eq!(home.says(&["read", "greeting"]), "from before");
    let cpu = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", home.pid())).expect("it runs");
        // Behind the name of the program stand the fields from the third on; the 14th and 15th are utime and stime (proc(5)).
        let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
        [fields[14 - 3], fields[15 - 3]]
            .map(|ticks| ticks.parse::<u64>().expect("a number"))
            .iter()
            .sum::<u64>()
    };
    let before = cpu();
    std::thread::sleep(Duration::from_millis(500));
    assert!(cpu() - before < 10, "it does not spin");
    let pid = home.pid();
    assert_eq!(tell(b"stop \0"), b"ok \0");
    until("its end", || !lives(pid));
}

#[test]
fn in_the_place_of_cometserver() {
    let home = Home::new();
    let comet = home.directory.join("Comet");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rcomet"), &comet).expect("a link");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&comet);
        command.args(arguments).env("RCOMET_CONTROL", home.socket()).stdin(Stdio::null());
        let output = patience::output(&mut command);
        (stdout(&output), code(&output))
    };
    assert_eq!(run(&["read", "k"]), ("Server is not running\n".into(), 3));
    assert_eq!(run(&["status"]), ("Server is not running\n".into(), 3));
    let file = home.file("rcomet.toml", "[server]\nfront = []\nadmin = []\n");
    assert_eq!(code(&home.rcomet(&["start", "--config", &file])), 0);
    // What the PHP class does: it encodes, trims what is printed, takes the prefix away and decodes.
    let encoded = "hello+%3Cworld%3E+%22q%22+%24HOME+%60id%60+%C3%A9";
    assert_eq!(run(&["write", "demo", encoded]), (String::new(), 0));
    assert_eq!(run(&["read", "demo"]), (format!("value: {encoded}\n"), 0));
    assert_eq!(run(&["read", "unknown"]), ("value: \n".into(), 0));
    assert_eq!(run(&["dump"]), (format!("* index [0] - demo: [{encoded}]\n"), 0));
    assert_eq!(run(&["status"]), (format!("Server is running pid({})\n", home.pid()), 0));
    assert_eq!(run(&["a", "b", "c", "d"]).1, 2);
    // With its encoding undone, so that browsers see what PHP has written.
    assert_eq!(home.says(&["--comet=decoded", "write", "demo", encoded]), "");
    assert_eq!(home.says(&["read", "demo"]), "hello <world> \"q\" $HOME `id` é");
    assert_eq!(home.says(&["--comet=decoded", "read", "demo"]), format!("value: {encoded}\n"));
    let pid = home.pid();
    assert_eq!(run(&["stop"]), ("Stopping server\n".into(), 0));
    assert!(!lives(pid));
}
