//! Items 6 and 7: the side of the application servers.
use super::*;

mod item_06 {
    use super::*;

    #[test]
    fn item_06_admin_replies_byte_for_byte() {
        let mut server = Server::default();
        let mut ask = |target: &str| server.ask(Role::Admin, target);
        for path in ["/push?cname=abc&content=x", "/pub?cname=abc&content=x", "/push?cname=abc"] {
            assert_eq!(ask(path), "{\"type\":\"ok\"}\n");
            assert_eq!(ask(&format!("{path}&cb=f")), "/**/f({\"type\":\"ok\"});\n");
        }
        let token = token_of(&ask("/sign?cname=abc"));
        let signed = format!(
            "{{\"type\":\"sign\",\"cname\":\"abc\",\"seq\":1,\"token\":\"{token}\",\"expires\":60,\"sub_timeout\":30}}"
        );
        assert_eq!(ask("/sign?cname=abc"), format!("{signed}\n"));
        assert_eq!(ask("/sign?cname=abc&cb=g"), format!("/**/g({signed});\n"));
        assert_eq!(ask("/info?cname=abc"), "{\"cname\": \"abc\", \"subscribers\": 0}\n");
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            ask("/info"),
            format!("{{\"version\": \"{version}\", \"channels\": 1, \"subscribers\": 0}}\n")
        );
        assert_eq!(ask("/check?cname=abc"), "{\"abc\": 1}\n");
        assert_eq!(ask("/check?cname=other"), "{}\n");
        assert_eq!(ask("/broadcast?content=x"), "ok\n");
        assert_eq!(ask("/clear?cname=abc"), "ok 8\n");
        assert_eq!(ask("/close?cname=abc"), "ok 8\n");
        assert_eq!(ask("/close?cname=abc"), "channel[abc] not connected\n");
        assert_eq!(ask("/clear?cname=abc"), "channel[abc] not connected\n");
    }

    #[test]
    fn item_06_without_the_prefix_where_it_disturbs() {
        let mut server = with(|c| c.http.jsonp_prefix = false);
        assert_eq!(server.ask(Role::Admin, "/push?cname=a&content=x&cb=f"), "f({\"type\":\"ok\"});\n");
        assert_eq!(
            server.ask(Role::Front, "/sub?cname=a&seq=0&cb=f"),
            "f({\"type\":\"next_seq\",\"cname\":\"a\",\"seq\":2,\"content\":\"\"});\n"
        );
        assert_eq!(server.ask(Role::Front, "/ping"), "icomet_cb({\"type\":\"ping\",\"sub_timeout\":30});\n");
    }

    #[test]
    fn item_06_plain_http_errors() {
        let mut server = with(|c| c.limits.channels_max = 1);
        server.push("one", "m");
        let admin = server.connect(Role::Admin);
        for (target, status) in [
            ("/push?cname=two&content=x&cb=f", "429 Too Many Channels"),
            ("/pub?cname=two&content=x", "429 Too Many Channels"),
            ("/sign?cname=two&cb=f", "429 Too Many Channels"),
            ("/close?cname=two", "404 Not Found"),
            ("/clear?cname=two&cb=f", "404 Not Found"),
            ("/nothing", "404 Not Found"),
        ] {
            let (head, body) = split(&server.get(admin, target));
            assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{target}: {head}");
            assert!(head.contains("Content-Type: text/plain") && !body.contains("f("), "{head} {body}");
        }
    }

    #[test]
    fn item_06_the_address_filter() {
        let mut server = with(|c| {
            c.admin.allow = vec!["10.0.0.1".parse().unwrap(), "192.168".parse().unwrap()];
        });
        for (address, allowed) in [
            ("10.0.0.1", true),
            ("192.168.3.4", true),
            ("10.0.0.2", false),
            ("127.0.0.1", false),
            ("::1", false),
        ] {
            let client = server.connect_from(Role::Admin, address);
            let answer = server.get(client, "/push?cname=a&content=x");
            assert_eq!(answer.starts_with("HTTP/1.1 200 OK"), allowed, "{address}");
            if !allowed {
                assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
                assert!(server.is_shut(client), "and the connection ends");
            }
        }
        assert_eq!(server.machine.counters().addresses_denied, 3);
        assert_eq!(server.ask(Role::Front, "/ping?cb=f"), "/**/f({\"type\":\"ping\",\"sub_timeout\":30});\n");
    }
}

