//! Bayeux's broadcast channels behind a prefix: its clients see nothing of it, and nothing that is outside.
use rcomet_core::journal::Ending;
use rcomet_core::{Config, Role};
use serde_json::{Value, json};

use super::bayeux::{self, Fellow};
use super::rest_of;
use super::support::{Server, body, encode};
use super::wire::Wired;

fn config_with(prefix: &str) -> Config {
    let mut config = bayeux::config();
    config.bayeux.channel_prefix = prefix.to_owned().try_into().expect("a prefix");
    config
}

fn server() -> Server {
    Server::new(config_with("/bx"))
}

fn subscribed(server: &mut Server, names: &[&str]) -> Fellow {
    let mut fellow = Fellow::new(server);
    subscribe(server, &mut fellow, names);
    fellow
}

fn subscribe(server: &mut Server, fellow: &mut Fellow, names: &[&str]) {
    let reply = fellow.send(server, "/meta/subscribe", json!({"subscription": names}));
    assert_eq!((&reply[0]["successful"], &reply[0]["subscription"]), (&json!(true), &json!(names)));
}

/// Channel and data of each event.
fn events(heard: &Value) -> Vec<(String, Value)> {
    let all = heard.as_array().expect("messages").iter().filter(|m| m.get("data").is_some());
    all.map(|m| (m["channel"].as_str().expect("a channel").to_owned(), m["data"].clone())).collect()
}

fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, Value)> {
    wanted.iter().map(|(channel, data)| ((*channel).to_owned(), json!(data))).collect()
}

/// What comes with a connect that finds something.
fn has(server: &mut Server, fellow: &mut Fellow) -> Value {
    fellow.connect(server);
    fellow.heard(server).expect("there is something")
}

/// Nothing comes with a connect.
fn has_nothing(server: &mut Server, fellow: &mut Fellow) {
    fellow.connect(server);
    assert_eq!(fellow.heard(server), None);
}

fn history(server: &mut Server, channel: &str) -> String {
    server.ask(Role::Front, &format!("/history?channel={channel}"))
}

fn administrator(server: &mut Server) -> Fellow {
    Fellow { connection: server.connect(Role::Admin), client: String::new(), ids: 0, acked: None }
}

#[test]
fn what_one_dialect_publishes_the_other_reads() {
    let mut server = server();
    let sets: [&[&str]; 6] = [
        &["/chat/room"],
        &["/chat/*"],
        &["/**"],
        &["/chat/room", "/chat/*", "/**"],
        &["/chat/*", "/other/*"],
        &["/bx/chat/room", "/chat/room"],
    ];
    let mut fellows = sets.map(|names| subscribed(&mut server, names));
    for fellow in &mut fellows {
        has_nothing(&mut server, fellow);
    }
    for outside in ["/chat/room", "/other", "/bxx/chat/room", "/bx", "bx/chat/room"] {
        server.push(outside, "for others");
    }
    server.push("/bx/chat/room", "hello");
    for (fellow, names) in fellows.iter_mut().zip(sets) {
        let heard = fellow.heard(&mut server).expect("it is told");
        assert_eq!(events(&heard), pairs(&[("/chat/room", "hello")]), "{names:?}");
    }
    // While nobody waits: several messages of several channels, by two publishers and another dialect.
    let (mut ann, mut bob) = (Fellow::new(&mut server), Fellow::new(&mut server));
    for (fellow, channel, data) in [(&mut ann, "/chat/room", "1"), (&mut bob, "/chat/den", "2")] {
        let reply = fellow.publish(&mut server, channel, json!(data));
        assert_eq!((&reply[0]["successful"], &reply[0]["channel"]), (&json!(true), &json!(channel)));
    }
    server.push("/bx/chat/room", "3");
    ann.publish(&mut server, "/other/one", json!("4"));
    let all = [("/chat/room", "1"), ("/chat/den", "2"), ("/chat/room", "3"), ("/other/one", "4")];
    let wanted = [
        pairs(&[all[0], all[2]]),
        pairs(&all[..3]),
        pairs(&all),
        pairs(&all),
        pairs(&all),
        pairs(&[all[0], all[2]]),
    ];
    for ((fellow, names), wanted) in fellows.iter_mut().zip(sets).zip(wanted) {
        let mut heard = Vec::new();
        while heard.len() < wanted.len() {
            heard.extend(events(&has(&mut server, fellow)));
        }
        assert_eq!(heard, wanted, "{names:?}");
    }
    assert!(history(&mut server, "/bx/chat/room").contains("\"1\""));
    assert!(
        server.machine.standing("/chat/den").is_none() && server.machine.standing("/bx/chat/den").is_some()
    );
    // The application server's own messages, without a session.
    let mut admin = administrator(&mut server);
    let reply = admin.send(&mut server, "/chat/room", json!({"data": "5"}));
    assert_eq!((&reply[0]["successful"], &reply[0]["channel"]), (&json!(true), &json!("/chat/room")));
    assert_eq!(events(&has(&mut server, &mut fellows[0])), pairs(&[("/chat/room", "5")]));
}

