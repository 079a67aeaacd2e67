//! The shadow of every channel: what was published, what was accepted, and under which number in which life.
//! Knows nothing of peers or bytes.
use std::collections::BTreeMap;

use rcomet_core::chance::Chance;
use rcomet_core::hub::{Kind, Message};
use rcomet_core::log::Position;
use rcomet_core::time::Moment;

use super::regime::Regime;
use super::roster::Roll;

/// While listeners are being served, so many messages are kept whatever the limits say.
const LIVE_MESSAGES: u64 = 1024;

/// Something somebody means to publish. Its text begins with its number, so that it is known wherever it turns up.
#[derive(Clone, Debug)]
pub struct Post {
    pub text: String,
    /// `None` for a broadcast.
    pub channel: Option<String>,
    pub sender: Option<String>,
    pub accepted: bool,
}

/// Who may have missed a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reader {
    /// Whoever comes later, or takes what comes slowly.
    Comes,
    /// Somebody who waits and takes everything at once.
    Waits,
    /// Somebody who had everything already, and has taken everything at once since.
    Attends,
}

/// What stands under one number.
#[derive(Clone, Copy, Debug)]
enum Slot {
    Known(usize),
    /// One of a group that several peers published in one call: which, is learned when somebody hears it.
    OneOf(usize),
}

#[derive(Clone, Debug)]
struct Candidate {
    post: usize,
    peer: usize,
    seq: Option<u64>,
}

/// What is known of a message besides what it is.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// When it was accepted.
    at: Moment,
    /// Bytes of all messages before it.
    before: u64,
    is_broadcast: bool,
}

/// One life of a channel.
pub struct Life {
    pub name: String,
    pub born: Option<Position>,
    slots: Vec<Slot>,
    marks: Vec<Mark>,
    bytes: u64,
    /// Everything below was forgotten on demand.
    cleared: u64,
    /// What happened here cannot be known exactly: several peers did contrary things in one call.
    pub blurred: bool,
    /// The lowest number still kept, when last looked.
    pub base: u64,
    pub is_over: bool,
    /// When somebody last did something that prolongs it, and until when it was signed at most.
    pub touched: Option<Moment>,
    pub signed_until: Moment,
    pub token: Option<String>,
    pub roll: Roll,
    groups: Vec<Vec<Candidate>>,
}

impl Life {
    /// The number the next message gets.
    pub fn head(&self) -> u64 {
        self.slots.len() as u64 + 1
    }

    /// Whether the message with this number may have been forgotten before somebody got it.
    pub fn may_be_lost(&self, seq: u64, by: Reader, regime: &Regime, now: Moment) -> bool {
        if self.blurred || seq < self.cleared || seq == 0 || regime.is_short_of_memory() {
            return true;
        }
        let Some(&Mark { at, before, .. }) = self.marks.get(seq as usize - 1) else { return false };
        let most = regime.least(|c| c.limits.history_messages_max as u64);
        let most = if by == Reader::Comes { most } else { most.max(LIVE_MESSAGES) };
        let aged = regime.least(|c| match c.limits.history_age_ms_max {
            0 => u64::MAX,
            ms => ms,
        });
        let too_many = self.head() - seq > most;
        let too_much = self.bytes - before > regime.least(|c| c.limits.history_bytes_max as u64);
        let held_back = by == Reader::Attends && self.is_held_back(seq, regime);
        ((too_many || too_much) && !held_back) || now.since(at) >= aged
    }

    /// Whether publishers were held back from this message on: nobody waits with a broadcast.
    fn is_held_back(&self, seq: u64, regime: &Regime) -> bool {
        let since = &self.marks[seq as usize - 1..];
        let befores = since.iter().map(|mark| mark.before).chain([self.bytes]);
        let heaviest = befores.clone().zip(befores.skip(1)).map(|(one, next)| next - one).max();
        !since.iter().any(|mark| mark.is_broadcast) && regime.holds_back(heaviest.unwrap_or(0))
    }

    /// Bytes of the messages from `first` to `last`.
    pub fn weight(&self, first: u64, last: u64) -> Option<u64> {
        let before = |seq: u64| self.marks.get(seq as usize - 1).map_or(self.bytes, |mark| mark.before);
        self.groups.is_empty().then(|| before(last + 1) - before(first))
    }

