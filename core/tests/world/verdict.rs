//! Verdicts: each answer is what its question deserves, and the book learns what was accepted.
use super::World;
use super::answer::{Answer, Heard};
use super::hearing::Then;
use super::question::{Ask, Question};
use super::reading::{Form, Reading};
use super::record::{self, Item};
use super::scene::Scene;

impl World {
    /// Judges one thing that was heard.
    pub fn judge(&mut self, i: usize, heard: Heard, then: &Then) {
        match heard {
            Heard::Whole(question, answer) => {
                self.judge_answer(i, *question, &answer, then);
                self.peers[i].answered_at = self.now;
            }
            Heard::Unasked(answer) => self.judge_unasked(i, &answer),
            Heard::Opened => {
                self.tally.note("stream");
                let Some(mut question) = self.peers[i].ear.streams.pop_back() else { return };
                if let Some(reading) = &mut question.reading {
                    reading.heard_at = self.now;
                    // What begins with a prologue may be refused in it.
                    if reading.form != Form::Iframe {
                        self.settle(i, reading, then);
                    }
                } else {
                    // Whoever asks anew is told of all channels anew.
                    self.peers[i].announced.clear();
                }
                self.peers[i].ear.streams.push_back(question);
            }
            Heard::Piece(piece) => self.judge_piece(i, &piece, then),
            Heard::Over => {
                let question = self.peers[i].ear.streams.pop_front().expect("a stream that ends was begun");
                let said = question.reading.as_ref().is_none_or(|r| r.closed);
                assert!(
                    said || self.draining || self.peers[i].is_shut(),
                    "a stream ends without a word: {question:?}"
                );
                self.peers[i].answered_at = self.now;
            }
        }
    }

    /// What is heard when the server ends its side.
    pub fn judge_end(&mut self, i: usize, heard: Vec<Heard>) {
        for heard in heard {
            self.judge(i, heard, &Then::default());
        }
    }

    /// A subscription has been accepted: its channel is there, and its life known.
    fn settle(&mut self, i: usize, reading: &mut Reading, then: &Then) {
        if reading.life.is_some() {
            return;
        }
        let life = self.book.open(&reading.channel, self.now);
        self.book.lives[life].touched = Some(self.now);
        self.book.lives[life].blurred |= then.unsure.contains(&reading.channel);
        if self.book.lives[life].born.is_none() {
            self.book.lives[life].born = self.machine.standing(&reading.channel).map(|s| s.life);
        }
        reading.bind(life, &self.book);
        if let Some(who) = &reading.who {
            self.book.lives[life].roll.see(who, self.now);
        }
        if self.needs_token(i) && !then.unsure.contains(&reading.channel) {
            let token = self.book.lives[life].token.as_ref();
            let known = token.is_none() || token == reading.token.as_ref();
            assert!(known && reading.token.is_some(), "came in with a wrong token: {reading:?}");
            self.tally.note("token accepted");
        }
    }

