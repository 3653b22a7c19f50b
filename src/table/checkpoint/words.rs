//! Writes the moves between search sets into the stored sets.
//!
//! The sets of a group in a chunk are read, changed and written as a whole. A batch is published under the
//! view lock, because it may move sets from one part to another. Moves are sorted chunk by chunk, so that the
//! sorted ones take little memory.

use std::collections::BTreeSet;

use crate::engine::{Batch, Key};
use crate::stored::search;
use crate::table::TableError;
use crate::table::checkpoint::work::{Work, rest};
use crate::table::index::scan::for_each;
use crate::table::index::search::{ChunkMoves, apply};

/// Bytes of sets in one batch.
const BYTES_AT_ONCE: usize = 256 * 1024;

impl Work<'_> {
    pub(super) async fn write_search(&mut self) -> Result<(), TableError> {
        let base = self.open.number;
        let mut batch = Batch::default();
        let words = std::mem::take(&mut self.words);
        let chunks: BTreeSet<u64> = words.iter().flat_map(|moves| moves.chunks()).collect();
        for chunk in chunks {
            for (group, steps) in ChunkMoves::of(chunk, &words).await.groups() {
                let mut entries = Vec::new();
                let mut old: BTreeSet<Key> = BTreeSet::new();
                for_each(&self.open.parts.engine, search::parts_of(base, group, chunk), |key, value| {
                    search::decode(&value, |place, rows| rows.entries(place, &mut entries))?;
                    old.insert(key);
                    Ok(())
                })
                .await?;
                apply(steps, &mut entries);
                for (first, part) in search::encode(&entries) {
                    let key = search::part(base, group, chunk, first);
                    old.remove(&key);
                    batch.put(key, part);
                }
                old.into_iter().for_each(|key| batch.delete(key));
                if batch.bytes() >= BYTES_AT_ONCE {
                    self.publish(std::mem::take(&mut batch)).await?;
                }
            }
        }
        if batch.bytes() == 0 { Ok(()) } else { self.publish(batch).await }
    }

    async fn publish(&mut self, batch: Batch) -> Result<(), TableError> {
        let durable = self.append(batch).await?;
        let published = self.open.published.write().await;
        durable.publish();
        drop(published);
        rest(&mut self.pace, self.open).await;
        Ok(())
    }
}
