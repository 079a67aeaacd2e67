//! Batches of more messages than are done at once.
use rcomet_core::Role;
use serde_json::{Value, json};

use super::bayeux::{Fellow, config, server};
use super::support::{Server, body, encode, split};
use super::wire::Wired;

/// More than two slices, and no multiple of one.
const MANY: usize = 700;

fn publishes(client: &str, count: usize) -> Value {
    let one = |n| json!({"id": n, "channel": "/a", "clientId": client, "data": n});
    (0..count).map(one).collect()
}

/// Whether these are the replies to [`publishes`]: so many that were done, and behind them those that were not.
fn assert_replies(replies: &[Value], done: usize, count: usize) {
    assert_eq!(replies.len(), count);
    for (n, reply) in replies.iter().enumerate() {
        let mut wanted = json!({"id": n, "channel": "/a", "successful": n < done});
        if n >= done {
            wanted["error"] = json!("413::More messages than bayeux_batch_messages_max");
        }
        assert_eq!(*reply, wanted);
    }
}

fn numbers(count: usize) -> Vec<Value> {
    (0..count).map(|n| json!(n)).collect()
}

/// Several times as many as those who listen have room for: nobody misses one.
#[test]
fn a_long_batch_is_done_in_order_and_its_listeners_hear_all_of_it() {
    let mut server = server();
    let (mut a, mut b) = (Fellow::new(&mut server), Wired::new(&mut server));
    b.subscribe(&mut server, "/a");
    b.connect(&mut server);
    let batch = publishes(&a.client, 3_000);
    let replies = a.ask(&mut server, batch);
    assert_replies(replies.as_array().unwrap(), 3_000, 3_000);
    assert_eq!(b.data(&mut server), numbers(3_000));
    assert_eq!(server.machine.counters().lost, 0);
}

/// When listeners are behind, the next slice waits for them as a whole: nothing of it is done twice, or left out.
#[test]
fn a_slice_waits_for_those_who_listen() {
    for over_websocket in [false, true] {
        let mut server = server();
        let (mut a, mut w) = (Fellow::new(&mut server), Wired::new(&mut server));
        let mut listeners: Vec<_> = (0..8).map(|_| Wired::new(&mut server)).collect();
        for b in &mut listeners {
            b.subscribe(&mut server, "/a");
            b.connect(&mut server);
        }
        // One of them is visited in a turn, in which a slice is done.
        server.budget = 1;
        if over_websocket {
            w.socket.say(&mut server, &publishes(&w.client, 3_000).to_string());
            assert_replies(&w.heard(&mut server), 3_000, 3_000);
        } else {
            let batch = publishes(&a.client, 3_000);
            assert_replies(a.ask(&mut server, batch).as_array().unwrap(), 3_000, 3_000);
        }
        for b in &mut listeners {
            assert_eq!(b.data(&mut server), numbers(3_000));
        }
        assert_eq!(server.machine.counters().lost, 0);
    }
}

#[test]
fn others_are_served_between_its_slices() {
    let mut server = server();
    let a = Fellow::new(&mut server);
    let other = server.connect(Role::Front);
    let text = publishes(&a.client, 3_000).to_string();
    let head = format!("POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", text.len());
    server.send_in_this_turn(a.connection, head + &text);
    let before = server.machine.memory().blocks_bytes;
    assert!(before > text.len(), "it is on the account of memory");
    server.turn_once();
    server.send_in_this_turn(other, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
    server.turn_once();
    assert!(server.received(other).starts_with("HTTP/1.1 200 "));
    assert_eq!(server.received(a.connection), "", "it is not over");
    server.turn();
    let answer = server.received(a.connection);
    assert_replies(serde_json::from_str::<Value>(&body(&answer)).unwrap().as_array().unwrap(), 3_000, 3_000);
}

/// What has been done stays done; the account of memory is as before.
#[test]
fn a_client_may_vanish_in_the_middle() {
    for over_websocket in [false, true] {
        let mut server = server();
        let (a, w) = (Fellow::new(&mut server), Wired::new(&mut server));
        let text = publishes(&a.client, 3_000).to_string();
        let connection = if over_websocket { w.socket.0 } else { a.connection };
        let bytes = if over_websocket {
            super::websocket::frame(0x81, text.as_bytes())
        } else {
            let head = format!("POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", text.len());
            (head + &text).into_bytes()
        };
        server.send_in_this_turn(connection, bytes);
        server.turn_once();
        let held = server.machine.memory().blocks_bytes;
        server.vanish(connection);
        assert!(server.machine.memory().blocks_bytes + text.len() <= held);
        let head = server.machine.standing("/a").unwrap().head;
        assert!((256..3_000).contains(&head), "{head}");
    }
}

#[test]
fn what_is_too_much_is_refused_message_by_message() {
    let few = || {
        let mut config = config();
        config.limits.bayeux_batch_messages_max = 300;
        Server::new(config)
    };
    // By POST.
    let mut server = few();
    let mut a = Fellow::new(&mut server);
    let batch = publishes(&a.client, MANY);
    let replies = a.ask(&mut server, batch.clone());
    assert_replies(replies.as_array().unwrap(), 300, MANY);
    assert_eq!(server.machine.standing("/a").unwrap().head, 301, "the first ones are done");
    assert_eq!(server.machine.counters().bayeux_batches_refused, 1);
    // By a form of several texts: they are counted together.
    let text = format!("message={}&message={}", encode(&batch.to_string()), encode("{\"id\":1}"));
    let form = "POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    server.send(a.connection, format!("{form}Content-Length: {}\r\n\r\n{text}", text.len()));
    let heard = a.heard(&mut server).unwrap();
    assert_replies(&heard.as_array().unwrap()[..MANY], 300, MANY);
    assert_eq!(heard[MANY]["error"], "413::More messages than bayeux_batch_messages_max");
    // By a script, which sees nothing but its call.
    let mut config = config();
    config.limits.bayeux_batch_messages_max = 3;
    server = Server::new(config);
    let a = Fellow::new(&mut server);
    let message = encode(&publishes(&a.client, 5).to_string());
    let client = server.connect(Role::Front);
    let (head, body) = split(&server.get(client, &format!("/cometd?jsonp=f&message={message}")));
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let call = body.strip_prefix("/**/f(").and_then(|body| body.strip_suffix(");")).expect(&body);
    assert_replies(serde_json::from_str::<Value>(call).unwrap().as_array().unwrap(), 3, 5);
    // Over a WebSocket.
    let mut server = few();
    let mut b = Wired::new(&mut server);
    b.socket.say(&mut server, &publishes(&b.client, MANY).to_string());
    assert_replies(&b.heard(&mut server), 300, MANY);
    b.connect(&mut server);
    assert_eq!(b.send(&mut server, "/a", json!({"data": 1}))["successful"], true, "and it goes on");
}

/// A batch that cannot be looked through is not begun.
#[test]
fn what_is_no_batch_is_not_begun() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    let text = publishes(&a.client, MANY).to_string();
    let broken = text.trim_end_matches(']').to_owned();
    let deep = text.replacen("\"data\":699", &format!("\"data\":{}1{}", "[".repeat(99), "]".repeat(99)), 1);
    let long = format!("[{}{{}}]", "{},".repeat(20_000));
    for (text, words) in [
        (&broken, "expected messages: a JSON array of objects, or one object\n"),
        (&deep, "more is nested than bayeux_json_depth_max\n"),
        (&long, "more messages than one batch may have\n"),
    ] {
        a.say(&mut server, text);
        let answer = server.received(a.connection);
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with(words), "{answer}");
    }
    assert_eq!(server.machine.standing("/a"), None, "nothing has been published");
    // A batch of exactly so many is answered.
    let most = format!("[{}{{}}]", "{},".repeat(19_999));
    assert_eq!(a.ask(&mut server, serde_json::from_str(&most).unwrap()).as_array().unwrap().len(), 20_000);
}

