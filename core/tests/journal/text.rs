//! The text itself: what is written, and anew, when it is torn, cannot be written, or has more in it than there is room for.
use super::*;

/// A channel without history keeps its numbers, and what was said in it is written nowhere.
#[test]
fn what_nobody_keeps_is_not_written() {
    let mut config = Config::default();
    config.limits.history_messages_max = 0;
    let mut server = server(config);
    server.push("a", "secret words");
    let text = String::from_utf8(server.journal.as_ref().expect("one").text.clone()).expect("text");
    assert!(text.contains("\"to\":\"a\"") && !text.contains("secret"), "{text}");
    server.restart(Ending::Whole, 7);
    assert_eq!(server.machine.standing("a").map(|it| (it.base, it.head)), Some((2, 2)));
}

/// While a text is written anew, in shares, everything that happens is in the old one, and in the new one when it is whole.
#[test]
fn a_text_that_is_written_anew_is_whole() {
    let mut config = Config::default();
    config.limits.history_messages_max = 300;
    let mut server = server(config);
    for n in 0..300 {
        server.push("large", &format!("m{n}"));
    }
    for channel in ["a", "b", "c"] {
        server.push(channel, "1");
    }
    for round in 0..200 {
        server.rewrite(200);
        server.push("large", &format!("r{round}"));
        if round % 3 == 0 {
            server.push("b", &format!("r{round}"));
        }
        if round == 50 {
            server.ask(Role::Admin, "/close?cname=c");
            server.push("late", "1");
        }
        if round == 60 {
            server.push("c", "again");
        }
    }
    let wanted: Vec<_> =
        ["large", "a", "b", "c", "late"].map(|name| history(&mut server, name)).into_iter().collect();
    for _ in 0..1_000 {
        server.rewrite(4_000);
        if server.journal.as_ref().is_some_and(|journal| journal.rewritten > 0) {
            break;
        }
    }
    let journal = server.journal.as_ref().expect("one");
    assert!(journal.rewritten == 1 && journal.text.len() < 80_000, "{}", journal.text.len());
    server.restart(Ending::Whole, 7);
    for (name, wanted) in ["large", "a", "b", "c", "late"].into_iter().zip(wanted) {
        assert_eq!(history(&mut server, name), wanted, "{name}");
    }
}

#[test]
fn after_a_tear_everybody_is_told() {
    let mut server = server(Config::default());
    for text in ["one", "two"] {
        server.push("a", text);
    }
    let cursor = |text: &str| {
        let said: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"));
        said["cursor"].as_str().expect("a cursor").to_owned()
    };
    let client = server.connect(Role::Front);
    server.send(
        client,
        "GET /events?channel=a&wait=0&history=all HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n",
    );
    let poll = body(&server.received(client));
    let before = cursor(&poll);
    server.push("a", "three");
    server.tear(20);
    server.restart(Ending::Torn, 7);
    let client = server.connect(Role::Front);
    server.send(
        client,
        format!("GET /events?channel=a&wait=0&cursor={before} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n"),
    );
    let told = body(&server.received(client));
    let said: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(said["events"][0]["type"], "gap", "{told}");
    assert_eq!(said["events"][0]["missing"], Value::Null, "nobody knows how many: {told}");
    server.push("a", "four");
    assert_eq!(history(&mut server, "a"), numbered(1, &["one", "two", "four"]));
    // What comes after that goes on as ever.
    let now = cursor(&told);
    server.restart(Ending::Whole, 8);
    let client = server.connect(Role::Front);
    server.send(
        client,
        format!("GET /events?channel=a&wait=0&cursor={now} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n"),
    );
    let told = body(&server.received(client));
    let said: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(
        (&said["events"][0]["data"], said["events"].as_array().map(Vec::len)),
        (&json!("four"), Some(1)),
        "{told}"
    );
}

