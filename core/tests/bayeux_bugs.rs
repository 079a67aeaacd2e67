//! What other Bayeux servers get wrong (`protocols/bayeux.md`), and this one does not.
#[path = "support/bayeux.rs"]
mod bayeux;
mod support;

use bayeux::{Fellow, config, server};
use rcomet_core::{About, Role};
use serde_json::json;
use support::{Server, body};

/// Faye: the older of two connects hangs for ever. bayeux-rack: a poll is held until an event. Sections 1.5 and 6.
#[test]
fn a_connect_is_never_held_for_ever() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    a.connect(&mut server);
    let old = a.move_to_new_connection(&mut server);
    a.connect(&mut server);
    assert!(body(&server.received(old)).contains("\"successful\":true"));
    server.pass_ms(30_000);
    assert!(a.heard(&mut server).is_some());
}

/// Faye: what is published to `/service/` reaches who subscribed `/**`. Section 3.
#[test]
fn services_are_not_broadcast() {
    let mut server = server();
    let (mut a, mut b) = (Fellow::new(&mut server), Fellow::new(&mut server));
    a.subscribe(&mut server, "/**");
    a.subscribe(&mut server, "/service/*");
    a.subscribe(&mut server, "/service/secret");
    a.connect(&mut server);
    assert_eq!(b.publish(&mut server, "/service/secret", json!(1))[0]["successful"], true);
    assert_eq!(a.heard(&mut server), None);
}

/// cometd-nodejs-server: a copy for each subscription that matches. Section 3.
#[test]
fn overlapping_subscriptions_get_one_copy() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    a.send(&mut server, "/meta/subscribe", json!({"subscription": ["/a/b", "/a/*", "/**"]}));
    server.push("/a/b", "x");
    a.connect(&mut server);
    assert_eq!(a.data(&mut server).len(), 1);
}

/// All servers seen: what a publisher adds to a message is passed on, `advice` and `successful` too, by which clients are
/// sent away. Section 2.
#[test]
fn a_publisher_cannot_give_advice() {
    let mut server = server();
    let (mut a, mut b) = (Fellow::new(&mut server), Fellow::new(&mut server));
    a.subscribe(&mut server, "/a");
    a.connect(&mut server);
    let mean = json!({"data": 1, "advice": {"reconnect": "none"}, "successful": false, "confirm": "1",
                      "ext": {"rcomet": {"token": "secret"}}});
    b.send(&mut server, "/a", mean);
    let heard = a.heard(&mut server).unwrap();
    assert_eq!(heard[0], json!({"channel": "/a", "data": 1}));
}

/// Faye, CometD: of a list with one bad name the names before it are subscribed, and the reply is unsuccessful. Section 7.
#[test]
fn of_a_list_all_or_none_is_subscribed() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    let reply = a.send(&mut server, "/meta/subscribe", json!({"subscription": ["/good", "/bad/*/name"]}));
    assert_eq!((&reply[0]["successful"], server.machine.load().1), (&json!(false), 0));
}

/// Faye on Node: hanging up on a held JSONP poll ends the whole server when it is answered. Section 11.
#[test]
fn hanging_up_on_a_script_costs_nothing() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    a.subscribe(&mut server, "/a");
    let message = format!("{{\"channel\":\"/meta/connect\",\"clientId\":\"{}\"}}", a.client);
    let script = server.connect(Role::Front);
    server.send(script, format!("GET /cometd?jsonp=f&message={message} HTTP/1.1\r\nHost: x\r\n\r\n"));
    server.vanish(script);
    server.push("/a", "x");
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), [json!("x")], "and nothing is lost");
}

/// CometD: an unknown `/meta/` channel, or an empty array, is 500. cometd-nodejs-server: an odd channel fails the whole
/// batch. Sections 3 and 9.
#[test]
fn odd_messages_do_not_fail_their_neighbours() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    let client = a.client.clone();
    let good = json!({"id": "1", "channel": "/meta/subscribe", "clientId": client, "subscription": "/a"});
    let reply =
        a.ask(&mut server, json!([{"id": "2", "channel": "/meta/odd"}, {"channel": "x"}, null, [[]], good]));
    let replies = reply.as_array().unwrap();
    assert_eq!(replies.len(), 5);
    assert_eq!(replies[4]["successful"], true);
}

/// cometd-nodejs-server and Faye lose what was in an answer that never arrived. Sections 6 and 16. (With acknowledgements;
/// without them nobody can know.)
#[test]
fn what_was_lost_on_the_way_is_sent_again() {
    let mut server = server();
    let mut a = Fellow::with_ack(&mut server);
    a.subscribe(&mut server, "/a");
    a.connect(&mut server);
    server.push("/a", "x");
    a.lose(&mut server);
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), [json!("x")]);
}

