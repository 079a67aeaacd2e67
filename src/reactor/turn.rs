//! One turn of the loop, told as a story. The order is part of the core's contract.
//! Knows nothing of what the bytes mean.
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Interest};
use rcomet_core::arena::Id;
use rcomet_core::time::Moment;
use rcomet_core::{Conn, Role, Todo};

use super::reload::Reload;
use super::signals::Order;
use super::socket::{Reading, Socket};
use super::stream::Stream;
use super::token::About;
use super::{Life, Reactor};
use crate::journal::Journal;

/// Events taken from the kernel at once; the others wait for the next turn.
const EVENTS_PER_TURN: usize = 1024;
/// Subscribers visited before they are written to: few enough that what the visit has brought into the processor's cache
/// is still there when it comes to the write.
const VISITS_AT_ONCE: usize = 32;

/// How often work and wishes take turns before it is time to look for events again: about a millisecond's worth, which is
/// what a large channel may add to the latency of a small one. 100,000 subscribers are many turns, and between these
/// everybody else is served. The second round of most turns finds nothing to do, and is cheaper than a look.
const ROUNDS_PER_TURN: usize = 16;

impl Reactor {
    /// Serves until the process is told to leave. What is kept over a restart is saved then.
    ///
    /// # Errors
    /// The operating system will not wait for events any more, or the values cannot be saved.
    pub(crate) fn run(mut self, reload: &mut dyn Reload) -> io::Result<()> {
        self.manager.ready(self.clock.now());
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        while self.life != Life::Over {
            self.wait(&mut events)?;
            self.turn(&events, reload);
        }
        if let Some(journal) = self.journal.take() {
            journal.end(&mut self.machine, self.clock.now())?;
        }
        let Some(saver) = self.saver.take() else { return Ok(()) };
        let mut file = saver.end()?;
        file.save(&mut self.machine, true).map_err(io::Error::other)
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let timeout = if self.more || !self.in_line.is_empty() || self.listeners.more() {
            Some(Duration::ZERO)
        } else {
            let moments = [
                self.machine.deadline(),
                self.listeners.retry_at(),
                self.drained_by(),
                self.report.due(),
                self.upstreams.deadline(),
                self.alive_at,
                self.journal.as_ref().and_then(Journal::due),
                self.manager.again_at(),
            ];
            moments.into_iter().flatten().min().map(|moment| self.clock.until(moment))
        };
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            other => other,
        }
    }

    fn turn(&mut self, events: &Events, reload: &mut dyn Reload) {
        let now = self.clock.now();
        if let Some(date) = self.clock.new_date() {
            self.machine.set_date(date);
        }

        // 1. Events: what has come in, what had to wait in the last turn, and who is new.
        for event in events {
            match About::from(event.token()) {
                About::Connection(id) => self.hear(id, event, now),
                About::Listener(number) => self.listeners.announce(number),
                About::Upstream(slot) => self.hear_upstream(slot, now),
                About::Signals => self.obey_signals(reload, now),
                // What it says is heard below.
                About::Saver => {}
            }
        }
        self.read_on(now);
        self.accept(now);

        // 2. Time: whose deadline has passed.
        self.machine.expire(now);
        self.upstreams.expire(now);

        self.work(reload, now);
        if let Some(saver) = &mut self.saver {
            self.more |= saver.go_on(&mut self.machine);
        }
        if let Some(journal) = &mut self.journal {
            self.more |= journal.go_on(&mut self.machine, now);
        }
        self.show_life(now);

        if let Some(line) = self.report.look(self.machine.counters(), now) {
            log::warn!("{line}");
        }
        self.see_off(now);
    }

    fn work(&mut self, reload: &mut dyn Reload, now: Moment) {
        for _ in 0..ROUNDS_PER_TURN {
            // 3. Work: bring subscribers up to date, a slice of them.
            self.more = self.machine.pump(VISITS_AT_ONCE, now);

            // 4. Wishes: what all this means for sockets. Bytes that a socket has taken make room, and room can be new
            // work: then the machine must not be left to wait for an event that nobody owes it.
            if !self.grant_wishes(reload, now) {
                return;
            }
        }
        self.more = true;
    }

    fn hear(&mut self, id: Id<Conn>, event: &Event, now: Moment) {
        if event.is_error() || (event.is_read_closed() && event.is_write_closed()) {
            return self.close(id);
        }
        let Some(socket) = self.sockets.get_mut(id) else { return };
        let writes = event.is_writable() && socket.unblock();
        if event.is_read_closed() {
            socket.peer_ends();
        }
        if event.is_readable() || event.is_read_closed() {
            self.read(id, now);
        }
        if writes {
            self.write(id, now);
        }
    }

    fn hear_upstream(&mut self, slot: usize, now: Moment) {
        let Self { upstreams, machine, scratch, poll, .. } = self;
        upstreams.hear(slot, machine, scratch, poll.registry(), now);
    }

    fn read_on(&mut self, now: Moment) {
        for id in std::mem::take(&mut self.in_line) {
            if let Some(socket) = self.sockets.get_mut(id) {
                socket.leave_line();
                self.read(id, now);
            }
        }
    }

    fn accept(&mut self, now: Moment) {
        let Self { poll, sockets, machine, listeners, .. } = self;
        listeners.accept(now, |listener, stream: Stream, role: Role, peer: IpAddr| {
            while let Some(silent) = machine.gives_way(now) {
                drop(sockets.remove(silent));
                machine.closed(silent);
            }
            let Some(id) = machine.open(role, peer, now) else { return };
            machine.came_by(id, listener);
            let mut socket = Socket::new(stream);
            // Both interests once and for ever: edge-triggered, so that what is not waited for costs nothing.
            let both = Interest::READABLE | Interest::WRITABLE;
            match poll.registry().register(socket.stream(), About::Connection(id).into(), both) {
                Ok(()) => sockets.insert(id, socket),
                // Either its peer is gone already, or the kernel has no memory for one more.
                Err(error) => {
                    log::debug!("a newcomer is turned away: {error}");
                    machine.closed(id);
                }
            }
        });
    }

    /// Does what the machine wishes; whether there was anything to do.
    fn grant_wishes(&mut self, reload: &mut dyn Reload, now: Moment) -> bool {
        let mut any = false;
        while let Some(todo) = self.machine.next_todo() {
            any = true;
            match todo {
                Todo::Write(id) => self.write(id, now),
                // Reading belongs to the next turn's first step: what it brings has to pass through time and work.
                Todo::Read(id) => self.get_in_line(id),
                Todo::Shutdown(id) => self.finish(id),
                Todo::Close(id) => self.close(id),
                Todo::Hook(id) => {
                    let Self { upstreams, machine, scratch, poll, .. } = self;
                    upstreams.ask(id, machine, scratch, poll.registry(), now);
                }
                Todo::Unhook(id) => self.upstreams.give_up(id),
                Todo::Reload(id) => {
                    let how = self.reload(reload, now);
                    self.machine.reloaded(id, how.as_deref().map_err(String::as_str));
                }
                Todo::Stop => self.leave(Life::Serving, now),
                Todo::Save => {
                    let Self { saver, machine, .. } = self;
                    if let Some(saver) = saver {
                        saver.begin(machine);
                    }
                }
            }
        }
        any
    }

    fn read(&mut self, id: Id<Conn>, now: Moment) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        match socket.read(id, &mut self.machine, &mut self.scratch, now) {
            Ok(Reading::Rests) => {}
            Ok(Reading::GoesOn) => self.get_in_line(id),
            Err(_) => self.close(id),
        }
    }

    fn write(&mut self, id: Id<Conn>, now: Moment) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        if socket.write(id, &mut self.machine, &mut self.journal, now).is_err() {
            self.close(id);
        }
    }

    fn finish(&mut self, id: Id<Conn>) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        if socket.finish().is_err() {
            self.close(id);
        }
    }

    fn get_in_line(&mut self, id: Id<Conn>) {
        if self.sockets.get_mut(id).is_some_and(Socket::get_in_line) {
            self.in_line.push(id);
        }
    }

    fn close(&mut self, id: Id<Conn>) {
        if self.sockets.remove(id).is_some() {
            self.machine.closed(id);
            self.listeners.descriptor_freed();
        }
    }

    fn obey_signals(&mut self, reload: &mut dyn Reload, now: Moment) {
        for order in self.signals.orders() {
            match order {
                Order::Leave => self.leave(self.life, now),
                // Whoever sends a signal reads the answer in the log.
                Order::Reload => drop(self.reload(reload, now)),
            }
        }
    }

    /// Leaves; at once when told so while leaving, `as_if` it were in this part of its life.
    fn leave(&mut self, as_if: Life, now: Moment) {
        match (as_if, self.life) {
            (Life::Serving, Life::Serving) => {
                let connections = self.machine.connections();
                log::info!("leaving within {} ms; open connections: {connections}", self.drain_ms_max);
                self.manager.stopping(now);
                self.listeners.close();
                self.machine.drain(now);
                self.life = Life::Draining { since: now };
            }
            // Somebody else has asked for it before.
            (Life::Serving, _) => {}
            _ => {
                log::warn!("told to leave again; connections cut: {}", self.machine.connections());
                self.life = Life::Over;
            }
        }
    }

    /// Tells the service manager that the loop goes round, and what it could not be told before.
    fn show_life(&mut self, now: Moment) {
        self.manager.go_on(now);
        if let (Some(at), Some(every_ms)) = (self.alive_at, self.manager.alive_every_ms())
            && now >= at
        {
            self.manager.alive();
            self.alive_at = Some(now.after_ms(every_ms));
        }
    }

    fn drained_by(&self) -> Option<Moment> {
        match self.life {
            Life::Draining { since } => Some(since.after_ms(self.drain_ms_max)),
            Life::Serving | Life::Over => None,
        }
    }

    fn see_off(&mut self, now: Moment) {
        let Life::Draining { since } = self.life else { return };
        let connections = self.machine.connections();
        if connections == 0 {
            log::info!("all connections have ended after {} ms", now.since(since));
            self.life = Life::Over;
        } else if self.drained_by().is_some_and(|moment| now >= moment) {
            log::warn!(
                "not everybody has left within {} ms; connections cut: {connections}",
                self.drain_ms_max
            );
            self.life = Life::Over;
        }
    }
}
