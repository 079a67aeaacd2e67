//! What a server must do for icomet's clients, item by item of the checklist in the protocol's description.
//! Of item 10, the clients themselves, here are exactly the requests that they make and what they need of the answers.
#[path = "icomet_checklist/admin.rs"]
mod admin;
#[path = "icomet_checklist/clients.rs"]
mod clients;
#[path = "support/listener.rs"]
mod listener;
mod support;

use listener::{Framing, Listener};
use rcomet_core::config::Auth;
use rcomet_core::{Config, Role};
use support::{Server, body, encode, split};

fn with(change: impl FnOnce(&mut Config)) -> Server {
    let mut config = Config::default();
    change(&mut config);
    Server::new(config)
}

/// What one who subscribes so is told at once.
fn at_once(server: &mut Server, framing: Framing, query: &str) -> (Vec<String>, bool) {
    let mut listener = Listener::subscribe(server, framing, query);
    let heard = listener.heard(server);
    let ended = listener.ended;
    server.vanish(listener.client);
    (heard, ended)
}

mod item_01 {
    use super::*;

    #[test]
    fn item_01_seq_table_for_all_five_endpoints() {
        for framing in Framing::ALL {
            let mut server = with(|c| {
                c.limits.history_messages_max = 3;
                c.icomet.gap_records = false;
            });
            let stays = framing.is_stream();
            // A history is an array in a poll, one by one in a stream.
            let history = |messages: &[&str]| match stays {
                true => messages.iter().map(|m| (*m).to_owned()).collect(),
                false => vec![format!("[{}]", messages.join(", "))],
            };
            let told = |server: &mut Server, seq: &str| {
                let (heard, ended) = at_once(server, framing, &format!("cname=s{seq}"));
                assert_eq!(ended, !stays && !heard.is_empty(), "{framing:?} {seq}");
                heard
            };
            for seq in ["", "&seq=0", "&seq=", "&seq=abc", "&seq=2", "&seq=9223372036854775807"] {
                assert_eq!(told(&mut server, seq), ["next_seq 1 "], "{framing:?} {seq}");
            }
            assert!(told(&mut server, "&seq=1").is_empty(), "the next number waits");
            server.push("s", "m1");
            assert_eq!(told(&mut server, "&seq=1"), history(&["data 1 m1"]));
            for i in 2..=5 {
                server.push("s", &format!("m{i}"));
            }
            assert_eq!(told(&mut server, "&seq=4"), history(&["data 4 m4", "data 5 m5"]));
            let kept = history(&["data 3 m3", "data 4 m4", "data 5 m5"]);
            for older in ["&seq=1", "&seq=-1", "&seq=-9223372036854775808"] {
                assert_eq!(told(&mut server, older), kept, "{framing:?} {older}");
            }
            assert!(told(&mut server, "&seq=6").is_empty());
            assert_eq!(told(&mut server, "&seq=7"), ["next_seq 6 "]);
            assert_eq!(server.ask(Role::Admin, "/clear?cname=s"), "ok 6\n");
            assert_eq!(told(&mut server, "&seq=2"), ["next_seq 6 "], "better than waiting without a hint");
        }
    }

    #[test]
    fn item_01_poll_is_another_name_of_sub() {
        let mut server = Server::default();
        server.push("s", "m");
        for query in ["cname=s&seq=1", "cname=s&seq=0&cb=f", "cname=s&seq=9", "cname="] {
            let sub = server.ask(Role::Front, &format!("/sub?{query}"));
            assert_eq!(server.ask(Role::Front, &format!("/poll?{query}")), sub);
        }
    }

    #[test]
    fn item_01_admission_order() {
        for framing in Framing::ALL {
            let mut server = with(|c| {
                c.limits.channels_max = 1;
                c.limits.subscribers_per_channel_max = 1;
            });
            server.push("one", "m");
            let refused = |server: &mut Server, query: &str| {
                let (heard, ended) = at_once(server, framing, query);
                assert!(ended, "a refusal is a whole answer: {framing:?}");
                heard
            };
            assert_eq!(refused(&mut server, "cname=two&seq=1"), ["429 0 Too many channels"]);
            let sitting = Listener::subscribe(&mut server, Framing::Stream, "cname=one&seq=2");
            assert_eq!(refused(&mut server, "cname=one&seq=1"), ["429 0 Too many subscribers"]);
            server.vanish(sitting.client);
            assert!(!at_once(&mut server, framing, "cname=one&seq=1").0.is_empty());
            // The method is looked at before there is a channel.
            let poster = server.connect(Role::Front);
            let path = framing.target("cname=two");
            server.send(poster, format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"));
            let answer = server.received(poster);
            assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("\r\nAllow: GET, OPTIONS\r\n"));
        }
    }

