//! The part of a scenario that is measured: from when everybody is in place until everybody has everything.
//! Knows nothing of who is in place, or of what is published.
use std::collections::BTreeMap;

use super::{Found, cpu_per_100k_ms, rate};
use crate::clock::{self, MILLISECOND, SECOND};
use crate::world::World;

/// Where nobody can say how many deliveries are due, it is over when there has been none for so long.
const QUIET_NS: u64 = 700 * MILLISECOND;

/// A run that is being measured.
pub struct Run {
    pub world: World,
    failure: Option<String>,
    started: u64,
    cpu_ns: u64,
    fresh: u64,
    published: u64,
}

/// A run that is over.
pub struct Over {
    pub world: World,
    failure: Option<String>,
}

impl Run {
    /// Measures from now on.
    pub fn begin(mut world: World) -> Result<Self, String> {
        world.settle_down()?;
        world.measure(true)?;
        Ok(Self {
            failure: None,
            started: clock::now(),
            cpu_ns: world.place.server.cpu_ns(),
            fresh: world.standing().fresh,
            published: world.press.published(),
            world,
        })
    }

    /// The run shows nothing but this.
    pub fn fail(&mut self, words: &str) {
        self.failure.get_or_insert_with(|| words.to_owned());
    }

    /// When measuring began.
    pub fn started(&self) -> u64 {
        self.started
    }

    /// Does something at its time again and again, whatever has become of what was done before.
    pub fn at_a_rate(
        &mut self,
        rate: f64,
        seconds: f64,
        mut act: impl FnMut(&mut World, u64) -> Result<(), String>,
    ) -> Result<(), String> {
        let step = SECOND as f64 / rate.max(1e-6);
        let start = clock::now();
        let end = start + (seconds * SECOND as f64) as u64;
        // A short piece is one of many: the bar is about the whole.
        if seconds >= 1.0 {
            self.world.progress.playing(start, end);
        }
        for n in 0u64.. {
            let intended = start + (n as f64 * step) as u64;
            let until = intended.min(end);
            while clock::now() < until && !self.world.is_over() {
                self.world.turn(until)?;
            }
            if intended >= end || self.world.is_over() {
                break;
            }
            act(&mut self.world, intended)?;
        }
        Ok(())
    }

    /// Waits until each of the messages has reached `each` subscribers, and makes up the figures.
    pub fn end(mut self, each: u64, figures: &mut BTreeMap<String, f64>) -> Result<Over, String> {
        let expected = self.fresh + (self.world.press.published() - self.published) * each;
        let mut last = clock::now();
        let mut seen = 0;
        let complete = self.world.turn_until(|world| {
            let present = world.standing().fresh;
            if present != seen {
                (seen, last) = (present, clock::now());
            }
            present >= expected && world.press.open() == 0
        })?;
        if !complete {
            self.fail("not everybody has got everything");
        }
        self.make_up(last, figures)
    }

    /// Waits until nothing comes any more, and makes up the figures.
    pub fn end_when_quiet(mut self, figures: &mut BTreeMap<String, f64>) -> Result<Over, String> {
        let mut last = clock::now();
        let mut seen = self.world.standing();
        let mut look = |world: &World| {
            let present = world.standing();
            if present != seen || world.press.open() > 0 {
                (seen, last) = (present, clock::now());
            }
        };
        // First all answers, for which there is more patience.
        let answered = self.world.turn_until(|world| {
            look(world);
            world.press.open() == 0
        })?;
        if answered {
            let quiet = QUIET_NS.min(self.world.place.patience_ns);
            self.world.turn_until_still(quiet, |world| {
                look(world);
                false
            })?;
        } else {
            self.fail("the server has stopped answering");
        }
        self.make_up(last, figures)
    }

    fn make_up(mut self, last: u64, figures: &mut BTreeMap<String, f64>) -> Result<Over, String> {
        let elapsed = last.saturating_sub(self.started).max(1);
        self.world.measure(false)?;
        self.world.settle_down()?;
        let cpu = self.world.place.server.cpu_since(self.cpu_ns);
        let deliveries = self.world.standing().fresh - self.fresh;
        figures.insert("deliveries".to_owned(), deliveries as f64);
        figures.insert("deliveries_per_second".to_owned(), rate(deliveries, elapsed));
        if let Some(cpu) = cpu {
            figures.insert("cpu_per_100k_deliveries_ms".to_owned(), cpu_per_100k_ms(cpu, deliveries));
            figures.insert("cpu_percent".to_owned(), cpu as f64 * 100.0 / elapsed as f64);
        }
        Ok(Over { world: self.world, failure: self.failure })
    }
}

impl Over {
    /// What was found.
    pub fn found(self, settings: Vec<(String, String)>, figures: BTreeMap<String, f64>) -> Found {
        Found { world: self.world, settings, figures, failure: self.failure }
    }
}
