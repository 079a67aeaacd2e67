//! Every limit: its name, its unit (last in the name), its default and why.
//! What happens when one is reached is said here; the place that notices counts it in [`crate::Counters`].
use serde::Deserialize;

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr,)+) => {
        /// How much of everything. Simulations make these tiny.
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Limits {
            /// Every limit as name, explanation and value, in the order of declaration.
            pub fn list(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$((stringify!($name), concat!($($doc),+).trim_ascii(), self.$name as u64),)+]
            }
        }
    };
}

limits! {
    /// Connections in all. A newcomer beyond them takes the place of somebody who says nothing on the control socket, for a second at least; else it is answered 503 and closed. The daemon lowers this to what its descriptors allow.
    connections_max: usize = 100_000,
    /// Connections of one client address; of IPv6, of one network of 64 bits. A newcomer beyond them is answered 503. Loopback is exempt: a proxy speaks for many. 0 means no limit.
    connections_per_address_max: u32 = 1_024,
    /// Bytes of tables, histories and buffers together. Newcomers on the public sides and new channels are answered 503; a publish first takes room from its own channel's history, and the last 64th is not for messages.
    memory_bytes_max: usize = 1 << 30,
    /// Bytes of requests on the admin side and the control socket that come in pieces, for which there is room besides where `memory_bytes_max` is reached: who looks after the server, or publishes, is heard; more are 503. 0 lends none.
    admin_partial_bytes_max: usize = 4 << 20,
    /// Bytes of a request line; longer is 414. Publishing by GET is common, so this is generous.
    request_line_bytes_max: usize = 64 << 10,
    /// Bytes of a request head, its request line included; more is 431.
    head_bytes_max: usize = 80 << 10,
    /// Header fields of a request; more is 431. At most 128.
    headers_max: usize = 64,
    /// Bytes of a request body after dechunking; more is 413.
    body_bytes_max: usize = 1 << 20,
    /// Bytes of a command in text on the control socket, its end included; a longer one is refused, and the connection ends.
    command_bytes_max: usize = 1 << 20,
    /// Bytes of keys and values that one dump of them shows; how it goes on is said, where there are words for it.
    dump_bytes_max: usize = 4 << 20,
    /// Milliseconds for a request head to arrive, from its first byte; longer is 408.
    head_ms_max: u64 = 10_000,
    /// Milliseconds for a request body to arrive, from the end of its head; longer is 408.
    body_ms_max: u64 = 30_000,
    /// Milliseconds a kept-alive connection may be idle between requests before it is closed.
    idle_ms_max: u64 = 75_000,
    /// Milliseconds in which a peer with bytes waiting must take `write_least_bytes` of them, or all; else it is closed.
    write_stall_ms_max: u64 = 60_000,
    /// Bytes that a peer with more waiting must take within `write_stall_ms_max`: a slower one cannot be told from a dead one, and keeps memory.
    write_least_bytes: u32 = 4_096,
    /// Milliseconds that a connection which was refused may go on sending before it is cut.
    linger_ms_max: u64 = 2_000,
    /// Bytes read ahead behind a waiting poll or an unread answer; beyond them reading pauses and the peer is made to wait.
    pipeline_bytes_max: usize = 64 << 10,
    /// Bytes waiting for one connection above which its subscription waits; what it cannot take later is told as a gap.
    outbox_bytes_max: usize = 256 << 10,
    /// Bytes of messages that one delivery takes; the rest follows in the next.
    batch_bytes_max: usize = 64 << 10,
    /// Channels in all; a request that would create one more is refused in its dialect's words (icomet: type 429).
    channels_max: usize = 100_000,
    /// Bytes of a channel's name; longer is 400.
    channel_name_bytes_max: usize = 255,
    /// Subscribers of one channel; one more is refused in its dialect's words (icomet: type 429).
    subscribers_per_channel_max: usize = 100_000,
    /// Messages published to one channel within a second; one more is refused in its dialect's words, over HTTP as 429 with `Retry-After`. 0 means no limit.
    channel_messages_per_second_max: u32 = 0,
    /// Channels that one subscription reads at once; a request for more is refused in its dialect's words.
    channels_per_subscription_max: usize = 1_000,
    /// Registered clients (Simple Comet's `client_id`) in all; one more is refused in its dialect's words.
    sessions_max: usize = 100_000,
    /// Bytes of a registered client's name; a longer one is refused in its dialect's words.
    session_name_bytes_max: usize = 255,
    /// Bytes of a message's Content-Type, and of its event's name; a message with more is refused in its dialect's words.
    media_type_bytes_max: usize = 255,
    /// Names of channels, and as many of clients, that a status answer lists; how many more there are is said.
    status_names_max: usize = 10_000,
    /// Messages a channel keeps for those who come later. 0 keeps none.
    history_messages_max: usize = 1_000,
    /// Bytes of messages a channel keeps, overhead included. At least the newest message is kept while subscribers wait for it, and that
    /// of a key that was written, or of a location that stores.
    history_bytes_max: usize = 1 << 20,
    /// Milliseconds a message is kept; 0 means as long as its channel lives.
    history_age_ms_max: u64 = 0,
    /// Patterns of channel names (Bayeux's wildcards) that are read at once; one more is refused in its dialect's words.
    patterns_max: usize = 100_000,
    /// Bayeux sessions in all; one more handshake is refused, and may be tried again later.
    bayeux_sessions_max: usize = 100_000,
    /// Bayeux sessions of one client address (of IPv6, one network of 64 bits); one more handshake is refused, and may be tried again later. Loopback is exempt: a proxy speaks for many. 0 means no limit.
    bayeux_sessions_per_address_max: u32 = 1_024,
    /// Channels and patterns that one Bayeux session subscribes; one more is refused.
    bayeux_subscriptions_max: usize = 1_000,
    /// Connects of one browser, known by a cookie, that are held at once over HTTP: browsers have only so many connections to a server. One more is answered at once, with the advice that there are several clients (`multiple-clients`). 0 means no limit, and no cookie.
    bayeux_connects_per_browser_max: u32 = 0,
    /// Messages that one `POST /publish` may have, counted for each channel; more are 413, and so is what would take more than
    /// half of the history or of the outbox of those who listen to one channel. At most 500: listeners are served between
    /// requests, and must not be outrun by one.
    publish_messages_max: usize = 500,
    /// Records of who came, was handed something, left or was refused, for `GET /explain`; the oldest makes room. 0 keeps none. One takes 64 bytes, and a name where there is one; they take no more than a 64th of memory_bytes_max, and the names no more than another.
    explain_records_max: usize = 8_192,
    /// Bytes of a signed token; a longer one is 401, and its signature is not looked at.
    token_bytes_max: usize = 4_096,
    /// Rules (`channels`) of a signed token; one with more is 401.
    token_rules_max: usize = 100,
    /// Signed tokens that were right and are remembered, so that their signatures are looked at once. When there are more, those give
    /// way that were not shown lately. 0: each is looked at with each request.
    tokens_known_max: usize = 4_096,
    /// Keys of publishes (`Idempotency-Key`) that are remembered at once, half of them at most from the public sides; a publish with one more is 503, and is not done.
    idempotency_keys_max: usize = 100_000,
    /// Bytes of those keys and the answers that they got, half of them at most for the public sides; a publish beyond them is 503, and is not done.
    idempotency_bytes_max: usize = 32 << 20,
    /// Bytes of such a key; a longer one is 400.
    idempotency_key_bytes_max: usize = 255,
    /// Seconds that such a key is remembered, with the answer that it got.
    idempotency_seconds: u64 = 600,
    /// Messages of one request of a Bayeux client that are done, a slice of 256 at a time; each of those behind them gets a reply that
    /// refuses it. More than 20,000 are 400, and none is done.
    bayeux_batch_messages_max: usize = 10_000,
    /// Arrays and objects nested in each other in a request of a Bayeux client; more are 400.
    bayeux_json_depth_max: usize = 64,
    /// Requests to applications (the hooks of `[[push.location]]`) under way at once; what would need one more is answered 503, and a notice is dropped.
    hooks_max: usize = 256,
    /// Milliseconds for an application to answer, from the beginning of its being asked; longer is 504.
    hook_ms_max: u64 = 5_000,
    /// Bytes of the body of an application's answer; more is 502.
    hook_body_bytes_max: usize = 64 << 10,
    /// Connections to one application that are kept for the next request to it.
    hook_connections_idle_max: usize = 16,
    /// Milliseconds such a connection is kept.
    hook_connection_idle_ms_max: u64 = 30_000,
    /// Events of channels (`channel_events_channel_id`) that wait to be published; one more is dropped.
    channel_events_waiting_max: usize = 10_000,
    /// Broadcasts on their way to all channels; one more is answered 503 and can be sent again.
    broadcasts_waiting_max: usize = 64,
    /// Bytes of a JSONP callback name; a longer one is 400.
    callback_bytes_max: usize = 128,
    /// Named people in the roster of one channel; one more may subscribe but is not listed.
    roster_max: usize = 1_000,
    /// Bytes of a person's name in a roster.
    roster_name_bytes_max: usize = 128,
    /// Bytes that an answer which names the people of several channels may take, each counted as long as it can become in JSON; more is 413.
    presence_bytes_max: usize = 4 << 20,
    /// Milliseconds a named person without a connection stays in the roster: the time between two polls.
    roster_lease_ms: u64 = 12_000,
}

