//! How fast may be published to one channel, in every dialect that publishes.
use super::*;

/// POST on the admin side; gives the whole answer.
fn post(server: &mut Server, target: &str, kind: &str, body: &str) -> String {
    request(server, "POST", target, kind, body)
}

fn request(server: &mut Server, method: &str, target: &str, kind: &str, body: &str) -> String {
    let client = server.connect(Role::Admin);
    let length = body.len();
    server.send(
        client,
        format!("{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"),
    );
    let answer = server.received(client);
    server.vanish(client);
    answer
}

#[test]
fn channel_messages_per_second_max() {
    let mut server = with(|l| l.channel_messages_per_second_max = 3);
    for i in 0..3 {
        server.push("a", &i.to_string());
    }
    // Nobody may say more in this second, in whatever words.
    const FORM: &str = "application/x-www-form-urlencoded";
    for (method, target, kind, body) in [
        ("POST", "/push?cname=a&content=x", FORM, ""),
        ("POST", "/publish?channel=a", "text/plain", "x"),
        ("POST", "/publish", "application/json", r#"{"channel":"a","data":"x"}"#),
        ("PUT", "/keys/a", "text/plain", "x"),
    ] {
        let answer = request(&mut server, method, target, kind, body);
        assert!(answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{target}: {answer}");
        assert!(!answer.contains("Too Many Channels"), "{target}: {answer}");
        assert!(answer.contains("\r\nRetry-After: 1\r\n"), "{target}: {answer}");
    }
    assert_eq!(moved(&mut server, |c| c.publishes_too_fast), 4);
    // Others are not meant, and the next second is another.
    server.push("b", "m");
    server.pass_ms(999);
    assert_eq!(status(&post(&mut server, "/publish?channel=a", "text/plain", "x")), "429");
    server.pass_ms(1);
    for _ in 0..3 {
        assert_eq!(status(&post(&mut server, "/publish?channel=a", "text/plain", "x")), "202");
    }
    assert_eq!(status(&post(&mut server, "/publish?channel=a", "text/plain", "x")), "429");
    // What was refused was not published.
    let mut reader = Listener::subscribe(&mut server, Framing::Stream, "cname=a&seq=1");
    assert_eq!(reader.heard(&mut server).len(), 6);
}

#[test]
fn of_several_messages_all_are_published_or_none() {
    let mut server = with(|l| l.channel_messages_per_second_max = 2);
    let batch = |channels: &[&str]| {
        let messages: Vec<String> =
            channels.iter().map(|name| format!(r#"{{"channel":"{name}","data":"x"}}"#)).collect();
        format!(r#"{{"messages":[{}]}}"#, messages.join(","))
    };
    let said = post(&mut server, "/publish", "application/json", &batch(&["a", "b", "b", "b"]));
    assert_eq!(status(&said), "429", "{said}");
    assert_eq!(server.machine.counters().published, 0);
    let said = post(&mut server, "/publish", "application/json", &batch(&["a", "b", "b"]));
    assert_eq!(status(&said), "200", "{said}");
    let said = post(&mut server, "/publish", "application/json", &batch(&["c", "b"]));
    assert_eq!((status(&said), server.machine.counters().published), ("429", 3));
}

#[test]
fn without_it_anybody_may_publish_as_fast_as_they_can() {
    let mut server = with(|_| ());
    for i in 0..2_000 {
        server.push("a", &i.to_string());
    }
    assert_eq!(
        (server.machine.counters().published, server.machine.counters().publishes_too_fast),
        (2_000, 0)
    );
}