/// Events are handed out after a batch, or after a slice of it.
#[test]
fn who_unsubscribes_in_a_batch_does_not_hear_what_it_publishes_there() {
    for (before, hears) in [(0, false), (256, true)] {
        let mut server = server();
        let mut a = Fellow::new(&mut server);
        a.subscribe(&mut server, "/o");
        let mut waits = Fellow {
            connection: server.connect(Role::Front),
            client: a.client.clone(),
            ids: 100,
            acked: None,
        };
        waits.connect(&mut server);
        let client = a.client.clone();
        let mut batch = vec![json!({"channel": "/o", "clientId": client, "data": "own"})];
        batch.extend((0..before).map(|_| json!({"channel": "/x", "clientId": client, "data": 1})));
        batch.push(json!({"channel": "/meta/unsubscribe", "clientId": client, "subscription": "/o"}));
        a.ask(&mut server, json!(batch));
        let heard = waits.heard(&mut server).is_some_and(|heard| heard[0]["data"] == "own");
        assert_eq!(heard, hears, "{before}");
    }
}

/// In the slice that it comes to, everything means what it means in a short one.
#[test]
fn a_long_batch_may_hold_anything() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    let client = a.client.clone();
    let subscribe = |n| json!({"id": n, "channel": "/meta/subscribe", "clientId": client, "subscription": format!("/s/{n}")});
    let mut batch: Vec<Value> = (0..256).map(subscribe).collect();
    // Alone in its slice, but not alone.
    batch.push(
        json!({"id": 256, "channel": "/meta/connect", "clientId": client, "connectionType": "long-polling"}),
    );
    let replies = a.ask(&mut server, json!(batch));
    assert!(replies.as_array().unwrap().iter().all(|reply| reply["successful"] == true), "{}", replies[0]);
    assert_eq!(replies[256]["channel"], "/meta/connect", "it does not wait");
    let mut bound = server.machine.config().clone();
    bound.bayeux.bind_sessions = true;
    server.machine.reconfigure(bound);
    // A session that begins in the first slice gets its cookie with the answer; one that ends is over for what comes behind it.
    let mut batch = vec![json!({"channel": "/meta/handshake", "version": "1.0"})];
    batch.extend((0..299).map(subscribe));
    batch.push(json!({"channel": "/meta/disconnect", "clientId": client}));
    batch.push(subscribe(7));
    a.move_to_new_connection(&mut server);
    a.say(&mut server, &json!(batch).to_string());
    let (head, body) = split(&server.received(a.connection));
    assert!(head.contains("Set-Cookie: RCOMET_BROWSER="), "{head}");
    let replies: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&replies[0]["successful"], &replies[300]["successful"]), (&json!(true), &json!(true)));
    assert_eq!(replies[301]["error"], "402::Unknown client");
}

#[test]
fn a_long_batch_needs_memory() {
    let mut server = server();
    let a = Fellow::new(&mut server);
    let mut config = server.machine.config().clone();
    config.limits.memory_bytes_max = server.machine.memory().total_bytes() + (200 << 10);
    server.machine.reconfigure(config);
    let text = publishes(&a.client, 3_000).to_string();
    let form = format!("POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{text}", text.len());
    server.send(a.connection, form);
    let answer = server.received(a.connection);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(server.machine.standing("/a"), None);
}
