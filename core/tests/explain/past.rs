//! Readers of a life of a channel that is over.
use rcomet_core::Role;

use super::support::Server;
use super::{ask, number, open};
use crate::websocket::Socket;

/// What is said of one client: the verdict, and why.
fn told(server: &mut Server, client: &str, seq: u64) -> (String, String) {
    let said = ask(server, &format!("channel=a&seq={seq}"));
    let clients = said["clients"].as_array().expect("clients");
    let one =
        clients.iter().find(|one| one["client"] == client).unwrap_or_else(|| panic!("{client}: {said}"));
    assert!(one["at"].is_u64(), "{one}");
    let text = |member: &str| one[member].as_str().expect("text").to_owned();
    (text("verdict"), text("because"))
}

#[test]
fn who_read_a_channel_before_it_ended_is_known() {
    for target in
        ["/stream?cname=a", "/poll?cname=a&seq=1", "/events?channel=a", "/events?channel=a&channel=b"]
    {
        let mut server = super::server();
        let client = open(&mut server, target);
        let id = number(&server, client);
        server.push("a", "one");
        server.vanish(client);
        server.push("a", "two");
        server.ask(Role::Admin, "/close?cname=a");
        // The channel is not there: all that is known is of the life before.
        assert_eq!(told(&mut server, &id, 1).0, "delivered", "{target}");
        assert_eq!(told(&mut server, &id, 2).0, "left before", "{target}");
        let message =
            |server: &mut Server, seq: u64| ask(server, &format!("channel=a&seq={seq}"))["message"].clone();
        assert_eq!(
            (message(&mut server, 2), message(&mut server, 3)),
            ("trimmed".into(), "not published".into())
        );
        // It is made anew: another message has the number.
        server.push("a", "another one");
        let (verdict, because) = told(&mut server, &id, 1);
        assert_eq!(verdict, "left before", "{target}");
        assert!(
            because.contains("an earlier life of the channel, which ended when the next number was 3"),
            "{because}"
        );
        assert!(because.contains("of number 1 there: delivered"), "{because}");
        // Who comes to this one is told of by this one.
        let late = open(&mut server, "/stream?cname=a");
        let late = number(&server, late);
        assert_eq!(told(&mut server, &late, 1).0, "not subscribed yet");
        assert_eq!(told(&mut server, &id, 1).0, "left before", "and the other still");
    }
}

#[test]
fn who_was_there_at_the_end_is_known() {
    let mut server = super::server();
    let socket = Socket::open(&mut server);
    socket.ask(&mut server, r#"{"type":"subscribe","channel":"a"}"#);
    let id = number(&server, socket.0);
    server.push("a", "one");
    server.ask(Role::Admin, "/close?cname=a");
    assert_eq!(told(&mut server, &id, 1).0, "delivered");
    assert_eq!(told(&mut server, &id, 2).0, "left before");
    server.push("a", "another one");
    assert!(told(&mut server, &id, 1).1.contains("of number 1 there: delivered"));
}

/// A channel that nobody has read leaves nothing, however many of them end.
#[test]
fn channels_without_readers_push_nothing_out() {
    let mut config = rcomet_core::Config::default();
    config.limits.explain_records_max = 10;
    let mut server = Server::new(config);
    let client = open(&mut server, "/stream?cname=a");
    let id = number(&server, client);
    server.push("a", "one");
    for n in 0..50 {
        server.push(&format!("c{n}"), "x");
        server.ask(Role::Admin, &format!("/close?cname=c{n}"));
    }
    assert_eq!(told(&mut server, &id, 1).0, "delivered");
}
