//! Simple-Comet-Server's bugs (`protocols/simple-comet.md`): none of them is here.
#[path = "support/rest.rs"]
mod rest;
mod support;

use rcomet_core::Role;
use rest::{
    FIRST, Script, ask, brief, code, delete, form, get, heard, hold, json, post, push, register,
    register_client, register_for_sessions, send, simple, with,
};
use support::split;

const NO_ID: &str = "{\"return_code\": -1, \"error_message\": \"Missing channel id\"}";

#[test]
fn writes_pass_through_a_proxy_that_is_meant_for_reading() {
    // Unless it is said otherwise, what can be reached from outside is for reading only.
    let mut server = with(|config| config.simple_comet.publish = false);
    server.push("a", "x");
    assert_eq!(code(&post(&mut server, "/channels/a.json", "content=y")), -1);
    assert_eq!(code(&delete(&mut server, "/channels/a.json")), -1);
    assert_eq!(code(&post(&mut server, "/clients.json", "client_id=c")), -1);
    assert_eq!(brief(&get(&mut server, "/channels/a.json")), "a: x");
}

#[test]
fn a_queue_of_no_messages_makes_every_registration_fail() {
    let mut config = rcomet_core::Config::default();
    config.simple_comet.max_messages_per_channel = 0;
    assert!(config.check().unwrap_err().contains("max_messages_per_channel = 0: must be at least 1"));
}

#[test]
fn a_name_without_its_slash_is_a_server_error() {
    let mut server = simple();
    let wanted = "{\"return_code\": -1, \"error_message\": \"Missing '/channels' prefix\"}";
    assert_eq!(get(&mut server, "/channelsX.json"), wanted);
    assert_eq!(get(&mut server, "/channelsX.jsonp"), format!("_JSONP_comet_cb({wanted});"));
    assert_eq!(post(&mut server, "/channelsX.json", "content=x"), wanted);
}

#[test]
fn a_channel_with_a_pipe_in_its_name_can_never_be_read() {
    let mut server = simple();
    assert_eq!(
        post(&mut server, "/channels.json", "channel_id=a%7Cb"),
        "{\"return_code\": -1, \"error_message\": \"Invalid channel id\"}"
    );
}

#[test]
fn targets_in_absolute_form_are_not_understood() {
    let mut server = simple();
    register(&mut server, "a");
    assert_eq!(code(&get(&mut server, "http://comet.test/channels/a.json?since=0&client_id=")), -1);
    push(&mut server, "a", "x");
    assert_eq!(brief(&get(&mut server, "http://comet.test/channels/a.json")), "a: x");
    assert_eq!(code(&post(&mut server, "http://comet.test/clients.json", "client_id=c")), 1);
}

#[test]
fn semicolons_cut_fields_short() {
    let mut server = simple();
    register(&mut server, "a");
    post(&mut server, "/channels/a.json", "content=a;b");
    assert_eq!(brief(&get(&mut server, "/channels/a.json?since=0;client_id=zz")), "a: a;b");
}

#[test]
fn bodies_have_no_limit() {
    let mut server = with(|config| config.limits.body_bytes_max = 100);
    register(&mut server, "a");
    let client = send(&mut server, &form("/channels/a.json", &format!("content={}", "x".repeat(100))));
    assert!(server.received(client).starts_with("HTTP/1.1 413 "));
}

#[test]
fn a_long_request_line_is_closed_without_a_word() {
    let mut server = simple();
    let client = send(&mut server, &format!("GET /channels/{}.json HTTP/1.1\r\n", "x".repeat(70_000)));
    assert!(server.received(client).starts_with("HTTP/1.1 414 "));
}

#[test]
fn a_repeated_parameter_is_a_server_error() {
    let mut server = simple();
    let registered = post(&mut server, "/channels.json", "channel_id=a&channel_id=b");
    assert_eq!(json(&registered)["channel_id"], "a");
    post(&mut server, "/channels/a.json", "content=1&content=2");
    assert_eq!(code(&post(&mut server, "/clients.json", "client_id=c&client_id=d")), 1);
    assert_eq!(brief(&get(&mut server, "/channels/a.json?client_id=c&client_id=d")), "a: 1");
    assert!(get(&mut server, "/channels/a.jsonp?cb=_JSONP_1&cb=_JSONP_2").starts_with("_JSONP_1("));
}

