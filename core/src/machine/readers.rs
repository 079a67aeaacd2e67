//! Those who read channels, and what is known of each: Nchan's `nchan_subscriber_info`.
//! Knows nothing of how it is written.
use super::Machine;
use super::bayeux::Sessions;
use crate::arena::Id;
use crate::config::Template;
use crate::conn::{Conn, Manner, Phase, Role};
use crate::dialect::push::id_of;
use crate::dialect::{DialectId, Outcome, Reader, Refusal, Voice};
use crate::hub::Channel;

/// Bytes of an address, a number or a word of ours, at most.
const VALUE_BYTES: usize = 45;

impl Machine {
    /// Names those who read these channels, as many as may be named.
    pub(super) fn say_readers(
        &mut self,
        id: Id<Conn>,
        (manner, voice): (Manner, &Voice),
        (names, group): (&[String], &str),
        words: Option<&Template>,
    ) {
        let found: Vec<_> =
            names.iter().filter_map(|name| Some((self.hub.find(name)?, id_of(name, group)))).collect();
        if found.is_empty() {
            let name = names.first().cloned().unwrap_or_default();
            return self.refuse(id, manner, voice, &Refusal::NoChannel(name));
        }
        let most = self.config.limits.status_names_max;
        let all: usize = found.iter().filter_map(|(at, _)| self.hub.peek(*at)).map(|c| c.members()).sum();
        // Of names, each byte may be percent-encoded.
        let value = |name| match name {
            "channel" => 3 * names.iter().map(String::len).max().unwrap_or(0),
            "who" => 3 * self.config.limits.roster_name_bytes_max,
            _ => VALUE_BYTES,
        };
        let usual = 2 * VALUE_BYTES;
        let line = words.map_or(usual, |words| words.len() + words.names().map(value).sum::<usize>());
        if self.is_short_of(all.min(most) * (size_of::<Reader<'_>>() + line)) {
            return self.refuse(id, manner, voice, &Refusal::Memory);
        }
        self.reply_with(id, manner, |machine, out| {
            let owners = found
                .iter()
                .flat_map(|(at, channel)| machine.hub.owners(*at).map(move |owner| (owner, *at, *channel)));
            let readers =
                owners.take(most).filter_map(|(owner, at, channel)| machine.reader(owner, at, channel));
            let readers: Vec<_> = readers.collect();
            let outcome = Outcome::Readers { readers: &readers, words, left_out: all.saturating_sub(most) };
            voice.dialect.speaker().answer(voice, &outcome, out)
        });
    }

    /// What is known of who reads a channel. A session that nobody waits for now reads, too.
    fn reader<'a>(&'a self, owner: u64, at: Id<Channel>, channel: &'a str) -> Option<Reader<'a>> {
        let mut reader =
            Reader { transport: "", dialect: "", address: None, connection: None, channel, who: None };
        if let Some(session) = Sessions::owner(owner) {
            reader.transport = DialectId::Bayeux.speaker().name();
            reader.dialect = reader.transport;
            reader.address = Some(self.sessions.get(session)?.peer());
            return Some(reader);
        }
        let conn = self.conns.get(Id::from_bits(owner)?)?;
        let (dialect, style, sub) = match &conn.phase {
            Phase::Parked(parked) => (parked.voice.dialect, parked.voice.style, Some(parked.sub)),
            Phase::WebSocket(socket) => {
                // Its seats are those of one subscription.
                let native = socket.seats.first().map(|seat| seat.sub);
                let sub = native.or_else(|| socket.booth.as_ref()?.sub);
                (socket.tongue.talker().dialect(), socket.style, sub)
            }
            _ => return None,
        };
        reader.transport = dialect.speaker().kind(style);
        reader.dialect = dialect.speaker().name();
        // The shell has to say some address of whoever comes by the control socket.
        reader.address = Some(conn.peer).filter(|_| !matches!(conn.role, Role::Control(_)));
        reader.connection = Some((conn.role.name(), owner));
        reader.who = sub.and_then(|sub| self.hub.subscription(sub)?.who_in(at));
        Some(reader)
    }
}
