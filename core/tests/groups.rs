//! Limits of groups hold in every dialect: a channel is in a group by its name, whoever names it.
#[path = "support/bayeux.rs"]
mod bayeux;
#[path = "support/push.rs"]
mod push;
mod support;
#[path = "support/websocket.rs"]
mod websocket;

use bayeux::Fellow;
use push::*;
use rcomet_core::{Config, Role};
use serde_json::json;
use support::Server;
use websocket::Socket;

const OPEN_PUB: &str = r#"{"path": "/open/{g}/{id}", "role": "publisher", "channels": ["{g}/{id}"]}"#;
/// The configuration itself names the group, which no request could where a location has it.
const OPEN_G: &str = r#"{"path": "/open/g/{id}", "role": "publisher", "channels": ["g/{id}"]}"#;
const HEAR_G: &str = r#"{"path": "/hear/g/{id}", "role": "subscriber", "channels": ["g/{id}"]}"#;
const OPEN_SUB: &str = r#"{"path": "/hear/{g}/{id}", "role": "subscriber", "channels": ["{g}/{id}"]}"#;

fn everything_goes(config: &mut Config) {
    config.ccomet.publish = true;
    config.simple_comet.publish = true;
    config.front.publish = vec!["*".to_owned().try_into().expect("a pattern")];
    config.bayeux.publish = vec!["/**".to_owned().try_into().expect("a pattern")];
}