#[test]
fn text_that_is_no_utf_8_is_a_server_error() {
    let mut server = simple();
    register(&mut server, "a");
    post(&mut server, "/channels/a.json", "content=%FFx");
    assert_eq!(brief(&get(&mut server, "/channels/a.json")), "a: \u{fffd}x");
    assert_eq!(get(&mut server, "/channels/a.jsonp?cb=_JSONP_%FF"), "/* invalid JSONP callback name */");
}

#[test]
fn the_empty_name_is_a_channel_and_a_client() {
    let mut server = simple();
    assert_eq!(post(&mut server, "/channels.json", "channel_id="), NO_ID);
    assert_eq!(
        post(&mut server, "/clients.json", "client_id="),
        "{\"return_code\": -1, \"error_message\": \"Missing client id\"}"
    );
}

#[test]
fn use_sessions_0_means_yes() {
    let mut server = simple();
    for (i, off) in ["0", "false", "no", "off", "", "False", "%20"].iter().enumerate() {
        post(&mut server, "/channels.json", &format!("channel_id=c{i}&use_sessions={off}"));
        push(&mut server, &format!("c{i}"), "x");
        assert_eq!(code(&get(&mut server, &format!("/channels/c{i}.json"))), 1, "{off:?}");
    }
    for on in ["1", "true", "yes", "x"] {
        post(&mut server, "/channels.json", &format!("channel_id={on}&use_sessions={on}"));
        assert_eq!(code(&get(&mut server, &format!("/channels/{on}.json"))), -2, "{on:?}");
    }
}

#[test]
fn a_queue_may_be_as_long_as_anybody_likes() {
    let mut server = with(|config| config.limits.history_messages_max = 3);
    for most in ["99999999999999999999", "1_000_000", "4"] {
        post(&mut server, "/channels.json", &format!("channel_id=a{most}&max_messages={most}"));
        for i in 0..5 {
            push(&mut server, &format!("a{most}"), &i.to_string());
        }
        assert_eq!(brief(&get(&mut server, &format!("/channels/a{most}.json"))), format!("a{most}: 2 3 4"));
    }
}

#[test]
fn a_poll_on_a_deleted_channel_is_never_answered() {
    let mut server = simple();
    register(&mut server, "a");
    register(&mut server, "b");
    let (one, two) = (hold(&mut server, "/channels/a.json"), hold(&mut server, "/channels/a|b.jsonp"));
    delete(&mut server, "/channels/a.json");
    let gone = "{\"return_code\": -2, \"error_message\": \"No valid channels\"}";
    assert_eq!(heard(&mut server, one), gone);
    assert_eq!(server.received(two), "", "there is still b");
    delete(&mut server, "/channels/b.json");
    assert_eq!(heard(&mut server, two), format!("_JSONP_comet_cb({gone});"));
}

/// The original drops names that are not there, for as long as the poll lasts; when another channel then releases it with a
/// larger `last_id`, what was pushed to the new channel is lost.
#[test]
fn a_channel_registered_while_a_poll_waits_loses_its_first_messages() {
    let mut server = simple();
    register(&mut server, "a");
    let mut script = Script::new("a|new|a", None);
    let poll = script.poll(&mut server);
    register(&mut server, "new");
    push(&mut server, "new", "1");
    assert_eq!(server.received(poll), "", "it does not know yet");
    push(&mut server, "a", "2");
    let mut got = vec![brief(&script.run(&heard(&mut server, poll)).unwrap().to_string())];
    let poll = script.poll(&mut server);
    got.push(brief(&script.run(&heard(&mut server, poll)).unwrap().to_string()));
    assert_eq!(got, ["new: 1", "a: 2, new:"]);
    // The same when one was deleted and made again, and when nothing but time ends the poll.
    let waiting = hold(&mut server, &format!("/channels/a|new.json?since={}", script.since));
    delete(&mut server, "/channels/new.json");
    register(&mut server, "new");
    push(&mut server, "new", "3");
    server.pass_ms(45_000);
    let quiet = json(&heard(&mut server, waiting));
    assert_eq!((&quiet["since"], &quiet["last_id"]), (&script.since.into(), &script.since.into()));
    assert_eq!(
        brief(&get(&mut server, &format!("/channels/a|new.json?since={}", script.since))),
        "a:, new: 3"
    );
}

