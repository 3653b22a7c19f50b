//! The log on standard error, which its own thread writes.
//!
//! Logging never waits: lines stand in a queue of at most [`QUEUE_BYTES`] until the thread has written them.
//! If nobody reads standard error, the queue fills up. Further lines are dropped and counted, and a line in
//! their place says how many. Dropping [`Log`] waits until all lines are written, but only for a short time
//! if nobody reads them.
//!
//! The thread of `tracing-appender` is not used: if it cannot finish, it prints that to standard output, and
//! panics if standard output is closed. Besides, its queue is limited in lines, not in bytes.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::LogFormat;
use crate::tasks;

/// Most bytes of waiting lines.
const QUEUE_BYTES: usize = 1024 * 1024;
/// How long the process waits at its end for somebody to read the last lines.
const END_WITHIN: Duration = Duration::from_secs(1);

/// The log of this process. Dropping it writes the lines that still wait.
#[must_use]
pub struct Log(Queue);

/// Starts the log of this process. It also logs panics: the usual message would block if nobody reads it.
pub fn start(level: LevelFilter, format: LogFormat) -> io::Result<Log> {
    let queue = Queue::new(QUEUE_BYTES);
    let lines = queue.clone();
    tasks::vital_thread("log", move || lines.write_to(io::stderr(), format))?;
    let lines = tracing_subscriber::fmt().with_writer(queue.clone()).with_max_level(level).with_target(false);
    match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(true).with_span_list(false).init();
        }
    }
    std::panic::set_hook(Box::new(|panic| tracing::error!("{}", text_of(panic))));
    Ok(Log(queue))
}

impl Drop for Log {
    fn drop(&mut self) {
        self.0.wait_until_written(END_WITHIN);
    }
}

/// The line in the place of dropped ones.
fn gap(dropped: u64, format: LogFormat) -> String {
    let text = "lines dropped here because nobody read the log";
    match format {
        LogFormat::Text => format!("{text}: {dropped}"),
        LogFormat::Json => format!(r#"{{"level":"WARN","message":"{text}","dropped":{dropped}}}"#),
    }
}

/// The message and the place of a panic.
fn text_of(panic: &PanicHookInfo<'_>) -> String {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = text.unwrap_or("no message");
    let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
    format!("a thread panicked{place}: {message}")
}

/// The waiting lines. Clones share them.
#[derive(Clone)]
struct Queue {
    room: usize,
    shared: Arc<(Mutex<Waiting>, Condvar)>,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// How many lines were dropped after those that wait.
    dropped: u64,
    /// Whether the thread is writing lines that it took.
    is_writing: bool,
}

impl Queue {
    fn new(room: usize) -> Self {
        Self { room, shared: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8]) {
        let mut waiting = self.lock();
        // After a dropped line, later ones are dropped too, so that all are counted at one place.
        if waiting.dropped > 0 || waiting.bytes + line.len() > self.room {
            waiting.dropped += 1;
            return;
        }
        waiting.bytes += line.len();
        waiting.lines.push_back(line.to_vec());
        self.shared.1.notify_all();
    }

    /// Waits for lines, and takes all that wait. Also returns how many were dropped after them.
    fn take(&self) -> (VecDeque<Vec<u8>>, u64) {
        let mut waiting = self.lock();
        waiting.is_writing = false;
        self.shared.1.notify_all();
        let is_empty = |waiting: &mut Waiting| waiting.lines.is_empty();
        let mut waiting = self.shared.1.wait_while(waiting, is_empty).unwrap_or_else(PoisonError::into_inner);
        let Waiting { lines, dropped, .. } = std::mem::take(&mut *waiting);
        waiting.is_writing = true;
        (lines, dropped)
    }

    /// Writes lines for ever. Lines that cannot be written are lost: there is nowhere to report that.
    fn write_to(&self, mut out: impl Write, format: LogFormat) {
        loop {
            let (lines, dropped) = self.take();
            for line in lines {
                let _ = out.write_all(&line);
            }
            if dropped > 0 {
                let _ = writeln!(out, "{}", gap(dropped, format));
            }
        }
    }

    fn wait_until_written(&self, within: Duration) {
        let is_busy = |waiting: &mut Waiting| waiting.is_writing || !waiting.lines.is_empty();
        // The process ends even if not all lines were written.
        let _ = self.shared.1.wait_timeout_while(self.lock(), within, is_busy);
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// `tracing_subscriber` writes each line in one piece.
impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A writer that blocks until the test continues.
    struct Sleeper {
        begun: Sender<()>,
        go_on: Receiver<()>,
        read: Sender<Vec<u8>>,
    }

    impl Write for Sleeper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.begun.send(());
            let _ = self.go_on.recv();
            let _ = self.read.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn logging_never_waits_and_dropped_lines_are_reported_in_their_place() {
        let (begun, has_begun) = channel();
        let (wake, go_on) = channel::<()>();
        let (read, lines) = channel();
        let mut queue = Queue::new(4 * "line 0\n".len());
        let thread = queue.clone();
        std::thread::spawn(move || thread.write_to(Sleeper { begun, go_on, read }, LogFormat::Text));
        queue.write_all(b"first\n").unwrap();
        has_begun.recv().unwrap();
        // The thread holds the first line; four more fit into the queue, five do not.
        for number in 0..9 {
            queue.write_all(format!("line {number}\n").as_bytes()).unwrap();
        }
        drop(wake);
        queue.wait_until_written(Duration::MAX);
        queue.write_all(b"last\n").unwrap();
        queue.wait_until_written(Duration::MAX);
        let text: Vec<u8> = lines.try_iter().flatten().collect();
        let text = String::from_utf8(text).unwrap();
        let gap = "lines dropped here because nobody read the log: 5\n";
        assert_eq!(text, format!("first\nline 0\nline 1\nline 2\nline 3\n{gap}last\n"));
    }

    #[test]
    fn the_process_ends_even_if_nobody_reads_standard_error() {
        let queue = Queue::new(100);
        queue.push(b"line\n");
        queue.wait_until_written(Duration::from_millis(1));
        assert_eq!(queue.lock().lines.len(), 1);
    }
}
