//! `publish`, `channels`, `clients`, `disconnect`.
use serde_json::{Value, json};

use super::table::{Table, shown};
use super::{given, number, print_json};
use crate::app::print;
use crate::cli::{ChannelsFlags, ClientsFlags, DisconnectFlags, PublishFlags};
use crate::client::{Ask, Client, escaped};
use crate::exit::Failure;

/// `rcomet publish`.
pub(crate) fn publish(flags: &PublishFlags) -> Result<(), Failure> {
    let data = String::from_utf8(given(&flags.message)?).map_err(|_| {
        Failure::Usage("a message is UTF-8 text; any bytes can be the value of a key: rcomet write".into())
    })?;
    let body = json!({ "channel": flags.channel, "data": data }).to_string();
    let ask = Ask::new("POST", "/publish").with("application/json", body.as_bytes());
    let answer = Client::find(&flags.target)?.ask(&ask)?.json()?;
    if flags.target.json { print_json(&answer["published"][0]) } else { Ok(()) }
}

/// Entries of a list, page by page, at most so many.
fn every(
    client: &Client,
    (path, list): (&str, &str),
    query: &str,
    limit: Option<usize>,
    mut each: impl FnMut(&Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (mut left, mut after) = (limit.unwrap_or(usize::MAX), String::new());
    while left > 0 {
        let target = format!("{path}?limit={}{query}{after}", left.min(1_000));
        let page = client.ask(&Ask::new("GET", &target))?.json()?;
        let entries = page[list].as_array().map_or(&[][..], Vec::as_slice);
        entries.iter().try_for_each(&mut each)?;
        left = left.saturating_sub(entries.len());
        match page["after"].as_str() {
            Some(last) => after = format!("&after={}", escaped(last.as_bytes())),
            None => break,
        }
    }
    Ok(())
}

/// `rcomet channels`.
pub(crate) fn channels(flags: &ChannelsFlags) -> Result<(), Failure> {
    let client = Client::find(&flags.target)?;
    let query = format!("&prefix={}", escaped(flags.prefix.as_bytes()));
    let of = ("/channels", "channels");
    if flags.target.json {
        return every(&client, of, &query, flags.limit, print_json);
    }
    let mut table = Table::new(&["SUBSCRIBERS", "MESSAGES", "NEXT", "CHANNEL"]);
    every(&client, of, &query, flags.limit, |channel| {
        let mut row: Vec<String> =
            ["subscribers", "messages", "next"].map(|name| number(channel, name).to_string()).into();
        row.push(shown(channel["channel"].as_str().unwrap_or_default()).into_owned());
        table.row(row);
        Ok(())
    })?;
    print(&table.text())
}

/// `rcomet clients`.
pub(crate) fn clients(flags: &ClientsFlags) -> Result<(), Failure> {
    let client = Client::find(&flags.target)?;
    let query = flags.channel.as_ref().map(|name| format!("&channel={}", escaped(name.as_bytes())));
    let (query, of) = (query.unwrap_or_default(), ("/clients", "clients"));
    if flags.target.json {
        return every(&client, of, &query, flags.limit, print_json);
    }
    let mut table = Table::new(&["ID", "SIDE", "ADDRESS", "DOING", "DIALECT", "WAITING", "WHO", "CHANNELS"]);
    every(&client, of, &query, flags.limit, |one| {
        let text = |name: &str| shown(one[name].as_str().unwrap_or("-")).into_owned();
        let mut channels: Vec<_> =
            one["channels"].as_array().into_iter().flatten().filter_map(Value::as_str).map(shown).collect();
        let more = number(one, "subscriptions").saturating_sub(channels.len() as u64);
        if more > 0 {
            channels.push(format!("and {more} more").into());
        }
        table.row(vec![
            text("id"),
            text("side"),
            text("address"),
            text("doing"),
            text("dialect"),
            number(one, "waiting_bytes").to_string(),
            text("who"),
            channels.join(" "),
        ]);
        Ok(())
    })?;
    print(&table.text())
}

/// `rcomet disconnect`.
pub(crate) fn disconnect(flags: &DisconnectFlags) -> Result<(), Failure> {
    let body = match (&flags.client, &flags.channel, &flags.who) {
        (Some(client), ..) => json!({ "client": client }),
        (None, channel, Some(who)) => json!({ "channel": channel, "who": who }),
        (None, channel, None) => json!({ "channel": channel }),
    };
    let body = body.to_string();
    let ask = Ask::new("POST", "/disconnect").with("application/json", body.as_bytes());
    let answer = Client::find(&flags.target)?.ask(&ask)?.json()?;
    if flags.target.json {
        return print_json(&answer);
    }
    print(&format!("disconnected: {}\n", number(&answer, "disconnected")))
}
