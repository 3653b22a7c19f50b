//! Batches in flight: appended, and not shown yet.
//!
//! - What was appended is waited for, and shown once it is durable, whatever became of the batches before it:
//!   [`InFlight::land`] is the only way out. The engine keeps everything behind a batch that is not shown from sled, also
//!   what other bases write.
//! - A batch that changes the base checks the header that it was planned on, so it lands only if everything lands that
//!   it was planned on. One that only keeps an answer changes nothing that others are planned on: its failure is its own.
//! - All batches of a base in flight together have at most [`IN_FLIGHT_BYTES`], those of all bases at most
//!   [`IN_FLIGHT_BYTES_OF_ALL`]. Only what was appended has room, and it lands whatever waits, so nobody waits for ever.
//! - Small batches have room of their own among all bases ([`SMALL_BYTES_OF_ALL`]): bases that write much do not hold back
//!   the single writes of others.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::base::Shared;
use super::layer::Layer;
use super::naming::Changing;
use crate::compute;
use crate::engine::{Append, Batch, EngineError, SMALL_BATCH_BYTES};
use crate::stored::header::Header;

/// Most bytes of a base that are appended and not shown: dozens of the batches that bulk calls are cut into, or one batch that is
/// larger.
const IN_FLIGHT_BYTES: usize = 16 * 1024 * 1024;

/// Most bytes of all bases together that are appended and not shown, in batches that are not small.
const IN_FLIGHT_BYTES_OF_ALL: usize = 2 * IN_FLIGHT_BYTES;

/// Most bytes of all bases together in small batches.
const SMALL_BYTES_OF_ALL: usize = 128 * SMALL_BATCH_BYTES;

/// The room for the batches of all bases in flight.
#[derive(Debug, Clone)]
pub struct RoomOfAll {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl RoomOfAll {
    /// Room for [`SMALL_BYTES_OF_ALL`] and [`IN_FLIGHT_BYTES_OF_ALL`].
    pub fn new() -> Self {
        Self {
            small: Arc::new(Semaphore::new(SMALL_BYTES_OF_ALL)),
            large: Arc::new(Semaphore::new(IN_FLIGHT_BYTES_OF_ALL)),
        }
    }
}

/// The room for the batches of a base in flight.
#[derive(Debug)]
pub struct Room {
    own: Arc<Semaphore>,
    all: RoomOfAll,
}

/// Room that a batch has until it has landed: of its base, and of all.
type Taken = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Room {
    /// Room for [`IN_FLIGHT_BYTES`], out of that of all.
    pub fn new(all: &RoomOfAll) -> Self {
        Self { own: Arc::new(Semaphore::new(IN_FLIGHT_BYTES)), all: all.clone() }
    }

    /// Waits until there is room for `bytes`. What is larger than all the room of a base takes all of it. Whoever waits for
    /// a share of what all have is not passed by others.
    async fn take(&self, bytes: usize) -> Option<Taken> {
        let permits = u32::try_from(bytes.min(IN_FLIGHT_BYTES)).unwrap_or(u32::MAX);
        // Nobody closes them.
        let own = Arc::clone(&self.own).acquire_many_owned(permits).await.ok()?;
        let all = if bytes <= SMALL_BATCH_BYTES { &self.all.small } else { &self.all.large };
        let all = Arc::clone(all).acquire_many_owned(permits).await.ok()?;
        Some((own, all))
    }
}

/// A batch that was appended.
#[must_use = "what was appended is to be waited for and shown"]
pub struct InFlight {
    append: Append,
    layer: Arc<Layer>,
    /// Whether it changes the base; otherwise it only keeps answers.
    is_change: bool,
    _changing: Option<Changing>,
    _room: Option<Taken>,
}

impl InFlight {
    /// Appends a batch that leads from the header `before` to that of `layer`, once there is room for it.
    pub async fn append(
        shared: &Shared,
        room: &Room,
        batch: Batch,
        before: &Header,
        layer: Arc<Layer>,
    ) -> Self {
        let is_change = layer.header.revision > before.revision;
        let changing = shared.naming.change(before, &layer.header).await;
        let room = room.take(batch.bytes()).await;
        Self { append: shared.engine.append(batch), layer, is_change, _changing: changing, _room: room }
    }

    /// Whether others may have been planned on it.
    pub fn is_change(&self) -> bool {
        self.is_change
    }

    /// Waits until the batch is durable, and shows it in the engine and in memory in one step.
    pub async fn land(self, shared: &Shared) -> Result<(), EngineError> {
        let durable = self.append.await?;
        shared.idempotency.count_kept(self.layer.kept_bytes);
        if !self.is_change {
            durable.publish();
            return Ok(());
        }
        let layer = &self.layer;
        let mut published = shared.published.write().await;
        let show = || {
            durable.publish();
            let next_row = published.header.next_row;
            shared.member_cache.forget(shared.number, layer.blocks.keys().copied(), next_row);
            shared.sharing.follow(shared.number, &published.header, &layer.header);
            published.apply(layer);
            shared.note_overlay_entries(&published);
        };
        // Nobody waits for a turn while he has the view lock, for which readers of the base would wait along.
        if layer.is_long() {
            compute::in_place(show);
        } else {
            show();
        }
        shared.advance(layer.header.revision);
        if shared.overlay_entries() >= shared.checkpoint_entries {
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
    async fn there_is_room_for_one_batch_of_the_largest_size_or_for_many_others() {
        let room = Room::new(&RoomOfAll::new());
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

    #[tokio::test]
    async fn many_bases_together_have_the_room_of_two() {
        let all = RoomOfAll::new();
        let rooms = [(); 5].map(|()| Room::new(&all));
        let mut taken = Vec::new();
        for room in rooms.iter().take(4) {
            taken.push(room.take(IN_FLIGHT_BYTES / 2).await);
        }
        let mut fifth = Box::pin(rooms[4].take(SMALL_BATCH_BYTES + 1));
        assert!(fifth.as_mut().now_or_never().is_none(), "there is no room left for anybody");
        let small = Room::new(&all).take(SMALL_BATCH_BYTES).await;
        assert!(small.is_some(), "but for small batches");
        taken.pop();
        assert!(fifth.await.is_some());
    }
}
