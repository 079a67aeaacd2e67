//! `write`, `read`, `refresh`, `delete`, `dump`.
use std::ffi::OsStr;
use std::io::IsTerminal as _;
use std::os::unix::ffi::OsStrExt as _;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::table::{Table, on_terminal, shown_bytes};
use super::{given, number, print_json};
use crate::app::{print, print_bytes, say};
use crate::cli::{DeleteFlags, DumpFlags, ReadFlags, RefreshFlags, WriteFlags};
use crate::client::{Ask, Client, escaped, in_seconds};
use crate::exit::Failure;

/// How long the daemon is asked to wait before it is asked again; it has a limit of its own.
const WAIT: Duration = Duration::from_secs(25);

/// How long its answer may be under way when the time is over.
const MOMENT: Duration = Duration::from_secs(1);

fn of(key: &[u8]) -> String {
    format!("/keys/{}", escaped(key))
}

/// Gives a key a value; the answer.
pub(super) fn put(client: &Client, key: &[u8], value: &[u8], query: &str) -> Result<Value, Failure> {
    let target = format!("{}{query}", of(key));
    client.ask(&Ask::new("PUT", &target).with("application/octet-stream", value))?.json()
}

/// What is known of a key; in so many seconds, if that is said.
pub(super) fn get(client: &Client, key: &[u8], timeout: Option<u64>) -> Result<Value, Failure> {
    let target = of(key);
    client.ask(&bounded(Ask::new("GET", &target), timeout.map(Duration::from_secs)))?.json()
}

/// A question to be answered in this time, if there is one.
fn bounded(ask: Ask<'_>, time: Option<Duration>) -> Ask<'_> {
    match time {
        Some(time) => ask.within(time),
        None => ask,
    }
}

/// The bytes of a value.
pub(super) fn value_of(answer: &Value) -> Vec<u8> {
    bytes_of(answer, "value", "base64")
}

/// The bytes of a key or a value, which stand under one name as text and under another encoded.
pub(super) fn bytes_of(answer: &Value, name: &str, encoded: &str) -> Vec<u8> {
    match (answer[name].as_str(), answer[encoded].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(text)) => STANDARD.decode(text).unwrap_or_default(),
        (None, None) => Vec::new(),
    }
}

/// `rcomet write`.
pub(crate) fn write(flags: &WriteFlags) -> Result<(), Failure> {
    let value = given(&flags.value)?;
    let said = [("ttl", flags.ttl), ("history", flags.history)];
    let said: Vec<String> = said.iter().filter_map(|(name, n)| n.map(|n| format!("{name}={n}"))).collect();
    let query = if said.is_empty() { String::new() } else { format!("?{}", said.join("&")) };
    let answer = put(&Client::find(&flags.target)?, flags.key.as_bytes(), &value, &query)?;
    if flags.target.json { print_json(&answer) } else { Ok(()) }
}

/// `rcomet refresh`.
pub(crate) fn refresh(flags: &RefreshFlags) -> Result<(), Failure> {
    let target = format!("{}/refresh", of(flags.key.as_bytes()));
    let answer = Client::find(&flags.target)?.ask(&Ask::new("POST", &target))?.json();
    let answer = answer.map_err(|failure| named(failure, &flags.key))?;
    if flags.target.json { print_json(&answer) } else { Ok(()) }
}

/// `rcomet delete`.
pub(crate) fn delete(flags: &DeleteFlags) -> Result<(), Failure> {
    let target = of(flags.key.as_bytes());
    let answer = Client::find(&flags.target)?.ask(&Ask::new("DELETE", &target))?.json();
    answer.map_err(|failure| named(failure, &flags.key))?;
    if flags.target.json { print_json(&serde_json::json!({ "deleted": true })) } else { Ok(()) }
}

fn named(failure: Failure, key: &OsStr) -> Failure {
    match failure {
        Failure::Unknown(_) => {
            Failure::Unknown(format!("there is no value under the key `{}`", shown_bytes(key.as_bytes())))
        }
        other => other,
    }
}

