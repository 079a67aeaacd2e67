//! Publishes that a limit stops halfway: nothing is left of them, no channel that was made for them either.
use super::*;
use rcomet_core::config::{Location, Push};

pub fn several(change: impl FnOnce(&mut Limits)) -> Server {
    let location =
        r#"{"path": "/pub/{id}", "role": "publisher", "channels": ["a-{id}", "b-{id}", "c-{id}"]}"#;
    let location = vec![serde_json::from_str::<Location>(location).expect("a location")];
    let mut config = Config { push: Push { location }, ..Config::default() };
    change(&mut config.limits);
    Server::new(config)
}

pub fn post(server: &mut Server, target: &str, kind: &str, body: &str) -> String {
    let client = server.connect(Role::Admin);
    let length = body.len();
    let fields = format!("Host: x\r\nContent-Type: {kind}\r\nContent-Length: {length}");
    server.send(client, format!("POST {target} HTTP/1.1\r\n{fields}\r\n\r\n{body}"));
    let answer = server.received(client);
    server.vanish(client);
    answer
}

fn is_there(server: &Server, channel: &str) -> bool {
    server.machine.standing(channel).is_some()
}

/// So many bytes are free from now on.
fn squeeze(server: &mut Server, free: usize) {
    let mut config = server.machine.config().clone();
    config.limits.memory_bytes_max = server.machine.memory().total_bytes() + free;
    server.machine.reconfigure(config);
}

#[test]
fn of_several_channels_none_is_made_when_there_may_not_be_all() {
    let mut server = several(|limits| limits.channels_max = 2);
    let answer = post(&mut server, "/pub/1", "text/plain", "x");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(server.machine.load().0, 0, "none is left behind");
    // What was there before stays as it is.
    server.push("b-1", "mine");
    post(&mut server, "/pub/1", "text/plain", "x");
    assert_eq!(server.machine.load().0, 1);
    assert_eq!(server.machine.standing("b-1").expect("it is there").head, 2);
    server.machine.check();
}

#[test]
fn one_that_is_published_to_too_fast_keeps_the_others_from_being_made() {
    let mut server = several(|limits| limits.channel_messages_per_second_max = 1);
    server.push("c-1", "the one of this second");
    let answer = post(&mut server, "/pub/1", "text/plain", "x");
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    assert!(!is_there(&server, "a-1") && !is_there(&server, "b-1"));
    server.pass_ms(1_000);
    assert!(post(&mut server, "/pub/1", "text/plain", "x").starts_with("HTTP/1.1 202 "));
    assert_eq!(server.machine.load().0, 3);
}

#[test]
fn a_message_for_which_there_is_no_room_leaves_no_channel() {
    let mut server = several(|_| ());
    server.push("old", "x");
    squeeze(&mut server, 40_000);
    let long = "y".repeat(50_000);
    for (target, kind) in [
        ("/pub/1", "text/plain"),
        ("/push?cname=new", "application/x-www-form-urlencoded"),
        ("/publish", "application/json"),
    ] {
        let body = match kind {
            "application/json" => format!(r#"{{"channel":"new","data":"{long}"}}"#),
            "text/plain" => long.clone(),
            _ => format!("content={long}"),
        };
        let answer = post(&mut server, target, kind, &body);
        assert!(answer.starts_with("HTTP/1.1 503 "), "{target}: {answer}");
        assert_eq!(server.machine.load().0, 1, "{target}");
    }
    assert!(!is_there(&server, "new") && is_there(&server, "old"));
}

/// Wherever memory ends, all of a batch is there or nothing.
#[test]
fn a_batch_is_published_whole_or_leaves_nothing() {
    let names: Vec<String> = (0..20).map(|i| format!("{i}-{}", "n".repeat(1_500))).collect();
    let messages: Vec<String> =
        names.iter().map(|name| format!(r#"{{"channel":"{name}","data":"x"}}"#)).collect();
    let batch = format!(r#"{{"messages":[{}]}}"#, messages.join(","));
    let (mut published, mut refused) = (0, 0);
    for free in (0..80_000).step_by(250) {
        let mut server = several(|limits| limits.channel_name_bytes_max = 2_000);
        server.push("old", "x");
        squeeze(&mut server, free);
        let answer = post(&mut server, "/publish", "application/json", &batch);
        let is_taken = answer.starts_with("HTTP/1.1 200 ");
        let count = if is_taken { names.len() } else { 0 };
        assert_eq!(server.machine.load().0, 1 + count, "{free} bytes free: {answer}");
        (published, refused) = (published + u32::from(is_taken), refused + u32::from(!is_taken));
    }
    assert!(published > 5 && refused > 5, "{published} published, {refused} refused");
}
