//! A server in memory with clients at its side: no sockets, no clock.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(
    clippy::disallowed_types,
    reason = "a test may draw the seed of a table: nothing depends on its order"
)]
#[path = "journal.rs"]
mod journal;

use std::collections::HashMap;
use std::io::IoSlice;
use std::net::IpAddr;

use rcomet_core::arena::Id;
use rcomet_core::chance::{Chance, Entropy};
use rcomet_core::log::{Epoch, Life};
use rcomet_core::time::{Date, Moment};
use rcomet_core::wire::http1::fetched::Fetched;
use rcomet_core::{Config, Conn, Hook, HookAnswer, HookFailure, Machine, Role, Todo};

/// A client's end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Client(usize);

#[derive(Default)]
struct End {
    id: Option<Id<Conn>>,
    received: Vec<u8>,
    /// The server shut its sending side, or closed.
    shut: bool,
    closed: bool,
    /// The window is shut: nothing is taken.
    clogged: bool,
    /// Bytes that found no room yet.
    unsent: Vec<u8>,
    /// Ended its sending side.
    fin: bool,
}

/// The server and everybody who talks with it.
pub struct Server {
    pub machine: Machine,
    pub now: Moment,
    ends: Vec<End>,
    by_id: HashMap<Id<Conn>, usize>,
    pub budget: usize,
    /// Requests to applications that are under way, the oldest first.
    pub asked: Vec<Id<Hook>>,
    /// How many of them were given up.
    pub unasked: usize,
    /// Who wants the configuration to be read again.
    pub reloads: Vec<Id<Conn>>,
    /// How often the server was told to end.
    pub stops: usize,
    /// How often it was time to save values.
    pub saves: usize,
    /// What has happened to channels, where it is written down.
    pub journal: Option<journal::Journal>,
    /// Where the next life listens: the side, and the address.
    pub listeners: Vec<(String, String)>,
}

/// 2026-11-21 00:00:00 GMT.
pub const START: u64 = 1_795_219_200;

/// The number of the first change of the first roster of a server: microseconds of its start.
pub const FIRST_CHANGE: u64 = START * 1_000_000;

/// What stands as a tag in ids of second and tag, by the server of the usual seed.
pub fn tag(number: u32) -> u64 {
    tag_by(USUAL_SEED, number)
}

/// The same, by the server of another: its third draw is its log's identity.
pub fn tag_by(seed: u64, number: u32) -> u64 {
    let (mut chance, mut word) = (Chance::from_seed(seed), [0; 8]);
    (0..3).for_each(|_| chance.fill(&mut word));
    Life::of(Epoch::from_random(word)).tag(number)
}

const USUAL_SEED: u64 = 1;

impl Default for Server {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl Server {
    pub fn new(config: Config) -> Self {
        Self::with_seed(config, USUAL_SEED)
    }

    /// Another seed makes another server: other tokens, another log.
    pub fn with_seed(config: Config, seed: u64) -> Self {
        Self::begun_at(config, seed, Date::from_unix(START))
    }

    /// The same, begun at some time.
    pub fn begun_at(config: Config, seed: u64, date: Date) -> Self {
        config.check().expect("the test's configuration works");
        let entropy = Box::new(Chance::from_seed(seed));
        // Everything has to be the same when the configuration came by a reload.
        let machine = if std::env::var_os("BY_RELOAD").is_some() {
            let mut machine = Machine::new(Config::default(), entropy, Moment(0), date);
            machine.reconfigure(config);
            machine
        } else {
            Machine::new(config, entropy, Moment(0), date)
        };
        Self {
            machine,
            now: Moment(0),
            ends: Vec::new(),
            by_id: HashMap::new(),
            budget: 4096,
            asked: Vec::new(),
            unasked: 0,
            reloads: Vec::new(),
            stops: 0,
            saves: 0,
            journal: None,
            listeners: Vec::new(),
        }
    }

    /// Connects from this machine.
    pub fn connect(&mut self, role: Role) -> Client {
        self.connect_from(role, "127.0.0.1")
    }

    pub fn connect_from(&mut self, role: Role, address: &str) -> Client {
        let address: IpAddr = address.parse().unwrap();
        while let Some(silent) = self.machine.gives_way(self.now) {
            let silent_end = self.by_id.remove(&silent).expect("it is here");
            self.ends[silent_end].closed = true;
            self.machine.closed(silent);
        }
        let id = self.machine.open(role, address, self.now);
        self.ends.push(End { id, closed: id.is_none(), ..End::default() });
        let client = Client(self.ends.len() - 1);
        if let Some(id) = id {
            self.by_id.insert(id, client.0);
        }
        self.turn();
        client
    }

