//! Limits of what is kept: a channel's history, and everything together.
use rcomet_core::Rights;
use serde_json::Value;

use super::*;

const CONTROL: Role = Role::Control(Rights::All);

/// All that a channel keeps.
pub(super) fn contents(server: &mut Server, channel: &str) -> Vec<String> {
    let mut stream = Listener::subscribe(server, Framing::Stream, &format!("cname={channel}&seq=-1"));
    let messages = stream.hear(server);
    server.vanish(stream.client);
    messages.iter().map(|m| m["content"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn history_messages_max() {
    let mut server = with(|l| l.history_messages_max = 5);
    for i in 1..=12 {
        server.push("a", &i.to_string());
    }
    assert_eq!(contents(&mut server, "a"), ["8", "9", "10", "11", "12"]);
    assert_eq!(moved(&mut server, |c| c.trimmed), 7);
    let mut late = Listener::subscribe(&mut server, Framing::Stream, "cname=a&seq=3");
    assert_eq!(late.heard(&mut server)[..2], ["gap 8 5", "data 8 8"]);
    assert_eq!(moved(&mut server, |c| c.lost), 5);
}

#[test]
fn history_messages_max_of_none_still_serves_those_who_listen() {
    let mut server = with(|l| l.history_messages_max = 0);
    let mut stream = Listener::subscribe(&mut server, Framing::Stream, "cname=a&seq=1");
    let mut poll = Listener::subscribe(&mut server, Framing::Poll, "cname=a&seq=1");
    let pushes: String =
        (1..=50).map(|i| format!("GET /push?cname=a&content={i} HTTP/1.1\r\nHost: x\r\n\r\n")).collect();
    asks(&mut server, Role::Admin, pushes);
    assert_eq!(stream.heard(&mut server), (1..=50).map(|i| format!("data {i} {i}")).collect::<Vec<_>>());
    assert_eq!(poll.heard(&mut server), ["data 1 1"]);
    assert_eq!(contents(&mut server, "a"), Vec::<String>::new());
    assert_eq!(server.machine.memory().history_bytes, 0);
}

#[test]
fn history_bytes_max() {
    let mut server = with(|l| l.history_bytes_max = 5_000);
    for i in 10..30 {
        server.push("a", &i.to_string().repeat(500));
        assert!(server.machine.memory().history_bytes <= 5_000);
    }
    let kept = contents(&mut server, "a");
    assert!((1..=4).contains(&kept.len()) && kept.last().unwrap().starts_with("29"), "{kept:?}");
    assert!(moved(&mut server, |c| c.trimmed) >= 16);
    // A message larger than all of it reaches those who listen, and is not kept for others.
    let mut stream = Listener::subscribe(&mut server, Framing::Stream, "cname=a&seq=21");
    server.push("a", &"x".repeat(10_000));
    assert_eq!(stream.heard(&mut server), [format!("data 21 {}", "x".repeat(10_000))]);
    assert!(server.machine.memory().history_bytes <= 5_000);
}

#[test]
fn history_age_ms_max() {
    let mut server = with(|l| l.history_age_ms_max = 10_000);
    server.push("a", "old");
    server.pass_ms(6_000);
    server.push("a", "new");
    assert_eq!(contents(&mut server, "a"), ["old", "new"]);
    server.pass_ms(4_000);
    assert_eq!(contents(&mut server, "a"), ["new"]);
    server.pass_ms(6_000);
    assert_eq!(contents(&mut server, "a"), Vec::<String>::new());
    assert_eq!(server.machine.memory().history_bytes, 0, "old messages go by themselves");
    assert_eq!(moved(&mut server, |c| c.trimmed), 2);
}

pub(super) fn crowd(bytes_free: usize) -> (Server, Client) {
    let mut server = Server::default();
    for i in 0..20 {
        for channel in ["a", "b"] {
            server.push(channel, &format!("{i}:{}", "x".repeat(10_000)));
        }
    }
    let admin = server.connect(Role::Admin);
    let mut config = Config::default();
    config.limits.memory_bytes_max = server.machine.memory().total_bytes() + bytes_free;
    server.machine.reconfigure(config);
    (server, admin)
}

#[test]
fn memory_bytes_max_takes_room_from_the_publishers_own_channel() {
    let (mut server, admin) = crowd(0);
    let most = server.machine.config().limits.memory_bytes_max;
    let before = contents(&mut server, "b");
    for i in 20..200 {
        let answer = server.get(admin, &format!("/push?cname=a&content={i}:{}", "x".repeat(10_000)));
        assert_eq!(status(&answer), "200", "{i}");
        assert!(server.machine.memory().total_bytes() <= most + 50_000, "{:?}", server.machine.memory());
    }
    let after = contents(&mut server, "a");
    assert!(after.len() > 5 && after.last().unwrap().starts_with("199:"), "{}", after.len());
    assert_eq!(contents(&mut server, "b"), before, "the others lost nothing");
    assert_eq!(server.machine.counters().memory_refused, 0);
}

#[test]
fn memory_bytes_max_refuses_a_publish_that_finds_no_room() {
    let (mut server, admin) = crowd(0);
    server.ask(Role::Admin, "/clear?cname=b");
    let before = contents(&mut server, "a");
    let mut config = server.machine.config().clone();
    config.limits.memory_bytes_max = server.machine.memory().total_bytes();
    server.machine.reconfigure(config);
    let answer = server.get(admin, &format!("/push?cname=b&content={}", "x".repeat(50_000)));
    assert!(status(&answer) == "503" && body(&answer).contains("memory budget"), "{answer}");
    assert!(moved(&mut server, |c| c.memory_refused) >= 1);
    let mut config = server.machine.config().clone();
    config.limits.memory_bytes_max = 1 << 30;
    server.machine.reconfigure(config);
    assert_eq!(contents(&mut server, "a"), before);
    assert_eq!(contents(&mut server, "b"), Vec::<String>::new(), "it was not half published");
}

/// Whoever reads patterns has messages kept that their channels keep no more.
#[test]
fn memory_bytes_max_holds_whatever_patterns_are_read() {
    const VALUES: usize = 40;
    let mut config = bayeux_client::config();
    config.limits.memory_bytes_max = 2 << 20;
    let most = config.limits.memory_bytes_max;
    let mut server = Server::new(config);
    let mut fellow = bayeux_client::Fellow::new(&mut server);
    for i in 0..VALUES {
        fellow.subscribe(&mut server, &format!("/c{i}/*"));
        fellow.subscribe(&mut server, &format!("/c{i}/**"));
    }
    let admin = server.connect(Role::Admin);
    let put = |server: &mut Server, key: &str, value: char| {
        let value = value.to_string().repeat(5_000);
        let length = value.len();
        server.send(
            admin,
            format!("PUT /keys/{key} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{value}"),
        );
        status(&server.received(admin)).to_owned()
    };
    let value = |i: usize| format!("%2Fc{i}%2Fx");
    for round in 0..3 {
        for i in 0..VALUES {
            assert_eq!(put(&mut server, &value(i), '1'), "200", "{round} {i}");
        }
    }
    (0..).take_while(|n| put(&mut server, &format!("fill{n}"), '0') == "200").for_each(drop);
    // What its readers have not had gives way as what a channel keeps does: they are told of a gap.
    for round in ['2', '3', '4', '5', '6', '7', '8', '9'] {
        for i in 0..VALUES {
            assert_eq!(put(&mut server, &value(i), round), "200", "{round} {i}");
        }
        let used = server.machine.memory().total_bytes();
        assert!(used <= most + 50_000, "{used} {:?}", server.machine.memory());
    }
    let answer = server.get(admin, &format!("/keys/{}", value(7)));
    assert!(body(&answer).contains("99999"), "{answer}");
    // One that nobody has written yet has no room, beside who reads it and without.
    assert_eq!(
        (put(&mut server, "%2Fc1%2Fy", '1').as_str(), put(&mut server, "new", '1').as_str()),
        ("503", "503")
    );
}

/// A pattern that somebody begins to read when memory is full has nothing yet to give for what it gets.
#[test]
fn memory_bytes_max_is_no_way_to_keep_publishers_from_their_channels() {
    let mut config = bayeux_client::config();
    config.limits.memory_bytes_max = 2 << 20;
    let most = config.limits.memory_bytes_max;
    let mut server = Server::new(config);
    let mut fellow = bayeux_client::Fellow::new(&mut server);
    let admin = server.connect(Role::Admin);
    let text = "x".repeat(1_000);
    let push = |server: &mut Server| {
        status(&server.get(admin, &format!("/push?cname=/c/0&content={text}"))).to_owned()
    };
    let publish = |server: &mut Server| {
        let item = |n: usize| format!(r#"{{"channel":"/c/{n}","data":"{text}"}}"#);
        let all = format!(r#"{{"messages":[{},{},{}]}}"#, item(0), item(1), item(0));
        let head = "POST /publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
        server.send(admin, format!("{head}Content-Length: {}\r\n\r\n{all}", all.len()));
        status(&server.received(admin)).to_owned()
    };
    for n in 0..900 {
        assert_eq!(publish(&mut server), "200", "{n}");
    }
    assert!(moved(&mut server, |c| c.trimmed) > 0, "it is full");
    for pattern in ["/c/*", "/c/**", "/**"] {
        fellow.subscribe(&mut server, pattern);
    }
    for n in 0..300 {
        assert_eq!((publish(&mut server), push(&mut server)), ("200".into(), "200".into()), "{n}");
        let used = server.machine.memory().total_bytes();
        assert!(used <= most + 100_000, "{used} {:?}", server.machine.memory());
    }
}

/// Nobody else would make room: what is kept is kept for as long as its channels live.
/// However much is published, to whatever channels: the last 64th is for those who read.
#[test]
fn memory_bytes_max_leaves_readers_room_beside_messages() {
    let most = 1_000_000;
    let mut server = with(|l| {
        l.memory_bytes_max = most;
        l.explain_records_max = 0;
    });
    let admin = server.connect(Role::Admin);
    let mut published = 0;
    while status(&server.get(admin, &format!("/push?cname=c{published}&content={}", "x".repeat(500))))
        == "200"
    {
        published += 1;
    }
    assert!(published > 500 && server.machine.memory().total_bytes() > most / 8 * 7, "{published}");
    let made = server.machine.counters().channels_opened;
    for i in 0..40 {
        let reader = server.connect(Role::Front);
        let answer = server.get(reader, &format!("/poll?cname=c{i}&seq=1"));
        assert!(status(&answer) == "200" && answer.contains("xxx"), "{i}: {answer}");
    }
    // Nothing more is taken, and nothing is begun that cannot be.
    let larger = "y".repeat(600);
    for target in ["/push?cname=c0&content=", "/push?cname=new&content=", "/broadcast?content="] {
        assert_eq!(status(&server.get(admin, &format!("{target}{larger}"))), "503", "{target}");
    }
    assert_eq!((server.machine.counters().channels_opened, contents(&mut server, "c0").len()), (made, 1));
}

#[test]
fn memory_bytes_max_that_was_lowered_is_kept_to_again() {
    let (mut server, _) = crowd(20_000);
    for i in 0..5 {
        server.push("small", &i.to_string());
    }
    let mut config = server.machine.config().clone();
    config.limits.memory_bytes_max = server.machine.memory().total_bytes() - 150_000;
    server.machine.reconfigure(config);
    let publish = |server: &mut Server, channel: &str, bytes: usize| {
        let client = server.connect(Role::Admin);
        let target = format!("/push?cname={channel}&content=new:{}", "y".repeat(bytes));
        let answer = server.get(client, &target);
        status(&answer).to_owned()
    };
    // Its own history is not enough for it, and there is too much already: all but the newest goes, and that stays.
    assert_eq!(publish(&mut server, "small", 10_000), "503");
    // There is still too much, but this takes the place of more.
    assert_eq!(publish(&mut server, "b", 10_000), "200");
    let most = server.machine.config().limits.memory_bytes_max;
    assert!(server.machine.memory().total_bytes() <= most, "{:?}", server.machine.memory());
    server.machine.reconfigure(Config::default());
    assert_eq!(contents(&mut server, "small"), ["4"]);
    let kept = contents(&mut server, "b");
    assert!(kept.last().is_some_and(|last| last.starts_with("new:")) && kept.len() < 15, "{}", kept.len());
}

#[test]
fn memory_bytes_max_gives_newcomers_503_and_keeps_everybody() {
    let (mut server, admin) = crowd(100_000);
    let mut stream = Listener::subscribe(&mut server, Framing::Stream, "cname=a&seq=21");
    let front = server.connect(Role::Front);
    let mut config = server.machine.config().clone();
    config.limits.memory_bytes_max = 1_000;
    server.machine.reconfigure(config);
    let newcomer = server.connect(Role::Front);
    let answer = server.received(newcomer);
    assert!(status(&answer) == "503" && answer.contains("memory_bytes_max"), "{answer}");
    assert!(server.is_shut(newcomer));
    // New channels are refused in words that clients know; the channels there are work.
    assert_eq!(status(&server.get(admin, "/sign?cname=new")), "503");
    let refused = body(&server.get(front, "/sub?cname=new&seq=1"));
    assert!(refused.starts_with("{\"type\":\"429\",\"cname\":\"new\","), "{refused}");
    assert_eq!(moved(&mut server, |c| c.memory_refused), 3);
    assert!(!server.is_shut(stream.client) && stream.heard(&mut server).is_empty());
    assert_eq!(status(&server.get(admin, "/info")), "200");
}

#[test]
fn memory_bytes_max_keeps_nobody_from_the_admin_side() {
    let (mut server, _) = crowd(0);
    // Many publishers come anew for each message.
    for i in 20..200 {
        let admin = server.connect(Role::Admin);
        let answer = server.get(admin, &format!("/push?cname=a&content={i}:{}", "x".repeat(10_000)));
        assert_eq!(status(&answer), "200", "{i}: {answer}");
        server.vanish(admin);
    }
    let mut config = server.machine.config().clone();
    config.limits.memory_bytes_max = 1_000;
    server.machine.reconfigure(config);
    let newcomer = server.connect(Role::Front);
    assert_eq!(status(&server.received(newcomer)), "503");
    for (path, code) in [
        ("/healthz", "200"),
        ("/readyz", "503"),
        ("/metrics", "200"),
        ("/stats", "200"),
        ("/channels", "200"),
    ] {
        let admin = server.connect(Role::Admin);
        assert_eq!(status(&server.get(admin, path)), code, "{path}");
    }
    assert_eq!(moved(&mut server, |c| c.memory_refused), 1);
}

#[test]
fn those_who_read_many_channels_are_on_the_account() {
    let mut server = rest::with(|config| config.limits.explain_records_max = 0);
    let names: Vec<String> = (0..500).map(|i| format!("c{i}")).collect();
    for name in &names {
        rest::register(&mut server, name);
    }
    let before = server.machine.memory().tables_bytes;
    let waiting = rest::hold(&mut server, &format!("/channels/{}|{}.json", names.join("|"), "x".repeat(200)));
    let after = server.machine.memory().tables_bytes;
    // A seat, a place in the channel's list, and the name of what is not there.
    assert!((500 * 32..500 * 72).contains(&(after - before)), "{} bytes", after - before);
    server.vanish(waiting);
    // Lists of members keep some room for those to come.
    assert!(server.machine.memory().tables_bytes - before < 500 * 40);
    // Less and less memory: the first thing that is refused is to read many channels.
    let mut most = server.machine.memory().total_bytes() + 20_000;
    let refused = loop {
        most -= 1_000;
        let mut config = server.machine.config().clone();
        config.limits.memory_bytes_max = most;
        server.machine.reconfigure(config);
        let target = format!("/channels/{}.json", names.join("|"));
        let client = rest::send(&mut server, &format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        let answer = server.received(client);
        server.vanish(client);
        if !answer.is_empty() {
            break body(&answer);
        }
    };
    assert_eq!(rest::json(&refused)["error_message"], "Out of memory: try again later");
    assert_eq!(server.machine.counters().memory_refused, 1);
}

/// Pages are as long as there is room, and say how they go on.
#[test]
fn pages_are_shorter_where_memory_is_short() {
    let mut server = with(|l| (l.explain_records_max, l.memory_bytes_max) = (0, 2 << 20));
    for n in 0..100 {
        let (client, _) = asks(&mut server, CONTROL, format!("write key{n} {}\n", "v".repeat(5_000)));
        server.vanish(client);
        server.push("a", &format!("{n:0>5000}"));
    }
    let mut config = server.machine.config().clone();
    config.limits.memory_bytes_max = server.machine.memory().total_bytes() + 60_000;
    server.machine.reconfigure(config);
    let (mut after, mut keys) = (String::new(), Vec::new());
    loop {
        let (client, answer) = asks(&mut server, CONTROL, format!("dump{after}\n"));
        server.vanish(client);
        assert!(answer.starts_with("key "), "{answer:.200}");
        let lines: Vec<&str> = answer.lines().collect();
        let (last, page) = lines.split_last().expect("a line");
        keys.extend(page.iter().map(|line| line.split('"').nth(1).expect("a key").to_owned()));
        match last.split(' ').nth(2) {
            Some(index) => after = format!(" {index}"),
            None => break,
        }
    }
    let all: Vec<String> = (0..100).map(|n| format!("key{n}")).chain([String::from("a")]).collect();
    assert!(all.iter().take(100).all(|key| keys.contains(key)), "{keys:?}");
    assert!(moved(&mut server, |c| c.dumps_cut) > 10);
    let (_, answer) = asks(&mut server, CONTROL, "dump \0");
    assert!(!answer.contains("index"), "all or nothing: {answer:.200}");
    let (mut cursor, mut seqs) = (String::new(), Vec::new());
    loop {
        let answer = server.ask(Role::Front, &format!("/history?channel=a&limit=1000{cursor}"));
        let page: Value = serde_json::from_str(&answer).expect("JSON");
        let messages = page["messages"].as_array().unwrap_or_else(|| panic!("{answer:.200}"));
        assert!((1..12).contains(&messages.len()), "{}", messages.len());
        seqs.extend(messages.iter().filter_map(|message| message["seq"].as_u64()));
        if page["more"] == false {
            break;
        }
        cursor = format!("&cursor={}", page["cursor"].as_str().expect("a cursor"));
    }
    assert_eq!(seqs, (1..=100).collect::<Vec<_>>());
}
