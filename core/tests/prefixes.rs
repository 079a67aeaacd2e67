//! Dialects whose channels are a name space of their own among those of all: their clients see nothing of it.
#[path = "support/rest.rs"]
mod rest;
mod support;

use rcomet_core::config::ChannelPrefix;
use rcomet_core::{Config, Role};
use support::{Server, body};

fn prefix(text: &str) -> ChannelPrefix {
    text.to_owned().try_into().expect("a prefix")
}

fn config() -> Config {
    let mut config = Config::default();
    config.simple_comet.channel_prefix = prefix("rest/");
    config.simple_comet.enable_status = true;
    config.simple_comet.publish = true;
    config.ccomet.channel_prefix = prefix("old.");
    config.ccomet.publish = true;
    config
}

fn ccomet(server: &mut Server, target: &str) -> String {
    let client = server.connect(Role::Ccomet);
    server.send(client, format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
    let answer = body(&server.received(client));
    server.vanish(client);
    answer
}

#[test]
fn simple_comets_channels_are_others_in_other_dialects() {
    let mut server = Server::new(config());
    rest::register(&mut server, "room");
    rest::push(&mut server, "room", "from the old application");
    let seen = server.ask(Role::Front, "/history?channel=rest/room");
    assert!(seen.contains("from the old application"), "{seen}");
    server.push("rest/room", "from a new one");
    server.push("room", "for others");
    let read = rest::get(&mut server, "/channels/room.json");
    assert_eq!(rest::brief(&read), "room: from the old application from a new one", "{read}");
    assert!(!read.contains("rest/"), "{read}");
    let call = rest::get(&mut server, "/channels/room.jsonp?cb=f_CB_0");
    assert!(!call.contains("rest/"), "{call}");
    // Only its own are there for it.
    let status = rest::get(&mut server, "/status.json");
    assert!(status.contains("\"channels\": [\"room\"]"), "{status}");
    let none = rest::get(&mut server, "/channels/other.json");
    assert!(none.contains("\"return_code\": -2"), "{none}");
}

#[test]
fn one_that_waits_hears_of_its_own_name() {
    let mut server = Server::new(config());
    rest::register(&mut server, "room");
    let client = server.connect(Role::Admin);
    server.send(client, "GET /channels/room.json HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(server.received(client), "");
    server.push("room", "for others");
    assert_eq!(server.received(client), "");
    server.push("rest/room", "one");
    let answer = server.received(client);
    assert!(answer.contains("{\"messages\": {\"room\": [{\"id\": "), "{answer}");
}

#[test]
fn ccomets_channels_are_others_in_other_dialects() {
    let mut server = Server::new(config());
    let query = "channel=room&sname=ann&callback=f";
    ccomet(&mut server, &format!("/publish?{query}&msg=hello&time=1"));
    let seen = server.ask(Role::Front, "/history?channel=old.room");
    assert!(seen.contains("hello"), "{seen}");
    server.push("room", "for others");
    let heard = ccomet(&mut server, &format!("/subscribe?{query}&seqid=-1"));
    assert!(heard.contains("hello") && heard.contains("\"channel\":\"room\""), "{heard}");
    assert!(!heard.contains("old.") && !heard.contains("others"), "{heard}");
}

#[test]
fn who_may_push_is_said_by_the_names_of_all() {
    let mut config = config();
    config.simple_comet.on_front = true;
    config.front.publish = vec!["rest/open*".to_owned().try_into().expect("a pattern")];
    let mut server = Server::new(config);
    for room in ["open", "shut"] {
        rest::register(&mut server, room);
    }
    let push = |server: &mut Server, room: &str| {
        let client = server.connect(Role::Front);
        let text = "content=x";
        let fields =
            format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}", text.len());
        server.send(
            client,
            format!("POST /channels/{room}.json HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{text}"),
        );
        body(&server.received(client))
    };
    assert!(push(&mut server, "open").contains("\"return_code\": 1"));
    assert!(push(&mut server, "shut").contains("\"return_code\": -1"));
}
