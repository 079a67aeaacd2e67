//! Several channels at one location: other ones to publish to than to read, and what a deletion ends
//! (`protocols/push-module.md`, sections 5.5 and 5.7).
#[path = "support/push.rs"]
mod push;
mod support;

use push::*;
use rcomet_core::Role;
use support::{Client, Server, split};

const EVENTS: &str = "Accept: text/event-stream\r\n";

/// What a client has been sent that is no head.
fn body(server: &mut Server, client: Client) -> String {
    let all = server.received(client);
    all.split_once("\r\n\r\n").map_or(all.clone(), |(_, body)| body.into())
}

#[test]
fn a_location_for_both_may_publish_to_other_channels_than_it_reads() {
    let both = r#"{"path": "/talk/{room}/{me}", "role": "pubsub", "on": ["front"],
        "channels": ["to-{me}", "all-{room}"], "publisher_channels": ["to-{room}"]}"#;
    let mut server = locations(&[both, PUB, r#"{"path": "/sub/{id}", "role": "subscriber"}"#]);
    let reader = get(&mut server, "/talk/den/ann", EVENTS);
    let posted = send(&mut server, Role::Front, "POST", "/talk/den/ann", "", "from ann");
    assert!(server.received(posted).starts_with("HTTP/1.1 202 "), "nobody reads to-den yet");
    assert_eq!(body(&mut server, reader), "6\r\n: hi\n\n\r\n", "what one publishes there one does not read");
    assert_eq!(Walker::new("/sub/to-den").all(&mut server), ["from ann"]);
    post(&mut server, "to-ann", "for ann");
    post(&mut server, "all-den", "for all");
    let heard = body(&mut server, reader);
    assert!(heard.contains("data: for ann\n") && heard.contains("data: for all\n"), "{heard}");
    // Deleting and looking are a publisher's.
    let ended = send(&mut server, Role::Front, "DELETE", "/talk/den/ann", "", "");
    assert!(server.received(ended).starts_with("HTTP/1.1 200 "));
    assert_eq!(Walker::new("/sub/to-den").all(&mut server), Vec::<String>::new());
    post(&mut server, "to-ann", "still here");
    assert!(body(&mut server, reader).contains("data: still here\n"));
}

const BOTH: &str = r#"{"path": "/both/{id}", "role": "subscriber", "channels": ["shared", "user-{id}"]}"#;
const ANY: &str = r#"{"path": "/any/{id}", "role": "subscriber", "channels": ["shared", "user-{id}"],
    "delete_ends_all": true}"#;

#[test]
fn deleting_a_users_channel_ends_what_the_user_reads_where_the_location_says_so() {
    for (fields, gone) in [
        (EVENTS, ":410: 410 Gone\n\n"),
        ("TE: chunked\r\n", "0\r\n\r\n"),
        ("Accept: multipart/mixed\r\n", "--\r\n"),
    ] {
        let mut server = locations(&[PUB, BOTH, ANY]);
        let ends = get(&mut server, "/any/1", fields);
        let goes_on = get(&mut server, "/both/1", fields);
        let another = get(&mut server, "/any/2", fields);
        for client in [ends, goes_on, another] {
            server.received(client);
        }
        post(&mut server, "shared", "last");
        admin(&mut server, "DELETE", "/pub/user-1", "", "");
        let heard = server.received(ends);
        assert!(heard.contains("last") && heard.contains(gone), "{fields}: {heard}");
        post(&mut server, "shared", "secret");
        assert!(!server.received(ends).contains("secret"), "{fields}");
        for client in [goes_on, another] {
            let heard = server.received(client);
            assert!(heard.contains("last") && heard.contains("secret") && !heard.contains(gone), "{heard}");
        }
        assert_eq!(server.machine.load().1, 2, "who is ended reads nothing more");
    }
}

#[test]
fn polls_are_ended_by_it_as_well() {
    let mut server = locations(&[PUB, BOTH, ANY]);
    let ends = get(&mut server, "/any/1", "");
    let goes_on = get(&mut server, "/both/1", "");
    admin(&mut server, "DELETE", "/pub/user-1", "", "");
    assert!(server.received(ends).starts_with("HTTP/1.1 410 Gone\r\n"));
    assert_eq!(server.received(goes_on), "");
    post(&mut server, "shared", "one");
    assert_eq!(split(&server.received(goes_on)).1, "one");
}

#[test]
fn who_reads_one_channel_is_ended_with_it_either_way() {
    let one = r#"{"path": "/one/{id}", "role": "subscriber", "delete_ends_all": true}"#;
    let mut server = locations(&[PUB, one]);
    let client = get(&mut server, "/one/a", "");
    admin(&mut server, "DELETE", "/pub/a", "", "");
    assert!(server.received(client).starts_with("HTTP/1.1 410 Gone\r\n"));
}
