//! Room for batches that are in flight: appended, but not yet shown.
//!
//! - The batches of one base in flight have at most [`IN_FLIGHT_BYTES`], those of all bases at most
//!   [`IN_FLIGHT_BYTES_OF_ALL`].
//! - Small batches of all bases have separate room ([`SMALL_BYTES_OF_ALL`]), so bases that write much do not
//!   delay the single writes of others.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::engine::SMALL_BATCH_BYTES;

/// The most bytes of one base in flight: dozens of the batches into which bulk calls are cut, or one batch
/// that is larger than that.
const IN_FLIGHT_BYTES: usize = 16 * 1024 * 1024;

/// The most bytes of all bases together in flight, in batches that are not small.
const IN_FLIGHT_BYTES_OF_ALL: usize = 2 * IN_FLIGHT_BYTES;

/// The most bytes of all bases together in flight, in small batches.
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

/// The room for the batches of one base in flight.
#[derive(Debug)]
pub struct Room {
    own: Arc<Semaphore>,
    all: RoomOfAll,
}

/// The room that a batch has until it has landed: that of its base, and that of all bases.
pub type Taken = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Room {
    /// Room for [`IN_FLIGHT_BYTES`] of one base, as a part of the room of all bases.
    pub fn new(all: &RoomOfAll) -> Self {
        Self { own: Arc::new(Semaphore::new(IN_FLIGHT_BYTES)), all: all.clone() }
    }

    /// Waits until there is room for `bytes`. A batch larger than the room of a base takes all of that room.
    /// Batches get room in the order in which they began to wait.
    pub async fn take(&self, bytes: usize) -> Option<Taken> {
        let permits = u32::try_from(bytes.min(IN_FLIGHT_BYTES)).unwrap_or(u32::MAX);
        // The semaphores are never closed, so this never returns `None`.
        let own = Arc::clone(&self.own).acquire_many_owned(permits).await.ok()?;
        let all = if bytes <= SMALL_BATCH_BYTES { &self.all.small } else { &self.all.large };
        let all = Arc::clone(all).acquire_many_owned(permits).await.ok()?;
        Some((own, all))
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
        assert!(largest.as_mut().now_or_never().is_none(), "it must wait for all the others");
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
        assert!(fifth.as_mut().now_or_never().is_none(), "there is no room left for any base");
        let small = Room::new(&all).take(SMALL_BATCH_BYTES).await;
        assert!(small.is_some(), "small batches have separate room");
        taken.pop();
        assert!(fifth.await.is_some());
    }
}
