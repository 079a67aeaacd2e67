//! Whom limits end of those who sleep, where several channels are asked for at once.
use super::bayeux_client::{Fellow, config};
use super::*;
use serde_json::json;

fn small(change: impl FnOnce(&mut Config)) -> Server {
    let mut config = config();
    change(&mut config);
    Server::new(config)
}

/// Nobody is ended for what is refused as a whole, whichever of several channels there is no room in, and whatever is spoken.
#[test]
fn sleepers_stay_where_something_else_is_refused() {
    let lists = [
        (json!(["/a", "/b"]), "subscribers"),
        (json!(["/b", "/a"]), "subscribers"),
        (json!(["/p/*", "/b"]), "subscribers"),
        (json!(["/new", "/b"]), "subscribers"),
        (json!(["/x/*", "/y/*"]), "patterns"),
        (json!(["/p/*", "/x/*"]), "patterns"),
        (json!(["/a", "/x/*", "/y/*"]), "patterns"),
        (json!(["/new", "/newer"]), "channels"),
        (json!(["/a", "/new"]), "channels"),
    ];
    for (names, scarce) in lists {
        let mut server = small(|c| {
            c.limits.subscribers_per_channel_max = 1;
            c.limits.patterns_max = 1;
            c.limits.channels_max = 2;
        });
        let mut gone = Fellow::new(&mut server);
        gone.send(&mut server, "/meta/subscribe", json!({"subscription": ["/a", "/p/*"]}));
        server.pass_ms(65_000);
        let mut awake = Fellow::new(&mut server);
        assert_eq!(awake.subscribe(&mut server, "/b")[0]["successful"], true);
        let mut new = Fellow::new(&mut server);
        let reply = new.send(&mut server, "/meta/subscribe", json!({ "subscription": names }));
        assert_eq!(reply[0]["error"], format!("403::Too many {scarce}"), "{names}");
        for (role, target) in [
            (Role::Front, "/events?channel=/a&channel=/b"),
            (Role::Admin, "/channels/%2Fa%7C%2Fb.json?since=99"),
        ] {
            let client = server.connect(role);
            server.send(client, format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        }
        gone.move_to_new_connection(&mut server);
        assert_eq!(gone.subscribe(&mut server, "/a")[0]["successful"], true, "{names}");
        assert_eq!(server.machine.load().1, 3, "{names}");
        server.machine.check();
    }
    // With room for all, one list ends whom it must, and a name that stands twice takes one place.
    let mut server = small(|c| (c.limits.patterns_max, c.limits.channels_max) = (2, 2));
    let mut gone = [Fellow::new(&mut server), Fellow::new(&mut server)];
    for (who, names) in gone.iter_mut().zip([["/1/*", "/1"], ["/2/*", "/2"]]) {
        who.send(&mut server, "/meta/subscribe", json!({ "subscription": names }));
    }
    server.pass_ms(65_000);
    let mut new = Fellow::new(&mut server);
    let names = json!(["/3/*", "/4/*", "/3", "/4", "/3", "/3/*"]);
    let reply = new.send(&mut server, "/meta/subscribe", json!({ "subscription": names }));
    assert_eq!(reply[0]["successful"], true, "{reply}");
    server.machine.check();
}
