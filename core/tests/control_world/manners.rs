//! Those who do not behave: cut in the middle, silent, half closed, too long, or taking nothing. They cost nobody.
use super::{ALL, World};

impl World {
    /// Asks for something whole and does not wait to hear what came of it.
    pub(super) fn write_and_vanish(&mut self) {
        let key = self.key();
        self.made += 1;
        let value = format!("unheard {}", self.made);
        let client = self.server.connect(ALL);
        self.server.send_in_this_turn(client, format!("write \"{key}\" {value}\n"));
        self.server.vanish(client);
        self.unsure.push(value);
        self.hear_only();
    }

    /// Sends the beginning of a request and goes, or ends its sending side: nothing is done.
    pub(super) fn leave_in_the_middle(&mut self) {
        let key = self.key();
        self.made += 1;
        let value = format!("cut {}", self.made);
        let whole = match self.chance.below(3) {
            0 => format!("write \"{key}\" {value}\n"),
            1 => format!("write {} {value} \0", key.replace(' ', "_")),
            _ => format!(
                "PUT /keys/{} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{value}",
                super::support::encode(key),
                value.len()
            ),
        };
        let cut = self.chance.below(whole.len() as u64) as usize;
        let before: usize = self.books.values().map(|book| book.told.len()).sum();
        let client = self.server.connect(ALL);
        self.server.send(client, &whole[..cut]);
        if self.chance.percent(50) {
            self.server.finish_sending(client);
            assert!(
                self.server.is_shut(client),
                "half a request never becomes a whole one: {:?}",
                &whole[..cut]
            );
        }
        self.server.vanish(client);
        self.hear_only();
        let after: usize = self.books.values().map(|book| book.told.len()).sum();
        assert_eq!(after, before, "half of it is nothing: {:?}", &whole[..cut]);
        self.note("cut in the middle");
    }

    /// Stays, and costs nobody.
    pub(super) fn be_a_nuisance(&mut self) {
        let client = self.server.connect(ALL);
        match self.chance.below(6) {
            0 => self.note("said nothing more"),
            1 => {
                self.server.send(client, "wri");
                self.note("said nothing more");
            }
            2 => {
                self.server.send(client, "PUT /keys/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
                self.note("said nothing more");
            }
            3 => {
                // A line that never ends.
                self.server.send(client, [b'x'; 300]);
                let said = self.server.received(client);
                assert!(said.starts_with("error refused "), "{said}");
            }
            4 => {
                self.server.clog(client, true);
                for _ in 0..20 {
                    self.server.send(client, "dump\n");
                }
            }
            _ => {
                // It has everything listed, takes some of it and goes.
                self.server.clog(client, true);
                self.server.send(client, "dump\nstatus\nhelp\n");
                let bytes = self.chance.below(40) as usize;
                self.server.take(client, bytes);
                self.server.vanish(client);
                self.note("dump given up");
                return self.hear_only();
            }
        }
        self.nuisances.push(client);
        self.hear_only();
    }
}
