//! Batches in flight: appended to the engine, and not published yet.
//!
//! - Every appended batch is awaited, and published once it is durable, even if an earlier batch failed:
//!   [`InFlight::land`] is the only way to finish it. Until a batch is published, the engine passes nothing
//!   that was appended after it on to sled, including writes of other bases.
//! - A batch that changes the base checks the header that it was planned on, so it succeeds only if
//!   everything that it was planned on succeeds. A batch that only stores results of requests changes nothing
//!   that others are planned on, so its failure affects no other batch.
//! - The batches in flight of one base, and those of all bases together, have limited bytes
//!   ([`Room`]). Only appended batches take room, and they finish whatever else waits, so no
//!   batch waits for ever.

use std::sync::Arc;
use std::time::Instant;

use crate::compute;
use crate::engine::{Append, Batch, EngineError};
use crate::stored::header::Header;
use crate::table::index::layer::Layer;
use crate::table::open::OpenBase;
use crate::table::shared::naming::Changing;
use crate::table::shared::room::{Room, Taken};

/// A batch that was appended.
#[must_use = "an appended batch must be awaited and published"]
pub struct InFlight {
    append: Append,
    layer: Arc<Layer>,
    /// Whether it changes the base; otherwise it only stores results of requests.
    is_change: bool,
    appended: Instant,
    _changing: Option<Changing>,
    _room: Option<Taken>,
}

impl InFlight {
    /// Appends a batch that leads from the header `before` to that of `layer`, once there is room for it.
    pub async fn append(
        open: &OpenBase,
        room: &Room,
        batch: Batch,
        before: &Header,
        layer: Arc<Layer>,
    ) -> Self {
        let is_change = layer.header.revision > before.revision;
        let changing = open.parts.naming.change(before, &layer.header).await;
        let bytes = batch.bytes();
        open.parts.metrics.batch_bytes.add(u64::try_from(bytes).unwrap_or(u64::MAX));
        let room = room.take(bytes).await;
        let appended = Instant::now();
        let append = open.parts.engine.append(batch);
        Self { append, layer, is_change, appended, _changing: changing, _room: room }
    }

    /// Whether others may have been planned on it.
    pub fn is_change(&self) -> bool {
        self.is_change
    }

    /// Waits until the batch is durable, and publishes it in the engine and in memory in one step.
    pub async fn land(self, open: &OpenBase) -> Result<(), EngineError> {
        let durable = self.append.await?;
        open.parts.metrics.batch_times.add_time(self.appended.elapsed());
        open.parts.idempotency.count_stored(self.layer.result_bytes);
        if !self.is_change {
            durable.publish();
            return Ok(());
        }
        let layer = &self.layer;
        let mut published = open.published.write().await;
        let show = || {
            durable.publish();
            let next_row = published.header.next_row;
            open.parts.member_cache.forget(open.number, layer.blocks.keys().copied(), next_row);
            open.parts.latest.note(layer.header.committed_at);
            open.parts.sharing.follow(open.number, &published.header, &layer.header);
            published.apply(layer);
            open.note_overlay_entries(&published);
        };
        // A long batch is applied in place, without waiting for a turn to compute: readers of the base would
        // wait too, because this task holds the view lock.
        if layer.is_long() {
            compute::in_place(show);
        } else {
            show();
        }
        open.advance(layer.header.revision);
        if open.overlay_entries() >= open.parts.checkpoint_entries {
            open.checkpoint_due.notify_one();
        }
        Ok(())
    }
}
