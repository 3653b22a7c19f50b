//! The requests with a request id that run now, one for each id.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The requests with a request id that run now.
#[derive(Debug, Default)]
pub(super) struct Running(Mutex<HashMap<u128, Arc<Notify>>>);

impl Running {
    /// Takes the turn of this id. If it is taken, returns a future that resolves when that turn ends.
    pub(super) fn take(self: &Arc<Self>, id: u128) -> Result<Turn, tokio::sync::futures::OwnedNotified> {
        match self.turns().entry(id) {
            Entry::Vacant(free) => {
                free.insert(Arc::default());
                Ok(Turn { running: Arc::clone(self), id })
            }
            // The future is registered already, so it cannot miss an end that comes before it is awaited.
            Entry::Occupied(taken) => Err(Arc::clone(taken.get()).notified_owned()),
        }
    }

    /// Waits for the turn of this id and takes it.
    pub(super) async fn wait(self: &Arc<Self>, id: u128) -> Turn {
        loop {
            match self.take(id) {
                Ok(turn) => return turn,
                Err(end) => end.await,
            }
        }
    }

    fn turns(&self) -> std::sync::MutexGuard<'_, HashMap<u128, Arc<Notify>>> {
        // Nothing panics while it holds this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn of a request id. It ends when this is dropped.
pub(super) struct Turn {
    running: Arc<Running>,
    id: u128,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(end) = self.running.turns().remove(&self.id) {
            end.notify_waiters();
        }
    }
}
