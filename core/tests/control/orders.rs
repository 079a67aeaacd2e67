//! Who may do what, orders to the server itself, and who is connected.
use rcomet_core::About;

use super::*;

#[test]
fn rights_are_looked_at_in_every_language() {
    let mut server = Server::default();
    put(&mut server, "k", b"v");
    let requests: [(&str, &str, &[u8], [bool; 3]); 10] = [
        ("GET", "/keys/k", b"", [false, true, false]),
        ("GET", "/keys", b"", [false, true, false]),
        ("GET", "/channels", b"", [false, true, false]),
        ("GET", "/metrics", b"", [false, true, false]),
        ("GET", "/control/status", b"", [false, true, false]),
        ("PUT", "/keys/k", b"v", [false, false, true]),
        ("GET", "/push?cname=k&content=v", b"", [false, false, true]),
        ("DELETE", "/channels/none", b"", [false; 3]),
        ("GET", "/close?cname=none", b"", [false; 3]),
        ("POST", "/control/reload", b"", [false; 3]),
    ];
    let kinds = [Rights::None, Rights::Read, Rights::Write];
    for (method, target, body, may) in requests {
        for (rights, may) in kinds.into_iter().zip(may) {
            let (status, _) = http(&mut server, Role::Control(rights), method, target, body);
            // icomet's words for it have no status of their own.
            let is_refused = status == 403 || (target.starts_with("/metrics") && status == 404);
            assert_eq!(!is_refused, may, "{rights:?}: {method} {target} is {status}");
        }
    }
    for (text, may) in [
        ("read k", [false, true, false]),
        ("dump", [false, true, false]),
        ("write k v", [false, false, true]),
        ("delete none", [false; 3]),
        ("stop", [false; 3]),
    ] {
        for (rights, may) in kinds.into_iter().zip(may) {
            let client = server.connect(Role::Control(rights));
            server.send(client, format!("{text}\n"));
            let answer = server.received(client);
            assert_eq!(
                !answer.starts_with("error refused whoever comes in by this socket may not do that"),
                may,
                "{answer}"
            );
            let old = server.connect(Role::Control(rights));
            server.send(old, format!("{text} \0"));
            let answer = server.received(old);
            let is_told = answer == "whoever comes in by this socket may not do that \0";
            assert!(is_told != may || text == "delete none", "{rights:?}: {text} is answered {answer:?}");
        }
    }
    assert_eq!(server.stops, 0);
    assert!(server.machine.counters().rights_denied > 20);
}

