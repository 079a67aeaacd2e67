//! What happens in channels, told in others (`protocols/nchan-features.md`).
use super::*;

/// Publishing, subscribing and reading what happens.
fn eventful(more: &str) -> Server {
    let events = format!(r#""channel_events_channel_id": "{{id}}"{more}"#);
    locations(&[
        &format!(r#"{{"path": "/pub/{{id}}", "role": "publisher", {events}}}"#),
        &format!(r#"{{"path": "/sub/{{id}}", "role": "subscriber", "split": ",", {events}}}"#),
        r#"{"path": "/events/{id}", "role": "subscriber", "group": "meta"}"#,
    ])
}

#[test]
fn what_happens_in_channels_is_told_in_another() {
    let mut server = eventful("");
    let events = get(&mut server, "/events/foo", "TE: chunked\r\n");
    server.received(events);
    let poll = get(&mut server, "/sub/foo", "");
    post(&mut server, "foo", "x");
    server.received(poll);
    let stream = get(&mut server, "/sub/foo", "Accept: text/event-stream\r\n");
    admin(&mut server, "DELETE", "/pub/foo", "", "");
    server.received(stream);
    // Answered at once, nobody has waited.
    assert!(admin(&mut server, "DELETE", "/pub/foo", "", "").starts_with("HTTP/1.1 404 "));
    let told =
        split(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", server.received(events))).1;
    let lines = "subscriber_enqueue foo\nchannel_publish foo\nsubscriber_dequeue foo\nsubscriber_enqueue foo\nchannel_delete foo\nsubscriber_dequeue foo\n";
    assert_eq!(told, lines.replace('\n', ""));
    // Whoever comes later gets what is kept of it, for ten seconds.
    assert_eq!(Walker::new("/events/foo").all(&mut server).len(), 6);
    server.vanish(events);
    pass_seconds(&mut server, 11);
    assert_eq!(ask(&mut server, "/events/foo", ""), "");
}

#[test]
fn events_have_the_words_that_are_wanted() {
    let mut server = eventful(r#", "channel_event_string": "{channel}: {event}!""#);
    for channel in ["a", "%7Bevent%7D"] {
        post(&mut server, channel, "x");
        let events = Walker::new(&format!("/events/{channel}")).all(&mut server);
        let name = if channel == "a" { "a" } else { "{event}" };
        assert_eq!(events, [format!("{name}: channel_publish!")]);
    }
}

#[test]
fn events_do_not_pile_up_and_nobody_who_listens_is_outrun() {
    let mut server = eventful("");
    let events = get(&mut server, "/events/a,b", "TE: chunked\r\n");
    server.received(events);
    let clients: Vec<Client> = (0..1_500).map(|_| get(&mut server, "/sub/a,b", "")).collect();
    server.received(events);
    post(&mut server, "a", "x");
    // 3,000 events at once: each of 1,500 has left two channels.
    let told = server.received(events);
    assert_eq!(told.matches("subscriber_dequeue").count(), 3_000, "none is lost");
    assert_eq!((server.machine.counters().lost, server.machine.counters().channel_events_refused), (0, 0));
    drop(clients);
    let mut server =
        with(&[r#"{"path": "/pub/{id}", "role": "publisher", "channel_events_channel_id": "{id}"}"#], |c| {
            c.limits.channel_events_waiting_max = 1;
        });
    let publisher = server.connect(Role::Admin);
    for _ in 0..3 {
        server.send_in_this_turn(publisher, "POST /pub/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
    }
    server.turn();
    assert_eq!(server.machine.counters().channel_events_refused, 2);
}
