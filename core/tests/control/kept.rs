//! Last values over a restart: another server with what the one before has given out.
use rcomet_core::Machine;
use rcomet_core::chance::Chance;
use rcomet_core::time::{Date, Moment};
use rcomet_core::values::{Kept, Reading, Restored, end_line, preface_line, value_line};

use super::support::START;
use super::*;

/// Everything that a server gives out, as text.
pub fn saved(server: &mut Server, is_clean: bool) -> Vec<u8> {
    let mut text = Vec::new();
    preface_line(&server.machine.begin_saving(), &mut text);
    let (mut values, mut count) = (Vec::new(), 0);
    loop {
        let more = server.machine.next_values(&mut values);
        for value in values.drain(..) {
            value_line(&value, &mut text);
            count += 1;
        }
        if !more {
            break;
        }
    }
    end_line(count, is_clean, &mut text);
    server.machine.values_saved(true);
    text
}

fn kept(text: &[u8]) -> Kept {
    let mut reading = Reading::default();
    for line in text.split_inclusive(|&c| c == b'\n') {
        reading.line(line).expect("it was written here");
    }
    reading.end().expect("it is whole")
}

fn config() -> Config {
    Config { values_ms: 10_000, ..Config::default() }
}

/// A server that is started so many milliseconds later. Time does not begin at 0 there, as in the daemon.
pub fn again_with(config: Config, text: &[u8], later_ms: u64) -> Result<(Server, Restored), String> {
    let mut server = Server::with_seed(config.clone(), later_ms + 2);
    server.now = Moment(1 << 40);
    let date = Date::from_unix_ms(START * 1_000 + later_ms);
    server.machine = Machine::new(config, Box::new(Chance::from_seed(later_ms + 2)), server.now, date);
    let restored = server.machine.restore(&kept(text))?;
    server.machine.check();
    Ok((server, restored))
}

fn again(text: &[u8], later_ms: u64) -> Server {
    again_with(config(), text, later_ms).expect("there is room").0
}

#[test]
fn values_and_versions_go_on_after_a_stop() {
    let mut server = Server::new(config());
    let first = put(&mut server, "k", b"1");
    put(&mut server, "two%20words", "\u{e9}\n\0".as_bytes());
    put(&mut server, "binary", b"\xff\x00");
    put(&mut server, "", b"");
    put(&mut server, "gone", b"x");
    assert_eq!(http(&mut server, ALL, "DELETE", "/keys/gone", b"").0, 204);
    server.push("published", "to those who listen");
    server.pass_ms(1_000);
    let second = put(&mut server, "k", b"2");
    let (_, before) = get(&mut server, "/keys");
    let text = saved(&mut server, true);
    let mut server = again(&text, 61_000);
    let (_, after) = get(&mut server, "/keys");
    let shape = |all: &Value| -> Vec<Value> {
        let keys = all["keys"].as_array().expect("keys").iter();
        keys.map(|key| {
            let of = |name: &str| key.get(name).cloned();
            json!([of("key"), of("key_base64"), of("version"), of("time"), of("value"), of("base64")])
        })
        .collect()
    };
    let without_the_published: Vec<Value> =
        shape(&before).into_iter().filter(|key| key[0] != "published").collect();
    assert_eq!(shape(&after), without_the_published, "in the order of their making");
    assert_eq!(after["keys"][0]["age_ms"], 60_000, "the time between counts");
    assert_eq!(get(&mut server, "/keys/gone").0, 404);
    // Who has the last value waits; nothing is missing, nothing comes twice.
    let level = waits(&mut server, &format!("/keys/k?wait=30&since={second}"));
    // Who has the one before gets the last.
    let (_, heard) = get(&mut server, &format!("/keys/k?wait=30&since={first}"));
    assert_eq!(
        (&heard["value"], &heard["version"], heard.get("missing")),
        (&json!("2"), &json!(second), None)
    );
    // Who is further behind is told that something may be missing.
    let (_, heard) = get(&mut server, &format!("/keys/k?wait=30&since={}", first - 1));
    assert_eq!((&heard["value"], heard.get("missing")), (&json!("2"), Some(&Value::Null)));
    let third = put(&mut server, "k", b"3");
    assert!(third > second);
    let (_, heard) = answered(&server.received(level));
    assert_eq!(
        (&heard["value"], &heard["version"], heard.get("missing")),
        (&json!("3"), &json!(third), None)
    );
    // What has no value was perhaps deleted.
    let gone = waits(&mut server, &format!("/keys/gone?wait=30&since={first}"));
    put(&mut server, "gone", b"y");
    let (_, heard) = answered(&server.received(gone));
    assert_eq!((&heard["value"], heard.get("missing")), (&json!("y"), Some(&Value::Null)));
    server.machine.check();
}

