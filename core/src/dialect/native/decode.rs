//! What a client says: one JSON object a message.
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::http;
use crate::dialect::{Ahead, Bulk, Call, Hold, Item, Listen, Refusal, Verb};
use crate::hub::From;
use crate::wire::params::json_text;

/// Bytes of an `id` at most: it is sent back.
const ID_BYTES_MAX: usize = 128;

#[derive(Deserialize)]
struct Said<'m> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'m, str>,
    #[serde(borrow)]
    id: Option<&'m RawValue>,
    channel: Option<Cow<'m, str>>,
    /// Several at once, in the place of one.
    channels: Option<Vec<Cow<'m, str>>>,
    #[serde(borrow)]
    history: Option<&'m RawValue>,
    cursor: Option<Cow<'m, str>>,
    seq: Option<i64>,
    token: Option<Cow<'m, str>>,
    who: Option<Cow<'m, str>>,
    roster: Option<u64>,
    #[serde(borrow)]
    data: Option<&'m RawValue>,
    ttl: Option<u64>,
    delta: Option<bool>,
}

/// Bytes that the token and the name of a message may take in all of its subscriptions together: a token of 16 KiB for each of a
/// thousand.
const COPIED_BYTES_MAX: usize = 1 << 24;

/// What one message asks for: one thing, or to subscribe to several channels.
pub(super) fn calls(text: &str, channels_max: usize) -> Vec<Call<'_>> {
    let refuse = |tag, why| vec![Call::Refuse { tag, refusal: Refusal::Parameter(why) }];
    let Ok(said) = serde_json::from_str::<Said<'_>>(text) else {
        let (tag, refusal) = misunderstood(text);
        return vec![Call::Refuse { tag, refusal }];
    };
    let tag = said.id.map(RawValue::get);
    if tag.is_some_and(|tag| !is_id(tag)) {
        return refuse(None, "an id is a string or a number, and short");
    }
    let verbs = if said.kind == "subscribe" {
        listens(said, channels_max)
    } else {
        verb(said).map(|verb| vec![verb])
    };
    match verbs {
        Ok(verbs) => verbs.into_iter().map(|verb| Call::Do { tag, verb }).collect(),
        Err(refusal) => vec![Call::Refuse { tag, refusal }],
    }
}

/// Subscriptions to one channel or several; those of one message begin together, with nothing between them.
fn listens(said: Said<'_>, channels_max: usize) -> Result<Vec<Verb<'_>>, Refusal> {
    let from = begins(&said)?;
    let names = match (said.channel, said.channels) {
        (Some(one), None) => vec![one],
        (None, Some(several)) => several,
        _ => return Err(Refusal::Parameter("subscribe names one channel, or a list of channels")),
    };
    if names.is_empty() || names.iter().any(|name| name.is_empty()) {
        return Err(Refusal::Parameter("the channel is missing or empty"));
    }
    if names.len() > channels_max {
        return Err(Refusal::TooManySubscriptions);
    }
    let (token, roster) = (said.token.unwrap_or_default(), said.roster);
    let deltas = said.delta.unwrap_or(false);
    let who = said.who.filter(|who| !who.is_empty());
    // Each has its own.
    let bytes = token.len() + who.as_ref().map_or(0, |who| who.len());
    if names.len() > 1 && bytes.saturating_mul(names.len()) > COPIED_BYTES_MAX {
        return Err(Refusal::Parameter(
            "token and who are too long for so many channels at once: name fewer",
        ));
    }
    let listen = |channel| {
        Verb::Listen(Listen {
            channel,
            from,
            hold: Hold::Stream,
            ahead: Ahead::Tell,
            token: token.clone(),
            echo: 0,
            who: who.clone(),
            roster,
            replaces: false,
            life: None,
            deltas,
        })
    };
    Ok(names.into_iter().map(listen).collect())
}

/// Members and what each has to be.
const MEMBERS: [(&str, &str); 10] = [
    ("type", "a string"),
    ("channel", "a string"),
    ("channels", "a list of strings"),
    ("cursor", "a string"),
    ("seq", "a whole number"),
    ("token", "a string"),
    ("who", "a string"),
    ("roster", "a whole number, from 0"),
    ("ttl", "a whole number of seconds, from 1"),
    ("delta", "true or false"),
];

/// Why a message is not understood: it is no object, it has no type, or one of its members is not what it should be. Known by
/// its id, where it has one.
fn misunderstood(text: &str) -> (Option<&str>, Refusal) {
    let no_object = "a message is a JSON object with a type; see docs/websocket.md for its fields";
    let Ok(members) = serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(text) else {
        return (None, Refusal::Parameter(no_object));
    };
    let tag = members.get("id").map(|id| id.get()).filter(|id| is_id(id));
    let wrong = MEMBERS.iter().find_map(|(name, expected)| {
        let said = members.get(*name)?.get();
        // Others alone would have been understood.
        let alone = if *name == "type" {
            format!("{{\"type\":{said}}}")
        } else {
            format!("{{\"type\":\"\",\"{name}\":{said}}}")
        };
        let is_wrong = serde_json::from_str::<Said<'_>>(&alone).is_err();
        is_wrong.then(|| Refusal::json(name, said, expected))
    });
    (tag, wrong.unwrap_or(Refusal::Parameter(no_object)))
}

/// The first byte of a JSON text says what it is.
fn is_id(text: &str) -> bool {
    text.len() <= ID_BYTES_MAX && text.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit())
}

