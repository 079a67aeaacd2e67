//! Ids of the push module from lives of the server before: what their holders get when the clock has stepped back while the server
//! was away, with and without anything kept over the restart.
#[path = "support/push.rs"]
mod push;
mod support;
#[path = "support/websocket.rs"]
mod websocket;

use push::*;
use rcomet_core::config::{Location, Push};
use rcomet_core::journal::Ending;
use rcomet_core::time::{Date, Moment};
use rcomet_core::values::{Reading, end_line, preface_line, value_line};
use rcomet_core::{Config, Machine, Role, chance::Chance};
use support::{Client, START, Server, tag_by};
use websocket::HANDSHAKE;

const META: &str = "Sec-WebSocket-Protocol: ws+meta.nchan\r\n";

fn config() -> Config {
    let locations = [
        r#"{"path": "/pub/{id}", "role": "publisher", "messages_max": 100}"#,
        r#"{"path": "/sub?ids=", "split": ",", "role": "subscriber"}"#,
        r#"{"path": "/interval?ids=", "split": ",", "role": "subscriber", "transports": ["interval_poll"]}"#,
        r#"{"path": "/raw?ids=", "split": ",", "role": "subscriber", "transports": ["raw_stream"]}"#,
        r#"{"path": "/parts?ids=", "split": ",", "role": "subscriber", "longpoll_multipart": "on"}"#,
        r#"{"path": "/lines?ids=", "split": ",", "role": "subscriber", "longpoll_multipart": "raw"}"#,
        r#"{"path": "/whole?ids=", "split": ",", "role": "subscriber", "compound_etag_message_id": true}"#,
    ];
    let location = locations.map(|text| serde_json::from_str::<Location>(text).expect("a location"));
    Config { push: Push { location: location.into() }, ..Config::default() }
}

fn server(seed: u64, unix_s: u64) -> Server {
    Server::begun_at(config(), seed, Date::from_unix(unix_s))
}

fn set_clock(server: &mut Server, unix_s: u64) {
    server.machine.set_date(Date::from_unix(unix_s));
}

/// An id as a client has it.
type Id = (u64, String);

fn id_of(answer: &str) -> Id {
    let id = answer.lines().find_map(|line| line.strip_prefix("last message id: ")).expect(answer);
    let (second, tag) = id.trim_end().split_once(':').expect("second and tag");
    (second.parse().expect("a second"), tag.into())
}

/// Publishes a text that is found again wherever it stands.
fn say(server: &mut Server, channel: &str, number: u32) -> Id {
    id_of(&post(server, channel, &format!("<m{number}>")))
}

/// The numbers of all messages in a text.
fn numbers(text: &str) -> Vec<u32> {
    let rests = text.split("<m").skip(1);
    rests.map(|rest| rest.split_once('>').expect("a whole message").0.parse().expect("a number")).collect()
}

/// The fields, or the argument, by which an id is said.
const NAMES: [&str; 5] = ["validators", "If-None-Match", "Last-Event-ID", "Etag", "last_event_id"];
/// The target of a way to read, and the fields that ask for it.
const STREAMS: [(&str, &str); 5] = [
    ("/sub?ids=", "Accept: text/event-stream\r\n"),
    ("/sub?ids=", "Accept: multipart/mixed\r\n"),
    ("/sub?ids=", "TE: chunked\r\n"),
    ("/raw?ids=", ""),
    ("/sub?ids=", "socket"),
];
const POLLS: [&str; 5] = ["/sub?ids=", "/interval?ids=", "/parts?ids=", "/lines?ids=", "/whole?ids="];

fn asking(target: &str, ids: &str, name: &str, (second, tag): &Id) -> (String, String) {
    let date = String::from_utf8(Date::from_unix(*second).as_bytes().to_vec()).expect("text");
    let (mut target, mut fields) = (format!("{target}{ids}"), String::new());
    match name {
        // Where the whole id is in one field, a date says nothing.
        "validators" if !target.starts_with("/whole") => {
            fields = format!("If-Modified-Since: {date}\r\nIf-None-Match: {tag}\r\n");
        }
        "validators" => fields = format!("If-None-Match: {second}:{tag}\r\n"),
        "last_event_id" => target += &format!("&last_event_id={second}:{tag}"),
        field => fields = format!("{field}: {second}:{tag}\r\n"),
    }
    (target, fields)
}

