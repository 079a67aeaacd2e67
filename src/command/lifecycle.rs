//! `start`, `stop`, `status`, `reload`.
use std::env;
use std::io::{ErrorKind, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::{Value, json};

use super::ending::Files;
use super::{number, print_json};
use crate::app::{print, say};
use crate::background::{FAILED, READY};
use crate::cli::{OWN_WORD, StartFlags, StopFlags, Target};
use crate::client::{Ask, Client, in_seconds};
use crate::exit::Failure;

/// How long a daemon may take to say how it stands: it has nothing to look for.
pub(super) const STATUS: Duration = Duration::from_secs(5);

/// `rcomet start`: makes a process of its own for the daemon, and waits for its word.
pub(crate) fn start(flags: &StartFlags) -> Result<(), Failure> {
    // What is wrong with the configuration is better said by the one who was asked.
    let (settings, _) = flags.run.source().read().map_err(|fault| Failure::Other(fault.to_string()))?;
    let until = in_seconds(flags.wait);
    let control = settings.control.path.path();
    if let Some(path) = &control {
        let place = path.display();
        match ask_status(&Client::at(path), Duration::from_secs(flags.wait).min(STATUS)) {
            Ok(status) => {
                let pid = number(&status, "pid");
                let words = format!("a daemon runs already, as process {pid}: {place}");
                return Err(Failure::AlreadyRunning(words));
            }
            Err(Failure::TimedOut(_)) => {
                let words = format!("a daemon runs already, and does not answer: {place}");
                return Err(Failure::AlreadyRunning(words));
            }
            Err(_) => {}
        }
    }
    let program =
        env::current_exe().map_err(|error| Failure::Other(format!("cannot find myself: {error}")))?;
    let mut child = Command::new(program)
        .arg0("rcomet")
        .arg("start")
        .arg(format!("--{OWN_WORD}"))
        .args(env::args_os().skip(2))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // What goes there from now on goes into the log's file, if there is one.
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| Failure::Other(format!("cannot start a process: {error}")))?;
    let Some(pipe) = child.stdout.take() else {
        return Err(Failure::Other("cannot hear what the process says".into()));
    };
    let (pid, word) = (child.id(), word_of(pipe, until));
    match word? {
        None => {
            // It is not what was asked for: nobody knows of it, so nobody would end it.
            let _ = child.kill();
            let _ = child.wait();
            Err(Failure::TimedOut(format!(
                "the daemon was not ready after {} s; it has been ended",
                flags.wait
            )))
        }
        Some(word) if word == READY => {
            let control = control.map(|path| path.display().to_string());
            if flags.json {
                return print_json(&json!({ "pid": pid, "control": control }));
            }
            print(&match control {
                Some(path) => format!("rcomet runs as process {pid}; control socket {path}\n"),
                None => format!("rcomet runs as process {pid}\n"),
            })
        }
        Some(word) => Err(reason(&word, &mut child)),
    }
}

