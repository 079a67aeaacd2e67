//! What a publish needs where memory is full, to the byte: who takes the place of as much is let in, whichever way.
use super::bayeux_client::{Fellow, config};
use super::halfway::{post, several};
use super::*;
use rcomet_core::Rights;
use serde_json::json;

/// A server whose memory is full, and those who talk to it: newcomers take some, and so do records of what was done.
struct Full {
    server: Server,
    admin: Client,
    control: Client,
}

impl Full {
    fn of(mut server: Server) -> Self {
        let (admin, control) = (server.connect(Role::Admin), server.connect(Role::Control(Rights::All)));
        let mut full = Self { server, admin, control };
        // Room for a timer or two, and for no message: the last 64th is for readers.
        let used = full.used() + 64;
        full.limit(used * 64 / 63 + 1);
        full
    }

    fn used(&mut self) -> usize {
        self.server.send(self.control, "status\n");
        let status = self.server.received(self.control);
        let (_, rest) = status.split_once("\"memory_bytes\":").expect("it is told");
        let used: Option<usize> = rest.split([',', '}']).next().and_then(|used| used.trim().parse().ok());
        used.expect("a number")
    }

    fn limit(&mut self, bytes: usize) {
        let mut config = self.server.machine.config().clone();
        config.limits.memory_bytes_max = bytes;
        self.server.machine.reconfigure(config);
    }

    /// So many bytes are free from now on.
    fn leave(&mut self, bytes: usize) {
        let used = self.used();
        self.limit(used + bytes);
    }

    fn post(&mut self, target: &str, kind: &str, body: &str) -> String {
        let fields = format!("Host: x\r\nContent-Type: {kind}\r\nContent-Length: {}", body.len());
        self.server.send(self.admin, format!("POST {target} HTTP/1.1\r\n{fields}\r\n\r\n{body}"));
        let answer = self.server.received(self.admin);
        status(&answer).to_owned()
    }
}

fn kept(server: &Server, channel: &str) -> u64 {
    server.machine.standing(channel).map_or(0, |stands| stands.head - stands.base)
}