/// Somebody who comes with an id, and reads on.
enum Reader {
    Stream(Client, String),
    Poll { target: &'static str, ids: &'static str, name: &'static str, id: Id, heard: Vec<u32> },
}

impl Reader {
    fn hear(&mut self, server: &mut Server) {
        match self {
            Self::Stream(client, text) => {
                *text += &String::from_utf8_lossy(&server.received_bytes(*client));
            }
            Self::Poll { target, ids, name, id, heard } => {
                for _ in 0..100 {
                    let (target, fields) = asking(target, ids, name, id);
                    let answer = ask(server, &target, &fields);
                    if answer.is_empty() || answer.starts_with("HTTP/1.1 304 ") {
                        // What it is told to be its place is what it has said.
                        assert!(
                            answer.is_empty() || field(&answer, "Etag") == Some(&*id.1),
                            "{fields}: {answer}"
                        );
                        return;
                    }
                    heard.extend(numbers(&answer));
                    let etag = field(&answer, "Etag").expect(&answer);
                    *id = match field(&answer, "Last-Modified") {
                        Some(date) => {
                            let date = httpdate::parse_http_date(date).expect("a date");
                            let unix = date.duration_since(std::time::UNIX_EPOCH).expect("after 1970");
                            (unix.as_secs(), etag.into())
                        }
                        None => {
                            let (second, tag) = etag.split_once(':').expect("a whole id");
                            (second.parse().expect("a second"), tag.into())
                        }
                    };
                }
                panic!("it goes round");
            }
        }
    }

