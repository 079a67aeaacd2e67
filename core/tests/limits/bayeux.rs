//! Limits of Bayeux's sessions and their requests.
use super::bayeux_client::{Fellow, config};
use super::*;
use serde_json::json;

fn small(change: impl FnOnce(&mut Config)) -> Server {
    let mut config = config();
    change(&mut config);
    Server::new(config)
}

#[test]
fn bayeux_sessions_max() {
    let mut server = small(|c| c.limits.bayeux_sessions_max = 2);
    let mut first = Fellow::new(&mut server);
    let mut second = Fellow::new(&mut server);
    let (_, refused) = Fellow::begin(&mut server, Role::Front, "127.0.0.1", json!({}));
    assert_eq!(
        (&refused["error"], &refused["advice"]),
        (&json!("403::Too many sessions"), &json!({"reconnect": "handshake", "interval": 5000}))
    );
    assert_eq!(moved(&mut server, |c| c.bayeux_sessions_refused), 1);
    // Who has not been heard of for long gives way.
    first.subscribe(&mut server, "/a");
    server.pass_ms(61_000);
    second.move_to_new_connection(&mut server);
    second.subscribe(&mut server, "/a");
    let third = Fellow::new(&mut server);
    assert!(!third.client.is_empty());
    first.move_to_new_connection(&mut server);
    assert_eq!(first.subscribe(&mut server, "/a")[0]["error"], "402::Unknown client");
}

#[test]
fn bayeux_sessions_per_address_max() {
    let mut server = small(|c| c.limits.bayeux_sessions_per_address_max = 1);
    let begin = |server: &mut Server, address: &str| {
        Fellow::begin(server, Role::Front, address, json!({})).1["successful"] == json!(true)
    };
    assert!(begin(&mut server, "10.0.0.1") && !begin(&mut server, "10.0.0.1"));
    assert!(begin(&mut server, "10.0.0.2"));
    assert!(begin(&mut server, "127.0.0.1") && begin(&mut server, "127.0.0.1"));
    assert!(
        begin(&mut server, "2001:db8::1") && !begin(&mut server, "2001:db8::2"),
        "one network of IPv6 is one"
    );
    assert!(begin(&mut server, "2001:db8:0:1::1"));
    assert_eq!(moved(&mut server, |c| c.bayeux_sessions_refused), 2);
    server.pass_ms(61_000);
    assert!(
        begin(&mut server, "10.0.0.1") && begin(&mut server, "2001:db8::2"),
        "those who sleep do not count"
    );
}

/// Who wakes up counts again, for as long as anybody else.
#[test]
fn bayeux_sessions_per_address_max_counts_who_has_awoken() {
    let mut server = small(|c| c.limits.bayeux_sessions_per_address_max = 1);
    let begin = |server: &mut Server| Fellow::begin(server, Role::Front, "10.0.0.1", json!({}));
    let (mut sleeper, _) = begin(&mut server);
    server.pass_ms(61_000);
    let (mut other, reply) = begin(&mut server);
    assert_eq!(reply["successful"], true);
    sleeper.move_to_new_connection(&mut server);
    assert_eq!(sleeper.subscribe(&mut server, "/a")[0]["successful"], true);
    other.send(&mut server, "/meta/disconnect", json!({}));
    assert_eq!(begin(&mut server).1["error"], "403::Too many sessions of this address", "as the other did");
    server.pass_ms(61_000);
    assert_eq!(begin(&mut server).1["successful"], true, "it sleeps again");
}

/// Whose channel ends, and finds no room for its next life, is told that something is missing: it does not hear it any more.
#[test]
fn channels_max_in_the_place_of_a_channel_that_has_ended() {
    for unread in [0, 2] {
        let mut server = small(|c| c.limits.channels_max = 1);
        let mut fellow = Fellow::new(&mut server);
        fellow.subscribe(&mut server, "/a");
        for n in 0..unread {
            server.push("/a", &n.to_string());
        }
        let admin = server.connect(Role::Admin);
        let both = ["/close?cname=/a", "/push?cname=/b&content=1"];
        server.send(admin, both.map(|path| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).concat());
        assert_eq!(server.machine.standing("/b").unwrap().head, 2, "there is /b in its place");
        assert_eq!(moved(&mut server, |c| c.channels_refused), 1);
        fellow.connect(&mut server);
        let heard = fellow.heard(&mut server).expect("it is told");
        let lost = unread.max(1);
        assert_eq!(heard[0], json!({"channel": "/service/rcomet/gap", "data": {"lost": lost}}), "{heard}");
        server.machine.check();
    }
}

