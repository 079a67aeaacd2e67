//! WebSockets at locations, by the control socket.
use super::websocket::{HANDSHAKE, text};
use super::*;

#[test]
fn a_websocket_needs_the_rights_of_what_it_is_for() {
    let mut config = Config::default();
    for (path, role) in [("/in", "publisher"), ("/out", "subscriber"), ("/both", "pubsub")] {
        let location = json!({"path": format!("{path}/{{id}}"), "role": role, "on": ["admin"]});
        config.push.location.push(serde_json::from_value(location).expect("a location"));
    }
    let mut server = Server::new(config);
    let kinds = [Rights::None, Rights::Read, Rights::Write, Rights::Manage, Rights::All];
    for (path, may) in [
        ("/in/a", [false, false, true, true, true]),
        ("/out/a", [false, true, false, true, true]),
        ("/both/a", [false, false, false, true, true]),
    ] {
        for (rights, may) in kinds.into_iter().zip(may) {
            let before = *server.machine.counters();
            let client = server.connect(Role::Control(rights));
            server.send(client, format!("GET {path} HTTP/1.1\r\n{HANDSHAKE}\r\n"));
            let answer = server.received_bytes(client);
            let wanted = if may { "HTTP/1.1 101 " } else { "HTTP/1.1 403 " };
            assert!(answer.starts_with(wanted.as_bytes()), "{rights:?} {path}");
            server.send(client, text("x"));
            let after = server.machine.counters();
            let publishes = may && path != "/out/a";
            assert_eq!(after.published - before.published, u64::from(publishes), "{rights:?} {path}");
            assert_eq!(after.rights_denied - before.rights_denied, u64::from(!may), "{rights:?} {path}");
            server.vanish(client);
        }
    }
}
