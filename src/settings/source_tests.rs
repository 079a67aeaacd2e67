//! What is said of a file that cannot be used, and where in it.
use std::fs;

use super::*;

fn refusal(content: &str) -> String {
    parse("rcomet.toml", content).expect_err("it cannot be used").to_string()
}

#[test]
fn what_is_unknown_is_shown_with_what_is_known() {
    assert_eq!(
        refusal("[server]\nfronty = 1\n"),
        "rcomet.toml:2:1: unknown option `fronty`, expected one of `front`, `admin`, `ccomet`, `simple_comet`, \
         `unix_mode`, `unix_owner`, `unix_group`, `pid_file`, `drain_ms_max`, `send_buffer_bytes`, `demo`\n    fronty = 1\n    ^^^^^^"
    );
    assert_eq!(
        refusal("# one\n[sever]\n"),
        "rcomet.toml:2:2: unknown option `sever`: did you mean `server`? (rcomet check-config lists all options)\n    \
         [sever]\n     ^^^^^"
    );
    assert_eq!(
        refusal("[log]\nlevel = \"loud\"\n"),
        "rcomet.toml:2:9: unknown value `loud`, expected one of `off`, `error`, `warn`, `info`, `debug`, `trace`\n    \
         level = \"loud\"\n            ^^^^^^"
    );
}

#[test]
fn what_has_the_wrong_type_is_told_what_was_expected() {
    assert_eq!(
        refusal("[limits]\nchannels_max = \"many\"\n"),
        "rcomet.toml:2:16: invalid type: string \"many\", expected a whole number, 0 or more\n    channels_max = \
         \"many\"\n                   ^^^^^^"
    );
    assert_eq!(
        refusal("[limits]\nchannels_max = -1\n"),
        "rcomet.toml:2:16: invalid value: integer `-1`, expected a whole number, 0 or more\n    channels_max = -1\n    \
         \u{20}              ^^"
    );
    assert_eq!(
        refusal("[server]\nfront = \"127.0.0.1:8100\"\n"),
        "rcomet.toml:2:9: invalid type: string \"127.0.0.1:8100\", expected a list such as [\"one\", \"two\"]\n    \
         front = \"127.0.0.1:8100\"\n            ^^^^^^^^^^^^^^^^"
    );
    assert_eq!(
        refusal("log = 3\n"),
        "rcomet.toml:1:7: invalid type: integer `3`, expected a section with options of its own\n    log = 3\n    \
         \u{20}     ^"
    );
}

#[test]
fn a_section_that_there_may_be_several_of_wants_two_brackets() {
    for (content, wanted) in [
        (
            "[push.location]\npath = \"/s/{id}\"\nrole = \"subscriber\"\n",
            "rcomet.toml:1:1: push.location: there may be several of them: expected two brackets on each side, \
             [[push.location]]\n    [push.location]\n    ^^^^^^^^^^^^^^^",
        ),
        ("[log]\n[history.rule]\nmatch = \"a\"\n", "rcomet.toml:2:1: history.rule: there may be several"),
        ("[token.keys]\nid = \"a\"\n", "rcomet.toml:1:1: token.keys: there may be several of them: "),
        ("[push]\nlocation = { path = \"/s\" }\n", "rcomet.toml:2:12: push.location: there may be several"),
    ] {
        let said = refusal(content);
        assert!(said.starts_with(wanted), "{said}");
    }
}

