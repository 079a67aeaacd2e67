//! A channel of the floor: the last messages, each with the bytes that everybody of one kind gets.
//! Knows nothing of connections but their numbers.
use super::voice::{CALLBACK_BYTES, Voice};

/// Messages that are kept.
const KEPT: u64 = 4096;

pub(super) struct Channel {
    name: Box<[u8]>,
    head: u64,
    kept: Vec<Message>,
    /// The number of the last message when somebody came to listen for the first time.
    pub(super) listened: Option<u64>,
    /// The numbers of the connections that wait.
    pub(super) waiting: Vec<usize>,
}

/// A message and its forms, each of which is made when it is first needed. All memory is used again.
#[derive(Default)]
struct Message {
    content: Vec<u8>,
    forms: [Vec<u8>; Voice::FORMS],
    callback_at: usize,
}

impl Channel {
    pub(super) fn new(name: &[u8]) -> Self {
        Self { name: name.into(), head: 0, kept: Vec::new(), listened: None, waiting: Vec::new() }
    }

    /// Somebody listens.
    pub(super) fn listen(&mut self) {
        self.listened.get_or_insert(self.head);
    }

    /// The number of the last message.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    pub(super) fn append(&mut self, content: &[u8]) {
        let place = (self.head % KEPT) as usize;
        self.head += 1;
        if place == self.kept.len() {
            self.kept.push(Message::default());
        }
        let Message { content: kept, forms, .. } = &mut self.kept[place];
        forms.iter_mut().for_each(Vec::clear);
        kept.clear();
        kept.extend_from_slice(content);
    }

    /// The bytes that somebody gets for this message; `None` if it is not kept any more.
    pub(super) fn frame(&mut self, number: u64, voice: Voice) -> Option<&mut [u8]> {
        if number == 0 || number > self.head || self.head - number >= KEPT {
            return None;
        }
        let Message { content, forms, callback_at } = &mut self.kept[((number - 1) % KEPT) as usize];
        let form = &mut forms[voice.form()];
        if form.is_empty() {
            voice.write(&self.name, number, content, form);
            if let Voice::Jsonp(callback) = voice {
                *callback_at = memchr::memmem::rfind(form, &callback)?;
            }
        }
        if let Voice::Jsonp(callback) = voice {
            form[*callback_at..][..CALLBACK_BYTES].copy_from_slice(&callback);
        }
        Some(form)
    }
}
