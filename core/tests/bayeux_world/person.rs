//! Somebody with a session: what it has subscribed, what it is owed and what it has, and the ways in which it asks, hears, loses
//! what was on its way, and changes between polls and a WebSocket.
use std::collections::BTreeSet;

use rcomet_core::Role;
use rcomet_core::chance::Chance;
use serde_json::{Value, json};

use super::bayeux::Fellow;
use super::support::{Client, Server, split};
use super::websocket::DEFLATE;
use super::wire::Wired;
use super::{NAMES, PATTERNS, World};

pub struct Person {
    pub fellow: Fellow,
    /// The WebSocket that it uses, if it does.
    pub wired: Option<Wired>,
    /// It takes nothing.
    pub clogged: bool,
    pub subscriptions: BTreeSet<&'static str>,
    /// Numbers of messages it must have in the end; those it has; those that were on their way when it lost them.
    pub owed: BTreeSet<u64>,
    pub had: BTreeSet<u64>,
    pub on_their_way: BTreeSet<u64>,
    pub last: u64,
    pub waits: bool,
    /// Numbers that it may have but need not: it had not got them when it gave up a subscription.
    pub excused: BTreeSet<u64>,
    /// The server has crashed: it may be told of a gap of unknown size; and it was.
    pub may_be_told: bool,
    pub told: bool,
    /// It has been away for so long that where it stands has to be written down.
    pub must_rest: bool,
    pub gone: bool,
}

fn numbers(heard: &Value) -> Vec<u64> {
    let events = heard.as_array().unwrap().iter().filter(|m| m.get("data").is_some() && !is_unsure(m));
    events.map(|m| m["data"].as_u64().unwrap_or_else(|| panic!("a gap: {m}"))).collect()
}

/// Whether an event says that something may be missing, nobody knows what.
fn is_unsure(event: &Value) -> bool {
    event["channel"] == "/service/rcomet/gap" && event["data"] == json!({"lost": null})
}

/// Takes note of what is said to be missing.
fn note_gap(person: &mut Person, heard: &[Value], seed: u64) {
    if heard.iter().any(is_unsure) {
        assert!(person.may_be_told, "seed {seed}: nothing can be missing");
        (person.may_be_told, person.told) = (false, true);
    }
}

/// Asks for more, unless it is asking already.
pub fn ask(server: &mut Server, person: &mut Person) {
    if !person.waits && !person.gone {
        match &mut person.wired {
            Some(wired) => wired.connect(server),
            None => person.fellow.connect(server),
        }
        person.waits = true;
    }
}

/// Goes from polls to a WebSocket or back, or to another; or shuts or opens the window of the one that it has.
pub fn turn(server: &mut Server, person: &mut Person, world: &mut World, chance: &mut Chance, seed: u64) {
    if person.gone {
        return;
    }
    if let Some(wired) = person.wired.as_ref().filter(|_| chance.percent(70)) {
        person.clogged = chance.percent(50);
        server.clog(wired.socket.0, person.clogged);
        *world.counts.entry("windows").or_default() += 1;
        return;
    }
    hear(server, person, world, seed);
    let was = leave_socket(server, person, seed);
    if !was || chance.percent(50) {
        open_socket(server, person, chance);
    }
    *world.counts.entry("transports changed").or_default() += 1;
}

/// Takes what is there of the socket, and leaves it; whether there was one.
pub fn leave_socket(server: &mut Server, person: &mut Person, seed: u64) -> bool {
    let Some(wired) = &person.wired else { return false };
    server.clog(wired.socket.0, false);
    hear_socket(server, person, seed);
    let Some(wired) = person.wired.take() else { return false };
    server.vanish(wired.socket.0);
    person.fellow.acked = wired.acked;
    person.waits = false;
    true
}

/// Goes on by a WebSocket. The poll that it may have left waiting is answered, with nothing in it.
pub fn open_socket(server: &mut Server, person: &mut Person, chance: &mut Chance) {
    let head = if chance.percent(50) { DEFLATE } else { "" };
    let old = person.fellow.move_to_new_connection(server);
    server.vanish(old);
    person.clogged = false;
    person.wired = Some(Wired::with_session(server, head, &person.fellow.client, person.fellow.acked));
    person.waits = false;
}

/// Takes what came by the socket; gives how many messages that were.
fn hear_socket(server: &mut Server, person: &mut Person, seed: u64) -> usize {
    let Some(wired) = &mut person.wired else { return 0 };
    let heard = wired.heard(server);
    for message in &heard {
        if message.get("data").is_none() {
            assert_eq!(message["successful"], true, "seed {seed}: {message}");
            person.waits &= message["channel"] != "/meta/connect";
        }
    }
    note_gap(person, &heard, seed);
    note_numbers(person, numbers(&json!(heard)), seed)
}