    /// Says by which of the listeners a client came in.
    pub fn come_by(&mut self, client: Client, listener: usize) {
        let id = self.ends[client.0].id.expect("it is let in");
        self.machine.came_by(id, listener);
    }

    /// Sends bytes, as far as the server takes them; the rest follows when it does.
    pub fn send(&mut self, client: Client, bytes: impl AsRef<[u8]>) {
        self.ends[client.0].unsent.extend_from_slice(bytes.as_ref());
        self.offer(client.0);
        self.turn();
    }

    /// Sends bytes before the turn goes on to deliver anything.
    pub fn send_in_this_turn(&mut self, client: Client, bytes: impl AsRef<[u8]>) {
        self.ends[client.0].unsent.extend_from_slice(bytes.as_ref());
        self.offer(client.0);
    }

    fn offer(&mut self, i: usize) {
        while let Some(id) = self.ends[i].id {
            let room = self.machine.room(id);
            let end = &mut self.ends[i];
            let n = end.unsent.len().min(room).min(64 << 10);
            if n == 0 {
                break;
            }
            let bytes: Vec<u8> = end.unsent.drain(..n).collect();
            self.machine.recv(id, &bytes, self.now);
        }
        let end = &mut self.ends[i];
        if end.fin
            && end.unsent.is_empty()
            && let Some(id) = end.id
        {
            end.fin = false;
            self.machine.ended(id, self.now);
        }
    }

    /// Ends the sending side.
    pub fn finish_sending(&mut self, client: Client) {
        self.ends[client.0].fin = true;
        self.offer(client.0);
        self.turn();
    }

    /// Closes without a word.
    pub fn vanish(&mut self, client: Client) {
        if let Some(id) = self.ends[client.0].id.take() {
            self.by_id.remove(&id);
            self.machine.closed(id);
        }
        self.turn();
    }

    /// Stops taking anything, or takes again.
    pub fn clog(&mut self, client: Client, clogged: bool) {
        self.ends[client.0].clogged = clogged;
        if let Some(id) = self.ends[client.0].id.filter(|_| !clogged) {
            self.write(id);
        }
        self.turn();
    }

    /// Takes some bytes of what waits, and no more.
    pub fn take(&mut self, client: Client, bytes: usize) {
        let Some(id) = self.ends[client.0].id else { return };
        let mut iov = [IoSlice::new(&[]); 8];
        let n = self.machine.transmit(id, &mut iov);
        let taken: Vec<u8> = iov[..n].iter().flat_map(|s| s.to_vec()).take(bytes).collect();
        self.ends[client.0].received.extend_from_slice(&taken);
        self.machine.sent(id, taken.len(), self.now);
        self.turn();
    }

    /// The request of the oldest question under way, byte for byte.
    pub fn question_bytes(&self) -> &[u8] {
        self.asked.first().and_then(|id| self.machine.hook(*id)).expect("something is asked").request()
    }

    /// What an application is asked, of the oldest question under way.
    pub fn question(&self) -> String {
        let hook = self.asked.first().and_then(|id| self.machine.hook(*id)).expect("something is asked");
        format!("{}\n{}", hook.upstream(), String::from_utf8_lossy(hook.request()))
    }

    /// Answers the oldest question under way.
    pub fn reply_to_hook(&mut self, answer: &str) {
        self.reply_to_hook_with(answer.as_bytes());
    }

    /// The same with bytes that need not be text.
    pub fn reply_to_hook_with(&mut self, answer: &[u8]) {
        let id = self.asked.remove(0);
        let mut fetched = Fetched::new(self.machine.config().limits.hook_body_bytes_max);
        fetched.take(answer).expect("an answer");
        assert!(fetched.is_done(), "a whole one: {answer:?}");
        self.machine.hook_answered(id, &HookAnswer::Whole(&fetched), self.now);
        self.turn();
    }

    /// The application of the oldest question cannot be asked.
    pub fn fail_hook(&mut self, failure: HookFailure) {
        let id = self.asked.remove(0);
        self.machine.hook_answered(id, &HookAnswer::Failed(failure), self.now);
        self.turn();
    }

    /// One turn of the loop, and more until nothing is left to do.
    pub fn turn(&mut self) {
        for _ in 0..1_000_000 {
            if !self.turn_once() {
                return;
            }
        }
        panic!("the server does not come to rest");
    }

    /// One turn of the loop; true when there is more to do.
    pub fn turn_once(&mut self) -> bool {
        self.machine.expire(self.now);
        let mut more = self.machine.pump(self.budget, self.now);
        while let Some(todo) = self.machine.next_todo() {
            // What a connection takes makes room, and room can be new work.
            more = true;
            self.act(todo);
        }
        self.machine.check();
        self.store();
        more
    }

