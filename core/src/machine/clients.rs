//! Who is connected, a page at a time, and the end of single connections.
//! Knows nothing of how it is asked for or written.
use super::Machine;
use crate::arena::Id;
use crate::conn::{Conn, Manner, Phase};
use crate::dialect::{ClientPage, ClientView, Hold, Outcome, Refusal, Voice};
use crate::hub::Channel;

impl Machine {
    /// Shows connections, in the order of their numbers' lower halves: that is the order of the table, so the next page
    /// begins where this one has ended whoever came or went.
    pub(super) fn say_clients(&mut self, id: Id<Conn>, manner: Manner, voice: &Voice, page: &ClientPage<'_>) {
        let begin = Id::<Conn>::from_bits(page.after).map_or(0, |after| after.index() + 1);
        let mut ids: Vec<Id<Conn>> = match &page.channel {
            None => (begin..self.conns.slots())
                .filter_map(|slot| self.conns.id_at(slot))
                // Whoever asks knows of itself.
                .filter(|client| *client != id)
                .take(page.limit + 1)
                .collect(),
            Some(name) => {
                let Some(at) = self.hub.find(name) else {
                    return self.refuse(id, manner, voice, &Refusal::NoChannel(name.clone().into_owned()));
                };
                let owners = self.hub.owners(at).filter_map(Id::from_bits);
                let mut ids: Vec<Id<Conn>> = owners.filter(|owner| owner.index() >= begin).collect();
                if ids.len() > page.limit {
                    ids.select_nth_unstable_by_key(page.limit, |id| id.index());
                    ids.truncate(page.limit + 1);
                }
                ids.sort_unstable_by_key(|id| id.index());
                // A WebSocket may be in an index and in a channel.
                ids.dedup();
                ids
            }
        };
        let more = ids.len() > page.limit;
        ids.truncate(page.limit);
        let after = ids.last().filter(|_| more).map(|id| id.to_bits());
        self.reply_with(id, manner, |machine, out| {
            let clients: Vec<ClientView<'_>> = ids.iter().filter_map(|id| machine.client(*id)).collect();
            voice.dialect.speaker().answer(voice, &Outcome::Clients { clients: &clients, after }, out)
        });
    }

    fn client(&self, id: Id<Conn>) -> Option<ClientView<'_>> {
        let conn = self.conns.get(id)?;
        let mut spoken = None;
        let (doing, voice, subs) = match &conn.phase {
            Phase::Ready if conn.inbox.is_empty() => ("idle", None, vec![]),
            Phase::Ready | Phase::Body(_) | Phase::Ordered(_) => ("request", None, vec![]),
            Phase::Parked(parked) => {
                let doing = if parked.hold == Hold::Poll { "poll" } else { "stream" };
                (doing, Some(&parked.voice), vec![parked.sub])
            }
            Phase::Held(held) => ("publish", Some(&held.voice), vec![]),
            Phase::HeldTalk(held) => ("publish", Some(&held.voice), vec![]),
            Phase::Hooked(hooked) => ("hook", Some(&hooked.voice), vec![]),
            Phase::WebSocket(socket) => {
                spoken = Some(socket.tongue.talker().dialect());
                let at_location = socket.booth.iter().filter_map(|booth| booth.sub);
                // Its seats are those of one subscription.
                let native = socket.seats.first().map(|seat| seat.sub);
                ("websocket", None, native.into_iter().chain(at_location).collect())
            }
            Phase::Attached(attached) => ("connect", Some(&attached.voice), vec![]),
            Phase::Closing | Phase::Lingering => ("closing", None, vec![]),
        };
        let mut view = ClientView::new(id.to_bits(), conn, doing);
        view.dialect = voice.map(|voice| voice.dialect).or(spoken).map(|dialect| dialect.speaker().name());
        for sub in subs.into_iter().filter_map(|sub| self.hub.subscription(sub)) {
            view.add(sub, |at| self.hub.peek(Id::from_bits(at)?).map(Channel::name));
        }
        Some(view)
    }

    /// Ends a connection, as on the way out.
    pub(super) fn send_client_off(&mut self, id: Id<Conn>, manner: Manner, voice: &Voice, client: u64) {
        let found = Id::from_bits(client).filter(|client| *client != id);
        match found.filter(|client| self.conns.get(*client).is_some_and(|conn| !conn.is_over())) {
            None => self.refuse(id, manner, voice, &Refusal::NoClient),
            Some(client) => {
                self.end_cleanly(client);
                self.counters.disconnected += 1;
                self.answer(id, manner, voice, &Outcome::Disconnected(1));
            }
        }
    }
}
