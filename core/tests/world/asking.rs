//! What peers ask: random questions that fit what kind of client they are. Knows nothing of answers.
use rcomet_core::Role;

use super::World;
use super::peer::{Kind, Place};
use super::question::{Ask, Carrier, Question, Request};
use super::reading::{Form, Reading, Start};

pub const CHANNELS: [&str; 6] = ["a", "p1", "pü", "q\"<", "p-2", "long-name-exceeds-it"];
pub const PEOPLE: [&str; 4] = ["ann", "bob", "zoë", "somebody-long"];

impl World {
    fn any_channel(&mut self) -> &'static str {
        if self.regime.is_crowded && self.chance.percent(85) {
            return CHANNELS[0];
        }
        // The first ones are busy, so that something happens in them.
        CHANNELS[self.chance.below(7).saturating_sub(1).min(self.chance.below(6)) as usize]
    }

    /// Lets a peer mean to ask something that fits.
    pub fn ask_something(&mut self, i: usize) {
        let (kind, role) = (self.peers[i].kind, self.peers[i].role);
        let waits = self.peers[i].ear.asked.iter().chain(&self.peers[i].ear.streams).any(|q| q.is_stream());
        let (mut question, mut request) = match (kind, self.chance.below(100)) {
            (Kind::Rude, 0..50) => return self.be_rude(i),
            (Kind::Announced, _) if !waits => (Question::new(Ask::Announcements), Request::get("/psub")),
            // Something behind a stream will never be answered: it only makes the server keep it.
            (Kind::Announced, _) => (Question::new(Ask::Totals), Request::get("/info")),
            (Kind::Streamer, _) if waits => self.ping(),
            (Kind::Streamer, _) => self.stream(i),
            (Kind::Poller, 0..78) => self.poll(i),
            (Kind::Ccomet, 0..55) => self.ccomet_poll(i),
            (Kind::Ccomet, 55..90) => self.ccomet_publish(),
            (Kind::Ccomet, _) => self.ccomet_sign(),
            (Kind::Publisher, 0..90) => self.publish(role),
            (Kind::Poller | Kind::Rude, 78..90) => self.publish(role),
            _ if role == Role::Admin => self.administer(),
            _ => self.trifle(),
        };
        if self.chance.percent(4) {
            question.closes = true;
        }
        if self.chance.percent(5) {
            question.is_11 = false;
            // Chunks came with HTTP/1.1.
            if request.carrier == Carrier::Chunks {
                request.carrier = Carrier::Form;
            }
        }
        if let Some(reading) = &mut question.reading {
            reading.is_11 = question.is_11;
        }
        if request.carrier != Carrier::Query && question.is_11 && self.chance.percent(15) {
            question.expects = true;
        }
        let bytes = request.write(&mut question, &mut self.chance);
        self.peers[i].ask(question, &bytes);
    }

    /// One of many small messages to one channel.
    pub fn publish_shortly(&mut self, i: usize) {
        let post = self.book.compose(&mut self.chance, Some("a"), None);
        let text = format!("{post}|b");
        self.book.posts[post].text.clone_from(&text);
        let request = Request::get("/push").with("cname", "a").with("content", text);
        let mut question = Question::new(Ask::Publish { channel: "a".into(), post });
        let bytes = request.write(&mut question, &mut self.chance);
        self.peers[i].ask(question, &bytes);
    }

    fn new_callback(&mut self, percent: u64) -> Option<String> {
        self.questions_ever += 1;
        self.chance.percent(percent).then(|| format!("f{}", self.questions_ever % 10_000))
    }

    fn place(&mut self, i: usize, channel: &str) -> Place {
        self.peers[i].memory.places.get(channel).cloned().unwrap_or_default()
    }

    fn any_start(&mut self, place: &Place) -> Start {
        let known = place.next.unwrap_or(1);
        match self.chance.below(100) {
            0..6 => Start::New,
            6..9 => Start::Oldest,
            9..14 => Start::Next(known + 1 + self.chance.below(5)),
            14..22 => Start::Next(1 + self.chance.below(known)),
            _ => Start::Next(known),
        }
    }

    fn subscription(&mut self, i: usize, form: Form) -> (Reading, Place) {
        let mut channel = self.any_channel();
        let known =
            CHANNELS.iter().find(|c| self.peers[i].memory.places.get(**c).is_some_and(|p| p.id.is_some()));
        if let Some(known) = known.filter(|_| form == Form::Sse && self.chance.percent(60)) {
            channel = known;
        }
        let place = self.place(i, channel);
        let start = self.any_start(&place);
        let mut reading = Reading::new(channel, form, start);
        let config = self.regime.now();
        reading.says_gaps = config.icomet.gap_records;
        reading.no_batch = form == Form::Poll && config.icomet.no_batch;
        if self.chance.percent(25) {
            reading.who = self.peers[i].memory.who.clone();
        }
        if reading.who.is_some() && self.chance.percent(80) {
            reading.roster = place.roster;
        }
        if self.chance.percent(10) {
            reading.epoch =
                Some(if self.chance.percent(30) { None } else { place.life.clone() }.unwrap_or_default());
        }
        let known = self.book.alive(channel).and_then(|l| self.book.lives[l].token.clone());
        reading.token =
            known.filter(|_| self.chance.percent(85)).or(self.chance.percent(50).then(|| "0".repeat(32)));
        reading.echo = [0, 7, -3, i64::MAX - 1][self.chance.below(4) as usize];
        (reading, place)
    }

    fn request_for(&mut self, path: &str, reading: &Reading) -> Request {
        let mut request = Request::get(path).with("cname", &reading.channel);
        match reading.start {
            Start::New => {}
            Start::Next(n) => request = request.with("seq", n),
            Start::Oldest => request = request.with("seq", -1),
            Start::After { seq, .. } => {
                request = request.with("seq", seq.saturating_sub(self.chance.below(3)));
            }
        }
        if let Some(who) = &reading.who {
            request = request.with("who", who);
            if let Some(roster) = reading.roster {
                request = request.with("roster", roster);
            }
        }
        if let Some(epoch) = &reading.epoch {
            request = request.with("epoch", epoch);
        }
        if let Some(token) = &reading.token {
            request = request.with("token", token);
        }
        if reading.echo != 0 {
            request = request.with("noop", reading.echo);
        }
        if reading.no_batch && !self.regime.now().icomet.no_batch {
            request = request.with("no_batch", 1);
        }
        if let Some(cb) = &reading.cb {
            request = request.with("cb", cb);
        }
        request
    }

    fn poll(&mut self, i: usize) -> (Question, Request) {
        let (mut reading, _) = self.subscription(i, Form::Poll);
        reading.cb = self.new_callback(50);
        reading.no_batch |= self.chance.percent(15);
        reading.says_gaps &= !reading.no_batch;
        let path = ["/sub", "/poll"][self.chance.below(2) as usize];
        let request = self.request_for(path, &reading);
        (Question::listen(reading), request)
    }

    fn stream(&mut self, i: usize) -> (Question, Request) {
        let form = [Form::Stream, Form::Sse, Form::Sse, Form::Iframe][self.chance.below(4) as usize];
        let (mut reading, place) = self.subscription(i, form);
        let mut field = None;
        if form == Form::Sse
            && let Some((id, life, seq)) = place.id.filter(|_| self.chance.percent(75))
        {
            reading.start = Start::After { life, seq };
            reading.place = self.machine.place(&id).map(|place| place.to_string());
            field = Some(format!("Last-Event-ID: {id}"));
            self.tally.note("resumed by event id");
        } else if form == Form::Sse && self.chance.percent(15) {
            let n = self.chance.below(8);
            reading.start = Start::Next(n + 1);
            field = Some(format!("Last-Event-ID: {n}"));
        }
        let path = match form {
            Form::Stream => "/stream",
            Form::Sse => "/sse",
            _ => "/iframe",
        };
        let mut request = self.request_for(path, &reading);
        request.fields.extend(field);
        (Question::listen(reading), request)
    }

    fn ccomet_poll(&mut self, i: usize) -> (Question, Request) {
        let (mut reading, _) = self.subscription(i, Form::Ccomet);
        reading.cb = Some(self.new_callback(100).expect("always"));
        (reading.says_gaps, reading.epoch, reading.token, reading.roster) = (false, None, None, None);
        let who = PEOPLE[self.chance.below(4) as usize];
        reading.who = Some(self.peers[i].memory.who.clone().unwrap_or_else(|| who.into()));
        let old = self.chance.percent(30);
        if reading.start == Start::New && !old {
            reading.start = Start::Oldest;
        }
        let seqid = match reading.start {
            Start::New => "NaN".into(),
            Start::Next(n) => (n - 1).to_string(),
            Start::Oldest | Start::After { .. } => "-1".into(),
        };
        let request = Request::get(if old { "/sub" } else { "/subscribe" })
            .with("channel", &reading.channel)
            .with("sname", reading.who.as_ref().expect("just named"))
            .with("seqid", seqid)
            .with("callback", reading.cb.as_ref().expect("just named"));
        let mut question = Question::listen(reading);
        question.is_ccomet = true;
        (question, request)
    }

    fn ccomet_publish(&mut self) -> (Question, Request) {
        let (channel, who) = (self.any_channel(), PEOPLE[self.chance.below(4) as usize]);
        let cb = self.new_callback(100).expect("always");
        let post = self.book.compose(&mut self.chance, Some(channel), Some(who));
        let old = self.chance.percent(30);
        let request = Request::get(if old { "/pub" } else { "/publish" })
            .with("channel", channel)
            .with("sname", who)
            .with("msg", &self.book.posts[post].text)
            .with("time", 17)
            .with("callback", &cb);
        let mut question = Question::new(Ask::Publish { channel: channel.into(), post });
        (question.is_ccomet, question.cb) = (true, Some(cb));
        if !self.regime.now().ccomet.publish {
            question = Question::new(Ask::Refused(200));
            question.is_ccomet = true;
        }
        (question, request)
    }

    fn ccomet_sign(&mut self) -> (Question, Request) {
        let (channel, who) = (self.any_channel(), PEOPLE[self.chance.below(4) as usize]);
        let cb = self.new_callback(100).expect("always");
        let request = Request::get("/sign").with("channel", channel).with("sname", who).with("callback", &cb);
        let mut question = Question::new(Ask::SignIn { channel: channel.into() });
        (question.is_ccomet, question.cb) = (true, Some(cb));
        (question, request)
    }

    fn publish(&mut self, role: Role) -> (Question, Request) {
        let channel = self.any_channel();
        let post = self.book.compose(&mut self.chance, Some(channel), None);
        let text = self.book.posts[post].text.clone();
        let inside = self.chance.percent(30);
        let content = if inside {
            let quoted = serde_json::to_string(&text).expect("a string");
            quoted[1..quoted.len() - 1].to_owned()
        } else {
            text
        };
        let mut request = Request::get(if inside { "/pub" } else { "/push" })
            .with("cname", channel)
            .with("content", content);
        let mut question = Question::new(Ask::Publish { channel: channel.into(), post });
        let carriers = [Carrier::Query, Carrier::Query, Carrier::Form, Carrier::Chunks, Carrier::Json];
        request.carrier = carriers[self.chance.below(5) as usize];
        if request.carrier != Carrier::Query {
            request.method = "POST";
        }
        question.cb = self.new_callback(40);
        if let Some(cb) = &question.cb {
            request = request.with("cb", cb);
        }
        let front = &self.regime.now().front.publish;
        if role == Role::Front && !front.iter().any(|p| p.matches(channel)) {
            let cb = question.cb.take();
            question.ask = Ask::Refused(if front.is_empty() { 404 } else { 403 });
            question.cb = cb;
        }
        (question, request)
    }

    fn administer(&mut self) -> (Question, Request) {
        let channel = self.any_channel();
        let name = channel.to_owned();
        let with = |path: &str| Request::get(path).with("cname", channel);
        match self.chance.below(100) {
            0..18 => {
                let post = self.book.compose(&mut self.chance, None, None);
                let mut request = Request::get("/broadcast").with("content", &self.book.posts[post].text);
                if self.chance.percent(30) {
                    (request.method, request.carrier) = ("POST", Carrier::Form);
                }
                (Question::new(Ask::Broadcast { post }), request)
            }
            18..38 => {
                let expires = self.chance.below(4);
                let life_ms = (expires > 0).then_some(expires * 1_000);
                let mut question = Question::new(Ask::Sign { channel: name, life_ms });
                question.cb = self.new_callback(30);
                let mut request = with("/sign").with("expires", expires);
                if let Some(cb) = &question.cb {
                    request = request.with("cb", cb);
                }
                (question, request)
            }
            38..46 => (Question::new(Ask::Close { channel: name }), with("/close")),
            46..58 => (Question::new(Ask::Clear { channel: name }), with("/clear")),
            58..66 => (Question::new(Ask::Totals), Request::get("/info")),
            66..74 => (Question::new(Ask::Count { channel: name }), with("/info")),
            74..84 => (Question::new(Ask::Exists { channel: name }), with("/check")),
            84..88 => {
                let mut request = Request::get("/psub");
                request.method = "HEAD";
                (Question::new(Ask::HeadOfAnnouncements), request)
            }
            88..92 => {
                let mut request = with("/push");
                request.method = "DELETE";
                (Question::new(Ask::Refused(405)), request)
            }
            92..96 => {
                let mut request = Request::get("/x");
                request.method = "OPTIONS";
                (Question::new(Ask::Options), request)
            }
            96..98 => {
                let mut request = with("/push").with("content", "from a page");
                request.fields.push("Sec-Fetch-Site: cross-site".into());
                (Question::new(Ask::Refused(403)), request)
            }
            _ => (Question::new(Ask::Refused(404)), Request::get("/sub")),
        }
    }

    fn ping(&mut self) -> (Question, Request) {
        let mut question = Question::new(Ask::Ping);
        question.cb = Some("icomet_cb".into());
        (question, Request::get("/ping"))
    }

    fn trifle(&mut self) -> (Question, Request) {
        match self.chance.below(5) {
            0 => self.ping(),
            1 => (Question::new(Ask::Refused(404)), Request::get("/push/")),
            2 => {
                let bad = ["alert(1)", "a-callback-that-is-much-longer-than-it-may-be"]
                    [self.chance.below(2) as usize];
                (Question::new(Ask::Refused(400)), Request::get("/sub").with("cname", "a").with("cb", bad))
            }
            3 => {
                let mut request = Request::get("/stream").with("cname", "a");
                request.method = "POST";
                (Question::new(Ask::Refused(405)), request)
            }
            _ => {
                let mut request = Request::get("/sub");
                request.method = "OPTIONS";
                (Question::new(Ask::Options), request)
            }
        }
    }

    /// A name for somebody who wants to be listed.
    pub fn any_person(&mut self) -> String {
        PEOPLE[self.chance.below(4) as usize].into()
    }
}
