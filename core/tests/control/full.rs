//! A server whose memory is full, over a restart: all of it is there again, and values are replaced as before.
use rcomet_core::journal::{Ending, First, Line};

use super::kept::{again_with, saved};
use super::support::START;
use super::*;
use rcomet_core::Machine;
use rcomet_core::chance::Chance;
use rcomet_core::time::{Date, Moment};

fn small(bytes: usize) -> Config {
    let mut config = Config { values_ms: 10_000, ..Config::default() };
    config.limits.memory_bytes_max = bytes;
    config
}

/// Writes values until there is no room for another; how many there are.
fn fill(server: &mut Server, bytes: usize) -> usize {
    let value = vec![b'1'; bytes];
    let count =
        (0..).take_while(|i| http(server, ALL, "PUT", &format!("/keys/k{i}"), &value).0 < 300).count();
    assert!(count > 5, "{bytes}: {count}");
    count
}

/// Puts others of the same size in the place of all.
fn rewrite(server: &mut Server, count: usize, (digit, bytes): (u8, usize)) {
    for i in 0..count {
        let answer = http(server, ALL, "PUT", &format!("/keys/k{i}"), &vec![digit; bytes]);
        assert!(answer.0 < 300, "{bytes} bytes, {} of {count}, key {i}: {answer:?}", digit as char);
    }
}

fn check(server: &mut Server, count: usize, (digit, bytes): (u8, usize)) {
    let value = String::from_utf8(vec![digit; bytes]).expect("text");
    for i in 0..count {
        assert_eq!(get(server, &format!("/keys/k{i}")).1["value"], value, "{i} of {count}");
    }
}

const SIZES: [usize; 4] = [0, 100, 1_000, 30_000];

#[test]
fn a_full_history_is_taken_again_and_again() {
    for bytes in SIZES {
        let mut server = Server::new(small(400_000));
        server.keep_journal();
        let count = fill(&mut server, bytes);
        rewrite(&mut server, count, (b'2', bytes));
        for (n, ending) in [Ending::Clean(0), Ending::Whole, Ending::Clean(0)].into_iter().enumerate() {
            let replayed = server.restart(ending, 7 + n as u64);
            assert_eq!((replayed.messages, replayed.given_up), (count, 0), "{bytes} bytes, start {n}");
            let digit = b'3' + n as u8;
            check(&mut server, count, (digit - 1, bytes));
            rewrite(&mut server, count, (digit, bytes));
        }
    }
}

#[test]
fn full_values_are_taken_again_and_again() {
    for bytes in SIZES {
        let mut server = Server::new(small(400_000));
        let count = fill(&mut server, bytes);
        rewrite(&mut server, count, (b'2', bytes));
        for n in 0..3 {
            let text = saved(&mut server, true);
            let restored;
            (server, restored) = again_with(small(400_000), &text, n).unwrap_or_else(|why| panic!("{why}"));
            assert_eq!((restored.values, restored.expired), (count as u64, 0));
            let digit = b'3' + n as u8;
            check(&mut server, count, (digit - 1, bytes));
            rewrite(&mut server, count, (digit, bytes));
        }
    }
}

/// The order in which they come back is not the one in which they grew.
#[test]
fn small_values_that_grew_beside_a_large_one_are_taken() {
    let config = small(4_000_000);
    let mut server = Server::new(config.clone());
    server.keep_journal();
    for i in 0..600 {
        put(&mut server, &format!("k{i}"), b"x");
    }
    put(&mut server, "big", &vec![b'y'; 900_000]);
    let grown = (0..600)
        .take_while(|i| http(&mut server, ALL, "PUT", &format!("/keys/k{i}"), &vec![b'z'; 4_500]).0 < 300);
    assert!(grown.count() > 500);
    let text = saved(&mut server, true);
    let (mut after, restored) = again_with(config, &text, 1_000).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(restored.values, 601);
    assert_eq!(get(&mut after, "/keys/big").1["value"].as_str().map(str::len), Some(900_000));
    let before = server.machine.memory().history_bytes;
    let replayed = server.restart(Ending::Clean(0), 7);
    assert_eq!((server.machine.memory().history_bytes, replayed.given_up), (before, 0));
    assert_eq!(get(&mut server, "/keys/k0").1["value"].as_str().map(str::len), Some(4_500));
}

/// One body for all of them is one for all of them after a restart.
#[test]
fn a_broadcast_to_many_values_is_taken() {
    let mut server = Server::new(small(1_000_000));
    for i in 0..50 {
        put(&mut server, &format!("k{i}"), b"x");
    }
    server.ask(Role::Admin, &format!("/broadcast?content={}", "b".repeat(60_000)));
    server.turn();
    let before = server.machine.memory().history_bytes;
    let text = saved(&mut server, true);
    assert!(text.len() > 50 * 60_000);
    let (mut server, restored) = again_with(small(1_000_000), &text, 1).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!((restored.values, server.machine.memory().history_bytes <= before), (50, true));
    check(&mut server, 50, (b'b', 60_000));
}

/// Another server, under another limit, with what this one has written down.
fn under(server: &mut Server, bytes: usize) -> Result<(Server, usize), String> {
    server.store();
    let text = server.journal.as_ref().expect("one").text.clone();
    let mut other = Server::new(small(bytes));
    let date = Date::from_unix(START);
    other.machine = Machine::new(small(bytes), Box::new(Chance::from_seed(5)), Moment(1 << 30), date);
    other.now = Moment(1 << 30);
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    other.machine.begin_replay(&First::read(lines.next().expect("one")).expect("it reads back"));
    for line in lines {
        let Ok(Line::Entry(entry)) = Line::read(line) else { panic!("an entry") };
        other.machine.replay(entry)?;
    }
    let replayed = other.machine.end_replay(Ending::Whole)?;
    other.machine.check();
    Ok((other, replayed.given_up))
}

