//! A journal in memory, and a server that begins again from it.
use rcomet_core::chance::Chance;
use rcomet_core::journal::{Ending, First, Line, Replayed};
use rcomet_core::time::Date;
use rcomet_core::{About, Config, Machine};

use super::{End, START, Server};

/// What has been written down.
#[derive(Default)]
pub struct Journal {
    pub text: Vec<u8>,
    /// What is written anew, and whether all of it is there.
    anew: Option<(Vec<u8>, bool)>,
    /// How often that was done.
    pub rewritten: u64,
}

impl Server {
    /// Writes down what happens from now on.
    pub fn keep_journal(&mut self) {
        let mut journal = Journal::default();
        self.machine.journal_first(1, false).write(&mut journal.text);
        self.machine.keep_journal();
        self.machine.begin_anew();
        while !self.machine.write_more(100, &mut journal.text) {}
        self.machine.end_anew(true);
        self.journal = Some(journal);
    }

    /// What a shell does before it sends anything.
    pub fn store(&mut self) {
        let Some(journal) = &mut self.journal else { return };
        self.machine.write_entries(&mut journal.text);
        if let Some((text, true)) = &mut journal.anew {
            self.machine.write_more(usize::MAX, text);
        }
    }

    /// Writes some bytes of the journal anew; begins with that, or puts the new one in place, when it is time.
    pub fn rewrite(&mut self, bytes: usize) {
        self.store();
        let Some(journal) = &mut self.journal else { return };
        match &mut journal.anew {
            None => {
                let mut text = Vec::new();
                self.machine.journal_first(1, false).write(&mut text);
                self.machine.begin_anew();
                journal.anew = Some((text, false));
            }
            Some((text, is_whole @ false)) => {
                let mut share = Vec::new();
                *is_whole = self.machine.write_more(bytes, &mut share);
                text.append(&mut share);
            }
            Some((text, true)) => {
                journal.text = std::mem::take(text);
                journal.anew = None;
                journal.rewritten += 1;
                self.machine.end_anew(true);
            }
        }
    }

    /// The last bytes are lost, but for the first line.
    pub fn tear(&mut self, bytes: usize) {
        self.store();
        let Some(journal) = &mut self.journal else { return };
        let first = journal.text.iter().position(|byte| *byte == b'\n').expect("a first line") + 1;
        journal.text.truncate(journal.text.len().saturating_sub(bytes).max(first));
    }

    /// The process ends, and another begins with what has been written down. Everybody is cut off.
    pub fn restart(&mut self, ending: Ending, seed: u64) -> Replayed {
        self.restart_at(ending, seed, Date::from_unix(START + self.now.0 / 1_000))
    }

    /// The same, with a wall clock that may have been set meanwhile.
    pub fn restart_at(&mut self, ending: Ending, seed: u64, date: Date) -> Replayed {
        let config = self.machine.config().clone();
        self.restart_with(config, ending, seed, date).expect("there is room")
    }

    /// The same, with another configuration. Where the start is refused everything is as it was.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn restart_with(
        &mut self,
        config: Config,
        ending: Ending,
        seed: u64,
        date: Date,
    ) -> Result<Replayed, String> {
        self.store();
        let journal = self.journal.as_ref().expect("there is a journal");
        let (mut text, rewritten) = (journal.text.clone(), journal.rewritten);
        if matches!(ending, Ending::Clean(_)) {
            self.machine.write_end(&mut text);
        }
        let mut machine = Machine::new(config, Box::new(Chance::from_seed(seed)), self.now, date);
        machine.set_about(About { listeners: self.listeners.clone(), ..About::default() });
        let mut lines = text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
        machine.begin_replay(&First::read(lines.next().expect("a first line")).expect("it reads back"));
        let mut end = None;
        for line in lines {
            assert_eq!(end, None, "nothing stands behind the end");
            match Line::read(line).unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(line))) {
                Line::Entry(entry) => machine.replay(entry)?,
                Line::End(head) => end = Some(Ending::Clean(head)),
            }
        }
        let replayed = machine.end_replay(end.unwrap_or(ending))?;
        self.machine = machine;
        for end in &mut self.ends {
            let received = std::mem::take(&mut end.received);
            *end = End { shut: true, closed: true, received, ..End::default() };
        }
        self.by_id.clear();
        self.asked.clear();
        self.machine.check();
        self.keep_journal();
        if let Some(journal) = &mut self.journal {
            journal.rewritten = rewritten;
        }
        Ok(replayed)
    }
}
