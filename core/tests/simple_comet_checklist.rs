//! What `simple-comet.js` needs in order to work unmodified (`protocols/simple-comet.md`, section 13), and the original's own
//! test-suite (section 12).
#[path = "support/rest.rs"]
mod rest;
mod support;

use rcomet_core::Role;
use rcomet_core::journal::Ending;
use rcomet_core::time::Date;
use rest::{
    FIRST, Script, brief, code, delete, get, heard, hold, json, post, push, register, register_client,
    register_for_sessions, simple, with,
};
use support::{Server, split};

#[test]
fn c1_the_default_callback_and_status_200_also_for_errors() {
    let mut server = simple();
    register(&mut server, "a");
    push(&mut server, "a", "x");
    for target in
        ["/channels/a.jsonp", "/channels/none.jsonp", "/channels.jsonp", "/channels/a.jsonp?client_id="]
    {
        let client = server.connect(Role::SimpleComet);
        let (head, body) = split(&server.get(client, target));
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Type: application/javascript\r\n"), "{head}");
        assert!(body.starts_with("_JSONP_comet_cb({") && body.ends_with("});"), "{body}");
    }
}

#[test]
fn c2_numbers_are_numbers_and_never_go_back() {
    let mut server = simple();
    register(&mut server, "a");
    assert_eq!(push(&mut server, "a", "x"), FIRST);
    let answer = json(&get(&mut server, "/channels/a.json"));
    for name in ["since", "last_id", "return_code"] {
        assert!(answer[name].is_i64() || answer[name].is_u64(), "{name}: {answer}");
    }
    assert_eq!(answer["last_id"], FIRST);
    const { assert!(FIRST < 1 << 53, "a script counts them exactly") }
    // A server that is started a second later begins beyond everything that this one may have sent.
    let config = server.machine.config().clone();
    let date = rcomet_core::time::Date::from_unix_ms((support::START + 1) * 1_000);
    let entropy = Box::new(rcomet_core::chance::Chance::from_seed(2));
    let next = rcomet_core::Machine::new(config, entropy, rcomet_core::time::Moment(0), date);
    assert_eq!(next.last_id(), FIRST - 1 + 100_000);
}

/// Not even where the clock was set back meanwhile, and nothing is left of the channel: clients stop for ever at a smaller number.
#[test]
fn c2_where_histories_are_kept_numbers_go_on_whatever_the_clock_says() {
    for ending in [Ending::Clean(0), Ending::Whole, Ending::Torn] {
        let mut server = simple();
        server.keep_journal();
        register(&mut server, "a");
        let ids: Vec<u64> = (0..3).map(|_| push(&mut server, "a", "x")).collect();
        server.restart_at(ending, 2, Date::from_unix(support::START - 1_000));
        assert!(post(&mut server, "/channels.json", "channel_id=a").contains("already exists"));
        let answer = json(&get(&mut server, &format!("/channels/a.json?since={}", ids[1])));
        let last = answer["last_id"].as_u64();
        assert!(brief(&answer.to_string()) == "a: x" && last >= Some(ids[2]), "{answer} {ids:?}");
        let next = push(&mut server, "a", "y");
        assert!(Some(next) > last, "{next} {ids:?}");
        delete(&mut server, "/channels/a.json");
        // The file is written anew: not a line of the channel is in it.
        server.keep_journal();
        server.restart_at(ending, 3, Date::from_unix(support::START - 2_000));
        register(&mut server, "b");
        assert!(push(&mut server, "b", "z") > next);
    }
}

#[test]
fn c2_last_id_covers_everything_that_was_delivered() {
    let mut server = simple();
    register(&mut server, "a");
    register(&mut server, "b");
    push(&mut server, "a", "1");
    let other = push(&mut server, "b", "2");
    // The newest of all channels, also of those that are not read.
    assert_eq!(json(&get(&mut server, "/channels/a.json"))["last_id"], other);
    let waiting = hold(&mut server, &format!("/channels/a.json?since={other}"));
    let id = push(&mut server, "a", "3");
    assert_eq!(json(&heard(&mut server, waiting))["last_id"], id);
}

