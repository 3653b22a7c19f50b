//! Signals that stop an import: Ctrl-C and SIGTERM.
//!
//! A stopped import sends nothing more. It still writes the failed rows to their file, reports how many rows
//! were applied and how to continue, and ends with the exit code that shells use for a program that the
//! signal has ended.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::Error;

/// Receives the signals. While it exists, they do not end the program.
pub struct Stops {
    interrupt: Signal,
    terminate: Signal,
}

impl Stops {
    pub fn new() -> Result<Self, Error> {
        let listen =
            |kind| signal(kind).map_err(|error| Error::Broken(format!("cannot wait for signals: {error}")));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Runs `work`, unless a signal arrives before it is done.
    pub async fn or<T>(&mut self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::select! {
            result = work => result,
            _ = self.interrupt.recv() => Err(Error::Stopped { signal: "Ctrl-C", number: 2 }),
            _ = self.terminate.recv() => Err(Error::Stopped { signal: "SIGTERM", number: 15 }),
        }
    }
}