#[test]
fn a_section_that_there_is_one_of_is_no_list() {
    for (content, wanted) in [
        (
            "[[simple_comet]]\n",
            "rcomet.toml:1:1: simple_comet: there is one section of this name: expected one bracket on each side, \
             [simple_comet]\n    [[simple_comet]]\n    ^^^^^^^^^^^^^^^^",
        ),
        ("[log]\n[[push]]\n[[push.location]]\n", "rcomet.toml:2:1: push: there is one section of this name"),
        ("[[limits]]\nchannels_max = 1\n", "rcomet.toml:1:1: limits: there is one section"),
        ("log = []\n", "rcomet.toml:1:7: log: there is one section of this name: expected one bracket"),
        ("log = [\"debug\"]\n", "rcomet.toml:1:7: log: there is one section of this name"),
        ("[[pusch]]\n", "rcomet.toml:1:3: unknown option `pusch`: did you mean `push`?"),
        (
            "[push]\nlocation = [[\"/s/{id}\", \"subscriber\"]]\n",
            "rcomet.toml:2:13: push.location: this is no section: expected [[push.location]], with options below it\n",
        ),
        (
            "[token]\nkeys = [\"a\"]\n",
            "rcomet.toml:2:9: token.keys: this is no section: expected [[token.keys]]",
        ),
        (
            "[push]\nlocation = \"/s/{id}\"\n",
            "rcomet.toml:2:12: push.location: this is no section: expected [[",
        ),
        ("[history]\nrule = [3]\n", "rcomet.toml:2:9: history.rule: this is no section"),
    ] {
        let said = refusal(content);
        assert!(said.starts_with(wanted), "{said}");
    }
}

#[test]
fn numbers_of_a_narrow_range_are_told_which_it_is() {
    for (option, wanted) in [
        ("compression_level = \"a\"", "invalid type: string \"a\", expected a whole number from 1 to 9"),
        ("compression_level = -1", "invalid value: integer `-1`, expected a whole number from 1 to 9"),
        ("compression_level = 4294967296", "`4294967296`, expected a whole number from 1 to 9"),
        ("compression_memory_level = 1.5", "`1.5`, expected a whole number from 1 to 9"),
        ("compression_window = true", "invalid type: boolean `true`, expected a whole number from 9 to 15"),
        ("compression_window = 8", "websocket.compression_window = 8: must be from 9 to 15"),
    ] {
        let said = refusal(&format!("[websocket]\n{option}\n"));
        assert!(said.starts_with("rcomet.toml:2:2") && said.contains(&format!("{wanted}\n")), "{said}");
    }
    let read = parse("f", "[websocket]\ncompression_level = 9\ncompression_window = 9\n").expect("it works");
    assert_eq!((read.websocket.compression_level, read.websocket.compression_window), (9, 9));
}

#[test]
fn numbers_beyond_all_are_told_what_was_expected() {
    let location = "[[push.location]]\npath = \"/s/{id}\"\nrole = \"subscriber\"";
    let usual = "a whole number from 0 to 9223372036854775807";
    for (before, number, wanted) in [
        ("[limits]\nchannels_max = ", "99999999999999999999999", usual),
        ("[limits]\nchannels_max = ", "18446744073709551615", usual),
        ("[limits]\nchannels_max = ", "0xFFFFFFFFFFFFFFFF", usual),
        ("[limits]\nchannels_max = ", "9999999999999999999999999999999999999999999999999999", usual),
        ("[limits]\nwrite_least_bytes = ", "99999999999999999999", "a whole number from 0 to 4294967295"),
        ("[websocket]\ncompression_level = ", "99999999999999999999", "a whole number from 1 to 9"),
        ("[server]\nfront = [\n", "99999999999999999999", "text in quotation marks"),
        ("[server]\ndemo = ", "9999999999999999999999999999999999999999999999999999", "true or false"),
        (&format!("{location}\ntimeout_ms = "), "99999999999999999999", usual),
        (
            &format!("{location}\nfirst_message = "),
            "99999999999999999999",
            "\"oldest\", \"newest\", or a whole number, from the end if negative",
        ),
    ] {
        let end = if before.ends_with('\n') { "\n]" } else { "" };
        let said = refusal(&format!("{before}{number}{end}\n"));
        let (line, start) =
            (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or_default());
        let column = start.len() + 1;
        let wanted = format!(
            "rcomet.toml:{line}:{column}: the number is too large: expected {wanted}\n    {start}{number}\n    {}{}",
            " ".repeat(column - 1),
            "^".repeat(number.len())
        );
        assert_eq!(said, wanted);
    }
    let said = refusal("[limits]\nchannels_max = -99999999999999999999\n");
    assert!(said.contains(": the number is too small: expected a whole number, 0 or more\n"), "{said}");
    let said = refusal("[[token.keys]]\nsecret = 99999999999999999999999999999999999999999999999\n");
    assert_eq!(said, "rcomet.toml:2:10: the number is too large: expected text in quotation marks");
}

