//! What a command says to whoever has asked in a wrong way, or asked somebody who cannot answer; for people and as JSON.
use serde_json::{Value, json};

use super::*;

/// The side of a daemon that has been started here.
fn side(home: &Home, name: &str) -> String {
    let status: Value = serde_json::from_str(&home.says(&["status", "--json"])).expect("JSON");
    let listeners = status["listeners"].as_array().expect("a list");
    let one = listeners.iter().find(|one| one["side"] == name).expect("this side");
    format!("http://{}", one["address"].as_str().expect("an address"))
}

#[test]
fn by_an_address_nothing_is_stopped_or_reloaded_and_only_the_admin_side_has_a_status() {
    let home = Home::new();
    assert_eq!(code(&home.rcomet(&["start", "--front", "127.0.0.1:0", "--admin", "127.0.0.1:0"])), 0);
    let (front, admin) = (side(&home, "front"), side(&home, "admin"));
    for order in ["stop", "reload"] {
        let refused = home.rcomet(&[order, "--url", &admin]);
        let wanted = format!(
            "rcomet: {admin} is an admin side, and that stops and reloads nothing: expected the control socket (--socket PATH)\n"
        );
        assert_eq!((code(&refused), stderr(&refused)), (5, wanted), "{order}");
    }
    assert_eq!(code(&home.rcomet(&["status", "--url", &admin])), 0);
    for command in ["status", "stop"] {
        let none = home.rcomet(&[command, "--url", &front]);
        let wanted =
            format!("rcomet: no daemon answers at {front}: what answers there is no admin side of one\n");
        assert_eq!((code(&none), stderr(&none)), (3, wanted), "{command}");
    }
}

#[test]
fn what_is_wrong_with_a_command_line_is_json_for_who_has_asked_for_that() {
    let home = Home::new();
    for (arguments, words) in [
        (&["read", "--json"][..], "<KEY>"),
        (&["write", "--json", "k", "v", "--ttl", "soon"], "soon"),
        (&["status", "--jsn", "--json"], "--jsn"),
        (&["sttus", "--json"], "sttus"),
        (&["check-config", "--json", "a", "b"], "'b'"),
    ] {
        let refused = home.rcomet(arguments);
        let told: Value = serde_json::from_str(&stderr(&refused)).expect("one object");
        assert_eq!((code(&refused), &told["error"]), (2, &json!("usage")), "{arguments:?}");
        let detail = told["detail"].as_str().expect("text");
        assert!(detail.contains(words) && !detail.contains("Usage:"), "{arguments:?}: {detail}");
    }
    let refused = home.rcomet(&["read"]);
    assert_eq!(code(&refused), 2);
    assert!(stderr(&refused).starts_with("error: ") && stderr(&refused).contains("Usage:"), "{refused:?}");
    let help = home.rcomet(&["read", "--help", "--json"]);
    assert_eq!((code(&help), stderr(&help)), (0, String::new()), "who asks for help gets it");
}

#[test]
fn a_configuration_is_shown_as_json() {
    let home = Home::new();
    let file = home.file(
        "rcomet.toml",
        "[limits]\nchannels_max = 7\n[[token.keys]]\nid = \"a\"\nalgorithm = \"HS256\"\n\
         secret = \"0123456789abcdef0123456789abcdef\"\n",
    );
    let output = home.says(&["check-config", &file, "--json"]);
    let told: Value = serde_json::from_str(&output).expect("one object");
    assert_eq!(told["config"]["limits"]["channels_max"], 7);
    assert_eq!(
        told["config"]["server"]["admin"],
        json!(["127.0.0.1:8000"]),
        "the others have their defaults"
    );
    assert!(told["warnings"].is_array() && told["connections_max"].is_u64(), "{told}");
    assert!(!output.contains("0123456789abcdef"), "secrets are not shown");
    home.file("rcomet.toml", "[limits]\nchannels_max = \"7\"\n");
    let refused = home.rcomet(&["check-config", &file, "--json"]);
    let told: Value = serde_json::from_str(&stderr(&refused)).expect("one object");
    assert_eq!((code(&refused), &told["error"]), (1, &json!("failed")));
    assert!(told["detail"].as_str().is_some_and(|why| why.contains("rcomet.toml:2:")), "{told}");
}

/// Where the next version of the file would be written, something stands in the way.
#[test]
fn a_stop_without_saving_is_said_by_who_has_stopped_it() {
    for (option, name) in [("--values-file", "values"), ("--history-file", "history")] {
        let home = Home::new();
        let file = home.directory.join(name);
        let path = file.display().to_string();
        let start = ["start", "--no-tcp", option, &path];
        assert_eq!(code(&home.rcomet(&start)), 0);
        home.says(&["write", "k", "v"]);
        home.says(&["stop"]);
        assert_eq!(code(&home.rcomet(&start)), 0);
        assert_eq!(home.says(&["read", "k"]), "v");
        let pid = home.pid();
        if name == "values" {
            fs::create_dir(home.directory.join("values.new")).expect("nothing is there");
            home.says(&["write", "k", "w"]);
        } else {
            // Somebody has taken the file away: what the daemon wrote at its end is in no file.
            fs::remove_file(&file).expect("it is there");
            fs::write(&file, "{}\n").expect("to write");
        }
        let stopped = home.rcomet(&["stop"]);
        let wanted = format!(
            "rcomet: rcomet has stopped (process {pid}), but {path} is not of its end: what was said last may not be saved; \
             the log says why\n"
        );
        assert_eq!((code(&stopped), stderr(&stopped)), (1, wanted), "{name}");
    }
}

#[test]
fn every_command_has_a_manual_page_also_the_one_that_writes_them() {
    let home = Home::new();
    home.says(&["man", &home.directory.display().to_string()]);
    assert!(home.files().contains(&"rcomet-man.1".to_owned()), "{:?}", home.files());
    let listed = home.rcomet(&["help"]);
    assert!(stdout(&listed).lines().any(|line| line.trim_start().starts_with("man ")), "{listed:?}");
}

/// Not a mistake, though it is one for clap: `help` is a command, and every command has `--help`.
#[test]
fn help_can_be_asked_for_help() {
    let home = Home::new();
    let plain = home.says(&["help"]);
    assert!(plain.contains("Examples:"), "{plain}");
    for words in [&["help", "--help"][..], &["help", "-h"]] {
        assert_eq!(home.says(words), plain, "{words:?}");
    }
    assert_eq!(home.says(&["help", "read", "--help"]), home.says(&["read", "--help"]));
}

/// The file, the line and the option: a list of the wrong length is found like any other mistake.
#[test]
fn a_heartbeat_that_is_no_two_texts_is_shown_where_it_stands() {
    let home = Home::new();
    for texts in ["[\"a\", \"b\", \"c\"]", "[\"a\"]", "\"a\"", "[1, 2]"] {
        let line = format!("websocket_client_heartbeat = {texts}");
        let config = format!("[[push.location]]\npath = \"/p/{{id}}\"\nrole = \"pubsub\"\n{line}\n");
        let file = home.file("rcomet.toml", &config);
        let refused = home.rcomet(&["check-config", &file]);
        let said = stderr(&refused);
        assert_eq!(code(&refused), 1, "{said}");
        let place = format!(
            "rcomet.toml:4:30: expected a list of two texts, such as [\"ping\", \"pong\"]\n    {line}\n"
        );
        assert!(said.contains(&place), "{said}");
    }
}
