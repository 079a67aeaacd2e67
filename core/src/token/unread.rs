//! What is wrong with claims that are not as expected, in words: whoever made them has the key, and may know.
//! Looks at refused ones only, so that reading others costs nothing more.
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

pub(super) const EXP: &str = "the token's exp is not as expected: a number, the seconds since 1970";
pub(super) const NBF: &str = "the token's nbf is not as expected: a number, the seconds since 1970";
pub(super) const MATCH: &str =
    "a match of the token's channels is not as expected: a channel's name, or the beginning of names and a *";
pub(super) const DO: &str =
    "a do of the token's channels is not as expected: a list of subscribe, history, publish and presence";
const OBJECT: &str = "the token's claims are not as expected: a JSON object";
const ISSUER: &str = "the token's iss is not as expected: text";
const SUBJECT: &str = "the token's sub is not as expected: text";
const AUDIENCE: &str = "the token's aud is not as expected: text, or a list of texts";
const RULES: &str = "the token's channels are not as expected: a list of rules, such as [{\"match\": \"room/*\", \"do\": [\"subscribe\"]}]";
const RULE: &str = "a rule of the token's channels is not as expected: {\"match\": \"room/*\", \"do\": [\"subscribe\"]}, and nothing else in it";
/// It looks like one, and something in it cannot be read: half of a character, a number without bounds, or what is too deep.
const JSON: &str = "the token's claims are not as expected: JSON, with whole characters, numbers below 1.8e308 and fewer than 128 levels";
/// Whatever is there only once and of its kind can be read.
const ONCE: &str = "the token's claims are not as expected: each once";

/// Why claims could not be read.
pub(super) fn unread(json: &[u8]) -> &'static str {
    let Some(claims) = super::object::<Map<String, Value>>(json) else {
        return if super::object::<IgnoredAny>(json).is_some() { JSON } else { OBJECT };
    };
    let wrong = |name: &str, is_right: fn(&Value) -> bool| {
        claims.get(name).is_some_and(|claim| !claim.is_null() && !is_right(claim))
    };
    let rules = claims.get("channels").map_or(Some(&[][..]), |rules| rules.as_array().map(Vec::as_slice));
    let Some(rules) = rules else { return RULES };
    let rule = rules.iter().find(|rule| !is_rule(rule));
    let looks = [
        (wrong("exp", Value::is_number), EXP),
        (wrong("nbf", Value::is_number), NBF),
        (wrong("iss", Value::is_string), ISSUER),
        (wrong("sub", Value::is_string), SUBJECT),
        (wrong("aud", is_audience), AUDIENCE),
        (rule.is_some_and(|rule| rule["match"].is_string() && !is_texts(&rule["do"])), DO),
        (rule.is_some(), RULE),
    ];
    looks.into_iter().find_map(|(is_wrong, words)| is_wrong.then_some(words)).unwrap_or(ONCE)
}

fn is_audience(claim: &Value) -> bool {
    claim.is_string() || is_texts(claim)
}

fn is_texts(claim: &Value) -> bool {
    claim.as_array().is_some_and(|all| all.iter().all(Value::is_string))
}

fn is_rule(rule: &Value) -> bool {
    rule["match"].is_string() && is_texts(&rule["do"]) && rule.as_object().is_some_and(|all| all.len() == 2)
}
