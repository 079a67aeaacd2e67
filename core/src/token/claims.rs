//! What a token says (RFC 7519, section 4.1, and our own claim `channels`), read after its signature was found to be right.
use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::Wrong;
use super::grant::{Act, Grant, Rule};
use super::unread::{DO, EXP, MATCH, NBF, unread};
use crate::config::ChannelPattern;

/// The latest moment that a claim can name, in seconds since 1970: what a double holds exactly.
const SECONDS_MAX: f64 = 9_007_199_254_740_992.0;

/// What is expected of every token.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'e> {
    /// The second since 1970 that it is now.
    pub now_s: u64,
    /// Seconds by which clocks may differ.
    pub leeway_s: u64,
    /// The issuer (`iss`), if it matters.
    pub issuer: Option<&'e str>,
    /// For whom it must be (`aud`), if that matters.
    pub audience: Option<&'e str>,
    /// Bytes of a token at most.
    pub bytes_max: usize,
    /// Rules of a token at most.
    pub rules_max: usize,
}

#[derive(Deserialize)]
struct Claims<'c> {
    #[serde(default, borrow)]
    sub: Option<Cow<'c, str>>,
    #[serde(default, borrow)]
    iss: Option<Cow<'c, str>>,
    #[serde(default, borrow)]
    aud: Option<Audience<'c>>,
    #[serde(default)]
    exp: Option<f64>,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default, borrow)]
    channels: Vec<Said<'c>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said<'c> {
    #[serde(rename = "match", borrow)]
    channels: Cow<'c, str>,
    #[serde(rename = "do")]
    acts: Vec<Cow<'c, str>>,
}

/// A string, or an array of them (RFC 7519, section 4.1.3).
struct Audience<'c>(Vec<Cow<'c, str>>);

impl<'de: 'c, 'c> Deserialize<'de> for Audience<'c> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Vec<Cow<'de, str>>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, or an array of strings")
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(vec![Cow::Owned(text.to_owned())])
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = list.next_element()? {
                    all.push(one);
                }
                Ok(all)
            }
        }
        from.deserialize_any(OneOrMany).map(Audience)
    }
}

/// What the claims allow.
pub(super) fn read(json: &[u8], expected: &Expected<'_>) -> Result<Grant, Wrong> {
    let claims: Claims<'_> = super::object(json).ok_or_else(|| Wrong::Claims(unread(json)))?;
    if let Some(issuer) = expected.issuer
        && claims.iss.as_deref() != Some(issuer)
    {
        return Err(Wrong::Issuer);
    }
    if let Some(audience) = expected.audience
        && !claims.aud.is_some_and(|all| all.0.iter().any(|one| one == audience))
    {
        return Err(Wrong::Audience);
    }
    let until_s = seconds(claims.exp.ok_or(Wrong::NoExpiry)?, EXP)?.saturating_add(expected.leeway_s);
    if expected.now_s >= until_s {
        return Err(Wrong::Expired);
    }
    let from_s = claims.nbf.map_or(Ok(0), |date| seconds(date, NBF))?.saturating_sub(expected.leeway_s);
    if from_s > expected.now_s {
        return Err(Wrong::TooEarly);
    }
    if claims.channels.len() > expected.rules_max {
        return Err(Wrong::Rules);
    }
    let rules = claims.channels.into_iter().map(rule).collect::<Result<_, _>>()?;
    let sub = claims.sub.filter(|sub| !sub.is_empty()).map(|sub| sub.into_owned().into_boxed_str());
    Ok(Grant { sub, from_s, until_s, rules })
}

fn rule(said: Said<'_>) -> Result<Rule, Wrong> {
    let channels = ChannelPattern::try_from(said.channels.into_owned()).map_err(|_| Wrong::Claims(MATCH))?;
    let mut acts = 0;
    for act in &said.acts {
        acts |= Act::named(act).ok_or(Wrong::Claims(DO))? as u8;
    }
    Ok(Rule { channels, acts })
}