#[test]
fn an_option_has_its_place_by_its_other_name_too() {
    let said = refusal("[simple_comet]\n\nmessages_per_channel = 0\n");
    assert!(
        said.starts_with("rcomet.toml:3:24: simple_comet.max_messages_per_channel = 0: must be at least 1\n"),
        "{said}"
    );
}

#[test]
fn what_a_location_says_in_the_wrong_type_is_told_what_was_expected() {
    for (option, wanted) in [
        (
            "first_message = true",
            "4:17: expected \"oldest\", \"newest\", or a whole number, from the end if negative",
        ),
        ("first_message = -3000000000", "4:17: expected \"oldest\", \"newest\", or a whole number"),
        ("access_control_allow_origin = true", "4:31: expected \"$http_origin\", \"*\", or a list"),
        ("longpoll_multipart = true", "4:22: expected text in quotation marks\n"),
        (
            "websocket_client_heartbeat = [\"ping\"]",
            "4:30: expected a list of two texts, such as [\"ping\", \"pong\"]\n",
        ),
        (
            "last_message_id = { argument = \"x\" }",
            "4:19: invalid type: map, expected a list such as [{ header = \"NAME\" }, { argument = \"NAME\" }]\n",
        ),
        (
            "last_message_id = [{ argument = \"a=b\" }]",
            "4:19: push.location[0].last_message_id: `/s/{id}`: `a=b` is no name of an argument, in its last_message_id: expected",
        ),
        ("timeout_ms = \"60s\"", "4:14: invalid type: string \"60s\", expected a whole number, 0 or more\n"),
    ] {
        let said =
            refusal(&format!("[[push.location]]\npath = \"/s/{{id}}\"\nrole = \"subscriber\"\n{option}\n"));
        assert!(said.starts_with(&format!("rcomet.toml:{wanted}")), "{said}");
    }
}

#[test]
fn what_is_no_value_has_its_place_in_a_list() {
    assert_eq!(
        refusal("[server]\nfront = [\n  \"127.0.0.1:8100\",\n  \"localhost:1\",\n]\n"),
        "rcomet.toml:4:3: `localhost:1` is no address to listen on: expected an IP address and a port, such as \
         127.0.0.1:8100 or [::1]:8100, or a socket file, such as unix:/run/rcomet.sock\n      \"localhost:1\",\n      ^^^^^^^^^^^^^"
    );
    assert_eq!(
        refusal("[admin]\nallow = [\"all\", \"10.0.0.0/33\"]\n"),
        "rcomet.toml:2:17: `10.0.0.0/33` is no address rule: expected `all`, an address, a network such as \
         10.0.0.0/8, or 192.168\n    allow = [\"all\", \"10.0.0.0/33\"]\n                    ^^^^^^^^^^^^^"
    );
    let first = |content| refusal(content).lines().next().unwrap_or_default().to_owned();
    assert!(
        first("[front]\npublish = [\"a*b\"]")
            .starts_with("rcomet.toml:2:12: `a*b` is no channel pattern: exp")
    );
    assert!(
        first("[http]\norigins = [\"x\"]").starts_with("rcomet.toml:2:12: `x` is no origin: expected `*` or")
    );
}

