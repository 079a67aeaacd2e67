//! A service whose manager hides from it when the machine was started, as `ProcSubset=pid` of a unit does.
use super::*;

/// How many lines of the log are looked at.
const LINES: usize = 20;

#[test]
fn a_boot_that_cannot_be_read_is_said_where_histories_are_kept() {
    let alone = ["--mount", "--propagation", "private", "sh", "-c"];
    let hide = "mount --bind /dev/null /proc/sys/kernel/random/boot_id";
    let can_hide = Command::new("unshare").args(alone).arg(hide).output();
    if !can_hide.is_ok_and(|output| output.status.success()) {
        return println!("only root can hide it, and not everywhere");
    }
    let home = Home::new();
    let says = |before: &str| {
        let file = home.directory.join("history").display().to_string();
        let run = format!("{before} exec \"$@\"");
        let mut command = Command::new("unshare");
        command
            .args(alone)
            .args([&run, "sh", env!("CARGO_BIN_EXE_rcomet"), "run", "--no-tcp", "--history-file", &file])
            .env("RCOMET_CONTROL", home.socket())
            .env_remove("RCOMET_LOG")
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        let mut daemon = command.spawn().expect("it starts");
        let said = patience::Lines::of(daemon.stderr.take().expect("a pipe"));
        until("it listens", || code(&home.rcomet(&["status"])) == 0);
        home.says(&["stop"]);
        assert!(patience::exit(&mut daemon).success());
        let lines = std::iter::from_fn(|| said.try_next().expect("an end")).take(LINES);
        lines.filter(|line| line.contains("boot_id cannot be read")).count()
    };
    assert_eq!(says(&format!("{hide} &&")), 1);
    assert_eq!(says(""), 0, "nor is it said where it can be read");
}