    fn push(&mut self, slot: Slot, post: &Post, before: u64, now: Moment) {
        let message = Message {
            offset: 0,
            unix_s: 0,
            tag: 0,
            at: now,
            kind: if post.channel.is_some() { Kind::Data } else { Kind::Broadcast },
            body: post.text.as_str().into(),
            sender: post.sender.as_deref().map(Into::into),
            beside: None,
            media: None,
        };
        self.slots.push(slot);
        self.marks.push(Mark { at: now, before, is_broadcast: post.channel.is_none() });
        self.bytes += message.weight() as u64;
    }
}

/// All of it.
#[derive(Default)]
pub struct Book {
    pub posts: Vec<Post>,
    pub lives: Vec<Life>,
    current: BTreeMap<String, usize>,
}

impl Book {
    /// Makes up something to publish, to one channel or to all.
    pub fn compose(&mut self, chance: &mut Chance, channel: Option<&str>, sender: Option<&str>) -> usize {
        const NASTY: [&str; 12] = [
            "",
            "\"",
            "\\",
            "</script>",
            "\u{2028}",
            "\u{2029}x",
            "it's",
            "\u{1}\t\r\n",
            "wörld 你好",
            "&lt;😀",
            "\0",
            "]);\n",
        ];
        let number = self.posts.len();
        let padding = match chance.below(12) {
            0 => chance.below(1_500),
            1..4 => chance.below(150),
            _ => 0,
        };
        let nasty = NASTY[chance.below(12) as usize];
        let text = format!("{number}|{nasty}{}", "x".repeat(padding as usize));
        let (channel, sender) = (channel.map(Into::into), sender.map(Into::into));
        self.posts.push(Post { text, channel, sender, accepted: false });
        number
    }

    /// The present life of a channel.
    pub fn alive(&self, name: &str) -> Option<usize> {
        self.current.get(name).copied()
    }

    /// The names and lives of all channels there are.
    pub fn all_alive(&self) -> Vec<(String, usize)> {
        self.current.iter().map(|(name, life)| (name.clone(), *life)).collect()
    }

    /// The present life of a channel, begun if need be.
    pub fn open(&mut self, name: &str, now: Moment) -> usize {
        if let Some(life) = self.alive(name) {
            return life;
        }
        self.lives.push(Life {
            name: name.into(),
            born: None,
            slots: Vec::new(),
            marks: Vec::new(),
            bytes: 0,
            cleared: 0,
            blurred: false,
            base: 1,
            is_over: false,
            touched: None,
            signed_until: now,
            token: None,
            roll: Roll::default(),
            groups: Vec::new(),
        });
        self.current.insert(name.into(), self.lives.len() - 1);
        self.lives.len() - 1
    }

    /// The life of a channel that has this birthday.
    pub fn born(&self, name: &str, born: Position) -> Option<usize> {
        self.lives.iter().rposition(|l| l.name == name && l.born == Some(born))
    }

    /// Whether a life before cannot be told from this one: nothing at all was published between them.
    pub fn has_twin(&self, life: usize) -> bool {
        let (name, born) = (&self.lives[life].name, self.lives[life].born);
        self.lives.iter().filter(|l| l.name == *name && l.born == born).count() > 1
    }

    /// A life is over.
    pub fn end(&mut self, name: &str) -> Option<usize> {
        let life = self.current.remove(name)?;
        self.lives[life].is_over = true;
        Some(life)
    }

    pub fn clear(&mut self, life: usize) {
        self.lives[life].cleared = self.lives[life].head();
    }

    /// A post has been accepted, and nothing else happened meanwhile.
    pub fn accept(&mut self, post: usize, now: Moment) {
        self.mark_accepted(post);
        match self.posts[post].channel.clone() {
            Some(name) => {
                let life = self.open(&name, now);
                self.lives[life].touched = Some(now);
                let before = self.lives[life].bytes;
                self.lives[life].push(Slot::Known(post), &self.posts[post], before, now);
            }
            None => {
                for (_, life) in self.all_alive() {
                    let before = self.lives[life].bytes;
                    self.lives[life].push(Slot::Known(post), &self.posts[post], before, now);
                }
            }
        }
    }

