//! Ids of messages: what they say, where they are looked for, and how far one can go on behind them.
use super::*;

#[test]
fn delete_and_republish_within_a_second_hides_the_message() {
    let mut server = usual();
    let mut reader = Walker::new("/sub/a");
    for text in ["one", "two"] {
        post(&mut server, "a", text);
    }
    assert_eq!(reader.all(&mut server), ["one", "two"]);
    admin(&mut server, "DELETE", "/pub/a", "", "");
    post(&mut server, "a", "three");
    assert_eq!(reader.all(&mut server), ["three"]);
}

#[test]
fn unbuffered_messages_of_one_second_have_equal_ids() {
    let mut server = locations(&[r#"{"path": "/pub/{id}", "role": "publisher", "store": false}"#, SUB]);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let client = get(&mut server, "/sub/a", "");
        assert!(post(&mut server, "a", "x").starts_with("HTTP/1.1 201 Created\r\n"));
        ids.push(field(&server.received(client), "Etag").unwrap().to_owned());
    }
    assert_eq!(ids, [0, 1, 2].map(|n| tag(n).to_string()));
    assert!(post(&mut server, "a", "nobody").contains("queued messages: 0\r\n"));
    assert_eq!(ask(&mut server, "/sub/a", ""), "", "nothing is kept");
}

#[test]
fn tags_wrap_at_sixteen_bits() {
    let mut server = usual();
    let client = get(&mut server, "/sub/a", &behind(0, &tag(32_768).to_string()));
    for i in 0..40_000 {
        if i == 32_769 {
            assert_eq!(
                field(&server.received(client), "Etag"),
                Some(&*tag(1).to_string()),
                "it waits for what is new"
            );
        }
        server.machine.set_date(Date::from_unix(START));
        post(&mut server, "b", "x");
        if i == 0 {
            post(&mut server, "a", "x");
        }
    }
    let answer = ask(&mut server, "/sub/b", &behind(0, &tag(39_999).to_string()));
    assert_eq!(field(&answer, "Etag"), Some(&*tag(40_000).to_string()));
}

#[test]
fn a_clock_that_steps_back_loses_and_repeats_messages() {
    let mut server = usual();
    let mut reader = Walker::new("/sub/a");
    server.machine.set_date(Date::from_unix(START + 100));
    post(&mut server, "a", "one");
    assert_eq!(reader.all(&mut server), ["one"]);
    for (clock, text) in [(START + 40, "two"), (START, "three"), (START + 101, "four"), (START + 3, "five")] {
        server.machine.set_date(Date::from_unix(clock));
        post(&mut server, "a", text);
    }
    assert_eq!(reader.all(&mut server), ["two", "three", "four", "five"]);
    assert_eq!(field(&ask(&mut server, "/sub/a", ""), "Last-Modified"), Some(&*date(100)));
}

#[test]
fn ids_of_the_future_get_no_live_messages() {
    let mut server = usual();
    post(&mut server, "a", "old");
    let client = get(
        &mut server,
        "/sub/a",
        "If-Modified-Since: Mon, 21 Nov 2050 00:00:00 GMT\r\nIf-None-Match: 0\r\n",
    );
    assert_eq!(server.received(client), "");
    assert!(post(&mut server, "a", "new").starts_with("HTTP/1.1 201 Created\r\n"));
    assert_eq!(brief(&server.received(client)), "200 new");
    let later = get(&mut server, "/sub/a", "Last-Event-ID: 99999999999999:7\r\n");
    post(&mut server, "a", "newer");
    assert_eq!(brief(&server.received(later)), "200 newer");
}

#[test]
fn a_date_without_a_tag_is_refused() {
    let mut server = usual();
    post(&mut server, "a", "one");
    pass_seconds(&mut server, 1);
    post(&mut server, "a", "two");
    let answer = ask(&mut server, "/sub/a", &format!("If-Modified-Since: {}\r\n", date(0)));
    assert_eq!(brief(&answer), "200 two");
    // One message a second: a client that sends no tag goes on and does not go round.
    let client = get(&mut server, "/sub/a", &format!("If-Modified-Since: {}\r\n", date(1)));
    assert_eq!(server.received(client), "");
}

#[test]
fn tags_in_quotes_count_as_nothing() {
    let mut server = usual();
    for text in ["one", "two", "three"] {
        post(&mut server, "a", text);
    }
    for tag in ["1", "\"1\"", "W/\"1\"", "-1"] {
        assert_eq!(brief(&ask(&mut server, "/sub/a", &behind(0, tag))), "200 three", "{tag}");
    }
    // What is no number is 0, as in the original.
    for tag in ["", "abc"] {
        assert_eq!(brief(&ask(&mut server, "/sub/a", &behind(0, tag))), "200 two", "{tag}");
    }
}

#[test]
fn an_expired_id_aborts_the_worker() {
    let mut server =
        locations(&[r#"{"path": "/pub/{id}", "role": "publisher", "message_timeout_ms": 2000}"#, SUB]);
    let other = get(&mut server, "/sub/other", "");
    post(&mut server, "a", "one");
    for seconds in [1, 2, 1, 1, 1, 1, 60] {
        pass_seconds(&mut server, seconds);
        let client = get(&mut server, "/sub/a", &behind(0, "0"));
        assert_eq!(server.received(client), "", "it waits");
        server.vanish(client);
    }
    post(&mut server, "other", "still here");
    assert_eq!(brief(&server.received(other)), "200 still here");
}

#[test]
fn an_id_in_the_etag_field_is_not_looked_at() {
    let mut server = usual();
    for text in ["one", "two", "three"] {
        post(&mut server, "a", text);
    }
    let stale = format!("Etag: {START}:{}\r\n", tag(0));
    assert_eq!(brief(&ask(&mut server, "/sub/a", &stale)), "200 two");
    // It is the last place that is looked at.
    assert_eq!(brief(&ask(&mut server, "/sub/a", &format!("{stale}{}", behind(0, "1")))), "200 three");
}
