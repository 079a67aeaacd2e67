//! One core: what is published in any dialect is read in every other, in order, with its own cursor, also after a
//! disconnect in the middle. A dialect adds one line to [`DIALECTS`], and what it takes to publish and to read.
mod support;

use rcomet_core::{Config, Rights, Role};
use support::{Client, Server, encode, split};

/// How a dialect publishes, and how it reads.
struct Dialect {
    name: &'static str,
    publish: fn(&mut Server, &str, &str),
    /// A request that reads on from a cursor; "" is the beginning.
    read: fn(&str, &str) -> (Role, String),
    /// What an answer's head and body hold: messages, and the cursor behind each of them.
    hear: fn(&str, &str) -> Vec<(String, String)>,
    /// Its subscribers are answered once, and ask again.
    is_poll: bool,
}

const DIALECTS: &[Dialect] = &[
    Dialect { name: "icomet", publish: icomet_push, read: icomet_sub, hear: icomet_hear, is_poll: true },
    Dialect { name: "icomet sse", publish: icomet_push, read: sse_read, hear: sse_hear, is_poll: false },
    Dialect { name: "ccomet", publish: ccomet_publish, read: ccomet_sub, hear: ccomet_hear, is_poll: true },
    Dialect {
        name: "simple comet",
        publish: simple_push,
        read: simple_read,
        hear: simple_hear,
        is_poll: true,
    },
    Dialect {
        name: "simple comet, several",
        publish: simple_push,
        read: several_read,
        hear: simple_hear,
        is_poll: true,
    },
    Dialect { name: "push", publish: push_post, read: push_read, hear: push_hear, is_poll: true },
    Dialect {
        name: "push events",
        publish: push_post,
        read: push_read_events,
        hear: push_events,
        is_poll: false,
    },
    Dialect { name: "keys", publish: key_put, read: key_read, hear: key_hear, is_poll: true },
    Dialect { name: "cometserver", publish: comet_write, read: key_read, hear: key_hear, is_poll: true },
];

fn server() -> Server {
    let mut config = Config::default();
    config.ccomet.publish = true;
    config.simple_comet.publish = true;
    Server::new(config)
}

fn post(server: &mut Server, role: Role, target: &str, form: &str) -> String {
    let client = server.connect(role);
    let kind = "Content-Type: application/x-www-form-urlencoded";
    server.send(
        client,
        format!(
            "POST {target} HTTP/1.1\r\nHost: x\r\n{kind}\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        ),
    );
    let answer = server.received(client);
    server.vanish(client);
    support::body(&answer)
}

fn icomet_push(server: &mut Server, channel: &str, text: &str) {
    server.push(channel, text);
}

fn icomet_sub(channel: &str, cursor: &str) -> (Role, String) {
    let seq = if cursor.is_empty() { "1" } else { cursor };
    (Role::Front, format!("/sub?cname={channel}&seq={seq}"))
}

fn icomet_hear(_: &str, body: &str) -> Vec<(String, String)> {
    let value: serde_json::Value = serde_json::from_str(body).unwrap();
    let items = value.as_array().cloned().unwrap_or(vec![value]);
    let next = |item: &serde_json::Value| (item["seq"].as_u64().unwrap() + 1).to_string();
    items.iter().map(|item| (item["content"].as_str().unwrap().to_owned(), next(item))).collect()
}

/// The cursor is the event's id, which stands for a place in the one log; it is put into the target here and taken out
/// again where the request is written.
fn sse_read(channel: &str, cursor: &str) -> (Role, String) {
    (Role::Front, format!("/sse?cname={channel}&seq=1#{cursor}"))
}

fn sse_hear(_: &str, body: &str) -> Vec<(String, String)> {
    let events = body.split("\n\n").filter(|event| !event.is_empty());
    events
        .map(|event| {
            let (id, data) = event.strip_prefix("id: ").and_then(|rest| rest.split_once('\n')).expect(event);
            let data = data.strip_prefix("data: ").expect("a message");
            let value: serde_json::Value = serde_json::from_str(data).unwrap();
            (value["content"].as_str().unwrap().to_owned(), id.to_owned())
        })
        .collect()
}

fn ccomet_publish(server: &mut Server, channel: &str, text: &str) {
    let target = format!("/publish?channel={channel}&sname=bob&msg={}&callback=f", encode(text));
    assert!(server.ask(Role::Ccomet, &target).contains("\"publish\""));
}

fn ccomet_sub(channel: &str, cursor: &str) -> (Role, String) {
    let seqid = if cursor.is_empty() { "0" } else { cursor };
    (Role::Ccomet, format!("/subscribe?channel={channel}&sname=ann&seqid={seqid}&callback=f"))
}

fn ccomet_hear(_: &str, body: &str) -> Vec<(String, String)> {
    let inside = body.strip_prefix("/**/f('").and_then(|b| b.strip_suffix("')")).expect("a call");
    let value: serde_json::Value = serde_json::from_str(&inside.replace("\\\\", "\\")).unwrap();
    let next =
        |item: &serde_json::Value| (item["seqid"].as_str().unwrap().parse::<u64>().unwrap() + 1).to_string();
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["msg"].as_str().unwrap().to_owned(), next(item)))
        .collect()
}