/// None of them limits by default what waits for a session. Section 18. Here nothing waits for a session at all.
#[test]
fn a_session_that_is_away_costs_no_memory() {
    let mut config = config();
    config.limits.history_messages_max = 10;
    let mut server = Server::new(config);
    let mut all: Vec<Fellow> = (0..100).map(|_| Fellow::new(&mut server)).collect();
    for a in &mut all {
        a.subscribe(&mut server, "/a");
    }
    for _ in 0..50 {
        server.push("/a", &"x".repeat(1_000));
    }
    assert!(server.machine.memory().history_bytes < 12_000);
    all[0].connect(&mut server);
    assert_eq!(all[0].heard(&mut server).unwrap()[0]["data"]["lost"], 40, "and what is missing is said");
}

/// The plugin's own server: ids are small numbers that anybody can count. Section 1.5.
#[test]
fn ids_cannot_be_guessed() {
    let mut server = server();
    let (a, b) = (Fellow::new(&mut server), Fellow::new(&mut server));
    assert!(a.client.len() == 32 && a.client != b.client);
    for guess in [json!("1"), json!(1), json!(null), json!(a.client.to_uppercase()), json!(a.client[..31])] {
        let mut other = Fellow::new(&mut server);
        let message = json!({"channel": "/meta/connect", "clientId": guess});
        assert_eq!(other.ask(&mut server, message)[0]["error"], "402::Unknown client");
    }
}

/// CometD with its default transport, cometd-nodejs-server: forms are not read, so the plugin cannot even begin. Faye:
/// its handshake is refused for want of `supportedConnectionTypes`. Section 1.6.
#[test]
fn the_plugin_can_begin() {
    let mut server = server();
    let client = server.connect(Role::Front);
    let form = "message=%7B%22id%22%3A%221%22%2C%22channel%22%3A%22%2Fmeta%2Fhandshake%22%2C%22version%22%3A%221.0%22%7D";
    let head = "POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    server.send(client, format!("{head}Content-Length: {}\r\n\r\n{form}", form.len()));
    assert!(server.received(client).contains("\"successful\":true"));
}

/// Publishing is off for browsers unless it is configured. Section 15.
#[test]
fn nobody_publishes_unless_it_is_said() {
    let mut server = Server::default();
    let mut a = Fellow::new(&mut server);
    let reply = a.publish(&mut server, "/a", json!(1));
    assert_eq!(reply[0]["error"], "403::publish_denied");
    let mut back_end = Fellow::begin(&mut server, Role::Admin, "127.0.0.1", json!({})).0;
    assert_eq!(back_end.send(&mut server, "/a", json!({"data": 1}))[0]["successful"], true);
}

/// What may be read can be ruled, and a pattern must not get round a rule.
#[test]
fn patterns_do_not_get_round_rules() {
    let mut config = config();
    config.bayeux.subscribe = ["/open/**", "/news"].map(|p| String::from(p).try_into().unwrap()).into();
    let mut server = Server::new(config);
    let mut a = Fellow::new(&mut server);
    for (name, allowed) in [
        ("/news", true),
        ("/open/a", true),
        ("/open/a/*", true),
        ("/open/**", true),
        ("/closed", false),
        ("/**", false),
        ("/*", false),
        ("/openly", false),
    ] {
        assert_eq!(a.subscribe(&mut server, name)[0]["successful"], allowed, "{name}");
    }
}

/// A rule may be for some listeners of the public side: what one may do does not follow from what others may.
#[test]
fn rules_are_for_the_listeners_that_they_name() {
    let mut config = config();
    let narrow =
        json!([{"channel": "/inner/**", "listeners": ["10.0.0.1:81", "unix:/run/a.sock"]}, "/open/*"]);
    config.bayeux.subscribe = serde_json::from_value(narrow.clone()).unwrap();
    config.bayeux.publish = serde_json::from_value(narrow).unwrap();
    let mut server = Server::new(config);
    let listeners = ["10.0.0.1:80", "10.0.0.1:81", "unix:/run/a.sock"].map(|at| ("front".into(), at.into()));
    server.machine.set_about(About { listeners: listeners.into(), ..About::default() });
    for (listener, may) in
        [(None, false), (Some(0), false), (Some(1), true), (Some(2), true), (Some(3), false)]
    {
        let mut a = Fellow::new(&mut server);
        if let Some(listener) = listener {
            server.come_by(a.connection, listener);
        }
        for name in ["/inner/a", "/inner/a/*", "/inner/**"] {
            assert_eq!(a.subscribe(&mut server, name)[0]["successful"], may, "{listener:?} {name}");
        }
        assert_eq!(a.send(&mut server, "/inner/a", json!({"data": 1}))[0]["successful"], may, "{listener:?}");
        for name in ["/open/a", "/open/*"] {
            assert_eq!(a.subscribe(&mut server, name)[0]["successful"], true, "{listener:?} {name}");
        }
        assert_eq!(a.send(&mut server, "/open/a", json!({"data": 1}))[0]["successful"], true);
    }
}