#[test]
fn what_is_given_up_is_not_heard_of() {
    let mut server = server();
    let mut fellow = subscribed(&mut server, &["/a", "/b/*", "/c"]);
    for name in ["/a", "/b/*"] {
        assert_eq!(fellow.unsubscribe(&mut server, name)[0]["successful"], true);
    }
    for odd in ["", "bx/c", "/bx/c", "/**"] {
        fellow.unsubscribe(&mut server, odd);
    }
    for name in ["/bx/a", "/bx/b/1", "/bx/c"] {
        server.push(name, name);
    }
    assert_eq!(events(&has(&mut server, &mut fellow)), pairs(&[("/c", "/bx/c")]));
}

#[test]
fn services_have_no_prefix() {
    let mut server = server();
    let mut service = Fellow::begin(&mut server, Role::Admin, "127.0.0.1", json!({})).0;
    subscribe(&mut server, &mut service, &["/service/echo", "/chat"]);
    let mut fellow = subscribed(&mut server, &["/service/echo", "/chat", "/**"]);
    assert_eq!(fellow.publish(&mut server, "/service/echo", json!("q"))[0]["successful"], true);
    let asked = has(&mut server, &mut service);
    assert_eq!(events(&asked), pairs(&[("/service/echo", "q")]));
    assert!(server.machine.standing("/bx/service/echo").is_none());
    let mut admin = administrator(&mut server);
    let ext = json!({"rcomet": {"to": asked[0]["ext"]["rcomet"]["from"], "id": "7"}});
    for n in ["1", "2"] {
        let answer = json!({"data": n, "ext": ext});
        assert_eq!(admin.send(&mut server, "/service/echo", answer)[0]["successful"], true);
    }
    server.push("/bx/chat", "for all");
    let mut heard = Vec::new();
    while heard.len() < 3 {
        heard.extend(events(&has(&mut server, &mut fellow)));
    }
    assert_eq!(heard, pairs(&[("/service/echo", "1"), ("/service/echo", "2"), ("/chat", "for all")]));
    // One answer alone is a frame as those are that many get.
    admin.send(&mut server, "/service/echo", json!({"data": "3", "ext": ext}));
    assert_eq!(events(&has(&mut server, &mut fellow)), pairs(&[("/service/echo", "3")]));
    // They stay shut to others.
    let refused = server.ask(Role::Front, "/sub?cname=/service/echo&seq=1");
    assert!(!refused.contains("\"data\""), "{refused}");
}

/// Names behind the prefix that would read as the server's own in Bayeux.
#[test]
fn nobody_speaks_as_the_server_by_a_name_behind_the_prefix() {
    let mut server = server();
    let mut fellow = subscribed(&mut server, &["/**", "/chat"]);
    let names = ["/bx/meta/connect", "/bx/service/rcomet/gap", "/bx/service/echo"];
    for name in names {
        rest_of(&mut server, name, "x");
        assert_eq!(events(&has(&mut server, &mut fellow)), pairs(&[(name, "x")]));
    }
    for name in names {
        rest_of(&mut server, name, "y");
    }
    assert_eq!(events(&has(&mut server, &mut fellow)), pairs(&names.map(|name| (name, "y"))));
    for name in ["/meta/connect", "/meta/**"] {
        assert_eq!(fellow.subscribe(&mut server, name)[0]["error"], "403::Forbidden channel");
    }
}

