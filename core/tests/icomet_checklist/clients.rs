//! Items 8 to 11: what clients send, and what they must get.
use super::*;

mod item_08 {
    use super::*;

    fn pushed(server: &mut Server, request: &str) -> String {
        let mut listener = Listener::subscribe(server, Framing::Stream, "cname=p&seq=0");
        listener.heard(server);
        let admin = server.connect(Role::Admin);
        server.send(admin, request);
        let answer = server.received(admin);
        assert_eq!(body(&answer), "{\"type\":\"ok\"}\n", "{request}");
        let heard = listener.hear(server);
        server.vanish(listener.client);
        heard[0]["content"].as_str().unwrap().to_owned()
    }

    fn got(server: &mut Server, query: &str) -> String {
        pushed(server, &format!("GET /push?{query} HTTP/1.1\r\nHost: x\r\n\r\n"))
    }

    fn posted(server: &mut Server, query: &str, form: &str) -> String {
        let length = form.len();
        pushed(
            server,
            &format!("POST /push?{query} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{form}"),
        )
    }

    #[test]
    fn item_08_parameters() {
        let mut server = Server::default();
        for (query, content) in [
            ("CNAME=p&Content=names+without+case", "names without case"),
            ("cname=p&content=first&content=second", "first"),
            ("cname=p&_=17&callback=jQuery&content=unknown+ones+ignored&x", "unknown ones ignored"),
            ("cname=p&content=a%2Bb+c%20d", "a+b c d"),
            ("cname=p&content=a;b=c", "a;b=c"),
            ("cname=p&content=%zz%4", "%zz%4"),
            ("cname=p&content=before#after", "before"),
            ("&&flag&=x&cname=p&content=lenient&", "lenient"),
            ("cname=p", ""),
        ] {
            assert_eq!(got(&mut server, query), content, "{query}");
        }
    }

    #[test]
    fn item_08_the_body_wins_over_the_query() {
        let mut server = Server::default();
        for (query, form, content) in [
            ("cname=nobody&content=query", "cname=p&content=body", "body"),
            ("cname=p&content=query", "x=1", "query"),
            ("content=from+both", "cname=p", "from both"),
            ("cname=p", "content=%zz&content=2", "%zz"),
        ] {
            assert_eq!(posted(&mut server, query, form), content, "{query} {form}");
        }
    }
}

mod item_09 {
    use super::*;

    /// The whole of Unicode is in `strings.rs`; these are the ones that broke icomet.
    #[test]
    fn item_09_strings_arrive_as_they_were_pushed() {
        let texts = [
            "\t",
            "\0",
            "\u{1f}\u{7f}",
            "\"\\/",
            "</script><!--",
            "\u{2028}\u{2029}",
            "ä你😀",
            "'); alert(1); ('",
        ];
        for framing in Framing::ALL {
            let mut server = Server::default();
            for text in texts {
                let mut listener = Listener::subscribe(&mut server, framing, "cname=s&seq=0");
                let next = listener.hear(&mut server)[0]["seq"].as_u64().unwrap();
                if !framing.is_stream() {
                    listener.ask(&mut server, &format!("cname=s&seq={next}"));
                    listener.hear(&mut server);
                }
                server.push("s", text);
                assert_eq!(listener.hear(&mut server)[0]["content"], *text, "{framing:?}");
            }
        }
    }
}

mod item_10 {
    use super::*;