/// While nothing can be written down nothing is published, in any dialect, and it is said; reading goes on.
#[test]
fn nothing_is_published_that_cannot_be_written() {
    let mut config = Config::default();
    config.simple_comet.publish = true;
    config.bayeux.publish = vec![String::from("/**").try_into().expect("a pattern")];
    let mut server = server(config);
    server.push("a", "x");
    server.machine.set_journal_broken(true);
    server.journal = None;
    let client = server.connect(Role::Admin);
    let answer = server.get(client, "/push?cname=a&content=y");
    let words = "histories are kept in a file that cannot be written now: try again later";
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains(words), "{answer}");
    let answer = publish(&mut server, json!({"channel": "a", "data": "y"}));
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let answer = server.get(client, "/broadcast?content=y");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let control = server.connect(Role::Control(Rights::All));
    server.send(control, "write k v\n");
    let answer = server.received(control);
    assert!(answer.starts_with("error ") && answer.contains(words), "{answer}");
    let mut fellow = Fellow::new(&mut server);
    let reply = fellow.send(&mut server, "/a", json!({"data": 1}));
    assert_eq!(reply[0]["error"], "500::The history cannot be stored, try again later");
    let ready = server.connect(Role::Admin);
    let (head, words) = split(&server.get(ready, "/readyz"));
    assert!(
        head.starts_with("HTTP/1.1 503 ") && words == "history.file cannot be written\n",
        "{head} {words}"
    );
    assert_eq!(history(&mut server, "a"), numbered(1, &["x"]));
    let counters = *server.machine.counters();
    assert_eq!((counters.history_failures, counters.history_refused), (1, 5));
    server.keep_journal();
    server.machine.set_journal_broken(false);
    server.push("a", "y");
    server.restart(Ending::Whole, 7);
    assert_eq!(history(&mut server, "a"), numbered(1, &["x", "y"]));
}

/// Nothing is made for an answer that is refused.
#[test]
fn an_answer_that_cannot_be_written_opens_no_mailbox() {
    let mut config = Config::default();
    config.bayeux.publish = vec![String::from("/**").try_into().expect("a pattern")];
    let mut server = server(config);
    let mut application = Fellow::begin(&mut server, Role::Admin, "127.0.0.1", json!({})).0;
    application.subscribe(&mut server, "/service/ask");
    let mut fellow = Fellow::new(&mut server);
    fellow.send(&mut server, "/service/ask", json!({"data": 1}));
    application.connect(&mut server);
    let heard = application.heard(&mut server).expect("what was asked");
    let from = heard.as_array().and_then(|all| all.iter().find(|it| it["data"] == 1)).expect("it");
    let answer = json!({"data": 2, "ext": {"rcomet": {"to": from["ext"]["rcomet"]["from"]}}});
    server.machine.set_journal_broken(true);
    server.journal = None;
    let before = server.machine.memory().tables_bytes;
    let reply = application.send(&mut server, "/service/ask", answer);
    assert_eq!(reply[0]["error"], "500::The history cannot be stored, try again later");
    assert_eq!(server.machine.memory().tables_bytes, before);
}

/// What is written down may be more than there is room for now: channels keep what they would have kept.
#[test]
fn a_replay_keeps_within_the_limits() {
    let mut server = server(Config::default());
    for n in 0..500 {
        server.push("a", &format!("{n:0>1000}"));
    }
    let text = server.journal.as_ref().expect("one").text.clone();
    let replay = |config: Config, knows: bool| {
        let date = Date::from_unix(START);
        let entropy = Box::new(rcomet_core::chance::Chance::from_seed(3));
        let mut machine = Machine::new(config, entropy, Moment(0), date);
        let mut lines = text.split_inclusive(|byte| *byte == b'\n');
        let first = First::read(lines.next().expect("one")).expect("it reads back");
        let memory = if knows { first.memory } else { 0 };
        machine.begin_replay(&First { memory, ..first });
        let most = machine.config().limits.memory_bytes_max;
        for line in lines {
            let Ok(Line::Entry(entry)) = Line::read(line) else { panic!("an entry") };
            machine.replay(entry)?;
            let used = machine.memory().total_bytes();
            // Not beyond twice of what there ever was room for; tables are counted now and then.
            assert!(used <= 2 * most.max(memory) + (64 << 10), "{used}");
        }
        let replayed = machine.end_replay(Ending::Whole)?;
        let used = machine.memory().total_bytes();
        assert!(used <= most + 4096, "{used} {:?} {replayed:?} {knows}", machine.memory());
        machine.check();
        Ok::<_, String>((machine, replayed))
    };
    let mut config = Config::default();
    config.limits.memory_bytes_max = 200 << 10;
    for knows in [true, false] {
        let (machine, replayed) = replay(config.clone(), knows).unwrap_or_else(|why| panic!("{why}"));
        assert!((100..200).contains(&replayed.messages), "{replayed:?}");
        assert_eq!(machine.standing("a").map(|it| it.head), Some(501));
        assert_eq!(replayed.given_up + replayed.messages, 500);
    }
    let mut config = Config::default();
    config.limits.channels_max = 0;
    let why = replay(config, true).err().expect("there is no room");
    assert!(why.contains("expected no more than limits.channels_max = 0"), "{why}");
    let mut config = Config::default();
    config.limits.channel_name_bytes_max = 0;
    let why = replay(config, true).err().expect("the name is too long");
    assert!(why.contains("the channel `a`: expected a name of 1 to 0 bytes"), "{why}");
}
