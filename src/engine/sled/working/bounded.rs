//! Calls of sled that may never return, in bounded time.
//!
//! sled's flush was seen to wait for ever after a write of its files had failed, and dropping sled flushes.
//! So both run on threads of their own, and the caller gives up after a while: the log has everything.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::copy::Sled;
use crate::engine::EngineError;
use crate::engine::sled::config::SledConfig;
use crate::tasks;

/// The pause between two checks whether a read still uses a sled that is to be dropped.
const READERS_PAUSE: Duration = Duration::from_millis(2);

/// Drops sled. `false` if that took too long: sled still holds its files, and a thread keeps waiting for it.
pub(crate) fn let_go(sled: Arc<Sled>, config: &SledConfig) -> bool {
    #[cfg(test)]
    let faults = config.faults.clone();
    let dropped = within("sled-drop", config.drop_patience, move || {
        // A read that began earlier must not be the one that drops sled.
        while Arc::strong_count(&sled) > 1 {
            thread::sleep(READERS_PAUSE);
        }
        #[cfg(test)]
        faults.wait_while_sled_is_stuck();
        drop(sled);
    });
    dropped.is_some()
}

/// Brings everything applied so far to stable storage. After an error nobody knows what is there.
pub(crate) fn sync(sled: Arc<Sled>, config: &SledConfig) -> Result<(), EngineError> {
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

/// Returns the result of `work`, or `None` if it takes longer than `patience` or panics.
pub(crate) fn within<T: Send + 'static>(
    name: &str,
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, result) = mpsc::channel();
    // sled reports some kinds of damage by a panic. Here a panic only means that no result arrives: the log
    // has everything.
    tasks::thread_for_caller(name, move || drop(done.send(work()))).ok()?;
    result.recv_timeout(patience).ok()
}