    fn heard(&self) -> Vec<u32> {
        match self {
            Self::Stream(_, text) => numbers(text),
            Self::Poll { heard, .. } => heard.clone(),
        }
    }
}

/// Somebody in each way there is, by each way to say an id.
fn readers(server: &mut Server, ids: &'static str, id: &Id) -> Vec<(String, Reader)> {
    let mut all = Vec::new();
    for name in NAMES {
        for (target, how) in STREAMS {
            let (target, fields) = asking(target, ids, name, id);
            let client = server.connect(Role::Front);
            let how_fields =
                if how == "socket" { format!("{HANDSHAKE}{META}") } else { format!("Host: x\r\n{how}") };
            server.send(client, format!("GET {target} HTTP/1.1\r\n{how_fields}{fields}\r\n"));
            all.push((format!("{target} {how} {fields}"), Reader::Stream(client, String::new())));
        }
        for target in POLLS {
            let reader = Reader::Poll { target, ids, name, id: id.clone(), heard: Vec::new() };
            all.push((format!("{target} {name}"), reader));
        }
    }
    all
}

/// Everybody gets what is published from now on, at these readings of the clock, besides what they are owed already.
fn everybody_hears(server: &mut Server, ids: &'static str, old: &Id, clocks: &[u64], mut owed: Vec<u32>) {
    let mut all = readers(server, ids, old);
    for (number, clock) in (100..).zip(clocks) {
        set_clock(server, *clock);
        // Some hear it at once, others find it when they come again; and in each second some come who have waited till then.
        all.iter_mut().step_by(2).for_each(|(_, reader)| reader.hear(server));
        all.extend(readers(server, ids, old));
        for (copy, channel) in ids.split(',').enumerate() {
            let number = number * 10 + copy as u32;
            say(server, channel, number);
            owed.push(number);
        }
    }
    for (how, mut reader) in all {
        reader.hear(server);
        assert_eq!(reader.heard(), owed, "{how}");
    }
}

#[test]
fn a_life_with_nothing_kept_and_its_clock_behind_gives_old_readers_all_of_its_own() {
    for (ids, behind_s) in [("a", 10), ("a,b", 10), ("a", 0), ("b,a", 1_000)] {
        let mut before = server(5, START + 100);
        for number in 0..4 {
            say(&mut before, "a", number);
        }
        let old = say(&mut before, "a", 4);
        let now = START + 100 - behind_s;
        let mut after = server(6, now);
        // Some comes before, some in the very second, some behind it.
        let mut owed = Vec::new();
        for number in 50..53 {
            say(&mut after, "a", number);
            owed.push(number);
        }
        let clocks = [now, now + 1, START + 99, START + 100, START + 100, START + 101, START + 130];
        everybody_hears(&mut after, ids, &old, &clocks, owed);
    }
}

#[test]
fn an_id_of_a_life_before_never_names_a_message_of_this_one() {
    let mut before = server(5, START);
    let first = say(&mut before, "a", 1);
    let mut after = server(6, START);
    let own = say(&mut after, "a", 2);
    assert_eq!(first.0, own.0, "the same second, and the first number in it");
    assert_ne!(first.1, own.1);
    assert_eq!((first.1, own.1), (tag_by(5, 0).to_string(), tag_by(6, 0).to_string()));
    let place = |id: &Id| format!("Last-Event-ID: {}:{}\r\n", id.0, id.1);
    assert_eq!(numbers(&ask(&mut after, "/sub?ids=a", &place(&(START, tag_by(5, 0).to_string())))), [2]);
    assert_eq!(ask(&mut after, "/sub?ids=a", &place(&(START, tag_by(6, 0).to_string()))), "");
}

#[test]
fn a_life_with_a_journal_goes_on_exactly_whatever_the_clock_says() {
    for ending in [Ending::Clean(0), Ending::Whole, Ending::Torn] {
        let mut server = server(5, START + 100);
        server.keep_journal();
        let ids: Vec<Id> = (1..=4).map(|number| say(&mut server, "a", number)).collect();
        server.restart_at(ending, 6, Date::from_unix(START + 50));
        let clocks = [START + 50, START + 99, START + 100, START + 101];
        everybody_hears(&mut server, "a", &ids[1], &clocks, vec![3, 4]);
        // Once more, for those who have been away all the time.
        server.restart_at(ending, 7, Date::from_unix(START + 10));
        set_clock(&mut server, START + 10);
        let since: Vec<u32> = (100..104).map(|n| n * 10).collect();
        everybody_hears(&mut server, "a", &ids[3], &[START + 10], since);
    }
}

/// What was published last is lost with the end of the file; who has seen it has missed nothing of what follows.
#[test]
fn what_a_torn_journal_has_lost_stands_in_nobodys_way() {
    let mut server = server(5, START + 100);
    server.keep_journal();
    let kept = say(&mut server, "a", 1);
    say(&mut server, "a", 2);
    server.store();
    set_clock(&mut server, START + 130);
    say(&mut server, "a", 3);
    let lost = say(&mut server, "a", 4);
    server.store();
    server.tear(130);
    let replayed = server.restart_at(Ending::Torn, 6, Date::from_unix(START + 90));
    assert_eq!(replayed.messages, 2, "two are lost");
    let clocks = [START + 90, START + 100, START + 129, START + 130, START + 131];
    everybody_hears(&mut server, "a", &lost, &clocks, Vec::new());
    let mut late = readers(&mut server, "a", &kept);
    for (how, reader) in &mut late {
        reader.hear(&mut server);
        assert_eq!(reader.heard(), [2, 1000, 1010, 1020, 1030, 1040], "{how}");
    }
}

/// A server that has put last values back, with its clock behind.
fn with_values(mut before: Server, is_clean: bool, seed: u64, unix_s: u64) -> Server {
    let mut text = Vec::new();
    preface_line(&before.machine.begin_saving(), &mut text);
    let mut values = Vec::new();
    while before.machine.next_values(&mut values) {}
    values.iter().for_each(|value| value_line(value, &mut text));
    end_line(values.len() as u64, is_clean, &mut text);
    let mut reading = Reading::default();
    for line in text.split_inclusive(|&c| c == b'\n') {
        reading.line(line).expect("it was written here");
    }
    let mut after = server(seed, unix_s);
    after.now = Moment(1 << 40);
    let entropy = Box::new(Chance::from_seed(seed));
    after.machine = Machine::new(config(), entropy, after.now, Date::from_unix(unix_s));
    after.machine.restore(&reading.end().expect("it is whole")).expect("there is room");
    after
}

#[test]
fn last_values_are_not_told_twice_and_hide_nothing_new() {
    for is_clean in [true, false] {
        let mut before = server(5, START + 100);
        say(&mut before, "a", 1);
        let first = say(&mut before, "a", 2);
        let last = say(&mut before, "a", 3);
        say(&mut before, "b", 4);
        let mut after = with_values(before, is_clean, 6, START + 50);
        let clocks = [START + 50, START + 100, START + 101];
        everybody_hears(&mut after, "a", &last, &clocks, Vec::new());
        // Of what a channel had only the last is there.
        let mut late = readers(&mut after, "a", &first);
        for (how, reader) in &mut late {
            reader.hear(&mut after);
            assert_eq!(reader.heard(), [3, 1000, 1010, 1020], "{how}");
        }
    }
}
