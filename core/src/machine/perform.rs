//! What requests ask for, done: the verbs that are over at once.
//! Knows nothing of how they were written or are answered.
use std::sync::Arc;

use super::bayeux::Scarce;
use super::private::check_private;
use super::tokens::{is_closed, withheld};
use super::{Errand, Machine};
use crate::arena::Id;
use crate::config::Auth;
use crate::conn::{Conn, Held, Manner, Phase, Post, Role};
use crate::dialect::{Hold, Outcome, Refusal, Verb, Voice};
use crate::hub::{Census, Channel, Message};

impl Machine {
    pub(super) fn perform(&mut self, id: Id<Conn>, role: Role, manner: Manner, voice: Voice, verb: Verb<'_>) {
        let now = self.post.now;
        if let Err(refusal) = check_private(role, &verb) {
            return self.refuse(id, manner, &voice, &refusal);
        }
        if let Some(refusal) = withheld(&verb).filter(|_| is_closed(&self.config, role)) {
            return self.refuse(id, manner, &voice, &refusal);
        }
        let outcome = match verb {
            Verb::Read(read) => return self.read(id, role, manner, voice, &read),
            Verb::Hooked { hooks, verb } => {
                return match Errand::of(*verb) {
                    Some(errand) => self.ask_first(id, role, (manner, voice), hooks, errand),
                    // No other verbs are hooked.
                    None => self.refuse(id, manner, &voice, &Refusal::NotFound),
                };
            }
            Verb::Watch(watch) => return self.watch(id, role, manner, voice, watch),
            Verb::Post { posting, body } => {
                return self.post_or_hold(id, manner, voice, posting, Arc::from(&*body));
            }
            Verb::Look(channels) => return self.look(id, manner, &voice, &channels),
            Verb::End { channels, events } => {
                return self.look_and_end(id, manner, &voice, &channels, events.as_ref());
            }
            Verb::Group { name, task } => return self.do_with_group(id, manner, &voice, &name, task),
            Verb::Readers { channels, group, words } => {
                return self.say_readers(id, (manner, &voice), (&channels, &group), words.as_ref());
            }
            Verb::Figures => {
                let figures = self.figures();
                return self.answer(id, manner, &voice, &Outcome::Figures(figures));
            }
            Verb::Explain { channel, seq, client } => {
                return self.explain(id, manner, &voice, &channel, seq, client);
            }
            Verb::Stats(Hold::Poll) => return self.say_stats(id, manner),
            Verb::Stats(Hold::Stream) => return self.listen_to_stats(id, manner, voice),
            Verb::Census => return self.say_census(id, manner, &voice),
            Verb::PublishTo { channel, body } => {
                let body = match (self.known(&channel), body) {
                    (Err(refusal), _) => return self.refuse(id, manner, &voice, &refusal),
                    (Ok(_), None) => {
                        return self.refuse(id, manner, &voice, &Refusal::Parameter("Missing content"));
                    }
                    (Ok(_), Some(body)) => Arc::from(&*body),
                };
                let post = Post { body, sender: None, to_known: true, posting: None, batch: None };
                return self.publish_or_hold(id, manner, voice, &channel, post);
            }
            Verb::Register { channel, as_what } => {
                return match self.register(&channel, as_what) {
                    Ok(()) => self.answer(id, manner, &voice, &Outcome::Registered { channel: &channel }),
                    Err(refusal) => self.refuse(id, manner, &voice, &refusal),
                };
            }
            Verb::RegisterSession(session) => {
                return match self.register_session(&session) {
                    Ok(()) => {
                        self.answer(id, manner, &voice, &Outcome::SessionRegistered { session: &session });
                    }
                    Err(refusal) => self.refuse(id, manner, &voice, &refusal),
                };
            }
            Verb::Delete(name) => {
                let channel = name.as_deref();
                let removed = self.delete(channel);
                return self.answer(id, manner, &voice, &Outcome::Deleted { channel, removed });
            }
            Verb::Subscribe(wanted) => return self.subscribe_channels(id, role, manner, voice, &wanted),
            Verb::PublishAll(bulk) => return self.publish_bulk(id, role, manner, voice, bulk),
            Verb::History(past) => return self.say_history(id, role, manner, &voice, &past),
            Verb::Presence { channels, tokens } => {
                return self.say_presence(id, role, manner, &voice, (&channels, &tokens));
            }
            Verb::Directory(page) => return self.say_directory(id, manner, &voice, &page),
            Verb::Describe(channel) => return self.say_channel(id, manner, &voice, &channel),
            Verb::Key { name, task } => return self.do_with_key(id, role, manner, voice, (name, task)),
            Verb::Dump(page) => return self.dump(id, manner, &voice, &page),
            Verb::Order(order) => return self.take_order(id, manner, voice, order),
            Verb::Clients(page) => return self.say_clients(id, manner, &voice, &page),
            Verb::DisconnectClient(client) => return self.send_client_off(id, manner, &voice, client),
            Verb::Disconnect { channel, who } => {
                return self.send_off(id, manner, &voice, (&channel, who.as_deref()));
            }
            Verb::Talk(talk) => return self.talk(id, role, manner, voice, &talk),
            Verb::Listen(listen) => return self.listen(id, role, manner, voice, &listen),
            // An answer over HTTP has one subscription, which ends with it.
            Verb::Unlisten(_) | Verb::Authenticate(_) => Err(Refusal::NotFound),
            Verb::Announcements => return self.listen_to_announcements(id, manner, voice),
            Verb::Publish { channel, body, sender } => {
                let sender = sender.map(|s| Arc::from(&*s));
                let post =
                    Post { body: Arc::from(&*body), sender, to_known: false, posting: None, batch: None };
                return self.publish_or_hold(id, manner, voice, &channel, post);
            }
            Verb::Broadcast { body } => self.broadcast(&body).map(|()| Outcome::Broadcast),
            Verb::Sign { channel, life_ms } => {
                return match self.sign(&channel, life_ms) {
                    Ok((oldest, token)) => {
                        let (expires_s, poll_s) = (life_ms.div_ceil(1000), self.poll_s());
                        let signed =
                            Outcome::Signed { channel: &channel, oldest, token: &token, expires_s, poll_s };
                        self.answer(id, manner, &voice, &signed);
                    }
                    Err(refusal) => self.refuse(id, manner, &voice, &refusal),
                };
            }
            Verb::SignIn { channel, who } => self
                .check_person(&who)
                .and_then(|()| self.open_channel(&channel, self.channel_ms()))
                .map(|at| {
                    self.hub.sign_in(at, &who);
                    let next = self.hub.channel(at, now).map_or(1, |c| c.history().head());
                    Outcome::SignedIn { next }
                }),
            Verb::Close(name) => {
                self.known(&name).map(|at| Outcome::Done { next: self.hub.close(at, now).unwrap_or(1) })
            }
            Verb::Clear(name) => {
                self.known(&name).map(|at| Outcome::Done { next: self.hub.clear(at, now).unwrap_or(1) })
            }
            Verb::Totals => {
                Ok(Outcome::Totals { channels: self.hub.channels(), subscribers: self.hub.listeners() })
            }
            Verb::Count(name) => {
                let found = self.hub.find(&name).and_then(|at| self.hub.peek(at));
                let subscribers = found.map_or(0, Channel::members);
                return self.answer(id, manner, &voice, &Outcome::Count { channel: &name, subscribers });
            }
            Verb::Exists(name) => {
                let exists = self.hub.find(&name).is_some();
                return self.answer(id, manner, &voice, &Outcome::Exists { channel: &name, exists });
            }
            Verb::Ping => Ok(Outcome::Pong { poll_s: self.poll_s() }),
        };
        match outcome {
            Ok(outcome) => self.answer(id, manner, &voice, &outcome),
            Err(refusal) => self.refuse(id, manner, &voice, &refusal),
        }
    }