#[test]
fn several_messages_take_the_place_of_as_many() {
    for ttl in ["", r#","ttl":600"#] {
        let message = |name: &str| format!(r#"{{"channel":"{name}","data":"0123456789"{ttl}}}"#);
        let one = message("a");
        let many = format!(r#"{{"messages":[{},{},{}]}}"#, message("a"), message("b"), message("a"));
        let mut server = with(|l| l.explain_records_max = 0);
        assert_eq!(status(&post(&mut server, "/publish", "application/json", &many)), "200");
        let mut full = Full::of(server);
        for _ in 0..5 {
            assert_eq!(full.post("/publish", "application/json", &one), "200", "{ttl}");
            assert_eq!(full.post("/publish", "application/json", &many), "200", "{ttl}");
        }
        let kept = |full: &Full| (kept(&full.server, "a"), kept(&full.server, "b"));
        assert_eq!(kept(&full), (2, 1));
        let larger = many.replace("0123456789", &"+".repeat(50));
        assert_eq!(full.post("/publish", "application/json", &larger), "503", "{ttl}");
        assert_eq!(kept(&full), (2, 1), "nothing is taken for it");
    }
}

#[test]
fn a_value_is_said_again_in_the_place_of_an_older_one() {
    let mut server = with(|l| l.explain_records_max = 0);
    for value in ["0123456789", "9876543210"] {
        asks(&mut server, Role::Control(Rights::All), format!("write k {value}\n"));
    }
    let mut full = Full::of(server);
    for _ in 0..3 {
        assert_eq!(full.post("/keys/k/refresh", "text/plain", ""), "200");
    }
    assert_eq!(kept(&full.server, "k"), 2);
}

#[test]
fn messages_of_bayeux_take_the_place_of_as_many() {
    for ext in [None, Some(json!({"mine": "0123456789"}))] {
        let fields =
            ext.map_or(json!({"data": "0123456789"}), |ext| json!({"data": "0123456789", "ext": ext}));
        let mut server = Server::new(config());
        let mut fellow = Fellow::new(&mut server);
        assert_eq!(fellow.send(&mut server, "/a", fields.clone())[0]["successful"], true);
        let mut full = Full::of(server);
        for _ in 0..3 {
            let reply = fellow.send(&mut full.server, "/a", fields.clone());
            assert_eq!(reply[0]["successful"], true, "{reply}");
        }
        assert_eq!(kept(&full.server, "/a"), 1);
    }
}

/// A service that has been asked something: who does it, who asked, and what names that one.
fn asked() -> (Server, Fellow, Fellow, serde_json::Value) {
    let mut server = Server::new(config());
    let mut application = Fellow::begin(&mut server, Role::Admin, "127.0.0.1", json!({})).0;
    application.subscribe(&mut server, "/service/ask");
    let mut fellow = Fellow::new(&mut server);
    fellow.send(&mut server, "/service/ask", json!({"data": 1}));
    application.connect(&mut server);
    let heard = application.heard(&mut server).expect("what was asked");
    let from = heard.as_array().and_then(|all| all.iter().find(|it| it["data"] == 1)).expect("it");
    let ext = json!({"rcomet": {"to": from["ext"]["rcomet"]["from"]}});
    (server, application, fellow, ext)
}

#[test]
fn answers_of_a_service_need_what_they_take() {
    let (mut server, mut application, mut fellow, ext) = asked();
    let mut answer = |server: &mut Server, data: &str| {
        let reply = application.send(server, "/service/ask", json!({"data": data, "ext": ext}));
        reply[0]["successful"] == true
    };
    assert!(answer(&mut server, "first"));
    let mut full = Full::of(server);
    full.leave(300);
    assert!(answer(&mut full.server, "second"));
    full.leave(100);
    // What waits is not taken away for it.
    assert!(!answer(&mut full.server, "third"));
    full.server.machine.reconfigure(config());
    fellow.connect(&mut full.server);
    assert_eq!(fellow.data(&mut full.server), [json!("first"), json!("second")]);
}

/// The first answer to a client opens its mailbox, too.
#[test]
fn a_first_answer_of_a_service_needs_a_mailbox() {
    let mut answered = Vec::new();
    for free in (200..1_600).step_by(100) {
        let (server, mut application, _, ext) = asked();
        let mut full = Full::of(server);
        full.leave(free);
        let before = full.server.machine.memory().total_bytes();
        let reply = application.send(&mut full.server, "/service/ask", json!({"data": "first", "ext": ext}));
        let grown = full.server.machine.memory().total_bytes() - before;
        assert!(grown <= free, "{grown} bytes where {free} were free: {reply}");
        answered.push(reply[0]["successful"] == true);
    }
    assert!(answered.is_sorted() && !answered[0] && answered.ends_with(&[true]), "{answered:?}");
}

/// The first that is named does not pay for all, and is no reason to refuse what others have room for.
#[test]
fn what_is_published_to_several_channels_takes_room_from_each_or_from_none() {
    let full = |poor: &str| {
        let mut server = several(|l| l.explain_records_max = 0);
        for channel in ["a-1", "b-1", "c-1"] {
            let (count, bytes) = if channel == poor { (1, 10) } else { (5, 1_000) };
            (0..count).for_each(|_| server.push(channel, &"x".repeat(bytes)));
        }
        Full::of(server)
    };
    let all = |full: &Full| ["a-1", "b-1", "c-1"].map(|channel| kept(&full.server, channel));
    let mut even = full("");
    for _ in 0..5 {
        assert_eq!(even.post("/pub/1", "text/plain", &"y".repeat(1_000)), "202");
        // What its publisher says of a message makes it larger than those before.
        let kept = all(&even);
        assert!(kept.iter().sum::<u64>() >= 14 && kept.iter().all(|count| *count >= 4), "{kept:?}");
    }
    for poor in ["a-1", "b-1", "c-1"] {
        let mut full = full(poor);
        let before = all(&full);
        // Together they have not enough.
        assert_eq!(full.post("/pub/1", "text/plain", &"y".repeat(5_000)), "503");
        assert_eq!(all(&full), before);
        assert_eq!(full.post("/pub/1", "text/plain", &"y".repeat(1_000)), "202");
        let kept = all(&full);
        assert!(kept.iter().sum::<u64>() >= 9 && kept.iter().all(|count| *count > 0), "{poor}: {kept:?}");
    }
}
