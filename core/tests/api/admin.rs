//! What is asked on the admin side: messages published together, channels found and closed, readers sent off.
use super::*;

#[test]
fn several_messages_are_published_together_or_not_at_all() {
    let mut config = Config::default();
    config.limits.channels_max = 3;
    let mut server = Server::new(config);
    let (status, said) = publish(&mut server, r#"{"channels": ["a", "b"], "data": {"x": [1]}}"#);
    let places: Vec<_> =
        said["published"].as_array().expect("places").iter().map(|p| (&p["channel"], &p["seq"])).collect();
    assert_eq!((status, places), (200, vec![(&json!("a"), &json!(1)), (&json!("b"), &json!(1))]));
    let (_, said) = publish(
        &mut server,
        r#"{"messages": [{"channel": "a", "data": "2"}, {"channel": "a", "data": "3"}]}"#,
    );
    let on = said["published"][0]["cursor"].as_str().expect("a cursor");
    assert_eq!(poll(&mut server, &format!("channel=a&cursor={on}"))["events"][0]["data"], "3");
    assert_eq!(poll(&mut server, "channel=b&history=1")["events"][0]["data"], "{\"x\": [1]}");
    // The second would be one channel too many.
    let text = r#"{"messages": [{"channel": "a", "data": "4"}, {"channel": "c", "data": ""}, {"channel": "d", "data": ""}]}"#;
    let kind = "POST /publish\nContent-Type: application/json";
    assert_eq!(problem(&mut server, Role::Admin, kind, text).0, 429);
    assert_eq!(get(&mut server, Role::Admin, "/channels/a")["next"], 4);
    for text in [
        "",
        "[]",
        "{}",
        "{\"channel\":\"a\"}",
        "{\"data\":1}",
        "{\"channel\":\"a\",\"data\":1,\"x\":2}",
        "{\"messages\":[]}",
    ] {
        let text = if text.is_empty() { " " } else { text };
        assert_eq!(problem(&mut server, Role::Admin, kind, text).0, 400, "{text}");
    }
    assert_eq!(get(&mut server, Role::Admin, "/channels/a")["next"], 4);
    // From the public side nothing is published but where everybody may, and the push module's own requests are its own.
    let (status, detail) = problem(&mut server, Role::Front, kind, "{\"channel\":\"a\",\"data\":1}");
    assert!(status == 403 && detail.contains("from here is not allowed"), "{detail}");
    let (status, text) =
        ask(&mut server, Role::Admin, "POST /publish?channel=a\nContent-Type: application/json", "{}");
    assert!(status == 202 && text.contains("queued messages"), "{status} {text}");
}

#[test]
fn channels_are_found_described_and_closed() {
    let mut server = server();
    for name in ["news.b", "news.a", "sport", "news.c d"] {
        server.push(&support::encode(name), "1");
    }
    let names = |said: &Value| -> Vec<String> {
        let channels = said["channels"].as_array().expect("channels").iter();
        channels.map(|c| c["channel"].as_str().expect("a name").to_owned()).collect()
    };
    let page = get(&mut server, Role::Admin, "/channels?prefix=news.&limit=2");
    assert_eq!((names(&page), &page["after"]), (vec!["news.a".into(), "news.b".into()], &json!("news.b")));
    let page = get(&mut server, Role::Admin, "/channels?prefix=news.&limit=2&after=news.b");
    assert_eq!((names(&page), &page["after"]), (vec!["news.c d".into()], &Value::Null));
    let one = get(&mut server, Role::Admin, "/channels/news.c%20d");
    assert_eq!(
        (&one["channel"], &one["messages"], &one["first"]),
        (&json!("news.c d"), &json!(1), &json!(1))
    );
    let client = stream(&mut server, "channel=sport", "application/x-ndjson");
    server.received(client);
    assert_eq!(ask(&mut server, Role::Admin, "DELETE /channels/sport", "").0, 204);
    assert_eq!(server.received(client), "{\"type\":\"closed\",\"channel\":\"sport\"}\n");
    assert_eq!(problem(&mut server, Role::Admin, "GET /channels/sport", "").0, 404);
    assert_eq!(problem(&mut server, Role::Admin, "DELETE /channels/sport", "").0, 404);
    assert_eq!(problem(&mut server, Role::Admin, "POST /channels", " ").0, 405);
}

#[test]
fn what_is_too_old_is_not_counted_among_what_channels_keep() {
    let mut config = Config::default();
    config.limits.history_age_ms_max = 10_000;
    let mut server = Server::new(config);
    server.push("a", "old");
    server.pass_ms(6_000);
    server.push("b", "new");
    server.pass_ms(6_000);
    let said = get(&mut server, Role::Admin, "/channels");
    let kept: Vec<&Value> =
        said["channels"].as_array().expect("channels").iter().map(|c| &c["messages"]).collect();
    assert_eq!(kept, [&json!(0), &json!(1)], "{said}");
}

#[test]
fn readers_are_sent_off() {
    let mut server = server();
    let ann = stream(&mut server, "channel=a&who=Ann", "application/x-ndjson");
    let bob = stream(&mut server, "channel=a&who=Bob", "application/x-ndjson");
    let elsewhere = stream(&mut server, "channel=b", "application/x-ndjson");
    let off = |server: &mut Server, text: &str| {
        let (status, text) =
            ask(server, Role::Admin, "POST /disconnect\nContent-Type: application/json", text);
        (status, serde_json::from_str::<Value>(&text).expect("JSON")["disconnected"].clone())
    };
    assert_eq!(off(&mut server, r#"{"channel": "a", "who": "Ann"}"#), (200, json!(1)));
    assert!(server.is_shut(ann) && !server.is_shut(bob));
    assert_eq!(off(&mut server, r#"{"channel": "a"}"#), (200, json!(1)));
    assert!(server.is_shut(bob) && !server.is_shut(elsewhere));
    // All windows of one person, whichever was opened last, and whether that one is still there.
    let [first, second, third] =
        [(); 3].map(|()| stream(&mut server, "channel=a&who=Ann", "application/x-ndjson"));
    server.vanish(third);
    assert_eq!(off(&mut server, r#"{"channel": "a", "who": "Ann"}"#), (200, json!(2)));
    assert!(server.is_shut(first) && server.is_shut(second));
    let kind = "POST /disconnect\nContent-Type: application/json";
    assert_eq!(problem(&mut server, Role::Admin, kind, r#"{"channel": "none"}"#).0, 404);
    assert_eq!(problem(&mut server, Role::Admin, kind, "{}").0, 400);
}
