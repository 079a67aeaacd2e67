//! The file itself: whose it is, what is refused, and what is left behind.
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rcomet_core::Config;
use rcomet_core::chance::Chance;
use rcomet_core::time::{Date, Moment};

use super::*;

struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("rcomet-values-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a directory");
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("values.jsonl")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("it is there");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("one").file_name().into_string().expect("text")).collect();
        names.sort();
        names
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn machine() -> Machine {
    Machine::new(Config::default(), Box::new(Chance::from_seed(1)), Moment(0), Date::from_unix(1_795_219_200))
}

fn why(file: &Path) -> String {
    ValuesFile::open(file, 1 << 20).err().expect("it is refused").to_string()
}

#[test]
fn one_daemon_has_it_and_nobody_else_reads_it() {
    let place = Place::new();
    let path = place.file();
    let (mut file, kept) = ValuesFile::open(&path, 1 << 20).expect("nothing yet is nothing wrong");
    assert!(kept.is_none());
    file.save(&mut machine(), false).expect("there is room");
    assert_eq!(place.names(), ["values.jsonl"], "the draft is gone");
    let mode = fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let refused = ValuesFile::open(&path, 1 << 20).err().expect("it is taken");
    assert!(matches!(&refused, Failure::AlreadyRunning(why) if why.contains("another rcomet")), "{refused}");
    // The lock goes from file to file.
    file.save(&mut machine(), true).expect("there is room");
    assert!(ValuesFile::open(&path, 1 << 20).is_err());
    drop(file);
    let (_, kept) = ValuesFile::open(&path, 1 << 20).expect("it is free");
    assert!(kept.is_some_and(|kept| kept.is_clean && kept.values.is_empty()));
}

#[test]
fn what_a_dead_daemon_has_left_is_replaced_and_what_is_linked_is_written() {
    let place = Place::new();
    let (real, link) = (place.0.join("real"), place.file());
    let (mut file, _) = ValuesFile::open(&real, 1 << 20).expect("nothing yet");
    fs::write(place.0.join("real.new"), "half").expect("to write");
    file.save(&mut machine(), true).expect("there is room");
    drop(file);
    std::os::unix::fs::symlink(&real, &link).expect("a link");
    let (mut file, kept) = ValuesFile::open(&link, 1 << 20).expect("it is whole");
    assert!(kept.is_some());
    file.save(&mut machine(), true).expect("there is room");
    assert_eq!(place.names(), ["real", "values.jsonl"]);
    assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink(), "the link is a link still");
}

#[test]
fn a_draft_that_is_given_up_leaves_what_there_was() {
    let place = Place::new();
    let path = place.file();
    let (mut file, _) = ValuesFile::open(&path, 1 << 20).expect("nothing yet");
    file.save(&mut machine(), true).expect("there is room");
    let before = fs::read(&path).expect("it is there");
    drop(Draft::begin(&path, &machine().begin_saving()).expect("there is room"));
    assert_eq!(
        (place.names(), fs::read(&path).expect("it is there")),
        (vec!["values.jsonl".to_owned()], before)
    );
}

#[test]
fn what_cannot_be_used_is_said_with_its_line() {
    let place = Place::new();
    let path = place.file();
    fs::write(&path, "").expect("to write");
    assert!(
        why(&path).contains("values.jsonl: line 1: there is nothing: expected {\"rcomet_values\":1"),
        "{}",
        why(&path)
    );
    fs::write(&path, "{\"rcomet_values\":1,\"base\":1,\"head\":2}\n{\"channel\":7}\n").expect("to write");
    assert!(why(&path).contains("line 2: invalid type: integer `7`, expected a string"), "{}", why(&path));
    fs::write(&path, [b'x'; 64].repeat(100_000)).expect("to write");
    assert!(why(&path).contains("line 1: expected value"), "{}", why(&path));
    fs::remove_file(&path).expect("it is there");
    fs::create_dir(&path).expect("a directory");
    assert!(why(&path).contains("is no file: expected one"), "{}", why(&path));
    // A pipe to which nobody writes is not waited for.
    let pipe = place.0.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()));
    assert!(why(&pipe).contains("is no file: expected one"), "{}", why(&pipe));
    let nowhere = place.0.join("no/such/values");
    let (mut file, _) = ValuesFile::open(&nowhere, 1 << 20).expect("nothing yet");
    let why = file.save(&mut machine(), false).expect_err("there is no such directory");
    assert!(why.starts_with("cannot save values in /") && why.contains("No such file"), "{why}");
}
