//! One run's stage: the subscribers, the publishers, the server that is watched, and the time.
//! Knows nothing of what is to be shown on it: that is a scenario's.
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::{Events, Poll, Token};
use serde::{Deserialize, Serialize};

use crate::advance::Advance;
use crate::clock::{self, MILLISECOND, SECOND};
use crate::crew::{self, Crew};
use crate::crowd::{Crowd, Order, Standing};
use crate::limits::Sources;
use crate::press::{Manner, Press};
use crate::progress::Progress;
use crate::server::{Memory, Server};
use crate::tally::Tally;
use crate::target::Language;

/// Events taken from the kernel at once.
const EVENTS: usize = 1024;
/// Tokens from here on are publishers.
const PRESS_TOKENS: usize = 1 << 40;
/// Tokens from here on are processes of subscribers.
const CREW_TOKENS: usize = 1 << 41;
/// How near a deadline must be for looking again and again instead of sleeping: a sleep is exact to a millisecond only.
const SPIN_NS: u64 = 2 * MILLISECOND;
/// The longest that is waited for an event.
const TURN_NS: u64 = 100 * MILLISECOND;
/// How long a server may take to come to rest.
const SETTLE_NS_MAX: u64 = 60 * SECOND;
/// How often a server's use is looked at.
const SAMPLE_NS: u64 = 250 * MILLISECOND;
/// How often while everybody is connecting, so that memory over connections is a line.
const SAMPLES_WHILE_GATHERING: u64 = 16;

/// Where a run takes place.
#[derive(Clone, Debug)]
pub struct Place {
    /// What is spoken with the server.
    pub language: Language,
    /// Where subscribers connect.
    pub front: SocketAddr,
    /// Where publishers connect.
    pub admin: SocketAddr,
    /// What tells this run's messages from others'.
    pub run: u32,
    /// The processes that are watched.
    pub server: Server,
    /// How long nothing may happen before the rest is given up.
    pub patience_ns: u64,
    /// How many processes the subscribers are in; 1: this one.
    pub processes: u8,
}

/// A look at the server during a run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// Nanoseconds since the run began.
    pub at_ns: u64,
    /// Processor time since the server began.
    pub cpu_ns: u64,
    /// Its memory.
    pub memory: Memory,
    /// Subscribers that are connected.
    pub connections: u64,
}

/// The stage.
pub struct World {
    poll: Poll,
    events: Events,
    /// Subscribers in this process; nobody, if there are crews.
    crowd: Crowd,
    crews: Vec<Crew>,
    /// The publishers.
    pub press: Press,
    /// Where it takes place.
    pub place: Place,
    /// Connections of publishers that have got an answer in the last turn.
    pub answered: Vec<usize>,
    /// What is shown to those who wait.
    pub progress: Progress,
    subscribers: u64,
    /// Something has been measured.
    begun: bool,
    failure: Option<String>,
    started: u64,
    sampled: u64,
    samples: Vec<Sample>,
}

impl World {
    /// Connects the publishers. There is nobody yet to listen.
    ///
    /// # Errors
    /// A limit, or a server that is not there.
    pub fn new(place: Place, subscribers: usize, manner: Manner) -> Result<Self, String> {
        if let Some(pid) = place.server.missing() {
            return Err(format!("there is no process {pid}"));
        }
        let processes = usize::from(place.processes.max(1));
        let own = if processes == 1 { subscribers } else { 0 };
        crate::limits::raise_descriptors(own + manner.connections)
            .map_err(|obstacle| obstacle.to_string())?;
        let sources = Sources::new(place.front, own, 0).map_err(|obstacle| obstacle.to_string())?;
        let poll = Poll::new().map_err(|error| error.to_string())?;
        let speak = || place.language.speak(place.run);
        let press = Press::connect(speak(), place.admin, place.run, manner, poll.registry(), PRESS_TOKENS)
            .map_err(|error| format!("nobody takes messages at {}: {error}", place.admin))?;
        let crowd = Crowd::new(speak(), place.front, sources, place.run);
        let mut crews = Vec::new();
        for part in (0..place.processes).take_while(|_| processes > 1) {
            let subscribers = subscribers.div_ceil(processes);
            let options = crew::Options {
                target: place.language.name(),
                dialect: place.language.dialect(),
                front: place.front,
                run: place.run,
                part,
                subscribers,
            };
            let crew = Crew::start(&options, poll.registry(), Token(CREW_TOKENS + usize::from(part)))
                .map_err(|error| format!("cannot start more processes: {error}"))?;
            crews.push(crew);
        }
        let mut world = Self {
            poll,
            events: Events::with_capacity(EVENTS),
            crowd,
            crews,
            press,
            place,
            answered: Vec::new(),
            progress: Progress::new(),
            subscribers: subscribers as u64,
            begun: false,
            failure: None,
            started: clock::now(),
            sampled: 0,
            samples: Vec::new(),
        };
        world.sample(clock::now());
        Ok(world)
    }