/// What comes over the pipe until it ends; `None` when it takes too long.
fn word_of(mut pipe: ChildStdout, until: Instant) -> Result<Option<String>, Failure> {
    let (mut word, mut block) = (Vec::new(), [0; 4096]);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).ok();
        let ready = poll(&mut [PollFd::new(&pipe, PollFlags::IN)], timeout.as_ref());
        match ready {
            Ok(0) => return Ok(None),
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(Failure::Other(error.to_string())),
            Ok(_) => {}
        }
        match pipe.read(&mut block) {
            Ok(0) => return Ok(Some(String::from_utf8_lossy(&word).into_owned())),
            Ok(n) => word.extend_from_slice(&block[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn reason(word: &str, child: &mut Child) -> Failure {
    let told = word.strip_prefix(FAILED).and_then(|rest| rest.split_once('\n'));
    if let Some((code, words)) = told {
        return Failure::of_code(code.parse().unwrap_or(1), words.to_owned());
    }
    let how = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
    Failure::Other(format!("the daemon ended before it was ready ({how}); with --log-file FILE it says more"))
}

/// How the daemon stands, if it says so in time.
pub(super) fn ask_status(client: &Client, time: Duration) -> Result<Value, Failure> {
    client.ask(&Ask::new("GET", "/control/status").within(time))?.json().map_err(|failure| match failure {
        // A front has no such path, nor has any other web server.
        Failure::Unknown(_) => {
            let place = client.name();
            Failure::NotRunning(format!(
                "no daemon answers at {place}: what answers there is no admin side of one"
            ))
        }
        failure => failure,
    })
}

/// Tells the daemon to do something.
fn order(target: &Target, client: &Client, ask: &Ask<'_>) -> Result<Value, Failure> {
    client.ask(ask)?.json().map_err(|failure| match (failure, &target.url) {
        (Failure::Refused(_), Some(url)) => Failure::Refused(format!(
            "{url} is an admin side, and that stops and reloads nothing: expected the control socket (--socket PATH)"
        )),
        (failure, _) => failure,
    })
}

/// `rcomet stop`.
pub(crate) fn stop(flags: &StopFlags) -> Result<(), Failure> {
    let pid = stopped(flags)?;
    if flags.target.json {
        return print_json(&json!({ "stopped": true, "pid": pid }));
    }
    print(&format!("rcomet has stopped (process {pid})\n"))
}

/// Ends the daemon, and gives the number that its process had.
pub(super) fn stopped(flags: &StopFlags) -> Result<u64, Failure> {
    let client = Client::find(&flags.target)?;
    let until = in_seconds(flags.timeout);
    let left = || until.saturating_duration_since(Instant::now());
    // The process is held on to before it is told: its number might be another's afterwards.
    let status = ask_status(&client, left())?;
    let (pid, files) = (number(&status, "pid"), Files::of(&status));
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let handle = process.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    order(&flags.target, &client, &Ask::new("POST", "/control/stop").within(left()))?;
    let has_gone = match handle {
        Some(handle) => loop {
            let timeout = Timespec::try_from(left()).ok();
            match poll(&mut [PollFd::new(&handle, PollFlags::IN)], timeout.as_ref()) {
                Ok(0) => break false,
                Ok(_) => break true,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(Failure::Other(error.to_string())),
            }
        },
        // A process of another namespace, or a kernel without handles: it has gone when it does not answer any more.
        None => loop {
            match ask_status(&client, left().min(STATUS)) {
                Ok(_) | Err(Failure::TimedOut(_)) => {}
                Err(_) => break true,
            }
            if Instant::now() >= until {
                break false;
            }
            std::thread::sleep(Duration::from_millis(20));
        },
    };
    if !has_gone {
        let words = format!("process {pid} was told to leave, and has not gone after {} s", flags.timeout);
        return Err(Failure::TimedOut(words));
    }
    if let Some(file) = files.unsaved() {
        return Err(Failure::Other(format!(
            "rcomet has stopped (process {pid}), but {} is not of its end: what was said last may not be saved; the log says why",
            file.display()
        )));
    }
    Ok(pid)
}

/// `rcomet reload`.
pub(crate) fn reload(target: &Target) -> Result<(), Failure> {
    let answer = order(target, &Client::find(target)?, &Ask::new("POST", "/control/reload"));
    let answer = answer.map_err(|failure| match failure {
        Failure::Refused(why) if target.url.is_some() => Failure::Refused(why),
        Failure::Refused(why) => Failure::Refused(format!("the configuration stays as it was: {why}")),
        other => other,
    })?;
    if target.json {
        return print_json(&answer);
    }
    for note in answer["notes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        say(&format!("rcomet: note: {note}"));
    }
    print("the configuration has been read again, and is in force\n")
}

/// `rcomet status`.
pub(crate) fn status(target: &Target) -> Result<(), Failure> {
    let status = ask_status(&Client::find(target)?, STATUS)?;
    if target.json {
        return print_json(&status);
    }
    print(&told(&status))
}

fn told(status: &Value) -> String {
    let text = |name: &str| status[name].as_str().unwrap_or("none").to_owned();
    let n = |name: &str| number(status, name);
    let state = if status["draining"] == true { "leaves" } else { "runs" };
    let mut lines = vec![
        format!("rcomet {} {state} as process {}, for {}", text("version"), n("pid"), lasted(n("uptime_ms"))),
        format!("configuration   {}", text("config")),
    ];
    for one in status["listeners"].as_array().into_iter().flatten() {
        let part = |name: &str| one[name].as_str().unwrap_or_default();
        lines.push(format!("listens         {} ({})", part("address"), part("side")));
    }
    if let Some(file) = status["values_file"].as_str() {
        lines.push(format!("keeps values    {file}"));
    }
    if let Some(file) = status["history_file"].as_str() {
        lines.push(format!("keeps histories {file}"));
    }
    let pairs = [
        ("connections", format!("{} of {}", n("connections"), n("connections_max"))),
        ("subscribers", n("subscribers").to_string()),
        ("channels", n("channels").to_string()),
        ("messages kept", n("messages").to_string()),
        ("published", n("published").to_string()),
        ("delivered", n("delivered").to_string()),
        ("memory", format!("{} of {}", size(n("memory_bytes")), size(n("memory_bytes_max")))),
        ("limits reached", n("limits_reached").to_string()),
    ];
    lines.extend(pairs.iter().map(|(name, value)| format!("{name:<16}{value}")));
    lines.push(String::new());
    lines.join("\n")
}

/// A time in words.
pub(super) fn lasted(ms: u64) -> String {
    let s = ms / 1_000;
    match s {
        0..60 => format!("{s} s"),
        60..3_600 => format!("{} min {} s", s / 60, s % 60),
        3_600..86_400 => format!("{} h {} min", s / 3_600, s / 60 % 60),
        _ => format!("{} d {} h", s / 86_400, s / 3_600 % 24),
    }
}

/// Bytes in words.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut n = bytes as f64;
    while n >= 1024.0 && unit + 1 < UNITS.len() {
        n /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{n:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_for_people() {
        assert_eq!(
            (size(0), size(1023), size(1024), size(3 << 29)),
            ("0 B".into(), "1023 B".into(), "1.0 KiB".into(), "1.5 GiB".into())
        );
        assert_eq!((lasted(59_999), lasted(61_000)), ("59 s".into(), "1 min 1 s".into()));
        assert_eq!((lasted(3_660_000), lasted(90_000_000)), ("1 h 1 min".into(), "1 d 1 h".into()));
    }
}
