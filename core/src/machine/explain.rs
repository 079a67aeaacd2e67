//! Why somebody did or did not get a message: what the hub remembers of them, put together.
//! Knows nothing of how things came to be; [`crate::hub::Chronicle`] has noted them.
use serde::Serialize;

use super::explain_records::from_records;
use super::{Machine, Sessions};
use crate::arena::Id;
use crate::conn::{Conn, Manner, Phase};
use crate::dialect::{Answer, JSON, Refusal, Voice};
use crate::hub::{Channel, Lost, Owner, Record, Start, What};
use crate::time::Moment;
use crate::wire::http1::Status;

/// Clients that one answer tells about.
const TOLD_MAX: usize = 50;

/// The whole answer.
#[derive(Serialize)]
struct Explanation<'e> {
    channel: &'e str,
    seq: u64,
    /// `kept`, `trimmed` or `not published`.
    message: &'static str,
    /// When it was published, in milliseconds since 1970, while it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<u64>,
    /// Since when nothing of what happened is missing here; null if nothing ever has been, since the server began.
    records_since: Option<u64>,
    clients: Vec<Told>,
    /// Clients that are not told about for want of room.
    more: usize,
}

/// What is known of one client.
#[derive(Serialize)]
struct Told {
    /// Its number: a connection's, or a session's. As text, because it may be too large for a number in JavaScript.
    client: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dialect: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'static str>,
    /// Whether it is connected now.
    connected: bool,
    verdict: &'static str,
    because: String,
    /// When that was, in milliseconds since 1970.
    at: Option<u64>,
}

/// What came out, and when.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) is: &'static str,
    pub(super) because: String,
    pub(super) at: Option<Moment>,
}

impl Verdict {
    pub(super) fn new(is: &'static str, because: impl Into<String>, at: Option<Moment>) -> Self {
        Self { is, because: because.into(), at }
    }
}

impl Machine {
    /// Counts what somebody has missed who begins here, and remembers who.
    pub(super) fn count_lost(&mut self, id: Id<Conn>, at: Id<Channel>, start: &Start) {
        match start.lost {
            Lost::Nothing => {}
            Lost::Some(n) => {
                self.counters.lost += n;
                self.hub.note_missed(
                    id.to_bits(),
                    at,
                    (start.next.saturating_sub(n), start.next),
                    self.post.now,
                );
            }
            Lost::Unknown(_) => {
                self.counters.gaps_unknown += 1;
                self.hub.note_unsure(id.to_bits(), at, start.next, self.post.now);
            }
        }
    }

    /// Says who got a message, and why the others did not.
    pub(super) fn explain(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        voice: &Voice,
        name: &str,
        seq: u64,
        client: Option<Owner>,
    ) {
        let now = self.post.now;
        let Some(at) = self.hub.find(name) else {
            return self.explain_absent(id, manner, voice, name, seq, client);
        };
        self.hub.channel(at, now);
        let unix = self.unix_ms().saturating_sub(now.0);
        let wall = |moment: Moment| unix.saturating_add(moment.0);
        let Some(channel) = self.hub.peek(at) else { return };
        let history = channel.history();
        // One that has expired keeps its place until those before it are gone, and nothing else.
        let message = history.get(seq).filter(|_| history.is_live(seq));
        let state = match message {
            Some(_) => "kept",
            None if seq >= history.head() => "not published",
            None => "trimmed",
        };
        let patterns = self.places_by_pattern(channel, seq);
        let past = self.past_lives(name);
        let mut owners: Vec<Owner> = match client {
            Some(client) => vec![client],
            None => {
                let is_told = |r: &&Record| concerns(r, at, name) || past.has(r);
                let named = self.hub.chronicle().records().filter(|r| r.owner != 0 && is_told(r));
                let by_pattern = patterns.iter().flat_map(|place| self.hub.owners(place.index));
                named.map(|record| record.owner).chain(self.hub.owners(at)).chain(by_pattern).collect()
            }
        };
        owners.sort_unstable();
        owners.dedup();
        let more = owners.len().saturating_sub(TOLD_MAX);
        // The latest to come.
        let owners = owners.split_off(more);
        let standing = self.hub.standing_of(at, &owners);
        let clients = owners.into_iter().map(|owner| {
            let next = standing.iter().find(|(other, _)| *other == owner).map(|(_, next)| *next);
            let mut verdict = self.verdict((at, channel), next, owner, seq);
            if verdict.is == "unknown" && next.is_none() {
                verdict = self.verdict_of_past(&past, owner, seq, true).unwrap_or(verdict);
            }
            self.told(owner, self.or_by_pattern(verdict, &patterns, owner), wall)
        });
        let explanation = Explanation {
            channel: name,
            seq,
            message: state,
            published: message.map(|message| wall(message.at)),
            records_since: self.hub.chronicle().since(now).map(wall),
            clients: clients.collect(),
            more,
        };
        // Names and numbers can always be written.
        let body = serde_json::to_string(&explanation).unwrap_or_default();
        self.reply(id, manner, Answer { status: Status::OK, content_type: JSON }, &[], body.as_bytes());
    }

