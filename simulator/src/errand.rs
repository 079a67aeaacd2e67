//! Questions that are asked and waited for, one after the other, before there is any load.
//! Knows nothing of publishing.
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use crate::answer::{Answer, Piece};
use crate::target::Target;

/// Makes the channels, where a server wants that: one after the other, before anything is measured.
///
/// # Errors
/// The server is gone, or does not speak HTTP.
pub fn prepare(target: &dyn Target, admin: SocketAddr, channels: u32) -> io::Result<()> {
    let mut request = Vec::new();
    let mut stream = None;
    for channel in 0..channels {
        request.clear();
        target.prepare(channel, &mut request);
        if request.is_empty() {
            return Ok(());
        }
        let stream = match &mut stream {
            Some(stream) => stream,
            none => none.insert(std::net::TcpStream::connect(admin)?),
        };
        stream.write_all(&request)?;
        read_answer(stream)?;
    }
    Ok(())
}

/// Waits for one answer; gives its status, and what comes next over this connection.
///
/// # Errors
/// The connection ends before, or brings something else.
pub fn read_answer(stream: &mut std::net::TcpStream) -> io::Result<(u16, Answer)> {
    let (mut answer, mut block, mut filled, mut status) = (Answer::default(), [0; 4096], 0, 0);
    loop {
        let n = stream.read(&mut block[filled..])?;
        if n == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        filled += n;
        let mut at = 0;
        while let Some(piece) = answer.next(&block[..filled], &mut at).map_err(|_| ErrorKind::InvalidData)? {
            match piece {
                Piece::Head(head) => status = head.status,
                Piece::End => return Ok((status, answer)),
                _ => {}
            }
        }
        block.copy_within(at..filled, 0);
        filled -= at;
    }
}
