//! Beginnings of response heads: status, date and the fields that do not depend on the body. They are the same for
//! many answers of one second, so they are written once and copied.
//! Knows nothing of who is answered.
use super::askers::Askers;
use crate::arena::Id;
use crate::config::{Http, USUAL, Wordings};
use crate::conn::{Conn, OriginRef};
use crate::dialect::{Boundary, News, Voice};
use crate::hub::Seed;
use crate::time::Date;
use crate::wire::http1::Status;
use crate::wire::http1::response::HeadWriter;

/// Kinds kept at hand: what a few dialects answer in a second.
const AT_HAND: usize = 8;

/// What makes two beginnings the same within a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kind {
    pub(super) status: Status,
    pub(super) content_type: &'static str,
    pub(super) origin: OriginRef,
    /// Whether browsers are told to believe the type: what a subscriber gets has never had it, and is read by scripts.
    pub(super) nosniff: bool,
    /// Whether no cache is to keep it, whoever may ask again.
    pub(super) no_store: bool,
}

/// Beginnings at hand.
pub(super) struct Heads {
    at_hand: Vec<(Kind, Vec<u8>)>,
    oldest: usize,
    /// What stands between the parts of the body that is begun.
    pub(super) boundary: Boundary,
    /// What readers can have around messages.
    pub(super) wordings: Wordings,
    /// Whose requests have named an origin that their answers name.
    pub(super) askers: Askers,
}

impl Heads {
    pub(super) fn new(seed: Seed) -> Self {
        Self {
            at_hand: Vec::new(),
            oldest: 0,
            boundary: Boundary::default(),
            wordings: Wordings::default(),
            askers: Askers::new(seed),
        }
    }

    /// Begins a head of this kind in `out`, which must be empty, for an answer on this connection.
    pub(super) fn begin<'o>(
        &mut self,
        out: &'o mut Vec<u8>,
        id: Id<Conn>,
        kind: Kind,
        date: &Date,
        http: &Http,
    ) -> HeadWriter<'o> {
        debug_assert!(out.is_empty(), "a head begins at the beginning");
        if let Some((_, beginning)) = self.at_hand.iter().find(|(k, _)| *k == kind) {
            let writer = HeadWriter::resume(out, beginning);
            return if kind.origin.is_own() {
                allow_origin(writer, kind.origin, http, self.askers.of(id))
            } else {
                writer
            };
        }
        let mut writer = HeadWriter::begin(out, kind.status, date).field("Content-Type", kind.content_type);
        if kind.nosniff {
            writer = writer.field("X-Content-Type-Options", "nosniff");
        }
        let cache = if kind.no_store { "no-store" } else { "no-cache" };
        let writer = writer.field("Cache-Control", cache);
        let writer = if kind.origin.is_own() { writer } else { allow_origin(writer, kind.origin, http, "") };
        let entry = (kind, writer.so_far().to_vec());
        if self.at_hand.len() < AT_HAND {
            self.at_hand.push(entry);
        } else {
            self.at_hand[self.oldest] = entry;
            self.oldest = (self.oldest + 1) % AT_HAND;
        }
        if kind.origin.is_own() {
            return allow_origin(writer, kind.origin, http, self.askers.of(id));
        }
        writer
    }

    /// Begins a head that says what came with a message.
    pub(super) fn begin_own<'o>(
        &self,
        out: &'o mut Vec<u8>,
        (voice, origin, id): (&Voice, OriginRef, Id<Conn>),
        news: &[News<'_>],
        date: &Date,
        http: &Http,
    ) -> HeadWriter<'o> {
        let speaker = voice.dialect.speaker();
        let wording = self.wordings.get(voice.wording).map_or(&USUAL, |wording| wording);
        let writer = HeadWriter::begin(out, speaker.status(voice.style, news), date);
        let writer = writer.with(|out| speaker.fields(voice.style, news, &self.boundary, wording, out));
        let asked = if origin.is_own() { self.askers.of(id) } else { "" };
        let writer = allow_origin(writer, origin, http, asked);
        if !origin.is_for_pages() {
            return writer;
        }
        let exposed = speaker.exposes();
        let own = (wording.id_field != USUAL.id_field).then(|| format!("{exposed}, {}", wording.id_field));
        writer.field("Access-Control-Expose-Headers", own.as_deref().unwrap_or(exposed))
    }

    /// Another second, or another configuration.
    pub(super) fn forget(&mut self) {
        self.at_hand.clear();
        self.oldest = 0;
    }
}

/// Writes which pages may read the answer; `asked` is the origin that the request named, where that is it.
pub(super) fn allow_origin<'a>(
    writer: HeadWriter<'a>,
    origin: OriginRef,
    http: &Http,
    asked: &str,
) -> HeadWriter<'a> {
    match origin {
        OriginRef::None => writer,
        OriginRef::Asked | OriginRef::AskedWithout if asked.is_empty() => writer.field("Vary", "Origin"),
        OriginRef::AskedWithout => writer.field("Vary", "Origin").field("Access-Control-Allow-Origin", asked),
        OriginRef::Asked => writer
            .field("Vary", "Origin")
            .field("Access-Control-Allow-Origin", asked)
            .field("Access-Control-Allow-Credentials", "true"),
        OriginRef::Vary => writer.field("Vary", "Origin"),
        OriginRef::Any => writer.field("Access-Control-Allow-Origin", "*"),
        OriginRef::Listed(place) => match http.origins.get(usize::from(place)) {
            Some(origin) => {
                writer.field("Vary", "Origin").field("Access-Control-Allow-Origin", origin.as_str())
            }
            None => writer.field("Vary", "Origin"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{JSON, PLAIN};
    use crate::wire::http1::response::End;

    fn empty() -> Heads {
        let mut heads = Heads::new(Seed::new(1, 2));
        heads.askers.note(Id::from_bits((1 << 32) | 7).expect("an id"), "https://a.example");
        heads
    }

    fn written(heads: &mut Heads, kind: Kind, second: u64) -> String {
        let mut out = Vec::new();
        heads
            .begin(
                &mut out,
                Id::from_bits((1 << 32) | 7).expect("an id"),
                kind,
                &Date::from_unix(second),
                &Http::default(),
            )
            .end(End::Length(5), true);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn what_is_at_hand_is_what_would_be_written() {
        let mut heads = empty();
        let mut kinds = Vec::new();
        for content_type in [JSON, PLAIN] {
            for origin in
                [OriginRef::None, OriginRef::Vary, OriginRef::Any, OriginRef::Listed(0), OriginRef::Asked]
            {
                for (status, nosniff) in [(Status::OK, true), (Status::NOT_FOUND, false)] {
                    kinds.push(Kind { status, content_type, origin, nosniff, no_store: !nosniff });
                }
            }
        }
        // Twice round: more kinds than are kept at hand, and then each one when it is.
        for kind in kinds.iter().chain(&kinds).flat_map(|kind| [kind, kind]) {
            assert_eq!(written(&mut heads, *kind, 7), written(&mut empty(), *kind, 7), "{kind:?}");
        }
        let kind = Kind { origin: OriginRef::Asked, ..kinds[0] };
        let named = "Origin: https://a.example\r\nAccess-Control-Allow-Credentials: true\r\n";
        assert!(written(&mut heads, kind, 7).contains(named));
        heads.forget();
        assert!(written(&mut heads, kinds[0], 61).contains("00:01:01 GMT"));
    }
}