#[test]
fn an_answer_that_is_lost_comes_again() {
    let mut server = server();
    let mut fellow = Fellow::with_ack(&mut server);
    subscribe(&mut server, &mut fellow, &["/a", "/**"]);
    for n in ["1", "2"] {
        server.push("/bx/a", n);
    }
    server.push("/bx/b", "3");
    fellow.connect(&mut server);
    fellow.lose(&mut server);
    assert_eq!(events(&has(&mut server, &mut fellow)), pairs(&[("/a", "1"), ("/a", "2"), ("/b", "3")]));
    has_nothing(&mut server, &mut fellow);
}

#[test]
fn histories_gaps_and_next_lives_are_those_of_the_channel() {
    let mut config = config_with("/bx");
    config.limits.history_messages_max = 3;
    config.limits.subscribers_per_channel_max = 5;
    let mut server = Server::new(config);
    let mut fellow = Fellow::new(&mut server);
    for n in 1..=4 {
        server.push("/bx/a", &n.to_string());
        server.push("/a", "for others");
    }
    let asked = json!({"subscription": "/a", "ext": {"rcomet": {"history": 2}}});
    assert_eq!(fellow.send(&mut server, "/meta/subscribe", asked)[0]["successful"], true);
    assert_eq!(events(&has(&mut server, &mut fellow)), pairs(&[("/a", "3"), ("/a", "4")]));
    for n in 5..=600 {
        server.push("/bx/a", &n.to_string());
    }
    let heard = has(&mut server, &mut fellow);
    assert_eq!(heard[0]["channel"], "/service/rcomet/gap", "{heard}");
    assert_eq!(events(&heard).last(), pairs(&[("/a", "600")]).last());
    assert!(server.ask(Role::Admin, "/close?cname=/bx/a").starts_with("ok "));
    server.push("/bx/a", "new");
    assert_eq!(events(&has(&mut server, &mut fellow)), pairs(&[("/a", "new")]));
}

#[test]
fn patterns_of_sleepers_give_way() {
    let mut config = config_with("/bx");
    (config.limits.patterns_max, config.limits.bayeux_subscriptions_max) = (1, 1);
    let mut server = Server::new(config);
    subscribed(&mut server, &["/a/*"]);
    server.pass_ms(120_000);
    let mut fellow = subscribed(&mut server, &["/b/*"]);
    // What it has it may ask for again.
    subscribe(&mut server, &mut fellow, &["/b/*"]);
    assert_eq!(fellow.subscribe(&mut server, "/c")[0]["error"], "403::Too many subscriptions");
    server.push("/bx/b/1", "one");
    assert_eq!(events(&has(&mut server, &mut fellow)), pairs(&[("/b/1", "one")]));
}

#[test]
fn rules_go_by_the_names_that_clients_write_and_tokens_by_those_of_all() {
    let mut config = config_with("/bx");
    config.bayeux.publish = vec![String::from("/open/*").try_into().expect("a rule")];
    config.bayeux.subscribe = vec![String::from("/open/**").try_into().expect("a rule")];
    config.front.publish = vec![String::from("/bx/front*").try_into().expect("a pattern")];
    config.limits.channel_name_bytes_max = 16;
    let mut server = Server::new(config.clone());
    let mut fellow = Fellow::new(&mut server);
    let long = format!("/open/{}", "x".repeat(8));
    for (name, wanted) in [
        ("/open/1", json!(null)),
        ("/front", json!(null)),
        ("/bx/open/1", json!("403::publish_denied")),
        ("/bx/front", json!("403::publish_denied")),
        (&long, json!("405::Invalid channel")),
    ] {
        assert_eq!(fellow.publish(&mut server, name, json!(1))[0]["error"], wanted, "{name}");
    }
    for (name, wanted) in [
        ("/open/1", json!(null)),
        ("/open/*", json!(null)),
        ("/bx/open/1", json!("403::subscribe_denied")),
        ("/**", json!("403::subscribe_denied")),
        (&long, json!("405::Invalid channel")),
        ("/open/xxxxxx/*", json!("405::Invalid channel")),
    ] {
        assert_eq!(fellow.subscribe(&mut server, name)[0]["error"], wanted, "{name}");
    }
    config.front.auth = rcomet_core::config::Auth::Token;
    let mut server = Server::new(config);
    let mut fellow = Fellow::new(&mut server);
    for (name, wanted) in [("/open/1", json!("403::Token error")), ("/bx/open/1", json!(null))] {
        let signed: Value =
            serde_json::from_str(&server.ask(Role::Admin, &format!("/sign?cname={name}"))).expect("JSON");
        let shown = json!({"subscription": "/open/1", "ext": {"rcomet": {"token": signed["token"]}}});
        assert_eq!(fellow.send(&mut server, "/meta/subscribe", shown)[0]["error"], wanted, "{name}");
    }
}