#[test]
fn bayeux_subscriptions_max() {
    let mut server = small(|c| c.limits.bayeux_subscriptions_max = 2);
    let mut a = Fellow::new(&mut server);
    let reply = a.send(&mut server, "/meta/subscribe", json!({"subscription": ["/a", "/b", "/c"]}));
    assert_eq!(reply[0]["error"], "403::Too many subscriptions");
    assert_eq!(server.machine.load(), (0, 0), "all or nothing");
    a.send(&mut server, "/meta/subscribe", json!({"subscription": ["/a", "/b"]}));
    assert_eq!(a.subscribe(&mut server, "/a")[0]["successful"], true);
    assert_eq!(a.subscribe(&mut server, "/c")[0]["successful"], false);
    a.unsubscribe(&mut server, "/a");
    assert_eq!(a.subscribe(&mut server, "/c")[0]["successful"], true);
    assert_eq!(moved(&mut server, |c| c.bayeux_subscriptions_refused), 2);
    // A list that is longer is not looked through, whatever is in it.
    let before = server.machine.load();
    for (channel, names) in [
        ("/meta/subscribe", json!(["/b", "/b", "/b", "/b", "/b"])),
        ("/meta/subscribe", json!([1, 2, 3, 4, 5])),
        ("/meta/unsubscribe", json!(["/b", "/x", "/y", "/z", "/b"])),
    ] {
        let reply = a.send(&mut server, channel, json!({ "subscription": names }));
        assert_eq!(reply[0]["error"], "403::Too many subscriptions", "{channel} {names}");
    }
    assert_eq!((server.machine.load(), before.1), (before, 2));
    assert_eq!(moved(&mut server, |c| c.bayeux_subscriptions_refused), 5);
    // Nor is who names something twice, or has more from before the limit was lowered.
    let mut config = server.machine.config().clone();
    config.limits.bayeux_subscriptions_max = 1;
    server.machine.reconfigure(config);
    let again = json!({"subscription": ["/b", "/c", "/b"]});
    assert_eq!(a.send(&mut server, "/meta/subscribe", again.clone())[0]["successful"], true);
    let both = a.send(&mut server, "/meta/unsubscribe", again);
    assert_eq!((&both[0]["successful"], server.machine.load().1), (&json!(true), 0));
}

#[test]
fn patterns_max() {
    let mut server = small(|c| c.limits.patterns_max = 1);
    let (mut a, mut b) = (Fellow::new(&mut server), Fellow::new(&mut server));
    assert_eq!(a.subscribe(&mut server, "/a/*")[0]["successful"], true);
    assert_eq!(b.subscribe(&mut server, "/a/*")[0]["successful"], true, "it is one");
    let both = a.send(&mut server, "/meta/subscribe", json!({"subscription": ["/x", "/b/*"]}));
    assert_eq!((&both[0]["successful"], server.machine.load()), (&json!(false), (0, 2)));
    assert_eq!(both[0]["error"], "403::Too many patterns");
    assert_eq!(moved(&mut server, |c| c.patterns_refused), 1);
    a.unsubscribe(&mut server, "/a/*");
    b.unsubscribe(&mut server, "/a/*");
    assert_eq!(a.subscribe(&mut server, "/b/*")[0]["successful"], true);
}

