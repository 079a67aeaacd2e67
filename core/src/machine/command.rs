//! What comes in on the control socket and is not HTTP: from bytes to what is asked for.
//! Knows nothing of what it means.
use super::Machine;
use crate::arena::Id;
use crate::conn::{Conn, Manner, OriginRef, Phase, Right, Rights, Role};
use crate::dialect::local::hear::{Heard, hear, may_be_http};
use crate::dialect::{Answer, Decoded, KeyTask, Outcome, PLAIN, Refusal, Verb, Voice, local};
use crate::wire::http1::{Reject, Status};

/// What became of some bytes.
pub(super) enum Command {
    /// They are no text: somebody else reads them.
    Http,
    /// Nothing whole stands there yet.
    More,
    /// So many bytes are done with.
    Served(usize),
    /// The connection ends.
    Over,
}

impl Machine {
    /// Serves what stands at the beginning of `unread`, if it is no HTTP.
    pub(super) fn serve_command(&mut self, id: Id<Conn>, unread: &[u8], scanned: &mut usize) -> Command {
        let limits = &self.config.limits;
        let most = limits.command_bytes_max;
        // What begins as HTTP does is searched anew each time, so not much of it is waited for.
        let most_unread = if may_be_http(unread) { limits.request_line_bytes_max } else { most };
        let in_lines = self.conns.get(id).is_some_and(|conn| conn.in_lines);
        let (decoded, used, keep_alive) = match hear(unread, scanned, in_lines) {
            Heard::Http => return Command::Http,
            Heard::More if unread.len() > most_unread => return self.refuse_command(id),
            Heard::More => return Command::More,
            Heard::Blank(used) => return Command::Served(used),
            Heard::Line(_, used) if used > most => return self.refuse_command(id),
            Heard::Legacy(request) if request.len() > most => return self.refuse_command(id),
            Heard::Line(line, used) => (local::line(line), used, true),
            Heard::Legacy(request) => (local::legacy(request), request.len(), false),
        };
        self.counters.commands += 1;
        if let Some(conn) = self.conns.get_mut(id).filter(|_| keep_alive) {
            conn.in_lines = true;
        }
        let Decoded { verb, voice } = decoded;
        let keep_alive = keep_alive && !self.is_draining();
        self.perform_as(id, Manner { keep_alive, ..TEXT }, voice, verb);
        Command::Served(used)
    }

    fn refuse_command(&mut self, id: Id<Conn>) -> Command {
        self.counters.commands_too_long += 1;
        let voice = local::line(b"").voice;
        let refusal = Refusal::CommandTooLong;
        self.refuse(id, Manner { keep_alive: false, ..TEXT }, &voice, &refusal);
        Command::Over
    }

    /// Whether somebody is in the middle of a command in text.
    pub(super) fn is_in_text(&self, id: Id<Conn>) -> bool {
        self.conns.get(id).is_some_and(|conn| self.begins_as_text(id, conn.inbox.bytes()))
    }

    /// The same, of what has been taken out of the inbox.
    pub(super) fn begins_as_text(&self, id: Id<Conn>, begun: &[u8]) -> bool {
        let may_be_text = |conn: &Conn| matches!((conn.role, &conn.phase), (Role::Control(_), Phase::Ready));
        self.conns.get(id).is_some_and(may_be_text) && !begun.is_empty() && !may_be_http(begun)
    }

    /// The peer has finished sending, and what came whole is answered. Half a request of HTTP never will be.
    pub(super) fn end_of_input(&mut self, id: Id<Conn>) {
        if self.is_in_text(id) {
            return self.end_of_text(id);
        }
        if let Some(conn) = self.conns.get_mut(id) {
            self.post.hang_up(conn, id);
        }
    }

    /// The last line has no end. What it asks is answered: so a shell's `printf` says it. What would change something is not done, since
    /// whoever dies in the middle of a line looks the same from here; and who has finished sending does not wait.
    fn end_of_text(&mut self, id: Id<Conn>) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let mut taken = conn.inbox.take();
        self.counters.commands += 1;
        self.answer_last_line(id, taken.bytes());
        taken.clear(&mut self.post.pool);
    }

    fn answer_last_line(&mut self, id: Id<Conn>, line: &[u8]) {
        let Decoded { verb, voice } = local::line(line.strip_suffix(b"\r").unwrap_or(line));
        let manner = Manner { keep_alive: false, ..TEXT };
        let is_question = verb.as_ref().is_ok_and(|verb| {
            verb.needs() == Right::Read && !matches!(verb, Verb::Key { task: KeyTask::Wait { .. }, .. })
        });
        if is_question {
            return self.perform_as(id, manner, voice, verb);
        }
        let answer = Answer { status: Status::BAD_REQUEST, content_type: PLAIN };
        self.reply(id, manner, answer, &[], ENDLESS);
    }

    /// Refuses what has come of a command, in its language; the connection ends.
    pub(super) fn refuse_text(&mut self, id: Id<Conn>, reject: Reject) {
        let manner = Manner { keep_alive: false, ..TEXT };
        let answer = Answer { status: reject.status(), content_type: PLAIN };
        self.reply(id, manner, answer, &[], format!("error refused {reject}\n").as_bytes());
    }

    /// The same for want of memory, of which it has been counted.
    pub(super) fn refuse_text_for_memory(&mut self, id: Id<Conn>) {
        let voice = local::line(b"").voice;
        self.answer(id, Manner { keep_alive: false, ..TEXT }, &voice, &Outcome::Refused(&Refusal::Memory));
    }

    /// Does what is asked for, if whoever asks may.
    fn perform_as(&mut self, id: Id<Conn>, manner: Manner, voice: Voice, verb: Result<Verb<'_>, Refusal>) {
        let rights = self.conns.get(id).map_or(Rights::None, |conn| conn.role.rights());
        match verb {
            Ok(verb) if rights.has(verb.needs()) => self.perform(id, Role::Admin, manner, voice, verb),
            Ok(_) => self.refuse(id, manner, &voice, &Refusal::Rights),
            Err(refusal) => self.refuse(id, manner, &voice, &refusal),
        }
    }
}

/// What is said of a line without an end that would have changed something, or waited.
const ENDLESS: &[u8] = b"error usage the line has no end: expected LF, or CR LF\n";

/// How text is answered.
const TEXT: Manner =
    Manner { is_11: true, keep_alive: true, head_only: false, bare: true, origin: OriginRef::None };
