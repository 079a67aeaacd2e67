//! Answers to what is over at once. Wire: `docs/control.md`.
use super::json::{Object, string};
use super::key::key_of;
use super::{code, value};
use crate::dialect::{Answer, ClientView, JSON, KeyView, Outcome, Refusal, Report, native};
use crate::wire::http1::Status;

/// Writes the body of an answer over HTTP.
pub(super) fn http(outcome: &Outcome<'_>, out: &mut Vec<u8>) -> Answer {
    let mut status = Status::OK;
    match outcome {
        Outcome::Refused(refusal) => return native::problem(refusal.status(), refusal.detail(), out),
        Outcome::Reloaded(Err(why)) => return native::problem(Status::CONFLICT, why, out),
        Outcome::Done { .. } => status = Status::NO_CONTENT,
        Outcome::Info(info) => Object::begin(out).number("version", info.id).end(),
        Outcome::Key(view) => key(view, Object::begin(out)),
        Outcome::Dump { keys, after } => {
            let keys = keys.iter();
            Object::begin(out)
                .list("keys", keys, |view, out| {
                    key(view, Object::begin(out).number("index", view.channel.number()));
                })
                .some_number("after", *after)
                .end();
        }
        Outcome::Report(told) => report(told, out),
        Outcome::Stopping(pid) => {
            Object::begin(out).word("stopping", "true").number("pid", u64::from(*pid)).end();
        }
        Outcome::Reloaded(Ok(notes)) => {
            let notes = notes.iter();
            Object::begin(out)
                .word("reloaded", "true")
                .list("notes", notes, |note, out| string(note, out))
                .end();
        }
        Outcome::Clients { clients, after } => {
            let clients = clients.iter();
            let after = after.map(|id| id.to_string());
            Object::begin(out).list("clients", clients, client).some_text("after", after.as_deref()).end();
        }
        Outcome::Disconnected(count) => Object::begin(out).number("disconnected", *count as u64).end(),
        // Nothing else is asked for here.
        _ => Object::begin(out).end(),
    }
    if status == Status::OK {
        out.push(b'\n');
    }
    Answer { status, content_type: JSON }
}

fn key(view: &KeyView<'_>, object: Object<'_>) {
    object
        .bytes("key", &key_of(view.channel.name()))
        .number("version", view.version)
        .number("time", u64::from(view.message.unix_s))
        .number("age_ms", view.age_ms)
        .number("waiting", view.channel.members() as u64)
        .bytes("value", &value::of_message(view.message))
        .end();
}

fn report(report: &Report<'_>, out: &mut Vec<u8>) {
    let about = report.about;
    let listeners = about.listeners.iter();
    let mut object = Object::begin(out)
        .text("version", &about.version)
        .number("pid", u64::from(about.pid))
        .number("uptime_ms", report.uptime_ms)
        .word("draining", if report.draining { "true" } else { "false" })
        .some_text("config", about.config.as_deref())
        .some_text("values_file", about.values.as_deref())
        .some_text("history_file", about.history.as_deref())
        .list("listeners", listeners, |(side, address), out| {
            Object::begin(out).text("side", side).text("address", address).end();
        });
    for (name, value) in report.figures {
        object = object.number(name, *value);
    }
    object.end();
}

fn client(client: &ClientView<'_>, out: &mut Vec<u8>) {
    let address = client.address.map_or_else(|| "unix".to_owned(), |address| address.to_string());
    let channels = client.channels.iter();
    Object::begin(out)
        .text("id", &client.id.to_string())
        .text("side", client.side)
        .text("address", &address)
        .text("doing", client.doing)
        .some_text("dialect", client.dialect)
        .list("channels", channels, |name, out| string(name, out))
        .number("subscriptions", client.subscriptions as u64)
        .some_text("who", client.who)
        .number("waiting_bytes", client.waiting_bytes as u64)
        .end();
}

