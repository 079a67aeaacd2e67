//! Answers to questions that are over at once.
use rcomet_core::config::AddressRule;
use rcomet_core::{Config, Role};

use super::World;
use super::answer::Answer;
use super::hearing::Then;
use super::question::{Ask, Question, Size};
use super::record::{self, Item, Text};

impl World {
    /// Judges a whole answer.
    pub fn judge_answer(&mut self, i: usize, question: Question, answer: &Answer, then: &Then) {
        let (role, address) = (self.peers[i].role, self.peers[i].address);
        if answer.status == 503 && self.peers[i].is_refused {
            assert!(answer.close && self.peers[i].given == 0);
            return self.tally.note("turned away at the door");
        }
        if answer.status == 503 && answer.close && self.regime.is_short_of_memory() {
            // What it has sent finds no room.
            return self.tally.note("sent away for want of memory");
        }
        if answer.status == 408 {
            return self.judge_too_slow(&question, answer);
        }
        if self.judge_size(&question, answer) {
            return;
        }
        if let Ask::Bad(expected) = question.ask {
            assert!(expected.contains(&answer.status) && answer.close, "{answer:?} {question:?}");
            return self.tally.note("bad request");
        }
        assert!(question.whole.is_some(), "answered before it was asked: {question:?} {answer:?}");
        let allows_all = self.regime.now().admin.allow.contains(&AddressRule::All);
        if role == Role::Admin && !allows_all && !address.to_canonical().is_loopback() {
            assert!(answer.status == 403 && answer.close, "{address} is not allowed: {answer:?}");
            return self.tally.note("address denied");
        }
        let closes = question.closes || !question.is_11;
        let drained = self.draining && answer.close;
        assert!(
            answer.close == closes || drained,
            "the connection goes on unless its end was asked for: {question:?} {answer:?}"
        );
        if question.reading.is_some() {
            if answer.status != 200 {
                // A callback or a parameter that no dialect takes is refused before anybody asks what for.
                panic!("subscriptions are answered with 200: {answer:?} {question:?}");
            }
            return self.judge_listen(i, question, answer, then);
        }
        let short = self.regime.is_short_of_memory();
        let is_ok = answer.status == 200;
        match &question.ask {
            Ask::Publish { channel, post } => {
                if self.is_accepted(&question, answer) {
                    self.check_published(&question, answer);
                    if then.together.is_none() {
                        self.book.accept(*post, self.now);
                    }
                    self.most_posts_bytes += self.book.posts[*post].text.len() + 200;
                    return self.tally.note("published");
                }
                let least = |what: fn(&Config) -> usize| self.regime.least(|c| what(c) as u64) as usize;
                let channels = self.machine.load().0.max(self.book.all_alive().len());
                let full = channels >= least(|c| c.limits.channels_max);
                let long = channel.len() > least(|c| c.limits.channel_name_bytes_max);
                let sender = self.book.posts[*post].sender.as_ref().map_or(0, String::len);
                let who = sender > least(|c| c.limits.roster_name_bytes_max);
                // CComet knows no tokens: where they are asked for, it has nothing to do.
                let token = question.is_ccomet && self.needs_token(i);
                assert!(
                    full || long || short || who || token,
                    "refused without reason: {answer:?} {question:?}"
                );
                if !question.is_ccomet {
                    assert!(matches!(answer.status, 429 | 400 | 503), "{answer:?}");
                }
                self.tally.note("publish refused");
            }
            Ask::Broadcast { post } => {
                if is_ok {
                    assert_eq!(answer.body, "ok\n");
                    if then.together.is_none() {
                        self.book.accept(*post, self.now);
                    }
                    self.broadcasts_bytes += self.book.posts[*post].text.len() + 200;
                    return self.tally.note("broadcast accepted");
                }
                assert_eq!(answer.status, 503, "{answer:?}");
                self.tally.note("broadcast refused");
            }
            Ask::Sign { channel, life_ms } => {
                let life_ms = life_ms.unwrap_or_else(|| self.regime.least(|c| c.icomet.channel_timeout_ms));
                let channel = channel.clone();
                self.judge_sign(&question, &channel, life_ms, answer);
            }
            Ask::SignIn { channel, .. } => {
                let inner = self.taken_out_of_its_call(&question, &answer.body);
                let items = record::items(&record::script_string(&inner));
                let Item::Word { kind, .. } = &items[0] else { panic!("{items:?}") };
                if kind == "sign in" {
                    let life = self.book.open(channel, self.now);
                    self.book.lives[life].touched = Some(self.now);
                    self.tally.note("signed in");
                }
            }
            Ask::Close { channel } | Ask::Clear { channel } => {
                let ends = matches!(question.ask, Ask::Close { .. });
                let unsure = then.unsure.contains(channel);
                let Some(life) = self.book.alive(channel).filter(|_| is_ok) else {
                    assert!(unsure || self.book.alive(channel).is_none(), "{channel} is there: {answer:?}");
                    assert!(unsure || answer.status == 404, "{answer:?}");
                    return self.tally.note("no such channel");
                };
                let next: u64 = answer.body.strip_prefix("ok ").expect("ok").trim_end().parse().unwrap();
                let shadow = &self.book.lives[life];
                let low =
                    then.together.as_ref().map_or(shadow.head(), |h| h.get(&life).copied().unwrap_or(1));
                let fits = (low..=shadow.head()).contains(&next) || shadow.blurred || unsure;
                assert!(fits, "{channel} is at {}: {answer:?}", shadow.head());
                if ends {
                    self.book.end(channel);
                } else {
                    self.book.clear(life);
                }
                self.tally.note(if ends { "closed" } else { "cleared" });
            }
            Ask::Totals => {
                let mut text = Text(&answer.body);
                text.word("{\"version\": \"");
                text.string();
                text.word(", \"channels\": ");
                text.number();
                text.word(", \"subscribers\": ");
                text.number();
                text.word("}\n");
                text.end();
            }
            Ask::Count { channel } => {
                let mut text = Text(&answer.body);
                text.word("{\"cname\": \"");
                assert_eq!(text.string(), *channel);
                text.word(", \"subscribers\": ");
                let told = text.number();
                text.word("}\n");
                let born = self.book.alive(channel).and_then(|life| self.book.lives[life].born);
                let here = |p: &&super::Peer| {
                    self.machine.reads(p.id).is_some_and(|(n, b, _)| n == channel && Some(b) == born)
                };
                let members = self.peers.iter().filter(here).count() as i64;
                // Those who have not heard yet that the life before is over may look as if they were in this one.
                let twins = self.book.alive(channel).is_some_and(|life| self.book.has_twin(life));
                assert!(then.several || told == members || (twins && told < members), "{told} of {members}");
            }
            Ask::Exists { channel } => {
                let is_there = self.book.alive(channel).is_some();
                let mut text = Text(&answer.body);
                let told = text.takes("{\"");
                if told {
                    assert_eq!(text.string(), *channel);
                    text.word(": 1}\n");
                } else {
                    text.word("{}\n");
                }
                assert!(told == is_there || then.several, "{channel} {is_there}: {answer:?}");
            }
            Ask::Ping => {
                let inner = self.taken_out_of_its_call(&question, &answer.body);
                let mut text = Text(&inner);
                text.word("{\"type\":\"ping\",\"sub_timeout\":");
                assert!(text.number() >= 1);
                text.word("}\n");
            }
            Ask::Options => assert!(answer.status == 204 && answer.body.is_empty(), "{answer:?}"),
            Ask::HeadOfAnnouncements => {
                assert!(matches!(answer.status, 200 | 429) && answer.body.is_empty(), "{answer:?}");
            }
            Ask::Refused(status) => {
                assert_eq!(answer.status, *status, "{answer:?}");
                self.tally.note("refused, and goes on");
            }
            Ask::Announcements => {
                let members =
                    self.peers.iter().filter(|p| self.machine.reads(p.id).is_some_and(|r| r.0.is_empty()));
                let least = self.regime.least(|c| c.limits.subscribers_per_channel_max as u64);
                assert!(answer.status == 429 && members.count() as u64 >= least, "{answer:?}");
                self.tally.note("refused: listeners to channels");
            }
            Ask::Listen | Ask::Bad(_) | Ask::Unfinished => {
                panic!("no answer was due: {answer:?} {question:?}")
            }
        }
    }