/// What one channel tells at once to who asks so.
fn polled(server: &mut Server, how: &str) -> Value {
    let client = server.connect(Role::Front);
    let target = format!("/events?channel=c0&wait=0&{how}");
    server.send(client, format!("GET {target} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n"));
    answered(&server.received(client)).1
}

#[test]
fn under_a_lower_limit_older_messages_go_and_values_do_not() {
    let mut server = Server::new(small(4_000_000));
    server.keep_journal();
    let mut cursor = String::new();
    // The first of each stand before the second of any.
    for round in 0..30 {
        for channel in 0..20 {
            server.push(&format!("c{channel}"), &format!("{round:0>1000}"));
        }
        if round == 0 {
            cursor = polled(&mut server, "history=all")["cursor"].as_str().expect("a cursor").to_owned();
        }
    }
    // As it is written anew: one channel behind the other.
    server.restart(Ending::Clean(0), 7);
    let used = server.machine.memory().total_bytes();
    let (same, given_up) = under(&mut server, 4_000_000).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!((given_up, same.machine.standing("c0").map(|it| it.base)), (0, Some(1)));
    let (mut less, given_up) = under(&mut server, used / 2).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(less.machine.counters().history_given_up, given_up as u64);
    let bytes = less.machine.memory().history_bytes;
    assert!((used / 3..used / 2).contains(&bytes), "{used}, {bytes}: as much as there is room for");
    let bases: Vec<u64> =
        (0..20).filter_map(|i| less.machine.standing(&format!("c{i}")).map(|it| it.base)).collect();
    assert_eq!(bases.len(), 20);
    let (least, most) = (bases.iter().min().expect("one"), bases.iter().max().expect("one"));
    assert!(*least > 10 && most - least <= 6, "{bases:?}, {given_up} given up");
    // Nobody takes what is there for all that there was.
    let mut config = less.machine.config().clone();
    config.limits.memory_bytes_max *= 2;
    less.machine.reconfigure(config);
    let told = polled(&mut less, &format!("cursor={cursor}"));
    assert_eq!(
        (&told["events"][0]["type"], &told["events"][0]["missing"]),
        (&json!("gap"), &json!(bases[0] - 2))
    );
    let texts = told["events"].as_array().expect("events").len();
    assert_eq!(texts, 1 + 31 - bases[0] as usize, "what is kept follows");
    // Values alone do not go.
    let mut server = Server::new(small(4_000_000));
    server.keep_journal();
    for i in 0..200 {
        put(&mut server, &format!("k{i}"), &vec![b'v'; 5_000]);
    }
    let used = server.machine.memory().total_bytes();
    assert!(under(&mut server, used + 10_000).is_ok(), "there is room for all");
    // Their tables have to fit, too.
    let messages = server.machine.memory().history_bytes;
    for limit in [messages + 1_000, messages / 2] {
        let why = under(&mut server, limit).err().expect("they do not fit");
        assert_eq!(
            why,
            format!(
                "there is no room for it: expected no more than limits.memory_bytes_max = {limit}, which was 4000000 when it was written"
            )
        );
    }
    let text = saved(&mut server, true);
    let why = again_with(small(messages + 1_000), &text, 1).err().expect("they do not fit");
    assert!(why.contains("which was 4000000 when it was written"), "{why}");
}

/// What was in use besides, and is not any more, took the room of some: the others keep theirs.
#[test]
fn what_was_given_up_for_want_of_memory_is_not_back_in_the_place_of_others() {
    let mut server = Server::new(small(2_000_000));
    server.keep_journal();
    for n in 0..300 {
        server.push("a", &format!("{n:0>2000}"));
        server.push("b", &format!("{n:0>2000}"));
    }
    // Half a request for each, while one channel goes on.
    let head =
        format!("POST /publish HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{}", "x".repeat(50_000));
    let busy: Vec<Client> = (0..10).map(|_| server.connect(Role::Admin)).collect();
    for client in &busy {
        server.send(*client, &head);
    }
    for n in 300..500 {
        server.push("a", &format!("{n:0>2000}"));
    }
    busy.into_iter().for_each(|client| server.vanish(client));
    for n in 300..400 {
        server.push("b", &format!("{n:0>2000}"));
    }
    let standing = |server: &Server, name: &str| {
        let it = server.machine.standing(name).expect("it is there");
        (it.base, it.head)
    };
    let before = (standing(&server, "a"), standing(&server, "b"));
    assert!(before.0.0 > 100, "{before:?}");
    let replayed = server.restart(Ending::Clean(0), 7);
    assert_eq!((standing(&server, "a"), standing(&server, "b")), before);
    assert_eq!(replayed.given_up, 0);
}

/// Timers of those that are gone are none of what is kept.
#[test]
fn channels_that_came_and_went_leave_nothing() {
    let mut server = Server::new(small(400_000));
    server.keep_journal();
    for i in 0..8_000 {
        server.push(&format!("gone{i}"), "x");
        server.ask(Role::Admin, &format!("/close?cname=gone{i}"));
        if i % 500 == 0 {
            server.pass_ms(100_000);
        }
    }
    let count = fill(&mut server, 100);
    let before = server.machine.memory().total_bytes();
    let replayed = server.restart(Ending::Clean(0), 7);
    assert_eq!((replayed.messages, replayed.given_up), (count, 0));
    let after = server.machine.memory().total_bytes();
    assert!(after <= before + 10_000, "{before}, {after}");
    rewrite(&mut server, count, (b'2', 100));
    // They are looked after: what nobody writes any more goes.
    server.pass_ms(1_000);
    server.machine.check();
}
