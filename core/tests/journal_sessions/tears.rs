//! Sessions over a power failure: they say what there is, and part.
use rcomet_core::journal::Ending;
use serde_json::{Value, json};

use super::bayeux::Fellow;
use super::wire::Wired;
use super::{back, gap, numbers, publish, server, server_with};

/// After a power failure what was subscribed last may be missing from the file: everybody shakes hands anew. Before that, who
/// acknowledges gets what is there, by as many answers as it takes, whichever of them is lost; also when the server crashes or stops
/// meanwhile.
#[test]
fn after_a_tear_sessions_say_what_there_is_and_begin_anew() {
    for again in [None, Some(Ending::Whole), Some(Ending::Clean(0)), Some(Ending::Torn)] {
        let mut server = server_with(|config| config.limits.batch_bytes_max = 400);
        let (mut fellow, mut other) = (Fellow::with_ack(&mut server), Fellow::new(&mut server));
        for who in [&mut fellow, &mut other] {
            who.send(&mut server, "/meta/subscribe", json!({"subscription": ["/a", "/p/*"]}));
        }
        publish(&mut server, "/a", 1);
        assert_eq!(numbers(&back(&mut server, &mut fellow)), [1]);
        for n in 2..8 {
            publish(&mut server, if n % 2 == 0 { "/a" } else { "/p/q" }, n);
        }
        fellow.subscribe(&mut server, "/last");
        server.tear(20);
        assert_eq!(server.restart(Ending::Torn, 9).sessions, 1, "{again:?}");
        if let Some(ending) = again {
            assert_eq!(server.restart(ending, 10).sessions, 1);
        }
        publish(&mut server, "/a", 8);
        let (mut all, mut gaps) = (Vec::new(), 0);
        for round in 0.. {
            assert!(round < 20, "it parts: {all:?}");
            if round % 2 == 0 {
                fellow.move_to_new_connection(&mut server);
                fellow.connect(&mut server);
                let acked = fellow.acked;
                let lost = fellow.heard(&mut server).expect("it does not wait");
                if lost[0]["error"] == "402::Unknown client" {
                    assert_eq!(lost[0]["advice"]["reconnect"], "handshake", "{lost}");
                    break;
                }
                // As if that answer had been lost.
                fellow.acked = acked;
            }
            let heard = back(&mut server, &mut fellow);
            if heard[0]["error"] == "402::Unknown client" {
                break;
            }
            gaps += usize::from(gap(&heard) == Some(Value::Null));
            all.extend(numbers(&heard));
        }
        assert_eq!((all, gaps), ((2..=8).collect(), 1), "{again:?}");
        assert_eq!(back(&mut server, &mut other)[0]["error"], "402::Unknown client");
        server.machine.check();
    }
}

/// By a WebSocket as well.
#[test]
fn after_a_tear_sessions_part_on_websockets() {
    let mut server = server();
    let mut fellow = Fellow::with_ack(&mut server);
    fellow.subscribe(&mut server, "/a");
    publish(&mut server, "/a", 1);
    server.restart(Ending::Torn, 9);
    let mut wired = Wired::with_session(&mut server, "", &fellow.client, fellow.acked);
    wired.connect(&mut server);
    let heard = json!(wired.heard(&mut server));
    assert_eq!((numbers(&heard), gap(&heard)), (vec![1], Some(Value::Null)), "{heard}");
    wired.connect(&mut server);
    let heard = wired.heard(&mut server);
    assert_eq!(heard[0]["error"], "402::Unknown client", "{heard:?}");
    server.machine.check();
}
