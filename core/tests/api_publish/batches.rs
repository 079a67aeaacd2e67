//! Several messages together: what they count as, and which of them is to blame.
use super::*;

/// Large batches are work, and do not all come in one turn.
#[test]
fn batches_count_as_what_they_are() {
    let mut server = Server::default();
    let names: Vec<String> = (0..500).map(|n| format!("\"c{n}\"")).collect();
    let text = format!(r#"{{"channels":[{}],"data":"x"}}"#, names.join(","));
    let request = format!(
        "POST /publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    let clients: Vec<Client> = (0..50).map(|_| server.connect(Role::Admin)).collect();
    for client in &clients {
        server.send_in_this_turn(*client, &request);
    }
    let at_once = server.machine.counters().published;
    assert!((10_000..20_000).contains(&at_once), "{at_once}");
    server.turn();
    assert_eq!(server.machine.counters().published, 50 * 500, "the rest has its turn");
    for client in clients {
        assert!(server.received(client).starts_with("HTTP/1.1 200 "));
    }
}

#[test]
fn of_several_messages_the_one_to_blame_is_named() {
    let mut config = Config::default();
    config.limits.channel_messages_per_second_max = 2;
    config.limits.channel_name_bytes_max = 9;
    config.limits.publish_messages_max = 10;
    let mut server = Server::new(config);
    let mut refused = |text: &str| {
        let (_, said) = ask(&mut server, Role::Admin, "POST /publish\nContent-Type: application/json", text);
        (said["status"].clone(), said["channel"].clone(), said["index"].clone(), said["detail"].clone())
    };
    let name = "the channel's name is empty, too long, or has control characters";
    let fast = "more messages for this channel than channel_messages_per_second_max: send it again later";
    for (text, status, channel, index, detail) in [
        (
            r#"{"messages":[{"channels":["a","b"],"data":1},{"channel":"","data":2},{"channel":"\u0007","data":3}]}"#,
            400,
            json!(""),
            json!(1),
            name,
        ),
        (
            r#"{"messages":[{"channel":"a","data":1},{"channel":"b","data":1},{"channels":["c","\u0007\"<"],"data":3}]}"#,
            400,
            json!("\u{7}\"<"),
            json!(2),
            name,
        ),
        (
            r#"{"messages":[{"channel":"a","data":1},{"channel":"täglich-tätig","data":1}]}"#,
            400,
            json!("täglich-…"),
            json!(1),
            name,
        ),
        (r#"{"channels":["a","\u0007"],"data":1}"#, 400, json!("\u{7}"), Value::Null, name),
        (r#"{"channel":"\u0007","data":1}"#, 400, Value::Null, Value::Null, name),
        (
            r#"{"messages":[{"channel":"a","data":1},{"channel":"z","data":1},{"channel":"b","data":1},{"channel":"z","data":1},
                {"channel":"z","data":1}]}"#,
            429,
            json!("z"),
            json!(1),
            fast,
        ),
        (
            r#"{"messages":[{"channel":"a","data":1},{"channel":"a"}]}"#,
            400,
            Value::Null,
            Value::Null,
            "messages[1]: there is no data to publish",
        ),
        (
            r#"{"messages":[{"channels":[],"data":1},{"channel":"a"}]}"#,
            400,
            Value::Null,
            Value::Null,
            "messages[0]: no channel is named",
        ),
        (
            r#"{"messages":[{"channel":"a","data":1},{"channel":"a","data":1,"ttl":0}]}"#,
            400,
            Value::Null,
            Value::Null,
            "messages[1]: ttl is the seconds for which a message is good: at least 1",
        ),
    ] {
        let said = refused(text);
        assert_eq!(said, (json!(status), channel, index, json!(detail)), "{text}");
    }
    // What all of them together are too much for is nobody's fault.
    let many = [r#"{"channel":"a","data":1}"#; 11].join(",");
    let (status, channel, index, _) = refused(&format!(r#"{{"messages":[{many}]}}"#));
    assert_eq!((status, channel, index), (json!(413), Value::Null, Value::Null));
    assert_eq!(server.machine.counters().published, 0, "all or none");
}

#[test]
fn of_several_messages_the_one_that_a_token_does_not_allow_is_named() {
    let mut config = Config::default();
    config.front.publish = vec!["open*".to_owned().try_into().expect("a pattern")];
    let mut server = Server::new(config);
    let text = r#"{"messages":[{"channel":"open","data":1},{"channel":"shut","data":2}]}"#;
    let (_, said) = ask(&mut server, Role::Front, "POST /publish\nContent-Type: application/json", text);
    assert_eq!((&said["status"], &said["channel"], &said["index"]), (&json!(403), &json!("shut"), &json!(1)));
}
