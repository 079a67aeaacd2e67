//! Limits of signed tokens, and of publishes that are done once.
#[path = "../support/jwt.rs"]
mod jwt;

use super::*;
use serde_json::json;

#[test]
fn token_bytes_max_and_token_rules_max() {
    let until = support::START + 100;
    let rule = json!({"match": "a", "do": ["subscribe"]});
    let with_rules = |count: usize| jwt::token(&json!({"exp": until, "channels": vec![&rule; count]}));
    let longest = with_rules(2).len();
    let mut config = Config::default();
    config.token.keys = vec![jwt::key()];
    config.token.required = true;
    config.limits.token_bytes_max = longest;
    config.limits.token_rules_max = 2;
    let mut server = Server::new(config.clone());
    let ask = |server: &mut Server, token: &str| {
        let (_, answer) = asks(
            server,
            Role::Front,
            format!("GET /history?channel=a&token={token} HTTP/1.1\r\nHost: x\r\n\r\n"),
        );
        (status(&answer).to_owned(), body(&answer))
    };
    assert_eq!(ask(&mut server, &with_rules(2)).0, "403", "it is right, and does not allow that");
    let (code, words) = ask(&mut server, &with_rules(3));
    assert!(code == "401" && words.contains("token_bytes_max"), "{words}");
    assert_eq!(moved(&mut server, |c| c.tokens_too_large), 1);
    config.limits.token_bytes_max = 4_096;
    let mut server = Server::new(config);
    let (code, words) = ask(&mut server, &with_rules(3));
    assert!(code == "401" && words.contains("token_rules_max"), "{words}");
    assert_eq!(moved(&mut server, |c| c.tokens_too_large), 1);
}

#[test]
fn idempotency_limits() {
    let mut server = with(|l| {
        l.idempotency_keys_max = 2;
        l.idempotency_key_bytes_max = 5;
        l.idempotency_seconds = 10;
    });
    let post = |server: &mut Server, key: &str| {
        let text = r#"{"channel":"a","data":1}"#;
        let fields = format!(
            "Content-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {}",
            text.len()
        );
        let (_, answer) =
            asks(server, Role::Admin, format!("POST /publish HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{text}"));
        status(&answer).to_owned()
    };
    assert_eq!((post(&mut server, "one"), post(&mut server, "\"two45\"")), ("200".into(), "200".into()));
    assert_eq!(post(&mut server, "three3"), "400");
    assert_eq!(post(&mut server, "three"), "503");
    assert_eq!(post(&mut server, "one"), "200", "what is known is answered");
    assert_eq!(moved(&mut server, |c| c.idempotency_refused), 2);
    assert_eq!(moved(&mut server, |c| c.published), 2, "what is refused is not done");
    server.pass_ms(9_999);
    assert_eq!(post(&mut server, "three"), "503");
    server.pass_ms(1);
    assert_eq!(post(&mut server, "three"), "200", "the others are forgotten");
    assert_eq!(post(&mut server, "one"), "200");
    assert_eq!((moved(&mut server, |c| c.published), moved(&mut server, |c| c.publishes_replayed)), (4, 1));
}

/// The public sides have half of `idempotency_keys_max`, so that nobody there keeps the application from publishing.
#[test]
fn idempotency_keys_max_of_strangers() {
    let mut config = Config::default();
    config.token.keys = vec![jwt::key()];
    config.front.publish = vec!["*".to_owned().try_into().expect("a pattern")];
    config.limits.idempotency_keys_max = 6;
    let mut server = Server::new(config);
    let named = |sub: Option<&str>| {
        let mut claims = jwt::claims(support::START + 100, "*", &["publish"]);
        if let Some(sub) = sub {
            claims["sub"] = json!(sub);
        }
        format!("Authorization: Bearer {}\r\n", jwt::token(&claims))
    };
    let mut post = |role: Role, field: &str, key: &str| {
        let text = format!(r#"{{"channel":"a","data":"{key}"}}"#);
        let fields = format!(
            "{field}Content-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {}",
            text.len()
        );
        let (_, answer) =
            asks(&mut server, role, format!("POST /publish HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{text}"));
        let replayed = answer.contains("Idempotent-Replayed");
        (status(&answer).to_owned(), replayed, server.machine.counters().published)
    };
    let (ann, nobody) = (named(Some("ann")), named(None));
    // The same key in each scope: nobody's is another's.
    assert_eq!(post(Role::Front, "", "k"), ("200".into(), false, 1));
    assert_eq!(post(Role::Front, &ann, "k"), ("200".into(), false, 2));
    assert_eq!(post(Role::Front, &nobody, "k"), ("200".into(), false, 3));
    assert_eq!(post(Role::Front, "", "more"), ("503".into(), false, 3));
    assert_eq!(post(Role::Front, &ann, "more"), ("503".into(), false, 3));
    for n in 0..3 {
        assert_eq!(post(Role::Admin, "", ["k", "l", "m"][n]), ("200".into(), false, 4 + n as u64));
    }
    assert_eq!(post(Role::Admin, "", "n"), ("503".into(), false, 6));
    for (role, field) in [(Role::Front, ""), (Role::Front, &*ann), (Role::Front, &*nobody), (Role::Admin, "")]
    {
        assert_eq!(post(role, field, "k"), ("200".into(), true, 6), "what is known is answered");
    }
}

#[test]
fn tokens_known_max() {
    let until = support::START + 100;
    let mut config = Config::default();
    config.token.keys = vec![jwt::key()];
    config.token.required = true;
    config.limits.tokens_known_max = 2;
    let mut server = Server::new(config.clone());
    let tokens: Vec<String> = (0..3).map(|n| jwt::granting(until + n, "a", &["history"])).collect();
    let show = |server: &mut Server, token: &String| {
        let request = format!("GET /history?channel=a&token={token} HTTP/1.1\r\nHost: x\r\n\r\n");
        let (_, answer) = asks(server, Role::Front, request);
        assert_eq!(status(&answer), "404", "it is right, and there is no channel: {answer}");
    };
    tokens.iter().take(2).for_each(|token| show(&mut server, token));
    show(&mut server, &tokens[0]);
    assert_eq!((moved(&mut server, |c| c.tokens_known), moved(&mut server, |c| c.tokens_forgotten)), (1, 0));
    show(&mut server, &tokens[2]);
    assert_eq!(moved(&mut server, |c| c.tokens_forgotten), 1, "the one that was not shown again");
    show(&mut server, &tokens[0]);
    assert_eq!(moved(&mut server, |c| c.tokens_known), 2);
    config.limits.tokens_known_max = 0;
    server.machine.reconfigure(config);
    (0..3).for_each(|_| show(&mut server, &tokens[0]));
    assert_eq!((moved(&mut server, |c| c.tokens_known), moved(&mut server, |c| c.tokens_forgotten)), (2, 1));
}