    #[test]
    fn item_01_token_comes_before_the_subscriber_limit_and_makes_no_channel() {
        for framing in Framing::ALL {
            let mut server = with(|c| {
                c.front.auth = Auth::Token;
                c.limits.subscribers_per_channel_max = 1;
            });
            assert_eq!(at_once(&mut server, framing, "cname=t").0, ["401 0 Token error"]);
            assert_eq!(server.ask(Role::Admin, "/check?cname=t"), "{}\n");
            let signed = server.ask(Role::Admin, "/sign?cname=t");
            let token = token_of(&signed);
            let sitting = Listener::subscribe(&mut server, framing, &format!("cname=t&seq=1&token={token}"));
            for wrong in [String::new(), token.to_uppercase(), token[..31].into(), format!("{token}0")] {
                let query = format!("cname=t&seq=1&token={wrong}");
                assert_eq!(at_once(&mut server, framing, &query).0, ["401 0 Token error"], "{wrong}");
            }
            let query = format!("cname=t&seq=1&token={token}");
            assert_eq!(at_once(&mut server, framing, &query).0, ["429 0 Too many subscribers"]);
            server.vanish(sitting.client);
            assert_eq!(at_once(&mut server, framing, &query).0, Vec::<String>::new());
            assert_eq!(server.machine.counters().tokens_refused, 5);
        }
    }
}