#[test]
fn c3_the_reply_never_has_a_smaller_since() {
    let mut server = simple();
    register(&mut server, "a");
    let id = push(&mut server, "a", "x");
    for since in [0, 1, -5, id as i64 - 1] {
        let answer = json(&get(&mut server, &format!("/channels/a.json?since={since}")));
        assert_eq!(answer["since"], since);
    }
    // From a server whose clock was ahead: it is answered, and its own number comes back.
    let waiting = hold(&mut server, "/channels/a.json?since=999999999999999999");
    let id = push(&mut server, "a", "y");
    let answer = json(&heard(&mut server, waiting));
    assert_eq!((&answer["since"], &answer["last_id"]), (&999_999_999_999_999_999_i64.into(), &id.into()));
    for unread in ["abc", "1.5", "undefined", "", "%20"] {
        let answer = json(&get(&mut server, &format!("/channels/a.json?since={unread}")));
        assert_eq!((&answer["since"], brief(&answer.to_string())), (&0.into(), "a: x y".into()));
    }
}

#[test]
fn c4_a_poll_is_held_for_more_than_30_seconds() {
    let mut server = simple();
    register(&mut server, "a");
    let (json, script) = (hold(&mut server, "/channels/a.json"), hold(&mut server, "/channels/a.jsonp"));
    server.pass_ms(44_999);
    assert_eq!((server.received(json), server.received(script)), (String::new(), String::new()));
    server.pass_ms(1);
    let last = FIRST - 1;
    assert_eq!(
        heard(&mut server, json),
        format!(
            "{{\"messages\": {{}}, \"since\": 0, \"last_id\": {last}, \"return_code\": 1, \"error_message\": \"\"}}"
        )
    );
    // The page has given it up long ago, and must not be called with no messages.
    assert_eq!(heard(&mut server, script), "/* no messages */");
}

#[test]
fn c5_t_is_ignored() {
    let mut server = simple();
    register(&mut server, "a");
    push(&mut server, "a", "x");
    assert_eq!(brief(&get(&mut server, "/channels/a.json?since=0&t=1795219162.0&whatever=1")), "a: x");
}

#[test]
fn c6_a_pipe_is_a_pipe_however_it_is_written() {
    let mut server = simple();
    for channel in ["a", "b"] {
        register(&mut server, channel);
        push(&mut server, channel, channel);
    }
    for list in ["a%7Cb", "a%7cb", "a|b"] {
        assert_eq!(brief(&get(&mut server, &format!("/channels/{list}.json"))), "a: a, b: b");
    }
}

#[test]
fn c7_a_client_that_asks_every_30_seconds_is_known() {
    let mut server = simple();
    register_for_sessions(&mut server, "s");
    assert_eq!(register_client(&mut server, "c1"), 1);
    let mut script = Script::new("s", Some("c1"));
    for _ in 0..20 {
        let poll = script.poll(&mut server);
        server.pass_ms(30_000);
        assert_eq!(server.received(poll), "", "it waits");
        server.vanish(poll);
    }
    let poll = script.poll(&mut server);
    push(&mut server, "s", "x");
    assert_eq!(script.run(&heard(&mut server, poll)).unwrap()["messages"]["s"][0]["content"], "x");
}

#[test]
fn c8_what_is_pushed_between_two_polls_comes_with_the_next() {
    let mut server = simple();
    for channel in ["a", "b"] {
        register(&mut server, channel);
    }
    let mut script = Script::new("a%7Cb", None);
    let mut got = Vec::new();
    for round in 0..5 {
        let poll = script.poll(&mut server);
        for i in 0..3 {
            push(&mut server, ["a", "b"][i % 2], &format!("{round}.{i}"));
        }
        got.push(brief(&script.run(&heard(&mut server, poll)).unwrap().to_string()));
        server.pass_ms(100);
    }
    // The first came while it waited; the others between two polls, in one answer.
    let rest: Vec<String> = (0..4).map(|i| format!("a: {i}.0 {i}.2, b: {i}.1")).collect();
    assert_eq!(got[..2], ["a: 0.0", "a: 0.2, b: 0.1"]);
    assert_eq!(got[2..], rest[1..]);
}

