//! Who reads by a pattern of names is told about as well: it got a message, waits for it, came too late, or the message is in no
//! pattern at all.
use super::bayeux::{self, Fellow};
use super::{Server, Value, ask};

/// What is said of the only client that is told about.
fn only(server: &mut Server, query: &str) -> (String, String) {
    let said = ask(server, query);
    match said["clients"].as_array().map(Vec::as_slice) {
        Some([one]) => {
            let word = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
            (word("verdict"), word("because"))
        }
        _ => panic!("not one client: {said}"),
    }
}

#[test]
fn who_reads_by_a_pattern_is_told_about() {
    let mut server = bayeux::server();
    server.push("/a/b", "before");
    let mut fellow = Fellow::new(&mut server);
    fellow.subscribe(&mut server, "/a/*");
    let (verdict, because) = only(&mut server, "channel=/a/b&seq=1");
    assert_eq!(verdict, "not subscribed yet", "{because}");
    assert!(because.contains("by the pattern /a/*: nobody read the pattern"), "{because}");
    server.push("/a/b", "one");
    let (verdict, because) = only(&mut server, "channel=/a/b&seq=2");
    assert_eq!(verdict, "waiting", "{because}");
    fellow.connect(&mut server);
    server.pass_ms(10);
    let (verdict, because) = only(&mut server, "channel=/a/b&seq=2");
    assert_eq!(verdict, "delivered", "{because}");
    assert!(because.contains("by the pattern /a/*"), "{because}");
    assert_eq!(only(&mut server, "channel=/a/b&seq=3").0, "waiting", "it is not published yet");
    assert_eq!(
        ask(&mut server, "channel=/a/b&seq=2")["clients"][0]["dialect"],
        Value::Null,
        "no connect waits"
    );
}

#[test]
fn what_is_in_no_pattern_is_filtered() {
    let mut server = bayeux::server();
    let mut fellow = Fellow::new(&mut server);
    fellow.subscribe(&mut server, "/**");
    fellow.publish(&mut server, "/service/echo", Value::from(1));
    let (verdict, because) = only(&mut server, "channel=/service/echo&seq=1");
    assert_eq!(verdict, "filtered");
    assert!(because.contains("by the pattern /**") && because.contains("in no pattern"), "{because}");
}

/// Who reads a channel by name and by patterns is handed a message once; whichever way it came, they have it.
#[test]
fn who_reads_both_ways_has_it_by_one_of_them() {
    let mut server = bayeux::server();
    let mut fellow = Fellow::new(&mut server);
    for name in ["/a/b", "/a/*", "/**"] {
        fellow.subscribe(&mut server, name);
    }
    server.push("/a/b", "one");
    fellow.connect(&mut server);
    server.pass_ms(10);
    assert_eq!(only(&mut server, "channel=/a/b&seq=1").0, "delivered");
}

/// What happened in the index of one pattern is not taken for what happened in another's, nor in the first channel there was.
#[test]
fn patterns_are_not_mixed_up() {
    let mut server = bayeux::server();
    let (mut one, mut other) = (Fellow::new(&mut server), Fellow::new(&mut server));
    one.subscribe(&mut server, "/a/*");
    other.subscribe(&mut server, "/b/*");
    server.push("/a/b", "one");
    one.connect(&mut server);
    other.connect(&mut server);
    server.pass_ms(10);
    assert_eq!(only(&mut server, "channel=/a/b&seq=1").0, "delivered", "and nothing is said of the other");
    server.push("/b/b", "two");
    assert_eq!(only(&mut server, "channel=/b/b&seq=1").0, "delivered");
}

#[test]
fn what_is_kept_no_longer_has_no_place_in_a_pattern() {
    let mut config = bayeux::config();
    config.limits.history_messages_max = 2;
    let mut server = Server::new(config);
    let mut fellow = Fellow::new(&mut server);
    fellow.subscribe(&mut server, "/a/*");
    fellow.connect(&mut server);
    for n in 0..5_000 {
        server.push("/a/b", &n.to_string());
    }
    assert_eq!(ask(&mut server, "channel=/a/b&seq=1")["message"], "trimmed");
    let (verdict, because) = only(&mut server, "channel=/a/b&seq=1");
    assert_eq!(verdict, "unknown", "{because}");
}
