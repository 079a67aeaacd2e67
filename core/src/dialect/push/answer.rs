//! What a publisher is told of a channel (`protocols/push-module.md`, section 3.1).

use super::hooks::one_word;
use super::style;
use crate::config::Template;
use crate::dialect::{Figures, Info, Reader};
use crate::hub::Census;
use crate::wire::http1::Status;
use crate::wire::http1::response::number;

/// Whether a message has met somebody, when there was one.
pub(super) fn reached(info: &Info) -> Status {
    match info.reached {
        Some(true) => Status::CREATED,
        Some(false) => Status::ACCEPTED,
        None => Status::OK,
    }
}

/// The type of what is written in a style.
pub(super) fn content_type(style: u8) -> &'static str {
    match style {
        style::JSON => "text/json",
        style::XML => "text/xml",
        style::YAML => "text/yaml",
        style::EVENTS => "text/event-stream; charset=utf-8",
        _ => "text/plain",
    }
}

/// The format that a publisher likes: the first that it names, whatever it says of liking others more.
pub(super) fn format(accept: &[u8]) -> u8 {
    for kind in accept.split(|&c| c == b',') {
        let kind = kind.split(|&c| c == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
        let Some(at) = kind.iter().position(|&c| c == b'/') else { continue };
        if !matches!(&kind[..at], b"text" | b"application") {
            continue;
        }
        match &kind[at + 1..] {
            b"plain" => return style::PLAIN,
            b"json" | b"x-json" => return style::JSON,
            b"xml" => return style::XML,
            b"yaml" | b"x-yaml" => return style::YAML,
            _ => {}
        }
    }
    style::PLAIN
}

/// Describes a channel.
pub(super) fn info(style: u8, info: &Info, out: &mut Vec<u8>) {
    // Before and behind each figure, the last one's end included.
    let [messages, asked, subscribers, last, end] = match style {
        style::JSON => [
            "{\"messages\": ",
            ", \"requested\": ",
            ", \"subscribers\": ",
            ", \"last_message_id\": \"",
            "\" }",
        ],
        style::XML => [
            "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\r\n<channel>\r\n  <messages>",
            "</messages>\r\n  <requested>",
            "</requested>\r\n  <subscribers>",
            "</subscribers>\r\n  <last_message_id>",
            "</last_message_id>\r\n</channel>",
        ],
        style::YAML => [
            "---\r\nmessages: ",
            "\r\nrequested: ",
            "\r\nsubscribers: ",
            "\r\nlast_message_id: \"",
            "\"\r\n\r\n",
        ],
        _ => [
            "queued messages: ",
            "\r\nlast requested: ",
            " sec. ago\r\nactive subscribers: ",
            "\r\nlast message id: ",
            "",
        ],
    };
    out.extend_from_slice(messages.as_bytes());
    number(info.messages, out);
    out.extend_from_slice(asked.as_bytes());
    match info.asked_s {
        Some(seconds) => number(seconds, out),
        None => out.extend_from_slice(b"-1"),
    }
    out.extend_from_slice(subscribers.as_bytes());
    number(info.subscribers, out);
    out.extend_from_slice(last.as_bytes());
    number(u64::from(info.last.0), out);
    out.push(b':');
    number(info.last.1, out);
    out.extend_from_slice(end.as_bytes());
}

/// Describes a group of channels.
pub(super) fn group(style: u8, census: &Census, out: &mut Vec<u8>) {
    let Census { channels, subscribers, messages, bytes, limits } = *census;
    // What is kept on disk is nothing, here and in the limits.
    let has = [channels, subscribers, messages, bytes, 0];
    let most = [limits.channels, limits.subscribers, limits.messages, limits.bytes, 0];
    const NAMES: [&str; 5] = ["channels", "subscribers", "messages", "messages_memory", "messages_disk"];
    let mut line = |before: &str, name: &str, between: &str, value: u64, behind: &str| {
        for text in [before, name, between] {
            out.extend_from_slice(text.as_bytes());
        }
        number(value, out);
        out.extend_from_slice(behind.as_bytes());
    };
    match style {
        style::JSON => {
            for (i, (name, value)) in NAMES.iter().zip(has).enumerate() {
                line(if i == 0 { "{\r\n  \"" } else { "  \"" }, name, "\": ", value, ",\r\n");
            }
            for (i, (name, value)) in NAMES.iter().zip(most).enumerate() {
                let before = if i == 0 { "  \"limits\": {\r\n    \"" } else { "    \"" };
                let behind = if i == 4 { "\r\n  }\r\n}" } else { ",\r\n" };
                line(before, name, "\": ", value, behind);
            }
        }
        style::XML => {
            const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\r\n<group>\r\n  <";
            for (i, (name, value)) in NAMES.iter().zip(has).enumerate() {
                line(if i == 0 { HEAD } else { "  <" }, name, ">", value, &format!("</{name}>\r\n"));
            }
            for (i, (name, value)) in NAMES.iter().zip(most).enumerate() {
                let before = if i == 0 { "  <limits>\r\n    <" } else { "    <" };
                let end = if i == 4 { "  </limits>\r\n</group>" } else { "" };
                line(before, name, ">", value, &format!("</{name}>\r\n{end}"));
            }
        }
        style::YAML => {
            for (i, (name, value)) in NAMES.iter().zip(has).enumerate() {
                line(if i == 0 { "---\r\n" } else { "" }, name, ": ", value, "\r\n");
            }
            for (i, (name, value)) in NAMES.iter().zip(most).enumerate() {
                let before = if i == 0 { "limits:\r\n  " } else { "  " };
                line(before, name, ": ", value, if i == 4 { "\r\n\r\n" } else { "\r\n" });
            }
        }
        _ => {
            for (name, value, behind) in [
                ("channels", channels, "\r\n"),
                ("subscribers", subscribers, "\r\n"),
                ("messages", messages, "\r\n"),
                ("shared memory used by messages", bytes, " bytes\r\n"),
                ("disk space used by messages", 0, " bytes\r\nlimits:\r\n"),
                ("  max channels", limits.channels, "\r\n"),
                ("  max subscribers", limits.subscribers, "\r\n"),
                ("  max messages", limits.messages, "\r\n"),
                ("  max messages shared memory", limits.bytes, "\r\n"),
                ("  max messages disk space", 0, "\r\n"),
            ] {
                line("", name, ": ", value, behind);
            }
        }
    }
}

/// Names those who read channels, one a line: how, and where from.
pub(super) fn readers(readers: &[Reader<'_>], words: Option<&Template>, left_out: usize, out: &mut Vec<u8>) {
    for reader in readers {
        match words {
            Some(words) => {
                let say = |name: &str| said(reader, name);
                let values: Vec<(&str, String)> = words.names().map(|name| (name, say(name))).collect();
                out.extend_from_slice(words.fill(&values).as_bytes());
                out.push(b'\n');
            }
            None => {
                let line = format!("{} {}\n", reader.transport, said(reader, "address"));
                out.extend_from_slice(line.as_bytes());
            }
        }
    }
    if left_out > 0 {
        out.extend_from_slice(format!("and {left_out} more\n").as_bytes());
    }
}

/// What is said of a reader under this name: one word, whatever it is called, so that nobody has lines or columns of its own.
fn said(reader: &Reader<'_>, name: &str) -> String {
    let word = |text: &str| {
        let mut out = Vec::with_capacity(text.len());
        one_word(text, &mut out);
        String::from_utf8(out).unwrap_or_default()
    };
    let found = match name {
        "transport" => Some(reader.transport.to_owned()),
        "dialect" => Some(reader.dialect.to_owned()),
        "address" => Some(reader.address.map_or_else(|| "unix".into(), |address| address.to_string())),
        "side" => reader.connection.map(|(side, _)| side.to_owned()),
        "client" => reader.connection.map(|(_, client)| client.to_string()),
        "channel" => Some(word(reader.channel)),
        "who" => reader.who.map(word),
        _ => None,
    };
    found.unwrap_or_else(|| "-".into())
}

/// Writes figures of the server as Nchan's status page has them. What there is no such thing of here is 0.
pub(super) fn figures(figures: &Figures, out: &mut Vec<u8>) {
    for (name, value, behind) in [
        ("total published messages", figures.published, "\n"),
        ("stored messages", figures.messages, "\n"),
        ("shared memory used", figures.used_bytes >> 10, "K\n"),
        ("shared memory limit", figures.bytes_max >> 10, "K\n"),
        ("channels", figures.channels, "\n"),
        ("subscribers", figures.subscribers, "\n"),
        ("redis pending commands", 0, "\n"),
        ("redis connected servers", 0, "\n"),
        ("redis unhealthy upstreams", 0, "\n"),
        ("total redis commands sent", 0, "\n"),
        ("total interprocess alerts received", 0, "\n"),
        ("interprocess alerts in transit", 0, "\n"),
        ("interprocess queued alerts", 0, "\n"),
        ("total interprocess send delay", 0, "\n"),
        ("total interprocess receive delay", 0, "\n"),
    ] {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        number(value, out);
        out.extend_from_slice(behind.as_bytes());
    }
    out.extend_from_slice(concat!("nchan version: rcomet ", env!("CARGO_PKG_VERSION"), "\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_format_named_is_taken() {
        for (accept, wanted) in [
            ("", style::PLAIN),
            ("*/*", style::PLAIN),
            ("text/html", style::PLAIN),
            ("text/json", style::JSON),
            ("application/x-json;q=0.1, text/xml", style::JSON),
            ("text/html,application/xhtml+xml,application/xml;q=0.9", style::XML),
            ("image/xml, APPLICATION/X-YAML", style::YAML),
            ("text/plain, text/yaml", style::PLAIN),
        ] {
            assert_eq!(format(accept.as_bytes()), wanted, "{accept}");
        }
    }
}