/// Patterns and channels that are there for nobody but who sleeps make room for what others want; those that somebody awake reads,
/// who reads them, and channels that have been used a moment ago, stay.
#[test]
fn sleepers_give_way_to_patterns_max_and_channels_max() {
    let mut server = small(|c| {
        c.limits.patterns_max = 3;
        c.limits.channels_max = 4;
    });
    let (mut gone, mut too, mut awake) =
        (Fellow::new(&mut server), Fellow::new(&mut server), Fellow::new(&mut server));
    for (who, names) in [
        (&mut gone, json!(["/a/*", "/b/*", "/a", "/b", "/c"])),
        (&mut too, json!(["/a/*", "/b/*", "/c"])),
        (&mut awake, json!(["/b/*", "/b"])),
    ] {
        let reply = who.send(&mut server, "/meta/subscribe", json!({ "subscription": names }));
        assert_eq!(reply[0]["successful"], true);
    }
    let mut fresh = Fellow::new(&mut server);
    assert_eq!(fresh.subscribe(&mut server, "/d/*")[0]["successful"], true);
    assert_eq!(fresh.subscribe(&mut server, "/d")[0]["successful"], true);
    assert_eq!(fresh.subscribe(&mut server, "/e/*")[0]["error"], "403::Too many patterns", "nobody sleeps");
    assert_eq!(fresh.subscribe(&mut server, "/e")[0]["error"], "403::Too many channels", "nobody sleeps");
    let c = server.machine.counters();
    assert_eq!([c.patterns_refused, c.channels_refused, c.subscribers_refused], [1, 1, 0]);
    for who in [&mut awake, &mut fresh] {
        who.move_to_new_connection(&mut server);
        who.connect(&mut server);
    }
    server.pass_ms(29_000);
    for _ in 0..2 {
        for who in [&mut awake, &mut fresh] {
            who.heard(&mut server);
            who.move_to_new_connection(&mut server);
            who.connect(&mut server);
        }
        server.pass_ms(29_000);
    }
    // Both sleep by now. What is published to a channel lets it live on.
    let mut other = Fellow::new(&mut server);
    other.publish(&mut server, "/a", json!(1));
    assert_eq!(other.subscribe(&mut server, "/e")[0]["successful"], true, "in the place of /c");
    assert_eq!(server.machine.counters().bayeux_unknown_clients, 0);
    for who in [&mut gone, &mut too] {
        who.move_to_new_connection(&mut server);
        assert_eq!(who.subscribe(&mut server, "/b")[0]["error"], "402::Unknown client");
    }
    assert_eq!(
        other.subscribe(&mut server, "/f")[0]["error"],
        "403::Too many channels",
        "/a is not to go yet"
    );
    assert_eq!(other.subscribe(&mut server, "/e/*")[0]["successful"], true, "in the place of /a/*");
    assert_eq!(other.subscribe(&mut server, "/f/*")[0]["error"], "403::Too many patterns");
    for who in [&mut awake, &mut fresh] {
        who.move_to_new_connection(&mut server);
        assert_eq!(who.subscribe(&mut server, "/b")[0]["successful"], true, "who is awake stays");
    }
    server.machine.check();
}

/// Each of those who sleep gives way by itself, also to who publishes.
#[test]
fn sleepers_give_way_one_by_one() {
    let mut server = small(|c| {
        c.limits.patterns_max = 2;
        c.limits.channels_max = 2;
    });
    let mut gone = [Fellow::new(&mut server), Fellow::new(&mut server)];
    for (who, names) in gone.iter_mut().zip([["/1/*", "/1"], ["/2/*", "/2"]]) {
        who.send(&mut server, "/meta/subscribe", json!({ "subscription": names }));
        server.pass_ms(100);
    }
    server.pass_ms(65_000);
    let mut new = Fellow::new(&mut server);
    assert_eq!(new.subscribe(&mut server, "/3/*")[0]["successful"], true);
    assert_eq!(new.publish(&mut server, "/3", json!(1))[0]["successful"], true);
    let known = |server: &mut Server, who: &mut Fellow| {
        who.move_to_new_connection(server);
        who.send(server, "/meta/unsubscribe", json!({"subscription": "/x"}))[0]["successful"] == true
    };
    // It read all that the first one had kept.
    assert_eq!(gone.each_mut().map(|who| known(&mut server, who)), [false, true]);
    assert_eq!(new.publish(&mut server, "/4", json!(1))[0]["error"], "403::Too many channels");
    server.machine.check();
}

/// What everybody reads does not keep the search from what one sleeper alone reads, whether somebody there is awake or nobody.
#[test]
fn sleepers_give_way_beside_a_crowd() {
    for is_read_awake in [false, true] {
        let mut server = small(|c| c.limits.patterns_max = 3);
        let mut first = Fellow::new(&mut server);
        first.send(&mut server, "/meta/subscribe", json!({"subscription": ["/all/*", "/own/*"]}));
        for _ in 0..21 {
            let hands = json!({"channel": "/meta/handshake", "version": "1.0"});
            let shaken = first.ask(&mut server, vec![hands; 200].into());
            let subscribe = |reply: &serde_json::Value| {
                let mut message = json!({"channel": "/meta/subscribe", "subscription": "/all/*"});
                message["clientId"] = reply["clientId"].clone();
                message
            };
            let subscribed = shaken.as_array().unwrap().iter().map(subscribe).collect();
            assert_eq!(first.ask(&mut server, subscribed)[199]["successful"], true);
        }
        server.pass_ms(65_000);
        let mut new = Fellow::new(&mut server);
        if is_read_awake {
            new.subscribe(&mut server, "/all/*");
        }
        assert_eq!(new.subscribe(&mut server, "/x/*")[0]["successful"], true);
        assert_eq!(new.subscribe(&mut server, "/y/*")[0]["successful"], true, "in the place of /own/*");
        let (_, subscribers) = server.machine.load();
        assert_eq!(subscribers, 21 * 200 + 2 + usize::from(is_read_awake), "only its session is over");
    }
}