    /// Publishes and answers, or waits with both: those who listen come first, or fast publishers could make them
    /// miss messages.
    pub(super) fn publish_or_hold(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        voice: Voice,
        channel: &str,
        post: Post,
    ) {
        if let Some(several) = post.batch {
            return self.publish_all_or_hold(id, manner, voice, several);
        }
        if let Some(posting) = post.posting {
            return self.post_or_hold(id, manner, voice, posting, post.body);
        }
        let found = self.hub.find(channel);
        if let Some(at) = self.hub.crowded(channel, found, post.body.len())
            && let Some(conn) = self.conns.get_mut(id)
        {
            self.held_bytes += post.body.len();
            conn.phase = Phase::Held(Box::new(Held { channel: channel.into(), post, manner, voice }));
            return self.defer(id, Some(at));
        }
        match self.publish(found, channel, post) {
            Ok(number) => self.answer(id, manner, &voice, &Outcome::Published { id: number }),
            Err(refusal) => self.refuse(id, manner, &voice, &refusal),
        }
    }

    /// Appends; gives the number by which the message is known.
    pub(super) fn publish(
        &mut self,
        found: Option<Id<Channel>>,
        name: &str,
        post: Post,
    ) -> Result<u64, Refusal> {
        let Post { body, sender, to_known, .. } = post;
        if to_known && found.is_none() {
            return Err(Refusal::NoChannel(name.into()));
        }
        if let Some(who) = &sender {
            self.check_person(who)?;
        }
        self.check_message_in_group(name, body.len())?;
        let size = Message::cost(body.len(), sender.as_ref().map(|s| s.len()), None);
        // Publishing prolongs its life.
        let at = match found {
            Some(at) => self.ready(at, size)?,
            None => self.open_for(name, size)?,
        };
        // Only a closed channel takes nothing, and a closed one has no name to be found by.
        self.hub.publish(at, body, sender, self.post.now).ok_or(Refusal::NotFound)?;
        Ok(self.hub.id_of(self.hub.head().offset))
    }