#[test]
fn versions_go_on_over_many_starts_and_a_clock_that_is_set_back() {
    let mut server = Server::new(config());
    let mut newest = put(&mut server, "k", b"0");
    let oldest = newest;
    for (round, later_ms) in [50_000, 100_000, 1_000, 0, 200_000].into_iter().enumerate() {
        let text = saved(&mut server, true);
        server = again(&text, later_ms);
        let waiting = waits(&mut server, &format!("/keys/k?wait=30&since={newest}"));
        let version = put(&mut server, "k", round.to_string().as_bytes());
        assert!(version > newest, "round {round}: {version} after {newest}");
        let (_, heard) = answered(&server.received(waiting));
        assert_eq!((&heard["version"], heard.get("missing")), (&json!(version), None), "round {round}");
        newest = version;
    }
    let text = saved(&mut server, true);
    let mut server = again(&text, 300_000);
    let (_, heard) = get(&mut server, &format!("/keys/k?wait=30&since={oldest}"));
    assert_eq!((&heard["version"], heard.get("missing")), (&json!(newest), Some(&Value::Null)));
}

#[test]
fn after_a_crash_what_may_be_missing_is_said() {
    let mut server = Server::new(config());
    let saved_version = put(&mut server, "k", b"saved");
    let other = put(&mut server, "other", b"x");
    let text = saved(&mut server, false);
    let lost_version = put(&mut server, "k", b"lost");
    let mut server = again(&text, 5_000);
    assert_eq!(get(&mut server, "/keys/k").1["value"], "saved");
    // It has the value that there is; whether there were others behind it nobody knows.
    let level = waits(&mut server, &format!("/keys/k?wait=30&since={saved_version}"));
    // It knows of one that is lost: so it gets the one that there is.
    let (_, heard) = get(&mut server, &format!("/keys/k?wait=30&since={lost_version}"));
    assert_eq!((&heard["value"], heard.get("missing")), (&json!("saved"), Some(&Value::Null)));
    let next = put(&mut server, "k", b"next");
    assert!(next > lost_version);
    let (_, heard) = answered(&server.received(level));
    assert_eq!((&heard["value"], heard.get("missing")), (&json!("next"), Some(&Value::Null)));
    let level = waits(&mut server, &format!("/keys/k?wait=30&since={next}"));
    put(&mut server, "k", b"more");
    assert_eq!(answered(&server.received(level)).1.get("missing"), None, "behind the crash all is known");
    // After a stop that follows it is known as well what is not known.
    let text = saved(&mut server, true);
    let mut server = again(&text, 100_000);
    let level = waits(&mut server, &format!("/keys/other?wait=30&since={other}"));
    put(&mut server, "other", b"y");
    let (_, heard) = answered(&server.received(level));
    assert_eq!((&heard["value"], heard.get("missing")), (&json!("y"), Some(&Value::Null)));
}

#[test]
fn what_the_first_of_two_crashes_lost_is_lost_after_the_second() {
    let mut server = Server::new(config());
    put(&mut server, "k", b"1");
    let text = saved(&mut server, false);
    let lost = put(&mut server, "k", b"2");
    let mut server = again(&text, 10_000);
    let text = saved(&mut server, false);
    let mut server = again(&text, 200_000);
    // It has a value that is not there any more: it gets the one that is, and does not wait.
    let (status, heard) = get(&mut server, &format!("/keys/k?wait=30&since={lost}"));
    assert_eq!((status, &heard["value"], heard.get("missing")), (200, &json!("1"), Some(&Value::Null)));
}

