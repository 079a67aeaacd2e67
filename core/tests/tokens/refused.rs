//! Which channel it is that a signed token does not allow, and when it is the token itself.
use super::*;

/// The status of a refusal, the channel that it names, and how it asks for a token.
fn told(server: &mut Server, query: &str) -> (u64, Value, String) {
    let (head, body) = ask(server, Role::Front, &format!("GET /events?{query}"), "");
    let said: Value = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"));
    let asked = head.lines().find_map(|line| line.strip_prefix("WWW-Authenticate: ")).unwrap_or_default();
    (said["status"].as_u64().expect("a status"), said["channel"].clone(), asked.trim().to_owned())
}

#[test]
fn a_channel_that_a_token_does_not_allow_is_named() {
    let mut server = server(true);
    let reads = granting(LATER, "room/*", &["subscribe"]);
    let forbidden = |channel: &str| (403, json!(channel), "Bearer error=\"insufficient_scope\"".to_owned());
    for (query, channel) in [
        ("channel=room/1&channel=other&channel=third", "other"),
        ("channel=room/1&history=1", "room/1"),
        ("channel=room/1&channel=room/2&who=Ann", "room/1"),
    ] {
        let said = told(&mut server, &format!("{query}&token={reads}"));
        assert_eq!(said, forbidden(channel), "{query}");
    }
    let present = granting(LATER, "room/*", &["subscribe", "presence"]);
    let said = told(&mut server, &format!("channel=room/1&channel=other&who=Ann&token={present}"));
    assert_eq!(said, forbidden("other"));
}

#[test]
fn a_channel_without_a_token_is_named_where_others_have_one() {
    let mut server = server(true);
    let own = server.ask(Role::Admin, "/sign?cname=a");
    let own: Value = serde_json::from_str(&own).expect("JSON");
    let own = own["token"].as_str().expect("a token");
    let said = told(&mut server, &format!("channel=a&channel=b&token={own}&token="));
    assert_eq!(said, (401, json!("b"), "Bearer".to_owned()));
}

#[test]
fn a_token_that_is_refused_names_no_channel() {
    let mut server = server(true);
    let over = granting(START - 3_600, "*", &["subscribe"]);
    let said = told(&mut server, &format!("channel=a&channel=b&token={over}"));
    assert_eq!(said, (401, Value::Null, "Bearer error=\"invalid_token\"".to_owned()));
    let all = granting(LATER, "*", &["subscribe"]);
    let two = told(&mut server, &format!("channel=a&channel=b&token={all}&token={over}"));
    assert_eq!((two.0, two.1), (400, Value::Null), "two at once");
    let mut theirs = claims(LATER, "*", &["subscribe", "presence"]);
    theirs["sub"] = json!("Bob");
    let theirs = token(&theirs);
    let said = told(&mut server, &format!("channel=a&channel=b&who=Ann&token={theirs}"));
    assert_eq!((said.0, said.1), (403, Value::Null), "the name is not the token's, in any channel");
}