    fn broadcast(&mut self, body: &str) -> Result<(), Refusal> {
        self.check_journal()?;
        // One body for all, and an entry in each.
        let size = body.len() + self.hub.channels().saturating_mul(size_of::<Message>());
        if self.is_short_for_messages(size) {
            return Err(Refusal::Memory);
        }
        self.hub.broadcast(Arc::from(body)).map_err(|_| Refusal::TooManyBroadcasts)
    }

    /// The channel, if one message more of this size may be published to it and fits.
    fn ready(&mut self, at: Id<Channel>, size: usize) -> Result<Id<Channel>, Refusal> {
        self.check_pace(at, 1)?;
        self.make_room(at, size)?;
        Ok(at)
    }

    /// The channel called `name`, for one message of this size. One that is made for it and cannot take it is not left behind.
    pub(super) fn open_for(&mut self, name: &str, size: usize) -> Result<Id<Channel>, Refusal> {
        let made = self.hub.made();
        let with_channel = size + size_of::<Channel>() + name.len();
        if self.hub.find(name).is_none() && self.is_short_for_messages(with_channel) {
            return Err(Refusal::Memory);
        }
        let at = self.open_channel(name, self.channel_ms())?;
        let ready = self.ready(at, size);
        if ready.is_err() && self.hub.made() > made {
            self.unmake(&[at]);
        }
        ready
    }

    /// Ends channels that were made for something that has been refused after all.
    pub(super) fn unmake(&mut self, made: &[Id<Channel>]) {
        for &at in made {
            self.hub.close(at, self.post.now);
        }
    }

    /// The channel called `name`, made if need be.
    pub(super) fn open_channel(&mut self, name: &str, life_ms: u64) -> Result<Id<Channel>, Refusal> {
        if let Some(at) = self.hub.find(name) {
            self.hub.prolong(at, life_ms, self.post.now);
            return Ok(at);
        }
        self.check_group_of(name, &Census { channels: 1, ..Census::default() })?;
        self.make_channel(name, life_ms)
    }

    /// The same for somebody at a location, who has been measured by its limits.
    pub(super) fn make_channel(&mut self, name: &str, life_ms: u64) -> Result<Id<Channel>, Refusal> {
        if let Some(at) = self.hub.find(name) {
            self.hub.prolong(at, life_ms, self.post.now);
            return Ok(at);
        }
        self.check_name(name)?;
        if self.used_bytes() >= self.config.limits.memory_bytes_max {
            return Err(Refusal::Memory);
        }
        if self.hub.channels() >= self.config.limits.channels_max {
            self.sleepers_give_way(Scarce::Channel);
        }
        self.hub.open(name, life_ms, self.post.now).map_err(|_| Refusal::TooManyChannels)
    }

    fn known(&self, name: &str) -> Result<Id<Channel>, Refusal> {
        self.hub.find(name).ok_or_else(|| Refusal::NoChannel(name.into()))
    }

    pub(super) fn check_name(&self, name: &str) -> Result<(), Refusal> {
        let fits = !name.is_empty() && name.len() <= self.config.limits.channel_name_bytes_max;
        if fits && !name.chars().any(char::is_control) { Ok(()) } else { Err(Refusal::Name) }
    }

    pub(super) fn check_person(&self, who: &str) -> Result<(), Refusal> {
        let fits = who.len() <= self.config.limits.roster_name_bytes_max;
        if fits && !who.chars().any(char::is_control) {
            Ok(())
        } else {
            Err(Refusal::Parameter(
                "the person's name is longer than roster_name_bytes_max or has control characters",
            ))
        }
    }

    pub(super) fn channel_ms(&self) -> u64 {
        self.config.icomet.channel_timeout_ms
    }

    /// Whole seconds after which a subscriber hears something at the latest; never 0, or icomet.js would go round and
    /// round.
    pub(super) fn poll_s(&self) -> u64 {
        (self.config.icomet.polling_timeout_ms / 1000).max(1)
    }

    /// Whether a subscriber must show a token: the channel's, or a signed one that allows it.
    pub(super) fn needs_token(&self, role: Role) -> bool {
        role != Role::Admin && (self.config.front.auth == Auth::Token || self.config.token.required)
    }
}
