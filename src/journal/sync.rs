//! The thread that waits for the disk: the loop has no time.
//! Knows nothing of the loop but how to wake it.
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use mio::Waker;

use crate::hold;

enum Job {
    /// What has been written is to be on the disk.
    Sync(File),
    /// The same, and then the file is to be put in place.
    Install(File, PathBuf, PathBuf),
    /// A file that is no longer needed: to free what it took may take its time.
    Close(File),
}

/// What came of it.
pub(super) enum Done {
    Synced(io::Result<()>),
    Installed(io::Result<()>),
}

/// The thread, and what it has to say.
pub(super) struct Syncer {
    /// None when it has been ended.
    jobs: Option<SyncSender<Job>>,
    reports: Receiver<Done>,
    thread: Option<JoinHandle<()>>,
}

/// One of each kind may be under way.
const JOBS_MAX: usize = 3;

impl Syncer {
    pub(super) fn start(waker: Arc<Waker>) -> io::Result<Self> {
        let (jobs, work) = mpsc::sync_channel(JOBS_MAX);
        let (tell, reports) = mpsc::channel();
        let thread = thread::Builder::new().name("history".into()).spawn(move || {
            while let Ok(job) = work.recv() {
                let done = match job {
                    Job::Close(file) => {
                        drop(file);
                        continue;
                    }
                    Job::Sync(file) => Done::Synced(file.sync_data()),
                    Job::Install(file, from, to) => Done::Installed(
                        file.sync_all()
                            .and_then(|()| fs::rename(&from, &to))
                            .and_then(|()| hold::sync_name(&to)),
                    ),
                };
                if tell.send(done).is_err() {
                    break;
                }
                // If the loop cannot be woken, it finds the report when something else wakes it.
                let _ = waker.wake();
            }
        })?;
        Ok(Self { jobs: Some(jobs), reports, thread: Some(thread) })
    }

    /// Has the disk take what has been written.
    ///
    /// # Errors
    /// There are no descriptors, or the thread is gone.
    pub(super) fn sync(&self, file: &File) -> io::Result<()> {
        self.send(Job::Sync(file.try_clone()?))
    }

    /// The same, and has the file put in place.
    ///
    /// # Errors
    /// As above.
    pub(super) fn install(&self, file: &File, from: PathBuf, to: PathBuf) -> io::Result<()> {
        self.send(Job::Install(file.try_clone()?, from, to))
    }

    /// Closes a file that is no longer needed.
    pub(super) fn close(&self, file: File) {
        // If there is nobody to do it, it is closed here.
        if let Some(jobs) = &self.jobs {
            let _ = jobs.try_send(Job::Close(file));
        }
    }

    fn send(&self, job: Job) -> io::Result<()> {
        let sent = self.jobs.as_ref().map(|jobs| jobs.try_send(job));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(io::Error::other("the thread that waits for the disk has died")),
        }
    }

    /// What has been done since.
    pub(super) fn done(&self) -> Option<Done> {
        self.reports.try_recv().ok()
    }

    /// Ends the thread, when it has done what it has to.
    pub(super) fn end(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