#[test]
fn what_only_registered_clients_may_read_is_not_kept() {
    let mut server = Server::new(config());
    let text = "channel_id=room&use_sessions=1";
    let request = format!(
        "POST /channels.json HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    let client = server.connect(Role::Admin);
    server.send(client, request);
    assert!(server.received(client).contains("\"return_code\": 1"));
    put(&mut server, "room", b"secret");
    put(&mut server, "open", b"known");
    let text = saved(&mut server, true);
    let text = String::from_utf8(text).expect("text");
    assert!(text.contains("known") && !text.contains("secret"), "{text}");
    let mut server = again(text.as_bytes(), 10_000);
    assert_eq!(get(&mut server, "/keys/room").0, 404);
    assert_eq!(get(&mut server, "/keys/open").0, 200);
}

#[test]
fn a_time_to_live_goes_on_by_the_wall_clock() {
    let mut server = Server::new(config());
    put(&mut server, "short?ttl=100", b"s");
    put(&mut server, "long?ttl=1000", b"l");
    let text = saved(&mut server, true);
    let (mut server, restored) = again_with(config(), &text, 99_000).expect("there is room");
    assert_eq!(restored, Restored { values: 2, expired: 0 });
    assert_eq!(get(&mut server, "/keys/short").1["age_ms"], 99_000);
    server.pass_ms(900);
    assert_eq!(get(&mut server, "/keys/short").0, 200);
    server.pass_ms(200);
    assert_eq!(get(&mut server, "/keys/short").0, 404);
    assert_eq!(http(&mut server, ALL, "POST", "/keys/long/refresh", b"").0, 200);
    server.pass_ms(901_000);
    assert_eq!(get(&mut server, "/keys/long").0, 200, "a refresh is a write");
    server.pass_ms(100_000);
    assert_eq!(get(&mut server, "/keys/long").0, 404);
    let (mut server, restored) = again_with(config(), &text, 100_000).expect("there is room");
    assert_eq!(
        (restored, get(&mut server, "/keys").1["keys"].as_array().map(Vec::len)),
        (Restored { values: 1, expired: 1 }, Some(1))
    );
    server.machine.check();
}

#[test]
fn a_value_that_is_over_is_none() {
    let mut server = Server::new(config());
    put(&mut server, "k", b"for ever");
    let body = json!({"channel": "k", "data": "for a second", "ttl": 1}).to_string();
    let admin = server.connect(Role::Admin);
    let head = "POST /publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    server.send(admin, format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()));
    assert!(server.received(admin).starts_with("HTTP/1.1 200 "));
    assert_eq!(get(&mut server, "/keys/k").1["value"], "for a second");
    let text = saved(&mut server, true);
    server.pass_ms(1_100);
    assert_eq!(get(&mut server, "/keys/k").0, 404);
    assert_eq!(get(&mut server, "/keys").1["keys"], json!([]));
    let (_, restored) = again_with(config(), &text, 1_100).expect("there is room");
    assert_eq!(restored, Restored { values: 0, expired: 1 });
}

#[test]
fn readers_in_other_dialects_go_on() {
    let mut server = Server::new(config());
    put(&mut server, "k", b"1");
    put(&mut server, "k", b"2");
    let text = saved(&mut server, true);
    let mut server = again(&text, 60_000);
    // By icomet's own number: it has 1 and 2.
    let client = server.connect(Role::Front);
    let head = server.get(client, "/poll?cname=k&seq=3");
    assert!(head.ends_with("\r\n\r\n"), "it waits: {head}");
    put(&mut server, "k", b"3");
    let answer = body(&(head + &server.received(client)));
    assert!(answer.contains("\"seq\": 3") || answer.contains("\"seq\":3"), "{answer}");
    // After a crash the numbers begin anew: there may have been others with these.
    let text = saved(&mut server, false);
    let mut server = again(&text, 120_000);
    let client = server.connect(Role::Front);
    let answer = body(&server.get(client, "/poll?cname=k&seq=1"));
    assert!(answer.contains("\"content\":\"3\"") && answer.contains("\"seq\":1"), "{answer}");
}

#[test]
fn what_was_broadcast_to_a_key_is_its_value() {
    let mut server = Server::new(config());
    put(&mut server, "k", b"own");
    let admin = server.connect(Role::Admin);
    server.get(admin, "/broadcast?content=to%20all");
    let text = saved(&mut server, true);
    let mut server = again(&text, 1_000);
    assert_eq!(get(&mut server, "/keys/k").1["value"], "to all");
    server.machine.check();
}

#[test]
fn it_is_time_to_save_when_something_has_changed() {
    let mut server = Server::new(config());
    server.push("published", "x");
    server.pass_ms(60_000);
    assert_eq!(server.saves, 0, "that is no key");
    put(&mut server, "k", b"1");
    server.pass_ms(9_900);
    put(&mut server, "k", b"2");
    assert_eq!(server.saves, 0);
    server.pass_ms(200);
    assert_eq!(server.saves, 1, "however often it changes");
    server.pass_ms(60_000);
    assert_eq!(server.saves, 1, "one at a time");
    server.machine.values_saved(false);
    server.pass_ms(10_100);
    assert_eq!(server.saves, 2, "what failed is tried again");
    saved(&mut server, false);
    server.pass_ms(60_000);
    assert_eq!(server.saves, 2, "nothing has changed");
    for (number, request) in
        [("DELETE", "/keys/k"), ("PUT", "/keys/k"), ("POST", "/keys/k/refresh")].into_iter().enumerate()
    {
        http(&mut server, ALL, request.0, request.1, b"x");
        server.pass_ms(10_100);
        assert_eq!(server.saves, 3 + number, "{request:?}");
        saved(&mut server, false);
    }
    // What comes while it is saved is saved after that.
    put(&mut server, "k", b"3");
    server.pass_ms(10_100);
    assert_eq!(server.saves, 6);
    let preface = server.machine.begin_saving();
    put(&mut server, "k", b"4");
    while server.machine.next_values(&mut Vec::new()) {}
    server.machine.values_saved(true);
    server.pass_ms(10_100);
    assert_eq!(server.saves, 7);
    assert!(server.machine.begin_saving().head > preface.head);
    let counters = *server.machine.counters();
    assert_eq!((counters.values_saves, counters.values_saves_failed), (5, 1));
    // A shorter time holds at once, and for what has changed before; a longer one does not put off what is due.
    for (before_ms, after_ms, wait_ms) in [(3_600_000, 10_000, 10_100), (10_000, 3_600_000, 10_100)] {
        let with = |values_ms| Config { values_ms, ..config() };
        let mut server = Server::new(with(before_ms));
        put(&mut server, "k", b"1");
        server.machine.reconfigure(with(after_ms));
        server.pass_ms(wait_ms);
        assert_eq!(server.saves, 1, "{before_ms} and then {after_ms}");
    }
    let mut server = Server::default();
    put(&mut server, "k", b"1");
    server.pass_ms(1_000_000);
    assert_eq!(server.saves, 0, "nobody keeps them");
}

#[test]
fn what_there_is_no_room_for_is_refused_with_its_line() {
    let mut server = Server::new(config());
    for key in ["first", "second", "third"] {
        put(&mut server, key, &[b'x'; 1000]);
    }
    let text = saved(&mut server, true);
    let refused = |change: &dyn Fn(&mut Config)| {
        let mut config = config();
        change(&mut config);
        again_with(config, &text, 1_000).err().expect("it is refused")
    };
    let why = refused(&|config| config.limits.channels_max = 2);
    assert_eq!(
        why,
        "line 4: the channel `third`: it is one too many: expected no more than limits.channels_max = 2"
    );
    let why = refused(&|config| config.limits.channel_name_bytes_max = 5);
    assert!(why.starts_with("line 3: the channel `second`: expected a name of 1 to 5 bytes"), "{why}");
    let used = Server::new(config()).machine.memory().total_bytes();
    let why = refused(&|config| config.limits.memory_bytes_max = used + 4_000);
    assert!(why.contains("there is no room for it: expected no more than limits.memory_bytes_max"), "{why}");
    let twice = String::from_utf8(text.clone()).expect("text").replace("\"second\"", "\"first\"");
    let twice = twice.replace("\"first\":17", "\"second\":17");
    let why = again_with(config(), twice.as_bytes(), 1_000).err().expect("it is refused");
    assert!(why.contains("the channel `first`: it is there twice"), "{why}");
    // The last value is kept however large it is, as it was when it was written.
    let mut small = config();
    small.limits.history_bytes_max = 500;
    let (server, restored) = again_with(small, &text, 1_000).expect("it is taken");
    assert_eq!((restored, server.machine.load().0), (Restored { values: 3, expired: 0 }, 3));
    // What is too old by the rules for histories is no mistake: it would have gone meanwhile.
    let mut young = config();
    young.limits.history_age_ms_max = 500;
    let (server, restored) = again_with(young, &text, 1_000).expect("it is taken");
    assert_eq!((restored, server.machine.load().0), (Restored { values: 0, expired: 3 }, 0));
}

/// Among many channels a walk takes many turns, each with a bounded share; what changes meanwhile is there as it was or as it is.
#[test]
fn values_are_given_out_in_shares() {
    let mut config = config();
    config.limits.channels_max = 20_000;
    let mut server = Server::new(config.clone());
    for key in 0..5_000 {
        put(&mut server, &format!("{key:05}"), &[b'x'; 2_000]);
    }
    let preface = server.machine.begin_saving();
    let (mut all, mut turns) = (Vec::new(), 0);
    loop {
        let mut share = Vec::new();
        let more = server.machine.next_values(&mut share);
        let bytes: usize = share.iter().map(rcomet_core::values::KeptValue::bytes).sum();
        assert!(bytes < (1 << 20) + 4_000, "{bytes}");
        all.append(&mut share);
        turns += 1;
        if turns == 3 {
            assert_eq!(http(&mut server, ALL, "DELETE", "/keys/04999", b"").0, 204);
            put(&mut server, "00000", b"new");
            put(&mut server, "late", b"x");
        }
        if !more {
            break;
        }
    }
    assert!(turns >= 10, "{turns}");
    let mut names: Vec<&str> = all.iter().map(|value| &*value.channel).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all.len(), "each once");
    for key in 0..4_999 {
        assert!(names.binary_search(&format!("{key:05}").as_str()).is_ok());
    }
    assert!(all.iter().all(|value| value.version <= preface.head || &*value.channel == "late"));
}