/// The ten functions of the original's test-suite, in their order.
#[test]
fn the_originals_own_tests() {
    let mut server = simple();
    let read = |text: String| json(&text);
    assert_eq!(read(post(&mut server, "/channels.json", "channel_id=chan"))["channel_id"], "chan");
    let session = read(post(&mut server, "/channels.json", "channel_id=chan-sess&use_sessions=1"));
    assert_eq!(session["channel_id"], "chan-sess");
    assert!(code(&post(&mut server, "/channels/chan.json", "content=test")) > 0);
    let got = read(get(&mut server, "/channels/chan.json"));
    assert_eq!((&got["since"], &got["messages"]["chan"][0]["content"]), (&0.into(), &"test".into()));
    assert!(code(&post(&mut server, "/channels/chan-sess.json", "content=test-sess")) > 0);
    assert!(code(&get(&mut server, "/channels/chan-sess.json?client_id=cid")) < 0);
    assert_eq!(read(post(&mut server, "/clients.json", "client_id=cid"))["client_id"], "cid");
    let got = read(get(&mut server, "/channels/chan-sess.json?client_id=cid"));
    assert_eq!(got["messages"]["chan-sess"][0]["content"], "test-sess");
    assert_eq!(read(delete(&mut server, "/channels/chan.json"))["removed"], true);
    assert_eq!(read(delete(&mut server, "/channels/chan-sess.json"))["removed"], true);
    let got = read(delete(&mut server, "/channels/nonexistent.json"));
    assert_eq!((&got["removed"], got["return_code"].as_i64() > Some(0)), (&false.into(), true));
}

#[test]
fn every_switch_has_its_effect() {
    let mut server = with(|config| {
        config.simple_comet.http_timeout_ms = 3_000;
        config.simple_comet.session_timeout_ms = 4_000;
        config.simple_comet.inactive_channel_timeout_ms = 5_000;
        config.simple_comet.max_messages_per_channel = 3;
        config.simple_comet.quote_json = true;
    });
    let quoted = post(&mut server, "/channels.json", "channel_id=a");
    assert_eq!(quoted, "/*-secure- {\"channel_id\": \"a\", \"return_code\": 1, \"error_message\": \"\"} */");
    for i in 1..=5 {
        push_quoted(&mut server, "a", &i.to_string());
    }
    assert_eq!(brief(&get(&mut server, "/channels/a.json")), "a: 3 4 5");
    // A connection that says nothing.
    let idle = server.connect(Role::SimpleComet);
    server.pass_ms(2_999);
    assert!(!server.is_shut(idle));
    server.pass_ms(1);
    assert!(server.is_shut(idle) && server.received(idle).is_empty(), "silently");
    // A session channel that nobody reads, and a client who does not ask.
    assert_eq!(code(&post(&mut server, "/channels.json", "channel_id=s&use_sessions=1")), 1);
    assert_eq!(register_client(&mut server, "c"), 1);
    server.pass_ms(3_999);
    assert_eq!(json(&get(&mut server, "/status.json"))["status"]["clients"], serde_json::json!(["c"]));
    server.pass_ms(1_001);
    let status = json(&get(&mut server, "/status.json"));
    assert_eq!(status["status"]["channels"], serde_json::json!(["a"]));
    assert_eq!(status["status"]["clients"], serde_json::json!([]));
    // The others live as long as the server.
    server.pass_ms(30 * 24 * 3_600_000);
    assert_eq!(brief(&get(&mut server, "/channels/a.json")), "a: 3 4 5");
    let mut off = with(|config| config.simple_comet.enable_status = false);
    let answer = get(&mut off, "/status.json");
    assert_eq!(answer, "{\"return_code\": -1, \"error_message\": \"Missing '/channels' prefix\"}");
}

fn push_quoted(server: &mut Server, channel: &str, content: &str) {
    assert_eq!(code(&post(server, &format!("/channels/{channel}.json"), &format!("content={content}"))), 1);
}

#[test]
fn anonymous_channels_can_be_given_an_end_too() {
    let mut server = with(|config| config.simple_comet.anonymous_channel_timeout_ms = 10_000);
    register(&mut server, "a");
    server.pass_ms(9_000);
    push(&mut server, "a", "x");
    server.pass_ms(9_999);
    assert_eq!(brief(&get(&mut server, "/channels/a.json")), "a: x");
    server.pass_ms(60_001);
    assert_eq!(code(&get(&mut server, "/channels/a.json")), -2);
}

