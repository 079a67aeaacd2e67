//! Limits of what one request to the API may ask for, and of what its answer may take.
use super::*;

fn post(server: &mut Server, role: Role, fields: &str, text: &str) -> String {
    let length = text.len();
    let fields = format!("Content-Type: application/json\r\n{fields}Content-Length: {length}");
    let (client, answer) =
        asks(server, role, format!("POST /publish HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{text}"));
    server.vanish(client);
    answer
}

#[test]
fn presence_bytes_max() {
    let mut server = with(|l| l.presence_bytes_max = 20_000);
    // Each of these signs becomes six in JSON.
    for n in 10..30 {
        let who = format!("{}{n}", "%3C".repeat(50));
        let (client, _) = asks(
            &mut server,
            Role::Front,
            format!(
                "GET /events?channel=a&who={who} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n"
            ),
        );
        server.vanish(client);
    }
    let mut who = |channels: usize| {
        let query = vec!["channel=a"; channels].join("&");
        let (client, answer) =
            asks(&mut server, Role::Front, format!("GET /presence?{query} HTTP/1.1\r\nHost: x\r\n\r\n"));
        server.vanish(client);
        (status(&answer).to_owned(), body(&answer).len(), server.machine.counters().presences_refused)
    };
    let (code, length, refused) = who(2);
    assert!(code == "200" && length > 12_000 && refused == 0, "{code} {length}");
    let (code, length, refused) = who(4);
    assert!(code == "413" && length < 500 && refused == 1, "{code} {length}");
    // Of one channel there are no more than its roster may have.
    assert_eq!(who(1).0, "200");
}

#[test]
fn what_one_long_answer_took_is_given_back() {
    let mut server = with(|l| l.presence_bytes_max = 64 << 20);
    for n in 0..1_000 {
        let who = format!("{}{n}", "%3C".repeat(100));
        let (client, _) = asks(
            &mut server,
            Role::Front,
            format!(
                "GET /events?channel=a&who={who} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n"
            ),
        );
        server.vanish(client);
    }
    let before = server.machine.memory().total_bytes();
    let query = ["channel=a"; 8].join("&");
    let ask = format!("GET /presence?{query} HTTP/1.1\r\nHost: x\r\n\r\n");
    let (client, answer) = asks(&mut server, Role::Front, ask.clone());
    assert!(status(&answer) == "200" && answer.len() > 4 << 20, "{}", answer.len());
    server.vanish(client);
    assert!(server.machine.memory().total_bytes() < before + (64 << 10));
    // Where there is no room for it, it is said, and the server lives on.
    let mut config = Config::default();
    (config.limits.presence_bytes_max, config.limits.memory_bytes_max) = (64 << 20, before + (4 << 20));
    server.machine.reconfigure(config);
    assert_eq!(status(&asks(&mut server, Role::Front, ask).1), "503");
}

#[test]
fn idempotency_bytes_max() {
    let mut config = Config::default();
    config.front.publish = vec!["*".to_owned().try_into().expect("a pattern")];
    config.limits.idempotency_bytes_max = 100_000;
    let mut server = Server::new(config);
    let key = |n: usize| format!("Idempotency-Key: k{n}\r\n");
    let names =
        format!(r#"{{"channels":[{}],"data":1}}"#, vec![format!("\"{}\"", "a".repeat(200)); 10].join(","));
    let mut count = |role: Role| {
        let mut done = 0;
        while status(&post(&mut server, role, &key(done), &names)) == "200" {
            done += 1;
            assert!(done < 1_000);
        }
        let again = post(&mut server, role, &key(0), &names);
        assert!(again.contains("Idempotent-Replayed: true"), "{again}");
        let other = status(&post(&mut server, role, &key(9_999), &names)).to_owned();
        (done, other, server.machine.counters().published)
    };
    let (public, code, published) = count(Role::Front);
    assert!((5..25).contains(&public) && code == "503", "{public} {code}");
    assert_eq!(published, 10 * public as u64, "what is refused is not done");
    // The application has the other half.
    let (own, code, _) = count(Role::Admin);
    assert!(own >= public && code == "503", "{own} {public} {code}");
    assert!(moved(&mut server, |c| c.idempotency_refused) >= 4);
    server.pass_ms(600_000);
    assert_eq!(status(&post(&mut server, Role::Front, &key(0), &names)), "200");
}

#[test]
fn a_batch_does_not_outrun_those_who_listen_to_a_pattern() {
    let mut server = Server::default();
    let mut ann = crate::bayeux_client::Fellow::new(&mut server);
    ann.subscribe(&mut server, "/chat/*");
    let text = |count: usize, size: usize| {
        let data = "x".repeat(size);
        let one = |n: usize| format!(r#"{{"channel":"/chat/{n}","data":"{data}"}}"#);
        format!(r#"{{"messages":[{}]}}"#, (0..count).map(one).collect::<Vec<_>>().join(","))
    };
    let answer = post(&mut server, Role::Admin, "", &text(100, 9_000));
    assert!(status(&answer) == "413", "{answer}");
    assert_eq!(moved(&mut server, |c| c.publishes_too_large), 1);
    assert_eq!(moved(&mut server, |c| c.published), 0);
    assert_eq!(status(&post(&mut server, Role::Admin, "", &text(100, 100))), "200");
}

#[test]
fn a_batch_for_which_there_is_no_room_costs_nobody_a_message() {
    let mut server = Server::default();
    let mut listener = Listener::subscribe(&mut server, Framing::Stream, "cname=b");
    server.push("b", &"x".repeat(20_000));
    server.push("a", "1");
    listener.heard(&mut server);
    let mut config = Config::default();
    config.limits.memory_bytes_max = server.machine.memory().total_bytes() + 1_000;
    server.machine.reconfigure(config);
    let before = server.machine.memory().history_bytes;
    let text = format!(
        r#"{{"messages":[{{"channel":"b","data":"{0}"}},{{"channel":"a","data":"{0}"}},{{"channel":"new","data":1}}]}}"#,
        "y".repeat(18_000)
    );
    let answer = post(&mut server, Role::Admin, "", &text);
    assert_eq!(status(&answer), "503", "{answer}");
    assert_eq!(server.machine.memory().history_bytes, before);
    assert_eq!(
        server.ask(Role::Admin, "/check?cname=new"),
        server.ask(Role::Admin, "/check?cname=none").replace("none", "new")
    );
}