    /// Gives an order to the subscribers.
    ///
    /// # Errors
    /// A process of subscribers has ended.
    pub fn order(&mut self, order: Order) -> Result<(), String> {
        let parts = self.crews.len() as u32;
        for (part, crew) in (0..).zip(&mut self.crews) {
            if let Some(order) = order.share(part, parts) {
                crew.order(order).map_err(|error| lost_crew(&error))?;
            }
        }
        if self.crews.is_empty() {
            self.crowd.obey(order, self.poll.registry());
        }
        Ok(())
    }

    /// What somebody in this process was refused with.
    pub fn complaint(&self) -> Option<&str> {
        self.crowd.complaint()
    }

    /// How the subscribers stand.
    pub fn standing(&self) -> Standing {
        let mut sum = self.crowd.standing();
        self.crews.iter().for_each(|crew| sum.add(&crew.standing()));
        sum
    }

    /// Lets things happen until one has, or until the deadline.
    ///
    /// # Errors
    /// The publishers have lost the server before anything was measured.
    pub fn turn(&mut self, deadline: u64) -> Result<(), String> {
        self.answered.clear();
        if let Err(error) = self.press.flush(self.poll.registry()) {
            self.lose(gone(&error))?;
        }
        for crew in &mut self.crews {
            crew.flush().map_err(|error| lost_crew(&error))?;
        }
        self.crowd.try_again(self.poll.registry());
        let now = clock::now();
        if self.place.server.is_watched() {
            let seen = self.samples.last().map_or(0, |sample| sample.connections);
            let moved = self.standing().asked.abs_diff(seen) > self.subscribers / SAMPLES_WHILE_GATHERING;
            if moved || now - self.sampled >= SAMPLE_NS {
                self.sample(now);
            }
        }
        let standing = self.standing();
        self.progress.follow(now, &standing);
        let left = deadline.saturating_sub(clock::now());
        let timeout = if left < SPIN_NS { 0 } else { (left - SPIN_NS / 2).min(TURN_NS) / MILLISECOND };
        match self.poll.poll(&mut self.events, Some(Duration::from_millis(timeout))) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error.to_string()),
            Ok(()) => {}
        }
        let mut lost = None;
        let Self { poll, events, crowd, crews, press, answered, .. } = self;
        for event in &*events {
            let (now, token) = (clock::now(), event.token().0);
            if token < PRESS_TOKENS {
                crowd.hear(token, event, poll.registry(), now);
            } else if let Some(crew) = token.checked_sub(CREW_TOKENS) {
                crews[crew].hear()?;
            } else if let Err(error) = press.hear(token - PRESS_TOKENS, event, poll.registry(), now, answered)
            {
                lost = Some(gone(&error));
            }
        }
        lost.map_or(Ok(()), |words| self.lose(words))
    }

    /// Lets things happen until `done`, or until nothing has come further for the run's patience, or the server is
    /// gone; whether it is done.
    ///
    /// # Errors
    /// The publishers have lost the server before anything was measured.
    pub fn turn_until(&mut self, done: impl FnMut(&Self) -> bool) -> Result<bool, String> {
        self.turn_until_still(self.place.patience_ns, done)
    }

    /// The same with another patience. What counts is time in which it was looked for something new: when this process was kept
    /// from looking, what has come meanwhile is seen first.
    ///
    /// # Errors
    /// The publishers have lost the server before anything was measured.
    pub fn turn_until_still(
        &mut self,
        patience_ns: u64,
        mut done: impl FnMut(&Self) -> bool,
    ) -> Result<bool, String> {
        let mut advance = Advance::from(self.standing(), self.press.open());
        let mut still = 0;
        loop {
            if done(self) {
                return Ok(true);
            }
            if still >= patience_ns || self.failure.is_some() {
                return Ok(false);
            }
            let start = clock::now();
            self.turn(start + (patience_ns - still).min(TURN_NS))?;
            still += (clock::now() - start).min(TURN_NS);
            if advance.goes_on(self.standing(), self.press.open()) {
                still = 0;
            }
        }
    }

    /// Lets things happen until that moment.
    ///
    /// # Errors
    /// The publishers have lost the server before anything was measured.
    pub fn turn_for(&mut self, nanoseconds: u64) -> Result<(), String> {
        let until = clock::now() + nanoseconds;
        while clock::now() < until && self.failure.is_none() {
            self.turn(until)?;
        }
        Ok(())
    }

    /// Waits until the server has nothing to do any more; gives when it was last seen at work. Without a process to
    /// watch, it waits for a moment.
    ///
    /// # Errors
    /// The same, or it does not come to rest.
    pub fn settle_down(&mut self) -> Result<u64, String> {
        if !self.place.server.is_watched() {
            self.turn_for(200 * MILLISECOND)?;
            return Ok(clock::now());
        }
        let mut cpu = self.place.server.cpu_ns();
        let start = clock::now();
        let mut at_work = start;
        while clock::now() - at_work < 50 * MILLISECOND {
            self.turn_for(2 * MILLISECOND)?;
            let present = self.place.server.cpu_ns();
            // Its timers may tick; that is not work.
            if present > cpu + 100_000 {
                at_work = clock::now();
            }
            if clock::now() - start > SETTLE_NS_MAX {
                let seconds = SETTLE_NS_MAX / SECOND;
                self.lose(format!("the server is at work for {seconds} seconds without a request"))?;
                return Ok(at_work);
            }
            cpu = present;
        }
        Ok(at_work)
    }

    /// From now on there is an outcome, whatever becomes of the server.
    pub fn begin(&mut self) {
        self.begun = true;
    }

    /// Why there is nothing more to be seen, if that is so.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Whether there is nothing more to be seen.
    pub fn is_over(&self) -> bool {
        self.failure.is_some()
    }

    /// The server is lost: before anything was measured there was no run; afterwards that is what the run has shown.
    fn lose(&mut self, words: String) -> Result<(), String> {
        if !self.begun {
            return Err(words);
        }
        self.failure.get_or_insert(words);
        Ok(())
    }

    /// Measures what is meant to be sent from now on; or no longer.
    ///
    /// # Errors
    /// A process of subscribers has ended.
    pub fn measure(&mut self, on: bool) -> Result<(), String> {
        self.begun |= on;
        let since = on.then(clock::now);
        self.press.measure(since);
        self.order(Order::Measure { since })
    }

    fn sample(&mut self, now: u64) {
        self.sampled = now;
        self.samples.push(Sample {
            at_ns: now - self.started,
            cpu_ns: self.place.server.cpu_ns(),
            memory: self.place.server.memory(),
            connections: self.standing().asked,
        });
    }

    /// Ends the run: the account of all subscribers, and how the server did.
    ///
    /// # Errors
    /// A process of subscribers has ended without its account.
    pub fn end(mut self) -> Result<(Tally, Press, Vec<Sample>), String> {
        self.sample(clock::now());
        // What is still to come is from this machine.
        self.failure = None;
        for crew in &mut self.crews {
            crew.settle(self.press.heads()).map_err(|error| lost_crew(&error))?;
        }
        let settled = self.turn_until(|world| world.crews.iter().all(Crew::has_settled))?;
        if !settled {
            return Err("a process of subscribers does not answer".to_owned());
        }
        let mut tally = self.crowd.settle(self.press.heads());
        self.crews.iter_mut().filter_map(Crew::account).for_each(|account| tally.add(&account));
        let account = self.press.account();
        tally.counts.published = self.press.published();
        tally.counts.refused += account.refused;
        tally.counts.broken += account.unanswered;
        tally.counts.doubled += account.doubled;
        if self.subscribers == 0 {
            // Where nobody listens, an answer is all that is owed.
            tally.counts.lost += self.press.unanswered();
        }
        if let Some(complaint) = &account.complaint {
            tally.complain(|| complaint.clone());
        }
        Ok((tally, self.press, self.samples))
    }
}

fn gone(error: &io::Error) -> String {
    format!("nobody takes messages any more: {error}")
}

fn lost_crew(error: &io::Error) -> String {
    format!("a process of subscribers has ended: {error}")
}