#[test]
fn locations_have_their_places() {
    assert_eq!(
        refusal(
            "[[push.location]]\npath = \"/a?id=\"\nrole = \"publisher\"\n[[push.location]]\npath = \"b\"\nrole = \"subscriber\"\n"
        ),
        "rcomet.toml:5:8: `b` is no location's path: expected something like /activity?channel= or /sub/{id}\n    path = \"b\"\n           ^^^"
    );
    let first = |content| refusal(content).lines().next().unwrap_or_default().to_owned();
    assert!(
        first("[[push.location]]\npath = \"/a?id=\"\nrole = \"boss\"\n")
            .starts_with("rcomet.toml:3:8: unknown value `boss`")
    );
    assert!(
        first("[[push.location]]\nrole = \"publisher\"\n")
            .starts_with("rcomet.toml:1:1: missing field `path`")
    );
    assert!(
        first("[push]\n[[push.location]]\npath = \"/a\"\nrole = \"publisher\"\n")
            .starts_with("rcomet.toml:3:8: push.location[0].path: `/a` names no channel")
    );
    let fine = "[[push.location]]\npath = \"/a/{id}\"\nrole = \"publisher\"\n";
    let second = format!("{fine}{fine}group = \"a/b\"\n");
    assert_eq!(
        refusal(&second),
        "rcomet.toml:7:9: push.location[1].group: `/a/{id}` has a slash in its group: it ends where the first one is\n    \
         group = \"a/b\"\n            ^^^^^"
    );
    let in_line = "[push]\nlocation = [\n{ path = \"/a?b=\", role = \"publisher\" },\n{ path = \"/c\", role = \"group\" },\n]\n";
    assert!(
        first(in_line).starts_with("rcomet.toml:4:10: push.location[1].path: `/c` names no group"),
        "{}",
        first(in_line)
    );
}

#[test]
fn keys_of_tokens_have_their_places_and_are_read_from_files() {
    let first = |content: &str| refusal(content).lines().next().unwrap_or_default().to_owned();
    let key = |more: &str| format!("[token]\n[[token.keys]]\nid = \"a\"\nalgorithm = \"HS256\"\n{more}\n");
    assert!(
        first(&key("secret = \"short\""))
            .starts_with("rcomet.toml:2:1: token.keys[0]: `a`: the secret has 5 bytes")
    );
    assert!(
        first(&key("secret_file = \"/no/such/key\""))
            .contains("token.keys[0]: `a`: cannot read /no/such/key: ")
    );
    assert!(
        first("[token]\nrequired = true\n")
            .starts_with("rcomet.toml:2:12: token.required = true, but there are no")
    );
    assert!(
        first(&key("secret_file = \"/dev/zero\""))
            .contains("cannot read /dev/zero: it is no plain file: expected one")
    );
    assert!(first(&key("algorithm = \"none\"")).contains("duplicate key"));
    // Each at its own place, not at the first one's.
    let fine = key("secret = \"0123456789abcdef0123456789abcdef\"");
    let second = |id: &str, more: &str| {
        first(&format!("{fine}[[token.keys]]\nid = \"{id}\"\nalgorithm = \"HS256\"\n{more}\n"))
    };
    for (id, more, wanted) in [
        ("b", "secret = \"short\"", "6:1: token.keys[1]: `b`: the secret has 5 bytes"),
        ("b", "secret_file = \"/no/such/key\"", "6:1: token.keys[1]: `b`: cannot read /no/such/key: "),
        ("a", "secret = \"x\"", "7:6: token.keys[1].id: there are two keys with the id `a`"),
        ("", "secret = \"x\"", "7:6: token.keys[1].id: it is empty, or too long"),
    ] {
        let said = second(id, more);
        assert!(said.starts_with(&format!("rcomet.toml:{wanted}")), "{said}");
    }
    let none = "[[token.keys]]\nid = \"a\"\nalgorithm = \"none\"\n";
    assert!(first(none).starts_with("rcomet.toml:3:13: unknown value `none`, expected one of `HS256`"));
    let file = std::env::temp_dir().join(format!("rcomet-key-{}", std::process::id()));
    fs::write(&file, "0123456789abcdef0123456789abcdef\n").expect("it can be written");
    let read = parse("f", &key(&format!("secret_file = {:?}", file.display().to_string())));
    fs::remove_file(&file).expect("it can be removed");
    assert_eq!(read.expect("it can be used").token.keys[0].content.as_ref().map(Vec::len), Some(33));
}

