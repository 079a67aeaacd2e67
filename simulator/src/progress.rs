//! The bar of a run, for people who wait for it. It shows itself on a terminal only.
//! Knows nothing of scenarios.
use indicatif::{ProgressBar, ProgressStyle};

use crate::clock::{self, MILLISECOND};
use crate::crowd::Standing;

/// How often it changes: drawing costs the clients time.
const STEP_NS: u64 = 200 * MILLISECOND;

/// The bar.
pub struct Progress {
    bar: ProgressBar,
    stage: Stage,
    drawn: u64,
}

enum Stage {
    /// Everybody comes in.
    Gathering,
    /// Time passes.
    Playing { start: u64 },
}

impl Progress {
    /// Nothing is shown yet.
    pub fn new() -> Self {
        Self { bar: ProgressBar::hidden(), stage: Stage::Gathering, drawn: 0 }
    }

    /// So many are to come in.
    pub fn gathering(&mut self, count: u64) {
        self.show(count, "{bar:30} {pos} of {len} wait for messages");
        self.stage = Stage::Gathering;
    }

    /// Something goes on from one moment to another.
    pub fn playing(&mut self, start: u64, end: u64) {
        self.show((end - start) / MILLISECOND, "{bar:30} {eta} left · {msg}");
        self.stage = Stage::Playing { start };
    }

    fn show(&mut self, length: u64, template: &str) {
        self.bar.finish_and_clear();
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar = ProgressBar::new(length).with_style(style);
    }

    /// Lets the bar follow.
    pub fn follow(&mut self, now: u64, standing: &Standing) {
        if now - self.drawn < STEP_NS || self.bar.is_hidden() {
            return;
        }
        self.drawn = now;
        match self.stage {
            Stage::Gathering => self.bar.set_position(standing.asked),
            Stage::Playing { start } => {
                self.bar.set_position((clock::now().saturating_sub(start)) / MILLISECOND);
                self.bar.set_message(format!("{} deliveries", standing.fresh));
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
