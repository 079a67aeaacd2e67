//! The file, read line by line, and what its end says of it.
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};

use rcomet_core::Machine;
use rcomet_core::journal::{Ending, First, Line, Replayed};

use super::is_of_this_boot;

/// What was in the file.
pub(super) struct Found {
    pub(super) replayed: Replayed,
    pub(super) ending: Ending,
    /// Where it could not be read any more, and why.
    pub(super) cut: Option<String>,
}

/// How lines end.
enum End {
    /// On purpose.
    Clean(u64),
    /// There are no more.
    Cut,
    /// With one that lacks nothing but its end: so a file is left that could not be written any more.
    Marked,
    /// In the middle of one: that is all that was not written.
    Half,
    /// With one that is none.
    Wrong(String),
}

/// Lets everything happen again that is in the file.
///
/// # Errors
/// What is wrong with it, in words that begin with the line.
pub(super) fn replay(file: &File, machine: &mut Machine) -> Result<Found, String> {
    // No message that there is room for has a longer line: a byte is six at the most (`\u0000`).
    let most = (machine.config().limits.memory_bytes_max as u64).saturating_mul(6);
    let mut lines =
        Lines { text: BufReader::with_capacity(256 << 10, file), line: Vec::new(), number: 0, most };
    if !lines.next()? {
        return Err("line 1: there is nothing: expected {\"rcomet_history\":1,…}".into());
    }
    let first = First::read(&lines.line).map_err(|why| lines.at(&why))?;
    machine.begin_replay(&first);
    let end = if lines.is_whole() { entries(&mut lines, machine)? } else { End::Marked };
    let (ending, cut) = match end {
        End::Clean(head) => (Ending::Clean(head), None),
        End::Cut | End::Half if first.synced || is_of_this_boot(&first) => (Ending::Whole, None),
        End::Cut | End::Half | End::Marked => (Ending::Torn, None),
        // What a power failure leaves. Where there was none, somebody has been at it.
        End::Wrong(why) if !is_of_this_boot(&first) => (Ending::Torn, Some(why)),
        End::Wrong(why) => {
            return Err(format!("{why}; correct it, or move the file away to begin without histories"));
        }
    };
    let replayed = machine.end_replay(ending).map_err(|why| lines.at(&why))?;
    Ok(Found { replayed, ending, cut })
}

fn entries(lines: &mut Lines<'_>, machine: &mut Machine) -> Result<End, String> {
    while lines.next()? {
        if !lines.is_whole() {
            return Ok(if Line::read(&lines.line).is_ok() { End::Marked } else { End::Half });
        }
        match Line::read(&lines.line) {
            Ok(Line::Entry(entry)) => machine.replay(entry).map_err(|why| lines.at(&why))?,
            Ok(Line::End(head)) => {
                return Ok(if lines.next()? {
                    End::Wrong(lines.at("something stands behind the end: expected nothing"))
                } else {
                    End::Clean(head)
                });
            }
            Err(why) => return Ok(End::Wrong(lines.at(&why))),
        }
    }
    Ok(End::Cut)
}

struct Lines<'f> {
    text: BufReader<&'f File>,
    line: Vec<u8>,
    number: usize,
    most: u64,
}

impl Lines<'_> {
    /// Reads the next line; whether there is one.
    fn next(&mut self) -> Result<bool, String> {
        self.line.clear();
        self.number += 1;
        let length = (&mut self.text).take(self.most).read_until(b'\n', &mut self.line);
        let length = length.map_err(|error| format!("cannot be read: {error}"))?;
        if length as u64 == self.most && !self.is_whole() {
            return Err(self.at(
                "it is longer than there is room for: expected no more than limits.memory_bytes_max allows",
            ));
        }
        Ok(length > 0)
    }

    /// Whether the line has an end.
    fn is_whole(&self) -> bool {
        self.line.last() == Some(&b'\n')
    }

    fn at(&self, why: &str) -> String {
        format!("line {}: {why}", self.number)
    }
}
