//! The confirmer: the thread that makes sled durable and moves the confirmed position.
//!
//! It is a thread of its own because a sync of sled can take seconds, and the applier must not wait for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use super::shared::Shared;
use crate::engine::EngineError;
use crate::engine::sled::working::copy::Sled;
use crate::engine::sled::working::{bounded, confirmed};

/// Confirms each position that the applier sends, and ends when the applier has ended.
pub(super) fn run(shared: &Shared, positions: &Receiver<u64>) {
    while let Ok(mut number) = positions.recv() {
        while let Ok(later) = positions.try_recv() {
            number = later;
        }
        if let Err(error) = shared.confirm(number) {
            tracing::error!(%error, "the working copy could not be made durable; the confirmed position stays");
        }
    }
}

impl Shared {
    /// Makes everything applied durable and moves the confirmed position to batch `number`, which must have
    /// been applied.
    ///
    /// Once a sync has failed or did not end, nobody knows what sled's files lack: the position stays, and
    /// sled is rebuilt when it is next opened. Reads continue meanwhile, from memory and the page cache.
    pub(crate) fn confirm(&self, number: u64) -> Result<(), EngineError> {
        let Some(synced) = self.sync_sled()? else { return Ok(()) };
        let place = self.read_sled();
        if !place.as_ref().is_some_and(|now| Arc::ptr_eq(now, &synced)) {
            // sled was replaced meanwhile, and the new one was not synced.
            return Ok(());
        }
        confirmed::write(&self.config.log_dir(), self.timeline, number)
    }

    /// Makes everything applied durable and returns the sled that was synced; `None` if no sled is open or an
    /// earlier sync failed.
    pub(super) fn sync_sled(&self) -> Result<Option<Arc<Sled>>, EngineError> {
        let log_dir = self.config.log_dir();
        if self.sync_failed.load(Ordering::Acquire) {
            // Noting the damage may have failed together with the sync, if descriptors or space ran out.
            if !confirmed::is_distrusted(&log_dir) {
                confirmed::distrust(&log_dir)?;
            }
            return Ok(None);
        }
        let Some(sled) = self.sled() else { return Ok(None) };
        if let Err(error) = bounded::sync(Arc::clone(&sled), &self.config) {
            self.sync_failed.store(true, Ordering::Release);
            confirmed::distrust(&log_dir)?;
            return Err(error);
        }
        Ok(Some(sled))
    }
}
