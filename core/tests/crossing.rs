//! One core: what is published in any dialect is read in every other, in order, with its own cursor, also after a
//! disconnect in the middle. A dialect adds one line to [`PUBLISHERS`] and one to [`READERS`], and what it takes to publish
//! and to read.
#[path = "crossing/bare.rs"]
mod bare;
#[path = "support/bayeux.rs"]
mod bayeux;
#[path = "crossing/publishers.rs"]
mod publishers;
#[path = "crossing/requests.rs"]
mod requests;
#[path = "crossing/sessions.rs"]
mod sessions;
mod support;
#[path = "support/websocket.rs"]
mod websocket;
#[path = "support/wire.rs"]
mod wire;

use bare::Bare;
use publishers::{register, register_client};
use rcomet_core::Role;
use requests::Reader;
use sessions::{Polling, Pushed, Socketed};
use support::Server;

/// A name that is one in every dialect: Bayeux's begin with a slash.
const ROOM: &str = "/room";

/// Somebody who reads the room.
trait Listener {
    /// Takes what has come, and goes on.
    fn hear(&mut self, server: &mut Server);
    /// Its connection is lost.
    fn vanish(&mut self, server: &mut Server);
    /// Every text that it has had.
    fn had(&self) -> &[String];
}

/// Publishes a text to a channel.
type Publish = fn(&mut Server, &str, &str);

const PUBLISHERS: &[(&str, Publish)] = &[
    ("icomet", publishers::icomet),
    ("CComet", publishers::ccomet),
    ("Simple Comet", publishers::simple),
    ("push", publishers::push),
    ("push WebSocket", publishers::push_socket),
    ("native", publishers::native),
    ("native WebSocket", publishers::native_socket),
    ("Bayeux", publishers::bayeux),
    ("Bayeux WebSocket", publishers::bayeux_socket),
    ("keys", publishers::key),
    ("CometServer", publishers::comet),
];

/// Begins to read the room.
type Begin = fn() -> Box<dyn Listener>;

const READERS: &[(&str, Begin)] = &[
    ("icomet poll", || Reader::boxed(&requests::ICOMET)),
    ("icomet JSONP", || Reader::boxed(&requests::ICOMET_JSONP)),
    ("icomet stream", || Reader::boxed(&requests::ICOMET_STREAM)),
    ("icomet events", || Reader::boxed(&requests::ICOMET_SSE)),
    ("CComet", || Reader::boxed(&requests::CCOMET)),
    ("Simple Comet", || Reader::boxed(&requests::SIMPLE)),
    ("Simple Comet, several", || Reader::boxed(&requests::SIMPLE_SEVERAL)),
    ("Simple Comet JSONP", || Reader::boxed(&requests::SIMPLE_JSONP)),
    ("push poll", || Reader::boxed(&requests::PUSH)),
    ("push poll by id", || Reader::boxed(&requests::PUSH_BY_ID)),
    ("push interval poll", || Reader::boxed(&requests::PUSH_INTERVAL)),
    ("push poll for parts", || Reader::boxed(&requests::PUSH_BATCH)),
    ("push poll for lines", || Reader::boxed(&requests::PUSH_LINES)),
    ("push events", || Reader::boxed(&requests::PUSH_EVENTS)),
    ("push multipart", || Reader::boxed(&requests::PUSH_MULTIPART)),
    ("push chunked", || Bare::boxed("/activity?channel=", "TE: chunked\r\n")),
    ("push raw stream", || Bare::boxed("/raw?channel=", "")),
    ("push WebSocket", || Socketed::boxed(&sessions::PUSH)),
    ("native events", || Reader::boxed(&requests::EVENTS)),
    ("native lines", || Reader::boxed(&requests::LINES)),
    ("native poll", || Reader::boxed(&requests::LONG_POLL)),
    ("native WebSocket", || Socketed::boxed(&sessions::NATIVE)),
    ("Bayeux", || Box::<Polling>::default()),
    ("Bayeux WebSocket", || Box::<Pushed>::default()),
    ("keys", || Reader::boxed(&requests::KEYS)),
];