#[test]
fn a_reload_is_answered_with_what_came_of_it() {
    let mut server = Server::default();
    let client = server.connect(ALL);
    server.send(
        client,
        "POST /control/reload HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    assert_eq!(server.received(client), "", "first the shell has to say");
    let id = server.reloads.pop().expect("it is asked");
    server.machine.reloaded(id, Err("rcomet.toml:3:1: no"));
    server.turn();
    let both = server.received(client);
    let (refused, next) = both.split_once("HTTP/1.1 200 ").expect("what came behind is served");
    let (status, problem) = answered(refused);
    assert_eq!((status, &problem["detail"]), (409, &json!("rcomet.toml:3:1: no")));
    assert_eq!(body(next), "ok\n");
    let client = server.connect(ALL);
    server.send(client, "reload\n");
    let id = server.reloads.pop().expect("it is asked");
    server.machine.reconfigure(Config::default());
    server.machine.reloaded(id, Ok(&["server.front has changed".into()]));
    server.turn();
    assert_eq!(server.received(client), "ok\n");
    server.machine.reloaded(id, Err("twice"));
    server.turn();
    assert_eq!(server.received(client), "", "it is said once");
    let gone = server.connect(ALL);
    server.send(gone, "reload\n");
    server.vanish(gone);
    let id = server.reloads.pop().expect("it is asked");
    server.machine.reloaded(id, Ok(&[]));
    server.turn();
}

#[test]
fn who_comes_by_the_control_socket_has_no_address() {
    let mut server = Server::default();
    let _ = server.connect(ALL);
    let _ = server.connect_from(Role::Admin, "127.0.0.1");
    let (_, all) = get(&mut server, "/clients");
    let clients = all["clients"].as_array().expect("clients").iter();
    let sides: Vec<[&str; 2]> =
        clients.map(|client| ["side", "address"].map(|name| client[name].as_str().expect("text"))).collect();
    assert!(sides.contains(&["control", "unix"]) && sides.contains(&["admin", "127.0.0.1"]), "{sides:?}");
}

/// Who sends one line and ends its sending side, as `nc -N` does, is answered and let go, also when the end comes before the
/// answer.
#[test]
fn a_reload_of_one_who_sends_no_more_ends_its_connection() {
    for request in ["reload\n", "POST /control/reload HTTP/1.1\r\nHost: x\r\n\r\n", "reload\nread none\n"] {
        let mut server = Server::default();
        let client = server.connect(ALL);
        server.send(client, request);
        server.finish_sending(client);
        assert!(!server.is_shut(client), "it is still to be answered: {request:?}");
        let id = server.reloads.pop().expect("it is asked");
        server.machine.reloaded(id, Ok(&[]));
        server.turn();
        let answer = server.received(client);
        assert!(answer.starts_with("ok\n") || answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(
            answer.contains("unknown-key"),
            request.contains("none"),
            "what came behind is served: {answer}"
        );
        assert!(server.is_shut(client), "nothing more can come of {request:?}");
        server.pass_ms(1);
        assert_eq!(server.machine.connections(), 0, "{request:?}");
    }
}

#[test]
fn the_status_says_who_and_how_much() {
    let mut server = Server::default();
    server.machine.set_about(About {
        version: "1.2".into(),
        pid: 4711,
        config: Some("/etc/\"x\".toml".into()),
        history: None,
        values: None,
        listeners: vec![("control".into(), "unix:/a".into())],
    });
    put(&mut server, "k", b"v");
    server.pass_ms(5_000);
    let (_, status) = get(&mut server, "/control/status");
    assert_eq!(
        (&status["version"], &status["pid"], &status["config"]),
        (&json!("1.2"), &json!(4711), &json!("/etc/\"x\".toml"))
    );
    assert_eq!(status["listeners"], json!([{ "side": "control", "address": "unix:/a" }]));
    assert_eq!(
        (&status["uptime_ms"], &status["published"], &status["draining"]),
        (&json!(5000), &json!(1), &json!(false))
    );
    let (_, stopping) = http(&mut server, ALL, "POST", "/control/stop", b"");
    assert_eq!((stopping, server.stops), (json!({ "stopping": true, "pid": 4711 }), 1));
}

#[test]
fn connections_are_listed_and_ended_one_by_one() {
    let mut server = Server::default();
    let poll = server.connect_from(Role::Front, "10.1.2.3");
    server.get(poll, "/sub?cname=a&seq=1");
    let stream = server.connect(Role::Front);
    server.get(stream, "/stream?cname=b&seq=1&who=Ann");
    let idle = server.connect(Role::Admin);
    let (_, all) = get(&mut server, "/clients");
    let clients = all["clients"].as_array().expect("clients");
    let brief = |client: &Value| {
        ["side", "address", "doing", "dialect"]
            .map(|name| client[name].as_str().unwrap_or("-").to_owned())
            .join(" ")
    };
    let briefs: Vec<String> = clients.iter().map(brief).collect();
    assert_eq!(
        briefs,
        ["front 10.1.2.3 poll icomet", "front 127.0.0.1 stream icomet", "admin 127.0.0.1 idle -"]
    );
    assert_eq!((&clients[1]["channels"], &clients[1]["who"]), (&json!(["b"]), &json!("Ann")));
    let (_, page) = get(&mut server, "/clients?limit=2");
    let after = page["after"].as_str().expect("there are more").to_owned();
    let (_, rest) = get(&mut server, &format!("/clients?limit=2&after={after}"));
    assert_eq!((rest["clients"].as_array().map(Vec::len), &rest["after"]), (Some(1), &Value::Null));
    let (_, of_b) = get(&mut server, "/clients?channel=b");
    assert_eq!(of_b["clients"], json!([clients[1]]));
    assert_eq!(get(&mut server, "/clients?channel=none").0, 404);

    for (at, client) in [(0, poll), (2, idle)] {
        let body = json!({ "client": clients[at]["id"] }).to_string();
        let (status, answer) = http(&mut server, ALL, "POST", "/disconnect", body.as_bytes());
        assert_eq!((status, &answer["disconnected"]), (200, &json!(1)));
        assert!(server.is_shut(client));
        server.pass_ms(2_000);
        assert_eq!(http(&mut server, ALL, "POST", "/disconnect", body.as_bytes()).0, 404, "it is gone");
    }
    assert!(!server.is_shut(stream));
    for wrong in [json!({ "client": "x" }), json!({ "client": "0" })] {
        assert_eq!(http(&mut server, ALL, "POST", "/disconnect", wrong.to_string().as_bytes()).0, 404);
    }
    let wrong = json!({ "client": "1", "channel": "b" }).to_string();
    assert_eq!(http(&mut server, ALL, "POST", "/disconnect", wrong.as_bytes()).0, 400);
}

#[test]
fn the_busiest_channels_come_first() {
    let mut server = Server::default();
    for (channel, count) in [("a", 1), ("b", 3), ("c", 0), ("d", 2)] {
        server.push(channel, "x");
        for _ in 0..count {
            let client = server.connect(Role::Front);
            server.get(client, &format!("/stream?cname={channel}&seq=2"));
        }
    }
    let (_, page) = get(&mut server, "/channels?sort=subscribers&limit=3");
    let names: Vec<&str> =
        page["channels"].as_array().expect("channels").iter().filter_map(|c| c["channel"].as_str()).collect();
    assert_eq!(names, ["b", "d", "a"]);
}

#[test]
fn who_waits_is_let_go_on_the_way_out() {
    let mut server = Server::default();
    let (key, idle) = (waits(&mut server, "/keys/k?wait=30"), server.connect(ALL));
    let text = server.connect(ALL);
    server.send(text, "wait k\n");
    server.machine.drain(server.now);
    server.turn();
    assert_eq!(answered(&server.received(key)).1["timeout"], true);
    assert!(server.received(text).starts_with("error timeout nothing has been written since "));
    server.pass_ms(2_000);
    assert!([key, idle, text].into_iter().all(|client| server.is_shut(client)));
    assert_eq!(server.machine.connections(), 0);
}

/// When strangers have taken every place and all memory, there is something to look after.
#[test]
fn an_administrator_is_let_in_when_nobody_else_is() {
    let mut config = Config::default();
    config.limits.connections_max = 3;
    let mut server = Server::new(config);
    let crowd: Vec<Client> = (0..200).map(|_| server.connect(Role::Front)).collect();
    assert!(crowd.iter().skip(3).all(|client| server.is_shut(*client) || server.is_closed(*client)));
    for _ in 0..3 {
        assert!(line(&mut server, "status").starts_with("ok {"));
    }
    let mut config = server.machine.config().clone();
    config.limits.memory_bytes_max = 1_000;
    server.machine.reconfigure(config);
    assert_eq!(get(&mut server, "/control/status").0, 200);
    // Whoever may do nothing here is a stranger.
    let nobody = server.connect(Role::Control(Rights::None));
    assert!(server.is_shut(nobody) || server.is_closed(nobody));
}
