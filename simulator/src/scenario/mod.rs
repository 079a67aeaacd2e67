//! What can be played on a [`World`], one file each.
//! Knows nothing of where the outcome goes.
mod channels;
mod chat;
mod churn;
mod connect;
mod fanout;
mod idle;
mod publish;
mod run;
mod slow;
mod storm;

use std::collections::BTreeMap;

use clap::{Args, Subcommand};

use self::run::Run;
use crate::clock::{self, MILLISECOND, SECOND};
use crate::crowd::Order;
use crate::outcome::{Latency, Outcome, per_second};
use crate::press::Manner;
use crate::target::{Kind, Language};
use crate::world::{Place, World};

/// Connections that are being made at the same time, when there is no reason for another number.
const WINDOW: u32 = 256;

/// How long nothing may come any more before nobody expects that something does which nobody is owed.
const UNASKED_NS: u64 = 300 * MILLISECOND;

/// One of them, with its options.
#[derive(Clone, Debug, Subcommand)]
pub enum Scenario {
    /// Everybody on one channel: how many deliveries a second, how late, and what one costs the server
    Fanout(fanout::Options),
    /// Many channels with a few each, and messages to one or another: how late they are
    Channels(channels::Options),
    /// Publishing without listeners: how many requests a second, and what one costs the server
    Publish(publish::Options),
    /// Connections that wait: what one costs in memory, and what all cost while nothing happens
    Idle(idle::Options),
    /// Arrivals: how many come to wait in a second, and what one costs the server
    Connect(connect::Options),
    /// Subscribers who lose their connections one after another and come back: does anybody miss anything?
    Churn(churn::Options),
    /// Rooms in which people come, talk, fall silent and leave
    Chat(chat::Options),
    /// Some who never read: what the others feel of it, and what it costs in memory
    Slow(slow::Options),
    /// Everybody is cut off at once: how long until all are back, and does anybody miss anything?
    Storm(storm::Options),
}

/// Who listens.
#[derive(Clone, Debug, Args)]
pub struct Listeners {
    /// Subscribers
    #[arg(long, short = 'n', default_value_t = 1000, value_parser = crate::numbers::count())]
    pub subscribers: u32,
    /// How they listen [default: sse, or what the dialect has]
    #[arg(long, short = 'k', value_enum)]
    pub kind: Option<Kind>,
}

impl Listeners {
    /// How they listen to the server of this place.
    fn kind(&self, place: &Place) -> Kind {
        self.kind.unwrap_or_else(|| place.language.usual_kind())
    }
}

/// What a scenario has found; the rest of an [`Outcome`] is the same for all.
struct Found {
    world: World,
    settings: Vec<(String, String)>,
    figures: BTreeMap<String, f64>,
    failure: Option<String>,
}

impl Scenario {
    /// Plays it. A run that cannot begin is an error; one that has begun always has an outcome.
    ///
    /// # Errors
    /// A limit, or a server that is not there.
    pub fn play(&self, place: Place, size: usize) -> Result<Outcome, String> {
        let language = place.language;
        self.check(language)?;
        let found = match self {
            Self::Fanout(options) => fanout::play(options, place, size),
            Self::Channels(options) => channels::play(options, place, size),
            Self::Publish(options) => publish::play(options, place, size),
            Self::Idle(options) => idle::play(options, place, size),
            Self::Connect(options) => connect::play(options, place, size),
            Self::Churn(options) => churn::play(options, place, size),
            Self::Chat(options) => chat::play(options, place, size),
            Self::Slow(options) => slow::play(options, place, size),
            Self::Storm(options) => storm::play(options, place, size),
        }?;
        let Found { world, mut settings, figures, mut failure } = found;
        settings.push(("message bytes".to_owned(), size.to_string()));
        if let Some(words) = world.failure() {
            failure = Some(words.to_owned());
        }
        if let Some(pid) = world.place.server.missing() {
            failure = Some(format!("a watched process has ended: {pid}"));
        }
        let ended = world.standing().ended;
        let (tally, press, samples) = world.end()?;
        let ends =
            [(ended, "streams have ended"), (tally.counts.empty, "answers have ended without a message")];
        for (count, what) in ends.iter().filter(|(count, _)| *count > 0) {
            failure = failure.map(|words| format!("{words}; {count} {what}"));
        }
        let warnings = self.warnings(&figures, size, tally.counts.published);
        if failure.is_none() && tally.counts.published > 0 && press.account().taken == 0 {
            failure = Some("not one message was taken".to_owned());
        }
        Ok(Outcome {
            scenario: self.name().to_owned(),
            target: language.to_string(),
            name: None,
            command: std::iter::once("rcomet-sim".to_owned())
                .chain(std::env::args().skip(1))
                .collect::<Vec<_>>()
                .join(" "),
            settings,
            latency: Latency::of(&tally.latency),
            answers: Latency::of(&press.account().latency),
            counts: tally.counts,
            complaint: tally.complaint,
            failure,
            warnings,
            figures,
            samples,
            deliveries_per_second: per_second(&tally.over_time),
        })
    }

    /// Bytes of a message, if nobody says how many.
    pub fn usual_size(&self) -> usize {
        // Small ones make nobody slow: the kernel's buffers take thousands of them.
        if matches!(self, Self::Slow(_)) { 8000 } else { 100 }
    }

