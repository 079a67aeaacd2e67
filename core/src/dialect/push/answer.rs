//! What a publisher is told of a channel (`protocols/push-module.md`, section 3.1).
use super::style;
use crate::dialect::Info;
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
        style::MULTIPART => "multipart/mixed; boundary=rc-next-part-v7Qm2xJt9LdW4kZsB8nH",
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
    number(u64::from(info.last.1), out);
    out.extend_from_slice(end.as_bytes());
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