#[test]
fn session_channels_that_come_to_be_while_a_poll_waits_are_not_for_everybody() {
    let mut server = simple();
    register(&mut server, "a");
    let waiting = hold(&mut server, "/channels/a|new.json");
    register_for_sessions(&mut server, "new");
    push(&mut server, "new", "secret");
    push(&mut server, "a", "x");
    assert_eq!(brief(&heard(&mut server, waiting)), "a: x");
}

#[test]
fn the_status_shows_everybody_the_names_of_all_clients() {
    let mut server = with(|config| {
        config.simple_comet.publish = false;
        config.simple_comet.on_front = true;
    });
    assert_eq!(code(&get(&mut server, "/status.json")), -1);
    assert!(server.ask(Role::Front, "/status.json").contains("\"return_code\": -1"));
    assert!(server.ask(Role::Admin, "/status.json").contains("\"clients\": []"));
}

#[test]
fn a_message_can_end_the_comment_around_quoted_json() {
    let mut server = with(|config| config.simple_comet.quote_json = true);
    let body = form("/channels.json", "channel_id=a");
    ask(&mut server, &body);
    ask(&mut server, &form("/channels/a.json", "content=close+*%2F+inside+**%2F"));
    let got = get(&mut server, "/channels/a.json");
    assert!(got.starts_with("/*-secure- ") && got.ends_with(" */"), "{got}");
    assert_eq!(got.matches("*/").count(), 1, "{got}");
    assert_eq!(brief(&got), "a: close */ inside **/");
    let script = get(&mut server, "/channels/a.jsonp");
    assert!(script.starts_with("_JSONP_comet_cb({") && script.contains("close */ inside"), "{script}");
}

#[test]
fn callbacks_are_checked_by_halves() {
    let mut server = simple();
    register(&mut server, "a");
    push(&mut server, "a", "x");
    let mut with_cb = |cb: &str| get(&mut server, &format!("/channels/a.jsonp?cb={cb}"));
    for good in ["_JSONP_", "_JSONP_mine", "my_JSONP_cb", "window.x._JSONP_cb"] {
        assert!(with_cb(good).starts_with(&format!("{good}({{\"messages\"")), "{good}");
    }
    for bad in [
        "_JSONP_a%0A",
        "_JSONP_%E2%84%AA",
        "a.._JSONP_",
        "._JSONP_",
        "_JSONP_.",
        "1_JSONP_",
        "_JSONP_a(",
        "_JSONP_[0]",
    ] {
        assert_eq!(with_cb(bad), "/* invalid JSONP callback name */", "{bad}");
    }
    for bad in ["", "mine", "_jsonp_cb", "JSONP"] {
        assert_eq!(with_cb(bad), "/* incomplete JSONP callback name */", "{bad}");
    }
    // Where no script is asked for, nobody looks at it.
    assert_eq!(brief(&get(&mut server, "/channels/a.json?cb=1")), "a: x");
}

#[test]
fn the_parameter_cb_is_ignored() {
    let mut server = simple();
    let registered = post(&mut server, "/channels.jsonp?cb=_JSONP_q", "channel_id=a&cb=_JSONP_b");
    assert!(registered.starts_with("_JSONP_b({\"channel_id\""), "{registered}");
    assert!(delete(&mut server, "/channels/a.jsonp?cb=_JSONP_q").starts_with("_JSONP_q("));
}

#[test]
fn a_request_whose_callback_is_refused_has_its_effects_all_the_same() {
    let mut server = simple();
    register(&mut server, "a");
    assert_eq!(
        post(&mut server, "/channels/a.jsonp?cb=x", "content=x"),
        "/* incomplete JSONP callback name */"
    );
    assert_eq!(server.machine.last_id(), FIRST - 1, "nothing was published");
    get(&mut server, "/channels/a.jsonp?cb=x");
    assert_eq!(server.machine.load().1, 0, "nothing waits");
}

