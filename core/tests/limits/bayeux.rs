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
    assert_eq!(moved(&mut server, |c| c.bayeux_sessions_refused), 1);
    server.pass_ms(61_000);
    assert!(begin(&mut server, "10.0.0.1"), "those who sleep do not count");
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
}

#[test]
fn patterns_max() {
    let mut server = small(|c| c.limits.patterns_max = 1);
    let (mut a, mut b) = (Fellow::new(&mut server), Fellow::new(&mut server));
    assert_eq!(a.subscribe(&mut server, "/a/*")[0]["successful"], true);
    assert_eq!(b.subscribe(&mut server, "/a/*")[0]["successful"], true, "it is one");
    let both = a.send(&mut server, "/meta/subscribe", json!({"subscription": ["/x", "/b/*"]}));
    assert_eq!((&both[0]["successful"], server.machine.load()), (&json!(false), (1, 2)));
    assert_eq!(moved(&mut server, |c| c.patterns_refused), 1);
    a.unsubscribe(&mut server, "/a/*");
    b.unsubscribe(&mut server, "/a/*");
    assert_eq!(a.subscribe(&mut server, "/b/*")[0]["successful"], true);
}

#[test]
fn bayeux_batch_messages_max_and_bayeux_json_depth_max() {
    let mut server = small(|c| {
        c.limits.bayeux_batch_messages_max = 2;
        c.limits.bayeux_json_depth_max = 4;
    });
    let mut a = Fellow::new(&mut server);
    for (text, status) in [
        ("[{},{}]", "200"),
        ("[{},{},{}]", "400"),
        (r#"[{"data":[[1]]}]"#, "200"),
        (r#"[{"data":[[[1]]]}]"#, "400"),
    ] {
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
