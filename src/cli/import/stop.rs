//! Signals that stop an import: Ctrl-C, and the one by which systems stop programs.
//!
//! An import that is stopped sends nothing more. It still brings the failed rows into their file, says how
//! many rows were applied and how to go on, and ends with the code that a shell gives a program which the
//! signal has ended.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::Error;

/// The signals, which do not end the program any more once this is there.
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

    /// Does `work`, unless a signal comes before it is done.
    pub async fn or<T>(&mut self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::select! {
            result = work => result,
            _ = self.interrupt.recv() => Err(Error::Stopped { signal: "Ctrl-C", number: 2 }),
            _ = self.terminate.recv() => Err(Error::Stopped { signal: "SIGTERM", number: 15 }),
        }
    }
}
