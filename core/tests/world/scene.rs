//! What one subscription hears, record by record: whether it may hear this now, and what it may hear next.
//! Knows nothing of HTTP.
use rcomet_core::time::Moment;

use super::asking::PEOPLE;
use super::book::Book;
use super::reading::{Form, Reading, Start};
use super::record::{self, Item, Record, Text};
use super::regime::Regime;
use super::tally::Tally;

/// What stands around when something is heard.
pub struct Scene<'a> {
    pub book: &'a mut Book,
    pub regime: &'a Regime,
    pub tally: &'a mut Tally,
    pub now: Moment,
    /// The time of the turn before: leases that ended since may not have been noticed.
    pub before: Moment,
    /// The least that the head of the channel can have been when this was written.
    pub low: u64,
    pub draining: bool,
    /// Contrary things happened to the channel in this very call.
    pub unsure: bool,
}

impl Reading {
    fn may_be_lost(&self, seq: u64, scene: &Scene<'_>) -> bool {
        scene.unsure || scene.book.lives[self.life()].may_be_lost(seq, self.reader(), scene.regime, scene.now)
    }

    /// Whether `number` can have been the channel's next number when this was written.
    fn is_head(&self, number: u64, scene: &Scene<'_>) -> bool {
        let life = &scene.book.lives[self.life()];
        scene.unsure || life.blurred || (scene.low <= number && number <= life.head())
    }

    /// The body of a poll.
    #[track_caller]
    pub fn poll(&mut self, body: &str, scene: &mut Scene<'_>) {
        let records = body.strip_suffix('\n').unwrap_or_else(|| panic!("{body:?} ends with a line end"));
        let (records, is_array) = record::poll(records);
        let messages = records.iter().filter(|r| is_message(&r.kind)).count();
        let history = messages > 0 && !self.waited;
        let plain = self.no_batch || (records.len() == 1 && !history);
        assert_eq!(
            is_array, !plain,
            "history comes in an array, one live record does not: {body:?} {self:?}"
        );
        assert!(!(self.waited && messages > 1), "a live poll is answered by one message: {body:?}");
        for record in &records {
            self.hear(record, None, scene);
        }
        assert!(self.pair.is_none() || self.no_batch, "a broadcast and the number behind it come together");
        if history && let Some(life) = self.life.filter(|_| messages > 1) {
            let seqs: Vec<u64> =
                records.iter().filter(|r| is_message(&r.kind)).map(|r| r.seq as u64).collect();
            let most = scene.regime.most(|c| c.limits.batch_bytes_max as u64);
            // Where the order is not known, neither are the bytes between two numbers.
            if let Some(bytes) = scene.book.lives[life].weight(seqs[0], seqs[seqs.len() - 1]) {
                assert!(bytes <= most || scene.unsure, "{bytes} bytes in a batch of {most}");
            }
            scene.tally.note("array of several");
        }
        scene.tally.note(if self.waited { "poll that waited" } else { "poll answered at once" });
    }

    /// One piece of a stream.
    #[track_caller]
    pub fn piece(&mut self, piece: &str, scene: &mut Scene<'_>) {
        let mut text = Text(piece);
        match self.form {
            Form::Stream => {
                let record = text.object();
                text.word("\n");
                text.end();
                self.hear(&record, None, scene);
            }
            Form::Sse => {
                let mut id = None;
                if text.takes("id: ") {
                    let (line, rest) = text.0.split_once('\n').expect("a line");
                    (id, text.0) = (Some(line.to_owned()), rest);
                }
                text.word("data: ");
                let record = text.object();
                text.word("\n\n");
                text.end();
                let wants = is_message(&record.kind) || (record.kind == "next_seq" && self.pair.is_none());
                assert_eq!(id.is_some(), wants, "messages and first numbers have ids: {piece:?}");
                self.hear(&record, id, scene);
            }
            Form::Iframe if self.heard == 0 && piece.starts_with("<!DOCTYPE html>") => {
                assert!(piece.ends_with("<body>\n"));
            }
            Form::Iframe => {
                text.word("<script>parent.icomet_cb(");
                let record = text.object();
                text.word(");</script>\n");
                text.end();
                self.hear(&record, None, scene);
            }
            Form::Poll | Form::Ccomet => unreachable!("a poll is no stream"),
        }
    }