fn verb<'m>(said: Said<'m>) -> Result<Verb<'m>, Refusal> {
    let named = |channel: Option<Cow<'m, str>>| {
        channel.filter(|name| !name.is_empty()).ok_or(Refusal::Parameter("the channel is missing or empty"))
    };
    match &*said.kind {
        "unsubscribe" => Ok(Verb::Unlisten(named(said.channel)?)),
        "publish" => {
            let channel = named(said.channel)?;
            let data = said.data.ok_or(Refusal::Parameter("there is no data to publish"))?;
            let item = Item {
                channel: channel.into_owned(),
                body: Arc::from(&*json_text(data)),
                ttl_ms: ttl_ms(said.ttl)?,
            };
            Ok(Verb::PublishAll(Bulk { items: vec![item], token: "".into(), once: None }))
        }
        "auth" => {
            let token = said.token.filter(|token| !token.is_empty());
            Ok(Verb::Authenticate(token.ok_or(Refusal::Parameter("there is no token to show"))?))
        }
        "ping" => Ok(Verb::Ping),
        other => Err(Refusal::value("type", other, "subscribe, unsubscribe, publish, auth or ping")),
    }
}

/// Where a subscription begins: behind a cursor, with a number, or with so many of the newest; else with what is new.
fn begins(said: &Said<'_>) -> Result<From, Refusal> {
    if let Some(cursor) = said.cursor.as_deref() {
        return http::shown(cursor);
    }
    let history = match said.history.map(RawValue::get) {
        None | Some("0") => From::New,
        Some("\"all\"") => From::Oldest,
        Some(n) => n.parse().map(From::Newest).map_err(|_| {
            Refusal::Parameter("history is how many of the newest messages to begin with, or \"all\"")
        })?,
    };
    Ok(match said.seq.map(u64::try_from) {
        None | Some(Ok(0)) => history,
        Some(Ok(seq)) => From::Next(seq),
        Some(Err(_)) => From::Oldest,
    })
}

