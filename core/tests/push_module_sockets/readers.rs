//! Who reads a channel, and what is said of each.
use super::*;

#[test]
fn readers_of_a_channel_are_named() {
    let info = r#"{"path": "/who/{id}", "role": "subscriber_info"}"#;
    let mut server = with(&[PUB, SUB, info], |config| config.limits.status_names_max = 5);
    assert_eq!(brief(&admin(&mut server, "GET", "/who/a", "", "")), "404 ");
    post(&mut server, "a", "x");
    assert_eq!(brief(&admin(&mut server, "GET", "/who/a", "", "")), "200 ");
    let (role, head) = (Role::Front, "Host: x\r\n");
    for (address, target, fields) in [
        ("10.0.0.1", "/sub/a", HANDSHAKE),
        ("10.0.0.2", "/sub/a", "Host: x\r\nAccept: text/event-stream\r\n"),
        ("10.0.0.3", "/sub?cname=a&seq=2", head),
        ("::ffff:10.0.0.4", "/events?channel=a&channel=b", head),
    ] {
        let client = server.connect_from(role, address);
        server.send(client, format!("GET {target} HTTP/1.1\r\n{fields}\r\n"));
    }
    get(&mut server, "/sub/a", &behind(0, "0"));
    assert_eq!(
        brief(&admin(&mut server, "GET", "/who/a", "", "")),
        "200 websocket 10.0.0.1\neventsource 10.0.0.2\nicomet 10.0.0.3\nnative 10.0.0.4\nlongpoll 127.0.0.1\n"
    );
    // They are among the connections, with all that is to be said of them.
    let clients = brief(&admin(&mut server, "GET", "/clients?channel=a", "", ""));
    let socket =
        r#""address":"10.0.0.1","doing":"websocket","dialect":"push","channels":["a"],"subscriptions":1,"#;
    assert!(clients.contains(socket), "{clients}");
    get(&mut server, "/sub/a", &behind(0, "0"));
    let told = brief(&admin(&mut server, "GET", "/who/a", "", ""));
    assert!(told.ends_with("longpoll 127.0.0.1\nand 1 more\n"), "{told}");
    // It is asked on the admin side, and in no other way.
    assert_eq!(brief(&admin(&mut server, "POST", "/who/a", "", "x")), "405 ");
    assert!(!ask(&mut server, "/who/a", "").starts_with("HTTP/1.1 200 "));
}

#[test]
fn of_each_reader_is_said_what_the_location_wants() {
    let listed = r#"{"path": "/all/{id}", "role": "subscriber_info", "group": "g",
        "subscriber_info_string": "{who}={transport}/{dialect} {address} {side} {channel}!"}"#;
    let numbers = r#"{"path": "/numbers/{id}", "role": "subscriber_info", "channels": ["{id}", "g/{id}"],
        "subscriber_info_string": "{client} {channel}"}"#;
    let mut server = locations(&[PUB, SUB, listed, numbers]);
    let named = server.connect_from(Role::Front, "10.0.0.7");
    // Names are one word, whatever is in them: nobody has lines of its own.
    let who = "%C3%84nn+websocket,%25";
    server.send(named, format!("GET /events?channel=g/a&who={who} HTTP/1.1\r\nHost: x\r\n\r\n"));
    let both = get(&mut server, "/events?channel=g/a&channel=a", "");
    get(&mut server, "/sub/a", "");
    assert_eq!(
        brief(&admin(&mut server, "GET", "/all/a", "", "")),
        "200 %C3%84nn%20websocket%2C%25=native/native 10.0.0.7 front a!\n-=native/native 127.0.0.1 front a!\n"
    );
    assert_eq!(brief(&admin(&mut server, "HEAD", "/all/a", "", "")), "200 ");
    let told = brief(&admin(&mut server, "GET", "/numbers/a", "", ""));
    let lines: Vec<(&str, &str)> = told[4..].lines().filter_map(|line| line.split_once(' ')).collect();
    assert_eq!(
        lines.iter().map(|(_, channel)| *channel).collect::<Vec<_>>(),
        ["a", "a", "g/a", "g/a"],
        "{told}"
    );
    // Who reads both is in both, by the number by which it can be ended.
    let client = lines.iter().find(|line| lines.iter().filter(|other| other.0 == line.0).count() == 2);
    let body = format!(r#"{{"client":"{}"}}"#, client.expect("one in both").0);
    assert!(admin(&mut server, "POST", "/disconnect", "", &body).starts_with("HTTP/1.1 200 "));
    assert!(server.received(both).ends_with("\r\n0\r\n\r\n"), "its stream has ended");
    assert_eq!(brief(&admin(&mut server, "GET", "/numbers/a", "", "")).lines().count(), 2);
}

#[test]
fn a_reader_has_in_each_channel_the_name_that_it_has_there() {
    let listed = r#"{"path": "/who?ids=", "split": ",", "role": "subscriber_info", "subscriber_info_string": "{channel}: {who}"}"#;
    let mut server = locations(&[PUB, SUB, listed]);
    let reader = socket(&mut server, "/ws", "");
    for (channel, who) in [("a", r#""Ann""#), ("b", r#""Bob""#), ("c", "null")] {
        let wish = format!(r#"{{"type":"subscribe","channel":"{channel}","who":{who}}}"#);
        reader.send(&mut server, text(&wish));
    }
    reader.hear(&mut server);
    let told = brief(&admin(&mut server, "GET", "/who?ids=a,b,c", "", ""));
    assert_eq!(told, "200 a: Ann\nb: Bob\nc: -\n");
}

#[test]
fn what_is_not_known_of_a_session_is_a_dash() {
    let listed = r#"{"path": "/who/{id}", "role": "subscriber_info", "channels": ["/{id}"],
        "subscriber_info_string": "{transport} {dialect} {side} {client} {who} {address}"}"#;
    let mut server = locations(&[PUB, SUB, listed]);
    let hello =
        r#"[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"]}]"#;
    let json = "Content-Type: application/json\r\n";
    let answer = brief(&server_says(&mut server, "/bayeux", json, hello));
    let id = answer.split("\"clientId\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect(&answer);
    let subscribe = format!(r#"[{{"channel":"/meta/subscribe","clientId":"{id}","subscription":"/a"}}]"#);
    assert!(server_says(&mut server, "/bayeux", json, &subscribe).contains("\"successful\":true"));
    assert_eq!(brief(&admin(&mut server, "GET", "/who/a", "", "")), "200 bayeux bayeux - - - 127.0.0.1\n");
}

/// What the public side answers to a POST.
fn server_says(server: &mut Server, target: &str, fields: &str, body: &str) -> String {
    let client = send(server, Role::Front, "POST", target, fields, body);
    server.received(client)
}

#[test]
fn lines_that_would_take_more_than_there_is_are_refused() {
    let line = format!(r#""subscriber_info_string": "{}""#, "{who}{channel}".repeat(16));
    let listed = format!(r#"{{"path": "/who/{{id}}", "role": "subscriber_info", {line}}}"#);
    let usual = r#"{"path": "/usual/{id}", "role": "subscriber_info"}"#;
    let mut server = with(&[PUB, SUB, &listed, usual], |config| config.limits.memory_bytes_max = 2_080_000);
    for _ in 0..300 {
        get(&mut server, "/sub/a", "");
    }
    let refused = admin(&mut server, "GET", "/who/a", "", "");
    assert!(refused.starts_with("HTTP/1.1 503 "), "{}", &refused[..200]);
    assert_eq!(brief(&admin(&mut server, "GET", "/usual/a", "", "")).lines().count(), 300);
}
