//! `top`: the daemon at work, looked at again and again.
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use serde_json::{Value, json};
use signal_hook::consts::signal::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use super::lifecycle::{lasted, size};
use super::table::{Table, shown};
use super::{number, print_json};
use crate::app::print;
use crate::cli::TopFlags;
use crate::client::{Ask, Client};
use crate::exit::Failure;

/// Channels that are asked for.
const CHANNELS: usize = 50;

/// What was seen at one look.
struct Look {
    at: Instant,
    status: Value,
    channels: Vec<Value>,
}

impl Look {
    fn take(client: &Client) -> Result<Self, Failure> {
        let status = client.ask(&Ask::new("GET", "/control/status"))?.json()?;
        let target = format!("/channels?sort=subscribers&limit={CHANNELS}");
        let page = client.ask(&Ask::new("GET", &target))?.json()?;
        let channels = page["channels"].as_array().cloned().unwrap_or_default();
        Ok(Self { at: Instant::now(), status, channels })
    }

    /// How often something has happened a second since the look before.
    fn rate(&self, before: &Self, name: &str) -> f64 {
        let more = number(&self.status, name).saturating_sub(number(&before.status, name));
        per_second(more, self.at - before.at)
    }

    /// Messages a second of a channel, which has a place in the look before if it was shown there.
    fn channel_rate(&self, before: &Self, channel: &Value) -> f64 {
        let same = before.channels.iter().find(|other| other["channel"] == channel["channel"]);
        let then = same.map_or_else(|| number(channel, "next"), |other| number(other, "next"));
        per_second(number(channel, "next").saturating_sub(then), self.at - before.at)
    }
}

fn per_second(count: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { count as f64 / time.as_secs_f64() }
}

const RATES: [&str; 4] = ["requests", "published", "delivered", "limits_reached"];

/// `rcomet top`.
pub(crate) fn top(flags: &TopFlags) -> Result<(), Failure> {
    if !(0.1..=3_600.0).contains(&flags.every) {
        return Err(Failure::Usage("--every takes from 0.1 to 3600 seconds".into()));
    }
    let client = Client::find(&flags.target)?;
    let mut before = Look::take(&client)?;
    let is_view = std::io::stdout().is_terminal() && !flags.target.json;
    let stop = Stop::listen()?;
    let view = is_view.then(View::begin).transpose()?;
    let mut left = flags.count.unwrap_or(u64::MAX);
    if is_view {
        draw(&before, &before)?;
    }
    while left > 0 {
        if stop.waits(Duration::from_secs_f64(flags.every), view.is_some())? {
            break;
        }
        let now = Look::take(&client)?;
        if flags.target.json {
            let rates = RATES.map(|name| (format!("{name}_per_second"), now.rate(&before, name).into()));
            let rates: serde_json::Map<String, Value> = rates.into_iter().collect();
            print_json(&json!({ "status": now.status, "rates": rates, "channels": now.channels }))?;
        } else if is_view {
            draw(&now, &before)?;
        } else {
            print(&line(&now, &before))?;
        }
        before = now;
        left -= 1;
    }
    drop(view);
    Ok(())
}

fn line(now: &Look, before: &Look) -> String {
    let n = |name: &str| number(&now.status, name);
    format!(
        "connections {}  subscribers {}  channels {}  published/s {:.1}  delivered/s {:.1}  memory {}  limits reached {}\n",
        n("connections"),
        n("subscribers"),
        n("channels"),
        now.rate(before, "published"),
        now.rate(before, "delivered"),
        size(n("memory_bytes")),
        n("limits_reached"),
    )
}

/// The whole view, for a terminal of so many lines and columns.
fn page(now: &Look, before: &Look, lines: usize, columns: usize) -> String {
    let n = |name: &str| number(&now.status, name);
    let rate = |name: &str| format!("{:.1}", now.rate(before, name));
    let mut text = format!(
        "rcomet {}  process {}  up {}  (q ends)\n\n",
        now.status["version"].as_str().unwrap_or_default(),
        n("pid"),
        lasted(n("uptime_ms"))
    );
    text += &format!(
        "connections {} of {}   websockets {}   subscribers {}   channels {}\n",
        n("connections"),
        n("connections_max"),
        n("websockets"),
        n("subscribers"),
        n("channels")
    );
    text += &format!(
        "a second: requests {}   published {}   delivered {}   limits reached {}\n",
        rate("requests"),
        rate("published"),
        rate("delivered"),
        rate("limits_reached")
    );
    text += &format!(
        "memory {} of {}   messages kept {} in {}\n\n",
        size(n("memory_bytes")),
        size(n("memory_bytes_max")),
        n("messages"),
        size(n("history_bytes"))
    );
    let mut table = Table::new(&["SUBSCRIBERS", "MSG/S", "KEPT", "NEXT", "CHANNEL"]);
    for channel in &now.channels {
        table.row(vec![
            number(channel, "subscribers").to_string(),
            format!("{:.1}", now.channel_rate(before, channel)),
            number(channel, "messages").to_string(),
            number(channel, "next").to_string(),
            shown(channel["channel"].as_str().unwrap_or_default()).into_owned(),
        ]);
    }
    text += &table.text();
    let cut = |line: &str| line.chars().take(columns).collect::<String>();
    text.lines().take(lines.saturating_sub(1)).map(cut).collect::<Vec<_>>().join("\r\n")
}

