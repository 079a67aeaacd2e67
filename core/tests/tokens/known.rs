//! Tokens that were right are remembered, and everything that could make them wrong is looked at all the same.
use super::*;

fn hits(server: &mut Server) -> (u64, u64) {
    let counters = server.machine.counters();
    (counters.tokens_accepted, counters.tokens_known)
}

fn ask_with(server: &mut Server, token: &str) -> u16 {
    status(server, &format!("GET /history?channel=a&token={token}"))
}

#[test]
fn a_signature_is_looked_at_once() {
    let mut server = server(true);
    server.push("a", "1");
    for algorithm in [Algorithm::Hs256, Algorithm::Rs256, Algorithm::Es256] {
        let before = hits(&mut server);
        let token = token_by(algorithm, &claims(LATER, "a", &["history"]));
        for _ in 0..100 {
            assert_eq!(ask_with(&mut server, &token), 200);
        }
        let after = hits(&mut server);
        assert_eq!((after.0 - before.0, after.1 - before.1), (100, 99), "{algorithm:?}");
    }
}

/// One byte of another signature, of other claims, of another header: nothing of what is known helps.
#[test]
fn only_the_very_token_is_known() {
    let mut server = server(true);
    server.push("a", "1");
    let token = granting(LATER, "a", &["history"]);
    assert_eq!(ask_with(&mut server, &token), 200);
    let parts: Vec<&str> = token.split('.').collect();
    let other = granting(LATER, "*", &["history"]);
    let claims_of_other: Vec<&str> = other.split('.').collect();
    for wrong in [
        format!("{}.{}.{}", parts[0], claims_of_other[1], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], parts[2].chars().rev().collect::<String>()),
        format!("{}.{}.", parts[0], parts[1]),
        token[..token.len() - 1].to_owned(),
        format!("{token}A"),
    ] {
        assert_eq!(ask_with(&mut server, &wrong), 401, "{wrong}");
        assert_eq!(ask_with(&mut server, &wrong), 401, "and again: what was refused is not remembered");
    }
    assert_eq!(hits(&mut server), (1, 0));
    // It allows what it allowed, and no more.
    assert_eq!(status(&mut server, &format!("GET /presence?channel=a&token={token}")), 403);
    assert_eq!(hits(&mut server), (2, 1));
}

#[test]
fn what_is_known_dies_with_its_time_and_with_the_keys() {
    let mut server = server(true);
    server.push("a", "1");
    let short = granting(START + 30, "a", &["history"]);
    let long = granting(LATER, "a", &["history"]);
    let mut early = claims(LATER, "a", &["history"]);
    early["nbf"] = json!(START + 20);
    let early = token(&early);
    for token in [&short, &long] {
        assert_eq!((ask_with(&mut server, token), ask_with(&mut server, token)), (200, 200));
    }
    assert_eq!(ask_with(&mut server, &early), 401, "not yet");
    pass_s(&mut server, 20);
    assert_eq!((ask_with(&mut server, &early), ask_with(&mut server, &early)), (200, 200));
    // A clock that is set back takes it away again.
    server.machine.set_date(Date::from_unix(START));
    assert_eq!(ask_with(&mut server, &early), 401);
    server.machine.set_date(Date::from_unix(START + 20));
    pass_s(&mut server, 16);
    let (code, words) = refused(&mut server, &format!("GET /history?channel=a&token={short}"), "");
    assert!(code == 401 && words.contains("has expired"), "{code} {words}");
    assert_eq!(ask_with(&mut server, &long), 200);
    for change in [
        |config: &mut Config| drop(config.token.keys.remove(0)),
        |config: &mut Config| config.token.issuer = "app".into(),
        |config: &mut Config| config.token.audience = "push".into(),
        |config: &mut Config| config.limits.token_rules_max = 0,
        |config: &mut Config| config.limits.token_bytes_max = 20,
    ] {
        server.machine.reconfigure(config(true));
        assert_eq!((ask_with(&mut server, &long), ask_with(&mut server, &long)), (200, 200));
        let mut other = config(true);
        change(&mut other);
        server.machine.reconfigure(other);
        assert_eq!(ask_with(&mut server, &long), 401);
    }
}

/// What is remembered is on the account of memory, and gives way where there is none left.
#[test]
fn it_costs_what_the_account_says_and_gives_way() {
    let mut roomy = config(true);
    roomy.limits.history_messages_max = 2_000;
    roomy.limits.history_bytes_max = 4 << 20;
    roomy.limits.explain_records_max = 0;
    let mut server = Server::new(roomy.clone());
    server.push("a", "1");
    // So that an eighth of all is more than what answering takes.
    for _ in 0..1_500 {
        server.push("rest", &"x".repeat(1_000));
    }
    let gauge = |server: &mut Server, name: &str| -> u64 {
        let (_, body) = ask(server, Role::Admin, "GET /metrics", "");
        let line = body.lines().find(|line| line.starts_with(&format!("rcomet_{name} "))).expect("a gauge");
        line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
    };
    let before = server.machine.memory().total_bytes();
    let show_all = |server: &mut Server| {
        for n in 0..1_000 {
            assert_eq!(ask_with(server, &granting(LATER + n, "a", &["history"])), 200);
        }
    };
    show_all(&mut server);
    assert_eq!(gauge(&mut server, "tokens_remembered"), 1_000);
    let each = (server.machine.memory().total_bytes() - before) / 1_000;
    assert!((100..400).contains(&each), "{each} bytes each");
    // With room for some of them in what they may take, all are served, and what is remembered gives way.
    let mut short = roomy;
    short.limits.memory_bytes_max = (before + 300 * each) / 7 * 8;
    server.machine.reconfigure(short);
    show_all(&mut server);
    let remembered = gauge(&mut server, "tokens_remembered");
    assert!((1..=700).contains(&remembered), "{remembered}");
}