    fn act(&mut self, todo: Todo) {
        match todo {
            Todo::Write(id) => self.write(id),
            Todo::Read(id) => {
                if let Some(&i) = self.by_id.get(&id) {
                    self.offer(i);
                }
            }
            Todo::Shutdown(id) => {
                if let Some(&i) = self.by_id.get(&id) {
                    self.ends[i].shut = true;
                }
            }
            Todo::Hook(id) => self.asked.push(id),
            Todo::Unhook(id) => {
                self.asked.retain(|asked| *asked != id);
                self.unasked += 1;
            }
            Todo::Reload(id) => self.reloads.push(id),
            Todo::Stop => self.stops += 1,
            Todo::Save => self.saves += 1,
            Todo::Close(id) => {
                if let Some(i) = self.by_id.remove(&id) {
                    (self.ends[i].shut, self.ends[i].closed, self.ends[i].id) = (true, true, None);
                    self.machine.closed(id);
                }
            }
        }
    }

    fn write(&mut self, id: Id<Conn>) {
        let Some(&i) = self.by_id.get(&id) else { return };
        while !self.ends[i].clogged {
            self.store();
            let mut iov = [IoSlice::new(&[]); 8];
            let n = self.machine.transmit(id, &mut iov);
            let bytes: Vec<u8> = iov[..n].iter().flat_map(|s| s.to_vec()).collect();
            if bytes.is_empty() {
                return;
            }
            self.ends[i].received.extend_from_slice(&bytes);
            self.machine.sent(id, bytes.len(), self.now);
        }
    }

    /// Lets time pass, stopping wherever the server has something to do.
    pub fn pass_ms(&mut self, ms: u64) {
        let until = self.now.after_ms(ms);
        while let Some(due) = self.machine.deadline().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.turn();
        }
        self.now = until;
        self.turn();
    }

    /// Puts back what a client has not looked at; it comes first when it is asked next.
    pub fn put_back(&mut self, client: Client, bytes: &[u8]) {
        self.ends[client.0].received.splice(0..0, bytes.iter().copied());
    }

    /// What a client has received since it was last asked.
    pub fn received(&mut self, client: Client) -> String {
        let bytes = std::mem::take(&mut self.ends[client.0].received);
        String::from_utf8(bytes).expect("the server speaks UTF-8")
    }

    /// The server's name for a connection, while there is one.
    pub fn id(&self, client: Client) -> Option<Id<Conn>> {
        self.ends[client.0].id
    }

    /// The same, when it need not be text.
    pub fn received_bytes(&mut self, client: Client) -> Vec<u8> {
        std::mem::take(&mut self.ends[client.0].received)
    }

    /// Whether the server has shut its sending side.
    pub fn is_shut(&self, client: Client) -> bool {
        self.ends[client.0].shut
    }

    /// Whether the server has closed the connection.
    pub fn is_closed(&self, client: Client) -> bool {
        self.ends[client.0].closed
    }

    /// Sends a GET and gives what comes back.
    pub fn get(&mut self, client: Client, target: &str) -> String {
        self.send(client, format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        self.received(client)
    }

    /// A GET on a new connection; gives the body of the answer.
    pub fn ask(&mut self, role: Role, target: &str) -> String {
        let client = self.connect(role);
        let answer = self.get(client, target);
        self.vanish(client);
        body(&answer)
    }

    pub fn push(&mut self, channel: &str, content: &str) {
        let target = format!("/push?cname={channel}&content={}", encode(content));
        assert_eq!(self.ask(Role::Admin, &target), "{\"type\":\"ok\"}\n");
    }
}

/// Percent-encodes everything that is not a letter or digit.
pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|c| if c.is_ascii_alphanumeric() { char::from(c).to_string() } else { format!("%{c:02X}") })
        .collect()
}

/// The head and the body of one whole answer, dechunked.
pub fn split(answer: &str) -> (String, String) {
    let (head, rest) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {answer:?}"));
    let body = if head.contains("Transfer-Encoding: chunked") { dechunk(rest) } else { rest.to_owned() };
    (head.to_owned(), body)
}

/// The body of one whole answer.
pub fn body(answer: &str) -> String {
    split(answer).1
}

/// Joins chunks; what follows the last chunk, or an unfinished one, is an error.
pub fn dechunk(mut text: &str) -> String {
    let mut out = String::new();
    while !text.is_empty() {
        let (size, rest) = text.split_once("\r\n").expect("a chunk has a size");
        let size = usize::from_str_radix(size, 16).expect("in hexadecimal");
        out.push_str(&rest[..size]);
        text = rest[size..].strip_prefix("\r\n").expect("a chunk ends with CRLF");
    }
    out
}
