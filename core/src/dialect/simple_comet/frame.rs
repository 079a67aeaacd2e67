//! What Simple Comet's subscribers get: messages by channel, and behind them what is the subscriber's alone.
use super::answer::{SUCCESS, error, string};
use super::{end, style};
use crate::config::without_prefix;
use crate::dialect::{Batch, News, Refusal, Tail};
use crate::wire::http1::response::{number, signed};

/// Writes what is shared by all who lack the same.
pub(super) fn frame(style: u8, news: &[News<'_>], out: &mut Vec<u8>) {
    match news.first() {
        Some(News::Messages(batch)) => messages(style, std::slice::from_ref(batch), out),
        Some(News::Several(batches)) => messages(style, batches, out),
        // A script that calls nothing: its client has asked again long ago, and must not be told twice.
        Some(News::Quiet { .. }) if style & style::CALL != 0 => out.extend_from_slice(b"/* no messages */"),
        Some(News::Quiet { .. }) => messages(style, &[], out),
        Some(News::Refused { refusal, .. }) => error(refusal, out),
        // The last channel that was read is gone.
        _ => error(&Refusal::NoneReadable, out),
    }
}

fn messages(style: u8, batches: &[Batch<'_>], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"messages\": {");
    for (i, batch) in batches.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(b", ");
        }
        string(without_prefix(batch.channel.name(), style), style, out);
        out.extend_from_slice(b": [");
        for (n, (_, message)) in batch.channel.history().range(batch.from, batch.to).enumerate() {
            out.extend_from_slice(if n > 0 { b", {\"id\": " } else { b"{\"id\": " });
            number(batch.ids_from + message.offset, out);
            out.extend_from_slice(b", \"ts\": ");
            number(u64::from(message.unix_s), out);
            out.extend_from_slice(b", \"content\": ");
            string(&message.body, style, out);
            out.push(b'}');
        }
        out.push(b']');
    }
    out.push(b'}');
}

/// Writes what stands behind the frame.
pub(super) fn tail(style: u8, news: &[News<'_>], tail: Tail, out: &mut Vec<u8>) {
    match news.first() {
        Some(News::Quiet { .. }) if style & style::CALL != 0 => return,
        Some(News::Messages(_) | News::Several(_) | News::Quiet { .. }) => {
            out.extend_from_slice(b", \"since\": ");
            signed(tail.echo, out);
            out.extend_from_slice(b", \"last_id\": ");
            number(tail.last, out);
            out.extend_from_slice(b", ");
            out.extend_from_slice(SUCCESS);
        }
        _ => {}
    }
    out.extend_from_slice(end(style));
}