    fn check_published(&self, question: &Question, answer: &Answer) {
        let inner = self.taken_out_of_its_call(question, &answer.body);
        if question.is_ccomet {
            let items = record::items(&record::script_string(&inner));
            assert!(matches!(&items[..], [Item::Word { kind, .. }] if kind == "publish" || kind == "pub"));
        } else {
            assert_eq!(inner, "{\"type\":\"ok\"}\n");
        }
    }

    fn judge_sign(&mut self, question: &Question, channel: &str, life_ms: u64, answer: &Answer) {
        if answer.status != 200 {
            assert!(matches!(answer.status, 429 | 400 | 503), "{answer:?}");
            return self.tally.note("sign refused");
        }
        let inner = self.taken_out_of_its_call(question, &answer.body);
        let mut text = Text(&inner);
        text.word("{\"type\":\"sign\",\"cname\":\"");
        assert_eq!(text.string(), channel);
        text.word(",\"seq\":");
        let oldest = text.number() as u64;
        text.word(",\"token\":\"");
        let token = text.string();
        assert!(token.len() == 32 && token.bytes().all(|c| c.is_ascii_hexdigit()), "{token:?}");
        let life = self.book.open(channel, self.now);
        let others = self.book.lives.iter().enumerate().filter(|(l, _)| *l != life);
        assert!(others.filter_map(|(_, l)| l.token.as_ref()).all(|t| *t != token), "a secret told twice");
        let shadow = &mut self.book.lives[life];
        assert!(oldest <= shadow.head() || shadow.blurred, "{oldest} is not there yet");
        assert!(shadow.token.as_ref().is_none_or(|t| *t == token) || shadow.blurred, "a life has one secret");
        shadow.token = Some(token);
        shadow.signed_until = shadow.signed_until.max(self.now.after_ms(life_ms));
        self.tally.note("signed");
    }