#[test]
fn bayeux_batch_messages_max_and_bayeux_json_depth_max() {
    let mut server = small(|c| {
        c.limits.bayeux_batch_messages_max = 2;
        c.limits.bayeux_json_depth_max = 4;
    });
    let mut a = Fellow::new(&mut server);
    // What is too much is not done, and each message is told so.
    let replies = a.ask(&mut server, json!([{}, {"id": "2"}, {"id": "3", "channel": "/a"}]));
    let missing = "400::Missing channel";
    let refused = "413::More messages than bayeux_batch_messages_max";
    assert_eq!(
        replies,
        json!([
            {"channel": "", "successful": false, "error": missing},
            {"id": "2", "channel": "", "successful": false, "error": missing},
            {"id": "3", "channel": "/a", "successful": false, "error": refused},
        ])
    );
    for (text, status) in
        [("[{},{}]", "200"), (r#"[{"data":[[1]]}]"#, "200"), (r#"[{"data":[[[1]]]}]"#, "400")]
    {
        a.say(&mut server, text);
        let answer = server.received(a.connection);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{text}: {answer}");
    }
    assert_eq!(moved(&mut server, |c| c.bayeux_batches_refused), 2);
}

/// Sessions whose tables are full are on the account of memory.
#[test]
fn sessions_are_on_the_account() {
    let mut server = small(|_| {});
    let before = server.machine.memory().tables_bytes;
    let mut all: Vec<Fellow> = (0..100).map(|_| Fellow::new(&mut server)).collect();
    let begun = server.machine.memory().tables_bytes;
    assert!(begun > before + 100 * 100, "{before} {begun}");
    for a in &mut all {
        a.subscribe(&mut server, "/some/**");
    }
    assert!(server.machine.memory().tables_bytes > begun + 100 * 100);
}

#[test]
fn bayeux_connects_per_browser_max() {
    let mut server = small(|c| c.limits.bayeux_connects_per_browser_max = 1);
    let mut windows = [Window::open(&mut server, None), Window::open(&mut server, None)];
    windows[1] = Window::open(&mut server, Some(windows[0].cookie.clone()));
    let [first, second] = &mut windows;
    // One is held, the other is told to ask now and then; a message comes to both.
    assert_eq!(first.connect(&mut server), None);
    let paced = json!({"multiple-clients": true, "reconnect": "retry", "interval": 2000});
    let reply = second.connect(&mut server).expect("it is answered at once");
    assert_eq!((&reply["successful"], &reply["advice"]), (&json!(true), &paced));
    assert_eq!(second.connect(&mut server).expect("and again")["advice"], paced);
    assert_eq!(moved(&mut server, |c| c.bayeux_connects_paced), 2);
    // Another browser is another matter, and so is a client that takes no advice.
    let mut other = Window::open(&mut server, None);
    assert_eq!(other.connect(&mut server), None);
    let mut plugin = Window::open_with(&mut server, Some(first.cookie.clone()), false);
    assert_eq!(plugin.connect(&mut server), None);
    assert_eq!(second.connect(&mut server).expect("two are held")["advice"], paced);
    // When the others are gone it is held again, after it was told the usual advice.
    for gone in [&plugin, &*first] {
        server.vanish(gone.connection);
    }
    assert_eq!(second.connect(&mut server), None);
    server.pass_ms(30_000);
    let reply = second.heard(&mut server).expect("its time is over");
    assert_eq!(reply["advice"], json!({"reconnect": "retry", "interval": 0, "timeout": 30_000}));
    assert_eq!(second.connect(&mut server), None);
    server.pass_ms(30_000);
    assert_eq!(second.heard(&mut server).expect("again")["advice"], json!(null));
    server.machine.check();
}

/// A session in one window of a browser.
struct Window {
    connection: Client,
    cookie: String,
    client: String,
}

impl Window {
    fn open(server: &mut Server, cookie: Option<String>) -> Self {
        Self::open_with(server, cookie, true)
    }

    fn open_with(server: &mut Server, cookie: Option<String>, takes_advice: bool) -> Self {
        let connection = server.connect(Role::Front);
        let mut window = Self { connection, cookie: cookie.unwrap_or_default(), client: String::new() };
        let mut handshake = json!({"channel": "/meta/handshake", "version": "1.0"});
        if takes_advice {
            handshake["supportedConnectionTypes"] = json!(["long-polling"]);
        }
        window.say(server, &handshake);
        let answer = server.received(connection);
        if let Some((_, rest)) = answer.split_once("Set-Cookie: ") {
            window.cookie = rest.split(';').next().unwrap().to_owned();
        }
        let reply: serde_json::Value = serde_json::from_str(&support::body(&answer)).unwrap();
        window.client = reply[0]["clientId"].as_str().unwrap().to_owned();
        window
    }

    fn say(&self, server: &mut Server, message: &serde_json::Value) {
        let (cookie, text) = (&self.cookie, message.to_string());
        let head = "POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
        let length = text.len();
        server.send(
            self.connection,
            format!("{head}Cookie: {cookie}\r\nContent-Length: {length}\r\n\r\n{text}"),
        );
    }

    /// The reply, if it comes at once.
    fn connect(&mut self, server: &mut Server) -> Option<serde_json::Value> {
        let connect =
            json!({"channel": "/meta/connect", "clientId": self.client, "connectionType": "long-polling"});
        self.say(server, &connect);
        self.heard(server)
    }

    fn heard(&mut self, server: &mut Server) -> Option<serde_json::Value> {
        let answer = server.received(self.connection);
        (!answer.is_empty()).then(|| {
            let replies: serde_json::Value = serde_json::from_str(&support::body(&answer)).unwrap();
            replies[0].clone()
        })
    }
}

/// Nobody is kept out of a channel by a session that sleeps there, whatever is spoken.
#[test]
fn sleepers_give_way_to_subscribers_per_channel_max() {
    for (role, request) in [
        (Role::Front, "/stream?cname=/a"),
        (Role::Front, "/events?channel=/a"),
        (Role::Front, "/activity?channel=/a"),
        (Role::Admin, "/channels/%2Fa.json?since=99"),
        (Role::Admin, "/keys/%2Fa?wait=30&since=99"),
        (Role::Front, "/bayeux"),
    ] {
        let mut server = small(|c| c.limits.subscribers_per_channel_max = 1);
        let (mut gone, mut new) = (Fellow::new(&mut server), Fellow::new(&mut server));
        assert_eq!(gone.subscribe(&mut server, "/a")[0]["successful"], true);
        assert_eq!(new.subscribe(&mut server, "/a")[0]["error"], "403::Too many subscribers", "it is awake");
        assert_eq!(moved(&mut server, |c| c.subscribers_refused), 1);
        server.pass_ms(65_000);
        new.move_to_new_connection(&mut server);
        if request == "/bayeux" {
            assert_eq!(new.subscribe(&mut server, "/a")[0]["successful"], true);
        } else {
            let client = server.connect(role);
            server.send(client, format!("GET {request} HTTP/1.1\r\nHost: x\r\n\r\n"));
        }
        assert_eq!(server.machine.load().1, 1, "{request}");
        assert_eq!(moved(&mut server, |c| c.subscribers_refused), 1, "{request}");
        gone.move_to_new_connection(&mut server);
        assert_eq!(gone.subscribe(&mut server, "/b")[0]["error"], "402::Unknown client", "{request}");
        server.machine.check();
    }
}

/// So it is where a pattern is read; and where more are there than there may be, nobody goes for nothing.
#[test]
fn sleepers_give_way_where_it_helps() {
    let mut server = small(|c| c.limits.subscribers_per_channel_max = 3);
    let mut fellows: Vec<_> = (0..3).map(|_| Fellow::new(&mut server)).collect();
    for who in &mut fellows {
        who.send(&mut server, "/meta/subscribe", json!({"subscription": ["/a/*", "/b"]}));
    }
    server.pass_ms(40_000);
    fellows[2].move_to_new_connection(&mut server);
    fellows[2].subscribe(&mut server, "/c");
    server.pass_ms(25_000);
    let mut config = server.machine.config().clone();
    config.limits.subscribers_per_channel_max = 1;
    server.machine.reconfigure(config);
    let mut new = Fellow::new(&mut server);
    for name in ["/a/*", "/b"] {
        assert_eq!(new.subscribe(&mut server, name)[0]["error"], "403::Too many subscribers", "one is awake");
    }
    assert_eq!(server.machine.load().1, 7, "all are there");
    let mut config = server.machine.config().clone();
    config.limits.subscribers_per_channel_max = 2;
    server.machine.reconfigure(config);
    for name in ["/a/*", "/b"] {
        assert_eq!(new.subscribe(&mut server, name)[0]["successful"], true);
    }
    let mut known = |who: &mut Fellow| {
        who.move_to_new_connection(&mut server);
        who.subscribe(&mut server, "/d")[0]["successful"] == true
    };
    let known: Vec<_> = fellows.iter_mut().map(&mut known).collect();
    assert_eq!(known, [false, false, true]);
    server.machine.check();
}