    /// The same of a channel that is not there: somebody may have been refused it, or have read it before it ended.
    fn explain_absent(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        voice: &Voice,
        name: &str,
        seq: u64,
        client: Option<Owner>,
    ) {
        let past = self.past_lives(name);
        let is_told = |record: &&Record| is_refused(record, name) || record.owner != 0 && past.has(record);
        let told = self.hub.chronicle().records().filter(is_told);
        let mut owners: Vec<Owner> = told.map(|record| record.owner).collect();
        owners.sort_unstable();
        owners.dedup();
        if owners.is_empty() {
            return self.refuse(id, manner, voice, &Refusal::NoChannel(name.into()));
        }
        owners.retain(|owner| client.is_none_or(|client| client == *owner));
        let more = owners.len().saturating_sub(TOLD_MAX);
        let unix = self.unix_ms().saturating_sub(self.post.now.0);
        let wall = |moment: Moment| unix.saturating_add(moment.0);
        let clients = owners.split_off(more).into_iter().filter_map(|owner| {
            let records = self.hub.chronicle().records().filter(|record| is_refused(record, name));
            let refused = || from_records(records, (owner, self.since(owner)), seq, None);
            let verdict = self.verdict_of_past(&past, owner, seq, false).or_else(refused)?;
            Some(self.told(owner, verdict, wall))
        });
        let explanation = Explanation {
            channel: name,
            seq,
            message: past.state(seq),
            published: None,
            records_since: self.hub.chronicle().since(self.post.now).map(wall),
            clients: clients.collect(),
            more,
        };
        let body = serde_json::to_string(&explanation).unwrap_or_default();
        self.reply(id, manner, Answer { status: Status::OK, content_type: JSON }, &[], body.as_bytes());
    }

    fn told(&self, owner: Owner, verdict: Verdict, wall: impl Fn(Moment) -> u64) -> Told {
        let conn = self.conn_of(owner);
        let kind = conn.map(super::stats::kind_of);
        Told {
            client: owner.to_string(),
            address: conn.map(|conn| conn.peer.to_string()),
            dialect: kind.map(|(dialect, _)| dialect),
            transport: kind.map(|(_, transport)| transport),
            connected: conn.is_some(),
            verdict: verdict.is,
            because: verdict.because,
            at: verdict.at.map(wall),
        }
    }

    /// The connection that is, or speaks for, a reader.
    pub(super) fn conn_of(&self, owner: Owner) -> Option<&Conn> {
        match Sessions::owner(owner) {
            Some(session) => self.conns.get(self.sessions.connection(session)?),
            None => self.conns.get(Id::from_bits(owner)?),
        }
    }

    pub(super) fn verdict(
        &self,
        (at, channel): (Id<Channel>, &Channel),
        next: Option<u64>,
        owner: Owner,
        seq: u64,
    ) -> Verdict {
        let is_told =
            |r: &&Record| matches!(r.what, What::SentAway { .. }) || concerns(r, at, channel.name());
        let records = self.hub.chronicle().records().filter(is_told);
        if let Some(verdict) = from_records(records, (owner, self.since(owner)), seq, next) {
            return verdict;
        }
        match next {
            Some(next) if seq >= channel.history().head() => Verdict::new(
                "waiting",
                format!("it is not published yet; the client waits for number {next} and what follows"),
                None,
            ),
            Some(next) if seq >= next => self.not_yet(owner),
            Some(_) => Verdict::new(
                "unknown",
                "the client is past it, but what happened then is no longer known: limits.explain_records_max",
                None,
            ),
            None => Verdict::new(
                "unknown",
                "this client has not read the channel for as long as records reach back",
                None,
            ),
        }
    }

    fn not_yet(&self, owner: Owner) -> Verdict {
        let is_asleep = Sessions::owner(owner).is_some();
        match self.conn_of(owner) {
            Some(conn) if !conn.outbox.is_empty() => Verdict::new(
                "slow",
                format!(
                    "{} bytes wait that the client has not taken, since {} ms; it will get this behind them, or be \
                     told that it is missing",
                    conn.outbox.len(),
                    self.post.now.since(conn.progress)
                ),
                Some(conn.progress),
            ),
            Some(Conn { phase: Phase::Attached(_) | Phase::Parked(_) | Phase::WebSocket(_), .. }) => {
                Verdict::new("due", "it is handed over in this turn", None)
            }
            _ if is_asleep => {
                Verdict::new("waiting", "the session has no connect under way that it could answer", None)
            }
            _ => Verdict::new("due", "it is handed over when the client asks next", None),
        }
    }
}

/// Whether somebody was refused the channel of this name.
fn is_refused(record: &Record, name: &str) -> bool {
    matches!(&record.what, What::Refused { name: asked, .. } if **asked == *name)
}

/// Whether a record is of this life of a channel, or of somebody who was refused it.
fn concerns(record: &Record, at: Id<Channel>, name: &str) -> bool {
    record.channel == at.to_bits() || is_refused(record, name)
}

impl Machine {
    /// Keeps in mind that somebody was refused channels.
    pub(super) fn note_refusals<'n>(
        &mut self,
        id: Id<Conn>,
        names: impl Iterator<Item = &'n str>,
        refusal: &Refusal,
    ) {
        let now = self.post.now;
        let words = match refusal {
            Refusal::Token => "the channel's token is missing or wrong",
            other => other.words(),
        };
        // Nobody will ask about a name that no channel can have, and names of strangers are not kept at any length.
        if matches!(refusal, Refusal::Name | Refusal::Memory) {
            return;
        }
        for name in names.take(self.config.limits.channels_per_subscription_max) {
            if self.check_name(name).is_err() {
                continue;
            }
            self.hub.note_refused(id.to_bits(), name, words, now);
        }
    }
}