    fn mark_accepted(&mut self, post: usize) {
        assert!(!self.posts[post].accepted, "accepted twice: {:?}", self.posts[post]);
        self.posts[post].accepted = true;
    }

    /// Several posts of several peers were accepted in one call, each peer's in this order. Broadcasts reach the
    /// channels that were there before.
    pub fn accept_together(&mut self, posts: &[(usize, usize)], now: Moment) {
        for &(_, post) in posts {
            self.mark_accepted(post);
            if let Some(name) = self.posts[post].channel.clone()
                && self.alive(&name).is_none()
            {
                let life = self.open(&name, now);
                let others = posts.iter().any(|&(_, p)| self.posts[p].channel.is_none());
                self.lives[life].blurred |= others;
            }
        }
        for (name, life) in self.all_alive() {
            let here = |p: usize| self.posts[p].channel.as_ref().is_none_or(|c| *c == name);
            let group: Vec<Candidate> = posts
                .iter()
                .filter(|(_, post)| here(*post))
                .map(|&(peer, post)| Candidate { post, peer, seq: None })
                .collect();
            let Some(first) = group.first() else { continue };
            let life = &mut self.lives[life];
            let exact = group.iter().all(|c| c.peer == first.peer);
            // They may stand in any order, so each counts as the first when it is asked what may be lost.
            let first = life.bytes;
            for candidate in &group {
                let before = if exact { life.bytes } else { first };
                let slot = if exact { Slot::Known(candidate.post) } else { Slot::OneOf(life.groups.len()) };
                life.push(slot, &self.posts[candidate.post], before, now);
                if self.posts[candidate.post].channel.is_some() {
                    life.touched = Some(now);
                }
            }
            if !exact {
                life.groups.push(group);
            }
        }
    }

    /// Somebody hears a message under a number.
    #[track_caller]
    pub fn hear(
        &mut self,
        life: usize,
        seq: u64,
        text: &str,
        sender: Option<&str>,
        is_broadcast: Option<bool>,
    ) {
        let number: usize =
            text.split('|').next().and_then(|n| n.parse().ok()).expect("every text has a number");
        let post = &self.posts[number];
        assert_eq!(post.text, text, "what arrives is what was published");
        assert!(post.accepted, "refused, and yet published: {post:?}");
        if let Some(is_broadcast) = is_broadcast {
            assert_eq!(post.channel.is_none(), is_broadcast, "{post:?}");
        }
        if let Some(sender) = sender {
            assert_eq!(post.sender.as_deref().unwrap_or_default(), sender);
        }
        let life = &mut self.lives[life];
        assert!(post.channel.as_ref().is_none_or(|c| *c == life.name), "{post:?} in {:?}", life.name);
        if life.blurred {
            return;
        }
        assert!(seq >= 1 && seq < life.head(), "number {seq} was never given, the next is {}", life.head());
        match life.slots[seq as usize - 1] {
            Slot::Known(known) => {
                assert_eq!(known, number, "another message stands under number {seq} of {:?}", life.name);
            }
            Slot::OneOf(group) => {
                let group = &mut life.groups[group];
                let at = group.iter().position(|c| c.post == number).expect("one of those published then");
                assert!(group[at].seq.is_none(), "{text:?} stands under two numbers");
                group[at].seq = Some(seq);
                let peer = group[at].peer;
                let order: Vec<u64> = group.iter().filter(|c| c.peer == peer).filter_map(|c| c.seq).collect();
                assert!(order.is_sorted(), "one peer's messages stand in another order");
                life.slots[seq as usize - 1] = Slot::Known(number);
            }
        }
    }

    /// How many messages at the end of a life are broadcasts.
    pub fn broadcasts_at_end(&self, life: usize) -> u64 {
        let life = &self.lives[life];
        let is_broadcast = |slot: &&Slot| match **slot {
            Slot::Known(post) => self.posts[post].channel.is_none(),
            Slot::OneOf(group) => life.groups[group].iter().any(|c| self.posts[c.post].channel.is_none()),
        };
        life.slots.iter().rev().take_while(is_broadcast).count() as u64
    }
}
