//! What pages show of a shell, line by line: what they show is what comes out.
mod daemon;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use daemon::Daemon;
use daemon::patience::output;

/// The commands of the first block of a shell behind these words of a page, with what they print.
fn block(page: &str, words: &str) -> Vec<(String, String)> {
    let (_, rest) = page.split_once(words).expect("the page has these words");
    let (_, rest) = rest.split_once("```console\n").expect("and a block behind them");
    let (block, _) = rest.split_once("```").expect("that ends");
    let mut lines: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), lines.last_mut()) {
            (Some(command), _) => lines.push((command.into(), String::new())),
            (None, Some((_, output))) => *output += &format!("{line}\n"),
            (None, None) => panic!("output before any command: {line}"),
        }
    }
    lines
}

#[test]
fn every_line_of_the_tour_prints_what_the_readme_shows() {
    let (_daemon, front, admin) = Daemon::start_anywhere(&[]);
    let tour = block(include_str!("../README.md"), "<!-- tour:");
    assert_eq!(tour.len(), 6, "a tour in six lines");
    for (command, shown) in tour {
        let command = command
            .replace("127.0.0.1:8100", &front.to_string())
            .replace("127.0.0.1:8000", &admin.to_string());
        let output = output(Command::new("sh").args(["-c", &command]).stdin(Stdio::null()));
        let printed = String::from_utf8(output.stdout).expect("text");
        assert_eq!(printed, shown, "{command}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// What differs from day to day, and what stands for it: numbers of processes, times, versions of values, and where the home is.
fn settled(text: &str, home: &Path) -> String {
    // A value has a line end on a terminal only.
    let text = text.trim_end().replace(&home.display().to_string(), "/home/me");
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
        let begin = digits.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let before = words.last().map(String::as_str).unwrap_or_default();
        let varies = before.ends_with("process") || before.ends_with("for") || before.ends_with("ok");
        words.push(if varies {
            format!("{}N{}", &word[..begin], &word[digits.len()..])
        } else {
            word.into()
        });
    }
    words.join(" ")
}

/// Plays blocks of one page in a home of their own, in which a daemon begins and ends.
fn play(name: &str, blocks: &[(&str, &str)]) {
    let home = std::env::temp_dir().join(format!("rcomet-readme-{name}-{}", std::process::id()));
    fs::create_dir_all(&home).expect("a directory");
    let program = Path::new(env!("CARGO_BIN_EXE_rcomet")).parent().expect("a directory");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let socket = home.join(".rcomet/control.sock");
    fs::create_dir_all(home.join(".rcomet")).expect("a directory");
    let run = |command: &str| {
        let mut shell = Command::new("sh");
        // Who is root would be given the system's place.
        shell.args(["-c", command]).env("PATH", &path).env("HOME", &home).env("RCOMET_CONTROL", &socket);
        output(shell.env_remove("XDG_RUNTIME_DIR").current_dir(&home).stdin(Stdio::null()))
    };
    let mut failed = None;
    for (page, words) in blocks {
        for (command, shown) in block(page, words) {
            let done = run(&command);
            let printed = String::from_utf8_lossy(&done.stdout).into_owned();
            if failed.is_none() && settled(&printed, &home) != settled(&shown, &home) {
                failed = Some(format!("{command}\n{printed}{}", String::from_utf8_lossy(&done.stderr)));
            }
        }
    }
    let left = run("rcomet stop");
    let _ = fs::remove_dir_all(&home);
    assert_eq!(failed, None, "a line prints something else");
    assert_eq!(left.status.code(), Some(3), "the page ends the daemon that it begins");
}

#[test]
fn the_readme_shows_what_the_command_line_prints() {
    play("tour", &[(include_str!("../README.md"), "## From the command line\n")]);
}

#[test]
fn the_page_on_the_control_socket_shows_what_comes_out() {
    play("control", &[(include_str!("../docs/control.md"), "# The control socket and the command line\n")]);
}
