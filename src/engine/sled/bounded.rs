//! Calls of sled that may never return, in bounded time.
//!
//! sled's flush was seen to wait for ever once a write of its files had failed, and dropping sled flushes. So both happen
//! on threads of their own, and whoever waits for them gives up after a while: the log has everything.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::super::EngineError;
use super::config::SledConfig;
use super::working::Sled;
use crate::tasks;

/// Pause between two looks whether anybody still reads from a sled that is let go of.
const READERS_PAUSE: Duration = Duration::from_millis(2);

/// Drops sled. `false` if it did not go in time: it still holds its files, and a thread goes on waiting for it.
pub(super) fn let_go(sled: Arc<Sled>, config: &SledConfig) -> bool {
    #[cfg(test)]
    let faults = config.faults.clone();
    let dropped = within("sled-drop", config.drop_patience, move || {
        // A read that began before must not be the one that drops it.
        while Arc::strong_count(&sled) > 1 {
            thread::sleep(READERS_PAUSE);
        }
        #[cfg(test)]
        faults.wait_while_sled_is_stuck();
        drop(sled);
    });
    dropped.is_some()
}

/// Brings everything applied so far to stable storage, or says why that is not known.
pub(super) fn sync(sled: Arc<Sled>, config: &SledConfig) -> Result<(), EngineError> {
    #[cfg(test)]
    let faults = config.faults.clone();
    let synced = within("sled-sync", config.flush_patience, move || {
        #[cfg(test)]
        faults.wait_while_sled_is_stuck();
        #[cfg(test)]
        faults.before_sled_sync().map_err(|error| EngineError::Io(error.to_string()))?;
        sled.sync()
    });
    synced.unwrap_or_else(|| {
        let seconds = config.flush_patience.as_secs();
        Err(EngineError::Io(format!("sled did not finish a flush within {seconds} s")))
    })
}

/// What `work` returns, unless it takes longer than `patience`.
pub(super) fn within<T: Send + 'static>(
    name: &str,
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, result) = mpsc::channel();
    // sled reports some kinds of damage by a panic, which harms nobody here: nothing comes back, and the log has everything.
    tasks::thread_for_caller(name, move || drop(done.send(work()))).ok()?;
    result.recv_timeout(patience).ok()
}