#[test]
fn an_answer_with_a_lowered_since_kills_the_client() {
    let mut server = simple();
    register(&mut server, "a");
    // From a server whose clock was ahead.
    let mut script = Script::new("a", None);
    script.since = 1 << 52;
    let poll = script.poll(&mut server);
    push(&mut server, "a", "x");
    assert!(script.run(&heard(&mut server, poll)).is_some() && !script.is_dead);
    assert_eq!(script.since, FIRST as i64, "it is with us again");
}

#[test]
fn head_is_held_and_never_answered() {
    let mut server = simple();
    register(&mut server, "a");
    let client = server.connect(Role::SimpleComet);
    server.send(client, "HEAD /channels/a.json HTTP/1.1\r\nHost: x\r\n\r\n");
    let (head, body) = split(&server.received(client));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && body.is_empty(), "{head}");
    assert!(server.get(client, "/channels/none.json").ends_with("\"No valid channels\"}"), "it goes on");
}

#[test]
fn finished_connections_are_kept_for_ever() {
    let mut server = simple();
    register(&mut server, "a");
    register(&mut server, "b");
    let round = |server: &mut support::Server| {
        let since = server.machine.last_id();
        let polls = [
            hold(server, &format!("/channels/a.json?since={since}")),
            hold(server, &format!("/channels/a|b.json?since={since}")),
        ];
        push(server, "a", "x");
        for poll in polls {
            heard(server, poll);
            server.vanish(poll);
        }
        // Timers are not taken out before their time.
        server.pass_ms(1_000);
    };
    // By then what is remembered of who came and went is as much as is ever remembered.
    for _ in 0..2_500 {
        round(&mut server);
    }
    let before = server.machine.memory().total_bytes();
    for _ in 0..500 {
        round(&mut server);
    }
    let after = server.machine.memory().total_bytes();
    assert!(after <= before + 200, "{before} bytes became {after}");
}

#[test]
fn a_client_expires_while_its_poll_waits() {
    let mut server = simple();
    register_for_sessions(&mut server, "s");
    register_client(&mut server, "c");
    let waiting = hold(&mut server, "/channels/s.json?client_id=c");
    server.pass_ms(44_000);
    // It gives up, and comes back within the time it has.
    server.vanish(waiting);
    server.pass_ms(59_000);
    let waiting = hold(&mut server, "/channels/s.json?client_id=c");
    server.pass_ms(40_000);
    push(&mut server, "s", "x");
    let answer = json(&heard(&mut server, waiting));
    server.pass_ms(59_000);
    hold(&mut server, &format!("/channels/s.json?client_id=c&since={}", answer["last_id"]));
    server.pass_ms(120_000);
    assert_eq!(code(&get(&mut server, "/channels/s.json?client_id=c")), -3, "its time is over");
}

#[test]
fn a_session_channel_that_was_once_read_stays_for_ever() {
    let mut server = simple();
    register_for_sessions(&mut server, "s");
    register_client(&mut server, "c");
    let waiting = hold(&mut server, "/channels/s.json?client_id=c");
    server.vanish(waiting);
    server.pass_ms(150_000);
    assert_eq!(json(&get(&mut server, "/status.json"))["status"]["channels"], serde_json::json!([]));
}

#[test]
fn pushes_do_not_keep_a_session_channel_alive() {
    let mut server = simple();
    register_for_sessions(&mut server, "s");
    for _ in 0..5 {
        server.pass_ms(80_000);
        push(&mut server, "s", "x");
    }
}

#[test]
fn abandoned_polls_pile_up() {
    let mut server = simple();
    register(&mut server, "a");
    // A page that asks every 30 seconds, in a browser that drops nothing.
    for _ in 0..100 {
        hold(&mut server, "/channels/a.jsonp");
        server.pass_ms(30_000);
        assert!(server.machine.load().1 <= 2, "at most the one before is still there");
    }
}

#[test]
fn what_is_written_is_not_json_and_no_script() {
    // Not a bug of the original, and to stay so: whatever is pushed arrives, and nothing ends the script.
    let mut server = simple();
    register(&mut server, "a");
    let text = "caf\u{e9} \u{1f600} \u{2028}\u{2029} </script> \"\\ \u{7f}\0\r\n";
    push(&mut server, "a", text);
    for target in ["/channels/a.json", "/channels/a.jsonp"] {
        assert_eq!(json(&get(&mut server, target))["messages"]["a"][0]["content"], text);
    }
}
