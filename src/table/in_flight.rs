//! Batches in flight: appended, and not shown yet.
//!
//! - What was appended is waited for, and shown once it is durable, whatever became of the batches before it:
//!   [`InFlight::land`] is the only way out. The engine keeps everything behind a batch that is not shown from sled, also
//!   what other bases write.
//! - A batch that changes the base checks the header that it was planned on, so it lands only if everything lands that
//!   it was planned on. One that only keeps an answer changes nothing that others are planned on: its failure is its own.
//! - All batches of a base in flight together have at most [`IN_FLIGHT_BYTES`].

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::base::Shared;
use super::layer::Layer;
use crate::engine::{Append, Batch, EngineError, MAX_BATCH_BYTES};

/// Most bytes of a base that are appended and not shown: one batch of the largest size, or many small ones.
pub const IN_FLIGHT_BYTES: usize = MAX_BATCH_BYTES;

/// The room for the batches of a base in flight.
#[derive(Debug)]
pub struct Room(Arc<Semaphore>);

impl Room {
    /// Room for [`IN_FLIGHT_BYTES`].
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(IN_FLIGHT_BYTES)))
    }

    /// Waits until there is room for `bytes`. What is larger than all the room takes all of it.
    async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let permits = u32::try_from(bytes.min(IN_FLIGHT_BYTES)).unwrap_or(u32::MAX);
        // Nobody closes it.
        Arc::clone(&self.0).acquire_many_owned(permits).await.ok()
    }
}

/// A batch that was appended.
#[must_use = "what was appended is to be waited for and shown"]
pub struct InFlight {
    append: Append,
    layer: Arc<Layer>,
    /// Whether it changes the base; otherwise it only keeps answers.
    is_change: bool,
    _room: Option<OwnedSemaphorePermit>,
}

impl InFlight {
    /// Appends a batch, once there is room for it.
    pub async fn append(
        shared: &Shared,
        room: &Room,
        batch: Batch,
        layer: Arc<Layer>,
        is_change: bool,
    ) -> Self {
        let room = room.take(batch.bytes()).await;
        Self { append: shared.engine.append(batch), layer, is_change, _room: room }
    }

    /// Whether others may have been planned on it.
    pub fn is_change(&self) -> bool {
        self.is_change
    }

    /// Waits until the batch is durable, and shows it in the engine and in memory in one step.
    pub async fn land(self, shared: &Shared) -> Result<(), EngineError> {
        let durable = self.append.await?;
        shared.requests.count_kept(self.layer.kept_bytes);
        if !self.is_change {
            durable.publish();
            return Ok(());
        }
        let layer = &self.layer;
        let mut published = shared.published.write().await;
        durable.publish();
        let next_row = published.header.next_row;
        shared.records.forget(shared.number, layer.blocks.keys().copied(), next_row);
        shared.sharing.follow(shared.number, &published.header, &layer.header);
        published.apply(layer);
        shared.advance(layer.header.revision);
        if published.overlay_entries() >= shared.checkpoint_entries {
            shared.checkpoint_due.notify_one();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn there_is_room_for_one_batch_of_the_largest_size_or_for_many_small_ones() {
        let room = Room::new();
        let half = room.take(IN_FLIGHT_BYTES / 2).await;
        let other_half = room.take(IN_FLIGHT_BYTES / 2).await;
        assert!(room.take(1).now_or_never().is_none(), "there is no room left");
        drop(half);
        let small = room.take(1).await;
        let mut largest = Box::pin(room.take(usize::MAX));
        assert!(largest.as_mut().now_or_never().is_none(), "it waits for all the others");
        drop((other_half, small));
        assert!(largest.await.is_some());
    }
}