const HELP: &[&str] = &[
    "write KEY VALUE - give a key a value; VALUE is the rest of the line",
    "read KEY - the value of a key",
    "wait KEY [VERSION [SECONDS]] - the next value behind this version; - or nothing waits for what is new",
    "refresh KEY - give a key the same value again, so that whoever waits gets it",
    "delete KEY - forget a key",
    "dump [AFTER] - all keys and their values",
    "status - how the server stands",
    "reload - read the configuration again",
    "stop - end the server",
    "What begins with a quotation mark is a JSON string: write \"two words\" \"line 1\\nline 2\"",
];

/// Writes an answer as lines.
pub(super) fn line(outcome: &Outcome<'_>, out: &mut Vec<u8>) {
    match outcome {
        Outcome::Refused(refusal) => return error(refusal, out),
        Outcome::Reloaded(Err(why)) => {
            out.extend_from_slice(b"error refused ");
            out.extend_from_slice(why.lines().next().unwrap_or_default().as_bytes());
        }
        Outcome::Info(info) => out.extend_from_slice(format!("ok {}", info.id).as_bytes()),
        Outcome::Key(view) => {
            out.extend_from_slice(format!("ok {} ", view.version).as_bytes());
            if !text(&value::of_message(view.message), out) {
                out.clear();
                out.extend_from_slice(NOT_TEXT);
            }
        }
        Outcome::Dump { keys, after } => {
            for view in *keys {
                out.extend_from_slice(format!("key {} ", view.channel.number()).as_bytes());
                if !text(&key_of(view.channel.name()), out) {
                    out.extend_from_slice(b"null");
                }
                let (age_ms, waiting) = (view.age_ms, view.channel.members());
                out.extend_from_slice(format!(" {} {age_ms} {waiting} ", view.version).as_bytes());
                if !text(&value::of_message(view.message), out) {
                    out.extend_from_slice(b"null");
                }
                out.push(b'\n');
            }
            out.extend_from_slice(format!("ok {}", keys.len()).as_bytes());
            if let Some(after) = after {
                out.extend_from_slice(format!(" {after}").as_bytes());
            }
        }
        Outcome::Report(told) => {
            out.extend_from_slice(b"ok ");
            report(told, out);
        }
        Outcome::Help => {
            for help in HELP {
                out.extend_from_slice(help.as_bytes());
                out.push(b'\n');
            }
            out.extend_from_slice(b"ok");
        }
        _ => out.extend_from_slice(b"ok"),
    }
    out.push(b'\n');
}

/// Writes that something went wrong: a word for programs, and words for people.
pub(super) fn error(refusal: &Refusal, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("error {} {}\n", code(refusal), refusal.words()).as_bytes());
}

/// What is said of a value that is no text.
pub(super) const NOT_TEXT: &[u8] = b"error not-text the value is no UTF-8: read it over HTTP";

/// Appends a JSON string, if it can be one.
pub(super) fn text(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    std::str::from_utf8(bytes).map(|text| string(text, out)).is_ok()
}

/// Writes an answer as CometServer does. It has no words for anything that goes wrong; ours stand where its stand.
pub(super) fn legacy(outcome: &Outcome<'_>, out: &mut Vec<u8>) {
    match outcome {
        Outcome::Refused(Refusal::NoValue) => {}
        Outcome::Refused(refusal) => out.extend_from_slice(refusal.words().as_bytes()),
        Outcome::Key(view) => out.extend_from_slice(value::to_wire(view.message).as_bytes()),
        Outcome::Dump { keys, .. } => {
            for (index, view) in keys.iter().enumerate() {
                out.extend_from_slice(format!("\n \x1b[32;1m* index [{index}] - ").as_bytes());
                out.extend_from_slice(&key_of(view.channel.name()));
                out.extend_from_slice(b"\x1b[0m: [");
                out.extend_from_slice(value::to_wire(view.message).as_bytes());
                out.push(b']');
            }
        }
        _ => out.extend_from_slice(b"ok"),
    }
    out.extend_from_slice(b" \0");
}
