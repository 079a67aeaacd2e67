//! What stands in a file of settings: read without waiting for anybody, and no more of it than an administrator would write.
//! Knows nothing of what it means.
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Bytes of a configuration file, or of a file with a key that it names; a longer one is refused. It is much more than anybody writes,
/// and keeps a wrong file, or one that goes on growing, from filling memory.
const CONFIG_BYTES_MAX: usize = 1 << 20;

/// The content of a file that is read again, by the daemon that is started and at each reload: from a pipe nothing would come then,
/// and it would be as if nothing had been said.
pub(super) fn plain(path: &Path) -> io::Result<Vec<u8>> {
    // What is opened is what is looked at: a name may lead to another file at any time. A pipe would be waited for until somebody
    // writes to it, and so would the loop.
    let file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other(
            "it is no plain file: expected one, for it is read again at each reload",
        ));
    }
    bounded(file)
}

/// The content of a file that is read once, and may be a pipe.
pub(super) fn once(path: &Path) -> io::Result<Vec<u8>> {
    bounded(File::open(path)?)
}

fn bounded(file: File) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.take(CONFIG_BYTES_MAX as u64 + 1).read_to_end(&mut content)?;
    if content.len() > CONFIG_BYTES_MAX {
        return Err(io::Error::other(format!(
            "it is too long: expected a configuration or a key, which has at most {CONFIG_BYTES_MAX} bytes"
        )));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;
    use std::time::Duration;
    use std::{fs, thread};

    use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};

    use super::*;

    fn place(name: &str) -> PathBuf {
        let place = std::env::temp_dir().join(format!("rcomet-content-{}-{name}", std::process::id()));
        fs::create_dir_all(&place).expect("a directory");
        place
    }

    fn pipe_at(path: &Path) {
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    }

    #[test]
    fn what_is_no_plain_file_is_refused_at_once() {
        let place = place("kinds");
        let pipe = place.join("pipe");
        pipe_at(&pipe);
        for path in [&*pipe, &*place, Path::new("/dev/zero")] {
            let why = plain(path).expect_err("no plain file").to_string();
            assert!(why.starts_with("it is no plain file: expected one"), "{why}");
        }
        fs::remove_dir_all(place).expect("it can be removed");
    }

    /// Somebody puts a pipe in the place of the file and takes it away again, as fast as can be.
    #[test]
    fn a_pipe_that_comes_in_between_is_not_waited_for() {
        let place = place("exchanged");
        let (file, pipe) = (place.join("file"), place.join("pipe"));
        fs::write(&file, "[log]\n").expect("it can be written");
        pipe_at(&pipe);
        let is_over = Arc::new(AtomicBool::new(false));
        let exchange = thread::spawn({
            let (file, is_over) = (file.clone(), is_over.clone());
            move || {
                while !is_over.load(Ordering::Relaxed) {
                    renameat_with(CWD, &file, CWD, &pipe, RenameFlags::EXCHANGE).expect("both are there");
                }
            }
        });
        let (done, all) = channel();
        thread::spawn(move || {
            let (mut read, mut refused) = (0, 0);
            while read < 500 || refused < 500 {
                match plain(&file) {
                    Ok(content) => read += usize::from(content == b"[log]\n"),
                    Err(_) => refused += 1,
                }
            }
            done.send(())
        });
        let ended = all.recv_timeout(Duration::from_secs(60));
        is_over.store(true, Ordering::Relaxed);
        exchange.join().expect("it ends");
        assert_eq!(ended, Ok(()), "it waits for somebody who writes to the pipe");
        fs::remove_dir_all(place).expect("it can be removed");
    }

    #[test]
    fn a_file_has_an_end() {
        let place = place("long");
        let path = place.join("file");
        for (length, is_fine) in [(CONFIG_BYTES_MAX, true), (CONFIG_BYTES_MAX + 1, false)] {
            fs::write(&path, vec![b'\n'; length]).expect("it can be written");
            for read in [plain(&path), once(&path)] {
                assert_eq!(read.is_ok(), is_fine, "{length}");
                let words =
                    "it is too long: expected a configuration or a key, which has at most 1048576 bytes";
                assert_eq!(read.map_or_else(|why| why.to_string(), |_| words.into()), words);
            }
        }
        assert!(once(Path::new("/dev/zero")).is_err_and(|why| why.to_string().starts_with("it is too long")));
        fs::remove_dir_all(place).expect("it can be removed");
    }
}