fn server() -> Server {
    let mut config = bayeux::config();
    config.ccomet.publish = true;
    config.simple_comet.publish = true;
    config.front.publish = vec!["*".to_owned().try_into().expect("a pattern")];
    for location in [
        r#"{"path": "/interval?channel=", "role": "subscriber", "transports": ["interval_poll"]}"#,
        r#"{"path": "/batch?channel=", "role": "subscriber", "longpoll_multipart": "on"}"#,
        r#"{"path": "/lines?channel=", "role": "subscriber", "longpoll_multipart": "raw", "raw_stream_separator": "\u001e"}"#,
        r#"{"path": "/raw?channel=", "role": "subscriber", "transports": ["raw_stream"]}"#,
    ] {
        config.push.location.push(serde_json::from_str(location).expect("a location"));
    }
    Server::new(config)
}

#[test]
fn what_is_published_in_one_dialect_is_read_in_every_other() {
    for (publisher, publish) in PUBLISHERS {
        for (subscriber, begin) in READERS {
            let mut server = server();
            register(&mut server, "quiet", "");
            register(&mut server, ROOM, "");
            let mut reader = begin();
            let mut published = Vec::new();
            let mut say = |server: &mut Server, text: &str| {
                publish(server, ROOM, text);
                published.push(text.to_owned());
            };
            say(&mut server, "before anybody came");
            reader.hear(&mut server);
            reader.hear(&mut server);
            for text in ["one", "two, caf\u{e9} \u{20ac}", "<three> & \"more\"", "{\"json\": 4}"] {
                say(&mut server, text);
                reader.hear(&mut server);
            }
            // It is cut off, and misses nothing; other channels go on meanwhile.
            reader.vanish(&mut server);
            for i in 0..5 {
                say(&mut server, &format!("away {i}"));
                publishers::simple(&mut server, "quiet", "elsewhere");
            }
            reader.hear(&mut server);
            reader.hear(&mut server);
            say(&mut server, "back again");
            for _ in 0..8 {
                reader.hear(&mut server);
            }
            assert_eq!(reader.had(), published, "{publisher} to {subscriber}");
        }
    }
}

#[test]
fn publishers_of_all_dialects_are_read_in_one_order() {
    let mut server = server();
    for channel in ["quiet", ROOM] {
        register(&mut server, channel, "");
    }
    let mut readers: Vec<Box<dyn Listener>> = READERS.iter().map(|(_, begin)| begin()).collect();
    let mut published = Vec::new();
    for round in 0..6 {
        for (i, (name, publish)) in PUBLISHERS.iter().enumerate() {
            let text = format!("{round} from {name}");
            publish(&mut server, ROOM, &text);
            published.push(text);
            // Each reader looks in at another time, and all are cut off once; with the first round all are there.
            for (j, reader) in readers.iter_mut().enumerate() {
                if round == 0 || (round + i + j) % 3 == 0 {
                    reader.hear(&mut server);
                }
                if round == 3 && i == j % PUBLISHERS.len() {
                    reader.hear(&mut server);
                    reader.vanish(&mut server);
                }
            }
        }
    }
    for (reader, (name, _)) in readers.iter_mut().zip(READERS) {
        for _ in 0..60 {
            reader.hear(&mut server);
        }
        assert_eq!(reader.had(), published, "{name}");
    }
}

