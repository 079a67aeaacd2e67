//! Connections to applications: made when something is to be asked, kept for the next question.
//! Knows nothing of what is asked: the core writes the questions and reads what the answers mean.
mod link;
mod places;

use std::collections::{HashMap, VecDeque};

use mio::Registry;
use rcomet_core::arena::{Arena, Id};
use rcomet_core::config::UpstreamPlace;
use rcomet_core::time::Moment;
use rcomet_core::{Config, Hook, HookAnswer, HookFailure, Machine};

pub(crate) use self::link::Link;
use self::link::Progress;
use self::places::Places;
use crate::reactor::upstream_token;

/// All connections to applications.
pub(crate) struct Upstreams {
    links: Arena<Link>,
    /// By which connection something is being asked.
    by_hook: HashMap<Id<Hook>, Id<Link>>,
    /// Connections that wait for the next question, by where they lead; the last one was used last.
    idle: HashMap<UpstreamPlace, Vec<Id<Link>>>,
    /// The same, with when each has waited for long enough; the first is due first.
    due: VecDeque<(Moment, Id<Link>)>,
    places: Places,
    idle_max: usize,
    idle_ms_max: u64,
}

impl Upstreams {
    /// None yet. Names of applications are looked up now: that may take its time.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            links: Arena::with_limit(u32::MAX as usize),
            by_hook: HashMap::new(),
            idle: HashMap::new(),
            due: VecDeque::new(),
            places: Places::look_up(config),
            idle_max: config.limits.hook_connections_idle_max,
            idle_ms_max: config.limits.hook_connection_idle_ms_max,
        }
    }

    /// Another configuration is in force: names are looked up anew, and what waits is not used any more, as it may lead to
    /// where a name does not lead now.
    pub(crate) fn set(&mut self, config: &Config) {
        self.places = Places::look_up(config);
        self.idle_max = config.limits.hook_connections_idle_max;
        self.idle_ms_max = config.limits.hook_connection_idle_ms_max;
        self.due.clear();
        for slot in 0..self.links.slots() {
            let Some(id) = self.links.id_at(slot) else { continue };
            self.drop_idle(id);
            if let Some(link) = self.links.get_mut(id) {
                link.retire();
            }
        }
    }

    /// When a connection has waited for long enough.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.due.front().map(|(moment, _)| *moment)
    }

    /// Ends connections that have waited for long enough.
    pub(crate) fn expire(&mut self, now: Moment) {
        while let Some(&(due, id)) = self.due.front()
            && due <= now
        {
            self.due.pop_front();
            let Some(link) = self.links.get_mut(id) else { continue };
            link.leave_queue();
            if !link.is_idle() {
                continue;
            }
            let until = link.idle_until();
            if until <= now {
                self.drop_idle(id);
            } else if link.rest_until(until) {
                // It has been used since.
                self.due.push_back((until, id));
            }
        }
    }

    /// Asks what the machine wishes to be asked.
    pub(crate) fn ask(
        &mut self,
        hook: Id<Hook>,
        machine: &mut Machine,
        scratch: &mut [u8],
        registry: &Registry,
        now: Moment,
    ) {
        let Some(place) = machine.hook(hook).map(|hook| hook.upstream().place().clone()) else { return };
        let kept = self.idle.get_mut(&place).and_then(Vec::pop);
        let id = match kept {
            Some(id) => Some(id),
            None => self.connect(&place, registry),
        };
        let Some((id, link)) = id.and_then(|id| Some((id, self.links.get_mut(id)?))) else {
            return machine.hook_answered(hook, &HookAnswer::Failed(HookFailure::Broken), now);
        };
        link.begin(hook, machine.config().limits.hook_body_bytes_max);
        self.by_hook.insert(hook, id);
        self.drive(id, machine, scratch, registry, now);
    }

    /// Nobody waits any more for what was asked: its connection is of no use to anybody else.
    pub(crate) fn give_up(&mut self, hook: Id<Hook>) {
        if let Some(id) = self.by_hook.remove(&hook) {
            self.links.remove(id);
        }
    }

    /// Something has happened to a connection.
    pub(crate) fn hear(
        &mut self,
        slot: usize,
        machine: &mut Machine,
        scratch: &mut [u8],
        registry: &Registry,
        now: Moment,
    ) {
        let Some(id) = self.links.id_at(slot) else { return };
        self.drive(id, machine, scratch, registry, now);
    }

    fn drive(
        &mut self,
        id: Id<Link>,
        machine: &mut Machine,
        scratch: &mut [u8],
        registry: &Registry,
        now: Moment,
    ) {
        let Some(link) = self.links.get_mut(id) else { return };
        let hook = link.hook();
        let request = hook.and_then(|hook| machine.hook(hook)).map_or(&[][..], Hook::request);
        match (link.go_on(request, scratch), hook) {
            (Progress::Waits, _) => {}
            // Nobody had asked: it has been ended, or has something to say of its own.
            (_, None) => self.drop_idle(id),
            (Progress::Done, Some(hook)) => {
                self.by_hook.remove(&hook);
                let Some(fetched) = link.answer() else { return };
                machine.hook_answered(hook, &HookAnswer::Whole(&fetched), now);
                if fetched.keeps_alive() && link.is_clean() {
                    self.keep(id, now);
                } else {
                    self.links.remove(id);
                }
            }
            (Progress::Stale, Some(hook)) => {
                // It was kept from before, and ended in the moment in which it was asked: somebody else has not heard it.
                self.by_hook.remove(&hook);
                let place = link.place().clone();
                self.links.remove(id);
                for stale in self.idle.remove(&place).unwrap_or_default() {
                    self.links.remove(stale);
                }
                self.ask(hook, machine, scratch, registry, now);
            }
            (Progress::Failed(failure), Some(hook)) => {
                self.by_hook.remove(&hook);
                self.links.remove(id);
                machine.hook_answered(hook, &HookAnswer::Failed(failure), now);
            }
        }
    }

    fn connect(&mut self, place: &UpstreamPlace, registry: &Registry) -> Option<Id<Link>> {
        let link = match Link::connect(place, self.places.address(place)) {
            Ok(link) => link,
            Err(error) => {
                log::debug!("{place:?}: {error}");
                return None;
            }
        };
        let id = self.links.insert(link)?;
        let registered = self
            .links
            .get_mut(id)
            .is_some_and(|link| link.register(registry, upstream_token(id.index())).is_ok());
        if !registered {
            self.links.remove(id);
            return None;
        }
        Some(id)
    }

    fn keep(&mut self, id: Id<Link>, now: Moment) {
        let until = now.after_ms(self.idle_ms_max);
        let Some(link) = self.links.get_mut(id) else { return };
        let idle = self.idle.entry(link.place().clone()).or_default();
        if idle.len() >= self.idle_max {
            self.links.remove(id);
            return;
        }
        idle.push(id);
        if link.rest_until(until) {
            self.due.push_back((until, id));
        }
    }

    fn drop_idle(&mut self, id: Id<Link>) {
        if self.links.get(id).is_none_or(|link| !link.is_idle()) {
            return;
        }
        if let Some(link) = self.links.remove(id)
            && let Some(idle) = self.idle.get_mut(link.place())
        {
            idle.retain(|kept| *kept != id);
            if idle.is_empty() {
                self.idle.remove(link.place());
            }
        }
    }
}