fn simple_register(server: &mut Server, channel: &str) {
    assert!(
        post(server, Role::SimpleComet, "/channels.json", &format!("channel_id={channel}"))
            .contains("\"return_code\": 1")
    );
}

fn simple_push(server: &mut Server, channel: &str, text: &str) {
    let form = format!("content={}", encode(text));
    let got = post(server, Role::SimpleComet, &format!("/channels/{channel}.json"), &form);
    assert!(got.starts_with("{\"message_id\": "), "{got}");
}

fn simple_read(channel: &str, cursor: &str) -> (Role, String) {
    (Role::SimpleComet, format!("/channels/{channel}.json?since={cursor}"))
}

/// With another channel in which things happen, too: its messages are not asked for here.
fn several_read(channel: &str, cursor: &str) -> (Role, String) {
    (Role::SimpleComet, format!("/channels/quiet%7C{channel}%7Cnone.json?since={cursor}"))
}

fn simple_hear(_: &str, body: &str) -> Vec<(String, String)> {
    let value: serde_json::Value = serde_json::from_str(body).unwrap();
    let last = value["last_id"].to_string();
    let room = value["messages"]["room"].as_array().cloned().unwrap_or_default();
    let count = room.len();
    let cursor =
        |i: usize, m: &serde_json::Value| if i + 1 == count { last.clone() } else { m["id"].to_string() };
    room.iter().enumerate().map(|(i, m)| (m["content"].as_str().unwrap().to_owned(), cursor(i, m))).collect()
}

fn push_post(server: &mut Server, channel: &str, text: &str) {
    let got = post(server, Role::Admin, &format!("/publish?channel={channel}"), text);
    assert!(got.starts_with("queued messages: "), "{got}");
}

fn push_read(channel: &str, cursor: &str) -> (Role, String) {
    (Role::Front, format!("/activity?channel={channel}#{cursor}"))
}

fn push_read_events(channel: &str, cursor: &str) -> (Role, String) {
    push_read(channel, cursor)
}

/// The clock stands still in these tests.
fn push_hear(head: &str, body: &str) -> Vec<(String, String)> {
    let tag = head.lines().find_map(|line| line.strip_prefix("Etag: ")).expect(head);
    vec![(body.to_owned(), format!("{}:{tag}", support::START))]
}

fn push_events(_: &str, body: &str) -> Vec<(String, String)> {
    let events = body.split("\n\n").filter(|event| !event.is_empty() && !event.starts_with(':'));
    let read = |event: &str| {
        let (id, data) =
            event.strip_prefix("id: ").and_then(|rest| rest.split_once("\ndata: ")).expect(event);
        (data.to_owned(), id.to_owned())
    };
    events.map(read).collect()
}

const CONTROL: Role = Role::Control(Rights::All);

fn key_put(server: &mut Server, channel: &str, text: &str) {
    let client = server.connect(CONTROL);
    let length = text.len();
    server.send(
        client,
        format!("PUT /keys/{channel} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{text}"),
    );
    assert!(server.received(client).contains("\"version\":"));
    server.vanish(client);
}

/// As PHP's `urlencode` has it.
fn comet_write(server: &mut Server, channel: &str, text: &str) {
    let pairs = [("%20", "+"), ("%2D", "-"), ("%5F", "_"), ("%2E", ".")];
    let value = pairs.iter().fold(encode(text), |text, (from, to)| text.replace(from, to));
    let client = server.connect(CONTROL);
    server.send(client, format!("write {channel} {value} \0"));
    assert_eq!(server.received(client), "ok \0");
    server.vanish(client);
}

