//! One message for very many, however they listen: it is written once for all who get the same bytes.
use super::support::{Client, encode};
use super::*;

const SESSIONS: usize = 1_000;
/// Of `data`: a copy for each of them would take 20 MB.
const BYTES: usize = 20_000;
/// What is each answer's own may take as much: the blocks that its head and its reply stand in.
const OWN_MAX: usize = 4_200;

/// Somebody who listens.
enum Ear {
    Poll(Fellow),
    Script(Client),
    Wire(Wired),
}

impl Ear {
    /// The `n`th of many, no two of twenty in a row alike but for the polls.
    fn new(server: &mut Server, n: usize) -> Self {
        let name = if n.is_multiple_of(2) { "/room/a" } else { "/room/*" };
        let (way, acks) = (n / 2 % 5, (n / 10).is_multiple_of(2));
        if way < 2 {
            let mut own = if acks { Fellow::with_ack(server) } else { Fellow::new(server) };
            own.subscribe(server, name);
            own.connect(server);
            return Self::Poll(own);
        }
        if way == 2 {
            let mut own = if acks { Fellow::with_ack(server) } else { Fellow::new(server) };
            own.subscribe(server, name);
            let message = json!({"channel": "/meta/connect", "clientId": own.client});
            let target = format!("/cometd?jsonp=call{n}&message={}", encode(&message.to_string()));
            server.send(own.connection, format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
            return Self::Script(own.connection);
        }
        let head = if way == 3 { "" } else { DEFLATE };
        let fields = if acks { json!({"ext": {"ack": true}}) } else { json!({}) };
        let mut own = Wired::begin(server, head, fields);
        own.acked = acks.then_some(0);
        own.subscribe(server, name);
        own.connect(server);
        Self::Wire(own)
    }

    fn connection(&self) -> Client {
        match self {
            Self::Poll(own) => own.connection,
            Self::Script(own) => *own,
            Self::Wire(own) => own.socket.0,
        }
    }

    fn data(&mut self, server: &mut Server) -> Vec<Value> {
        let text = match self {
            Self::Poll(own) => return own.data(server),
            Self::Wire(own) => return own.data(server),
            Self::Script(own) => server.received(*own),
        };
        let (_, call) = text.split_once("/**/call").expect("a call");
        let (_, messages) = call.trim_end_matches(");").split_once('(').expect("what it is called with");
        let messages: Vec<Value> = serde_json::from_str(messages).expect("messages");
        messages.iter().filter_map(|message| message.get("data").cloned()).collect()
    }
}

/// On their way, a thousand answers take the memory of a few, and of their own heads and replies: `data` stands once in what all polls
/// and scripts are sent, of the channel and of the pattern, once in a message of a WebSocket, and once compressed.
#[test]
fn a_thousand_sessions_hear_the_same() {
    let mut config = config();
    config.limits.memory_bytes_max = 1 << 30;
    let mut server = Server::new(config);
    let mut all: Vec<Ear> = (0..SESSIONS).map(|n| Ear::new(&mut server, n)).collect();
    for ear in &all {
        server.clog(ear.connection(), true);
    }
    let before = server.machine.memory();
    let deflated = server.machine.counters().frames_deflated;
    let data = json!({"text": "x".repeat(BYTES), "n": [1, {}]});
    let mut publisher = Fellow::begin(&mut server, Role::Admin, "127.0.0.1", json!({})).0;
    assert_eq!(publisher.send(&mut server, "/room/a", json!({"data": data}))[0]["successful"], true);
    let memory = server.machine.memory();
    assert_eq!(server.machine.counters().delivered, SESSIONS as u64);
    let frames = memory.frames_bytes - before.frames_bytes;
    // Of the channel and of the pattern, as a part of answers and as a message.
    assert!((4 * BYTES..5 * BYTES).contains(&frames), "{frames}");
    assert_eq!(server.machine.counters().frames_deflated, deflated + 2);
    let own = (memory.total_bytes() - before.total_bytes() - frames) / SESSIONS;
    assert!(own < OWN_MAX, "{own}");
    for ear in &mut all {
        server.clog(ear.connection(), false);
        assert_eq!(ear.data(&mut server), std::slice::from_ref(&data));
    }
    assert_eq!(server.machine.memory().frames_bytes, before.frames_bytes, "and is given back");
}