#[test]
fn websockets_and_scripts_hear_the_same_names() {
    let mut server = server();
    for with_ack in [false, true] {
        let mut wired = if with_ack { Wired::with_ack(&mut server) } else { Wired::new(&mut server) };
        assert_eq!(wired.subscribe(&mut server, "/a")["successful"], true);
        assert_eq!(wired.subscribe(&mut server, "/**")["successful"], true);
        wired.connect(&mut server);
        server.push("/bx/a", "one");
        let heard = json!(wired.heard(&mut server));
        assert_eq!(events(&heard), pairs(&[("/a", "one")]), "{with_ack}");
        wired.say(&mut server, "/b", json!({"data": "two"}));
        wired.connect(&mut server);
        assert_eq!(events(&json!(wired.heard(&mut server))), pairs(&[("/b", "two")]), "{with_ack}");
    }
    let fellow = subscribed(&mut server, &["/a"]);
    server.push("/bx/a", "three");
    let connect =
        json!({"channel": "/meta/connect", "clientId": fellow.client, "connectionType": "callback-polling"});
    let script = server.connect(Role::Front);
    let answer = server.get(script, &format!("/cometd?jsonp=f&message={}", encode(&connect.to_string())));
    let (call, said) = (body(&answer), "{\"channel\":\"/a\",\"data\":\"three\"}");
    assert!(call.starts_with("/**/f([") && call.contains(said) && !call.contains("bx"), "{call}");
}

#[test]
fn long_batches_are_published_behind_the_prefix() {
    let mut server = server();
    let mut fellow = Fellow::new(&mut server);
    let batch: Vec<Value> =
        (0..300).map(|n| json!({"channel": "/a", "clientId": fellow.client, "data": n})).collect();
    let replies = fellow.ask(&mut server, json!(batch));
    assert!(replies.as_array().expect("replies").iter().all(|reply| reply["channel"] == "/a"));
    assert!(server.machine.standing("/a").is_none());
    assert!(history(&mut server, "/bx/a").contains("299"));
}

/// Ended on purpose and cut off: who had the same prefix goes on.
#[test]
fn sessions_go_on_over_a_restart() {
    for ending in [Ending::Clean(0), Ending::Whole] {
        let mut server = server();
        server.keep_journal();
        let mut fellow = Fellow::with_ack(&mut server);
        subscribe(&mut server, &mut fellow, &["/a", "/b/*", "/gone"]);
        fellow.unsubscribe(&mut server, "/gone");
        server.push("/bx/a", "1");
        server.push("/bx/b/x", "2");
        assert_eq!(server.restart(ending, 7).sessions, 1);
        server.push("/bx/b/x", "3");
        server.push("/bx/gone", "for others");
        fellow.move_to_new_connection(&mut server);
        let heard = has(&mut server, &mut fellow);
        assert_eq!(events(&heard), pairs(&[("/a", "1"), ("/b/x", "2"), ("/b/x", "3")]), "{ending:?}");
        fellow.unsubscribe(&mut server, "/b/*");
        server.push("/bx/b/x", "4");
        has_nothing(&mut server, &mut fellow);
    }
}

