//! The log on standard error, written by a thread of its own.
//!
//! Nobody who logs ever waits: lines stand in a queue of [`QUEUE_BYTES`] until the thread has written them. While nobody reads
//! standard error the queue fills; what finds no room is dropped and counted, and the first line after the gap is one that
//! says how many are missing. Dropping [`Log`] waits until everything is written, as long as somebody reads it.
//!
//! The thread is ours because that of `tracing-appender` says at the end on standard output that it could not finish, and
//! panics if that is closed; its queue is bounded in lines and not in bytes.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::tasks;

/// Most bytes of lines that wait to be written.
const QUEUE_BYTES: usize = 1024 * 1024;
/// How long the end of the process waits for somebody to read what is left.
const END_WITHIN: Duration = Duration::from_secs(1);

/// The log of this process. Dropping it writes what is left.
#[must_use]
pub struct Log(Queue);

/// Starts the log of this process. Panics are logged too: the usual message would wait for somebody to read it.
pub fn start(level: LevelFilter) -> io::Result<Log> {
    let queue = Queue::new(QUEUE_BYTES);
    let lines = queue.clone();
    tasks::vital_thread("log", move || lines.write_to(io::stderr()))?;
    tracing_subscriber::fmt()
        .with_writer(queue.clone())
        .with_ansi(io::stderr().is_terminal())
        .with_max_level(level)
        .with_target(false)
        .init();
    std::panic::set_hook(Box::new(|panic| tracing::error!("{}", words(panic))));
    Ok(Log(queue))
}

impl Drop for Log {
    fn drop(&mut self) {
        self.0.wait_until_written(END_WITHIN);
    }
}

/// What a panic says, and where.
fn words(panic: &PanicHookInfo<'_>) -> String {
    let said = panic.payload();
    let text =
        said.downcast_ref::<&str>().copied().or_else(|| said.downcast_ref::<String>().map(String::as_str));
    let what = text.unwrap_or("without a word");
    let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
    format!("a thread panicked{place}: {what}")
}

/// The lines that wait. Clones share them.
#[derive(Clone)]
struct Queue {
    room: usize,
    shared: Arc<(Mutex<Waiting>, Condvar)>,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Lines that found no room since those that wait.
    dropped: u64,
    /// Whether the thread has lines in its hands.
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
        // Once one was dropped, later ones would hide the gap.
        if waiting.dropped > 0 || waiting.bytes + line.len() > self.room {
            waiting.dropped += 1;
            return;
        }
        waiting.bytes += line.len();
        waiting.lines.push_back(line.to_vec());
        self.shared.1.notify_all();
    }

    /// What waits, and how many lines are missing after it; waits for something to come.
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

    /// Writes lines for ever. What cannot be written is lost: there is nobody to tell.
    fn write_to(&self, mut out: impl Write) {
        loop {
            let (lines, dropped) = self.take();
            for line in lines {
                let _ = out.write_all(&line);
            }
            if dropped > 0 {
                let _ = writeln!(out, "lines dropped here, because nobody read the log: {dropped}");
            }
        }
    }

    fn wait_until_written(&self, within: Duration) {
        let is_busy = |waiting: &mut Waiting| waiting.is_writing || !waiting.lines.is_empty();
        // Whether it was in time or not, the process ends.
        let _ = self.shared.1.wait_timeout_while(self.lock(), within, is_busy);
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Each line comes in one piece.
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

    /// A reader that reads nothing until it is told to.
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
    fn who_logs_never_waits_and_a_gap_is_told_where_it_is() {
        let (begun, has_begun) = channel();
        let (wake, go_on) = channel::<()>();
        let (read, lines) = channel();
        let mut queue = Queue::new(4 * "line 0\n".len());
        let thread = queue.clone();
        std::thread::spawn(move || thread.write_to(Sleeper { begun, go_on, read }));
        queue.write_all(b"first\n").unwrap();
        has_begun.recv().unwrap();
        // The thread holds the first line; four more find room, five do not.
        for number in 0..9 {
            queue.write_all(format!("line {number}\n").as_bytes()).unwrap();
        }
        drop(wake);
        queue.wait_until_written(Duration::MAX);
        queue.write_all(b"last\n").unwrap();
        queue.wait_until_written(Duration::MAX);
        let text: Vec<u8> = lines.try_iter().flatten().collect();
        let text = String::from_utf8(text).unwrap();
        let gap = "lines dropped here, because nobody read the log: 5\n";
        assert_eq!(text, format!("first\nline 0\nline 1\nline 2\nline 3\n{gap}last\n"));
    }

    #[test]
    fn the_end_does_not_wait_for_somebody_who_never_reads() {
        let queue = Queue::new(100);
        queue.push(b"line\n");
        queue.wait_until_written(Duration::from_millis(1));
        assert_eq!(queue.lock().lines.len(), 1);
    }
}
