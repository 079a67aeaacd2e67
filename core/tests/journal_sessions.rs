//! Bayeux's sessions over a restart: ended on purpose, where they stood; cut off, where their clients say that they stand.
#[path = "support/bayeux.rs"]
mod bayeux;
#[path = "journal_sessions/crashes.rs"]
mod crashes;
#[path = "journal_sessions/endings.rs"]
mod endings;
#[path = "journal_sessions/rests.rs"]
mod rests;
mod support;
#[path = "journal_sessions/tears.rs"]
mod tears;
#[path = "support/websocket.rs"]
mod websocket;
#[path = "support/wire.rs"]
mod wire;

use bayeux::Fellow;
use rcomet_core::journal::{Ending, Replayed};
use rcomet_core::{Config, Role};
use serde_json::{Value, json};
use support::Server;

fn server_with(change: impl FnOnce(&mut Config)) -> Server {
    let mut config = bayeux::config();
    change(&mut config);
    let mut server = Server::new(config);
    server.keep_journal();
    server
}

fn server() -> Server {
    server_with(|_| {})
}

fn publish(server: &mut Server, name: &str, n: u64) {
    let connection = server.connect(Role::Admin);
    let mut other = Fellow { connection, client: String::new(), ids: 0, acked: None };
    assert_eq!(other.send(server, name, json!({"data": n}))[0]["successful"], true);
    server.vanish(connection);
}

fn numbers(heard: &Value) -> Vec<u64> {
    heard.as_array().expect("messages").iter().filter_map(|m| m["data"].as_u64()).collect()
}

/// What is said to be missing, if something is.
fn gap(heard: &Value) -> Option<Value> {
    let mut all = heard.as_array().expect("messages").iter();
    all.find(|m| m["channel"] == "/service/rcomet/gap").map(|m| m["data"]["lost"].clone())
}

fn crash(server: &mut Server, seed: u64) -> Replayed {
    server.restart(Ending::Whole, seed)
}

/// Comes back by another connection, and hears what there is at once.
fn back(server: &mut Server, fellow: &mut Fellow) -> Value {
    fellow.move_to_new_connection(server);
    fellow.connect(server);
    fellow.heard(server).unwrap_or_else(|| json!([]))
}

fn text(server: &mut Server) -> String {
    server.store();
    String::from_utf8(server.journal.as_ref().expect("one").text.clone()).expect("text")
}

/// A session that was told of something before goes on behind it, by channel and by pattern; also over two restarts, and what it
/// has not had is what it gets. When the end may be lost, it has to shake hands anew.
#[test]
fn sessions_go_on_behind_what_they_have() {
    let mut server = server();
    let mut fellow = Fellow::with_ack(&mut server);
    for name in ["/a/**", "/b"] {
        assert_eq!(fellow.subscribe(&mut server, name)[0]["successful"], true);
    }
    publish(&mut server, "/a/1", 1);
    fellow.connect(&mut server);
    assert_eq!(numbers(&fellow.heard(&mut server).expect("it is told")), [1]);
    for (n, ending) in [(2, Ending::Clean(0)), (6, Ending::Clean(0))] {
        publish(&mut server, "/a/1", n);
        publish(&mut server, "/b", n + 1);
        let replayed = server.restart(ending, n);
        assert_eq!(replayed.sessions, 1);
        publish(&mut server, "/a/2/3", n + 2);
        publish(&mut server, "/b", n + 3);
        fellow.move_to_new_connection(&mut server);
        fellow.connect(&mut server);
        let heard = fellow.heard(&mut server).expect("it is told");
        assert_eq!(numbers(&heard), [n, n + 1, n + 2, n + 3], "{heard}");
    }
    assert_eq!(server.machine.counters().bayeux_sessions_restored, 1);
    publish(&mut server, "/b", 10);
    let replayed = server.restart(Ending::Torn, 9);
    assert_eq!(replayed.sessions, 1);
    let heard = back(&mut server, &mut fellow);
    assert_eq!((numbers(&heard), gap(&heard)), (vec![10], Some(Value::Null)), "{heard}");
    let heard = back(&mut server, &mut fellow);
    assert_eq!(heard[0]["error"], "402::Unknown client");
}

/// What was for one session alone is not kept, and that is said.
#[test]
fn what_was_for_one_alone_is_said_to_be_missing() {
    let mut server = server();
    let mut fellow = Fellow::new(&mut server);
    let mut admin =
        Fellow { connection: server.connect(Role::Admin), client: String::new(), ids: 0, acked: None };
    let mut service = Fellow::begin(&mut server, Role::Admin, "127.0.0.1", json!({})).0;
    service.subscribe(&mut server, "/service/x");
    fellow.send(&mut server, "/service/x", json!({"data": "ask"}));
    service.connect(&mut server);
    let asked = service.heard(&mut server).expect("it is asked");
    let from = &asked[0]["ext"]["rcomet"]["from"];
    let answer = json!({"data": 1, "ext": {"rcomet": {"to": from}}});
    let reply = admin.send(&mut server, "/service/x", answer);
    assert_eq!(reply[0]["successful"], true, "{reply}");
    server.restart(Ending::Clean(0), 7);
    fellow.move_to_new_connection(&mut server);
    fellow.connect(&mut server);
    let heard = fellow.heard(&mut server).expect("it is told");
    assert_eq!(
        (&heard[0]["channel"], &heard[0]["data"]),
        (&json!("/service/rcomet/gap"), &json!({"lost": 1})),
        "{heard}"
    );
}