/// How long a message is for, in milliseconds.
pub(super) fn ttl_ms(seconds: Option<u64>) -> Result<u64, Refusal> {
    match seconds {
        None => Ok(0),
        Some(0) => Err(Refusal::Parameter("ttl is the seconds for which a message is good: at least 1")),
        Some(seconds) => Ok(seconds.saturating_mul(1_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(text: &str) -> Call<'_> {
        let mut calls = calls(text, 100);
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.remove(0)
    }

    fn words(text: &str) -> String {
        match call(text) {
            Call::Refuse { refusal, .. } => refusal.detail().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_asked_is_understood() {
        let text = r#"{"type":"publish","id":"a<1","channel":"chat.x","data":"h\u00e4","else":[1,{}]}"#;
        let publish = |body: &'static str, ttl_ms| {
            let item = Item { channel: "chat.x".into(), body: body.into(), ttl_ms };
            Verb::PublishAll(Bulk { items: vec![item], token: "".into(), once: None })
        };
        assert_eq!(call(text), Call::Do { tag: Some("\"a<1\""), verb: publish("hä", 0) });
        let text = r#"{"type":"publish","channel":"chat.x","data":{"a": [1]},"ttl":7}"#;
        assert_eq!(call(text), Call::Do { tag: None, verb: publish("{\"a\": [1]}", 7_000) });
        assert_eq!(call(r#"{"type":"ping","id":-7}"#), Call::Do { tag: Some("-7"), verb: Verb::Ping });
        let text = r#"{"type":"auth","token":"a.b.c"}"#;
        assert_eq!(call(text), Call::Do { tag: None, verb: Verb::Authenticate("a.b.c".into()) });
        for (more, from) in [
            ("", From::New),
            (",\"seq\":0", From::New),
            (",\"seq\":7", From::Next(7)),
            (",\"seq\":-1", From::Oldest),
            (",\"history\":0", From::New),
            (",\"history\":1", From::Newest(1)),
            (",\"history\":\"all\"", From::Oldest),
            (",\"history\":1,\"seq\":7", From::Next(7)),
            (
                ",\"cursor\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"seq\":7",
                From::Shown("A".repeat(32).parse().expect("a token")),
            ),
        ] {
            match call(&format!("{{\"type\":\"subscribe\",\"channel\":\"a\"{more}}}")) {
                Call::Do { verb: Verb::Listen(listen), .. } => assert_eq!(listen.from, from, "{more}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn several_channels_are_asked_for_at_once() {
        let all = calls(r#"{"type":"subscribe","channels":["a","b"],"history":2,"id":1}"#, 2);
        let named = |call: &Call<'_>| match call {
            Call::Do { tag: Some("1"), verb: Verb::Listen(listen) } => {
                (listen.channel.to_string(), listen.from)
            }
            other => panic!("{other:?}"),
        };
        let named: Vec<(String, From)> = all.iter().map(named).collect();
        assert_eq!(named, [("a".into(), From::Newest(2)), ("b".into(), From::Newest(2))]);
    }

    #[test]
    fn what_is_not_is_answered_in_words() {
        for text in ["", "{", "[]", "7", "{}", "{\"id\":1}", "{\"type\":\"ping\",\"type\":\"ping\"}"] {
            assert!(words(text).starts_with("a message is a JSON object"), "{text}");
        }
        for id in ["null", "true", "[1]", "{}", &format!("\"{}\"", "x".repeat(200))] {
            let text = format!("{{\"type\":\"ping\",\"id\":{id}}}");
            let answer = call(&text);
            assert!(matches!(answer, Call::Refuse { tag: None, .. }) || id == "null", "{answer:?}");
        }
        assert!(words(r#"{"type":"subscribe"}"#).starts_with("subscribe names one channel, or a list"));
        assert!(
            words(r#"{"type":"subscribe","channel":"a","channels":["b"]}"#).starts_with("subscribe names")
        );
        assert_eq!(words(r#"{"type":"subscribe","channels":[]}"#), "the channel is missing or empty");
        assert_eq!(words(r#"{"type":"subscribe","channels":["a",""]}"#), "the channel is missing or empty");
        for history in ["-1", "1.5", "\"1\"", "[]"] {
            let text = format!("{{\"type\":\"subscribe\",\"channel\":\"a\",\"history\":{history}}}");
            assert!(words(&text).starts_with("history is how many"), "{history}");
        }
        assert_eq!(words(r#"{"type":"subscribe","channel":""}"#), "the channel is missing or empty");
        assert_eq!(
            words(r#"{"type":"subscribe","channel":"a","cursor":"?"}"#),
            "cursor is \"?\": expected the 32 characters of one that was given"
        );
        assert!(
            words(r#"{"type":"publish","channel":"a","data":1,"ttl":0}"#).starts_with("ttl is the seconds")
        );
        assert_eq!(words(r#"{"type":"auth"}"#), "there is no token to show");
        assert!(words(r#"{"type":"leave"}"#).starts_with("type is \"leave\": expected subscribe"));
    }

    #[test]
    fn a_member_that_is_not_what_it_should_be_is_named() {
        for (member, wants) in [
            (r#""channel":5"#, "channel is 5: expected a string"),
            (r#""channels":["a",{}]"#, r#"channels is ["a",{}]: expected a list of strings"#),
            (r#""channel":"a","delta":1"#, "delta is 1: expected true or false"),
            (r#""channel":"a","delta":"yes""#, "delta is \"yes\": expected true or false"),
            (r#""channel":"a","seq":1.5"#, "seq is 1.5: expected a whole number"),
            (r#""channel":"a","roster":-1"#, "roster is -1: expected a whole number, from 0"),
            (r#""channel":"a","ttl":"1""#, "ttl is \"1\": expected a whole number of seconds, from 1"),
            (r#""cursor":[],"channel":"a""#, "cursor is []: expected a string"),
        ] {
            // Its answer is known by the id all the same.
            let text = format!(r#"{{"type":"subscribe","id":7,{member}}}"#);
            match call(&text) {
                Call::Refuse { tag: Some("7"), refusal } => assert_eq!(refusal.detail(), wants),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(words(r#"{"type":7}"#), "type is 7: expected a string");
        assert_eq!(words(r#"{"type":null}"#), "type is null: expected a string");
        let long = format!(r#"{{"type":"ping","who":[{}1]}}"#, "1,".repeat(100));
        assert_eq!(words(&long), format!("who is [{}1…: expected a string", "1,".repeat(19)));
    }
}