/// A NumericDate (RFC 7519, section 2) in whole seconds.
fn seconds(date: f64, words: &'static str) -> Result<u64, Wrong> {
    if (0.0..=SECONDS_MAX).contains(&date) { Ok(date as u64) } else { Err(Wrong::Claims(words)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected() -> Expected<'static> {
        Expected { now_s: 1_000, leeway_s: 5, issuer: None, audience: None, bytes_max: 4_096, rules_max: 2 }
    }

    fn said(json: &str) -> Result<Grant, Wrong> {
        read(json.as_bytes(), &expected())
    }

    #[test]
    fn claims_become_a_grant() {
        let grant = said(
            r#"{"sub":"ann","exp":1030.9,"nbf":1005,"iat":7,"else":[{"deep":[1]}],
                "channels":[{"match":"room/*","do":["subscribe","history"]},{"match":"a","do":["publish","presence"]}]}"#,
        )
        .expect("it is right");
        assert_eq!((grant.sub.as_deref(), grant.from_s, grant.until_s), (Some("ann"), 1_000, 1_035));
        assert!(grant.allows(Act::History, "room/1") && !grant.allows(Act::Publish, "room/1"));
        assert!(grant.allows(Act::Presence, "a") && !grant.allows(Act::Subscribe, "a"));
        assert_eq!(said(r#"{"exp":2000}"#).map(|grant| grant.rules.len()), Ok(0), "it allows nothing");
    }

    #[test]
    fn time_is_taken_with_leeway() {
        assert_eq!(said(r#"{"exp":995}"#), Err(Wrong::Expired));
        assert!(said(r#"{"exp":996}"#).is_ok());
        assert_eq!(said(r#"{"exp":2000,"nbf":1006}"#), Err(Wrong::TooEarly));
        assert!(said(r#"{"exp":2000,"nbf":1005}"#).is_ok());
        assert_eq!(said("{}"), Err(Wrong::NoExpiry));
        for wrong in ["-1", "1e300", "\"2000\"", "true", "[2000]", "9007199254740994"] {
            assert_eq!(said(&format!("{{\"exp\":{wrong}}}")), Err(Wrong::Claims(EXP)), "{wrong}");
            assert_eq!(
                said(&format!("{{\"exp\":2000,\"nbf\":{wrong}}}")),
                Err(Wrong::Claims(NBF)),
                "{wrong}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_and_not_left_out() {
        let words = |text: &str| match said(text) {
            Err(Wrong::Claims(words)) => words,
            other => panic!("{other:?}: {text}"),
        };
        for (channels, which) in [
            (r#"{"match":"a","do":["subscribe"]}"#, "channels are not as expected: a list"),
            ("null", "channels are not as expected: a list"),
            (r#"[{"match":"a"}]"#, "a do of the"),
            (r#"[{"match":"a","do":"subscribe"}]"#, "a do of the"),
            (r#"[{"match":"a","do":[1]}]"#, "a do of the"),
            (r#"[{"match":"b","do":[]},{"do":["subscribe"]}]"#, "a rule of the"),
            (r#"[{"match":"a","do":["delete"]}]"#, "a do of the"),
            (r#"[{"match":"a*b","do":["subscribe"]}]"#, "a match of the"),
            (r#"[{"match":"","do":["subscribe"]}]"#, "a match of the"),
            (r#"[{"match":7,"do":["subscribe"]}]"#, "a rule of the"),
            (r#"[{"match":"a","do":["subscribe"],"not":["b"]}]"#, "a rule of the"),
            (r#"["a"]"#, "a rule of the"),
            (r#"[{"match":"a","match":"b","do":[]}]"#, "each once"),
        ] {
            let said = words(&format!("{{\"exp\":2000,\"channels\":{channels}}}"));
            assert!(said.contains(which), "{said}: {channels}");
        }
        for (claim, which) in [
            (r#""iss":7"#, "token's iss is"),
            (r#""sub":["ann"]"#, "token's sub is"),
            (r#""aud":{"a":1}"#, "token's aud is"),
            (r#""aud":["a",1]"#, "token's aud is"),
            (r#""exp":2001"#, "each once"),
        ] {
            let said = words(&format!("{{\"exp\":2000,{claim}}}"));
            assert!(said.contains(which), "{said}: {claim}");
        }
        let three = [r#"{"match":"a","do":[]}"#; 3].join(",");
        assert_eq!(said(&format!("{{\"exp\":2000,\"channels\":[{three}]}}")), Err(Wrong::Rules));
        for text in ["", "[]", "7", "{", "{\"exp\":2000}x"] {
            assert!(words(text).ends_with("a JSON object"), "{text}");
        }
        let deep = format!("{{\"exp\":2000,\"x\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(matches!(said(&deep), Ok(_) | Err(Wrong::Claims(_))), "it ends, and nothing overflows");
    }

    #[test]
    fn issuer_and_audience_matter_if_they_are_set() {
        let strict = Expected { issuer: Some("app"), audience: Some("push"), ..expected() };
        let said = |iss: &str, aud: &str| {
            read(format!("{{\"exp\":2000{iss}{aud}}}").as_bytes(), &strict).map(|_| ())
        };
        assert_eq!(said(",\"iss\":\"app\"", ",\"aud\":\"push\""), Ok(()));
        assert_eq!(said(",\"iss\":\"app\"", ",\"aud\":[\"x\",\"push\"]"), Ok(()));
        assert_eq!(said(",\"iss\":\"app\"", ",\"aud\":[]"), Err(Wrong::Audience));
        assert_eq!(said(",\"iss\":\"app\"", ""), Err(Wrong::Audience));
        assert_eq!(said(",\"iss\":\"App\"", ",\"aud\":\"push\""), Err(Wrong::Issuer));
        assert_eq!(said("", ",\"aud\":\"push\""), Err(Wrong::Issuer));
    }
}