    fn scene<'a>(&'a mut self, reading: &Reading, then: &Then) -> Scene<'a> {
        let life = reading.life.unwrap_or(0);
        let low = match &then.together {
            Some(heads) => heads.get(&life).copied().unwrap_or(1),
            None => self.book.lives.get(life).map_or(1, |l| l.head()),
        };
        Scene {
            low,
            unsure: then.unsure.contains(&reading.channel),
            book: &mut self.book,
            regime: &self.regime,
            tally: &mut self.tally,
            now: self.now,
            before: self.before,
            draining: self.draining,
        }
    }

    fn judge_piece(&mut self, i: usize, piece: &str, then: &Then) {
        let mut question = self.peers[i].ear.streams.pop_front().expect("a piece of a stream");
        match &mut question.reading {
            None => self.judge_line(i, piece),
            Some(reading) => {
                let prologue = reading.form == Form::Iframe && piece.starts_with("<!DOCTYPE");
                let refused = reading.form == Form::Iframe && reading.life.is_none() && is_refusal(piece);
                if refused {
                    self.judge_refusal(i, reading, then);
                    reading.closed = true;
                } else {
                    if !prologue {
                        self.settle(i, reading, then);
                    }
                    reading.piece(piece, &mut self.scene(reading, then));
                    self.remember(i, reading);
                }
            }
        }
        self.peers[i].ear.streams.push_front(question);
    }

    /// A line of `/psub`.
    fn judge_line(&mut self, i: usize, line: &str) {
        let line = line.strip_suffix('\n').expect("a line");
        let (is_there, name) = match line.split_at(2) {
            ("1 ", name) => (true, name),
            ("0 ", name) => (false, name),
            _ => panic!("{line:?}"),
        };
        let ever = self.book.lives.iter().any(|l| l.name == name) || self.is_coming(name);
        assert!(ever, "{name} never was: {line:?}");
        let over = self.book.lives.iter().any(|l| l.name == name && l.is_over) || self.is_going(name);
        assert!(is_there || over, "{name} never ended: {line:?}");
        let before = self.peers[i].announced.insert(name.into(), is_there);
        // Whoever listens hears of every end once.
        assert!(is_there || before != Some(false), "{name} is gone twice");
        self.tally.note(if is_there { "channel announced" } else { "end of a channel announced" });
    }

    /// Whether a channel has just come, or gone, in the call that is being judged: the book learns it last.
    fn is_coming(&self, name: &str) -> bool {
        self.machine.standing(name).is_some()
    }

    fn is_going(&self, name: &str) -> bool {
        self.machine.standing(name).is_none()
    }

    fn judge_unasked(&mut self, i: usize, answer: &Answer) {
        let peer = &self.peers[i];
        assert!(
            answer.close && answer.status == 503 && peer.is_refused && peer.given == 0,
            "nobody asked: {answer:?}"
        );
        self.tally.note("turned away at the door");
    }

    /// The judgement of a listen that was answered whole.
    pub fn judge_listen(&mut self, i: usize, mut question: Question, answer: &Answer, then: &Then) {
        let mut reading = question.reading.take().expect("a subscription");
        assert_eq!(answer.status, 200, "{answer:?}");
        if answer.body.is_empty() {
            assert!(
                self.draining && (reading.form == Form::Ccomet || reading.cb.is_none()),
                "an empty answer: {reading:?}"
            );
            return;
        }
        let inner = self.taken_out_of_its_call(&question, &answer.body);
        if reading.form == Form::Ccomet {
            let who = reading.who.clone().unwrap_or_default();
            self.taken.insert((reading.channel.clone(), who), self.peers[i].number);
            let array = record::script_string(&inner);
            let refused = matches!(&record::items(&array)[0], Item::Word { .. }) && !reading.waited;
            if refused {
                return self.judge_refusal(i, &reading, then);
            }
            self.settle(i, &mut reading, then);
            reading.items(&array, &mut self.scene(&reading, then));
        } else if is_refusal(&inner) && !reading.waited {
            return self.judge_refusal(i, &reading, then);
        } else {
            assert_eq!(reading.form, Form::Poll, "a stream has no end: {answer:?}");
            self.settle(i, &mut reading, then);
            reading.poll(&inner, &mut self.scene(&reading, then));
        }
        self.remember(i, &reading);
    }

    /// A subscription was refused: had the server a reason?
    fn judge_refusal(&mut self, i: usize, reading: &Reading, then: &Then) {
        let least =
            |what: fn(&rcomet_core::Limits) -> usize| self.regime.least(|c| what(&c.limits) as u64) as usize;
        let alive = self.book.alive(&reading.channel);
        let token_wrong = self.needs_token(i)
            && alive.is_none_or(|l| reading.token.is_none() || self.book.lives[l].token != reading.token);
        let name_long = reading.channel.len() > least(|l| l.channel_name_bytes_max);
        let who_long = reading.who.as_ref().is_some_and(|w| w.len() > least(|l| l.roster_name_bytes_max));
        let channels = self.machine.load().0.max(self.book.all_alive().len());
        let channels_full = channels >= least(|l| l.channels_max);
        let here = |p: &&super::Peer| self.machine.reads(p.id).is_some_and(|(n, _, _)| n == reading.channel);
        let members = self.peers.iter().filter(here).count();
        let full = members >= least(|l| l.subscribers_per_channel_max) || then.together.is_some();
        let reason = [
            (token_wrong, "refused: token"),
            (name_long, "refused: name too long"),
            (who_long, "refused: person's name too long"),
            (channels_full, "refused: channels"),
            (full, "refused: subscribers"),
            (self.regime.is_short_of_memory(), "refused: memory"),
        ];
        let reason = reason
            .iter()
            .find(|(holds, _)| *holds)
            .unwrap_or_else(|| panic!("refused without reason: {reading:?}"));
        self.tally.note(reason.1);
    }

    /// Whether a peer must show a channel's token.
    pub fn needs_token(&self, i: usize) -> bool {
        let guarded = self.regime.now().front.auth == rcomet_core::config::Auth::Token;
        guarded && self.peers[i].role != rcomet_core::Role::Admin
    }

    /// What a client keeps in mind of an answer.
    fn remember(&mut self, i: usize, reading: &Reading) {
        let Some(life) = reading.life else { return };
        let place = self.peers[i].memory.places.entry(reading.channel.clone()).or_default();
        place.next = reading.next.or(place.next);
        place.roster = reading.roster.or(place.roster);
        place.life = self.book.lives[life].born.map(|b| b.to_string()).or(place.life.take());
        if let Some((id, seq)) = &reading.id {
            place.id = Some((id.clone(), life, *seq));
        }
    }

    /// The inside of the call that was asked for, or the whole body if none was.
    pub fn taken_out_of_its_call(&self, question: &Question, body: &str) -> String {
        let Some(cb) = &question.cb else { return body.into() };
        let prefix = if self.regime.now().http.jsonp_prefix { "/**/" } else { "" };
        let (open, close) = if question.is_ccomet { ("('", "')") } else { ("(", ");\n") };
        let inner = body.strip_prefix(&format!("{prefix}{cb}{open}")).and_then(|b| b.strip_suffix(close));
        let inner = inner.unwrap_or_else(|| panic!("{body:?} is no call of {cb}"));
        if question.is_ccomet { inner.into() } else { format!("{inner}\n") }
    }

    /// Whether an answer says that what was published is accepted.
    pub fn is_accepted(&self, question: &Question, answer: &Answer) -> bool {
        answer.status == 200
            && match &question.ask {
                Ask::Broadcast { .. } => answer.body == "ok\n",
                Ask::Publish { .. } if question.is_ccomet => {
                    answer.body.contains("publish") || answer.body.contains("\"pub\"")
                }
                Ask::Publish { .. } => answer.body.contains("\"ok\""),
                _ => false,
            }
    }
}

fn is_refusal(body: &str) -> bool {
    ["401", "429", "400"].iter().any(|kind| body.contains(&format!("{{\"type\":\"{kind}\"")))
}
