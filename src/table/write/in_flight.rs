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

use crate::compute;
use crate::engine::{Append, Batch, EngineError};
use crate::stored::header::Header;
use crate::table::index::layer::Layer;
use crate::table::open::OpenBase;
use crate::table::shared::naming::Changing;
use crate::table::shared::room::{Room, Taken};

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
        shared: &OpenBase,
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
    pub async fn land(self, shared: &OpenBase) -> Result<(), EngineError> {
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