    #[track_caller]
    fn hear(&mut self, record: &Record, id: Option<String>, scene: &mut Scene<'_>) {
        assert!(!self.closed, "nothing comes behind the end: {record:?}");
        assert_eq!(record.channel, self.channel);
        let seq = record.seq;
        let after_gap = std::mem::take(&mut self.gap);
        if !matches!(record.kind.as_str(), "next_seq") {
            assert_eq!(self.pair, None, "behind a broadcast comes its number, not {record:?}");
        }
        match record.kind.as_str() {
            "data" => self.message(seq as u64, &record.content, None, Some(false), scene),
            "broadcast" => {
                self.message(seq as u64, &record.content, None, Some(true), scene);
                self.pair = Some(seq as u64 + 1);
            }
            "gap" => self.gap(seq as u64, &record.content, scene),
            "next_seq" => self.number(seq as u64, &record.content, after_gap, scene),
            "noop" => self.quiet(seq, &record.content, scene),
            "close" => {
                let life = &scene.book.lives[self.life()];
                assert!(life.is_over || scene.unsure, "the channel lives: {record:?}");
                assert!(
                    life.blurred || scene.unsure || seq as u64 == life.head(),
                    "{record:?} {}",
                    life.head()
                );
                let lost = !self.says_gaps && self.may_be_lost(seq as u64 - 1, scene);
                assert!(
                    lost || self.next.is_none_or(|n| n == seq as u64),
                    "something is missing before {record:?}: {self:?}"
                );
                self.closed = true;
                scene.tally.note("close told");
            }
            "epoch" => self.epoch(seq as u64, &record.content, scene),
            "roster" => {
                let names: Vec<String> = serde_json::from_str(&record.content).expect("an array of names");
                assert!(self.who.is_some(), "only who is listed hears who is");
                let checked = scene.book.lives[self.life()].roll.snapshot(seq, &names);
                self.check_presence(&names, scene);
                self.roster = Some(seq);
                scene.tally.note("roster");
                scene.tally.add("roster checked against what happened", u64::from(checked));
            }
            "join" | "leave" => {
                let joins = record.kind == "join";
                assert!(
                    self.roster.is_none_or(|n| n < seq),
                    "notices are told in order: {record:?} {self:?}"
                );
                scene.book.lives[self.life()].roll.notice(seq, joins, &record.content);
                if !joins {
                    self.check_absence(&record.content, scene);
                }
                self.roster = Some(seq);
                scene.tally.note(if joins { "join" } else { "leave" });
            }
            "401" | "429" | "400" => {
                assert!(self.heard == 0 && seq == 0 && !self.waited, "{record:?} {self:?}");
                self.closed = true;
            }
            _ => panic!("icomet has no {record:?}"),
        }
        self.heard += 1;
        self.heard_at = scene.now;
        if let Some(id) = id {
            let behind = if record.kind == "next_seq" { 1 } else { 0 };
            self.id = Some((id, seq as u64 - behind));
        }
    }

    #[track_caller]
    fn message(
        &mut self,
        seq: u64,
        text: &str,
        sender: Option<&str>,
        is_broadcast: Option<bool>,
        scene: &mut Scene<'_>,
    ) {
        match (self.next, self.start) {
            (Some(next), _) => {
                assert!(seq >= next, "message {seq} again, {next} was due: {self:?}");
                if seq > next {
                    assert!(!self.says_gaps, "{next} to {seq} are missing without a word: {self:?}");
                    assert!(
                        self.may_be_lost(seq - 1, scene),
                        "{} need not have been lost: {self:?}",
                        seq - 1
                    );
                    scene.tally.note("gap not said");
                }
            }
            (None, Start::Oldest) => assert!(seq == 1 || self.may_be_lost(seq - 1, scene), "{seq} {self:?}"),
            (None, Start::After { .. }) => {
                assert!(!self.says_gaps, "the channel is in another life: {seq} {self:?}");
                assert!(seq == 1 || self.may_be_lost(seq - 1, scene), "{seq} {self:?}");
            }
            (None, _) => panic!("who asked for what is new is told the number first: {seq} {self:?}"),
        }
        scene.book.hear(self.life(), seq, text, sender, is_broadcast);
        self.next = Some(seq + 1);
        scene.tally.note("message heard");
    }

    #[track_caller]
    fn gap(&mut self, seq: u64, count: &str, scene: &mut Scene<'_>) {
        assert!(self.says_gaps, "gaps are not said here: {self:?}");
        match self.next {
            Some(next) => {
                let count: u64 = count.parse().unwrap_or_else(|_| panic!("the count of {self:?} is known"));
                assert!(count > 0 && next + count == seq, "{count} from {next} are not missing before {seq}");
                assert!(self.may_be_lost(seq - 1, scene), "{} need not have been lost: {self:?}", seq - 1);
                let kept = scene.book.lives[self.life()].base;
                assert!(seq >= kept || scene.unsure, "{kept} is the oldest, and {seq} comes next?");
                scene.tally.note(if self.waited { "gap while waiting" } else { "gap at the start" });
            }
            None => {
                assert!(
                    matches!(self.start, Start::After { .. }) && count.is_empty(),
                    "{seq} {count} {self:?}"
                );
                assert!(seq == 1 || self.may_be_lost(seq - 1, scene), "{seq} {self:?}");
                scene.tally.note("gap of another life");
            }
        }
        self.next = Some(seq);
        self.gap = true;
    }

