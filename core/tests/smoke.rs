//! The shortest way through every endpoint.
mod support;

use rcomet_core::Role;
use support::{Server, body, split};

#[test]
fn a_poll_waits_and_gets_its_message() {
    let mut server = Server::default();
    let poll = server.connect(Role::Front);
    let head = server.get(poll, "/sub?cname=room&seq=1");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    server.push("room", "hello");
    assert_eq!(
        body(&format!("{head}{}", server.received(poll))),
        "{\"type\":\"data\",\"cname\":\"room\",\"seq\":1,\"content\":\"hello\"}\n"
    );
    let again = server.get(poll, "/sub?cname=room&seq=1&cb=f");
    assert_eq!(
        body(&again),
        "/**/f([{\"type\":\"data\",\"cname\":\"room\",\"seq\":1,\"content\":\"hello\"}]);\n"
    );
    assert_eq!(
        body(&server.get(poll, "/sub?cname=room")),
        "{\"type\":\"next_seq\",\"cname\":\"room\",\"seq\":2,\"content\":\"\"}\n"
    );
}

#[test]
fn ccomet_subscribes_and_publishes() {
    let mut config = rcomet_core::Config::default();
    config.ccomet.publish = true;
    let mut server = Server::new(config);
    let waiting = server.connect(Role::Ccomet);
    assert_eq!(server.get(waiting, "/subscribe?channel=c1&sname=ann&seqid=0&callback=f"), "");
    let publisher = server.connect(Role::Ccomet);
    let published = server.get(publisher, "/publish?channel=c1&sname=bob&msg=it's&time=1&callback=cb");
    assert_eq!(body(&published), "/**/cb('[{\"type\" : \"publish\"}]')");
    let got = server.received(waiting);
    let (head, body) = split(&got);
    assert!(head.contains("Content-Length"));
    assert_eq!(
        body,
        "/**/f('[{ \"type\":\"MSG\",\"msg\":\"it\\'s\",\"sname\":\"bob\",\"seqid\":\"0\",\"channel\":\"c1\"}]')"
    );
}