    /// What icomet.js asks for, in the order in which it asks, in both of its modes.
    #[test]
    fn item_10_requests_of_icomet_js() {
        let mut server = Server::default();
        let signed = server.ask(Role::Admin, "/sign?cb=icomet_cb_0&cname=room&_=1&callback=icomet_cb_0");
        let json = signed.strip_prefix("/**/icomet_cb_0(").and_then(|s| s.strip_suffix(");\n")).unwrap();
        let token = token_of(json);
        let sub = |path: &str, seq: u64, noop: u64| {
            format!(
                "/{path}?cb=icomet_cb_0&cname=room&seq={seq}&noop={noop}&token={token}&_=1&callback=icomet_cb_0"
            )
        };
        let call = |json: &str| format!("/**/icomet_cb_0({json});\n");
        let poll = server.connect(Role::Front);
        let next = "{\"type\":\"next_seq\",\"cname\":\"room\",\"seq\":1,\"content\":\"\"}";
        assert_eq!(body(&server.get(poll, &sub("sub", 0, 0))), call(next));
        let head = server.get(poll, &sub("sub", 1, 0));
        assert!(head.contains("Content-Type: text/javascript"), "{head}");
        let text = encode("hello \"wörld\" \n</script>");
        let pushed = server.ask(Role::Admin, &format!("/push?cb=jQuery1910_1&cname=room&content={text}&_=1"));
        assert_eq!(pushed, "/**/jQuery1910_1({\"type\":\"ok\"});\n");
        let data = "{\"type\":\"data\",\"cname\":\"room\",\"seq\":1,\"content\":\"hello \\\"wörld\\\" \\n\\u003c/script\\u003e\"}";
        assert_eq!(support::dechunk(&server.received(poll)), call(data));
        server.get(poll, &sub("sub", 2, 0));
        server.pass_ms(30_000);
        let noop = "{\"type\":\"noop\",\"cname\":\"room\",\"seq\":0,\"content\":\"\"}";
        assert_eq!(support::dechunk(&server.received(poll)), call(noop));
        // The second mode: the same URL with /sse in the place of /sub.
        let source = server.connect(Role::Front);
        let (head, events) = split(&server.get(source, &sub("sse", 0, 1)));
        assert!(head.contains("Content-Type: text/event-stream"), "{head}");
        assert!(
            events
                .ends_with("data: {\"type\":\"next_seq\",\"cname\":\"room\",\"seq\":2,\"content\":\"\"}\n\n")
        );
        server.pass_ms(30_000);
        assert!(server.received(source).contains("data: {\"type\":\"noop\",\"cname\":\"room\",\"seq\":1,"));
    }

    /// What ccomet.js asks for.
    #[test]
    fn item_10_requests_of_ccomet_js() {
        let mut server = with(|c| c.ccomet.publish = true);
        let ask = |server: &mut Server, target: &str| {
            let client = server.connect(Role::Ccomet);
            let target = format!("{target}&time=1&callback=jQuery1&_=2");
            (client, server.get(client, &target))
        };
        let (_, signed) = ask(&mut server, "/sign?channel=room&sname=ann");
        assert!(body(&signed).starts_with("/**/jQuery1('[{\"type\" : \"sign in\""), "{signed}");
        let (first, nothing) = ask(&mut server, "/subscribe?channel=room&sname=ann&seqid=0");
        assert_eq!(nothing, "");
        // Its own timeout: it asks again, and the browser may keep the old request open.
        server.pass_ms(10_000);
        let (second, nothing) = ask(&mut server, "/subscribe?channel=room&sname=ann&seqid=0");
        assert_eq!(nothing, "");
        assert!(server.is_closed(first) && server.received(first).is_empty());
        let (_, published) = ask(&mut server, "/publish?channel=room&sname=ann&msg=&lt;b&gt;%20&amp;");
        assert_eq!(body(&published), "/**/jQuery1('[{\"type\" : \"publish\"}]')");
        let item = "{ \"type\":\"MSG\",\"msg\":\"\\\\u0026lt;b\\\\u0026gt; \\\\u0026amp;\",\"sname\":\"ann\",\"seqid\":\"0\",\"channel\":\"room\"}";
        assert_eq!(body(&server.received(second)), format!("/**/jQuery1('[{item}]')"));
    }
}

/// Item 11 says which of icomet's bugs are not to be copied: they have a suite of their own.
mod item_11 {
    #[test]
    fn item_11_every_bug_of_the_list_has_its_test() {
        let tests = [include_str!("../icomet_bugs.rs"), include_str!("../icomet_bugs/limits.rs")].concat();
        for number in 1..=25 {
            assert!(tests.contains(&format!("fn bug_{number:02}_")), "bug {number}");
        }
    }
}
