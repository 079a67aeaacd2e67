//! What comes from a client: frames joined to messages, control frames between them (RFC 6455, section 5.4).
//! Knows nothing of what a message means, and holds no bytes: a message grows where the caller wants it.
use super::frame::{self, CONTROL_BYTES_MAX};
use super::{Fault, Opcode};

/// What is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sizes {
    /// Bytes of one frame's payload.
    pub frame_max: usize,
    /// Bytes of one message.
    pub message_max: usize,
}

/// What has been found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// Nothing yet: more bytes are needed.
    Nothing,
    /// A whole message.
    Message {
        /// Text, to be checked by [`text`]; else bytes.
        is_text: bool,
        /// To be decompressed first.
        is_deflated: bool,
    },
    /// A control frame.
    Control(Control),
}

/// A control frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Control {
    /// Which.
    pub opcode: Opcode,
    length: u8,
    bytes: [u8; CONTROL_BYTES_MAX],
}

impl Control {
    /// What it carries.
    pub fn payload(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// Where reading stands: 24 bytes, and none of them a message's.
#[derive(Debug, Default)]
pub struct Reader {
    /// Bytes to come of the frame whose head has been read.
    left: u64,
    /// Bytes of the unfinished message that are known to be UTF-8.
    checked: u32,
    mask: [u8; 4],
    /// The frame is the last of its message.
    fin: bool,
    /// In the payload of a frame.
    inside: bool,
    state: State,
    is_deflated: bool,
}

/// The message that is being read.
#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
enum State {
    #[default]
    Between,
    Text,
    Binary,
}

impl Reader {
    /// Whether part of a message has come.
    pub fn is_amid(&self) -> bool {
        self.state != State::Between
    }

    /// Reads until something is found or all is read but the beginning of a head or of a control frame; returns how many
    /// bytes are done with. Payloads of messages are appended to `message`, which the caller empties after each.
    /// `may_deflate` when compression was negotiated.
    ///
    /// # Errors
    /// The rule that was broken, at the byte that breaks it.
    pub fn read(
        &mut self,
        bytes: &[u8],
        message: &mut Vec<u8>,
        may_deflate: bool,
        sizes: Sizes,
    ) -> Result<(usize, Found), Fault> {
        let mut at = 0;
        loop {
            if !self.inside {
                let Some(head) = frame::head(&bytes[at..])? else { return Ok((at, Found::Nothing)) };
                self.check(&head, message.len(), may_deflate, sizes)?;
                let rest = &bytes[at + head.size..];
                if head.opcode.is_control() {
                    let length = head.length as usize;
                    let Some(payload) = rest.get(..length) else { return Ok((at, Found::Nothing)) };
                    let mut control =
                        Control { opcode: head.opcode, length: length as u8, bytes: [0; CONTROL_BYTES_MAX] };
                    control.bytes[..length].copy_from_slice(payload);
                    frame::mask(&mut control.bytes[..length], head.mask);
                    return Ok((at + head.size + length, Found::Control(control)));
                }
                at += head.size;
                self.begin(&head);
            }
            at += self.take(&bytes[at..], message);
            let is_whole = self.left == 0 && self.fin;
            if !is_whole && self.state == State::Text && !self.is_deflated {
                self.check_text(message)?;
            }
            if self.left > 0 {
                return Ok((at, Found::Nothing));
            }
            self.inside = false;
            if is_whole {
                let is_text = self.state == State::Text;
                self.state = State::Between;
                return Ok((at, Found::Message { is_text, is_deflated: self.is_deflated }));
            }
        }
    }

    fn check(&self, head: &frame::Head, so_far: usize, may_deflate: bool, sizes: Sizes) -> Result<(), Fault> {
        let begins = matches!(head.opcode, Opcode::Text | Opcode::Binary);
        if head.rsv1 && !(may_deflate && begins) {
            return Err(Fault::Protocol("a reserved bit is set"));
        }
        if begins && self.is_amid() {
            return Err(Fault::Protocol("a message begins inside of another"));
        }
        if head.opcode == Opcode::Continuation && !self.is_amid() {
            return Err(Fault::Protocol("there is no message to be continued"));
        }
        if head.opcode.is_control() {
            return Ok(());
        }
        if head.length > sizes.frame_max as u64 {
            return Err(Fault::FrameTooLarge);
        }
        if head.length > sizes.message_max.saturating_sub(so_far) as u64 {
            return Err(Fault::MessageTooLarge);
        }
        Ok(())
    }

    fn begin(&mut self, head: &frame::Head) {
        (self.left, self.mask, self.fin, self.inside) = (head.length, head.mask, head.fin, true);
        if head.opcode != Opcode::Continuation {
            self.state = if head.opcode == Opcode::Text { State::Text } else { State::Binary };
            (self.is_deflated, self.checked) = (head.rsv1, 0);
        }
    }

    fn take(&mut self, bytes: &[u8], message: &mut Vec<u8>) -> usize {
        let n = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let start = message.len();
        message.extend_from_slice(&bytes[..n]);
        self.mask = frame::mask(&mut message[start..], self.mask);
        self.left -= n as u64;
        n
    }

    /// Fails as soon as what has come cannot become UTF-8 any more (RFC 6455, section 8.1).
    fn check_text(&mut self, message: &[u8]) -> Result<(), Fault> {
        let from = self.checked as usize;
        match std::str::from_utf8(&message[from..]) {
            Ok(_) => self.checked = message.len() as u32,
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to() as u32,
            Err(_) => return Err(Fault::NotUtf8),
        }
        Ok(())
    }
}

/// A whole message as text.
///
/// # Errors
/// It is none.
pub fn text(message: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(message).map_err(|_| Fault::NotUtf8)
}