/// `rcomet read`.
pub(crate) fn read(flags: &ReadFlags) -> Result<(), Failure> {
    let client = Client::find(&flags.target)?;
    if !flags.wait && !flags.follow && flags.since.is_none() {
        let answer = get(&client, flags.key.as_bytes(), flags.timeout)
            .map_err(|failure| named(failure, &flags.key))?;
        return show(flags, &answer, false);
    }
    let until = flags.timeout.map(in_seconds);
    let mut since = if flags.follow { flags.since.or(Some(0)) } else { flags.since };
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let is_once = !flags.wait && !flags.follow;
        let wait = if is_once { Duration::ZERO } else { left.map_or(WAIT, |left| left.min(WAIT)) };
        // In whole seconds; never 0 for somebody who waits.
        let seconds = if is_once { 0 } else { wait.as_secs().max(1) };
        let behind = since.map_or(String::new(), |since| format!("&since={since}"));
        let target = format!("{}?wait={seconds}{behind}", of(flags.key.as_bytes()));
        // The daemon's word that nothing has come is to be heard, so it has a moment more.
        let bound = left.map(|left| left.max(Duration::from_secs(seconds)) + MOMENT);
        let answer = client.ask(&bounded(Ask::new("GET", &target).waiting(wait), bound))?.json()?;
        if answer["deleted"] == true {
            if !flags.follow {
                return Err(Failure::Unknown(format!(
                    "the key `{}` was deleted",
                    shown_bytes(flags.key.as_bytes())
                )));
            }
            continue;
        }
        if answer["version"].is_u64() {
            show(flags, &answer, flags.follow)?;
            if !flags.follow {
                return Ok(());
            }
            since = Some(number(&answer, "version"));
            continue;
        }
        // What is written before the next request is behind this.
        since = answer["since"].as_u64().or(since);
        if is_once || until.is_some_and(|until| Instant::now() >= until) {
            let words =
                format!("nothing has been written to the key `{}`", shown_bytes(flags.key.as_bytes()));
            return Err(Failure::TimedOut(words));
        }
    }
}

fn show(flags: &ReadFlags, answer: &Value, is_line: bool) -> Result<(), Failure> {
    if flags.target.json {
        return print_json(answer);
    }
    match &answer["missing"] {
        Value::Number(count) => say(&format!("rcomet: {count} values before this one are missing")),
        Value::Null if answer.get("missing").is_some() => {
            say("rcomet: values before this one may be missing");
        }
        _ => {}
    }
    let mut bytes = value_of(answer);
    // Scripts get the value and nothing else; people, and whoever reads line by line, a line.
    let is_seen = std::io::stdout().is_terminal();
    if is_seen {
        bytes = on_terminal(&bytes).into_bytes();
    }
    if is_line || (is_seen && !bytes.ends_with(b"\n")) {
        bytes.push(b'\n');
    }
    print_bytes(&bytes)
}

/// All keys, page by page.
pub(super) fn every_key(
    client: &Client,
    prefix: &OsStr,
    mut each: impl FnMut(&Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut after = String::new();
    loop {
        let target = format!("/keys?limit=1000&prefix={}{after}", escaped(prefix.as_bytes()));
        let page = client.ask(&Ask::new("GET", &target))?.json()?;
        page["keys"].as_array().into_iter().flatten().try_for_each(&mut each)?;
        match page["after"].as_u64() {
            Some(last) => after = format!("&after={last}"),
            None => return Ok(()),
        }
    }
}

/// `rcomet dump`.
pub(crate) fn dump(flags: &DumpFlags) -> Result<(), Failure> {
    let client = Client::find(&flags.target)?;
    if flags.target.json {
        return every_key(&client, &flags.prefix, print_json);
    }
    let mut table = Table::new(&["VERSION", "AGE", "WAITING", "KEY", "VALUE"]);
    every_key(&client, &flags.prefix, |key| {
        let age = format!("{}s", number(key, "age_ms") / 1_000);
        let name = shown_bytes(&bytes_of(key, "key", "key_base64"));
        let (version, waiting) = (number(key, "version").to_string(), number(key, "waiting").to_string());
        table.row(vec![version, age, waiting, name, shown_bytes(&value_of(key))]);
        Ok(())
    })?;
    print(&table.text())
}
