//! What happened, counted. Every limit has a counter here that moves when it is reached.
//! Knows nothing of how the numbers are shown.

macro_rules! counters {
    (events { $($(#[doc = $event_doc:literal])+ $event:ident,)+ }
     limits { $($(#[doc = $limit_doc:literal])+ $limit:ident,)+ }) => {
        /// Monotonic counts since the start of the process.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[doc = $event_doc])+ pub $event: u64,)+
            $($(#[doc = $limit_doc])+ pub $limit: u64,)+
        }

        impl Counters {
            /// Every counter as name, explanation and value, in the order of declaration.
            pub fn list(&self) -> Vec<(&'static str, &'static str, u64)> {
                let mut list = vec![$((stringify!($event), concat!($($event_doc),+).trim_ascii(), self.$event),)+];
                list.extend(self.limits());
                list
            }

            /// Those that move when a limit is reached: an administrator wants to hear of them.
            pub fn limits(&self) -> [(&'static str, &'static str, u64); [$(stringify!($limit)),+].len()] {
                [$((stringify!($limit), concat!($($limit_doc),+).trim_ascii(), self.$limit),)+]
            }
        }
    };
}

counters! {
    events {
        /// Connections accepted.
        connections_opened,
        /// Connections that are gone.
        connections_closed,
        /// Requests read whole.
        requests,
        /// Requests refused with 400 because they were not HTTP as it should be.
        bad_requests,
        /// Idle connections closed after `idle_ms_max`.
        idle_closed,
        /// Bytes received.
        received_bytes,
        /// Bytes sent.
        sent_bytes,
        /// Messages appended to the log.
        published,
        /// Bytes of message bodies appended to the log.
        published_bytes,
        /// Messages handed to a subscriber's connection, counted once for each subscriber.
        delivered,
        /// Messages that a subscriber was told it has missed.
        lost,
        /// Subscribers told that an unknown number of messages is missing (another epoch, another life of a channel).
        gaps_unknown,
        /// Messages trimmed from a channel's history by its limits.
        trimmed,
        /// Publishes refused.
        publishes_refused,
        /// Subscriptions begun.
        subscribed,
        /// Connections ended because an administrator wanted it.
        disconnected,
        /// Requests refused because of a wrong token.
        tokens_refused,
        /// Signed tokens that were right.
        tokens_accepted,
        /// Those of them whose signature had been looked at before.
        tokens_known,
        /// Subscriptions and WebSockets ended because their signed token had expired.
        tokens_expired,
        /// Publishes answered with the answer of the one before with the same `Idempotency-Key`.
        publishes_replayed,
        /// Publishes refused with 422: another body with the same `Idempotency-Key`.
        idempotency_conflicts,
        /// Messages that expired by their `ttl` while they were kept.
        messages_expired,
        /// Requests refused by an address rule.
        addresses_denied,
        /// Requests refused because a browser sent them for a page of another site: to the admin side, or Bayeux's from an origin that is not in `http.origins`, or to a location that is not for its pages.
        sites_denied,
        /// Commands in text on the control socket.
        commands,
        /// Requests refused because whoever came in by the control socket may not do that.
        rights_denied,
        /// WebSockets opened.
        websockets_opened,
        /// Messages of clients that came whole over WebSockets.
        websocket_messages,
        /// Handshakes of WebSockets refused because they were none, or asked for what there is not.
        websocket_handshakes_refused,
        /// Handshakes of WebSockets refused because they came from a page of an origin that is not in `http.origins`.
        websocket_origins_denied,
        /// WebSockets closed because the client broke the protocol (1002, 1003, 1007).
        websocket_faults,
        /// Frames compressed; one that many get is compressed once.
        frames_deflated,
        /// Messages told by what differs from the one before, counted once for each subscriber.
        deltas_delivered,
        /// Bytes that were left out of those, before compression.
        deltas_saved_bytes,
        /// Polls and streams that were told that nothing happened.
        noops,
        /// Subscribers answered 409 because somebody else waited on the same channel.
        conflicts,
        /// Requests made to applications: the hooks of `[[push.location]]`.
        hooks_asked,
        /// Requests of clients that an application refused.
        hooks_denied,
        /// Messages that an application had dropped, or rewritten.
        hooks_changed,
        /// Applications that could not be reached, or gave an answer that cannot be used; the client was answered 502.
        hooks_failed,
        /// Channels created.
        channels_opened,
        /// Channels freed, closed or expired.
        channels_closed,
        /// Bayeux sessions begun.
        bayeux_sessions_opened,
        /// Bayeux sessions ended by their clients.
        bayeux_sessions_closed,
        /// Bayeux sessions whose clients were not heard of for too long.
        bayeux_sessions_expired,
        /// Bayeux sessions that went on where an expired one had stopped.
        bayeux_sessions_resumed,
        /// Bayeux sessions that went on after a restart of the server, with `history.file`.
        bayeux_sessions_restored,
        /// Last values of keys that were put back at the start.
        values_restored,
        /// Messages that channels kept again at the start, from `history.file`.
        history_restored,
        /// Messages in `history.file` that were given up at the start, because there was no room for them; not what patterns of sessions have of them.
        history_given_up,
        /// Entries written to `history.file`.
        history_entries,
        /// Times that `history.file` was written anew.
        history_rewrites,
        /// Times that `history.file` could no longer be written.
        history_failures,
        /// Times that the last values of keys were saved.
        values_saves,
        /// Times that the last values of keys could not be saved.
        values_saves_failed,
        /// Bayeux messages that named a session which is not known, or not the sender's.
        bayeux_unknown_clients,
        /// Messages sent again to a Bayeux client because it had not acknowledged them, counted once for each of its subscriptions.
        bayeux_resent,
    }
    limits {
        /// Connections refused with 503 because `connections_max` was reached.
        connections_refused,
        /// Connections to the control socket that said nothing, ended for a newcomer because `connections_max` was reached.
        silent_closed,
        /// Connections refused with 503 because `connections_per_address_max` was reached.
        address_refused,
        /// Connections, channels or requests refused because `memory_bytes_max` was reached.
        memory_refused,
        /// Requests in pieces on the admin side or the control socket refused with 503 because `memory_bytes_max` was reached, and `admin_partial_bytes_max` too.
        admin_partials_refused,
        /// Messages refused with 503 because `history.file` could not be written.
        history_refused,
        /// Requests refused with 414: longer than `request_line_bytes_max`.
        request_lines_too_long,
        /// Requests refused with 431: more than `head_bytes_max` or `headers_max`.
        heads_too_large,
        /// Requests refused with 413: more than `body_bytes_max`.
        bodies_too_large,
        /// Commands refused because they were longer than `command_bytes_max`.
        commands_too_long,
        /// Dumps of keys that were cut at `dump_bytes_max`.
        dumps_cut,
        /// Requests refused with 408: not whole within `head_ms_max` or `body_ms_max`.
        requests_too_slow,
        /// Connections closed because the peer took less than `write_least_bytes` of what waited within `write_stall_ms_max`.
        stalled_closed,
        /// Times that a connection's pipelined bytes reached `pipeline_bytes_max` and reading paused.
        pipelines_paused,
        /// Times that a subscriber had `outbox_bytes_max` waiting and its cursor was left where it was.
        subscribers_slow,
        /// Subscriptions refused because `subscribers_per_channel_max` was reached.
        subscribers_refused,
        /// Messages refused because `channel_messages_per_second_max` of their channel was reached.
        publishes_too_fast,
        /// Subscriptions refused because they named more than `channels_per_subscription_max` channels.
        compounds_refused,
        /// Registrations of clients refused because `sessions_max` was reached.
        sessions_refused,
        /// Requests refused because `channels_max` was reached.
        channels_refused,
        /// Requests refused because a channel's name was too long or held what a name must not hold.
        names_refused,
        /// Messages refused because their Content-Type or event name was longer than `media_type_bytes_max`, or no text.
        media_types_refused,
        /// Callback names refused.
        callbacks_refused,
        /// WebSockets closed with 1009: a frame was larger than `frame_bytes_max`.
        websocket_frames_too_large,
        /// WebSockets closed with 1009: a message was larger than `message_bytes_max`, as sent or decompressed.
        websocket_messages_too_large,
        /// WebSockets closed with 1008: a message was not whole within `message_ms_max`.
        websocket_messages_too_slow,
        /// WebSockets closed with 1008: more control frames than `control_frames_per_minute_max`.
        websocket_controls_flooded,
        /// WebSockets cut because nothing came within `pong_ms_max` after a ping.
        websocket_pongs_missed,
        /// WebSockets ended because the client had not answered a close within `close_ms_max`.
        websocket_closes_unanswered,
        /// Subscriptions refused because the WebSocket had `subscriptions_max`.
        websocket_subscriptions_refused,
        /// Requests refused with 503, and notices dropped, because `hooks_max` was reached.
        hooks_refused,
        /// Applications that had not answered within `hook_ms_max`; the client was answered 504.
        hooks_too_slow,
        /// Answers of applications with more than `hook_body_bytes_max`, or 8 KiB of head; the client was answered 502.
        hooks_too_large,
        /// Requests refused because a limit of a group of channels was reached (`group_max_channels` and its like).
        groups_refused,
        /// Events of channels dropped because `channel_events_waiting_max` was reached, or there was no room for them.
        channel_events_refused,
        /// Broadcasts refused because `broadcasts_waiting_max` were still on their way.
        broadcasts_refused,
        /// Subscriptions refused because `patterns_max` was reached.
        patterns_refused,
        /// Handshakes refused because `bayeux_sessions_max` or `bayeux_sessions_per_address_max` was reached.
        bayeux_sessions_refused,
        /// Subscriptions refused because `bayeux_subscriptions_max` was reached.
        bayeux_subscriptions_refused,
        /// Connects not held because `bayeux_connects_per_browser_max` was reached.
        bayeux_connects_paced,
        /// Questions about who is present refused because of `presence_bytes_max`.
        presences_refused,
        /// Requests to publish refused because of `publish_messages_max`, or of what one channel can take at once.
        publishes_too_large,
        /// Signed tokens refused because of `token_bytes_max` or `token_rules_max`.
        tokens_too_large,
        /// Signed tokens forgotten for others because of `tokens_known_max`; their signatures are looked at again.
        tokens_forgotten,
        /// Publishes refused because of `idempotency_keys_max`, `idempotency_bytes_max` or `idempotency_key_bytes_max`.
        idempotency_refused,
        /// Requests refused, or in part, because of `bayeux_batch_messages_max` or `bayeux_json_depth_max`.
        bayeux_batches_refused,
        /// People refused in a roster because `roster_max` was reached.
        roster_refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_listed_with_its_meaning() {
        let counters = Counters { published: 3, ..Counters::default() };
        let list = counters.list();
        assert!(list.iter().all(|(name, doc, _)| !name.is_empty() && doc.ends_with('.')));
        assert!(list.iter().any(|&(name, _, n)| (name, n) == ("published", 3)));
        assert!(counters.limits().iter().all(|limit| list.contains(limit)));
    }
}
