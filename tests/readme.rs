//! The README's tour with curl, line by line: what it shows is what comes out.
mod daemon;

use std::process::{Command, Stdio};

use daemon::Daemon;
use daemon::patience::output;

/// The commands of the tour with what they print.
fn tour() -> Vec<(String, String)> {
    let readme = include_str!("../README.md");
    let (_, rest) = readme.split_once("<!-- tour:").expect("the README has a tour");
    let (_, rest) = rest.split_once("```console\n").expect("in a block");
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
    let tour = tour();
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