/// Groups called g with limits.
fn grouped(limits: &str) -> Server {
    let group = format!(r#""group": "g", "channels": ["{{id}}"], {limits}"#);
    let publisher = format!(r#"{{"path": "/pub/{{id}}", "role": "publisher", {group}}}"#);
    let subscriber = format!(r#"{{"path": "/sub/{{id}}", "role": "subscriber", {group}}}"#);
    with(&[&publisher, &subscriber, OPEN_G, HEAR_G, OPEN_PUB, OPEN_SUB], everything_goes)
}

fn post_json(server: &mut Server, body: &serde_json::Value) -> String {
    admin(server, "POST", "/publish", "Content-Type: application/json\r\n", &body.to_string())
}

/// Tries to publish to a channel of the group in every way that does not ask at a location of its own; how many are let.
fn publish_in_every_way(server: &mut Server, name: &str) -> u64 {
    let before = server.machine.counters().published;
    server.ask(Role::Admin, &format!("/push?cname={name}&content=x"));
    server.ask(Role::Front, &format!("/push?cname={name}&content=x"));
    server.ask(Role::Ccomet, &format!("/publish?channel={name}&sname=bob&msg=x&callback=f"));
    let client = server.connect(Role::SimpleComet);
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\ncontent=x";
    server
        .send(client, format!("POST /channels/{}.json HTTP/1.1\r\nHost: x\r\n{form}", support::encode(name)));
    post_json(server, &json!({"channel": name, "data": "x"}));
    post_json(server, &json!({"messages": [{"channel": name, "data": "x"}]}));
    admin(server, "POST", &format!("/open/{name}"), "", "x");
    let socket = Socket::open(server);
    socket.ask(server, &json!({"type": "publish", "channel": name, "data": "x"}).to_string());
    server.vanish(socket.0);
    server.machine.counters().published - before
}

#[test]
fn channels_of_a_full_group_are_made_by_nobody() {
    let mut server = grouped(r#""group_max_channels": 1"#);
    assert_eq!(&brief(&admin(&mut server, "POST", "/pub/a", "", "x"))[..3], "202");
    assert_eq!(publish_in_every_way(&mut server, "g/b"), 0);
    for target in ["/sub?cname=g/b&seq=0", "/events?channel=g/b&wait=0", "/hear/g/b"] {
        ask(&mut server, target, "");
    }
    server.ask(Role::Ccomet, "/subscribe?channel=g/b&sname=a&seqid=0&callback=f");
    server.ask(Role::Admin, "/sign?cname=g/b");
    let client = server.connect(Role::SimpleComet);
    let form =
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 16\r\n\r\nchannel_id=g%2Fb";
    server.send(client, format!("POST /channels.json HTTP/1.1\r\nHost: x\r\n{form}"));
    assert_eq!(server.machine.load().0, 1, "there is still one");
    // The one that is there can be published to, and other groups have other limits.
    assert!(publish_in_every_way(&mut server, "g/a") >= 7);
    assert!(publish_in_every_way(&mut server, "h/b") >= 7);
}

#[test]
fn messages_of_a_full_group_are_taken_by_nobody() {
    let mut server = grouped(r#""group_max_messages": 2"#);
    for _ in 0..2 {
        admin(&mut server, "POST", "/pub/a", "", "x");
    }
    assert_eq!(publish_in_every_way(&mut server, "g/a"), 0);
    assert_eq!(publish_in_every_way(&mut server, "g/b"), 0);
    assert_eq!(server.machine.standing("g/b"), None, "no channel is made for what is refused");
    let refused = server.machine.counters().groups_refused;
    assert!(refused >= 14, "{refused}");
    // Several at once are measured together.
    let mut server = grouped(r#""group_max_messages": 2, "group_max_channels": 2"#);
    let several = |n: usize| {
        let of = |i: usize| json!({"channel": format!("g/{}", i % 3), "data": "x"});
        json!({"messages": (0..n).map(of).collect::<Vec<_>>()})
    };
    assert!(post_json(&mut server, &several(3)).starts_with("HTTP/1.1 403 "));
    assert_eq!(server.machine.counters().published, 0);
    assert!(post_json(&mut server, &several(2)).starts_with("HTTP/1.1 200 "));
    // So are bytes.
    let mut server = grouped(r#""group_max_messages_memory": 300"#);
    server.push("g/a", "short");
    let long = json!({"channel": "g/a", "data": "x".repeat(400)});
    assert!(post_json(&mut server, &long).starts_with("HTTP/1.1 403 "));
}

#[test]
fn readers_of_a_full_group_are_let_in_by_nobody() {
    let mut server = grouped(r#""group_max_subscribers": 1"#);
    server.push("g/a", "x");
    let stream = get(&mut server, "/sub/a", "Accept: text/event-stream\r\n");
    server.received(stream);
    assert_eq!(server.machine.members("g/a"), 1);
    for (role, target, fields) in [
        (Role::Front, "/sub?cname=g/a&seq=2", ""),
        (Role::Front, "/stream?cname=g/a&seq=1", ""),
        (Role::Front, "/events?channel=g/a", "Accept: text/event-stream\r\n"),
        (Role::Ccomet, "/subscribe?channel=g/a&sname=a&seqid=1&callback=f", ""),
        (Role::SimpleComet, "/channels/g%2Fa.json?since=9999999999999999", ""),
        (Role::Front, "/hear/g/a", "Accept: text/event-stream\r\n"),
    ] {
        let client = send(&mut server, role, "GET", target, fields, "");
        assert!(!server.received(client).is_empty(), "{target} is answered");
        assert_eq!(server.machine.members("g/a"), 1, "{target}");
    }
    let socket = Socket::open(&mut server);
    let answer = socket.ask(&mut server, &json!({"type": "subscribe", "channel": "g/a"}).to_string());
    assert_eq!(answer[0]["status"], 403);
    assert_eq!(server.machine.members("g/a"), 1);
    // Who leaves makes room.
    server.vanish(stream);
    let client = send(&mut server, Role::Front, "GET", "/sub?cname=g/a&seq=2", "", "");
    server.received(client);
    assert_eq!(server.machine.members("g/a"), 1);
}

/// They begin with a slash, before which there is no group.
#[test]
fn bayeuxs_names_are_in_no_group() {
    let mut server = grouped(r#""group_max_channels": 1"#);
    let mut fellow = Fellow::new(&mut server);
    for name in ["/g/a", "/g/b"] {
        assert_eq!(fellow.send(&mut server, name, json!({"data": 1}))[0]["successful"], true);
    }
}

#[test]
fn limits_that_were_set_hold_for_all() {
    let group = r#"{"path": "/group/{g}", "role": "group"}"#;
    let mut server = with(&[OPEN_PUB, group], everything_goes);
    server.push("g/a", "x");
    admin(&mut server, "POST", "/group/g?max_messages=1", "", "");
    assert_eq!(publish_in_every_way(&mut server, "g/a"), 0);
    admin(&mut server, "POST", "/group/g?max_messages=0", "", "");
    assert!(publish_in_every_way(&mut server, "g/a") >= 7);
}