fn draw(now: &Look, before: &Look) -> Result<(), Failure> {
    let window = tcgetwinsize(std::io::stdout()).ok();
    let (lines, columns) = window
        .map(|window| (usize::from(window.ws_row), usize::from(window.ws_col)))
        .filter(|(lines, columns)| *lines > 0 && *columns > 0)
        .unwrap_or((24, 80));
    // From the upper left; each line is cleared behind its end, and then what is below.
    let text = page(now, before, lines, columns).replace("\r\n", "\x1b[K\r\n");
    print(&format!("\x1b[H{text}\x1b[K\x1b[J"))
}

/// The terminal while the view is on it: another screen, keys without the return key. All is as it was when this is dropped.
struct View {
    before: Option<Termios>,
}

impl View {
    fn begin() -> Result<Self, Failure> {
        let before = tcgetattr(std::io::stdin()).ok();
        if let Some(before) = &before {
            let mut keys = before.clone();
            keys.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            tcsetattr(std::io::stdin(), OptionalActions::Now, &keys)
                .map_err(|error| Failure::Other(error.to_string()))?;
        }
        let view = Self { before };
        print("\x1b[?1049h\x1b[?25l")?;
        Ok(view)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
        let mut out = std::io::stdout();
        let _ = out.write_all(b"\x1b[?25h\x1b[?1049l").and_then(|()| out.flush());
    }
}

/// Word that it is enough: a signal, or a key.
struct Stop {
    signalled: std::os::unix::net::UnixStream,
}

impl Stop {
    fn listen() -> Result<Self, Failure> {
        let (signalled, sender) = std::os::unix::net::UnixStream::pair()?;
        for signal in [SIGINT, SIGTERM] {
            pipe::register(signal, sender.try_clone()?)?;
        }
        Ok(Self { signalled })
    }

    /// Waits so long; whether it is enough.
    fn waits(&self, time: Duration, has_keys: bool) -> Result<bool, Failure> {
        let until = Instant::now() + time;
        let input = std::io::stdin();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).ok();
            let mut all = vec![PollFd::new(&self.signalled, PollFlags::IN)];
            if has_keys {
                all.push(PollFd::new(&input, PollFlags::IN));
            }
            match poll(&mut all, timeout.as_ref()) {
                Ok(0) => return Ok(false),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(Failure::Other(error.to_string())),
                Ok(_) => {
                    if !all[0].revents().is_empty() {
                        return Ok(true);
                    }
                    let mut key = [0; 16];
                    let n = std::io::Read::read(&mut std::io::stdin(), &mut key)?;
                    if n == 0 || key[..n].iter().any(|key| matches!(key, b'q' | b'Q' | 3)) {
                        return Ok(true);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(published: u64, next: u64, at: Instant) -> Look {
        let status = json!({ "published": published, "version": "1", "memory_bytes": 2048 });
        let channel = json!({ "channel": "a\u{1b}[2J", "subscribers": 3, "messages": 1, "next": next });
        Look { at, status, channels: vec![channel] }
    }

    #[test]
    fn a_page_shows_rates_and_fits() {
        let start = Instant::now();
        let (before, now) = (look(10, 1, start), look(30, 5, start + Duration::from_secs(2)));
        let text = page(&now, &before, 24, 80);
        assert!(text.contains("published 10.0"), "{text}");
        assert!(text.contains("3            2.0    1     5     a\\u{1b}[2J"), "{text}");
        let small = page(&now, &before, 5, 20);
        assert_eq!(small.split("\r\n").count(), 4);
        assert!(small.split("\r\n").all(|line| line.chars().count() <= 20));
    }
}