/// The most that one connection's buffers can be configured to: they are counted in 32 bits.
const BYTES_CEILING: usize = 512 << 20;

/// The most messages of one request of a Bayeux client that can be configured, and that are answered at all.
pub const BAYEUX_BATCH_CEILING: usize = 20_000;

/// The most header fields that can be configured: the parser's table is on the stack.
/// Messages of one publish at most: fewer than half of what is kept for those who listen in any case.
pub const PUBLISH_CEILING: usize = 500;

/// Header fields that a head has room for.
pub const HEADERS_CEILING: usize = 128;

impl Limits {
    /// What is wrong with these limits, in words for the administrator.
    ///
    /// # Errors
    /// The first limit that cannot work, with the reason.
    pub fn check(&self) -> Result<(), String> {
        let at_least = |name: &str, value: usize, least: usize| {
            if value >= least { Ok(()) } else { Err(format!("{name} = {value}: must be at least {least}")) }
        };
        at_least("connections_max", self.connections_max, 1)?;
        at_least("memory_bytes_max", self.memory_bytes_max, 1)?;
        at_least("request_line_bytes_max", self.request_line_bytes_max, 64)?;
        at_least("head_bytes_max", self.head_bytes_max, 128)?;
        at_least("command_bytes_max", self.command_bytes_max, 64)?;
        at_least("dump_bytes_max", self.dump_bytes_max, 1)?;
        at_least("headers_max", self.headers_max, 1)?;
        at_least("pipeline_bytes_max", self.pipeline_bytes_max, 1)?;
        at_least("outbox_bytes_max", self.outbox_bytes_max, 1)?;
        at_least("batch_bytes_max", self.batch_bytes_max, 1)?;
        at_least("channels_max", self.channels_max, 1)?;
        at_least("channel_name_bytes_max", self.channel_name_bytes_max, 1)?;
        at_least("subscribers_per_channel_max", self.subscribers_per_channel_max, 1)?;
        at_least("callback_bytes_max", self.callback_bytes_max, 1)?;
        at_least("channels_per_subscription_max", self.channels_per_subscription_max, 1)?;
        at_least("session_name_bytes_max", self.session_name_bytes_max, 1)?;
        at_least("channel_events_waiting_max", self.channel_events_waiting_max, 1)?;
        at_least("broadcasts_waiting_max", self.broadcasts_waiting_max, 1)?;
        at_least("hooks_max", self.hooks_max, 1)?;
        at_least("publish_messages_max", self.publish_messages_max, 1)?;
        at_least("token_bytes_max", self.token_bytes_max, 1)?;
        at_least("token_rules_max", self.token_rules_max, 1)?;
        at_least("idempotency_key_bytes_max", self.idempotency_key_bytes_max, 1)?;
        if self.idempotency_seconds == 0 {
            return Err("idempotency_seconds = 0: must be at least 1, or a publish that is repeated would be done twice".into());
        }
        if self.publish_messages_max > PUBLISH_CEILING {
            return Err(format!(
                "publish_messages_max = {}: must be at most {PUBLISH_CEILING}",
                self.publish_messages_max
            ));
        }
        at_least("bayeux_batch_messages_max", self.bayeux_batch_messages_max, 1)?;
        at_least("bayeux_json_depth_max", self.bayeux_json_depth_max, 2)?;
        if self.bayeux_batch_messages_max > BAYEUX_BATCH_CEILING {
            return Err(format!(
                "bayeux_batch_messages_max = {}: must be at most {BAYEUX_BATCH_CEILING}",
                self.bayeux_batch_messages_max
            ));
        }
        for (name, bytes) in [
            ("head_bytes_max", self.head_bytes_max),
            ("body_bytes_max", self.body_bytes_max),
            ("command_bytes_max", self.command_bytes_max),
            ("dump_bytes_max", self.dump_bytes_max),
            ("pipeline_bytes_max", self.pipeline_bytes_max),
            ("outbox_bytes_max", self.outbox_bytes_max),
            ("batch_bytes_max", self.batch_bytes_max),
            ("hook_body_bytes_max", self.hook_body_bytes_max),
        ] {
            if bytes > BYTES_CEILING {
                return Err(format!("{name} = {bytes}: must be at most {BYTES_CEILING}"));
            }
        }
        if self.headers_max > HEADERS_CEILING {
            return Err(format!("headers_max = {}: must be at most {HEADERS_CEILING}", self.headers_max));
        }
        if self.head_bytes_max < self.request_line_bytes_max {
            return Err(format!(
                "head_bytes_max = {}: must be at least request_line_bytes_max = {}",
                self.head_bytes_max, self.request_line_bytes_max
            ));
        }
        for (name, ms) in [
            ("head_ms_max", self.head_ms_max),
            ("body_ms_max", self.body_ms_max),
            ("idle_ms_max", self.idle_ms_max),
            ("write_stall_ms_max", self.write_stall_ms_max),
            ("hook_ms_max", self.hook_ms_max),
        ] {
            if ms == 0 {
                return Err(format!("{name} = 0: must be at least 1 (milliseconds)"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_work() {
        assert_eq!(Limits::default().check(), Ok(()));
    }

    #[test]
    fn a_limit_that_cannot_work_is_named() {
        let wrong = Limits { headers_max: 500, ..Limits::default() };
        assert_eq!(wrong.check(), Err("headers_max = 500: must be at most 128".into()));
        let wrong = Limits { idle_ms_max: 0, ..Limits::default() };
        assert_eq!(wrong.check(), Err("idle_ms_max = 0: must be at least 1 (milliseconds)".into()));
    }

    /// Others are "none" at 0, or "no limit", and say so.
    #[test]
    fn a_limit_of_which_nothing_would_work_is_not_0() {
        for (name, wrong) in [
            ("memory_bytes_max", Limits { memory_bytes_max: 0, ..Limits::default() }),
            ("channels_max", Limits { channels_max: 0, ..Limits::default() }),
            ("subscribers_per_channel_max", Limits { subscribers_per_channel_max: 0, ..Limits::default() }),
            ("channel_events_waiting_max", Limits { channel_events_waiting_max: 0, ..Limits::default() }),
            ("token_bytes_max", Limits { token_bytes_max: 0, ..Limits::default() }),
            ("token_rules_max", Limits { token_rules_max: 0, ..Limits::default() }),
            ("idempotency_seconds", Limits { idempotency_seconds: 0, ..Limits::default() }),
        ] {
            let why = wrong.check().expect_err(name);
            assert!(why.starts_with(&format!("{name} = 0: must be at least 1")), "{why}");
        }
        let none = Limits {
            connections_per_address_max: 0,
            admin_partial_bytes_max: 0,
            channel_messages_per_second_max: 0,
            sessions_max: 0,
            status_names_max: 0,
            history_messages_max: 0,
            history_age_ms_max: 0,
            patterns_max: 0,
            bayeux_sessions_max: 0,
            explain_records_max: 0,
            tokens_known_max: 0,
            idempotency_keys_max: 0,
            hook_connections_idle_max: 0,
            roster_max: 0,
            ..Limits::default()
        };
        assert_eq!(none.check(), Ok(()));
    }

    #[test]
    fn every_limit_is_listed_with_its_meaning() {
        let list = Limits::default().list();
        assert!(list.len() > 20);
        assert!(list.iter().all(|(_, doc, _)| doc.ends_with('.')), "{list:?}");
    }
}
