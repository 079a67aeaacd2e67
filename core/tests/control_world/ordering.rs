//! Administrators who have the configuration read again: it takes a while, and they need not stay for the answer.
use super::{ALL, World};

impl World {
    /// Asks for it in one language or the other. Some end their sending side before the shell has done it, some go.
    pub(super) fn reload(&mut self) {
        let client = self.server.connect(ALL);
        let (request, good) = match self.chance.below(2) {
            0 => ("reload\n", "ok\n"),
            _ => ("POST /control/reload HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 "),
        };
        self.server.send(client, request);
        let (leaves, is_half_closed) = (self.chance.percent(20), self.chance.percent(50));
        if leaves {
            self.server.vanish(client);
            self.note("reload given up");
        } else if is_half_closed {
            self.server.finish_sending(client);
            self.note("reload of one half closed");
        }
        if self.chance.percent(30) {
            self.write();
        }
        let id = self.server.reloads.pop().expect("the shell is asked");
        self.server.machine.reloaded(id, Ok(&[]));
        self.server.turn();
        if leaves {
            return;
        }
        let answer = self.server.received(client);
        assert!(answer.starts_with(good), "{request:?} is {answer:?}");
        if is_half_closed {
            assert!(
                self.server.is_shut(client),
                "nothing more can come of who has ended its side: {request:?}"
            );
        } else {
            assert!(!self.server.is_shut(client), "whoever may ask again may stay: {request:?}");
        }
        self.server.vanish(client);
        self.note("reloaded");
    }
}
