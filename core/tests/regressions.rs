//! Bugs that the simulated world found, each in its shortest form. The sentence above a test says what went wrong.
mod support;

use std::io::IoSlice;
use std::net::IpAddr;

use rcomet_core::time::Moment;
use rcomet_core::{Config, Machine, Role};
use support::{Client, Server, body};

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")
}

fn sse(server: &mut Server, target: &str, last_event_id: &str) -> (Client, String) {
    let client = server.connect(Role::Front);
    server
        .send(client, format!("GET {target} HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {last_event_id}\r\n\r\n"));
    let answer = body(&server.received(client));
    (client, answer)
}

/// A shorter `write_stall_ms_max` was not applied to those whose outboxes were full when it came.
#[test]
fn a_shorter_stall_is_for_those_who_stall_already() {
    let mut server = Server::default();
    let client = server.connect(Role::Front);
    server.clog(client, true);
    server.send(client, get("/ping"));
    let mut config = Config::default();
    config.limits.write_stall_ms_max = 500;
    server.machine.reconfigure(config);
    server.turn();
    server.pass_ms(600);
    assert!(server.is_closed(client));
}

/// Nobody looked whether `/psub` had room for one more: its head was sent, and the stream never began.
#[test]
fn one_listener_too_many_to_the_channels_is_refused() {
    let mut config = Config::default();
    config.limits.subscribers_per_channel_max = 1;
    let mut server = Server::new(config);
    let (one, two) = (server.connect(Role::Admin), server.connect(Role::Admin));
    assert!(server.get(one, "/psub").contains("Transfer-Encoding: chunked"));
    assert!(server.get(two, "/psub").starts_with("HTTP/1.1 429 "));
    assert!(server.get(two, "/info").starts_with("HTTP/1.1 200 "), "and its connection goes on");
}

/// A request that came whole and in time was answered with 408, because the answer before it was not taken.
#[test]
fn a_request_behind_an_answer_that_is_not_taken_did_not_come_too_slowly() {
    let mut config = Config::default();
    (config.limits.outbox_bytes_max, config.limits.idle_ms_max) = (10, 1_000);
    let mut server = Server::new(config);
    let client = server.connect(Role::Front);
    server.clog(client, true);
    server.send(client, get("/ping"));
    server.send(client, get("/ping"));
    server.pass_ms(5_000);
    server.clog(client, false);
    let answers = server.received(client);
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
}

/// What came behind a waiting poll was given the time of an idle connection to become a request, not that of a head.
#[test]
fn half_a_request_behind_a_poll_has_the_time_of_a_head() {
    let mut server = Server::default();
    let client = server.connect(Role::Front);
    server.send(client, format!("{}GET /pi", get("/sub?cname=room&seq=1")));
    server.push("room", "hello");
    server.received(client);
    server.pass_ms(9_000);
    assert_eq!(server.received(client), "");
    server.pass_ms(1_100);
    assert!(server.received(client).starts_with("HTTP/1.1 408 "));
}

/// A message that was gone before it could be handed over left a gap, and dialects without a word for one answered the
/// poll with nothing: an empty line, `f();`, or the empty array at which CComet's client stops for good.
#[test]
fn a_gap_that_cannot_be_said_is_no_answer() {
    let mut config = Config::default();
    config.icomet.poll_head = rcomet_core::config::PollHead::WithMessage;
    let mut server = Server::new(config);
    let (icomet, ccomet) = (server.connect(Role::Front), server.connect(Role::Ccomet));
    assert_eq!(server.get(icomet, "/sub?cname=room&seq=1&no_batch=1&cb=f"), "");
    assert_eq!(server.get(ccomet, "/subscribe?channel=room&sname=ann&seqid=0&callback=g"), "");
    let admin = server.connect(Role::Admin);
    server.send(admin, get("/push?cname=room&content=gone") + &get("/clear?cname=room"));
    assert_eq!((server.received(icomet), server.received(ccomet)), (String::new(), String::new()));
    server.push("room", "here");
    assert!(body(&server.received(icomet)).contains("\"seq\":2,\"content\":\"here\""));
    assert!(body(&server.received(ccomet)).contains("\"msg\":\"here\""));
}

/// A poll that stood behind another when the server was told to leave began to wait after everybody had been told.
#[test]
fn whoever_comes_to_wait_while_the_server_leaves_is_sent_away() {
    let mut server = Server::default();
    let client = server.connect(Role::Ccomet);
    let poll = "/subscribe?channel=room&sname=ann&seqid=0&callback=f";
    server.send(client, &get("/sign?channel=room&sname=ann&callback=f")[..20]);
    server.machine.drain(server.now);
    server.turn();
    server.send(client, &(get("/sign?channel=room&sname=ann&callback=f") + &get(poll))[20..]);
    assert!(server.is_shut(client));
    let mut server = Server::default();
    let client = server.connect(Role::Front);
    server.send(client, &get("/sub?cname=room&seq=1")[..20]);
    server.machine.drain(server.now);
    server.turn();
    server.send(client, &get("/sub?cname=room&seq=1")[20..]);
    assert!(server.is_shut(client));
    assert!(body(&server.received(client)).contains("noop"));
}

