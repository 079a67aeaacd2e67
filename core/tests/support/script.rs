//! What a browser's script engine makes of CComet's answers: a call with one single-quoted string, which is JSON.
//! Knows nothing of what ought to stand in it.
#![allow(dead_code, reason = "each test file uses its own part")]
use rcomet_core::{Config, Role};
use serde_json::Value;

use super::support::{Client, Server, split};

/// A server that lets everybody publish, as CComet does.
pub fn ccomet() -> Server {
    let mut config = Config::default();
    config.ccomet.publish = true;
    Server::new(config)
}

/// Asks on a new connection; `f` is the callback.
pub fn ask(server: &mut Server, target: &str) -> (Client, String) {
    let client = server.connect(Role::Ccomet);
    let answer = server.get(client, &format!("{target}&callback=f"));
    (client, answer)
}

/// Subscribes and waits: nothing may come.
pub fn wait(server: &mut Server, channel: &str, name: &str, seqid: i64) -> Client {
    let (client, answer) = ask(server, &format!("/subscribe?channel={channel}&sname={name}&seqid={seqid}"));
    assert_eq!(answer, "", "not even a head");
    client
}

/// Publishes.
pub fn publish(server: &mut Server, channel: &str, name: &str, message: &str) {
    let message = super::support::encode(message);
    let (client, answer) = ask(server, &format!("/publish?channel={channel}&sname={name}&msg={message}"));
    assert_eq!(items(&answer), ["publish   "]);
    server.vanish(client);
}

/// The array in a whole answer.
pub fn array(answer: &str) -> Vec<Value> {
    let (head, body) = split(answer);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("Content-Type: text/javascript; charset=utf-8"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    let source = body.strip_prefix("/**/f('").and_then(|rest| rest.strip_suffix("')"));
    let json = script_string(source.unwrap_or_else(|| panic!("not a call: {body}")));
    serde_json::from_str(&json).unwrap_or_else(|e| panic!("{json}: {e}"))
}

/// The items of a whole answer in short: `MSG hello bob 0`.
pub fn items(answer: &str) -> Vec<String> {
    let text = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
    let brief = |item: &Value| ["type", "msg", "sname", "seqid"].map(|name| text(item, name)).join(" ");
    array(answer).iter().map(brief).collect()
}

/// What a script engine makes of the inside of a single-quoted string.
pub fn script_string(source: &str) -> String {
    let mut out = String::new();
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        assert!(
            !matches!(c, '\'' | '\n' | '\r' | '\u{2028}' | '\u{2029}'),
            "the string ends early: {source:?}"
        );
        if c != '\\' {
            out.push(c);
            continue;
        }
        let kind = chars.next().expect("a whole escape");
        let digits = match kind {
            'x' => 2,
            'u' => 4,
            _ => 0,
        };
        let hex: String = chars.by_ref().take(digits).collect();
        out.push(match kind {
            'n' => '\n',
            'r' => '\r',
            'x' | 'u' => {
                char::from_u32(u32::from_str_radix(&hex, 16).expect("hexadecimal")).expect("a character")
            }
            other => other,
        });
    }
    assert!(!source.to_ascii_lowercase().contains("</script"), "{source}");
    out
}