#[test]
fn it_is_spoken_beside_the_others_below_a_path_of_its_own() {
    let mut server = with(|config| {
        config.simple_comet.on_front = true;
        config.simple_comet.base_path = "/comet".to_owned().try_into().unwrap();
        config.front.publish = vec!["open".to_owned().try_into().unwrap()];
    });
    let on = |server: &mut Server, role: Role, request: String| {
        let client = server.connect(role);
        server.send(client, request);
        let answer = server.received(client);
        server.vanish(client);
        split(&answer)
    };
    let ok = |(head, body): (String, String)| {
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        json(&body)["return_code"].as_i64().unwrap()
    };
    for channel in ["open", "shut"] {
        let registered = on(
            &mut server,
            Role::Admin,
            rest::form("/comet/channels.json", &format!("channel_id={channel}")),
        );
        assert_eq!(ok(registered), 1);
    }
    // The public side reads, and pushes where everybody may.
    let push = |channel: &str| rest::form(&format!("/comet/channels/{channel}.json"), "content=x");
    assert_eq!(ok(on(&mut server, Role::Front, push("open"))), 1);
    assert_eq!(ok(on(&mut server, Role::Front, push("shut"))), -1);
    for refused in [
        rest::form("/comet/channels.json", "channel_id=new"),
        rest::form("/comet/clients.json", "client_id=c"),
    ] {
        assert_eq!(ok(on(&mut server, Role::Front, refused)), -1);
    }
    let deleting = "DELETE /comet/channels/open.json HTTP/1.1\r\nHost: x\r\n\r\n".to_owned();
    assert_eq!(ok(on(&mut server, Role::Front, deleting)), -1);
    let reading = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let (_, body) = on(&mut server, Role::Front, reading("/comet/channels/open.json"));
    assert_eq!(brief(&body), "open: x");
    assert_eq!(ok(on(&mut server, Role::Front, reading("/comet/status.json"))), -1);
    assert!(on(&mut server, Role::Front, reading("/channels/open.json")).0.starts_with("HTTP/1.1 404 "));
    assert!(on(&mut server, Role::Front, reading("/sub?cname=open&seq=1")).1.contains("\"content\":\"x\""));
    // Its own listeners have its URLs at the root, whatever the path.
    assert_eq!(brief(&get(&mut server, "/channels/open.json")), "open: x");
}

#[test]
fn without_a_word_nothing_can_be_published_anonymously() {
    let mut server = with(|config| config.simple_comet.publish = false);
    let no = "{\"return_code\": -1, \"error_message\": \"Not allowed here\"}";
    for (target, fields) in [
        ("/channels.json", "channel_id=a"),
        ("/clients.json", "client_id=c"),
        ("/channels/a.json", "content=x"),
    ] {
        assert_eq!(post(&mut server, target, fields), no);
    }
    assert_eq!(delete(&mut server, "/channels/a.json"), no);
    assert_eq!(code(&get(&mut server, "/status.json")), -1);
    assert_eq!(server.machine.load().0, 0);
    assert_eq!(server.machine.counters().publishes_refused, 4);
    server.push("a", "from elsewhere");
    assert_eq!(brief(&get(&mut server, "/channels/a.json")), "a: from elsewhere");
}

/// Where its server has been, nginx says which pages may read, as its README has it: said twice, browsers refuse it.
#[test]
fn origins_are_the_proxys_affair_unless_it_is_said_otherwise() {
    let asks = |server: &mut Server, role, method: &str| {
        let client = server.connect(role);
        let origin = "Origin: http://page.example\r\nAccess-Control-Request-Method: GET\r\n";
        server.send(client, format!("{method} /channels/a.json HTTP/1.1\r\nHost: x\r\n{origin}\r\n"));
        split(&server.received(client)).0
    };
    for (cors, allowed) in [(false, 0), (true, 1)] {
        let mut server = with(|config| {
            config.simple_comet.cors = cors;
            config.simple_comet.on_front = true;
        });
        register(&mut server, "a");
        push(&mut server, "a", "x");
        for method in ["GET", "OPTIONS"] {
            let head = asks(&mut server, Role::SimpleComet, method);
            assert_eq!(head.matches("Access-Control-Allow-Origin: *").count(), allowed, "{cors} {head}");
            let head = asks(&mut server, Role::Front, method);
            assert!(
                head.contains("Access-Control-Allow-Origin: *"),
                "the public side has no such proxy: {head}"
            );
        }
    }
}
