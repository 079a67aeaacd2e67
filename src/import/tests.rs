//! The importer against files as they are found, and as they are not.
//! Knows nothing of the command line.
use rcomet_core::config::{AddressRules, Auth};

use super::*;
use crate::settings::{Level, Settings};

const SHIPPED: &str = "\
# icomet config\n\npidfile: ./icomet.pid\n\nlogger:\n\tlevel: debug\n\toutput: ./logs/log.txt\n\trotate:\n\t\tsize: \
1000000000\n\nadmin:\n\t# who may publish\n\tlisten: 0.0.0.0:8000\n\tallow: 127.0.0.1\n\tallow: 192.168\n\tdeny: \
all\n\nfront:\n\tlisten = 0.0.0.0:8100\n\tauth = none\n\tmax_channels: 100000\n\tmax_subscribers_per_channel: \
16\n\tchannel_buffer_size: 10\n\tchannel_timeout: 30\n\tpolling_timeout: 30\n";
const LEAST: &str = "admin:\n\tlisten: 127.0.0.1:8000\nfront:\n\tlisten: 127.0.0.1:8100\n";

fn imported(content: &str) -> (Imported, Settings) {
    let imported = import("icomet.conf", content).expect("it can be carried over");
    let settings = settings::parse("made", &imported.toml).expect("what is made can be used");
    (imported, settings)
}

fn refusal(content: &str) -> String {
    let refused = import("icomet.conf", content).expect_err("it cannot be carried over").to_string();
    refused.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn the_file_that_icomet_ships() {
    let (imported, settings) = imported(SHIPPED);
    let wanted = "\
# Made by `rcomet import-icomet-conf` from icomet.conf.
# Check it with `rcomet check-config FILE`, start with it by `rcomet run --config FILE`.
# line 3, pidfile: left out; `rcomet start` writes rcomet.pid beside control.sock, and server.pid_file names another place
# line 7, logger.output: left out; rcomet logs to standard error, which journald keeps and rotates, or with --log-file into a file
# line 9, logger.rotate.size: left out; rcomet logs to standard error, which journald keeps and rotates, or with --log-file into a file

[server]
front = [\"0.0.0.0:8100\"]
admin = [\"0.0.0.0:8000\"]

[log]
level = \"debug\"

[limits]
channels_max = 100000
subscribers_per_channel_max = 16
history_messages_max = 10

[front]
auth = \"none\"

[admin]
# the rule 192.168 means addresses that begin with 192.168. (whole numbers); icomet compared letters only
allow = [\"127.0.0.1\", \"192.168\"]
deny = [\"all\"]

[icomet]
polling_timeout_ms = 30000
# More than 1.3 times polling_timeout_ms would be better: a client may be silent for that long.
channel_timeout_ms = 30000
";
    assert_eq!(imported.toml, wanted);
    assert_eq!(imported.notes.len(), 5, "{:#?}", imported.notes);
    assert_eq!(settings.log.level, Level::Debug);
    assert_eq!((settings.limits.subscribers_per_channel_max, settings.limits.history_messages_max), (16, 10));
    assert_eq!(settings.front.auth, Auth::None);
    let rules = AddressRules::new(&settings.admin.allow, &settings.admin.deny);
    let allows = |text: &str| rules.allows(text.parse().expect("an address"));
    assert!(allows("127.0.0.1") && allows("192.168.3.4") && !allows("10.0.0.1"));
}

#[test]
fn what_is_missing_means_what_it_meant_unless_that_was_a_mistake() {
    let (imported, settings) = imported(LEAST);
    let defaults = Limits::default();
    assert_eq!(settings.limits.channels_max, defaults.channels_max);
    assert_eq!(settings.limits.subscribers_per_channel_max, defaults.subscribers_per_channel_max);
    assert_eq!(settings.limits.history_messages_max, 0);
    assert_eq!((settings.icomet.polling_timeout_ms, settings.icomet.channel_timeout_ms), (30_000, 15_000));
    assert!(
        AddressRules::new(&settings.admin.allow, &settings.admin.deny)
            .allows("8.8.8.8".parse().expect("one"))
    );
    let notes = imported.notes.join("\n");
    for note in [
        "front.max_channels is missing: icomet would refuse everything, here it is rcomet's default of 100000",
        "front.channel_buffer_size is missing: no messages are kept",
        "there are no rules for admin: everybody may use it",
        "front.polling_timeout is missing: icomet would not start, here it is rcomet's default of 30 s",
        "front.channel_timeout is missing: it is half of polling_timeout",
    ] {
        assert!(notes.contains(note) && imported.toml.contains(note), "{note}\n{notes}");
    }
}

#[test]
fn zeros_that_would_stop_icomet_are_not_carried_over() {
    let zeros =
        "\tmax_channels: 0\n\tmax_subscribers_per_channel: 0\n\tpolling_timeout: 0\n\tchannel_timeout: 0\n";
    let (_, settings) = imported(&format!("{LEAST}{zeros}"));
    assert_eq!(settings.limits, Limits { history_messages_max: 0, ..Limits::default() });
    assert_eq!((settings.icomet.polling_timeout_ms, settings.icomet.channel_timeout_ms), (30_000, 1_000));
}

#[test]
fn an_open_admin_side_is_noted() {
    let open = LEAST.replace("127.0.0.1:8000", "0.0.0.0:8000\n\tallow: all");
    assert!(imported(&open).0.notes.iter().any(|note| note.contains("admin.allow lets everybody in")));
}

#[test]
fn unknown_keys_are_noted() {
    let (imported, _) = imported(&format!("{LEAST}\tcolour: blue\n"));
    let note = "line 5, front.colour: left out; icomet 0.2.5 has no such option, nor has rcomet";
    assert_eq!(imported.notes[0], note);
}

#[test]
fn every_level_has_its_like() {
    for (theirs, ours) in
        [("trace", Level::Trace), ("WARN", Level::Warn), ("error", Level::Error), ("fatal", Level::Error)]
    {
        assert_eq!(imported(&format!("{LEAST}logger:\n\tlevel: {theirs}\n")).1.log.level, ours);
    }
}

#[test]
fn what_has_no_meaning_is_refused_with_its_line() {
    assert_eq!(
        refusal("admin:\n\tlisten: 127.0.0.1:8000\n"),
        "icomet.conf: front.listen is missing: where is it to listen?"
    );
    let wrong = |line: &str| refusal(&format!("{LEAST}{line}\n"));
    assert_eq!(wrong("\tauth: secret"), "icomet.conf:5:2: front.auth: expected none or token");
    assert_eq!(
        wrong("\tmax_channels: many"),
        "icomet.conf:5:2: front.max_channels: expected a whole number, 0 or more"
    );
    assert_eq!(
        wrong("logger:\n\tlevel: loud"),
        "icomet.conf:6:2: logger.level: expected trace, debug, info, warn, error or fatal"
    );
    assert!(
        wrong("admin:\n\tdeny: here")
            .starts_with("icomet.conf:6:2: admin.deny: `here` is no address rule: expected")
    );
    assert!(
        refusal(&LEAST.replace("127.0.0.1:8100", "8100"))
            .starts_with("icomet.conf:4:2: front.listen: `8100` is no")
    );
}

#[test]
fn a_name_cannot_break_out_of_its_comment() {
    let imported = import("a\n[server]\nb", LEAST).expect("it can be carried over");
    assert!(imported.toml.starts_with("# Made by `rcomet import-icomet-conf` from a [server] b.\n"));
}
