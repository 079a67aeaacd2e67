//! Dialects whose channels are a name space of their own among those of all: their clients see nothing of it.
#[path = "support/bayeux.rs"]
mod bayeux;
#[path = "support/rest.rs"]
mod rest;
#[path = "prefixes/sessions.rs"]
mod sessions;
mod support;
#[path = "support/websocket.rs"]
mod websocket;
#[path = "support/wire.rs"]
mod wire;

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

fn with_icomets() -> Config {
    let mut config = config();
    config.icomet.channel_prefix = prefix("ic/");
    config.front.publish = vec!["ic/open*".to_owned().try_into().expect("a pattern")];
    config
}

#[test]
fn icomets_channels_are_others_in_other_dialects() {
    let mut server = Server::new(with_icomets());
    // Those who wait, and those who come later, in every framing.
    let paths = ["/sub", "/poll", "/stream", "/sse", "/iframe", "/sub?no_batch=1", "/sub?cb=f"];
    let ask = |server: &mut Server, path: &str, seq: u32| {
        let client = server.connect(Role::Front);
        let and = if path.contains('?') { '&' } else { '?' };
        server.get(client, &format!("{path}{and}cname=room&seq={seq}"));
        client
    };
    let waiting = paths.map(|path| (path, ask(&mut server, path, 1)));
    assert_eq!(server.ask(Role::Admin, "/push?cname=room&content=hello"), "{\"type\":\"ok\"}\n");
    let seen = server.ask(Role::Front, "/history?channel=ic/room");
    assert!(seen.contains("hello"), "{seen}");
    server.push("other", "by icomet");
    assert!(server.ask(Role::Front, "/history?channel=ic/other").contains("by icomet"));
    assert!(!server.ask(Role::Front, "/history?channel=room").contains("hello"));
    for (path, client) in waiting {
        let heard = server.received(client);
        assert!(heard.contains("\"cname\":\"room\",\"seq\":1,\"content\":\"hello\""), "{path}: {heard}");
        assert!(!heard.contains("ic/"), "{path}: {heard}");
    }
    for path in paths {
        let client = server.connect(Role::Front);
        let and = if path.contains('?') { '&' } else { '?' };
        let heard = server.get(client, &format!("{path}{and}cname=room&seq=1"));
        assert!(heard.contains("\"cname\":\"room\",\"seq\":1,\"content\":\"hello\""), "{path}: {heard}");
        assert!(!heard.contains("ic/"), "{path}: {heard}");
        // Signs of life and ends as well.
        if !path.contains("sub") && path != "/poll" {
            server.pass_ms(31_000);
            let quiet = server.received(client);
            assert!(quiet.contains("noop") && quiet.contains("\"cname\":\"room\""), "{quiet}");
            server.ask(Role::Admin, "/push?cname=room&content=hello");
        }
        server.vanish(client);
    }
    let last = ask(&mut server, "/stream", 0);
    server.received(last);
    assert!(server.ask(Role::Admin, "/close?cname=room").starts_with("ok "));
    let closed = server.received(last);
    assert!(closed.contains("\"type\":\"close\",\"cname\":\"room\""), "{closed}");
}

#[test]
fn icomets_back_end_sees_nothing_of_its_prefix() {
    let mut server = Server::new(with_icomets());
    let tells = server.connect(Role::Admin);
    server.get(tells, "/psub");
    let signed = server.ask(Role::Admin, "/sign?cname=room");
    assert!(signed.contains("\"cname\":\"room\"") && !signed.contains("ic/"), "{signed}");
    let signed: serde_json::Value = serde_json::from_str(&signed).expect("JSON");
    let token = signed["token"].as_str().expect("a token");
    server.push("room", "m");
    let heard = server.ask(Role::Front, &format!("/sub?cname=room&seq=1&token={token}"));
    assert!(heard.contains("\"content\":\"m\""), "{heard}");
    assert_eq!(
        server.ask(Role::Admin, "/info?cname=room").trim(),
        "{\"cname\": \"room\", \"subscribers\": 0}"
    );
    assert_eq!(server.ask(Role::Admin, "/check?cname=room").trim(), "{\"room\": 1}");
    assert_eq!(server.ask(Role::Admin, "/check?cname=other").trim(), "{}");
    let missing = server.ask(Role::Admin, "/clear?cname=other");
    assert_eq!(missing, "channel[other] not connected\n");
    assert!(server.ask(Role::Admin, "/clear?cname=room").starts_with("ok "));
    // Of channels that are not its own it is not told.
    rest::register(&mut server, "elsewhere");
    let told = server.received(tells);
    assert!(told.contains("1 room\n") && !told.contains("elsewhere") && !told.contains("ic/"), "{told}");
    // No name is still none, and not that of the prefix.
    for (role, path) in
        [(Role::Admin, "/push?content=x"), (Role::Front, "/sub?seq=1"), (Role::Admin, "/close")]
    {
        let refused = server.ask(role, path);
        assert!(!refused.contains("\"type\":\"ok\"") && !refused.contains("ic/"), "{path}: {refused}");
    }
    assert!(server.machine.standing("ic/").is_none());
}

#[test]
fn who_may_push_by_icomets_paths_is_said_by_the_names_of_all() {
    let mut server = Server::new(with_icomets());
    assert!(server.ask(Role::Front, "/push?cname=open1&content=x").contains("ok"));
    assert!(!server.ask(Role::Front, "/push?cname=shut&content=x").contains("ok"));
    assert!(server.machine.standing("ic/open1").is_some() && server.machine.standing("ic/shut").is_none());
}

#[test]
fn who_reads_by_icomets_paths_goes_on_when_the_prefix_is_another() {
    let mut server = Server::new(with_icomets());
    let stream = server.connect(Role::Front);
    server.get(stream, "/stream?cname=room&seq=1");
    server.push("room", "one");
    assert!(server.received(stream).contains("\"cname\":\"room\""));
    let mut config = with_icomets();
    config.icomet.channel_prefix = prefix("another/");
    server.machine.reconfigure(config);
    rest_of(&mut server, "ic/room", "two");
    let heard = server.received(stream);
    assert!(heard.contains("\"cname\":\"room\",\"seq\":2,\"content\":\"two\""), "{heard}");
    server.push("room", "for those who come now");
    assert!(!server.received(stream).contains("those"));
    assert!(server.machine.standing("another/room").is_some());
}

/// Publishes by our own API, which has no prefix.
fn rest_of(server: &mut Server, channel: &str, text: &str) {
    let client = server.connect(Role::Admin);
    let length = text.len();
    server.send(
        client,
        format!("POST /publish?channel={channel} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{text}"),
    );
    assert!(server.received(client).starts_with("HTTP/1.1 20"));
    server.vanish(client);
}