fn token_of(signed: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(signed).unwrap();
    let token = value["token"].as_str().unwrap();
    assert!(token.len() == 32 && token.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')), "{token}");
    token.to_owned()
}

mod item_02 {
    use super::*;

    #[test]
    fn item_02_the_head_comes_at_once_and_messages_are_flushed() {
        for framing in Framing::ALL {
            let mut server = Server::default();
            let mut listener = Listener::subscribe(&mut server, framing, "cname=a&seq=1");
            assert!(listener.heard(&mut server).is_empty() && !listener.ended);
            assert!(listener.head.contains("Transfer-Encoding: chunked"), "{framing:?}: {}", listener.head);
            let media = match framing {
                Framing::Jsonp => "text/javascript",
                Framing::Sse => "text/event-stream",
                Framing::Iframe => "text/html",
                Framing::Poll | Framing::Stream => "application/json",
            };
            assert!(
                listener.head.contains(&format!("Content-Type: {media}; charset=utf-8")),
                "{}",
                listener.head
            );
            assert!(listener.head.contains("Access-Control-Allow-Origin: *"), "{}", listener.head);
            for i in 1..4 {
                server.push("a", &format!("m{i}"));
                assert_eq!(listener.heard(&mut server), [format!("data {i} m{i}")]);
                if !framing.is_stream() {
                    assert!(listener.ended, "a poll ends with its first message");
                    listener.ask(&mut server, &format!("cname=a&seq={}", i + 1));
                    listener.heard(&mut server);
                }
                assert!(!listener.ended);
            }
        }
    }

    #[test]
    fn item_02_a_chunk_is_a_message() {
        let mut server = Server::default();
        let stream = server.connect(Role::Front);
        server.get(stream, "/stream?cname=a&seq=1");
        for i in 1..=3 {
            let (id, now) = (admin(&mut server), server.now);
            server.machine.recv(id, push_line(i).as_bytes(), now);
        }
        server.turn();
        let received = server.received(stream);
        assert_eq!(received.matches("\"type\":\"data\"").count(), 3);
        let lines: Vec<&str> = received.split("\r\n").collect();
        assert_eq!(lines.len(), 7, "three chunks: {received}");
        for chunk in lines.chunks(2).take(3) {
            assert_eq!(usize::from_str_radix(chunk[0], 16).unwrap(), chunk[1].len());
            assert!(chunk[1].starts_with('{') && chunk[1].ends_with("}\n"));
        }
    }

    fn push_line(i: u32) -> String {
        format!("GET /push?cname=a&content=m{i} HTTP/1.1\r\nHost: x\r\n\r\n")
    }

    fn admin(server: &mut Server) -> rcomet_core::arena::Id<rcomet_core::Conn> {
        let now = server.now;
        server.machine.open(Role::Admin, "127.0.0.1".parse().unwrap(), now).unwrap()
    }

    #[test]
    fn item_02_the_connection_is_reused_and_a_pipelined_request_is_served_after_the_poll() {
        let mut server = Server::default();
        let poll = server.connect(Role::Front);
        server.send(
            poll,
            "GET /sub?cname=a&seq=1 HTTP/1.1\r\nHost: x\r\n\r\nGET /ping HTTP/1.1\r\nHost: x\r\n\r\n",
        );
        let head = server.received(poll);
        assert!(head.ends_with("\r\n\r\n") && head.matches("HTTP/1.1").count() == 1, "{head}");
        server.push("a", "m");
        let rest = server.received(poll);
        let (first, second) = rest.split_once("0\r\n\r\n").expect("the poll ends with its last chunk");
        assert!(first.contains("\"data\"") && body(second).contains("\"ping\""));
        assert!(!server.is_shut(poll));
        assert!(body(&server.get(poll, "/sub?cname=a&seq=1")).contains("\"content\":\"m\""));
    }

    #[test]
    fn item_02_a_client_that_ends_while_waiting_is_gone_at_once() {
        for framing in Framing::ALL {
            let mut server = Server::default();
            let listener = Listener::subscribe(&mut server, framing, "cname=a&seq=1");
            assert_eq!(server.ask(Role::Admin, "/info?cname=a"), "{\"cname\": \"a\", \"subscribers\": 1}\n");
            server.finish_sending(listener.client);
            assert!(server.is_closed(listener.client));
            assert_eq!(server.ask(Role::Admin, "/info?cname=a"), "{\"cname\": \"a\", \"subscribers\": 0}\n");
        }
    }
}

mod item_03 {
    use super::*;

    #[test]
    fn item_03_noop_echo_and_interval() {
        for framing in Framing::ALL {
            let mut server = with(|c| c.icomet.polling_timeout_ms = 5_000);
            for echo in ["0", "7", "-3", "2147483648"] {
                let mut listener =
                    Listener::subscribe(&mut server, framing, &format!("cname=n&seq=1&noop={echo}"));
                server.pass_ms(4_999);
                assert!(listener.heard(&mut server).is_empty());
                server.pass_ms(1);
                assert_eq!(listener.heard(&mut server), [format!("noop {echo} ")], "{framing:?}");
                assert_eq!(listener.ended, !framing.is_stream());
                server.vanish(listener.client);
            }
        }
    }

    #[test]
    fn item_03_noop_counts_up_on_streams_and_any_message_begins_the_time_anew() {
        for framing in Framing::STREAMS {
            let mut server = with(|c| c.icomet.polling_timeout_ms = 5_000);
            let mut listener = Listener::subscribe(&mut server, framing, "cname=n&seq=1&noop=5");
            for n in 5..9 {
                server.pass_ms(4_000);
                server.push("n", "m");
                assert_eq!(listener.heard(&mut server).len(), 1);
                server.pass_ms(4_999);
                assert!(listener.heard(&mut server).is_empty(), "a message is a sign of life");
                server.pass_ms(1);
                assert_eq!(listener.heard(&mut server), [format!("noop {n} ")]);
            }
            server.ask(Role::Admin, "/broadcast?content=b");
            listener.heard(&mut server);
            server.pass_ms(5_000);
            assert_eq!(listener.heard(&mut server), ["noop 9 "]);
        }
    }
}

mod item_04 {
    use super::*;

    #[test]
    fn item_04_numbers_from_one_shared_by_data_and_broadcast_per_channel() {
        let mut server = Server::default();
        server.push("a", "m1");
        server.push("b", "m1");
        server.ask(Role::Admin, "/broadcast?content=x");
        server.push("a", "m3");
        let history = |server: &mut Server, name: &str| {
            at_once(server, Framing::Poll, &format!("cname={name}&seq=1")).0.join(" ")
        };
        assert_eq!(history(&mut server, "a"), "[data 1 m1, broadcast 2 x, next_seq 3 , data 3 m3]");
        assert_eq!(history(&mut server, "b"), "[data 1 m1, broadcast 2 x, next_seq 3 ]");
        assert_eq!(history(&mut server, "c"), "", "a channel made later has none of it");
    }

    #[test]
    fn item_04_the_buffer_holds_at_least_what_is_configured() {
        for n in [0, 1, 10, 100] {
            let mut server = with(|c| {
                c.limits.history_messages_max = n;
                c.icomet.gap_records = false;
            });
            for i in 1..=250 {
                server.push("a", &i.to_string());
            }
            let answer = server.ask(Role::Front, "/sub?cname=a&seq=1");
            let kept = answer.matches("\"data\"").count();
            assert!(kept >= n && kept <= n + n / 2, "{kept} of {n}");
            if n > 0 {
                assert!(answer.ends_with("\"seq\":250,\"content\":\"250\"}]\n"), "the newest: {answer}");
            }
        }
    }

    #[test]
    fn item_04_an_array_for_history_an_object_for_what_is_new() {
        for framing in [Framing::Poll, Framing::Jsonp] {
            let mut server = Server::default();
            server.push("a", "m1");
            assert_eq!(at_once(&mut server, framing, "cname=a&seq=1").0, ["[data 1 m1]"]);
            let mut live = Listener::subscribe(&mut server, framing, "cname=a&seq=2");
            server.push("a", "m2");
            assert_eq!(live.heard(&mut server), ["data 2 m2"]);
        }
    }

    #[test]
    fn item_04_a_waiting_poll_takes_one_message_and_the_next_waits_for_it() {
        let mut server = Server::default();
        let mut poll = Listener::subscribe(&mut server, Framing::Poll, "cname=a&seq=1");
        let admin = server.connect(Role::Admin);
        let push = |i: u32| format!("GET /push?cname=a&content=m{i} HTTP/1.1\r\nHost: x\r\n\r\n");
        server.send(admin, [push(1), push(2)].concat());
        assert_eq!(poll.heard(&mut server), ["data 1 m1"]);
        poll.ask(&mut server, "cname=a&seq=2");
        assert_eq!(poll.heard(&mut server), ["[data 2 m2]"]);
    }
}

mod item_05 {
    use super::*;

    #[test]
    fn item_05_broadcast_and_next_seq() {
        for framing in Framing::ALL {
            let mut server = Server::default();
            let mut listener = Listener::subscribe(&mut server, framing, "cname=a&seq=1");
            assert_eq!(server.ask(Role::Admin, "/broadcast?content=%22%0a"), "ok\n");
            let heard = listener.heard(&mut server);
            if framing.is_stream() {
                assert_eq!(heard, ["broadcast 1 \"\n", "next_seq 2 "]);
            } else {
                assert_eq!(heard, ["[broadcast 1 \"\n, next_seq 2 ]"]);
            }
            assert_eq!(listener.ended, !framing.is_stream());
        }
    }

    #[test]
    fn item_05_broadcast_makes_no_channel_and_prolongs_those_there_are() {
        let mut server = with(|c| c.icomet.channel_timeout_ms = 10_000);
        server.ask(Role::Admin, "/broadcast?content=x");
        assert_eq!(server.machine.load().0, 0);
        server.push("a", "m");
        server.pass_ms(9_000);
        server.ask(Role::Admin, "/broadcast?content=x");
        server.pass_ms(9_000);
        assert_eq!(server.ask(Role::Admin, "/check?cname=a"), "{\"a\": 1}\n");
        server.pass_ms(1_000);
        assert_eq!(server.ask(Role::Admin, "/check?cname=a"), "{}\n");
    }

    #[test]
    fn item_05_close_then_the_end() {
        for framing in Framing::ALL {
            let mut server = Server::default();
            server.push("a", "m1");
            let mut listener = Listener::subscribe(&mut server, framing, "cname=a&seq=2");
            assert_eq!(server.ask(Role::Admin, "/close?cname=a"), "ok 2\n");
            assert_eq!(listener.heard(&mut server), ["close 2 "]);
            assert!(listener.ended && !server.is_shut(listener.client), "the connection can be used again");
            listener.ask(&mut server, "cname=a&seq=2");
            assert_eq!(listener.heard(&mut server), ["next_seq 1 "], "another life");
        }
    }

    #[test]
    fn item_05_clear_keeps_next_token_and_subscribers() {
        let mut server = Server::default();
        let token = token_of(&server.ask(Role::Admin, "/sign?cname=a"));
        server.push("a", "m1");
        let mut listener = Listener::subscribe(&mut server, Framing::Stream, "cname=a&seq=2");
        assert_eq!(server.ask(Role::Admin, "/clear?cname=a"), "ok 2\n");
        assert!(listener.heard(&mut server).is_empty());
        server.push("a", "m2");
        assert_eq!(listener.heard(&mut server), ["data 2 m2"]);
        assert_eq!(token_of(&server.ask(Role::Admin, "/sign?cname=a")), token);
    }
}