/// A channel that nobody registered comes to be by being used; whoever registers it makes it lasting.
#[test]
fn a_channel_of_one_dialect_is_a_channel_of_all() {
    let mut server = server();
    publishers::icomet(&mut server, ROOM, "by icomet");
    let first = |server: &mut Server| {
        let (role, target, _) = (requests::SIMPLE.ask)("");
        (requests::SIMPLE.hear)("", &server.ask(role, &target))[0].0.clone()
    };
    assert_eq!(first(&mut server), "by icomet");
    register(&mut server, ROOM, "");
    assert!(register(&mut server, ROOM, "").contains("Channel already exists"));
    server.pass_ms(3_600_000);
    assert_eq!(first(&mut server), "by icomet");
    // Ending it in one dialect ends it in all.
    let stream = server.connect(Role::Front);
    server.get(stream, "/stream?cname=/room&seq=2");
    let client = server.connect(Role::SimpleComet);
    server.send(client, "DELETE /channels/%2Froom.json HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(server.received(stream).contains("\"type\":\"close\""));
    assert!(server.received(client).contains("\"removed\": true"));
}

/// What a stranger who asks for a channel in every way there is gets to see.
fn what_strangers_see(server: &mut Server, name: &str) -> String {
    let called = |text: &str| text.replace(&support::encode(ROOM), &support::encode(name));
    let mut seen = String::new();
    let all = [
        &requests::ICOMET,
        &requests::ICOMET_JSONP,
        &requests::ICOMET_STREAM,
        &requests::ICOMET_SSE,
        &requests::CCOMET,
        &requests::SIMPLE,
        &requests::SIMPLE_SEVERAL,
        &requests::SIMPLE_JSONP,
        &requests::PUSH,
        &requests::PUSH_INTERVAL,
        &requests::PUSH_BATCH,
        &requests::PUSH_EVENTS,
        &requests::PUSH_MULTIPART,
        &requests::EVENTS,
        &requests::LINES,
        &requests::LONG_POLL,
    ];
    for reading in all {
        let (role, target, fields) = (reading.ask)("");
        let client = server.connect(role);
        server.send(client, format!("GET {} HTTP/1.1\r\nHost: x\r\n{fields}\r\n", called(&target)));
        seen += &server.received(client);
        server.vanish(client);
    }
    for (target, fields) in [("/activity", "TE: chunked\r\n"), ("/raw", "")] {
        let client = server.connect(Role::Front);
        let target = format!("{target}?channel={}", support::encode(name));
        server.send(client, format!("GET {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n"));
        seen += &server.received(client);
        server.vanish(client);
    }
    seen += &server.ask(Role::Front, &format!("/history?channel={name}"));
    for tongue in [&sessions::NATIVE, &sessions::PUSH] {
        let (path, fields) = (tongue.at)("");
        let client = server.connect(Role::Front);
        let head = format!("GET {} HTTP/1.1\r\n{}{fields}\r\n", called(&path), websocket::HANDSHAKE);
        let said = (tongue.says)("").map_or(Vec::new(), |words| websocket::text(&words.replace(ROOM, name)));
        server.send(client, [head.as_bytes(), &said].concat());
        seen += &String::from_utf8_lossy(&server.received_bytes(client));
        server.vanish(client);
    }
    let mut fellow = bayeux::Fellow::new(server);
    for name in [name, "/**", "/*"] {
        let subscription = serde_json::json!({"subscription": name, "ext": {"rcomet": {"history": 9}}});
        fellow.send(server, "/meta/subscribe", subscription);
    }
    fellow.connect(server);
    seen += &server.received(fellow.connection);
    server.vanish(fellow.connection);
    seen
}

/// What was registered for clients who are known by name is not for everybody in another dialect.
#[test]
fn session_channels_are_shut_in_every_dialect() {
    let mut server = server();
    publishers::icomet(&mut server, ROOM, "to be seen");
    let seen = what_strangers_see(&mut server, ROOM);
    assert_eq!(seen.matches("to be seen").count(), 22, "there is no other lock: {seen}");
    let mut server = self::server();
    register(&mut server, ROOM, "&use_sessions=1");
    publishers::icomet(&mut server, ROOM, "secret");
    let seen = what_strangers_see(&mut server, ROOM);
    assert!(!seen.contains("secret"), "{seen}");
    assert_eq!(
        server.ask(Role::Front, "/sub?cname=/room&seq=1"),
        "{\"type\":\"401\",\"cname\":\"/room\",\"seq\":0,\"content\":\"Token error\"}\n"
    );
    register_client(&mut server, "c");
    let (role, target, _) = (requests::SIMPLE.ask)("");
    let got = server.ask(role, &format!("{target}&client_id=c"));
    assert_eq!((requests::SIMPLE.hear)("", &got)[0].0, "secret");
    // Whoever has the channel's token has it from the application.
    let signed: serde_json::Value =
        serde_json::from_str(&server.ask(Role::Admin, "/sign?cname=/room")).unwrap();
    let token = signed["token"].as_str().unwrap();
    assert!(server.ask(Role::Front, &format!("/sub?cname=/room&seq=1&token={token}")).contains("secret"));
}

