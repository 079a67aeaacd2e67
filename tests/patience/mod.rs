//! Waiting that has an end: for what a program prints, for all that it has to say, and for its exit. What does not come in time
//! fails the test, and does not stop all tests. Knows nothing of the programs.
#![allow(dead_code, reason = "each test file uses its own part")]
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// For everything that should happen at once: generous, as machines that test are busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The lines that a program prints. They are read as they come, so it never waits for somebody to do so.
pub(crate) struct Lines(Receiver<String>);

impl Lines {
    pub(crate) fn of(pipe: impl Read + Send + 'static) -> Self {
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let lines = BufReader::new(pipe).lines().map_while(Result::ok);
            // Whoever wanted them may have gone; what comes is read all the same.
            lines.for_each(|line| drop(sender.send(line)));
        });
        Self(lines)
    }

    /// The next line; none when there will be no more, or an error when none has come in time.
    pub(crate) fn try_next(&self) -> Result<Option<String>, String> {
        match self.0.recv_timeout(PATIENCE) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(format!("nothing was said for {PATIENCE:?}")),
        }
    }

    /// The next line, which has to come.
    pub(crate) fn next(&self) -> String {
        self.try_next().expect("a line in time").expect("a line, and not the end")
    }
}

/// Waits for a program's end.
pub(crate) fn exit(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("it is ours") {
            return status;
        }
        if start.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("it has not ended within {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// As `Command::output`, but for standard input, which is as the command says.
pub(crate) fn output(command: &mut Command) -> Output {
    output_within(command, PATIENCE)
}

/// The same for what may take longer.
pub(crate) fn output_within(command: &mut Command, time: Duration) -> Output {
    let words = format!("{command:?}");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    collect(child.unwrap_or_else(|error| panic!("{words}: {error}")), &words, time)
}

/// What a program still has to say, and its end.
pub(crate) fn rest(child: Child) -> Output {
    let words = format!("process {}", child.id());
    collect(child, &words, PATIENCE)
}

fn collect(mut child: Child, words: &str, time: Duration) -> Output {
    fn all(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
        let (sender, all) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
            let _ = sender.send(bytes);
        });
        all
    }
    let end = Instant::now() + time;
    let pipes = [all(child.stdout.take()), all(child.stderr.take())];
    let [stdout, stderr] = pipes.map(|pipe| {
        pipe.recv_timeout(end.saturating_duration_since(Instant::now())).unwrap_or_else(|_| {
            let _ = child.kill();
            panic!("{words} has not ended within {time:?}")
        })
    });
    Output { status: exit(&mut child), stdout, stderr }
}