    fn judge_too_slow(&mut self, question: &Question, answer: &Answer) {
        let least = self.regime.least(|c| c.limits.head_ms_max.min(c.limits.body_ms_max));
        let came = question.came.unwrap_or_else(|| panic!("408 for what never came: {question:?}"));
        assert!(answer.close && question.whole.is_none(), "it came whole: {question:?}");
        assert!(self.now.since(came) >= least, "it came {} ms ago: {question:?}", self.now.since(came));
        self.tally.note("too slow");
    }

    /// Whether a question was refused for its size; panics if it should have been and was not, or the other way round.
    fn judge_size(&mut self, question: &Question, answer: &Answer) -> bool {
        let Size { line, head, fields, body } = question.size;
        if head == 0 {
            return false;
        }
        let limits: [(u64, u64, u64, u16); 4] = [
            (
                line,
                self.regime.least(|c| c.limits.request_line_bytes_max as u64),
                self.regime.most(|c| c.limits.request_line_bytes_max as u64),
                414,
            ),
            (
                head,
                self.regime.least(|c| c.limits.head_bytes_max as u64),
                self.regime.most(|c| c.limits.head_bytes_max as u64),
                431,
            ),
            (
                fields,
                self.regime.least(|c| c.limits.headers_max as u64),
                self.regime.most(|c| c.limits.headers_max as u64),
                431,
            ),
            (
                body,
                self.regime.least(|c| c.limits.body_bytes_max as u64),
                self.regime.most(|c| c.limits.body_bytes_max as u64),
                413,
            ),
        ];
        let refused = matches!(answer.status, 413 | 414 | 431);
        if matches!(question.ask, Ask::Bad(_)) {
            return false;
        }
        if refused {
            let reason =
                limits.iter().any(|&(size, least, _, status)| size > least && status == answer.status);
            assert!(reason && answer.close, "refused without reason: {answer:?} {question:?}");
            self.tally.note("too large");
        } else {
            let must = limits.iter().find(|&&(size, _, most, _)| size > most);
            assert!(must.is_none(), "{must:?} was taken: {answer:?} {question:?}");
        }
        refused
    }
}