/// A version from before this server: everything that is kept is behind it.
fn key_read(channel: &str, cursor: &str) -> (Role, String) {
    let since = if cursor.is_empty() { "1" } else { cursor };
    (CONTROL, format!("/keys/{channel}?wait=30&since={since}"))
}

fn key_hear(_: &str, body: &str) -> Vec<(String, String)> {
    let value: serde_json::Value = serde_json::from_str(body).unwrap();
    vec![(value["value"].as_str().unwrap().to_owned(), value["version"].to_string())]
}

/// Somebody who reads `room` in a dialect, and comes back when it is answered or cut off.
struct Reader<'d> {
    dialect: &'d Dialect,
    client: Option<Client>,
    /// The head of a stream has come.
    is_open: bool,
    cursor: String,
    had: Vec<String>,
}

impl<'d> Reader<'d> {
    fn new(dialect: &'d Dialect) -> Self {
        Self { dialect, client: None, is_open: false, cursor: String::new(), had: Vec::new() }
    }

    fn ask(&mut self, server: &mut Server) {
        let (role, target) = (self.dialect.read)("room", &self.cursor);
        let (target, id) = target.split_once('#').unwrap_or((&target, ""));
        let resumes = if id.is_empty() { String::new() } else { format!("Last-Event-ID: {id}\r\n") };
        let client = server.connect(role);
        let accepts = if self.dialect.is_poll { "" } else { "Accept: text/event-stream\r\n" };
        server.send(client, format!("GET {target} HTTP/1.1\r\nHost: x\r\n{accepts}{resumes}\r\n"));
        (self.client, self.is_open) = (Some(client), false);
    }

    /// Takes what has come; a poll that is answered asks again.
    fn hear(&mut self, server: &mut Server) {
        for _ in 0..100 {
            let Some(client) = self.client else { return self.ask(server) };
            let mut received = server.received(client);
            if received.is_empty() {
                return;
            }
            let mut head = String::new();
            if !self.is_open {
                // The head of an icomet poll comes before its message.
                let body;
                (head, body) = split_open(&received);
                assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
                (self.is_open, received) = (true, body);
            }
            if received.is_empty() {
                return;
            }
            let body = if received.contains("\r\n") { support::dechunk(&received) } else { received };
            for (text, cursor) in (self.dialect.hear)(&head, &body) {
                (self.cursor, _) = (cursor, self.had.push(text));
            }
            if self.dialect.is_poll {
                server.vanish(client);
                self.client = None;
            }
        }
        panic!("{} goes round and round", self.dialect.name);
    }

    fn vanish(&mut self, server: &mut Server) {
        if let Some(client) = self.client.take() {
            server.vanish(client);
        }
    }
}

/// The head, and what has come of the body.
fn split_open(received: &str) -> (String, String) {
    if received.contains("Transfer-Encoding: chunked") {
        let (head, body) = received.split_once("\r\n\r\n").expect("a head");
        return (head.to_owned(), body.to_owned());
    }
    split(received)
}

#[test]
fn what_is_published_in_one_dialect_is_read_in_every_other() {
    for publisher in DIALECTS {
        for subscriber in DIALECTS {
            let pair = format!("{} to {}", publisher.name, subscriber.name);
            let mut server = server();
            simple_register(&mut server, "quiet");
            simple_register(&mut server, "room");
            let mut reader = Reader::new(subscriber);
            let mut published = Vec::new();
            let mut publish = |server: &mut Server, text: &str| {
                (publisher.publish)(server, "room", text);
                published.push(text.to_owned());
            };
            publish(&mut server, "before anybody came");
            reader.hear(&mut server);
            reader.hear(&mut server);
            for text in ["one", "two, caf\u{e9} \u{20ac}", "<three> & \"more\""] {
                publish(&mut server, text);
                reader.hear(&mut server);
            }
            // It is cut off, and misses nothing; other channels go on meanwhile.
            reader.vanish(&mut server);
            for i in 0..5 {
                publish(&mut server, &format!("away {i}"));
                simple_push(&mut server, "quiet", "elsewhere");
            }
            reader.hear(&mut server);
            reader.hear(&mut server);
            publish(&mut server, "back again");
            for _ in 0..8 {
                reader.hear(&mut server);
            }
            assert_eq!(reader.had, published, "{pair}");
        }
    }
}