/// Nothing is written down for a delivery; a line for a subscription; and of who comes and goes nothing is left in a text that is
/// written anew.
#[test]
fn what_is_written_of_sessions_is_little() {
    let mut server = server();
    let mut fellow = Fellow::with_ack(&mut server);
    fellow.subscribe(&mut server, "/a");
    let before = text(&mut server).lines().count();
    for n in 0..50 {
        publish(&mut server, "/a", n);
        assert_eq!(numbers(&back(&mut server, &mut fellow)), [n]);
    }
    assert_eq!(text(&mut server).lines().count(), before + 50, "the messages, and nothing else");
    // An answer that is lost, and one that has nothing in it.
    publish(&mut server, "/a", 50);
    fellow.connect(&mut server);
    fellow.lose(&mut server);
    assert_eq!(numbers(&back(&mut server, &mut fellow)), [50]);
    fellow.connect(&mut server);
    server.pass_ms(30_000);
    fellow.heard(&mut server).expect("a reply");
    assert_eq!(text(&mut server).lines().count(), before + 51);
    // Nor is where it stands, when it is away: its client says that.
    server.pass_ms(5_000);
    assert_eq!(text(&mut server).lines().count(), before + 51);
    for _ in 0..200 {
        fellow.subscribe(&mut server, "/b");
        fellow.unsubscribe(&mut server, "/b");
        let mut other = Fellow::new(&mut server);
        other.send(&mut server, "/meta/disconnect", json!({}));
    }
    while server.journal.as_ref().is_some_and(|journal| journal.rewritten == 0) {
        server.rewrite(500);
    }
    let lines = text(&mut server).lines().filter(|line| !line.starts_with("{\"m\"")).count();
    assert!(lines <= 5, "the first, two channels, a session: {}", text(&mut server));
    crash(&mut server, 7);
    publish(&mut server, "/a", 99);
    assert_eq!(numbers(&back(&mut server, &mut fellow)), [99]);
}

/// A list of what a client gives up is as long as it likes: of what it does not read nothing is written down.
#[test]
fn what_is_given_up_and_was_not_read_is_not_written() {
    let mut server = server();
    let mut fellow = Fellow::new(&mut server);
    fellow.subscribe(&mut server, "/a");
    let before = text(&mut server).lines().count();
    let mut names: Vec<String> = (0..900).map(|n| format!("/{n}")).collect();
    for lines in [0, 1] {
        let reply = fellow.send(&mut server, "/meta/unsubscribe", json!({ "subscription": names }));
        assert_eq!(reply[0]["successful"], true);
        assert_eq!(text(&mut server).lines().count(), before + lines);
        names.extend(["/a", "/a"].map(String::from));
    }
    assert_eq!(crash(&mut server, 7).sessions, 1);
    publish(&mut server, "/a", 1);
    fellow.move_to_new_connection(&mut server);
    fellow.connect(&mut server);
    server.pass_ms(100);
    let heard = fellow.heard(&mut server);
    assert!(heard.is_none_or(|heard| numbers(&heard).is_empty()), "it has been given up");
}

/// Under a lower limit their room is made, too.
#[test]
fn sessions_have_room_under_a_lower_limit() {
    let mut server = server();
    let mut fellows: Vec<Fellow> = (0..60).map(|_| Fellow::with_ack(&mut server)).collect();
    for fellow in &mut fellows {
        for n in 0..10 {
            fellow.subscribe(&mut server, &format!("/m/{n}"));
        }
    }
    for round in 0..200 {
        for n in 0..10 {
            publish(&mut server, &format!("/m/{n}"), round);
        }
    }
    let used = server.machine.memory().total_bytes();
    let mut config = server.machine.config().clone();
    config.limits.memory_bytes_max = used * 3 / 5;
    server.machine.reconfigure(config);
    let replayed = crash(&mut server, 7);
    assert_eq!((replayed.sessions, replayed.left), (60, 0));
    assert!(replayed.given_up > 100, "{replayed:?} {used} {:?}", server.machine.memory());
    let now = server.machine.memory().total_bytes();
    assert!(now <= used * 3 / 5 + 16_384, "{now} of {used}");
    let heard = back(&mut server, &mut fellows[0]);
    let newcomer = server.connect(Role::Front);
    assert!(server.get(newcomer, "/readyz").starts_with("HTTP/1.1 200 "), "there is room for those who come");
    // It is told, and gets the newest of all.
    assert!(gap(&heard).is_some(), "{heard}");
    let numbers = numbers(&heard);
    assert!((100..1_900).contains(&numbers.len()) && numbers.is_sorted(), "{}", numbers.len());
    assert!(numbers[0] > 0, "{numbers:?}");
}

/// What is noted of them when they come back does not keep others out.
#[test]
fn all_come_back_under_a_small_limit() {
    let mut server = server();
    let mut fellows: Vec<Fellow> = (0..29).map(|_| Fellow::with_ack(&mut server)).collect();
    for fellow in &mut fellows {
        for n in 0..70 {
            fellow.subscribe(&mut server, &format!("/m/{n}"));
        }
        server.vanish(fellow.connection);
    }
    for round in 0..60 {
        for n in 0..70 {
            publish(&mut server, &format!("/m/{n}"), round);
        }
    }
    let used = server.machine.memory().total_bytes();
    let mut config = server.machine.config().clone();
    config.limits.memory_bytes_max = used * 3 / 5;
    server.machine.reconfigure(config);
    let replayed = crash(&mut server, 7);
    assert_eq!((replayed.sessions, replayed.left), (29, 0));
    assert!(replayed.given_up > 100, "{replayed:?} {used}");
    for fellow in &mut fellows {
        assert!(gap(&back(&mut server, fellow)).is_some());
    }
}
