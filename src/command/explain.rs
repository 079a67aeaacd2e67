//! `explain`: why somebody did or did not get a message.
use serde_json::Value;

use super::table::{Table, shown};
use super::{number, print_json};
use crate::app::print;
use crate::cli::ExplainFlags;
use crate::client::{Ask, Client, escaped};
use crate::exit::Failure;

/// `rcomet explain`.
pub(crate) fn explain(flags: &ExplainFlags) -> Result<(), Failure> {
    let mut target = format!("/explain?channel={}&seq={}", escaped(flags.channel.as_bytes()), flags.seq);
    if let Some(client) = &flags.client {
        target.push_str("&client=");
        target.push_str(&escaped(client.as_bytes()));
    }
    let answer = Client::find(&flags.target)?.ask(&Ask::new("GET", &target))?.json()?;
    if flags.target.json {
        return print_json(&answer);
    }
    print(&told(&answer))
}

/// The same for people.
fn told(answer: &Value) -> String {
    let text = |of: &Value, name: &str| shown(of[name].as_str().unwrap_or("-")).into_owned();
    let mut out = format!(
        "message {} of {}: {}",
        number(answer, "seq"),
        text(answer, "channel"),
        text(answer, "message")
    );
    let published = answer["published"].as_u64();
    if let Some(published) = published {
        out += &format!(", published at {}", clock(published));
    }
    out.push('\n');
    let clients = answer["clients"].as_array().map_or(&[][..], Vec::as_slice);
    if clients.is_empty() {
        return out + "nobody has read this channel lately\n";
    }
    let mut table = Table::new(&["CLIENT", "ADDRESS", "BY", "VERDICT", "AT", "BECAUSE"]);
    for client in clients {
        let by = match (client["dialect"].as_str(), client["transport"].as_str()) {
            (Some(dialect), Some(transport)) => format!("{dialect}, {transport}"),
            _ => "gone".into(),
        };
        table.row(vec![
            text(client, "client"),
            text(client, "address"),
            by,
            text(client, "verdict"),
            client["at"].as_u64().map_or_else(|| "-".into(), clock),
            text(client, "because"),
        ]);
    }
    out += &table.text();
    if number(answer, "more") > 0 {
        out += &format!("and {} more\n", number(answer, "more"));
    }
    if let Some(since) = answer["records_since"].as_u64() {
        out += &format!("records reach back to {}\n", clock(since));
    }
    out
}

/// The time of day of a moment in milliseconds since 1970, in UTC.
fn clock(unix_ms: u64) -> String {
    let seconds = unix_ms / 1_000;
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60, unix_ms % 1_000)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_known_is_a_table() {
        let answer = json!({
            "channel": "news", "seq": 8, "message": "kept", "published": 1_795_219_206_250_u64,
            "records_since": 1_795_219_200_000_u64, "more": 2, "clients": [
                {"client": "17", "address": "192.0.2.7", "dialect": "icomet", "transport": "SSE", "connected": true,
                 "verdict": "delivered", "because": "the client was handed it", "at": 1_795_219_206_251_u64},
                {"client": "18", "connected": false, "verdict": "unknown", "because": "too long ago", "at": null},
            ],
        });
        let expected = "message 8 of news: kept, published at 00:00:06.250\n\
            CLIENT  ADDRESS    BY           VERDICT    AT            BECAUSE\n\
            17      192.0.2.7  icomet, SSE  delivered  00:00:06.251  the client was handed it\n\
            18      -          gone         unknown    -             too long ago\n\
            and 2 more\n\
            records reach back to 00:00:00.000\n";
        assert_eq!(told(&answer), expected);
    }
}
