//! What a client does who is told messages as deltas: it keeps the last of each channel, in UTF-16 as JavaScript and Java have
//! strings, and takes nothing for granted.
#![allow(dead_code, reason = "each test file uses its own part")]
use std::collections::BTreeMap;

use serde_json::Value;

/// The last message of each channel that has come on one connection, or in one answer.
#[derive(Clone, Default, Debug)]
pub struct Bases {
    last: BTreeMap<String, (u64, Vec<u16>)>,
    /// Deltas that have come.
    pub deltas: u64,
}

impl Bases {
    /// A message's data, put together with the one before if it is a delta.
    pub fn whole(&mut self, said: &Value) -> String {
        let channel = said["channel"].as_str().expect("a channel");
        let seq = said["seq"].as_u64().expect("a number");
        let data: Vec<u16> = said["data"].as_str().expect("a text").encode_utf16().collect();
        let data = match said["splice"].as_array().map(Vec::as_slice) {
            None => {
                assert!(said["splice"].is_null(), "{said}");
                data
            }
            Some([start, deleted]) => {
                let Some((before, base)) = self.last.get(channel) else { panic!("there is no base: {said}") };
                assert_eq!(before + 1, seq, "the base is the message before: {said}");
                assert!(said["encoding"].is_null(), "{said}");
                let number = |value: &Value| value.as_u64().expect("a number") as usize;
                let (start, end) = (number(start), number(start) + number(deleted));
                self.deltas += 1;
                [&base[..start], &data, &base[end..]].concat()
            }
            Some(_) => panic!("where, and how much: {said}"),
        };
        self.last.insert(channel.to_owned(), (seq, data.clone()));
        String::from_utf16(&data).expect("whole characters")
    }

    /// Nothing is known any more of a channel.
    pub fn forget(&mut self, channel: &str) {
        self.last.remove(channel);
    }

    /// Another connection, or another answer.
    pub fn begin_anew(&mut self) {
        self.last.clear();
    }
}