/// A smaller `pipeline_bytes_max` left readers without room whom nobody told when there was some again.
#[test]
fn reading_goes_on_after_a_smaller_pipeline() {
    let mut server = Server::default();
    let client = server.connect(Role::Front);
    let ping = get("/ping");
    server.send(client, get("/sub?cname=room&seq=1") + &ping);
    let mut config = Config::default();
    config.limits.pipeline_bytes_max = 10;
    server.machine.reconfigure(config);
    server.send(client, &ping);
    server.push("room", "hello");
    let answers = server.received(client);
    assert_eq!(answers.matches("icomet_cb(").count(), 2, "{answers}");
}

/// Reading stopped behind a waiting poll, and did not go on when the next request turned out to have a body.
#[test]
fn reading_goes_on_for_a_body_behind_a_poll() {
    let mut config = Config::default();
    config.limits.pipeline_bytes_max = 80;
    config.front.publish = vec!["*".to_owned().try_into().unwrap()];
    let mut server = Server::new(config);
    let client = server.connect(Role::Front);
    let content = "x".repeat(300);
    let post =
        format!("POST /push?cname=other HTTP/1.1\r\nHost: x\r\nContent-Length: 308\r\n\r\ncontent={content}");
    server.send(client, get("/sub?cname=room&seq=1"));
    server.send(client, post);
    server.push("room", "hello");
    let answers = server.received(client);
    assert!(answers.contains("{\"type\":\"ok\"}"), "{answers}");
}

/// Whoever asked under a name that had been used on a connection before cut that connection, whatever it was in the
/// middle of.
#[test]
fn only_the_seat_under_a_name_gives_way() {
    let mut server = Server::default();
    let (seated, passing) = (server.connect(Role::Front), server.connect(Role::Front));
    server.get(seated, "/stream?cname=room&seq=1&who=ann");
    // Answered at once, so it takes no seat; then its connection waits for something else.
    server.get(passing, "/sub?cname=room&who=ann");
    server.get(passing, "/sub?cname=other&seq=1");
    let ccomet = server.connect(Role::Ccomet);
    server.get(ccomet, "/subscribe?channel=room&sname=ann&seqid=0&callback=f");
    assert!(!server.is_closed(passing));
}

/// The number of a message from an earlier life of a channel was taken for one of the present life, if nothing at all had
/// been published between the two: the first messages of the new life were passed over in silence.
#[test]
fn an_event_id_of_an_earlier_life_passes_over_nothing() {
    let mut server = Server::default();
    let (client, _) = sse(&mut server, "/sse?cname=room&seq=1", "0");
    server.push("room", "old");
    let old = server.received(client);
    let id = old.split("id: ").nth(1).and_then(|rest| rest.lines().next()).expect("an id").to_owned();
    server.vanish(client);
    assert_eq!(server.ask(Role::Admin, "/close?cname=room"), "ok 2\n");
    server.push("room", "one");
    server.push("room", "two");
    let (_, answer) = sse(&mut server, "/sse?cname=room", &id);
    assert!(
        answer.contains("\"gap\"") && answer.contains("\"one\"") && answer.contains("\"two\""),
        "{answer}"
    );
}

/// Messages were forgotten by their number when a channel was looked at, while somebody was still catching up with them.
#[test]
fn nothing_is_forgotten_while_somebody_catches_up() {
    let mut config = Config::default();
    (config.limits.history_messages_max, config.limits.batch_bytes_max) = (2, 1);
    config.limits.write_stall_ms_max = 3_600_000;
    config.front.publish = vec!["*".to_owned().try_into().unwrap()];
    let mut machine = Server::new(config).machine;
    let open =
        |machine: &mut Machine| machine.open(Role::Front, IpAddr::from([127, 0, 0, 1]), Moment(0)).unwrap();
    let (first, second) = (open(&mut machine), open(&mut machine));
    machine.recv(first, get("/stream?cname=room&seq=1").as_bytes(), Moment(0));
    let pushes: String = (1..=40).map(|n| get(&format!("/push?cname=room&content=m{n}"))).collect();
    machine.recv(second, (pushes + &get("/stream?cname=room&seq=1")).as_bytes(), Moment(0));
    // Just long enough for everybody to be visited, and to have got something.
    assert!(machine.pump(3, Moment(0)));
    machine.expire(Moment(61_000));
    while machine.pump(100, Moment(61_000)) {}
    let mut iov = [IoSlice::new(&[]); 64];
    let filled = machine.transmit(second, &mut iov);
    let said: Vec<u8> = iov[..filled].iter().flat_map(|s| s.to_vec()).collect();
    let said = String::from_utf8(said).unwrap();
    assert!((1..=40).all(|n| said.contains(&format!("\"seq\":{n},\"content\":\"m{n}\""))), "{said}");
}