#[test]
fn publishers_of_all_dialects_are_read_in_one_order() {
    let mut server = server();
    for channel in ["quiet", "room"] {
        simple_register(&mut server, channel);
    }
    let mut readers: Vec<Reader<'_>> = DIALECTS.iter().map(Reader::new).collect();
    let mut published = Vec::new();
    for round in 0..6 {
        for (i, dialect) in DIALECTS.iter().enumerate() {
            let text = format!("{round} from {}", dialect.name);
            (dialect.publish)(&mut server, "room", &text);
            published.push(text);
            // Each reader looks in at another time, and one is cut off.
            if (round + i) % 3 == 0 {
                readers[i].hear(&mut server);
            }
            if round == 3 {
                readers[i].vanish(&mut server);
            }
        }
    }
    for reader in &mut readers {
        for _ in 0..60 {
            reader.hear(&mut server);
        }
        assert_eq!(reader.had, published, "{}", reader.dialect.name);
    }
}

/// A channel that nobody registered comes to be by being used; whoever registers it makes it lasting.
#[test]
fn a_channel_of_one_dialect_is_a_channel_of_all() {
    let mut server = server();
    icomet_push(&mut server, "room", "by icomet");
    let (role, target) = simple_read("room", "");
    assert_eq!(simple_hear("", &server.ask(role, &target))[0].0, "by icomet");
    simple_register(&mut server, "room");
    assert!(
        post(&mut server, Role::SimpleComet, "/channels.json", "channel_id=room")
            .contains("Channel already exists")
    );
    server.pass_ms(3_600_000);
    assert_eq!(simple_hear("", &server.ask(role, &target))[0].0, "by icomet");
    // Ending it in one dialect ends it in all.
    let stream = server.connect(Role::Front);
    server.get(stream, "/stream?cname=room&seq=2");
    let client = server.connect(Role::SimpleComet);
    server.send(client, "DELETE /channels/room.json HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(server.received(stream).contains("\"type\":\"close\""));
    assert!(server.received(client).contains("\"removed\": true"));
}

/// What was registered for clients who are known by name is not for everybody in another dialect.
#[test]
fn session_channels_are_shut_in_every_dialect() {
    let mut server = server();
    post(&mut server, Role::SimpleComet, "/channels.json", "channel_id=room&use_sessions=1");
    icomet_push(&mut server, "room", "secret");
    for dialect in DIALECTS {
        let (role, target) = (dialect.read)("room", "");
        // Whoever comes in by the control socket may do more.
        if role == CONTROL {
            continue;
        }
        let client = server.connect(role);
        let answer = server.get(client, target.split('#').next().unwrap_or_default());
        assert!(!answer.contains("secret"), "{}: {answer}", dialect.name);
    }
    assert_eq!(
        server.ask(Role::Front, "/sub?cname=room&seq=1"),
        "{\"type\":\"401\",\"cname\":\"room\",\"seq\":0,\"content\":\"Token error\"}\n"
    );
    post(&mut server, Role::SimpleComet, "/clients.json", "client_id=c");
    let (role, target) = simple_read("room", "");
    assert_eq!(simple_hear("", &server.ask(role, &format!("{target}&client_id=c")))[0].0, "secret");
    // Whoever has the channel's token has it from the application.
    let signed: serde_json::Value =
        serde_json::from_str(&server.ask(Role::Admin, "/sign?cname=room")).unwrap();
    let token = signed["token"].as_str().unwrap();
    assert!(server.ask(Role::Front, &format!("/sub?cname=room&seq=1&token={token}")).contains("secret"));
}

/// Where tokens guard what is public, this dialect has none to show: what it can show is a registered client.
#[test]
fn tokens_guard_what_simple_comet_reads_too() {
    let mut config = server().machine.config().clone();
    config.front.auth = rcomet_core::config::Auth::Token;
    let mut server = Server::new(config);
    simple_register(&mut server, "room");
    post(&mut server, Role::SimpleComet, "/channels.json", "channel_id=own&use_sessions=1");
    post(&mut server, Role::SimpleComet, "/clients.json", "client_id=c");
    for channel in ["room", "own"] {
        simple_push(&mut server, channel, "x");
    }
    let got = server.ask(Role::SimpleComet, "/channels/room%7Cown.json?client_id=c");
    assert!(got.contains("\"own\": [{") && !got.contains("room"), "{got}");
    assert!(server.ask(Role::SimpleComet, "/channels/room%7Cown.json").contains("No valid channels"));
}