#[test]
fn what_is_no_toml_has_its_place() {
    let refused = refusal("[server]\ndemo = yes\n");
    assert!(refused.starts_with("rcomet.toml:2:8: "), "{refused}");
    assert!(refused.ends_with("\n    demo = yes\n           ^^^"), "{refused}");
    assert!(refusal("[server]\ndemo = true\ndemo = true\n").starts_with("rcomet.toml:3:1: duplicate key"));
}

#[test]
fn what_cannot_work_is_found_in_the_file() {
    assert_eq!(
        refusal("[http]\n\n[limits]\nheaders_max = 500\n"),
        "rcomet.toml:4:15: limits.headers_max = 500: must be at most 128\n    headers_max = 500\n                  ^^^"
    );
    assert_eq!(
        refusal("[server]\nadmin = [\"127.0.0.1:8100\"]\n"),
        "rcomet.toml:2:9: server.admin: 127.0.0.1:8100 is taken by server.front already\n    admin = \
         [\"127.0.0.1:8100\"]\n            ^^^^^^^^^^^^^^^^^^"
    );
    assert_eq!(
        refusal("[server]\nadmin = []\nfront = []\n[control]\npath = \"\"\n").lines().next(),
        Some(
            "rcomet.toml:3:9: server.front: there is no address to listen on, here or in admin, ccomet and simple_comet, and no control.path"
        )
    );
    assert!(
        parse("f", "[server]\nadmin = [\"127.0.0.1:0\"]\nfront = [\"127.0.0.1:0\"]").is_ok(),
        "any two ports"
    );
}

#[test]
fn flags_go_before_the_file_and_are_not_blamed_on_it() {
    let flags = |text: &str| toml::from_str::<Table>(text).expect("flags");
    let file = "[limits]\nheaders_max = 64\nchannels_max = 7\n";
    let (settings, said) =
        merge("f", file, &flags("[limits]\nheaders_max = 32\n[front]\nauth = \"token\"\n"), Path::new(""))
            .expect("both can be used");
    assert_eq!((settings.limits.headers_max, settings.limits.channels_max), (32, 7));
    assert_eq!(
        said.to_string(),
        "[front]\nauth = \"token\"\n\n[limits]\nchannels_max = 7\nheaders_max = 32\n"
    );
    let refused =
        merge("f", file, &flags("[limits]\nheaders_max = 500\n"), Path::new("")).expect_err("too many");
    assert_eq!(refused.to_string(), "limits.headers_max = 500: must be at most 128");
}

#[test]
fn the_documented_names_work_too() {
    let file = "[simple_comet]\nmessages_per_channel = 7\n";
    let (settings, said) = merge("f", file, &Table::new(), Path::new("")).expect("it can be used");
    assert_eq!(settings.simple_comet.max_messages_per_channel, 7);
    assert_eq!(said.to_string(), "[simple_comet]\nmax_messages_per_channel = 7\n", "it is shown by its own");
    let refused = refusal("[simple_comet]\nmessages_per_channel = 7\nmax_messages_per_channel = 7\n");
    assert!(
        refused.starts_with(
            "rcomet.toml:2:24: simple_comet.messages_per_channel is another name of max_messages_per_channel, and both are \
             there: expected one"
        ),
        "{refused}"
    );
    let refused = refusal("[simple_comet]\npolling_timeout_ms = 30000\n");
    assert!(
        refused.starts_with("rcomet.toml:2:22: simple_comet.polling_timeout_ms = 30000: must be"),
        "{refused}"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let source = Source { file: Some("/no/such/rcomet.toml".into()), ..Source::default() };
    let refused = source.read().expect_err("it is not there").to_string();
    assert!(refused.starts_with("cannot read /no/such/rcomet.toml: "), "{refused}");
}