    /// Its name on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fanout(_) => "fanout",
            Self::Channels(_) => "channels",
            Self::Publish(_) => "publish",
            Self::Idle(_) => "idle",
            Self::Connect(_) => "connect",
            Self::Churn(_) => "churn",
            Self::Chat(_) => "chat",
            Self::Slow(_) => "slow",
            Self::Storm(_) => "storm",
        }
    }

    /// What figures do not show, although they are there.
    fn warnings(&self, figures: &BTreeMap<String, f64>, size: usize, published: u64) -> Vec<String> {
        match self {
            Self::Idle(_) => idle::warnings(figures),
            Self::Slow(_) => slow::warnings(figures, size as u64 * published),
            _ => Vec::new(),
        }
    }

    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Fanout(options) => options.listeners.kind,
            Self::Channels(options) => options.kind,
            Self::Publish(_) => None,
            Self::Idle(options) => options.listeners.kind,
            Self::Connect(options) => options.listeners.kind,
            Self::Churn(options) => options.listeners.kind,
            Self::Chat(options) => options.kind,
            Self::Slow(options) => options.listeners.kind,
            Self::Storm(options) => options.listeners.kind,
        }
    }

    fn check(&self, language: Language) -> Result<(), String> {
        if matches!(self, Self::Publish(_)) {
            return Ok(());
        }
        let kinds = language.speak(0).kinds();
        let kind = self.kind().unwrap_or_else(|| language.usual_kind());
        if kinds.contains(&kind) {
            return Ok(());
        }
        if kinds.is_empty() {
            return Err(format!("{language} cannot be listened to: it is for publish only"));
        }
        let known: Vec<String> = kinds.iter().map(Kind::to_string).collect();
        Err(format!("{language} cannot be listened to by {kind}, but by: {}", known.join(", ")))
    }
}

/// The publishers of a scenario in which they are not what matters.
fn manner(channels: u32, size: usize) -> Manner {
    Manner { connections: (channels as usize).min(8), depth: 64, size, channels }
}

/// Seats everybody and lets them connect and ask.
///
/// # Errors
/// The server is gone, or does not let everybody in.
fn gather(world: &mut World, listeners: &Listeners, channels: u32, window: u32) -> Result<(), String> {
    let (count, kind) = (listeners.subscribers, listeners.kind(&world.place));
    world.progress.gathering(count.into());
    let last = world.press.answered_head(0);
    world.order(Order::Seats { first: 0, count, kind, channels, last, deaf: false, step: 1 })?;
    world.order(Order::Open { first: 0, window })?;
    let all = u64::from(count);
    let parked = waits_for_head(world, kind);
    let arrived = world.turn_until(|world| {
        let standing = world.standing();
        standing.asked == all && (!parked || standing.parked == all)
    })?;
    if arrived {
        return Ok(());
    }
    let standing = world.standing();
    Err(format!(
        "only {} of {all} subscribers came to wait (connecting: {}, away: {}, refused: {}){}{}{}",
        if parked { standing.parked } else { standing.asked },
        standing.connecting,
        standing.away,
        standing.refused,
        world.complaint().map(|words| format!(": {words}")).unwrap_or_default(),
        match standing.ended {
            0 => String::new(),
            ended => format!(
                "\nAnswers end at once that should go on, {ended} of them until now: there is no stream of this kind at that address"
            ),
        },
        if standing.ended > 0 { String::new() } else { room(world) },
    ))
}

/// What may stand in the way of more subscribers at the other end, unless the server has said something else itself.
fn room(world: &World) -> String {
    let own = |words: &str| words.contains("lift it (as root)") || words.contains("Lift it (as root)");
    let theirs = |words: &str| words.contains(" 503 ") || words.starts_with("cannot connect");
    if world.complaint().is_some_and(|words| own(words) || !theirs(words)) {
        return String::new();
    }
    let descriptors = match world.place.server.descriptors() {
        Some(most) => format!("it may have {most} descriptors"),
        None => "its descriptors may be used up".to_owned(),
    };
    format!(
        "\nThe server may have no room for more: {descriptors} (ulimit -n where it is started, LimitNOFILE= of systemd), and may have \
         limits of its own (limits.connections_max of rcomet)"
    )
}

/// Whether the server says that a subscriber waits, by beginning its answer.
fn waits_for_head(world: &World, kind: Kind) -> bool {
    !kind.polls() || world.place.language.speak(0).confirms_polls()
}

/// Publishes one message to each channel, and waits until everybody who is owed it has it; whether they all have.
///
/// # Errors
/// The server is gone.
fn probe(world: &mut World, channels: u32, expected: u64) -> Result<bool, String> {
    let before = world.standing().fresh;
    for channel in 0..channels {
        world.press.post(channel, clock::now());
    }
    world.turn_until(|world| {
        let standing = world.standing();
        standing.fresh >= before + expected && world.press.open() == 0
    })
}

/// Publishes two messages to each channel, one after the other, waits until everybody has both, and listens on for what nobody
/// is owed: a message that comes again, or before the one that it follows, has come by then. Whether everybody has got both.
///
/// # Errors
/// The server is gone.
fn probe_to_the_end(world: &mut World, channels: u32, all: u64) -> Result<bool, String> {
    let complete = probe(world, channels, all)? && probe(world, channels, all)?;
    if complete {
        listen_on(world, all)?;
    }
    world.settle_down()?;
    Ok(complete)
}

/// Waits for what nobody is owed.
///
/// # Errors
/// The server is gone.
fn listen_on(world: &mut World, all: u64) -> Result<(), String> {
    // Who polls hears it when it has asked again.
    world.turn_until(|world| world.standing().asked == all)?;
    world.turn_until_still(UNASKED_NS, |_| false)?;
    Ok(())
}

/// A figure a second.
fn rate(count: u64, nanoseconds: u64) -> f64 {
    count as f64 * SECOND as f64 / nanoseconds.max(1) as f64
}

/// Milliseconds of processor time per 100,000 of something.
fn cpu_per_100k_ms(cpu_ns: u64, count: u64) -> f64 {
    cpu_ns as f64 / 1e6 * 100_000.0 / count.max(1) as f64
}
