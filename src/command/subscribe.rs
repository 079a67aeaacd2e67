//! `subscribe`.
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};

use serde_json::Value;

use super::table::{on_terminal, shown};
use crate::app::{print, say};
use crate::cli::SubscribeFlags;
use crate::client::{Ask, Client, escaped};
use crate::exit::Failure;

/// `rcomet subscribe`.
pub(crate) fn subscribe(flags: &SubscribeFlags) -> Result<(), Failure> {
    let client = Client::find(&flags.target)?;
    // Who names one twice reads it once.
    let names: BTreeSet<&String> = flags.channels.iter().collect();
    let mut query: Vec<String> =
        names.iter().map(|name| format!("channel={}", escaped(name.as_bytes()))).collect();
    let said = [("cursor", &flags.since), ("history", &flags.history)];
    query.extend(said.iter().filter_map(|(name, value)| {
        value.as_ref().map(|value| format!("{name}={}", escaped(value.as_bytes())))
    }));
    let target = format!("/events?{}", query.join("&"));
    let ask = Ask { accept: "application/x-ndjson", ..Ask::new("GET", &target) };
    let mut lines = client.listen(&ask)?;
    let mut left = flags.count.unwrap_or(u64::MAX);
    let (mut open, is_one) = (names.len(), names.len() == 1);
    while left > 0 && open > 0 {
        let Some(line) = lines.next()? else {
            return Err(Failure::NotRunning(
                "the daemon has ended the stream: it leaves, or was asked to".into(),
            ));
        };
        let event: Value = serde_json::from_str(&line)
            .map_err(|error| Failure::Other(format!("the daemon says what cannot be understood: {error}")))?;
        let kind = event["type"].as_str().unwrap_or_default();
        left -= u64::from(kind == "message");
        open -= usize::from(kind == "closed");
        let is_told = if flags.target.json {
            if kind == "alive" { Ok(()) } else { print(&format!("{line}\n")) }
        } else {
            tell(&event, kind, is_one)
        };
        is_told?;
    }
    Ok(())
}

fn tell(event: &Value, kind: &str, is_one: bool) -> Result<(), Failure> {
    let channel = shown(event["channel"].as_str().unwrap_or_default());
    match kind {
        "message" => {
            let data = event["data"].as_str().unwrap_or_default();
            let data = match io::stdout().is_terminal() {
                true => on_terminal(data.as_bytes()).into(),
                false => Cow::Borrowed(data),
            };
            if is_one { print(&format!("{data}\n")) } else { print(&format!("{channel}\t{data}\n")) }
        }
        "gap" => {
            let missing = event["missing"].as_u64();
            let count = missing.map_or_else(|| "an unknown number of".to_owned(), |n| n.to_string());
            say(&format!("rcomet: {count} messages of {channel} are missing here"));
            Ok(())
        }
        "closed" => {
            say(&format!("rcomet: {channel} was closed"));
            Ok(())
        }
        _ => Ok(()),
    }
}