    #[track_caller]
    fn number(&mut self, seq: u64, content: &str, after_gap: bool, scene: &mut Scene<'_>) {
        assert_eq!(content, "");
        if let Some(pair) = self.pair.take() {
            return assert_eq!(seq, pair, "the number behind a broadcast");
        }
        assert!(self.is_head(seq, scene), "{seq} is not the next number: {self:?} {}", scene.low);
        if after_gap {
            assert_eq!(self.next, Some(seq), "nothing is left");
            scene.tally.note("nothing left behind a gap");
        } else {
            let ahead = match self.start {
                Start::New => true,
                Start::Next(n) => n > seq || scene.unsure,
                Start::Oldest | Start::After { .. } => false,
            };
            let first = self.heard == 0 || (self.heard == 1 && self.life_told);
            // A poll is told only the number when something is missing and nothing is left.
            let wordless = !self.says_gaps || self.form == Form::Poll;
            let nothing_left = wordless
                && self.next.is_none_or(|n| n < seq)
                && (seq == 1 || self.may_be_lost(seq - 1, scene));
            assert!(first && (ahead || nothing_left), "nobody wanted number {seq}: {self:?}");
            scene.tally.note("next_seq");
        }
        self.next = Some(seq);
    }

    #[track_caller]
    fn quiet(&mut self, echo: i64, content: &str, scene: &mut Scene<'_>) {
        assert_eq!((echo, content), (self.echo, ""), "{self:?}");
        let for_ms = scene.now.since(self.heard_at);
        let least = scene.regime.least(|c| c.icomet.polling_timeout_ms);
        let drained = scene.draining && self.form == Form::Poll;
        assert!(drained || (self.waited && for_ms >= least), "quiet for {for_ms} ms only: {self:?}");
        self.echo = self.echo.wrapping_add(i64::from(self.form.is_stream()));
        scene.tally.note(if self.form.is_stream() { "noop of a stream" } else { "noop of a poll" });
    }

    #[track_caller]
    fn epoch(&mut self, seq: u64, told: &str, scene: &mut Scene<'_>) {
        let asked = self.epoch.take().unwrap_or_else(|| panic!("nobody asked for the life: {self:?}"));
        assert!(self.heard == 0 && asked != told, "{asked} {told} {self:?}");
        let life = &scene.book.lives[self.life()];
        if let Some(born) = life.born.filter(|_| !scene.unsure) {
            assert_eq!(told, born.to_string());
        }
        assert!(seq <= life.head() || life.blurred);
        match self.next {
            // The gap is said behind it.
            Some(next) if asked.is_empty() && next < seq => assert!(self.may_be_lost(seq - 1, scene)),
            _ => self.next = Some(seq),
        }
        self.life_told = true;
        scene.tally.note("life told");
    }

    /// Who is listening must be listed, and who is listed must have been here lately.
    #[track_caller]
    fn check_presence(&self, names: &[String], scene: &mut Scene<'_>) {
        let lease = scene.regime.most(|c| c.limits.roster_lease_ms);
        let life = &scene.book.lives[self.life()];
        for name in names {
            let seen = life.roll.seen[name].until;
            assert!(
                scene.before.since(seen) <= lease + 20,
                "{name} was last here at {seen:?}, {:?}",
                scene.now
            );
        }
    }

    /// Whoever has left was away for the time of the lease.
    #[track_caller]
    fn check_absence(&self, who: &str, scene: &mut Scene<'_>) {
        if scene.regime.least(|c| c.limits.roster_max as u64) < PEOPLE.len() as u64 {
            // Somebody may sit here under this name without being listed.
            return;
        }
        let lease = scene.regime.least(|c| c.limits.roster_lease_ms);
        let away = scene.book.lives[self.life()].roll.away_ms(who, scene.now);
        assert!(away >= lease, "{who} is said to have left, but never was away for longer than {away} ms");
    }

    /// CComet's answer, taken out of its call.
    #[track_caller]
    pub fn items(&mut self, array: &str, scene: &mut Scene<'_>) {
        let items = record::items(array);
        for item in &items {
            match item {
                Item::Message { text, sender, seqid, channel } => {
                    assert_eq!(*channel, self.channel);
                    let seq = *seqid as u64 + 1;
                    self.message(seq, text, Some(sender), None, scene);
                }
                Item::Sign { channel, .. } => {
                    assert!(self.waited && items.len() == 1, "a SIGN comes alone: {items:?}");
                    assert_eq!(*channel, self.channel);
                    scene.tally.note("sign told");
                }
                Item::Word { kind, rest } => {
                    assert_eq!(items.len(), 1, "{items:?}");
                    assert!(matches!(kind.as_str(), "400" | "401" | "404"), "{kind} {rest}");
                    assert!(!rest.is_empty());
                    if self.waited {
                        assert!(kind == "404" && rest.contains("closed"), "{kind} {rest}");
                        assert!(scene.book.lives[self.life()].is_over || scene.unsure);
                    } else {
                        self.closed = true;
                    }
                }
            }
        }
        scene.tally.note("CComet answer");
    }
}

fn is_message(kind: &str) -> bool {
    matches!(kind, "data" | "broadcast")
}