/// By the names that its client knows it would read other channels, or by other names: it is told to begin anew.
#[test]
fn sessions_of_another_prefix_are_not_taken_up() {
    for (before, after) in [("/bx", "/other"), ("/bx", ""), ("", "/bx"), ("/bx", "/bx/a"), ("/bx/a", "/bx")] {
        for ending in [Ending::Clean(0), Ending::Whole, Ending::Torn] {
            let mut server = Server::new(config_with(before));
            server.keep_journal();
            let mut fellow = Fellow::with_ack(&mut server);
            subscribe(&mut server, &mut fellow, &["/a", "/**"]);
            server.push(&format!("{before}/a"), "1");
            server.machine.reconfigure(config_with(after));
            assert_eq!(server.restart(ending, 7).sessions, 0, "{before} {after} {ending:?}");
            fellow.move_to_new_connection(&mut server);
            let heard = has(&mut server, &mut fellow);
            assert_eq!(
                (&heard[0]["error"], heard.as_array().map(Vec::len)),
                (&json!("402::Unknown client"), Some(1))
            );
            let mut anew = subscribed(&mut server, &["/a"]);
            server.push(&format!("{after}/a"), "2");
            assert_eq!(events(&has(&mut server, &mut anew)), pairs(&[("/a", "2")]));
        }
    }
}

#[test]
fn sessions_keep_the_prefix_that_they_began_with() {
    for (before, after) in [("/bx", "/other"), ("/bx", ""), ("", "/bx")] {
        let mut server = Server::new(config_with(before));
        let mut fellow = subscribed(&mut server, &["/a/x"]);
        let mut wired = Wired::new(&mut server);
        wired.subscribe(&mut server, "/a/*");
        wired.connect(&mut server);
        server.machine.reconfigure(config_with(after));
        let mut anew = subscribed(&mut server, &["/a/*"]);
        server.push(&format!("{before}/a/x"), "old");
        server.push(&format!("{after}/a/x"), "new");
        assert_eq!(events(&has(&mut server, &mut fellow)), pairs(&[("/a/x", "old")]), "{before} {after}");
        assert_eq!(events(&json!(wired.heard(&mut server))), pairs(&[("/a/x", "old")]));
        assert_eq!(events(&has(&mut server, &mut anew)), pairs(&[("/a/x", "new")]));
        // What it publishes and subscribes as well.
        fellow.publish(&mut server, "/a/y", json!("old"));
        assert_eq!(events(&json!(wired.heard(&mut server))), pairs(&[("/a/y", "old")]));
        fellow.subscribe(&mut server, "/a/z");
        fellow.unsubscribe(&mut server, "/a/x");
        for (prefix, data) in [(before, "old"), (after, "new")] {
            server.push(&format!("{prefix}/a/x"), "for others");
            server.push(&format!("{prefix}/a/z"), data);
        }
        assert_eq!(events(&has(&mut server, &mut fellow)), pairs(&[("/a/z", "old")]));
    }
}

/// A batch is held for those who listen where its messages go.
#[test]
fn publishers_wait_for_who_reads_behind_the_prefix() {
    let mut server = server();
    let mut listeners = ["/a", "/**"].map(|name| {
        let mut wired = Wired::new(&mut server);
        wired.subscribe(&mut server, name);
        wired.connect(&mut server);
        wired
    });
    let publishers: [Fellow; 10] = std::array::from_fn(|_| Fellow::new(&mut server));
    server.machine.reconfigure(config_with(""));
    for (i, publisher) in publishers.iter().enumerate() {
        let message = |n| json!({"channel": "/a", "clientId": publisher.client, "data": 250 * i + n});
        let text = json!((0..250).map(message).collect::<Vec<Value>>()).to_string();
        let head = "POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
        let request = format!("{head}Content-Length: {}\r\n\r\n{text}", text.len());
        server.send_in_this_turn(publisher.connection, request);
    }
    server.turn();
    for listener in &mut listeners {
        let heard = json!(listener.heard(&mut server));
        let mut numbers: Vec<u64> = events(&heard).iter().filter_map(|(_, data)| data.as_u64()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..2_500).collect::<Vec<u64>>());
    }
}