/// Where tokens guard what is public, nobody sees it without one; of Simple Comet's clients, registered ones see what is theirs.
#[test]
fn tokens_guard_what_every_dialect_reads() {
    let mut config = server().machine.config().clone();
    config.front.auth = rcomet_core::config::Auth::Token;
    let mut server = Server::new(config);
    register(&mut server, ROOM, "");
    register(&mut server, "own", "&use_sessions=1");
    register_client(&mut server, "c");
    for channel in [ROOM, "own"] {
        publishers::simple(&mut server, channel, "a secret");
    }
    let seen = what_strangers_see(&mut server, ROOM);
    assert!(!seen.contains("a secret"), "{seen}");
    let got = server.ask(Role::SimpleComet, "/channels/%2Froom%7Cown.json?client_id=c");
    assert!(got.contains("\"own\": [{") && !got.contains("room"), "{got}");
    assert!(server.ask(Role::SimpleComet, "/channels/%2Froom%7Cown.json").contains("No valid channels"));
}

/// What a client says to a service is for the application server: others on the public side neither read it nor pretend to be
/// that client, in any dialect, whatever may be published there.
#[test]
fn services_are_nobodys_on_the_public_side() {
    for name in ["/service/echo", "/service", "/meta/connect"] {
        let mut server = server();
        if name != "/meta/connect" {
            publishers::bayeux(&mut server, name, "said by a client");
        }
        publishers::native(&mut server, name, "said by a server");
        let seen = what_strangers_see(&mut server, name);
        assert!(!seen.contains("said by"), "{name}: {seen}");
        // Nor do they write there.
        let before = server.machine.standing(name).unwrap().head;
        let (channel, text) = (support::encode(name), "forged");
        for (role, target) in [
            (Role::Front, format!("/push?cname={channel}&content={text}")),
            (Role::Ccomet, format!("/publish?channel={channel}&sname=bob&msg={text}&callback=f")),
            (Role::Ccomet, format!("/sign?channel={channel}&sname=bob&callback=f")),
        ] {
            server.ask(role, &target);
        }
        register(&mut server, name, "");
        publishers::post(
            &mut server,
            Role::SimpleComet,
            &format!("/channels/{channel}.json"),
            "",
            "content=forged",
        );
        let socket = websocket::Socket::open(&mut server);
        let publish = serde_json::json!({"type": "publish", "channel": name, "data": text});
        assert_eq!(socket.ask(&mut server, &publish.to_string())[0]["status"], 403);
        let client = server.connect(Role::SimpleComet);
        server.send(client, format!("DELETE /channels/{channel}.json HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!(server.machine.standing(name).map(|standing| standing.head), Some(before), "{name}");
        // Whoever has the channel's token has it from the application.
        let signed: serde_json::Value =
            serde_json::from_str(&server.ask(Role::Admin, &format!("/sign?cname={channel}"))).unwrap();
        let token = signed["token"].as_str().unwrap();
        for target in ["/sub?seq=1&cname", "/events?history=all&wait=0&channel"] {
            let seen = server.ask(Role::Front, &format!("{target}={channel}&token={token}"));
            assert!(seen.contains("said by"), "{name}: {seen}");
        }
    }
}
