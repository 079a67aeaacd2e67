//! The thread that writes the file while the daemon serves: a disk may take its time, and the loop has none.
//! Knows nothing of the loop but how to wake it.
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TryRecvError};
use std::thread::{self, JoinHandle};

use mio::Waker;
use rcomet_core::Machine;
use rcomet_core::values::{KeptValue, Preface};

use super::ValuesFile;
use super::draft::Draft;

/// Batches that wait for the thread: what is handed over is no longer on the account of memory.
const BATCHES_MAX: usize = 2;

enum Job {
    Begin(Preface),
    Values(Vec<KeptValue>),
    End,
}

enum Report {
    /// A batch has been written, or given up.
    Room,
    Done(Result<(), String>),
}

/// The file and the thread that writes it, one state at a time.
pub(crate) struct Saver {
    jobs: SyncSender<Job>,
    reports: Receiver<Report>,
    thread: JoinHandle<ValuesFile>,
    /// Values are being handed over.
    feeding: bool,
    /// It has not been heard how a save went.
    is_saving: bool,
    /// Batches that the thread has not written.
    waiting: usize,
    /// Whether the last try failed: said once, and when it is over.
    failed: bool,
}

impl Saver {
    /// Starts the thread, which wakes the loop when it has something to say.
    ///
    /// # Errors
    /// The operating system has no thread for us.
    pub(crate) fn start(file: ValuesFile, waker: Arc<Waker>) -> io::Result<Self> {
        // Room for the batches and for what stands around them, so that the loop never waits.
        let (jobs, work) = mpsc::sync_channel(BATCHES_MAX + 2);
        let (tell, reports) = mpsc::channel();
        let thread =
            thread::Builder::new().name("values".into()).spawn(move || write(file, &work, &tell, &waker))?;
        Ok(Self { jobs, reports, thread, feeding: false, is_saving: false, waiting: 0, failed: false })
    }

    /// Begins to save. The machine wishes so once, until it has been told how that went.
    pub(crate) fn begin(&mut self, machine: &mut Machine) {
        let preface = machine.begin_saving();
        self.feeding = self.jobs.try_send(Job::Begin(preface)).is_ok();
        self.is_saving = self.feeding;
        if self.feeding {
            self.feed(machine);
        } else {
            machine.values_saved(false);
        }
    }

    /// Goes on; whether there is more to do at once.
    pub(crate) fn go_on(&mut self, machine: &mut Machine) -> bool {
        loop {
            match self.reports.try_recv() {
                Ok(Report::Room) => self.waiting = self.waiting.saturating_sub(1),
                Ok(Report::Done(how)) => self.done(machine, how),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    if self.is_saving {
                        self.give_up(machine);
                    }
                    break;
                }
            }
        }
        self.feeding && self.feed(machine)
    }

    fn done(&mut self, machine: &mut Machine, how: Result<(), String>) {
        self.is_saving = false;
        machine.values_saved(how.is_ok());
        self.note(how);
    }

    fn note(&mut self, how: Result<(), String>) {
        match how {
            Err(why) if !std::mem::replace(&mut self.failed, true) => {
                log::error!("{why}; what was saved before stays, and it will be tried again");
            }
            Err(why) => log::debug!("{why}"),
            Ok(()) if std::mem::take(&mut self.failed) => log::info!("values are saved again"),
            Ok(()) => log::debug!("values are saved"),
        }
    }

    /// Hands over a turn's share of values, if there is room; whether there is more to do at once.
    fn feed(&mut self, machine: &mut Machine) -> bool {
        if self.waiting >= BATCHES_MAX {
            return false;
        }
        let mut values = Vec::new();
        let more = machine.next_values(&mut values);
        if !values.is_empty() {
            self.waiting += 1;
            if self.jobs.try_send(Job::Values(values)).is_err() {
                return self.give_up(machine);
            }
        }
        if !more {
            self.feeding = false;
            if self.jobs.try_send(Job::End).is_err() {
                return self.give_up(machine);
            }
        }
        more && self.waiting < BATCHES_MAX
    }

    /// The thread takes nothing any more, for which it had room.
    fn give_up(&mut self, machine: &mut Machine) -> bool {
        self.feeding = false;
        self.done(machine, Err(DEAD.to_owned()));
        false
    }

    /// Ends the thread; what is half written is given up. Gives the file back, for the last state to be saved.
    ///
    /// # Errors
    /// The thread has died.
    pub(crate) fn end(self) -> io::Result<ValuesFile> {
        drop(self.jobs);
        self.thread.join().map_err(|_| io::Error::other(DEAD))
    }
}

/// What is said when there is nobody to save anything.
const DEAD: &str = "the thread that saves values has died";

fn write(mut file: ValuesFile, work: &Receiver<Job>, tell: &Sender<Report>, waker: &Waker) -> ValuesFile {
    let mut draft: Option<io::Result<Draft>> = None;
    while let Ok(job) = work.recv() {
        let report = match job {
            Job::Begin(preface) => {
                draft = Some(Draft::begin(file.path(), &preface));
                continue;
            }
            Job::Values(values) => {
                if let Some(Ok(begun)) = &mut draft
                    && let Err(error) = begun.add(&values)
                {
                    draft = Some(Err(error));
                }
                Report::Room
            }
            Job::End => {
                let how = draft.take().unwrap_or_else(|| Err(io::Error::other("nothing was begun")));
                let how = how.and_then(|draft| draft.finish(false)).and_then(|(held, on_disk)| {
                    file.held = Some(held);
                    on_disk
                });
                Report::Done(
                    how.map_err(|error| format!("cannot save values in {}: {error}", file.path().display())),
                )
            }
        };
        if tell.send(report).is_err() {
            break;
        }
        // If the loop cannot be woken, it finds the report when something else wakes it.
        let _ = waker.wake();
    }
    file
}