#[test]
fn the_admin_side_is_not_for_pages_of_other_sites() {
    let mut server = Server::default();
    for (site, status) in
        [("cross-site", "403"), ("same-site", "403"), ("same-origin", "200"), ("none", "200")]
    {
        let admin = server.connect(Role::Admin);
        let request = format!(
            "GET /push?cname=a&content=x HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: {site}\r\n\r\n"
        );
        server.send(admin, request);
        let answer = server.received(admin);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{site}: {answer}");
    }
    assert_eq!(server.machine.counters().sites_denied, 2);
    // Where browsers say nothing of sites, over plain HTTP, they say where they come from; and by which name they came here.
    server.machine.reconfigure({
        let mut config = rcomet_core::Config::default();
        config.admin.hosts = vec!["push.example.com".to_owned().try_into().expect("a name")];
        config
    });
    let own = ["10.0.0.5:8000", "[::1]:8000", "localhost:8000", "push.example.com"];
    for (host, field, status) in [
        (own[0], "Origin: http://evil.example", "403"),
        (own[0], "Origin: null", "403"),
        (own[0], "Referer: http://evil.example/10.0.0.5:8000", "403"),
        ("evil.example:8000", "Origin: http://evil.example:8000", "403"),
        ("evil.example:8000", "Sec-Fetch-Site: same-origin", "403"),
        ("127.0.0.1.evil.example", "Referer: http://127.0.0.1.evil.example/", "403"),
        (own[0], "Origin: http://10.0.0.5:8000", "200"),
        (own[1], "Referer: http://[::1]:8000/dashboard", "200"),
        (own[2], "Sec-Fetch-Site: same-origin", "200"),
        (own[3], "Origin: https://push.example.com", "200"),
        // A proxy that says its own name on the way here.
        (own[0], "Origin: https://push.example.com", "200"),
        // No browser; or one that says nothing.
        ("backend:8000", "Accept: */*", "200"),
        ("evil.example:8000", "Accept: */*", "403"),
        ("push.example.com:8000", "Accept: */*", "200"),
    ] {
        let admin = server.connect(Role::Admin);
        server
            .send(admin, format!("GET /push?cname=a&content=x HTTP/1.1\r\nHost: {host}\r\n{field}\r\n\r\n"));
        let answer = server.received(admin);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{host} {field}: {answer}");
    }
    let front = server.connect(Role::Front);
    server.send(front, "GET /ping HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: cross-site\r\n\r\n");
    assert!(server.received(front).starts_with("HTTP/1.1 200 "), "the public side is for all pages");
}

#[test]
fn metrics_are_for_administrators_and_in_prometheus_format() {
    let mut server = Server::default();
    server.push("a", "hello");
    let listener = server.connect(Role::Front);
    server.get(listener, "/sub?cname=a&seq=2");
    let admin = server.connect(Role::Admin);
    let (head, metrics) = split(&server.get(admin, "/metrics"));
    assert!(head.contains("Content-Type: text/plain; version=0.0.4"), "{head}");
    for line in
        ["rcomet_published_total 1", "rcomet_subscribers 1", "rcomet_channels 1", "rcomet_lost_total 0"]
    {
        assert!(metrics.lines().any(|l| l == line), "{line} is not in {metrics}");
    }
    // Each figure comes with its help and its type, in this order, and has its name once.
    let lines: Vec<&str> = metrics.lines().collect();
    let mut names = std::collections::BTreeSet::new();
    for three in lines.chunks(3) {
        let name = three[2].split(' ').next().unwrap();
        assert!(three[0].starts_with(&format!("# HELP {name} ")), "{three:?}");
        let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
        assert_eq!(three[1], format!("# TYPE {name} {kind}"));
        assert!(names.insert(name), "{name} is there twice");
    }
    assert!(names.len() > rcomet_core::Counters::default().list().len());
    let front = server.connect(Role::Front);
    assert!(server.get(front, "/metrics").starts_with("HTTP/1.1 404 "));
}

mod item_07 {
    use super::*;

    #[test]
    fn item_07_psub_lines() {
        let mut server = with(|c| c.icomet.channel_timeout_ms = 10_000);
        let psub = server.connect(Role::Admin);
        assert!(server.get(psub, "/psub").ends_with("\r\n\r\n"), "the head comes at once");
        let lines = |server: &mut Server| support::dechunk(&server.received(psub));
        server.push("pushed", "m");
        server.ask(Role::Admin, "/sign?cname=signed");
        let listener = Listener::subscribe(&mut server, Framing::Stream, "cname=heard&seq=1");
        assert_eq!(lines(&mut server), "1 pushed\n1 signed\n1 heard\n");
        server.push("pushed", "again");
        assert_eq!(lines(&mut server), "", "only when a channel is made");
        server.pass_ms(9_999);
        assert_eq!(lines(&mut server), "");
        server.pass_ms(1);
        let told = lines(&mut server);
        assert!(
            told.contains("0 pushed\n") && told.contains("0 signed\n") && told.contains("1 heard\n"),
            "{told}"
        );
        for _ in 0..3 {
            server.pass_ms(10_000);
            assert_eq!(lines(&mut server), "1 heard\n", "again and again while it is there");
        }
        server.vanish(listener.client);
        assert_eq!(lines(&mut server), "", "not when the last subscriber leaves");
        server.pass_ms(10_000);
        assert_eq!(lines(&mut server), "0 heard\n");
        server.pass_ms(100_000);
        assert_eq!(lines(&mut server), "", "and never a noop");
    }

    #[test]
    fn item_07_many_may_listen_and_a_close_is_told() {
        let mut server = Server::default();
        server.push("there", "m");
        let clients = [server.connect(Role::Admin), server.connect(Role::Admin)];
        for client in clients {
            let (_, lines) = split(&server.get(client, "/psub"));
            assert_eq!(lines, "1 there\n", "those who come later are told what there is");
        }
        assert!(server.ask(Role::Admin, "/info").contains("\"subscribers\": 0"), "not counted");
        server.received(clients[0]);
        server.ask(Role::Admin, "/close?cname=there");
        for client in clients {
            assert!(support::dechunk(&server.received(client)).ends_with("0 there\n"));
        }
    }
}