/// Takes what has come; gives how many messages that were.
pub fn hear(server: &mut Server, person: &mut Person, world: &mut World, seed: u64) -> usize {
    if person.wired.is_some() {
        let count = hear_socket(server, person, seed);
        *world.counts.entry("pushed").or_default() += count as u64;
        return count;
    }
    let Some(heard) = person.fellow.heard(server) else { return 0 };
    person.waits = false;
    note(person, &heard, seed);
    *world.counts.entry("answers").or_default() += 1;
    numbers(&heard).len()
}

fn note(person: &mut Person, heard: &Value, seed: u64) {
    let reply = heard.as_array().unwrap().last().unwrap();
    assert_eq!(reply["successful"], true, "seed {seed}: {heard}");
    note_gap(person, heard.as_array().unwrap(), seed);
    note_numbers(person, numbers(heard), seed);
}

fn note_numbers(person: &mut Person, numbers: Vec<u64>, seed: u64) -> usize {
    let count = numbers.len();
    for n in numbers {
        assert!(n > person.last, "seed {seed}: {n} after {}", person.last);
        assert!(person.had.insert(n), "seed {seed}: {n} twice");
        person.last = n;
    }
    count
}

/// Takes what came by a connection that was left for another: nothing but the reply.
pub fn take(server: &mut Server, old: Client, person: &mut Person, seed: u64) {
    let answer = server.received(old);
    let heard: Value = serde_json::from_str(&split(&answer).1).expect("it was released");
    if let (Some(acked), Some(batch)) =
        (person.fellow.acked, heard.as_array().unwrap().last().unwrap()["ext"]["ack"].as_u64())
    {
        // It came before whatever comes next.
        person.fellow.acked = Some(acked.max(batch));
    }
    note(person, &heard, seed);
    server.vanish(old);
}

/// The connection breaks, with what is on its way.
pub fn lose(server: &mut Server, person: &mut Person, world: &mut World, chance: &mut Chance) {
    if let Some(mut wired) = person.wired.take() {
        server.clog(wired.socket.0, false);
        let acked = wired.acked.take();
        person.on_their_way.extend(numbers(&json!(wired.heard(server))));
        server.vanish(wired.socket.0);
        person.fellow.acked = acked;
        person.waits = false;
        world.lost_answers += 1;
        if chance.percent(70) {
            open_socket(server, person, chance);
        }
        return;
    }
    let answer = server.received(person.fellow.connection);
    if !answer.is_empty() {
        let heard: Value = serde_json::from_str(&split(&answer).1).expect("JSON");
        person.on_their_way.extend(numbers(&heard));
        world.lost_answers += 1;
    }
    let old = person.fellow.move_to_new_connection(server);
    person.waits = false;
    if chance.percent(50) {
        server.vanish(old);
    } else {
        server.finish_sending(old);
    }
}

/// The server ends: what is on its way arrives, or does not.
pub fn cut_off(server: &mut Server, person: &mut Person, world: &mut World, chance: &mut Chance, seed: u64) {
    if person.gone {
        return;
    }
    if person.clogged && person.wired.is_some() {
        // What waited for it in the server was on its way as well.
        person.on_their_way.extend(person.owed.difference(&person.had));
    }
    if chance.percent(50) {
        hear(server, person, world, seed);
        leave_socket(server, person, seed);
    } else {
        lose(server, person, world, chance);
        leave_socket(server, person, seed);
    }
    (person.waits, person.clogged) = (false, false);
}

/// Subscribes or unsubscribes something, on a connection of its own.
pub fn change(server: &mut Server, person: &mut Person, chance: &mut Chance) {
    if person.gone {
        return;
    }
    let all: Vec<&str> = NAMES.into_iter().chain(PATTERNS).collect();
    let name = all[chance.below(all.len() as u64) as usize];
    let waits = std::mem::replace(&mut person.fellow.connection, server.connect(Role::Front));
    if person.subscriptions.contains(name) && chance.percent(30) {
        person.fellow.unsubscribe(server, name);
        person.subscriptions.remove(name);
        // What it had not got yet of this is not owed any more, unless another subscription has it: it may come.
        let had = person.had.clone();
        let unread: Vec<u64> = person.owed.difference(&had).copied().collect();
        person.excused.extend(unread);
    } else {
        let reply = person.fellow.subscribe(server, name);
        assert_eq!(reply[0]["successful"], true);
        person.subscriptions.insert(name);
    }
    server.vanish(person.fellow.connection);
    person.fellow.connection = waits;
}
