//! icomet's configuration file, turned into one of ours.
//! Knows nothing of how either daemon behaves, beyond what their options mean.
mod conf;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use rcomet_core::config::AddressRule;
use rcomet_core::{Config, Limits};

use self::conf::{Conf, Entry};
use crate::settings::{self, Address, Fault};

/// A file of ours, and what its reader should know about it.
#[derive(Debug)]
pub(crate) struct Imported {
    /// The file.
    pub(crate) toml: String,
    /// What could not be carried over as it was. The file's comments say so too.
    pub(crate) notes: Vec<String>,
}

/// Keys that are carried over; every other key gets a note.
const CARRIED: [&str; 11] = [
    "logger.level",
    "admin.listen",
    "admin.allow",
    "admin.deny",
    "front.listen",
    "front.auth",
    "front.max_channels",
    "front.max_subscribers_per_channel",
    "front.channel_buffer_size",
    "front.channel_timeout",
    "front.polling_timeout",
];

/// Turns `content`, the file called `name`, into a file of ours.
///
/// # Errors
/// It is no such file, or says something that has no meaning.
pub(crate) fn import(name: &str, content: &str) -> Result<Imported, Fault> {
    let conf = Conf::parse(name, content)?;
    let mut page = Page::default();
    page.comment(&format!("Made by `rcomet import-icomet-conf` from {name}."));
    page.comment("Check it with `rcomet check-config FILE`, start with it by `rcomet run --config FILE`.");
    without_counterpart(&conf, &mut page);

    page.section("server");
    for (option, key) in [("front", "front.listen"), ("admin", "admin.listen")] {
        let Some(entry) = conf.get(key) else {
            return Err(Fault::nowhere(format!("{name}: {key} is missing: where is it to listen?")));
        };
        entry.value.parse::<Address>().map_err(|why| conf.fault(entry, format!("{key}: {why}")))?;
        page.option(option, &toml::Value::from(vec![entry.value]));
    }
    if let Some(entry) = conf.get("logger.level") {
        page.section("log");
        page.option("level", &level(&conf, entry)?.into());
    }
    limits(&conf, &mut page)?;
    if let Some(entry) = conf.get("front.auth") {
        if !matches!(entry.value, "none" | "token") {
            return Err(conf.fault(entry, "front.auth: expected none or token"));
        }
        page.section("front");
        page.option("auth", &entry.value.into());
    }
    rules(&conf, &mut page)?;
    timeouts(&conf, &mut page)?;

    let made = settings::parse("the file made from it", &page.text)?;
    page.notes.extend(made.warnings(None));
    Ok(Imported { toml: page.text, notes: page.notes })
}

/// Notes on what is left out.
fn without_counterpart(conf: &Conf<'_>, page: &mut Page) {
    for Entry { path, value, line } in conf.entries() {
        if value.is_empty() || CARRIED.contains(&path.as_str()) {
            continue;
        }
        page.note(&match path.as_str() {
            "pidfile" => format!(
                "line {line}, pidfile: left out; `rcomet start` writes rcomet.pid beside control.sock, and server.pid_file names another \
                 place"
            ),
            _ if path.starts_with("logger.") => {
                format!(
                    "line {line}, {path}: left out; rcomet logs to standard error, which journald keeps and rotates, or with \
                     --log-file into a file"
                )
            }
            _ => format!("line {line}, {path}: left out; icomet 0.2.5 has no such option, nor has rcomet"),
        });
    }
}

fn level(conf: &Conf<'_>, entry: &Entry<'_>) -> Result<&'static str, Fault> {
    Ok(match entry.value.to_ascii_lowercase().as_str() {
        "trace" => "trace",
        "debug" => "debug",
        "info" => "info",
        "warn" => "warn",
        // rcomet does not log that it dies in another way than other errors.
        "error" | "fatal" => "error",
        _ => return Err(conf.fault(entry, "logger.level: expected trace, debug, info, warn, error or fatal")),
    })
}

