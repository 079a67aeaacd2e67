//! How often it is told that a token's end is near: to those who answer with one that has no more time left, too.
use super::websocket::Socket;
use super::*;

/// Two minutes, five seconds of leeway, thirty of warning: 30, 15, 7, 3 and 1 before the end, and not at every turn of the loop.
const WARNED: [u64; 5] = [30, 15, 7, 3, 1];
const UNTIL: u64 = START + 120;

#[test]
fn over_a_websocket_a_token_with_no_more_time_is_warned_of_a_handful_of_times() {
    let mut server = server(true);
    let token = granting(UNTIL, "a", &["subscribe"]);
    let (socket, _) = Socket::open_with(&mut server, &format!("/ws?token={token}"), "");
    let auth = json!({"type": "auth", "token": token}).to_string();
    let mut warned = Vec::new();
    let mut is_over = false;
    while !is_over {
        pass_s(&mut server, 1);
        socket.say(&mut server, r#"{"type":"ping"}"#); // or it would be taken for dead
        for frame in socket.hear(&mut server) {
            if frame.first & 0x0f != 1 {
                continue;
            }
            let said: Value = serde_json::from_str(&frame.text()).expect("JSON");
            is_over |= said["type"] == "expired";
            if said["type"] == "expiring" {
                warned.push(said["in"].as_u64().expect("seconds"));
                let answer = socket.ask(&mut server, &auth);
                assert_eq!(answer[0]["type"], "authenticated");
                assert_eq!(answer.len(), 1, "no warning at once: {answer:?}");
            }
        }
    }
    assert_eq!(warned, WARNED);
}

#[test]
fn a_stream_that_is_begun_anew_with_the_same_token_is_warned_as_often() {
    let mut server = server(true);
    let token = granting(UNTIL, "a", &["subscribe"]);
    let query = format!("channel=a&token={token}");
    let mut client = stream(&mut server, &query);
    let mut warned = Vec::new();
    loop {
        pass_s(&mut server, 1);
        let said = server.received(client);
        if said.contains("\"expired\"") {
            break;
        }
        if let Some((_, rest)) = said.split_once("{\"type\":\"expiring\",\"in\":") {
            let (in_s, _) = rest.split_once('}').expect("an object");
            warned.push(in_s.parse::<u64>().expect("seconds"));
            server.vanish(client);
            client = stream(&mut server, &query);
        }
    }
    assert_eq!(warned, WARNED);
}

#[test]
fn a_short_token_is_warned_of_when_half_of_it_is_over() {
    let mut server = server(true);
    let token = granting(START + 15, "a", &["subscribe"]);
    let client = stream(&mut server, &format!("channel=a&token={token}"));
    pass_s(&mut server, 8);
    assert_eq!(kinds(&lines(&server.received(client))), ["ready"]);
    pass_s(&mut server, 4);
    assert_eq!(lines(&server.received(client)), [json!({"type": "expiring", "in": 10})]);
    // A warning that is shorter than that stays as it is.
    let mut config = server.machine.config().clone();
    config.token.warn_seconds = 3;
    server.machine.reconfigure(config);
    let token = granting(START + server.now.0 / 1_000 + 15, "a", &["subscribe"]);
    let client = stream(&mut server, &format!("channel=a&token={token}"));
    pass_s(&mut server, 15);
    assert_eq!(kinds(&lines(&server.received(client))), ["ready"]);
    pass_s(&mut server, 4);
    assert_eq!(kinds(&lines(&server.received(client))), ["expiring"]);
}