fn limits(conf: &Conf<'_>, page: &mut Page) -> Result<(), Fault> {
    let defaults = Limits::default();
    page.section("limits");
    for (key, option, default) in [
        ("max_channels", "channels_max", defaults.channels_max),
        ("max_subscribers_per_channel", "subscribers_per_channel_max", defaults.subscribers_per_channel_max),
    ] {
        match conf.number(&format!("front.{key}"))? {
            Some((number, _)) if number > 0 => page.number(option, number),
            said => {
                let what = if said.is_some() { "is 0" } else { "is missing" };
                page.note(&format!(
                    "front.{key} {what}: icomet would refuse everything, here it is rcomet's default of {default}"
                ));
                page.number(option, default as u64);
            }
        }
    }
    let history = conf.number("front.channel_buffer_size")?;
    if history.is_none() {
        page.note("front.channel_buffer_size is missing: no messages are kept, as icomet has it");
    }
    page.number("history_messages_max", history.map_or(0, |(number, _)| number));
    Ok(())
}

fn rules(conf: &Conf<'_>, page: &mut Page) -> Result<(), Fault> {
    let mut lists = Vec::new();
    for key in ["admin.allow", "admin.deny"] {
        let mut list = Vec::new();
        for entry in conf.all(key) {
            entry.value.parse::<AddressRule>().map_err(|why| conf.fault(entry, format!("{key}: {why}")))?;
            list.push(entry.value);
        }
        lists.push((key, list));
    }
    page.section("admin");
    if lists.iter().all(|(_, list)| list.is_empty()) {
        page.note("there are no rules for admin: everybody may use it, as icomet has it");
        lists[0].1.push("all");
    }
    let short = |rule: &&str| rule.parse::<std::net::IpAddr>().is_err() && !matches!(*rule, "all" | "*");
    for rule in lists.iter().flat_map(|(_, list)| list).copied().filter(short) {
        if !rule.ends_with('.') && !rule.contains('/') {
            page.note(&format!(
                "the rule {rule} means addresses that begin with {rule}. (whole numbers); icomet compared letters only"
            ));
        }
    }
    for (key, list) in lists {
        page.option(key.trim_start_matches("admin."), &toml::Value::from(list));
    }
    Ok(())
}

fn timeouts(conf: &Conf<'_>, page: &mut Page) -> Result<(), Fault> {
    page.section("icomet");
    let polling = match conf.number("front.polling_timeout")? {
        Some((seconds, _)) if seconds > 0 => seconds * 1000,
        said => {
            let (what, default) = (
                if said.is_some() { "is 0" } else { "is missing" },
                Config::default().icomet.polling_timeout_ms,
            );
            page.note(&format!(
                "front.polling_timeout {what}: icomet would not start, here it is rcomet's default of {} s",
                default / 1000
            ));
            default
        }
    };
    page.number("polling_timeout_ms", polling);
    let channel = match conf.number("front.channel_timeout")? {
        Some((0, _)) => {
            page.note("front.channel_timeout is 0: here a channel without subscribers lives for one second");
            1000
        }
        Some((seconds, _)) => seconds * 1000,
        None => {
            page.note("front.channel_timeout is missing: it is half of polling_timeout, as icomet has it");
            polling / 2
        }
    };
    if channel < polling + polling * 3 / 10 {
        page.comment(
            "More than 1.3 times polling_timeout_ms would be better: a client may be silent for that long.",
        );
    }
    page.number("channel_timeout_ms", channel);
    Ok(())
}

/// The file that is being made.
#[derive(Default)]
struct Page {
    text: String,
    notes: Vec<String>,
}

impl Page {
    /// Says something in the file and to whoever has asked for it.
    fn note(&mut self, note: &str) {
        self.comment(note);
        self.notes.push(note.into());
    }

    fn comment(&mut self, words: &str) {
        // A line end in a comment would be the end of it; names of files may have one.
        let _ = writeln!(self.text, "# {}", words.replace(char::is_control, " "));
    }

    fn section(&mut self, name: &str) {
        let _ = writeln!(self.text, "\n[{name}]");
    }

    fn option(&mut self, name: &str, value: &toml::Value) {
        let _ = writeln!(self.text, "{name} = {value}");
    }

    fn number(&mut self, name: &str, number: u64) {
        let _ = writeln!(self.text, "{name} = {number}");
    }
}
